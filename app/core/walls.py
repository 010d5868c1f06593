"""PostgreSQL's own wall behind the filter of `core.scope`: row-level security.

A transaction sees the rows of the clinics that it named, and none before it named any. Owners
and superusers pass by it, so the role that serves owns nothing; migrations have another one.
"""

from sqlalchemy import Connection

from app.core.scope import OPEN_TO

POLICY = "own_clinics"
_CLINICS = f"(SELECT string_to_array(current_setting('{OPEN_TO}', true), ','))::uuid[]"
_TABLES = """
SELECT relation.relname, relation.relrowsecurity
FROM pg_class AS relation
JOIN pg_attribute AS part ON part.attrelid = relation.oid AND part.attname = 'clinic_id'
WHERE relation.relkind IN ('r', 'p') AND relation.relnamespace = current_schema()::regnamespace
ORDER BY 1
"""
_CLINIC_IDS = """
CREATE OR REPLACE FUNCTION clinic_ids() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = {schema}
AS 'SELECT clinic_id FROM clinics ORDER BY 1'
"""
"""Which clinics there are: what a process asks that has none yet."""
_UNSAFE = """
SELECT rolsuper OR rolbypassrls,
       EXISTS (SELECT FROM pg_class WHERE relowner = pg_roles.oid
               AND relnamespace = current_schema()::regnamespace)
FROM pg_roles WHERE rolname = current_user
"""
GRANTS = {"access_log": "SELECT, INSERT", "journal": "SELECT, INSERT, UPDATE"}
"""Tables that are added to only; of the journal, content alone is ever taken out."""


class UnsafeRole(RuntimeError):
    """The database would let the serving role pass by its wall."""


def put_up(connection: Connection, role: str | None) -> None:
    """Hold every table that has a clinic to the transaction's clinics, and let a role serve.

    Done after every upgrade, so that no new table is left without. SQLite has no roles.
    """
    if connection.dialect.name != "postgresql":
        return
    quote = connection.dialect.identifier_preparer.quote
    schema = quote(connection.exec_driver_sql("SELECT current_schema()").scalar_one())
    tables = connection.exec_driver_sql(_TABLES).all()
    for table, secured in tables:
        if not secured:
            name = quote(table)
            connection.exec_driver_sql(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
            connection.exec_driver_sql(
                f"CREATE POLICY {POLICY} ON {name} USING (clinic_id = ANY ({_CLINICS}))"
            )
    connection.exec_driver_sql(_CLINIC_IDS.format(schema=schema))
    if role is not None:
        to = quote(role)
        connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {schema} TO {to}")
        connection.exec_driver_sql(f"GRANT SELECT ON alembic_version TO {to}")
        for table, _ in tables:
            allowed = GRANTS.get(table, "SELECT, INSERT, UPDATE, DELETE")
            connection.exec_driver_sql(f"GRANT {allowed} ON {quote(table)} TO {to}")


def require_safe_role(connection: Connection) -> None:
    """Refuse to serve as a role that the wall does not hold.

    Raises:
        UnsafeRole: a superuser, one that bypasses row-level security, or an owner of tables.
    """
    if connection.dialect.name != "postgresql":
        return
    passes_by, owns = connection.exec_driver_sql(_UNSAFE).one()
    if passes_by or owns:
        raise UnsafeRole(
            "the database role of TITRATE_DATABASE_URL passes by row-level security "
            f"({'superuser or BYPASSRLS' if passes_by else 'owner of the tables'}): migrate as the "
            "owner with TITRATE_APP_ROLE set, and serve as that role"
        )

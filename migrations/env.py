"""Runs the migrations: batch mode on SQLite, a lock timeout on PostgreSQL."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection

from app.core.db import open_engine
from app.core.types import Document, Exact, Id, UtcDateTime
from app.settings import Settings
from app.tables import metadata

OWN = {
    Id: 'sa.Uuid().with_variant(sa.String(36), "sqlite")',
    UtcDateTime: 'sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")',
    Exact: 'sa.Numeric(10, 4).with_variant(sa.Integer(), "sqlite")',
    Document: "sa.Text()",
}


def render_item(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Write our own column types as plain ones, so that no migration imports from the app."""
    if kind == "type":
        for own, plain in OWN.items():
            if isinstance(item, own):
                return plain
    return False


def run(connection: Connection) -> None:
    """Run what is asked for in one transaction."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET lock_timeout = '2s'")
        connection.exec_driver_sql("SET statement_timeout = 0")
        connection.commit()
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        render_item=render_item,
        transaction_per_migration=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    engine = open_engine(
        context.config.get_main_option("sqlalchemy.url") or Settings().database_url
    )
    with engine.connect() as connection:
        run(connection)
    engine.dispose()

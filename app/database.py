"""Brings a database to a schema version, and makes the clinic that a new one starts with."""

from alembic import command
from sqlalchemy.orm import Session

from app.core import walls
from app.core.clock import Clock
from app.core.db import open_engine
from app.core.health import migration_config
from app.identity import service as identity


def upgrade(url: str, clock: Clock, revision: str = "head", app_role: str | None = None) -> None:
    """Migrate up, put up the second wall, then make the clinic `default` where there is none.

    app_role: the PostgreSQL role that serves, and may do what serving needs.
    """
    command.upgrade(migration_config(url), revision)
    engine = open_engine(url).execution_options(titrate_writes=True)
    with engine.begin() as connection, Session(connection) as session:
        walls.put_up(connection, app_role)
        identity.found_clinic(session, identity.DEFAULT_CLINIC, "default", clock())
    engine.dispose()


def downgrade(url: str, revision: str) -> None:
    """Migrate down; data of the tables that go is lost."""
    command.downgrade(migration_config(url), revision)

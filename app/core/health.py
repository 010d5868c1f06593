"""Is the process alive, and can it store: `/livez` and `/readyz`, without versions or content."""

from datetime import timedelta
from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from fastapi import APIRouter, Request, Response
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app.core import clock

ROOT = Path(__file__).resolve().parents[2]
CLOCKS_APART = timedelta(seconds=30)
"""How far the database's clock and ours may differ, at most."""

router = APIRouter(tags=["health"])


def migration_config(url: str) -> Config:
    """Give Alembic's configuration for one database."""
    config = Config(ROOT / "alembic.ini")
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def schema_is_current(engine: Engine) -> bool:
    """Say whether the database stands at the newest migration."""
    newest = ScriptDirectory.from_config(migration_config("")).get_current_head()
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == newest


def can_store(engine: Engine) -> bool:
    """Say whether the database would take a record now, and agrees with us on what time it is."""
    with engine.execution_options(titrate_writes=True).connect() as connection, connection.begin():
        if connection.dialect.name == "sqlite":
            return True  # it has just given us its one lock to write
        read_only, moment = connection.exec_driver_sql(
            "SELECT current_setting('transaction_read_only'), now()"
        ).one()
        return bool(read_only == "off" and abs(moment - clock.now()) <= CLOCKS_APART)


@router.get("/livez", include_in_schema=False)
async def livez() -> Response:
    """Say that the process answers; the database is not asked."""
    return Response(status_code=204)


@router.get("/readyz", include_in_schema=False)
def readyz(request: Request) -> Response:
    """Say whether a record could be stored now: schema current, writable, room on the disk."""
    engine = request.app.state.engine
    try:
        ready = schema_is_current(engine) and can_store(engine)
    except SQLAlchemyError:
        ready = False
    return Response(status_code=204 if ready and request.app.state.reserve.is_left() else 503)

"""Is the process alive, and can it store: `/livez` and `/readyz`, without versions or content."""

import shutil
from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from fastapi import APIRouter, Request, Response
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

ROOT = Path(__file__).resolve().parents[2]
LEAST_FREE = 100 * 1024 * 1024

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


@router.get("/livez", include_in_schema=False)
async def livez() -> Response:
    """Say that the process answers; the database is not asked."""
    return Response(status_code=204)


@router.get("/readyz", include_in_schema=False)
def readyz(request: Request) -> Response:
    """Say whether a record could be stored now: schema current, room on the disk."""
    try:
        ready = schema_is_current(request.app.state.engine)
    except SQLAlchemyError:
        ready = False
    free = shutil.disk_usage(request.app.state.settings.data_dir).free
    return Response(status_code=204 if ready and free >= LEAST_FREE else 503)

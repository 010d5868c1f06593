"""Settings from the environment (TITRATE_*); a wrong or unsafe one stops the start."""

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def data_folder() -> Path:
    """Give the user's data folder, by the XDG convention."""
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "titrate"


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="TITRATE_", extra="forbid")

    mode: Literal["demo", "production"] = "demo"
    data_dir: Path = Field(default_factory=data_folder)
    database_url: str = ""
    secret_key_file: Path | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    docs: bool = True
    app_role: str | None = None
    """PostgreSQL: the role that serves; `db upgrade`, run as another, lets it do what it needs."""
    oidc_issuer: str | None = None
    """An outside OpenID issuer beside our own; its keys come from its own JWKS."""
    oidc_audience: str = "titrate"
    """What its access tokens must name as `aud`."""
    rate_limits: Literal["on", "off"] = "on"
    disk_reserve_mib: int = Field(default=100, ge=0)
    """Room on the disk in which nothing new is stored, so that what is there can be read."""
    cors_origins: list[str] = []
    """Browser origins that may call, each in full: https://clinic.example."""

    @model_validator(mode="after")
    def _complete(self) -> "Settings":
        if not self.database_url:
            self.database_url = f"sqlite:///{self.data_dir / 'titrate.sqlite3'}"
        if not self.database_url.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError(
                "set TITRATE_DATABASE_URL to sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME"
            )
        if self.mode == "production":
            if self.database_url.startswith("sqlite"):
                raise ValueError(
                    "production wants PostgreSQL: set TITRATE_DATABASE_URL=postgresql+psycopg://…"
                )
            if self.secret_key_file is None:
                raise ValueError("production wants a key: set TITRATE_SECRET_KEY_FILE")
        if self.oidc_issuer is not None and not self.oidc_issuer.startswith("https://"):
            raise ValueError("an issuer is an address: set TITRATE_OIDC_ISSUER=https://…")
        if any(
            not one.startswith(("https://", "http://")) or "*" in one for one in self.cors_origins
        ):
            raise ValueError('set TITRATE_CORS_ORIGINS=["https://clinic.example"], never "*"')
        known = {f"TITRATE_{name.upper()}" for name in type(self).model_fields}
        unknown = sorted(
            name for name in os.environ if name.startswith("TITRATE_") and name not in known
        )
        if unknown:
            raise ValueError(
                f"unknown setting {', '.join(unknown)}; known: {', '.join(sorted(known))}"
            )
        return self

    @property
    def key_file(self) -> Path:
        """The file of the signing key; made on the first start of the embedded default."""
        return self.secret_key_file or self.data_dir / "key.json"

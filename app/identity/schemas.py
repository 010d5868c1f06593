"""Users, credentials and tokens on the wire."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from app.core.wire import Line, Wire


class UserIn(Wire):
    """A user of the clinic. `scope`: a system's; it proves itself by a secret or by `jwks`."""

    id: UUID
    name: Line
    role: Literal["prescriber", "care_team", "system", "administrator", "privacy_officer"]
    subject: Line | None = None
    """By which the outside issuer knows the user."""
    scope: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    jwks: dict[str, Any] | None = None


class UserPatch(Wire):
    name: Line | None = None
    active: bool | None = None


class UserOut(Wire):
    """`client_secret` is shown once."""

    model_config = ConfigDict(extra="allow")

    id: str
    name: str
    role: str
    active: bool
    client_id: str | None = None
    client_secret: str | None = None
    scope: str | None = None


class UserPage(Wire):
    items: list[UserOut]
    next: str | None


class TokenOut(Wire):
    """An access token (RFC 6749, section 5.1); a patient's app gets a refresh token too."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    scope: str
    refresh_token: str | None = None
    patient: str | None = None

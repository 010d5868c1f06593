"""The token endpoint: which proof gets which access token."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from app.core.actor import Actor, Role
from app.core.db import Work
from app.identity import devices, scopes, users
from app.identity import service as identity
from app.identity.devices import Joined, Refresh
from app.identity.errors import InvalidGrant

CLIENT_CREDENTIALS = "client_credentials"
REFRESH = "refresh_token"
ENROLMENT = "urn:titrate:grant:enrolment-code"
GRANTS = (CLIENT_CREDENTIALS, REFRESH, ENROLMENT)
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
DEVICE_NAME = "a phone"


@dataclass(frozen=True, slots=True)
class Grant:
    """What an access token may be made of."""

    clinic_id: UUID
    user_id: UUID
    role: Role
    client: str
    scope: str
    patient_id: UUID | None = None
    device_id: UUID | None = None
    refresh_token: str | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """What a system brought: its secret, or a statement that it signed."""

    secret: str | None
    assertion: str | None


def system_actor(clinic_id: UUID, user_id: UUID) -> Actor:
    """Give the system that asks for its first token as the caller."""
    return Actor(clinic_id, user_id, "system", "oauth", "-")


def door_keeper(clinic_id: UUID) -> Actor:
    """Give the caller where nobody is known yet who asks: the clinic's own machine."""
    return identity.built_in_actor(clinic_id, "system")


def for_system(work: Work, proof: Proof, asked: str, audiences: tuple[str, ...]) -> Grant:
    """Give a system its token's content.

    Raises:
        InvalidClient, InvalidScope: see `users`.
    """
    if proof.assertion is not None:
        users.prove_by_assertion(work, proof.assertion, audiences)
    else:
        users.prove_by_secret(work, proof.secret or "")
    actor = work.actor
    client = str(actor.user_id)
    return Grant(actor.clinic_id, actor.user_id, "system", client, users.granted(work, asked))


def for_code(work: Work, code: str, device_name: str, secret: bytes) -> Grant:
    """Join a device, and give its first tokens' content.

    Raises:
        InvalidGrant: see `devices.join`.
    """
    return _of(work, devices.join(work, code, device_name or DEVICE_NAME, secret))


def for_refresh(work: Work, sent: Refresh, secret: bytes) -> Grant | None:
    """Give the next tokens' content; None where the device had to be shut out.

    Raises:
        InvalidGrant: see `devices.refresh`.
    """
    joined = devices.refresh(work, sent, secret)
    return None if joined is None else _of(work, joined)


def _of(work: Work, joined: Joined) -> Grant:
    return Grant(
        work.actor.clinic_id,
        joined.user_id,
        joined.role,
        joined.name,
        scopes.DEFAULT[joined.role],
        joined.patient_id,
        joined.device_id,
        joined.refresh_token,
    )


def take_back(work: Work, token_id: str) -> None:
    """Take an access token back, with all of its device where it has one (RFC 7009)."""
    if not devices.shut_out(work, UUID(token_id)):
        identity.revoke(work, token_id)


def one(form: Mapping[str, str], name: str) -> str:
    """Give a parameter that must be there.

    Raises:
        InvalidGrant: it is not, or says nothing.
    """
    value = form.get(name, "")
    if not value:
        raise InvalidGrant()
    return value

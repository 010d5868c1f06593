"""The clinic's users, as its administrator keeps them; a system gets what it proves itself by."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import Any
from uuid import UUID, uuid5

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, KeySetSerialization
from sqlalchemy import select

from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import AlreadyExists, Invalid, NotFound
from app.identity import scopes
from app.identity import service as identity
from app.identity.errors import InvalidClient, InvalidScope
from app.identity.models import Credential, RevokedToken, User
from app.identity.schemas import UserIn, UserPatch
from app.identity.tokens import LEEWAY_S

ASSERTION_GOOD_FOR = timedelta(minutes=5)
ASYMMETRIC = ["ES256", "RS256", "Ed25519"]
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "k"})


def client_id(clinic_id: UUID, user_id: UUID) -> str:
    """Name a system to the token endpoint: its clinic first, since nothing is asked without."""
    return f"{clinic_id}.{user_id}"


def read_client_id(text: str) -> tuple[UUID, UUID]:
    """Give the clinic and the user that a client id names.

    Raises:
        InvalidClient: it is none.
    """
    clinic, dot, user = text.partition(".")
    try:
        if dot:
            return UUID(clinic), UUID(user)
    except ValueError:
        pass
    raise InvalidClient()


def subject_user(clinic_id: UUID, issuer: str, subject: str) -> UUID:
    """Give the id of the user whom an outside issuer names so."""
    return uuid5(clinic_id, f"{issuer}|{subject}")


def add(work: Work, data: UserIn, issuer: str | None) -> Answer:
    """Add a user of the clinic; a system's secret is in this answer and nowhere else.

    issuer: the outside issuer by whose `subject` the user is known.

    Raises:
        Invalid: a system without scope, or another with one; keys that are not public.
        AlreadyExists: the subject is a user already.
    """
    clinic_id = work.actor.clinic_id
    user_id = data.id
    if data.subject is not None:
        if issuer is None:
            raise Invalid("set TITRATE_OIDC_ISSUER first", pointer="/subject")
        user_id = subject_user(clinic_id, issuer, data.subject)
    if work.first(select(User.id).where(User.id == user_id)) is not None:
        raise AlreadyExists("the id or subject is a user", pointer="/id")
    is_system = data.role == "system"
    if is_system != (data.scope is not None):
        raise Invalid("with the role system, and only then", pointer="/scope")
    told: dict[str, Any] = {"id": user_id, "name": data.name, "role": data.role, "active": True}
    work.add(User, id=user_id, name=data.name, role=data.role, active=True, patient_id=None)
    if data.scope is not None:
        _check_scope(data.scope)
        _check_keys(data.jwks)
        secret = None if data.jwks else secrets.token_urlsafe(32)
        work.add(
            Credential,
            user_id=user_id,
            scope=data.scope,
            secret_hash=secret and _hash(secret),
            keys=data.jwks,
        )
        told |= {"client_id": client_id(clinic_id, user_id), "scope": data.scope}
        told |= {"client_secret": secret} if secret else {}
    return Answer(orjson.dumps(told), record_id=user_id, created=True)


def _check_scope(text: str) -> None:
    try:
        granted = scopes.parse(text)
    except ValueError:
        raise Invalid("SMART v2 scopes: system/Observation.rs", pointer="/scope") from None
    if any(one.context != "system" for one in granted):
        raise Invalid("system/… alone", pointer="/scope")


def _check_keys(jwks: Mapping[str, Any] | None) -> None:
    if jwks is None:
        return
    keys = jwks.get("keys")
    if (
        not isinstance(keys, list)
        or not keys
        or not all(isinstance(key, dict) and not _PRIVATE & set(key) for key in keys)
    ):
        raise Invalid("a JWKS of public keys", pointer="/jwks")
    try:
        KeySet.import_key_set(KeySetSerialization(keys=keys))
    except (JoseError, KeyError, TypeError, ValueError):
        raise Invalid("a JWKS of public keys", pointer="/jwks") from None


def page(work: Work) -> Answer:
    """Give the clinic's users but its patients and their proxies, by id."""
    rows = work.all(
        select(User.id, User.name, User.role, User.active)
        .where(User.role.not_in(("patient", "proxy")))
        .order_by(User.id)
    )
    items = [
        {"id": row.id, "name": row.name, "role": row.role, "active": row.active} for row in rows
    ]
    return Answer(orjson.dumps({"items": items, "next": None}))


def change(work: Work, user_id: UUID, data: UserPatch) -> Answer:
    """Rename a user, or end the membership: every token of an inactive user is refused at once.

    Raises:
        NotFound: no such user of the clinic.
        Invalid: the administrator would lock themselves out.
    """
    row: User | None = work.first(
        select(User).where(User.id == user_id, User.role.not_in(("patient", "proxy")))
    )
    if row is None:
        raise NotFound()
    if row.id == work.actor.user_id and data.active is False:
        raise Invalid("another administrator does that", pointer="/active")
    if changes := data.model_dump(exclude_none=True):
        work.change(row, **changes)
    told = {"id": row.id, "name": row.name, "role": row.role, "active": row.active}
    return Answer(orjson.dumps(told), record_id=row.id)


# ---- a system proves who it is


def granted(work: Work, asked: str) -> str:
    """Give the scope of the system that calls, narrowed to what it asks for.

    Raises:
        InvalidClient: it has no credential.
        InvalidScope: nothing of what it asks for is granted.
    """
    credential = _credential(work)
    try:
        return scopes.narrower(asked, credential.scope)
    except ValueError:
        raise InvalidScope() from None


def prove_by_secret(work: Work, secret: str) -> None:
    """Let in a system that knows its secret.

    Raises:
        InvalidClient: it does not, or has keys instead.
    """
    known = _credential(work).secret_hash
    if known is None or not compare_digest(known, _hash(secret)):
        raise InvalidClient()


def prove_by_assertion(work: Work, assertion: str, audiences: Sequence[str]) -> None:
    """Let in a system that signed a statement of its own with its private key (RFC 7523).

    audiences: the addresses of this token endpoint. A statement lives 5 minutes at most and is
    taken once.

    Raises:
        InvalidClient: not its key, not for us, not now, or taken before.
    """
    actor = work.actor
    keys = _credential(work).keys
    if keys is None:
        raise InvalidClient()
    try:
        known = KeySet.import_key_set(KeySetSerialization(keys=keys["keys"]))
        decoded = jwt.decode(assertion, known, algorithms=ASYMMETRIC)
        claims = decoded.claims
        name, moment = client_id(actor.clinic_id, actor.user_id), work.now.timestamp()
        audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        good = (
            claims["iss"] == claims["sub"] == name
            and len(audience) == 1
            and audience[0] in audiences
            and moment < claims["exp"] + LEEWAY_S
            and claims["exp"] - moment <= ASSERTION_GOOD_FOR.total_seconds() + LEEWAY_S
            and claims.get("nbf", moment) - LEEWAY_S <= moment
            and not set(decoded.header) - {"alg", "typ", "kid"}
        )
        used = _hash(f"{name}|{claims['jti']}")
    except (JoseError, KeyError, TypeError, ValueError, AttributeError):
        raise InvalidClient() from None
    taken = work.first(select(RevokedToken.token_id).where(RevokedToken.token_id == used))
    if not good or taken is not None:
        raise InvalidClient()
    identity.revoke(work, used)


def _credential(work: Work) -> Credential:
    found: Credential | None = work.first(
        select(Credential).where(Credential.user_id == work.actor.user_id)
    )
    if found is None:
        raise InvalidClient()
    return found


def _hash(secret: str) -> str:
    """Hash a secret that we made: 256 random bits want no slow hash."""
    return sha256(secret.encode()).hexdigest()

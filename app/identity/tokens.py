"""Our own issuer: short-lived signed tokens (JWT, ES256), made and verified here."""

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args
from uuid import UUID

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from app.core.actor import Actor, Role
from app.core.errors import Unauthenticated
from app.core.ids import uuid7
from app.identity import scopes

ALGORITHM = "ES256"
ISSUER = "titrate"
AUDIENCE = "titrate"
LIFETIME = timedelta(hours=1)
LEEWAY_S = 30
TYPE = "at+jwt"
OF_ONE_PATIENT = frozenset({"patient", "proxy"})
_HEADERS = {"alg", "typ", "kid"}
_ID_TOKEN = {"nonce", "at_hash", "c_hash"}
"""Claims of an ID token, which says who logged in and opens nothing."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """Signs and verifies with one key; the key never leaves its file."""

    key: ECKey

    @classmethod
    def of_file(cls, path: Path) -> "Issuer":
        """Read the private key (a JWK), or make it on the first start, readable by us alone."""
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            made = ECKey.generate_key("P-256")
            private = orjson.dumps(made.as_dict(private=True))
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(private)
        return cls(ECKey.import_key(orjson.loads(path.read_bytes())))

    @property
    def secret(self) -> bytes:
        """A secret for cursors, derived from the key."""
        return sha256(b"cursors" + orjson.dumps(self.key.as_dict(private=True))).digest()

    def issue(
        self,
        now: datetime,
        *,
        clinic_id: UUID,
        user_id: UUID,
        role: Role,
        client: str,
        patient_id: UUID | None = None,
        lifetime: timedelta = LIFETIME,
        scope: str | None = None,
        session: UUID | None = None,
    ) -> str:
        """Sign one token.

        scope: SMART v2 words; left out, all that the role may have.
        session: the device whose tokens are taken back together.
        """
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user_id),
            "iat": int(now.timestamp()),
            "exp": int((now + lifetime).timestamp()),
            "jti": str(uuid7()),
            "clinic": str(clinic_id),
            "role": role,
            "client": client,
            "scope": scope or scopes.DEFAULT[role],
        }
        if patient_id is not None:
            claims["patient"] = str(patient_id)
        if session is not None:
            claims["sid"] = str(session)
        header = {"alg": ALGORITHM, "typ": TYPE, "kid": self.key.thumbprint()}
        return jwt.encode(header, claims, self.key)

    def verify(self, token: str, now: datetime) -> tuple[Actor, float]:
        """Give the caller that a token names, and the Unix time at which it expires.

        Raises:
            Unauthenticated: not ours, changed, expired, or not an access token.
        """
        claims = self.claims(token, now)
        try:
            return actor_of(claims), float(claims["exp"])
        except (KeyError, TypeError, ValueError, AttributeError):
            raise Unauthenticated() from None

    def claims(self, token: str, now: datetime) -> dict[str, Any]:
        """Give what one of our own access tokens says.

        Raises:
            Unauthenticated: see `verify`.
        """
        try:
            decoded = jwt.decode(token, self.key, algorithms=[ALGORITHM])
            if decoded.header.get("typ") != TYPE:
                raise Unauthenticated()
            check_header(decoded.header)
            check_claims(decoded.claims, ISSUER, AUDIENCE, now)
        except (JoseError, KeyError, TypeError, ValueError, AttributeError):
            raise Unauthenticated() from None
        return decoded.claims

    def public_keys(self) -> dict[str, Any]:
        """Give the key set by which others verify our tokens: its public half alone."""
        public = self.key.as_dict(private=False)
        return {"keys": [{**public, "alg": ALGORITHM, "use": "sig", "kid": self.key.thumbprint()}]}


def check_header(header: dict[str, Any]) -> None:
    """Refuse a header that says anything but what it is and which key signed it.

    A key, or an address of one, inside the token (`jwk`, `jku`, `x5c`, `x5u`) would let whoever
    made it choose what it is verified by; `crit`, `zip` and `b64` change what is verified.

    Raises:
        ValueError: it does.
    """
    if not set(header) <= _HEADERS:
        raise ValueError("a header that no access token has")


def check_claims(claims: dict[str, Any], issuer: str, audience: str, now: datetime) -> None:
    """Hold the claims to an access token for us, good at this moment, for an hour at most.

    Raises:
        ValueError, KeyError, TypeError: they are not.
    """
    begins, ends, moment = claims["iat"], claims["exp"], now.timestamp()
    if type(begins) is not int or type(ends) is not int:
        raise ValueError("iat and exp are whole seconds")
    not_before = claims.get("nbf", begins)
    if (
        claims["iss"] != issuer
        or claims["aud"] not in (audience, [audience])
        or not isinstance(claims["sub"], str)
        or max(begins, not_before) - LEEWAY_S > moment
        or moment >= ends + LEEWAY_S
        or not 0 < ends - begins <= LIFETIME.total_seconds()
        or _ID_TOKEN & set(claims)
    ):
        raise ValueError("not an access token for us, or not now")
    scopes.parse(claims["scope"])


def actor_of(claims: dict[str, Any]) -> Actor:
    """Give the caller that verified claims name.

    Raises:
        ValueError, KeyError, TypeError: a claim is missing or of another kind.
    """
    if claims["role"] not in get_args(Role):
        raise ValueError("no such role")
    actor = Actor(
        clinic_id=UUID(claims["clinic"]),
        user_id=UUID(claims["sub"]),
        role=claims["role"],
        client=str(claims["client"])[:200],
        token_id=str(claims.get("sid", claims["jti"]))[:64],
        patient_id=UUID(claims["patient"]) if "patient" in claims else None,
        scope=claims["scope"],
    )
    if (actor.role in OF_ONE_PATIENT) != (actor.patient_id is not None):
        raise ValueError("a patient's token names the patient, and no other does")
    return actor

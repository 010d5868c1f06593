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

ALGORITHM = "ES256"
ISSUER = "titrate"
AUDIENCE = "titrate"
LIFETIME = timedelta(hours=1)
LEEWAY_S = 30
_HEADERS = {"alg", "typ", "kid"}


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
    ) -> str:
        """Sign one token."""
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
            "scope": SCOPES[role],
        }
        if patient_id is not None:
            claims["patient"] = str(patient_id)
        return jwt.encode({"alg": ALGORITHM, "typ": "at+jwt"}, claims, self.key)

    def verify(self, token: str, now: datetime) -> tuple[Actor, float]:
        """Give the caller that a token names, and the Unix time at which it expires.

        Raises:
            Unauthenticated: not ours, changed, expired, or not an access token.
        """
        try:
            decoded = jwt.decode(token, self.key, algorithms=[ALGORITHM])
            claims = decoded.claims
            if not set(decoded.header) <= _HEADERS or decoded.header.get("typ") != "at+jwt":
                raise Unauthenticated()
            moment = now.timestamp()
            if claims["iss"] != ISSUER or claims["aud"] != AUDIENCE:
                raise Unauthenticated()
            if not claims["iat"] - LEEWAY_S <= moment < claims["exp"] + LEEWAY_S:
                raise Unauthenticated()
            if claims["exp"] - claims["iat"] > LIFETIME.total_seconds():
                raise Unauthenticated()
            if claims["role"] not in get_args(Role) or claims["scope"] != SCOPES[claims["role"]]:
                raise Unauthenticated()
            actor = Actor(
                clinic_id=UUID(claims["clinic"]),
                user_id=UUID(claims["sub"]),
                role=claims["role"],
                client=str(claims["client"])[:200],
                token_id=str(claims["jti"])[:64],
                patient_id=UUID(claims["patient"]) if "patient" in claims else None,
            )
        except (JoseError, KeyError, TypeError, ValueError, AttributeError):
            raise Unauthenticated() from None
        if actor.role in {"patient", "proxy"} and actor.patient_id is None:
            raise Unauthenticated()
        return actor, float(claims["exp"])


SCOPES: dict[str, str] = {
    "prescriber": "user/*.cruds",
    "care_team": "user/*.cruds",
    "patient": "patient/*.crs",
    "proxy": "patient/*.rs",
    "system": "system/*.cruds",
    "administrator": "user/AuditEvent.rs",
    "privacy_officer": "user/AuditEvent.rs",
}
"""What a role's token says of itself in SMART v2 words; the routes decide by role."""

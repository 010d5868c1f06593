"""An outside OpenID issuer by setting: its access tokens, verified by its own published keys.

Who the caller is in our clinics is ours to say: the token names clinic and role, and the user of
that subject must be a member. Keys are asymmetric only, and come from its JWKS over TLS, never
from a token.
"""

import math
import threading
import time
from base64 import urlsafe_b64decode
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import httpx
import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet

from app.core.actor import Actor
from app.core.errors import Unauthenticated
from app.core.log import logger
from app.identity import users
from app.identity.tokens import ISSUER, TYPE, Issuer, actor_of, check_claims, check_header

ALGORITHMS = ["ES256", "RS256", "Ed25519"]
TYPES = {TYPE, "application/at+jwt", "JWT", None}
PUBLISHED = {"EC", "RSA", "OKP"}
"""Kinds of keys: a symmetric one has no place among those that anybody can read."""
FETCH_AGAIN_S = 60
GOOD_FOR_S = 3600
"""After so long the keys are asked for again: one that its issuer took back opens nothing more."""
TIMEOUT_S = 3


class Keys(Protocol):
    """Where the keys of an issuer come from."""

    def __call__(self, issuer: str) -> dict[str, Any]: ...


def published_keys(issuer: str) -> dict[str, Any]:
    """Fetch an issuer's keys by its own discovery document.

    Raises:
        httpx.HTTPError, httpx.InvalidURL, KeyError, TypeError, ValueError: it cannot be reached,
            or names another issuer.
    """
    with httpx.Client(timeout=TIMEOUT_S, follow_redirects=False) as http:
        told = http.get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        known = told.raise_for_status().json()
        if known["issuer"] != issuer or not str(known["jwks_uri"]).startswith("https://"):
            raise ValueError("the discovery document is another issuer's")
        keys: dict[str, Any] = http.get(known["jwks_uri"]).raise_for_status().json()
        return keys


def readable(published: Any) -> KeySet:
    """Read the keys that tokens may be signed by; one of a kind unknown here hides no other."""
    found: list[Key] = []
    for key in published["keys"]:
        try:
            if key["kty"] in PUBLISHED and key.get("use", "sig") == "sig":
                found.append(JWKRegistry.import_key(key))
        except (JoseError, AttributeError, KeyError, TypeError, ValueError):
            continue
    return KeySet(found)


@dataclass
class OutsideIssuer:
    """Verifies one outside issuer's access tokens."""

    issuer: str
    audience: str
    keys_of: Keys = published_keys
    _keys: KeySet | None = None
    _fetched: float = -math.inf
    _asked: float = -math.inf
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fetch(self) -> None:
        """Take the keys that it publishes now; the ones known before stay where it is away."""
        try:
            self._keys = readable(self.keys_of(self.issuer))
            self._fetched = time.monotonic()
        except (httpx.HTTPError, httpx.InvalidURL, KeyError, TypeError, ValueError):
            logger.warning("the keys of TITRATE_OIDC_ISSUER could not be fetched")

    def verify(self, token: str, now: datetime) -> tuple[Actor, float]:
        """Give the caller that a token names, and the Unix time at which it expires.

        A token of a key that is not known yet is refused, and the keys are asked for again
        beside, at most once a minute; the next one finds them. Known ones are asked for anew
        after an hour.

        Raises:
            Unauthenticated: not its, not for us, changed, expired, or not an access token.
        """
        if time.monotonic() - self._fetched > GOOD_FOR_S:
            self._fetch_beside()
        try:
            if self._keys is None:
                raise ValueError("no keys yet")
            decoded = jwt.decode(token, self._keys, algorithms=ALGORITHMS)
            if decoded.header.get("typ") not in TYPES:
                raise ValueError("not an access token")
            check_header(decoded.header)
            check_claims(decoded.claims, self.issuer, self.audience, now)
            return self._actor(decoded.claims), float(decoded.claims["exp"])
        except (JoseError, KeyError, TypeError, ValueError, AttributeError):
            self._fetch_beside()
            raise Unauthenticated() from None

    def _actor(self, claims: dict[str, Any]) -> Actor:
        clinic_id = UUID(claims["clinic"])
        user_id = users.subject_user(clinic_id, self.issuer, claims["sub"])
        ours = {"sub": str(user_id), "client": claims.get("client_id") or claims.get("azp") or "-"}
        return actor_of({**claims, **ours})

    def _fetch_beside(self) -> None:
        with self._lock:
            if time.monotonic() - self._asked < FETCH_AGAIN_S:
                return
            self._asked = time.monotonic()
        threading.Thread(target=self.fetch, name="issuer keys", daemon=True).start()


@dataclass(frozen=True, slots=True)
class Issuers:
    """Our own issuer and, where one is set, an outside one: each by its own keys alone."""

    own: Issuer
    outside: OutsideIssuer | None = None

    def verify(self, token: str, now: datetime) -> tuple[Actor, float]:
        """Give the caller; whom the token names as its issuer decides only which keys are tried.

        Raises:
            Unauthenticated: neither knows it.
        """
        if self.outside is None or _named(token) == ISSUER:
            return self.own.verify(token, now)
        return self.outside.verify(token, now)


def _named(token: str) -> object:
    """Read the issuer that a token names, before anything is verified."""
    try:
        # joserfc has no reading without a key: the middle part is JSON in base64url.
        payload = token.split(".")[1]
        return orjson.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["iss"]
    except (IndexError, KeyError, TypeError, ValueError):
        return None

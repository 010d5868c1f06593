"""An outside OpenID issuer: its own keys, its own subjects, our members."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from app.identity import service as identity
from app.identity.outside import Issuers, OutsideIssuer
from tests.conftest import Caller, Clinic

ISSUER = "https://login.example"
KEY = RSAKey.generate_key(2048, {"kid": "one"})
SECRET = OctKey.generate_key(256, {"kid": "shared"})


@pytest.fixture
def outside(clinic: Clinic) -> OutsideIssuer:
    """The issuer, whose published keys hold one that has no place there."""
    published = {"keys": [KEY.as_dict(private=False), SECRET.as_dict(private=True)]}
    issuer = OutsideIssuer(ISSUER, "titrate", lambda _issuer: published)
    issuer.fetch()
    verified = clinic.app.state.verified
    verified._issuer = Issuers(clinic.app.state.issuer, issuer)
    return issuer


def _token(where: Clinic, key: Any = KEY, alg: str = "RS256", **changed: Any) -> str:
    now = int(where.clock().timestamp())
    claims = {
        "iss": ISSUER,
        "aud": "titrate",
        "sub": "auth|7",
        "iat": now,
        "exp": now + 600,
        "jti": str(uuid4()),
        "clinic": str(identity.DEFAULT_CLINIC),
        "role": "prescriber",
        "scope": "user/*.rs",
        "azp": "portal",
    } | changed
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode({"alg": alg, "typ": "JWT", "kid": "one"}, kept, key)


def _member(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> UUID:
    monkeypatch.setattr(clinic.app.state.settings, "oidc_issuer", ISSUER)
    body = {"id": str(uuid4()), "name": "Dr Example", "role": "prescriber", "subject": "auth|7"}
    made = clinic.as_("administrator")("POST", "/v1/users", body)
    assert made.status_code == 201, made.text
    return UUID(made.json()["id"])


def test_a_member_comes_in_by_the_outside_issuer_and_others_do_not(
    clinic: Clinic, outside: OutsideIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = _token(clinic)
    assert Caller(clinic.http, token)("GET", "/v1/patients").status_code == 401

    user_id = _member(clinic, monkeypatch)

    assert Caller(clinic.http, token)("GET", "/v1/patients").status_code == 200
    assert Caller(clinic.http, token)("POST", "/v1/patients", {}).status_code == 422
    administrator = clinic.as_("administrator")
    administrator("PATCH", f"/v1/users/{user_id}", {"active": False})
    assert Caller(clinic.http, token)("GET", "/v1/patients").status_code == 401
    # Our own tokens go on beside it.
    assert clinic.as_("prescriber")("GET", "/v1/patients").status_code == 200


def test_what_the_outside_issuer_did_not_sign_for_us_is_refused(
    clinic: Clinic, outside: OutsideIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _member(clinic, monkeypatch)
    ours: ECKey = clinic.app.state.issuer.key
    forged = {
        "another key": _token(clinic, RSAKey.generate_key(2048, {"kid": "one"})),
        "a shared secret": _token(clinic, SECRET, "HS256"),
        "our key, its name": _token(clinic, ours, "ES256"),
        "its key, our name": _token(clinic, iss="titrate"),
        "an ID token": _token(clinic, nonce="n"),
        "no scope": _token(clinic, scope=None),
        "openid scope": _token(clinic, scope="openid profile"),
        "another audience": _token(clinic, aud="elsewhere"),
        "another subject": _token(clinic, sub="auth|8"),
        "another role": _token(clinic, role="care_team"),
        "no clinic": _token(clinic, clinic=None),
        "another issuer": _token(clinic, iss="https://evil.example"),
    }

    let_in = {
        name
        for name, token in forged.items()
        if Caller(clinic.http, token)("GET", "/v1/patients").status_code != 401
    }

    assert let_in == set()

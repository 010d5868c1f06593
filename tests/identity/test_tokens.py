"""Forged and misdirected tokens: none gets in, and the right one still does."""

from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from app.identity import service as identity
from tests.conftest import OTHER_CLINIC, Caller, Clinic
from tests.patients.test_patients import PATH, PERSON

MIN, HOUR = 60, 3600


def _part(value: Any) -> str:
    return urlsafe_b64encode(orjson.dumps(value)).rstrip(b"=").decode()


class Forger:
    """Makes tokens as the issuer would, but for one thing."""

    def __init__(self, clinic: Clinic) -> None:
        self.key: ECKey = clinic.app.state.issuer.key
        self.now = int(clinic.clock().timestamp())
        self.public = self.key.as_dict(private=False)

    def claims(self, **changed: Any) -> dict[str, Any]:
        told = {
            "iss": "titrate",
            "aud": "titrate",
            "sub": str(identity.built_in_user(identity.DEFAULT_CLINIC, "prescriber")),
            "iat": self.now,
            "exp": self.now + HOUR,
            "jti": str(uuid4()),
            "clinic": str(identity.DEFAULT_CLINIC),
            "role": "prescriber",
            "client": "tests",
            "scope": "user/*.cruds",
        }
        return {name: value for name, value in (told | changed).items() if value is not None}

    def signed(self, header: dict[str, Any] | None = None, key: Any = None, **changed: Any) -> str:
        head = {"alg": "ES256", "typ": "at+jwt"} | (header or {})
        registry = jws.JWSRegistry(strict_check_header=False, algorithms=[head["alg"]])
        payload = orjson.dumps(self.claims(**changed))
        return jws.serialize_compact(
            {name: value for name, value in head.items() if value is not None},
            payload,
            key or self.key,
            registry=registry,
        )

    def by_hand(self, header: dict[str, Any]) -> str:
        """Sign what no library would."""
        said = f"{_part({'alg': 'ES256', 'typ': 'at+jwt'} | header)}.{_part(self.claims())}"
        private: Any = self.key.get_op_key("sign")
        r, s = decode_dss_signature(private.sign(said.encode(), ECDSA(SHA256())))
        raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return f"{said}.{urlsafe_b64encode(raw).rstrip(b'=').decode()}"

    def unsigned(self, alg: str) -> str:
        return f"{_part({'alg': alg, 'typ': 'at+jwt'})}.{_part(self.claims())}."

    def by_public_key(self) -> str:
        """Sign with HMAC, the public key being the secret: the old confusion."""
        secret = OctKey.import_key(orjson.dumps(self.public))
        return jwt.encode({"alg": "HS256", "typ": "at+jwt"}, self.claims(), secret)

    def altered(self) -> str:
        head, _, signature = self.signed().split(".")
        return f"{head}.{_part(self.claims(role='administrator'))}.{signature}"


OTHER_EC = ECKey.generate_key("P-256")
OTHER_RSA = RSAKey.generate_key(2048)
FORGERIES: dict[str, Callable[[Forger], str]] = {
    "a dot": lambda _f: ".",
    "no token at all": lambda _f: "zq7",
    "two parts": lambda f: f.signed().rpartition(".")[0],
    "no signature": lambda f: f.signed().rpartition(".")[0] + ".",
    "alg none": lambda f: f.unsigned("none"),
    "alg None": lambda f: f.unsigned("None"),
    "claims changed after signing": Forger.altered,
    "a signature of another token": lambda f: (
        f.signed().rpartition(".")[0] + "." + f.signed(jti="x").rpartition(".")[2]
    ),
    "another key": lambda f: f.signed(key=OTHER_EC),
    "another key, with ours by name": lambda f: f.signed({"kid": f.key.thumbprint()}, key=OTHER_EC),
    "RS256 with another key": lambda f: f.signed({"alg": "RS256"}, key=OTHER_RSA),
    "HMAC with the public key": Forger.by_public_key,
    "its own key in the header": lambda f: f.signed(
        {"jwk": OTHER_EC.as_dict(private=False)}, key=OTHER_EC
    ),
    "our key in the header": lambda f: f.signed({"jwk": f.public}),
    "an address of keys": lambda f: f.signed({"jku": "https://example.org/jwks.json"}),
    "an address of a certificate": lambda f: f.signed({"x5u": "https://example.org/x.pem"}),
    "a certificate": lambda f: f.signed({"x5c": ["MIIB"]}),
    "crit": lambda f: f.by_hand({"crit": ["exp"], "exp": 1}),
    "an empty crit": lambda f: f.by_hand({"crit": []}),
    "zip": lambda f: f.by_hand({"zip": "DEF"}),
    "b64": lambda f: f.by_hand({"b64": True}),
    "another issuer": lambda f: f.signed(iss="https://example.org"),
    "no issuer": lambda f: f.signed(iss=None),
    "another audience": lambda f: f.signed(aud="elsewhere"),
    "us and another audience": lambda f: f.signed(aud=["titrate", "elsewhere"]),
    "no audience": lambda f: f.signed(aud=None),
    "expired": lambda f: f.signed(iat=f.now - HOUR, exp=f.now - MIN),
    "no expiry": lambda f: f.signed(exp=None),
    "an expiry in words": lambda f: f.signed(exp=str(f.now + HOUR)),
    "good for a day": lambda f: f.signed(exp=f.now + 24 * HOUR),
    "made in the future": lambda f: f.signed(iat=f.now + MIN),
    "not good yet": lambda f: f.signed(nbf=f.now + MIN),
    "no iat": lambda f: f.signed(iat=None),
    "no subject": lambda f: f.signed(sub=None),
    "a subject that is no user": lambda f: f.signed(sub=str(uuid4())),
    "no scope": lambda f: f.signed(scope=None),
    "a scope that is none": lambda f: f.signed(scope="openid profile"),
    "an ID token by its type": lambda f: f.signed({"typ": "JWT"}),
    "an ID token by its nonce": lambda f: f.signed(nonce="n"),
    "an ID token by its hash": lambda f: f.signed(at_hash="h"),
    "no type": lambda f: f.signed({"typ": None}),
    "a signed head of the chains": lambda f: f.signed({"typ": "head+jwt"}),
    "a role that is none": lambda f: f.signed(role="owner"),
    "a role that the user has not": lambda f: f.signed(role="care_team"),
    "another clinic's user": lambda f: f.signed(clinic=str(OTHER_CLINIC)),
    "a clinic that is none": lambda f: f.signed(clinic=str(uuid4())),
    "a patient's without the patient": lambda f: f.signed(role="patient"),
    "a prescriber's with a patient": lambda f: f.signed(patient=PERSON["id"]),
}


def test_no_forged_or_misdirected_token_gets_in(clinic: Clinic, prescriber: Caller) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    forger = Forger(clinic)
    let_in = {}
    for name, forge in FORGERIES.items():
        answer = clinic.http.get(PATH, headers={"Authorization": f"Bearer {forge(forger)}"})
        told = answer.headers.get("WWW-Authenticate", "")
        if answer.status_code != 401 or "invalid_token" not in told:
            let_in[name] = answer.status_code

    assert let_in == {}
    assert len(FORGERIES) >= 25
    assert clinic.http.get(
        PATH, headers={"Authorization": f"Bearer {forger.by_hand({})}"}
    ).is_success
    right = clinic.http.get(PATH, headers={"Authorization": f"Bearer {forger.signed()}"})
    assert right.status_code == 200, right.text


def test_a_token_is_read_from_the_header_alone(clinic: Clinic, prescriber: Caller) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    token = prescriber.token

    for path in (f"{PATH}?access_token={token}", f"{PATH}?token={token}"):
        assert clinic.http.get(path).status_code == 401
    assert clinic.http.get(PATH, headers={"Authorization": f"Basic {token}"}).status_code == 401
    assert clinic.http.get(PATH, headers={"Cookie": f"token={token}"}).status_code == 401


@pytest.mark.parametrize(("late", "status"), [(29, 200), (31, 401)])
def test_clocks_may_differ_by_half_a_minute(clinic: Clinic, late: int, status: int) -> None:
    clinic.as_("prescriber")("POST", "/v1/patients", PERSON)
    forger = Forger(clinic)
    token = forger.signed(iat=forger.now - HOUR, exp=forger.now - late)

    answer = clinic.http.get(PATH, headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == status


def test_a_token_that_was_good_is_refused_once_it_is_over(
    clinic: Clinic, prescriber: Caller
) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    assert prescriber("GET", PATH).status_code == 200

    clinic.clock.advance(hours=1, seconds=31)

    assert prescriber("GET", PATH).status_code == 401


def test_the_published_key_verifies_a_token_and_holds_no_secret(
    clinic: Clinic, prescriber: Caller
) -> None:
    published = clinic.http.get("/.well-known/jwks.json").json()["keys"]

    assert [set(key) & {"d", "k", "p"} for key in published] == [set()]
    key = ECKey.import_key(published[0])
    assert jwt.decode(prescriber.token, key, algorithms=["ES256"]).claims["iss"] == "titrate"

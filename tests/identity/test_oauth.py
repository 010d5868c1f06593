"""The token endpoint over HTTP: systems, phones, and tokens that are taken back."""

from base64 import b64encode
from typing import Any
from uuid import uuid4

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from tests.conftest import OTHER_CLINIC, Caller, Clinic
from tests.patients.test_patients import PATH, PERSON

CODE = "urn:titrate:grant:enrolment-code"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CHECK_IN = {"occurred_at": "2026-06-01T09:00:00Z", "sleep": {"quality": 7}}


def _token(clinic: Clinic, **form: str) -> httpx.Response:
    return clinic.http.post("/oauth/token", data=form)


def _bearer(clinic: Clinic, answer: httpx.Response) -> Caller:
    assert answer.status_code == 200, answer.text
    return Caller(clinic.http, answer.json()["access_token"])


def _system(clinic: Clinic, **more: Any) -> dict[str, Any]:
    body = {"id": str(uuid4()), "name": "an EHR", "role": "system"}
    body |= {"scope": "system/Observation.rs", **more}
    made = clinic.as_("administrator")("POST", "/v1/users", body)
    assert made.status_code == 201, made.text
    told: dict[str, Any] = made.json()
    return told


# ---- systems


def test_a_system_gets_a_token_for_its_secret(clinic: Clinic, prescriber: Caller) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    made = _system(clinic)
    name, secret = made["client_id"], made["client_secret"]

    posted = _token(clinic, grant_type="client_credentials", client_id=name, client_secret=secret)
    basic = b64encode(f"{name}:{secret}".encode()).decode()
    by_header = clinic.http.post(
        "/oauth/token",
        data={"grant_type": "client_credentials"},
        headers={"Authorization": f"Basic {basic}"},
    )

    assert by_header.status_code == 200
    assert posted.json()["token_type"] == "Bearer"
    assert posted.json()["expires_in"] == 3600
    assert "refresh_token" not in posted.json()
    system = _bearer(clinic, posted)
    assert system("GET", f"{PATH}/labs").status_code == 200
    assert system("GET", PATH).status_code == 403
    assert "client_secret" not in clinic.as_("administrator")("GET", "/v1/users").text


def test_a_wrong_secret_client_or_proof_is_refused_alike(clinic: Clinic) -> None:
    made = _system(clinic)
    name, secret = made["client_id"], made["client_secret"]
    form = {"grant_type": "client_credentials"}
    of_other_clinic = name.replace(name.split(".")[0], str(OTHER_CLINIC))
    wrong = [
        form | {"client_id": name, "client_secret": "zq7"},
        form | {"client_id": name, "client_secret": ""},
        form | {"client_id": of_other_clinic, "client_secret": secret},
        form | {"client_id": f"{uuid4()}.{uuid4()}", "client_secret": secret},
        form | {"client_id": "zq7", "client_secret": secret},
        form | {"client_id": name},
        form | {"client_id": name, "client_secret": secret, "client_assertion": "a.b.c"},
        form | {"client_assertion": "a.b.c", "client_assertion_type": ASSERTION},
    ]
    for one in wrong:
        refused = _token(clinic, **one)
        assert refused.status_code == 401, one
        assert refused.json()["error"] == "invalid_client"
        assert "WWW-Authenticate" in refused.headers
        assert "zq7" not in refused.text


def test_a_system_proves_itself_by_its_private_key_once(clinic: Clinic) -> None:
    key = ECKey.generate_key("P-256")
    made = _system(clinic, jwks={"keys": [key.as_dict(private=False)]})
    assert "client_secret" not in made
    name, now = made["client_id"], int(clinic.clock().timestamp())
    address = f"{clinic.http.base_url}".rstrip("/")

    def prove(signer: ECKey = key, **changed: Any) -> httpx.Response:
        claims = {
            "iss": name,
            "sub": name,
            "aud": f"{address}/oauth/token",
            "iat": now,
            "exp": now + 60,
            "jti": str(uuid4()),
        } | changed
        assertion = jwt.encode({"alg": "ES256"}, claims, signer)
        return _token(
            clinic,
            grant_type="client_credentials",
            client_assertion_type=ASSERTION,
            client_assertion=assertion,
        )

    assert prove(jti="one").status_code == 200
    for refused in (
        prove(jti="one"),
        prove(ECKey.generate_key("P-256")),
        prove(aud="https://elsewhere.example/token"),
        prove(exp=now - 60),
        prove(exp=now + 3600),
        prove(iss="another"),
    ):
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


def test_a_private_key_is_never_taken(clinic: Clinic) -> None:
    private = ECKey.generate_key("P-256").as_dict(private=True)
    body = {
        "id": str(uuid4()),
        "name": "careless",
        "role": "system",
        "scope": "system/*.rs",
        "jwks": {"keys": [private]},
    }

    refused = clinic.as_("administrator")("POST", "/v1/users", body)

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/jwks"


def test_an_asked_scope_narrows_and_never_widens(clinic: Clinic) -> None:
    made = _system(clinic, scope="system/Observation.rs system/Condition.rs")
    form = {
        "grant_type": "client_credentials",
        "client_id": made["client_id"],
        "client_secret": made["client_secret"],
    }

    assert _token(clinic, **form, scope="system/Condition.r").json()["scope"] == (
        "system/Condition.r"
    )
    refused = _token(clinic, **form, scope="system/*.cruds")
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")


def test_a_user_who_left_is_refused_at_once(clinic: Clinic) -> None:
    made = _system(clinic, scope="system/*.rs")
    form = {
        "grant_type": "client_credentials",
        "client_id": made["client_id"],
        "client_secret": made["client_secret"],
    }
    system = _bearer(clinic, _token(clinic, **form))
    assert system("GET", "/v1/patients").status_code == 200

    gone = clinic.as_("administrator")("PATCH", f"/v1/users/{made['id']}", {"active": False})

    assert gone.status_code == 200, gone.text
    assert system("GET", "/v1/patients").status_code == 401
    assert _token(clinic, **form).status_code == 401


def test_users_are_the_administrators_and_odd_ones_are_refused(clinic: Clinic) -> None:
    administrator = clinic.as_("administrator")
    person: dict[str, Any] = {"id": str(uuid4()), "name": "Dr Example", "role": "care_team"}
    made = administrator("POST", "/v1/users", person)
    assert made.status_code == 201, made.text
    path = f"/v1/users/{person['id']}"

    assert administrator("POST", "/v1/users", person).status_code == 409
    assert administrator("PATCH", path, {}).status_code == 200
    assert administrator("PATCH", path, {"role": "administrator"}).status_code == 422
    own = next(
        one["id"]
        for one in administrator("GET", "/v1/users").json()["items"]
        if one["role"] == "administrator"
    )
    assert administrator("PATCH", f"/v1/users/{own}", {"active": False}).status_code == 422
    elsewhere = clinic.as_("administrator", clinic_id=OTHER_CLINIC)
    assert elsewhere("PATCH", path, {"active": False}).status_code == 404
    odd_ones: list[dict[str, Any]] = [
        {"scope": "user/*.cruds", "role": "system"},
        {"scope": "everything", "role": "system"},
        {"role": "system"},
        {"scope": "system/*.rs"},
        {"subject": "auth|7"},
        {"role": "patient"},
        {"role": "system", "scope": "system/*.rs", "jwks": {"keys": []}},
        {"role": "system", "scope": "system/*.rs", "jwks": {"keys": [{"kty": "oct"}]}},
    ]
    for odd in odd_ones:
        refused = administrator("POST", "/v1/users", person | {"id": str(uuid4())} | odd)
        assert refused.status_code == 422, odd


# ---- phones


@pytest.fixture
def code(prescriber: Caller) -> str:
    prescriber("POST", "/v1/patients", PERSON)
    made = prescriber("POST", f"{PATH}/enrolment-codes", {})
    assert made.status_code == 201, made.text
    text: str = made.json()["code"]
    return text


def test_a_code_joins_one_phone_once(clinic: Clinic, code: str) -> None:
    joined = _token(clinic, grant_type=CODE, code=code.lower(), device_name="my phone")
    patient = _bearer(clinic, joined)

    sent = patient("POST", f"{PATH}/check-ins", CHECK_IN | {"id": str(uuid4())})
    assert sent.status_code == 201, sent.text
    assert joined.json()["patient"] == PERSON["id"]
    again = _token(clinic, grant_type=CODE, code=code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert patient("GET", f"{PATH}/devices").json()["items"][0]["name"] == "my phone"


def test_a_code_that_is_old_or_unknown_joins_nobody(clinic: Clinic, code: str) -> None:
    clinic.clock.advance(hours=73)

    wrong = code[:-1] + ("A" if code[-1] != "A" else "B")
    for one in (code, wrong, "zq7", ""):
        assert _token(clinic, grant_type=CODE, code=one).json()["error"] == "invalid_grant"


def test_a_phone_that_was_away_for_weeks_can_still_send(clinic: Clinic, code: str) -> None:
    joined = _token(clinic, grant_type=CODE, code=code).json()

    clinic.clock.advance(days=89)

    fresh = _token(clinic, grant_type="refresh_token", refresh_token=joined["refresh_token"])
    patient = _bearer(clinic, fresh)
    assert patient("GET", PATH).status_code == 200
    assert fresh.json()["refresh_token"] != joined["refresh_token"]
    clinic.clock.advance(days=90)
    late = _token(clinic, grant_type="refresh_token", refresh_token=fresh.json()["refresh_token"])
    assert late.json()["error"] == "invalid_grant"


def test_a_refresh_token_used_twice_shuts_the_phone_out(clinic: Clinic, code: str) -> None:
    first = _token(clinic, grant_type=CODE, code=code).json()["refresh_token"]
    second = _token(clinic, grant_type="refresh_token", refresh_token=first)
    patient = _bearer(clinic, second)
    assert patient("GET", PATH).status_code == 200
    clinic.clock.advance(minutes=2)

    stolen = _token(clinic, grant_type="refresh_token", refresh_token=first)

    assert stolen.json()["error"] == "invalid_grant"
    assert patient("GET", PATH).status_code == 401
    own = _token(clinic, grant_type="refresh_token", refresh_token=second.json()["refresh_token"])
    assert own.json()["error"] == "invalid_grant"


def test_an_answer_that_was_lost_is_given_again(clinic: Clinic, code: str) -> None:
    first = _token(clinic, grant_type=CODE, code=code).json()["refresh_token"]
    lost = _token(clinic, grant_type="refresh_token", refresh_token=first).json()
    clinic.clock.advance(seconds=30)

    again = _token(clinic, grant_type="refresh_token", refresh_token=first).json()

    assert again["refresh_token"] == lost["refresh_token"]
    kept = _token(clinic, grant_type="refresh_token", refresh_token=again["refresh_token"])
    assert kept.status_code == 200


def test_a_forged_refresh_token_shuts_nobody_out(clinic: Clinic, code: str) -> None:
    token = _token(clinic, grant_type=CODE, code=code).json()["refresh_token"]
    forged = ("A" if token[0] != "A" else "B") + token[1:]

    for one in (forged, token + "AAAA", "zq7", "ü"):
        refused = _token(clinic, grant_type="refresh_token", refresh_token=one)
        assert refused.json()["error"] == "invalid_grant", one
    assert _token(clinic, grant_type="refresh_token", refresh_token=token).status_code == 200


def test_one_phone_is_shut_out_and_the_other_is_not(
    clinic: Clinic, prescriber: Caller, code: str
) -> None:
    lost = _bearer(clinic, _token(clinic, grant_type=CODE, code=code, device_name="lost"))
    other = prescriber("POST", f"{PATH}/enrolment-codes", {}).json()["code"]
    kept = _bearer(clinic, _token(clinic, grant_type=CODE, code=other, device_name="kept"))
    devices = {one["name"]: one["id"] for one in kept("GET", f"{PATH}/devices").json()["items"]}

    assert kept("DELETE", f"{PATH}/devices/{devices['lost']}").status_code == 200

    assert lost("GET", PATH).status_code == 401
    assert kept("GET", PATH).status_code == 200
    assert kept("DELETE", f"{PATH}/devices/{uuid4()}").status_code == 404


def test_a_token_is_taken_back_by_whoever_holds_it(clinic: Clinic, code: str) -> None:
    joined = _token(clinic, grant_type=CODE, code=code)
    patient = _bearer(clinic, joined)

    for token in (joined.json()["refresh_token"], "zq7"):
        assert clinic.http.post("/oauth/revoke", data={"token": token}).status_code == 200

    assert patient("GET", PATH).status_code == 401


def test_a_proxy_has_a_name_and_a_token_of_its_own(clinic: Clinic, prescriber: Caller) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    path = f"{PATH}/enrolment-codes"
    assert prescriber("POST", path, {"role": "proxy"}).status_code == 422
    code = prescriber("POST", path, {"role": "proxy", "name": "a mother"}).json()["code"]

    proxy = _bearer(clinic, _token(clinic, grant_type=CODE, code=code))

    assert proxy("GET", f"{PATH}/labs").status_code == 403
    assert proxy("POST", f"{PATH}/check-ins", CHECK_IN | {"id": str(uuid4())}).status_code == 403


# ---- what is no token request


def test_what_is_no_token_request_is_refused(clinic: Clinic) -> None:
    post = clinic.http.post
    assert post("/oauth/token", json={"grant_type": "x"}).status_code == 415
    assert post("/oauth/token", data={"grant_type": "password"}).json()["error"] == (
        "unsupported_grant_type"
    )
    assert post("/oauth/token", data={}).status_code in {400, 415}
    twice = post(
        "/oauth/token",
        content=b"grant_type=refresh_token&grant_type=client_credentials",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert twice.json()["error"] == "invalid_request"
    assert post("/oauth/token", data={"grant_type": "x" * 20_000}).status_code == 413
    assert clinic.http.get("/oauth/token").status_code == 405


def test_an_app_learns_where_to_go(clinic: Clinic) -> None:
    told = clinic.http.get("/.well-known/smart-configuration").json()

    assert told["token_endpoint"].endswith("/oauth/token")
    assert "permission-v2" in told["capabilities"]
    assert clinic.http.get(told["jwks_uri"]).json()["keys"][0]["alg"] == "ES256"

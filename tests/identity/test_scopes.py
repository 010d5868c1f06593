"""SMART scopes: what each opens, and that nothing opens by itself."""

from uuid import uuid4

import pytest

from app.core.actor import Role
from app.identity import scopes
from app.identity import service as identity
from app.identity.scopes import Need, Unplaced
from tests.conftest import Caller, Clinic
from tests.patients.test_patients import PATH, PERSON

LABS = "/v1/patients/{patient_id}/labs"
LAB = LABS + "/{record_id}"
FOLLOW_UP = "/v1/patients/{patient_id}/follow-ups/{record_id}"


@pytest.mark.parametrize(
    ("path", "method", "wanted"),
    [
        (LABS, "GET", Need("Observation", "s")),
        (LABS, "POST", Need("Observation", "c")),
        (LAB, "GET", Need("Observation", "r")),
        (LAB, "PATCH", Need("Observation", "u")),
        (LAB, "DELETE", Need("Observation", "d")),
        (LAB + "/history", "GET", Need("Observation", "r")),
        ("/v1/patients/{patient_id}", "GET", Need("Patient", "r")),
        ("/v1/patients/{patient_id}/intake", "GET", Need("Encounter", "r")),
        ("/v1/patients/{patient_id}/visit-brief", "GET", Need("*", "r")),
        (FOLLOW_UP + "/sleep", "GET", Need("Observation", "r")),
        (FOLLOW_UP + "/sleep", "PUT", Need("Observation", "u")),
        (FOLLOW_UP + "/dosage", "GET", Need("MedicationStatement", "r")),
        (FOLLOW_UP + "/side-effects", "GET", Need("AdverseEvent", "r")),
        ("/v1/patients/{patient_id}/side-effects", "GET", Need("AdverseEvent", "s")),
        ("/v1/reference/medications", "GET", None),
        ("/v1/reference/medications", "POST", Need("Library", "c")),
        ("/v1/interactions/check", "POST", None),
    ],
)
def test_a_path_says_what_it_asks_of_a_scope(path: str, method: str, wanted: Need | None) -> None:
    assert scopes.need(path, method) == wanted


def test_a_path_that_nobody_placed_is_let_in_nowhere() -> None:
    with pytest.raises(Unplaced, match="name the kind of data"):
        scopes.need("/v1/patients/{patient_id}/horoscopes", "GET")


@pytest.mark.parametrize(
    ("text", "role", "method", "path", "opens"),
    [
        ("patient/*.rs", "patient", "GET", LABS, True),
        ("patient/*.rs", "patient", "POST", LABS, False),
        ("patient/Observation.rs", "patient", "GET", LAB, True),
        ("patient/Observation.r", "patient", "GET", LABS, False),
        ("patient/Condition.cruds", "patient", "GET", LAB, False),
        ("user/*.cruds", "patient", "GET", LABS, False),
        ("patient/*.cruds", "prescriber", "GET", LABS, False),
        ("system/Observation.cruds", "system", "DELETE", LAB, True),
        ("system/Observation.read", "system", "GET", LABS, True),
        ("system/Observation.read", "system", "POST", LABS, False),
        ("system/Observation.write", "system", "PATCH", LAB, True),
        ("system/Observation.write", "system", "GET", LAB, False),
        ("system/*.*", "system", "DELETE", LAB, True),
        ("system/Observation.rs", "system", "GET", "/v1/changes", False),
        ("patient/Observation.rs?category=laboratory", "patient", "GET", LABS, False),
    ],
)
def test_a_scope_opens_what_it_names_and_no_more(
    text: str, role: Role, method: str, path: str, opens: bool
) -> None:
    assert scopes.allows(text, role, path, method) is opens


@pytest.mark.parametrize(
    "text", ["", "openid", "patient/*.sr", "patient/.r", "patient/*.", "*/*.r"]
)
def test_what_is_no_scope_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"SMART|scope"):
        scopes.parse(text)


def test_what_is_asked_for_is_narrowed_to_what_is_granted() -> None:
    granted = "system/Observation.rs system/Condition.cruds"

    assert scopes.narrower("", granted) == granted
    assert scopes.narrower("system/Observation.r system/Patient.r", granted) == (
        "system/Observation.r"
    )
    with pytest.raises(ValueError, match="granted"):
        scopes.narrower("system/*.cruds", granted)


def test_a_narrow_token_is_told_that_its_scope_is_too_small(
    clinic: Clinic, prescriber: Caller
) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    issuer = clinic.app.state.issuer
    token = issuer.issue(
        clinic.clock(),
        clinic_id=identity.DEFAULT_CLINIC,
        user_id=identity.built_in_user(identity.DEFAULT_CLINIC, "prescriber"),
        role="prescriber",
        client="tests",
        scope="user/Patient.rs",
    )
    narrow = Caller(clinic.http, token)

    assert narrow("GET", PATH).status_code == 200
    for method, path in (("GET", f"{PATH}/labs"), ("POST", "/v1/patients")):
        refused = narrow(method, path, PERSON | {"id": str(uuid4())} if method == "POST" else None)
        assert refused.status_code == 403
        assert refused.json()["code"] == "insufficient-scope"

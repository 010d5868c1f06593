"""What a clinic adds to the reference beside medicines is held to the house's rules, and used."""

from typing import Any

import pytest

from app.measurements import own_reference
from tests.conftest import OTHER_CLINIC, Caller, Clinic
from tests.medications.test_reference import MEDICATIONS
from tests.medications.test_reference import OWN as HERB

PERSON: dict[str, Any] = {
    "id": "019a5b10-0000-7000-8000-000000000001",
    "name": {"given": "Example", "family": "Patient"},
    "birth_date": "1991-04-17",
    "time_zone": "America/New_York",
}
P = f"/v1/patients/{PERSON['id']}"
REFERENCE = "/v1/reference"
RULE: dict[str, Any] = {
    "code": "example-pair",
    "when": {"all_of": [{"med": "sertraline"}, {"class": "sga", "washout_days": 7}]},
    "severity": "major",
    "mechanism": "an example",
    "effect": "an example effect",
    "management": "ask the pharmacist",
    "onset": "days",
    "evidence": "suspected",
    "sources": ["the clinic's pharmacy committee, 2026"],
}
SCHEDULE: dict[str, Any] = {
    "code": "example-level",
    "applies_to": {"any_med": ["sertraline"]},
    "measure": {"key": "sertraline", "name": "sertraline level", "loinc": "9377-3", "unit": "ug/L"},
    "schedule": {"offsets_days": [7], "then_every_days": 90},
    "action": "compare with the last",
    "source": "the clinic's pharmacy committee, 2026",
}
TERM: dict[str, Any] = {
    "code": "metal-taste",
    "label": "taste of metal",
    "synonyms": ["metallic tang"],
    "body_system": "gut",
    "timing": "early",
    "classes": ["ssri"],
    "red_flag": True,
    "action": "ask about the teeth",
    "source": "the clinic's own notes, 2026",
}
EVERY = [("interactions", RULE), ("monitoring", SCHEDULE), ("side_effects", TERM)]
each_kind = pytest.mark.parametrize(("kind", "body"), EVERY, ids=[kind for kind, _ in EVERY])


def course(number: int, reference_id: str) -> dict[str, Any]:
    return {
        "id": f"019a5b10-0000-7000-8000-0000000001{number:02}",
        "kind": "drug",
        "reference_id": reference_id,
        "first_dose_event": {
            "id": f"019a5b10-0000-7000-8000-0000000002{number:02}",
            "kind": "start",
            "effective_on": "2026-05-01",
            "dose_known": False,
        },
    }


def take(caller: Caller, number: int, reference_id: str) -> dict[str, Any]:
    made = caller("POST", f"{P}/medications", course(number, reference_id))
    assert made.status_code == 201, made.text
    answer: dict[str, Any] = made.json()
    return answer


def add(caller: Caller, kind: str, body: dict[str, Any]) -> dict[str, Any]:
    made = caller("POST", f"{REFERENCE}/{kind}", body)
    assert made.status_code == 201, made.text
    answer: dict[str, Any] = made.json()
    return answer


def faults(answer: Any) -> list[str]:
    assert answer.status_code == 422, answer.text
    return [one["pointer"] for one in answer.json()["errors"]]


@pytest.fixture
def caller(prescriber: Caller) -> Caller:
    assert prescriber("POST", "/v1/patients", PERSON).status_code == 201
    return prescriber


# ---- one mechanism


@each_kind
def test_an_entry_is_the_clinic_s_versioned_and_kept_from_other_clinics(
    prescriber: Caller, clinic: Clinic, kind: str, body: dict[str, Any]
) -> None:
    path = f"{REFERENCE}/{kind}/{body['code']}"
    made = prescriber("POST", f"{REFERENCE}/{kind}", body)
    again = prescriber("POST", f"{REFERENCE}/{kind}", body)

    assert made.status_code == 201, made.text
    assert made.headers["Location"] == path
    assert again.status_code == 200
    assert made.content == again.content == prescriber("GET", path).content
    answer = made.json()
    assert answer.items() >= body.items()
    assert (answer["origin"], answer["verified"]) == ("clinic", own_reference.VERIFIED)
    assert (answer["id"], answer["version"]) == (body["code"], 1)

    source = {"source": "another"} if "source" in body else {"sources": ["another"]}
    assert prescriber("PATCH", path, source).status_code == 428
    assert prescriber("PATCH", path, source, headers={"If-Match": '"7"'}).status_code == 412
    changed = prescriber("PATCH", path, source, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    assert faults(prescriber("PATCH", path, {"code": "another"}, headers={"If-Match": '"2"'})) == [
        "/code"
    ]

    last = prescriber("GET", f"{REFERENCE}/{kind}").json()["items"][-1]
    assert (last["id"], last["origin"], last["version"]) == (body["code"], "clinic", 2)
    assert last.items() >= source.items()
    stranger = clinic.as_("prescriber", clinic_id=OTHER_CLINIC)
    assert stranger("GET", path).status_code == 404
    assert stranger("GET", f"{REFERENCE}/{kind}").json()["items"][-1]["origin"] == "house"


@each_kind
def test_only_a_prescriber_or_an_administrator_adds(
    clinic: Clinic, prescriber: Caller, kind: str, body: dict[str, Any]
) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    for role in ("care_team", "system", "privacy_officer"):
        assert clinic.as_(role)("POST", f"{REFERENCE}/{kind}", body).status_code == 403
    patient = clinic.as_("patient", patient_id=PERSON["id"])
    assert patient("POST", f"{REFERENCE}/{kind}", body).status_code == 403
    made = clinic.as_("administrator")("POST", f"{REFERENCE}/{kind}", body)
    assert made.status_code == 201, made.text


@each_kind
def test_an_entry_needs_its_source_and_no_code_of_the_house(
    prescriber: Caller, kind: str, body: dict[str, Any]
) -> None:
    without = {name: body[name] for name in body if name not in {"source", "sources"}}
    taken = prescriber("GET", f"{REFERENCE}/{kind}").json()["items"][0]["id"]

    missing = prescriber("POST", f"{REFERENCE}/{kind}", without)
    assert [one in {"/source", "/sources"} for one in faults(missing)] == [True]
    answer = prescriber("POST", f"{REFERENCE}/{kind}", {**body, "code": taken})
    assert answer.status_code == 409
    assert faults(prescriber("POST", f"{REFERENCE}/{kind}", {**body, "verified": "seen"})) == [
        "/verified"
    ]
    assert (
        prescriber("POST", f"{REFERENCE}/{kind}", {**body, "id": body["code"]}).status_code == 422
    )


def test_a_patient_reads_no_text_for_prescribers(caller: Caller, clinic: Clinic) -> None:
    patient = clinic.as_("patient", patient_id=PERSON["id"])
    for kind, body in EVERY:
        add(caller, kind, body)
        hidden = "management" if kind == "interactions" else "action"
        assert hidden not in patient("GET", f"{REFERENCE}/{kind}/{body['code']}").json()
        assert hidden not in patient("GET", f"{REFERENCE}/{kind}").json()["items"][-1]


# ---- interaction rules


@pytest.mark.parametrize(
    ("when", "pointer"),
    [
        ({}, "/when"),
        (
            {"all_of": [{"med": "sertraline"}], "aggregate": {"count_class": "sga", "gte": 2}},
            "/when",
        ),
        ({"all_of": [{"med": "nothing"}]}, "/when/all_of/0"),
        ({"all_of": [{"class": "nothing"}]}, "/when/all_of/0"),
        ({"all_of": [{"washout_days": 3}]}, "/when/all_of/0"),
        ({"all_of": [{"brand": "x"}]}, "/when/all_of/0/brand"),
        ({"all_of": [{"property": "qt_risk", "gte": 2}]}, "/when/all_of/0/gte"),
        ({"all_of": [{"property": "serotonergic", "eq": "known"}]}, "/when/all_of/0/eq"),
        ({"all_of": [{"property": "serotonergic"}]}, "/when/all_of/0"),
        ({"all_of": [{"med": "sertraline", "gte": 1}]}, "/when/all_of/0"),
        (
            {"all_of": [{"cyp": {"enzyme": "CYP2D6", "role": "substrate"}}]},
            "/when/all_of/0/cyp/sensitivity",
        ),
        ({"all_of": [{"med": "sertraline"}] * 3}, "/when/all_of"),
        ({"aggregate": {"gte": 2}}, "/when/aggregate"),
        ({"aggregate": {"sum": "serotonergic", "gte": 2}}, "/when/aggregate/min_meds"),
        ({"aggregate": {"count_class": "nothing", "gte": 2}}, "/when/aggregate"),
        (
            {"all_of": [{"med": "sertraline"}], "context": {"event": "smoking_stopped"}},
            "/when/context/within_days",
        ),
        (
            {"all_of": [{"med": "sertraline", "washout_days": {"nothing": 4}}]},
            "/when/all_of/0/washout_days",
        ),
    ],
)
def test_a_rule_that_could_never_be_asked_is_refused(
    prescriber: Caller, when: dict[str, Any], pointer: str
) -> None:
    answer = prescriber("POST", f"{REFERENCE}/interactions", {**RULE, "when": when})

    assert pointer in faults(answer)


def test_a_rule_of_the_clinic_is_found_beside_the_house_s_and_opens_its_signal(
    caller: Caller,
) -> None:
    add(caller, "interactions", RULE)
    take(caller, 1, "sertraline")
    answer = take(caller, 2, "quetiapine")

    new = [one for one in answer["new_findings"] if one["rule"]["id"] == "example-pair"]
    assert [one["severity"] for one in new] == ["major"]
    assert "example-pair" in [one["evidence"]["rule_id"] for one in answer["opened_signals"]]
    findings = caller("GET", f"{P}/interactions").json()["findings"]
    own = [one for one in findings if one["rule"]["id"] == "example-pair"]
    assert [(one["origin"], one["management"], one["state"]) for one in own] == [
        ("clinic", "ask the pharmacist", "open")
    ]
    assert {one["origin"] for one in findings if one not in own} <= {"house"}
    stateless = {"substances": [{"reference_id": "sertraline"}, {"reference_id": "quetiapine"}]}
    checked = caller("POST", "/v1/interactions/check", stateless).json()["findings"]
    assert "example-pair" in [one["rule"]["id"] for one in checked]


def test_a_changed_rule_comes_back_and_another_clinic_never_sees_it(
    caller: Caller, clinic: Clinic
) -> None:
    stateless = {"substances": [{"reference_id": "sertraline"}, {"reference_id": "quetiapine"}]}
    add(caller, "interactions", RULE)
    path = f"{REFERENCE}/interactions/example-pair"
    caller("PATCH", path, {"severity": "minor"}, headers={"If-Match": '"1"'})

    found = caller("POST", "/v1/interactions/check", stateless).json()["findings"]
    stranger = clinic.as_("prescriber", clinic_id=OTHER_CLINIC)
    theirs = stranger("POST", "/v1/interactions/check", stateless).json()["findings"]

    own = [one for one in found if one["rule"]["id"] == "example-pair"]
    assert [(one["rule"]["version"], one["severity"]) for one in own] == [(2, "minor")]
    assert "example-pair" not in [one["rule"]["id"] for one in theirs]


def test_a_rule_may_name_a_medicine_of_the_clinic_which_the_house_has_not_checked(
    caller: Caller,
) -> None:
    assert caller("POST", MEDICATIONS, HERB).status_code == 201
    when = {"all_of": [{"med": "sertraline"}, {"med": "example-herb"}]}
    add(caller, "interactions", {**RULE, "when": when})
    take(caller, 1, "sertraline")
    answer = take(caller, 2, "example-herb")

    assert [one["rule"]["id"] for one in answer["new_findings"]] == ["example-pair"]
    told = caller("GET", f"{P}/interactions").json()
    assert [one["substance"]["text"] for one in told["not_checked"]] == ["Example herb"]
    assert told["checked"] == 1


def test_an_aggregate_of_the_clinic_counts(caller: Caller) -> None:
    when = {"aggregate": {"count_class": "ssri", "gte": 2}}
    add(caller, "interactions", {**RULE, "when": when})
    take(caller, 1, "sertraline")
    answer = take(caller, 2, "citalopram")

    assert "example-pair" in [one["rule"]["id"] for one in answer["new_findings"]]


# ---- monitoring schedules


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"applies_to": {}}, "/applies_to"),
        ({"applies_to": {"any_med": ["nothing"]}}, "/applies_to"),
        ({"applies_to": {"class": "nothing"}}, "/applies_to"),
        ({"schedule": {}}, "/schedule"),
        ({"schedule": {"offsets_days": [7, 7]}}, "/schedule/offsets_days"),
        ({"schedule": {"baseline": True, "from_days": 9, "until_days": 9}}, "/schedule/until_days"),
        ({"measure": {**SCHEDULE["measure"], "loinc": "9377-4"}}, "/measure/loinc"),
        ({"measure": {**SCHEDULE["measure"], "unit": "mcg/L"}}, "/measure/unit"),
        ({"measure": {"key": "x", "name": "x"}}, "/measure/loinc"),
        ({"measure": {"key": "nothing", "name": "x", "unit": "{score}"}}, "/measure/key"),
        ({"measure": {**SCHEDULE["measure"], "critical_high": 9.0}}, "/measure/loinc"),
        (
            {"measure": {**SCHEDULE["measure"], "reference_range": [2.0, 1.0]}},
            "/measure/reference_range",
        ),
        (
            {
                "measure": {
                    "key": "k",
                    "name": "potassium",
                    "loinc": "14334-7",
                    "unit": "meq/L",
                    "critical_high": 1.0,
                }
            },
            "/measure/unit",
        ),
        ({"age": [65]}, "/age"),
    ],
)
def test_a_schedule_that_could_not_be_followed_is_refused(
    prescriber: Caller, members: dict[str, Any], pointer: str
) -> None:
    assert pointer in faults(prescriber("POST", f"{REFERENCE}/monitoring", {**SCHEDULE, **members}))


def test_a_schedule_of_the_clinic_makes_its_item_due_done_and_waived(caller: Caller) -> None:
    add(caller, "monitoring", SCHEDULE)
    take(caller, 1, "sertraline")

    def item() -> dict[str, Any]:
        items = caller("GET", f"{P}/monitoring").json()["items"]
        (found,) = [one for one in items if one["id"] == "example-level"]
        assert isinstance(found, dict)
        return found

    assert (item()["state"], item()["due_on"], item()["origin"]) == (
        "overdue",
        "2026-05-08",
        "clinic",
    )
    lab = {
        "id": "019a5b10-0000-7000-8000-000000000301",
        "code": {"system": "http://loinc.org", "code": "9377-3"},
        "value": "40",
        "unit": "ug/L",
        "drawn_on": "2026-05-20",
    }
    assert caller("POST", f"{P}/labs", lab).status_code == 201
    assert item()["state"] == "done"
    waiver = {"reason": "taken elsewhere"}
    waived = caller("PUT", f"{P}/monitoring/example-level/waiver", waiver)
    assert waived.status_code == 201, waived.text
    assert item()["state"] == "waived"


def test_a_schedule_may_be_of_a_medicine_of_the_clinic(caller: Caller) -> None:
    assert caller("POST", MEDICATIONS, HERB).status_code == 201
    add(caller, "monitoring", {**SCHEDULE, "applies_to": {"any_med": ["example-herb"]}})
    take(caller, 1, "example-herb")

    told = caller("GET", f"{P}/monitoring").json()
    assert [(one["id"], one["for"]) for one in told["items"]] == [
        ("example-level", ["example-herb"])
    ]
    assert [one["text"] for one in told["not_checked"]] == ["Example herb"]


def test_a_stricter_critical_limit_of_the_clinic_opens_the_signal_as_the_value_comes(
    caller: Caller,
) -> None:
    lithium = {
        "key": "lithium",
        "name": "lithium",
        "loinc": "14334-7",
        "unit": "mmol/L",
        "critical_high": 1.2,
    }
    add(caller, "monitoring", {**SCHEDULE, "applies_to": {"class": "lithium"}, "measure": lithium})
    lab = {
        "id": "019a5b10-0000-7000-8000-000000000302",
        "code": {"system": "http://loinc.org", "code": "14334-7"},
        "value": "1.3",
        "unit": "mmol/L",
        "drawn_on": "2026-05-20",
    }

    opened = caller("POST", f"{P}/labs", lab).json()["opened_signals"]

    assert [(one["code"], one["evidence"]["schedule"]) for one in opened] == [
        ("critical_lab", "example-level")
    ]


# ---- side-effect terms


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"label": "Nausea"}, "/label"),
        ({"synonyms": ["feeling sick"]}, "/label"),
        ({"parent": "nothing"}, "/parent"),
        ({"parent": "metal-taste"}, "/parent"),
        ({"classes": ["nothing"]}, "/classes"),
        ({"onset_days": [9, 2]}, "/onset_days"),
        ({"timing": "sometimes"}, "/timing"),
        ({"code": "a" * 81}, "/code"),
    ],
)
def test_a_term_that_would_mislead_is_refused(
    prescriber: Caller, members: dict[str, Any], pointer: str
) -> None:
    assert pointer in faults(prescriber("POST", f"{REFERENCE}/side_effects", {**TERM, **members}))


def test_a_term_of_the_clinic_is_accepted_labelled_and_its_red_flag_opens_a_signal(
    caller: Caller,
) -> None:
    episode = {
        "id": "019a5b10-0000-7000-8000-000000000401",
        "term": "metal-taste",
        "severity": 1,
        "onset_on": "2026-05-10",
    }
    before = caller("POST", f"{P}/side-effects", episode)
    assert faults(before) == ["/term"]
    add(caller, "side_effects", TERM)
    take(caller, 1, "sertraline")

    made = caller("POST", f"{P}/side-effects", episode)

    assert made.status_code == 201, made.text
    assert made.json()["label"] == "taste of metal"
    assert [one["evidence"]["red_flag"] for one in made.json()["opened_signals"]] == [True]
    judged = caller("GET", f"{P}/side-effects/{episode['id']}/causality")
    assert judged.status_code == 200, judged.text
    assert judged.json()["medicines"][0]["known"] is not None
    measure = "side_effects.metal-taste"
    trends = caller("GET", f"{P}/trends?measures={measure}").json()
    labels = [one["label"] for one in trends["measures"] if one["measure"] == measure]
    assert labels == ["Taste of metal"]


def test_a_word_for_a_term_of_the_clinic_finds_it(caller: Caller) -> None:
    add(caller, "side_effects", TERM)

    found = caller("GET", f"{REFERENCE}/side-effects?text=Metallic Tang").json()["items"]

    assert (found[0]["id"], found[0]["origin"]) == ("metal-taste", "clinic")

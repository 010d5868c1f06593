"""Questionnaires of a clinic's own: defined, scored, followed, over HTTP, on both databases."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from app.imports.results import Result
from tests.conftest import OTHER_CLINIC, Caller, Clinic
from tests.imports.files import MRN, bundle, run
from tests.imports.files import PATIENT as FHIR_PATIENT

PATIENT = "019a5b10-0000-7000-8000-000000000001"
PERSON = {"id": PATIENT, "name": {"given": "Example", "family": "Patient"}}
P = f"/v1/patients/{PATIENT}"
PATH = f"{P}/assessments"
DEFINITION: dict[str, Any] = {
    "title": "Night fears, four questions",
    "source": "the clinic's own, 2026",
    "domain": "sleep",
    "direction": "lower_better",
    "items": [
        {"min": 0, "max": 4, "label": "afraid to fall asleep"},
        {"min": 0, "max": 4, "reverse": True},
        {"min": 0, "max": 4},
        {"min": 0, "max": 1, "in_total": False},
    ],
    "recall_days": 7,
    "cadence_days": 14,
    "bands": [{"label": "low", "min": 0, "max": 5}, {"label": "high", "min": 6, "max": 12}],
    "response": {"kind": "percent_reduction", "value": 50},
    "remission": {"op": "<", "value": 3},
    "risk_items": [{"item": 4, "at_least": 1, "topic": "suicidality", "due": "same_day"}],
}
INSTRUMENT: dict[str, Any] = {
    "instrument": "night-fears",
    "licence": "the clinic's own",
    "items": ["Were you afraid?", "Did you feel safe?", "Did you wake?", None],
    "definition": DEFINITION,
}


@pytest.fixture
def caller(prescriber: Caller) -> Caller:
    assert prescriber("POST", "/v1/patients", PERSON).status_code == 201
    made = prescriber("POST", "/v1/instruments", INSTRUMENT)
    assert made.status_code == 201, made.text
    return prescriber


def filled_in(on: str, answers: Any, **more: Any) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "instrument": "night-fears",
        "occurred_on": on,
        "answers": answers,
        **more,
    }


def test_it_is_scored_by_its_own_rule(caller: Caller) -> None:
    # 4 + (4 - 1) + 2; the fourth item stands by itself.
    stored = caller("POST", PATH, filled_in("2026-05-01", [4, 1, 2, 0]))

    assert stored.status_code == 201, stored.text
    assert stored.json()["total"] == 9
    assert stored.json()["band"] == {"label": "high", "from": 6}
    assert stored.json()["rater"] is None or stored.json()["rater"] == "self"
    assert stored.json()["opened_signals"] == []


def test_its_risk_item_opens_a_signal_whatever_the_total_says(caller: Caller) -> None:
    stored = caller("POST", PATH, filled_in("2026-05-01", [0, 4, 0, 1])).json()
    page = caller("GET", f"{P}/signals").json()

    assert stored["total"] == 0
    assert [one["code"] for one in stored["opened_signals"]] == ["suicidal_ideation_item"]
    assert page["items"][0]["evidence"]["instrument"] == "night-fears"
    assert page["items"][0]["rule"] == {"id": "night-fears.4>=1", "version": 1}
    assert page["asked"]["suicidality"]["measure"] == "night-fears.4"


def test_it_is_trended_with_its_bands_and_its_direction(caller: Caller) -> None:
    for day, answers in (("01", [4, 0, 4, 0]), ("15", [2, 2, 2, 0]), ("29", [1, 3, 0, 0])):
        assert caller("POST", PATH, filled_in(f"2026-05-{day}", answers)).status_code == 201

    report = caller("GET", f"{P}/trends?as_of=2026-06-01&include=points").json()
    found = {one["measure"]: one for one in report["measures"]}

    assert found["night-fears.total"]["direction"] == "lower_better"
    points = found["night-fears.total"]["points"]
    assert [point["value"] for point in points] == [12, 6, 2]
    measure = caller("GET", "/v1/reference/measures/night-fears.total").json()
    assert [band["label"] for band in measure["bands"]] == ["low", "high"]
    assert (measure["source"], measure["min"], measure["max"]) == ("clinic", 0, 12)


def test_a_follow_up_brings_one_too(caller: Caller) -> None:
    visit = {
        "id": str(uuid4()),
        "kind": "visit",
        "occurred_at": "2026-05-04T10:00:00Z",
        "assessments": [{"instrument": "night-fears", "answers": {"1": 1, "2": 4, "3": 1}}],
    }
    stored = caller("POST", f"{P}/follow-ups", visit)
    unknown = caller(
        "POST",
        f"{P}/follow-ups",
        visit | {"id": str(uuid4()), "assessments": [{"instrument": "day-fears", "total": 1}]},
    )

    assert stored.status_code == 201, stored.text
    assert stored.json()["assessments"][0]["total_computed"] == 2
    assert unknown.status_code == 422
    assert [one["pointer"] for one in unknown.json()["errors"]] == ["/assessments/0/instrument"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"answers": [1, 1, 1]}, "/answers"),
        ({"answers": {"5": 1}}, "/answers/5"),
        ({"answers": {"one": 1}}, "/answers/one"),
        ({"rater": "clinician"}, "/rater"),
        ({"instrument": "day-fears"}, "/instrument"),
    ],
)
def test_what_it_does_not_have_is_refused(
    caller: Caller, body: dict[str, Any], pointer: str
) -> None:
    refused = caller("POST", PATH, filled_in("2026-05-01", [0, 0, 0, 0]) | body)

    assert refused.status_code == 422, refused.text
    assert [fault["pointer"] for fault in refused.json()["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"items": [{"min": 4, "max": 0}, *DEFINITION["items"][1:]]}, "/definition/items/0/max"),
        ({"items": DEFINITION["items"][:3]}, "/items"),
        ({"bands": [{"label": "all", "min": 0, "max": 99}]}, "/definition/bands/0"),
        ({"most_missing": 3}, "/definition/most_missing"),
        ({"remission": {"op": "<", "value": 50}}, "/definition/remission/value"),
        (
            {"risk_items": [{"item": 9, "at_least": 1, "topic": "other"}]},
            "/definition/risk_items/0/item",
        ),
        ({"direction": "target_range"}, "/definition/direction"),
        ({"source": None}, "/definition/source"),
    ],
)
def test_a_definition_that_contradicts_itself_is_refused(
    prescriber: Caller, changed: dict[str, Any], pointer: str
) -> None:
    refused = prescriber(
        "POST", "/v1/instruments", INSTRUMENT | {"definition": DEFINITION | changed}
    )

    assert refused.status_code == 422, refused.text
    assert [fault["pointer"] for fault in refused.json()["errors"]] == [pointer]


def test_it_takes_no_code_that_is_there(caller: Caller) -> None:
    house = {**INSTRUMENT, "instrument": "phq-2", "items": [None] * 4}
    undefined = {name: value for name, value in INSTRUMENT.items() if name != "definition"}
    measure = {"label": "x", "direction": "none", "unit": "1"}

    assert caller("POST", "/v1/instruments", house).status_code == 409
    assert (
        caller("POST", "/v1/instruments", INSTRUMENT | {"instrument": "sleep"}).status_code == 422
    )
    refused = caller("POST", "/v1/instruments", undefined | {"instrument": "day-fears"})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/instrument")
    for code in ("night-fears", "night-fears.total", "night-fears.4"):
        taken = caller("POST", "/v1/reference/measures", measure | {"code": code})
        assert taken.status_code == 409, code
    caller("POST", "/v1/reference/measures", measure | {"code": "day-fears.total"})
    other = caller("POST", "/v1/instruments", INSTRUMENT | {"instrument": "day-fears"})
    assert other.status_code == 409


def test_its_meaning_is_changed_by_version_and_its_numbers_never(caller: Caller) -> None:
    path = "/v1/instruments/night-fears"
    again = caller("POST", "/v1/instruments", INSTRUMENT)
    bands = {"definition": {"bands": [{"label": "any", "min": 0, "max": 12}]}}
    changed = caller("PATCH", path, bands, headers={"If-Match": '"1"'})
    rescored = caller(
        "PATCH", path, {"definition": {"most_missing": 1}}, headers={"If-Match": '"2"'}
    )
    undefined = caller("PATCH", path, {"definition": None}, headers={"If-Match": '"2"'})
    stored = caller("POST", PATH, filled_in("2026-05-01", [4, 1, 2, 0])).json()
    shown = caller("GET", path).json()

    assert again.status_code == 200
    assert changed.status_code == 200, changed.text
    assert (rescored.status_code, undefined.status_code) == (422, 422)
    assert stored["band"]["label"] == "any"
    assert (shown["origin"], shown["version"], shown["range"]) == (
        "clinic",
        2,
        {"min": 0, "max": 12},
    )
    assert shown["items"][0]["label"] == "afraid to fall asleep"
    assert shown["clinic_text"]["items"] == INSTRUMENT["items"]


def test_the_other_clinic_does_not_know_it(caller: Caller, clinic: Clinic) -> None:
    other = clinic.as_("prescriber", clinic_id=OTHER_CLINIC)
    patient = {**PERSON, "id": str(uuid4())}
    assert other("POST", "/v1/patients", patient).status_code == 201

    assert other("GET", "/v1/instruments/night-fears").status_code == 404
    sent = filled_in("2026-05-01", [0, 0, 0, 0])
    refused = other("POST", f"/v1/patients/{patient['id']}/assessments", sent)
    assert refused.status_code == 422
    assert other("POST", "/v1/instruments", INSTRUMENT).status_code == 201


def test_a_plan_measured_by_it_asks_the_patient_for_it(caller: Caller, clinic: Clinic) -> None:
    plan = {"agreed_on": "2026-05-01", "why": "Nights.", "measured_by": ["night-fears.total"]}
    assert caller("PUT", f"{P}/treatment-plan", plan).status_code == 201

    asked = clinic.as_("patient", patient_id=PATIENT)("GET", "/v1/me/tasks").json()["items"]

    assert [(one["instrument"], one["title"]) for one in asked] == [
        ("night-fears", "Night fears, four questions")
    ]


# ---- from files

COMPARED = ("answers", "total", "total_computed", "total_received", "parts", "band", "flags")
ANSWERS = [4, 1, 2, 1]


def imported(clinic: Clinic, caller: Caller, *files: Path) -> tuple[list[Result], Any, Any]:
    """Import files; give their results, the assessments and the signals of their patient."""
    results = run(clinic, *files, system=MRN)
    (person,) = caller("GET", "/v1/patients?identifier=S-1").json()["items"]
    path = f"/v1/patients/{person['id']}"
    signals = caller("GET", f"{path}/signals").json()["items"]
    return results, caller("GET", f"{path}/assessments").json()["items"], signals


def form_of_fhir(answers: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {
        "resourceType": "QuestionnaireResponse",
        "id": "own",
        "questionnaire": "https://clinic.example/Questionnaire/night-fears|2",
        "status": "completed",
        "subject": {"reference": "Patient/p1"},
        "authored": "2026-05-20",
        "item": [
            {"linkId": item, "answer": [{"valueInteger": one}]} for item, one in answers.items()
        ],
        **members,
    }


def test_a_response_of_fhir_and_the_rows_of_a_file_score_as_a_form_that_is_sent(
    caller: Caller, clinic: Clinic, tmp_path: Path
) -> None:
    sent = caller("POST", PATH, filled_in("2026-05-20", ANSWERS)).json()
    numbered = {str(item): one for item, one in enumerate(ANSWERS, start=1)}
    rows = tmp_path / "rows.csv"
    rows.write_text(
        "subject,date,domain,measure,value,unit\n"
        + "".join(f"S-1,2026-05-21,,night-fears.{n},{one},\n" for n, one in numbered.items())
    )

    files = (bundle(tmp_path, FHIR_PATIENT, form_of_fhir(numbered)), rows)
    first, kept, signals = imported(clinic, caller, *files)
    second, _, _ = imported(clinic, caller, *files)

    assert {one.status for one in first} == {"created"}
    assert {one.status for one in second} == {"unchanged"}
    assert [{name: one[name] for name in COMPARED} for one in kept] == [
        {name: sent[name] for name in COMPARED}
    ] * 2
    assert sent["total"] == 9
    assert [(one["code"], one["evidence"]["item"]) for one in signals] == [
        ("suicidal_ideation_item", 4)
    ] * 2


def test_a_total_of_a_file_that_disagrees_stands_beside_the_computed_one(
    caller: Caller, clinic: Clinic, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text(
        "subject,date,domain,measure,value,unit\n"
        + "".join(f"S-1,2026-05-21,,night-fears.{n},{one},\n" for n, one in enumerate(ANSWERS, 1))
        + "S-1,2026-05-21,,night-fears.total,7,\nS-1,2026-05-22,,night-fears.total,40,\n"
    )
    _, kept, _ = imported(clinic, caller, bundle(tmp_path, FHIR_PATIENT), rows)

    by_day = {one["occurred_on"][-2:]: one for one in kept}
    assert (by_day["21"]["total"], by_day["21"]["total_received"]) == (9, 7)
    assert by_day["21"]["flags"] == ["total_mismatch"]
    assert (by_day["22"]["total"], by_day["22"]["total_received"]) == (None, 40)
    assert by_day["22"]["flags"] == ["items_absent", "total_out_of_range"]


def test_what_a_file_says_of_it_and_it_does_not_have_is_said(
    caller: Caller, clinic: Clinic, tmp_path: Path
) -> None:
    words = {"linkId": "2", "answer": [{"valueString": "often"}]}
    unread = form_of_fhir({"1": 4})
    unread["item"].append(words)
    unknown = form_of_fhir({"1": 4}, id="unknown", questionnaire="https://x.example/night-terrors")
    rows = tmp_path / "rows.csv"
    rows.write_text("subject,date,measure,value\nS-1,2026-05-22,night-fears.5,1\n")
    results, kept, _ = imported(
        clinic, caller, bundle(tmp_path, FHIR_PATIENT, unread, unknown), rows
    )

    assert [(one.status, one.reason) for one in results] == [
        ("created", None),
        ("created", "answers_unread"),
        ("skipped", "instrument_unknown"),
        ("skipped", "invalid"),
    ]
    assert results[1].words == "items 2 of night-fears"
    assert [one["answers"] for one in kept] == [{"1": 4}]


def test_another_clinics_import_does_not_know_it(clinic: Clinic, caller: Caller) -> None:
    system = clinic.as_("system", clinic_id=OTHER_CLINIC)
    content = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": FHIR_PATIENT}, {"resource": form_of_fhir({"4": 1})}],
    }
    answer = system(
        "POST",
        "/v1/imports?create_patients=true",
        content=json.dumps(content),
        headers={"Content-Type": "application/fhir+json"},
    ).json()

    assert [one["reason"] for one in answer["results"]] == [None, "instrument_unknown"]


def test_the_risk_item_of_a_measure_of_the_clinics_own_opens_its_signal(
    caller: Caller, clinic: Clinic, tmp_path: Path
) -> None:
    measure = {
        "code": "ward-scale.total",
        "label": "Ward scale",
        "direction": "lower_better",
        "unit": "{score}",
        "min": 0,
        "max": 30,
        "risk_items": [{"item": 7, "at_least": 2}],
    }
    assert caller("POST", "/v1/reference/measures", measure).status_code == 201
    rows = tmp_path / "rows.csv"
    rows.write_text(
        "subject,date,measure,value\n"
        "S-1,2026-05-20,ward-scale.total,3\nS-1,2026-05-20,ward-scale.7,2\n"
        "S-1,2026-05-21,ward-scale.7,1\nS-1,2026-01-20,ward-scale.7,3\n"
    )
    _, _, signals = imported(clinic, caller, bundle(tmp_path, FHIR_PATIENT), rows)
    again = imported(clinic, caller, rows)[2]

    assert again == signals
    assert sorted(one["code"] for one in signals) == ["historic", "risk_item"]
    (fresh,) = [one for one in signals if one["code"] == "risk_item"]
    assert fresh["rule"] == {"id": "ward-scale.7>=2", "version": 1}
    shown = caller("GET", f"/v1/patients/{fresh['patient_id']}/trends").json()["risk"]
    told = {(one["measure"], one["value"], one["signal"]["id"]) for one in shown}
    assert ("ward-scale.7", 2, fresh["id"]) in told
    assert len(told) == 2

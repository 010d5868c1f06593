"""What a source corrects or takes back after an import, on both databases."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Caller, Clinic
from tests.imports.files import (
    LOINC,
    MRN,
    PATIENT,
    bundle,
    journal_rows,
    observation,
    once_a_day,
    request,
    run,
    said,
)
from tests.imports.test_imports import events, hl7v2, items, patient_id

WEIGHT = observation("w", "29463-7", valueQuantity={"value": 83.5, "unit": "kg", "code": "kg"})
TOTAL = observation("t", "44261-6", valueQuantity={"value": 17, "unit": "{score}"})
ODD = observation("o", "1234-5", valueQuantity={"value": 4, "unit": "kg"})
IN_ERROR = {"status": "entered-in-error"}
FORM = {
    "resourceType": "QuestionnaireResponse",
    "id": "q",
    "status": "completed",
    "questionnaire": "http://example.org/Questionnaire/phq-9",
    "subject": {"reference": "Patient/p1"},
    "authored": "2026-04-13T10:30:00-04:00",
    "item": [
        {"linkId": "/44250-9", "answer": [{"valueInteger": 2}]},
        {"linkId": "/44255-8", "answer": [{"valueInteger": 3}]},
    ],
}
FILL = {
    "resourceType": "MedicationDispense",
    "id": "f",
    "status": "completed",
    "subject": {"reference": "Patient/p1"},
    "medicationCodeableConcept": request("r", "2026-03-03")["medicationCodeableConcept"],
    "whenHandedOver": "2026-03-04",
    "daysSupply": {"value": 30, "unit": "d"},
}


def send(clinic: Clinic, folder: Path, *resources: dict[str, Any]) -> list[str]:
    """The results of a bundle of a patient and these, without the patient's own."""
    return said(run(clinic, bundle(folder, PATIENT, *resources)))[1:]


def standing(prescriber: Caller, path: str) -> list[Any]:
    return list(items(prescriber, path))


def numbers(prescriber: Caller) -> dict[str, list[float]]:
    path = f"/v1/patients/{patient_id(prescriber)}/trends?include=measures,points"
    found = prescriber("GET", path).json()["measures"]
    return {one["measure"]: [point["value"] for point in one["points"]] for one in found}


def dose(value: float) -> dict[str, Any]:
    return {"dosageInstruction": [once_a_day({"value": value, "unit": "mg"})]}


# ---- taken back


@pytest.mark.parametrize(
    ("resource", "path", "measure"),
    [
        (WEIGHT, "labs", "labs.29463-7"),
        (TOTAL, "assessments", "phq-9.total"),
        (ODD, None, "loinc.1234-5"),
        (FORM, "assessments", None),
    ],
)
def test_what_a_source_entered_in_error_is_withdrawn_and_counts_no_more(
    clinic: Clinic,
    prescriber: Caller,
    tmp_path: Path,
    resource: dict[str, Any],
    path: str | None,
    measure: str | None,
) -> None:
    assert send(clinic, tmp_path, resource) == ["created"]
    assert measure is None or measure in numbers(prescriber)

    results = run(clinic, bundle(tmp_path, PATIENT, resource | IN_ERROR))

    assert [one.status for one in results] == ["unchanged", "withdrawn"]
    assert results[1].reason == "entered_in_error"
    assert measure is None or not numbers(prescriber).get(measure)
    if path is not None:
        assert standing(prescriber, path) == []
        record = f"/v1/patients/{patient_id(prescriber)}/{path}/{results[1].record_id}"
        newest, first = prescriber("GET", f"{record}/history").json()["items"]
        assert (newest["status"], newest["withdrawn_because"]) == ("entered_in_error", "import")
        assert first["status"] == "active"
    before = journal_rows(clinic)
    assert send(clinic, tmp_path, resource | IN_ERROR) == ["unchanged"]
    assert send(clinic, tmp_path, resource) == ["withdrawn_before"]
    assert journal_rows(clinic) == before


def test_what_was_entered_in_error_before_it_came_is_skipped(
    clinic: Clinic, tmp_path: Path
) -> None:
    cancelled = request("r", "2026-03-03", status="cancelled")
    found = send(clinic, tmp_path, WEIGHT | IN_ERROR, FORM | IN_ERROR, FILL | IN_ERROR, cancelled)

    assert found == ["entered_in_error"] * 3 + ["not_carried_out"]


def test_each_component_of_an_observation_is_withdrawn_though_it_says_none_any_more(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    parts = [
        {
            "code": {"coding": [{"system": LOINC, "code": code}]},
            "valueQuantity": {"value": value, "unit": "mm[Hg]", "code": "mm[Hg]"},
        }
        for code, value in (("8480-6", 126), ("8462-4", 83))
    ]
    pressure = observation("bp", "85354-9", component=parts)
    assert send(clinic, tmp_path, pressure) == ["created"]
    assert len(numbers(prescriber)) == 2

    assert send(clinic, tmp_path, observation("bp", "85354-9") | IN_ERROR) == ["withdrawn"]

    assert not any(numbers(prescriber).values())


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled"])
def test_an_order_that_never_held_takes_its_course_along_and_another_begins_one(
    clinic: Clinic, prescriber: Caller, tmp_path: Path, status: str
) -> None:
    order = request("r", "2026-03-03", status="stopped")
    assert send(clinic, tmp_path, order) == ["created"]

    assert send(clinic, tmp_path, order | {"status": status}) == ["withdrawn"]
    assert standing(prescriber, "medications") == []
    assert send(clinic, tmp_path, order | {"status": status}) == ["unchanged"]

    other = request("s", "2026-04-01")
    assert send(clinic, tmp_path, order | {"status": status}, other) == ["unchanged", "created"]
    assert events(prescriber) == [("start", "2026-04-01", "50")]
    assert send(clinic, tmp_path, order | {"status": status}, other) == ["unchanged"] * 2


def test_a_course_with_another_order_or_a_fill_stays(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    order, later = request("r", "2026-03-03"), request("s", "2026-04-01") | dose(100)
    assert send(clinic, tmp_path, order, later, FILL) == ["created"] * 3

    assert send(clinic, tmp_path, order | IN_ERROR, later, FILL)[0] == "withdrawn"
    assert events(prescriber) == [("change", "2026-04-01", "100")]
    assert send(clinic, tmp_path, later | IN_ERROR) == ["withdrawn"]
    (course,) = standing(prescriber, "medications")
    assert send(clinic, tmp_path, FILL | IN_ERROR) == ["withdrawn"]
    assert standing(prescriber, f"medications/{course['id']}/dispenses") == []


def test_what_stands_in_its_place_is_kept_in_the_same_import(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    order = request("r", "2026-03-03")
    send(clinic, tmp_path, TOTAL, order)
    again = [TOTAL | {"id": "t2"}, order | {"id": "r2"}]
    file = [*again, TOTAL | IN_ERROR, order | IN_ERROR]

    assert send(clinic, tmp_path, *file) == ["created", "created", "withdrawn", "withdrawn"]

    assert numbers(prescriber)["phq-9.total"] == [17]
    assert events(prescriber) == [("start", "2026-03-03", "50")]
    before = journal_rows(clinic)
    assert send(clinic, tmp_path, *file) == ["unchanged"] * 4
    assert journal_rows(clinic) == before


def test_what_a_clinician_changed_since_stays_and_a_signal_says_what_the_source_says(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    send(clinic, tmp_path, WEIGHT)
    (lab,) = standing(prescriber, "labs")
    path = f"/v1/patients/{patient_id(prescriber)}/labs/{lab['id']}"
    patch = {"value": "84", "change_reason": {"code": "typo"}}
    headers = {"If-Match": '"1"', "Content-Type": "application/merge-patch+json"}
    assert prescriber("PATCH", path, patch, headers=headers).status_code == 200
    heavier = WEIGHT | {"valueQuantity": {"value": 85, "unit": "kg", "code": "kg"}}

    assert send(clinic, tmp_path, WEIGHT) == ["unchanged"]
    assert send(clinic, tmp_path, heavier) == ["changed_here"]
    assert standing(prescriber, "signals") == []
    assert send(clinic, tmp_path, WEIGHT | IN_ERROR) == ["changed_here"]
    assert send(clinic, tmp_path, WEIGHT | IN_ERROR) == ["changed_here"]

    assert [one["value"] for one in standing(prescriber, "labs")] == ["84"]
    (signal,) = standing(prescriber, "signals")
    assert (signal["code"], signal["evidence"]["record_id"]) == ("source_took_back", lab["id"])


def test_a_dose_that_a_prescriber_confirmed_is_not_overwritten(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    order = request("r", "2026-05-20") | dose(500)
    send(clinic, tmp_path, order)
    (course,) = standing(prescriber, "medications")
    path = f"medications/{course['id']}/dose-events"
    (event,) = standing(prescriber, path)
    word = {"codes": event["unconfirmed"], "reason": "told by the hospital"}
    headers = {"If-Match": '"1"', "Content-Type": "application/merge-patch+json"}
    patch = {"confirmation": word, "change_reason": {"code": "other", "text": "asked there"}}
    address = f"/v1/patients/{patient_id(prescriber)}/{path}/{event['id']}"
    assert prescriber("PATCH", address, patch, headers=headers).status_code == 200

    assert send(clinic, tmp_path, order) == ["unchanged"]
    assert send(clinic, tmp_path, order | dose(100)) == ["changed_here"]
    assert send(clinic, tmp_path, order | IN_ERROR) == ["changed_here"]

    assert events(prescriber) == [("start", "2026-05-20", "500")]


# ---- corrected


def test_a_corrected_value_is_the_next_version_of_its_record(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    corrected = TOTAL | {"status": "corrected", "valueQuantity": {"value": 12}}
    odd = ODD | {"valueQuantity": {"value": 5, "unit": "kg"}}
    lighter = WEIGHT | {"valueQuantity": {"value": 38.5, "unit": "kg", "code": "kg"}}
    send(clinic, tmp_path, TOTAL, ODD, WEIGHT)
    assert send(clinic, tmp_path, corrected, odd, lighter) == ["updated"] * 3

    (kept,) = standing(prescriber, "assessments")
    assert (kept["version"], kept["status"], kept["total"]) == (2, "corrected", 12)
    assert kept["change_reason"] == {"code": "other", "text": "the source corrected it"}
    found = numbers(prescriber)
    assert (found["phq-9.total"], found["loinc.1234-5"]) == ([12], [5])
    assert found["labs.29463-7"] == [38.5]
    before = journal_rows(clinic)
    assert send(clinic, tmp_path, corrected, odd, lighter) == ["unchanged"] * 3
    assert send(clinic, tmp_path, TOTAL, ODD, WEIGHT) == ["older_content"] * 3
    assert journal_rows(clinic) == before


def test_a_rehearsal_says_what_would_be_corrected_and_withdrawn(
    clinic: Clinic, tmp_path: Path
) -> None:
    send(clinic, tmp_path, TOTAL, WEIGHT)
    changed = TOTAL | {"valueQuantity": {"value": 12}}
    file = bundle(tmp_path, PATIENT, changed, WEIGHT | IN_ERROR)
    before = journal_rows(clinic)

    assert said(run(clinic, file, dry_run=True)) == ["unchanged", "updated", "withdrawn"]
    assert journal_rows(clinic) == before
    assert said(run(clinic, file)) == ["unchanged", "updated", "withdrawn"]


def test_an_answer_that_its_source_takes_out_of_a_form_is_not_kept(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    send(clinic, tmp_path, FORM)
    shorter = FORM | {"status": "amended", "item": FORM["item"][:1]}  # type: ignore[index]

    assert send(clinic, tmp_path, shorter) == ["updated"]

    (kept,) = standing(prescriber, "assessments")
    assert kept["answers"] == {"1": 2}


def test_a_corrected_risk_answer_opens_its_signal(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    form = FORM | {"authored": "2026-05-30T10:30:00-04:00"}
    send(clinic, tmp_path, form)
    ninth = {"linkId": "/44260-8", "answer": [{"valueInteger": 3}]}

    assert send(clinic, tmp_path, form | {"item": [*form["item"], ninth]}) == ["updated"]

    (signal,) = standing(prescriber, "signals")
    assert signal["code"] == "suicidal_ideation_item"


def test_a_corrected_order_changes_its_dose_and_its_end(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    ends = {"dispenseRequest": {"validityPeriod": {"end": "2026-04-13"}}}
    order = request("r", "2026-03-03", status="completed") | ends
    unknown = order | {"dosageInstruction": [once_a_day({"value": 1.0})]}
    send(clinic, tmp_path, unknown)

    assert send(clinic, tmp_path, order) == ["updated"]
    assert events(prescriber) == [("start", "2026-03-03", "50"), ("stop", "2026-04-14", None)]
    (course,) = standing(prescriber, "medications")
    first = standing(prescriber, f"medications/{course['id']}/dose-events")[0]
    assert "unconfirmed" not in first
    assert send(clinic, tmp_path, order) == ["unchanged"]

    holds = order | {"status": "active", "authoredOn": "2026-03-05"} | dose(100)
    assert send(clinic, tmp_path, holds) == ["updated"]
    assert events(prescriber) == [("start", "2026-03-05", "100")]
    assert send(clinic, tmp_path, holds) == ["unchanged"]


def test_a_corrected_fill_is_the_next_version_of_it(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    order = request("r", "2026-03-03")
    send(clinic, tmp_path, order, FILL)
    longer = FILL | {"daysSupply": {"value": 90, "unit": "d"}}

    assert send(clinic, tmp_path, order, longer) == ["unchanged", "updated"]

    (course,) = standing(prescriber, "medications")
    (fill,) = standing(prescriber, f"medications/{course['id']}/dispenses")
    assert (fill["version"], fill["days_supply"]) == (2, 90)


def test_of_two_words_on_one_thing_in_a_file_the_last_counts(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    corrected = TOTAL | {"status": "corrected", "valueQuantity": {"value": 12}}

    assert send(clinic, tmp_path, TOTAL, corrected) == ["superseded", "created"]
    assert numbers(prescriber)["phq-9.total"] == [12]
    assert send(clinic, tmp_path, TOTAL, corrected) == ["superseded", "unchanged"]


# ---- HL7 v2


PID = f"PID|||S-1^^^{MRN}^MR||Example^Sam"
OBR = "OBR|1|||24331-1^Lipid panel^LN|||20260413083000-0400"


def sodium(value: int, state: str) -> str:
    return f"OBX|1|NM|2951-2^Sodium^LN||{value}|mmol/L^^UCUM|||||{state}"


@pytest.mark.parametrize("state", ["W", "D"])
def test_a_result_of_hl7_v2_is_corrected_and_deleted(
    clinic: Clinic, prescriber: Caller, tmp_path: Path, state: str
) -> None:
    final = hl7v2(tmp_path, "1.hl7", PID, OBR, sodium(138, "F"))
    corrected = hl7v2(tmp_path, "2.hl7", PID, OBR, sodium(141, "C"))
    deleted = hl7v2(tmp_path, "3.hl7", PID, OBR, sodium(141, state))

    assert said(run(clinic, final)) == ["created", "created"]
    assert said(run(clinic, corrected)) == ["unchanged", "updated"]
    assert [one["value"] for one in standing(prescriber, "labs")] == ["141"]
    assert said(run(clinic, deleted)) == ["unchanged", "withdrawn"]
    assert standing(prescriber, "labs") == []
    assert said(run(clinic, deleted)) == ["unchanged", "unchanged"]


def test_an_order_of_hl7_v2_that_was_cancelled_is_withdrawn(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    drug = "RXE|^QD^^20260503^20260603|36437^sertraline^RXNORM|50||mg"
    ordered = hl7v2(tmp_path, "1.hl7", PID, "ORC|NW||||||||||||||20260501", drug)
    cancelled = hl7v2(tmp_path, "2.hl7", PID, "ORC|CA||||||||||||||20260502", drug)

    assert said(run(clinic, ordered)) == ["created", "created"]
    assert said(run(clinic, cancelled)) == ["unchanged", "withdrawn"]
    assert standing(prescriber, "medications") == []
    assert said(run(clinic, cancelled)) == ["unchanged", "unchanged"]


# ---- whose it is


def test_another_server_s_patient_is_nobody_of_ours(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    ours = "https://ours.example/fhir"
    run(clinic, bundle(tmp_path, PATIENT | {"identifier": [{"system": ours, "value": "p1"}]}))

    def of(reference: str) -> list[str]:
        other = WEIGHT | {"id": reference, "subject": {"reference": reference}}
        return said(run(clinic, bundle(tmp_path, other), create_patients=False, system=ours))

    assert of("Patient/p1") == ["created"]
    assert of(f"{ours}/Patient/p1") == ["created"]
    assert of("https://other.example/Patient/p1") == ["patient_unknown"]
    assert of("https://other.example/fhir/Patient/p1/_history/2") == ["patient_unknown"]
    for wrong in ("Group/p1", "Patient/", "Patient/p1/x", "#p1"):
        assert of(wrong) == ["patient_unknown"]
    (person,) = prescriber("GET", "/v1/patients?identifier=p1").json()["items"]
    kept = prescriber("GET", f"/v1/patients/{person['id']}/labs").json()["items"]
    assert len(kept) == 2

    stranger = WEIGHT | {"subject": {"reference": "https://other.example/Patient/p1"}}
    assert said(run(clinic, bundle(tmp_path, stranger), system=ours)) == ["created"]
    found = prescriber("GET", "/v1/patients?identifier=p1").json()["items"]
    systems = [one["identifiers"][0]["system"] for one in found]
    assert sorted(systems) == ["https://other.example", ours]

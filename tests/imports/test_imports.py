"""Files kept by the real services on both databases: once, whole, and with a result each."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.identity import service as identity
from app.imports.results import Unreadable
from app.imports.service import CareTeamUnknown
from tests.conftest import Caller, Clinic
from tests.imports.files import (
    LOINC,
    MRN,
    PATIENT,
    RXNORM,
    bundle,
    journal_rows,
    observation,
    once_a_day,
    request,
    run,
    said,
)
from tests.shared import SHARED, needs_shared

WEIGHT = observation("w", "29463-7", valueQuantity={"value": 83.5, "unit": "kg"})
MEASURES = "subject,date,domain,measure,value,unit\n"
PATIENT_USER = UUID("00000000-0000-7000-8000-0000000000ff")
DOSES = "subject,date,kind,drug,amount,unit,times_per_day,reason\n"


def patient_id(prescriber: Caller, value: str = "S-1") -> str:
    (found,) = prescriber("GET", f"/v1/patients?identifier={value}").json()["items"]
    return str(found["id"])


def items(prescriber: Caller, path: str) -> Any:
    return prescriber("GET", f"/v1/patients/{patient_id(prescriber)}/{path}").json()["items"]


def events(prescriber: Caller) -> list[tuple[str, str | None, str | None]]:
    """Kind, day and amount of the events of the only course."""
    (course,) = items(prescriber, "medications")
    found = items(prescriber, f"medications/{course['id']}/dose-events")
    return [
        (one["kind"], one["effective_on"], one["dose"]["amount"] if one.get("dose") else None)
        for one in found
    ]


def csv(folder: Path, content: str, name: str = "rows.csv") -> Path:
    file = folder / name
    file.write_text(content)
    return file


# ---- whole units, once


def test_the_second_import_changes_nothing(clinic: Clinic, tmp_path: Path) -> None:
    file = bundle(tmp_path, PATIENT, WEIGHT, request("r", "2026-03-03"), {"resourceType": "Group"})

    assert said(run(clinic, file)) == ["created"] * 3 + ["type_not_read"]
    before = journal_rows(clinic)
    assert said(run(clinic, file)) == ["unchanged"] * 3 + ["type_not_read"]
    assert journal_rows(clinic) == before


def test_a_dry_run_says_what_it_would_do_and_stores_nothing(clinic: Clinic, tmp_path: Path) -> None:
    file = bundle(tmp_path, PATIENT, WEIGHT, request("r", "2026-03-03"), observation("x", "1-8"))
    before = journal_rows(clinic)

    assert said(run(clinic, file, dry_run=True)) == ["created"] * 3 + ["no_value"]
    assert journal_rows(clinic) == before
    assert said(run(clinic, file)) == ["created"] * 3 + ["no_value"]


def test_one_entry_that_the_record_refuses_never_blocks_the_others(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    before_birth = WEIGHT | {"id": "early", "effectiveDateTime": "1979-01-01"}
    ahead = request("ahead", "2026-08-01")
    file = bundle(tmp_path, PATIENT, before_birth, WEIGHT, ahead, request("r", "2026-03-03"))

    results = run(clinic, file)

    assert said(results) == ["created", "invalid", "created", "invalid", "created"]
    assert results[1].words == "/drawn_on: the birth date or later"
    assert events(prescriber) == [("start", "2026-03-03", "50")]


def test_a_broken_file_stops_before_any_file_is_stored(clinic: Clinic, tmp_path: Path) -> None:
    good = bundle(tmp_path, PATIENT, WEIGHT)
    broken = csv(tmp_path, "a,b\n1,2\n")
    before = journal_rows(clinic)

    with pytest.raises(Unreadable, match=r"rows\.csv, line 1"):
        run(clinic, good, broken)

    assert journal_rows(clinic) == before


def test_an_entry_that_is_another_kind_of_record_now_is_left_to_the_record(
    clinic: Clinic, tmp_path: Path
) -> None:
    run(clinic, bundle(tmp_path, PATIENT, WEIGHT))
    changed = WEIGHT | {"valueQuantity": {"value": 184, "unit": "[lb_av]"}}

    assert said(run(clinic, bundle(tmp_path, PATIENT, changed))) == ["unchanged", "differs"]


def test_an_entry_that_stands_twice_in_a_file_is_one_record(clinic: Clinic, tmp_path: Path) -> None:
    assert said(run(clinic, bundle(tmp_path, PATIENT, WEIGHT, WEIGHT))) == [
        "created",
        "created",
        "unchanged",
    ]


# ---- whose it is


def test_a_patient_is_made_only_when_that_was_asked_for(clinic: Clinic, tmp_path: Path) -> None:
    file = bundle(tmp_path, PATIENT, WEIGHT)

    assert said(run(clinic, file, create_patients=False)) == ["patient_unknown"] * 2
    assert said(run(clinic, file)) == ["created"] * 2
    assert said(run(clinic, file, create_patients=False)) == ["unchanged"] * 2


def test_two_patients_with_its_identifiers_refuse_an_entry(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    for system in ("urn:a", "urn:b"):
        person = {
            "name": {"given": "Sam", "family": "Example"},
            "identifiers": [{"system": system, "value": "S-1"}],
        }
        prescriber("POST", "/v1/patients", person, headers={"Idempotency-Key": system})
    both = [{"system": "urn:a", "value": "S-1"}, {"system": "urn:b", "value": "S-1"}]
    file = bundle(tmp_path, PATIENT | {"identifier": both}, WEIGHT)
    rows = csv(tmp_path, MEASURES + "S-1,2026-03-02,sleep,sleep.duration_h,6.5,h\n")

    assert said(run(clinic, file)) == ["patient_ambiguous"] * 2
    assert said(run(clinic, rows)) == ["system_needed"]
    assert said(run(clinic, rows, system="urn:a")) == ["created"]
    assert said(run(clinic, rows, system="urn:c", create_patients=False)) == ["patient_unknown"]


def test_a_new_patient_is_seen_by_the_named_care_team_alone(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    nurse = identity.built_in_user(identity.DEFAULT_CLINIC, "care_team")
    run(clinic, bundle(tmp_path, PATIENT), care_team=nurse)

    path = "/v1/patients?identifier=S-1"
    assert prescriber("GET", path).json()["items"] == []
    (seen,) = clinic.as_("care_team")("GET", path).json()["items"]
    assert seen["identifiers"] == [{"system": MRN, "value": "S-1"}]
    assert seen["name"] == {"given": "Sam", "family": "Example"}


def test_a_subject_of_a_file_becomes_a_patient_without_an_invented_name(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    file = csv(tmp_path, MEASURES + "S-1,2026-03-02,symptom,HAMD17,32.0,\n")

    assert said(run(clinic, file, create_patients=False)) == ["patient_unknown"]
    assert said(run(clinic, file)) == ["created"]
    assert said(run(clinic, file)) == ["unchanged"]
    (seen,) = prescriber("GET", "/v1/patients?identifier=S-1").json()["items"]
    assert seen["name"] == {"given": "(no name)", "family": "S-1"}


# ---- medicines


def test_a_product_code_keeps_its_identity(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    system = "http://www.nlm.nih.gov/research/umls/rxnorm"
    product = {"system": system, "code": "351266", "display": "buprenorphine / naloxone tablet"}
    order = request("r", "2026-03-03", medicationCodeableConcept={"coding": [product]})

    run(clinic, bundle(tmp_path, PATIENT, order))

    (course,) = items(prescriber, "medications")
    assert course["code"] == product
    assert course["reference_id"] is None


def test_a_dose_without_a_unit_waits_for_a_prescriber_in_one_signal(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    dosage = [once_a_day({"value": 1.0})]
    old = [
        request(day, day, dosageInstruction=dosage, status="stopped")
        for day in ("2024-01-05", "2025-01-05")
    ]

    results = run(clinic, bundle(tmp_path, PATIENT, *old))

    assert [(one.reason, one.words) for one in results[1:]] == [
        ("dose_unknown", "unit-missing")
    ] * 2
    (course,) = items(prescriber, "medications")
    found = items(prescriber, f"medications/{course['id']}/dose-events")
    assert [one.get("unconfirmed") for one in found] == [["unit-missing"], ["unit-missing"], None]
    assert [one["dose"] for one in found[:2]] == [None, None]
    assert [one["code"] for one in items(prescriber, "signals")] == ["historic"]


def test_what_stopped_without_a_day_closes_on_an_unknown_one(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    run(clinic, bundle(tmp_path, PATIENT, request("r", "2026-03-03", status="stopped")))

    assert events(prescriber) == [("start", "2026-03-03", "50"), ("stop", None, None)]
    assert items(prescriber, "medications?active_on=2026-06-01") == []


def test_a_later_order_restarts_what_stopped_without_a_day(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    file = bundle(
        tmp_path,
        PATIENT,
        request("third", "2026-05-01"),
        request("first", "2026-03-03", status="stopped"),
        request("second", "2026-04-01"),
    )

    run(clinic, file)

    assert [(kind, day) for kind, day, _ in events(prescriber)] == [
        ("start", "2026-03-03"),
        ("restart", "2026-04-01"),
        ("change", "2026-05-01"),
    ]
    assert len(items(prescriber, "medications?active_on=2026-06-01")) == 1


def test_a_later_file_restarts_the_course_of_an_earlier_one(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    first = request("first", "2026-03-03", status="stopped")
    run(clinic, bundle(tmp_path, PATIENT, first))

    second = bundle(tmp_path, PATIENT, first, request("second", "2026-04-01"))

    assert said(run(clinic, second)) == ["unchanged", "unchanged", "created"]
    assert [kind for kind, _, _ in events(prescriber)] == ["start", "restart", "stop"]
    assert len(items(prescriber, "medications?active_on=2026-06-01")) == 1


def test_an_end_is_part_of_its_period_and_the_stop_holds_from_the_next_day(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    period = {"validityPeriod": {"end": "2026-04-13"}}
    order = request("r", "2026-03-03", status="completed", dispenseRequest=period)

    run(clinic, bundle(tmp_path, PATIENT, order))

    assert events(prescriber)[1] == ("stop", "2026-04-14", None)


def test_an_order_that_a_clinician_recorded_before_is_not_doubled(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    run(clinic, bundle(tmp_path, PATIENT))
    course = {
        "kind": "drug",
        "code": {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "36437"},
        "first_dose_event": {
            "kind": "start",
            "effective_on": "2026-03-03",
            "dose": {"amount": "50", "unit": "mg"},
            "times_per_day": 1,
        },
    }
    path = f"/v1/patients/{patient_id(prescriber)}/medications"
    prescriber("POST", path, course, headers={"Idempotency-Key": "course"})
    higher = [once_a_day({"value": 100, "unit": "mg"})]
    file = bundle(
        tmp_path,
        PATIENT,
        request("r", "2026-03-03"),
        request("s", "2026-04-14", dosageInstruction=higher),
    )

    assert said(run(clinic, file)) == ["unchanged", "unchanged", "created"]
    assert events(prescriber) == [("start", "2026-03-03", "50"), ("change", "2026-04-14", "100")]


def test_drug_text_joins_no_course_on_a_likeness_and_names_the_candidates(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    run(clinic, bundle(tmp_path, PATIENT, request("r", "2026-03-03")))
    rows = csv(
        tmp_path,
        DOSES
        + "S-1,2026-04-01,change,Zoloft,100,mg,1,\n"
        + "S-1,2026-04-02,start,sertralin,50,mg,1,\n",
    )

    joined, uncoded = run(clinic, rows)

    assert (joined.status, joined.reason) == ("created", None)
    assert (uncoded.status, uncoded.reason) == ("created", "uncoded")
    assert uncoded.words == "a text names no drug for sure; may be sertraline"
    assert [one["name"] for one in items(prescriber, "medications")] == ["sertraline", "sertralin"]
    assert said(run(clinic, rows)) == ["unchanged", "unchanged"]


def test_rows_of_a_drug_that_nobody_knows_make_one_course_in_any_order(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    rows = csv(
        tmp_path,
        DOSES
        + "S-1,2026-05-01,stop,Calmol,,,,side_effect\n"
        + "S-1,2026-04-01,change,calmol,20,mg,1,\n"
        + "S-1,2026-03-01,start,Calmol,10,mg,1,initial\n"
        + "S-1,2026-03-01,start,Calmol,10,mg,1,initial\n",
    )

    assert said(run(clinic, rows)) == ["created", "created", "created", "unchanged"]
    assert events(prescriber) == [
        ("start", "2026-03-01", "10"),
        ("change", "2026-04-01", "20"),
        ("stop", "2026-05-01", None),
    ]
    assert said(run(clinic, rows)) == ["unchanged"] * 4


# ---- numbers


def test_a_risk_answer_of_long_ago_waits_in_one_signal_and_a_new_one_in_its_own(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    rows = csv(
        tmp_path,
        MEASURES
        + "S-1,2025-01-02,symptom,phq-9.9,1,\n"
        + "S-1,2025-02-02,symptom,phq-9.9,2,\n"
        + "S-1,2026-05-30,symptom,phq-9.9,3,\n",
    )

    run(clinic, rows)

    signals = {one["code"]: one["evidence"] for one in items(prescriber, "signals")}
    assert signals.keys() == {"historic", "suicidal_ideation_item"}
    assert signals["historic"]["n"] == 2
    assert signals["suicidal_ideation_item"]["value"] == 3


@pytest.fixture
def trend(clinic: Clinic, prescriber: Caller) -> Any:
    def ask(code: str) -> Any:
        path = f"/v1/patients/{patient_id(prescriber)}/trends"
        found = prescriber("GET", f"{path}?include=measures,points&measures={code}").json()
        return next(one for one in found["measures"] if one["measure"] == code)

    return ask


def test_a_number_that_nobody_registered_is_trended_without_a_direction_until_it_is(
    clinic: Clinic, prescriber: Caller, tmp_path: Path, trend: Any
) -> None:
    rows = "".join(f"S-1,2026-05-{day:02},symptom,HAMD17,{30 - day},\n" for day in range(1, 9))
    run(clinic, csv(tmp_path, MEASURES + rows))

    before = trend("HAMD17")
    assert (before["n"], before["direction"]) == (8, "none")
    measure = {
        "code": "HAMD17",
        "label": "HAM-D",
        "direction": "lower_better",
        "unit": "{score}",
        "min": 0,
        "max": 52,
    }
    assert prescriber("POST", "/v1/reference/measures", measure).status_code == 201
    after = trend("HAMD17")
    assert (after["n"], after["direction"]) == (8, "lower_better")


def test_a_value_in_another_unit_is_kept_and_not_counted(
    clinic: Clinic, prescriber: Caller, tmp_path: Path, trend: Any
) -> None:
    values = [(1, 5.4, "mmol/L"), (2, 97, "mg/dL"), (3, 5.6, "mmol/L")]
    glucose = [
        observation(
            str(day),
            "2345-7",
            effectiveDateTime=f"2026-05-0{day}",
            valueQuantity={"value": value, "unit": unit},
        )
        for day, value, unit in values
    ]

    assert said(run(clinic, bundle(tmp_path, PATIENT, *glucose))) == ["created"] * 4

    assert trend("loinc.2345-7")["n"] == 2


def test_a_registered_measure_takes_its_own_unit_only(clinic: Clinic, tmp_path: Path) -> None:
    rows = csv(
        tmp_path,
        MEASURES
        + "S-1,2026-05-01,sleep,sleep.duration_h,390,min\n"
        + "S-1,2026-05-01,sleep,sleep.duration_h,6.5,h\n",
    )

    assert said(run(clinic, rows)) == ["invalid", "created"]


def test_the_items_of_a_panel_are_one_assessment(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    codes = ["LA6570-1", "LA6569-3"]
    members = [
        observation(
            f"i{number}",
            loinc,
            valueCodeableConcept={"coding": [{"system": LOINC, "code": code}]},
        )
        for number, (loinc, code) in enumerate(zip(["44250-9", "44255-8"], codes, strict=True))
    ]
    references = [{"reference": f"Observation/i{number}"} for number in range(2)]
    panel = observation("panel", "55757-9", hasMember=references)

    results = run(clinic, bundle(tmp_path, PATIENT, *members, panel))

    assert said(results) == ["created"] * 4
    assert len({one.record_id for one in results[1:]}) == 1
    (kept,) = items(prescriber, "assessments")
    assert (kept["instrument"], kept["answers"], kept["total"]) == ("phq-2", {"1": 2, "2": 1}, 3)


@needs_shared
def test_the_contracts_files_join_what_is_there(clinic: Clinic, prescriber: Caller) -> None:
    contract = SHARED / "contract"
    p = "/v1/patients/019a5b10-0000-7000-8000-000000000001"
    sertraline = f"{p}/medications/019a5b10-0000-7000-8000-000000000101"
    for name, path in (
        ("01-patient", "/v1/patients"),
        ("03-medication", f"{p}/medications"),
        ("04-supplement", f"{p}/medications"),
        ("05-dose-event", f"{sertraline}/dose-events"),
    ):
        prescriber("POST", path, json.loads((contract / f"{name}.json").read_text()))
    with_items = {
        "instrument": "phq-9",
        "occurred_at": "2026-03-02T09:00:00-05:00",
        "answers": [2, 3, 3, 2, 2, 2, 2, 1, 1],
    }
    prescriber("POST", f"{p}/assessments", with_items, headers={"Idempotency-Key": "phq"})
    files = [contract / "16-observations.csv", contract / "17-dose-events.csv"]

    first = run(clinic, *files)
    before = journal_rows(clinic)
    second = run(clinic, *files)

    assert said(first) == ["created"] * 4 + ["unchanged", "unchanged", "created"]
    assert {one.reason for one in first} == {None}
    assert said(second) == ["unchanged"] * 7
    assert journal_rows(clinic) == before
    assert len(prescriber("GET", f"{p}/medications").json()["items"]) == 2
    last = prescriber("GET", f"{sertraline}/dose-events").json()["items"][-1]
    assert (last["kind"], last["effective_on"], last["dose"]) == ("change", "2026-05-20", None)
    found = prescriber("GET", f"{p}/trends?include=measures,points").json()["measures"]
    phq9 = next(one for one in found if one["measure"] == "phq-9.total")
    assert [one["value"] for one in phq9["points"]] == [18, 15]
    assert phq9["n_raw"] == 3
    restless = next(one for one in found if one["measure"] == "restlessness_1_to_7")
    assert (restless["n"], restless["direction"]) == (1, "none")


# ---- old facts


def test_facts_of_long_ago_wait_in_one_signal_and_page_nobody(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    day = "2025-01-05"
    lithium = {"value": 2.1, "unit": "mmol/L", "code": "mmol/L"}
    several = {"coding": [{"system": LOINC, "code": "LA6571-9"}]}
    tramadol = {"coding": [{"system": RXNORM, "code": "10689", "display": "tramadol"}]}
    file = bundle(
        tmp_path,
        PATIENT,
        request("unknown", day, dosageInstruction=[once_a_day({"value": 1.0})]),
        request("pair", day, medicationCodeableConcept=tramadol),
        observation("lithium", "14334-7", effectiveDateTime=day, valueQuantity=lithium),
        observation("item", "44260-8", effectiveDateTime=day, valueCodeableConcept=several),
    )

    assert said(run(clinic, file)) == ["created"] * 5

    (signal,) = items(prescriber, "signals")
    assert (signal["code"], signal["state"]) == ("historic", "open")
    codes = [one["code"] for one in signal["evidence"]["findings"]]
    assert sorted(codes) == ["critical_lab", "suicidal_ideation_item"]
    assert said(run(clinic, file)) == ["unchanged"] * 5
    assert len(items(prescriber, "signals")) == 1


# ---- HL7 v2


def hl7v2(folder: Path, name: str, *segments: str) -> Path:
    file = folder / name
    header = "MSH|^~\\&|EHR|WARD|||20260413103000-0400||RDE^O11|M1|P|2.5.1"
    file.write_text("\r".join((header, *segments)))
    return file


def test_messages_of_one_order_start_change_and_stop_its_course_in_any_order_of_files(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    pid = f"PID|||S-1^^^{MRN}^MR||Example^Sam"
    drug = "RXE|^QD^^20260303|36437^sertraline^RXNORM"
    files = [
        hl7v2(tmp_path, "3.hl7", pid, "ORC|DC||||||||||||||20260520", f"{drug}|100||mg"),
        hl7v2(tmp_path, "1.hl7", pid, "ORC|NW||||||||||||||20260303", f"{drug}|50||mg"),
        hl7v2(tmp_path, "2.hl7", pid, "ORC|XO||||||||||||||20260414", f"{drug}|100||mg"),
    ]

    assert said(run(clinic, *files[1:])) == ["created", "created", "unchanged", "created"]
    assert events(prescriber) == [("start", "2026-03-03", "50"), ("change", "2026-04-14", "100")]
    run(clinic, *files)
    whole = [
        ("start", "2026-03-03", "50"),
        ("change", "2026-04-14", "100"),
        ("stop", "2026-05-20", None),
    ]
    assert events(prescriber) == whole
    before = journal_rows(clinic)
    assert {one.status for one in run(clinic, *files)} == {"unchanged"}
    assert journal_rows(clinic) == before

    again = hl7v2(tmp_path, "4.hl7", pid, "ORC|NW||||||||||||||20260528", f"{drug}|25||mg")
    ends = hl7v2(tmp_path, "5.hl7", pid, "ORC|DC||||||||||||||20260525", f"{drug}|100||mg")
    assert said(run(clinic, ends)) == ["unchanged", "not_running"]
    again.write_text(again.read_text().replace("^^20260303", ""))
    assert said(run(clinic, *files, again))[-1] == "created"
    assert events(prescriber) == [*whole, ("restart", "2026-05-28", "25")]


def test_an_identifier_without_a_system_finds_the_patient_that_an_import_made_of_it(
    clinic: Clinic, tmp_path: Path
) -> None:
    bare = hl7v2(tmp_path, "bare.hl7", "PID|||1234^^^^MR||Doe^Jane")

    assert said(run(clinic, bare)) == ["created"]
    run(clinic, bundle(tmp_path, PATIENT))
    assert said(run(clinic, bare)) == ["unchanged"]
    same = [{"system": MRN, "value": "1234"}]
    run(clinic, bundle(tmp_path, PATIENT | {"id": "p2", "identifier": same}))
    assert said(run(clinic, bare)) == ["system_needed"]


def test_files_of_three_formats_in_one_call_are_one_patient(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    rows = csv(tmp_path, MEASURES + "S-1,2026-05-01,symptom,HAMD17,20,\n")
    message = hl7v2(tmp_path, "m.hl7", f"PID|||S-1^^^{MRN}^MR||Example^Sam")

    results = run(clinic, bundle(tmp_path, PATIENT, WEIGHT), rows, message)

    assert [(one.file, one.status) for one in results] == [
        ("bundle.json", "created"),
        ("bundle.json", "created"),
        ("rows.csv", "created"),
        ("m.hl7", "unchanged"),
    ]
    assert len(prescriber("GET", "/v1/patients").json()["items"]) == 1


def test_a_care_team_that_is_no_clinician_stops_before_anything_is_stored(
    clinic: Clinic, tmp_path: Path
) -> None:
    before = journal_rows(clinic)

    with pytest.raises(CareTeamUnknown):
        run(clinic, bundle(tmp_path, PATIENT), care_team=PATIENT_USER)

    assert journal_rows(clinic) == before

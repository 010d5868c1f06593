"""HL7 v2 messages from public test data, imported on both databases."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Caller, Clinic
from tests.imports.files import journal_rows, run
from tests.shared import SHARED, needs_shared

pytestmark = needs_shared
FILES = sorted((SHARED / "cases" / "hl7v2-messages").glob("*.hl7"))
DRUG = "cefTRIAXone (ROCEPHIN) 2 g in sodium chloride 0.9 % 50 mL IVPB"


@pytest.fixture
def ask(prescriber: Caller) -> Any:
    def get(value: str, path: str) -> Any:
        (found,) = prescriber("GET", f"/v1/patients?identifier={value}").json()["items"]
        return prescriber("GET", f"/v1/patients/{found['id']}/{path}").json()

    return get


def test_each_group_of_segments_has_a_result_and_the_second_import_changes_nothing(
    clinic: Clinic,
) -> None:
    first = run(clinic, *FILES)
    before = journal_rows(clinic)
    second = run(clinic, *FILES)

    assert Counter((one.type, one.reason or one.status) for one in first) == {
        ("PID", "created"): 4,
        ("PID", "unchanged"): 7,
        ("RXE", "created"): 1,
        ("RXE", "unchanged"): 7,
        ("OBX", "created"): 1,
        ("OBX", "not_final"): 3,
        ("OBR", "no_value"): 1,
        ("OBR", "segment_broken"): 1,
        ("AL1", "allergies_not_kept"): 2,
        ("DG1", "type_not_read"): 1,
        ("ADT^A01", "segment_missing"): 1,
    }
    assert Counter(one.status for one in second) == {"unchanged": 20, "skipped": 9}
    assert all(one.words for one in second if one.status == "skipped")
    assert journal_rows(clinic) == before


def test_eight_copies_of_a_pharmacy_order_are_one_dose_in_a_course_of_its_text(
    clinic: Clinic, ask: Any
) -> None:
    run(clinic, *FILES)

    (course,) = ask("1234", "medications")["items"]
    assert (course["name"], course["reference_id"]) == (DRUG, None)
    (event,) = ask("1234", f"medications/{course['id']}/dose-events")["items"]
    assert (event["kind"], event["effective_on"]) == ("start", "2021-04-07")
    assert (event["dose"], event["times_per_day"]) == ({"amount": "2", "unit": "g"}, 1)
    assert event.get("unconfirmed") is None


def test_a_lab_message_names_its_patient_by_the_authority_and_keeps_its_value_as_received(
    clinic: Clinic, prescriber: Caller, ask: Any
) -> None:
    run(clinic, *FILES)

    system = "urn:oid:2.16.840.1.113883.19.3.2.1"
    path = f"/v1/patients?identifier={system}|9817566735"
    (person,) = prescriber("GET", path).json()["items"]
    assert (person["name"], person["birth_date"]) == (
        {"given": "Philip", "family": "Johnson"},
        "2007-05-26",
    )
    query = "trends?from=2008-01-01&to=2008-12-31&include=measures,points&measures=labs.10368-9"
    (series,) = (
        one for one in ask("9817566735", query)["measures"] if one["measure"] == "labs.10368-9"
    )
    assert [(one["day"], one["value"]) for one in series["points"]] == [("2008-08-15", 50)]


def test_all_messages_in_one_file_are_the_same_records(clinic: Clinic, tmp_path: Path) -> None:
    run(clinic, *FILES)
    before = journal_rows(clinic)
    together = tmp_path / "together.hl7"
    together.write_bytes(b"".join(one.read_bytes() for one in FILES))

    results = run(clinic, together)

    assert [one.entry for one in results] == list(range(1, 30))
    assert Counter(one.status for one in results) == {"unchanged": 20, "skipped": 9}
    assert journal_rows(clinic) == before

"""Files in and records out over HTTP, on both databases."""

import csv
import json
from io import BytesIO, StringIO
from typing import Any
from uuid import uuid4
from zipfile import ZipFile

import pytest

from app.identity import service as identity
from tests.conftest import OTHER_CLINIC, Caller, Clinic
from tests.imports.files import MRN, PATIENT, observation, request
from tests.patients.test_patients import PATH, PERSON

FHIR, CSV, HL7V2 = "application/fhir+json", "text/csv", "x-application/hl7-v2+er7"
WEIGHT = observation("w", "29463-7", valueQuantity={"value": 83.5, "unit": "kg"})
NONE = {"created": 0, "updated": 0, "withdrawn": 0, "unchanged": 0, "skipped": 0}
ROWS = "subject,date,domain,measure,value,unit\nS-1,2026-04-02,sleep,hours,7.5,h\n"
MESSAGE = (
    "MSH|^~\\&|LAB|X|T|Y|20260413103000-0400||ORU^R01|1|P|2.5\r"
    "PID|1||S-1^^^urn:example:mrn\r"
    "OBR|1|||2951-2^Sodium^LN|||20260413103000-0400\r"
    "OBX|1|NM|2951-2^Sodium^LN||140|mmol/L|||||F\r"
)


def bundle(*resources: dict[str, Any]) -> str:
    entries = [{"resource": one} for one in resources]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries})


def send(caller: Caller, content: str | bytes, media_type: str = FHIR, **query: Any) -> Any:
    return caller(
        "POST",
        "/v1/imports",
        content=content,
        params=query,
        headers={"Content-Type": media_type},
    )


def counts(answer: Any) -> dict[str, int]:
    assert answer.status_code == 200, answer.text
    found: dict[str, int] = answer.json()["counts"]
    return found


def test_a_bundle_is_read_once_and_each_entry_has_its_result(clinic: Clinic) -> None:
    system = clinic.as_("system")
    content = bundle(PATIENT, WEIGHT, request("r", "2026-03-03"), {"resourceType": "Group"})

    rehearsed = send(system, content, create_patients="true", dry_run="true")
    unknown = send(system, content)
    first = send(system, content, create_patients="true")
    second = send(system, content, create_patients="true")

    assert counts(rehearsed) == NONE | {"created": 3, "skipped": 1}
    assert rehearsed.json()["dry_run"] is True
    assert counts(unknown) == NONE | {"skipped": 4}
    assert counts(first) == counts(rehearsed)
    assert counts(second) == NONE | {"unchanged": 3, "skipped": 1}
    told = first.json()["results"]
    assert [(one["entry"], one["type"], one["status"]) for one in told] == [
        (1, "Patient", "created"),
        (2, "Observation", "created"),
        (3, "MedicationRequest", "created"),
        (4, "Group", "skipped"),
    ]
    assert told[3]["reason"] == "type_not_read"


def test_csv_and_hl7_v2_are_told_by_their_media_type(clinic: Clinic) -> None:
    system = clinic.as_("system")
    made = send(system, ROWS, CSV, create_patients="true", system=MRN)
    lab = send(system, MESSAGE, f"{HL7V2}; charset=utf-8")

    assert (made.json()["format"], counts(made)["created"]) == ("csv", 1)
    assert lab.json()["format"] == "hl7v2"
    assert counts(lab)["created"] >= 1, lab.text


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        ("{", FHIR, 400),
        ("", FHIR, 400),
        ('{"a": 1}', FHIR, 422),
        ("[1]", FHIR, 422),
        ("a,b\n1,2\n", CSV, 422),
        (b"subject,date,measure,value\n\xff", CSV, 422),
        ("PID|1", HL7V2, 422),
        ("{}", "application/json", 415),
        ("{}", "multipart/form-data; boundary=x", 415),
        ("x" * (5 * 1024 * 1024 + 1), CSV, 413),
    ],
)
def test_a_file_that_is_none_is_refused_whole(
    clinic: Clinic, content: str | bytes, media_type: str, status: int
) -> None:
    answer = send(clinic.as_("system"), content, media_type)

    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_parameter_that_nobody_reads_is_refused(clinic: Clinic) -> None:
    assert send(clinic.as_("system"), ROWS, CSV, care_team="x").status_code == 400
    assert send(clinic.as_("system"), ROWS, CSV, dry_run="perhaps").status_code in (400, 422)


def test_who_may_send_files(clinic: Clinic, prescriber: Caller) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    patient = clinic.as_("patient", patient_id=PERSON["id"])
    for caller in (clinic.as_("care_team"), clinic.as_("privacy_officer"), patient):
        assert send(caller, ROWS, CSV).status_code == 403
    assert send(Caller(clinic.http, "none"), ROWS, CSV).status_code == 401
    assert counts(send(clinic.as_("administrator"), ROWS, CSV, create_patients="true"))["created"]


def test_a_prescriber_s_file_asks_nobody_and_tells_only_of_patients_in_care(
    clinic: Clinic, prescriber: Caller
) -> None:
    tenfold = request("r", "2026-03-03")
    tenfold["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["value"] = 500
    made = send(prescriber, bundle(PATIENT, tenfold), create_patients="true")

    assert counts(made)["created"] == 2, made.text
    newcomer = uuid4()
    clinic.app.state.writer.run(
        identity.enrol,
        identity.built_in_actor(identity.DEFAULT_CLINIC, "system"),
        newcomer,
        "newcomer",
        "prescriber",
        None,
        operation="enrol",
    )
    stranger = clinic.as_("prescriber", user_id=newcomer)
    again = send(stranger, bundle(PATIENT, WEIGHT))
    assert {one["reason"] for one in again.json()["results"]} == {"patient_unknown"}


def test_each_call_leaves_its_access_rows_with_the_request(clinic: Clinic) -> None:
    answer = send(clinic.as_("system"), bundle(PATIENT, WEIGHT), create_patients="true")
    rows = clinic.as_("privacy_officer")("GET", "/v1/access-log").json()["items"]

    mine = [one for one in rows if one["request_id"] == answer.headers["X-Request-Id"]]
    assert {one["operation"] for one in mine} == {"import look-up", "import"}
    assert {one["action"] for one in mine} == {"C"}


# ---- records out


@pytest.fixture
def kept(prescriber: Caller) -> Caller:
    prescriber("POST", "/v1/patients", PERSON)
    for number, note in ((1, "=1+1"), (2, "plain")):
        visit = {
            "id": f"019a5b10-0000-7000-8000-00000000090{number}",
            "occurred_at": f"2026-05-0{number}T08:00:00-04:00",
            "note": note,
            "mood_cognition": {"mood": number},
        }
        made = prescriber("POST", f"{PATH}/check-ins", visit)
        assert made.status_code == 201, made.text
    return prescriber


def test_the_export_holds_every_record_as_it_is_answered(kept: Caller) -> None:
    answer = kept("GET", f"{PATH}/export")

    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{PERSON["id"]}.json"'
    told = answer.json()
    listed = kept("GET", f"{PATH}/check-ins").json()["items"]
    assert told["records"]["check_in"] == listed
    assert told["records"]["patient"] == [kept("GET", PATH).json()]
    moods = [one for one in told["measurements"] if one["measure"] == "mood_cognition.mood"]
    assert [(one["day"], one["value"]) for one in moods] == [("2026-05-01", 1), ("2026-05-02", 2)]


def test_the_tables_have_no_cell_that_a_spreadsheet_would_run(kept: Caller) -> None:
    answer = kept("GET", f"{PATH}/export", params={"format": "csv"})

    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Disposition"].endswith('.zip"')
    with ZipFile(BytesIO(answer.content)) as packed:
        names = set(packed.namelist())
        rows = list(csv.DictReader(StringIO(packed.read("check_in.csv").decode())))
    assert names >= {"patient.csv", "check_in.csv", "measurements.csv", "export.csv"}
    assert [one["note"] for one in rows] == ["'=1+1", "plain"]
    assert json.loads(rows[0]["mood_cognition"])["mood"] == 1


def test_what_was_entered_in_error_is_exported_with_its_status(kept: Caller) -> None:
    path = f"{PATH}/check-ins/019a5b10-0000-7000-8000-000000000901"
    kept("DELETE", path, headers={"If-Match": '"1"'})

    told = kept("GET", f"{PATH}/export").json()

    assert [one["status"] for one in told["records"]["check_in"]] == ["entered_in_error", "active"]
    assert [one["value"] for one in told["measurements"]] == [2]


def test_an_export_is_logged_as_one_and_given_to_nobody_else(kept: Caller, clinic: Clinic) -> None:
    kept("GET", f"{PATH}/export")
    rows = clinic.as_("privacy_officer")("GET", "/v1/access-log").json()["items"]

    assert [one["action"] for one in rows if one["operation"] == "export_patient"] == ["E"]
    patient = clinic.as_("patient", patient_id=PERSON["id"])
    assert patient("GET", f"{PATH}/export").status_code == 403
    stranger = clinic.as_("prescriber", clinic_id=OTHER_CLINIC)
    assert stranger("GET", f"{PATH}/export").status_code == 404
    assert kept("GET", f"/v1/patients/{uuid4()}/export").status_code == 404
    assert kept("GET", f"{PATH}/export", params={"format": "pdf"}).status_code in (400, 422)
    assert kept("GET", f"{PATH}/export", params={"since": "1"}).status_code == 400

"""Who saw what; whether the chains hold; the address of a calendar."""

from typing import Any
from uuid import uuid4

import pytest
from icalendar import Calendar

from tests.conftest import OTHER_CLINIC, Caller, Clinic
from tests.patients.test_patients import PATH, PERSON

PATIENT = str(PERSON["id"])


@pytest.fixture
def patient(clinic: Clinic, prescriber: Caller) -> Caller:
    prescriber("POST", "/v1/patients", PERSON)
    return clinic.as_("patient", patient_id=PATIENT)


def check_in(**more: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), "occurred_at": "2026-05-01T08:00:00-04:00", **more}


def test_a_patient_sees_who_saw_it(clinic: Clinic, patient: Caller, prescriber: Caller) -> None:
    sent = check_in(note="mine")
    patient("POST", f"{PATH}/check-ins", sent)
    patient("GET", f"{PATH}/check-ins")
    prescriber("GET", f"{PATH}/check-ins/{sent['id']}")
    prescriber("GET", f"{PATH}/trends")
    clinic.as_("care_team")("GET", f"{PATH}/check-ins")

    first = patient("GET", "/v1/me/receipts", params={"limit": 1}).json()
    second = patient("GET", "/v1/me/receipts", params={"cursor": first["next"]}).json()

    told = [*first["items"], *second["items"]]
    assert [(one["by"]["role"], one["operation"]) for one in told] == [
        ("prescriber", "read_trends"),
        ("prescriber", "show_check_in"),
    ]
    assert told[1]["record_id"] == sent["id"]
    assert told[0]["by"]["name"] == "prescriber"
    assert second["next"] is None
    assert prescriber("GET", "/v1/me/receipts").status_code == 403


def test_a_receipt_leaves_no_trace_of_a_therapist_s_own_notes(
    clinic: Clinic, patient: Caller, prescriber: Caller
) -> None:
    session: dict[str, Any] = {
        "id": str(uuid4()),
        "occurred_at": "2026-05-20T10:00:00Z",
        "modality": "psychodynamic",
        "attended": True,
        "confidential": "psychotherapy_notes",
    }
    path = f"{PATH}/therapy-sessions"
    assert prescriber("POST", path, session).status_code == 201
    assert prescriber("GET", f"{path}/{session['id']}").status_code == 200
    prescriber("GET", PATH)

    told = patient("GET", "/v1/me/receipts")

    assert [one["operation"] for one in told.json()["items"]] == ["show_patient"]
    assert session["id"] not in told.text


def test_the_access_log_is_for_officers_of_the_clinic(
    clinic: Clinic, patient: Caller, prescriber: Caller
) -> None:
    patient("POST", f"{PATH}/check-ins", check_in(note="a secret"))
    patient("GET", f"/v1/patients/{uuid4()}")
    officer = clinic.as_("privacy_officer")
    stranger = clinic.as_("privacy_officer", clinic_id=OTHER_CLINIC)

    rows = officer("GET", "/v1/access-log").json()["items"]
    theirs = officer("GET", "/v1/access-log", params={"patient_id": PATIENT}).json()["items"]

    done = [(one["operation"], one["action"], one["status"]) for one in reversed(rows)]
    assert ("register_patient", "C", 201) in done
    assert ("record_check_in", "C", 201) in done
    assert ("show_patient", "R", 404) in done
    assert {one["patient_id"] for one in theirs} == {PATIENT}
    assert "secret" not in str(rows)
    again = officer("GET", "/v1/access-log", params={"limit": 1}).json()
    assert again["items"][0]["operation"] == "read_access_log"
    assert officer("GET", "/v1/access-log", params={"cursor": "x"}).status_code == 400
    other = {"cursor": again["next"], "patient_id": PATIENT}
    assert officer("GET", "/v1/access-log", params=other).json()["code"] == "invalid-cursor"
    assert stranger("GET", "/v1/access-log").json()["items"] == []
    for caller in (patient, prescriber, clinic.as_("system")):
        assert caller("GET", "/v1/access-log").status_code == 403


def test_a_signal_keeps_every_version(clinic: Clinic, patient: Caller, prescriber: Caller) -> None:
    asked = {"id": str(uuid4()), "occurred_on": "2026-05-02", "instrument": "phq-9"}
    patient("POST", f"{PATH}/assessments", asked | {"answers": {"9": 2}})
    (signal,) = prescriber("GET", f"{PATH}/signals").json()["items"]
    path = f"{PATH}/signals/{signal['id']}"
    prescriber("PATCH", path, {"state": "acknowledged"}, headers={"If-Match": '"1"'})

    history = prescriber("GET", f"{path}/history").json()["items"]

    assert [one["state"] for one in history] == ["acknowledged", "open"]
    assert prescriber("GET", path).json() == history[0]
    assert patient("GET", path).status_code == 403


def tamper(clinic: Clinic, *statements: str) -> None:
    engine = clinic.app.state.engine.execution_options(titrate_writes=True)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def test_a_tail_written_anew_is_found_by_a_head_kept_elsewhere(
    clinic: Clinic, patient: Caller, prescriber: Caller
) -> None:
    """The last check-in is taken out with the head moved back; another one takes its place."""
    officer = clinic.as_("privacy_officer")
    for _ in range(2):
        patient("POST", f"{PATH}/check-ins", check_in())
    before = officer("GET", "/v1/journal/verify").json()
    tamper(
        clinic,
        "DELETE FROM journal WHERE sequence = 3",
        "UPDATE chain_heads SET sequence = 2, hash = (SELECT hash FROM journal WHERE sequence = 2)"
        " WHERE kind = 'journal' AND sequence = 3",
    )
    patient("POST", f"{PATH}/check-ins", check_in())

    alone = officer("GET", "/v1/journal/verify").json()
    held = officer("GET", "/v1/journal/verify", params={"head": before["signed_head"]}).json()

    assert before["holds"]
    assert alone["holds"]
    assert not held["holds"]
    broken = {one["kind"]: one["broken_at"] for one in held["chains"]}
    assert broken == {"access": None, "journal": 3}


def test_an_edited_row_is_found_over_http(clinic: Clinic, patient: Caller) -> None:
    officer = clinic.as_("administrator")
    tamper(clinic, "UPDATE access_log SET status = 404 WHERE sequence = 1")

    told = officer("GET", "/v1/journal/verify").json()

    assert [(one["kind"], one["broken_at"]) for one in told["chains"]] == [
        ("access", 1),
        ("journal", None),
    ]


def test_only_a_head_of_ours_counts(clinic: Clinic, patient: Caller) -> None:
    officer = clinic.as_("administrator")
    foreign = clinic.as_("administrator", clinic_id=OTHER_CLINIC)
    theirs = foreign("GET", "/v1/journal/verify").json()["signed_head"]

    for head in (theirs, officer.token, "x.y.z"):
        answer = officer("GET", "/v1/journal/verify", params={"head": head})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid-parameter")
    assert patient("GET", "/v1/journal/verify").status_code == 403


def test_a_calendar_opens_by_its_address_until_that_is_taken_back(
    clinic: Clinic, patient: Caller, prescriber: Caller
) -> None:
    prescriber("POST", f"{PATH}/check-ins", check_in(note="sertraline makes me sick"))
    url = patient("GET", "/v1/me/calendar-address").json()["url"]

    opened = clinic.http.get(url)
    renewed = patient("DELETE", "/v1/me/calendar-address").json()["url"]

    assert opened.status_code == 200
    assert opened.headers["Content-Type"] == "text/calendar; charset=utf-8"
    calendar = Calendar.from_ical(opened.content)
    assert [str(one["SUMMARY"]) for one in calendar.walk("VEVENT")] == ["Time for your entry"]
    for word in ("Example", "Patient", "sertraline", "sick", PATIENT):
        assert word not in opened.text
    assert clinic.http.get(url).status_code == 404
    assert clinic.http.get(renewed).status_code == 200
    last = "A" if url[-5] != "A" else "B"
    assert clinic.http.get(f"{url[:-5]}{last}.ics").status_code == 404
    assert clinic.http.get("/v1/calendars/AAAA.ics").status_code == 404
    assert prescriber("GET", "/v1/me/calendar-address").status_code == 403

"""Sealed records: for whoever lacks consent they were never there, counts and trends included."""

from typing import Any
from uuid import uuid4

import pytest

from app.identity import service as identity
from tests.conftest import Caller, Clinic
from tests.patients.test_patients import PATH, PERSON

DEFAULT = identity.DEFAULT_CLINIC
PRESCRIBER = str(identity.built_in_user(DEFAULT, "prescriber"))
COLLEAGUE = str(identity.built_in_user(DEFAULT, "care_team"))
CONDITION, COURSE, LAB, OPEN_LAB, SESSION, EVENT, VISIT = (str(uuid4()) for _ in range(7))
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
PART_2 = {"confidential": "substance_use"}
NOTICE = "X-Redisclosure-Notice"


def _consent(recipient: str = COLLEAGUE, **more: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), "category": "substance_use", "recipient_id": recipient, **more}


def _lab(lab_id: str, value: float, day: str, **more: Any) -> dict[str, Any]:
    return {
        "id": lab_id,
        "code": {"system": "http://loinc.org", "code": "14334-7"},
        "value": str(value),
        "unit": "mmol/L",
        "drawn_at": f"{day}T08:00:00Z",
        **more,
    }


@pytest.fixture
def colleague(clinic: Clinic, prescriber: Caller) -> Caller:
    """A member of the care team; the prescriber has sealed a diagnosis, a course, and a lab."""
    prescriber("POST", "/v1/patients", PERSON)
    team = {"members": [{"user_id": PRESCRIBER}, {"user_id": COLLEAGUE}]}
    assert prescriber("PUT", f"{PATH}/care-team", team).status_code == 201
    for path, body in (
        ("conditions", {"id": CONDITION, "text": "opioid use disorder", **PART_2}),
        (
            "medications",
            {
                "id": COURSE,
                "kind": "drug",
                "text": "methadone",
                "first_dose_event": {
                    "id": str(uuid4()),
                    "kind": "start",
                    "effective_on": "2026-05-01",
                    "dose": {"amount": "60", "unit": "mg"},
                    "times_per_day": 1,
                },
                **PART_2,
            },
        ),
        ("labs", _lab(OPEN_LAB, 0.7, "2026-05-10")),
        ("labs", _lab(LAB, 0.9, "2026-05-20", **PART_2)),
    ):
        made = prescriber("POST", f"{PATH}/{path}", body)
        assert made.status_code == 201, made.text
    return clinic.as_("care_team")


VIEWS = (
    "conditions",
    "medications",
    "regimen",
    "labs",
    "trends",
    "trends?format=csv",
    "trends?format=svg",
    "trends?format=html",
    "changes",
    "visit-brief",
    "digest?since=2026-04-01",
    "decision",
    "treatment-history",
    "interactions",
    "monitoring",
    "signals",
    "consents",
    "labs?status=all",
    "follow-ups",
    "check-ins",
    "side-effects",
    "assessments",
    "intake",
    "treatment-plan",
    "life-events",
    "therapy-sessions",
    "nights",
    "export",
)


def test_no_view_of_a_caller_without_consent_has_a_trace(
    prescriber: Caller, colleague: Caller
) -> None:
    for view in VIEWS:
        answer = colleague("GET", f"{PATH}/{view}")
        assert answer.status_code in {200, 404, 422}, (view, answer.text)
        for trace in (CONDITION, COURSE, LAB, "methadone", "opioid", "substance_use"):
            assert trace not in answer.text, (view, trace)
        assert NOTICE not in answer.headers
    for path in (f"conditions/{CONDITION}", f"medications/{COURSE}", f"labs/{LAB}"):
        for tail in ("", "/history"):
            hidden = colleague("GET", f"{PATH}/{path}{tail}")
            absent = colleague("GET", f"{PATH}/{path.partition('/')[0]}/{uuid4()}{tail}")
            assert hidden.status_code == 404
            assert hidden.json() | {"request_id": 0} == absent.json() | {"request_id": 0}
    assert colleague("GET", f"{PATH}/medications/{COURSE}/dose-events").status_code == 404


def test_its_author_sees_it_with_the_notice_and_it_is_accounted_for(
    clinic: Clinic, prescriber: Caller, colleague: Caller
) -> None:
    shown = prescriber("GET", f"{PATH}/conditions")

    assert CONDITION in shown.text
    assert shown.headers[NOTICE].startswith("42 CFR part 2 prohibits")
    log = clinic.as_("privacy_officer")("GET", f"/v1/access-log?patient_id={PERSON['id']}").json()
    assert log["items"][0]["purpose"] == "TREAT 42CFRPart2"


def _n(caller: Caller) -> int:
    measures = caller("GET", f"{PATH}/trends").json()["measures"]
    return int(next(one["n"] for one in measures if one["measure"] == "labs.14334-7"))


def test_the_n_of_a_trend_counts_only_what_the_caller_may_know_of(
    prescriber: Caller, colleague: Caller
) -> None:
    assert _n(prescriber) == 2
    assert _n(colleague) == 1


def test_a_consent_opens_its_class_and_taking_it_back_closes_it_at_once(
    clinic: Clinic, prescriber: Caller, colleague: Caller
) -> None:
    patient = clinic.as_("patient", patient_id=PERSON["id"])
    given = patient("POST", f"{PATH}/consents", _consent())
    assert given.status_code == 201, given.text

    opened = colleague("GET", f"{PATH}/conditions")
    assert CONDITION in opened.text
    assert NOTICE in opened.headers
    assert _n(colleague) == 2
    assert COURSE in colleague("GET", f"{PATH}/medications").text
    assert given.json()["id"] not in colleague("GET", f"{PATH}/consents").text

    path = f"{PATH}/consents/{given.json()['id']}"
    back = patient("PATCH", path, {"given": False}, headers={"If-Match": '"1"'})
    assert back.status_code == 200, back.text
    assert CONDITION not in colleague("GET", f"{PATH}/conditions").text
    assert _n(colleague) == 1


def test_a_consent_ends_with_its_last_day(
    clinic: Clinic, prescriber: Caller, colleague: Caller
) -> None:
    prescriber("POST", f"{PATH}/consents", _consent(until="2026-06-01"))
    assert CONDITION in colleague("GET", f"{PATH}/conditions").text

    clinic.clock.advance(hours=12)

    assert CONDITION not in clinic.as_("care_team")("GET", f"{PATH}/conditions").text


def test_a_consent_for_another_class_or_user_opens_nothing(
    clinic: Clinic, prescriber: Caller, colleague: Caller
) -> None:
    patient = clinic.as_("patient", patient_id=PERSON["id"])
    for one in (_consent(category="private_notes"), _consent(PRESCRIBER)):
        assert patient("POST", f"{PATH}/consents", one).status_code == 201

    assert CONDITION not in colleague("GET", f"{PATH}/conditions").text
    refused = prescriber("POST", f"{PATH}/consents", _consent(str(uuid4())))
    assert refused.json()["errors"][0]["pointer"] == "/recipient_id"
    assert prescriber("POST", f"{PATH}/consents", _consent(category="all")).status_code == 422


def test_what_is_said_of_a_sealed_course_is_sealed_with_it(
    prescriber: Caller, colleague: Caller
) -> None:
    event: dict[str, Any] = {
        "id": str(uuid4()),
        "kind": "change",
        "effective_on": "2026-05-20",
        "dose": {"amount": "70", "unit": "mg"},
        "times_per_day": 1,
    }
    made = prescriber("POST", f"{PATH}/medications/{COURSE}/dose-events", event)
    assert made.status_code == 201, made.text

    assert event["id"] not in colleague("GET", f"{PATH}/changes").text
    assert event["id"] in prescriber("GET", f"{PATH}/changes").text


def test_nobody_writes_to_what_they_may_not_know_of(prescriber: Caller, colleague: Caller) -> None:
    path = f"{PATH}/conditions/{CONDITION}"

    for method, body in (("PATCH", {"note": "x"}), ("DELETE", None)):
        refused = colleague(method, path, body, headers={"If-Match": '"1"'})
        assert refused.status_code == 404, refused.text
    assert prescriber("GET", path).json()["version"] == 1


def test_notes_of_a_psychotherapy_are_the_therapists_own(
    clinic: Clinic, prescriber: Caller, colleague: Caller
) -> None:
    session = {
        "id": SESSION,
        "occurred_at": "2026-05-20T10:00:00Z",
        "modality": "psychodynamic",
        "attended": True,
        "note": "what was said",
        "confidential": "psychotherapy_notes",
    }
    made = colleague("POST", f"{PATH}/therapy-sessions", session)
    assert made.status_code == 201, made.text

    patient = clinic.as_("patient", patient_id=PERSON["id"])
    system = clinic.as_("system")
    for caller in (prescriber, patient, system):
        assert SESSION not in caller("GET", f"{PATH}/therapy-sessions").text
        assert SESSION not in caller("GET", f"{PATH}/changes").text
    assert SESSION in colleague("GET", f"{PATH}/therapy-sessions").text


def test_a_patients_private_note_is_the_patients(
    clinic: Clinic, prescriber: Caller, colleague: Caller
) -> None:
    patient = clinic.as_("patient", patient_id=PERSON["id"])
    note = {
        "id": EVENT,
        "label": "a quarrel",
        "from_on": "2026-05-20",
        "kind": "relationship",
        "weight": 2,
        "confidential": "private_notes",
    }
    made = patient("POST", f"{PATH}/life-events", note)
    assert made.status_code == 201, made.text

    for caller in (prescriber, colleague, clinic.as_("system")):
        assert EVENT not in caller("GET", f"{PATH}/life-events").text
    assert EVENT in patient("GET", f"{PATH}/life-events").text


def test_a_risk_in_a_private_answer_is_seen_by_those_who_must_act(
    clinic: Clinic, prescriber: Caller, colleague: Caller
) -> None:
    patient = clinic.as_("patient", patient_id=PERSON["id"])
    answers: dict[str, Any] = {
        "id": str(uuid4()),
        "instrument": "phq-9",
        "occurred_at": "2026-05-30T10:00:00Z",
        "answers": [1, 1, 1, 1, 1, 1, 1, 1, 2],
        "confidential": "private_notes",
    }
    made = patient("POST", f"{PATH}/assessments", answers)
    assert made.status_code == 201, made.text

    assert answers["id"] not in colleague("GET", f"{PATH}/assessments").text
    assert colleague("GET", f"{PATH}/signals").json()["open"] == 1


def test_broken_glass_opens_no_class_that_needs_a_consent(
    clinic: Clinic, prescriber: Caller, colleague: Caller
) -> None:
    prescriber(
        "PUT",
        f"{PATH}/care-team",
        {"members": [{"user_id": PRESCRIBER}]},
        headers={"If-Match": '"1"'},
    )
    reason = "Found unconscious; needs the list of medicines"
    asked = {"patient_id": PERSON["id"], "purpose": "ETREAT", "reason": reason}
    assert colleague("POST", "/v1/break-glass", asked).status_code == 201

    assert OPEN_LAB in colleague("GET", f"{PATH}/labs").text
    assert LAB not in colleague("GET", f"{PATH}/labs").text


def test_nobody_opens_a_class_to_themselves_or_to_the_clinics_own_machine(
    clinic: Clinic, prescriber: Caller, colleague: Caller
) -> None:
    """What the machine reads stands in the caseload, which all who care see."""
    system = str(identity.built_in_user(DEFAULT, "system"))
    for caller, recipient in ((colleague, COLLEAGUE), (prescriber, system)):
        refused = caller("POST", f"{PATH}/consents", _consent(recipient))
        assert refused.status_code == 422, refused.text
        assert refused.json()["errors"][0]["pointer"] == "/recipient_id"
    assert CONDITION not in colleague("GET", f"{PATH}/conditions").text

    taken_back = colleague("POST", f"{PATH}/consents", _consent(given=False))
    assert taken_back.status_code == 201, taken_back.text
    path = f"{PATH}/consents/{taken_back.json()['id']}"
    turned = colleague("PATCH", path, {"given": True}, headers={"If-Match": '"1"'})
    assert turned.status_code == 422, turned.text


# ---- what an open record says of a sealed one


def _visit(**dosage: Any) -> dict[str, Any]:
    return {
        "id": VISIT,
        "kind": "visit",
        "occurred_at": "2026-05-25T10:00:00Z",
        "note": "for all to read",
        "mood_cognition": {"mood": 6},
        "dosage": {"taking": [{"medication_id": COURSE}], **dosage},
    }


def test_an_open_visit_that_names_a_sealed_course_is_shown_without_it(
    prescriber: Caller, colleague: Caller
) -> None:
    event: dict[str, Any] = {
        "id": str(uuid4()),
        "medication_id": COURSE,
        "kind": "change",
        "effective_on": "2026-05-25",
        "dose": {"amount": "70", "unit": "mg"},
        "times_per_day": 1,
    }
    made = prescriber("POST", f"{PATH}/follow-ups", _visit(dose_events=[event]))
    assert made.status_code == 201, made.text
    path = f"{PATH}/follow-ups/{VISIT}"

    for view in (*VIEWS, f"follow-ups/{VISIT}", f"follow-ups/{VISIT}/history"):
        told = colleague("GET", f"{PATH}/{view}").text
        for trace in (COURSE, event["id"], "methadone"):
            assert trace not in told, (view, trace)
    shown = colleague("GET", path).json()
    assert (shown["note"], shown["mood_cognition"]["mood"]) == ("for all to read", 6)
    assert shown["dosage"] == {"taking": [], "dose_events": []}
    whole = prescriber("GET", path)
    assert whole.content == made.content
    assert colleague("GET", path).headers["ETag"] == whole.headers["ETag"]


def test_what_one_may_not_see_whole_one_does_not_change(
    prescriber: Caller, colleague: Caller
) -> None:
    prescriber("POST", f"{PATH}/follow-ups", _visit())
    path = f"{PATH}/follow-ups/{VISIT}"
    reason = {"change_reason": {"code": "typo"}}

    for method, tail, body in (
        ("PATCH", "", {"note": "x", **reason}),
        ("PUT", "/sleep", {"quality": 5}),
        ("PUT", "/dosage", {"taking": [], **reason}),
        ("DELETE", "", None),
    ):
        refused = colleague(method, path + tail, body, headers={"If-Match": '"1"'})
        assert refused.status_code == 403, (method, tail, refused.text)
        assert COURSE not in refused.text
    corrected = prescriber("PATCH", path, {"note": "y"}, headers={"If-Match": '"1"'})
    assert corrected.status_code == 200, corrected.text
    assert corrected.json()["dosage"]["taking"] == [{"medication_id": COURSE}]


def test_what_a_patient_says_of_a_sealed_course_is_seen_by_who_prescribed_it(
    clinic: Clinic, prescriber: Caller, colleague: Caller
) -> None:
    patient = clinic.as_("patient", patient_id=PERSON["id"])
    taken: dict[str, Any] = {"id": str(uuid4()), "taken": "yes", "at": "2026-05-26T08:00:00Z"}
    path = f"{PATH}/medications/{COURSE}/administrations"
    assert patient("POST", path, taken).status_code == 201
    entry: dict[str, Any] = {
        "id": str(uuid4()),
        "occurred_at": "2026-05-27T08:00:00Z",
        "dosage": {"adherence": [{"medication_id": COURSE, "days": 7, "missed_days": 1}]},
    }
    assert patient("POST", f"{PATH}/check-ins", entry).status_code == 201
    effect: dict[str, Any] = {
        "id": str(uuid4()),
        "term": "constipation",
        "onset_on": "2026-05-20",
        "severity": 2,
        "suspected_medication_ids": [COURSE],
    }
    assert patient("POST", f"{PATH}/side-effects", effect).status_code == 201

    assert taken["id"] in prescriber("GET", path).text
    assert COURSE in prescriber("GET", f"{PATH}/check-ins").text
    assert COURSE in prescriber("GET", f"{PATH}/side-effects").text
    for view in (*VIEWS, f"side-effects/{effect['id']}/causality"):
        told = colleague("GET", f"{PATH}/{view}").text
        assert COURSE not in told, view
        assert taken["id"] not in told, view
    assert entry["id"] in colleague("GET", f"{PATH}/check-ins").text
    assert effect["id"] in colleague("GET", f"{PATH}/side-effects").text


def test_a_waiver_of_what_a_sealed_course_alone_asks_for_is_sealed_with_it(
    prescriber: Caller, colleague: Caller
) -> None:
    lithium = {
        "id": str(uuid4()),
        "kind": "drug",
        "code": {"system": RXNORM, "code": "6448"},
        "text": "lithium carbonate",
        "first_dose_event": {
            "id": str(uuid4()),
            "kind": "start",
            "effective_on": "2026-05-01",
            "dose": {"amount": "900", "unit": "mg"},
            "times_per_day": 1,
        },
        **PART_2,
    }
    assert prescriber("POST", f"{PATH}/medications", lithium).status_code == 201
    schedule = prescriber("GET", f"{PATH}/monitoring").json()["items"][0]["id"]
    path = f"{PATH}/monitoring/{schedule}/waiver"
    waived = prescriber("PUT", path, {"reason": "done elsewhere"})
    assert waived.status_code == 201, waived.text

    assert colleague("GET", f"{path}/history").status_code == 404
    assert waived.json()["id"] not in colleague("GET", f"{PATH}/changes").text
    assert prescriber("GET", f"{path}/history").json()["items"][0]["reason"] == "done elsewhere"


def test_trends_that_a_client_has_are_not_unchanged_when_a_consent_opens_or_ends(
    clinic: Clinic, prescriber: Caller, colleague: Caller
) -> None:
    """The sealed lab is older than the newest open record, so no version of it moves."""
    prescriber("POST", f"{PATH}/labs", _lab(str(uuid4()), 0.8, "2026-05-25"))

    def ask(tag: str = '"none"') -> tuple[int, str]:
        answer = colleague("GET", f"{PATH}/trends", headers={"If-None-Match": tag})
        return answer.status_code, answer.headers["ETag"]

    _, closed = ask()
    patient = clinic.as_("patient", patient_id=PERSON["id"])
    given = patient("POST", f"{PATH}/consents", _consent())
    status, opened = ask(closed)
    assert (status, _n(colleague)) == (200, 3)
    assert ask(opened)[0] == 304

    path = f"{PATH}/consents/{given.json()['id']}"
    patient("PATCH", path, {"given": False}, headers={"If-Match": '"1"'})

    assert ask(opened) == (200, closed)
    assert _n(colleague) == 2


def test_an_ehr_that_sends_a_sealed_record_again_is_told_that_it_is_there(
    clinic: Clinic, colleague: Caller
) -> None:
    """What it wrote itself it does not read; that it arrived it is told."""
    system = clinic.as_("system")
    body = {"id": str(uuid4()), "text": "alcohol use disorder", **PART_2}
    first = system("POST", f"{PATH}/conditions", body)

    again = system("POST", f"{PATH}/conditions", body)

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.content == first.content
    assert system("GET", f"{PATH}/conditions/{body['id']}").status_code == 404


def test_a_receipt_of_an_export_says_that_it_may_hold_substance_use_records(
    clinic: Clinic, prescriber: Caller, colleague: Caller
) -> None:
    exported = prescriber("GET", f"{PATH}/export")

    assert COURSE in exported.text
    assert exported.json()["redisclosure_notice"] == exported.headers[NOTICE]
    assert "redisclosure_notice" not in colleague("GET", f"{PATH}/export").json()
    patient = clinic.as_("patient", patient_id=PERSON["id"])
    receipts = patient("GET", "/v1/me/receipts").json()["items"]
    assert [(one["action"], one["by"]["role"], one["purpose"]) for one in receipts] == [
        ("E", "care_team", "TREAT"),
        ("E", "prescriber", "TREAT 42CFRPart2"),
    ]

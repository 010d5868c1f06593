"""The patient's list of interactions, computed from the courses when it is read."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.clinical.doses import DoseEvent
from app.core.db import Work
from app.identity import service as identity
from app.interactions import service
from app.medications import service as medications
from app.medications.reading import Course
from app.medications.substances import entries_of
from app.patients import service as patients
from tests.conftest import Caller, Clinic
from tests.interactions.test_interactions import (
    ACKNOWLEDGED,
    PATIENT,
    PERSON,
    RXNORM,
    SERTRALINE,
    ST_JOHNS_WORT,
    P,
    acknowledgement,
)

TODAY = date(2026, 6, 1)
COURSES: list[dict[str, Any]] = [
    {
        "id": SERTRALINE,
        "kind": "drug",
        "code": {"system": RXNORM, "code": "36437", "display": "sertraline"},
        "first_dose_event": {
            "id": "019a5b10-0000-7000-8000-000000000201",
            "kind": "start",
            "effective_on": "2026-03-03",
            "dose": {"amount": "50", "unit": "mg"},
            "times_per_day": 1,
        },
    },
    {
        "id": ST_JOHNS_WORT,
        "kind": "supplement",
        "text": "St John's wort",
        "reference_id": "st-johns-wort",
        "first_dose_event": {
            "id": "019a5b10-0000-7000-8000-000000000202",
            "kind": "start",
            "effective_on": "2026-03-20",
            "dose": None,
            "dose_known": False,
        },
    },
]


@pytest.fixture
def caller(prescriber: Caller) -> Caller:
    """A prescriber whose patient takes sertraline with St John's wort."""
    assert prescriber("POST", "/v1/patients", PERSON).status_code == 201
    for course in COURSES:
        answer = prescriber("POST", f"{P}/medications", course)
        assert answer.status_code == 201, answer.text
    return prescriber


def reviewed(clinic: Clinic) -> None:
    """Review the courses as they are; nothing where a slice above has done it already."""

    def run(work: Work, patient_id: UUID) -> None:
        person = patients.get(work, patient_id)
        on = person.today(work.now)
        known = medications.courses(work, patient_id)
        service.review(work, person, entries_of(known, on), service.facts_of(person, on), on)

    actor = identity.built_in_actor(identity.DEFAULT_CLINIC, "prescriber")
    clinic.app.state.writer.run(run, actor, PATIENT, operation="review")


def listed(caller: Caller) -> dict[str, Any]:
    answer = caller("GET", f"{P}/interactions")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_contract_s_supplement_is_a_finding_with_its_basis(
    clinic: Clinic, caller: Caller
) -> None:
    reviewed(clinic)

    body = listed(caller)

    (found,) = body["findings"]
    assert found["severity"] == "major"
    assert [(one["medication_id"], one["name"]) for one in found["substances"]] == [
        (SERTRALINE, "sertraline"),
        (ST_JOHNS_WORT, "St John's wort"),
    ]
    assert all(found[name] for name in ("mechanism", "effect", "management", "evidence", "sources"))
    assert found["state"] == "open"
    assert found["first_seen_at"] == "2026-06-01T12:00:00+00:00"
    assert found["acknowledgement"] is None
    (signal,) = caller("GET", f"{P}/signals").json()["items"]
    assert found["signal_id"] == signal["id"]
    assert body["possible"] == body["not_checked"] == []
    assert body["checked_at"] == "2026-06-01T12:00:00+00:00"
    assert body["statement"] == "1 found among the 2 coded items"


def test_what_was_said_of_it_stands_in_the_list(clinic: Clinic, caller: Caller) -> None:
    reviewed(clinic)
    (found,) = listed(caller)["findings"]
    caller("PUT", acknowledgement(found["id"]), ACKNOWLEDGED)

    (now,) = listed(caller)["findings"]

    assert now["state"] == "acknowledged"
    assert now["acknowledgement"].items() >= ACKNOWLEDGED.items()
    assert now["signal_id"] == found["signal_id"]


def test_the_list_follows_the_courses_and_the_days_without_a_write(
    clinic: Clinic, caller: Caller
) -> None:
    events = f"{P}/medications/{ST_JOHNS_WORT}/dose-events"
    stop = {"id": str(uuid4()), "kind": "stop", "effective_on": "2026-06-01"}
    assert caller("POST", events, stop).status_code == 201

    (found,) = listed(caller)["findings"]
    stopped = found["substances"][1]
    clinic.clock.advance(days=13)
    within = listed(clinic.as_("prescriber"))["findings"]
    clinic.clock.advance(days=1)
    after = listed(clinic.as_("prescriber"))

    assert (stopped["stopped"], stopped["clear_on"]) == (True, "2026-06-15")
    assert len(within) == 1
    assert after["findings"] == []
    assert after["statement"].startswith("none found among the ")


def test_what_only_a_name_tells_is_possible_and_what_nothing_tells_is_not_checked(
    caller: Caller,
) -> None:
    start = {"kind": "start", "effective_on": "2026-05-01", "dose_known": False}
    for text in ("tramadol 50 mg", "a herbal tea"):
        sent = {"id": str(uuid4()), "kind": "drug", "text": text, "first_dose_event": start}
        assert caller("POST", f"{P}/medications", sent).status_code == 201

    body = listed(caller)

    assert {one["text"] for found in body["possible"] for one in found["substances"][1:]} == {
        "tramadol 50 mg"
    }
    assert [(one["substance"]["text"], one["why"]) for one in body["not_checked"]] == [
        ("a herbal tea", "not in the reference")
    ]
    assert len(body["findings"]) == 1


def test_an_empty_list_does_not_say_that_there_is_none(prescriber: Caller) -> None:
    prescriber("POST", "/v1/patients", PERSON)

    body = listed(prescriber)

    assert body["statement"] == "none found among the 0 coded items"
    assert body["checked"] == 0


def test_a_patient_reads_the_facts_and_not_what_to_do(clinic: Clinic, caller: Caller) -> None:
    answer = clinic.as_("patient", patient_id=PATIENT)("GET", f"{P}/interactions")

    assert answer.status_code == 200
    assert len(answer.json()["findings"]) == 1
    assert "management" not in answer.text


def test_a_foreign_patient_s_list_is_absent(clinic: Clinic, caller: Caller) -> None:
    other = PERSON | {"id": str(uuid4())}
    caller("POST", "/v1/patients", other)

    refused = clinic.as_("patient", patient_id=other["id"])("GET", f"{P}/interactions")

    assert refused.status_code == 404


# ---- from a course to an entry


def event(kind: Any, day: str | None, seq: int = 1, **members: Any) -> DoseEvent:
    on = date.fromisoformat(day) if day else None
    return DoseEvent(id=f"e{seq}", medication_id=SERTRALINE, day=on, seq=seq, kind=kind, **members)


def course(*events: DoseEvent, reference_id: str | None = "sertraline") -> Course:
    return Course(UUID(SERTRALINE), "sertraline", "drug", reference_id, None, None, events)


FIFTY: dict[str, Any] = {"amount": Decimal(50), "unit": "mg", "times_per_day": 2}


def test_the_daily_dose_is_in_the_unit_of_the_reference() -> None:
    (entry,) = entries_of([course(event("start", "2026-03-01", **FIFTY))], TODAY)

    assert (entry.dose_per_day, entry.dose_unit) == (Decimal(100), "mg")
    assert (entry.started_on, entry.stopped_on) == (date(2026, 3, 1), None)


def test_a_dose_that_nobody_knows_is_none_and_not_zero() -> None:
    (entry,) = entries_of([course(event("start", "2026-03-01", dose_known=False))], TODAY)

    assert entry.dose_per_day is None
    assert entry.stopped_on is None


def test_a_stop_counts_from_its_day_and_a_hold_does_not_count() -> None:
    start = event("start", "2026-03-01", **FIFTY)

    (stopped,) = entries_of([course(start, event("stop", "2026-05-20", 2))], TODAY)
    (held,) = entries_of([course(start, event("hold", "2026-05-20", 2))], TODAY)

    assert (stopped.stopped_on, stopped.dose_per_day) == (date(2026, 5, 20), None)
    assert (held.stopped_on, held.dose_per_day) == (None, None)


def test_no_wash_out_is_over_after_an_end_on_an_unknown_day() -> None:
    start = event("start", "2020-03-01", **FIFTY)

    (entry,) = entries_of([course(start, event("stop", None, 2))], TODAY)

    assert entry.stopped_on == TODAY


def test_a_planned_start_has_not_begun_and_a_course_without_events_has() -> None:
    planned = course(event("start", "2026-07-01", planned=True, **FIFTY))

    (ahead,) = entries_of([planned], TODAY)
    (bare,) = entries_of([course()], TODAY)

    assert ahead.started_on == date(2026, 7, 1)
    assert (bare.started_on, bare.stopped_on) == (None, None)


def test_an_unconfirmed_dose_does_not_hide_the_substance() -> None:
    start = event("start", "2026-03-01", unconfirmed=("tenfold-jump",), **FIFTY)

    (entry,) = entries_of([course(start)], TODAY)

    assert entry.resolved.substance is not None
    assert (entry.started_on, entry.dose_per_day) == (date(2026, 3, 1), None)


def test_a_course_without_code_offers_only_candidates() -> None:
    (entry,) = entries_of([course(reference_id=None)], TODAY)

    assert entry.resolved.substance is None
    assert [one.substance.reference_id for one in entry.resolved.candidates] == ["sertraline"]


def test_form_and_indication_reach_the_rules_as_they_were_recorded() -> None:
    said = {"form": "oral solution", "indication": {"code": "F31.9", "display": "Bipolar disorder"}}

    (entry,) = entries_of([replace(course(), said=said)], TODAY)

    assert (entry.form, entry.indication) == ("oral solution", "F31.9 Bipolar disorder")

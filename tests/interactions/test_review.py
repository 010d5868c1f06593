"""Every write that changes what a patient takes reviews the list once, and says what is new."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import event as database_event

from app.core.db import Work
from app.identity import service as identity
from app.interactions import service
from app.patients import facts
from app.patients import service as patients
from tests.conftest import Caller, Clinic
from tests.imports.files import PATIENT as IMPORTED
from tests.imports.files import bundle, request, said
from tests.imports.files import run as run_import
from tests.interactions.test_interactions import (
    ACKNOWLEDGED,
    PATIENT,
    PERSON,
    RXNORM,
    SERTRALINE,
    ST_JOHNS_WORT,
    P,
    acknowledgement,
    signals,
    stored,
)
from tests.interactions.test_list import COURSES, listed

ALONE, BESIDE = COURSES
EVENTS = f"{P}/medications/{SERTRALINE}/dose-events"


@pytest.fixture
def caller(prescriber: Caller) -> Caller:
    """A prescriber whose patient takes sertraline alone."""
    assert prescriber("POST", "/v1/patients", PERSON).status_code == 201
    assert prescriber("POST", f"{P}/medications", ALONE).status_code == 201
    return prescriber


@pytest.fixture
def reviews(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """The patients whose lists were reviewed, one entry a review."""
    seen: list[UUID] = []
    review = service.review

    def counted(work: Work, person: patients.Person, *args: Any, **options: Any) -> Any:
        seen.append(person.id)
        return review(work, person, *args, **options)

    monkeypatch.setattr(service, "review", counted)
    return seen


def course(reference_id: str, **members: Any) -> dict[str, Any]:
    start = {"kind": "start", "effective_on": "2026-05-01", "dose_known": False}
    return {
        "id": str(uuid4()),
        "kind": "drug",
        "reference_id": reference_id,
        "first_dose_event": start,
        **members,
    }


def dose(mg: str, on: str = "2026-06-01", **members: Any) -> dict[str, Any]:
    given = {"dose": {"amount": mg, "unit": "mg"}, "times_per_day": 1}
    return {"id": str(uuid4()), "kind": "change", "effective_on": on, **given, **members}


def visit(**members: Any) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "kind": "visit",
        "occurred_at": "2026-06-01T07:00:00-04:00",
        **members,
    }


def kept(answer: httpx.Response, status: int = 201) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    return body


def short(body: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["rule"]["id"], one["severity"]) for one in body.get("new_findings", ())]


def states(caller: Caller) -> dict[str, str]:
    """The state of each stored finding, the newest of each rule."""
    body = listed(caller)
    return {one["rule"]["id"]: one["state"] for one in body["resolved"] + body["findings"]}


def run(clinic: Clinic, do: Callable[..., Any]) -> Any:
    actor = identity.built_in_actor(identity.DEFAULT_CLINIC, "prescriber")
    return clinic.app.state.writer.run(do, actor, PATIENT, operation="test")


def known(clinic: Clinic) -> dict[str, str]:
    """What was told of the person, as of today."""
    on = clinic.clock().date()
    found: dict[str, str] = run(
        clinic, lambda work, patient_id: dict(facts.known(work, patient_id, on))
    )
    return found


# ---- courses


def test_a_new_course_says_what_it_brought_and_again_says_the_same(
    caller: Caller, reviews: list[UUID]
) -> None:
    sent = caller("POST", f"{P}/medications", BESIDE)
    body = kept(sent)
    again = caller("POST", f"{P}/medications", BESIDE)

    (signal,) = signals(caller)
    (finding,) = body["new_findings"]
    assert finding["severity"] == "major"
    assert finding["medication_ids"] == [SERTRALINE, ST_JOHNS_WORT]
    assert [one["id"] for one in body["opened_signals"]] == [signal["id"]]
    assert finding["signal_id"] == signal["id"]
    assert (again.status_code, again.content) == (200, sent.content)
    assert caller("GET", f"{P}/medications/{ST_JOHNS_WORT}").content == sent.content
    assert reviews == [PATIENT], "what is there already is not looked at again"


def test_a_course_that_brings_nothing_new_says_nothing_of_it(caller: Caller) -> None:
    body = kept(caller("POST", f"{P}/medications", course("melatonin", kind="supplement")))

    assert not {"new_findings", "opened_signals"} & body.keys()


def test_a_corrected_substance_is_another_one(caller: Caller, reviews: list[UUID]) -> None:
    wrong = course("melatonin", kind="supplement")
    kept(caller("POST", f"{P}/medications", wrong))
    path = f"{P}/medications/{wrong['id']}"

    right = caller("PATCH", path, {"reference_id": "st-johns-wort"}, headers={"If-Match": '"1"'})

    assert len(kept(right, 200)["new_findings"]) == 1
    assert len(signals(caller)) == 1
    assert len(reviews) == 2


def test_a_withdrawn_course_ends_its_findings(caller: Caller, reviews: list[UUID]) -> None:
    (found,) = kept(caller("POST", f"{P}/medications", BESIDE))["new_findings"]

    gone = caller("DELETE", f"{P}/medications/{ST_JOHNS_WORT}", headers={"If-Match": '"1"'})

    assert "new_findings" not in kept(gone, 200)
    assert stored(caller, found["id"])["state"] == "resolved"
    body = listed(caller)
    assert body["findings"] == []
    (over,) = body["resolved"]
    assert (over["id"], over["state"], over["resolved_at"]) == (
        found["id"],
        "resolved",
        "2026-06-01T12:00:00+00:00",
    )
    assert len(reviews) == 2


def test_a_text_alone_opens_nothing_and_is_said_to_be_possible(caller: Caller) -> None:
    sent = course("x", text="tramadol 50 mg")
    del sent["reference_id"]

    body = kept(caller("POST", f"{P}/medications", sent))

    assert "new_findings" not in body
    assert signals(caller) == []
    assert listed(caller)["possible"]


def test_what_a_system_sends_is_reviewed_too(clinic: Clinic, caller: Caller) -> None:
    body = kept(clinic.as_("system")("POST", f"{P}/medications", BESIDE))

    assert len(body["new_findings"]) == len(body["opened_signals"]) == 1


def test_a_refused_course_leaves_no_finding(caller: Caller) -> None:
    start = {"kind": "start", "effective_on": "2031-01-01", "dose_known": False}

    refused = caller("POST", f"{P}/medications", BESIDE | {"first_dose_event": start})

    assert refused.status_code == 422
    assert signals(caller) == []
    assert listed(caller)["resolved"] == []


def test_another_patient_s_course_changes_nothing_here(caller: Caller) -> None:
    other = PERSON | {"id": str(uuid4())}
    kept(caller("POST", "/v1/patients", other))

    kept(caller("POST", f"/v1/patients/{other['id']}/medications", BESIDE))

    assert signals(caller) == []
    assert listed(caller)["findings"] == []


# ---- dose events


def test_a_raised_dose_brings_an_acknowledged_finding_back_and_a_lower_one_does_not(
    caller: Caller, reviews: list[UUID]
) -> None:
    (found,) = kept(caller("POST", f"{P}/medications", BESIDE))["new_findings"]
    caller("PUT", acknowledgement(found["id"]), ACKNOWLEDGED)

    lower = kept(caller("POST", EVENTS, dose("25", "2026-05-28")))
    raised = kept(caller("POST", EVENTS, dose("100", "2026-05-29")))
    again = kept(caller("POST", EVENTS, dose("75", "2026-05-30")))

    assert "new_findings" not in lower
    assert "new_findings" not in again
    assert [one["medication_ids"] for one in raised["new_findings"]] == [
        [SERTRALINE, ST_JOHNS_WORT]
    ]
    assert len(raised["opened_signals"]) == 1
    assert len(reviews) == 4


def test_a_dose_event_that_arrives_late_counts_from_its_day(caller: Caller) -> None:
    """100 mg since 20 May, told after 50 mg of 25 May: 50 mg is taken now."""
    (found,) = kept(caller("POST", f"{P}/medications", BESIDE))["new_findings"]
    kept(caller("POST", EVENTS, dose("50", "2026-05-25")))
    caller("PUT", acknowledgement(found["id"]), ACKNOWLEDGED)

    late = kept(caller("POST", EVENTS, dose("100", "2026-05-20")))

    assert "new_findings" not in late
    assert stored(caller, found["id"])["state"] == "acknowledged"


def test_put_patch_and_withdrawal_of_a_dose_event_review_the_list(
    caller: Caller, reviews: list[UUID]
) -> None:
    kept(caller("POST", f"{P}/medications", BESIDE))
    events = f"{P}/medications/{ST_JOHNS_WORT}/dose-events"
    stop = {"kind": "stop", "effective_on": "2026-01-05"}
    path = f"{events}/{uuid4()}"

    # A stop before the start: since 20 March it is taken again, so correct the start instead.
    first = f"{events}/{BESIDE['first_dose_event']['id']}"
    earlier = caller("PATCH", first, {"effective_on": "2026-01-02"}, headers={"If-Match": '"1"'})
    kept(earlier, 200)
    stopped = kept(caller("PUT", path, stop))
    assert "new_findings" not in stopped
    assert listed(caller)["findings"] == [], "its wash-out is long over"

    back = kept(caller("DELETE", path, headers={"If-Match": '"1"'}), 200)

    assert len(back["new_findings"]) == len(back["opened_signals"]) == 1
    assert len(signals(caller)) == 2
    assert len(reviews) == 4


def test_steps_are_reviewed_once_and_the_last_new_one_says_what_they_brought(
    caller: Caller, reviews: list[UUID]
) -> None:
    (found,) = kept(caller("POST", f"{P}/medications", BESIDE))["new_findings"]
    caller("PUT", acknowledgement(found["id"]), ACKNOWLEDGED)
    reviews.clear()
    steps = [dose("75", "2026-05-20"), dose("100", "2026-05-25")]

    sent = caller("POST", EVENTS, {"steps": steps})

    first, last = kept(sent)["items"]
    assert len(reviews) == 1
    assert "new_findings" not in first
    assert len(last["new_findings"]) == 1
    again = caller("POST", EVENTS, {"steps": steps})
    assert (again.status_code, again.content) == (200, sent.content)
    assert len(reviews) == 1


def test_a_planned_step_changes_nothing_until_it_is_confirmed(caller: Caller) -> None:
    (found,) = kept(caller("POST", f"{P}/medications", BESIDE))["new_findings"]
    caller("PUT", acknowledgement(found["id"]), ACKNOWLEDGED)
    step = dose("100", "2026-05-25", planned=True)

    planned = kept(caller("POST", EVENTS, {"steps": [step]}))["items"][0]
    path = f"{EVENTS}/{step['id']}"
    done = caller("PATCH", path, {"planned": False}, headers={"If-Match": '"1"'})

    assert "new_findings" not in planned
    assert len(kept(done, 200)["new_findings"]) == 1


# ---- follow-ups and check-ins


def test_what_a_visit_brings_is_reviewed_once_with_the_visit(
    caller: Caller, reviews: list[UUID]
) -> None:
    reported = [
        {"id": str(uuid4()), "kind": "supplement", "substance": {"reference_id": name}}
        | {"from_on": "2026-05-20", "dose_known": False}
        for name in ("st-johns-wort", "melatonin")
    ]
    events = [dose("100", medication_id=SERTRALINE)]
    sent = visit(interactions={"reported": reported}, dosage={"dose_events": events})

    answer = caller("POST", f"{P}/follow-ups", sent)

    body = kept(answer)
    assert len(reviews) == 1
    assert {one["medication_ids"][-1] for one in body["new_findings"]} <= {
        SERTRALINE,
        *(one["id"] for one in reported),
    }
    major = [one for one in body["new_findings"] if one["severity"] == "major"]
    assert len(major) == len(body["opened_signals"]) == len(signals(caller)) == 1
    again = caller("POST", f"{P}/follow-ups", sent)
    assert (again.status_code, again.content) == (200, answer.content)


def test_a_visit_that_is_withdrawn_takes_its_substances_and_facts_back(
    clinic: Clinic, caller: Caller, reviews: list[UUID]
) -> None:
    reported = {"id": str(uuid4()), "kind": "supplement", "dose_known": False}
    reported["substance"] = {"reference_id": "st-johns-wort"}
    told = visit(interactions={"reported": [reported], "facts": {"smoking": "current"}})
    kept(caller("POST", f"{P}/follow-ups", told))
    assert known(clinic) == {"smoking": "current"}
    assert len(listed(caller)["findings"]) == 1

    gone = caller("DELETE", f"{P}/follow-ups/{told['id']}", headers={"If-Match": '"1"'})

    kept(gone, 200)
    assert listed(caller)["findings"] == []
    assert len(reviews) == 2
    assert known(clinic) == {}


def test_a_corrected_visit_no_longer_says_what_it_left_out(
    clinic: Clinic, caller: Caller, reviews: list[UUID]
) -> None:
    reported = {"id": str(uuid4()), "kind": "supplement", "dose_known": False}
    reported["substance"] = {"reference_id": "st-johns-wort"}
    told = visit(interactions={"reported": [reported], "facts": {"smoking": "current"}})
    kept(caller("POST", f"{P}/follow-ups", told))
    path, first = f"{P}/follow-ups/{told['id']}", {"If-Match": '"1"'}

    right = caller("PATCH", path, {"interactions": {"reported": [], "facts": None}}, headers=first)

    kept(right, 200)
    assert listed(caller)["findings"] == []
    assert known(clinic) == {}
    assert len(reviews) == 2


def test_every_visit_looks_again_at_what_time_alone_has_changed(
    clinic: Clinic, caller: Caller
) -> None:
    (found,) = kept(caller("POST", f"{P}/medications", BESIDE))["new_findings"]
    events = f"{P}/medications/{ST_JOHNS_WORT}/dose-events"
    kept(caller("POST", events, {"id": str(uuid4()), "kind": "stop", "effective_on": "2026-06-01"}))
    clinic.clock.moment += timedelta(days=20)
    caller = clinic.as_("prescriber")
    over = listed(caller)["resolved"]

    kept(caller("POST", f"{P}/follow-ups", visit(kind="call")))

    assert [(one["id"], one["state"], one["resolved_at"]) for one in over] == [
        (found["id"], "resolved", None)
    ]
    assert stored(caller, found["id"])["state"] == "resolved"


def test_a_check_in_changes_no_list_and_asks_nothing_of_it(
    clinic: Clinic, caller: Caller, reviews: list[UUID]
) -> None:
    patient = clinic.as_("patient", patient_id=PATIENT)
    body = {
        "id": str(uuid4()),
        "occurred_at": "2026-06-01T07:00:00-04:00",
        "mood_cognition": {"mood": 6},
        "sleep": {"quality": 6},
    }
    statements: list[str] = []

    def count(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    database_event.listen(clinic.app.state.engine, "before_cursor_execute", count)
    kept(patient("POST", f"{P}/check-ins", body))
    database_event.remove(clinic.app.state.engine, "before_cursor_execute", count)

    tables = ("findings", "medications", "dose_events", "patient_facts")
    assert not [one for one in statements if any(table in one for table in tables)]
    assert reviews == []


# ---- facts


def tell(caller: Caller, on: str, **said: str) -> dict[str, Any]:
    sent = visit(occurred_at=f"{on}T07:00:00-04:00", interactions={"facts": said})
    return kept(caller("POST", f"{P}/follow-ups", sent))


@pytest.mark.parametrize("drug", ["clozapine", "olanzapine"])
def test_who_stops_smoking_on_it_has_a_major_finding_and_a_signal(
    caller: Caller, drug: str
) -> None:
    kept(caller("POST", f"{P}/medications", course(drug)))
    smokes = tell(caller, "2026-05-10", smoking="current")
    asked = tell(caller, "2026-05-20", smoking="current")

    stopped = tell(caller, "2026-05-30", smoking="former")

    assert ("smoking-now-clozapine", "minor") in short(smokes)
    assert short(asked) == []
    assert short(stopped) == [("smoking-stop-clozapine", "major")]
    assert [one["code"] for one in stopped["opened_signals"]] == ["interaction"]
    assert states(caller)["smoking-now-clozapine"] == "resolved"


def test_smoking_that_begins_lowers_the_level(caller: Caller) -> None:
    kept(caller("POST", f"{P}/medications", course("clozapine")))
    tell(caller, "2026-05-10", smoking="never")

    begun = tell(caller, "2026-05-30", smoking="current")

    assert ("smoking-start-clozapine", "moderate") in short(begun)


def test_what_was_told_late_stands_on_its_own_day(caller: Caller) -> None:
    kept(caller("POST", f"{P}/medications", course("clozapine")))
    tell(caller, "2026-05-30", smoking="former")

    late = tell(caller, "2026-05-10", smoking="current")

    assert ("smoking-stop-clozapine", "major") in short(late)


def test_a_pregnancy_that_may_be_is_looked_at_when_it_is_told(caller: Caller) -> None:
    kept(caller("POST", f"{P}/medications", course("valproate")))

    told = tell(caller, "2026-05-30", pregnancy="trying")
    over = tell(caller, "2026-05-31", pregnancy="not_applicable")

    assert "major" in {severity for _, severity in short(told)}
    assert short(over) == []
    assert "resolved" in states(caller).values()


def test_other_is_kept_and_no_rule_reads_it(caller: Caller) -> None:
    kept(caller("POST", f"{P}/medications", course("clozapine")))
    told = visit(interactions={"facts": {"smoking": "other", "smoking_text": "shisha"}})

    kept(caller("POST", f"{P}/follow-ups", told))

    assert "smoking" in {one["fact"] for one in listed(caller)["facts_missing"]}


def test_the_newest_kidney_function_decides(caller: Caller) -> None:
    kept(caller("POST", f"{P}/medications", course("lithium")))
    waiting = {one["fact"] for one in listed(caller)["facts_missing"]}

    for on, value in (("2026-05-20", "52"), ("2026-05-10", "80")):
        sent = {
            "id": str(uuid4()),
            "code": {"system": "http://loinc.org", "code": "98979-8"},
            "value": value,
            "unit": "mL/min/{1.73_m2}",
            "drawn_on": on,
        }
        kept(caller("POST", f"{P}/labs", sent))

    assert "egfr" in waiting
    found = [one for one in listed(caller)["findings"] if "egfr stage G3a" in one["facts"]]
    assert len(found) == 1
    assert "egfr" not in {one["fact"] for one in listed(caller)["facts_missing"]}
    assert short(kept(caller("POST", f"{P}/follow-ups", visit()))) == [
        (found[0]["rule"]["id"], found[0]["severity"])
    ]


def test_facts_are_known_by_day_and_a_new_version_takes_the_old_one_back(
    clinic: Clinic, caller: Caller
) -> None:
    record, today = uuid4(), clinic.clock().date()
    older, last_week = uuid4(), today - timedelta(days=7)

    def keep(sequence: int, record_id: UUID, on: Any, **said: str) -> Callable[..., None]:
        def do(work: Work, patient_id: UUID) -> None:
            person = patients.get(work, patient_id)
            facts.keep_facts(work, person, record_id, sequence, said, on)

        return do

    def ask(on: Any) -> Any:
        return run(clinic, lambda work, patient_id: dict(facts.known(work, patient_id, on)))

    run(clinic, keep(11, record, today, smoking="former", pregnancy="not_pregnant"))
    run(clinic, keep(12, older, last_week, smoking="current"))
    assert ask(today) == {"smoking": "former", "pregnancy": "not_pregnant"}
    assert ask(today - timedelta(days=1)) == {"smoking": "current"}
    assert ask(last_week - timedelta(days=1)) == {}

    run(clinic, keep(13, record, today, pregnancy="pregnant"))

    assert ask(today) == {"smoking": "current", "pregnancy": "pregnant"}


# ---- imports


def ordered(id_: str, code: str, authored: str) -> dict[str, Any]:
    coding = {"system": RXNORM, "code": code}
    return request(id_, authored, medicationCodeableConcept={"coding": [coding]})


def test_an_import_reviews_the_list_once_and_a_fresh_pair_opens_its_signal(
    clinic: Clinic, prescriber: Caller, reviews: list[UUID], tmp_path: Path
) -> None:
    file = bundle(
        tmp_path,
        IMPORTED,
        ordered("a", "36437", "2020-03-01"),
        ordered("b", "8123", "2026-05-20"),
        ordered("c", "10689", "2020-03-01"),
    )

    first, second = said(run_import(clinic, file)), said(run_import(clinic, file))

    assert (first, second) == (["created"] * 4, ["unchanged"] * 4)
    assert len(reviews) == 2
    (patient,) = prescriber("GET", "/v1/patients?identifier=S-1").json()["items"]
    path = f"/v1/patients/{patient['id']}"
    waiting = prescriber("GET", f"{path}/signals").json()["items"]
    fresh = [one["evidence"] for one in waiting if one["code"] == "interaction"]
    (historic,) = [one["evidence"] for one in waiting if one["code"] == "historic"]
    phenelzine = next(
        one["id"]
        for one in prescriber("GET", f"{path}/medications").json()["items"]
        if one["reference_id"] == "phenelzine"
    )
    assert fresh
    assert all(phenelzine in one["medication_ids"] for one in fresh)
    old = [one for one in historic["findings"] if one["code"] == "interaction"]
    assert {one["severity"] for one in old} <= {"contraindicated", "major"}
    findings = prescriber("GET", f"{path}/interactions").json()["findings"]
    of_old = {one["id"]: one["signal_id"] for one in findings if one["signal_id"] is None}
    assert {one["finding_id"] for one in old} <= of_old.keys()
    assert len(old) >= 1


def test_a_rehearsed_import_keeps_no_finding(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    orders = [ordered("a", "36437", "2020-03-01"), ordered("b", "8123", "2026-05-20")]
    run_import(clinic, bundle(tmp_path, IMPORTED))

    run_import(clinic, bundle(tmp_path, IMPORTED, *orders), dry_run=True)

    (patient,) = prescriber("GET", "/v1/patients?identifier=S-1").json()["items"]
    assert prescriber("GET", f"/v1/patients/{patient['id']}/signals").json()["items"] == []

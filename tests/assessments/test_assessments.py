"""Filled-in instruments over HTTP, on both databases."""

import json
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.assessments import service
from app.assessments.schemas import AssessmentWithin
from app.core.actor import Trace
from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import AlreadyExists
from app.identity import service as identity
from app.measurements import service as measurements
from app.patients import service as patients
from app.patients.models import CareRelation
from app.signals import service as signals
from tests.conftest import Caller, Clinic
from tests.shared import SHARED, needs_shared

PERSON = {
    "id": "019a5b10-0000-7000-8000-000000000001",
    "name": {"given": "Example", "family": "Patient"},
    "birth_date": "1991-04-17",
    "time_zone": "America/New_York",
}
PATIENT = UUID(str(PERSON["id"]))
PATH = f"/v1/patients/{PATIENT}/assessments"
ID = "019a5b10-0000-7000-8000-000000000503"
PHQ_9 = {
    "id": ID,
    "instrument": "phq-9",
    "occurred_at": "2026-05-11T10:00:00-04:00",
}
IN_REMISSION = [1, 0, 0, 1, 0, 0, 0, 0, 1]
"""A total of 3, and thoughts of death on several days."""
FOLLOW_UP = UUID("019a5b10-0000-7000-8000-000000000301")
VISIT_AT = datetime(2026, 5, 11, 14, 30, tzinfo=UTC)


@pytest.fixture
def caller(prescriber: Caller) -> Caller:
    assert prescriber("POST", "/v1/patients", PERSON).status_code == 201
    return prescriber


def contract(name: str) -> Any:
    return json.loads((SHARED / "contract" / f"{name}.json").read_bytes())


def ask(clinic: Clinic, question: Any, *args: Any) -> Any:
    """Run a reading service as the clinic's prescriber."""
    actor = identity.built_in_actor(identity.DEFAULT_CLINIC, "prescriber")
    return clinic.app.state.reader.ask(question, actor, Trace("-", "GET", "test"), *args)


def series(clinic: Clinic) -> dict[str, tuple[float, str | None]]:
    """Give value and flags by measure, as they stand now."""
    rows = ask(clinic, measurements.series, PATIENT, 10**9)
    return {row.measure: (row.value, row.flags) for row in rows}


def summary(clinic: Clinic) -> dict[str, Any]:
    found: dict[str, Any] = ask(clinic, measurements.summary, PATIENT)
    return found


def open_signals(clinic: Clinic) -> list[dict[str, Any]]:
    page = json.loads(ask(clinic, signals.page, PATIENT).body)
    found: list[dict[str, Any]] = [one for one in page["items"] if one["state"] == "open"]
    return found


def within(clinic: Clinic, data: AssessmentWithin, at: datetime = VISIT_AT) -> dict[str, Any]:
    """Store an assessment as a follow-up does."""

    def visit(work: Work, patient_id: UUID) -> dict[str, Any]:
        person = patients.get(work, patient_id)
        return service.keep_within(
            work,
            person,
            data,
            occurred_at=at,
            occurred_on=person.day_of(at),
            follow_up_id=FOLLOW_UP,
            fallback_id=UUID(int=7),
            at="/assessments/0",
        )

    actor = identity.built_in_actor(identity.DEFAULT_CLINIC, "prescriber")
    stored: dict[str, Any] = clinic.app.state.writer.run(visit, actor, PATIENT, operation="visit")
    return stored


# ---- the total


@needs_shared
def test_the_contracts_assessment_is_answered_as_promised(caller: Caller, clinic: Clinic) -> None:
    stored = caller("POST", PATH, contract("10-assessment"))

    promised = contract("answers/10-assessment")
    assert stored.status_code == 201, stored.text
    for name in promised.keys() - {"recorded_at", "author"}:
        assert stored.json()[name] == promised[name], name
    assert stored.json()["author"]["role"] == "prescriber"
    assert series(clinic)["phq-9.total"] == (10, None)


def test_a_total_that_disagrees_with_its_answers_is_kept_and_the_computed_one_followed(
    caller: Caller, clinic: Clinic
) -> None:
    stored = caller("POST", PATH, PHQ_9 | {"answers": [1] * 8 + [0], "total": 9}).json()

    assert (stored["total"], stored["total_computed"], stored["total_received"]) == (8, 8, 9)
    assert stored["flags"] == ["total_mismatch"]
    assert series(clinic)["phq-9.total"] == (8, None)


def test_two_missing_answers_are_prorated_and_said(caller: Caller, clinic: Clinic) -> None:
    stored = caller("POST", PATH, PHQ_9 | {"answers": [2, 2, 2, 2, 2, 2, 2, None, None]}).json()

    assert stored["total_computed"] == 18  # 14 of seven answers, times 9, by 7
    assert stored["flags"] == ["items_missing", "total_prorated"]
    assert stored["answers"] == {str(item): 2 for item in range(1, 8)}
    assert "phq-9.8" not in series(clinic)


def test_three_missing_answers_leave_no_total_and_the_risk_item_is_shown(
    caller: Caller, clinic: Clinic
) -> None:
    answers = {"1": 1, "2": 1, "3": 1, "4": 1, "5": 1, "9": 2}
    stored = caller("POST", PATH, PHQ_9 | {"answers": answers}).json()

    assert stored["total"] is None
    assert stored["band"] is None
    assert [one["evidence"]["value"] for one in stored["opened_signals"]] == [2]
    assert "phq-9.total" not in series(clinic)
    assert series(clinic)["phq-9.9"] == (2, None)


def test_a_total_alone_is_followed(caller: Caller, clinic: Clinic) -> None:
    stored = caller("POST", PATH, PHQ_9 | {"total": 17}).json()

    assert (stored["total"], stored["total_received"]) == (17, 17)
    assert stored["total_computed"] is None
    assert stored["answers"] == {}
    assert stored["flags"] == ["items_absent"]
    assert stored["band"] == {"label": "moderately severe", "from": 15}
    assert series(clinic) == {"phq-9.total": (17, None)}


# ---- out of range


def test_an_answer_out_of_range_is_kept_and_stays_out_of_statistics(
    caller: Caller, clinic: Clinic
) -> None:
    stored = caller("POST", PATH, PHQ_9 | {"answers": [1, 1, 7, 1, 1, 1, 1, 1, 0]})

    assert stored.status_code == 201, stored.text
    assert stored.json()["answers"]["3"] == 7
    assert stored.json()["flags"] == ["item_out_of_range"]
    assert stored.json()["total"] is None
    assert series(clinic)["phq-9.3"] == (7, "DQ_IMPLAUSIBLE")
    assert series(clinic)["phq-9.2"] == (1, None)
    assert "phq-9.total" not in series(clinic)
    assert "phq-9.3" not in summary(clinic)["latest"]


def test_a_risk_answer_out_of_range_is_still_a_risk_answer(caller: Caller) -> None:
    stored = caller("POST", PATH, PHQ_9 | {"answers": [0] * 8 + [4]}).json()

    assert [one["code"] for one in stored["opened_signals"]] == ["suicidal_ideation_item"]


def test_a_total_out_of_range_is_kept_and_stays_out_of_statistics(
    caller: Caller, clinic: Clinic
) -> None:
    stored = caller("POST", PATH, PHQ_9 | {"total": 99}).json()

    assert (stored["total"], stored["total_received"]) == (None, 99)
    assert "total_out_of_range" in stored["flags"]
    assert series(clinic) == {"phq-9.total": (99, "DQ_IMPLAUSIBLE")}


def test_the_one_answer_of_a_one_item_instrument_out_of_range_is_shown_as_its_total(
    caller: Caller, clinic: Clinic
) -> None:
    stored = caller("POST", PATH, PHQ_9 | {"instrument": "cgi-s", "answers": [9]})

    assert stored.status_code == 201, stored.text
    assert series(clinic) == {"cgi-s.total": (9, "DQ_IMPLAUSIBLE")}


def test_what_is_flagged_is_kept_as_it_came_and_no_trend_is_made_of_it(caller: Caller) -> None:
    right = [1, 1, 1, 1, 1, 1, 1, 1, 0]
    sent: dict[str, dict[str, Any]] = {
        "2026-05-01": {"answers": right, "total": 8},
        "2026-05-08": {"answers": right, "total": 9},
        "2026-05-15": {"total": 99},
        "2026-05-22": {"answers": [1, 1, 7, 1, 1, 1, 1, 1, 0], "total": 14},
        "2026-05-29": {"answers": [1, None, None, None, 1, 1, 1, 1, 0], "total": 8},
    }
    kept = {}
    for day, body in sent.items():
        form = {"id": str(uuid4()), "instrument": "phq-9", "occurred_on": day}
        kept[day] = caller("POST", PATH, form | body).json()
    query = "include=measures,points,quality&from=2026-04-01&measures=phq-9.total,phq-9.3"
    report = caller("GET", f"/v1/patients/{PATIENT}/trends?{query}").json()
    by_code = {one["measure"]: one for one in report["measures"]}

    assert [kept[day]["total_received"] for day in sent] == [8, 9, 99, 14, 8]
    assert [kept[day]["total"] for day in sent] == [8, 8, None, None, None]
    total, third = by_code["phq-9.total"], by_code["phq-9.3"]
    assert [(one["day"], one["value"], one.get("excluded")) for one in total["points"]] == [
        ("2026-05-01", 8, None),
        ("2026-05-08", 8, None),
        ("2026-05-15", 99, "DQ_IMPLAUSIBLE"),
    ]
    assert (total["n"], total["last"]["value"]) == (2, 8)
    assert [(one["value"], one.get("excluded")) for one in third["points"]] == [
        (1, None),
        (1, None),
        (7, "DQ_IMPLAUSIBLE"),
    ]
    assert third["n"] == 2
    (mismatch,) = [one for one in report["quality"] if one["code"] == "DQ_TOTAL_MISMATCH"]
    assert (mismatch["sent"], mismatch["recomputed"]) == (9, 8)
    assert mismatch["records"] == [kept["2026-05-08"]["id"]]


# ---- risk


def test_a_risk_answer_opens_one_signal_although_the_total_is_in_remission(
    caller: Caller, clinic: Clinic
) -> None:
    first = caller("POST", PATH, PHQ_9 | {"answers": IN_REMISSION})
    again = caller("POST", PATH, PHQ_9 | {"answers": IN_REMISSION})

    [opened] = first.json()["opened_signals"]
    assert first.json()["band"]["label"] == "minimal"
    assert opened["code"] == "suicidal_ideation_item"
    assert opened["evidence"] == {"instrument": "phq-9", "item": 9, "value": 1, "record_id": ID}
    assert again.status_code == 200
    assert again.content == first.content
    assert [one["id"] for one in open_signals(clinic)] == [opened["id"]]


def test_a_correction_scores_again_and_a_risk_answer_that_is_new_opens_a_signal(
    caller: Caller, clinic: Clinic
) -> None:
    caller("POST", PATH, PHQ_9 | {"answers": [1] * 8 + [0]})
    corrected = caller("PATCH", f"{PATH}/{ID}", {"answers": {"9": 1}}, headers={"If-Match": '"1"'})
    twice = caller("PATCH", f"{PATH}/{ID}", {"answers": {"9": 0}}, headers={"If-Match": '"2"'})
    history = caller("GET", f"{PATH}/{ID}/history").json()["items"]

    assert corrected.status_code == 200, corrected.text
    assert corrected.json()["total"] == 9
    assert len(corrected.json()["opened_signals"]) == 1
    assert twice.json()["opened_signals"] == []
    assert [one["total"] for one in history] == [8, 9, 8]
    assert series(clinic)["phq-9.total"] == (8, None)
    assert len(open_signals(clinic)) == 1, "a later 0 closes nothing"


def test_a_patient_who_answers_a_risk_item_is_told_that_nobody_watches(
    caller: Caller, clinic: Clinic
) -> None:
    patient = clinic.as_("patient", patient_id=PATIENT)
    asked = patient("POST", PATH, PHQ_9 | {"answers": [0] * 9}).json()
    not_asked = patient(
        "POST", PATH, PHQ_9 | {"id": str(uuid4()), "instrument": "gad-7", "answers": [0] * 7}
    ).json()

    assert asked["safety_notice"]["nobody_watches"] is True
    assert "safety_notice" not in not_asked


def test_the_signal_says_its_rule_its_owner_and_until_when_somebody_looks(
    caller: Caller, clinic: Clinic
) -> None:
    patient = clinic.as_("patient", patient_id=PATIENT)
    patient("POST", PATH, PHQ_9 | {"answers": IN_REMISSION})

    [signal] = open_signals(clinic)
    prescriber = identity.built_in_actor(identity.DEFAULT_CLINIC, "prescriber")
    assert signal["rule"] == {"id": "phq-9.9>=1", "version": 1}
    assert signal["owner"] == str(prescriber.user_id), "who has cared longest"
    assert signal["raised_at"] == "2026-06-01T12:00:00Z"
    assert signal["due_at"] == "2026-06-02T00:00:00-04:00", "the end of the patient's day"


def test_whoever_moves_a_signal_owns_it_and_rule_and_due_time_stay(
    caller: Caller, clinic: Clinic
) -> None:
    caller("POST", PATH, PHQ_9 | {"answers": IN_REMISSION})
    [before] = open_signals(clinic)
    nurse = clinic.as_("care_team")
    actor = identity.built_in_actor(identity.DEFAULT_CLINIC, "care_team")
    join_care_team(clinic, actor.user_id)

    path = f"/v1/patients/{PATIENT}/signals/{before['id']}"
    moved = nurse("PATCH", path, {"state": "acknowledged"}, headers={"If-Match": '"1"'})

    assert moved.status_code == 200, moved.text
    assert moved.json()["owner"] == str(actor.user_id) != before["owner"]
    assert moved.json()["rule"] == before["rule"]
    assert moved.json()["due_at"] == before["due_at"]


def join_care_team(clinic: Clinic, user_id: UUID) -> None:
    def join(work: Work, patient_id: UUID) -> Answer:
        work.add(CareRelation, patient_id=patient_id, user_id=user_id, since=work.now)
        return Answer(b"{}")

    actor = identity.built_in_actor(identity.DEFAULT_CLINIC, "prescriber")
    clinic.app.state.writer.run(join, actor, PATIENT, operation="join")


def test_a_screener_opens_one_signal_with_all_its_answers_and_the_shortest_time(
    caller: Caller, clinic: Clinic
) -> None:
    screener = PHQ_9 | {"instrument": "c-ssrs-screener", "rater": "clinician"}
    stored = caller("POST", PATH, screener | {"answers": [1, 1, 1, 1, 0, 0, None]})

    assert stored.status_code == 201, stored.text
    assert stored.json()["band"] == {"label": "high", "from": 3}
    assert stored.json()["total"] is None
    [signal] = open_signals(clinic)
    assert signal["evidence"]["item"] == 4
    assert [one["item"] for one in signal["evidence"]["findings"]] == [4, 3, 1, 2]
    assert signal["due_at"] == signal["raised_at"]
    shown = caller("GET", f"/v1/patients/{PATIENT}/trends").json()["risk"]
    assert sorted(one["measure"] for one in shown) == [f"c-ssrs-screener.{n}" for n in (1, 2, 3, 4)]
    assert {one["signal"]["id"] for one in shown} == {signal["id"]}


def test_a_worse_answer_in_a_correction_opens_a_signal_of_its_own(
    caller: Caller, clinic: Clinic
) -> None:
    screener = PHQ_9 | {"instrument": "c-ssrs-screener"}
    caller("POST", PATH, screener | {"answers": [1, 0, None, None, None, 0, None]})
    path = f"{PATH}/{ID}"
    worse = {"answers": {"2": 1, "3": 0, "4": 0, "5": 1}}
    corrected = caller("PATCH", path, worse, headers={"If-Match": '"1"'})

    assert corrected.status_code == 200, corrected.text
    assert {one["evidence"]["item"] for one in open_signals(clinic)} == {1, 5}


def test_a_total_at_the_threshold_of_mania_opens_a_signal(caller: Caller, clinic: Clinic) -> None:
    stored = caller("POST", PATH, PHQ_9 | {"instrument": "asrm", "answers": [2, 1, 1, 1, 1]})

    [opened] = stored.json()["opened_signals"]
    assert opened["code"] == "mania_threshold"
    assert opened["evidence"] == {
        "instrument": "asrm",
        "item": "total",
        "value": 6,
        "record_id": ID,
    }
    shown = caller("GET", f"/v1/patients/{PATIENT}/trends").json()["risk"]
    assert [(one["measure"], one["value"]) for one in shown] == [("asrm.total", 6)]


def test_one_reads_that_nothing_is_open_and_when_it_was_last_asked(
    caller: Caller, clinic: Clinic
) -> None:
    path = f"/v1/patients/{PATIENT}/signals"
    never = caller("GET", path).json()
    caller("POST", PATH, PHQ_9 | {"answers": [0] * 9})
    earlier = {"id": str(uuid4()), "instrument": "epds", "occurred_on": "2026-03-02"}
    caller("POST", PATH, earlier | {"answers": [0] * 10})
    asked = caller("GET", path).json()

    assert never["asked"] == {"suicidality": None, "mania": None, "side_effects": None}
    assert (asked["items"], asked["open"]) == ([], 0)
    assert asked["asked"]["suicidality"] == {
        "measure": "phq-9.9",
        "value": 0,
        "on": "2026-05-11",
        "record_id": ID,
    }
    assert asked["asked"]["mania"] is None


def test_a_check_in_with_a_scale_of_mania_tells_the_patient_that_nobody_watches(
    caller: Caller, clinic: Clinic
) -> None:
    patient = clinic.as_("patient", patient_id=PATIENT)
    sent = {
        "id": str(uuid4()),
        "occurred_at": "2026-05-11T10:00:00Z",
        "assessments": [{"instrument": "asrm", "answers": [0, 0, 0, 0, 0]}],
    }
    told = patient("POST", f"/v1/patients/{PATIENT}/check-ins", sent)
    judged = sent | {"id": str(uuid4()), "assessments": [{"instrument": "ymrs", "total": 30}]}
    refused = patient("POST", f"/v1/patients/{PATIENT}/check-ins", judged)

    assert told.status_code == 201, told.text
    assert told.json()["safety_notice"]["nobody_watches"] is True
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/assessments/0/instrument"


def test_an_answer_taken_back_was_not_asked(caller: Caller) -> None:
    caller("POST", PATH, PHQ_9 | {"answers": [0] * 9})
    caller("DELETE", f"{PATH}/{ID}", headers={"If-Match": '"1"'})

    asked = caller("GET", f"/v1/patients/{PATIENT}/signals").json()["asked"]
    assert asked["suicidality"] is None


# ---- who judged


@pytest.mark.parametrize(
    ("instrument", "rater", "kept"),
    [
        ("phq-9", None, "self"),
        ("phq-9", "self", "self"),
        ("madrs", None, "clinician"),
        ("madrs", "clinician", "clinician"),
        ("c-ssrs-screener", None, None),
        ("c-ssrs-screener", "self", "self"),
    ],
)
def test_who_judged_is_kept(
    caller: Caller, instrument: str, rater: str | None, kept: str | None
) -> None:
    body = (
        PHQ_9
        | {"instrument": instrument, "answers": {"1": 1}}
        | ({"rater": rater} if rater else {})
    )
    stored = caller("POST", PATH, body)

    assert stored.status_code == 201, stored.text
    assert stored.json()["rater"] == kept


@pytest.mark.parametrize(
    ("instrument", "rater"),
    [("phq-9", "clinician"), ("ymrs", "self"), ("aims", "observer"), ("phq-9", "machine")],
)
def test_who_may_not_judge_is_refused(caller: Caller, instrument: str, rater: str) -> None:
    body = PHQ_9 | {"instrument": instrument, "answers": {"1": 1}, "rater": rater}
    refused = caller("POST", PATH, body)

    assert refused.status_code == 422
    assert [fault["pointer"] for fault in refused.json()["errors"]] == ["/rater"]


def test_a_patient_sends_no_clinicians_judgement(caller: Caller, clinic: Clinic) -> None:
    patient = clinic.as_("patient", patient_id=PATIENT)
    refused = patient("POST", PATH, PHQ_9 | {"instrument": "hamd-17", "total": 7})
    posed = {"instrument": "c-ssrs-screener", "rater": "clinician", "answers": {"1": 0}}

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/instrument"
    assert patient("POST", PATH, PHQ_9 | posed).status_code == 422
    own = patient("POST", PATH, PHQ_9 | posed | {"rater": "self"})
    assert (own.status_code, own.json()["rater"]) == (201, "self")
    assert own.json()["safety_notice"]["nobody_watches"] is True


# ---- parts and other scales


def test_the_parts_of_a_score_are_told_and_followed(caller: Caller, clinic: Clinic) -> None:
    night = [1380, 15, 360, 420, 3, 1, 0, 2, 0, 1, 1, 3, 0, 0, 1, 3, 1, 1]
    stored = caller("POST", PATH, PHQ_9 | {"instrument": "psqi", "answers": night}).json()

    assert stored["total"] == 9
    assert stored["parts"]["latency"] == 2
    assert series(clinic)["psqi.total"] == (9, None)
    assert series(clinic)["psqi.latency"] == (2, None)
    assert series(clinic)["psqi.1"] == (1380, None)
    assert "psqi.quality" not in series(clinic), "that is item 15"


def test_a_t_score_is_followed_and_the_sum_is_told(caller: Caller, clinic: Clinic) -> None:
    body = PHQ_9 | {"instrument": "promis-dep-8a", "answers": [3, 3, 3, 3, 3, 2, 2, 2]}
    stored = caller("POST", PATH, body).json()

    assert (stored["total"], stored["parts"]) == (59.4, {"raw": 21})
    assert series(clinic)["promis-dep-8a.total"] == (59.4, None)


def test_depression_and_mania_stand_side_by_side(caller: Caller, clinic: Clinic) -> None:
    caller("POST", PATH, PHQ_9 | {"answers": [1] * 8 + [0]})
    mania = {"id": str(uuid4()), "instrument": "asrm", "answers": [3, 3, 2, 2, 2]}
    caller("POST", PATH, PHQ_9 | mania)
    known = {one["code"]: one for one in caller("GET", "/v1/reference/measures").json()["items"]}

    now = series(clinic)
    assert (now["phq-9.total"], now["asrm.total"]) == ((8, None), (12, None))
    assert (known["phq-9.total"]["pole"], known["asrm.total"]["pole"]) == ("depression", "mania")


# ---- what is refused


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"instrument": "phq-99", "answers": [1]}, "/instrument"),
        ({"answers": {"10": 1}}, "/answers/10"),
        ({"answers": {"one": 1}}, "/answers/one"),
        ({"answers": [1, 1, 1]}, "/answers"),
        ({"answers": {"1": "2"}}, "/answers/1"),
        ({"answers": {"1": True}}, "/answers/1"),
        ({"answers": {}}, ""),
        ({"total": 5, "occurred_at": "2026-06-03T10:00:00Z"}, "/occurred_at"),
        ({"total": 5, "occurred_at": "1990-01-01T10:00:00Z"}, "/occurred_at"),
    ],
)
def test_what_is_wrong_is_named_where_it_stands(
    caller: Caller, body: dict[str, Any], pointer: str
) -> None:
    refused = caller("POST", PATH, PHQ_9 | body)

    assert refused.status_code == 422, refused.text
    assert [fault["pointer"] for fault in refused.json()["errors"]] == [pointer]


def test_answers_in_order_and_by_item_are_the_same_content(caller: Caller) -> None:
    caller("POST", PATH, PHQ_9 | {"answers": IN_REMISSION})
    by_item = {str(item): value for item, value in enumerate(IN_REMISSION, start=1)}

    assert caller("POST", PATH, PHQ_9 | {"answers": by_item}).status_code == 200
    assert caller("POST", PATH, PHQ_9 | {"answers": [0] * 9}).status_code == 409


# ---- what the summary holds


def test_the_summary_falls_back_on_the_reading_before_a_withdrawn_one(
    caller: Caller, clinic: Clinic
) -> None:
    before = PHQ_9 | {"id": str(uuid4()), "occurred_at": "2026-04-13T10:00:00-04:00", "total": 17}
    caller("POST", PATH, before)
    caller("POST", PATH, PHQ_9 | {"answers": [1] * 8 + [0]})
    assert summary(clinic)["latest"]["phq-9.total"]["value"] == 8

    caller("DELETE", f"{PATH}/{ID}", headers={"If-Match": '"1"'})

    held = summary(clinic)["latest"]
    assert held.keys() == {"phq-9.total"}
    assert held["phq-9.total"]["value"] == 17
    assert held["phq-9.total"]["on"] == "2026-04-13"
    assert held["phq-9.total"]["record_id"] == before["id"]
    assert series(clinic) == {"phq-9.total": (17, None)}
    assert len(caller("GET", PATH).json()["items"]) == 1


def test_the_summary_says_on_which_day_a_value_goes_stale(caller: Caller, clinic: Clinic) -> None:
    caller("POST", PATH, PHQ_9 | {"total": 8})

    assert summary(clinic)["stale_on"] == date(2026, 7, 7)  # 56 days hold, the 57th does not


# ---- inside a follow-up


def test_an_assessment_within_a_follow_up_is_a_record_of_its_own(
    caller: Caller, clinic: Clinic
) -> None:
    data = AssessmentWithin(id=UUID(ID), instrument="phq-9", answers={"1": 3, "9": 1})
    short = within(clinic, data)
    stored = caller("GET", f"{PATH}/{ID}").json()

    assert short["id"] == ID
    assert short["flags"] == ["items_missing"]
    assert short["total_computed"] is None
    assert len(short["opened_signals"]) == 1
    assert stored["follow_up_id"] == str(FOLLOW_UP)
    assert stored["occurred_at"] == "2026-05-11T14:30:00Z"


def test_the_same_assessment_within_a_follow_up_again_is_linked_and_other_content_refused(
    clinic: Clinic, caller: Caller
) -> None:
    caller("POST", PATH, PHQ_9 | {"answers": IN_REMISSION})
    by_item = {str(item): value for item, value in enumerate(IN_REMISSION, start=1)}
    same = AssessmentWithin(id=UUID(ID), instrument="phq-9", answers=by_item)

    linked = within(clinic, same)

    assert (linked["id"], linked["total_computed"]) == (ID, 3)
    assert linked["opened_signals"] == []
    assert caller("GET", f"{PATH}/{ID}").json()["version"] == 1
    with pytest.raises(AlreadyExists):
        within(clinic, same.model_copy(update={"answers": by_item | {"9": 0}}))


def test_an_assessment_moves_with_the_time_of_its_follow_up(clinic: Clinic, caller: Caller) -> None:
    data = AssessmentWithin(instrument="gad-7", answers={str(item): 1 for item in range(1, 8)})
    first = within(clinic, data)
    again = within(clinic, data)
    within(clinic, data, datetime(2026, 5, 4, 14, 30, tzinfo=UTC))
    stored = caller("GET", f"{PATH}/{first['id']}").json()

    assert first == again
    assert (stored["version"], stored["occurred_on"]) == (2, "2026-05-04")
    assert stored["follow_up_id"] == str(FOLLOW_UP)
    assert summary(clinic)["latest"]["gad-7.total"]["on"] == "2026-05-04"


def test_a_withdrawn_follow_up_takes_its_assessments_with_it(
    clinic: Clinic, caller: Caller
) -> None:
    within(clinic, AssessmentWithin(id=UUID(ID), instrument="phq-9", total=9))

    def withdraw(work: Work, patient_id: UUID) -> Answer:
        person = patients.get(work, patient_id)
        service.withdraw_within(work, person, FOLLOW_UP, "another patient's")
        return Answer(b"{}")

    actor = identity.built_in_actor(identity.DEFAULT_CLINIC, "prescriber")
    clinic.app.state.writer.run(withdraw, actor, PATIENT, operation="withdraw")

    stored = caller("GET", f"{PATH}/{ID}").json()
    assert stored["status"] == "entered_in_error"
    assert stored["withdrawn_because"] == "another patient's"
    assert series(clinic) == {}


# ---- the instruments


def test_an_instrument_tells_what_it_is_and_ships_no_wording_that_its_licence_keeps(
    clinic: Clinic,
) -> None:
    listed = clinic.as_("patient", patient_id=_enrolled(clinic))("GET", "/v1/instruments")
    known = {one["id"]: one for one in listed.json()["items"]}

    assert known["phq-9"]["items_count"] == 9
    assert known["phq-9"]["items"][8]["label"] == "thoughts of death or self-harm"
    assert known["phq-9"]["range"] == {"min": 0, "max": 27}
    assert known["phq-9"]["remission"] == {
        "op": "<",
        "value": 5,
        "source": "Kroenke 2001; ICSI",
        "verified": None,
    }
    assert known["phq-9"]["caseness"]["verified"].startswith("seen")
    assert "safety review" not in listed.text, "actions are for prescribers"
    for one in known.values():
        if not one["item_text_may_ship"]:
            assert one["options"] == []
            # The screener keeps topic names of our own: its triage cannot be read without them.
            labelled = any("label" in item for item in one["items"])
            assert labelled == (one["id"] == "c-ssrs-screener")
    assert known["fibser"]["item_text_may_ship"] is False


def _enrolled(clinic: Clinic) -> UUID:
    clinic.as_("prescriber")("POST", "/v1/patients", PERSON)
    return PATIENT


TEXT = {
    "instrument": "wsas",
    "licence": "agreement of 2026 with the author",
    "items": ["Work", "Home", None, "Leisure alone", "Relationships"],
    "options": [{"value": 0, "text": "Not at all"}, {"value": 8, "text": "Very severely"}],
}
"""Synthetic wording of a clinic."""


def test_a_clinic_completes_an_instrument_with_its_own_text_and_keeps_each_version(
    prescriber: Caller, clinic: Clinic
) -> None:
    made = prescriber("POST", "/v1/instruments", TEXT)
    again = prescriber("POST", "/v1/instruments", TEXT)
    path = "/v1/instruments/wsas"
    shown = prescriber("GET", path)
    reworded = prescriber(
        "PATCH", path, {"introduction": "Think of last week."}, headers={"If-Match": '"1"'}
    )
    listed = {one["id"]: one for one in prescriber("GET", "/v1/instruments").json()["items"]}

    assert made.status_code == 201, made.text
    assert made.headers["Location"] == path
    assert (again.status_code, again.json()) == (200, made.json())
    assert shown.headers["ETag"] == '"1"'
    assert shown.json()["clinic_text"]["items"] == TEXT["items"]
    assert shown.json()["clinic_text"]["licence"] == TEXT["licence"]
    assert all("label" not in item for item in shown.json()["items"]), "the house ships none"
    assert reworded.status_code == 200, reworded.text
    assert listed["wsas"]["clinic_text"]["version"] == 2
    assert listed["wsas"]["clinic_text"]["introduction"] == "Think of last week."
    assert listed["phq-9"]["clinic_text"] is None
    assert prescriber("PATCH", path, {}, headers={"If-Match": '"1"'}).status_code == 412
    assert prescriber("PATCH", path, {}).status_code == 428
    other = {"instrument": "isi"}
    assert prescriber("PATCH", path, other, headers={"If-Match": '"2"'}).status_code == 422


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"instrument": "none"}, "/instrument"),
        ({"items": ["Work"]}, "/items"),
        ({"items": []}, "/items"),
        ({"licence": None}, "/licence"),
        ({"options": [{"value": "0", "text": "Not at all"}]}, "/options/0/value"),
        ({"version": 7}, "/version"),
    ],
)
def test_wording_that_cannot_be_is_refused(
    prescriber: Caller, body: dict[str, Any], pointer: str
) -> None:
    refused = prescriber("POST", "/v1/instruments", TEXT | body)

    assert refused.status_code == 422
    assert [fault["pointer"] for fault in refused.json()["errors"]] == [pointer]


def test_other_wording_is_a_change_and_only_a_clinician_makes_it(
    prescriber: Caller, clinic: Clinic
) -> None:
    prescriber("POST", "/v1/instruments", TEXT)
    other = TEXT | {"items": ["a", "b", "c", "d", "e"]}
    patient = clinic.as_("patient", patient_id=_enrolled(clinic))

    assert prescriber("POST", "/v1/instruments", other).status_code == 409
    assert patient("POST", "/v1/instruments", TEXT).status_code == 403
    missing = prescriber("PATCH", "/v1/instruments/isi", {}, headers={"If-Match": '"1"'})
    assert missing.status_code == 404


def test_one_instrument_is_shown_by_its_id(prescriber: Caller) -> None:
    listed = prescriber("GET", "/v1/instruments").json()["items"]
    shown = prescriber("GET", "/v1/instruments/gad-7")

    assert shown.json() in listed
    assert shown.json()["measures"][:2] == ["gad-7.total", "gad-7.1"]
    psqi = prescriber("GET", "/v1/instruments/psqi").json()
    assert psqi["items"][0] == {"index": 1, "min": 0, "max": 1439, "name": "1", "unit": "min"}
    assert prescriber("GET", "/v1/instruments/none").status_code == 404

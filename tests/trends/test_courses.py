"""The medicines of the report: which one is the index, and what stays marked at a dose."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from app.clinical.doses import DoseEvent
from app.medications.reading import Course
from tests.conftest import Caller, Clinic
from tests.trends.slices import START, TREATED, Json, event, of, read, readings
from tests.trends.test_trends import HOME, MEDICATION, PATIENT, PERSON, TRENDS, assess

PHQ = "phq-9.total"
OTHER = UUID("019a5b10-0000-7000-8000-000000000102")
SCORES = {0: 20, 28: 14, 56: 8, 84: 8}


def another(name: str, *events: DoseEvent, reference_id: str | None = None) -> Course:
    return Course(OTHER, name, "drug", reference_id or name, None, None, events)


def of_other(day: int, kind: str, mg: int | None = None) -> DoseEvent:
    found = event(START + timedelta(day), kind, mg)
    return DoseEvent(
        id=found.id,
        medication_id=str(OTHER),
        day=found.day,
        seq=found.seq,
        kind=found.kind,
        amount=found.amount,
        unit=found.unit,
        times_per_day=found.times_per_day,
    )


@pytest.mark.parametrize(
    ("name", "index"), [("ibuprofen", "sertraline"), ("lithium", "lithium"), ("x9", "x9")]
)
def test_a_pain_killer_is_no_index_beside_a_psychiatric_medicine(name: str, index: str) -> None:
    body = read(readings(PHQ, SCORES), [TREATED, another(name, of_other(60, "start", 400))])

    assert [one["medicine"] for one in body["medications"] if one["index"]] == [index]


def test_alone_a_pain_killer_is_the_index_and_no_week_is_judged_by_it() -> None:
    body = read(readings(PHQ, SCORES), [another("ibuprofen", of_other(60, "start", 400))])

    assert [one["index"] for one in body["medications"]] == [True]
    assert {one["result"] for one in body["decision_points"] if one["observed"]} == {
        "not_applicable"
    }


@pytest.mark.parametrize("name", ["lorazepam", "methylphenidate", "esketamine", "atomoxetine"])
def test_the_weeks_are_those_of_antidepressants_that_take_as_long(name: str) -> None:
    body = read(readings(PHQ, SCORES), [another(name, of_other(0, "start", 1))])
    reasons = {reason for one in body["decision_points"] for reason in one["reasons"]}

    assert "CLASS_NOT_COVERED" in reasons


def test_a_medicine_dosed_in_micrograms_is_read_in_micrograms() -> None:
    begun = DoseEvent(
        id="e1",
        medication_id=str(OTHER),
        day=START,
        seq=1,
        kind="start",
        amount=Decimal("0.025"),
        unit="mg",
        times_per_day=1,
    )
    (told,) = read((), [another("liothyronine", begun)])["medications"]

    assert (told["epochs"][0]["tdd"], told["epochs"][0]["unit"]) == (25, "ug/d")
    assert (told["events"][0]["to"], told["events"][0]["unit"]) == (25, "ug/d")


def test_a_hold_stops_the_clock_of_the_weeks() -> None:
    held = [
        event(START, "start", 50),
        event(START + timedelta(10), "hold"),
        event(START + timedelta(31), "resume"),
    ]
    course = Course(TREATED.id, "sertraline", "drug", "sertraline", None, None, tuple(held))
    body = read(readings(PHQ, {0: 20, 28: 20, 49: 12}), [course], as_of=START + timedelta(55))
    weeks = {one["point"]: one for one in body["decision_points"]}

    assert weeks["week_4"]["clock_days"] == 55 - 21
    assert weeks["week_4"]["window"] == {
        "from": (START + timedelta(23 + 21)).isoformat(),
        "to": (START + timedelta(33 + 21)).isoformat(),
    }
    assert (weeks["week_4"]["observed"]["value"], weeks["week_4"]["result"]) == (12, "on_track")
    assert weeks["week_2"]["result"] == "missed"


def test_a_raise_after_a_response_begins_no_new_clock() -> None:
    raised = Course(
        TREATED.id,
        "sertraline",
        "drug",
        "sertraline",
        None,
        None,
        (event(START, "start", 50), event(START + timedelta(56), "change", 100)),
    )
    answered = read(readings(PHQ, {0: 20, 42: 8, 63: 8}), [raised], as_of=START + timedelta(70))
    not_yet = read(readings(PHQ, {0: 20, 42: 18, 63: 18}), [raised], as_of=START + timedelta(70))

    assert {one["clock_days"] for one in answered["decision_points"]} == {70}
    assert {one["clock_days"] for one in not_yet["decision_points"]} == {14}


def test_days_at_an_unknown_dose_are_no_days_at_an_effective_one() -> None:
    body = read(readings(PHQ, {0: 20, 28: 18}), [another_unknown()])
    points = body["decision_points"]

    assert {(one["adequate_days"], one["unknown_dose_days"]) for one in points} == {(0, 130)}


def another_unknown() -> Course:
    return another("sertraline", of_other(0, "start"))


@pytest.fixture
def tenfold(prescriber: Caller) -> Caller:
    """A patient on 50 mg whose next order of 1000 mg a prescriber has confirmed."""
    assert prescriber("POST", "/v1/patients", PERSON).status_code == 201
    assert prescriber("POST", f"{HOME}/medications", MEDICATION).status_code == 201
    visit = {"id": str(uuid4()), "kind": "visit", "occurred_at": "2026-05-10T10:00:00-04:00"}
    assert prescriber("POST", f"{HOME}/follow-ups", visit).status_code == 201
    assess(prescriber, "2026-05-10", total=12)
    dose = {
        "id": str(uuid4()),
        "kind": "change",
        "effective_on": "2026-05-20",
        "dose": {"amount": "1000", "unit": "mg"},
        "times_per_day": 1,
    }
    path = f"{HOME}/medications/{MEDICATION['id']}/dose-events"
    assert prescriber("POST", path, dose).status_code == 422
    confirmed = {"codes": ["above-maximum", "tenfold-jump"], "reason": "as in the trial"}
    answer = prescriber("POST", path, dose | {"confirmation": confirmed})
    assert answer.status_code == 201, answer.text
    return prescriber


def test_a_confirmed_tenfold_dose_is_flagged_wherever_it_is_read(
    tenfold: Caller, clinic: Clinic
) -> None:
    body = tenfold("GET", TRENDS).json()
    (told,) = body["medications"]
    first, second = told["events"]
    (item,) = (one for one in body["digest"]["items"] if one["code"] == "DOSE_EVENT")
    own: Json = clinic.as_("patient", patient_id=PATIENT)("GET", TRENDS).json()["medications"][0]

    assert (first["flags"], first["confirmation"]) == ([], None)
    assert second["flags"] == ["above-maximum", "tenfold-jump"]
    assert second["confirmation"]["reason"] == "as in the trial"
    assert [one["flags"] for one in told["epochs"]] == [[], ["above-maximum", "tenfold-jump"]]
    assert item["text"]["prescriber"] == (
        "sertraline: dose changed on 20 May (confirmed: above-maximum, tenfold-jump)."
    )
    assert (own["events"][1]["flags"], own["events"][1]["confirmation"]) == ([], None)
    assert own["epochs"][1]["flags"] == []


def test_a_side_effect_that_is_not_tolerable_keeps_week_four_from_being_on_track() -> None:
    scores = readings(PHQ, {0: 20, 28: 12})
    severe = readings("side_effects.nausea", {27: 3})
    earlier = readings("side_effects.nausea", {10: 3})
    alone = Course(
        TREATED.id, "sertraline", "drug", "sertraline", None, None, (event(START, "start", 50),)
    )

    def week_four(rows: list[object]) -> Json:
        body = read(rows, [alone], as_of=START + timedelta(40))  # type: ignore[arg-type]  # readings
        assert of(body, PHQ)
        found: Json = next(one for one in body["decision_points"] if one["point"] == "week_4")
        return found

    assert week_four([*scores])["result"] == "on_track"
    assert week_four([*scores, *severe])["result"] == "watch"
    assert "SIDE_EFFECTS_NOT_TOLERABLE" in week_four([*scores, *severe])["reasons"]
    assert week_four([*scores, *earlier])["result"] == "on_track"

"""The stories of the sample clinic: repeatable, valid, and what their names say."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
import pytest

from app.clinical import medications as reference
from app.core.wire import read
from app.followups.schemas import CheckInIn, FollowUpIn
from app.medications.schemas import DoseEventIn
from app.patients.schemas import PatientIn
from app.sample.load import BODIES, SEED
from app.sample.plot import DAYS, UNKNOWN, Plot
from app.sample.plots import (
    EARLY_RESPONDER,
    HYPNOTIC_TAPERED,
    LATE_WORSENING,
    LOWERED_DOSE,
    NEVER_ADEQUATE,
    PLOTS,
    SLOW_RESPONDER,
    STOPPED_ANSWERING,
)
from app.sample.stories import Kind, Story, tell, told_until

LAST = date(2026, 6, 1)
EVERY_WEEKDAY = [LAST + timedelta(days=days) for days in range(7)]


def written(last: date = LAST, seed: int = SEED) -> bytes:
    stories = [tell(plot, seed, last) for plot in PLOTS]
    return orjson.dumps([[story.patient, [*map(list, story.records)]] for story in stories])


def bodies(story: Story, kind: str) -> list[dict[str, Any]]:
    return [record.body for record in story.records if record.kind == kind]


def day_of(body: dict[str, Any], last: date) -> int:
    """The day of a story, as plots count them."""
    on = datetime.fromisoformat(body["occurred_at"]).date()
    return DAYS - (last - on).days


def filled_in(story: Story, instrument: str, last: date) -> dict[int, list[int]]:
    return {
        day_of(visit, last): one["answers"]
        for visit in bodies(story, "follow_up")
        for one in visit["assessments"]
        if one["instrument"] == instrument
    }


def totals(plot: Plot, last: date) -> dict[int, int]:
    """PHQ-9 totals by day."""
    answers = filled_in(tell(plot, SEED, last), "phq-9", last)
    return {day: sum(items) for day, items in answers.items()}


def near(found: dict[int, int], day: int) -> int:
    """The total of the visit that was planned for a day; a weekend moves it by two at most."""
    return next(total for on, total in found.items() if day <= on <= day + 2)


def severities(story: Story, last: date) -> Iterator[tuple[int, str, int]]:
    for kind in ("follow_up", "check_in"):
        for body in bodies(story, kind):
            for one in body.get("side_effects", {}).get("episodes", []):
                yield day_of(body, last), one["term"], one["severity"]


# ---- repeatable and valid


def test_the_same_seed_and_last_day_give_the_same_bytes_in_any_process() -> None:
    program = (
        "import sys; from hashlib import sha256; from tests.sample.test_stories import written;"
        "sys.stdout.write(sha256(written()).hexdigest())"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]

    assert told == [sha256(written()).hexdigest()] * 2


def test_another_seed_tells_the_same_stories_in_other_numbers() -> None:
    assert written(seed=1) != written(seed=2)


@pytest.mark.parametrize("last", EVERY_WEEKDAY)
def test_every_body_is_one_that_a_client_may_send(last: date) -> None:
    for plot in PLOTS:
        story = tell(plot, SEED, last)
        read(PatientIn, orjson.dumps(story.patient))
        for record in story.records:
            body = read(BODIES[record.kind], orjson.dumps(record.body))
            assert getattr(body, "id", record.id) == record.id


def _ids(kind: Kind, body: dict[str, Any]) -> Iterator[UUID]:
    shape: Any = DoseEventIn if kind == "plan" else BODIES[kind]
    yield from read(shape, orjson.dumps(body)).record_ids()


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.name)
def test_no_id_stands_twice_in_a_story(plot: Plot) -> None:
    story = tell(plot, SEED, LAST)
    ids = [
        id_
        for record in story.records
        for body in record.body.get("steps", [record.body] if "id" in record.body else [])
        for id_ in _ids(record.kind, body)
    ]

    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.name)
def test_everything_came_in_order_and_nothing_lies_in_the_future(plot: Plot) -> None:
    moments = [
        datetime.fromisoformat(record.body["occurred_at"])
        for record in tell(plot, SEED, LAST).records
        if "occurred_at" in record.body
    ]

    assert moments == sorted(moments)
    assert moments[0].date() < LAST - timedelta(days=DAYS - plot.begins - 7)
    assert moments[-1] < datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.name)
def test_every_patient_says_that_it_is_synthetic(plot: Plot) -> None:
    patient = tell(plot, SEED, LAST).patient

    assert patient["synthetic"] is True
    assert patient["name"] == {"given": "Synthetic", "family": plot.family}
    assert patient["identifiers"][0]["system"] == "urn:titrate:sample"
    assert told_until(patient) == LAST


def test_a_tenth_to_a_fifth_of_the_days_have_no_check_in_more_of_them_at_weekends() -> None:
    first = LAST - timedelta(days=DAYS)
    followed, missing = [], []
    for plot in PLOTS:
        if plot.thins_out is None:
            days = {day_of(body, LAST) for body in bodies(tell(plot, SEED, LAST), "check_in")}
            away = range(*plot.away) if plot.away else ()
            assert days.isdisjoint(away)
            followed += [day for day in range(plot.begins, DAYS) if day not in away]
            missing += [day for day in range(plot.begins, DAYS) if day not in {*days, *away}]
    at_weekends = [day for day in missing if (first + timedelta(days=day)).weekday() > 4]

    assert 0.10 <= len(missing) / len(followed) <= 0.20
    assert len(at_weekends) / len(missing) > 2 / 7


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.name)
def test_every_visit_asks_about_all_six_domains(plot: Plot) -> None:
    for visit in bodies(tell(plot, SEED, LAST), "follow_up"):
        assert read(FollowUpIn, orjson.dumps(visit)).domains().keys() == {
            *("dosage", "side_effects", "mood_cognition", "sleep", "functioning", "interactions")
        }


def test_the_stories_live_in_many_zones_and_languages() -> None:
    assert len({plot.time_zone for plot in PLOTS}) >= 10
    assert len({plot.language for plot in PLOTS}) >= 6
    assert len({plot.name for plot in PLOTS}) == len(PLOTS) == 13


def test_a_morning_stays_a_morning_across_both_changes_of_the_clock() -> None:
    moments = [
        datetime.fromisoformat(body["occurred_at"])
        for body in bodies(tell(EARLY_RESPONDER, SEED, LAST), "check_in")
    ]

    assert {moment.utcoffset() for moment in moments} == {timedelta(hours=-4), timedelta(hours=-5)}
    assert {moment.hour for moment in moments} == {7, 8}


def test_the_nights_told_in_clock_times_are_nights() -> None:
    zone = ZoneInfo(HYPNOTIC_TAPERED.time_zone)
    nights = []
    for body in bodies(tell(HYPNOTIC_TAPERED, SEED, LAST), "check_in"):
        sleep = read(CheckInIn, orjson.dumps(body)).sleep
        assert sleep is not None
        assert sleep.diary is not None
        nights.append(sleep.diary.night(zone))

    assert not any(night.flags for night in nights)
    efficient = [night.efficiency_pct for night in nights if night.efficiency_pct is not None]
    assert len(efficient) == len(nights)
    assert 50 < min(efficient) < 75 < max(efficient) <= 100


@pytest.mark.parametrize("last", EVERY_WEEKDAY)
def test_only_one_form_of_one_patient_touches_on_thoughts_of_death(last: date) -> None:
    touched = [
        (plot.name, day, items[8])
        for plot in PLOTS
        for day, items in filled_in(tell(plot, SEED, last), "phq-9", last).items()
        if items[8]
    ]

    assert [(name, item) for name, _day, item in touched] == [("never-adequate", 1)]


# ---- what the names say, whatever the weekday


@pytest.mark.parametrize("last", EVERY_WEEKDAY)
@pytest.mark.parametrize("start", [14, 574])
def test_the_early_responder_halves_the_score_by_week_6_and_is_well_by_week_20(
    last: date, start: int
) -> None:
    found = totals(EARLY_RESPONDER, last)

    assert near(found, start + 42) <= near(found, start) / 2
    assert near(found, start + 140) < 5


@pytest.mark.parametrize("last", EVERY_WEEKDAY)
def test_the_dose_that_was_never_adequate_brings_no_score_down_by_a_quarter(last: date) -> None:
    found = totals(NEVER_ADEQUATE, last)

    for start, stop in ((14, 574), (574, DAYS)):
        before = near(found, start)
        assert all(total > 0.75 * before for day, total in found.items() if start < day < stop)


@pytest.mark.parametrize("last", EVERY_WEEKDAY)
def test_the_lower_dose_ends_the_side_effects_and_keeps_what_was_won(last: date) -> None:
    found = totals(LOWERED_DOSE, last)
    told = list(severities(tell(LOWERED_DOSE, SEED, last), last))
    raised, lowered = 588, 644
    worst: dict[str, int] = {}
    for day, term, severity in told:
        if raised < day <= lowered + 2:
            worst[term] = max(severity, worst.get(term, 0))

    assert worst == {"nausea": 2, "insomnia": 2, "sexual-dysfunction": 2}
    assert all(day > raised for day, _term, _severity in told)
    assert {severity for day, _term, severity in told if day > lowered + 50} == {0}
    assert near(found, 714) <= near(found, lowered) <= near(found, raised) - 2


@pytest.mark.parametrize("last", EVERY_WEEKDAY)
def test_the_one_who_stopped_answering_is_silent_for_the_last_three_months(last: date) -> None:
    story = tell(STOPPED_ANSWERING, SEED, last)
    days = [day_of(body, last) for body in bodies(story, "check_in")]
    found = totals(STOPPED_ANSWERING, last)

    assert 85 <= DAYS - days[-1] <= 105
    assert 85 <= DAYS - max(found) <= 105
    assert sum(day >= 540 for day in days) < 0.65 * 100
    assert found[max(found)] > near(found, 518)


@pytest.mark.parametrize("last", EVERY_WEEKDAY)
def test_the_slow_responder_keeps_three_quarters_of_the_score_to_week_8_and_less_than_half_by_20(
    last: date,
) -> None:
    found = totals(SLOW_RESPONDER, last)

    assert near(found, 616) > 0.75 * near(found, 560)
    assert near(found, 700) < near(found, 560) / 2


@pytest.mark.parametrize("last", EVERY_WEEKDAY)
def test_the_taper_is_well_for_six_weeks_after_the_stop_and_ill_again_by_the_end(
    last: date,
) -> None:
    found = totals(LATE_WORSENING, last)

    assert all(total < 8 for day, total in found.items() if 462 < day < 686)
    assert near(found, 721) >= 14


@pytest.mark.parametrize("last", EVERY_WEEKDAY)
def test_every_step_of_the_taper_but_the_last_was_done_on_its_planned_day(last: date) -> None:
    story = tell(LATE_WORSENING, SEED, last)
    (plan,) = bodies(story, "plan")
    done = {
        (event["kind"], event["effective_on"])
        for visit in bodies(story, "follow_up")
        for event in visit["dosage"].get("dose_events", [])
    }
    planned = [(step["kind"], step["effective_on"]) for step in plan["steps"]]

    assert [step in done for step in planned] == [True, True, False]


# ---- doses that a prescriber would recognise


def daily_mg(plot: Plot) -> Iterator[tuple[reference.Substance, float]]:
    for course in plot.courses:
        substance = reference.by_id(course.medicine.reference_id)
        assert substance is not None
        assert substance.rxnorm == course.medicine.rxnorm
        for dose in (*course.doses, *course.plan):
            if dose.mg not in (None, UNKNOWN):
                yield substance, float(dose.mg or "")


@pytest.mark.parametrize(
    "plot", [plot for plot in PLOTS if plot is not NEVER_ADEQUATE], ids=lambda plot: plot.name
)
def test_doses_run_from_the_usual_start_to_within_the_usual_range(plot: Plot) -> None:
    for substance, mg in daily_mg(plot):
        assert substance.usual_start is not None
        assert substance.usual_range is not None
        lowest = min(substance.usual_start.value, substance.usual_range.low)
        assert lowest <= mg <= substance.usual_range.high


def test_no_dose_of_the_never_adequate_reaches_the_usual_range() -> None:
    for substance, mg in daily_mg(NEVER_ADEQUATE):
        assert substance.usual_range is not None
        assert mg < substance.usual_range.low

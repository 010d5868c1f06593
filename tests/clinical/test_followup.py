"""When a plan is looked at again: the earliest of what the plan, the doses and guidelines ask."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clinical import followup, medications
from app.clinical.followup import Agreement, Medicine, NextReview, Patient, next_review

FILE: dict[str, Any] = medications.load_reference("followup.yaml")
ENTRIES: list[dict[str, Any]] = FILE["intervals"]
CLASSES = {name for one in medications.substances() for name in one.classes}
each_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["id"])

MARCH_2 = date(2026, 3, 2)
SERTRALINE = medications.by_id("sertraline")
START = Medicine("s", SERTRALINE, first_dose_on=date(2026, 3, 3))
DEPRESSED = Patient(age_years=34, codes=frozenset({"F33.1"}))
PLAN = Agreement(MARCH_2, interval_days=28)


def review(
    agreed: Agreement = PLAN,
    *medicines: Medicine,
    patient: Patient = DEPRESSED,
    today: date = MARCH_2,
) -> NextReview:
    return next_review(agreed, medicines, patient, today)


def why(found: NextReview) -> list[tuple[str, str | None]]:
    return [(visit.why, visit.rule_id) for visit in found.why]


# ---- the reference


def test_the_file_says_version_date_licence_and_what_its_keys_mean() -> None:
    assert all(FILE[name] for name in ("version", "date", "licence"))
    assert {"age", "condition", "phases", "visits_days", "then_every_days"} <= set(FILE["keys"])
    assert followup.version() == (FILE["version"], FILE["date"])


def test_fifty_entries_have_ids_of_their_own() -> None:
    assert len({entry["id"] for entry in ENTRIES}) == len(ENTRIES) == 50


@each_entry
def test_an_entry_names_source_phase_condition_and_known_medicines(entry: dict[str, Any]) -> None:
    applies = entry["applies_to"]
    assert entry["source"]
    assert entry["verified"].startswith(("seen", "memory"))
    assert entry["phase"] in FILE["phases"]
    assert entry["condition"] in FILE["conditions"]
    if applies != "any":
        assert set(applies) in ({"class"}, {"any_med"})
        assert applies.get("class") in CLASSES | {None}
        assert all(medications.by_id(one) for one in applies.get("any_med", ()))


@each_entry
def test_the_days_of_an_entry_rise_and_its_age_runs_upwards(entry: dict[str, Any]) -> None:
    days, (low, below) = entry["visits_days"], entry["age"]
    assert days == sorted(set(days))
    assert days[0] >= 0
    assert entry["then_every_days"] is None or entry["then_every_days"] > 0
    assert low is None or below is None or low < below


# ---- the rule


def test_a_new_antidepressant_is_looked_at_two_weeks_after_its_start_not_after_four() -> None:
    found = review(PLAN, START)

    assert (found.due_on, found.days_left) == (date(2026, 3, 17), 15)
    assert why(found) == [("follow_up_interval", "dep-start")]


def test_at_24_or_with_an_open_risk_signal_the_first_look_is_after_a_week() -> None:
    for patient in (replace(DEPRESSED, age_years=24), replace(DEPRESSED, at_risk=True)):
        found = review(PLAN, START, patient=patient)

        assert (found.due_on, why(found)[0][1]) == (date(2026, 3, 10), "dep-start-young")


def test_a_child_has_the_childrens_entry_and_not_the_adults() -> None:
    found = review(PLAN, START, patient=replace(DEPRESSED, age_years=15))

    assert why(found) == [("follow_up_interval", "dep-start-child")]


def test_after_the_review_a_raise_asks_for_two_weeks() -> None:
    """Raised on 14 April, reviewed on the 13th: day 42 (the 14th) is covered by that review."""
    reviewed = replace(PLAN, reviewed_on=date(2026, 4, 13))
    raised = replace(START, changed_on=date(2026, 4, 14), raised_on=date(2026, 4, 14))

    found = review(reviewed, raised, today=date(2026, 4, 13))

    assert found.due_on == date(2026, 4, 28)
    assert why(found) == [("dose_change", "dep-start"), ("dose_change", "dep-change")]


def test_a_decision_point_is_named_with_its_week() -> None:
    reviewed = replace(PLAN, reviewed_on=date(2026, 3, 20))

    found = review(reviewed, START, today=date(2026, 3, 20))

    assert found.due_on == date(2026, 3, 31)
    assert [(visit.why, visit.week) for visit in found.why] == [
        ("decision_point", 4),
        ("follow_up_interval", None),
    ]


def test_after_the_first_weeks_the_plans_own_interval_holds() -> None:
    calm = replace(PLAN, interval_days=120, reviewed_on=date(2026, 6, 10))

    found = review(calm, START, today=date(2026, 6, 10))

    assert (found.due_on, why(found)) == (date(2026, 10, 8), [("plan_interval", None)])


def test_without_an_interval_the_references_period_holds() -> None:
    found = review(Agreement(MARCH_2, reviewed_on=date(2026, 6, 10)), START)

    assert (found.due_on, why(found)[0][1]) == (date(2026, 7, 8), "dep-start")


def test_a_plan_in_maintenance_is_not_asked_for_as_at_the_start() -> None:
    calm = replace(PLAN, interval_days=None, phase="maintenance", agreed_on=date(2026, 8, 1))

    found = review(calm, START)
    raised = review(calm, replace(START, raised_on=date(2026, 9, 1)))

    assert why(found) == [("full_plan_review", "review")]
    assert raised.due_on == date(2026, 9, 15)


def test_a_plan_without_medicines_has_its_interval_or_the_full_review() -> None:
    assert review().due_on == date(2026, 3, 30)
    assert why(review(Agreement(MARCH_2))) == [("full_plan_review", "review")]
    assert review(Agreement(MARCH_2)).due_on == date(2026, 5, 31)


def test_an_interaction_is_looked_at_after_a_week() -> None:
    found = review(PLAN, replace(START, interacting_since=date(2026, 3, 4)))

    assert (found.due_on, why(found)) == (date(2026, 3, 11), [("interaction", "interactions")])


def test_after_a_taper_the_stopped_medicine_is_still_asked_about_but_not_for_ever() -> None:
    off = Medicine("s", SERTRALINE, date(2025, 1, 1), tapered_on=MARCH_2, running=False)

    assert why(review(PLAN, off)) == [("taper", "dep-taper")]
    late = Agreement(MARCH_2, reviewed_on=date(2026, 6, 1))
    assert why(review(late, off)) == [("full_plan_review", "review")]


def test_what_is_not_known_is_said_and_all_entries_of_the_medicine_count() -> None:
    uncoded = Medicine("t", None, first_dose_on=None)

    found = review(PLAN, START, uncoded, patient=Patient())

    assert found.codes == ("AGE_UNKNOWN", "CONDITION_UNKNOWN", "START_UNKNOWN", "UNCODED_MEDICINE")
    assert (found.due_on, why(found)) == (
        date(2026, 3, 10),
        [("follow_up_interval", "gad-start"), ("follow_up_interval", "ocd-start")],
    )


def test_it_is_overdue_from_the_day_after_and_not_on_the_day() -> None:
    on_the_day = review(today=date(2026, 3, 30))
    after = review(today=date(2026, 3, 31))

    assert (on_the_day.days_left, on_the_day.overdue) == (0, False)
    assert (after.days_left, after.overdue) == (-1, True)


days = st.dates(date(2025, 1, 1), date(2027, 1, 1))
medicines = st.lists(
    st.builds(
        Medicine,
        id=st.sampled_from("abc"),
        substance=st.sampled_from([*medications.substances()[:40], SERTRALINE, None]),
        first_dose_on=st.none() | days,
        changed_on=st.none() | days,
        raised_on=st.none() | days,
        tapered_on=st.none() | days,
        interacting_since=st.none() | days,
        running=st.booleans(),
    ),
    max_size=4,
)
agreements = st.builds(
    Agreement,
    agreed_on=days,
    reviewed_on=st.none() | days,
    interval_days=st.none() | st.integers(1, 730),
    phase=st.sampled_from([None, "start", "stabilisation", "continuation", "maintenance"]),
)
people = st.builds(
    Patient,
    age_years=st.none() | st.integers(0, 110),
    codes=st.frozensets(st.sampled_from(["F33.1", "F31.9", "F20", "Z99"])),
    pregnant=st.booleans(),
    at_risk=st.booleans(),
)


@given(agreements, medicines, people, days)
def test_there_always_is_a_next_review_after_the_last_look(
    agreed: Agreement, taken: list[Medicine], patient: Patient, today: date
) -> None:
    found = next_review(agreed, taken, patient, today)

    assert found.due_on > agreed.looked_on
    assert found.why
    assert found.overdue == (today > found.due_on)
    if agreed.interval_days is not None:
        assert found.due_on <= agreed.looked_on + timedelta(agreed.interval_days)


@given(agreements, medicines, people, days, st.randoms())
def test_more_medicines_never_make_it_later_and_their_order_is_nothing(
    agreed: Agreement, taken: list[Medicine], patient: Patient, today: date, chance: Any
) -> None:
    alone = next_review(agreed, [], patient, today)
    found = next_review(agreed, taken, patient, today)
    chance.shuffle(taken)

    assert found.due_on <= alone.due_on
    assert next_review(agreed, taken, patient, today).due_on == found.due_on

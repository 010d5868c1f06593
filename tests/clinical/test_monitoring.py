"""What is due on a day, whatever the schedule says."""

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from app.clinical import medications
from app.clinical.doses import DoseEvent, dose_line
from app.clinical.monitoring import Due, Result, Treatment, due, treatment_of

START = date(2026, 1, 1)
ANC = "labs.751-8"
LITHIUM = "labs.14334-7"


def taking(
    reference_id: str, start: date | None = START, changes: tuple[int, ...] = ()
) -> Treatment:
    substance = medications.by_id(reference_id)
    assert substance is not None
    return Treatment(substance, start, tuple(START + timedelta(days=day) for day in changes))


def after(days: int) -> date:
    return START + timedelta(days=days)


def state(schedule: str, found: tuple[Due, ...]) -> Due | None:
    return next((one for one in found if one.schedule.id == schedule), None)


def anc(*counts: tuple[int, str]) -> dict[str, list[Result]]:
    return {ANC: [Result(after(day), Decimal(value), "10*3/uL") for day, value in counts]}


def test_a_result_a_day_early_counts_for_the_week_and_two_days_early_does_not() -> None:
    early = state("clozapine-anc-weekly", due([taking("clozapine")], anc((13, "3")), on=after(13)))
    too_early = state(
        "clozapine-anc-weekly", due([taking("clozapine")], anc((12, "3")), on=after(13))
    )

    assert early is not None
    assert (early.state, early.due_on) == ("done", after(21))
    assert too_early is not None
    assert (too_early.state, too_early.due_on) == ("due", after(14))


def test_what_lies_in_the_future_is_not_done_yet() -> None:
    found = state("clozapine-anc-weekly", due([taking("clozapine")], anc((9, "3")), on=after(8)))

    assert found is not None
    assert (found.state, found.last, found.n) == ("overdue", None, 0)


def test_a_result_from_long_before_the_first_dose_is_no_baseline() -> None:
    before = {"labs.3016-3": [Result(after(-31), Decimal("2.0"), "m[IU]/L")]}
    near = {"labs.3016-3": [Result(after(-30), Decimal("2.0"), "m[IU]/L")]}

    old = state("lithium-tsh", due([taking("lithium")], before, on=START))
    new = state("lithium-tsh", due([taking("lithium")], near, on=START))

    assert old is not None
    assert (old.state, old.due_on) == ("due", START)
    assert new is not None
    assert (new.state, new.due_on) == ("done", after(180))


def test_two_medicines_that_ask_for_the_same_are_one_entry_due_for_the_earlier() -> None:
    found = due([taking("olanzapine"), taking("quetiapine", after(30))], {}, on=after(40))
    weight = state("ap-weight", found)

    assert weight is not None
    assert weight.for_ == ("olanzapine", "quetiapine")
    assert weight.due_on == START


def test_a_condition_that_the_record_does_not_tell_makes_nothing_due() -> None:
    sodium = state("ssri-sodium", due([taking("sertraline")], {}, on=after(60), age_years=35))

    assert sodium is not None
    assert (sodium.state, sodium.code) == ("conditional", "CONDITION_NOT_RECORDED")
    assert (sodium.due_on, sodium.overdue_days) == (None, None)


def test_an_unknown_age_is_said_and_not_guessed() -> None:
    height = state("stim-height", due([taking("methylphenidate")], {}, on=after(300)))

    assert height is not None
    assert (height.state, height.code) == ("conditional", "AGE_UNKNOWN")


def test_taken_since_before_the_record_with_no_result_is_due_without_a_day() -> None:
    found = due([taking("lithium", None)], {}, on=after(0))
    level = state("lithium-level", found)

    assert level is not None
    assert (level.state, level.code, level.due_on) == ("due", "NEVER_DONE", None)


def test_taken_since_before_the_record_the_period_runs_from_the_last_result() -> None:
    results = {LITHIUM: [Result(START, Decimal("0.8"), "mmol/L", hours_since_dose=Decimal(12))]}
    level = state("lithium-level", due([taking("lithium", None)], results, on=after(200)))

    assert level is not None
    assert (level.state, level.due_on, level.overdue_days) == ("overdue", after(180), 20)


def test_a_window_that_cannot_be_placed_is_unknown() -> None:
    weekly = state("clozapine-anc-weekly", due([taking("clozapine", None)], {}, on=START))

    assert weekly is not None
    assert (weekly.state, weekly.code) == ("unknown", "START_UNKNOWN")


def test_what_has_no_code_is_never_called_overdue() -> None:
    rash = state("lamotrigine-rash", due([taking("lamotrigine")], {}, on=after(400)))

    assert rash is not None
    assert (rash.state, rash.code, rash.overdue_days) == ("unknown", "NO_CODE", None)


def test_a_text_is_done_without_a_value() -> None:
    results = {"labs.3016-3": [Result(START, text="see report")]}
    tsh = state("lithium-tsh", due([taking("lithium")], results, on=after(1)))

    assert tsh is not None
    assert tsh.state == "done"
    assert tsh.last is not None
    assert tsh.last.judged is None


def test_the_most_pressing_stands_first() -> None:
    found = due([taking("lithium")], {}, on=after(40), age_years=40)

    assert found[0].schedule.id == "lithium-level"
    assert [one.state for one in found] == ["overdue"] * 5 + ["conditional"] * 4


def test_a_critical_count_today_is_a_review_with_the_day_that_its_label_gives() -> None:
    weekly = state("clozapine-anc-weekly", due([taking("clozapine")], anc((7, "0.4")), on=after(7)))

    assert weekly is not None
    assert (weekly.state, weekly.code) == ("review", "CRITICAL_VALUE")
    assert (weekly.due_on, weekly.reason) == (after(8), "after_result")


def test_a_critical_sodium_is_a_review_although_its_schedule_is_conditional() -> None:
    low = {"labs.2951-2": [Result(START, Decimal(120), "mmol/L")]}
    sodium = state("ssri-sodium", due([taking("sertraline")], low, on=after(9), age_years=35))

    assert sodium is not None
    assert (sodium.state, sodium.code) == ("review", "CRITICAL_VALUE")


def test_a_critical_value_of_an_earlier_treatment_is_no_review_of_this_one() -> None:
    level = Result(after(-400), Decimal("2.6"), "mmol/L", hours_since_dose=Decimal(12))
    found = state("lithium-level", due([taking("lithium")], {LITHIUM: [level]}, on=after(1)))

    assert found is not None
    assert (found.state, found.code, found.due_on) == ("upcoming", None, after(7))


# ---- what is taken


def event(day: int | None, kind: str, course: str = "a", amount: str | None = None) -> DoseEvent:
    return DoseEvent(
        id=f"{course}{day}",
        medication_id=course,
        day=None if day is None else after(day),
        seq=1,
        kind=kind,  # type: ignore[arg-type]  # a word of Kind
        amount=Decimal(amount) if amount else None,
        unit="mg" if amount else None,
        times_per_day=1 if amount else None,
    )


def treatment(*courses: list[DoseEvent], on: int) -> Treatment | None:
    substance = medications.by_id("lithium")
    assert substance is not None
    lines = [dose_line(events, as_of=after(on)).epochs for events in courses]
    return treatment_of(substance, lines, after(on))


def test_a_stop_ends_the_treatment_and_a_restart_begins_one() -> None:
    events = [
        event(0, "start", amount="600"),
        event(50, "stop"),
        event(90, "restart", amount="600"),
    ]

    assert treatment(events, on=60) is None
    again = treatment(events, on=95)
    assert again is not None
    assert (again.first_dose_on, again.dose_changes) == (after(90), ())


def test_a_hold_goes_on_and_the_return_is_a_change() -> None:
    events = [event(0, "start", amount="600"), event(20, "hold"), event(25, "resume")]

    held = treatment(events, on=22)
    back = treatment(events, on=30)
    assert held is not None
    assert (held.first_dose_on, held.dose_changes) == (START, ())
    assert back is not None
    assert (back.first_dose_on, back.dose_changes) == (START, (after(25),))


def test_another_course_without_a_gap_is_the_same_treatment() -> None:
    first = [event(0, "start", amount="600"), event(30, "stop")]
    joined = treatment(first, [event(30, "start", "b", "900")], on=40)
    apart = treatment(first, [event(31, "start", "b", "900")], on=40)

    assert joined is not None
    assert (joined.first_dose_on, joined.dose_changes) == (START, (after(30),))
    assert apart is not None
    assert apart.first_dose_on == after(31)


def test_a_course_from_before_the_record_has_no_first_day() -> None:
    found = treatment([event(10, "change", amount="900")], on=40)

    assert found is not None
    assert (found.first_dose_on, found.dose_changes) == (None, (after(10),))


# ---- rules


@given(st.integers(0, 900), st.lists(st.integers(0, 900), max_size=12))
def test_a_test_done_today_is_never_overdue_today(today: int, earlier: list[int]) -> None:
    results = anc(*((day, "3.0") for day in {*earlier, today} if day <= today))

    for one in due([taking("clozapine")], results, on=after(today)):
        if ANC in one.schedule.measures:
            assert one.state in ("done", "conditional")


@given(st.integers(0, 900), st.sets(st.integers(0, 900), max_size=12), st.integers(0, 900))
def test_one_more_good_result_never_makes_anything_due_sooner(
    today: int, days: set[int], more: int
) -> None:
    few = due([taking("clozapine")], anc(*((day, "3.0") for day in days)), on=after(today))
    many = due([taking("clozapine")], anc(*((d, "3.0") for d in days | {more})), on=after(today))

    for one in few:
        other = state(one.schedule.id, many)
        assert other is not None
        assert (one.due_on or date.min) <= (other.due_on or date.max)

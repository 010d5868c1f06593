"""What dates and severities say of a cause, on small courses."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clinical import causality
from app.clinical.causality import Course, Naranjo, Reply, known_for, naranjo, timing, who_umc
from app.clinical.doses import DoseEpoch, DoseEvent, dose_line
from app.clinical.medications import by_id
from app.clinical.terms import term

FIRST = date(2026, 3, 1)
SERTRALINE = by_id("sertraline")
NAUSEA, ZAPS = term("nausea"), term("discontinuation")


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def epochs(*steps: tuple[int, int | None]) -> tuple[DoseEpoch, ...]:
    """Make epochs of (day, mg); 0 is a stop, None a start on an unknown day at 50 mg."""
    events = []
    before = 0
    for number, (on, mg) in enumerate(steps):
        kind: Literal["start", "change", "stop", "restart"] = "change"
        if mg == 0:
            kind = "stop"
        elif not number:
            kind = "start"
        elif before == 0:
            kind = "restart"
        events.append(
            DoseEvent(
                id=str(number),
                medication_id="m",
                day=None if mg is None else day(on),
                seq=number,
                kind=kind,
                amount=None if mg == 0 else Decimal(mg or 50),
                unit=None if mg == 0 else "mg",
                times_per_day=None if mg == 0 else 1,
            )
        )
        before = mg if mg is not None else 50
    return dose_line(events, as_of=day(400)).epochs


def course(*steps: tuple[int, int | None]) -> Course:
    return Course(SERTRALINE, epochs(*steps), ss_days=6)


def replies(found: Naranjo) -> dict[int, Reply | None]:
    return {one.item.number: one.reply for one in found.items}


def why(found: Naranjo, number: int) -> str | None:
    return found.items[number - 1].why


# ---- timing


def test_days_are_counted_from_the_last_step_of_each_kind() -> None:
    found = timing(day(30), epochs((0, 50), (14, 100), (24, 75), (40, 0)))

    assert found.days_since_start == 30
    assert found.days_since_raise == 16
    assert found.days_since_lowering == 6
    assert found.days_since_stop is None
    assert found.predates_drug is False


def test_an_onset_before_the_first_dose_predates_the_drug() -> None:
    found = timing(day(-3), epochs((0, 50)))

    assert (found.predates_drug, found.days_since_start) == (True, -3)


def test_the_onset_on_the_day_of_the_start_is_day_zero() -> None:
    found = timing(day(0), epochs((0, 50)))

    assert (found.predates_drug, found.days_since_start) == (False, 0)


def test_after_a_stop_and_a_restart_both_are_counted() -> None:
    found = timing(day(50), epochs((0, 50), (20, 0), (40, 50)))

    assert (found.days_since_start, found.days_since_stop) == (10, 30)


def test_what_nobody_knows_is_none_with_a_code() -> None:
    assert timing(day(0), ()).codes == ("NO_DOSES",)
    assert timing(day(0), ()).predates_drug is None
    since_before = timing(day(5), epochs((0, None), (20, 100)))
    assert since_before.days_since_start is None
    assert since_before.predates_drug is None
    assert since_before.codes == ("START_UNKNOWN",)
    assert timing(day(20), epochs((0, None), (20, 100))).predates_drug is False


def test_a_hold_counts_as_a_stop_and_its_end_as_a_start() -> None:
    events = [
        DoseEvent("0", "m", day(0), 0, "start", amount=Decimal(50), unit="mg", times_per_day=1),
        DoseEvent("1", "m", day(20), 1, "hold"),
        DoseEvent("2", "m", day(30), 2, "resume"),
    ]
    line = dose_line(events, as_of=day(400)).epochs
    held = Course(SERTRALINE, line, ss_days=6)
    back = [(day(10), 2), (day(29), 0), (day(33), 2)]

    assert timing(day(90), line).days_since_start == 60
    assert timing(day(90), line).days_since_stop == 70
    judged = who_umc(naranjo(NAUSEA, day(90), [], held, {}), timing(day(90), line), 6)
    assert judged.category == "possible"
    assert replies(naranjo(NAUSEA, day(10), back, held, {}))[4] == "yes"


@given(st.integers(-30, 300), st.integers(-50, 50))
def test_shifting_all_dates_shifts_nothing_that_is_counted(on: int, by: int) -> None:
    steps = ((0, 50), (20, 100), (60, 75), (90, 0), (120, 50))
    moved = tuple((at + by, mg) for at, mg in steps)

    assert timing(day(on), epochs(*steps)) == timing(day(on + by), epochs(*moved))


# ---- the reference


def test_the_reference_names_a_class_or_says_nothing() -> None:
    assert known_for(NAUSEA, SERTRALINE) == "class"
    assert known_for(term("tremor"), by_id("lithium")) == "drug"
    assert known_for(term("priapism"), SERTRALINE) is None
    assert known_for(NAUSEA, None) is None


# ---- Naranjo


def test_the_points_are_those_of_the_paper() -> None:
    assert [(item.yes, item.no) for item in causality.ITEMS] == [
        (1, 0), (2, -1), (1, 0), (2, -1), (-1, 2), (-1, 1), (1, 0), (1, 0), (1, 0), (1, 0),
    ]  # fmt: skip
    best = sum(max(item.yes, item.no) for item in causality.ITEMS)
    worst = sum(min(item.yes, item.no) for item in causality.ITEMS)
    assert (worst, best) == (-4, 13)


@pytest.mark.parametrize(
    ("total", "category"),
    [(13, "definite"), (9, "definite"), (8, "probable"), (5, "probable"), (4, "possible"),
     (1, "possible"), (0, "doubtful"), (-4, "doubtful")],
)  # fmt: skip
def test_categories_begin_where_the_paper_says(total: int, category: str) -> None:
    assert causality.naranjo_category(total) == category


def test_what_needs_a_person_is_said_and_no_total_is_given() -> None:
    found = naranjo(NAUSEA, day(5), [(day(5), 2)], course((0, 50)), {})

    assert replies(found) == dict.fromkeys(range(1, 11)) | {2: "yes"}
    assert why(found, 1) == "CLASS_ONLY"
    assert {why(found, number) for number in causality.NEEDS_A_PERSON} == {"NEEDS_A_PERSON"}
    assert (found.total, found.category) == (None, None)
    assert found.missing == (1, 3, 4, 5, 6, 7, 8, 9, 10)


def test_a_clinicians_reply_stands_before_the_computed_one() -> None:
    said: dict[int, Reply] = dict.fromkeys(range(3, 11), "no")

    found = naranjo(NAUSEA, day(5), [], course((0, 50)), said | {1: "yes", 2: "unknown"})

    assert found.items[1].by == "clinician"
    # 1 yes +1, 2 unknown 0, 3 no 0, 4 no -1, 5 no +2, 6 no +1, 7 to 10 no 0
    assert (found.total, found.category) == (3, "possible")


def test_it_eased_after_the_stop() -> None:
    severities = [(day(5), 3), (day(19), 3), (day(25), 1)]

    found = naranjo(NAUSEA, day(5), severities, course((0, 50), (20, 0)), {})

    assert replies(found)[3] == "yes"


def test_it_did_not_ease_after_the_stop() -> None:
    severities = [(day(5), 2), (day(25), 2)]

    found = naranjo(NAUSEA, day(5), severities, course((0, 50), (20, 0)), {})

    assert replies(found)[3] == "no"


def test_without_a_reading_after_the_stop_nobody_knows() -> None:
    found = naranjo(NAUSEA, day(5), [(day(5), 2)], course((0, 50), (20, 0)), {})

    assert (replies(found)[3], why(found, 3)) == (None, "NO_READING_AROUND")


def test_it_came_back_with_the_medicine() -> None:
    severities = [(day(5), 2), (day(30), 0), (day(45), 2)]

    found = naranjo(NAUSEA, day(5), severities, course((0, 50), (20, 0), (40, 50)), {})

    assert replies(found)[4] == "yes"
    assert replies(naranjo(NAUSEA, day(5), severities, course((0, 50), (20, 0)), {}))[4] is None


def test_it_rose_with_the_dose() -> None:
    severities = [(day(5), 1), (day(13), 1), (day(18), 3)]

    found = naranjo(NAUSEA, day(5), severities, course((0, 50), (14, 100)), {})

    assert replies(found)[8] == "yes"


def test_one_lowering_answers_one_question_and_not_two() -> None:
    severities = [(day(5), 3), (day(13), 3), (day(18), 1)]

    found = naranjo(NAUSEA, day(5), severities, course((0, 100), (14, 50)), {})

    assert replies(found)[3] == "yes"
    assert (replies(found)[8], why(found, 8)) == (None, "NO_DOSE_CHANGE")


def test_what_follows_a_stop_is_held_against_the_stop() -> None:
    after_stop = naranjo(ZAPS, day(23), [(day(23), 2)], course((0, 50), (20, 0)), {})
    while_on = naranjo(ZAPS, day(15), [(day(15), 2)], course((0, 50)), {})
    long_after = naranjo(ZAPS, day(80), [(day(80), 2)], course((0, 50), (20, 0)), {})

    assert replies(after_stop)[2] == "yes"
    assert (replies(while_on)[2], why(while_on, 2)) == ("no", "NO_STOP_BEFORE")
    assert (replies(long_after)[2], why(long_after, 2)) == ("no", "LONG_AFTER")
    assert why(after_stop, 3) == "WITHDRAWAL_TERM"


# ---- WHO-UMC


def category(
    onset: int, steps: tuple[tuple[int, int | None], ...], said: dict[int, Reply]
) -> tuple[str | None, tuple[str, ...]]:
    of = course(*steps)
    found = naranjo(NAUSEA, day(onset), [(day(onset), 2)], of, said)
    judged = who_umc(found, timing(day(onset), of.epochs), of.ss_days)
    return judged.category, judged.missing


def test_what_began_before_the_medicine_is_unlikely() -> None:
    assert category(-3, ((0, 50),), {5: "no", 3: "yes"}) == ("unlikely", ())


def test_what_began_long_after_the_stop_is_unlikely() -> None:
    assert category(60, ((0, 50), (20, 0)), {}) == ("unlikely", ())


def test_a_fitting_time_alone_is_possible_and_says_what_is_missing() -> None:
    assert category(5, ((0, 50),), {}) == ("possible", ("ALTERNATIVE_CAUSES", "DECHALLENGE"))
    assert category(5, ((0, 50),), {5: "yes"}) == ("possible", ())


def test_other_causes_ruled_out_and_eased_is_probable() -> None:
    assert category(5, ((0, 50),), {5: "no", 3: "yes"}) == (
        "probable",
        ("RECHALLENGE", "OBJECTIVE_EVIDENCE"),
    )


def test_with_rechallenge_and_evidence_it_is_certain() -> None:
    assert category(5, ((0, 50),), {5: "no", 3: "yes", 4: "yes", 10: "yes"}) == ("certain", ())


def test_without_doses_there_is_no_category() -> None:
    assert category(5, (), {5: "no"}) == (None, ("TIMING",))


def test_an_unknown_start_or_stop_gives_no_category() -> None:
    stopped_some_day = DoseEvent("1", "m", None, 1, "stop")
    started = DoseEvent(
        "0", "m", day(0), 0, "start", amount=Decimal(50), unit="mg", times_per_day=1
    )
    line = dose_line([started, stopped_some_day], as_of=day(900)).epochs
    found = naranjo(NAUSEA, day(800), [], Course(SERTRALINE, line, 6), {})

    assert category(5, ((0, None),), {5: "no"}) == (None, ("TIMING",))
    assert who_umc(found, timing(day(800), line), 6).category is None


@given(
    onset=st.integers(-20, 200),
    said=st.dictionaries(st.integers(1, 10), st.sampled_from(["yes", "no", "unknown"])),
    severities=st.lists(st.tuples(st.integers(-20, 250), st.integers(0, 4)), max_size=10),
)
def test_whatever_is_said_the_total_stays_on_the_scale_and_needs_all_ten(
    onset: int, said: dict[int, Reply], severities: list[tuple[int, int]]
) -> None:
    days = sorted((day(on), severity) for on, severity in severities)

    found = naranjo(NAUSEA, day(onset), days, course((0, 50), (30, 100), (60, 0), (90, 50)), said)

    assert (found.total is None) == bool(found.missing)
    if found.total is not None:
        assert -4 <= found.total <= 13

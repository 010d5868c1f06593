import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clinical.adherence import (
    Administration,
    Discrepancy,
    Dispense,
    ReportedDose,
    Taken,
    assessed_on_taken_dose,
    compare_reported,
    in_words,
    prn_use,
    supply_cover,
    taken_at_zero_dose,
    taken_share,
)
from app.clinical.doses import DoseEvent, dose_line
from tests.shared import SHARED, needs_shared

DAY_0 = date(2026, 1, 1)


def on(day: int) -> date:
    return DAY_0 + timedelta(days=day)


def answers(*said: Taken) -> list[Administration]:
    """One answer a day from day 0."""
    return [Administration(f"a{i}", on(i), taken) for i, taken in enumerate(said)]


def fills(*pairs: tuple[int, int]) -> list[Dispense]:
    """(day, days of supply)."""
    return [Dispense(f"f{day}", on(day), supply) for day, supply in pairs]


def vector(name: str) -> Any:
    vectors = json.loads((SHARED / "trend-vectors.json").read_text("utf-8"))["vectors"]
    return next(v for v in vectors if v["name"] == name)


@needs_shared
def test_the_vector_of_administrations() -> None:
    v = vector("administrations_with_partial_unknown")
    given_ = v["input"]
    said: list[Taken] = []
    counts: list[tuple[Taken, str]] = [("yes", "taken"), ("no", "not_taken")]
    counts += [("partial", "partial"), ("unknown", "unknown")]
    for taken, name in counts:
        said += [taken] * given_[name]

    got = taken_share(answers(*said))

    assert got.share == pytest.approx(v["expected"]["taken_share"], abs=v["tolerance"])
    assert got.n_known == v["expected"]["n_known"]
    assert got.share_unknown == pytest.approx(v["expected"]["share_unknown"], abs=v["tolerance"])


@needs_shared
def test_the_vector_of_an_early_refill() -> None:
    v = vector("pdc_early_refill_shifts")
    first, last = v["input"]["period"]
    sent = [(f["day"], f["days_supply"]) for f in v["input"]["fills"]]

    got = supply_cover(fills(*sent), first=on(first), last=on(last))

    assert got.pdc == pytest.approx(v["expected"]["pdc"], abs=v["tolerance"])
    assert got.mpr == pytest.approx(v["expected"]["mpr"], abs=v["tolerance"])


def test_nothing_asked_is_not_nothing_taken() -> None:
    assert taken_share([]).share is None
    assert taken_share([]).codes == ("NO_RECORDS",)
    assert taken_share(answers("unknown", "unknown")).codes == ("ALL_UNKNOWN",)
    assert taken_share(answers("unknown")).share_unknown == 1


def test_a_partial_dose_is_half_a_dose_and_an_unknown_one_is_left_out() -> None:
    assert taken_share(answers("yes", "partial", "no", "unknown")).share == 0.5


def test_a_share_of_exactly_four_fifths_is_adequate() -> None:
    assert taken_share(answers("yes", "yes", "yes", "yes", "no")).adequate is True
    assert taken_share(answers("yes", "yes", "yes", "no", "no")).adequate is False


def test_a_day_counts_as_taken_only_if_every_answer_of_it_is_yes() -> None:
    twice_a_day = [
        Administration("a", on(0), "yes"),
        Administration("b", on(0), "no"),
        Administration("c", on(1), "yes"),
        Administration("d", on(1), "yes"),
        Administration("e", on(2), "unknown"),
    ]

    got = taken_share(twice_a_day)

    assert (got.days_taken, got.n_days) == (1, 2)


def test_not_taken_on_60_percent_of_days_is_not_assessed_on_the_taken_dose() -> None:
    got = taken_share(answers("no", "no", "no", "no", "no", "no", "yes", "yes", "yes", "yes"))

    assert got.share == 0.4
    assert assessed_on_taken_dose(got, None) is False


def test_mostly_unknown_answers_are_not_assessed_on_the_taken_dose() -> None:
    assert assessed_on_taken_dose(taken_share(answers("yes", "unknown", "unknown")), None) is False
    assert assessed_on_taken_dose(taken_share(answers("yes", "unknown")), None) is True


def test_without_answers_and_fills_nothing_is_said_about_what_was_taken() -> None:
    nothing = supply_cover([], first=on(0), last=on(9))

    assert assessed_on_taken_dose(None, None) is None
    assert assessed_on_taken_dose(taken_share([]), nothing) is None


# --- worked cases of PDC and MPR; a period of 30 days unless said ------------------------


def cover(*pairs: tuple[int, int], last: int = 29, inpatient: tuple[int, ...] = ()) -> Any:
    days = [on(day) for day in inpatient]
    return supply_cover(fills(*pairs), first=on(0), last=on(last), inpatient=days)


def test_one_fill_that_lasts_covers_every_day() -> None:
    assert (cover((0, 30)).pdc, cover((0, 30)).mpr) == (1.0, 1.0)


def test_a_fill_of_15_days_covers_half() -> None:
    got = cover((0, 15))

    assert (got.days_covered, got.days, got.pdc, got.adequate) == (15, 30, 0.5, False)


def test_a_late_refill_leaves_its_gap_open() -> None:
    assert cover((0, 10), (15, 15)).days_covered == 25


def test_an_early_refill_is_used_after_what_is_on_hand() -> None:
    assert cover((0, 15), (10, 15)).days_covered == 30


def test_two_fills_on_one_day_follow_each_other() -> None:
    twice = [Dispense("a", on(0), 10), Dispense("b", on(0), 10)]

    assert supply_cover(twice, first=on(0), last=on(29)).days_covered == 20


def test_supply_beyond_the_period_counts_in_mpr_and_not_in_pdc() -> None:
    got = cover((0, 30), (20, 30))

    assert (got.pdc, got.mpr) == (1.0, 2.0)


def test_supply_from_before_the_period_is_still_on_hand() -> None:
    got = cover((-10, 20))

    assert (got.days_covered, got.mpr) == (10, 0.0)


def test_a_fill_that_was_used_up_before_the_period_is_not_counted() -> None:
    """Ten days from day -40 are gone by day -30; twenty from day -10 reach into the period."""
    got = cover((-40, 10), (-10, 20), (12, 5))

    assert got.records == cover((-10, 20), (12, 5)).records
    assert (got.days_covered, len(got.records)) == (15, 2)


def test_inpatient_days_leave_both_sides_and_use_no_supply() -> None:
    got = cover((0, 20), inpatient=(5, 6, 7, 8, 9))

    assert (got.days_covered, got.days, got.pdc) == (20, 25, 0.8)


def test_no_fill_at_all_is_not_a_pdc_of_zero() -> None:
    assert cover().pdc is None
    assert cover().codes == ("NO_DISPENSES",)


def test_a_period_spent_in_hospital_has_no_pdc() -> None:
    assert cover((0, 30), last=1, inpatient=(0, 1)).codes == ("NO_DAYS",)


def test_a_fill_of_no_days_and_a_period_that_ends_first_are_refused() -> None:
    with pytest.raises(ValueError):
        cover((0, 0))
    with pytest.raises(ValueError):
        cover((0, 30), last=-1)


@given(st.lists(st.tuples(st.integers(-30, 60), st.integers(1, 90)), max_size=6))
def test_pdc_lies_between_0_and_1_and_input_order_does_not_matter(
    pairs: list[tuple[int, int]],
) -> None:
    got = supply_cover(fills(*pairs), first=on(0), last=on(59))
    reversed_ = supply_cover(fills(*pairs[::-1]), first=on(0), last=on(59))

    assert got.pdc is None or 0 <= got.pdc <= 1
    assert (got.pdc, got.mpr) == (reversed_.pdc, reversed_.mpr)


# --- as needed ---------------------------------------------------------------------------


def test_as_needed_use_is_counted_per_week() -> None:
    used = [Administration(f"u{day}", on(day), "yes") for day in (0, 2, 2, 6, 8)]

    got = prn_use(used, first=on(0), last=on(13))

    assert [week.uses for week in got.weeks] == [4, 1]
    assert (got.uses, got.per_week, got.n_days) == (5, 2.5, 14)


def test_a_week_without_an_answer_is_unknown_and_not_none() -> None:
    used = [Administration("a", on(0), "yes"), Administration("b", on(15), "no")]

    got = prn_use(used, first=on(0), last=on(20))

    assert [week.uses for week in got.weeks] == [1, None, 0]
    assert got.per_week == 0.5


def test_a_short_last_week_is_weighed_by_its_days() -> None:
    used = [Administration("a", on(8), "yes")]

    got = prn_use(used, first=on(0), last=on(9))

    assert got.weeks[1].days == 3
    assert got.per_week == pytest.approx(7 / 3)


def test_as_needed_use_without_any_answer_is_not_zero() -> None:
    got = prn_use([], first=on(0), last=on(13))

    assert got.per_week is None
    assert got.codes == ("NO_RECORDS",)


# --- ordered and taken -------------------------------------------------------------------


def start(day: int, amount: str) -> DoseEvent:
    return DoseEvent(
        f"s{day}", "m", on(day), day, "start", amount=Decimal(amount), unit="mg", times_per_day=1
    )


EPOCHS = dose_line(
    [start(0, "50"), start(30, "100"), DoseEvent("stop", "m", on(60), 60, "stop")], as_of=on(100)
).epochs


@pytest.mark.parametrize(
    ("day", "taken", "code", "ordered"),
    [
        (10, "50", None, None),
        (10, "25", "TAKES_LESS", "50"),
        (10, "75", "TAKES_MORE", "50"),
        (10, "0", "TAKES_NONE", "50"),
        (30, "100", None, None),
        (30, "50", None, None),
        (30, "25", "TAKES_LESS", "50"),
        (60, "100", None, None),
        (70, "50", "TAKEN_AT_ZERO_DOSE", "0"),
        (70, "0", None, None),
    ],
)
def test_what_is_reported_stands_beside_what_is_ordered(
    day: int, taken: str, code: str | None, ordered: str | None
) -> None:
    got = compare_reported([ReportedDose("r", on(day), Decimal(taken), "mg/d")], EPOCHS)

    assert got.n_compared == 1
    assert [d.code for d in got.discrepancies] == ([code] if code else [])
    assert [d.ordered for d in got.discrepancies] == ([Decimal(ordered)] if ordered else [])


def test_a_report_that_cannot_be_compared_is_not_agreement() -> None:
    reports = [
        ReportedDose("before", on(-5), Decimal(50), "mg/d"),
        ReportedDose("amount not known", on(10), None, None),
        ReportedDose("another kind of unit", on(10), Decimal(25), "ug/h"),
    ]

    got = compare_reported(reports, EPOCHS)

    assert got.n_compared == 0
    assert len(got.not_compared) == 3


def test_a_report_in_micrograms_is_compared_in_milligrams() -> None:
    got = compare_reported([ReportedDose("r", on(10), Decimal(50000), "ug/d")], EPOCHS)

    assert (got.n_compared, got.discrepancies) == (1, ())


def test_a_dose_taken_after_the_stop_is_told() -> None:
    said = [Administration(f"a{day}", on(day), "yes") for day in (59, 60, 61)]
    said.append(Administration("no", on(62), "no"))

    got = taken_at_zero_dose(said, EPOCHS)

    assert [(d.code, d.day, d.ordered) for d in got] == [("TAKEN_AT_ZERO_DOSE", on(61), Decimal(0))]
    assert got[0].records == ("a61", "stop")


# --- supply that is used up, and words ------------------------------------------------------


def test_supply_runs_out_on_the_first_day_without_any_and_not_in_between() -> None:
    def ran_out(*told: tuple[int, int]) -> date | None:
        return supply_cover(fills(*told), first=on(0), last=on(59)).ran_out_on

    assert ran_out((0, 30)) == on(30)
    assert ran_out((0, 10), (20, 40)) is None
    assert ran_out((0, 60)) is None


def test_a_fill_of_unknown_length_leaves_pdc_and_mpr_unknown() -> None:
    told = [*fills((0, 30)), Dispense("f30", on(30), None)]

    cover = supply_cover(told, first=on(0), last=on(59))

    assert (cover.pdc, cover.mpr, cover.adequate, cover.ran_out_on) == (None,) * 4
    assert cover.codes == ("DAYS_SUPPLY_UNKNOWN",)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (
            Discrepancy("TAKES_MORE", date(2026, 3, 1), Decimal("0.5"), Decimal(1), "mg/d", ()),
            "Ordered: 0.5 mg per day. Taken, as told on 2026-03-01: 1 mg per day.",
        ),
        (
            Discrepancy("TAKES_NONE", date(2026, 3, 1), None, None, None, ()),
            "Ordered: an unknown dose. Taken, as told on 2026-03-01: none.",
        ),
        (
            Discrepancy("TAKEN_AT_ZERO_DOSE", date(2026, 3, 1), Decimal(0), None, "mg/d", ()),
            "Ordered: none. Taken, as told on 2026-03-01: a dose, amount not known.",
        ),
    ],
)
def test_a_difference_is_said_in_words_that_judge_nothing(found: Discrepancy, words: str) -> None:
    assert in_words(found) == words


def test_without_an_answer_as_needed_use_is_not_known() -> None:
    got = prn_use([], first=date(2026, 3, 2), last=date(2026, 3, 15))

    assert (got.uses, got.per_week, got.n_days) == (None, None, 0)
    assert got.codes == ("NO_RECORDS",)

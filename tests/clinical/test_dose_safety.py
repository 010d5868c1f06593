from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clinical.dose_safety import (
    DoseLimits,
    DoseReview,
    Maximum,
    maximum_for,
    review_dose,
    titration_for,
    titrations,
)
from app.clinical.doses import DoseEvent, Kind

DAY_0 = date(2026, 3, 3)
MG = frozenset({"mg"})
SERTRALINE = DoseLimits(units=MG, maximum=Maximum(Decimal(200), "mg/d"))


def event(kind: Kind, day: int | None, dose: str | None = None, **more: Any) -> DoseEvent:
    """`50 mg` is once a day unless the event says otherwise."""
    said: dict[str, Any] = {"id": f"{kind}@{day}", "seq": 0, **more}
    if dose is not None:
        amount, unit = dose.split(" ")
        said |= {"amount": Decimal(amount), "unit": unit}
        if not {"times_per_day", "interval_days", "max_per_day"} & set(more) and "/" not in unit:
            said["times_per_day"] = 1
    when = None if day is None else DAY_0 + timedelta(days=day)
    return DoseEvent(medication_id="m", day=when, kind=kind, **said)


def not_checked(review: DoseReview) -> dict[str, str]:
    return {one.code: one.why for one in review.not_checked}


SERIES = [event("start", 0, "50 mg"), event("change", 42, "100 mg")]


def test_the_contracts_tenfold_dose_needs_exactly_two_confirmations() -> None:
    got = review_dose(event("change", 78, "1000 mg"), SERIES, SERTRALINE)

    assert got.codes == ("above-maximum", "tenfold-jump")
    assert not_checked(got) == {"titration-too-fast": "NO_REFERENCE"}


def test_an_ordinary_raise_needs_nothing() -> None:
    assert review_dose(event("change", 78, "150 mg"), SERIES, SERTRALINE).codes == ()


@pytest.mark.parametrize(
    ("dose", "codes"),
    [
        ("200 mg", ()),
        ("200.5 mg", ("above-maximum",)),
        ("10 mg", ("tenfold-jump",)),
        ("10.5 mg", ()),
        ("100 ug", ("tenfold-jump", "unit-not-for-drug")),
    ],
)
def test_the_edges_of_maximum_and_tenfold(dose: str, codes: tuple[str, ...]) -> None:
    assert review_dose(event("change", 78, dose), SERIES, SERTRALINE).codes == codes


def test_a_thousandfold_slip_of_the_unit_is_found_whatever_the_list_of_units() -> None:
    any_unit = DoseLimits(maximum=SERTRALINE.maximum)

    got = review_dose(event("change", 78, "50 g"), SERIES, any_unit)

    assert got.codes == ("above-maximum", "tenfold-jump")
    assert not_checked(got)["unit-not-for-drug"] == "NO_REFERENCE"


def test_a_dose_is_compared_with_the_last_known_one() -> None:
    unknown = [*SERIES, event("change", 60, dose_known=False)]

    assert "tenfold-jump" in review_dose(event("change", 78, "1000 mg"), unknown, SERTRALINE).codes


def test_a_dose_is_compared_across_a_stop() -> None:
    stopped = [*SERIES, event("stop", 60)]

    got = review_dose(event("restart", 78, "1000 mg"), stopped, SERTRALINE)

    assert got.codes == ("above-maximum", "tenfold-jump")
    assert not_checked(got)["retitration-needed"] == "NO_REFERENCE"


def test_events_that_do_not_count_are_not_compared_with() -> None:
    slip = event("change", 60, "1000 mg", unconfirmed=("tenfold-jump",))
    plan = event("change", 61, "10 mg", planned=True)
    later = event("change", 90, "10 mg")

    assert review_dose(event("change", 78, "150 mg"), [*SERIES, slip, plan, later], SERTRALINE) == (
        review_dose(event("change", 78, "150 mg"), SERIES, SERTRALINE)
    )


def test_a_percent_is_checked_as_the_dose_it_makes() -> None:
    tenfold = event("change", 78, percent_of_previous=Decimal(1000))

    assert review_dose(tenfold, SERIES, SERTRALINE).codes == ("above-maximum", "tenfold-jump")


def test_several_intakes_are_checked_as_a_daily_total() -> None:
    thrice = event("change", 78, "75 mg", times_per_day=3)

    assert review_dose(thrice, SERIES, SERTRALINE).codes == ("above-maximum",)


def test_a_stop_and_a_hold_need_nothing() -> None:
    for kind in ("stop", "hold", "prn_off"):
        assert review_dose(event(kind, 78), SERIES, SERTRALINE) == DoseReview((), ())


def test_an_unknown_dose_is_not_checked_and_says_so() -> None:
    got = review_dose(event("change", 78, dose_known=False), SERIES, SERTRALINE)

    assert got.codes == ()
    assert not_checked(got) == {
        "above-maximum": "DOSE_UNKNOWN",
        "tenfold-jump": "DOSE_UNKNOWN",
        "titration-too-fast": "NO_REFERENCE",
    }


def test_a_first_dose_has_nothing_to_be_compared_with() -> None:
    got = review_dose(event("start", 0, "50 mg"), [], SERTRALINE)

    assert not_checked(got)["tenfold-jump"] == "NO_KNOWN_DOSE_BEFORE"


def test_a_medicine_without_a_limit_is_not_checked_rather_than_fine() -> None:
    got = review_dose(event("change", 78, "150 mg"), SERIES, DoseLimits())

    assert got.codes == ()
    assert not_checked(got)["above-maximum"] == "NO_REFERENCE"


def test_a_plan_is_reviewed_step_by_step_as_if_followed() -> None:
    steps = [
        event("change", 80, "50 mg", planned=True),
        event("change", 100, percent_of_previous=Decimal(50), planned=True),
        event("change", 120, "2.5 mg", planned=True),
    ]

    reviews = [
        review_dose(step, [*SERIES, *steps[:i]], SERTRALINE).codes for i, step in enumerate(steps)
    ]

    assert reviews == [(), (), ("tenfold-jump",)]


# --- as needed, injections, patches, tablets, weight -------------------------------------


def test_as_needed_is_checked_at_the_most_a_day() -> None:
    lorazepam = DoseLimits(units=MG, maximum=Maximum(Decimal(10), "mg/d"))
    before = [event("prn_on", 0, "0.5 mg", max_per_day=2)]

    slip = review_dose(event("prn_on", 10, "5 mg", max_per_day=2), before, lorazepam)
    above = review_dose(event("prn_on", 10, "4 mg", max_per_day=3), before, lorazepam)
    open_ended = review_dose(event("prn_on", 10, "1 mg", max_per_day=None), before, lorazepam)

    assert slip.codes == ("tenfold-jump",)
    assert above.codes == ("above-maximum", "tenfold-jump")
    assert not_checked(open_ended)["above-maximum"] == "DOSE_UNKNOWN"


@pytest.mark.parametrize(
    ("amount", "interval", "codes"),
    [
        ("400 mg", 28, ()),
        ("400 mg", 30, ()),
        ("400 mg", 14, ("above-maximum",)),
        ("500 mg", 35, ("above-maximum",)),
    ],
)
def test_a_monthly_limit_is_read_over_the_interval(
    amount: str, interval: int, codes: tuple[str, ...]
) -> None:
    depot = DoseLimits(units=MG, maximum=Maximum(Decimal(400), "mg/mo"))

    assert review_dose(event("start", 0, amount, interval_days=interval), [], depot).codes == codes


def test_an_oral_ceiling_says_nothing_about_a_depot() -> None:
    oral = DoseLimits(units=MG, maximum=Maximum(Decimal(100), "mg/d"))

    got = review_dose(event("start", 0, "100 mg", interval_days=28), [], oral)

    assert not_checked(got)["above-maximum"] == "LIMIT_NOT_COMPARABLE"


def test_a_limit_per_session_is_compared_with_one_intake() -> None:
    session = DoseLimits(units=MG, maximum=Maximum(Decimal(84), "mg"))

    assert review_dose(event("start", 0, "84 mg"), [], session).codes == ()
    assert review_dose(event("start", 0, "112 mg"), [], session).codes == ("above-maximum",)


def test_a_limit_in_tablets_counts_tablets() -> None:
    tablets = DoseLimits(units=frozenset({"{tablet}"}), maximum=Maximum(Decimal(2), "{tablet}/d"))

    assert review_dose(event("start", 0, "1 {tablet}", times_per_day=2), [], tablets).codes == ()
    assert review_dose(event("start", 0, "1 {tablet}", times_per_day=3), [], tablets).codes == (
        "above-maximum",
    )


def test_a_limit_per_kilogram_needs_the_weight() -> None:
    valproate = Maximum(Decimal(60), "mg/kg/d")
    heavy = DoseLimits(units=MG, maximum=valproate, weight_kg=Decimal(50))

    assert review_dose(event("start", 0, "3000 mg"), [], heavy).codes == ()
    assert review_dose(event("start", 0, "3250 mg"), [], heavy).codes == ("above-maximum",)
    unknown = review_dose(event("start", 0, "3250 mg"), [], DoseLimits(MG, valproate))
    assert not_checked(unknown)["above-maximum"] == "WEIGHT_UNKNOWN"


def test_a_patch_is_not_measured_against_a_limit_in_milligrams() -> None:
    got = review_dose(event("start", 0, "25 ug/h"), [], SERTRALINE)

    assert got.codes == ("unit-not-for-drug",)
    assert not_checked(got)["above-maximum"] == "LIMIT_NOT_COMPARABLE"


def test_a_unit_of_another_kind_than_the_courses_is_asked_about() -> None:
    lithium = DoseLimits()

    got = review_dose(event("change", 78, "24 mmol"), SERIES, lithium)

    assert "unit-not-for-drug" in got.codes


@pytest.mark.parametrize(
    ("age", "route", "found"),
    [
        (40, "oral", True),
        (18, "oral", True),
        (17, "oral", False),
        (None, "oral", False),
        (40, "intramuscular", False),
        (40, None, True),
    ],
)
def test_a_limit_holds_for_its_age_and_route(
    age: int | None, route: str | None, found: bool
) -> None:
    maximum = Maximum(Decimal(200), "mg/d", "adult", frozenset({"oral"}))

    got = maximum_for([maximum], age_years=age, route=route)

    assert (got == maximum) is found


# --- labelled titrations -----------------------------------------------------------------


def lamotrigine(*together_with: str) -> DoseLimits:
    row = titration_for("lamotrigine", together_with=together_with, age_years=30)
    return DoseLimits(MG, Maximum(Decimal(400), "mg/d"), row)


def codes_along(limits: DoseLimits, *steps: tuple[int, str]) -> list[tuple[str, ...]]:
    """Codes of each step (day, dose), the steps before it taken as done."""
    events = [event("start" if i == 0 else "change", day, d) for i, (day, d) in enumerate(steps)]
    return [review_dose(e, events[:i], limits).codes for i, e in enumerate(events)]


@pytest.mark.parametrize(
    ("together_with", "steps"),
    [
        ((), [(0, "25 mg"), (14, "50 mg"), (28, "100 mg"), (35, "200 mg")]),
        (("valproate",), [(0, "12.5 mg"), (14, "25 mg"), (28, "50 mg"), (35, "100 mg")]),
        (
            ("carbamazepine",),
            [(0, "50 mg"), (14, "100 mg"), (28, "200 mg"), (35, "300 mg"), (42, "400 mg")],
        ),
    ],
)
def test_the_labelled_lamotrigine_steps_pass(
    together_with: tuple[str, ...], steps: list[tuple[int, str]]
) -> None:
    assert codes_along(lamotrigine(*together_with), *steps) == [()] * len(steps)


@pytest.mark.parametrize(
    "steps",
    [
        [(0, "50 mg")],
        [(0, "25 mg"), (13, "50 mg")],
        [(0, "25 mg"), (14, "100 mg")],
        [(0, "25 mg"), (200, "100 mg")],
        [(0, "25 mg"), (14, "50 mg"), (27, "100 mg")],
        [(0, "25 mg"), (14, "50 mg"), (28, "100 mg"), (34, "200 mg")],
    ],
)
def test_a_lamotrigine_step_faster_than_the_label_is_asked_about(
    steps: list[tuple[int, str]],
) -> None:
    *_, last = codes_along(lamotrigine(), *steps)

    assert last == ("titration-too-fast",)


def test_slower_steps_between_the_labelled_ones_pass() -> None:
    slow = [(0, "25 mg"), (14, "37.5 mg"), (21, "50 mg"), (35, "75 mg"), (49, "100 mg")]

    assert codes_along(lamotrigine(), *slow) == [()] * 5


def test_with_valproate_the_ordinary_start_is_too_fast() -> None:
    assert codes_along(lamotrigine("valproate"), (0, "25 mg")) == [("titration-too-fast",)]


def test_with_valproate_and_an_inducer_the_slower_schedule_holds() -> None:
    row = titration_for("lamotrigine", together_with=["carbamazepine", "valproate"], age_years=30)

    assert row is not None
    assert row.id == "lamotrigine-with-valproate"


def test_going_down_and_back_up_to_a_dose_already_reached_is_not_too_fast() -> None:
    steps = [(0, "25 mg"), (14, "50 mg"), (28, "100 mg"), (40, "50 mg"), (42, "100 mg")]

    assert codes_along(lamotrigine(), *steps) == [()] * 5


def test_days_on_hold_do_not_count_towards_a_step() -> None:
    before = [event("start", 0, "25 mg"), event("hold", 10), event("resume", 14)]

    early = review_dose(event("change", 15, "50 mg"), before, lamotrigine())
    late = review_dose(event("change", 18, "50 mg"), before, lamotrigine())

    assert (early.codes, late.codes) == (("titration-too-fast",), ())


def test_a_course_older_than_the_record_is_not_judged_by_its_start() -> None:
    before = [event("start", None, "25 mg")]

    got = review_dose(event("change", 5, "50 mg"), before, lamotrigine())

    assert not_checked(got)["titration-too-fast"] == "START_UNKNOWN"


def test_a_titration_is_for_adults_and_is_else_not_checked() -> None:
    assert titration_for("lamotrigine", together_with=[], age_years=12) is None
    assert titration_for("lamotrigine", together_with=[], age_years=None) is None
    assert titration_for("sertraline", together_with=[], age_years=30) is None


CLOZAPINE = DoseLimits(
    MG,
    Maximum(Decimal(900), "mg/d"),
    titration_for("clozapine", together_with=[], age_years=30),
)


def test_the_labelled_clozapine_steps_pass() -> None:
    daily = [(0, "12.5 mg"), (1, "25 mg"), *[(2 + i, f"{75 + 50 * i} mg") for i in range(7)]]

    codes = codes_along(CLOZAPINE, *daily, (9, "425 mg"), (12, "500 mg"), (16, "600 mg"))

    assert codes == [()] * 12


@pytest.mark.parametrize(
    "steps",
    [
        [(0, "50 mg")],
        [(0, "12.5 mg"), (1, "100 mg")],
        [(0, "25 mg"), (0, "75 mg")],
        [(0, "25 mg"), (1, "75 mg"), (2, "150 mg")],
    ],
)
def test_a_clozapine_step_faster_than_the_label_is_asked_about(
    steps: list[tuple[int, str]],
) -> None:
    *_, last = codes_along(CLOZAPINE, *steps)

    assert last == ("titration-too-fast",)


# --- restart after a gap -----------------------------------------------------------------

ON_300 = [event("start", None, "300 mg")]


@pytest.mark.parametrize(
    ("off_on", "back_on", "dose", "codes"),
    [
        (10, 12, "300 mg", ("retitration-needed",)),
        (10, 11, "300 mg", ("retitration-needed",)),
        (10, 10, "300 mg", ()),
        (10, 12, "12.5 mg", ()),
        (10, 12, "25 mg", ()),
        (10, 12, "50 mg", ("retitration-needed",)),
    ],
)
def test_clozapine_after_48_hours_without_a_dose_begins_again(
    off_on: int, back_on: int, dose: str, codes: tuple[str, ...]
) -> None:
    before = [*ON_300, event("stop", off_on, seq=1)]

    assert review_dose(event("restart", back_on, dose, seq=2), before, CLOZAPINE).codes == codes


def test_a_hold_is_a_gap_too() -> None:
    before = [*ON_300, event("hold", 10)]

    assert review_dose(event("resume", 14), before, CLOZAPINE).codes == ("retitration-needed",)


def test_lamotrigine_begins_again_after_five_half_lives() -> None:
    before = [event("start", None, "200 mg"), event("stop", 10)]

    within = review_dose(event("restart", 15, "200 mg"), before, lamotrigine())
    beyond = review_dose(event("restart", 16, "200 mg"), before, lamotrigine())

    assert (within.codes, beyond.codes) == ((), ("retitration-needed",))


def test_after_a_new_start_the_steps_are_counted_from_it() -> None:
    before = [
        event("start", None, "200 mg"),
        event("stop", 10),
        event("restart", 40, "25 mg"),
    ]

    got = review_dose(event("change", 45, "200 mg"), before, lamotrigine())

    assert got.codes == ("titration-too-fast",)


def test_a_gap_of_unknown_length_is_not_checked() -> None:
    before = [event("start", 0, "300 mg"), event("stop", None)]

    got = review_dose(event("restart", 100, "300 mg"), before, CLOZAPINE)

    assert not_checked(got)["retitration-needed"] == "GAP_UNKNOWN"


# --- the reference file, and a rule for every dose ---------------------------------------


@pytest.mark.parametrize("row", titrations(), ids=lambda row: row.id)
def test_a_titration_rises_and_names_its_source(row: Any) -> None:
    ups = [band.up_to for band in row.bands]

    assert ups == sorted(set(ups))
    assert row.first_up_to <= ups[0]
    assert all((b.raise_to is None) != (b.raise_by is None) for b in row.bands)
    assert all(b.raise_to is None or b.raise_to > b.up_to for b in row.bands)
    assert row.source
    assert dict(row.verified).keys() == {"steps", "retitrate"}
    assert all(said.startswith(("seen", "memory", "rule")) for _, said in row.verified)


@given(st.decimals("0.1", "999", places=1), st.integers(1, 4))
def test_every_check_either_ran_or_says_why_not(dose: Decimal, times: int) -> None:
    proposed = event("change", 78, f"{dose} mg", times_per_day=times)

    got = review_dose(proposed, SERIES, SERTRALINE)

    assert ("tenfold-jump" in got.codes) == (dose * times >= 1000 or dose * times <= 10)
    assert ("above-maximum" in got.codes) == (dose * times > 200)
    assert list(got.codes) == sorted(got.codes)
    assert not {one.code for one in got.not_checked} & set(got.codes)

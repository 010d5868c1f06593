"""Days covered as the Pharmacy Quality Alliance counts them.

The fills, with the first and last day that each is taken, are those of the PQA's own examples
(pqaalliance.org/assets/Measures/pdc-dr.js.txt, seen; the year is 2018). The counts follow from
them. On inpatient stays: Chang and Gillespie, SAS Global Forum paper 3560-2015, seen: the days
are left out, and what was on hand is used afterwards.
"""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from app.clinical.adherence import Dispense, supply_cover, treatment_cover
from app.clinical.doses import DoseEpoch

END = date(2018, 12, 31)


def fills(*told: tuple[str, int]) -> list[Dispense]:
    return [
        Dispense(f"f{place}", date.fromisoformat(f"2018-{day}"), days)
        for place, (day, days) in enumerate(told)
    ]


@pytest.mark.parametrize(
    ("told", "covered", "days"),
    [
        # Taken 1 January to 31 March and 1 April to 29 June.
        ([("01-01", 90), ("04-01", 90)], 180, 365),
        # Taken 25 March to 22 June, 5 July to 2 October, and, early, 3 October to 31 December.
        ([("03-25", 90), ("07-05", 90), ("09-25", 90)], 270, 282),
        # The second is early and taken from 1 April to 29 June; the last reaches past the year.
        ([("01-01", 90), ("03-25", 90), ("07-05", 90), ("10-15", 90)], 348, 365),
        # Taken 4 October to 2 November and 3 November to 2 December.
        ([("10-04", 30), ("11-01", 30)], 60, 89),
        # One fill of 90 days.
        ([("01-01", 90)], 90, 365),
    ],
)
def test_the_pqa_s_examples(told: list[tuple[str, int]], covered: int, days: int) -> None:
    found = treatment_cover(fills(*told), [], as_of=END)

    assert found is not None
    assert (found.days_covered, found.days) == (covered, days)
    assert found.pdc == pytest.approx(covered / days)
    # With one fill, or in 89 days, the PQA would not count them: nobody says how well it was taken.
    assert found.adequate is (None if found.codes else covered / days >= 0.8)


def test_mpr_counts_what_was_handed_out_and_pdc_the_days() -> None:
    """The third example: 360 days of supply in 365 days, of which 348 were covered."""
    told = fills(("01-01", 90), ("03-25", 90), ("07-05", 90), ("10-15", 90))
    found = treatment_cover(told, [], as_of=END)

    assert found is not None
    assert found.mpr == pytest.approx(360 / 365)
    assert found.pdc == pytest.approx(348 / 365)


def test_early_refills_push_mpr_above_one_and_never_pdc() -> None:
    monthly = fills(*((f"{month:02}-01", 60) for month in range(1, 13)))
    found = treatment_cover(monthly, [], as_of=END)

    assert found is not None
    assert found.mpr is not None
    assert found.mpr > 1
    assert found.pdc == 1


def test_the_pqa_s_gates_are_said_beside_the_number() -> None:
    """Two fills on different days, the first at least 91 days before the end."""

    def gates(*told: tuple[str, int]) -> tuple[str, ...]:
        found = treatment_cover(fills(*told), [], as_of=END)
        assert found is not None
        return found.codes

    assert gates(("10-04", 30), ("11-01", 30)) == ("SHORT_PERIOD",)
    assert gates(("10-02", 30), ("11-01", 30)) == ()
    assert gates(("01-01", 90), ("01-01", 90)) == ("FEW_FILLS",)


def test_an_inpatient_stay_leaves_both_sides_and_its_supply_is_used_afterwards() -> None:
    """30 days from 1 January, ten of them in hospital, then nothing: covered to 9 February."""
    stay = {date(2018, 1, 11) + timedelta(days=day) for day in range(10)}
    found = supply_cover(
        fills(("01-01", 30)),
        first=date(2018, 1, 1),
        last=date(2018, 2, 28),
        inpatient=stay,
    )

    assert (found.days_covered, found.days) == (30, 49)
    assert found.ran_out_on == date(2018, 2, 10)


def test_a_fill_before_the_year_is_no_beginning_of_it() -> None:
    early = Dispense("early", date(2017, 12, 20), 30)
    found = treatment_cover([early, *fills(("03-01", 30))], [], as_of=END)

    assert found is not None
    assert (found.first, found.days_covered) == (date(2018, 3, 1), 30)


def test_after_a_stop_nothing_more_is_expected() -> None:
    """Ordered from 1 January to 31 March, supplied for those 90 days."""
    begun, stopped = date(2018, 1, 1), date(2018, 4, 1)
    line = [
        DoseEpoch(begun, stopped, Decimal(50), "mg/d", known=True),
        DoseEpoch(stopped, None, Decimal(0), "mg/d", known=True),
    ]
    found = treatment_cover(fills(("01-01", 90)), line, as_of=END)

    assert found is not None
    assert (found.last, found.pdc, found.ran_out_on) == (date(2018, 3, 31), 1, None)


def test_as_needed_use_has_no_days_covered() -> None:
    line = [DoseEpoch(date(2018, 1, 1), None, None, "mg/d", known=True, prn=True)]

    assert treatment_cover(fills(("01-01", 90)), line, as_of=END) is None

"""One medicine that takes the place of another."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from app.clinical.doses import DoseEvent, Kind, dose_line
from app.clinical.switches import Link, Switchable, links

DAY = date(2026, 3, 1)
AS_OF = DAY + timedelta(days=120)
Told = tuple[int, Kind, str | None]


def course(
    name: str, *told: Told, group: str = "antidepressant", reason: str | None = None
) -> Switchable:
    """A course of mg once a day: (day, kind, amount)."""
    events = [
        DoseEvent(
            id=f"{name}-{place}",
            medication_id=name,
            day=DAY + timedelta(days=day),
            seq=place,
            kind=kind,
            amount=Decimal(amount) if amount else None,
            unit="mg" if amount else None,
            times_per_day=1 if amount else None,
            reason=reason,
        )
        for place, (day, kind, amount) in enumerate(told)
    ]
    line = dose_line(events, as_of=AS_OF)
    return Switchable(name, name, frozenset({group}), line.epochs, events)


def only(*courses: Switchable) -> Link:
    (found,) = links(courses, as_of=AS_OF)
    return found


def test_a_start_on_the_day_of_the_stop_is_a_switch() -> None:
    found = only(
        course("escitalopram", (0, "start", "10"), (60, "stop", None)),
        course("sertraline", (60, "start", "50")),
    )

    assert (found.kind, found.old, found.new) == ("switch", "escitalopram", "sertraline")
    assert (found.gap_days, found.overlap_days, found.basis) == (0, None, "group")


def test_both_on_while_one_goes_down_and_the_other_up_is_a_cross_taper() -> None:
    found = only(
        course("paroxetine", (0, "start", "40"), (63, "change", "20"), (77, "stop", None)),
        course("mirtazapine", (60, "start", "15"), (70, "change", "30")),
    )

    assert (found.kind, found.old, found.new) == ("cross_taper", "paroxetine", "mirtazapine")
    assert found.lowered_on == DAY + timedelta(days=63)
    assert (found.stopped_on, found.overlap_days) == (DAY + timedelta(days=77), 17)
    assert found.records == ("paroxetine-2", "paroxetine-1", "mirtazapine-0")


def test_a_cross_taper_that_goes_on_counts_its_days_up_to_now() -> None:
    found = only(
        course("paroxetine", (0, "start", "40"), (110, "change", "20")),
        course("mirtazapine", (105, "start", "15")),
    )

    assert (found.stopped_on, found.overlap_days) == (None, 15)


def test_a_second_medicine_beside_an_unchanged_one_is_no_switch() -> None:
    added = links(
        [
            course("sertraline", (0, "start", "100")),
            course("mirtazapine", (60, "start", "15")),
        ],
        as_of=AS_OF,
    )

    assert added == ()


@pytest.mark.parametrize(
    ("gap", "said", "linked"), [(14, None, 1), (15, None, 0), (35, "switch", 1), (43, "switch", 0)]
)
def test_how_long_a_gap_may_be_depends_on_what_was_said(
    gap: int, said: str | None, linked: int
) -> None:
    found = links(
        [
            course("fluoxetine", (0, "start", "20"), (40, "stop", None)),
            course("phenelzine", (40 + gap, "start", "15"), reason=said),
        ],
        as_of=AS_OF,
    )

    assert len(found) == linked


def test_medicines_of_two_groups_are_linked_only_by_a_word() -> None:
    old = course("lithium", (0, "start", "900"), (40, "stop", None), group="mood_stabiliser")
    silent = course("quetiapine", (40, "start", "100"), group="antipsychotic")
    said = course("quetiapine", (40, "start", "100"), group="antipsychotic", reason="switch")

    assert links([old, silent], as_of=AS_OF) == ()
    assert only(old, said).basis == "reason"


def test_a_lowering_long_after_the_start_is_not_part_of_it() -> None:
    found = links(
        [
            course("sertraline", (0, "start", "100"), (90, "change", "50")),
            course("mirtazapine", (30, "start", "15")),
        ],
        as_of=AS_OF,
    )

    assert found == ()


def test_a_hold_is_not_a_stop_and_its_end_no_new_start() -> None:
    found = links(
        [
            course("sertraline", (0, "start", "100"), (20, "hold", None), (30, "resume", None)),
            course("mirtazapine", (5, "start", "15")),
        ],
        as_of=AS_OF,
    )

    assert found == ()


def test_the_order_of_the_courses_does_not_matter() -> None:
    old = course("escitalopram", (0, "start", "10"), (60, "stop", None))
    new = course("sertraline", (60, "start", "50"))

    assert links([old, new], as_of=AS_OF) == links([new, old], as_of=AS_OF)

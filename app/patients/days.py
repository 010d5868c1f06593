"""Which days and moments a record about a person can have: after the birth, not ahead."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta

from app.core.errors import Fault
from app.patients.service import Person

CLOCK_TOLERANCE = timedelta(hours=24)
"""How far a device's clock may be wrong."""


def faults(
    person: Person,
    now: datetime,
    said: Mapping[str, date | datetime | None],
    *,
    ahead: bool = False,
) -> Iterator[Fault]:
    """Name each day or moment that cannot be, by its pointer.

    ahead: days to come are possible.
    """
    latest = now + CLOCK_TOLERANCE
    for pointer, when in said.items():
        if when is None:
            continue
        is_moment = isinstance(when, datetime)
        day = person.day_of(when) if isinstance(when, datetime) else when
        if person.birth_date is not None and day < person.birth_date:
            yield Fault(pointer, "before-birth", "the day of birth or later")
        elif not ahead and (when > latest if is_moment else day > person.today(latest)):
            yield Fault(pointer, "effective-in-future", "at most 24 hours ahead")


def faults_of_order(pointer: str, first: date | None, last: date | None) -> Iterator[Fault]:
    """Name the last day where it lies before the first."""
    if first is not None and last is not None and last < first:
        yield Fault(pointer, "out-of-range", "not before the first day")

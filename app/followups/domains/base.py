"""What every follow-up domain shares: a member that carries a Measure is a followed number."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from functools import cache
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import Field

from app.clinical.measure import Measure
from app.core.wire import Between, Wire
from app.measurements.service import Reading

T = TypeVar("T")
Many = Annotated[list[T], Field(max_length=100)]


@dataclass(frozen=True, slots=True)
class Contact:
    """When a follow-up took place, and the zone in which its clock times are read."""

    on: date
    at: datetime
    zone: tzinfo | None


def within(measure: Measure) -> Between:
    """Give the range of a measure as what the wire lets through; it is said in one place."""
    assert measure.minimum is not None
    assert measure.maximum is not None
    return Between(measure.minimum, measure.maximum)


class Measured(Wire):
    """A part of a body whose numbers are followed.

    `mood: Annotated[int | None, MOOD, within(MOOD)] = None` is all that a number needs.
    """

    @classmethod
    @cache
    def followed(cls) -> tuple[tuple[str, Measure], ...]:
        """Give the members that carry a measure; found once for each class."""
        return tuple(
            (name, one)
            for name, member in cls.model_fields.items()
            for one in member.metadata
            if isinstance(one, Measure)
        )

    def dated(
        self, day: date, at: datetime | None = None, medication_id: UUID | None = None
    ) -> Iterator[Reading]:
        """Give the numbers that were sent as readings of a day; an absent one is no zero."""
        for name, measure in self.followed():
            value = getattr(self, name)
            if value is not None:
                yield Reading(measure.code, value, day, at, medication_id)


class Domain(Measured):
    """One domain of a follow-up; its name is its member of the body."""

    def readings(self, contact: Contact) -> Iterator[Reading]:
        """Give all numbers that it asserts."""
        yield from self.dated(contact.on, contact.at)

    def beside(self, contact: Contact) -> dict[str, Any]:
        """Give what the answer says of it beside what was sent."""
        return {}

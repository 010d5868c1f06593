"""What a person can do in the day."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from app.clinical.measures import (
    DAYS_OUT_OF_ROLE,
    HOME,
    SELF_CARE,
    SOCIAL,
    WORK,
    own_outcome,
)
from app.core.wire import Between, Line, Wire
from app.followups.domains.base import Contact, Domain, Many, within
from app.measurements.service import Reading


class OwnOutcome(Wire):
    """What this patient wants to do again, in own words; followed as `functioning.own.<key>`.

    value: from 0, in the words of `at_0`, to 10, in those of `at_10`; 10 is what is wanted.
    key: names it from visit to visit, in small letters, digits and hyphens.
    """

    key: Annotated[str, Field(pattern="^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)]
    text: Line
    at_0: Line
    at_10: Line
    value: Annotated[int, Between(0, 10)]


class Functioning(Domain):
    """Ratings from 0 to 10, 10 = no difficulty; days out of role of the last 30.

    own: outcomes that the patient chose (as PSYCHLOPS: Ashworth 2004, Primary Care Mental
    Health 2:165-177, asks for problems in the patient's own words).
    """

    work: Annotated[int | None, WORK, within(WORK)] = None
    home: Annotated[int | None, HOME, within(HOME)] = None
    social: Annotated[int | None, SOCIAL, within(SOCIAL)] = None
    self_care: Annotated[int | None, SELF_CARE, within(SELF_CARE)] = None
    days_out_of_role: Annotated[int | None, DAYS_OUT_OF_ROLE, within(DAYS_OUT_OF_ROLE)] = None
    own: Many[OwnOutcome] = []

    @field_validator("own")
    @classmethod
    def _each_once(cls, value: list[OwnOutcome]) -> list[OwnOutcome]:
        if len({one.key for one in value}) < len(value):
            raise PydanticCustomError("duplicate", "each key once")
        return value

    def readings(self, contact: Contact) -> Iterator[Reading]:
        """Give the ratings, and the outcomes that the patient chose."""
        yield from super().readings(contact)
        for one in self.own:
            yield Reading(own_outcome(one.key).code, one.value, contact.on, contact.at)

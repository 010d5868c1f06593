"""What is really taken of each medicine, how it seems to work, what was done to the dose."""

from collections.abc import Iterator, Sequence
from typing import Annotated
from uuid import UUID

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from app.clinical.instruments import instrument
from app.clinical.measure import Measure
from app.clinical.measures import ADHERENCE
from app.core.wire import Between, OtherText, Wire
from app.followups.domains.base import Contact, Domain, Many, Measured, within
from app.measurements.service import Reading
from app.medications.schemas import AdministrationIn, Count, DoseEventIn, DoseIn, MissedReason

MOST_DAYS = 366


def _rating(instrument_id: str) -> Measure:
    total = instrument(instrument_id).total
    assert total is not None, "a global impression has one item, whose total is its score"
    return total


PGI_I, CGI_I, CGI_S = _rating("pgi-i"), _rating("cgi-i"), _rating("cgi-s")


class Taking(Wire):
    """What the patient takes now, whatever was ordered; kept as told."""

    medication_id: UUID
    dose: DoseIn | None = None
    dose_known: bool = True
    times_per_day: Count | None = None


class Adherence(Wire):
    """Of so many days, how many were missed, and why."""

    medication_id: UUID
    days: Annotated[int, Between(1, MOST_DAYS)]
    missed_days: Annotated[int, Between(0, MOST_DAYS)]
    reason: MissedReason | None = None
    reason_text: OtherText = None

    @field_validator("missed_days")
    @classmethod
    def _not_more_than_there_were(cls, value: int, info: ValidationInfo) -> int:
        if value > info.data.get("days", MOST_DAYS):
            raise PydanticCustomError("out_of_range", "at most `days`")
        return value

    @property
    def taken_percent(self) -> float:
        return 100 * (self.days - self.missed_days) / self.days


class PatientRating(Measured):
    """The patient's impression of what one medicine changed, 1 very much better to 7 worse."""

    medication_id: UUID
    pgi_i: Annotated[int | None, PGI_I, within(PGI_I)] = None


class Rating(PatientRating):
    """The patient's and the clinician's impression of one medicine."""

    cgi_i: Annotated[int | None, CGI_I, within(CGI_I)] = None
    cgi_s: Annotated[int | None, CGI_S, within(CGI_S)] = None


class AdministrationWithin(AdministrationIn):
    """An administration that names its medicine."""

    medication_id: UUID


class DoseEventWithin(DoseEventIn):
    """A dose event that names its medicine."""

    medication_id: UUID


class CheckInDosage(Domain):
    """What a patient tells of the medicines."""

    taking: Many[Taking] = []
    adherence: Many[Adherence] = []
    ratings: Annotated[Sequence[PatientRating], Field(max_length=100)] = []
    administrations: Many[AdministrationWithin] = []

    def readings(self, contact: Contact) -> Iterator[Reading]:
        """Give the ratings of each medicine, and the share of days on which it was taken."""
        for one in self.adherence:
            share = one.taken_percent
            yield Reading(ADHERENCE.code, share, contact.on, contact.at, one.medication_id)
        for rating in self.ratings:
            yield from rating.dated(contact.on, contact.at, rating.medication_id)

    def medication_ids(self) -> Iterator[tuple[str, UUID]]:
        """Give each medicine that is named, with the place where it is."""
        for name in type(self).model_fields:
            for place, one in enumerate(getattr(self, name)):
                yield f"{name}/{place}", one.medication_id


class Dosage(CheckInDosage):
    """What a follow-up tells of the medicines, and what was decided there."""

    ratings: Annotated[Sequence[Rating], Field(max_length=100)] = []
    dose_events: Many[DoseEventWithin] = []

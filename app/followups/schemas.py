"""Follow-ups, check-ins and side effects on the wire."""

from collections.abc import Iterator
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

from pydantic import Field

from app.assessments.schemas import AssessmentWithin, BandOut, OpenedSignal
from app.core.wire import Identified, Instant, Note, Wire
from app.followups.domains.base import Domain, Many
from app.followups.domains.dosage import CheckInDosage, Dosage
from app.followups.domains.functioning import Functioning
from app.followups.domains.interactions import Interactions
from app.followups.domains.mood_cognition import MoodCognition
from app.followups.domains.side_effects import SideEffectIn, SideEffects
from app.followups.domains.sleep import Sleep
from app.patients.schemas import Envelope


class ContactIn(Identified):
    """What a follow-up and a check-in share: when, and the domains that were asked about.

    `client_time` and `sent_at` are the device's clock when it was made and when it was sent.
    """

    patient_id: UUID | None = None
    occurred_at: Instant
    client_time: Instant | None = None
    sent_at: Instant | None = None
    note: Note | None = None
    assessments: Many[AssessmentWithin] = []

    @classmethod
    @cache
    def domain_names(cls) -> tuple[str, ...]:
        """Give the members that are domains, in the order of answers; found once a class."""
        return tuple(
            name
            for name, member in cls.model_fields.items()
            if any(
                isinstance(one, type) and issubclass(one, Domain)
                for one in get_args(member.annotation)
            )
        )

    def domains(self) -> dict[str, Domain]:
        """Give the domains that were sent; an absent one was not asked about."""
        found = {name: getattr(self, name) for name in self.domain_names()}
        return {name: domain for name, domain in found.items() if domain is not None}

    def nested(self) -> Iterator[Identified]:
        """Give the records that it brings along."""
        yield from self.assessments

    def record_ids(self) -> Iterator[UUID]:
        yield from super().record_ids()
        for record in self.nested():
            yield from record.record_ids()


class FollowUpIn(ContactIn):
    """A visit, call or message in one body; all of it is kept, or nothing."""

    kind: Literal["visit", "call", "message"]
    dosage: Dosage | None = None
    side_effects: SideEffects | None = None
    mood_cognition: MoodCognition | None = None
    sleep: Sleep | None = None
    functioning: Functioning | None = None
    interactions: Interactions | None = None

    def nested(self) -> Iterator[Identified]:
        yield from super().nested()
        if self.dosage is not None:
            yield from self.dosage.dose_events
            yield from self.dosage.administrations
        if self.side_effects is not None:
            yield from self.side_effects.episodes
        if self.interactions is not None:
            yield from self.interactions.reported


class CheckInIn(ContactIn):
    """A patient's own follow-up: no decisions about doses, no clinician's ratings."""

    dosage: CheckInDosage | None = None
    side_effects: SideEffects | None = None
    mood_cognition: MoodCognition | None = None
    sleep: Sleep | None = None
    functioning: Functioning | None = None

    def nested(self) -> Iterator[Identified]:
        yield from super().nested()
        if self.dosage is not None:
            yield from self.dosage.administrations
        if self.side_effects is not None:
            yield from self.side_effects.episodes


class AssessmentShort(Wire):
    id: UUID
    instrument: str
    total_computed: float | None
    band: BandOut | None = None
    flags: list[str] = []


class SafetyNotice(Wire):
    """Said to a patient whose answers touch on risk: nobody reads them in real time."""

    text: str
    nobody_watches: Literal[True]


class NightOut(Wire):
    """Numbers of a diary night; null where an input lacks, or with a flag that says why."""

    time_in_bed_min: float | None
    latency_min: float | None
    waso_min: float | None
    total_sleep_time_min: float | None
    efficiency_pct: float | None
    dated_on: date
    flags: list[str] = []


class SleepOut(Sleep):
    derived: NightOut | None = None


class ReadingOut(SideEffectIn):
    """`episode_id`: the open episode that this is a reading of, or that it opened."""

    episode_id: UUID | None = None


class SideEffectsOut(Wire):
    episodes: list[ReadingOut] = []


class ContactOut(Envelope):
    occurred_at: datetime
    occurred_on: date
    kind: Literal["visit", "call", "message", "check_in"]
    domains: list[str]
    note: str | None = None
    assessments: list[AssessmentShort] = []
    side_effects: SideEffectsOut | None = None
    mood_cognition: MoodCognition | None = None
    sleep: SleepOut | None = None
    functioning: Functioning | None = None
    opened_signals: list[OpenedSignal]
    client_time: datetime | None = None
    clock_skew_s: float | None = None
    """Our clock at receipt minus the device's when it sent; above 300 s the flag `clock_skew`."""
    flags: list[str] = []
    safety_notice: SafetyNotice | None = None


class FollowUpOut(ContactOut):
    dosage: dict[str, Any] | None = None
    interactions: dict[str, Any] | None = None


class FollowUpPage(Wire):
    items: list[FollowUpOut]
    next: str | None


class CheckInOut(ContactOut):
    dosage: dict[str, Any] | None = None


class CheckInPage(Wire):
    items: list[CheckInOut]
    next: str | None


class SideEffectOut(Envelope):
    """`reported_on`, `reported_in`: the follow-up that told of it, where one did."""

    term: str
    term_text: str | None = None
    severity: Annotated[int, Field(ge=0, le=4)]
    onset_on: date
    onset_assumed: bool
    ended_on: date | None = None
    suspected_medication_ids: list[UUID] = []
    reported_on: date | None = None
    reported_in: UUID | None = None
    opened_signals: list[OpenedSignal]


class SideEffectPage(Wire):
    items: list[SideEffectOut]
    next: str | None

"""Follow-ups, check-ins and side effects on the wire."""

from collections.abc import Iterator
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

from pydantic import ConfigDict, Field

from app.assessments.schemas import AssessmentWithin, BandOut
from app.core.wire import ClockTime, Coding, Identified, Instant, Note, OfPatient, Wire
from app.followups.domains.base import Domain, Many
from app.followups.domains.dosage import CheckInDosage, Dosage
from app.followups.domains.exercise import Exercise
from app.followups.domains.functioning import Functioning
from app.followups.domains.interactions import Interactions
from app.followups.domains.mood_cognition import MoodCognition
from app.followups.domains.side_effects import SideEffectIn, SideEffects
from app.followups.domains.sleep import DeviceNight, Diary, Sleep
from app.interactions.schemas import NewFindingOut
from app.patients.schemas import Envelope
from app.signals.schemas import OpenedSignal


class ContactIn(Identified, OfPatient):
    """What a follow-up and a check-in share: when, and the domains that were asked about.

    `client_time` and `sent_at` are the device's clock when it was made and when it was sent.
    """

    occurred_at: Instant
    client_time: Instant | None = None
    sent_at: Instant | None = None
    note: Note | None = None
    assessments: Many[AssessmentWithin] = Field(default_factory=list)
    exercise: Exercise | None = None

    @classmethod
    @cache
    def domain_types(cls) -> dict[str, type[Domain]]:
        """Give the members that are domains, in the order of answers; found once a class."""
        return {
            name: one
            for name, member in cls.model_fields.items()
            for one in get_args(member.annotation)
            if isinstance(one, type) and issubclass(one, Domain)
        }

    def domains(self) -> dict[str, Domain]:
        """Give the domains that were sent; an absent one was not asked about."""
        return {
            name: domain
            for name in self.domain_types()
            if (domain := getattr(self, name)) is not None
        }

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
    """Numbers of a diary night; null where an input lacks, or with a flag that says why.

    midsleep_h: hours from the midnight of the waking day, so that 23:30 before it is -0.5.
    """

    time_in_bed_min: float | None
    latency_min: float | None
    waso_min: float | None
    total_sleep_time_min: float | None
    efficiency_pct: float | None
    midsleep: ClockTime | None
    midsleep_h: float | None
    dated_on: date
    flags: list[str] = []


class AgainstDiary(Wire):
    """Device minus diary, in minutes; `disagrees`: sleep time differs by an hour or more."""

    total_sleep_time_min: float | None
    latency_min: float | None
    waso_min: float | None
    disagrees: bool | None


class DeviceNightOut(DeviceNight):
    woke_on: date
    flags: list[str] = []
    against_diary: AgainstDiary | None = None


class SleepOut(Wire):
    quality: int | None = None
    duration_h: float | None = None
    diary: Diary | None = None
    derived: NightOut | None = None
    device: list[DeviceNightOut] = []


class ExerciseOut(Exercise):
    derived: dict[str, int | None]


class ReadingOut(SideEffectIn):
    """`episode_id`: the open episode that this is a reading of, or that it opened."""

    episode_id: UUID | None = None


class SideEffectsOut(Wire):
    episodes: list[ReadingOut] = []


class WithdrawnOut(Wire):
    type: str
    id: UUID


class ContactOut(Envelope):
    """withdrawn: what this still says although its own record was entered in error."""

    occurred_at: datetime
    occurred_on: date
    kind: Literal["visit", "call", "message", "check_in"]
    domains: list[str]
    note: str | None = None
    assessments: list[AssessmentShort] = []
    withdrawn: list[WithdrawnOut] = []
    side_effects: SideEffectsOut | None = None
    mood_cognition: MoodCognition | None = None
    sleep: SleepOut | None = None
    functioning: Functioning | None = None
    exercise: ExerciseOut | None = None
    opened_signals: list[OpenedSignal]
    client_time: datetime | None = None
    clock_skew_s: float | None = None
    """Our clock at receipt minus the device's when it sent; above 300 s the flag `clock_skew`."""
    flags: list[str] = []
    safety_notice: SafetyNotice | None = None


class FollowUpOut(ContactOut):
    new_findings: list[NewFindingOut] = []
    dosage: dict[str, Any] | None = None
    interactions: dict[str, Any] | None = None


class DomainOut(Envelope):
    """One domain of a follow-up; id and version are the follow-up's."""

    occurred_at: datetime
    occurred_on: date
    kind: Literal["visit", "call", "message"]
    opened_signals: list[OpenedSignal]


class FollowUpPage(Wire):
    items: list[FollowUpOut]
    next: str | None


class CheckInOut(ContactOut):
    dosage: dict[str, Any] | None = None


class CheckInPage(Wire):
    items: list[CheckInOut]
    next: str | None


class SideEffectOut(Envelope):
    """`reported_on`, `reported_in`: the follow-up that told of it, where one did.

    group: what follows a stop, a cut or missed doses (`withdrawal`) stands apart.
    """

    term: str
    term_text: str | None = None
    label: str | None = None
    body_system: str | None = None
    group: Literal["side_effect", "withdrawal"]
    codes: list[Coding] = []
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


class SeverityOut(Wire):
    """What one record says of one day of an episode; `record_id` is the episode's own or a
    follow-up's.
    """

    on: date
    severity: int
    frequency: int | None = None
    interference: int | None = None
    record_id: UUID


class TimingOut(Wire):
    """Whole days from the last such step up to the onset; a hold counts as a stop.

    `days_since_start` is negative where the medicine began later; null: there was none.
    """

    days_since_start: int | None
    days_since_raise: int | None
    days_since_lowering: int | None
    days_since_stop: int | None
    predates_drug: bool | None
    codes: list[str]


class NaranjoItemOut(Wire):
    """`by`: a clinician, or computed from the record; `why`: why there is no reply, or which."""

    number: int
    topic: str
    reply: Literal["yes", "no", "unknown"] | None
    points: int | None
    by: Literal["clinician", "computed"] | None
    why: str | None


class NaranjoOut(Wire):
    """Total and category only where all ten questions have a reply."""

    items: list[NaranjoItemOut]
    total: int | None
    category: Literal["definite", "probable", "possible", "doubtful"] | None
    missing: list[int]
    source: str


class WhoUmcOut(Wire):
    """The highest category that the record supports; `missing` keeps a higher one away."""

    computed: Literal["certain", "probable", "possible", "unlikely"] | None
    missing: list[str]
    source: str


class SuspectOut(Wire):
    """One medicine that was taken, or began, around an episode.

    known: the reference names the effect for the drug, or for a class of it; null is no denial.
    """

    medication_id: UUID
    name: str
    suspected: bool
    known: Literal["drug", "class"] | None
    timing: TimingOut
    naranjo: NaranjoOut
    who_umc: WhoUmcOut


class CausalityOut(Wire):
    """Dates and severities against doses: a basis to judge from, not a judgement."""

    id: UUID
    term: str
    group: Literal["side_effect", "withdrawal"]
    onset_on: date
    onset_assumed: bool
    ended_on: date | None
    stated: str | None
    """The category that a clinician gave."""
    severities: list[SeverityOut]
    medicines: list[SuspectOut]


class NightRow(Wire):
    """What is known of one night: the diary, each device, and where they part."""

    woke_on: date
    diary: NightOut | None
    device: list[DeviceNightOut]
    records: list[UUID]


class RegularityOut(Wire):
    """The standard deviation of midsleep over the diary nights of the window."""

    n: int
    midsleep_sd_min: float | None
    mean_midsleep: ClockTime | None
    codes: list[str]
    source: str


class NightsOut(Wire):
    model_config = ConfigDict(populate_by_name=True)

    from_: Annotated[date, Field(alias="from")]
    to: date
    nights: list[NightRow]
    regularity: RegularityOut


class TermOut(Wire):
    """One side effect in plain words. No code of MedDRA or SNOMED CT ships with it."""

    id: str
    label: str
    synonyms: list[str]
    body_system: str
    group: Literal["side_effect", "withdrawal"]
    timing: str
    red_flag: bool
    source: str
    verified: str
    origin: Literal["house", "clinic"]


class TermPage(Wire):
    items: list[TermOut]
    version: str
    date: str

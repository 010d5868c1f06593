"""What a story is made of: who, which medicines, and how it goes, day by day.

Days count from the first of 730. A level or a severity is a line of anchors `(day, value)` with
straight stretches between them. All of it is made up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

Anchors = tuple[tuple[int, float], ...]

DAYS = 730
FOLLOWED_CLOSELY = 84
"""After a start, a visit every two weeks for twelve weeks; then one in four to eight weeks."""
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Medicine:
    """A drug or supplement of our reference, as a prescription or a patient names it."""

    reference_id: str
    rxnorm: str | None
    form: str | None = None
    route: str | None = "oral"
    kind: str = "drug"


@dataclass(frozen=True, slots=True)
class Dose:
    """What holds from a day on: so many mg once a day, `UNKNOWN`, or None: it is stopped."""

    day: int
    mg: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Course:
    """One medicine, from its first dose on. Each dose is decided at the visit of its day.

    told_on: the visit at which the patient tells of what was begun alone, before it.
    plan: the steps that were agreed at the visit of `planned_on`, whatever was done later.
    """

    medicine: Medicine
    doses: tuple[Dose, ...]
    told_on: int | None = None
    planned_on: int | None = None
    plan: tuple[Dose, ...] = ()

    @property
    def begins(self) -> int:
        """The day of the first dose."""
        return self.doses[0].day

    def before(self, day: int) -> Dose | None:
        """Give the dose that a patient takes who comes to the visit of a day; None: not on it."""
        doses = [dose for dose in self.doses if dose.day < day]
        return doses[-1] if doses and doses[-1].mg is not None else None


@dataclass(frozen=True, slots=True)
class Effect:
    """One side effect: severity 0 to 4 over the days, and what visits do about it, in turn."""

    term: str
    severity: Anchors
    actions: tuple[str, ...] = ("watch",)


@dataclass(frozen=True, slots=True)
class Test:
    """A laboratory test or a vital sign, by its LOINC code."""

    __test__ = False

    loinc: str
    display: str
    unit: str


@dataclass(frozen=True, slots=True)
class Lab:
    """One result; `hours` since the last dose, where the value depends on them."""

    day: int
    test: Test
    value: str
    hours: float | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something in the patient's life, told at the visit of a day; ends: None, on one day only."""

    visit: int
    kind: str
    label: str
    begins: int
    ends: int | None = None


@dataclass(frozen=True, slots=True)
class Agreement:
    """The treatment plan of a visit.

    goals: the patient's words, with the measure and the target that stand for them.
    expected: the week after the agreement, and the sign. reviews: visit -> outcome.
    """

    visit: int
    why: str
    goals: tuple[tuple[str, str, int], ...]
    expected: tuple[tuple[int, str], ...]
    measured_by: tuple[str, ...]
    every_days: int
    reviews: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plot:
    """One story.

    levels: what each questionnaire would give over the days, the story's own one first;
        everything that is rated in a check-in follows from them.
    """

    name: str
    family: str
    birth_date: str
    sex: str
    time_zone: str
    language: str
    courses: tuple[Course, ...]
    visits: tuple[int, ...]
    levels: Mapping[str, Anchors]
    effects: tuple[Effect, ...] = ()
    labs: tuple[Lab, ...] = ()
    events: tuple[Event, ...] = ()
    indication: str = "F33.1"
    agreement: Agreement | None = None
    answered: Mapping[int, str] = field(default_factory=dict)
    """What was done about the signals that are closed after the visit of a day."""
    begins: int = 0
    """The first day of the record."""
    keeps_diary: bool = False
    """The night is told in clock times, not in hours."""
    away: tuple[int, int] | None = None
    """From which day to which no check-in comes."""
    thoughts_on: int | None = None
    """The visit at which PHQ-9 item 9 is "several days"; it is 0 at all others."""
    thins_out: tuple[int, int] | None = None
    """From which day on fewer check-ins come, and from which day on none."""

    def level(self, instrument: str, day: int) -> float:
        """Give the level of a day; what the story does not speak of is 0."""
        anchors = self.levels.get(instrument)
        return at(anchors, day) if anchors else 0.0


def at(anchors: Anchors, day: int) -> float:
    """Give the value of a day: straight between two anchors, level before and after them."""
    if day <= anchors[0][0]:
        return anchors[0][1]
    for (day0, value0), (day1, value1) in pairwise(anchors):
        if day <= day1:
            return value0 + (value1 - value0) * (day - day0) / (day1 - day0)
    return anchors[-1][1]


def followed(start: int) -> tuple[int, ...]:
    """Give the visits around a start: the one before it, then every two weeks."""
    return tuple(range(start - 14, start + FOLLOWED_CLOSELY + 1, 14))

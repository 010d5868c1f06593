"""Whether a medicine made a side effect: what dates and severities can say of it, and no more.

The ten questions are those of Naranjo CA 1981, Clin Pharmacol Ther 30:239-245; the categories
those of the Uppsala Monitoring Centre ("The use of the WHO-UMC system for standardised case
causality assessment"). Four of the ten can be read from a record in part, the rest need a
person; so does each category but the lower ones. What is computed stands beside what a
clinician said and never replaces it. Windows are those of trend specification 6.4.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from app.clinical.doses import DoseEpoch
from app.clinical.medications import Substance
from app.clinical.terms import Term

Reply = Literal["yes", "no", "unknown"]
Category = Literal["certain", "probable", "possible", "unlikely"]
NaranjoCategory = Literal["definite", "probable", "possible", "doubtful"]
Severities = Sequence[tuple[date, int]]

IMPROVES_WITHIN = 14
"""Days after wash-out in which an effect is expected to ease (trend specification 6.4)."""
BEGINS_WITHIN = 7
"""Days after steady state in which an effect is expected to begin, at least 14 (6.4); after a
stop or a lowering: days after wash-out (decision rules E: withdrawal within a week of a step)."""
LEAST_WINDOW = 14


@dataclass(frozen=True, slots=True)
class Item:
    """One question, its topic in our own words, and the points for yes and for no."""

    number: int
    topic: str
    yes: int
    no: int


ITEMS = (
    Item(1, "reported before for this medicine", 1, 0),
    Item(2, "began after the medicine was given", 2, -1),
    Item(3, "eased when it was stopped, or with an antidote", 1, 0),
    Item(4, "came back when it was given again", 2, -1),
    Item(5, "other causes could have made it", -1, 2),
    Item(6, "came back with a placebo", -1, 1),
    Item(7, "toxic level measured", 1, 0),
    Item(8, "worse with more, milder with less", 1, 0),
    Item(9, "happened with this or a like medicine before", 1, 0),
    Item(10, "confirmed by objective evidence", 1, 0),
)
NEEDS_A_PERSON = frozenset({5, 6, 7, 9, 10})


@dataclass(frozen=True, slots=True)
class Timing:
    """Where an onset lies against one course, in whole days.

    days_since_start, days_since_raise, days_since_lowering, days_since_stop: since the last of
        each up to the onset, 0 on its day; a hold counts as a stop, and what ends it as a start.
        None: there was none. `days_since_start` is negative where the medicine began after the
        onset.
    predates_drug: None where the dates do not say: of an onset before the first known day of a
        medicine that was on since an unknown one.
    codes: NO_DOSES, START_UNKNOWN (on since before the record), STOP_DAY_UNKNOWN.
    """

    days_since_start: int | None = None
    days_since_raise: int | None = None
    days_since_lowering: int | None = None
    days_since_stop: int | None = None
    predates_drug: bool | None = None
    codes: tuple[str, ...] = ()


def timing(onset: date, epochs: Sequence[DoseEpoch]) -> Timing:
    """Place an onset in a course's dose epochs, which are in order."""
    if not epochs:
        return Timing(codes=("NO_DOSES",))
    days: dict[str, int] = {}
    codes: list[str] = []
    before: DoseEpoch | None = None
    for epoch in epochs:
        if epoch.ended_on_unknown_day and "STOP_DAY_UNKNOWN" not in codes:
            codes.append("STOP_DAY_UNKNOWN")
        if epoch.from_day is None:
            codes.append("START_UNKNOWN")
        elif epoch.from_day <= onset:
            days |= dict.fromkeys(_changes(epoch, before), (onset - epoch.from_day).days)
        before = epoch
    first = epochs[0].from_day
    predates: bool | None = False
    if first is not None and onset < first:
        predates = True
        days["start"] = (onset - first).days
    elif first is None and not any(one.from_day and one.from_day <= onset for one in epochs):
        predates = None
    return Timing(
        days.get("start"),
        days.get("raise"),
        days.get("lowering"),
        days.get("stop"),
        predates,
        tuple(codes),
    )


def _changes(epoch: DoseEpoch, before: DoseEpoch | None) -> list[str]:
    """Name what the first day of an epoch was, against the one before."""
    if not epoch.on:
        return ["stop"]
    found = []
    if before is None or not before.on:
        found.append("start")
    if epoch.direction == "raise":
        found.append("raise")
    elif epoch.direction == "lower":
        found.append("lowering")
    return found


def known_for(term: Term, substance: Substance | None) -> Literal["drug", "class"] | None:
    """Say whether the reference names this effect for the medicine, or for a class of it.

    None is no denial: the reference names the classes most often mentioned, not all.
    """
    if substance is None:
        return None
    if substance.reference_id in term.classes:
        return "drug"
    return "class" if substance.classes & set(term.classes) else None


# ---- what the record answers


@dataclass(frozen=True, slots=True)
class Answered:
    """A question's reply and where it comes from; `why` says why there is none."""

    item: Item
    reply: Reply | None
    by: Literal["clinician", "computed"] | None
    why: str | None = None

    @property
    def points(self) -> int | None:
        """None where there is no reply; one that is not known counts 0."""
        if self.reply is None:
            return None
        return {"yes": self.item.yes, "no": self.item.no, "unknown": 0}[self.reply]


@dataclass(frozen=True, slots=True)
class Naranjo:
    """The ten replies; total and category only where all ten are there."""

    items: tuple[Answered, ...]
    total: int | None
    category: NaranjoCategory | None

    def reply(self, number: int) -> Reply | None:
        """Give the reply to one question, 1 to 10."""
        return self.items[number - 1].reply

    @property
    def missing(self) -> tuple[int, ...]:
        """Give the questions without a reply."""
        return tuple(one.item.number for one in self.items if one.reply is None)


@dataclass(frozen=True, slots=True)
class Course:
    """What is known of one medicine where an effect is judged.

    ss_days: days to steady state, and to wash out.
    """

    substance: Substance | None
    epochs: Sequence[DoseEpoch]
    ss_days: int


def naranjo(
    term: Term | None,
    onset: date,
    severities: Severities,
    course: Course,
    said: Mapping[int, Reply],
) -> Naranjo:
    """Answer what can be answered; a clinician's reply stands before a computed one.

    term: None for what the vocabulary does not have.
    severities: (day, 0 to 4) in the order of days; a day that was not asked is not there.
    said: a clinician's replies by question.
    """
    computed = _computed(term, onset, severities, course)
    items = []
    for item in ITEMS:
        if item.number in said:
            items.append(Answered(item, said[item.number], "clinician"))
            continue
        reply, why = computed.get(item.number, (None, "NEEDS_A_PERSON"))
        items.append(Answered(item, reply, "computed" if reply else None, why))
    points = [one.points for one in items]
    if None in points:
        return Naranjo(tuple(items), None, None)
    total = sum(one for one in points if one is not None)
    return Naranjo(tuple(items), total, naranjo_category(total))


def naranjo_category(total: int) -> NaranjoCategory:
    """Name a total of all ten items: 9 and more definite, 5 to 8 probable, 1 to 4 possible."""
    if total >= 9:
        return "definite"
    if total >= 5:
        return "probable"
    return "possible" if total >= 1 else "doubtful"


Found = tuple[Reply | None, str | None]


def _computed(
    term: Term | None, onset: date, severities: Severities, course: Course
) -> dict[int, Found]:
    known = known_for(term, course.substance) if term else None
    withdrawal = term is not None and term.group == "withdrawal"
    eased, used = _eased(onset, severities, course)
    return {
        1: _reported(known),
        2: _began(timing(onset, course.epochs), course.ss_days, withdrawal=withdrawal),
        3: (None, "WITHDRAWAL_TERM") if withdrawal else eased,
        4: (None, "WITHDRAWAL_TERM") if withdrawal else _came_back(onset, severities, course),
        8: (None, "WITHDRAWAL_TERM") if withdrawal else _followed(onset, severities, course, used),
    }


def _reported(known: Literal["drug", "class"] | None) -> Found:
    """Question 1: what is listed for a class was not reported for this medicine by that."""
    if known == "drug":
        return "yes", None
    return None, "CLASS_ONLY" if known == "class" else "NOT_LISTED"


def _began(at: Timing, ss_days: int, *, withdrawal: bool) -> Found:
    if at.predates_drug is None:
        return None, "START_UNKNOWN" if "START_UNKNOWN" in at.codes else "NO_DOSES"
    if at.predates_drug:
        return "no", "PREDATES_DRUG"
    if withdrawal:
        steps = [day for day in (at.days_since_stop, at.days_since_lowering) if day is not None]
        if not steps:
            unknown = "STOP_DAY_UNKNOWN" in at.codes
            return (None, "STOP_DAY_UNKNOWN") if unknown else ("no", "NO_STOP_BEFORE")
        return ("yes", None) if min(steps) <= ss_days + BEGINS_WITHIN else ("no", "LONG_AFTER")
    return "yes", None


def _steps(course: Course, after: date, *names: str) -> list[date]:
    """Give the days after one on which the dose was changed so."""
    found = []
    before: DoseEpoch | None = None
    for epoch in course.epochs:
        if (
            epoch.from_day is not None
            and epoch.from_day > after
            and set(_changes(epoch, before)) & set(names)
        ):
            found.append(epoch.from_day)
        before = epoch
    return found


def _around(severities: Severities, step: date, within: int) -> tuple[int, list[int]] | None:
    """Give the last severity up to a step and those in the days after; None where one lacks."""
    earlier = [severity for day, severity in severities if day <= step]
    later = [severity for day, severity in severities if step < day <= step + timedelta(within)]
    return (earlier[-1], later) if earlier and later else None


def _eased(onset: date, severities: Severities, course: Course) -> tuple[Found, date | None]:
    """Question 3, and the step that answered it."""
    steps = _steps(course, onset, "stop", "lowering")
    if not steps:
        return (None, "NO_DECHALLENGE"), None
    seen = False
    for step in steps:
        around = _around(severities, step, course.ss_days + IMPROVES_WITHIN)
        if around is None or around[0] == 0:
            continue
        seen = True
        if min(around[1]) < around[0]:
            return ("yes", None), step
    return (("no", None) if seen else (None, "NO_READING_AROUND")), None


def _came_back(onset: date, severities: Severities, course: Course) -> Found:
    """Question 4: gone while stopped, then there again after a new start."""
    stops = _steps(course, onset, "stop")
    restarts = [day for day in _steps(course, onset, "start") if stops and day > stops[0]]
    if not restarts:
        return None, "NO_RECHALLENGE"
    seen = False
    for start in restarts:
        around = _around(severities, start, _window(course))
        if around is None or around[0] > 0:
            continue
        seen = True
        if max(around[1]) > 0:
            return "yes", None
    return ("no", None) if seen else (None, "NO_READING_AROUND")


def _followed(onset: date, severities: Severities, course: Course, used: date | None) -> Found:
    """Question 8, at another step than the one that answered question 3."""
    changes = [
        (day, sign)
        for name, sign in (("raise", 1), ("lowering", -1))
        for day in _steps(course, onset, name)
        if day != used
    ]
    if not changes:
        return None, "NO_DOSE_CHANGE"
    seen = False
    for day, sign in changes:
        within = _window(course) if sign > 0 else course.ss_days + IMPROVES_WITHIN
        around = _around(severities, day, within)
        if around is None or (sign < 0 and around[0] == 0):
            continue
        seen = True
        before, after = around
        if (max(after) > before) if sign > 0 else (min(after) < before):
            return "yes", None
    return ("no", None) if seen else (None, "NO_READING_AROUND")


def _window(course: Course) -> int:
    return max(LEAST_WINDOW, course.ss_days + BEGINS_WITHIN)


# ---- the category


@dataclass(frozen=True, slots=True)
class WhoUmc:
    """The highest category whose criteria are met by what is known, and what keeps it there.

    category: None where the time relation is not known. `conditional` and `unassessable` are
        a person's to say.
    missing: what would have to be known for a higher one: ALTERNATIVE_CAUSES, DECHALLENGE,
        RECHALLENGE, OBJECTIVE_EVIDENCE, TIMING.
    """

    category: Category | None
    missing: tuple[str, ...] = ()


def who_umc(answers: Naranjo, at: Timing, ss_days: int) -> WhoUmc:
    """Judge by the WHO-UMC criteria that dates and the ten replies can show.

    unlikely: it began before the medicine, or later than it can act after a stop. possible: a
    reasonable time relation. probable: other causes are ruled out and it eased on withdrawal.
    certain: it came back on rechallenge too, with objective evidence of a definite event.
    """
    began = answers.reply(2)
    if began is None or began == "unknown":
        return WhoUmc(None, ("TIMING",))
    if began == "yes" and "STOP_DAY_UNKNOWN" in at.codes:
        return WhoUmc(None, ("TIMING",))
    stopped = at.days_since_stop
    restarted = at.days_since_start
    running = stopped is None or (restarted is not None and restarted < stopped)
    if began == "no" or (
        not running and stopped is not None and stopped > ss_days + IMPROVES_WITHIN
    ):
        return WhoUmc("unlikely")
    other_causes, eased = answers.reply(5), answers.reply(3)
    if other_causes == "yes":
        return WhoUmc("possible")
    missing = []
    if other_causes != "no":
        missing.append("ALTERNATIVE_CAUSES")
    if eased not in ("yes", "no"):
        missing.append("DECHALLENGE")
    if missing or eased == "no":
        return WhoUmc("possible", tuple(missing))
    for number, name in ((4, "RECHALLENGE"), (10, "OBJECTIVE_EVIDENCE")):
        if answers.reply(number) not in ("yes", "no"):
            missing.append(name)
    if answers.reply(4) == answers.reply(10) == "yes":
        return WhoUmc("certain")
    return WhoUmc("probable", tuple(missing))

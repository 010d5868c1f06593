"""What a patient is asked to fill in, and when: as little as the rules can be read from.

The rules of reading (trend-spec 7.1) need a full questionnaire while a dose is young, so near a
start or a change nothing is ever left out or shortened. Away from it a short form goes first
where one exists (PHQ-2 before PHQ-9: Kroenke 2003, Med Care 41:1284; positive: the full one at
once), unless the last full one was a case or touched on risk: the short forms do not ask about
suicide. Before a review of the plan the full form is asked for, whatever stands around it.

What no source says is a choice of this product: near is from 14 days before a planned change to
12 weeks after one, a form stays open for a week at most, ratings of the day are asked for every
day near a change and every third day otherwise.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

from app.clinical.instruments import Instrument, measures_of
from app.clinical.measure import EARLY_TREATMENT_DAYS

Kind = Literal["questionnaire", "check_in"]
Reason = Literal["baseline", "periodic", "near_dose_change", "before_review", "screen_positive"]

SHORT_FORMS = {"phq-9": "phq-2"}
AHEAD_DAYS = 14
OPEN_DAYS = 7
BEFORE_REVIEW_DAYS = 7
RATINGS_EVERY_DAYS = 3


@dataclass(frozen=True, slots=True)
class Filled:
    """The last time something was filled in; `value` is its total, `is_risk` its risk items."""

    on: date | None = None
    value: float | None = None
    is_risk: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """What decides how much is asked.

    since: the day on which the plan was agreed; before the first answer it is asked for from
    then on. review_on: the next review. changes: days of starts and changes of a dose, planned
    ones among them. at_risk: a signal of suicide risk is open.
    """

    today: date
    since: date
    review_on: date
    changes: tuple[date, ...] = ()
    at_risk: bool = False

    @property
    def is_near_a_change(self) -> bool:
        """Whether a dose is young, or about to change."""
        return any(
            -AHEAD_DAYS <= (self.today - day).days < EARLY_TREATMENT_DAYS for day in self.changes
        )


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to fill in.

    instrument: of a questionnaire; instead_of: the full form that it may spare.
    measures: what a check-in is asked for.
    opens_on to expires_on: the days on which it counts; expires_on None: until it is done.
    missed_in_a_row: times it was asked for and not filled in since the last answer.
    """

    kind: Kind
    reason: Reason
    opens_on: date
    due_on: date
    expires_on: date | None
    is_open: bool
    missed_in_a_row: int
    last_on: date | None
    instrument: str | None = None
    instead_of: str | None = None
    measures: tuple[str, ...] = ()


def questionnaire(
    full: Instrument,
    filled: Filled,
    situation: Situation,
    short: Instrument | None = None,
    short_filled: Filled | None = None,
) -> Task:
    """Say when a questionnaire is due next, and whether its short form will do.

    short: the form of `SHORT_FORMS`; without it the full one is always asked for.
    """
    answer = short_filled or Filled()
    near = situation.is_near_a_change
    early, later = measures_of(full)[0].cadence_days
    cadence = early if near else later
    may_shorten = short is not None and _is_quiet(full, filled, situation) and not near
    if short is not None and _is_positive(short, filled, answer):
        assert answer.on is not None
        since = min(answer.on, situation.today)
        return Task(
            "questionnaire",
            "screen_positive",
            opens_on=since,
            due_on=since,
            expires_on=None,
            is_open=True,
            missed_in_a_row=0,
            last_on=filled.on,
            instrument=full.id,
        )
    answered = [one.on for one in (filled, *([answer] if may_shorten else [])) if one.on]
    last = max(answered, default=None)
    reason: Reason = "baseline" if last is None else "near_dose_change" if near else "periodic"
    found = _due(last, cadence, reason, situation)
    before = _before_review(filled.on, found, situation)
    task = before if before is not None else found
    if short is not None and may_shorten and task is found:
        return replace(task, instrument=short.id, instead_of=full.id, last_on=filled.on)
    return replace(task, instrument=full.id, last_on=filled.on)


def check_in(measures: Sequence[str], filled_on: date | None, situation: Situation) -> Task:
    """Say when the day's ratings are due next; one check-in asks for all of them."""
    near = situation.is_near_a_change
    reason: Reason = "near_dose_change" if near else "periodic"
    found = _due(filled_on, 1 if near else RATINGS_EVERY_DAYS, reason, situation)
    return replace(found, kind="check_in", measures=tuple(measures))


def _is_quiet(full: Instrument, filled: Filled, situation: Situation) -> bool:
    """Say whether the last full form was neither a case nor a risk, so that less will do."""
    case = full.total.caseness if full.total else None
    if situation.at_risk or filled.is_risk or filled.value is None or case is None:
        return False
    return not case.met(filled.value)


def _is_positive(short: Instrument, filled: Filled, answer: Filled) -> bool:
    """Say whether the short form found something that no full one has looked at since."""
    case = short.total.caseness if short.total else None
    if answer.on is None or answer.value is None or case is None or not case.met(answer.value):
        return False
    return filled.on is None or filled.on < answer.on


def _due(last: date | None, cadence: int, reason: Reason, situation: Situation) -> Task:
    """Place today among the occasions: every `cadence` days from the last answer on."""
    today = situation.today
    first = situation.since if last is None else last + timedelta(cadence)
    open_days = min(cadence, OPEN_DAYS)
    missed, late = divmod(max((today - first).days, 0), cadence)
    due_on = first + timedelta(missed * cadence)
    if today >= first and late >= open_days:
        missed, due_on = missed + 1, due_on + timedelta(cadence)
    return Task(
        "questionnaire",
        reason,
        opens_on=due_on,
        due_on=due_on,
        expires_on=due_on + timedelta(open_days - 1),
        is_open=due_on <= today,
        missed_in_a_row=missed,
        last_on=last,
    )


def _before_review(last: date | None, found: Task, situation: Situation) -> Task | None:
    """Give the full form that the next review waits for, where it comes first; else None."""
    opens_on = situation.review_on - timedelta(BEFORE_REVIEW_DAYS)
    if last is not None and last >= opens_on:
        return None
    is_open = opens_on <= situation.today
    if not is_open and found.opens_on <= opens_on:
        return None
    return replace(
        found,
        reason="before_review",
        opens_on=opens_on,
        due_on=situation.review_on,
        expires_on=None,
        is_open=is_open,
    )


def ordered(tasks: Collection[Task]) -> list[Task]:
    """Give what is open first, then by day; a check-in after the questionnaires of its day."""
    return sorted(
        tasks,
        key=lambda task: (
            not task.is_open,
            task.due_on,
            task.kind == "check_in",
            task.instrument or "",
        ),
    )

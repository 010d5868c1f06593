"""The medicines of the report: dose epochs, every dose event, and which course is the index."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID

from app.clinical.baseline import IndexCourse, write_day
from app.clinical.dose_timing import Onset, SteadyState, onset_days, phase, ss_days
from app.clinical.doses import DoseEpoch, DoseEvent, DoseLine, dose_line, epoch_on, stated_dose
from app.clinical.medications import Substance, by_id, daily_unit
from app.clinical.units import show_dose
from app.medications.reading import Course
from app.trends.blocks import Ids, Index
from app.trends.readings import Series
from app.trends.taking import Taken, Taking

Json = dict[str, Any]

SETS_A_DOSE = frozenset({"start", "restart", "change"})
SOMATIC = "interaction_only"
"""The role in the reference of medicines that are listed for their interactions."""
NOTHING_RECORDED = Taken()


@dataclass(frozen=True, slots=True)
class Step:
    """One dose event in words: the dose before it, and the one that it sets."""

    before: str
    after: str


class Line:
    """One course with its dose line up to `as_of`, and how long its doses need to be readable."""

    def __init__(self, course: Course, as_of: date, taken: Taken = NOTHING_RECORDED) -> None:
        self.course = course
        self.as_of = as_of
        # What lies ahead is kept when it is a plan: anything else has not happened yet.
        events = [e for e in course.events if e.planned or e.day is None or e.day <= as_of]
        known = course.own or (by_id(course.reference_id) if course.reference_id else None)
        self.known: Substance | None = known
        self.unit = daily_unit(known)
        self.line: DoseLine = dose_line(events, as_of=as_of, unit=self.unit)
        self.taking = Taking(taken, self.line.epochs, as_of)
        half_life = known.half_life_hours[1] if known and known.half_life_hours else None
        self.steady: SteadyState = ss_days(half_life)
        kinds = {known.reference_id, *known.classes} if known else ()
        self.onset: Onset = onset_days(known.onset_weeks if known else None, kinds)

    @property
    def counted(self) -> list[DoseEvent]:
        """Dose events that happened: neither planned nor waiting for a confirmation."""
        return [e for e in self.line.events if not e.planned and not e.unconfirmed]

    def set_on(self) -> date | None:
        """Give the day of the latest start or change."""
        days = [e.day for e in self.counted if e.kind in SETS_A_DOSE and e.day is not None]
        return max(days, default=None)

    def begun_on(self) -> date | None:
        """Give the first day of the last run; None when that is before the record, or never."""
        begun: date | None = None
        was_on = False
        for epoch in self.line.epochs:
            if epoch.on and not was_on:
                begun = epoch.from_day
            was_on = (epoch.on or epoch.hold) and not epoch.ended_on_unknown_day
        return begun


def lines(
    courses: Sequence[Course],
    as_of: date,
    taken: Mapping[UUID, Taken] = MappingProxyType({}),
) -> list[Line]:
    """Read the courses that had begun, or are planned; by first day, name and id."""
    read = [Line(course, as_of, taken.get(course.id, NOTHING_RECORDED)) for course in courses]
    known = [line for line in read if line.line.events]

    def place(line: Line) -> tuple[date, str, str]:
        first = line.line.events[0].day
        return first or date.min, line.course.name, str(line.course.id)

    return sorted(known, key=place)


def index_line(known: Sequence[Line], medication: UUID | None) -> Line | None:
    """Choose the course that was asked for, else the drug with the latest start or change.

    An antibiotic or a pain killer is no index while there is a medicine that a psychiatrist gives
    for these scales: their baseline is not what stood before it.
    """
    if medication is not None:
        return next((line for line in known if line.course.id == medication), None)
    drugs = [line for line in known if line.course.kind == "drug"]
    psychiatric = [line for line in drugs if line.known is None or line.known.role != SOMATIC]
    dated = [(day, line) for line in psychiatric or drugs if (day := line.set_on()) is not None]
    latest = max((day for day, _ in dated), default=None)
    return next((line for day, line in dated if day == latest), None)


def index_of(line: Line, from_day: date, to_day: date) -> Index:
    """See a course from a window: begun inside it, or running already and changed inside."""
    begun, epochs = line.begun_on(), line.line.epochs
    started = begun if begun is not None and from_day <= begun <= to_day else None
    changed = None
    if started is None:
        days = [e.day for e in line.counted if e.day is not None and from_day <= e.day <= to_day]
        changed = min(days, default=None)
    before = epoch_on(epochs, changed - timedelta(1)) if changed else None
    return Index(
        id=str(line.course.id),
        course=IndexCourse(
            line.course.name,
            started_on=started,
            first_event_on=changed if before is not None else None,
            epoch_from=before.from_day if before else None,
        ),
        begun_on=begun,
        epochs=epochs,
        epoch=epoch_on(epochs, to_day),
    )


def told(
    line: Line,
    *,
    is_index: bool,
    around: Callable[[Line, DoseEvent, Step], list[Json]],
    effects: Callable[[Line], list[Json]],
    series: Sequence[Series],
    ids: Ids,
) -> Json:
    """Write one course as it stands in the report; `around` compares before and after an event,
    `effects` times side effects against the course.
    """
    course = line.course
    return {
        "medication_id": str(course.id),
        "medicine": course.name,
        "kind": course.kind,
        "index": is_index,
        "ss_days": line.steady.days,
        "onset_days": [line.onset.early, line.onset.full],
        "onset_basis": line.onset.basis,
        "reasons": [*line.steady.codes, *line.onset.codes],
        "epochs": [
            _epoch(f"e{number}", epoch, line, series, ids)
            for number, epoch in enumerate(line.line.epochs, 1)
        ],
        "events": _events(line, around),
        "notes": [
            *(
                {"code": note.code, "day": note.day, "records": list(note.records)}
                for note in line.line.notes
            ),
            *line.taking.notes(),
        ],
        "side_effects": effects(line),
    }


def _epoch(name: str, epoch: DoseEpoch, line: Line, series: Sequence[Series], ids: Ids) -> Json:
    phases = _phases(epoch, line)
    is_open = epoch.to_day is None and not epoch.ended_on_unknown_day
    return {
        "id": name,
        "from": epoch.from_day,
        "to": epoch.to_day,
        "tdd": _number(epoch.tdd),
        "unit": epoch.unit,
        "known": epoch.known,
        "prn": epoch.prn,
        "hold": epoch.hold,
        "per_use": _number(epoch.per_use),
        "max_daily": _number(epoch.max_daily),
        "averaged": epoch.averaged,
        "percent": _number(epoch.percent),
        "direction": epoch.direction,
        "days": epoch.days(line.as_of),
        "phase": phases[-1]["phase"] if phases and is_open else None,
        "phases": phases,
        "administrations": line.taking.of_epoch(epoch, series, ids),
        "codes": list(epoch.codes),
        "flags": _flags(epoch, line.course),
        "records": list(epoch.records),
    }


def _flags(epoch: DoseEpoch, course: Course) -> list[str]:
    """Name what was confirmed of the doses that made an epoch: its readings stand under it."""
    said = [course.events_said.get(one, {}) for one in epoch.records]
    return sorted({flag for one in said for flag in one.get("flags", ())})


def _phases(epoch: DoseEpoch, line: Line) -> list[Json]:
    """Cut an epoch, up to `as_of`, into what a reading on its days can tell; `to` is not included.

    The part after a wash-out has no phase and is left out.
    """
    if epoch.from_day is None:
        return []
    end = min(epoch.to_day or date.max, line.as_of + timedelta(1))
    edges = sorted({0, line.steady.days, line.onset.early})
    starts = [epoch.from_day + timedelta(days) for days in edges]
    found: list[Json] = []
    for first, following in zip(starts, [*starts[1:], end], strict=True):
        last = min(following, end)
        if first >= last:
            continue
        word = phase(first, epoch, ss_days=line.steady.days, onset_early=line.onset.early)
        if found and found[-1]["phase"] == word:
            found[-1]["to"] = last
        elif word is not None:
            found.append({"phase": word, "from": first, "to": last})
    return found


def _events(line: Line, around: Callable[[Line, DoseEvent, Step], list[Json]]) -> list[Json]:
    """List every dose event with the dose before and the one it sets, or would set.

    flags: why a prescriber had to confirm it; it is flagged ever after (hazard H1).
    """
    codes: dict[str, list[str]] = {}
    for note in line.line.notes:
        for record in note.records:
            codes.setdefault(record, []).append(note.code)
    plans = {step.event.id: step.tdd for step in line.line.planned}
    counted: list[DoseEvent] = []
    before: Decimal | None = None
    found = []
    for event in line.line.events:
        if event.id in plans:
            after, unit = plans[event.id], None
        else:
            state = stated_dose(event, counted, unit=line.unit)
            after, unit = state.tdd, state.unit
        shown = unit or _unit(line)
        first = event.kind == "start" and not counted
        said = line.course.events_said.get(event.id, {})
        step = Step("none" if first else _in_words(before, shown), _in_words(after, shown))
        found.append(
            {
                "id": event.id,
                "day": event.day,
                "kind": event.kind,
                "from": _number(before),
                "to": _number(after),
                "unit": shown,
                "planned": event.planned,
                "unconfirmed": list(event.unconfirmed),
                "flags": list(said.get("flags", ())),
                "confirmation": said.get("confirmation"),
                "reason": event.reason,
                "direction_stated": event.direction_stated,
                "percent_of_previous": _number(event.percent_of_previous),
                "codes": codes.get(event.id, []),
                "records": [event.id],
                "ss_days": line.steady.days,
                "onset_days": [line.onset.early, line.onset.full],
                "before_after": around(line, event, step),
                "text": {"patient": _to_patient(line, event, step)},
            }
        )
        if not event.planned and not event.unconfirmed:
            counted.append(event)
            before = after
    return found


def _in_words(tdd: Decimal | None, unit: str | None) -> str:
    if tdd is None:
        return "a dose that is not known"
    return show_dose(tdd, unit) if tdd and unit else "none"


def _to_patient(line: Line, event: DoseEvent, step: Step) -> str | None:
    """Say what was agreed, as a fact; nothing of what is planned, open or without a day."""
    if event.day is None or event.planned or event.unconfirmed:
        return None
    return f"{line.course.name} from {write_day(event.day, year=True)} on: {step.after}."


def _unit(line: Line) -> str | None:
    return next((epoch.unit for epoch in line.line.epochs if epoch.unit), None)


def _number(exact: Decimal | None) -> float | None:
    return None if exact is None else float(exact)

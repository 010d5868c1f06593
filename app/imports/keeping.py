"""What an import does inside the writer: whole units of one patient, all of each or none."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid5

import orjson

from app.assessments import service as assessments
from app.assessments.schemas import AssessmentIn
from app.clinical import instruments, scoring
from app.clinical.instruments import Instrument
from app.clinical.safety import risk_findings
from app.core.actor import CLINICIANS
from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import TitrateError
from app.identity import service as identity
from app.imports.courses import Plan, Step, plan_orders, plan_rows, read
from app.imports.facts import DoseRow, End, Entry, Fill, Order, Value, timed
from app.imports.results import Skipped, Status
from app.interactions import service as interactions
from app.labs import service as labs
from app.labs.schemas import LabIn
from app.measurements import observations
from app.measurements import service as measurements
from app.measurements.schemas import ObservedValueIn
from app.medications import dispenses
from app.medications import service as medications
from app.medications.schemas import MedicationIn
from app.patients import service as patients
from app.patients import sight
from app.patients.schemas import PatientIn
from app.patients.service import Person
from app.signals import service as signals

IMPORTED = "ehr"
"""The source of what an import or a system brings; what a clinician wrote is another reading."""
HISTORIC_AFTER = timedelta(days=30)
NEWEST = 2**62
"""A journal sequence that lies after all."""
SUBJECT = "urn:titrate:subject"
"""The system of identifiers that came without one to a clinic that has none yet."""
Store = Callable[[], Answer]


@dataclass(frozen=True, slots=True)
class Outcome:
    status: Status
    record_id: UUID | None = None
    reason: str | None = None
    words: str | None = None


def skipped(reason: Skipped) -> Outcome:
    return Outcome("skipped", None, reason.code, reason.words)


@dataclass(frozen=True, slots=True)
class Found:
    """What the clinic knows of the subjects of files.

    ours: those without a system whose only patient was made by an import that had none either.
    """

    ours: frozenset[tuple[tuple[str | None, str], ...]]
    patients: Mapping[tuple[tuple[str | None, str], ...], frozenset[UUID]]
    systems: Sequence[str]
    care_team: Sequence[UUID]


class CareTeamUnknown(TitrateError):
    """Whoever sees the new patients is to be a clinician of the clinic."""

    code = "care-team-unknown"
    title = "--care-team names no clinician of this clinic"


class Rehearsed(TitrateError):
    """The end of a dry run: what would have been kept, and nothing is."""

    code = "dry-run"
    title = "A dry run stores nothing"

    def __init__(self, outcomes: dict[int, Outcome]) -> None:
        super().__init__()
        self.outcomes = outcomes


def find(
    work: Work, asked: Sequence[tuple[tuple[str | None, str], ...]], care_team: UUID | None
) -> Found:
    """Look the identifiers up; give the clinic's systems of identifiers, and who sees newcomers.

    Raises:
        CareTeamUnknown: the named user is no clinician of the clinic.
    """
    found = {
        identifiers: frozenset(
            patient_id
            for system, value in identifiers
            for patient_id in patients.find_by_identifier(work, system, value)
            if work.actor.role not in CLINICIANS or sight.may_see(work, patient_id)
        )
        for identifiers in asked
    }
    team = identity.members(work, "prescriber")
    if care_team is not None:
        if care_team not in {*team, *identity.members(work, "care_team")}:
            raise CareTeamUnknown()
        team = [care_team]
    ours = frozenset(
        identifiers
        for identifiers, known in found.items()
        if identifiers[0][0] is None
        and known
        and known == set(patients.find_by_identifier(work, SUBJECT, identifiers[0][1]))
    )
    return Found(ours, found, patients.identifier_systems(work), team)


def rehearse(work: Work, patient_id: UUID, *args: Any) -> None:
    """Do all that `keep` does, and store nothing.

    Raises:
        Rehearsed: always, with the outcomes; so that the writer takes everything back.
    """
    raise Rehearsed(keep(work, patient_id, *args))


def keep(
    work: Work,
    patient_id: UUID,
    newcomer: PatientIn | None,
    care_team: Sequence[UUID],
    batch: Sequence[Entry],
    all_of_patient: Sequence[Entry],
) -> dict[int, Outcome]:
    """Keep a batch of one patient's entries, all or none.

    all_of_patient: every entry of the file about the patient; an order is read among its likes.

    Raises:
        TitrateError: one of them is refused.
    """
    caller = work.actor
    # Whoever sent the file, it is a source of its own, and its doses were asked of nobody.
    work.actor = replace(caller, role="system")
    try:
        return _keep(work, patient_id, newcomer, care_team, batch, all_of_patient)
    finally:
        work.actor = caller


def _keep(
    work: Work,
    patient_id: UUID,
    newcomer: PatientIn | None,
    care_team: Sequence[UUID],
    batch: Sequence[Entry],
    all_of_patient: Sequence[Entry],
) -> dict[int, Outcome]:
    registered = newcomer is not None and patients.register(work, newcomer, care_team).created
    person = patients.get(work, patient_id)
    keeping = _Keeping(work, person)
    plans = _plans(work, person, batch, all_of_patient)
    outcomes = {}
    for one in sorted(batch, key=has_medicines):
        if has_medicines(one):
            # What a risk answer of long ago says goes before a dose that waits.
            keeping.open_historic_signal()
        if one.facts:
            outcomes[one.place] = keeping.entry(one, plans)
        else:
            outcomes[one.place] = Outcome("created" if registered else "unchanged", patient_id)
            registered = False
    if plans:
        keeping.review_medicines()
    keeping.open_historic_signal()
    return outcomes


def has_medicines(entry: Entry) -> bool:
    return not all(isinstance(fact, Value) for fact in entry.facts)


def _plans(
    work: Work, person: Person, batch: Sequence[Entry], all_of_patient: Sequence[Entry]
) -> dict[str, Plan]:
    if not any(map(has_medicines, batch)):
        return {}
    facts = [fact for one in all_of_patient for fact in one.facts]
    orders = [fact for fact in facts if isinstance(fact, Order | End)]
    fills = [fact for fact in facts if isinstance(fact, Fill)]
    rows = [fact for fact in facts if isinstance(fact, DoseRow)]
    known = medications.courses(work, person.id)
    return {
        **plan_orders(orders, fills, known, person, person.today(work.now)),
        **plan_rows(rows, known, person),
    }


@dataclass(slots=True)
class _Keeping:
    """One call's records: an id that comes twice is kept once."""

    work: Work
    person: Person
    kept: dict[UUID, bool] = field(default_factory=dict)
    historic: list[dict[str, Any]] = field(default_factory=list)

    def entry(self, entry: Entry, plans: Mapping[str, Plan]) -> Outcome:
        """Keep all that one entry says; a body that the record does not take keeps none of it."""
        stores: list[tuple[UUID, Store | None]] = []
        record_id, words = None, entry.words
        try:
            for fact in entry.facts:
                if isinstance(fact, Value):
                    stores.append(self._value(fact))
                    words = words or fact.words
                    continue
                plan = plans[fact.key]
                if plan.skipped is not None:
                    raise plan.skipped
                stores += [one for step in plan.steps for one in self._step(step)]
                stores += self._fill(plan)
                record_id = plan.steps[0].event.id if plan.steps else plan.there
                record_id = plan.fill.id if plan.fill else record_id
                words = words or plan.words
        except Skipped as reason:
            return skipped(reason)
        record_id = record_id or stores[0][0]
        created = [self._once(*one) for one in stores]
        if not any(created):
            return Outcome("unchanged", record_id)
        return Outcome("created", record_id, *(words or ()))

    def _once(self, record_id: UUID, store: Store | None) -> bool:
        """Store a record unless this call did; say whether it is new, the first time only."""
        if store is None or record_id in self.kept:
            return False
        self.kept[record_id] = True
        return store().created

    def _fill(self, plan: Plan) -> Iterator[tuple[UUID, Store]]:
        work, patient_id, into, fill = self.work, self.person.id, plan.into, plan.fill
        if fill is None or fill.id is None or into is None:
            return
        yield from self._course(plan.course)
        yield fill.id, lambda: dispenses.record(work, patient_id, into, fill)

    def _course(self, course: MedicationIn | None) -> Iterator[tuple[UUID, Store]]:
        work, patient_id = self.work, self.person.id
        if course is not None and course.id is not None:
            yield course.id, lambda: medications.record(work, patient_id, course, reviewed=False)

    def _step(self, step: Step) -> Iterator[tuple[UUID, Store]]:
        work, patient_id = self.work, self.person.id
        yield from self._course(step.course)
        assert step.event.id is not None
        yield (
            step.event.id,
            lambda: medications.record_dose_event(
                work,
                patient_id,
                step.course_id,
                step.event,
                unconfirmed=step.unconfirmed,
                day_unknown=True,
            ),
        )

    def _value(self, fact: Value) -> tuple[UUID, Store | None]:
        """Give the record to make of a value, or the one that says it already."""
        record_id = uuid5(self.person.id, fact.key)
        if fact.kind == "lab":
            result = read(LabIn, {"id": record_id, **fact.body, **timed("drawn", fact.at)})
            return record_id, lambda: self._lab(result, fact)
        body = {"id": record_id, **fact.body, **timed("occurred", fact.at)}
        own = self._of_own_instrument(fact)
        if own is not None:
            body = {"id": record_id, **own, **timed("occurred", fact.at)}
        elif fact.kind == "observation":
            value = read(ObservedValueIn, body)
            return record_id, lambda: observations.record(self.work, self.person.id, value)
        filled_in = read(AssessmentIn, body)
        there = self._said_before(filled_in, fact)
        if there is not None:
            return there, None
        return record_id, lambda: self._assessment(filled_in, fact)

    def _of_own_instrument(self, fact: Value) -> dict[str, Any] | None:
        """Read a number of one of the clinic's own questionnaires: its risk is looked at too."""
        instrument_id, _, part = str(fact.body.get("measure", "")).rpartition(".")
        known = instrument_id and measurements.own_instruments(self.work).get(instrument_id)
        value = fact.body.get("value")
        if not known or value is None:
            return None
        if part == "total":
            return {"instrument": instrument_id, "total": value}
        if part in {str(item.index) for item in known.items} and float(value).is_integer():
            return {"instrument": instrument_id, "answers": {part: int(value)}}
        return None

    def _said_before(self, data: AssessmentIn, fact: Value) -> UUID | None:
        """Give the imported record that says all that this assessment would: it came another way.

        Two moments of one day are two assessments; a day alone may be any moment of it.
        """
        instrument = measurements.instrument(self.work, data.instrument)
        assert instrument is not None, "it was read as one that is known"
        answers = {int(item): value for item, value in (data.answers or {}).items()}
        score = scoring.score(instrument, answers, data.total)
        wanted: dict[str, float] = {}
        if instrument.item_measures:
            wanted |= {f"{instrument.id}.{item}": value for item, value in score.answers.items()}
        if score.total_trended is not None:
            wanted[f"{instrument.id}.total"] = score.total_trended
        day, at = self._day(fact), fact.at if isinstance(fact.at, datetime) else None
        found: dict[UUID, dict[str, float]] = {}
        for row in self._followed(instrument):
            same_time = at is None or row.at is None or row.at == at
            if row.source == IMPORTED and row.day == day and same_time:
                found.setdefault(row.record_id, {})[row.measure] = row.value
        return next(
            (one for one, said in found.items() if wanted and wanted.items() <= said.items()), None
        )

    def _followed(self, instrument: Instrument) -> Sequence[Any]:
        """Give all numbers of an instrument that this patient has; asked once a call."""
        codes = [one.code for one in instruments.measures_of(instrument)]
        key = ("followed", self.person.id, instrument.id)
        ask = partial(measurements.series, self.work, self.person.id, NEWEST, codes)
        found: Sequence[Any] = self.work.remember(key, ask)
        return found

    def _day(self, fact: Value) -> date:
        return self.person.day_of(fact.at) if isinstance(fact.at, datetime) else fact.at

    def _is_old(self, day: date) -> bool:
        return day < self.person.today(self.work.now) - HISTORIC_AFTER

    def _assessment(self, data: AssessmentIn, fact: Value) -> Answer:
        """Keep an assessment; a risk answer of long ago waits in the one signal for all of them."""
        day = self._day(fact)
        old = self._is_old(day)
        answer = assessments.record(self.work, self.person.id, data, opens_signals=not old)
        if old and answer.created:
            self.historic += _risks(self.work, data, day)
        return answer

    def _lab(self, data: LabIn, fact: Value) -> Answer:
        """Keep a result; a critical one of long ago waits in the one signal for all of them."""
        day = self._day(fact)
        old = self._is_old(day)
        answer = labs.record(self.work, self.person.id, data, opens_signals=not old)
        if old and answer.created:
            self.historic += _critical(answer, data, day)
        return answer

    def review_medicines(self) -> None:
        """Check the whole list once; a pair of long ago waits in the one signal for all of them."""
        old_before = self.person.today(self.work.now) - HISTORIC_AFTER
        found = medications.review_list(self.work, self.person, old_before=old_before)
        for one in found.get("new_findings", ()):
            if one["signal_id"] is None and one["severity"] in interactions.ALERTING:
                self.historic.append(
                    {
                        "code": interactions.TYPE,
                        "finding_id": one["id"],
                        "rule_id": one["rule"]["id"],
                        "severity": one["severity"],
                    }
                )

    def open_historic_signal(self) -> None:
        if self.historic:
            evidence = {"findings": self.historic[:20], "n": len(self.historic)}
            signals.open_once(self.work, self.person, "historic", "historic", evidence)


def _risks(work: Work, data: AssessmentIn, day: date) -> Iterator[dict[str, Any]]:
    instrument = measurements.instrument(work, data.instrument)
    assert instrument is not None, "it was kept"
    answers = {int(item): value for item, value in (data.answers or {}).items()}
    for finding in risk_findings(instrument, scoring.score(instrument, answers, data.total)):
        yield {
            "code": finding.code,
            "instrument": finding.instrument,
            "item": finding.item,
            "value": finding.value,
            "on": day.isoformat(),
            "record_id": str(data.id),
        }


def _critical(answer: Answer, data: LabIn, day: date) -> Iterator[dict[str, Any]]:
    judged = orjson.loads(answer.body)["interpretation"]
    if judged is not None and judged["level"] in {"critical_low", "critical_high"}:
        yield {
            "code": labs.CRITICAL,
            "measure": f"labs.{data.code.code}",
            "level": judged["level"],
            "value": str(data.value),
            "unit": data.unit,
            "on": day.isoformat(),
            "record_id": str(data.id),
        }

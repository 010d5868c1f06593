"""Imports files: facts are read first, then kept patient by patient, in whole units.

Ids are made of what the source says (UUID v5 under the patient), so that the same entry is the
same record in every import, and the second import of a file changes nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal
from uuid import NAMESPACE_URL, UUID, uuid5

from app.assessments import service as assessments
from app.assessments.schemas import AssessmentIn
from app.clinical import instruments
from app.clinical.safety import risk_findings
from app.core.actor import Actor
from app.core.answer import Answer
from app.core.db import Work, Writer
from app.core.errors import AlreadyExists, DatabaseUnavailable, StorageFull, TitrateError
from app.identity import service as identity
from app.imports import csv, fhir
from app.imports.courses import Plan, Step, plan_orders, plan_rows, read
from app.imports.facts import DoseRow, Entry, Order, Subject, Value, timed
from app.imports.results import Result, Skipped, Status, Unreadable
from app.measurements import observations
from app.measurements.schemas import ObservedValueIn
from app.medications import service as medications
from app.patients import service as patients
from app.patients.schemas import PatientIn
from app.patients.service import Person
from app.signals import service as signals

__all__ = ["Format", "Result", "Unreadable", "import_files"]

Format = Literal["fhir", "csv"]
Progress = Callable[[int, int], None]
SOURCES = uuid5(NAMESPACE_URL, "https://titrate.example/imports")
"""The namespace of the ids of new patients."""
SUBJECT = "urn:titrate:subject"
"""The system of a CSV file's subjects in a clinic that has none yet."""
MOST_ENTRIES = 200
"""Entries in one call, at most: it holds the clinic's lock."""
MOST_ASKED = 500
HISTORIC_AFTER = timedelta(days=30)


def import_files(
    writer: Writer,
    actor: Actor,
    files: Sequence[Path],
    *,
    format: Format | None,
    create_patients: bool,
    system: str | None,
    care_team: UUID | None,
    dry_run: bool,
    progress: Progress,
) -> Iterator[Result]:
    """Keep what the files say, and give one result an entry, file by file in their order.

    All files are read before anything is kept. A new patient is made only with
    `create_patients`, and is seen by `care_team`, else by the clinic's prescribers.

    Raises:
        Unreadable: a file is broken as a whole; nothing of any file was stored.
        DatabaseUnavailable, StorageFull: what was reported before is stored; import it again.
    """
    wanted = [(file, _read(file, format, system)) for file in files]
    total, done = sum(len(entries) for _, entries in wanted), 0
    for file, entries in wanted:
        importing = _Importing(
            writer, actor, file.name, create_patients, system, care_team, dry_run
        )
        yield from importing.results(entries, partial(_moved, progress, done, total))
        done += len(entries)
        progress(done, total)


def _moved(progress: Progress, before: int, total: int, done: int) -> None:
    progress(before + done, total)


def _read(file: Path, format: Format | None, system: str | None) -> list[Entry]:
    if format == "csv" or (format is None and file.suffix.casefold() == ".csv"):
        return csv.read(file, system)
    return fhir.read(file)


@dataclass(frozen=True, slots=True)
class _Outcome:
    status: Status
    record_id: UUID | None = None
    reason: str | None = None
    words: str | None = None


def _skipped(reason: Skipped) -> _Outcome:
    return _Outcome("skipped", None, reason.code, reason.words)


@dataclass(frozen=True, slots=True)
class _Found:
    """What the clinic knows of the subjects of a file."""

    patients: Mapping[tuple[tuple[str | None, str], ...], frozenset[UUID]]
    systems: Sequence[str]
    care_team: Sequence[UUID]


@dataclass(slots=True)
class _Group:
    """The entries of one patient; `newcomer` is the patient's record where it may be new."""

    patient_id: UUID
    newcomer: PatientIn | None
    entries: list[Entry] = field(default_factory=list)


@dataclass(slots=True)
class _Importing:
    """One file on its way in."""

    writer: Writer
    actor: Actor
    file: str
    create_patients: bool
    system: str | None
    care_team: UUID | None
    dry_run: bool

    def results(self, entries: Sequence[Entry], progress: Callable[[int], None]) -> list[Result]:
        outcomes = {one.number: _skipped(one.skipped) for one in entries if one.skipped}
        done = len(outcomes)
        found = self._look_up(entries)
        for group in self._groups(entries, found, outcomes):
            for batch in _batches(group.entries):
                outcomes |= self._keep(group, batch, found.care_team)
                done += len(batch)
                progress(done)
        for one in entries:
            if one.joins is not None:
                outcomes[one.number] = outcomes[one.joins]
        return [
            Result(
                self.file,
                one.number,
                one.type,
                outcomes[one.number].status,
                outcomes[one.number].reason,
                outcomes[one.number].words,
                outcomes[one.number].record_id,
            )
            for one in entries
        ]

    def _look_up(self, entries: Sequence[Entry]) -> _Found:
        asked = list(dict.fromkeys(one.subject.identifiers for one in entries if one.subject))
        known: dict[tuple[tuple[str | None, str], ...], frozenset[UUID]] = {}
        systems: Sequence[str] = ()
        care_team: Sequence[UUID] = ()
        for start in range(0, len(asked), MOST_ASKED):
            part = asked[start : start + MOST_ASKED]
            some, systems, care_team = self.writer.run(
                _find, self.actor, part, operation="import look-up"
            )
            known |= some
        if self.care_team is not None:
            care_team = [self.care_team]
        return _Found(known, systems, care_team)

    def _groups(
        self, entries: Sequence[Entry], found: _Found, outcomes: dict[int, _Outcome]
    ) -> Iterable[_Group]:
        """Put the entries under their patients; whoever has none, or two, is an outcome."""
        groups: dict[UUID, _Group] = {}
        for one in entries:
            if one.subject is None or one.number in outcomes:
                continue
            try:
                patient_id, newcomer = self._whose(one.subject, found)
            except Skipped as reason:
                outcomes[one.number] = _skipped(reason)
                continue
            group = groups.setdefault(patient_id, _Group(patient_id, newcomer))
            group.entries.append(one)
        return groups.values()

    def _whose(self, subject: Subject, found: _Found) -> tuple[UUID, PatientIn | None]:
        system, value = subject.identifiers[0]
        if system is None and len(found.systems) > 1:
            raise Skipped("system_needed", f"say --system, one of {', '.join(found.systems)}")
        known = found.patients[subject.identifiers]
        if len(known) > 1:
            raise Skipped("patient_ambiguous", "two patients carry its identifiers")
        if known:
            return next(iter(known)), None
        if not self.create_patients:
            raise Skipped("patient_unknown", "no patient carries its identifier")
        system = system or next(iter(found.systems), SUBJECT)
        patient_id = uuid5(SOURCES, f"{system}|{value}")
        body = subject.body or {
            "identifiers": [{"system": system, "value": value}],
            "name": {"given": fhir.NO_NAME, "family": value},
        }
        return patient_id, read(PatientIn, {"id": patient_id, **body})

    def _keep(
        self, group: _Group, batch: Sequence[Entry], care_team: Sequence[UUID]
    ) -> dict[int, _Outcome]:
        """Keep a batch in one call; where one entry is refused, each in a call of its own."""
        try:
            return self._call(group, batch, care_team)
        except (DatabaseUnavailable, StorageFull):
            raise
        except TitrateError as refusal:
            if len(batch) == 1:
                return {batch[0].number: _refused(refusal)}
        outcomes: dict[int, _Outcome] = {}
        for one in batch:
            outcomes |= self._keep(group, [one], care_team)
        return outcomes

    def _call(
        self, group: _Group, batch: Sequence[Entry], care_team: Sequence[UUID]
    ) -> dict[int, _Outcome]:
        service = rehearse if self.dry_run else keep
        try:
            kept: dict[int, _Outcome] = self.writer.run(
                service,
                self.actor,
                group.patient_id,
                group.newcomer,
                care_team,
                batch,
                group.entries,
                operation="import",
            )
        except Rehearsed as rehearsal:
            return rehearsal.outcomes
        return kept


def _batches(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """Give the entries in calls: the patient and the medicines first, whatever their number.

    An order needs those before it, also in a rehearsal, which stores none of them.
    """
    first = [one for one in entries if not one.facts or not isinstance(one.facts[0], Value)]
    rest = [one for one in entries if one.facts and isinstance(one.facts[0], Value)]
    room = max(MOST_ENTRIES - len(first), 0)
    if first or rest:
        yield first + rest[:room]
    for start in range(room, len(rest), MOST_ENTRIES):
        yield rest[start : start + MOST_ENTRIES]


def _refused(refusal: TitrateError) -> _Outcome:
    if isinstance(refusal, AlreadyExists):
        words = "it is there with other content; correct it in the record"
        return _Outcome("skipped", None, "differs", words)
    if refusal.faults:
        fault = refusal.faults[0]
        return _Outcome("skipped", None, "invalid", f"{fault.pointer}: {fault.detail}")
    return _Outcome("skipped", None, refusal.code, refusal.detail or refusal.title)


# ---- what runs in the writer


class Rehearsed(TitrateError):
    """The end of a dry run: what would have been kept, and nothing is."""

    code = "dry-run"
    title = "A dry run stores nothing"

    def __init__(self, outcomes: dict[int, _Outcome]) -> None:
        super().__init__()
        self.outcomes = outcomes


def _find(
    work: Work, asked: Sequence[tuple[tuple[str | None, str], ...]]
) -> tuple[dict[Any, frozenset[UUID]], list[str], Sequence[UUID]]:
    """Look the identifiers up; give the clinic's systems of identifiers and its prescribers."""
    found = {
        identifiers: frozenset(
            patient_id
            for system, value in identifiers
            for patient_id in patients.find_by_identifier(work, system, value)
        )
        for identifiers in asked
    }
    return found, patients.identifier_systems(work), identity.members(work, "prescriber")


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
) -> dict[int, _Outcome]:
    """Keep a batch of one patient's entries, all or none.

    all_of_patient: every entry of the file about the patient; an order is read among its likes.

    Raises:
        TitrateError: one of them is refused.
    """
    registered = newcomer is not None and patients.register(work, newcomer, care_team).created
    person = patients.get(work, patient_id)
    keeping = _Keeping(work, person)
    plans = _plans(work, person, batch, all_of_patient)
    outcomes = {}
    for one in batch:
        if one.facts:
            outcomes[one.number] = keeping.entry(one, plans)
        else:
            outcomes[one.number] = _Outcome("created" if registered else "unchanged", patient_id)
    keeping.open_historic_signal()
    return outcomes


def _plans(
    work: Work, person: Person, batch: Sequence[Entry], all_of_patient: Sequence[Entry]
) -> dict[str, Plan]:
    if all(isinstance(fact, Value) for one in batch for fact in one.facts):
        return {}
    facts = [fact for one in all_of_patient for fact in one.facts]
    orders = [fact for fact in facts if isinstance(fact, Order)]
    rows = [fact for fact in facts if isinstance(fact, DoseRow)]
    known = medications.courses(work, person.id)
    return {
        **plan_orders(orders, known, person, person.today(work.now)),
        **plan_rows(rows, known, person),
    }


@dataclass(slots=True)
class _Keeping:
    """One call's records: an id that comes twice is kept once."""

    work: Work
    person: Person
    kept: dict[UUID, bool] = field(default_factory=dict)
    historic: list[dict[str, Any]] = field(default_factory=list)

    def entry(self, entry: Entry, plans: Mapping[str, Plan]) -> _Outcome:
        """Keep all that one entry says; a body that the record does not take keeps none of it."""
        stores: list[tuple[UUID, Callable[[], Answer]]] = []
        record_id, words = None, entry.words
        try:
            for fact in entry.facts:
                if isinstance(fact, Value):
                    stores.append(self._value(fact))
                    continue
                plan = plans[fact.key]
                if plan.skipped is not None:
                    raise plan.skipped
                stores += [one for step in plan.steps for one in self._step(step)]
                record_id = plan.steps[0].event.id if plan.steps else plan.there
                words = words or plan.words
        except Skipped as reason:
            return _skipped(reason)
        record_id = record_id or stores[0][0]
        created = [self._once(*one) for one in stores]
        if not any(created):
            return _Outcome("unchanged", record_id)
        return _Outcome("created", record_id, *(words or ()))

    def _once(self, record_id: UUID, store: Callable[[], Answer]) -> bool:
        """Store a record unless this call did; say whether it is new, the first time only."""
        if record_id in self.kept:
            return False
        self.kept[record_id] = True
        return store().created

    def _step(self, step: Step) -> Iterator[tuple[UUID, Callable[[], Answer]]]:
        work, patient_id, course = self.work, self.person.id, step.course
        if course is not None and course.id is not None:
            yield course.id, lambda: medications.record(work, patient_id, course)
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

    def _value(self, fact: Value) -> tuple[UUID, Callable[[], Answer]]:
        record_id = uuid5(self.person.id, fact.key)
        body = {"id": record_id, **fact.body, **timed("occurred", fact.at)}
        if fact.kind == "observation":
            value = read(ObservedValueIn, body)
            return record_id, lambda: observations.record(self.work, self.person.id, value)
        filled_in = read(AssessmentIn, body)
        return record_id, lambda: self._assessment(filled_in, fact)

    def _assessment(self, data: AssessmentIn, fact: Value) -> Answer:
        """Keep an assessment; a risk answer of long ago waits in the one signal for all of them."""
        day = self.person.day_of(fact.at) if isinstance(fact.at, datetime) else fact.at
        old = day < self.person.today(self.work.now) - HISTORIC_AFTER
        answer = assessments.record(self.work, self.person.id, data, opens_signals=not old)
        if old and answer.created:
            self.historic += _risks(data, day)
        return answer

    def open_historic_signal(self) -> None:
        if self.historic:
            evidence = {"findings": self.historic[:20], "n": len(self.historic)}
            signals.open_once(self.work, self.person, "historic", "historic", evidence)


def _risks(data: AssessmentIn, day: date) -> Iterator[dict[str, Any]]:
    instrument = instruments.instrument(data.instrument)
    answers = {int(item): value for item, value in (data.answers or {}).items()}
    for finding in risk_findings(instrument, instruments.score(instrument, answers, data.total)):
        yield {
            "code": finding.code,
            "instrument": finding.instrument,
            "item": finding.item,
            "value": finding.value,
            "on": day.isoformat(),
            "record_id": str(data.id),
        }

"""What an import does inside the writer: whole units of one patient, all of each or none."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from app.clinical.safety import CODES, risk_findings
from app.core.actor import CLINICIANS
from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import TitrateError
from app.core.wire import ChangeReason
from app.identity import service as identity
from app.imports.courses import Plan, Step, plan_orders, plan_rows, read
from app.imports.facts import DoseRow, End, Entry, Fill, Order, Value, Withdrawal, timed
from app.imports.questionnaires import Own
from app.imports.results import Skipped, Status
from app.interactions import service as interactions
from app.journal import service as journal
from app.labs import service as labs
from app.labs.schemas import LabIn
from app.measurements import observations
from app.measurements import service as measurements
from app.measurements.schemas import ObservedValueIn
from app.medications import service as medications
from app.medications.schemas import MedicationIn
from app.patients import records, sight
from app.patients import service as patients
from app.patients.records import Kind
from app.patients.schemas import PatientIn
from app.patients.service import Person
from app.signals import service as signals
from app.signals.schemas import Rule

IMPORTED = "ehr"
"""The source of what an import or a system brings; what a clinician wrote is another reading."""
HISTORIC_AFTER = timedelta(days=30)
NEWEST = 2**62
"""A journal sequence that lies after all."""
SUBJECT = "urn:titrate:subject"
"""The system of identifiers that came without one to a clinic that has none yet."""
SOURCE_CORRECTED = ChangeReason(code="other", text="the source corrected it")
WITHDRAWN_BECAUSE = "import"
TAKEN_BACK = "source_took_back"
"""The signal of a record that its source takes back, and that somebody here changed since."""
KINDS: Mapping[str, Kind[Any]] = {
    one.name: one
    for one in (
        assessments.KIND,
        labs.KIND,
        observations.KIND,
        medications.MEDICATION_WITHIN,
        medications.DOSE_EVENT_WITHIN,
        medications.DISPENSE,
    )
}
CHANGED_HERE = "it was changed or confirmed here since; nothing of that is overwritten"


@dataclass(frozen=True, slots=True)
class Store:
    """A version of a record to keep.

    old: gives what of an answer waits in the one signal for facts of long ago; asked once it is
        kept.
    """

    kind: Kind[Any]
    data: Any
    old: Callable[[Answer], Iterable[dict[str, Any]]] = lambda _answer: ()


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


def own_instruments(work: Work) -> Own:
    """Give the clinic's own questionnaires: the readers of files know those of the house."""
    return measurements.own_instruments(work)


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
    outcomes = {one.place: keeping.take_back(one) for one in batch if takes_back(one)}
    plans = _plans(work, person, batch, all_of_patient)
    for one in sorted(batch, key=has_medicines):
        if takes_back(one):
            continue
        if has_medicines(one):
            # What a risk answer of long ago says goes before a dose that waits.
            keeping.open_historic_signal()
        if one.facts:
            outcomes[one.place] = keeping.entry(one, plans)
        else:
            outcomes[one.place] = Outcome("created" if registered else "unchanged", patient_id)
            registered = False
    keeping.withdraw_bare_courses()
    if any(map(has_medicines, batch)):
        keeping.review_medicines()
    keeping.open_historic_signal()
    return outcomes


def has_medicines(entry: Entry) -> bool:
    return not all(
        fact.of_medicine is False if isinstance(fact, Withdrawal) else isinstance(fact, Value)
        for fact in entry.facts
    )


def takes_back(entry: Entry) -> bool:
    return any(isinstance(fact, Withdrawal) for fact in entry.facts)


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
    withdrawn = medications.withdrawn_courses(work, person.id)
    return {
        **plan_orders(orders, fills, known, person, person.today(work.now), withdrawn),
        **plan_rows(rows, known, person),
    }


@dataclass(slots=True)
class _Keeping:
    """One call's records: an id that comes twice is kept once."""

    work: Work
    person: Person
    kept: set[UUID] = field(default_factory=set)
    withdrawn_from: set[UUID] = field(default_factory=set)
    """Courses that may have nothing left under them."""
    historic: list[dict[str, Any]] = field(default_factory=list)
    is_told: bool = False
    """The one signal for `historic` stands."""

    def entry(self, entry: Entry, plans: Mapping[str, Plan]) -> Outcome:
        """Keep all that one entry says; a body that the record does not take keeps none of it."""
        stores: list[Store] = []
        ended: list[UUID] = []
        record_id, done = None, set[Status]()
        words: tuple[str, str] | None = None
        try:
            for fact in entry.facts:
                if isinstance(fact, Value):
                    first, store = self._value(fact)
                    record_id = record_id or first
                    stores += [store] if store else []
                    words = words or fact.words
                    continue
                assert not isinstance(fact, Withdrawal), "it was taken back before"
                plan = plans[fact.key]
                if plan.skipped is not None:
                    raise plan.skipped
                stores += [one for step in plan.steps for one in self._step(step)]
                stores += self._fill(plan)
                record_id = plan.steps[0].event.id if plan.steps else plan.there
                record_id = plan.fill.id if plan.fill else record_id
                words = words or plan.words
                ended += [plan.goes_on] if plan.goes_on else []
            wanted = [(self._status(one), one) for one in stores]
            if ended and self._withdraw(self._imported(ended)):
                done.add("updated")
        except Skipped as reason:
            return skipped(reason)
        done |= {self._keep_one(*one) for one in wanted}
        if status := next((one for one in _TOLD if one in done), None):
            return Outcome(status, record_id, *(words or ()))
        return Outcome("unchanged", record_id)

    def _status(self, store: Store) -> Status:
        """Say what is to be done with a record: make it, correct it, or nothing.

        Raises:
            Skipped: it was changed by somebody here, or withdrawn, or is of another kind now.
        """
        work, data = self.work, store.data
        known = journal.versions(work, data.id)
        if not known:
            return "created"
        last = known[-1]
        if last.type != store.kind.name or last.patient_id != self.person.id:
            raise Skipped("differs", "it is there as another kind of record; correct it there")
        if last.action == journal.ERASED:
            raise Skipped("erased", "it was here, and is no more")
        if last.action == "withdrawn":
            raise Skipped("withdrawn_before", "it was withdrawn; if it holds, record it anew")
        said = journal.fingerprint(data)
        if last.fingerprint == said:
            return "unchanged"
        was_said = any(one.fingerprint == said for one in known)
        if not _is_imported(orjson.loads(journal.text_at(work, data.id, last.version))):
            if was_said:
                return "unchanged"
            raise Skipped("changed_here", CHANGED_HERE)
        if was_said:
            raise Skipped("older_content", "an import has corrected it since")
        return "updated"

    def _keep_one(self, status: Status, store: Store) -> Status:
        """Store a version of a record, unless this call did; say what was done."""
        record_id: UUID = store.data.id
        if status == "unchanged" or record_id in self.kept:
            return "unchanged"
        self.kept.add(record_id)
        work, patient_id = self.work, self.person.id
        if status == "created":
            answer = records.post(work, store.kind, patient_id, store.data)
        else:
            answer = records.renew(
                work, store.kind, patient_id, record_id, store.data, SOURCE_CORRECTED
            )
        self.historic += store.old(answer)
        return status

    # ---- what a source takes back

    def take_back(self, entry: Entry) -> Outcome:
        """Withdraw what earlier imports made of an entry, unless somebody here changed it since."""
        (fact,) = entry.facts
        assert isinstance(fact, Withdrawal)
        ids = [uuid5(self.person.id, key) for key in fact.keys]
        if fact.of_medicine:
            ids += [uuid5(one, "stop") for one in ids]
        found = self._imported(ids)
        if not found:
            return Outcome("skipped", None, fact.code, fact.words)
        record_id = UUID(found[0]["id"])
        try:
            done = self._withdraw(found)
        except Skipped as reason:
            evidence = {"record_id": str(record_id), "reason": fact.code}
            key = f"{TAKEN_BACK}:{record_id}"
            signals.open_once(self.work, self.person, key, TAKEN_BACK, evidence)
            return Outcome("skipped", record_id, reason.code, f"{fact.words}; {reason.words}")
        if done:
            return Outcome("withdrawn", record_id, fact.code, fact.words)
        return Outcome("unchanged", record_id)

    def _imported(self, ids: Sequence[UUID]) -> list[dict[str, Any]]:
        """Give what is known of records, those entered in error too, in the order of the ids."""
        found = journal.answers_known_at(self.work, ids, with_errors=True)
        by_id = {UUID(answer["id"]): answer for _, answer in found}
        return [by_id[one] for one in ids if one in by_id]

    def _withdraw(self, found: Iterable[dict[str, Any]]) -> bool:
        """Mark imported records as entered in error; say whether any of them still stood.

        Raises:
            Skipped: somebody here changed one of them.
        """
        standing = [one for one in found if one["status"] != "entered_in_error"]
        if not all(map(_is_imported, standing)):
            raise Skipped("changed_here", CHANGED_HERE)
        done = False
        for one in standing:
            record_id = UUID(one["id"])
            if record_id in self.kept:
                continue
            self.kept.add(record_id)
            kind = KINDS[journal.versions(self.work, record_id)[0].type]
            version = frozenset({int(one["version"])})
            records.withdraw(self.work, kind, self.person.id, record_id, version, WITHDRAWN_BECAUSE)
            done = True
            if "medication_id" in one:
                self.withdrawn_from.add(UUID(one["medication_id"]))
        return done

    def withdraw_bare_courses(self) -> None:
        """Withdraw the courses of imports with nothing left: one alone would count as taken."""
        for course_id in self.withdrawn_from - self.kept:
            if medications.is_bare(self.work, self.person.id, course_id):
                self._withdraw(filter(_is_imported, self._imported([course_id])))

    # ---- records of facts

    def _fill(self, plan: Plan) -> Iterator[Store]:
        if plan.fill is not None and plan.into is not None:
            yield from self._course(plan.course)
            yield Store(medications.DISPENSE, medications.within(plan.fill, plan.into))

    def _course(self, course: MedicationIn | None) -> Iterator[Store]:
        if course is not None:
            yield Store(medications.MEDICATION_WITHIN, course)

    def _step(self, step: Step) -> Iterator[Store]:
        yield from self._course(step.course)
        kind = medications.imported_event(step.unconfirmed)
        yield Store(kind, medications.within(step.event, step.course_id))

    def _value(self, fact: Value) -> tuple[UUID, Store | None]:
        """Give the record to make of a value, or the one that says it already."""
        record_id = uuid5(self.person.id, fact.key)
        if fact.kind == "lab":
            result = read(LabIn, {"id": record_id, **fact.body, **timed("drawn", fact.at)})
            return record_id, self._lab(result, fact)
        body = {"id": record_id, **fact.body, **timed("occurred", fact.at)}
        if fact.kind == "observation":
            return record_id, self._observation(read(ObservedValueIn, body), fact)
        filled_in = read(AssessmentIn, body)
        is_known = bool(journal.versions(self.work, record_id))
        there = None if is_known else self._said_before(filled_in, fact)
        if there is not None:
            return there, None
        return record_id, self._assessment(filled_in, fact)

    def _said_before(self, data: AssessmentIn, fact: Value) -> UUID | None:
        """Give the imported record that says all that this assessment would: it came another way.

        Two moments of one day are two assessments; a day alone may be any moment of it.
        """
        instrument = measurements.instrument(self.work, data.instrument)
        assert instrument is not None, "it was read as one that is known"
        answers = {int(item): value for item, value in (data.answers or {}).items()}
        try:
            score = scoring.score(instrument, answers, data.total)
        except scoring.UnknownItem:
            return None  # what keeps it refuses it, and says why
        wanted: dict[str, float] = {}
        if instrument.item_measures:
            wanted |= {f"{instrument.id}.{item}": value for item, value in score.answers.items()}
        if score.total_trended is not None:
            wanted[f"{instrument.id}.total"] = score.total_trended
        day, at = self._day(fact), fact.at if isinstance(fact.at, datetime) else None
        found: dict[UUID, dict[str, float]] = {}
        for row in self._followed(instrument):
            same_time = at is None or row.at is None or row.at == at
            stands = row.record_id not in self.kept
            if stands and row.source == IMPORTED and row.day == day and same_time:
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

    def _assessment(self, data: AssessmentIn, fact: Value) -> Store:
        """Keep an assessment; a risk answer of long ago waits in the one signal for all of them."""
        day = self._day(fact)
        if not self._is_old(day):
            return Store(assessments.KIND, data)
        kind = replace(assessments.KIND, keep=partial(assessments.keep, opens_signals=False))
        return Store(kind, data, lambda _answer: _risks(self.work, data, day))

    def _observation(self, data: ObservedValueIn, fact: Value) -> Store:
        """Keep a number; the risk item of a measure of the clinic's own opens its signal too."""
        found = _risk_of_own_measure(self.work, data)
        return Store(observations.KIND, data, lambda _answer: self._tell(found, self._day(fact)))

    def _tell(
        self, risk: tuple[Rule, dict[str, Any]] | None, day: date
    ) -> Iterator[dict[str, Any]]:
        """Open the signal of a risk, or give what waits in the one for facts of long ago."""
        if risk is None:
            return
        rule, evidence = risk
        if self._is_old(day):
            yield {"code": CODES["other"], **evidence, "on": day.isoformat()}
            return
        key = f"{evidence['record_id']}:{evidence['instrument']}.{evidence['item']}"
        signals.open_once(self.work, self.person, key, CODES["other"], evidence, rule=rule)

    def _lab(self, data: LabIn, fact: Value) -> Store:
        """Keep a result; a critical one of long ago waits in the one signal for all of them."""
        day = self._day(fact)
        if not self._is_old(day):
            return Store(labs.KIND, data)
        kind = replace(labs.KIND, keep=partial(labs.keep, opens_signals=False))
        return Store(kind, data, lambda answer: _critical(answer, data, day))

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
        if self.historic and not self.is_told:
            self.is_told = True
            findings = self.historic[: signals.MOST_FINDINGS]
            evidence = {"findings": findings, "n": len(self.historic)}
            signals.open_historic(self.work, self.person, evidence)


_TOLD: tuple[Status, ...] = ("updated", "created")
"""What is said of an entry that comes to several records: the first of these that was done."""


def _is_imported(answer: Mapping[str, Any]) -> bool:
    """Say whether the newest version of a record is a system's, and no person's."""
    return bool(answer["author"]["role"] == "system")


def _risk_of_own_measure(work: Work, data: ObservedValueIn) -> tuple[Rule, dict[str, Any]] | None:
    """Give the rule that a number meets as an item of a measure of the clinic's own, and why."""
    for one in measurements.registered(work).values():
        family = one.code.removesuffix(".total")
        for risk in one.risk_items if one.instrument is None else ():
            if data.measure == f"{family}.{risk.index}" and data.value >= risk.at_least:
                said = {"instrument": family, "item": risk.index, "value": data.value}
                rule = Rule(id=f"{data.measure}>={risk.at_least}", version=one.version)
                return rule, {**said, "record_id": str(data.id)}
    return None


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

"""Imports files: facts are read first, then kept patient by patient, in whole units.

Files of one format are one source: what one of them says of another is followed.

Ids are made of what the source says (UUID v5 under the patient), so that the same entry is the
same record in every import, and the second import of a file changes nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal
from uuid import NAMESPACE_URL, UUID, uuid5

from app.core.actor import Actor, Trace
from app.core.db import Writer
from app.core.errors import AlreadyExists, DatabaseUnavailable, StorageFull, TitrateError
from app.imports import bundles, csv, fhir, hl7v2, segments
from app.imports.courses import read
from app.imports.facts import Entry, Subject
from app.imports.keeping import (
    SUBJECT,
    CareTeamUnknown,
    Found,
    Outcome,
    Rehearsed,
    find,
    has_medicines,
    keep,
    own_instruments,
    rehearse,
    skipped,
    takes_back,
)
from app.imports.questionnaires import Own
from app.imports.results import File, Result, Sent, Skipped, Unreadable
from app.patients.schemas import PatientIn

__all__ = ["CareTeamUnknown", "Format", "Result", "Sent", "Unreadable", "import_files"]

Format = Literal["fhir", "csv", "hl7v2"]
Progress = Callable[[int, int], None]
SOURCES = uuid5(NAMESPACE_URL, "https://titrate.example/imports")
"""The namespace of the ids of new patients."""
MOST_ENTRIES = 200
"""Entries in one call, at most: it holds the clinic's lock."""
MOST_ASKED = 500


def import_files(
    writer: Writer,
    actor: Actor,
    files: Sequence[File],
    *,
    format: Format | None,
    create_patients: bool,
    system: str | None,
    care_team: UUID | None,
    dry_run: bool,
    progress: Progress,
    request_id: str | None = None,
) -> Iterator[Result]:
    """Keep what the files say, and give one result an entry, format by format, file by file.

    All files are read before anything is kept. A new patient is made only with
    `create_patients`, and is seen by `care_team`, else by the clinic's prescribers.

    request_id: of the request that sent them; None from the command line.
    Whoever sends them, they are a source of their own: what is read in them is kept as an EHR's,
    under the caller's id, and nobody is asked to confirm it. A clinician's file tells only of
    patients whom the clinician may see.

    Raises:
        Unreadable: a file is broken as a whole; nothing of any file was stored.
        CareTeamUnknown: `care_team` is no clinician of the clinic; nothing was stored.
        DatabaseUnavailable, StorageFull: what was reported before is stored; import it again.
    """
    by_format: dict[Format, list[File]] = {}
    for file in files:
        by_format.setdefault(format or _format_of(file), []).append(file)
    importing = _Importing(writer, actor, create_patients, system, care_team, dry_run, request_id)
    own = importing.own_instruments()
    wanted = [_read(chosen, some, system, own) for chosen, some in by_format.items()]
    total, done = sum(map(len, wanted)), 0
    for entries in wanted:
        yield from importing.results(entries, partial(_moved, progress, done, total))
        done += len(entries)
        progress(done, total)


def _moved(progress: Progress, before: int, total: int, done: int) -> None:
    progress(before + done, total)


def _format_of(file: File) -> Format:
    """Tell a file by its name, else by how it begins."""
    if file.name.casefold().endswith(".csv"):
        return "csv"
    return "hl7v2" if segments.is_one(file) else "fhir"


def _read(format: Format, files: Sequence[File], system: str | None, own: Own) -> list[Entry]:
    if format == "fhir":
        found = bundles.read(files, system, own)
    elif format == "hl7v2":
        found = hl7v2.read(files, system, own)
    else:
        found = []
        for file in files:
            found.append(csv.read(file, system, sum(map(len, found)), own))
    named = [
        (file.name, entry) for file, entries in zip(files, found, strict=True) for entry in entries
    ]
    return [replace(one, file=name, place=place) for place, (name, one) in enumerate(named)]


def _result(entry: Entry, outcome: Outcome) -> Result:
    return Result(
        entry.file,
        entry.number,
        entry.type,
        outcome.status,
        outcome.reason,
        outcome.words,
        outcome.record_id,
    )


@dataclass(slots=True)
class _Group:
    """The entries of one patient; `newcomer` is the patient's record where it may be new."""

    patient_id: UUID
    newcomer: PatientIn | None
    entries: list[Entry] = field(default_factory=list)


@dataclass(slots=True)
class _Importing:
    """Files on their way in."""

    writer: Writer
    actor: Actor
    create_patients: bool
    system: str | None
    care_team: UUID | None
    dry_run: bool
    request_id: str | None

    def _run(self, service: Any, actor: Actor, *args: Any, operation: str) -> Any:
        trace = Trace(self.request_id, "POST", operation) if self.request_id else None
        return self.writer.run(service, actor, *args, operation=operation, trace=trace)

    def own_instruments(self) -> Own:
        found: Own = self._run(own_instruments, self.actor, operation="import look-up")
        return found

    def results(self, entries: Sequence[Entry], progress: Callable[[int], None]) -> list[Result]:
        outcomes = {one.place: skipped(one.skipped) for one in entries if one.skipped}
        outcomes |= _superseded(entries)
        done = len(outcomes)
        found = self._look_up(entries)
        for group in self._groups(entries, found, outcomes):
            for batch in _batches(group.entries):
                outcomes |= self._keep(group, batch, found.care_team)
                done += len(batch)
                progress(done)
        for one in entries:
            if one.joins is not None:
                outcomes[one.place] = outcomes[one.joins]
        return [_result(one, outcomes[one.place]) for one in entries]

    def _look_up(self, entries: Sequence[Entry]) -> Found:
        asked = list(dict.fromkeys(one.subject.identifiers for one in entries if one.subject))
        ours: frozenset[tuple[tuple[str | None, str], ...]] = frozenset()
        known: dict[tuple[tuple[str | None, str], ...], frozenset[UUID]] = {}
        systems: Sequence[str] = ()
        care_team: Sequence[UUID] = ()
        for start in range(0, len(asked), MOST_ASKED):
            part = asked[start : start + MOST_ASKED]
            some = self._run(find, self.actor, part, self.care_team, operation="import look-up")
            ours, known = ours | some.ours, known | some.patients
            systems, care_team = some.systems, some.care_team
        return Found(ours, known, systems, care_team)

    def _groups(
        self, entries: Sequence[Entry], found: Found, outcomes: dict[int, Outcome]
    ) -> Iterable[_Group]:
        """Put the entries under their patients; whoever has none, or two, is an outcome."""
        groups: dict[UUID, _Group] = {}
        for one in entries:
            if one.subject is None or one.place in outcomes:
                continue
            try:
                patient_id, newcomer = self._whose(one.subject, found)
            except Skipped as reason:
                outcomes[one.place] = skipped(reason)
                continue
            group = groups.setdefault(patient_id, _Group(patient_id, newcomer))
            group.entries.append(one)
        return groups.values()

    def _whose(self, subject: Subject, found: Found) -> tuple[UUID, PatientIn | None]:
        system, value = subject.identifiers[0]
        if system is None and len(found.systems) > 1 and subject.identifiers not in found.ours:
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
        body = {
            "identifiers": [
                {"system": one or system, "value": named} for one, named in subject.identifiers
            ],
            "name": {"given": fhir.NO_NAME, "family": value},
            **subject.body,
        }
        return patient_id, read(PatientIn, {"id": patient_id, **body})

    def _keep(
        self, group: _Group, batch: Sequence[Entry], care_team: Sequence[UUID]
    ) -> dict[int, Outcome]:
        """Keep a batch in one call; where one entry is refused, each in a call of its own."""
        try:
            return self._call(group, batch, care_team)
        except (DatabaseUnavailable, StorageFull):
            raise
        except TitrateError as refusal:
            if len(batch) == 1:
                return {batch[0].place: _refused(refusal)}
        outcomes: dict[int, Outcome] = {}
        for one in batch:
            outcomes |= self._keep(group, [one], care_team)
        return outcomes

    def _call(
        self, group: _Group, batch: Sequence[Entry], care_team: Sequence[UUID]
    ) -> dict[int, Outcome]:
        service = rehearse if self.dry_run else keep
        try:
            kept: dict[int, Outcome] = self._run(
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


def _superseded(entries: Sequence[Entry]) -> dict[int, Outcome]:
    """Skip what a later entry says otherwise of the same thing: the last word counts."""
    last = {one.key: one for one in entries if one.key}
    reason = Skipped("superseded", "a later entry says otherwise of the same thing")
    return {
        one.place: skipped(reason)
        for one in entries
        if one.key and one.facts != last[one.key].facts
    }


def _batches(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """Give the entries in calls: the patient and the medicines first, whatever their number.

    An order needs those before it, also in a rehearsal, which stores none of them.
    """
    # What is taken back goes first: what stands in its place may say the same.
    entries = sorted(entries, key=lambda one: not takes_back(one))
    first = [one for one in entries if not one.facts or has_medicines(one)]
    rest = [one for one in entries if one.facts and not has_medicines(one)]
    room = max(MOST_ENTRIES - len(first), 0)
    if first or rest:
        yield first + rest[:room]
    for start in range(room, len(rest), MOST_ENTRIES):
        yield rest[start : start + MOST_ENTRIES]


def _refused(refusal: TitrateError) -> Outcome:
    if isinstance(refusal, AlreadyExists):
        words = "it is there with other content; correct it in the record"
        return Outcome("skipped", None, "differs", words)
    if refusal.faults:
        fault = refusal.faults[0]
        return Outcome("skipped", None, "invalid", f"{fault.pointer}: {fault.detail}")
    return Outcome("skipped", None, refusal.code, refusal.detail or refusal.title)

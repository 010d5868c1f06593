"""Keeps the caseload rows: after the writes, and only while the process has nothing else to do.

A row is made by the same function as the trends. A confirmed worsening that it finds opens its
signal. A row that lags says so by its `patient_version`; nothing waits for it.
"""

import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Engine, func, select

from app.care import plan
from app.caseload.models import CaseloadRow
from app.caseload.rows import columns, worsenings
from app.core.actor import Trace
from app.core.db import Reader, Work, Writer
from app.core.log import logger
from app.identity import service as identity
from app.journal import service as journal
from app.journal.models import Entry
from app.measurements import service as measurements
from app.medications import service as medications
from app.monitoring import service as monitoring
from app.patients import service as patients
from app.patients.models import Patient
from app.signals import service as signals
from app.trends import params as parameters
from app.trends.gather import gather, look_up, rules
from app.trends.params import WEEKS_BACK, resolve
from app.trends.report import report

Json = dict[str, Any]

PARTS = "summary,risk,measures,medications,decision_points"
PAGE = 500
"""Patients, or journal entries, looked through in one question."""
PULSE_S = 0.05
"""How often it looks whether the process is quiet."""
QUIET_SHARE = 0.2
"""Of one core: what the process may have used since the last look and still be called quiet."""
PATIENCE_S = 10.0
"""When it is never quiet, one patient is done after this long: a worsening cannot wait forever."""
AS_FAR_AS_IT_GOES = sys.maxsize
LOOK_AGAIN_S = 30.0
"""How often the journals are asked what other processes have written."""


class Made(NamedTuple):
    """A row, and the confirmed worsenings found on the way: flag id, code, evidence."""

    sequence: int
    row: Json
    worsenings: Sequence[tuple[str, str, Json]]


def make(work: Work, patient_id: UUID) -> Made | None:
    """Make a patient's row from the record as it is; None where the kept one is of now.

    The report is that of the last day on which something was recorded, and its window reaches
    back from the last reading: a row depends on the record and the rules, not on the day on
    which it is made.
    """
    moment = look_up(work, patient_id, None)
    made_by = "|".join(moment.versions.values())
    kept = work.first(
        select(CaseloadRow.sequence, CaseloadRow.rules).where(CaseloadRow.patient_id == patient_id)
    )
    if moment.known_at is None or (kept and tuple(kept) == (moment.patient_version, made_by)):
        return None
    person = moment.person
    asked = parameters.read([("include", PARTS)])
    params = resolve(asked, person.time_zone, work.now, "prescriber")
    as_of = min(person.today(moment.known_at), params.as_of)
    params = replace(params, as_of=as_of, to_day=as_of)
    known = gather(work, moment, params)
    last = max((one.day for one in known.readings if one.day <= as_of), default=as_of)
    body = report(known, replace(params, from_day=last - WEEKS_BACK))
    courses = medications.courses(work, patient_id)
    tests = monitoring.items(work, person, courses, as_of)
    agreed = plan.agreed_with(work, person)
    row = columns(
        body,
        lab_due_on=min(
            (one["due_on"] for one in tests if one["due_on"] and one["state"] != "waived"),
            default=None,
        ),
        next_visit_on=agreed.next_review.due_on if agreed else None,
    )
    return Made(moment.patient_version, row | {"rules": made_by}, list(worsenings(body)))


def keep(work: Work, patient_id: UUID, made: Made) -> None:
    """Keep a row and open the signals of its worsenings, each once.

    A row that something was written after is let go: the patient waits to be made again, and what
    was erased meanwhile must not come back.
    """
    person = patients.get(work, patient_id)
    if journal.patient_sequence(work, patient_id) != made.sequence:
        return
    opened = [
        signals.open_once(work, person, flag, code, evidence)
        for flag, code, evidence in made.worsenings
    ]
    fresh = sum(one is not None for one in opened)
    sequence = made.sequence
    if fresh:
        # Of these signals the row knows already, so it is as new as they are.
        sequence = measurements.summary(work, patient_id)["sequence"]
    row = made.row | {"signals_open": made.row["signals_open"] + fresh}
    work.put_rows(CaseloadRow, [{"patient_id": patient_id, "sequence": sequence, **row}])


def lagging(work: Work, after: UUID | None) -> tuple[list[UUID], UUID | None]:
    """Look through some patients: those whose row is missing, old, or of other rules.

    Gives beside them where to go on; None when all have been looked at.
    """
    newest = select(func.max(Entry.sequence)).where(Entry.patient_id == Patient.id)
    statement = (
        select(
            Patient.id,
            newest.scalar_subquery().label("newest"),
            CaseloadRow.sequence,
            CaseloadRow.rules,
            measurements.registrations(Patient.clinic_id).label("registered"),
        )
        .outerjoin(
            CaseloadRow,
            (CaseloadRow.clinic_id == Patient.clinic_id) & (CaseloadRow.patient_id == Patient.id),
        )
        .order_by(Patient.id)
        .limit(PAGE)
    )
    if after is not None:
        statement = statement.where(Patient.id > after)
    rows = work.all(statement)
    found = [
        row.id
        for row in rows
        if row.sequence != row.newest or row.rules != "|".join(rules(row.registered).values())
    ]
    return found, rows[-1].id if len(rows) == PAGE else None


def written(work: Work, since: int) -> tuple[list[UUID], int]:
    """Give the patients of the journal's next entries after a sequence, and where they end."""
    rows = work.all(
        select(Entry.sequence, Entry.patient_id)
        .where(Entry.sequence > since)
        .order_by(Entry.sequence)
        .limit(PAGE)
    )
    found = list(dict.fromkeys(row.patient_id for row in rows if row.patient_id is not None))
    return found, rows[-1].sequence if rows else since


def end_of_journal(work: Work) -> int:
    """Give the clinic's newest sequence; 0 before the first."""
    found: int | None = work.first(select(func.max(Entry.sequence)))
    return found or 0


class Refresher:
    """Makes the rows that lag, one patient at a time, each once however often it was written.

    ends: where each clinic's journal ends, as the writer notes it with each batch; that is all
    that this costs a write. Everything else happens on a thread of its own.
    """

    def __init__(
        self, engine: Engine, reader: Reader, writer: Writer, ends: dict[UUID, int]
    ) -> None:
        self._engine, self._reader, self._writer, self._ends = engine, reader, writer, ends
        self._read: dict[UUID, int] = {}
        self._waiting: dict[tuple[UUID, UUID], None] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="caseload", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def catch_up(self) -> int:
        """Make all rows that lag; gives how many."""
        made = 0
        while self.step():
            made += 1
        return made

    def step(self) -> bool:
        """Make one row; False when there is nothing to do."""
        if not self._waiting:
            self._look()
        if not self._waiting:
            return False
        clinic_id, patient_id = next(iter(self._waiting))
        del self._waiting[clinic_id, patient_id]
        try:
            made = self._ask(clinic_id, make, patient_id)
            if made is not None:
                actor = identity.built_in_actor(clinic_id, "system")
                self._writer.run(keep, actor, patient_id, made, operation="refresh_caseload")
        except Exception:
            # The row goes on lagging, and says so; the next write to the patient tries again.
            logger.exception("a caseload row could not be made")
        return True

    def _look(self) -> None:
        """Read on in the journals that went on; at first, look through all patients."""
        with self._engine.connect() as connection:
            clinics = identity.clinics(connection) if not self._read else list(self._ends)
        for clinic_id in clinics:
            if clinic_id not in self._read:
                self._read[clinic_id] = self._ask(clinic_id, end_of_journal)
                after: UUID | None = None
                while True:
                    found, after = self._ask(clinic_id, lagging, after)
                    self._wait_for(clinic_id, found)
                    if after is None:
                        break
            self._read_on(clinic_id)

    def _read_on(self, clinic_id: UUID) -> None:
        """Read a clinic's journal to its end. What was heard of may not be committed yet."""
        heard = self._ends.pop(clinic_id, 0)
        read = self._read[clinic_id]
        while heard > read:
            found, until = self._ask(clinic_id, written, read)
            self._wait_for(clinic_id, found)
            if until == read:
                break
            self._read[clinic_id] = read = until
        if heard > read and heard != AS_FAR_AS_IT_GOES:
            self._ends.setdefault(clinic_id, heard)

    def _wait_for(self, clinic_id: UUID, patient_ids: Sequence[UUID]) -> None:
        self._waiting |= dict.fromkeys((clinic_id, patient_id) for patient_id in patient_ids)

    def _ask(self, clinic_id: UUID, service: Any, *args: Any) -> Any:
        actor = identity.built_in_actor(clinic_id, "system")
        return self._reader.ask(service, actor, Trace("-", "GET", "refresh_caseload"), *args)

    def _run(self) -> None:
        """Work while the process is quiet: what others need of it comes first."""
        waited, looked = 0.0, 0.0
        while True:
            used, began = time.process_time(), time.monotonic()
            if self._stopping.wait(PULSE_S):
                return
            busy = time.process_time() - used > QUIET_SHARE * (time.monotonic() - began)
            if busy and waited < PATIENCE_S:
                waited += time.monotonic() - began
                continue
            waited = 0.0
            if time.monotonic() - looked > LOOK_AGAIN_S:
                looked = time.monotonic()
                self._ends |= dict.fromkeys(self._read, AS_FAR_AS_IT_GOES)
            try:
                self.step()
            except Exception:
                logger.warning("the caseload waits: no answer from the database")
                self._stopping.wait(PATIENCE_S)

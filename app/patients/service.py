"""People of the clinic, and who may see them."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, tzinfo
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, exists, literal, or_, select, tuple_, update

from app.core.actor import CLINICIANS
from app.core.answer import Answer
from app.core.db import Call, Work
from app.core.errors import AlreadyExists, Invalid, InvalidParameter, NotFound
from app.core.ids import uuid7
from app.core.pagination import Page, join, read_cursor, write_cursor
from app.core.questions import Lookup, Question
from app.journal import service as journal
from app.journal.models import Entry
from app.patients import sight
from app.patients.models import CareRelation, Identifier, Patient
from app.patients.schemas import PatientIn

TYPE = "patient"


class Person(NamedTuple):
    """What the rules need to know of a patient."""

    id: UUID
    version: int
    given: str
    family: str
    birth_date: date | None
    time_zone: str | None
    synthetic: bool

    @property
    def zone(self) -> tzinfo | None:
        """The patient's zone; None when nobody said, and then a moment's own offset decides."""
        return ZoneInfo(self.time_zone) if self.time_zone else None

    def day_of(self, moment: datetime) -> date:
        """Give the local day of a moment: in the patient's zone, else by its own offset."""
        return moment.astimezone(self.zone).date() if self.zone else moment.date()

    def begin_of(self, day: date) -> datetime:
        """Give the moment at which a day begins for the patient."""
        return datetime.combine(day, time.min, self.zone or UTC)

    def today(self, now: datetime) -> date:
        """Give the day it is for the patient."""
        return now.astimezone(self.zone or UTC).date()


_PERSON = (
    Patient.id,
    Patient.version,
    Patient.given,
    Patient.family,
    Patient.birth_date,
    Patient.time_zone,
    Patient.synthetic,
)


_PEOPLE = Lookup(Patient, (Patient.clinic_id, *_PERSON), Patient.id)
_RELATIONS = Lookup(
    CareRelation,
    (CareRelation.clinic_id, CareRelation.patient_id, CareRelation.user_id),
    CareRelation.patient_id,
)


def recall(works: Sequence[tuple[Call, Work]]) -> Iterator[Question]:
    """Ask once for the patients of a batch and the care relations with them."""
    about = [(call.patient_id, work) for call, work in works if call.patient_id is not None]
    ids = {patient_id for patient_id, _ in about}

    def learn_people(rows: list[list[Any]]) -> None:
        people = {(row[0], row[1]): row[1:] for row in rows}
        for patient_id, work in about:
            row = people.get((str(work.actor.clinic_id), str(patient_id)))
            work.memory["person", patient_id] = _person(patient_id, row) if row else None

    def learn_relations(rows: list[list[Any]]) -> None:
        relations = {tuple(row) for row in rows}
        for patient_id, work in about:
            actor = work.actor
            relation = (str(actor.clinic_id), str(patient_id), str(actor.user_id))
            work.memory["cares", patient_id, actor.user_id] = relation in relations

    if about:
        yield Question(_PEOPLE, ids, learn_people)
        yield Question(_RELATIONS, ids, learn_relations)


def _person(patient_id: UUID, row: Sequence[Any]) -> Person:
    """Read a person from JSON values: days are text there, SQLite's booleans 0 and 1."""
    _id, version, given, family, birth_date, time_zone, synthetic = row
    born = date.fromisoformat(birth_date) if birth_date else None
    return Person(patient_id, version, given, family, born, time_zone, bool(synthetic))


def get(work: Work, patient_id: UUID) -> Person:
    """Give a patient whom this caller may see.

    Raises:
        NotFound: absent, of another clinic, or without a care relation: the same answer.
    """

    if ("person", patient_id) not in work.memory:
        _ask(work, patient_id)
    person: Person | None = work.memory["person", patient_id]
    # Asked of an absent one too: how long a refusal takes must not tell which of both it is.
    if not sight.may_see(work, patient_id) or person is None:
        raise NotFound()
    sight.note_disclosure(work, patient_id)
    return person


def _ask(work: Work, patient_id: UUID) -> None:
    """Learn a patient, and whether the caller cares for them, at once."""
    user_id = work.actor.user_id
    cares = exists().where(CareRelation.patient_id == Patient.id, CareRelation.user_id == user_id)
    row = work.first(select(*_PERSON, cares).where(Patient.id == patient_id))
    work.memory["person", patient_id] = Person(*row[:-1]) if row else None
    work.memory["cares", patient_id, user_id] = bool(row and row[-1])


def responsible(work: Work, patient_id: UUID) -> UUID | None:
    """Give who has cared longest for a patient; None where nobody does."""
    found: UUID | None = work.first(
        select(CareRelation.user_id)
        .where(CareRelation.patient_id == patient_id)
        .order_by(CareRelation.since, CareRelation.user_id)
    )
    return found


def cared_for_by(user_id: UUID) -> Select[UUID]:
    """Ask, inside another question, for the patients with whom a user has a care relation."""
    return select(CareRelation.patient_id).where(CareRelation.user_id == user_id)


def is_known(work: Work, patient_id: UUID) -> bool:
    """Say whether the clinic has this patient, whoever may see the record."""
    return work.first(select(Patient.id).where(Patient.id == patient_id)) is not None


def forget(work: Work, patient_id: UUID) -> None:
    """Take away who a patient is; the row stays, since much points at it."""
    work.change_where(
        update(Patient)
        .where(Patient.id == patient_id)
        .values(version=Patient.version + 1, given="", family="", birth_date=None, time_zone=None)
    )


def register(work: Work, data: PatientIn, care_team: Sequence[UUID] | None = None) -> Answer:
    """Add a person; whoever adds one has the care relation, or those whom an import names.

    Raises:
        AlreadyExists: the id, or one of the identifiers, is taken.
    """
    patient_id = data.id or uuid7()
    if (known := journal.sent_before(work, TYPE, patient_id, data)) is not None:
        return known
    for one in data.identifiers:
        if find_by_identifier(work, one.system, one.value):
            raise AlreadyExists("an identifier is taken", pointer="/identifiers")
    work.add(Patient, id=patient_id, version=1, synthetic=data.synthetic, **_columns(data))
    _identify(work, patient_id, data)
    for user_id in (work.actor.user_id,) if care_team is None else care_team:
        work.add(CareRelation, patient_id=patient_id, user_id=user_id, since=work.now)
    # An import goes on with this person in the same call.
    work.memory["person", patient_id] = Person(
        patient_id, version=1, synthetic=data.synthetic, **_columns(data)
    )
    return journal.record(
        work, TYPE, "created", record_id=patient_id, patient_id=patient_id, version=1, data=data
    )


def _columns(data: PatientIn) -> dict[str, Any]:
    return {
        "given": data.name.given,
        "family": data.name.family,
        "birth_date": data.birth_date,
        "time_zone": data.time_zone,
    }


def _identify(work: Work, patient_id: UUID, data: PatientIn) -> None:
    for one in data.identifiers:
        work.add(Identifier, system=one.system, value=one.value, patient_id=patient_id)


def show(work: Work, patient_id: UUID) -> Answer:
    """Give one patient."""
    get(work, patient_id)
    return journal.show(work, TYPE, patient_id, patient_id)


def history(work: Work, patient_id: UUID) -> Answer:
    """Give every version of a patient's own record."""
    get(work, patient_id)
    return journal.history(work, TYPE, patient_id, patient_id)


def correct(
    work: Work, patient_id: UUID, patch: dict[str, Any], versions: frozenset[int] | None
) -> Answer:
    """Change what is known of a person, by a merge patch on the version that was read.

    Raises:
        PreconditionRequired, StaleVersion: no version named, or an old one.
        Invalid: the identifiers are not changed this way.
    """
    person = get(work, patient_id)
    journal.require_version(person.version, versions)
    row = work.first(select(Patient).where(Patient.id == patient_id))
    reason = patch.pop("change_reason", None)
    data = journal.patched(work, PatientIn, patient_id, person.version, patch)
    known = journal.body_at(work, patient_id, person.version).get("identifiers", [])
    if [one.model_dump() for one in data.identifiers] != known:
        raise Invalid("identifiers stay as they were registered", pointer="/identifiers")
    assert isinstance(row, Patient)
    work.change(row, version=person.version + 1, **_columns(data))
    return journal.record(
        work,
        TYPE,
        "corrected",
        record_id=patient_id,
        patient_id=patient_id,
        version=person.version + 1,
        data=data,
        derived={"change_reason": reason} if reason else None,
        status="corrected",
    )


def find_by_identifier(work: Work, system: str | None, value: str) -> list[UUID]:
    """Give the ids of the patients who carry an identifier, whatever the caller may see."""
    statement = select(Identifier.patient_id).where(Identifier.value == value)
    if system is not None:
        statement = statement.where(Identifier.system == system)
    return list(work.all(statement.distinct()))


def identifier_systems(work: Work) -> list[str]:
    """Give the systems of identifiers that the clinic uses."""
    return list(work.all(select(Identifier.system).distinct().order_by(Identifier.system)))


def search(
    work: Work,
    identifier: str | None,
    name: str | None,
    birth_date: date | None,
    page: Page,
    secret: bytes,
) -> Answer:
    """Find the caller's patients by `[system|]value`, by a part of a name, by birth date.

    One page by family and given name; without any criterion, of all of them. Who was erased is
    left out. A cursor holds no name: where its page ended is read from the version listed there.

    Raises:
        InvalidParameter: no identifier.
        InvalidCursor: of other criteria, or none of ours.
    """
    order = (Patient.family, Patient.given, Patient.id)
    statement = (
        select(Entry.answer, Patient.id, Patient.version)
        .join(
            Entry,
            (Entry.clinic_id == Patient.clinic_id)
            & (Entry.record_id == Patient.id)
            & (Entry.version == Patient.version),
        )
        .where(Entry.answer.is_not(None), *_criteria(work, identifier, name, birth_date))
        .order_by(*order)
        .limit(page.limit + 1)
    )
    asked = repr((identifier, name, birth_date)).encode()
    list_name = f"patients {sha256(asked).hexdigest()}"
    if page.cursor:
        last_id, version = read_cursor(secret, list_name, page.cursor)
        said = journal.body_at(work, UUID(last_id), int(version))["name"]
        ended = (said["family"], said["given"], UUID(last_id))
        position = [literal(value, one.type) for value, one in zip(ended, order, strict=True)]
        statement = statement.where(tuple_(*order) > tuple_(*position))
    rows = work.all(statement)
    cursor = None
    if len(rows) > page.limit:
        rows = rows[: page.limit]
        cursor = write_cursor(secret, list_name, str(rows[-1].id), str(rows[-1].version))
    return join([row.answer for row in rows], cursor)


def _criteria(
    work: Work, identifier: str | None, name: str | None, birth_date: date | None
) -> Iterator[ColumnElement[bool]]:
    """Keep to whom the caller may see, and to what is looked for."""
    actor = work.actor
    if actor.role in CLINICIANS:
        yield Patient.id.in_(cared_for_by(actor.user_id))
    elif actor.patient_id is not None:
        yield Patient.id == actor.patient_id
    if identifier is not None:
        system, bar, value = identifier.rpartition("|")
        if not value:
            raise InvalidParameter("[system|]value", pointer="/query/identifier")
        yield Patient.id.in_(find_by_identifier(work, system if bar else None, value))
    if name is not None:
        part = "%" + name.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        yield or_(Patient.family.ilike(part, escape="\\"), Patient.given.ilike(part, escape="\\"))
    if birth_date is not None:
        yield Patient.birth_date == birth_date


def banner(person: Person) -> dict[str, Any]:
    """Say whose record it is, in every answer to a clinician (hazard H3)."""
    year = person.birth_date.year if person.birth_date else None
    return {
        "id": str(person.id),
        "name": f"{person.given} {person.family}",
        "birth_year": year,
        "synthetic": person.synthetic,
    }

"""What a clinic adds to the reference for itself: one mechanism, whatever the kind of entry.

An entry is asked for by the rooms that use its kind, once in a transaction and only where one
does. It stands beside the house's entries and replaces none of them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid5

import orjson
from sqlalchemy import select

from app.clinical import interaction_rules, monitoring_schedules, terms
from app.clinical.interaction_rules import Compiled
from app.clinical.medications import Substance, substances
from app.clinical.monitoring_schedules import Schedule
from app.clinical.terms import Term
from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import AlreadyExists, Fault, Invalid, NotFound
from app.core.wire import Identified
from app.journal import service as journal
from app.measurements.models import OwnEntry

B = TypeVar("B", bound=Identified)
MOST_ENTRIES = 500
"""Entries of one kind in one clinic: each is read wherever its kind is asked for."""
VERIFIED = "by the clinic"


@dataclass(frozen=True, slots=True)
class Kind(Generic[B]):
    """One kind of entry: its name in the path, its body, whose `code` is its key, and its rules."""

    name: str
    record_type: str
    """Its name in the journal."""
    body: type[B]
    is_house: Callable[[str], bool]
    """Say whether an entry of the house has this code."""
    faults: Callable[[Work, B], Iterable[Fault]]
    derived: Callable[[B], Mapping[str, Any]]
    """What an answer says beside the body."""
    definition: Callable[[B], dict[str, Any]]
    """Write the entry as it is kept: for most kinds as the house's file would."""


def register(work: Work, kind: Kind[B], data: B) -> Answer:
    """Add an entry; the same code and content again gives the one that is there.

    Raises:
        AlreadyExists: the code is the house's, or taken by another definition.
        Invalid: it breaks a rule of its kind, or there are too many.
    """
    code = _code(data)
    if kind.is_house(code):
        raise AlreadyExists("an entry of the house", pointer="/code")
    known = journal.sent_before(work, kind.record_type, None, data, _record_id(work, kind, code))
    if known is not None:
        return known
    if len(entries(work, kind.name)) >= MOST_ENTRIES:
        raise Invalid(f"at most {MOST_ENTRIES} entries of a kind", pointer="/code")
    answer = _define(work, kind, data, 1)
    work.put_rows(
        OwnEntry,
        [{"kind": kind.name, "code": code, "version": 1, "definition": kind.definition(data)}],
    )
    return answer


def redefine(
    work: Work, kind: Kind[B], code: str, patch: Mapping[str, Any], named: frozenset[int] | None
) -> Answer:
    """Change an entry; the versions before stay in the journal.

    Raises:
        NotFound: the clinic has added no such code.
        PreconditionRequired, StaleVersion: no version named, or an old one.
        Invalid: it breaks a rule of its kind, or has another code.
    """
    row = _row(work, kind, code)
    journal.require_version(row.version, named)
    record_id = _record_id(work, kind, code)
    data = journal.patched(work, kind.body, record_id, row.version, patch)
    if _code(data) != code:
        raise Invalid("a code is never given to another entry", pointer="/code")
    answer = _define(work, kind, data, row.version + 1)
    work.change(row, version=row.version + 1, definition=kind.definition(data))
    return answer


def show(work: Work, kind: Kind[Any], code: str) -> Answer:
    """Give one entry of the clinic's as it is now.

    Raises:
        NotFound: the clinic has added no such code.
    """
    _row(work, kind, code)
    return journal.show(work, kind.record_type, None, _record_id(work, kind, code))


def entries(work: Work, kind: str) -> Mapping[str, Mapping[str, Any]]:
    """Give the clinic's definitions of a kind by code, each with its `version`."""

    def ask() -> dict[str, Mapping[str, Any]]:
        rows = work.all(select(OwnEntry).where(OwnEntry.kind == kind).order_by(OwnEntry.code))
        return {row.code: {**row.definition, "version": row.version} for row in rows}

    return work.remember(("own entries", kind), ask)


def _define(work: Work, kind: Kind[B], data: B, version: int) -> Answer:
    if faults := list(kind.faults(work, data)):
        raise Invalid(faults=faults)
    return journal.record(
        work,
        kind.record_type,
        "created" if version == 1 else "corrected",
        record_id=_record_id(work, kind, _code(data)),
        patient_id=None,
        version=version,
        data=data,
        derived={**kind.derived(data), "origin": "clinic"},
        status="active" if version == 1 else "corrected",
    )


def _code(data: Identified) -> str:
    code: str = getattr(data, data.natural_key or "")
    return code


def _record_id(work: Work, kind: Kind[Any], code: str) -> UUID:
    # The first kind there was is `medication`: its records keep their ids.
    return uuid5(work.actor.clinic_id, f"{kind.record_type.removeprefix('reference_')}:{code}")


def _row(work: Work, kind: Kind[Any], code: str) -> OwnEntry:
    row = work.first(select(OwnEntry).where(OwnEntry.kind == kind.name, OwnEntry.code == code))
    if not isinstance(row, OwnEntry):
        raise NotFound()
    return row


# ---- as the rooms use them


def rules(work: Work, listed: Iterable[Substance] = ()) -> Compiled | None:
    """Give the clinic's interaction rules, made ready; None where it has none.

    listed: the substances of the list; a rule may name a medicine that the clinic added.
    """
    held = entries(work, "interactions")
    if not held:
        return None
    text = orjson.dumps(list(held.values()))
    mine = {one.reference_id: one for one in listed if one.is_of_clinic}
    return _compiled(text, (*substances(), *mine.values())) if mine else _of_house(text)


@lru_cache(maxsize=128)
def _of_house(text: bytes) -> Compiled:
    """Hold each rule against the house's substances once; it is asked at every review."""
    return _compiled(text, substances())


def _compiled(text: bytes, known: tuple[Substance, ...]) -> Compiled:
    return interaction_rules.indexed(
        interaction_rules.read_rule(raw, known, "clinic") for raw in orjson.loads(text)
    )


def schedules(work: Work) -> tuple[Schedule, ...]:
    """Give the clinic's monitoring schedules."""
    held = entries(work, "monitoring").values()
    return tuple(monitoring_schedules.read_schedule(raw, origin="clinic") for raw in held)


def vocabulary(work: Work) -> Mapping[str, Term]:
    """Give the clinic's side-effect terms by id."""
    held = entries(work, "side_effects")
    return {
        code: terms.read_term(raw, raw["synonyms"], origin="clinic") for code, raw in held.items()
    }


def term(work: Work, term_id: str) -> Term | None:
    """Give a term of the house, else of the clinic; None for another, and for `other`."""
    return terms.find(term_id) or (
        None if term_id == terms.OTHER else vocabulary(work).get(term_id)
    )

"""What was told of a person that a rule may ask for, by day and journal: pregnancy, smoking,
and whether thoughts of suicide were asked about.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import select, update

from app.core.db import Work
from app.patients.models import PatientFact
from app.patients.service import Person


class ToldFacts(NamedTuple):
    """Facts that one record tells of a day, in the words of the contract's enumerations."""

    record_id: UUID
    facts: Mapping[str, str]
    on: date


def keep_facts(
    work: Work,
    person: Person,
    record_id: UUID,
    sequence: int,
    facts: Mapping[str, str],
    on: date,
) -> None:
    """Assert what a record tells at a journal sequence; its earlier versions are taken back.

    facts: `{"pregnancy": "not_pregnant", "smoking": "never"}`; what was not asked is absent.
    on: the day of which it is true.
    """
    retract_facts(work, person, record_id, sequence)
    work.put_rows(
        PatientFact,
        [
            {
                "patient_id": person.id,
                "fact": fact,
                "day": on,
                "record_id": record_id,
                "asserted": sequence,
                "retracted": None,
                "value": value,
            }
            for fact, value in facts.items()
        ],
    )


def retract_facts(work: Work, person: Person, record_id: UUID, sequence: int) -> None:
    """Take back what a record told, from this journal sequence on."""
    work.change_where(
        update(PatientFact)
        .where(
            PatientFact.patient_id == person.id,
            PatientFact.record_id == record_id,
            PatientFact.retracted.is_(None),
            PatientFact.asserted < sequence,
        )
        .values(retracted=sequence)
    )


def told(
    work: Work, patient_id: UUID, on: date, ahead: Sequence[ToldFacts] = ()
) -> dict[str, list[tuple[date, str]]]:
    """Give each fact as it was told up to a day, oldest first: `{"smoking": [(day, value)]}`.

    ahead: what this call is about to assert, for no query sees it yet; it stands in for all
        that its record told before.
    """
    rows = work.all(
        select(PatientFact.fact, PatientFact.day, PatientFact.value, PatientFact.record_id)
        .where(PatientFact.patient_id == patient_id, PatientFact.retracted.is_(None))
        .order_by(PatientFact.day, PatientFact.asserted)
    )
    again = {one.record_id for one in ahead}
    said = [(row.day, row.fact, row.value) for row in rows if row.record_id not in again]
    said += [(one.on, fact, value) for one in ahead for fact, value in one.facts.items()]
    found: dict[str, list[tuple[date, str]]] = {}
    for day, fact, value in sorted(said, key=lambda one: one[0]):
        if day <= on:
            found.setdefault(fact, []).append((day, value))
    return found


def last(work: Work, patient_id: UUID, fact: str) -> Any:
    """Give `day`, `value` and `record_id` of the newest time a fact was told; None for never."""
    return work.first(
        select(PatientFact.day, PatientFact.value, PatientFact.record_id)
        .where(
            PatientFact.patient_id == patient_id,
            PatientFact.fact == fact,
            PatientFact.retracted.is_(None),
        )
        .order_by(PatientFact.day.desc(), PatientFact.asserted.desc())
    )


def known(work: Work, patient_id: UUID, on: date) -> Mapping[str, str]:
    """Give the latest value of each fact by day; what nobody told is absent."""
    return {fact: said[-1][1] for fact, said in told(work, patient_id, on).items()}

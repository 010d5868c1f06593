"""Adds the clinic to every ORM statement of our Session; no clinic, no rows.

The idea is SQLAlchemy's `with_loader_criteria`: the filter is part of the statement before
it is compiled, for joins and subqueries too, so no query can forget it. In the same way what a
caller must not know of is kept out of every question of theirs (docs/decisions/0008). On
PostgreSQL the database holds each transaction to its clinics too: the second wall.
"""

from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, event, func, or_, select
from sqlalchemy.orm import Mapper, ORMExecuteState, Session, with_loader_criteria
from sqlalchemy.sql.base import ExecutableOption

from app.core.base import Base, Owned, Record

CLINICS = "titrate_clinics"
HIDDEN = "titrate_hidden"
LINKS = ("record_id", "medication_id")
"""Columns by which a row belongs to a record: what is said of a sealed one is sealed with it."""
OPEN_TO = "app.clinics"
"""PostgreSQL's setting that the policies of row-level security read, a list of ids."""


class ClinicUnset(RuntimeError):
    """A statement on clinic data without a clinic: a bug of ours, never an empty answer."""


def of_clinics(*clinic_ids: UUID, hidden: Select[UUID] | None = None) -> dict[str, Any]:
    """Make the execution options that name the clinics a statement may see.

    hidden: asks for the ids of records that it may not see, whichever table tells of them.
    """
    return {CLINICS: clinic_ids} if hidden is None else {CLINICS: clinic_ids, HIDDEN: hidden}


def open_to(connection: Connection, *clinic_ids: UUID) -> None:
    """Open this transaction to the rows of some clinics, where the database asks for it."""
    if connection.dialect.name == "postgresql":
        told = ",".join(map(str, clinic_ids))
        connection.execute(select(func.set_config(OPEN_TO, told, True)))


@event.listens_for(Session, "do_orm_execute")
def _keep_to_the_clinic(state: ORMExecuteState) -> None:
    clinics: tuple[UUID, ...] | None = state.execution_options.get(CLINICS)
    if not clinics:
        raise ClinicUnset("name the clinic of this statement")
    if len(clinics) == 1:
        clinic_id = clinics[0]
        criteria = with_loader_criteria(
            Owned, lambda row: row.clinic_id == clinic_id, include_aliases=True
        )
    else:
        criteria = with_loader_criteria(
            Owned, lambda row: row.clinic_id.in_(clinics), include_aliases=True
        )
    state.statement = state.statement.options(criteria)
    hidden: Select[UUID] | None = state.execution_options.get(HIDDEN)
    if hidden is not None:
        state.statement = state.statement.options(*_without(hidden))


def _without(hidden: Select[UUID]) -> list[ExecutableOption]:
    """Leave out, in each table, the rows of hidden records."""
    options: list[ExecutableOption] = []
    for model, name in _told_of_records():
        column = getattr(model, name)
        shown = column.not_in(hidden)
        if column.nullable:
            shown = or_(column.is_(None), shown)
        options.append(with_loader_criteria(model, shown, include_aliases=True))
    return options


@cache
def _told_of_records() -> tuple[tuple[type[Any], str], ...]:
    """Give each model and column by which a row tells of a record."""
    found = []
    mappers: list[Mapper[Any]] = sorted(Base.registry.mappers, key=lambda one: one.class_.__name__)
    for mapper in mappers:
        if getattr(mapper.class_, "names_sealed", False):
            continue
        links = [name for name in LINKS if name in mapper.columns]
        if issubclass(mapper.class_, Record):
            links.append("id")
        found += [(mapper.class_, name) for name in links]
    return tuple(found)

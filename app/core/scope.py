"""Adds the clinic to every ORM statement of our Session; no clinic, no rows.

The idea is SQLAlchemy's `with_loader_criteria`: the filter is part of the statement before
it is compiled, for joins and subqueries too, so no query can forget it.
"""

from uuid import UUID

from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria

from app.core.base import Owned

CLINICS = "titrate_clinics"


class ClinicUnset(RuntimeError):
    """A statement on clinic data without a clinic: a bug of ours, never an empty answer."""


def of_clinics(*clinic_ids: UUID) -> dict[str, tuple[UUID, ...]]:
    """Make the execution options that name the clinics a statement may see."""
    return {CLINICS: clinic_ids}


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

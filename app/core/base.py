"""The declarative base, constraint names, and what every row of a clinic shares."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.core.types import Document, Exact, Id, UtcDateTime


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        UUID: Id,
        datetime: UtcDateTime,
        Decimal: Exact,
        dict[str, Any]: Document,
    }


class Owned:
    """A row that belongs to one clinic; `core.scope` filters every question by it.

    The type is named on the column: without it the filter on this mixin would bind the
    value as another type and hide every row.
    """

    clinic_id: Mapped[UUID] = mapped_column(Id, primary_key=True, sort_order=-2)


class Record(Owned):
    """The current state of one record of a patient. All versions stand in the journal."""

    id: Mapped[UUID] = mapped_column(Id, primary_key=True, sort_order=-1)
    patient_id: Mapped[UUID] = mapped_column(Id)
    version: Mapped[int]
    status: Mapped[str] = mapped_column(String(20))
    """active, corrected or entered_in_error."""

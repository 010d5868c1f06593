"""Is it working: the patient's own numbers over time, by the same function as the prescriber's."""

from dataclasses import replace
from uuid import UUID

from app.core.answer import Answer
from app.core.db import Work
from app.trends import service as trends
from app.trends.params import Asked

PARTS = ("measures", "medications")


def show(work: Work, patient_id: UUID, asked: Asked) -> Answer:
    """Give own numbers and one plain sentence a scale: no flag, no advice, no words of risk.

    Raises:
        NotFound, InvalidParameter, TooManyPoints: see `trends.read`.
    """
    parts = tuple(part for part in asked.parts if part in PARTS) or PARTS
    return trends.read(work, patient_id, replace(asked, audience="patient", parts=parts))

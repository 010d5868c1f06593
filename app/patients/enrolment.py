"""Joins phones to a patient: codes for the patient and for named proxies, and their devices."""

from typing import Literal, Self
from uuid import UUID

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from app.core.answer import Answer
from app.core.db import Work
from app.core.wire import Line, Wire
from app.identity import devices
from app.patients import service as patients


class CodeIn(Wire):
    """For whom the code is; a proxy has a name, by which the patient knows who reads."""

    role: Literal["patient", "proxy"] = "patient"
    name: Line | None = None

    @model_validator(mode="after")
    def _a_proxy_is_named(self) -> Self:
        if (self.role == "proxy") != (self.name is not None):
            raise PydanticCustomError("required", "a name, for a proxy alone")
        return self


def make_code(work: Work, patient_id: UUID, data: CodeIn) -> Answer:
    """Make a code, good once and for 72 hours.

    Raises:
        NotFound: no such patient for this caller.
    """
    patients.get(work, patient_id)
    return devices.make_code(work, patient_id, data.role, data.name or "patient")


def devices_of(work: Work, patient_id: UUID) -> Answer:
    """Give a patient's devices, and those of the proxies."""
    patients.get(work, patient_id)
    return devices.page(work, patient_id)


def revoke(work: Work, patient_id: UUID, device_id: UUID) -> Answer:
    """Shut one out at once."""
    patients.get(work, patient_id)
    return devices.revoke(work, patient_id, device_id)

"""Who acts, and in which request."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

Role = Literal[
    "prescriber",
    "care_team",
    "patient",
    "proxy",
    "system",
    "administrator",
    "privacy_officer",
]
CLINICIANS: frozenset[Role] = frozenset({"prescriber", "care_team"})


@dataclass(frozen=True, slots=True)
class Actor:
    """One authenticated caller. `identity` makes it; nobody else does."""

    clinic_id: UUID
    user_id: UUID
    role: Role
    client: str
    token_id: str
    patient_id: UUID | None = None
    """Set for a patient's own token: the one patient it may touch."""

    @property
    def source(self) -> str:
        """Where this caller's records come from, in the record's own words."""
        if self.role in CLINICIANS:
            return "clinician"
        return {"patient": "patient", "proxy": "patient"}.get(self.role, "ehr")


@dataclass(frozen=True, slots=True)
class Trace:
    """The request that a row of the access log belongs to; no values of any record."""

    request_id: str
    method: str
    operation: str

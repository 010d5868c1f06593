"""Who acts, and in which request."""

from dataclasses import dataclass, field
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
PART_2 = "TREAT 42CFRPart2"
"""The purpose of an access that may have shown substance-use records: the accounting of them."""
REDISCLOSURE_NOTICE = "42 CFR part 2 prohibits unauthorized use or disclosure of these records."
"""The abbreviated notice of 42 CFR 2.32(a)(2)."""
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
    """Set for a patient's own token, and a proxy's: the one patient it may touch."""
    scope: str = field(default="", compare=False)
    """What the token may do at most, in SMART v2 words; who made the token is the same without."""

    @property
    def source(self) -> str:
        """Where this caller's records come from, in the record's own words."""
        if self.role in CLINICIANS:
            return "clinician"
        return {"patient": "patient", "proxy": "patient"}.get(self.role, "ehr")


@dataclass(slots=True)
class Trace:
    """The request that a row of the access log belongs to; no values of any record."""

    request_id: str
    method: str
    operation: str
    purpose: str = "TREAT"
    """Why, in HL7's words; whoever lets the caller see a patient may find another purpose."""

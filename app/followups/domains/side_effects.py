"""Side effects: episodes, and readings of the severity of an open one."""

from collections.abc import Iterator
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from app.clinical.causality import ITEMS, Reply
from app.core.wire import (
    Between,
    Code,
    Coding,
    Day,
    Identified,
    Line,
    Note,
    OfPatient,
    OtherText,
    Wire,
)
from app.followups.domains.base import Domain, Many

Causality = Literal[
    "certain", "probable", "possible", "unlikely", "conditional", "unassessable", "other"
]
Action = Literal[
    "none",
    "watch",
    "dose_time_changed",
    "dose_lowered",
    "medicine_stopped",
    "treated",
    "referred",
    "other",
]
Seriousness = Literal[
    "death",
    "life_threatening",
    "hospital",
    "disability",
    "congenital_anomaly",
    "medically_important",
]
"""The criteria of ICH E2A; any of them makes an episode serious."""
Outcome = Literal[
    "recovered",
    "recovering",
    "not_recovered",
    "recovered_with_sequelae",
    "fatal",
    "unknown",
    "other",
]
"""As in ICH E2B(R3), E.i.7."""


class Naranjo(Wire):
    """A clinician's replies to the ten questions about one medicine; absent is not asked.

    Naranjo CA 1981, Clin Pharmacol Ther 30:239-245. The total needs all ten.
    """

    medication_id: UUID
    replies: Annotated[dict[str, Reply], Field(min_length=1, max_length=len(ITEMS))]

    @field_validator("replies")
    @classmethod
    def _of_the_ten(cls, value: dict[str, Reply]) -> dict[str, Reply]:
        if not value.keys() <= {str(item.number) for item in ITEMS}:
            raise PydanticCustomError("unknown_item", "the questions 1 to 10")
        return value


class SideEffectIn(Identified, OfPatient):
    """An episode of one side effect; inside a follow-up, without an id, one reading of it.

    severity: 0 none, 1 mild, 2 moderate, 3 severe, 4 life-threatening. frequency (0 never to
    4 almost constantly) and interference (0 not at all to 4 very much) are in the words of
    the PRO-CTCAE (Basch 2014, J Natl Cancer Inst 106:dju244). codes: of MedDRA or SNOMED CT,
    kept as sent beside the term, which is ours. causality: the category of the WHO-UMC, of
    the suspected medicines together.
    """

    term: Code
    term_text: Line | None = None
    codes: Many[Coding] = []
    severity: Annotated[int, Between(0, 4)]
    frequency: Annotated[int | None, Between(0, 4)] = None
    interference: Annotated[int | None, Between(0, 4)] = None
    onset_on: Day | None = None
    ended_on: Day | None = None
    suspected_medication_ids: Many[UUID] = []
    causality: Causality | None = None
    causality_text: OtherText = None
    naranjo: Many[Naranjo] = []
    action: Action | None = None
    action_text: OtherText = None
    serious: bool = False
    seriousness: Many[Seriousness] = []
    outcome: Outcome | None = None
    outcome_text: OtherText = None
    note: Note | None = None

    @property
    def is_serious(self) -> bool:
        return self.serious or bool(self.seriousness)

    @field_validator("naranjo")
    @classmethod
    def _once_a_medicine(cls, value: list[Naranjo]) -> list[Naranjo]:
        if len({one.medication_id for one in value}) < len(value):
            raise PydanticCustomError("duplicate", "one for each medicine")
        return value

    def named_courses(self) -> Iterator[tuple[str, list[UUID]]]:
        """Give the medicines that it names, with the member that names them."""
        if self.suspected_medication_ids:
            yield "suspected_medication_ids", self.suspected_medication_ids
        for place, one in enumerate(self.naranjo):
            yield f"naranjo/{place}/medication_id", [one.medication_id]


class SideEffects(Domain):
    """What was asked about: a term that is not listed was not asked, 0 is asked and absent."""

    episodes: Many[SideEffectIn] = []

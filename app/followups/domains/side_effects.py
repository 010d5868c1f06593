"""Side effects: episodes, and readings of the severity of an open one."""

from typing import Annotated, Literal
from uuid import UUID

from app.core.wire import Between, Code, Day, Identified, Line, Note
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


class SideEffectIn(Identified):
    """An episode of one side effect; inside a follow-up, without an id, one reading of it.

    severity: 0 none, 1 mild, 2 moderate, 3 severe, 4 life-threatening. frequency (0 never to
    4 almost constantly) and interference (0 not at all to 4 very much) are in the words of
    the PRO-CTCAE (Basch 2014, J Natl Cancer Inst 106:dju244).
    """

    term: Code
    term_text: Line | None = None
    severity: Annotated[int, Between(0, 4)]
    frequency: Annotated[int | None, Between(0, 4)] = None
    interference: Annotated[int | None, Between(0, 4)] = None
    onset_on: Day | None = None
    ended_on: Day | None = None
    suspected_medication_ids: Many[UUID] = []
    causality: Causality | None = None
    causality_text: Line | None = None
    action: Action | None = None
    action_text: Line | None = None
    serious: bool = False
    note: Note | None = None


class SideEffects(Domain):
    """What was asked about: a term that is not listed was not asked, 0 is asked and absent."""

    episodes: Many[SideEffectIn] = []

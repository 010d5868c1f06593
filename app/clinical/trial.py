"""Was a treatment given a fair trial: enough of it, for long enough, taken?"""

from dataclasses import dataclass
from typing import Literal

Fair = Literal["yes", "no", "cannot_say"]

ADEQUATE_WEEKS = 4
"""Weeks at an adequate dose for a trial to count (Antidepressant Treatment History Form, Sackeim
2001, J Clin Psychiatry 62 Suppl 16:10-17; from memory, verified: memory)."""
ADEQUATE_SHARE = 0.80
"""Share taken, the convention of the Pharmacy Quality Alliance for a covered period."""


@dataclass(frozen=True, slots=True)
class FairTrial:
    """The verdict and what it rests on: codes of what was not enough, and of what is not known."""

    fair: Fair
    not_enough: tuple[str, ...]
    missing: tuple[str, ...]


def fair_trial(
    *,
    weeks_at_or_above_minimum: float | None,
    taken_share: float | None,
    adherence_word: str | None = None,
) -> FairTrial:
    """Judge one trial.

    weeks_at_or_above_minimum: None where the dose or the least effective dose is not known.
    taken_share: 0 to 1, None where nobody recorded it. adherence_word: what the patient recalls of
    an earlier trial (good, partial, poor, unknown); it counts where there is no share.

    What falls short makes it unfair even where the rest is not known; otherwise anything unknown
    leaves it open. A medicine is never called failed on a trial that was not fair.
    """
    not_enough, missing = [], []
    if weeks_at_or_above_minimum is None:
        missing.append("DOSE_OR_DURATION_UNKNOWN")
    elif weeks_at_or_above_minimum < ADEQUATE_WEEKS:
        not_enough.append("TOO_SHORT_AT_ADEQUATE_DOSE")
    if taken_share is not None:
        if taken_share < ADEQUATE_SHARE:
            not_enough.append("NOT_TAKEN_ENOUGH")
    elif adherence_word in ("partial", "poor"):
        not_enough.append("NOT_TAKEN_ENOUGH")
    elif adherence_word != "good":
        missing.append("ADHERENCE_UNKNOWN")
    fair: Fair = "no" if not_enough else "cannot_say" if missing else "yes"
    return FairTrial(fair, tuple(not_enough), tuple(missing))

"""The options that stand open at a visit, each with what speaks for and against it.

Rules A to C of the decision rules. A list, never an order: nothing is ranked, going on unchanged
is always among them, and what cannot be judged is listed with what is missing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

OPTIONS = (
    "go_on_unchanged",
    "look_again",
    "ask_about_adherence",
    "treat_side_effect",
    "check_interaction_or_lab",
    "raise_within_range",
    "lower",
    "switch",
    "augment_or_combine",
    "add_or_change_therapy",
    "review_diagnosis",
    "seek_consultation",
    "plan_taper",
)
"""The closed list, in the order in which it is answered."""

ADEQUATE_SHARE = 0.80
ADDRESS_BURDEN, LOWER_BURDEN = 3, 5
JUDGED_FROM_WEEKS = 4
ADEQUATE_WEEKS = 4
THERAPY_JUDGED_SESSIONS = 8
CONSULT_AFTER_TRIALS, CONSULT_AFTER_WEEKS = 2, 20
KEEP_AFTER_REMISSION_DAYS = 182
PARTIAL, HALF = 25.0, 50.0


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known at the visit; None is not known, and is then named where a rule needs it.

    improvement_percent: of the primary symptom scale from its baseline. weeks_on_dose: since the
    start or the last raise. weeks_adequate: at or above the least effective dose. dose_room: the
    dose is below the reference's ceiling. fibser_burden: item 3, 0 to 6. worst_side_effect:
    0 to 4, newest ratings. fair_trials: without remission. weeks_treated: since the first start.
    """

    measure: str | None = None
    status: str | None = None
    decision: str | None = None
    improvement_percent: float | None = None
    response: bool | None = None
    remission: bool | None = None
    remission_days: int | None = None
    weeks_on_dose: float | None = None
    weeks_adequate: float | None = None
    weeks_treated: float | None = None
    dose_room: bool | None = None
    taken_share: float | None = None
    discrepancy: str | None = None
    fibser_burden: float | None = None
    worst_side_effect: float | None = None
    open_interactions: Sequence[str] = ()
    overdue_labs: Sequence[str] = ()
    therapy_planned: bool | None = None
    therapy_sessions: int = 0
    fair_trials: int = 0
    risk_open: bool = False
    opposite_pole: bool = False
    next_look_on: date | None = None
    medicine: str | None = None


@dataclass(frozen=True, slots=True)
class Option:
    """One option. Codes name facts, not advice; missing: what would be needed to judge it."""

    option: str
    reasons_for: tuple[str, ...]
    reasons_against: tuple[str, ...]
    missing: tuple[str, ...]
    basis: str
    on: date | None = None


def options(facts: Facts) -> list[Option]:
    """List the options whose condition holds, or cannot be judged, in the closed order."""
    found = []
    for name in OPTIONS:
        one = _RULES[name](facts)
        if one is not None:
            found.append(one)
    return found


def _go_on(facts: Facts) -> Option:
    good = []
    if facts.decision == "on_track":
        good.append("ON_TRACK")
    if facts.remission:
        good.append("REMISSION")
    elif facts.response:
        good.append("RESPONSE")
    if facts.status == "improving":
        good.append("IMPROVING")
    if facts.weeks_on_dose is not None and facts.weeks_on_dose < JUDGED_FROM_WEEKS:
        good.append("EARLY_AT_THIS_DOSE")
    return Option("go_on_unchanged", tuple(good), _against_going_on(facts), (), "A")


def _against_going_on(facts: Facts) -> tuple[str, ...]:
    bad = []
    if facts.decision == "not_on_track":
        bad.append("NOT_ON_TRACK")
    if facts.status == "worsening":
        bad.append("WORSENING")
    if _not_tolerated(facts):
        bad.append("BURDEN_OF_SIDE_EFFECTS")
    if facts.open_interactions:
        bad.append("INTERACTION_OPEN")
    if facts.risk_open:
        bad.append("RISK_OPEN")
    return tuple(bad)


def _look_again(facts: Facts) -> Option | None:
    reasons = []
    if facts.decision in ("due", "missed"):
        reasons.append(f"DECISION_POINT_{facts.decision.upper()}")
    if facts.status in (None, "insufficient_data", "stale"):
        reasons.append("TOO_LITTLE_DATA")
    if facts.weeks_on_dose is not None and facts.weeks_on_dose < JUDGED_FROM_WEEKS:
        reasons.append("EARLY_AT_THIS_DOSE")
    if not reasons and facts.next_look_on is None:
        return None
    return Option("look_again", tuple(reasons), (), (), "A", facts.next_look_on)


def _ask_adherence(facts: Facts) -> Option | None:
    if facts.discrepancy is not None:
        return Option("ask_about_adherence", ("ORDERED_AND_TAKEN_DIFFER",), (), (), "C")
    if facts.taken_share is None:
        if facts.medicine is None:
            return None
        return Option("ask_about_adherence", (), (), ("ADHERENCE",), "C")
    if facts.taken_share >= ADEQUATE_SHARE:
        return None
    return Option("ask_about_adherence", ("TAKEN_BELOW_80_PERCENT",), (), (), "C")


def _treat_side_effect(facts: Facts) -> Option | None:
    reasons = []
    if facts.fibser_burden is not None and facts.fibser_burden >= ADDRESS_BURDEN:
        reasons.append("FIBSER_3_OR_MORE")
    if facts.worst_side_effect is not None and facts.worst_side_effect >= 2:
        reasons.append("SIDE_EFFECT_MODERATE_OR_WORSE")
    return Option("treat_side_effect", tuple(reasons), (), (), "C") if reasons else None


def _check_lab(facts: Facts) -> Option | None:
    reasons = ["INTERACTION_OPEN"] * bool(facts.open_interactions)
    reasons += ["MONITORING_OVERDUE"] * bool(facts.overdue_labs)
    return Option("check_interaction_or_lab", tuple(reasons), (), (), "E") if reasons else None


def _raise(facts: Facts) -> Option | None:
    judged = _too_little_response(facts)
    if judged is None or not judged[0]:
        return None if judged is not None else _unjudged("raise_within_range", facts)
    if facts.dose_room is False:
        return None
    missing = () if facts.dose_room else ("DOSE_OR_CEILING",)
    against = ["BURDEN_OF_SIDE_EFFECTS"] * _not_tolerated(facts)
    against += ["TAKEN_BELOW_80_PERCENT"] * _not_taken(facts)
    return Option("raise_within_range", judged[1], tuple(against), missing, "A")


def _lower(facts: Facts) -> Option | None:
    if not _not_tolerated(facts):
        return None
    against = ["RESPONSE"] * bool(facts.response or facts.remission)
    return Option("lower", ("BURDEN_OF_SIDE_EFFECTS",), tuple(against), (), "C")


def _switch(facts: Facts) -> Option | None:
    if _not_tolerated(facts):
        return Option("switch", ("BURDEN_OF_SIDE_EFFECTS",), (), (), "C")
    judged = _too_little_response(facts)
    if judged is None:
        return _unjudged("switch", facts)
    improved = facts.improvement_percent
    if not judged[0] or (improved is not None and improved >= PARTIAL):
        return None
    against, missing = _against_change(facts)
    return Option("switch", judged[1], against, missing, "A")


def _augment(facts: Facts) -> Option | None:
    judged = _too_little_response(facts)
    improved = facts.improvement_percent
    if judged is None or not judged[0] or improved is None or improved < PARTIAL:
        return None
    against, missing = _against_change(facts)
    return Option("augment_or_combine", ("PARTIAL_RESPONSE",), against, missing, "A")


def _therapy(facts: Facts) -> Option | None:
    if facts.remission:
        return None
    if facts.therapy_planned is False and not facts.therapy_sessions:
        return Option("add_or_change_therapy", ("NO_THERAPY_BESIDE",), (), (), "A")
    judged = _too_little_response(facts)
    if facts.therapy_sessions >= THERAPY_JUDGED_SESSIONS and judged and judged[0]:
        return Option("add_or_change_therapy", ("EIGHT_SESSIONS_WITHOUT_RESPONSE",), (), (), "A")
    return None


def _diagnosis(facts: Facts) -> Option | None:
    reasons = ["OPPOSITE_POLE"] * facts.opposite_pole
    reasons += ["TWO_FAIR_TRIALS"] * (facts.fair_trials >= CONSULT_AFTER_TRIALS)
    return Option("review_diagnosis", tuple(reasons), (), (), "A") if reasons else None


def _consult(facts: Facts) -> Option | None:
    if facts.remission:
        return None
    reasons = ["TWO_FAIR_TRIALS"] * (facts.fair_trials >= CONSULT_AFTER_TRIALS)
    long = facts.weeks_treated is not None and facts.weeks_treated >= CONSULT_AFTER_WEEKS
    reasons += ["TWENTY_WEEKS_WITHOUT_REMISSION"] * (long and facts.remission is False)
    return Option("seek_consultation", tuple(reasons), (), (), "A") if reasons else None


def _taper(facts: Facts) -> Option | None:
    days = facts.remission_days
    if not facts.remission or days is None or days < KEEP_AFTER_REMISSION_DAYS:
        return None
    against = ["TWO_FAIR_TRIALS"] * (facts.fair_trials >= CONSULT_AFTER_TRIALS)
    return Option("plan_taper", ("SIX_MONTHS_IN_REMISSION",), tuple(against), (), "A")


def _too_little_response(facts: Facts) -> tuple[bool, tuple[str, ...]] | None:
    """Say whether four weeks at this dose brought less than half; None: not to be judged."""
    if facts.weeks_on_dose is None or facts.improvement_percent is None:
        return None
    if facts.remission or facts.response or facts.weeks_on_dose < JUDGED_FROM_WEEKS:
        return False, ()
    improved = facts.improvement_percent
    word = "PARTIAL_RESPONSE" if improved >= PARTIAL else "LESS_THAN_25_PERCENT"
    return improved < HALF, (word,)


def _unjudged(name: str, facts: Facts) -> Option | None:
    if facts.medicine is None or facts.remission:
        return None
    missing = ["WEEKS_ON_DOSE"] * (facts.weeks_on_dose is None)
    missing += ["CHANGE_FROM_BASELINE"] * (facts.improvement_percent is None)
    return Option(name, (), (), tuple(missing), "A")


def _against_change(facts: Facts) -> tuple[tuple[str, ...], tuple[str, ...]]:
    against, missing = [], []
    if facts.weeks_adequate is None:
        missing.append("WEEKS_AT_ADEQUATE_DOSE")
    elif facts.weeks_adequate < ADEQUATE_WEEKS:
        against.append("NOT_YET_A_FAIR_TRIAL")
    if facts.dose_room:
        against.append("DOSE_BELOW_CEILING")
    if _not_taken(facts):
        against.append("TAKEN_BELOW_80_PERCENT")
    elif facts.taken_share is None:
        missing.append("ADHERENCE")
    return tuple(against), tuple(missing)


def _not_tolerated(facts: Facts) -> bool:
    burden, worst = facts.fibser_burden, facts.worst_side_effect
    return (burden is not None and burden >= LOWER_BURDEN) or (worst is not None and worst >= 3)


def _not_taken(facts: Facts) -> bool:
    return facts.taken_share is not None and facts.taken_share < ADEQUATE_SHARE


_RULES: dict[str, Callable[[Facts], Option | None]] = {
    "go_on_unchanged": _go_on,
    "look_again": _look_again,
    "ask_about_adherence": _ask_adherence,
    "treat_side_effect": _treat_side_effect,
    "check_interaction_or_lab": _check_lab,
    "raise_within_range": _raise,
    "lower": _lower,
    "switch": _switch,
    "augment_or_combine": _augment,
    "add_or_change_therapy": _therapy,
    "review_diagnosis": _diagnosis,
    "seek_consultation": _consult,
    "plan_taper": _taper,
}

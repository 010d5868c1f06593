"""Change since baseline, whether it is more than measurement error, and the clinical states.

Every comparison runs on `oriented` values, where larger is worse. Thresholds carry 1e-9 of slack.

Sources: Jacobson & Truax 1991 (J Consult Clin Psychol 59:12-19) for reliable change and the
cut-off; the figures of each instrument stand in its file.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from app.clinical.baseline import RULES, Baseline, Cadence, IndexCourse, Point, check_points
from app.clinical.measure import SLACK, Measure, Reliability, Threshold, oriented

Reading = Literal["better", "worse", "none"]
RelapseState = Literal["possible_relapse", "relapse", "recurrence"]

Z_975 = 1.96
RESPONSE_PERCENT = 50.0
PARTIAL_PERCENT = 25.0
SUSTAINED_DAYS = 56
RECURRENCE_DAYS = 180
CONFIRM_DAYS = 7
MCID_SHARE_OF_SCALE = 0.10
ASSUMED_SHARE_OF_SCALE = 0.20


@dataclass(frozen=True, slots=True)
class ReliableThreshold:
    """T_rel: the smallest difference that is more than measurement error, in points.

    source: the step that gave it: the registered word (`published`, `product`), `computed`,
    `mcid`, `own_spread` or `assumed`; None with points None when the scale has no range.
    computed: the value from SD and reliability, shown beside the one in use.
    """

    points: float | None
    source: str | None
    computed: float | None
    reasons: tuple[str, ...] = ()

    @property
    def registered(self) -> bool:
        """Say whether the registry gave it, not this person's spread or an assumption."""
        return self.source not in (None, "own_spread", "assumed")


@dataclass(frozen=True, slots=True)
class Shift:
    """A distance from baseline in points and percent of the available distance."""

    points: float
    percent: float | None
    percent_of_gap: float | None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rci:
    """Reliable change index with the figures that it stands on."""

    value: float
    sd: float
    r: float
    source: str | None
    verified: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """The two readings of change and what they mean; n is the number of points.

    from_last feeds every state; from_level (from the level now) is context. `reliable` is None
    when there is no T_rel, no direction or no baseline; clinically_significant is None without
    a caseness threshold.
    """

    n: int
    from_last: Shift | None
    from_level: Shift | None
    rci: Rci | None
    threshold: ReliableThreshold
    mcid: float | None
    reliable: Reading | None
    clinically_significant: bool | None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Relapse:
    """Where a return of illness stands at the last point; state None: there is none.

    Days are those of the present episode: first point in remission (or of sustained response),
    first point back, point that confirmed it.
    """

    state: RelapseState | None
    remission_first_day: date | None
    possible_day: date | None
    confirmed_day: date | None


@dataclass(frozen=True, slots=True)
class States:
    """Clinical states at the last point; None is "cannot be said", `reasons` says why."""

    n: int
    improvement_percent: float | None
    response: bool | None
    partial_response: bool | None
    remission: bool | None
    sustained_remission: bool | None
    deterioration: bool | None
    relapse: Relapse
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BaselineAlternative:
    """Another rule that reads differently; `flips` names what (response, remission, direction)."""

    baseline: Baseline
    points: float
    response: bool | None
    remission: bool | None
    flips: tuple[str, ...]


def computed_threshold(reliability: Reliability) -> float:
    """T_rel = 1.96 * sd * sqrt(2) * sqrt(1 - r), in points."""
    return Z_975 * _standard_error_of_difference(reliability)


def reliable_threshold(measure: Measure, own_spread: float | None = None) -> ReliableThreshold:
    """Find T_rel: registered, else computed, else from an MCID, else from the person, else assumed.

    own_spread: the limit that this person's reference of at least 3 readings gives; None when
    there is no such reference, and 20 % of the scale is assumed (`T_REL_ASSUMED`).
    """
    computed = computed_threshold(measure.reliability) if measure.reliability else None
    if measure.reliable_points is not None:
        source = measure.reliable_points_source or "published"
        return ReliableThreshold(measure.reliable_points, source, computed)
    if computed is not None:
        return ReliableThreshold(computed, "computed", computed)
    if measure.mcid is not None or measure.mcid_percent is not None:
        share = MCID_SHARE_OF_SCALE * (measure.span or 0.0)
        points = max(measure.mcid or 0.0, share)
        if points > 0:
            return ReliableThreshold(points, "mcid", None)
    if own_spread is not None:
        return ReliableThreshold(own_spread, "own_spread", None)
    if measure.span is not None:
        assumed = ASSUMED_SHARE_OF_SCALE * measure.span
        return ReliableThreshold(assumed, "assumed", None, ("T_REL_ASSUMED",))
    return ReliableThreshold(None, None, None, ("NO_SCALE",))


def rci(reliability: Reliability, *, pre: float, post: float) -> float:
    """Reliable change index (post - pre) / (sd * sqrt(2) * sqrt(1 - r)); reliable beyond 1.96.

    Raises:
        ValueError: the reliability leaves no error to divide by (sd 0 or r 1).
    """
    error = _standard_error_of_difference(reliability)
    if error <= 0:
        raise ValueError("no reliable change index without measurement error")
    return (post - pre) / error


def cutoff_c(
    *, mean_clinical: float, sd_clinical: float, mean_norm: float, sd_norm: float
) -> float:
    """Jacobson and Truax's cut-off c between a clinical and a non-clinical group."""
    return (sd_norm * mean_clinical + sd_clinical * mean_norm) / (sd_norm + sd_clinical)


def _standard_error_of_difference(reliability: Reliability) -> float:
    return reliability.sd * math.sqrt(2) * math.sqrt(1 - reliability.r)


def change(
    measure: Measure,
    points: Sequence[Point],
    baseline: Baseline,
    threshold: ReliableThreshold,
    *,
    level_now: float | None = None,
) -> Change:
    """Compare the last point, and the level now, with the baseline.

    Needs a baseline and a reading after it; else both readings are None with NO_DATA, ONE_POINT,
    NOTHING_AFTER_BASELINE or the baseline's own reason.

    Raises:
        ValueError: the points are not one a day in order.
    """
    check_points(points)
    level = baseline.level
    comparable = len(points) > 1 and baseline.precedes(points[-1].day)
    if level is None or not comparable:
        reasons = {0: ("NO_DATA",), 1: ("ONE_POINT",)}.get(len(points), baseline.reasons)
        if level is not None and len(points) > 1:
            reasons = ("NOTHING_AFTER_BASELINE",)
        return Change(len(points), None, None, None, threshold, measure.mcid, None, None, reasons)
    last = points[-1].value
    index = _rci(measure, level, last)
    reliable = reading(measure, level, last, threshold)
    reasons = threshold.reasons
    if index and reliable and (abs(index.value) > Z_975 + SLACK) != (reliable != "none"):
        reasons = (*reasons, "RCI_DISAGREES")
    if measure.direction == "none":
        reasons = (*reasons, "NO_DIRECTION")
    return Change(
        n=len(points),
        from_last=_shift(measure, level, last, threshold),
        from_level=None if level_now is None else _shift(measure, level, level_now, threshold),
        rci=index,
        threshold=threshold,
        mcid=measure.mcid,
        reliable=reliable,
        clinically_significant=_clinically_significant(measure, level, last, reliable),
        reasons=reasons,
    )


def _shift(measure: Measure, level: float, value: float, threshold: ReliableThreshold) -> Shift:
    points = value - level
    reason = _percent_guard(measure, level, threshold)
    percent = None
    if reason is None and measure.minimum is not None:
        percent = 100 * points / (level - measure.minimum)
    gap = None
    if measure.direction == "higher_better" and measure.maximum is not None:
        gap = 100 * points / (measure.maximum - level) if level < measure.maximum else None
    return Shift(points, percent, gap, (reason,) if reason else ())


def _percent_guard(measure: Measure, level: float, threshold: ReliableThreshold) -> str | None:
    """Say why no percent can be given: the baseline is too near the floor, or there is none."""
    if measure.minimum is None or measure.span is None:
        return "NO_SCALE"
    least = max(MCID_SHARE_OF_SCALE * measure.span, threshold.points or 0.0)
    return "PERCENT_AT_FLOOR" if level - measure.minimum < least - SLACK else None


def _rci(measure: Measure, level: float, last: float) -> Rci | None:
    known = measure.reliability
    if known is None or _standard_error_of_difference(known) <= 0:
        return None
    value = rci(known, pre=level, post=last)
    return Rci(value, known.sd, known.r, known.source, known.verified)


def _worse_by(measure: Measure, level: float, value: float) -> float | None:
    before, now = oriented(measure, level), oriented(measure, value)
    return None if before is None or now is None else now - before


def reading(
    measure: Measure, level: float, value: float, threshold: ReliableThreshold
) -> Reading | None:
    """Say whether a value is reliably better or worse than a level: at least T_rel apart.

    None without a direction or a T_rel.
    """
    worse_by = _worse_by(measure, level, value)
    if worse_by is None or threshold.points is None:
        return None
    if abs(worse_by) < threshold.points - SLACK or worse_by == 0:
        return "none"
    return "worse" if worse_by > 0 else "better"


def _clinically_significant(
    measure: Measure, level: float, last: float, reliable: Reading | None
) -> bool | None:
    if measure.caseness is None or reliable is None:
        return None
    return reliable != "none" and measure.caseness.met(level) != measure.caseness.met(last)


def states(
    measure: Measure,
    points: Sequence[Point],
    baseline: Baseline,
    threshold: ReliableThreshold,
) -> States:
    """Judge the clinical states at the last point.

    Remission needs one point. Response, partial response and deterioration need a baseline (but
    not a rating of change) and, with a percent rule, a baseline in caseness and away from the
    floor (NOT_APPLICABLE, PERCENT_AT_FLOOR).

    Raises:
        ValueError: the points are not one a day in order.
    """
    check_points(points)
    nowhere = Relapse(None, None, None, None)
    if not points:
        return States(0, None, None, None, None, None, None, nowhere, ("NO_DATA",))
    last = points[-1].value
    judged = len(points) > 1 and baseline.precedes(points[-1].day)
    comparable = baseline.level if judged else None
    improvement = improvement_percent(measure, comparable, last, threshold)
    response, reasons = responds(measure, comparable, last, threshold)
    if len(points) == 1 and reasons == ("NO_BASELINE",):
        reasons = ("ONE_POINT",)
    elif not judged and baseline.level is not None and reasons == ("NO_BASELINE",):
        reasons = ("NOTHING_AFTER_BASELINE",)
    reliable = None if comparable is None else reading(measure, comparable, last, threshold)
    partial = None
    if response is not None and improvement is not None:
        partial = not response and improvement >= PARTIAL_PERCENT - SLACK
    remission = measure.remission
    return States(
        n=len(points),
        improvement_percent=improvement,
        response=response,
        partial_response=partial,
        remission=None if remission is None else remission.met(last),
        sustained_remission=None if remission is None else _sustained(points, remission),
        deterioration=None if reliable is None else reliable == "worse",
        relapse=relapse(measure, points, baseline, threshold),
        reasons=reasons,
    )


def improvement_percent(
    measure: Measure, level: float | None, last: float, threshold: ReliableThreshold
) -> float | None:
    """Percent of the way from the baseline level to the scale minimum.

    None without a level, near the floor, and for every direction but lower_better: a
    higher-is-better scale has its response rule in points.
    """
    if level is None or measure.direction != "lower_better" or measure.minimum is None:
        return None
    if _percent_guard(measure, level, threshold) is not None:
        return None
    return 100 * (level - last) / (level - measure.minimum)


def responds(
    measure: Measure, level: float | None, last: float, threshold: ReliableThreshold
) -> tuple[bool | None, tuple[str, ...]]:
    """Apply the response rule; None comes with the reason why it cannot be applied."""
    rule = measure.response
    if rule is None and not measure.symptom_measure:
        return None, ("NO_RESPONSE_RULE",)
    if rule is not None and rule.kind == "at_most":
        return last <= rule.value + SLACK, ()
    if level is None:
        return None, ("NO_BASELINE",)
    if rule is not None and rule.kind == "point_reduction":
        return level - last >= rule.value - SLACK, ()
    if rule is not None and rule.kind == "point_increase":
        return last - level >= rule.value - SLACK, ()
    improvement = improvement_percent(measure, level, last, threshold)
    if improvement is None:
        return None, (_percent_guard(measure, level, threshold) or "NOT_APPLICABLE",)
    if measure.caseness is not None and not measure.caseness.met(level):
        return None, ("NOT_APPLICABLE",)
    return improvement >= (rule.value if rule else RESPONSE_PERCENT) - SLACK, ()


def _sustained(points: Sequence[Point], remission: Threshold) -> bool:
    since = _held_since(points, lambda point: remission.met(point.value))
    return _days_held(points[-1], since[-1]) >= SUSTAINED_DAYS


def _held_since(points: Sequence[Point], holds: Callable[[Point], bool]) -> list[date | None]:
    """For each point the first day of the run that holds up to it, without a gap over 56 days."""
    since: list[date | None] = []
    for i, point in enumerate(points):
        if not holds(point):
            since.append(None)
            continue
        before = since[-1] if since else None
        unbroken = before is not None and (point.day - points[i - 1].day).days <= SUSTAINED_DAYS
        since.append(before if unbroken else point.day)
    return since


def _days_held(point: Point, since: date | None) -> int:
    return 0 if since is None else (point.day - since).days


def relapse(
    measure: Measure,
    points: Sequence[Point],
    baseline: Baseline,
    threshold: ReliableThreshold,
) -> Relapse:
    """Follow remission (or sustained response) and a return of illness after it.

    A return is a point at the relapse threshold and, where T_rel is registered, at least T_rel
    worse than the best point since remission. The first is `possible_relapse` while it is the last
    point; a second among the last three, at least 7 days from it, confirms `relapse`, or
    `recurrence` after at least 180 days of sustained remission. A confirmed one lasts until the
    next remission or sustained response. Without a relapse threshold or a direction there is
    no state.

    Raises:
        ValueError: the points are not one a day in order.
    """
    check_points(points)
    if measure.relapse is None or measure.direction == "none":
        return Relapse(None, None, None, None)
    remission, level = measure.remission, baseline.level

    remitted_since = _held_since(points, lambda p: remission is not None and remission.met(p.value))
    responded_since = _held_since(
        points, lambda p: responds(measure, level, p.value, threshold)[0] is True
    )
    rise = (threshold.points or 0.0) if threshold.registered else 0.0
    well_from: date | None = None
    best, well_days = 0.0, 0
    returns: list[int] = []
    confirmed: int | None = None
    for i, point in enumerate(points):
        worse = oriented(measure, point.value) or 0.0
        remitted = _days_held(point, remitted_since[i])
        back = measure.relapse.met(point.value) and worse - best >= rise - SLACK
        if well_from is not None and back:
            returns.append(i)
            pair = [j for j in returns if j >= i - 2]
            if confirmed is None and (point.day - points[pair[0]].day).days >= CONFIRM_DAYS:
                returns, confirmed = pair, i
        elif remitted_since[i] or _days_held(point, responded_since[i]) >= SUSTAINED_DAYS:
            if well_from is None or confirmed is not None:
                well_from, best, well_days, returns, confirmed = point.day, worse, 0, [], None
            best, well_days = min(best, worse), max(well_days, remitted)
    state: RelapseState | None = None
    if confirmed is not None:
        state = "recurrence" if well_days >= RECURRENCE_DAYS else "relapse"
    elif returns and returns[-1] == len(points) - 1:
        state, returns = "possible_relapse", [j for j in returns if j >= len(points) - 3]
    return Relapse(
        state=state,
        remission_first_day=well_from,
        possible_day=points[returns[0]].day if state else None,
        confirmed_day=None if confirmed is None else points[confirmed].day,
    )


def baseline_alternatives(
    measure: Measure,
    points: Sequence[Point],
    chosen: Baseline,
    threshold: ReliableThreshold,
    *,
    cadence: Cadence = "sparse",
    course: IndexCourse | None = None,
) -> tuple[BaselineAlternative, ...]:
    """Give the other rules under which response, remission or direction reads differently.

    Not empty is `BASELINE_SENSITIVE`. Direction flips only from better to worse or back; an
    unchanged value against a changed one is no flip.
    """
    if chosen.level is None:
        return ()
    last = points[-1].value
    here = _compare(measure, chosen.level, last, threshold)
    found = []
    for name, find in RULES.items():
        other = None if name == chosen.rule else find(measure, points, cadence, course)
        if other is None or other.level is None:
            continue
        there = _compare(measure, other.level, last, threshold)
        flips = tuple(
            word
            for word, a, b in zip(("response", "remission"), here[:2], there[:2], strict=True)
            if a != b
        )
        if here[2] * there[2] < 0:
            flips = (*flips, "direction")
        if flips:
            found.append(BaselineAlternative(other, last - other.level, there[0], there[1], flips))
    return tuple(found)


def _compare(
    measure: Measure, level: float, last: float, threshold: ReliableThreshold
) -> tuple[bool | None, bool | None, float]:
    remission = measure.remission.met(last) if measure.remission else None
    response = responds(measure, level, last, threshold)[0]
    return response, remission, _worse_by(measure, level, last) or 0.0

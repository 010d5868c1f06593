"""One measure of the report: level, change, states, trend and gaps, each with what it rests on."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import sqrt
from operator import itemgetter
from types import MappingProxyType
from typing import Any

from app.clinical import status as clinical_status
from app.clinical.baseline import Baseline, IndexCourse, Point, baseline, write_day, write_number
from app.clinical.doses import DoseEpoch
from app.clinical.flags import Flags, by_week, flags
from app.clinical.measure import Band, Measure, band_of, days_in_force
from app.clinical.response import (
    Change,
    ReliableThreshold,
    Shift,
    States,
    baseline_alternatives,
    change,
    reliable_threshold,
    states,
)
from app.clinical.status import prescriber_sentence
from app.stats.gaps import Cadence, cadence, coverage, spacing
from app.stats.level import Level, level_of_diary, level_of_visits
from app.stats.serial import serial_correlation
from app.stats.trend import MOST_PAIRED_POINTS, Trend, mann_kendall, trend
from app.stats.variability import mssd_ratio, time_in_band, variability
from app.trends.flagged import Judged, flag_list, references
from app.trends.params import Params
from app.trends.readings import Series

Json = dict[str, Any]

MOST_IDS = 50
RECENT_DAYS = {"sparse": 56, "dense": 28}
FLOOR_OF_SPREAD = 0.05
OWN_SPREAD_FROM_N = 3
MONDAY = 1  # date(1, 1, 1), the first ordinal, was a Monday


@dataclass(frozen=True, slots=True)
class Index:
    """The course that baseline and epochs refer to, seen from one window.

    begun_on: first day of its last run, also before the window. epoch: the one at the window's end.
    """

    id: str
    course: IndexCourse
    begun_on: date | None
    epochs: tuple[DoseEpoch, ...]
    epoch: DoseEpoch | None


@dataclass(frozen=True, slots=True)
class _Window:
    """The points of the window, also as numbers: x counts days from the first of them."""

    measure: Measure
    points: Sequence[Point]
    first: date
    x: list[float]
    y: list[float]
    cadence: Cadence

    @property
    def monday(self) -> int:
        return MONDAY - self.first.toordinal()

    def between(self, first: date, last: date) -> Sequence[Point]:
        return self.points[
            bisect_left(self.points, first, key=_day_of) : bisect_right(
                self.points, last, key=_day_of
            )
        ]

    def numbers(self, points: Sequence[Point]) -> tuple[list[float], list[float]]:
        first = self.first.toordinal()
        return [float(p.day.toordinal() - first) for p in points], [p.value for p in points]

    def day(self, x: float) -> date:
        return self.first + timedelta(int(x))


@dataclass(frozen=True, slots=True)
class Block:
    """One measure as written, and what other parts of the report go on from."""

    written: Json
    measure: Measure
    points: Sequence[Point]
    baseline: Baseline
    threshold: ReliableThreshold
    flags: Flags


@dataclass(frozen=True, slots=True)
class _Judged:
    """What a block is written from: the window, and what was found in it."""

    inside: Series
    seen: _Window
    base: Baseline
    reference: Sequence[Point]
    threshold: ReliableThreshold
    level: Level
    changed: Change
    state: States
    flagged: Flags
    whole: Trend | None
    every: int
    stale: int
    found: clinical_status.Status


def _judge(
    series: Series,
    params: Params,
    index: Index | None,
    new_normal_on: Sequence[date],
    fitted: Callable[[_Window], Trend | None],
) -> _Judged:
    measure = series.measure
    inside = series.within(params.from_day, params.to_day)
    points = inside.points
    seen = _window(measure, points, params)
    kind = seen.cadence.kind
    course = index.course if index else None
    rule = params.rule_for(measure.code)
    # The days that a prescriber names for a baseline may lie before the window.
    among = series.points if rule.startswith("window:") else points
    base = baseline(measure, among, rule=rule, cadence=kind, course=course)
    reference = _reference(base, among)
    spread = _spread(measure, reference)
    threshold = reliable_threshold(measure, _own_limit(spread, len(reference)))
    level = _level(seen, reference)
    changed = change(measure, points, base, threshold, level_now=level.value)
    state = states(measure, points, base, threshold)
    flagged = _flags(seen, base, reference, threshold, state, new_normal_on)
    whole = fitted(seen)
    begun_on = index.begun_on if index else None
    every = days_in_force(measure.cadence_days, started_on=begun_on, today=params.to_day)
    stale = days_in_force(measure.stale_after_days, started_on=begun_on, today=params.to_day)
    found = clinical_status.status(
        measure,
        points,
        base,
        threshold,
        today=params.to_day,
        cadence_days=every,
        stale_after_days=stale,
        level_now=level.value,
        trend=_for_status(whole),
        trend_size=threshold.points if kind == "sparse" else spread,
        confirmed=flagged.confirmed,
    )
    return _Judged(
        inside,
        seen,
        base,
        reference,
        threshold,
        level,
        changed,
        state,
        flagged,
        whole,
        every,
        stale,
        found,
    )


def _fit(seen: _Window) -> Trend:
    return trend(seen.x, seen.y, cadence=seen.cadence, monday=seen.monday)


def _fit_that_could_tell(seen: _Window) -> Trend | None:
    """Fit only what the status could be judged by: correlation makes p larger, never smaller."""
    if not seen.cadence.weekly and len(seen.x) <= MOST_PAIRED_POINTS:
        plain = mann_kendall(seen.x, seen.y)
        if plain is None or plain.p >= clinical_status.TREND_P:
            return None
    return _fit(seen)


def stood(
    series: Series, params: Params, index: Index | None, new_normal_on: Sequence[date]
) -> Json:
    """Give of one measure what a digest asks of an earlier day: status, last value, baseline."""
    one = _judge(series, params, index, new_normal_on, _fit_that_could_tell)
    ids = Ids(params.records)
    return {
        "status": one.found.status,
        "last": _last(one.seen),
        "baseline": _baseline(one.base, ids),
    }


def block(
    series: Series,
    params: Params,
    index: Index | None,
    *,
    signals: Mapping[str, str] = MappingProxyType({}),
    new_normal: Mapping[date, str | None] = MappingProxyType({}),
) -> Block:
    """Compute one measure's block from its readings up to `as_of`.

    signals: ids of the signals that flags opened, by flag id. new_normal: days on which a
    prescriber called this measure's level of then the new normal, and who it was.

    Raises:
        UnknownBaselineRule: a given baseline lies outside the scale of this measure.
    """
    judged = _judge(series, params, index, sorted(new_normal), _fit)
    assert judged.whole is not None
    measure, ids = series.measure, Ids(params.records)
    inside, seen, base, reference = judged.inside, judged.seen, judged.base, judged.reference
    points, kind, threshold = inside.points, seen.cadence.kind, judged.threshold
    level, changed, state, flagged = judged.level, judged.changed, judged.state, judged.flagged
    every, stale, found = judged.every, judged.stale, judged.found
    course = index.course if index else None
    trends = _trends(seen, judged.whole, params, index)
    others = baseline_alternatives(measure, points, base, threshold, cadence=kind, course=course)
    spaced = spacing(seen.x, measure.recall_days)
    last = points[-1] if points else None
    judged_by = Judged(measure, base, threshold, seen.cadence.weekly)
    sentence = prescriber_sentence(measure, points, base, changed, state, found)
    written = {
        "measure": measure.code,
        "label": measure.label,
        "domain": measure.domain,
        "primary": False,
        "direction": measure.direction,
        "unit": measure.unit,
        "scale": None if measure.span is None else [measure.minimum, measure.maximum],
        "target": None if measure.target is None else list(measure.target),
        "bands": [_band(band) for band in measure.bands],
        "cadence": kind,
        "status": found.status,
        "status_reasons": list(found.reasons),
        "last_known": found.last_known,
        "smallest_change": found.smallest_change,
        "severity": _severity(band_of(measure, last.value) if last else None),
        "n": len(points),
        "n_raw": inside.n_raw,
        "coverage": _coverage(seen, params, every),
        "window": _days(params.from_day, params.to_day),
        **ids.of(points),
        "last": _last(seen),
        "last_seen_days": last and (params.to_day - last.day).days,
        "stale_on": last and last.day + timedelta(stale + 1),
        "baseline": _baseline(base, ids),
        "baseline_alternatives": [
            {
                **_baseline(other.baseline, ids),
                "points": other.points,
                "response": other.response,
                "remission": other.remission,
                "flips": list(other.flips),
            }
            for other in others
        ],
        "level_now": _level_now(seen, level, ids),
        "change": _change(seen, base, reference, level, changed, ids),
        "states": _states(state),
        "trend": [_trend(name, one, *days, seen, ids) for name, one, days in trends],
        "variability": _variability(seen, base, reference, params, ids),
        "time_in_band": _time_in_band(seen, params, ids),
        "flags": [
            one | {"dose": _dose_at(index, one["first_day"])}
            for one in flag_list(judged_by, flagged, signals, ids)
        ],
        "references": references(flagged, new_normal, ids),
        "gaps": [
            {
                "window": _days(seen.day(gap.last_before), seen.day(gap.first_after)),
                "days": int(gap.days),
                **ids.of(_at(seen, gap.last_before, gap.first_after)),
            }
            for gap in spaced.gaps
        ],
        "quality": _codes(inside, recall_overlap=spaced.recall_overlap, sensitive=bool(others)),
        "text": {
            "prescriber": sentence,
            "patient": _patient_sentence(
                measure, points, base, changed, is_stale=found.status == "stale"
            ),
        },
        **({"points": _points(inside)} if params.points else {}),
    }
    return Block(written, measure, points, base, threshold, flagged)


def _day_of(point: Point) -> date:
    return point.day


class Ids:
    """Writes the ids behind a block: the newest 50 unless all were asked for."""

    def __init__(self, show_all: bool) -> None:
        self._all = show_all

    def of(self, points: Sequence[Point]) -> Json:
        """Give the records of these points, oldest first."""
        return self.listed([record for point in points for record in point.records])

    def listed(self, records: Sequence[str]) -> Json:
        """Give each id once; `records_n` where some are left out."""
        once = list(dict.fromkeys(records))
        if self._all or len(once) <= MOST_IDS:
            return {"records": once}
        return {"records": once[-MOST_IDS:], "records_n": len(once)}


def _window(measure: Measure, points: Sequence[Point], params: Params) -> _Window:
    first = points[0].day if points else params.from_day
    x = [float(point.day.toordinal() - first.toordinal()) for point in points]
    return _Window(measure, points, first, x, [point.value for point in points], cadence(x))


def _days(first: date, last: date) -> Json:
    return {"from": first, "to": last}


def _at(seen: _Window, *days: float) -> Sequence[Point]:
    wanted = {seen.day(x) for x in days}
    return [point for point in seen.points if point.day in wanted]


def _reference(base: Baseline, among: Sequence[Point]) -> Sequence[Point]:
    if base.from_day is None or base.to_day is None:
        return []
    return [point for point in among if base.from_day <= point.day <= base.to_day]


def _flags(
    seen: _Window,
    base: Baseline,
    reference: Sequence[Point],
    threshold: ReliableThreshold,
    state: States,
    new_normal_on: Sequence[date],
) -> Flags:
    points = seen.points
    if seen.cadence.weekly:
        points, reference = by_week(points), by_week(reference)
    return flags(
        seen.measure,
        points,
        base,
        reference,
        threshold,
        seen.cadence,
        relapse=state.relapse,
        new_normal_on=new_normal_on,
    )


def _dose_at(index: Index | None, day: date) -> Json | None:
    """Name the index course's epoch on a day, and for how long its dose had stood; no link said."""
    if index is None:
        return None
    for number, epoch in enumerate(index.epochs, 1):
        begun = epoch.from_day is None or epoch.from_day <= day
        if begun and (epoch.to_day is None or day < epoch.to_day):
            since = epoch.from_day and (day - epoch.from_day).days
            return {
                "medication_id": index.id,
                "epoch": f"e{number}",
                "days_since_change": since,
            }
    return None


def _spread(measure: Measure, reference: Sequence[Point]) -> float | None:
    """SD of the reference, at least 5 % of the scale; None without a scale or a reference."""
    if measure.span is None or not reference:
        return None
    n = len(reference)
    mean = sum(point.value for point in reference) / n
    squares = sum((point.value - mean) ** 2 for point in reference)
    return max(sqrt(squares / (n - 1)) if n > 1 else 0.0, FLOOR_OF_SPREAD * measure.span)


def _own_limit(spread: float | None, n: int) -> float | None:
    """D of trend-spec 5.6, where the person's own spread has to serve as T_rel."""
    if spread is None or n < OWN_SPREAD_FROM_N:
        return None
    return 3 * spread * sqrt(1 + 1 / n)


def _level(seen: _Window, reference: Sequence[Point]) -> Level:
    if seen.cadence.kind == "dense":
        return level_of_diary(seen.x, seen.y, serial_correlation(seen.numbers(reference)).r)
    known = seen.measure.reliability
    return level_of_visits(seen.x, seen.y, known.sd * sqrt(1 - known.r) if known else None)


def _trends(
    seen: _Window, whole: Trend, params: Params, index: Index | None
) -> list[tuple[str, Trend, tuple[date, date]]]:
    """Beside the whole window fit the dose epoch at its end, where that can be, and the newest."""
    found = [("all", whole, (params.from_day, params.to_day))]
    spans = {}
    if index is not None and index.epoch is not None and index.epoch.from_day is not None:
        spans["epoch"] = max(index.epoch.from_day + timedelta(1), params.from_day)
    recent = params.to_day - timedelta(RECENT_DAYS[seen.cadence.kind] - 1)
    spans["recent"] = max(recent, params.from_day)
    for name, first in spans.items():
        x, y = seen.numbers(seen.between(first, params.to_day))
        one = trend(x, y, cadence=seen.cadence, monday=seen.monday)
        if name != "epoch" or one.slope_per_day is not None:
            found.append((name, one, (first, params.to_day)))
    return found


def _for_status(one: Trend | None) -> clinical_status.Trend | None:
    if one is None or one.slope_per_day is None or one.span_days is None:
        return None
    p = one.mk.p if one.mk else None
    return clinical_status.Trend(
        one.n, one.slope_per_day, one.interval_per_day, p, int(one.span_days)
    )


def _trend(name: str, one: Trend, first: date, last: date, seen: _Window, ids: Ids) -> Json:
    slope, interval, mk = one.slope_per_day, one.interval_per_day, one.mk
    return {
        "name": name,
        "window": _days(first, last),
        "n": one.n,
        "span_days": None if one.span_days is None else int(one.span_days),
        "slope_per_7d": None if slope is None else 7 * slope,
        "interval": None if interval is None else [7 * end for end in interval],
        "mk": mk and {"S": mk.s, "p": mk.p, "exact": mk.exact, "tau_b": mk.tau_b},
        "r": one.r,
        "V_n": one.v_n,
        "reasons": [reason.value for reason in one.reasons],
        **ids.of(seen.between(first, last)),
    }


def _coverage(seen: _Window, params: Params, cadence_days: int) -> float | None:
    """From the first reading to the end of the window: what did not come after the last counts."""
    if not seen.x:
        return None
    last = float((params.to_day - seen.first).days)
    return coverage(seen.x, first=0, last=last, cadence_days=cadence_days).share


def _baseline(base: Baseline, ids: Ids) -> Json:
    return {
        "rule": base.rule,
        "level": base.level,
        "n": base.n,
        "from": base.from_day,
        "to": base.to_day,
        **ids.listed(base.records),
        "sentence": base.sentence,
        "reasons": list(base.reasons),
    }


def _level_points(seen: _Window, level: Level) -> Sequence[Point]:
    if level.from_day is None or level.to_day is None or not level.n:
        return []
    return seen.between(seen.day(level.from_day), seen.day(level.to_day))[-level.n :]


def _level_now(seen: _Window, level: Level, ids: Ids) -> Json:
    rule = None
    if level.interval is not None:
        rule = "1.96*SEM" if seen.cadence.kind == "sparse" else "t, serial correlation"
    window = None
    if level.from_day is not None and level.to_day is not None:
        window = _days(seen.day(level.from_day), seen.day(level.to_day))
    return {
        "value": level.value,
        "n": level.n,
        "window": window,
        **ids.of(_level_points(seen, level)),
        "interval": None if level.interval is None else list(level.interval),
        "interval_rule": rule,
        "reasons": [reason.value for reason in level.reasons],
    }


def _change(
    seen: _Window,
    base: Baseline,
    reference: Sequence[Point],
    level: Level,
    changed: Change,
    ids: Ids,
) -> Json:
    threshold: ReliableThreshold = changed.threshold
    index = changed.rci
    last = seen.points[-1] if seen.points else None
    behind = [*reference, *_level_points(seen, level), *([last] if last else [])]
    first = base.from_day or (last.day if last else None)
    return {
        "n": changed.n,
        "from_last": _shift(changed.from_last),
        "from_level": _shift(changed.from_level),
        "rci": index
        and {
            "value": index.value,
            "sd": index.sd,
            "r": index.r,
            "source": index.source,
            "verified": index.verified,
        },
        "T_rel": threshold.points,
        "T_rel_source": threshold.source,
        "T_rel_computed": threshold.computed,
        "mcid": changed.mcid,
        "reliable": changed.reliable,
        "clinically_significant": changed.clinically_significant,
        "reasons": list(changed.reasons),
        "window": _days(min(first, last.day), last.day) if first and last else None,
        **ids.of(sorted(behind, key=lambda point: point.day)),
    }


def _shift(shift: Shift | None) -> Json | None:
    if shift is None:
        return None
    return {
        "points": shift.points,
        "percent": shift.percent,
        "percent_of_gap": shift.percent_of_gap,
        "reasons": list(shift.reasons),
    }


def _states(state: States) -> Json:
    back = state.relapse
    return {
        "response": state.response,
        "partial_response": state.partial_response,
        "remission": state.remission,
        "sustained_remission": state.sustained_remission,
        "deterioration": state.deterioration,
        "improvement_percent": state.improvement_percent,
        "relapse": back.state
        and {
            "state": back.state,
            "remission_first_day": back.remission_first_day,
            "possible_day": back.possible_day,
            "confirmed_day": back.confirmed_day,
        },
        "reasons": list(state.reasons),
    }


def _variability(
    seen: _Window, base: Baseline, reference: Sequence[Point], params: Params, ids: Ids
) -> Json:
    now = variability(seen.x, seen.y, cadence=seen.cadence, monday=seen.monday)
    before = variability(*seen.numbers(reference), cadence=seen.cadence, monday=seen.monday)
    ratio = mssd_ratio(now, before)
    reasons = [reason.value for reason in now.reasons]
    if ratio is None and now.mssd is not None:
        reasons.append(_why_no_ratio(len(reference), before.mssd))
    return {
        "mssd": now.mssd,
        "rmssd": now.rmssd,
        "pairs": now.pairs,
        "sd": now.sd,
        "n": now.n,
        "ratio": ratio,
        "reasons": reasons,
        "window": _days(params.from_day, params.to_day),
        **ids.of(seen.points),
    }


def _why_no_ratio(n: int, mssd: float | None) -> str:
    if n < 2:
        return "REFERENCE_N1" if n else "NO_BASELINE"
    return "REFERENCE_TOO_SHORT" if mssd is None else "CONSTANT"


def _time_in_band(seen: _Window, params: Params, ids: Ids) -> Json | None:
    bands = seen.measure.bands
    if not bands:
        return None
    banded = [point for point in seen.points if band_of(seen.measure, point.value) is not None]
    found = time_in_band([point.value for point in banded], [band.minimum for band in bands])
    shares = found.shares and {
        band.label: share for band, share in zip(bands, found.shares, strict=True) if share
    }
    return {
        "share": shares,
        "n": found.n,
        "reasons": [reason.value for reason in found.reasons],
        "window": _days(params.from_day, params.to_day),
        **ids.of(banded),
    }


def _last(seen: _Window) -> Json | None:
    if not seen.points:
        return None
    last = seen.points[-1]
    return {"day": last.day, "value": last.value, "records": list(last.records)}


def _band(band: Band) -> Json:
    return {"min": band.minimum, "max": band.maximum, "label": band.label}


def _severity(band: Band | None) -> Json | None:
    if band is None:
        return None
    return {"band": band.label, "min": band.minimum, "max": band.maximum}


def _codes(series: Series, *, recall_overlap: bool, sensitive: bool) -> list[str]:
    found = set(series.codes)
    if recall_overlap:
        found.add("RECALL_OVERLAP")
    if sensitive:
        found.add("BASELINE_SENSITIVE")
    return sorted(found)


def _points(series: Series) -> list[Json]:
    """List each day's point, and on its day each reading that does not count, with the reason."""
    counted = [
        {
            "day": point.day,
            "value": point.value,
            "n_raw": len(made_of),
            "source": made_of[-1].source,
            "records": list(point.records),
        }
        for point, made_of in zip(series.points, series.made_of, strict=True)
    ]
    left_out = [
        {
            "day": one.day,
            "value": one.value,
            "n_raw": 1,
            "source": one.source,
            "records": [str(one.record_id)],
            "excluded": reason,
        }
        for one, reason in series.left_out
    ]
    return sorted([*counted, *left_out], key=itemgetter("day"))


def _patient_sentence(
    measure: Measure, points: Sequence[Point], base: Baseline, changed: Change, *, is_stale: bool
) -> str | None:
    """Fill the patient's sentence; None when there is no change to tell.

    One that was not filled in for long says when it was: the number is not that of today.
    """
    if changed.from_last is None or base.level is None or base.to_day is None:
        return None
    last = points[-1]
    since = write_day(base.to_day, year=base.to_day.year != last.day.year)
    until = f" (last filled in on {write_day(last.day, year=True)})" if is_stale else ""
    told = (
        f"Your {measure.label} score went from {write_number(base.level)} to "
        f"{write_number(last.value)} since {since}{until}."
    )
    size = {
        "better": "a clear change",
        "worse": "a clear change",
        "none": "within the normal ups and downs of this scale",
    }.get(changed.reliable or "")
    return f"{told} That is {size}." if size else told

"""The early flags of one measure as the answer lists them, and their sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Protocol

from app.clinical.baseline import Baseline, Point, write_day, write_number
from app.clinical.flags import Against, Flag, Flags
from app.clinical.measure import Measure
from app.clinical.response import ReliableThreshold
from app.trends.basis import VERSION

Json = dict[str, Any]


RETURNED = ("RELAPSE", "POSSIBLE_RELAPSE")
"""Found by the rule of states 4.4, which looks at single days and not at the medians of weeks."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What the flags of one measure were judged by, beside their references."""

    measure: Measure
    baseline: Baseline
    threshold: ReliableThreshold
    weekly: bool


class Listing(Protocol):
    """Writes the record ids behind points."""

    def of(self, points: Sequence[Point]) -> Json: ...


def flag_list(by: Judged, found: Flags, signals: Mapping[str, str], ids: Listing) -> list[Json]:
    """Write the flags that hold at the last reading; `signals` gives those opened, by flag id."""
    return [flag(by, one, found, signals, ids) for one in found.active]


def flag(by: Judged, one: Flag, found: Flags, signals: Mapping[str, str], ids: Listing) -> Json:
    """Write one episode with the numbers that anybody can check it by."""
    against = reference_of(one, found)
    name = one.id_of(by.measure.code)
    return {
        "id": name,
        "code": one.code,
        "level": one.level,
        "reference": one.reference,
        "first_day": one.first_day,
        "last_day": one.last_day,
        "active": one.active,
        "numbers": {
            "k": one.k,
            "of": one.of,
            **_limit(against),
            "reference": against and against.mean,
            "n0": against and against.n,
        },
        "reasons": [*(against.reasons if against else ()), *(["GAP_RESET"] * one.restarted)],
        "window": _window(one.points),
        **ids.of(one.points),
        "signal": signals.get(name),
        "text": {"prescriber": sentence(by.measure, one, against)},
        "basis": "T5.6",
        "rule": {"id": "T5.6", "version": VERSION},
        "inputs": _inputs(by, one, against, ids),
    }


def _inputs(by: Judged, one: Flag, against: Against | None, ids: Listing) -> Json:
    """Give all that the rule looked at: run on these once more, it gives the flag once more.

    A window of weekly medians is dated by the last reading of its first and of its last week.
    """
    measure, threshold = by.measure, by.threshold
    weekly = by.weekly and one.code not in RETURNED
    return {
        "readings": {
            "window": _window(one.read),
            "taken_as": "weekly_medians" if weekly else "days",
            **ids.of(one.read),
        },
        "reference": against
        and {
            "mean": against.mean,
            "n": against.n,
            "sd": against.sd,
            "r": against.r,
            "window": _window(against.points),
            **ids.of(against.points),
        },
        "rule_for": "diary" if one.daily else "visits",
        "direction": measure.direction,
        "target": measure.target and list(measure.target),
        "scale": [measure.minimum, measure.maximum],
        "T_rel": threshold.points,
        "T_rel_source": threshold.source,
        "mcid": measure.mcid,
        **_of_levels(by, one),
    }


def _of_levels(by: Judged, one: Flag) -> Json:
    """Give what the rules of bands and of illness that came back look at beside the numbers."""
    measure, start = by.measure, {"level": by.baseline.level, "to": by.baseline.to_day}
    if one.code == "BAND_UP":
        return {"baseline": start, "bands": [asdict(band) for band in measure.bands]}
    if one.code not in RETURNED:
        return {}
    return {
        "baseline": start,
        "response": measure.response and asdict(measure.response),
        "remission": measure.remission and asdict(measure.remission),
        "relapse": measure.relapse and asdict(measure.relapse),
        "caseness": measure.caseness and asdict(measure.caseness),
    }


def reference_of(one: Flag, found: Flags) -> Against | None:
    """Find the reference that an episode was held against: the newest of its name before it."""
    named = [
        against
        for against in found.references
        if against.name == one.reference
        and (not against.points or against.points[-1].day < one.first_day)
    ]
    return named[-1] if named else None


def sentence(measure: Measure, one: Flag, against: Against | None) -> str:
    """Say in the prescriber's words what was seen; nothing of why, and nothing to do."""
    first = f"First on {write_day(one.first_day, year=True)}."
    if one.code in RETURNED:
        how = "confirmed by a second reading" if one.level == "confirmed" else "one reading so far"
        return f"{measure.label}: back at the level of illness after remission, {how}. {first}"
    if one.code == "BAND_UP":
        return (
            f"{measure.label}: {one.k} of the last {one.of} readings lie in a worse band than the "
            f"baseline. {first}"
        )
    if against is None or against.limit is None:
        return f"{measure.label}: readings differ from the reference. {first}"
    better = one.code == "SUSTAINED_IMPROVEMENT"
    side = "below" if better == (measure.direction != "higher_better") else "above"
    if measure.direction == "target_range":
        side = "nearer to the target than" if better else "further from the target than"
    mean = f"the reference {write_number(against.mean)} (n {against.n}{_days(against.points)})"
    if one.code == "SINGLE_HIGH":
        ended = "" if one.active else ", not repeated"
        return (
            f"{measure.label}: one reading at least {write_number(against.limit)} points {side} "
            f"{mean}{ended}. {first}"
        )
    if one.daily:
        held = "held for a week" if one.level == "confirmed" else "adding up over days"
        return f"{measure.label}: daily readings {side} {mean}, {held}. {first}"
    return (
        f"{measure.label}: {one.k} of the last {one.of} readings are at least "
        f"{write_number(against.limit)} points {side} {mean}. {first}"
    )


def references(found: Flags, new_normal: Mapping[date, str | None], ids: Listing) -> list[Json]:
    """Write every reference that the readings were held against; retired ones say when and by whom.

    new_normal: by day, who called the level of then the new normal.
    """
    return [
        {
            "name": one.name,
            "m": one.mean,
            "n0": one.n,
            **_limit(one),
            "reasons": list(one.reasons),
            "retired_on": one.retired_on,
            "retired_by": new_normal.get(one.retired_on) if one.retired_on else None,
            "window": _window(one.points),
            **ids.of(one.points),
        }
        for one in found.references
    ]


def _limit(against: Against | None) -> Json:
    """Give D in points for visits, H in standard deviations for diaries."""
    if against is None:
        return {}
    return {"H" if against.daily else "D": against.limit}


def _window(points: Sequence[Point]) -> Json | None:
    return {"from": points[0].day, "to": points[-1].day} if points else None


def _days(points: Sequence[Point]) -> str:
    if not points:
        return ""
    first, last = points[0].day, points[-1].day
    return f", {_span(first, last)}"


def _span(first: date, last: date) -> str:
    if first == last:
        return write_day(first, year=True)
    return f"{write_day(first, year=True)} to {write_day(last, year=True)}"

"""What changed since the last visit, in the order in which a prescriber asks (trend-spec 7.5)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from app.clinical.baseline import write_day, write_number
from app.clinical.dose_response import Confounder
from app.clinical.measures import SIDE_EFFECTS, find
from app.trends.blocks import Block
from app.trends.courses import Line
from app.trends.params import Params
from app.trends.readings import Reading

Json = dict[str, Any]

RATINGS = ("none", "mild", "moderate", "severe", "life-threatening")
WORDS = {
    "insufficient_data": "too few readings",
    "stale": "no recent reading",
    "worsening": "worsening",
    "improving": "improving",
    "stable": "no reliable change",
}
STEPS = {
    "start": "started on",
    "change": "dose changed on",
    "stop": "stopped on",
    "restart": "restarted on",
    "hold": "held from",
    "resume": "resumed on",
    "prn_on": "as needed from",
    "prn_off": "no longer as needed from",
}
"""What was done to a dose, in front of its day."""

ERROR = "is more than the error of this scale"
MEANT = {
    "mcid": "is taken for a difference that matters",
    "own_spread": "is more than the own ups and downs of the reference",
    "assumed": "is a fifth of the scale, assumed to be more than its error",
}
"""What a difference of T_rel says, where it is not the error of the scale (trend-spec 4.5)."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit or call: the digest begins after its day.

    sequence: that of its first version in the journal: what had been recorded by then was known.
    """

    id: str
    day: date
    kind: str
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """An interaction finding as it stands: when it was first seen, and whether it still holds."""

    id: str
    rule: str
    severity: str
    first_seen_on: date
    resolved_on: date | None
    medication_ids: tuple[str, ...]


@dataclass(slots=True)
class _Item:
    order: int
    code: str
    day: date | None
    text: str
    records: Sequence[str] = ()
    measure: str | None = None
    numbers: Json = field(default_factory=dict)
    signal: str | None = None


def since_of(params: Params, visits: Sequence[Visit]) -> tuple[Visit | None, date | None]:
    """Give the last visit before `as_of`, and the day after which everything is new.

    A day that was asked for stands instead of the visit's. Without either, nothing is compared.
    """
    before = [one for one in visits if one.day < params.as_of]
    visit = max(before, key=lambda one: (one.day, one.id), default=None)
    if params.since is not None:
        same = next((one for one in visits if one.day == params.since), None)
        return same, params.since
    return visit, visit.day if visit else None


def digest(
    params: Params,
    visits: Sequence[Visit],
    now: Sequence[Block],
    then: Mapping[str, Json],
    risk: Sequence[Json],
    lines: Sequence[Line],
    decisions: Sequence[Json],
    contexts: Sequence[Confounder],
    found: Sequence[Found],
    late: Sequence[Reading],
    rebased: Mapping[str, Json],
) -> Json:
    """List what is new since the reference, and in one line what is not.

    then: how each measure stood at the reference, by code. late: readings of days up to the
    reference that came after it. rebased: by code, the baseline as it was known at the reference
    where corrections or late data have changed it since.
    """
    visit, since = since_of(params, visits)
    if since is None:
        return {"since": None, "items": [], "reasons": ["NO_VISIT"]}
    new = _New(params, since)
    items = [
        *new.risks(risk),
        *new.flags(now),
        *new.doses(lines),
        *new.taken(lines),
        *new.decisions(decisions, now),
        *new.baselines(now, rebased),
        *new.statuses(now, then),
        *new.changes(now, then),
        *new.side_effects(now, then),
        *new.medicines(lines, found),
        *new.domains(now, then),
        *new.contexts(contexts),
        *new.missing(now, lines),
        *new.silent(now),
        *new.late(late),
    ]
    told = {one.measure for one in items if one.measure and one.code != "DECISION_POINT"}
    items += new.unchanged(now, told)
    return {
        "since": {"visit": visit and visit.id, "day": since},
        "items": [_written(one, params) for one in items],
        "reasons": [],
    }


def _written(one: _Item, params: Params) -> Json:
    records = list(dict.fromkeys(one.records))
    return {
        "order": one.order,
        "code": one.code,
        "day": one.day,
        "measure": one.measure,
        "records": records if params.records else records[-50:],
        "numbers": one.numbers,
        "signal": one.signal,
        "text": {"prescriber": one.text},
    }


class _New:
    """What is new after a day, up to `as_of`."""

    def __init__(self, params: Params, since: date) -> None:
        self._params = params
        self._since = since

    def _day(self, day: date) -> str:
        """Write a day, with its year where that is not this one: old news must look old."""
        return write_day(day, year=day.year != self._params.as_of.year)

    def _days(self, first: date, last: date) -> str:
        return self._day(first) if first == last else f"{self._day(first)} to {self._day(last)}"

    def _is_new(self, day: date | None) -> bool:
        return day is not None and self._since < day <= self._params.as_of

    def risks(self, risk: Sequence[Json]) -> Iterator[_Item]:
        """Tell every open risk item, new or not: it stays until a person closes it."""
        for one in risk:
            value, before = one["value"], one["previous"]
            earlier = "not asked before" if before is None else f"{write_number(before)} before"
            latest = one["latest"]
            later = (
                f", {write_number(latest['value'])} on {self._day(latest['day'])}" if latest else ""
            )
            said = f"{_named(one['measure'])} is {write_number(value)}"
            yield _Item(
                1,
                "RISK_ITEM",
                one["day"],
                f"{said} on {self._day(one['day'])} ({earlier}{later}).",
                one["records"],
                one["measure"],
                {"value": value, "previous": before, "new": self._is_new(one["day"])},
                (one["signal"] or {}).get("id"),
            )

    def flags(self, now: Sequence[Block]) -> Iterator[_Item]:
        for block in now:
            for one in block.written["flags"]:
                if one["level"] == "confirmed" and self._is_new(one["first_day"]):
                    yield _Item(
                        2,
                        one["code"],
                        one["first_day"],
                        one["text"]["prescriber"],
                        one["records"],
                        block.measure.code,
                        one["numbers"],
                        one["signal"],
                    )
            for ended in block.flags.episodes:
                if (
                    ended.code == "SINGLE_HIGH"
                    and not ended.active
                    and self._is_new(ended.last_day)
                ):
                    yield _Item(
                        2,
                        "SINGLE_HIGH_NOT_REPEATED",
                        ended.first_day,
                        f"{block.measure.label}: one high reading, not repeated "
                        f"({self._day(ended.first_day)}).",
                        [record for point in ended.points for record in point.records],
                        block.measure.code,
                    )

    def doses(self, lines: Sequence[Line]) -> Iterator[_Item]:
        for line in lines:
            for event in line.line.events:
                if event.planned or not self._is_new(event.day):
                    continue
                assert event.day is not None
                flags = list(line.course.events_said.get(event.id, {}).get("flags", ()))
                waits = " (not confirmed)" if event.unconfirmed else ""
                if flags:
                    waits = f" (confirmed: {', '.join(flags)})"
                yield _Item(
                    3,
                    "DOSE_EVENT",
                    event.day,
                    f"{line.course.name}: {STEPS[event.kind]} {self._day(event.day)}{waits}.",
                    [event.id],
                    numbers={
                        "kind": event.kind,
                        "unconfirmed": list(event.unconfirmed),
                        "flags": flags,
                    },
                )

    def taken(self, lines: Sequence[Line]) -> Iterator[_Item]:
        """Tell how much of each ordered dose was taken since, where anybody recorded it."""
        first = self._since + timedelta(1)
        for line in lines:
            found = line.taking.between(first, self._params.as_of)
            share = found.share
            if share is None or found.sentence is None:
                continue
            yield _Item(
                3,
                "ADMINISTRATIONS",
                None,
                f"{line.course.name}: {found.sentence[0].lower()}{found.sentence[1:]}",
                share.records,
                numbers={"taken_share": share.share, "n_known": share.n_known},
            )

    def decisions(self, decisions: Sequence[Json], now: Sequence[Block]) -> Iterator[_Item]:
        labels = {one.measure.code: one.measure.label for one in now}
        for one in decisions:
            opens, closes = one["window"]["from"], one["window"]["to"]
            reached = one["observed"]["day"] if one["observed"] else None
            if one["result"] in ("ahead", "not_applicable"):
                continue
            if not (self._is_new(reached) or self._is_new(opens) or self._is_new(closes)):
                continue
            said = one["result"].replace("_", " ")
            yield _Item(
                4,
                "DECISION_POINT",
                reached or opens,
                f"{labels[one['measure']]}: {one['point'].replace('_', ' ')} is {said}"
                f" ({self._day(opens)} to {self._day(closes)}).",
                one["records"],
                one["measure"],
                {"point": one["point"], "result": one["result"]},
            )

    def baselines(self, now: Sequence[Block], rebased: Mapping[str, Json]) -> Iterator[_Item]:
        """Tell a baseline that corrections or late data have moved: all change is held to it."""
        for block in now:
            was = rebased.get(block.measure.code)
            if was is None:
                continue
            level = block.baseline.level
            yield _Item(
                5,
                "BASELINE_CHANGED",
                block.baseline.to_day,
                f"{block.measure.label}: the baseline is {_level(level)} now, it was "
                f"{_level(was['level'])} at the visit.",
                [*was["records"], *block.baseline.records],
                block.measure.code,
                {"old": was["level"], "new": level, "rule": block.baseline.rule},
            )

    def statuses(self, now: Sequence[Block], then: Mapping[str, Json]) -> Iterator[_Item]:
        for block in now:
            before = then.get(block.measure.code)
            was = before["status"] if before else None
            status = block.written["status"]
            if status is None or was is None or was == status:
                continue
            yield _Item(
                5,
                "STATUS",
                _last_day(block),
                f"{block.measure.label}: {WORDS[status]}, was {WORDS[was]}.",
                _last_records(block),
                block.measure.code,
                {"old": was, "new": status},
            )

    def changes(self, now: Sequence[Block], then: Mapping[str, Json]) -> Iterator[_Item]:
        """Tell a reliable difference from the value that was there at the visit."""
        for block in now:
            last, before = block.written["last"], (then.get(block.measure.code) or {}).get("last")
            least = block.threshold.points
            if block.measure.domain == "side_effects" or block.measure.direction == "none":
                continue
            if not last or not before or least is None or not self._is_new(last["day"]):
                continue
            points = last["value"] - before["value"]
            if abs(points) < least:
                continue
            yield _Item(
                6,
                "RELIABLE_CHANGE",
                last["day"],
                f"{block.measure.label}: {write_number(before['value'])} on "
                f"{self._day(before['day'])}, {write_number(last['value'])} on "
                f"{self._day(last['day'])} ({points:+g} points; {write_number(least)} or more "
                f"{MEANT.get(block.threshold.source or '', ERROR)}).",
                [*before["records"], *last["records"]],
                block.measure.code,
                {"before": before["value"], "now": last["value"], "points": points, "T_rel": least},
            )

    def side_effects(self, now: Sequence[Block], then: Mapping[str, Json]) -> Iterator[_Item]:
        for block in now:
            code = block.measure.code
            last = block.written["last"]
            if not code.startswith(SIDE_EFFECTS) or not last or not self._is_new(last["day"]):
                continue
            before = (then.get(code) or {}).get("ever")
            if block.measure.direction == "none":
                before = None  # what is told of now may be another effect than the one before
            was, value = (before if before is not None else 0), last["value"]
            if was == value:
                continue
            word = (
                "new" if not was else "gone" if not value else "worse" if value > was else "easing"
            )
            rated = "not rated before" if before is None else f"{_rating(was)} before"
            yield _Item(
                7,
                f"SIDE_EFFECT_{word.upper()}",
                last["day"],
                f"{block.measure.label}: {word}, {_rating(value)} on {self._day(last['day'])} "
                f"({rated}).",
                last["records"],
                code,
                {"before": before, "now": value},
            )

    def medicines(self, lines: Sequence[Line], found: Sequence[Found]) -> Iterator[_Item]:
        names = {str(line.course.id): line.course.name for line in lines}
        for one in found:
            who = " with ".join(names.get(name, "a substance") for name in one.medication_ids)
            holds = one.resolved_on is None or one.resolved_on > self._params.as_of
            if self._is_new(one.first_seen_on) and holds:
                yield _Item(
                    8,
                    "INTERACTION",
                    one.first_seen_on,
                    f"Interaction ({one.severity}): {who}.",
                    [one.id, *one.medication_ids],
                    numbers={"rule": one.rule, "severity": one.severity},
                )
            elif self._is_new(one.resolved_on) and not self._is_new(one.first_seen_on):
                yield _Item(
                    8,
                    "INTERACTION_RESOLVED",
                    one.resolved_on,
                    f"Interaction no longer present ({one.severity}): {who}.",
                    [one.id, *one.medication_ids],
                    numbers={"rule": one.rule, "severity": one.severity},
                )

    def domains(self, now: Sequence[Block], then: Mapping[str, Json]) -> Iterator[_Item]:
        """Tell sleep and functioning each by its primary measure, changed or not."""
        for order, domain in ((9, "sleep"), (10, "functioning")):
            for block in now:
                last = block.written["last"]
                if block.measure.domain != domain or not block.written["primary"] or not last:
                    continue
                before = (then.get(block.measure.code) or {}).get("last")
                earlier = (
                    f", {write_number(before['value'])} on {self._day(before['day'])}"
                    if before and before["day"] != last["day"]
                    else ""
                )
                status = block.written["status"]
                word = f"; {WORDS[status]}" if status else ""
                yield _Item(
                    order,
                    domain.upper(),
                    last["day"],
                    f"{block.measure.label}: {write_number(last['value'])} on "
                    f"{self._day(last['day'])}{earlier}{word}.",
                    [*(before["records"] if before else ()), *last["records"]],
                    block.measure.code,
                    {"now": last["value"], "before": before and before["value"]},
                )

    def contexts(self, contexts: Sequence[Confounder]) -> Iterator[_Item]:
        for one in contexts:
            if self._is_new(one.day):
                assert one.day is not None
                yield _Item(
                    11,
                    one.kind.upper(),
                    one.day,
                    f"{one.label} ({self._day(one.day)}).",
                    [one.id] if one.id else [],
                )

    def missing(self, now: Sequence[Block], lines: Sequence[Line]) -> Iterator[_Item]:
        """Tell what was expected and did not come, and that nothing came since a stop."""
        for block in now:
            last = _last_day(block)
            if block.written["status"] != "stale" or last is None:
                continue
            days = block.written["last_seen_days"]
            said = f"{block.measure.label}: no reading for {days} days"
            stopped = _stopped_since(lines, last)
            if stopped is not None:
                line, day = stopped
                said += f"; no readings since the stop of {line.course.name} ({self._day(day)})"
            yield _Item(
                12,
                "NO_RECENT_READING",
                last,
                f"{said}.",
                _last_records(block),
                block.measure.code,
                {"last_seen_days": days, "stopped_on": stopped and stopped[1]},
            )

    def silent(self, now: Sequence[Block]) -> Iterator[_Item]:
        """Name in one line what has no reading since, before it is old: nothing is known of it."""
        quiet = [
            one
            for one in now
            if one.points and one.written["status"] != "stale" and not self._is_new(_last_day(one))
        ]
        if quiet:
            names = ", ".join(one.measure.label for one in quiet)
            yield _Item(
                12,
                "NO_READING_SINCE",
                None,
                f"No reading since: {names}.",
                [record for one in quiet for record in _last_records(one)],
                numbers={"measures": [one.measure.code for one in quiet]},
            )

    def late(self, late: Sequence[Reading]) -> Iterator[_Item]:
        """Tell in one line what came after the visit for days before it."""
        days = sorted({one.day for one in late})
        if days:
            count = len(late)
            yield _Item(
                12,
                "LATE_DATA",
                days[-1],
                f"{count} {'reading' if count == 1 else 'readings'} came after the visit for "
                f"days up to it ({self._days(days[0], days[-1])}).",
                [str(one.record_id) for one in late],
                numbers={"n": count, "measures": sorted({one.measure for one in late})},
            )

    def unchanged(self, now: Sequence[Block], told: set[str]) -> list[_Item]:
        same = [
            one
            for one in now
            if one.measure.code not in told
            and self._is_new(_last_day(one))
            and one.written["status"] == "stable"
        ]
        if not same:
            return []
        names = ", ".join(one.measure.label for one in same)
        records = [record for one in same for record in _last_records(one)]
        return [
            _Item(
                13,
                "UNCHANGED",
                None,
                f"No reliable change: {names}.",
                records,
                numbers={"measures": [one.measure.code for one in same]},
            )
        ]


def _stopped_since(lines: Sequence[Line], day: date) -> tuple[Line, date] | None:
    """Find the latest stop, of a course that is still off, on that day or after it."""
    found = [
        (epoch.from_day, line)
        for line in lines
        if line.line.epochs
        and not (epoch := line.line.epochs[-1]).on
        and not epoch.hold
        and epoch.from_day is not None
        and epoch.from_day >= day
    ]
    latest = max(found, key=lambda one: (one[0], str(one[1].course.id)), default=None)
    return latest and (latest[1], latest[0])


def _named(code: str) -> str:
    """Name a risk item by its label; one of the clinic's own scale by its number."""
    known = find(code)
    if known is not None:
        return known.label
    scale, _, item = code.rpartition(".")
    return f"{scale.upper()} item {item}" if scale and item.isdigit() else code


def _level(level: float | None) -> str:
    return "not known" if level is None else write_number(level)


def _rating(value: float) -> str:
    whole = int(value)
    return RATINGS[whole] if whole == value and 0 <= whole < len(RATINGS) else write_number(value)


def _last_day(block: Block) -> date | None:
    return block.points[-1].day if block.points else None


def _last_records(block: Block) -> list[str]:
    return list(block.points[-1].records) if block.points else []

"""One measure of the figure: its sentence, its flags, its readings on the whole scale."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise
from math import ceil, floor, log10
from statistics import median
from typing import Any, NamedTuple

from app.trends.axis import LEFT, MARGIN, RIGHT, WIDTH, Axis, date_words, number, to_day
from app.trends.svg import (
    BOLD,
    Callout,
    Part,
    at,
    box,
    callouts,
    element,
    fit,
    halo,
    line,
    lines,
    path,
    shape,
    text,
    width_of,
    wrap,
)

Json = Mapping[str, Any]
Look = dict[str, str | float]

PLOT, ROW, EMPTY, STRIP = 118, 28, 26, 8
GUTTER = WIDTH - RIGHT - 16
BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#666"
DASHED: Look = {"stroke": "#000", "stroke_width": 1.4, "stroke_dasharray": "7 4"}
DOTTED: Look = {"stroke": "#000", "stroke_width": 1.4, "stroke_dasharray": "1.5 3.5"}
FITTED: Look = {"stroke": VERMILION, "stroke_width": 1.8, "stroke_dasharray": "12 3 2 3"}
MIXED: Look = {"fill": "url(#titrate-mixed)", "stroke": GREY}
DIRECTIONS = {
    "lower_better": "lower is better",
    "higher_better": "higher is better",
    "target_range": "target range",
}
BASELINES = {
    "pre_start": "last before start",
    "pre_change": "before the change",
    "first": "first reading",
    "window": "of the given days",
    "value": "given by the prescriber",
}


class Point(NamedTuple):
    """One kept reading."""

    day: date
    value: float


class Gap(NamedTuple):
    """Days without an entry between two readings, or since the last one."""

    first: date
    last: date
    days: int


class Mixed(NamedTuple):
    """Days after one dose event in which something else changed too, and what."""

    first: date
    last: date
    also: tuple[str, ...]


class Level(NamedTuple):
    """A horizontal line with a short name at its end and a longer one in the key."""

    value: float
    short: str
    long: str
    look: Look


@dataclass(frozen=True)
class Scale:
    """Values to y: the whole scale of the measure; without one, the span of what is drawn."""

    low: float
    high: float
    height: float

    def y(self, value: float) -> float:
        """Where the value stands; values outside the scale stand at its edge."""
        within = min(max(value, self.low), self.high)
        return self.height * (self.high - within) / (self.high - self.low)


def panel(
    block: Json,
    sentence: str,
    axis: Axis,
    rules: Sequence[float],
    mixed: Sequence[Mixed],
    *,
    has_key: bool = True,
) -> list[Part]:
    """Draw one measure block; `rules` are the x of the dose events.

    mixed: spans of this measure in which more than one thing changed. has_key: also say what the
    lines are whose short name beside the plot is not enough.
    """
    points, scale = kept(block), _scale(block)
    levels = [level for level in _levels(block) if scale.low <= level.value <= scale.high]
    silent = gaps(block, axis.today)
    flags = [_flag(flag, axis) for flag in block.get("flags") or []]
    drawn = [
        _bands(block, scale) if points else "",
        *(_hatch(gap, axis, scale) for gap in silent),
        *(_mixed_strip(span, axis, scale) for span in mixed),
        *(_rule(x, scale) for x in rules),
        *(
            line(LEFT, y, RIGHT, y, **level.look)
            for level in levels
            for y in [scale.y(level.value)]
        ),
        *(_gap_words(gap, axis) for gap in silent),
        _fitted(block, axis, scale),
        _readings(block, axis, scale),
        *(_cross(axis.x(day), scale.y(value)) for day, value, _ in _excluded(block)),
        box(LEFT, 0, RIGHT - LEFT, scale.height, fill="none", stroke=GREY, class_="plot"),
        _gutter(block, levels, scale) if points else "",
        _value_axis(block, scale) if block["points"] else "",
        _last(points, axis, scale),
    ]
    return [
        _heading(block),
        lines(sentence, LEFT, 11, WIDTH - MARGIN - LEFT),
        _key(block, levels, mixed, in_full=has_key),
        Part("", 4),
        callouts(flags, WIDTH - MARGIN),
        Part("".join(drawn), scale.height + STRIP + 6),
    ]


def row(block: Json, axis: Axis, rules: Sequence[float]) -> list[Part]:
    """Draw one measure block low and without lines: bars under the doses that they followed."""
    points, scale = kept(block), replace(_scale(block), height=ROW)
    # That a side effect went away is seen from the bars; that one grew is said.
    told = [flag for flag in block.get("flags") or [] if not _is_good(flag)]
    flags = [_flag(flag, axis) for flag in told]
    silent = gaps(block, axis.today)
    left_out = left_out_words(block)
    drawn = [
        *(_hatch(gap, axis, scale) for gap in silent),
        *(_rule(x, scale) for x in rules),
        *(_gap_words(gap, axis, most_rows=1) for gap in silent),
        *(_bar(point, axis, scale) for point in points),
        *(_cross(axis.x(day), scale.y(value)) for day, value, _ in _excluded(block)),
        box(LEFT, 0, RIGHT - LEFT, ROW, fill="none", stroke="#ccc", class_="plot"),
        _ends(block, scale),
    ]
    return [
        lines(in_short(block), LEFT, 11, RIGHT - LEFT),
        lines(left_out, LEFT, 10, RIGHT - LEFT),
        callouts(flags, WIDTH - MARGIN),
        Part("".join(drawn), ROW + 6),
    ]


def in_short(block: Json) -> str:
    """Say the last and the worst reading, in place of a sentence."""
    if not (points := kept(block)):
        return f"{name_of(block)}: no data"
    last = points[-1]
    said = f"{name_of(block)}: {_short(last.value)} on {date_words(last.day)}"
    by_value = {"higher_better": min, "lower_better": max}.get(block["direction"])
    worst = by_value(points, key=lambda point: point.value) if by_value else last
    if worst.value != last.value:
        said += f"; worst {_short(worst.value)} on {date_words(worst.day)}"
    return said


def _short(value: float) -> str:
    """Write a value as exactly as a glance needs: a lithium level keeps its second decimal."""
    return number(value, 1 if abs(value) >= 2 else 2)


def _ends(block: Json, scale: Scale) -> str:
    unit = str(block.get("unit") or "").replace("{score}", "").replace("{", "").replace("}", "")
    said = f"{number(scale.low)} to {number(scale.high)} {unit}".strip()
    return text(RIGHT + 8, ROW - 2, fit(said, 10, GUTTER), 10)


def name_of(block: Json) -> str:
    """Give the label of a measure block, else its code spelled out."""
    return block.get("label") or spelled(block["measure"])


def spelled(code: str) -> str:
    """phq-9.total is PHQ-9, phq-9.9 is PHQ-9 item 9, sleep.quality is sleep: quality."""
    stem, _, tail = code.rpartition(".")
    if tail == "total":
        return stem.upper()
    if tail.isdigit():
        return f"{stem.upper()} item {tail}"
    return code.replace(".", ": ").replace("_", " ")


def kept(block: Json) -> list[Point]:
    """Readings that count, by day."""
    used = (p for p in block["points"] if not p.get("excluded"))
    return sorted(Point(to_day(p["day"]), p["value"]) for p in used)


def gaps(block: Json, today: date) -> list[Gap]:
    """The block's gaps, and the silence since the last reading of a stale measure."""
    windows = [(gap["window"]["from"], gap["window"]["to"]) for gap in block.get("gaps") or []]
    found = [(to_day(first), to_day(last)) for first, last in windows]
    if block.get("status") == "stale" and (points := kept(block)):
        found.append((points[-1].day, today))
    return [Gap(first, last, (last - first).days) for first, last in found]


def _excluded(block: Json) -> list[tuple[date, float, str]]:
    left_out = (p for p in block["points"] if p.get("excluded") and p["value"] is not None)
    return [(to_day(p["day"]), p["value"], str(p["excluded"])) for p in left_out]


def _scale(block: Json) -> Scale:
    height = PLOT if block["points"] else EMPTY
    low, high = block.get("scale") or (None, None)
    if low is None or high is None:
        values = [p.value for p in kept(block)] + [level.value for level in _levels(block)] or [0]
        step = _step((max(values) - min(values)) or 1)
        low = (ceil(min(values) / step) - 1) * step
        high = (floor(max(values) / step) + 1) * step
    return Scale(low, high, height)


def _levels(block: Json) -> list[Level]:
    """The baseline dashed, the limit beyond which a reading counts against a reference dotted."""
    found = []
    baseline = block.get("baseline") or {}
    if (level := baseline.get("level")) is not None:
        short = f"baseline {_short(level)}"
        rule = BASELINES.get(baseline["rule"].partition(":")[0], baseline["rule"])
        found.append(Level(level, short, f"{short}, {rule}", DASHED))
    sign = {"lower_better": 1, "higher_better": -1}.get(block["direction"])
    for reference in block.get("references") or []:
        if sign is None or reference.get("D") is None:
            continue
        limit = reference["m"] + sign * reference["D"]
        short = f"limit {number(limit, 1)}"
        distance = f"{number(reference['D'], 1)} worse than {reference['name']}"
        long = f"{short}: {distance} {number(reference['m'], 1)}"
        found.append(Level(limit, short, long, DOTTED))
    return found


def _heading(block: Json) -> Part:
    status = str(block.get("status") or "").replace("_", " ")
    reasons = block.get("status_reasons") or []
    if status and reasons:
        status += f" ({', '.join(_plain(reason) for reason in reasons)})"
    title = lines(name_of(block), MARGIN, 13, 520, "bold")
    left = WIDTH - 3 * MARGIN - BOLD * min(width_of(name_of(block), 13), 520)
    shown = fit(status, 11, left / BOLD)
    drawn = text(WIDTH - MARGIN, 17, shown, 11, text_anchor="end", font_weight="bold")
    return Part(title.svg + drawn, title.height + 2)


def _plain(code: str) -> str:
    return code.removeprefix("DQ_").replace("_", " ").lower()


# Beside and above the plot


def _key(block: Json, levels: Sequence[Level], mixed: Sequence[Mixed], *, in_full: bool) -> Part:
    """What the lines and marks are, in as many rows as it takes.

    Not in full: only what was left out, and what cannot be told apart.
    """
    entries = [(line(0, 0, 26, 0, **level.look), level.long) for level in levels if in_full]
    if in_full and (trend := _trend(block)):
        interval = "no interval"
        if ends := trend.get("interval"):
            interval = f"95% {number(ends[0], 2)} to {number(ends[1], 2)}"
        slope = f"trend (Theil-Sen) {number(trend['slope_per_7d'], 2)} a week"
        entries.append((line(0, 0, 26, 0, **FITTED), f"{slope} (n {trend['n']}, {interval})"))
    if in_full and _dense(block):
        sample = line(0, 0, 26, 0, stroke=BLUE, stroke_width=2.2)
        entries.append((sample, "7-day median; dots: single days"))
    if left_out := left_out_words(block):
        entries.append((_cross(13, 0), left_out))
    if also := dict.fromkeys(label for span in mixed for label in span.also):
        sample = box(0, -5, 26, 10, **MIXED)
        entries.append((sample, f"cannot be told apart here: {', '.join(also)}"))
    drawn, x, y = [], float(LEFT), 8.0
    for sample, content in entries:
        shown = fit(content, 10, RIGHT - LEFT - 32)
        width = 32 + width_of(shown, 10) + 18
        if x > LEFT and x + width > RIGHT + 18:
            x, y = LEFT, y + 15
        drawn.append(at(x, y, sample) + text(x + 32, y + 3.5, shown, 10))
        x += width
    return Part("".join(drawn), y + 9 if entries else 0)


def left_out_words(block: Json) -> str:
    """Say each reading that does not count, and why."""
    said = [f"{_plain(why)} {number(v)} on {date_words(d)}" for d, v, why in _excluded(block)]
    return f"left out of the numbers: {'; '.join(said)}" if said else ""


def _flag(flag: Json, axis: Axis) -> Callout:
    """A confirmed flag is a filled mark, a notice a hollow one; an improvement is round."""
    fill = "#000" if flag["level"] == "confirmed" else "#fff"
    if _is_good(flag):
        mark = element("circle", r=4, fill=fill, stroke="#000", class_="flag")
    else:
        mark = shape([(-5, -4), (5, -4), (0, 5)], fill=fill, stroke="#000", class_="flag")
    return Callout(axis.x(to_day(flag["first_day"])), flag_in_words(flag), mark)


def flag_in_words(flag: Json) -> str:
    """Say a flag: how sure it is, what it is, since when, and whether somebody is called."""
    called = ", signal" if flag.get("signal") else ""
    return f"{flag['level']}: {_plain(flag['code'])}, {date_words(flag['first_day'])}{called}"


def _is_good(flag: Json) -> bool:
    return "IMPROVEMENT" in flag["code"]


def _bands(block: Json, scale: Scale) -> str:
    drawn = []
    for place, (_, low, high) in enumerate(_strips(block, scale)):
        y, height = scale.y(high), scale.y(low) - scale.y(high)
        fill = "#fff" if place % 2 else "#efefef"
        drawn.append(box(LEFT, y, RIGHT - LEFT, height, fill=fill, class_="band"))
    return "".join(drawn)


def _strips(block: Json, scale: Scale) -> list[tuple[str, float, float]]:
    """Bands on the scale without holes between them: 0-4 and 5-9 meet at 4.5."""
    bands = sorted(block.get("bands") or [], key=lambda band: float(band["min"]))
    meets = [(below["max"] + above["min"]) / 2 for below, above in pairwise(bands)]
    edges = [min(max(meet, scale.low), scale.high) for meet in meets]
    spans = pairwise([scale.low, *edges, scale.high])
    named = zip((band["label"] for band in bands), spans, strict=False)
    return [(label, low, high) for label, (low, high) in named if low < high]


def _gutter(block: Json, levels: Sequence[Level], scale: Scale) -> str:
    """Names of strips and levels right of the plot, moved apart where they are close."""
    asked = [
        (scale.y((low + high) / 2), name, "normal") for name, low, high in _strips(block, scale)
    ]
    asked += [(scale.y(level.value), level.short, "bold") for level in levels]
    asked.sort()
    names = [_rows_of(name) for _, name, _ in asked]
    if 12 * sum(map(len, names)) > scale.height + 8:
        names = [_rows_of(name, 1) for _, name, _ in asked]
    places = [y - 6 * (len(rows) - 1) for (y, *_), rows in zip(asked, names, strict=True)]
    for n in range(1, len(places)):
        places[n] = max(places[n], places[n - 1] + 12 * len(names[n - 1]))
    for n in range(len(places) - 1, -1, -1):
        below = places[n + 1] if n + 1 < len(places) else scale.height + 8
        places[n] = min(places[n], below - 12 * len(names[n]))
    drawn = []
    for (y, _, weight), rows, place in zip(asked, names, places, strict=True):
        drawn.append(line(RIGHT, y, RIGHT + 9, place, stroke=GREY, stroke_width=0.8))
        drawn += [
            text(RIGHT + 12, place + 3.5 + 12 * n, row, 10, font_weight=weight, class_="gutter")
            for n, row in enumerate(rows)
        ]
    return "".join(drawn)


def _rows_of(name: str, most: int = 2) -> list[str]:
    """Write a name beside the plot in as many rows as it may have; what is cut says so."""
    rows = wrap(name, 10, GUTTER - 12)
    return [*rows[: most - 1], fit(" ".join(rows[most - 1 :]), 10, GUTTER - 12)][: len(rows)]


def _value_axis(block: Json, scale: Scale) -> str:
    drawn = []
    for value in _ticks(block, scale):
        y = scale.y(value)
        drawn.append(line(LEFT - 4, y, LEFT, y, stroke="#000"))
        label = number(value)
        drawn.append(text(LEFT - 7, y + 3.5, label, 10, text_anchor="end", class_="tick"))
    unit = str(block.get("unit") or "").replace("{", "").replace("}", "")
    direction = DIRECTIONS.get(block["direction"], "no direction set")
    name = f"{name_of(block)} ({unit})"
    if width_of(name, 10) > scale.height:
        name = fit(name_of(block), 10, scale.height)
    for x, content in ((16, name), (30, direction)):
        turned = f"translate({x} {scale.height / 2:g}) rotate(-90)"
        drawn.append(text(0, 0, content, 10, text_anchor="middle", transform=turned))
    return "".join(drawn)


def _ticks(block: Json, scale: Scale) -> list[float]:
    """Both ends of the scale always; between them the bands' beginnings or round numbers."""
    span = scale.high - scale.low
    if bands := block.get("bands"):
        between = [band["min"] for band in bands]
    else:
        step = _step(span)
        between = [step * n for n in range(int(scale.low // step), int(scale.high // step) + 1)]
    ticks = [scale.low, scale.high]
    for value in between:
        inside = scale.low < value < scale.high
        if inside and all(abs(scale.y(value) - scale.y(tick)) >= 11 for tick in ticks):
            ticks.append(value)
    return sorted(ticks)


def _step(span: float) -> float:
    """Round distance of ticks that cuts the span into at most five parts."""
    power = 10.0 ** floor(log10(span))
    return next(n * power for n in (0.2, 0.5, 1, 2) if span / (n * power) <= 5)


# In the plot


def _rule(x: float, scale: Scale) -> str:
    return line(x, 0, x, scale.height, stroke=GREY, stroke_width=0.8, class_="rule")


def _hatch(gap: Gap, axis: Axis, scale: Scale) -> str:
    left, right = axis.x(gap.first) + 4, axis.x(gap.last) - 4
    if right - left < 3:
        return ""
    return box(left, 0, right - left, scale.height, fill="url(#titrate-gap)", class_="gap")


def _mixed_strip(span: Mixed, axis: Axis, scale: Scale) -> str:
    left, right = axis.x(span.first), axis.x(span.last)
    return box(left, scale.height + 2, max(right - left, 2), STRIP, class_="confounded", **MIXED)


def _gap_words(gap: Gap, axis: Axis, most_rows: int = 2) -> str:
    """Say how long it was, in one line or two, where there is room."""
    left, right = axis.x(gap.first), axis.x(gap.last)
    one_or_two = [f"no entries {gap.days} days"], ["no entries", f"{gap.days} days"]
    for rows in one_or_two[:most_rows]:
        if max(width_of(row, 10) for row in rows) <= right - left:
            places = [(13 + 12 * n, row) for n, row in enumerate(rows)]
            middle = (left + right) / 2
            return "".join(halo(middle, y, row, 10, text_anchor="middle") for y, row in places)
    return ""


def _readings(block: Json, axis: Axis, scale: Scale) -> str:
    points = kept(block)
    if not points:
        middle = (LEFT + RIGHT) / 2
        return halo(middle, scale.height / 2 + 4, "no data", 12, text_anchor="middle")
    dense = _dense(block)
    small = min(max(0.4 * axis.per_day, 1.3), 3)
    look: Look = {"r": small, "fill": GREY} if dense else {"r": 3.6, "fill": BLUE}
    stroke: Look = {"stroke": BLUE, "stroke_width": 2.2 if dense else 1.6}
    drawn = []
    for unbroken in _unbroken(points, gaps(block, axis.today)):
        traced = _medians(unbroken) if dense else unbroken
        if len(traced) > 1:
            places = [(axis.x(point.day), scale.y(point.value)) for point in traced]
            drawn.append(path(places, class_="line", **stroke))
    marks = [
        element("circle", cx=axis.x(p.day), cy=scale.y(p.value), class_="point", **look)
        for p in points
    ]
    return "".join([*marks, *drawn] if dense else [*drawn, *marks])


def _bar(point: Point, axis: Axis, scale: Scale) -> str:
    """A bar from the foot; a recorded zero is a low hollow one, for it is not a missing entry."""
    height = max(scale.height - scale.y(point.value), 3)
    width = min(max(0.8 * axis.per_day, 1), 5)
    look: Look = {"fill": BLUE if point.value > scale.low else "#fff", "stroke": BLUE}
    x, y = axis.x(point.day) - width / 2, scale.height - height
    return box(x, y, width, height, class_="point", **look)


def _unbroken(points: Sequence[Point], breaks: Sequence[Gap]) -> list[list[Point]]:
    """Cut the readings at every gap."""
    pieces = [[points[0]]]
    for before, point in pairwise(points):
        if any(before.day < gap.last <= point.day for gap in breaks):
            pieces.append([])
        pieces[-1].append(point)
    return pieces


def _medians(points: Sequence[Point]) -> list[Point]:
    """Median of the days from three before to three after each observed day."""
    values = {point.day: point.value for point in points}
    around = [timedelta(n) for n in range(-3, 4)]
    return [
        Point(p.day, median(values[p.day + n] for n in around if p.day + n in values))
        for p in points
    ]


def _dense(block: Json) -> bool:
    return block.get("cadence") == "dense"


def _trend(block: Json) -> Json | None:
    """The trend of the whole window, when it has a slope and points to lie on."""
    trends: list[Json] = [t for t in block.get("trend") or [] if t["name"] == "all"]
    found = next((t for t in trends if t.get("slope_per_7d") is not None), None)
    return found if kept(block) else None


def _fitted(block: Json, axis: Axis, scale: Scale) -> str:
    """The Theil-Sen line between the first and the last reading, cut at the ends of the scale.

    The report gives the slope; the line goes through the medians of days and values, as in
    trend-spec 5.3.
    """
    if (trend := _trend(block)) is None:
        return ""
    points, slope = kept(block), trend["slope_per_7d"] / 7
    days = [point.day.toordinal() for point in points]
    middle, height = median(days), median(point.value for point in points)
    first, last = days[0], days[-1]
    if slope:
        crossed = sorted(middle + (edge - height) / slope for edge in (scale.low, scale.high))
        first, last = max(first, ceil(crossed[0])), min(last, floor(crossed[1]))
    ends = [
        (axis.x(date.fromordinal(day)), scale.y(height + slope * (day - middle)))
        for day in (first, last)
    ]
    return path(ends, class_="trend", **FITTED)


def _cross(x: float, y: float) -> str:
    look: Look = {"stroke": "#000", "stroke_width": 1.6}
    arms = line(x - 4, y - 4, x + 4, y + 4, **look) + line(x - 4, y + 4, x + 4, y - 4, **look)
    return element("g", arms, class_="excluded")


def _last(points: Sequence[Point], axis: Axis, scale: Scale) -> str:
    if not points:
        return ""
    day, value = points[-1]
    y = min(max(scale.y(value) + 4, 10), scale.height - 3)
    label = _short(value)
    return halo(axis.x(day) + 7, y, label, 12, font_weight="bold", class_="last")

"""A patient's trends as one SVG: the medicines above, each measure below, on one axis of real days.

What is missing stays visible: a gap breaks the line and is hatched, an unknown dose is hatched
and never drawn as zero, a panel without readings says so. Shape, dash and text carry the meaning;
colour (Okabe-Ito) only repeats it.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from app.trends.axis import LEFT, MARGIN, RIGHT, WIDTH, Axis, date_words, months, number, to_day
from app.trends.panel import gaps, kept, name_of, panel, spelled
from app.trends.ribbon import dose_days, dose_words, event_words, planned_steps, ribbon, unsettled
from app.trends.svg import (
    FONT,
    Callout,
    Part,
    box,
    callouts,
    element,
    lines,
    path,
    shape,
    stack,
    text,
    words,
)

Json = Mapping[str, Any]

PLANNED_AHEAD = 4  # planned steps are drawn up to a quarter of the window ahead, later ones named
AXIS_EVERY = 3  # the months are written again under every third panel


def draw(report: Json) -> str:
    """Draw the body of `GET /trends`, each measure with its points, as one SVG of width 1000.

    Beyond trend-spec 9.2 a measure block may carry `label` (else its code is spelled out) and
    `bands` [{min, max, label}] (else there are no strips), a patient `synthetic`, a PRN epoch
    `max_daily`. The text shown is that of the report's audience. Same report, same bytes.

    Raises:
        KeyError: `medications` or a block's `points` are not there; what was not asked for must
            not look like what does not exist.
    """
    axis, blocks = _axis(report), report["measures"]
    names = {block["measure"]: name_of(block) for block in blocks}
    rules = [axis.x(day) for day in dose_days(report["medications"]) if axis.holds(day)]
    parts = [_header(report), *ribbon(report["medications"], axis), months(axis)]
    parts.append(_risk(report.get("risk") or [], names, axis))
    for place, block in enumerate(blocks, 1):
        parts += panel(block, _sentence(block, report), axis, rules)
        if place % AXIS_EVERY == 0 or place == len(blocks):
            parts.append(months(axis))
    if not blocks:
        parts.append(lines("no data: no measure is followed", LEFT, 12, RIGHT - LEFT))
    whole = stack([*parts, Part("", MARGIN)])
    return element(
        "svg",
        element("title", words(_title(report))),
        element("desc", words(_description(report, names))),
        element("defs", *_patterns()),
        box(0, 0, WIDTH, whole.height, fill="#fff"),
        whole.svg,
        xmlns="http://www.w3.org/2000/svg",
        role="img",
        width=WIDTH,
        height=whole.height,
        viewBox=f"0 0 {WIDTH} {whole.height:.2f}",
        font_family=FONT,
    )


def _patterns() -> list[str]:
    """Hatchings that differ in black and white; the names stay ours inside a page."""
    inks = {
        "gap": path([(0, 8), (8, 0)], stroke="#bbb"),
        "unknown": path([(0, 8), (8, 0)], stroke="#000", stroke_width=1.6),
        "prn": element("circle", cx=4, cy=4, r=1.6, fill="#0072B2"),
        "hold": path([(0, 4), (8, 4)], stroke="#000"),
    }
    square: dict[str, str | float] = {"width": 8, "height": 8, "patternUnits": "userSpaceOnUse"}
    return [element("pattern", ink, id=f"titrate-{name}", **square) for name, ink in inks.items()]


def _title(report: Json) -> str:
    return f"Trends: {_banner(report) or 'own data'}, as of {date_words(report['as_of'])}"


def _banner(report: Json) -> str:
    patient = report.get("patient")
    return f"{patient['name']}, born {patient['birth_year']}" if patient else ""


def _synthetic(report: Json) -> bool:
    return bool((report.get("patient") or {}).get("synthetic"))


def _description(report: Json, names: Mapping[str, str]) -> str:
    """Say what the figure shows, in the order in which it shows it, for a screen reader."""
    said = ["Synthetic."] if _synthetic(report) else []
    for course in report["medications"]:
        steps = [f"{dose_words(e)} from {date_words(e['from'])}" for e in course["epochs"]]
        steps += [event_words(event, report["as_of"]) for event in unsettled(course)]
        said.append(f"{course['medicine']}: {', '.join(steps) or 'no dose recorded'}.")
    said += [f"Risk item: {_risk_words(item, names)}." for item in report.get("risk") or []]
    for block in report["measures"]:
        without = f"{name_of(block)}: {'no sentence' if kept(block) else 'no data'}."
        said.append(_sentence(block, report) or without)
        silent = gaps(block, to_day(report["as_of"]))
        said += [f"No entries {gap.days} days from {date_words(gap.first)}." for gap in silent]
    return " ".join(said)


def _sentence(block: Json, report: Json) -> str:
    return (block.get("text") or {}).get(report.get("audience", "prescriber")) or ""


def _header(report: Json) -> Part:
    window, badge = report["window"], ""
    shown = f"{date_words(window['from'])} to {date_words(window['to'])}"
    dates = f"as of {date_words(report['as_of'])}; shown: {shown}"
    if _synthetic(report):
        badge = text(WIDTH - MARGIN - 50, 22, "SYNTHETIC", 13, text_anchor="middle")
        badge += box(WIDTH - MARGIN - 100, 7, 100, 21, fill="none", stroke="#000")
    banner = lines(_banner(report), MARGIN, 18, WIDTH - 160, "bold")
    return stack([Part(badge, 2), banner, lines(dates, MARGIN, 12, WIDTH - 160), Part("", 6)])


def _axis(report: Json) -> Axis:
    """Cover the window, every point given, and the planned steps of the near future."""
    today = to_day(report["as_of"])
    days = [to_day(report["window"]["from"]), to_day(report["window"]["to"]), today]
    days += [to_day(point["day"]) for block in report["measures"] for point in block["points"]]
    first, last = min(days), max(days)
    limit = last + (last - first) / PLANNED_AHEAD
    steps = [to_day(e["day"]) for course in report["medications"] for e in planned_steps(course)]
    ahead = [day for day in steps if last < day <= limit]
    room = min((last - first) / 12, timedelta(28))
    return Axis(first, today, max(ahead) + room if ahead else last)


def _risk(items: Sequence[Json], names: Mapping[str, str], axis: Axis) -> Part:
    """Mark every risk item with a diamond above all panels, whatever any total says."""
    if not items:
        return Part("", 0)
    corners = [(0.0, -6.0), (6.0, 0.0), (0.0, 6.0), (-6.0, 0.0)]
    mark = shape(corners, fill="#D55E00", stroke="#000", class_="risk")
    marks = [Callout(axis.x(to_day(i["day"])), _risk_words(i, names), mark) for i in items]
    heading = text(MARGIN, 13, "Risk items", 13, font_weight="bold")
    return stack([Part(heading, 16), callouts(marks, WIDTH - MARGIN, 11), Part("", 8)])


def _risk_words(item: Json, names: Mapping[str, str]) -> str:
    name = names.get(item["measure"]) or spelled(item["measure"])
    before = item.get("previous")
    was = "no reading before" if before is None else f"{number(before)} before"
    first = ", first time" if item.get("first_time") else ""
    signal = item.get("signal")
    state = f"signal {signal['state']}" if signal else "no signal"
    return f"{name} = {number(item['value'])} on {date_words(item['day'])} ({was}{first}; {state})"

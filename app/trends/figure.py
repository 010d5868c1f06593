"""A patient's trends as one SVG: the medicines above, each measure below, on one axis of real days.

What is missing stays visible: a gap breaks the line and is hatched, an unknown dose is hatched
and never drawn as zero, a panel without readings says so. Shape, dash and text carry the meaning;
colour (Okabe-Ito) only repeats it.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from operator import itemgetter
from typing import Any

from app.trends.axis import LEFT, MARGIN, RIGHT, WIDTH, Axis, date_words, months, number, to_day
from app.trends.panel import (
    Mixed,
    flag_in_words,
    gaps,
    in_short,
    kept,
    left_out_words,
    name_of,
    panel,
    row,
    spelled,
)
from app.trends.ribbon import (
    dose_days,
    dose_words,
    event_words,
    flag_words,
    flagged,
    planned_steps,
    ribbon,
    unsettled,
)
from app.trends.svg import (
    FONT,
    Callout,
    Part,
    at,
    box,
    callouts,
    element,
    line,
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
SESSION = "therapy_session"
MOST_EVENTS = 8  # the newest are named; what lies before them is marked and counted
DIAMOND = [(0.0, -6.0), (6.0, 0.0), (0.0, 6.0), (-6.0, 0.0)]
IN_ROWS = {"dosage": "What was taken", "side_effects": "Side effects"}


def draw(report: Json, *, in_page: bool = False) -> str:
    """Draw the body of `GET /trends`, each measure with its points, as one SVG of width 1000.

    in_page: the page around it says whose it is, what the risk items are, and what the lines are
    called; the figure is lower by that.

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
    risk = report.get("risk") or []
    parts = [_risk_marks(risk, axis)] if in_page else [_header(report), _risk(risk, names, axis)]
    parts += ribbon(report["medications"], axis)
    parts += _events(report.get("contexts") or [], axis)
    for domain, heading in IN_ROWS.items():
        parts += _rows(heading, [one for one in blocks if one["domain"] == domain], axis, rules)
    parts.append(months(axis))
    panels = [block for block in blocks if block["domain"] not in IN_ROWS]
    for place, block in enumerate(panels, 1):
        mixed = _mixed(block["measure"], report["medications"])
        sentence = "" if in_page else _sentence(block, report)
        parts += panel(block, sentence, axis, rules, mixed, has_key=not in_page)
        if place % AXIS_EVERY == 0 or place == len(panels):
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


def _rows(heading: str, blocks: Sequence[Json], axis: Axis, rules: Sequence[float]) -> list[Part]:
    """Put low bars under the doses; what is 0 throughout, or has no reading, is only named."""
    if not blocks:
        return []
    parts = [Part(text(MARGIN, 14, heading, 13, font_weight="bold"), 18)]
    for block in blocks:
        if any(point["value"] for point in block["points"]):
            parts += row(block, axis, rules)
    for said, named in (
        ("0 whenever asked", [one for one in blocks if _is_zero(one)]),
        ("no data", [one for one in blocks if not one["points"]]),
    ):
        if named:
            names = ", ".join(name_of(block) for block in named)
            parts.append(lines(f"{said}: {names}", LEFT, 11, RIGHT - LEFT))
    return [*parts, Part("", 8)]


def _events(contexts: Sequence[Json], axis: Axis) -> list[Part]:
    """Mark what else happened on its day, with a bar up to its end; single sessions by a tick."""
    if not contexts:
        return []
    named = [one for one in contexts if one["kind"] != SESSION]
    square = box(-4, -4, 8, 8, fill="#000", class_="event")
    marks = [
        Callout(axis.x(to_day(one["day"])), _event_words(one), square)
        for one in named[-MOST_EVENTS:]
    ]
    foot = callouts(marks, WIDTH - MARGIN)
    height = max(foot.height, 14)
    drawn = [at(0, height - foot.height, foot.svg)]
    for one in contexts:
        x, y = axis.x(to_day(one["day"])), height - 6
        if one["kind"] == SESSION:
            drawn.append(line(x, y - 4, x, y + 4, stroke="#000", class_="session"))
        elif one["to"]:
            width = max(axis.x(to_day(one["to"])) - x, 2)
            drawn.append(box(x, y - 2, width, 4, fill="#000", class_="lasting"))
        if one in named[:-MOST_EVENTS]:
            drawn.append(at(x, y, square))
    said = f"the newest {MOST_EVENTS} of {len(named)} are named; " * (len(named) > MOST_EVENTS)
    said += "ticks: therapy sessions" * (len(named) < len(contexts))
    heading = text(MARGIN, 14, "Events", 13, font_weight="bold")
    note = text(MARGIN + 92, 14, said.removesuffix("; "), 10) if said else ""
    return [Part(heading + note, 18), Part("".join(drawn), height), Part("", 8)]


def _event_words(context: Json) -> str:
    until = f" to {date_words(context['to'])}" if context["to"] else ""
    kind, label = context["kind"].replace("_", " "), context["label"]
    named = f"{kind}: {label}" if context["kind"] == "therapy_start" else label
    return f"{named}, {date_words(context['day'])}{until}"


def _is_zero(block: Json) -> bool:
    return bool(block["points"]) and not any(point["value"] for point in block["points"])


def _mixed(measure: str, courses: Sequence[Json]) -> list[Mixed]:
    """Find where the report says of a dose event that something else changed beside it.

    Spans that meet are one: what was changed in them stands in each other's way.
    """
    found = []
    for event in (event for course in courses for event in course["events"]):
        told = [one for one in event.get("before_after") or [] if one["measure"] == measure]
        doubtful = [one for one in told if one["confounded"] and one["after"]["window"]]
        if doubtful:
            last = max(to_day(one["after"]["window"]["to"]) for one in doubtful)
            labels = [str(other["label"]) for one in doubtful for other in one["confounders"]]
            found.append(Mixed(to_day(event["day"]), last, tuple(dict.fromkeys(labels))))
    joined: list[Mixed] = []
    for span in sorted(found):
        if joined and span.first <= joined[-1].last:
            before = joined.pop()
            also = tuple(dict.fromkeys((*before.also, *span.also)))
            span = Mixed(before.first, max(before.last, span.last), also)
        joined.append(span)
    return joined


def _patterns() -> list[str]:
    """Hatchings that differ in black and white; the names stay ours inside a page."""
    inks = {
        "gap": path([(0, 8), (8, 0)], stroke="#bbb"),
        "unknown": path([(0, 8), (8, 0)], stroke="#000", stroke_width=1.6),
        "prn": element("circle", cx=4, cy=4, r=1.6, fill="#0072B2"),
        "mixed": element("g", line(0, 2, 8, 2, stroke="#000"), line(4, 0, 4, 8, stroke="#000")),
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
        steps += [_flag_in_full(event) for event in flagged(course)]
        said.append(f"{course['medicine']}: {', '.join(steps) or 'no dose recorded'}.")
    said += [f"Risk item: {_risk_words(item, names)}." for item in report.get("risk") or []]
    contexts = report.get("contexts") or []
    said += [f"Event: {_event_words(one)}." for one in contexts if one["kind"] != SESSION]
    if sessions := [one["day"] for one in contexts if one["kind"] == SESSION]:
        said.append(f"Therapy sessions: {', '.join(date_words(day) for day in sessions)}.")
    for block in report["measures"]:
        said += _in_words(block, report)
    return " ".join(said)


def _in_words(block: Json, report: Json) -> Iterator[str]:
    """Say of one measure what its panel or row shows.

    A patient gets no sentence of our own making: what is withheld stays withheld.
    """
    own = report.get("audience") == "patient"
    sentence = _sentence(block, report)
    if not sentence or block["domain"] in IN_ROWS:
        yield f"{name_of(block)}: no sentence." if own and kept(block) else f"{in_short(block)}."
    if sentence:
        yield sentence
    yield from (f"{flag_in_words(flag)}." for flag in block.get("flags") or [])
    if left_out := left_out_words(block):
        yield f"{left_out}."
    for gap in gaps(block, to_day(report["as_of"])):
        yield f"No entries {gap.days} days from {date_words(gap.first)}."
    for span in _mixed(block["measure"], report["medications"]):
        yield (
            f"{date_words(span.first)} to {date_words(span.last)} cannot be told apart: "
            f"{', '.join(span.also)}."
        )


def _flag_in_full(event: Json) -> str:
    reason = (event.get("confirmation") or {}).get("reason")
    return f"{flag_words(event)[2:]}" + (f" ({reason})" if reason else "")


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
    """Mark every risk item with a diamond above all panels, whatever any total says.

    The words are those of the newest of each measure; how many lie before it is said.
    """
    if not items:
        return Part("", 0)
    mark = shape(DIAMOND, fill="#D55E00", stroke="#000", class_="risk")
    days: dict[str, list[str]] = {}
    for item in items:
        days.setdefault(item["measure"], []).append(item["day"])
    newest = {item["measure"]: item for item in sorted(items, key=itemgetter("day"))}
    said = [_latest_words(one, days[measure], names) for measure, one in newest.items()]
    marks = [
        Callout(axis.x(to_day(one["day"])), words_, mark)
        for one, words_ in zip(newest.values(), said, strict=True)
    ]
    foot = callouts(marks, WIDTH - MARGIN, 11)
    before = {day for one in newest.values() for day in days[one["measure"]] if day != one["day"]}
    others = [at(axis.x(to_day(day)), foot.height - 6, mark) for day in sorted(before)]
    heading = text(MARGIN, 13, "Risk items", 13, font_weight="bold")
    return stack([Part(heading, 16), Part(foot.svg + "".join(others), foot.height), Part("", 8)])


def _risk_marks(items: Sequence[Json], axis: Axis) -> Part:
    """Mark the days of the risk items, and leave their words to the page."""
    if not items:
        return Part("", 0)
    mark = shape(DIAMOND, fill="#D55E00", stroke="#000", class_="risk")
    marks = [at(axis.x(to_day(item["day"])), 10, mark) for item in items]
    return Part(text(MARGIN, 14, "Risk", 13, font_weight="bold") + "".join(marks), 22)


def _latest_words(item: Json, days: Sequence[str], names: Mapping[str, str]) -> str:
    said = _risk_words(item, names)
    if (before := len(days) - 1) == 0:
        return said
    return f"{said}; {before} before it since {date_words(min(days))}"


def _risk_words(item: Json, names: Mapping[str, str]) -> str:
    name = names.get(item["measure"]) or spelled(item["measure"])
    before = item.get("previous")
    was = "no reading before" if before is None else f"{number(before)} before"
    first = ", first time" if item.get("first_time") else ""
    signal = item.get("signal")
    state = f"signal {signal['state']}" if signal else "no signal"
    return f"{name} = {number(item['value'])} on {date_words(item['day'])} ({was}{first}; {state})"

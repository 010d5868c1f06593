"""The medicines of the figure: one stepped strip a course, dose against time."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

from app.trends.axis import LEFT, MARGIN, RIGHT, WIDTH, Axis, date_words, number, to_day
from app.trends.svg import Callout, Part, box, callouts, fit, halo, line, lines, stack, text

Json = Mapping[str, Any]

STRIP = 36
SKY, BLUE = "#56B4E9", "#0072B2"


def ribbon(courses: Sequence[Json], axis: Axis) -> list[Part]:
    """One stepped strip a course; its height is the dose against the course's own highest.

    A course that had ended before the axis begins is named and takes no strip.
    """
    heading = text(MARGIN, 14, "Medicines", 13, font_weight="bold")
    note = "Thin vertical lines in the panels below are the days of dose events."
    if not courses:
        note = "none recorded"
    parts = [Part(heading + text(MARGIN + 92, 14, note, 10), 18)]
    over = [course for course in courses if _ended_before(course, axis)]
    parts += [_course(course, axis) for course in courses if course not in over]
    if over:
        said = [f"{one['medicine']} until {date_words(one['epochs'][-1]['from'])}" for one in over]
        parts.append(lines(f"ended before: {', '.join(said)}", LEFT, 11, RIGHT - LEFT))
    return [*parts, Part("", 8)]


def _ended_before(course: Json, axis: Axis) -> bool:
    """Say whether nothing of a course lies on the axis or ahead of it."""
    drawn = [epoch for epoch in course["epochs"] if _on_axis(epoch, axis)]
    is_over = bool(drawn) and all(
        _kind(e) == "stopped" and e["from"] is not None and to_day(e["from"]) < axis.first
        for e in drawn
    )
    return is_over and not any(to_day(e["day"]) >= axis.first for e in unsettled(course))


def _course(course: Json, axis: Axis) -> Part:
    epochs = [epoch for epoch in course["epochs"] if _on_axis(epoch, axis)]
    events = [event for event in unsettled(course) if axis.holds(to_day(event["day"]))]
    far = [event for event in unsettled(course) if event not in events]
    planned = [event for event in events if event in planned_steps(course)]
    full = max([e["tdd"] or 0 for e in epochs] + [e["to"] or 0 for e in planned], default=0)
    as_of = axis.today.isoformat()
    notes = [Callout(_begin(epoch, axis), dose_words(epoch, axis)) for epoch in epochs]
    notes += [Callout(axis.x(to_day(event["day"])), event_words(event, as_of)) for event in events]
    begun = {epoch["from"] for epoch in epochs}
    odd = [e for e in flagged(course) if e["day"] in begun or axis.holds(to_day(e["day"]))]
    notes += [Callout(axis.x(to_day(event["day"])), flag_words(event)) for event in odd]
    strip = [_epoch(epoch, full, axis) for epoch in epochs]
    turns = pairwise([*(to_day(event["day"]) for event in planned), axis.last])
    strip += [_step(e, *turn, full, axis) for e, turn in zip(planned, turns, strict=True)]
    strip += [_sign(axis.x(to_day(e["day"])), "?") for e in events if e.get("unconfirmed")]
    strip += [_sign(axis.x(to_day(event["day"])), "!") for event in odd]
    strip.append(line(LEFT, STRIP, RIGHT, STRIP, stroke="#666"))
    if full:
        unit = next((e["unit"] for e in [*epochs, *planned] if e.get("unit")), "")
        strip.append(text(RIGHT + 8, 12, "full height is", 10))
        strip.append(text(RIGHT + 8, 25, fit(f"{number(full)} {unit}", 10, 130), 10))
    name = "; ".join([course["medicine"], *(event_words(event, as_of) for event in far)])
    heading = lines(name, LEFT, 12, RIGHT - LEFT, weight="bold")
    return stack([heading, callouts(notes, WIDTH - MARGIN), Part("".join(strip), STRIP + 8)])


def _epoch(epoch: Json, full: float, axis: Axis) -> str:
    kind, start = _kind(epoch), _begin(epoch, axis)
    width = max(axis.x(to_day(epoch["to"]) if epoch["to"] else axis.today) - start, 2)
    if kind in ("hold", "prn", "unknown"):
        return box(start, 0, width, STRIP, fill=f"url(#titrate-{kind})", stroke="#000", class_=kind)
    height = STRIP * epoch["tdd"] / full if full else 0
    return box(start, STRIP - height, width, height, fill=SKY, stroke=BLUE, class_=kind)


def _step(event: Json, begin: date, end: date, full: float, axis: Axis) -> str:
    """Outline a planned step until the next one; one without a dose has the full height."""
    start = axis.x(begin)
    height = STRIP * event["to"] / full if full and event["to"] is not None else STRIP
    look: dict[str, str | float] = {"fill": "none", "stroke": "#000", "stroke_dasharray": "5 3"}
    width = max(axis.x(end) - start, 2)
    return box(start, STRIP - height, width, height, class_="planned", **look)


def _sign(x: float, sign: str) -> str:
    """Mark a dose outside the limits: ? nobody has confirmed it, ! somebody has."""
    mark = halo(x + 3, STRIP - 6, sign, 14, font_weight="bold")
    return line(x, 0, x, STRIP, stroke="#000", stroke_dasharray="2 3") + mark


def _kind(epoch: Json) -> str:
    if epoch.get("hold") or epoch.get("prn"):
        return "hold" if epoch.get("hold") else "prn"
    if not epoch["known"] or epoch["tdd"] is None:
        return "unknown"
    return "dose" if epoch["tdd"] else "stopped"


def dose_words(epoch: Json, axis: Axis | None = None) -> str:
    """Say the epoch's dose; one that began before the axis says since when."""
    kind, most = _kind(epoch), epoch.get("max_daily")
    said = {"unknown": "dose unknown", "prn": "PRN"}.get(kind, kind)
    if kind == "dose":
        said = f"{number(epoch['tdd'])} {epoch['unit']}"
    if kind == "prn" and most is not None:
        said = f"PRN, at most {number(most)} {epoch['unit']}"
    if axis and (epoch["from"] is None or to_day(epoch["from"]) < axis.first):
        return f"{said}, since {date_words(epoch['from'])}"
    return said


def event_words(event: Json, as_of: str) -> str:
    """Say a dose event that makes no epoch: planned, or not confirmed."""
    if event["kind"] in ("stop", "hold"):
        dose = event["kind"]
    else:
        dose = "dose unknown" if event["to"] is None else f"{number(event['to'])} {event['unit']}"
    if event.get("unconfirmed"):
        return f"{dose}? unconfirmed, {date_words(event['day'])}"
    gone_by = ", not confirmed" if event["day"] <= as_of else ""
    return f"{dose} planned, {date_words(event['day'])}{gone_by}"


def flagged(course: Json) -> list[Json]:
    """Dated events outside the limits that a prescriber confirmed: flagged ever after."""
    return [event for event in course["events"] if event.get("flags") and event["day"]]


def flag_words(event: Json) -> str:
    """Say why a dose had to be confirmed."""
    why = ", ".join(code.replace("-", " ") for code in event["flags"])
    return f"! {why}, confirmed, {date_words(event['day'])}"


def _begin(epoch: Json, axis: Axis) -> float:
    return axis.x(to_day(epoch["from"])) if epoch["from"] else LEFT


def _on_axis(epoch: Json, axis: Axis) -> bool:
    begun = epoch["from"] is None or to_day(epoch["from"]) <= axis.last
    return begun and (epoch["to"] is None or to_day(epoch["to"]) > axis.first)


def unsettled(course: Json) -> list[Json]:
    """Dated events that make no epoch: planned and not done, or not confirmed.

    A planned step was done where an event that counts set the same dose on its day.
    """
    dated = [e for e in course["events"] if e["day"]]
    done = {(e["day"], e["kind"], e["to"]) for e in dated if _counts(e)}
    return [e for e in dated if not _counts(e) and (e["day"], e["kind"], e["to"]) not in done]


def _counts(event: Json) -> bool:
    return not event.get("planned") and not event.get("unconfirmed")


def planned_steps(course: Json) -> list[Json]:
    """Steps agreed for a day; an unconfirmed amount is none, it must not set the height."""
    return [e for e in course["events"] if e.get("planned") and not e.get("unconfirmed")]


def dose_days(courses: Iterable[Json]) -> list[date]:
    """Days on which a dose did change, each once."""
    events = (e for c in courses for e in c["events"] if e not in unsettled(c))
    return sorted({to_day(event["day"]) for event in events if event["day"] is not None})

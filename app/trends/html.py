"""The visit report: one printed page, sentences first, the figure under them.

No script, no outside reference, one style that the page's own policy names by its hash. Marks and
words carry the meaning in black and white; colour only repeats it.
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from app.clinical.measures import SIDE_EFFECTS
from app.trends.around import standing
from app.trends.axis import date_words, number
from app.trends.figure import draw
from app.trends.panel import name_of, spelled
from app.trends.ribbon import dose_words, event_words, flag_words, flagged
from app.trends.svg import words

Json = Mapping[str, Any]

STYLE = """
@page { margin: 10mm }
* { box-sizing: border-box; margin: 0 }
html { background: #fff; color: #000; font: 9pt/1.28 "DejaVu Sans", Verdana, sans-serif }
body { width: 190mm; min-height: 257mm; margin: 0 auto; display: flex; flex-direction: column;
  gap: 1.8mm; overflow-wrap: anywhere }
h1 { font-size: 15pt; line-height: 1.15; display: inline }
h2 { font-size: 9pt; border-bottom: 0.3mm solid #000; margin-bottom: 0.8mm }
header p { font-size: 9pt }
.badge { border: 0.4mm solid #000; padding: 0 1.5mm; font-weight: bold; float: right }
.look { border: 0.6mm solid #000; padding: 1.4mm 2.2mm }
.look h2 { border: 0; margin: 0 }
ul { list-style: none; padding: 0 }
li { padding-left: 5mm; text-indent: -5mm }
.two li { padding-left: 2mm; text-indent: -2mm }
.two li b.mark { display: none }
li b.mark { display: inline-block; width: 5mm; text-indent: 0 }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: 0.5mm 2mm 0.5mm 0; font-weight: normal;
  border-bottom: 0.15mm solid #999 }
th { width: 26mm; font-weight: bold }
td.word { width: 40mm; font-weight: bold }
figure { flex: 1 0 90mm; position: relative }
figure svg { position: absolute; width: 100%; height: 100% }
.two { display: flex; gap: 5mm }
.two > section { flex: 1 1 0; min-width: 0 }
.look { font-size: 8.8pt }
.two, table { font-size: 7.8pt }
figure text[font-size="9"], figure text[font-size="10"] { font-size: 11.6px }
figure text[font-size="11"] { font-size: 12px }
footer { font-size: 6.8pt; color: #333; border-top: 0.15mm solid #999; padding-top: 0.6mm }
@media screen { body { margin: 8mm auto } }
@media screen and (max-width: 198mm) {
  body { width: auto; margin: 4mm }
  .look, .two, table, footer { font-size: 10pt }
  .two, table, tbody, tr, th, td { display: block; width: auto }
  td, th { border: 0; padding: 0 }
  tr, .two > section { border-bottom: 0.15mm solid #999; padding-bottom: 1mm }
  td.word { width: auto }
  figure { flex: none; overflow-x: auto }
  figure svg { position: static; width: 190mm; height: auto }
}
"""
POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; "
    f"style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'"
)
MOST_LOOKS, MOST_NEWS, MOST_ROWS, MOST_CHECKS, MOST_NAMED = 6, 5, 3, 4, 3
"""Lines that fit; how many more there are is said."""

SAID = {
    "mood_cognition": "Mood, cognition",
    "sleep": "Sleep",
    "functioning": "Functioning",
    "side_effects": "Side effects",
}
"""The domains of the page; doses are in the figure, tests and interactions below it."""
MARKS = {
    "improving": "\N{BLACK UP-POINTING TRIANGLE} improving",
    "worsening": "\N{BLACK DOWN-POINTING TRIANGLE} worsening",
    "diverging": "\N{BLACK DIAMOND} diverging",
    "stable": "\N{BLACK SQUARE} no reliable change",
    "stale": "\N{WHITE CIRCLE} no recent reading",
    "insufficient_data": "\N{WHITE CIRCLE} too little to say",
}
RISK, WORSE, OPEN = "\N{BLACK DIAMOND}", "\N{BLACK DOWN-POINTING TRIANGLE}", "\N{WHITE SQUARE}"
UNSAFE = "!"
SEVERE = ("contraindicated", "major")
ASKED_FOR = ("review", "overdue", "due", "unknown")
"""States of a test that ask for somebody; the others are in the monitoring list."""
REVIEWS = {
    "RISK_UNREVIEWED": "A risk item waits for somebody to acknowledge it.",
    "SIDE_EFFECT_UNREVIEWED": "A side effect rated moderate or worse came after the last visit.",
    "DECISION_WINDOW_REACHED": "A decision window is open.",
    "DOSE_CHANGE_WITHOUT_SCORE": "No score has followed the last dose change.",
    "STALE_AFTER_DOSE_CHANGE": "A measure has been silent since before the last dose change.",
}


@dataclass(frozen=True, slots=True)
class Beside:
    """What the other rooms answer of the patient today.

    plan: what was agreed, with its next review; None: there is none.
    """

    plan: Json | None
    interactions: Json
    monitoring: Json


def page(report: Json, beside: Beside | None) -> str:
    """Write the body of `GET /trends`, with all its parts and points, as one page.

    beside: None for a page of a past day, and for a patient's own.
    """
    own = report["audience"] == "patient"
    sections = [_header(report)]
    if own:
        sections += [_notice(report["safety_notice"]), _own_sentences(report)]
    else:
        sections += [_look(report, beside), _domains(report)]
    sections.append(f"<figure>{draw(_drawn(report), in_page=True)}</figure>")
    if not own:
        below = _checks(beside), _digest(report) + _plan(beside)
        sections += [f'<div class="two">{one}</div>' for one in below]
    sections.append(_footer(report))
    title = words(f"Visit report: {_name(report)}, as of {date_words(report['as_of'])}")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{STYLE}</style></head>"
        f"<body>{''.join(sections)}</body></html>\n"
    )


def _name(report: Json) -> str:
    patient = report["patient"]
    return str(patient["name"]) if patient else "own data"


def _header(report: Json) -> str:
    patient = report["patient"] or {}
    born = f", born {patient['birth_year']}" if patient.get("birth_year") else ""
    badge = '<span class="badge">SYNTHETIC</span>' if patient.get("synthetic") else ""
    window = report["window"]
    days = (
        f"As of {date_words(report['as_of'])}. Shown: {date_words(window['from'])} to "
        f"{date_words(window['to'])}."
    )
    return (
        f"<header>{badge}<h1>{words(_name(report) + born)}</h1>"
        f"<p>{days} <b>Taken now:</b> {words(_taken(report['medications']))}.</p></header>"
    )


def _taken(courses: Sequence[Json]) -> str:
    """Say what is ordered now and since when; where that is nothing, what was last."""
    last = [
        (course, course["epochs"][-1])
        for course in courses
        if course["kind"] != "substance" and course["epochs"]
    ]
    now = [(course, epoch) for course, epoch in last if epoch["tdd"] != 0 or epoch["hold"]]
    if now:
        return "; ".join(_ordered(course, epoch) for course, epoch in now)
    over = sorted(((epoch["from"] or "", one["medicine"]) for one, epoch in last), reverse=True)
    return f"nothing; {over[0][1]} until {date_words(over[0][0] or None)}" if over else "nothing"


def _ordered(course: Json, epoch: Json) -> str:
    """Say a dose and since when; one outside the limits says so for as long as it holds."""
    odd = [flag_words(one) for one in flagged(course) if one["day"] == epoch["from"]]
    said = f"{course['medicine']} {dose_words(epoch)}{_since(epoch)}"
    return f"{said} ({odd[-1]})" if odd else said


def _since(epoch: Json) -> str:
    return f" since {date_words(epoch['from'])}" if epoch["from"] else ""


# ---- what to look at first


def _look(report: Json, beside: Beside | None) -> str:
    """Frame what cannot wait; that nothing is marked is said too."""
    found = [*_risks(report), *_unsafe(report, beside), *_looks(report)]
    if not found:
        nothing = "No risk item, no confirmed worsening, no decision point or review due"
        nothing += (
            ", no test overdue, no severe interaction found among the coded items."
            if beside
            else "."
        )
        return f'<section class="look"><h2>Nothing is marked in the trends</h2>{nothing}</section>'
    # No risk item, and nothing unsafe, is ever among those that are only counted.
    most = max(MOST_LOOKS, sum(mark in (RISK, UNSAFE) for mark, _ in found))
    return f'<section class="look"><h2>Look first</h2>{_list(found, most)}</section>'


def _risks(report: Json) -> Iterator[tuple[str, str]]:
    """Say every risk item: where they are many, the older ones in one line."""
    names = {block["measure"]: name_of(block) for block in report["measures"]}
    said = [_risk(item, names) for item in report["risk"]]
    yield from ((RISK, one) for one in said[:MOST_LOOKS])
    if older := said[MOST_LOOKS:]:
        yield RISK, f"Also: {' '.join(older)}"


def _unsafe(report: Json, beside: Beside | None) -> Iterator[tuple[str, str]]:
    """Say what is severe together, critical, or late; and every dose that nobody has confirmed."""
    for course in report["medications"]:
        for event in course["events"]:
            if event["unconfirmed"] and event["day"]:
                yield UNSAFE, f"{course['medicine']}: {event_words(event, report['as_of'])}."
    if beside is None:
        return
    for one in beside.interactions["findings"]:
        if one["severity"] in SEVERE and one["state"] == "open":
            yield UNSAFE, f"Interaction, {one['severity']}: {_together(one)}."
    tests = beside.monitoring["items"]
    for one in tests:
        if one["state"] == "review":
            yield UNSAFE, f"Critical value: {_test(one)}."
    late = [f"{one['what']} ({one['overdue_days']} days)" for one in _in(tests, "overdue")]
    if late:
        yield UNSAFE, f"Overdue: {', '.join(late)}."


def _looks(report: Json) -> Iterator[tuple[str, str]]:
    names = {block["measure"]: name_of(block) for block in report["measures"]}
    yield from ((WORSE, said) for said in _worsenings(report["measures"]))
    for measure, (judged, unscored) in standing(report["decision_points"]).items():
        for said in _decisions(names.get(measure) or spelled(measure), judged, unscored):
            yield OPEN, said
    told = {"RISK_UNREVIEWED", "DECISION_WINDOW_REACHED"}
    for code in report["summary"]["review_due"]:
        if code not in told:
            yield OPEN, REVIEWS[code]


def _worsenings(blocks: Sequence[Json]) -> Iterator[str]:
    """Say of each primary measure what was confirmed and since when; name the others."""
    others = []
    for block in blocks:
        found = [
            one
            for one in block["flags"]
            if one["level"] == "confirmed" and one["code"] != "SUSTAINED_IMPROVEMENT"
        ]
        if found and not block["primary"]:
            others.append(name_of(block))
        elif found:
            kinds = dict.fromkeys(one["code"].replace("_", " ").lower() for one in found)
            since = date_words(min(one["first_day"] for one in found))
            yield f"{name_of(block)}: confirmed {' and '.join(kinds)}, since {since}."
    if others:
        yield f"Also confirmed worse: {', '.join(others)}."


def _risk(item: Json, names: Mapping[str, str]) -> str:
    name = names.get(item["measure"]) or spelled(item["measure"])
    before = "first time" if item["first_time"] else _before(item["previous"])
    signal = item["signal"]
    state = f"signal {signal['state']}" if signal else "no signal"
    latest = item["latest"]
    now = f"; {number(latest['value'])} on {date_words(latest['day'])}" if latest else ""
    value = "reported" if item["value"] is None else f"= {number(item['value'])}"
    return f"{name} {value} on {date_words(item['day'])} ({before}{now}; {state})."


def _before(previous: float | None) -> str:
    return "no reading before" if previous is None else f"{number(previous)} before"


def _decisions(name: str, judged: Json | None, unscored: Sequence[Json]) -> Iterator[str]:
    """Say where the week table stands for one measure, where that asks for somebody."""
    if judged is not None and judged["result"] == "not_on_track":
        gained = judged["improvement_percent"]
        change = "" if gained is None else f", {abs(gained):.0f} % {_way(gained)} than the baseline"
        yield (
            f"{name}: not on track at {_week(judged)} ({number(judged['observed']['value'])} on "
            f"{date_words(judged['observed']['day'])}{change})."
        )
    missed = [_week(one) for one in unscored if one["result"] == "missed"]
    if missed:
        weeks = ", ".join(one.removeprefix("week ") for one in missed)
        yield f"{name}: no score in the window of week {weeks}."
    for one in unscored:
        if one["result"] == "due":
            yield f"{name}: no score yet for {_week(one)}, until {date_words(one['window']['to'])}."


def _week(point: Json) -> str:
    return str(point["point"]).replace("_", " ")


def _way(gained: float) -> str:
    return "better" if gained >= 0 else "worse"


def _list(found: Sequence[tuple[str, str]], most: int) -> str:
    lines = [f'<li><b class="mark">{mark}</b>{words(said)}</li>' for mark, said in found[:most]]
    if len(found) > most:
        lines.append(f"<li>and {len(found) - most} more in the full answer.</li>")
    return f"<ul>{''.join(lines)}</ul>"


# ---- each domain in a sentence


def _domains(report: Json) -> str:
    blocks = {block["measure"]: block for block in report["measures"]}
    said = {one["domain"]: one for one in report["summary"]["domains"]}
    rows = [
        _row(
            name,
            _word(said[domain]),
            _carriers(said[domain], blocks) + _sentence(said[domain], blocks, report["audience"]),
        )
        for domain, name in SAID.items()
        if domain in said
    ]
    return f"<table>{''.join(rows)}</table>"


def _word(domain: Json) -> str:
    word = MARKS[domain["status"]]
    known = domain["last_known"]
    return f"{word} (was {known})" if known in ("improving", "worsening", "stable") else word


def _carriers(domain: Json, blocks: Mapping[str, Json]) -> str:
    """Name the measures that a domain's word comes from, where its primary one says another."""
    word = domain["status"]
    primary = blocks.get(domain["primary"] or "")
    said = ""
    for one in ("improving", "worsening") if word == "diverging" else (word,):
        names = [
            name_of(blocks[code]) for code in domain["measures"] if blocks[code]["status"] == one
        ]
        if primary and primary["status"] != one and names:
            more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
            said += f"{MARKS[one][2:].capitalize()}: {', '.join(names[:MOST_NAMED])}{more}. "
    return said


def _sentence(domain: Json, blocks: Mapping[str, Json], audience: str) -> str:
    """Say the domain's primary measure; of side effects all that are not 0."""
    if domain["domain"] == "side_effects" and domain["measures"]:
        now = [
            f"{name_of(blocks[code])} {number(blocks[code]['last']['value'])}"
            for code in domain["measures"]
            if code.startswith(SIDE_EFFECTS)
            and blocks[code]["last"]
            and blocks[code]["last"]["value"]
        ]
        return f"Last ratings above 0 (0 to 4): {', '.join(now)}." if now else "None rated above 0."
    block = blocks.get(domain["primary"] or "")
    return (block["text"][audience] if block else None) or "No reading."


def _row(name: str, word: str, sentence: str) -> str:
    return f'<tr><th>{name}</th><td class="word">{word}</td><td>{words(sentence)}</td></tr>'


def _own_sentences(report: Json) -> str:
    said = [one["text"]["patient"] for one in report["measures"] if one["text"]["patient"]]
    if not said:
        return ""
    return f"<section><h2>In words</h2>{_list([('', one) for one in said], 12)}</section>"


def _notice(notice: Json | None) -> str:
    return f'<section class="look">{words(notice["text"])}</section>' if notice else ""


# ---- the figure


def _drawn(report: Json) -> Json:
    """Choose what fits on the page: medicines, side effects, the primary measures of the rest.

    The sentences stand above the figure, and whose it is stands at the head of the page.
    """
    shown = [
        block | {"text": {}}
        for block in report["measures"]
        if block["points"] and block["primary"] and block["domain"] in PANELS
    ]
    effects = [
        block
        for block in report["measures"]
        if block["measure"].startswith(SIDE_EFFECTS)
        and any(point["value"] for point in block["points"])
    ]
    effects.sort(key=_burden, reverse=True)
    return {
        **report,
        "patient": None,
        "measures": [*effects[:MOST_ROWS], *shown],
        "medications": [
            course for course in report["medications"] if course["kind"] != "substance"
        ],
    }


SAID_ABOVE = {1, 2, 4, 9, 10, 12, 13}
"""Kinds of news that the frame or the table has said, or that say that nothing came."""
PANELS = ("mood_cognition", "sleep", "functioning")


def _burden(block: Json) -> tuple[float, float]:
    values = [point["value"] for point in block["points"] if not point.get("excluded")]
    return max(values, default=0), sum(values)


# ---- what is new, what was agreed


def _digest(report: Json) -> str:
    digest = report["digest"]
    since = digest["since"]
    heading = f"Since {date_words(since['day'])}" if since else "Since the last visit"
    items = [
        one
        for one in digest["items"]
        if one["order"] not in SAID_ABOVE and one["numbers"].get("new") != "stale"
    ]
    lines = [("", one["text"]["prescriber"]) for one in items]
    told = _list(lines, MOST_NEWS) if lines else _nothing_new(report, since)
    return f"<section><h2>{heading}</h2>{told}</section>"


def _nothing_new(report: Json, since: Json | None) -> str:
    """Say that nothing changed only where somebody has looked."""
    if since is None:
        return "No visit recorded."
    last = max((one["last"]["day"] for one in report["measures"] if one["last"]), default="")
    return "Nothing new." if last > since["day"] else "No reading since."


def _plan(beside: Beside | None) -> str:
    if beside is None:
        return ""
    if (plan := beside.plan) is None:
        return "<section><h2>Plan</h2>No plan is recorded.</section>"
    when = date_words(plan["review_on"]) + (" (overdue)" if plan["overdue"] else "")
    lines = [("", f"Next review: {when}."), ("", f"Why: {plan['why']}")]
    lines += [("", f"Goal: {goal}") for goal in plan["goals"]]
    return f"<section><h2>Plan</h2>{_list(lines, MOST_NEWS)}</section>"


# ---- safe together, and what has to be measured


def _checks(beside: Beside | None) -> str:
    if beside is None:
        return (
            "<section><h2>Interactions, tests, plan</h2>These are known as of today only: not on "
            "the page of a past day.</section>"
        )
    return _interactions(beside.interactions) + _tests(beside.monitoring)


def _interactions(known: Json) -> str:
    """Say what was found, the worst first, and always what was checked and what was not."""
    found = [
        ("", f"{one['severity']}, {one['state']}: {_together(one)}: {one['effect']}.")
        for one in known["findings"]
    ]
    found += [
        ("", f"{one['severity']}, possible, read by name: {_together(one)}: {one['effect']}.")
        for one in known["possible"]
    ]
    missed = _names(known["not_checked"], " (not checked: ", ")")
    said = words(f"Of the list: {known['statement']}{missed}.")
    told = _list(found, MOST_CHECKS) if found else ""
    return f"<section><h2>Interactions</h2>{told}{said}</section>"


def _together(found: Json) -> str:
    names = [_named(one) for one in found["substances"]]
    return " with ".join(dict.fromkeys(names))


def _named(substance: Json) -> str:
    code = substance.get("code") or {}
    known = (substance.get(key) for key in ("name", "text", "fact"))
    name = next(filter(None, known), None) or code.get("display") or code.get("code")
    return f"{name or 'a substance'}{' (stopped)' if substance.get('stopped') else ''}"


def _names(not_checked: Sequence[Json], before: str, after: str) -> str:
    names = dict.fromkeys(_named(one.get("substance", one)) for one in not_checked)
    return f"{before}{', '.join(names)}{after}" if names else ""


def _tests(known: Json) -> str:
    """Say what is due, the most pressing first, and the medicines that nothing is known of."""
    items = _in(known["items"], *ASKED_FOR)
    told = _list([("", f"{_when(one)}: {_test(one)}.") for one in items], MOST_CHECKS)
    none = "Of the tests that the coded medicines ask for, none is due."
    missed = words(_names(known["not_checked"], " Not checked: ", "."))
    return f"<section><h2>Tests due</h2>{told if items else none}{missed}</section>"


def _in(tests: Sequence[Json], *states: str) -> list[Json]:
    return [one for one in tests if one["state"] in states]


def _when(test: Json) -> str:
    if test["state"] == "overdue":
        return f"overdue {test['overdue_days']} days"
    if test["state"] == "review":
        return "critical value"
    if test["state"] == "due":
        return f"due by {date_words(test['due_on'])}" if test["due_on"] else "due"
    return "day not known"


def _test(test: Json) -> str:
    """Say a test with its last value, and where that value cannot be held to the limits."""
    if (last := test["last"]) is None:
        return f"{test['what']} (never recorded)"
    value = last["text"] if last["value"] is None else f"{last['value']} {last['unit'] or ''}"
    doubt = ", timing not comparable" if last["comparable"] is False else ""
    return f"{test['what']} (last {str(value).strip()} on {date_words(last['on'])}{doubt})"


def _footer(report: Json) -> str:
    versions = report["versions"]
    known = report["known_at"]
    at = f"known at {known[:16].replace('T', ' ')}, " if known else ""
    return (
        f"<footer>{at}record version {versions['patient_version']}, engine {versions['engine']}. "
        "Describes what was recorded; says nothing of what brought a change about. "
        f"{RISK} risk, or diverging; {WORSE} worsening; \N{BLACK UP-POINTING TRIANGLE} improving; "
        "\N{BLACK SQUARE} no reliable change; \N{WHITE CIRCLE} cannot say; \N{WHITE SQUARE} open. "
        f"{UNSAFE} unsafe, late or outside the limits. "
        "In the figure: dashed, baseline; dotted, limit; dash-dotted, fitted line; hatched, no "
        "entries; ladder, more than one thing changed and cannot be told apart.</footer>"
    )

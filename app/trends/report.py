"""The body of `GET /trends` from a slice of the journal and the parameters; no clock, no I/O.

Same slice, same parameters: the same members in the same order. What is unknown is null with a
reason code; what a patient's own view leaves out is null and named in `withheld`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from app.clinical.decision_points import decision_points
from app.clinical.dose_response import Confounder
from app.clinical.measure import DOMAINS, Measure
from app.clinical.measures import SIDE_EFFECTS
from app.clinical.options import LOWER_BURDEN
from app.clinical.response import responds
from app.core.errors import InvalidParameter
from app.followups.episode_records import SIGNAL_FROM
from app.medications.reading import Course
from app.trends.around import Around, clock_of, decision, weeks_of
from app.trends.basis import basis
from app.trends.blocks import Block, Ids, Index, block, stood
from app.trends.courses import Line, index_line, index_of, lines, told
from app.trends.digest import Found, Visit, digest, since_of
from app.trends.effects import Effects
from app.trends.errors import TooManyPoints
from app.trends.params import PARTS, Params
from app.trends.readings import Reading, Series, by_measure, happened, series_of
from app.trends.review_due import due_codes, reviews
from app.trends.risk import Signal, levels, risk_items
from app.trends.taking import Taken

Json = dict[str, Any]

SCHEMA = "titrate.trends/1"
ENGINE = "1.0.0"
MOST_READINGS = 20_000
FOLLOWED = ("side_effects", "mood_cognition", "sleep", "functioning")
"""Domains that are expected of everybody: listed without data too, as having none."""
STATUS_WORDS = ("improving", "worsening", "stable", "insufficient_data", "stale")
WITHHELD = (
    *("patient", "summary", "risk", "digest", "contexts", "decision_points", "quality", "basis"),
)
PATIENT_SEES = (
    "measure",
    "label",
    "domain",
    "primary",
    "direction",
    "unit",
    "scale",
    "target",
    "cadence",
    "n",
    "n_raw",
    "window",
    "records",
    "records_n",
    "last",
    "last_seen_days",
    "baseline",
    "gaps",
    "points",
)
BEFORE_START = timedelta(28)
OPPOSITE_POLE_LOOKS_BACK = timedelta(weeks=8)
BURDENS = {"fibser.3": LOWER_BURDEN}
"""The item that rates the burden of side effects, from where on it calls for a change."""


@dataclass(frozen=True, slots=True)
class Revised:
    """What has been learnt since the last visit about the days up to it.

    late: readings that came afterwards. then: of each measure with such a reading, or one that
    was corrected or taken back, the readings that were known at the visit.
    """

    late: Sequence[Reading]
    then: Mapping[str, Sequence[Reading]]


NOT_REVISED = Revised((), {})


@dataclass(frozen=True, slots=True)
class Slice:
    """What the journal knew of one patient at one moment, and what the clinic knows of numbers.

    known_at: the moment of `patient_version`; None before the first record. zone: the patient's.
    visits: visits and calls. interactions: findings as they stood.
    contexts: life events, therapy, illness and the like, as far as they are known.
    registry: answers for any code. registered: the codes that have a meaning.
    received: what is to know of single assessments, by record: code -> its numbers.
    taken: what was recorded of the taking of each course, up to any day.
    offsets: where no zone is known, the minutes from UTC of each record's own clock.
    followed: what the treatment plan is measured by (0), and the measures of its goals (1).
    safety_notice: what a patient reads in place of a sentence while a risk signal is open; None
        for anybody else.
    """

    patient: Mapping[str, Any]
    zone: str | None
    patient_version: int
    known_at: datetime | None
    readings: Sequence[Reading]
    revised: Revised
    offsets: Mapping[str, int]
    courses: Sequence[Course]
    signals: Sequence[Signal]
    contexts: Sequence[Confounder]
    visits: Sequence[Visit]
    interactions: Sequence[Found]
    received: Mapping[str, Mapping[str, Json]]
    taken: Mapping[UUID, Taken]
    registry: Mapping[str, Measure]
    versions: Mapping[str, str]
    followed: Mapping[str, int]
    safety_notice: str | None


def report(known: Slice, params: Params) -> Json:
    """Compute the whole answer; numbers are rounded to 6 decimals after all arithmetic.

    Raises:
        InvalidParameter: a measure or course that does not exist for this patient.
        TooManyPoints: one measure has more than 20 000 readings in the window.
        UnknownBaselineRule: a given baseline lies outside the scale of its measure.
        ValueError: a reading is not a finite number.
    """
    home = ZoneInfo(known.zone) if known.zone else None
    grouped = by_measure(happened(known.readings, params.as_of, home, ZoneInfo(params.tz)))
    _require_measures(known, params, grouped)
    _require_course(known, params)
    courses = lines(known.courses, params.as_of, known.taken)
    chosen = index_line(courses, params.medication)
    params = _widened(params, chosen)
    index = index_of(chosen, params.from_day, params.to_day) if chosen else None
    series, others = _series(known, params, grouped, index)
    opened, accepted = _of_flags(known.signals)
    late = list(happened(known.revised.late, params.as_of, home, ZoneInfo(params.tz)))
    read = [
        block(
            one,
            params,
            index,
            signals=opened,
            new_normal=accepted.get(one.measure.code, {}),
        )
        for one in series
    ]
    blocks = [one.written for one in read]
    since = since_of(params, known.visits)[1] if "digest" in params.parts else None
    then = _then(series, params, index, since, accepted)
    domains = _domains(known, params, blocks)
    risk = [
        _with_dose_events(item, known.registry, courses)
        for item in risk_items(grouped, known.signals, levels(known.registry))
    ]
    around = Around(courses, series, known.contexts, params)
    effects = Effects(courses, series, known.contexts, params)
    decisions = _decisions(read, chosen, risk, _intolerable(grouped), params)
    due = reviews(read, courses, risk, decisions, known.visits, params)
    body = {
        "schema": SCHEMA,
        "patient": dict(known.patient),
        "audience": params.audience,
        "as_of": params.as_of,
        "known_at": known.known_at and known.known_at.astimezone(ZoneInfo(params.tz)).isoformat(),
        "tz": params.tz,
        "window": {"from": params.from_day, "to": params.to_day},
        "versions": {**known.versions, "patient_version": known.patient_version},
        "withheld": [],
        "summary": _summary(domains, blocks, risk, known.signals)
        | {
            "review_due": due_codes(due, params.as_of),
            "reviews": [{"code": one.code, "due_on": one.due_on} for one in due],
        },
        "risk": risk,
        "digest": digest(
            params,
            known.visits,
            read,
            then,
            risk,
            courses,
            decisions,
            known.contexts,
            known.interactions,
            late,
            _rebased(known, read, then, params, index, since),
        ),
        "measures": blocks,
        "medications": [
            told(
                line,
                is_index=line is chosen,
                around=around.of,
                effects=effects.of,
                series=series,
                ids=Ids(params.records),
            )
            for line in courses
        ],
        "contexts": _contexts(known.contexts, params),
        "decision_points": decisions,
        "measures_watched": sum(_is_watched(one) for one in blocks),
        "quality": [*_quality(known, params, series), *others],
        "basis": basis(_missing(blocks, decisions)),
    }
    if params.audience == "patient":
        body = _own_view(body, known, risk)
    left_out = set(PARTS) - set(params.parts)
    if "medications" in left_out:
        left_out.add("contexts")
    written: Json = plain({name: part for name, part in body.items() if name not in left_out})
    return written


def _require_measures(
    known: Slice, params: Params, grouped: Mapping[str, Sequence[Reading]]
) -> None:
    recorded = {one.measure for one in known.readings}

    def exists(code: str) -> bool:
        return (
            code in known.registry or code in recorded or known.registry[code].direction != "none"
        )

    for place, code in enumerate(params.measures or ()):
        if not exists(code):
            raise InvalidParameter("a measure that is known", pointer=f"/query/measures/{place}")
    for code, _rule in params.baselines:
        if not exists(code):
            raise InvalidParameter("a measure that is known", pointer="/query/baseline")
    for code, group in grouped.items():
        count = sum(params.from_day <= one.day <= params.to_day for one in group)
        if count > MOST_READINGS:
            raise TooManyPoints(f"{code}: {count} readings, at most {MOST_READINGS}")


def _require_course(known: Slice, params: Params) -> None:
    if params.medication and all(params.medication != one.id for one in known.courses):
        raise InvalidParameter("a medicine of this patient", pointer="/query/medication")


def _widened(params: Params, chosen: Line | None) -> Params:
    """Let the window begin 28 days before an index start that lies in it."""
    begun = chosen.begun_on() if chosen else None
    if begun is None or params.strict_window or not params.from_day <= begun <= params.to_day:
        return params
    return replace(params, from_day=min(params.from_day, begun - BEFORE_START))


def _series(
    known: Slice, params: Params, grouped: Mapping[str, list[Reading]], index: Index | None
) -> tuple[list[Series], list[Json]]:
    """Make the series to show, by domain and code, and say which medicine's ratings are not."""
    codes = set(params.measures or ())
    if params.measures is None:
        codes = {code for code in grouped if not _is_item(known.registry[code], known.registry)}
    measures = [known.registry[code] for code in codes]
    if params.domains is not None:
        measures = [measure for measure in measures if measure.domain in params.domains]
    measures.sort(key=lambda measure: (DOMAINS.index(measure.domain), measure.code))
    made, notes = [], []
    for measure in measures:
        kept, left_out = _of_one_medicine(grouped.get(measure.code, []), index)
        made.append(series_of(measure, kept))
        if left_out:
            records = sorted({str(one.record_id) for one in left_out})
            notes.append(
                {"code": "OTHER_MEDICINES", "measure": measure.code, "records": records[:50]}
            )
    return made, notes


def _is_item(measure: Measure, registry: Mapping[str, Measure]) -> bool:
    """Say whether a total stands for it: then it is shown when it is asked for."""
    total = f"{measure.instrument}.total"
    return measure.instrument is not None and measure.code != total and total in registry


def _of_one_medicine(
    group: list[Reading], index: Index | None
) -> tuple[list[Reading], list[Reading]]:
    """Keep what is said of one medicine where each has a number of its own: the index course,
    else the medicine with the most readings.
    """
    about = sorted(str(one.medication_id) for one in group if one.medication_id is not None)
    if len(set(about)) < 2:
        return group, []
    wanted = index.id if index and index.id in about else max(about, key=about.count)
    kept = [one for one in group if one.medication_id in (None, UUID(wanted))]
    return kept, [one for one in group if one.medication_id not in (None, UUID(wanted))]


def _then(
    series: Sequence[Series],
    params: Params,
    index: Index | None,
    since: date | None,
    accepted: Mapping[str, Mapping[date, str | None]],
) -> dict[str, Json]:
    """Say of each measure how it stood on a day, by today's knowledge.

    ever: its last value by then, also from before the window.
    """
    if since is None:
        return {}
    earlier, found = _as_on(since, params), {}
    for whole in series:
        code, until = whole.measure.code, whole.within(date.min, since)
        days = [day for day in sorted(accepted.get(code, ())) if day <= since]
        ever = until.points[-1].value if until.points else None
        found[code] = stood(until, earlier, index, days) | {"ever": ever}
    return found


def _as_on(since: date, params: Params) -> Params:
    """Look from an earlier day; from one before the window, as far back as from today."""
    first = params.from_day
    if since < first:
        first = since - (params.to_day - params.from_day)
    return replace(params, as_of=since, to_day=since, from_day=first)


def _rebased(
    known: Slice,
    read: Sequence[Block],
    then: Mapping[str, Json],
    params: Params,
    index: Index | None,
    since: date | None,
) -> dict[str, Json]:
    """Give, by measure, the baseline as it was known at the visit where it was another one."""
    if since is None:
        return {}
    earlier, found = _as_on(since, params), {}
    for one in read:
        code = one.measure.code
        if code not in known.revised.then or code not in then:
            continue
        rows = by_measure(known.revised.then[code])[code]
        kept, _ = _of_one_medicine(rows, index)
        was = stood(series_of(one.measure, kept).within(date.min, since), earlier, index, ())
        if was["baseline"] != then[code]["baseline"]:
            found[code] = was["baseline"]
    return found


def _decisions(
    read: Sequence[Block],
    chosen: Line | None,
    risk: Sequence[Json],
    intolerable_on: Collection[date],
    params: Params,
) -> list[Json]:
    """Say for each symptom measure where the index course stands by week."""
    if chosen is None:
        return []
    risky = {(item["measure"].partition(".")[0], item["day"]) for item in risk}
    found = []
    for one in read:
        if not one.measure.symptom_measure or not one.points:
            continue
        clock = clock_of(chosen, _responded_on(one, chosen))
        if clock.since is None:
            continue
        points = decision_points(
            one.measure,
            one.points,
            one.baseline,
            one.threshold,
            weeks_of(chosen, clock.since),
            today=params.as_of,
            risk_on_last=(one.measure.instrument, one.points[-1].day) in risky,
            deterioration_confirmed="SUSTAINED_WORSENING" in one.flags.confirmed,
            intolerable_on=intolerable_on,
        )
        found += [decision(one.measure.code, chosen, clock, point) for point in points]
    return found


def _responded_on(one: Block, chosen: Line) -> date | None:
    """Give the first day of a response on the course: a raise after it sets no clock back."""
    begun, level = chosen.begun_on(), one.baseline.level
    for point in one.points:
        on_course = begun is not None and point.day > begun
        if on_course and responds(one.measure, level, point.value, one.threshold)[0]:
            return point.day
    return None


def _with_dose_events(item: Json, registry: Mapping[str, Measure], courses: Sequence[Line]) -> Json:
    """Mark mania as the opposite pole, beside the dose events of the weeks before; no link said."""
    instrument = item["measure"].rpartition(".")[0]
    if registry[f"{instrument}.total"].pole != "mania":
        return item
    first = item["since"] - OPPOSITE_POLE_LOOKS_BACK
    events = [
        {"id": event.id, "day": event.day, "medicine": line.course.name, "kind": event.kind}
        for line in courses
        for event in line.counted
        if event.day is not None and first <= event.day <= item["day"]
    ]
    return item | {"code": "OPPOSITE_POLE", "dose_events": events}


def _intolerable(grouped: Mapping[str, Sequence[Reading]]) -> set[date]:
    """Give the days on which a side effect was severe, or the burden of all calls for a change."""
    return {
        one.day
        for code, group in grouped.items()
        for least in (SIGNAL_FROM if code.startswith(SIDE_EFFECTS) else BURDENS.get(code),)
        if least is not None
        for one in group
        if not one.flags and one.value >= least
    }


def _contexts(contexts: Sequence[Confounder], params: Params) -> list[Json]:
    """List what else happened in the window: life events, therapy and the like, by day."""
    inside = [
        (one.day, one)
        for one in contexts
        if one.day is not None and params.from_day <= (one.until or one.day)
        if one.day <= params.to_day
    ]
    return [
        {"id": one.id, "kind": one.kind, "day": day, "to": one.until, "label": one.label}
        | {"records": [one.id] if one.id else []}
        for day, one in sorted(inside, key=lambda pair: (pair[0], pair[1].kind, pair[1].id or ""))
    ]


def _of_flags(
    signals: Sequence[Signal],
) -> tuple[dict[str, str], dict[str, dict[date, str | None]]]:
    """Give the signals that flags opened, by flag id, and each new normal: its day and by whom."""
    opened: dict[str, str] = {}
    accepted: dict[str, dict[date, str | None]] = {}
    for one in signals:
        flag = one.evidence.get("flag")
        if flag is None:
            continue
        opened[flag] = one.id
        if one.new_normal_on is not None:
            of_measure = accepted.setdefault(one.evidence["measure"], {})
            of_measure[one.new_normal_on] = one.new_normal_by
    return opened, accepted


def _missing(blocks: Sequence[Json], decisions: Sequence[Json]) -> dict[str, list[str]]:
    """Name by rule what it would have needed and did not have."""
    return {
        "T4.1": [
            f"a reading to compare {one['label']} with"
            for one in blocks
            if one["baseline"]["level"] is None
        ],
        "B7.1": [
            f"a score of {one['measure']} in the window of {one['point'].replace('_', ' ')}"
            for one in decisions
            if one["result"] in ("due", "missed")
        ],
        "T7.3": [
            f"a recent reading of {one['label']}" for one in blocks if one["status"] == "stale"
        ],
    }


# ---- several measures


def _domains(known: Slice, params: Params, blocks: Sequence[Json]) -> list[Json]:
    """Bring each domain to one word, and mark its primary measure among the blocks."""
    shown = params.domains
    if shown is None:
        shown = FOLLOWED if params.measures is None else ()
    found = []
    for domain in DOMAINS:
        inside = [one for one in blocks if one["domain"] == domain]
        if inside:
            found.append(_domain(domain, inside, known))
        elif domain in shown:
            found.append(_domain(domain, [], known))
    return found


def _domain(domain: str, blocks: Sequence[Json], known: Slice) -> Json:
    words = {one["measure"]: one["status"] for one in blocks if one["status"] is not None}
    word = domain_word(words)
    carries = {"worsening", "improving"} if word == "diverging" else {word}
    reasons = [
        reason for one in blocks if one["status"] in carries for reason in one["status_reasons"]
    ]
    last_known = None
    if word == "stale":
        before = {one["measure"]: one["last_known"] or one["status"] for one in blocks}
        last_known = domain_word({code: said for code, said in before.items() if said})
    primary = _primary(blocks, known)
    if primary is not None:
        primary["primary"] = True
    return {
        "domain": domain,
        "status": word,
        "agreement": {word: list(words.values()).count(word) for word in STATUS_WORDS},
        "measures": [one["measure"] for one in blocks],
        "primary": primary and primary["measure"],
        "severity": primary and primary["severity"] and primary["severity"]["band"],
        "reasons": list(dict.fromkeys(reasons)) if words else [_why_no_word(blocks)],
        "last_known": last_known,
    }


def _why_no_word(blocks: Sequence[Json]) -> str:
    return "NO_DIRECTION" if any(one["n"] for one in blocks) else "NO_DATA"


def domain_word(words: Mapping[str, str]) -> str:
    """Bring the status of a domain's measures to one word: the worst, never a mean.

    words: status by measure. When one worsens and another improves, they diverge.
    """
    said = set(words.values())
    if {"worsening", "improving"} <= said or "diverging" in said:
        return "diverging"
    for word in ("worsening", "improving", "stale", "stable"):
        if word in said:
            return word
    return "insufficient_data"


def _primary(blocks: Sequence[Json], known: Slice) -> Json | None:
    """Choose what the plan names, then an instrument's total, then most points, then the code."""
    unplanned = max(known.followed.values(), default=0) + 1

    def place(one: Json) -> tuple[int, bool, int, str]:
        measure = known.registry[one["measure"]]
        planned = known.followed.get(measure.code, unplanned)
        return planned, measure.code != f"{measure.instrument}.total", -one["n"], measure.code

    return min(blocks, key=place, default=None)


def _is_watched(block: Json) -> bool:
    """Say whether a rule of trend or flags was run on it: each could be wrong by chance."""
    return block["trend"][0]["slope_per_7d"] is not None or bool(block["references"])


def _summary(
    domains: Sequence[Json], blocks: Sequence[Json], risk: Sequence[Json], signals: Sequence[Signal]
) -> Json:
    up = [one["label"] for one in blocks if one["status"] == "improving"]
    down = [one["label"] for one in blocks if one["status"] == "worsening"]
    return {
        "severity": {one["domain"]: one["severity"] for one in domains if one["severity"]},
        "domains": list(domains),
        "diverging": [f"{a} improves while {b} worsens" for a in up for b in down],
        "risk_open": len(risk),
        "signals_open": sum(one.state != "closed" for one in signals),
    }


def _quality(known: Slice, params: Params, series: Sequence[Series]) -> list[Json]:
    """Say what was found in the readings of the window, a measure and code each."""
    found: list[Json] = []
    if params.tz_assumed:
        found.append({"code": "DQ_TZ_ASSUMED", "measure": None, "records": []})
    if moved := _moved(known.offsets):
        found.append({"code": "DQ_TZ_CHANGED", "measure": None, "records": moved[-50:]})
    for one in series:
        inside = one.within(params.from_day, params.to_day)
        for code, records in sorted(inside.codes.items()):
            entry: Json = {"code": code, "measure": one.measure.code}
            if code in ("DQ_IMPLAUSIBLE", "DQ_UNLIKELY"):
                raw = [left.value for left, reason in inside.left_out if reason == code]
                entry["values"] = raw[-50:]
            found.append(entry | {"records": list(dict.fromkeys(records))[-50:]})
        if one.measure.code != f"{one.measure.instrument}.total":
            continue
        for point in inside.points:
            for record in point.records:
                for code, numbers in known.received.get(record, {}).items():
                    found.append(
                        {"code": code, "measure": one.measure.code, "records": [record], **numbers}
                    )
    return found


def _moved(offsets: Mapping[str, int]) -> list[str]:
    """Give the records whose clock is more than an hour from the first one's: summer time is not
    travel. Each stands on the day of its own clock.
    """
    first = next(iter(offsets.values()), 0)
    return [record for record, minutes in offsets.items() if abs(minutes - first) > 60]


# ---- the patient's own view


def _own_view(body: Json, known: Slice, risk: Sequence[Json]) -> Json:
    """Leave a patient the own numbers and one sentence a scale; what is kept back is named.

    While a risk signal is open there is no sentence about its scale, only the safety notice.
    """
    quiet = {item["measure"].rpartition(".")[0] for item in risk}
    blocks = []
    for one in body["measures"]:
        mine = {name: one[name] for name in PATIENT_SEES if name in one}
        sentence = one["text"]["patient"]
        if known.registry[one["measure"]].instrument in quiet or one["measure"] in {
            item["measure"] for item in risk
        }:
            sentence = None
        blocks.append(mine | {"bands": [], "text": {"patient": sentence}})
    notice = {"text": known.safety_notice, "nobody_watches": True} if risk else None
    return {
        **body,
        **dict.fromkeys(WITHHELD),
        "withheld": list(WITHHELD),
        "safety_notice": notice,
        "measures": blocks,
        "medications": [_own_course(one) for one in body["medications"]],
    }


def _own_course(course: Json) -> Json:
    """Leave a patient the doses and what was recorded of taking them, without any comparison."""
    epochs = []
    for one in course["epochs"]:
        taking = one["administrations"]
        if taking and "text" in taking:
            said = {"patient": taking["text"]["patient"]}
            taking = taking | {"text": said, "taken_and_not": []}
        epochs.append(one | {"administrations": taking, "flags": []})
    return course | {
        "epochs": epochs,
        "events": [
            one | {"before_after": [], "flags": [], "confirmation": None}
            for one in course["events"]
        ],
        "side_effects": [],
    }


# ---- numbers


def plain(value: Any) -> Any:
    """Write days as text and round numbers half to even at 6 decimals; whole ones lose the dot."""
    kind = type(value)
    if kind is str or kind is int or value is None:
        return value
    if isinstance(value, float):
        rounded = round(value, 6)
        whole = rounded.is_integer() and abs(rounded) < 2**53
        return int(rounded) if whole else rounded
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [plain(member) for member in value]
    return value.isoformat() if isinstance(value, date) else value

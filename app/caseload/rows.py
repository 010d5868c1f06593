"""One patient's caseload row, read off the report as it stood on the last day of the record."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import orjson

from app.clinical.decision_points import MAINTENANCE_DAYS
from app.trends.around import standing
from app.trends.ribbon import dose_words

Json = dict[str, Any]

WORSE_FIRST = ("worsening", "diverging", "improving", "stable", "insufficient_data")
"""The word of a domain that a row shows as its worst: the first of these that one of them has."""
SETS_A_DOSE = ("start", "restart", "change")
OPENS_A_SIGNAL = ("SUSTAINED_WORSENING", "LOSS_OF_GAIN", "RELAPSE")
"""Codes of flags that wait for a named person once they are confirmed."""
NOT_SCORED_AT_HOME = "labs"
PREFERRED = ("mood_cognition", "functioning", "sleep", "side_effects", "dosage")
FACTS = ("primary", "worst", "flags_confirmed", "flags_notice", "regimen_line")
NO_FACTS = orjson.dumps(dict.fromkeys(FACTS)).decode()
"""Of a patient of whom no row has been made yet."""


def columns(
    body: Mapping[str, Any], *, lab_due_on: date | None, next_visit_on: date | None
) -> dict[str, Any]:
    """Give the columns of a row from the report of a patient; stored are facts and dates.

    body: the prescriber's report with its measures, medicines, risk and decision points.
    """
    blocks = {one["measure"]: one for one in body["measures"]}
    primaries = [
        block
        for one in body["summary"]["domains"]
        if one["domain"] != NOT_SCORED_AT_HOME and (block := blocks.get(one["primary"])) is not None
    ]
    primary = _first(primaries)
    flags = [flag for block in blocks.values() for flag in block["flags"]]
    worsenings = [one for one in flags if one["code"] != "SUSTAINED_IMPROVEMENT"]
    confirmed = sum(one["level"] == "confirmed" for one in worsenings)
    notices = len(worsenings) - confirmed
    line = regimen_line(body["medications"])
    judged, window = _decisions(body["decision_points"])
    return {
        "signals_open": body["summary"]["signals_open"],
        "risk_open": body["summary"]["risk_open"],
        "flags_confirmed": confirmed,
        "flags_notice": notices,
        "is_expected": line is not None or primary is not None,
        "status": primary and _status(primary),
        "primary_stale_on": primary and _day(primary["stale_on"]),
        **_stale(primaries, body["medications"]),
        "not_on_track_until": max(
            (_until(one) for one in judged if one["result"] == "not_on_track"), default=None
        ),
        "window_point": window and window["point"],
        "window_opens_on": window and _day(window["window"]["from"]),
        "window_closes_on": window and _day(window["window"]["to"]),
        "window_until": window and _until(window),
        "lab_due_on": lab_due_on,
        "review_due_on": min(
            (
                date.fromisoformat(one["due_on"])
                for one in body["summary"]["reviews"]
                if one["code"] != "DECISION_WINDOW_REACHED"
            ),
            default=None,
        ),
        "next_visit_on": next_visit_on,
        "judged": ",".join(orjson.dumps(_point(one)).decode() for one in judged),
        "facts": orjson.dumps(
            {
                "primary": primary and _primary(primary),
                "worst": _worst(body["summary"]["domains"], blocks),
                "flags_confirmed": confirmed,
                "flags_notice": notices,
                "regimen_line": line,
            }
        ).decode(),
    }


def worsenings(body: Mapping[str, Any]) -> Iterator[tuple[str, str, Json]]:
    """Give the confirmed worsenings of a report: flag id, code, and the evidence of a signal."""
    for block in body["measures"]:
        for flag in block["flags"]:
            if flag["level"] == "confirmed" and flag["code"] in OPENS_A_SIGNAL:
                yield (
                    flag["id"],
                    flag["code"],
                    {
                        "flag": flag["id"],
                        "measure": block["measure"],
                        "reference": flag["reference"],
                        "first_day": flag["first_day"],
                        "numbers": flag["numbers"],
                        "records": flag["records"],
                        "text": flag["text"]["prescriber"],
                    },
                )


def regimen_line(courses: Sequence[Mapping[str, Any]]) -> str | None:
    """Say in one line what is ordered now, medicines and supplements; None: nothing."""
    now = [
        f"{course['medicine']} {dose_words(course['epochs'][-1])}"
        for course in courses
        if course["kind"] != "substance" and course["epochs"] and _runs(course["epochs"][-1])
    ]
    return "; ".join(now) or None


def _runs(epoch: Mapping[str, Any]) -> bool:
    is_over = epoch["tdd"] == 0 and not epoch["hold"]
    return epoch["to"] is None and not is_over and "STOP_DAY_UNKNOWN" not in epoch["codes"]


def _first(primaries: Sequence[Json]) -> Json | None:
    """Choose the measure that speaks for the patient: of mood, else of the next domain."""

    def place(block: Json) -> int:
        return PREFERRED.index(block["domain"]) if block["domain"] in PREFERRED else len(PREFERRED)

    return min((one for one in primaries if one["n"]), key=place, default=None)


def _status(block: Mapping[str, Any]) -> str | None:
    """Give the status on the last day of readings, whatever has gone stale since."""
    found: str | None = block["last_known"] if block["status"] == "stale" else block["status"]
    return found


def _primary(block: Mapping[str, Any]) -> Json:
    last, changed = block["last"], block["change"]["from_last"]
    return {
        "measure": block["measure"],
        "label": block["label"],
        "last": last["value"],
        "last_on": last["day"],
        "n": block["n"],
        "baseline": block["baseline"]["level"],
        "points": changed and changed["points"],
        "band": block["severity"] and block["severity"]["band"],
        "status": _status(block),
        "stale_on": block["stale_on"],
    }


def _worst(domains: Sequence[Json], blocks: Mapping[str, Json]) -> Json | None:
    """Name the domain that does worst and the measure that says so."""
    for word in WORSE_FIRST:
        for one in domains:
            said = one["last_known"] if one["status"] == "stale" else one["status"]
            if said == word and one["measures"]:
                carries = {"worsening"} if word == "diverging" else {word}
                measures = [code for code in one["measures"] if _status(blocks[code]) in carries]
                measure = measures[0] if measures else one["primary"]
                reasons = blocks[measure]["status_reasons"]
                return {
                    "domain": one["domain"],
                    "measure": measure,
                    "status": word,
                    "code": reasons[0] if reasons else None,
                }
    return None


def _stale(primaries: Sequence[Json], courses: Sequence[Json]) -> dict[str, date | None]:
    changed = max(
        (
            event["day"]
            for course in courses
            for event in course["events"]
            if course["kind"] == "drug"
            and event["day"]
            and event["kind"] in SETS_A_DOSE
            and not event["planned"]
            and not event["unconfirmed"]
        ),
        default="",
    )
    stale = [one for one in primaries if one["stale_on"]]
    after = [max(one["stale_on"], changed) for one in stale if changed > one["last"]["day"]]
    return {
        "stale_on": _day(min((one["stale_on"] for one in stale), default=None)),
        "stale_after_change_on": _day(min(after, default=None)),
    }


def _decisions(points: Sequence[Json]) -> tuple[list[Json], Json | None]:
    """Give the newest judged point of each measure, and the first without a score after them."""
    each = standing(points).values()
    unscored = [one for _, open_ in each for one in open_]
    first = min(unscored, key=lambda one: str(one["window"]["to"]), default=None)
    return [judged for judged, _ in each if judged is not None], first


def _point(one: Mapping[str, Any]) -> Json:
    return {
        "point": one["point"],
        "measure": one["measure"],
        "opens_on": one["window"]["from"],
        "closes_on": one["window"]["to"],
        "result": one["result"],
    }


def _until(one: Mapping[str, Any]) -> date:
    """Give the last day on which points of this clock say something (trend-spec 7.1)."""
    return date.fromisoformat(one["clock_since"]) + timedelta(MAINTENANCE_DAYS)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None

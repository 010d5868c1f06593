"""One page before the visit: everything that the prescriber asks first, in one answer.

Nothing is computed here: each section is what the room it comes from answers by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import orjson

from app.care import plan as plans
from app.clinical import terms
from app.clinical.measures import SIDE_EFFECTS
from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import NotFound
from app.medications import regimen, substances
from app.monitoring import service as monitoring
from app.signals import service as signals
from app.trends import params as parameters
from app.trends.gather import gather, look_up
from app.trends.params import resolve
from app.trends.report import Slice, report

Json = dict[str, Any]

PARTS = ("summary", "risk", "digest", "measures", "medications", "decision_points", "quality")
RATED = ("fibser.1", "fibser.2", "fibser.3")


@dataclass(frozen=True, slots=True)
class Page:
    """What the rooms answer of one patient today, as read: nothing of it is computed here."""

    known: Slice
    report: Json
    regimen: Json
    interactions: Json
    monitoring: Json
    signals: Json
    plan: Json | None

    @property
    def blocks(self) -> dict[str, Json]:
        """Give the report's blocks by measure."""
        return {one["measure"]: one for one in self.report["measures"]}


def collect(work: Work, patient_id: UUID) -> Page:
    """Ask every room.

    Raises:
        NotFound: no such patient for this caller.
    """
    moment = look_up(work, patient_id, None)
    asked = parameters.read([("include", ",".join((*PARTS, "points")))])
    params = resolve(asked, moment.person.time_zone, work.now, "prescriber")
    try:
        plan = _read(plans.show(work, patient_id))
    except NotFound:
        plan = None
    known = gather(work, moment, params)
    return Page(
        known=known,
        report=report(known, params),
        regimen=_read(regimen.show(work, patient_id)),
        interactions=_read(substances.interactions_now(work, patient_id)),
        monitoring=_read(monitoring.show(work, patient_id)),
        signals=_read(signals.page(work, patient_id)),
        plan=plan,
    )


def show(work: Work, patient_id: UUID) -> Answer:
    """Give the visit brief of a patient as of today.

    Raises:
        NotFound: no such patient for this caller.
    """
    page = collect(work, patient_id)
    body, blocks = page.report, page.blocks
    since = (body["digest"]["since"] or {}).get("day")
    path = f"/v1/patients/{patient_id}/digest"
    return Answer(
        orjson.dumps(
            {
                "patient": body["patient"],
                "as_of": body["as_of"],
                "known_at": body["known_at"],
                "versions": body["versions"],
                "risk": {
                    "items": body["risk"],
                    "open_signals": [
                        _signal(one) for one in page.signals["items"] if one["state"] != "closed"
                    ],
                    "last_asked": [
                        {"topic": topic, **(held or {"measure": None, "on": None, "value": None})}
                        for topic, held in page.signals["asked"].items()
                    ],
                },
                "medications": [
                    _medicine(one)
                    for one in page.regimen["medications"]
                    if one["running"] is not False
                ],
                "tolerability": tolerability(page),
                "mood_cognition": _domain(body, blocks, "mood_cognition"),
                "sleep": _domain(body, blocks, "sleep"),
                "functioning": _domain(body, blocks, "functioning"),
                "interactions": {
                    "open": page.interactions["findings"],
                    "possible": page.interactions["possible"],
                    "read_as": page.interactions["read_as"],
                    "not_checked": page.interactions["not_checked"],
                    "statement": page.interactions["statement"],
                },
                "monitoring": page.monitoring["items"],
                "plan": page.plan and _plan(page.plan, blocks, since),
                "decision_points": [
                    one for one in body["decision_points"] if one["result"] != "not_applicable"
                ],
                "quality": body["quality"],
                "changed_since_last_visit": f"{path}?since={since}" if since else path,
            }
        )
    )


def _read(answer: Answer) -> Json:
    read: Json = orjson.loads(answer.body)
    return read


def _signal(one: Mapping[str, Any]) -> Json:
    """Write what a prescriber needs of a signal, its evidence flat beside it."""
    evidence = one["evidence"]
    records = [evidence[name] for name in ("record_id", "finding_id") if name in evidence]
    return {
        "id": one["id"],
        "code": one["code"],
        "state": one["state"],
        **{name: value for name, value in evidence.items() if name in ("item", "value", "term")},
        "raised_at": one["raised_at"],
        "owner": one["owner"],
        "due_at": one["due_at"],
        "evidence": evidence,
        "records": records,
    }


def _medicine(one: Json) -> Json:
    kept = (
        "medication_id",
        "name",
        "display",
        "kind",
        "running",
        "ordered",
        "taking",
        "daily_dose",
        "phase",
        "since",
        "weeks_at_or_above_minimum",
        "adherence",
        "discrepancy",
        "planned",
        "unconfirmed",
        "reasons",
    )
    return {name: one.get(name) for name in kept} | {"days_on_dose": one.get("days")}


def tolerability(page: Page) -> Json:
    """Give the burden of side effects, and every one whose last rating is not "none"."""
    blocks, body = page.blocks, page.report
    since = (body["digest"]["since"] or {}).get("day")
    rated = [blocks[code]["last"] for code in RATED if code in blocks]
    fibser = None
    if len(rated) == len(RATED) and all(rated):
        frequency, intensity, burden = (one["value"] for one in rated)
        severity = blocks[RATED[-1]]["severity"]
        fibser = {
            "frequency": frequency,
            "intensity": intensity,
            "burden": burden,
            "band": severity and severity["band"],
            "on": rated[-1]["day"],
            "records": rated[-1]["records"],
        }
    return {
        "fibser": fibser,
        "side_effects": [
            _side_effect(block, body, since)
            for code, block in blocks.items()
            if code.startswith(SIDE_EFFECTS) and block["last"] and block["last"]["value"]
        ],
    }


def _side_effect(block: Json, body: Json, since: str | None) -> Json:
    points = block.get("points") or []
    last = block["last"]
    changes = [
        event["day"]
        for medicine in body["medications"]
        for event in medicine["events"]
        if event["day"] and not event["planned"] and event["day"] <= last["day"]
    ]
    days = None
    if changes:
        days = (date.fromisoformat(last["day"]) - date.fromisoformat(max(changes))).days
    rated = [one for one in points if "excluded" not in one]
    first = next((one["day"] for one in rated if one["value"]), None)
    name = block["measure"].removeprefix(SIDE_EFFECTS)
    term = terms.find(name)
    return {
        "term": name,
        "group": term and term.group,
        "severity": last["value"],
        "on": last["day"],
        "first_rated_on": first,
        "days_since_last_dose_change": days,
        "course": None if name == terms.OTHER else _course([one["value"] for one in rated]),
        "new_since_last_visit": bool(since and first and first > since),
        "records": last["records"],
    }


def _course(values: list[float]) -> str | None:
    """Name where the rating went at its last step; None after a single rating."""
    if len(values) < 2:
        return None
    before, now = values[-2:]
    return "easing" if now < before else "worsening" if now > before else "unchanged"


def _domain(body: Json, blocks: Mapping[str, Json], domain: str) -> Json | None:
    """Give a domain's word, and of each of its measures the last value, change and sentence."""
    found = next((one for one in body["summary"]["domains"] if one["domain"] == domain), None)
    if found is None:
        return None
    return {
        **found,
        "measures": [
            {
                "measure": code,
                "label": blocks[code]["label"],
                "last": blocks[code]["last"],
                "last_seen_days": blocks[code]["last_seen_days"],
                "status": blocks[code]["status"],
                "severity": blocks[code]["severity"],
                "change": blocks[code]["change"]["from_last"],
                "flags": [one["code"] for one in blocks[code]["flags"]],
                "text": blocks[code]["text"]["prescriber"],
            }
            for code in found["measures"]
        ],
    }


def _plan(plan: Json, blocks: Mapping[str, Json], visited_on: str | None) -> Json:
    """Give goals with where their measure stands now, and the next review.

    Only a review moves the next one. seen_on: the last visit or call, where it came on or after
        the day that is due: somebody saw the patient, and nobody wrote of a look at the plan.
    """
    due = plan["next_review"]["due"]
    seen_on = visited_on if visited_on and visited_on >= due else None
    goals = []
    for goal in plan.get("goals", ()):
        block = blocks.get(goal.get("measure") or "")
        last = block and block["last"]
        goals.append(goal | {"now": last and last["value"], "on": last and last["day"]})
    return {
        "why": plan["why"],
        "goals": goals,
        "next_review": plan["next_review"] | {"seen_on": seen_on},
        "therapy": plan.get("therapy", []),
    }

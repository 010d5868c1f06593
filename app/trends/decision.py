"""The options that stand open, with their reasons: for prescribers, and never an order."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from itertools import pairwise, takewhile
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from app.clinical import medications as reference
from app.clinical.measure import Measure
from app.clinical.options import Facts, Option, options
from app.clinical.response import SUSTAINED_DAYS
from app.core.answer import Answer
from app.core.db import Work
from app.trends import brief, history
from app.trends.brief import Page
from app.trends.courses import SOMATIC
from app.trends.readings import by_measure, happened, series_of

Json = dict[str, Any]

ADULT_YEARS = 18
ALERTING = frozenset({"contraindicated", "major"})
LIMITS = [
    "lists what stands open, in a fixed order; it ranks nothing",
    "for prescribers; it knows only what was recorded",
    "rules made for adults with depression on an antidepressant where they name weeks",
]


def show(work: Work, patient_id: UUID) -> Answer:
    """Give the options whose condition holds, or cannot be judged, and the facts they rest on.

    Raises:
        NotFound: no such patient for this caller.
    """
    page = brief.collect(work, patient_id)
    tried: Json = orjson.loads(history.show(work, patient_id).body)
    block = _primary(page, page.known.registry)
    facts = _facts(page, tried, block)
    records = list(block["last"]["records"]) if block and block["last"] else []
    window = block and block["window"]
    body = page.report
    return Answer(
        orjson.dumps(
            {
                "patient": body["patient"],
                "as_of": body["as_of"],
                "known_at": body["known_at"],
                "versions": body["versions"],
                "made_for": "prescribers",
                "facts": asdict(facts),
                "options": [_told(one, records, window) for one in options(facts)],
                "basis": BASIS,
                "limits": LIMITS,
            }
        )
    )


BASIS = [
    {
        "id": "A",
        "rule": {"id": "decision_rules.A", "version": 1},
        "text": "Response is looked for after 4 to 6 weeks at an adequate dose: half of the "
        "baseline gone is a response, a quarter a partial one; after two fair trials or 20 weeks "
        "without remission a second opinion; after remission the medicine is kept 6 to 12 months.",
        "sources": [
            "STAR*D decision points, PMC2793274 table 1",
            "ICSI, depression in primary care",
            "CANMAT 2023 (secondary)",
        ],
    },
    {
        "id": "C",
        "rule": {"id": "decision_rules.C", "version": 1},
        "text": "FIBSER burden 0 to 2 needs no change, 3 to 4 is addressed, 5 to 6 speaks for less "
        "or for another medicine; below 80 % taken, the dose was not tried.",
        "sources": ["UBC page on FIBSER", "Pharmacy Quality Alliance"],
    },
    {
        "id": "E",
        "rule": {"id": "decision_rules.E", "version": 1},
        "text": "Open interactions and overdue tests come before a change of dose.",
        "sources": ["the sources of each rule, at /v1/reference/interactions and /monitoring"],
    },
]


def _facts(page: Page, tried: Json, block: Json | None) -> Facts:
    medicine = _index(page)
    decisions = [one for one in page.report["decision_points"] if _is_of(one, block, medicine)]
    judged = [one for one in decisions if one["result"] != "ahead"]
    ahead = next((one for one in decisions if one["result"] == "ahead"), None)
    share = _share(medicine)
    burden = brief.tolerability(page)
    plan = page.plan
    review = (plan or {}).get("next_review") or {}
    looks = [day for day in (ahead and ahead["window"]["from"], review.get("due")) if day]
    treated = [one for one in tried["trials"] if one["source"] == "record" and one["running"]]
    as_of = date.fromisoformat(page.report["as_of"])
    of_scale, of_medicine = block or {}, medicine or {}
    # What was so when somebody last asked, and has not been asked since, speaks for nothing now.
    is_stale = of_scale.get("status") == "stale"
    states = {} if is_stale else of_scale.get("states", {})
    decision = judged[-1]["result"] if judged else None
    return Facts(
        measure=of_scale.get("measure"),
        status=of_scale.get("status"),
        decision=None if is_stale and decision not in ("due", "missed") else decision,
        improvement_percent=states.get("improvement_percent"),
        response=states.get("response"),
        remission=states.get("remission"),
        remission_days=_remission_days(page, block) if states.get("remission") else None,
        weeks_on_dose=_weeks(of_medicine.get("days")),
        weeks_adequate=of_medicine.get("weeks_at_or_above_minimum"),
        weeks_treated=max(
            (
                (as_of - date.fromisoformat(one["from"])).days / 7
                for one in treated
                if one["from"] is not None
            ),
            default=None,
        ),
        dose_room=_room(page, medicine),
        taken_share=share,
        discrepancy=_discrepancy(medicine),
        fibser_burden=(burden["fibser"] or {}).get("burden"),
        worst_side_effect=max((one["severity"] for one in burden["side_effects"]), default=None),
        open_interactions=tuple(
            one["rule"]["id"]
            for one in page.interactions["findings"]
            if one["severity"] in ALERTING and one.get("state") != "acknowledged"
        ),
        overdue_labs=tuple(
            one["measure"]
            for one in page.monitoring["items"]
            if one["overdue_days"] or one["state"] == "review"
        ),
        therapy_planned=None if plan is None else bool(plan.get("therapy")),
        therapy_sessions=sum(one.kind.startswith("therapy") for one in page.known.contexts),
        fair_trials=tried["fair_trials_without_remission"],
        risk_open=bool(page.report["risk"]),
        opposite_pole=any(
            one["code"].startswith("mania") and one["state"] != "closed"
            for one in page.signals["items"]
        ),
        next_look_on=date.fromisoformat(min(looks)) if looks else None,
        medicine=of_medicine.get("name"),
    )


def _told(one: Option, records: Sequence[str], window: Json | None) -> Json:
    return {
        "option": one.option,
        "on": one.on,
        "reasons_for": list(one.reasons_for),
        "reasons_against": list(one.reasons_against),
        "missing": list(one.missing),
        "basis": one.basis,
        "records": list(records),
        "window": window,
    }


def _primary(page: Page, registry: Mapping[str, Measure]) -> Json | None:
    """Take the scale that the course is judged by: a symptom scale, the primary one first."""
    scales = [
        one
        for one in page.report["measures"]
        if one["last"] and registry[one["measure"]].symptom_measure
    ]
    return max(scales, key=lambda one: (one["primary"], one["n"]), default=None)


def _index(page: Page) -> Json | None:
    """Take the medicine that was set last: its dose is what the visit is about.

    As for the report's index, one that is listed for its interactions only is none of them while
    there is another.
    """
    drugs = [
        one
        for one in page.regimen["medications"]
        if one["kind"] == "drug" and one["running"] and one["since"]
    ]
    psychiatric = [one for one in drugs if not _is_somatic(one["reference_id"])]
    return max(psychiatric or drugs, key=lambda one: str(one["since"]), default=None)


def _is_somatic(reference_id: str | None) -> bool:
    known = reference.by_id(reference_id) if reference_id else None
    return known is not None and known.role == SOMATIC


def _is_of(one: Json, block: Json | None, medicine: Json | None) -> bool:
    return bool(
        block
        and medicine
        and one["measure"] == block["measure"]
        and one["medication_id"] == medicine["medication_id"]
    )


def _remission_days(page: Page, block: Json | None) -> int | None:
    """Count the days that remission has held up to the last reading, with no gap over 8 weeks.

    Also before the report's window: half a year is longer than it.
    """
    measure = page.known.registry[block["measure"]] if block else None
    if measure is None or (rule := measure.remission) is None:
        return None
    as_of = date.fromisoformat(page.report["as_of"])
    rows = happened(page.known.readings, as_of, None, ZoneInfo("UTC"))
    points = series_of(measure, by_measure(rows)[measure.code]).points[::-1]
    held = list(takewhile(lambda one: rule.met(one.value), points))
    for later, earlier in pairwise(held):
        if (later.day - earlier.day).days > SUSTAINED_DAYS:
            return (held[0].day - later.day).days
    return (held[0].day - held[-1].day).days if held else None


def _weeks(days: int | None) -> float | None:
    return None if days is None else days / 7


def _share(medicine: Json | None) -> float | None:
    if medicine is None:
        return None
    share, _method = history.share_taken(medicine["adherence"])
    return share


def _discrepancy(medicine: Json | None) -> str | None:
    """Name in which ways what was taken differs from what was ordered."""
    found = (medicine or {}).get("discrepancy") or ()
    return ", ".join(one["code"] for one in found) or None


def _room(page: Page, medicine: Json | None) -> bool | None:
    """Say whether the daily dose lies below the reference's ceiling, which is an adult's.

    None: the dose, the ceiling or the age is not known.
    """
    dose: Mapping[str, Any] = (medicine or {}).get("daily_dose") or {}
    known = reference.by_id(medicine["reference_id"]) if medicine and dose else None
    most = known.max_daily if known else None
    born = page.report["patient"]["birth_year"]
    adult = born is not None and int(page.report["as_of"][:4]) - born > ADULT_YEARS
    if most is None or not adult or dose.get("value") is None or most.unit != dose["unit"]:
        return None
    return Decimal(dose["value"]) < most.value

"""What was tried before, and was it a fair trial: one row a treatment, the oldest first."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from app.clinical import medications as reference
from app.clinical.trial import ADEQUATE_SHARE, ADEQUATE_WEEKS, fair_trial
from app.core.answer import Answer
from app.core.db import Work
from app.journal import service as journal
from app.medications import regimen
from app.trends import params as parameters
from app.trends.gather import gather, look_up
from app.trends.params import Params, resolve
from app.trends.report import Slice, report

Json = dict[str, Any]

RULE = {"id": "fair_trial", "version": 1}
BEFORE = timedelta(28)
LEAST_ANSWERED_DAYS = 14
"""So many days say as much as the usual question about the last two weeks."""


def show(work: Work, patient_id: UUID) -> Answer:
    """Give every treatment with its highest dose, its time at an adequate dose, and its outcome.

    Raises:
        NotFound: no such patient for this caller.
    """
    moment = look_up(work, patient_id, None)
    params = resolve(parameters.read([]), moment.person.time_zone, work.now, "prescriber")
    known = gather(work, moment, params)
    now: Json = orjson.loads(regimen.show(work, patient_id).body)
    rows = [
        _row(one, known, params)
        for one in now["medications"]
        if one["kind"] == "drug" and one["epochs"]
    ]
    recalled = [
        _recalled(number, trial, record)
        for record, trials in _past_trials(work, patient_id, moment.patient_version)
        for number, trial in enumerate(trials)
    ]
    rows.sort(key=lambda row: (row["from"] or "", row["name"]))
    return Answer(
        orjson.dumps(
            {
                "patient": known.patient,
                "as_of": params.as_of,
                "versions": {**known.versions, "patient_version": known.patient_version},
                "rule": RULE,
                "adequate": {"weeks": ADEQUATE_WEEKS, "taken_share": ADEQUATE_SHARE},
                "trials": [*recalled, *rows],
                "fair_trials_without_remission": sum(
                    row["fair_trial"]["fair"] == "yes" and row["outcome"] not in ("remission", None)
                    for row in (*recalled, *rows)
                ),
                "basis": {
                    "text": "A trial is fair with 4 weeks at or above the least effective dose of "
                    "the reference and 80 % of it taken. What is not known leaves it open.",
                    "sources": [
                        "Antidepressant Treatment History Form (Sackeim 2001; verified: memory)",
                        "Pharmacy Quality Alliance, share of days covered",
                    ],
                    "limits": [
                        "outcome at the last reading of the course, on the scale named",
                        "says nothing of what brought a change about",
                    ],
                },
            }
        )
    )


def _row(one: Json, known: Slice, params: Params) -> Json:
    epochs = [epoch for epoch in one["epochs"] if _on(epoch)]
    first = epochs[0]["from"] if epochs else None
    last = epochs[-1]["to"] if epochs else None
    weeks = _adequate_weeks(epochs, one["minimum_effective"])
    share, method = share_taken(one["adherence"])
    judged = fair_trial(weeks_at_or_above_minimum=weeks, taken_share=share)
    outcome = _outcome(known, params, one["medication_id"], first, last)
    return {
        "medication_id": one["medication_id"],
        "name": one["name"],
        "source": "record",
        "running": one["running"],
        "from": first,
        "to": last,
        "highest_dose": _highest(epochs),
        "minimum_effective": one["minimum_effective"],
        "weeks_at_or_above_minimum": weeks,
        "adherence": {"taken_share": share, "method": method},
        **outcome,
        "side_effects": _side_effects(known, first, last or params.as_of.isoformat()),
        "stop_reason": None if one["running"] else (one["ordered"] or {}).get("reason"),
        "fair_trial": {
            "fair": judged.fair,
            "not_enough": list(judged.not_enough),
            "missing": list(judged.missing),
        },
        "records": list(dict.fromkeys(r for epoch in epochs for r in epoch["records"])),
    }


def _on(epoch: Json) -> bool:
    dose = epoch["daily_dose"]
    return not epoch["hold"] and (dose is None or Decimal(dose["value"] or 0) > 0 or epoch["prn"])


def _adequate_weeks(epochs: Sequence[Json], minimum: Json | None) -> float | None:
    """Add up the days known to be at or above the least effective dose; None: nobody can tell."""
    if minimum is None or minimum.get("value") is None:
        return None
    days = 0
    for epoch in epochs:
        dose = epoch["daily_dose"]
        if not epoch["known"] or dose is None or epoch["days"] is None:
            continue
        if dose["unit"] == minimum["unit"] and Decimal(dose["value"]) >= Decimal(minimum["value"]):
            days += epoch["days"]
    unknown = any(not epoch["known"] or epoch["days"] is None for epoch in epochs)
    return None if unknown and days < 7 * ADEQUATE_WEEKS else round(days / 7, 1)


def _highest(epochs: Sequence[Json]) -> Json | None:
    doses = [e["daily_dose"] for e in epochs if e["known"] and e["daily_dose"]]
    return max(doses, key=lambda dose: Decimal(dose["value"]), default=None)


def share_taken(adherence: Json) -> tuple[float | None, str | None]:
    """Give the share taken, and what it rests on: handed out, else answered, else told.

    A share that nobody can judge yet (one fill, fewer than 14 answered days) is none, unless it
    falls short already.
    """
    for name, member in (
        ("dispenses", "pdc"),
        ("administrations", "taken_share"),
        ("self_report", "taken_share"),
    ):
        found = adherence.get(name)
        if not found or found.get("adequate") is None:
            continue
        few = name == "administrations" and found["n_days"] < LEAST_ANSWERED_DAYS
        if not (few and found["adequate"]):
            return found[member], name
    return None, None


def _outcome(known: Slice, params: Params, medication: str, first: Any, last: Any) -> Json:
    """Read the primary symptom scale at the end of a course, against its own baseline."""
    none: Json = {"outcome": None, "measure": None, "baseline": None, "last": None, "reasons": []}
    if first is None:
        return none | {"reasons": ["START_UNKNOWN"]}
    until = min(date.fromisoformat(last) if last else params.as_of, params.as_of)
    begun = date.fromisoformat(first)
    seen = replace(
        params,
        as_of=until,
        to_day=until,
        from_day=min(begun - BEFORE, until),
        medication=UUID(medication),
        parts=("measures",),
    )
    scales = [
        one
        for one in report(known, seen)["measures"]
        if one["n"] and known.registry[one["measure"]].symptom_measure
    ]
    if not scales:
        return none | {"reasons": ["NO_SYMPTOM_SCALE"]}
    # What was answered before the first dose is no outcome of it.
    blocks = [one for one in scales if one["last"]["day"] > first]
    block = max(blocks, key=lambda one: (one["primary"], one["n"]), default=None)
    if block is None:
        return none | {"reasons": ["NO_READING_ON_COURSE"]}
    states, reasons = block["states"], list(block["states"]["reasons"])
    early = (date.fromisoformat(block["last"]["day"]) - begun).days < 7 * ADEQUATE_WEEKS
    word = None
    if states["remission"] and block["n"] > 1:
        word = "remission"
    elif states["response"]:
        word = "response"
    elif states["deterioration"]:
        word = "worse"
    elif early:
        # A medicine is not called weak by a score of its first weeks.
        reasons.append("READ_TOO_EARLY")
    elif states["partial_response"]:
        word = "partial_response"
    elif states["response"] is False:
        word = "no_response"
    return {
        "outcome": word,
        "measure": block["measure"],
        "baseline": block["baseline"],
        "last": block["last"],
        "reasons": reasons,
    }


def _side_effects(known: Slice, first: Any, last: str) -> list[Json]:
    """List the worst rating of each side effect inside the course."""
    if first is None:
        return []
    worst: dict[str, float] = {}
    for one in known.readings:
        code = one.measure
        inside = first <= one.day.isoformat() <= last
        if code.startswith("side_effects.") and inside and one.value > 0 and not one.flags:
            worst[code] = max(worst.get(code, 0), one.value)
    return [
        {"term": code.removeprefix("side_effects."), "worst": value}
        for code, value in sorted(worst.items())
    ]


def _past_trials(
    work: Work, patient_id: UUID, sequence: int
) -> list[tuple[str, list[Mapping[str, Any]]]]:
    found = journal.answers_of(work, patient_id, ("intake",), sequence)
    return [
        (answer["id"], (answer.get("psychiatric_history") or {}).get("past_trials") or [])
        for _, answer, _ in found
    ]


def _recalled(number: int, trial: Mapping[str, Any], record: str) -> Json:
    """Write a trial from before the record, as the patient or an old letter tells it."""
    said = trial["substance"]
    code = said.get("code") or {}
    resolved = reference.resolve(
        (code["system"], code["code"]) if code else None, said.get("reference_id"), said.get("text")
    )
    usual = resolved.substance.usual_range if resolved.substance else None
    least = usual.low if usual is not None and usual.unit == "mg/d" else None
    dose, times = trial.get("highest_dose"), trial.get("times_per_day")
    daily = None
    if dose and dose["unit"] == "mg":
        daily = Decimal(str(dose["amount"])) * Decimal(str(times or 1))
    weeks = trial.get("weeks")
    adequate: float | None = None
    if daily is not None and least is not None and weeks is not None:
        # A dose below the least one may be enough where nobody said how often a day.
        too_low = 0.0 if times is not None else None
        adequate = float(weeks) if daily >= least else too_low
    judged = fair_trial(
        weeks_at_or_above_minimum=adequate,
        taken_share=None,
        adherence_word=trial.get("adherence"),
    )
    outcome = trial.get("outcome")
    return {
        "medication_id": None,
        "name": code.get("display") or said.get("text") or said.get("reference_id"),
        "source": "intake",
        "running": False,
        "from": trial.get("from_on"),
        "to": trial.get("to_on"),
        "highest_dose": dose,
        "minimum_effective": least
        and {"value": f"{least:f}", "unit": "mg/d", "source": "reference"},
        "weeks_at_or_above_minimum": adequate,
        "adherence": {"taken_share": None, "method": "recalled", "word": trial.get("adherence")},
        "outcome": None if outcome in (None, "unknown", "other") else outcome,
        "measure": None,
        "baseline": None,
        "last": None,
        "reasons": ["RECALLED"],
        "side_effects": [{"term": term, "worst": None} for term in trial.get("side_effects", [])],
        "stop_reason": trial.get("stop_reason"),
        "fair_trial": {
            "fair": judged.fair,
            "not_enough": list(judged.not_enough),
            "missing": list(judged.missing),
        },
        "records": [f"{record}#{number}"],
    }

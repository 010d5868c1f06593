"""What was taken beside what was ordered: told, answered, handed out; three bases, never mixed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.clinical import adherence, doses, units
from app.clinical.adherence import (
    Administration,
    Discrepancy,
    Dispense,
    PrnUse,
    ReportedDose,
    SupplyCover,
    TakenShare,
)
from app.clinical.doses import DoseEpoch
from app.core.db import Work
from app.journal import service as journal
from app.medications import repository
from app.medications.models import ReportedIntake

WINDOW_DAYS = 84
"""Twelve weeks: how far back answers and as-needed use are counted."""
RULE = {"id": "adherence", "version": 1}


@dataclass(slots=True)
class Evidence:
    """What is known of the taking of one course."""

    answers: list[Administration] = field(default_factory=list)
    fills: list[Dispense] = field(default_factory=list)
    told: list[ReportedIntake] = field(default_factory=list)


def evidence(work: Work, patient_id: UUID, as_of: date, sequence: int) -> Mapping[str, Evidence]:
    """Give what was known at a sequence of the taking of each course, up to a day."""
    found: dict[str, Evidence] = defaultdict(Evidence)
    first = as_of - timedelta(days=WINDOW_DAYS - 1)
    ids = repository.taken_since(work, patient_id, first, as_of)
    for _, one in journal.answers_known_at(work, ids, sequence) if ids else ():
        answer = Administration(one["id"], date.fromisoformat(one["day"]), one["taken"])
        if first <= answer.day <= as_of:
            found[one["medication_id"]].answers.append(answer)
    ids = repository.dispensed(work, patient_id)
    for _, one in journal.answers_known_at(work, ids, sequence) if ids else ():
        day = date.fromisoformat(one["dispensed_on"])
        if day <= as_of:
            fill = Dispense(one["id"], day, one.get("days_supply"))
            found[one["medication_id"]].fills.append(fill)
    for row in repository.reported_intakes(work, patient_id, sequence):
        if row.day <= as_of:
            found[str(row.medication_id)].told.append(row)
    return found


def told(known: Evidence, epochs: Sequence[DoseEpoch], as_of: date) -> dict[str, Any]:
    """Write what is known of the taking of one course; nothing is taken because it was ordered."""
    now = epochs[-1] if epochs else None
    as_needed = now is not None and now.prn
    answers = [one for one in known.answers if _is_ordered(epochs, one.day)]
    share = adherence.taken_share(answers) if answers and not as_needed else None
    cover = adherence.treatment_cover(known.fills, epochs, as_of=as_of)
    use = _use(known.answers, epochs, as_of) if as_needed else None
    found = _discrepancies(known, epochs, cover)
    nothing = not (known.answers or known.fills or known.told)
    return {
        "taking": _newest_dose(known.told),
        "adherence": {
            "self_report": _self_report(known.told, as_needed),
            "administrations": _share(share, as_of),
            "dispenses": _cover(cover),
            "prn_use": _prn(use),
            "assessed_on_taken_dose": adherence.assessed_on_taken_dose(share, cover),
            "rule": RULE,
            "reasons": ["NOTHING_RECORDED"] if nothing else [],
        },
        "discrepancy": [_discrepancy(one) for one in found] or None,
    }


def _is_ordered(epochs: Sequence[DoseEpoch], day: date) -> bool:
    epoch = doses.epoch_on(epochs, day)
    return epoch is not None and epoch.on and not epoch.prn


# ---- the bases


def _self_report(told_of: Iterable[ReportedIntake], as_needed: bool) -> dict[str, Any] | None:
    """Write the newest "of so many days, so many missed"; as-needed use has no such share."""
    reports = [row for row in told_of if row.days]
    if not reports or as_needed:
        return None
    row = reports[-1]
    days, missed = row.days or 0, row.missed_days or 0
    share = (days - missed) / days
    return {
        "method": "self_report",
        "taken_share": share,
        "n_days": days,
        "missed_days": missed,
        "adequate": share >= adherence.ADEQUATE,
        "window": _window(row.day - timedelta(days=days - 1), row.day),
        "records": [row.record_id],
        "reasons": [],
    }


def _share(share: TakenShare | None, as_of: date) -> dict[str, Any] | None:
    if share is None:
        return None
    return {
        "method": "administrations",
        "taken_share": share.share,
        "n": share.n_known,
        "n_days": share.n_days,
        "days_taken": share.days_taken,
        "share_unknown": share.share_unknown,
        "adequate": share.adequate,
        "window": _window(as_of - timedelta(days=WINDOW_DAYS - 1), as_of),
        "records": share.records,
        "reasons": share.codes,
    }


def _cover(cover: SupplyCover | None) -> dict[str, Any] | None:
    if cover is None:
        return None
    return {
        "method": "dispenses",
        "pdc": cover.pdc,
        "mpr": cover.mpr,
        "n": len(cover.records),
        "n_days": cover.days,
        "days_covered": cover.days_covered,
        "ran_out_on": cover.ran_out_on,
        "adequate": cover.adequate,
        "window": _window(cover.first, cover.last),
        "records": cover.records,
        "reasons": cover.codes,
    }


def _use(answers: Iterable[Administration], epochs: Sequence[DoseEpoch], as_of: date) -> PrnUse:
    begun = epochs[-1].from_day or date.min
    first = max(begun, as_of - timedelta(days=WINDOW_DAYS - 1))
    return adherence.prn_use(answers, first=first, last=as_of)


def _prn(use: PrnUse | None) -> dict[str, Any] | None:
    if use is None:
        return None
    weeks = [{"from": w.first, "days": w.days, "uses": w.uses} for w in use.weeks]
    last = use.weeks[-1]
    return {
        "method": "administrations",
        "uses": use.uses,
        "per_week": use.per_week,
        "n": len(use.records),
        "n_days": use.n_days,
        "weeks": weeks,
        "window": _window(use.weeks[0].first, last.first + timedelta(days=last.days - 1)),
        "records": use.records,
        "reasons": use.codes,
    }


def _window(first: date | None, last: date | None) -> dict[str, date | None]:
    return {"from": first, "to": last}


# ---- ordered and taken


def _newest_dose(told_of: Iterable[ReportedIntake]) -> dict[str, Any] | None:
    rows = [row for row in told_of if not row.days]
    if not rows:
        return None
    row = rows[-1]
    report = _reported(row)
    return {
        "on": row.day,
        "dose": {"amount": str(row.amount), "unit": row.unit} if row.amount else None,
        "times_per_day": None if row.times_per_day is None else float(row.times_per_day),
        "daily_dose": dose(report.tdd, report.unit),
        "records": [row.record_id],
    }


def _discrepancies(
    known: Evidence, epochs: Sequence[DoseEpoch], cover: SupplyCover | None
) -> list[Discrepancy]:
    """Give where ordered and taken differ now: by the newest report, the answers, the supply."""
    newest = [_reported(row) for row in known.told if not row.days][-1:]
    newest += [_reported(row) for row in known.told if row.days][-1:]
    said = [one for one in newest if one.tdd is not None]
    found = [*adherence.compare_reported(said, epochs).discrepancies]
    found += adherence.taken_at_zero_dose(known.answers, epochs)[-1:]
    ran_out = adherence.supply_ran_out(cover, epochs) if cover else None
    return [*found, ran_out] if ran_out else found


def _reported(row: ReportedIntake) -> ReportedDose:
    """Read one report as a daily dose: all days missed is none, some days missed is no dose."""
    record_id = str(row.record_id)
    if row.days:
        none = row.missed_days == row.days
        return ReportedDose(record_id, row.day, Decimal(0) if none else None, None)
    event = doses.DoseEvent(
        id=record_id,
        medication_id=str(row.medication_id),
        day=row.day,
        seq=0,
        kind="start",
        amount=row.amount,
        unit=row.unit,
        times_per_day=row.times_per_day,
    )
    stated = doses.stated_dose(event, ())
    return ReportedDose(record_id, row.day, stated.tdd, stated.unit)


def _discrepancy(one: Discrepancy) -> dict[str, Any]:
    return {
        "code": one.code,
        "on": one.day,
        "ordered": dose(one.ordered, one.unit),
        "taken": dose(one.taken, one.unit),
        "text": adherence.in_words(one),
        "records": one.records,
    }


def dose(value: Decimal | None, unit: str | None) -> dict[str, Any] | None:
    """Write a daily dose as an exact text with its unit; None where it is not known.

    An injection averaged over its interval is rounded to four places, as it is shown.
    """
    if value is None or unit is None:
        return None
    exact = units.plain(value)
    return {"value": f"{exact:f}", "unit": unit, "shown": units.show_dose(exact, unit)}

"""What was taken, beside what was ordered: answers, supply, as-needed use.

Nothing counts as taken because it was prescribed or dispensed. Patient answers give a share,
dispenses give the days with supply on hand; the two are never mixed. As-needed use is counted
per week and has no percentage (trend specification 2.10). Shares are statistics and may be
floats; doses stay Decimal.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from app.clinical.doses import DoseEpoch, epoch_on
from app.clinical.units import UnitsNotComparable, convert, show_dose

Taken = Literal["yes", "no", "partial", "unknown"]

ADEQUATE = 0.80
"""The PQA convention for PDC (decision rules, C); used for the taken share as well."""

YEAR_DAYS = 365
LEAST_FILLS = 2
LEAST_PERIOD_DAYS = 91
"""The gates of the PQA's own measures, here as codes beside the number: fills on two different
days, the first at least 91 days before the end (PQA specification sheets of PDC, seen)."""


@dataclass(frozen=True, slots=True)
class Administration:
    """One answer to "was it taken?", on the day it was due or taken."""

    id: str
    day: date
    taken: Taken


@dataclass(frozen=True, slots=True)
class Dispense:
    """One fill. days_supply: whole days it lasts as ordered, at least 1; None: nobody said."""

    id: str
    day: date
    days_supply: int | None


@dataclass(frozen=True, slots=True)
class TakenShare:
    """How much of what was asked about was taken.

    share: (yes + half of partial) / (yes + no + partial); None with NO_RECORDS or ALL_UNKNOWN.
    n_known: answers in the share. share_unknown: unknown answers among all answers.
    n_days: days with a known answer; days_taken: those with nothing but yes
    ("the planned dose was taken on `days_taken` of `n_days` recorded days").
    adequate: share >= 0.80.
    """

    share: float | None
    n_known: int
    share_unknown: float | None
    n_days: int
    days_taken: int
    adequate: bool | None
    records: tuple[str, ...]
    codes: tuple[str, ...] = ()


def taken_share(administrations: Iterable[Administration]) -> TakenShare:
    """Return the share taken among the known answers; unknown ones are left out and counted."""
    answers = sorted(administrations, key=lambda a: (a.day, a.id))
    known = [a for a in answers if a.taken != "unknown"]
    by_day: dict[date, set[Taken]] = {}
    for answer in known:
        by_day.setdefault(answer.day, set()).add(answer.taken)
    taken = sum({"yes": 1.0, "partial": 0.5}.get(a.taken, 0.0) for a in known)
    share = taken / len(known) if known else None
    codes = () if known else ("ALL_UNKNOWN",) if answers else ("NO_RECORDS",)
    return TakenShare(
        share=share,
        n_known=len(known),
        share_unknown=(len(answers) - len(known)) / len(answers) if answers else None,
        n_days=len(by_day),
        days_taken=sum(said == {"yes"} for said in by_day.values()),
        adequate=None if share is None else share >= ADEQUATE,
        records=tuple(a.id for a in answers),
        codes=codes,
    )


@dataclass(frozen=True, slots=True)
class SupplyCover:
    """Days with supply on hand in a period.

    pdc: days_covered / days, each day once. mpr: days of supply dispensed inside the period /
    days, above 1 when refilled early (cap it only for display). Both None with NO_DISPENSES (no
    fill at all is no knowledge, not 0), DAYS_SUPPLY_UNKNOWN (a fill does not say how long it
    lasts) or NO_DAYS. days: the period without inpatient days.
    records: the fills that the period lived on; one that is known to be used up before it is
        none of them.
    first, last: the period, both included.
    ran_out_on: first day of the last stretch without supply, when that reaches `last`.
    """

    pdc: float | None
    mpr: float | None
    days_covered: int
    days: int
    adequate: bool | None
    records: tuple[str, ...]
    codes: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None
    ran_out_on: date | None = None


def supply_cover(
    dispenses: Iterable[Dispense],
    *,
    first: date,
    last: date,
    inpatient: Collection[date] = (),
) -> SupplyCover:
    """Return PDC and MPR from `first` to `last`, both included, by the PQA conventions.

    An early refill is used after what is on hand (overlap shifts forward), also one from before
    `first`. An inpatient day leaves both numerator and denominator and uses up no supply; a day
    on hold may be given as one.
    PQA method as in the decision rules, C: days covered / days in the treatment period.

    Raises:
        ValueError: `last` before `first`, or a fill of less than one day.
    """
    fills = sorted((d for d in dispenses if d.day <= last), key=lambda d: (d.day, d.id))
    if last < first:
        raise ValueError("the period ends before it begins")
    if any(fill.days_supply is not None and fill.days_supply < 1 for fill in fills):
        raise ValueError("a fill lasts at least one day")
    away = set(inpatient)
    supply: dict[date, int] = {}
    for fill in fills:
        supply[fill.day] = supply.get(fill.day, 0) + (fill.days_supply or 0)
    begin = counted_from = min([first, *supply])
    on_hand = covered = days = 0
    ran_out_on = None
    for offset in range((last - begin).days + 1):
        day = begin + timedelta(days=offset)
        on_hand += supply.get(day, 0)
        if day in away:
            continue
        days += day >= first
        if on_hand:
            on_hand -= 1
            covered += day >= first
            ran_out_on = None
        elif fills and day >= fills[0].day:
            ran_out_on = ran_out_on or day
        if not on_hand and day < first:
            counted_from = day + timedelta(days=1)
    codes = _why_no_cover(fills, days)
    dispensed = sum(fill.days_supply or 0 for fill in fills if fill.day >= first)
    pdc = None if codes else covered / days
    return SupplyCover(
        pdc=pdc,
        mpr=None if codes else dispensed / days,
        days_covered=covered,
        days=days,
        adequate=None if pdc is None else pdc >= ADEQUATE,
        records=tuple(
            fill.id for fill in fills if fill.day >= counted_from or fill.days_supply is None
        ),
        codes=codes,
        first=first,
        last=last,
        ran_out_on=None if codes else ran_out_on,
    )


def _why_no_cover(fills: Sequence[Dispense], days: int) -> tuple[str, ...]:
    if not fills:
        return ("NO_DISPENSES",)
    if any(fill.days_supply is None for fill in fills):
        return ("DAYS_SUPPLY_UNKNOWN",)
    return () if days else ("NO_DAYS",)


def treatment_cover(
    dispenses: Iterable[Dispense], epochs: Sequence[DoseEpoch], *, as_of: date
) -> SupplyCover | None:
    """Return the cover of the PQA's treatment period: from the first fill of a year to its end.

    The year ends on `as_of`, or on the last day before a stop that still holds; days stopped or
    on hold count on neither side. FEW_FILLS and SHORT_PERIOD say that the PQA would not count
    this person yet: the days are told, and nobody says that they are adequate. None without a
    fill in the year, or with as-needed use in the period: that has counts, never a percentage.
    """
    last = as_of
    now = epochs[-1] if epochs else None
    if now is not None and not now.on and not now.hold and now.from_day is not None:
        last = min(last, now.from_day - timedelta(days=1))
    fills = [d for d in dispenses if d.day <= last]
    of_year = sorted({d.day for d in fills if d.day > last - timedelta(days=YEAR_DAYS)})
    if not of_year:
        return None
    days = [of_year[0] + timedelta(days=n) for n in range((last - of_year[0]).days + 1)]
    at = {day: epoch_on(epochs, day) for day in days}
    if any(epoch is not None and epoch.prn for epoch in at.values()):
        return None
    off = {day for day, epoch in at.items() if epoch is not None and not epoch.on}
    cover = supply_cover(fills, first=of_year[0], last=last, inpatient=off)
    gates = [
        code
        for code, short in (
            ("FEW_FILLS", len(of_year) < LEAST_FILLS),
            ("SHORT_PERIOD", len(days) < LEAST_PERIOD_DAYS),
        )
        if short
    ]
    adequate = None if gates else cover.adequate
    return replace(cover, adequate=adequate, codes=(*cover.codes, *gates))


def assessed_on_taken_dose(taken: TakenShare | None, cover: SupplyCover | None) -> bool | None:
    """Say whether a dose may be judged as taken; None when there is neither answer nor fill.

    False when the share taken or the PDC is below 0.80, or more than half of the answers are
    unknown (trend specification 6.3).
    """
    judged: list[bool] = []
    if taken is not None and taken.share_unknown is not None:
        judged.append(taken.share_unknown <= 0.5 and taken.adequate is not False)
    if cover is not None and cover.adequate is not None:
        judged.append(cover.adequate)
    return all(judged) if judged else None


@dataclass(frozen=True, slots=True)
class WeekOfUse:
    """Seven days from `first`, fewer at the end of a period.

    uses: yes and partial answers; None when the week has no known answer: not asked is not "none".
    """

    first: date
    days: int
    uses: int | None


@dataclass(frozen=True, slots=True)
class PrnUse:
    """As-needed use in the weeks with an answer; both None without one: missing is not none.

    per_week: uses / days x 7.
    """

    weeks: tuple[WeekOfUse, ...]
    uses: int | None
    per_week: float | None
    n_days: int
    records: tuple[str, ...]
    codes: tuple[str, ...] = ()


def prn_use(administrations: Iterable[Administration], *, first: date, last: date) -> PrnUse:
    """Count as-needed uses in weeks of seven days from `first` to `last`, both included."""
    known = sorted(
        (a for a in administrations if first <= a.day <= last and a.taken != "unknown"),
        key=lambda a: (a.day, a.id),
    )
    weeks: list[WeekOfUse] = []
    for start in range(0, (last - first).days + 1, 7):
        begin = first + timedelta(days=start)
        days = min(7, (last - begin).days + 1)
        inside = [a for a in known if 0 <= (a.day - begin).days < days]
        uses = sum(a.taken != "no" for a in inside) if inside else None
        weeks.append(WeekOfUse(begin, days, uses))
    n_days = sum(week.days for week in weeks if week.uses is not None)
    total = sum(week.uses or 0 for week in weeks)
    return PrnUse(
        weeks=tuple(weeks),
        uses=total if n_days else None,
        per_week=7 * total / n_days if n_days else None,
        n_days=n_days,
        records=tuple(a.id for a in known),
        codes=() if known else ("NO_RECORDS",),
    )


# --- ordered and taken, side by side --------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReportedDose:
    """What the patient says is taken a day, on one day. tdd: None = takes it, amount not known;
    0 = takes none. unit: a daily unit such as `mg/d`, or `ug/h`."""

    id: str
    day: date
    tdd: Decimal | None
    unit: str | None


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """Ordered beside taken on one day, with all that a sentence needs; `unit` holds for both."""

    code: Literal["TAKES_LESS", "TAKES_MORE", "TAKES_NONE", "TAKEN_AT_ZERO_DOSE", "SUPPLY_RAN_OUT"]
    day: date
    ordered: Decimal | None
    taken: Decimal | None
    unit: str | None
    records: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """discrepancies: where order and report differ. n_compared: reports that could be compared;
    not_compared: ids of those that could not (a dose unknown on either side, as needed, a unit of
    another kind, a day on which the order is not known)."""

    discrepancies: tuple[Discrepancy, ...]
    n_compared: int
    not_compared: tuple[str, ...]


def compare_reported(reports: Iterable[ReportedDose], epochs: Sequence[DoseEpoch]) -> Comparison:
    """Set what the patient reports to take beside the order of that day; judges nothing.

    A report on the day of a change agrees with the new dose, or else is set beside the old one:
    what a patient says at a visit is mostly about the days before it.
    """
    found: list[Discrepancy] = []
    not_compared: list[str] = []
    compared = 0
    for report in sorted(reports, key=lambda r: (r.day, r.id)):
        epoch = epoch_on(epochs, report.day)
        if epoch and epoch.from_day == report.day and _difference(report, epoch) != "AS_ORDERED":
            epoch = epoch_on(epochs, report.day - timedelta(days=1)) or epoch
        code = _difference(report, epoch)
        if code == "NOT_COMPARABLE":
            not_compared.append(report.id)
            continue
        compared += 1
        if code != "AS_ORDERED":
            ordered = epoch.tdd if epoch else None
            unit = epoch.unit if epoch and epoch.unit else report.unit
            found.append(
                Discrepancy(
                    code,
                    report.day,
                    ordered,
                    _same_unit(report, unit),
                    unit,
                    (report.id, *(epoch.records if epoch else ())),
                )
            )
    return Comparison(tuple(found), compared, tuple(not_compared))


def _difference(
    report: ReportedDose, epoch: DoseEpoch | None
) -> Literal[
    "AS_ORDERED",
    "NOT_COMPARABLE",
    "TAKES_LESS",
    "TAKES_MORE",
    "TAKES_NONE",
    "TAKEN_AT_ZERO_DOSE",
]:
    takes_none = report.tdd == 0
    if epoch is None:
        return "NOT_COMPARABLE"
    if not epoch.on:
        return "AS_ORDERED" if takes_none else "TAKEN_AT_ZERO_DOSE"
    if takes_none and not epoch.prn:
        return "TAKES_NONE"
    taken = _same_unit(report, epoch.unit)
    if taken is None or epoch.tdd is None:
        return "NOT_COMPARABLE"
    if taken == epoch.tdd:
        return "AS_ORDERED"
    return "TAKES_LESS" if taken < epoch.tdd else "TAKES_MORE"


def _same_unit(report: ReportedDose, unit: str | None) -> Decimal | None:
    if report.tdd is None or report.unit is None or unit is None:
        return None
    try:
        return convert(report.tdd, report.unit, unit)
    except UnitsNotComparable:
        return None


def taken_at_zero_dose(
    administrations: Iterable[Administration], epochs: Sequence[DoseEpoch]
) -> tuple[Discrepancy, ...]:
    """Return each answer yes or partial on a day on which the course was stopped or on hold.

    The day of the stop itself is left out: the last dose may have been taken before it.
    """
    found: list[Discrepancy] = []
    for answer in sorted(administrations, key=lambda a: (a.day, a.id)):
        epoch = epoch_on(epochs, answer.day)
        off = epoch is not None and not epoch.on and epoch.from_day != answer.day
        if epoch is not None and off and answer.taken in ("yes", "partial"):
            records = (answer.id, *epoch.records)
            found.append(
                Discrepancy("TAKEN_AT_ZERO_DOSE", answer.day, epoch.tdd, None, epoch.unit, records)
            )
    return tuple(found)


def supply_ran_out(cover: SupplyCover, epochs: Sequence[DoseEpoch]) -> Discrepancy | None:
    """Return that something is ordered and the supply handed out is used up, if it is."""
    now = epochs[-1] if epochs else None
    if cover.ran_out_on is None or now is None or not now.running:
        return None
    records = (*cover.records, *now.records)
    return Discrepancy("SUPPLY_RAN_OUT", cover.ran_out_on, now.tdd, None, now.unit, records)


def in_words(one: Discrepancy) -> str:
    """Say what was ordered and what was taken, side by side; it judges nothing."""
    ordered = "an unknown dose"
    if one.ordered is not None and one.unit is not None:
        ordered = show_dose(one.ordered, one.unit) if one.ordered else "none"
    if one.code == "SUPPLY_RAN_OUT":
        return f"Ordered: {ordered}. Supply handed out: used up on {one.day}, if taken as ordered."
    if one.code == "TAKES_NONE":
        return f"Ordered: {ordered}. Taken, as told on {one.day}: none."
    taken = "a dose, amount not known"
    if one.taken is not None and one.unit is not None:
        taken = show_dose(one.taken, one.unit)
    return f"Ordered: {ordered}. Taken, as told on {one.day}: {taken}."

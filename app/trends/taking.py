"""What was taken of one course, as far as anybody recorded it (trend-spec 2.10, 6.3).

Answers and supply stand side by side and are never mixed; nothing was taken because it was ordered.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from operator import attrgetter
from statistics import fmean
from typing import Any

from app.clinical.adherence import (
    LEAST_FILLS,
    LEAST_PERIOD_DAYS,
    Administration,
    Dispense,
    SupplyCover,
    TakenShare,
    assessed_on_taken_dose,
    prn_use,
    supply_cover,
    taken_at_zero_dose,
    taken_share,
)
from app.clinical.doses import DoseEpoch, epoch_on
from app.trends.blocks import Ids
from app.trends.readings import Series

Json = dict[str, Any]

DAYS_TO_COMPARE = 10
"""So many days taken, and so many not, before the two are set side by side."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Answers and fills of one course, as known at the asked moment, up to `as_of`."""

    answers: Sequence[Administration] = ()
    fills: Sequence[Dispense] = ()


@dataclass(frozen=True, slots=True)
class Adherence:
    """A stretch of days: the share taken, the days supplied, and whether the dose counts as taken.

    share and cover are None where nobody recorded anything; `assessed` then too, and where what
    was recorded is too little to call the dose taken: fewer than half of the days answered.
    """

    share: TakenShare | None
    cover: SupplyCover | None
    assessed: bool | None

    @property
    def taken_share(self) -> float | None:
        return self.share.share if self.share else None

    @property
    def sentence(self) -> str | None:
        """Say what was taken, or else supplied, in counts; None where nothing is known."""
        if self.share and self.share.n_days:
            return (
                f"The planned dose was taken on {self.share.days_taken} of {self.share.n_days} "
                "recorded days."
            )
        if self.cover and self.cover.pdc is not None:
            return f"Supply was on hand on {self.cover.days_covered} of {self.cover.days} days."
        return None


UNKNOWN = Adherence(None, None, None)


class Taking:
    """Reads stretches of one course; the same stretch is read once."""

    def __init__(self, taken: Taken, epochs: Sequence[DoseEpoch], as_of: date) -> None:
        self._epochs = epochs
        self._as_of = as_of
        self._every = sorted(taken.answers, key=attrgetter("day", "id"))
        ordered = [
            one
            for one in self._every
            if (epoch := epoch_on(epochs, one.day)) is not None and epoch.on and not epoch.prn
        ]
        self._ordered = ordered
        self._days = [one.day for one in ordered]
        self._fills = sorted(taken.fills, key=attrgetter("day", "id"))
        self._read: dict[tuple[date, date], Adherence] = {}

    def between(self, first: date, last: date) -> Adherence:
        """Read the days from first to last on which a regular dose was ordered."""
        if last < first or not (self._ordered or self._fills):
            return UNKNOWN
        if (first, last) not in self._read:
            self._read[first, last] = self._between(first, last)
        return self._read[first, last]

    def _between(self, first: date, last: date) -> Adherence:
        answers = self._ordered[bisect_left(self._days, first) : bisect_right(self._days, last)]
        share = taken_share(answers) if answers else None
        cover = self._cover(first, last)
        assessed = assessed_on_taken_dose(share, cover)
        supplied = cover is not None and cover.adequate is not None
        answered = share is not None and 2 * share.n_days >= self._days_ordered(first, last)
        if assessed and not (supplied or answered):
            assessed = None
        return Adherence(share, cover, assessed)

    def _days_ordered(self, first: date, last: date) -> int:
        """Count the days on which a regular dose was ordered."""
        days = 0
        for epoch in self._epochs:
            if epoch.on and not epoch.prn:
                begun = max(first, epoch.from_day or first)
                end = min(last, epoch.to_day - timedelta(1)) if epoch.to_day else last
                days += max((end - begun).days + 1, 0)
        return days

    def _cover(self, first: date, last: date) -> SupplyCover | None:
        """Count supply from the first known fill on, on the days of a regular dose."""
        known = [fill for fill in self._fills if fill.day <= last]
        if not known:
            return None
        first = max(first, known[0].day)
        days = [first + timedelta(n) for n in range((last - first).days + 1)]
        off = {
            day
            for day in days
            if (epoch := epoch_on(self._epochs, day)) is None or not epoch.on or epoch.prn
        }
        cover = supply_cover(known, first=first, last=last, inpatient=off)
        # One fill says that something was handed out, not that it was used: no "adequate" of it.
        gates = [
            code
            for code, short in (
                ("FEW_FILLS", len({fill.day for fill in known}) < LEAST_FILLS),
                ("SHORT_PERIOD", (last - known[0].day).days + 1 < LEAST_PERIOD_DAYS),
            )
            if short
        ]
        adequate = False if cover.adequate is False else None if gates else cover.adequate
        return replace(cover, adequate=adequate, codes=(*cover.codes, *gates))

    def of_epoch(self, epoch: DoseEpoch, series: Sequence[Series], ids: Ids) -> Json | None:
        """Write what is known of one epoch; None when nothing is ordered, or from an unknown day.

        As-needed use is counted a week and has no share.
        """
        if epoch.from_day is None or not epoch.on or epoch.ended_on_unknown_day:
            return None
        end = epoch.to_day - timedelta(1) if epoch.to_day else self._as_of
        first, last = epoch.from_day, min(end, self._as_of)
        window = {"from": first, "to": last}
        if last < first:
            return None
        if epoch.prn:
            use = prn_use(self._every, first=first, last=last)
            return {
                "taken_share": None,
                "per_week": use.per_week,
                "uses": use.uses,
                "n_known": len(use.records),
                "window": window,
                **ids.listed(use.records),
                "reasons": ["AS_NEEDED", *use.codes],
            }
        found = self.between(first, last)
        share, cover = found.share, found.cover
        return {
            "taken_share": found.taken_share,
            "n_known": share.n_known if share else 0,
            "share_unknown": share.share_unknown if share else None,
            "n_days": share.n_days if share else 0,
            "days_taken": share.days_taken if share else 0,
            "window": window,
            **ids.listed(share.records if share else ()),
            "dispenses": cover
            and {
                "pdc": cover.pdc,
                "days_covered": cover.days_covered,
                "n_days": cover.days,
                "window": {"from": cover.first, "to": cover.last},
                **ids.listed(cover.records),
                "reasons": list(cover.codes),
            },
            "assessed_on_taken_dose": found.assessed,
            "taken_and_not": self._side_by_side(first, last, series),
            "reasons": list(share.codes) if share else ["NO_RECORDS"],
            "text": {"prescriber": found.sentence, "patient": found.sentence},
        }

    def _side_by_side(self, first: date, last: date, series: Sequence[Series]) -> list[Json]:
        """Set the readings of days taken beside those of days not taken; a description only."""
        taken: set[date] = set()
        missed: set[date] = set()
        for one in self._ordered:
            if first <= one.day <= last and one.taken in ("yes", "no"):
                (taken if one.taken == "yes" else missed).add(one.day)
        taken, missed = taken - missed, missed - taken
        if min(len(taken), len(missed)) < DAYS_TO_COMPARE:
            return []
        found = []
        for whole in series:
            on = [point.value for point in whole.points if point.day in taken]
            off = [point.value for point in whole.points if point.day in missed]
            if min(len(on), len(off)) >= DAYS_TO_COMPARE:
                found.append(
                    {
                        "measure": whole.measure.code,
                        "taken": {"n": len(on), "mean": fmean(on)},
                        "not_taken": {"n": len(off), "mean": fmean(off)},
                        "diff": fmean(on) - fmean(off),
                    }
                )
        return found

    def notes(self) -> list[Json]:
        """List each dose taken while nothing was ordered; the dose line stays as it is."""
        return [
            {"code": one.code, "day": one.day, "records": list(one.records)}
            for one in taken_at_zero_dose(self._every, self._epochs)
        ]

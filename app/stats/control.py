"""Control rules: has a series left the level of its reference window?

Values are oriented by the caller: larger is what is looked for. A rule for improvement is the
same rule on the negated series.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

from app.stats.serial import serial_correlation, variance_inflation

SLACK = 1e-9
SPREAD_FLOOR = 0.05
"""Least standard deviation, as a share of the scale."""

SPARSE_SDS, OWN_SDS = 2.0, 3.0
SPARSE_SD_FROM_N = 3
ASSUMED_SHARE = 0.20
PAIR_DAYS = (7, 120)
"""Two high readings confirm each other this many days apart; a longer gap starts anew."""

LEAST_CORRELATION = 0.2
ALLOWANCE = 0.5
LIMIT = 8.0
CAP = 1.5
CLOSES_AT = 0.5
DENSE_RESTART_DAYS = 21
CONFIRM_DAYS = 7
CONFIRM_WINDOW_DAYS = 14
CONFIRM_POINTS = 7
CONFIRM_ERRORS, CONFIRM_SDS = 2.5, 0.5


@dataclass(frozen=True, slots=True)
class Reference:
    """A frozen window of n readings: mean, SD (None below 2) and lag-1 correlation.

    r is None where it was not assessed; the dense rule then takes its least value.
    """

    n: int
    mean: float
    sd: float | None
    r: float | None


class Mark(NamedTuple):
    """What the rule says at one point: `notice` is open, `confirmed` holds.

    score: the reading's distance from the reference (sparse) or the cumulative sum C (dense).
    """

    notice: bool
    confirmed: bool
    score: float
    restarted: bool = False


QUIET, RESTARTED = Mark(False, False, 0.0), Mark(False, False, 0.0, True)


def reference_of(days: Sequence[float], values: Sequence[float]) -> Reference:
    """Describe a reference window of at least one reading, a day each.

    Raises:
        ValueError: there is no reading.
    """
    n = len(values)
    if not n:
        raise ValueError("a reference needs a reading")
    mean = sum(values) / n
    sd = sqrt(sum((value - mean) ** 2 for value in values) / (n - 1)) if n > 1 else None
    return Reference(n, mean, sd, serial_correlation((days, values)).r)


def sparse_limit(reference: Reference, span: float, reliable_points: float | None) -> float:
    """D: how far above the reference a reading of visits must lie to count as high.

    span: width of the scale. With a reliable difference the larger of it and two standard
    deviations; without, three of this person's own (at least 5 % of the scale each); with fewer
    than three readings in the reference, a fifth of the scale.
    """
    enough = reference.n >= SPARSE_SD_FROM_N and reference.sd is not None
    widened = sqrt(1 + 1 / reference.n) if reference.n else 1.0
    sd = reference.sd or 0.0
    if reliable_points is not None:
        return max(reliable_points, SPARSE_SDS * sd * widened if enough else 0.0)
    if enough:
        return OWN_SDS * max(sd, SPREAD_FLOOR * span) * widened
    return ASSUMED_SHARE * span


def sparse_marks(
    days: Sequence[float], values: Sequence[float], reference: Reference, limit: float
) -> list[Mark]:
    """Mark each reading of a sparse series, in order of days.

    notice: the reading lies at least `limit` above the reference. confirmed: one of the two
    readings before it does too, 7 to 120 days earlier, with no longer gap between.
    """
    marks: list[Mark] = []
    shortest, longest = PAIR_DAYS
    for place, (day, value) in enumerate(zip(days, values, strict=True)):
        score = value - reference.mean
        high = score >= limit - SLACK
        confirmed = False
        later = day
        for before in range(place - 1, max(place - 3, -1), -1):
            if later - days[before] > longest:
                break
            later = days[before]
            if high and marks[before].notice and shortest <= day - later <= longest:
                confirmed = True
        restarted = place > 0 and day - days[place - 1] > longest
        marks.append(Mark(high, confirmed, score, restarted))
    return marks


@dataclass(frozen=True, slots=True)
class DenseRule:
    """What a dense series is held against: s and r of the reference after their floors."""

    reference: Reference
    s: float
    r: float
    mcid: float

    @property
    def limit(self) -> float:
        """H, in units of s: 8 independent ones, more where days resemble each other."""
        return LIMIT * (1 + self.r) / (1 - self.r)

    def least_excess(self, k: int) -> float:
        """How far the mean of k days must lie above the reference to be clear of it."""
        n = self.reference.n
        error = sqrt(
            variance_inflation(k, self.r) / k + (variance_inflation(n, self.r) / n if n else 0.0)
        )
        return max(CONFIRM_ERRORS * self.s * error, CONFIRM_SDS * self.s, self.mcid)


def dense_rule(reference: Reference, span: float, mcid: float | None) -> DenseRule:
    """Prepare the rule for daily readings; span: width of the scale, mcid in its points."""
    s = max(reference.sd or 0.0, SPREAD_FLOOR * span)
    r = max(reference.r or 0.0, LEAST_CORRELATION)
    return DenseRule(reference, s, r, mcid or 0.0)


def dense_marks(days: Sequence[float], values: Sequence[float], rule: DenseRule) -> list[Mark]:
    """Mark each observed day of a dense series, in order.

    notice: a one-sided cumulative sum C passed H and has not fallen to H/2 since; a gap of more
    than 21 days starts it anew. confirmed: the notice is open, and on each of the last 7
    observed days the mean of the last 14 calendar days (at least 7 of them observed) lay clear
    of the reference: by 2.5 standard errors, half an s, and the difference that matters.
    Page ES (1954), Biometrika 41:100-115; the limits were set by simulation (trend-spec 5.6).
    """
    marks: list[Mark] = []
    mean, s, limit = rule.reference.mean, rule.s, rule.limit
    least = {k: rule.least_excess(k) for k in range(CONFIRM_POINTS, CONFIRM_WINDOW_DAYS + 1)}
    most, closes = CAP * limit, CLOSES_AT * limit
    c, is_open, run, first, before = 0.0, False, 0, 0, math.inf
    for place, (day, value) in enumerate(zip(days, values, strict=True)):
        restarted = day - before > DENSE_RESTART_DAYS
        if restarted:
            c, run = 0.0, 0
        before = day
        c += (value - mean) / s - ALLOWANCE
        if c <= 0:
            # Nothing adds up, so no mean can be clear: what is lies half an s above at least.
            c, is_open, run = 0.0, False, 0
            marks.append(RESTARTED if restarted else QUIET)
            continue
        c = min(c, most)
        is_open = c > limit or (is_open and c > closes)
        while days[first] <= day - CONFIRM_WINDOW_DAYS:
            first += 1
        k = place - first + 1
        clear = k >= CONFIRM_POINTS and sum(values[first : place + 1]) / k - mean > least[k]
        run = run + 1 if clear else 0
        marks.append(Mark(is_open, is_open and run >= CONFIRM_DAYS, c, restarted))
    return marks

"""From what was told of one effect to its episodes: the same whatever came in first.

An end that somebody named parts what came before it from what came after. Between two ends all
that was told belongs to one episode; it begins on the first day that anybody named.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Told:
    """What one record says of one effect: severity 0 is asked and absent."""

    record_id: UUID
    day: date
    severity: int
    onset_on: date | None = None
    ended_on: date | None = None

    @property
    def on(self) -> date:
        """The last day on which it was there, as far as this record tells."""
        if self.ended_on is None:
            return self.day
        return self.ended_on if self.severity == 0 else min(self.day, self.ended_on)

    @property
    def shows(self) -> bool:
        """It was there, or it has ended: a mere "absent" begins and ends nothing."""
        return self.severity > 0 or self.ended_on is not None


@dataclass(frozen=True, slots=True)
class Stated:
    """An episode that has a record of its own; what is told in its time belongs to it."""

    id: UUID
    onset_on: date
    ended_on: date | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """One episode. `stated`: the record that it has; else `first` told of it first.

    number: how many ends lie before it.
    """

    number: int
    onset_on: date
    onset_assumed: bool
    ended_on: date | None
    first: Told | None = None
    stated: UUID | None = None

    def covers(self, day: date) -> bool:
        return self.onset_on <= day and (self.ended_on is None or day <= self.ended_on)


@dataclass(frozen=True, slots=True)
class Ends:
    """The days on which an effect is said to have ended, in order."""

    days: tuple[date, ...]

    @classmethod
    def of(cls, told: Iterable[Told], stated: Sequence[Stated]) -> "Ends":
        """Collect them; inside an episode whose own record names its end, no other counts."""
        named = {one.ended_on for one in told if one.ended_on}
        kept = {
            day
            for day in named
            if not any(
                one.ended_on is not None and one.onset_on <= day < one.ended_on for one in stated
            )
        }
        return cls(tuple(sorted(kept | {one.ended_on for one in stated if one.ended_on})))

    def before(self, day: date) -> int:
        """Count the ends before a day: two days with the same count share an episode."""
        return bisect_left(self.days, day)

    def bounds(self, number: int) -> tuple[date | None, date | None]:
        """Give the end before an episode and its own."""
        earlier = self.days[number - 1] if number else None
        return earlier, self.days[number] if number < len(self.days) else None


def spans(told: Sequence[Told], stated: Sequence[Stated], ends: Ends) -> list[Span]:
    """Give the episodes of one effect, the earliest first.

    An onset that a reading states counts when it lies after the episode before; where nobody
    states the earliest one, it is the first day on which the effect was there, and assumed.
    """
    groups: dict[int, list[Told]] = {}
    for one in told:
        if one.shows:
            groups.setdefault(ends.before(one.on), []).append(one)
    own: dict[int, list[Stated]] = {}
    for record in stated:
        own.setdefault(ends.before(record.onset_on), []).append(record)
    found = []
    for number in sorted(groups.keys() | own.keys()):
        earlier, ended_on = ends.bounds(number)
        if number in own:
            record = max(own[number], key=lambda one: (one.onset_on, one.id))
            found.append(Span(number, record.onset_on, False, ended_on, stated=record.id))
            continue
        group = sorted(groups[number], key=lambda one: (one.on, one.day, one.record_id))
        said = [
            one.onset_on
            for one in group
            if one.onset_on and (earlier is None or one.onset_on > earlier)
        ]
        onset = min([group[0].on, *said])
        found.append(Span(number, onset, onset not in said, ended_on, first=group[0]))
    return found

"""The one axis of real days that every slice of the figure shares, and how it writes days."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from app.trends.svg import Part, line, shape, text

WIDTH, LEFT, RIGHT, MARGIN = 1000, 76, 850, 16
AFTER_LAST_DAY = 44  # room inside the plot for the label of the last value
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class Axis:
    """Real days to x; `today` is the report's as_of, planned steps may lie behind it."""

    first: date
    today: date
    last: date

    @property
    def per_day(self) -> float:
        """The width of one day."""
        return (RIGHT - AFTER_LAST_DAY - LEFT) / max((self.last - self.first).days, 1)

    def x(self, day: date) -> float:
        """Where the day stands; days outside the axis stand at its ends."""
        return LEFT + (min(max(day, self.first), self.last) - self.first).days * self.per_day

    def holds(self, day: date) -> bool:
        """Whether the day lies on the axis."""
        return self.first <= day <= self.last


def months(axis: Axis) -> Part:
    """Month ticks as dense as they can be read, the year where it changes; days if it is short."""
    days = (axis.last - axis.first).days
    if days < 70:
        ticks = [axis.first + timedelta(n) for n in range(0, days + 1, max(1, -(-days // 10)))]
    else:
        apart = next(n for n in (1, 2, 3, 6, 12, 24, 60, 1200) if n * 30 * axis.per_day >= 34)
        starts = (
            date(month // 12, month % 12 + 1, 1)
            for month in range(12 * axis.first.year, 12 * axis.last.year + 12)
            if month % apart == 0
        )
        ticks = [start for start in starts if axis.holds(start)]
    drawn, year = [line(LEFT, 0.5, RIGHT, 0.5, stroke="#000")], 0
    for tick in ticks:
        x, month = axis.x(tick), MONTHS[tick.month - 1]
        drawn.append(line(x, 0, x, 5, stroke="#000"))
        label = f"{tick.day} {month}" if days < 70 else month
        drawn.append(text(x, 16, label, 10, text_anchor="middle"))
        if tick.year != year:
            year = tick.year
            drawn.append(text(x, 28, str(year), 10, text_anchor="middle", font_weight="bold"))
    x = axis.x(axis.today)
    drawn.append(shape([(x - 4, -6), (x + 4, -6), (x, 0)], fill="#000"))
    drawn.append(text(x + 7, -1, "as of", 9))
    return Part("".join(drawn), 40)


def date_words(day: str | date | None) -> str:
    """Write a day as 9 Jun 2026; an open beginning is before the record."""
    if day is None:
        return "before the record"
    on = day if isinstance(day, date) else date.fromisoformat(day)
    return f"{on.day} {MONTHS[on.month - 1]} {on.year}"


def to_day(day: str) -> date:
    """Read a local ISO day."""
    return date.fromisoformat(day)


def number(value: float, places: int = 6) -> str:
    """Without trailing zeros, with the leading one; a dose keeps all its places."""
    return format(Decimal(str(round(value, places))).normalize() + 0, "f")

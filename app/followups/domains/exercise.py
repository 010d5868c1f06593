"""How much a person moves: the two questions of the Exercise Vital Sign."""

from typing import Annotated, Any

from app.clinical.measure import Measure
from app.clinical.measures import register
from app.followups.domains.base import Contact, Domain, within

DAYS = register(
    Measure(
        "exercise.days_per_week",
        "d",
        0,
        7,
        "higher_better",
        "Days of exercise a week",
        step=1,
        recall_days=7,
        cadence_days=(14, 28),
        daily_aggregate="last",
    )
)
MINUTES = register(
    Measure(
        "exercise.minutes_per_day",
        "min",
        0,
        1440,
        "none",
        "Minutes of exercise on such a day",
        recall_days=7,
        cadence_days=(14, 28),
        daily_aggregate="last",
    )
)


class Exercise(Domain):
    """Days a week of at least moderate exercise, and minutes on such a day.

    Coleman KJ 2012, Med Sci Sports Exerc 44:2071-2076.
    """

    days_per_week: Annotated[int | None, DAYS, within(DAYS)] = None
    minutes_per_day: Annotated[int | None, MINUTES, within(MINUTES)] = None

    def beside(self, contact: Contact) -> dict[str, Any]:
        """Give the minutes a week, null where one of the two was not said."""
        known = self.days_per_week is not None and self.minutes_per_day is not None
        week = (self.days_per_week or 0) * (self.minutes_per_day or 0) if known else None
        return {"derived": {"minutes_per_week": week}}

"""Sleep: how it felt, how long it was, and the diary of one night."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import time, tzinfo
from typing import Annotated, Any

from app.clinical import sleep
from app.clinical.measures import (
    EFFICIENCY,
    LATENCY,
    SLEEP_DURATION,
    SLEEP_QUALITY,
    TIME_IN_BED,
    TOTAL_SLEEP_TIME,
    WASO,
)
from app.core.wire import Between, ClockTime, Day
from app.followups.domains.base import Contact, Domain, Measured, within
from app.measurements.service import Reading

CLOCK_TIMES = ("into_bed", "tried_to_sleep", "final_awakening", "out_of_bed")


class Diary(Measured):
    """One night of the Consensus Sleep Diary; it belongs to the day of waking.

    Only that day is needed. `quality` rates this night, on the scale of `sleep.quality`.
    """

    woke_on: Day
    into_bed: ClockTime | None = None
    tried_to_sleep: ClockTime | None = None
    latency_min: Annotated[int | None, LATENCY, within(LATENCY)] = None
    awakenings: Annotated[int | None, Between(0, 100)] = None
    waso_min: Annotated[int | None, WASO, within(WASO)] = None
    final_awakening: ClockTime | None = None
    out_of_bed: ClockTime | None = None
    quality: Annotated[int | None, SLEEP_QUALITY, within(SLEEP_QUALITY)] = None
    naps_min: Annotated[int | None, Between(0, 1440)] = None

    def night(self, zone: tzinfo | None) -> sleep.Night:
        """Derive the numbers of the night, in the zone where it was slept."""
        said = {name: getattr(self, name) for name in CLOCK_TIMES}
        clock = {name: time.fromisoformat(text) for name, text in said.items() if text}
        return sleep.night(
            sleep.moments(self.woke_on, zone, clock),
            latency_min=self.latency_min,
            waso_min=self.waso_min,
        )


class Sleep(Domain):
    """A rating from 0 to 10 (10 = best), hours of sleep, and a diary night."""

    quality: Annotated[int | None, SLEEP_QUALITY, within(SLEEP_QUALITY)] = None
    duration_h: Annotated[float | None, SLEEP_DURATION, within(SLEEP_DURATION)] = None
    diary: Diary | None = None

    def readings(self, contact: Contact) -> Iterator[Reading]:
        """Give the ratings of the contact's day and the numbers of the night's.

        Minutes that contradict the clock times are flagged: shown, kept out of statistics.
        """
        yield from super().readings(contact)
        if self.diary is None:
            return
        night = self.diary.night(contact.zone)
        for reading in self.diary.dated(self.diary.woke_on):
            doubtful = reading.measure in (LATENCY.code, WASO.code)
            yield replace(reading, flags=night.flags) if doubtful else reading
        for measure, value in (
            (TIME_IN_BED, night.time_in_bed_min),
            (TOTAL_SLEEP_TIME, night.total_sleep_time_min),
            (EFFICIENCY, night.efficiency_pct),
        ):
            if value is not None:
                yield Reading(measure.code, value, self.diary.woke_on)

    def beside(self, contact: Contact) -> dict[str, Any]:
        """Give the night's numbers, null where an input lacks or the entries contradict."""
        if self.diary is None:
            return {}
        night = self.diary.night(contact.zone)
        numbers = {
            "time_in_bed_min": night.time_in_bed_min,
            "latency_min": self.diary.latency_min,
            "waso_min": self.diary.waso_min,
            "total_sleep_time_min": night.total_sleep_time_min,
            "efficiency_pct": night.efficiency_pct,
        }
        told: dict[str, Any] = {name: _rounded(value) for name, value in numbers.items()}
        told["dated_on"] = self.diary.woke_on
        return {"derived": told | ({"flags": night.flags} if night.flags else {})}


def _rounded(value: float | None) -> float | None:
    if value is None:
        return None
    return int(value) if value == int(value) else round(value, 6)

"""Sleep: how it felt, how long it was, the diary of one night, and what a device measured."""

from collections.abc import Iterator, Mapping
from datetime import date, time, tzinfo
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from app.clinical import open_mhealth, sleep
from app.clinical.measure import Measure
from app.clinical.measures import (
    EFFICIENCY,
    LATENCY,
    SLEEP_DURATION,
    SLEEP_QUALITY,
    TIME_IN_BED,
    TOTAL_SLEEP_TIME,
    WASO,
    register,
)
from app.core.wire import Between, ClockTime, Code, Day, Instant, Line, Wire
from app.followups.domains.base import Contact, Domain, Many, Measured, within
from app.measurements.service import Reading

CLOCK_TIMES = ("into_bed", "tried_to_sleep", "final_awakening", "out_of_bed")

MIDSLEEP = register(Measure("sleep.midsleep_h", "h", -24, 24, "none", "Midsleep, clock hours"))
"""Hours from the midnight of the waking day: no hour is the better one, regularity is."""


def _by_device(code: str, label: str) -> Measure:
    """Describe minutes that a device measured: shown beside the diary, never judged by itself."""
    return register(Measure(code, "min", 0, 1440, "none", label))


DEVICE_TOTAL = _by_device("sleep.device_total_sleep_time_min", "Total sleep time, device")
DEVICE_LATENCY = _by_device("sleep.device_latency_min", "Time to fall asleep, device")
DEVICE_WASO = _by_device("sleep.device_waso_min", "Awake during the night, device")


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

    def _midsleep_h(self, night: sleep.Night) -> float | None:
        at = night.midsleep
        return sleep.hours_from_midnight(at, self.woke_on) if at else None

    def readings(self, zone: tzinfo | None) -> Iterator[Reading]:
        """Give the night's numbers.

        Minutes that contradict the clock times are flagged: shown, kept out of statistics.
        """
        night = self.night(zone)
        for reading in self.dated(self.woke_on):
            doubtful = reading.measure in (LATENCY.code, WASO.code)
            yield reading._replace(flags=night.flags) if doubtful else reading
        for measure, value in (
            (TIME_IN_BED, night.time_in_bed_min),
            (TOTAL_SLEEP_TIME, night.total_sleep_time_min),
            (EFFICIENCY, night.efficiency_pct),
            (MIDSLEEP, self._midsleep_h(night)),
        ):
            if value is not None:
                yield Reading(measure.code, value, self.woke_on)

    def told(self, zone: tzinfo | None) -> dict[str, Any]:
        """Give the night's numbers, null where an input lacks or the entries contradict."""
        night = self.night(zone)
        numbers = {
            "time_in_bed_min": night.time_in_bed_min,
            "latency_min": self.latency_min,
            "waso_min": self.waso_min,
            "total_sleep_time_min": night.total_sleep_time_min,
            "efficiency_pct": night.efficiency_pct,
        }
        told: dict[str, Any] = {name: _rounded(value) for name, value in numbers.items()}
        told["midsleep"] = f"{night.midsleep:%H:%M}" if night.midsleep else None
        told["midsleep_h"] = _rounded(self._midsleep_h(night))
        told["dated_on"] = self.woke_on
        return told | ({"flags": night.flags} if night.flags else {})


class DeviceNight(Wire):
    """One night, nap or part of a night as a device measured it.

    May be sent as a data point of Open mHealth or IEEE 1752.1 (`header` and `body`) instead;
    it is kept in this form. `stretch` is HealthKit's word for a part of a night, such as `InBed`
    or `AsleepREM`: shown, and no night by itself.
    """

    begins_at: Instant
    ends_at: Instant
    total_sleep_time_min: Annotated[float | None, Between(0, 100_000)] = None
    latency_min: Annotated[float | None, Between(0, 100_000)] = None
    waso_min: Annotated[float | None, Between(0, 100_000)] = None
    awakenings: Annotated[int | None, Between(0, 1000)] = None
    is_main_sleep: bool | None = None
    stretch: Code | None = None
    source_name: Line | None = None
    source_id: Code | None = None

    @property
    def is_night(self) -> bool:
        """Say whether its minutes are those of a night, and not of a nap or a part."""
        return self.is_main_sleep is not False and self.stretch is None

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why it cannot be true; empty where it can."""
        return open_mhealth.implausible(
            self.begins_at,
            self.ends_at,
            self.total_sleep_time_min,
            self.waso_min,
        )

    def day(self, contact: Contact) -> date:
        """Give the day of waking, in the patient's zone."""
        return (self.ends_at.astimezone(contact.zone) if contact.zone else self.ends_at).date()

    def readings(self, contact: Contact) -> Iterator[Reading]:
        """Give the numbers of the device; an impossible night's are flagged.

        A nap has none: with the night's they would make a mean that nobody slept.
        """
        if not self.is_night:
            return
        for measure, value in (
            (DEVICE_TOTAL, self.total_sleep_time_min),
            (DEVICE_LATENCY, self.latency_min),
            (DEVICE_WASO, self.waso_min),
        ):
            if value is not None:
                day = self.day(contact)
                yield Reading(measure.code, value, day, self.ends_at, flags=self.doubts)

    def beside(self, contact: Contact, diary: Mapping[str, Any] | None) -> dict[str, Any]:
        """Give its day and flags and, where the diary tells of the same night, how far they
        lie apart: device minus diary, in minutes.
        """
        woke_on = self.day(contact)
        told: dict[str, Any] = {"woke_on": woke_on}
        if self.doubts:
            told["flags"] = self.doubts
        if diary is not None and diary["dated_on"] == woke_on and self.is_night:
            told["against_diary"] = compared(
                {name: getattr(self, name) for name in COMPARED}, diary
            )
        return told


COMPARED = ("total_sleep_time_min", "latency_min", "waso_min")


def compared(device: Mapping[str, Any], diary: Mapping[str, Any]) -> dict[str, Any]:
    """Set a device's night against the diary's: minutes of difference, null where one lacks."""
    told: dict[str, Any] = {}
    for name in COMPARED:
        one, other = device.get(name), diary.get(name)
        told[name] = None if one is None or other is None else _rounded(one - other)
    told["disagrees"] = sleep.disagrees(
        diary.get("total_sleep_time_min"), device.get("total_sleep_time_min")
    )
    return told


def _of_data_point(value: Any) -> Any:
    """Read a data point into our own form; anything else is left as it came."""
    if not isinstance(value, Mapping) or not value.keys() & {"header", "body"}:
        return value
    try:
        night = open_mhealth.data_point(value)
    except open_mhealth.NotOpenMHealth as failure:
        detail = f"{failure.pointer}: {failure.detail}"
        raise PydanticCustomError("not_open_mhealth", detail) from None
    members = {
        "total_sleep_time_min": night.total_sleep_time_min,
        "latency_min": night.latency_min,
        "waso_min": night.waso_min,
        "awakenings": night.awakenings,
        "is_main_sleep": night.is_main_sleep,
        "stretch": night.stretch,
        "source_name": night.source_name,
        "source_id": night.source_id,
    }
    said = {name: one for name, one in members.items() if one is not None}
    return {"begins_at": night.begins_at, "ends_at": night.ends_at, **said}


class Sleep(Domain):
    """A rating from 0 to 10 (10 = best), hours of sleep, a diary night, and device nights."""

    quality: Annotated[int | None, SLEEP_QUALITY, within(SLEEP_QUALITY)] = None
    duration_h: Annotated[float | None, SLEEP_DURATION, within(SLEEP_DURATION)] = None
    diary: Diary | None = None
    device: Many[Annotated[DeviceNight, BeforeValidator(_of_data_point)]] = []

    def nights(self, contact: Contact) -> Iterator[tuple[str, date]]:
        """Give the day of waking of each night, with the member that says it."""
        if self.diary is not None:
            yield "diary/woke_on", self.diary.woke_on
        for number, one in enumerate(self.device):
            yield f"device/{number}/ends_at", one.day(contact)

    def readings(self, contact: Contact) -> Iterator[Reading]:
        """Give the ratings of the contact's day and the numbers of the nights'."""
        yield from super().readings(contact)
        if self.diary is not None:
            yield from self.diary.readings(contact.zone)
        for one in self.device:
            yield from one.readings(contact)

    def beside(self, contact: Contact) -> dict[str, Any]:
        """Give the nights' numbers, and where diary and device part."""
        told: dict[str, Any] = {}
        diary = None
        if self.diary is not None:
            diary = told["derived"] = self.diary.told(contact.zone)
        if self.device:
            told["device"] = [
                one.model_dump(mode="json", exclude_unset=True) | one.beside(contact, diary)
                for one in self.device
            ]
        return told


def _rounded(value: float | None) -> float | None:
    if value is None:
        return None
    return int(value) if value == int(value) else round(value, 6)

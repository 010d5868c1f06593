"""Nights that a device measured, read from Open mHealth and IEEE 1752.1 documents.

Schemas: `sleep-duration` 1.x and 2.x, `total-sleep-time` 1.x, `sleep-episode` 1.x of Open
mHealth (github.com/openmhealth/schemas) and of IEEE 1752.1-2021, which took them over; and
`hk-category-sample`, HealthKit's sleep analysis in the same form. A document that is not valid
is refused with the place and what would pass. One that is valid and cannot be true is read, and
flagged: a wrong night in the record is a finding, a lost one is a hole.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from app.clinical.sleep import IMPLAUSIBLE, LONGEST_NIGHT_MIN

NAMESPACES = frozenset({"omh", "granola", "ieee"})
SLEEP_ANALYSIS = "HKCategoryTypeIdentifierSleepAnalysis"
_STRETCHES = frozenset(
    {"InBed", "Awake", "Asleep", "AsleepUnspecified", "AsleepCore", "AsleepDeep", "AsleepREM"}
)
_MINUTES = {"sec": 1 / 60, "min": 1.0, "h": 60.0, "d": 1440.0}
"""The units of a duration that a night can have; Open mHealth's own words."""


class NotOpenMHealth(ValueError):
    """The document is not valid. `pointer` says where (RFC 6901), `detail` what would pass."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(f"{pointer}: {detail}")
        self.pointer = pointer
        self.detail = detail


class NotANight(NotOpenMHealth):
    """The document is valid, and tells of something else: an average, or no sleep."""


@dataclass(frozen=True, slots=True)
class DeviceNight:
    """One stretch of sleep as a device measured it; what it did not measure is None.

    begins_at, ends_at: the interval of the document, with its offset. Minutes in the names.
    stretch: HealthKit's word where it is a part of a night. Its minutes are no total of a night,
        and of which night they are a part nobody says: it has none of these numbers.
    flags: `DQ_IMPLAUSIBLE` when it ends before it begins, is longer than a day, or holds more
        sleep than time: shown, and kept out of statistics.
    """

    begins_at: datetime
    ends_at: datetime
    total_sleep_time_min: float | None = None
    latency_min: float | None = None
    waso_min: float | None = None
    awakenings: int | None = None
    is_main_sleep: bool | None = None
    source_name: str | None = None
    source_id: str | None = None
    stretch: str | None = None

    @property
    def flags(self) -> tuple[str, ...]:
        """Say whether it can be true."""
        return implausible(
            self.begins_at,
            self.ends_at,
            self.total_sleep_time_min,
            self.waso_min,
        )


def implausible(
    begins_at: datetime,
    ends_at: datetime,
    total_sleep_time_min: float | None,
    waso_min: float | None,
) -> tuple[str, ...]:
    """Flag a night whose parts do not fit into it; see `DeviceNight`.

    Time to fall asleep is not counted: many devices begin the interval with sleep.
    """
    length = (ends_at - begins_at).total_seconds() / 60
    parts = (total_sleep_time_min or 0) + (waso_min or 0)
    if 0 < length <= LONGEST_NIGHT_MIN and parts <= length + 1:  # a minute for rounding
        return ()
    return (IMPLAUSIBLE,)


def data_point(document: Any) -> DeviceNight:
    """Read a data point: its header says by which schema its body is read.

    Raises:
        NotOpenMHealth: header or body is missing or wrong, or the schema is none of sleep.
        NotANight: see `sleep`.
    """
    point = _object(document, "")
    header = _object(_member(point, "header", ""), "/header")
    body = _object(_member(point, "body", ""), "/body")
    for name in ("id", "uuid"):
        if name in header:
            source_id = _text(header[name], f"/header/{name}")
            break
    else:
        raise NotOpenMHealth("/header/id", "is required")
    schema = _object(_member(header, "schema_id", "/header"), "/header/schema_id")
    at = "/header/schema_id"
    name = _text(_member(schema, "name", at), f"{at}/name")
    if _text(_member(schema, "namespace", at), f"{at}/namespace") not in NAMESPACES:
        raise NotOpenMHealth(f"{at}/namespace", "one of " + ", ".join(sorted(NAMESPACES)))
    _text(_member(schema, "version", at), f"{at}/version")
    for created in ("creation_date_time", "source_creation_date_time"):
        if created in header:
            _moment(header[created], f"/header/{created}")
            break
    else:
        raise NotOpenMHealth("/header/creation_date_time", "is required")
    night = sleep(name, body, at="/body")
    return _with_source(night, header, source_id)


def _with_source(night: DeviceNight, header: Mapping[str, Any], source_id: str) -> DeviceNight:
    """Name the device and its own sample id, which tells a copy from another night."""
    at = "/header/acquisition_provenance"
    provenance = _object(header.get("acquisition_provenance", {}), at)
    own = provenance.get("source_data_point_id", source_id)
    source = provenance.get("source_name")
    return replace(
        night,
        source_name=None if source is None else _text(source, f"{at}/source_name"),
        source_id=_text(own, f"{at}/source_data_point_id"),
    )


def sleep(schema: str, body: Any, *, at: str = "") -> DeviceNight:
    """Read the body of one sleep schema.

    at: the pointer under which the body stands, for faults.

    Raises:
        NotOpenMHealth: the schema is none of sleep, or the body is not valid.
        NotANight: an average or another statistic over many nights, or not a sleep sample.
    """
    read = _SCHEMAS.get(schema)
    if read is None:
        raise NotOpenMHealth(f"{at}/schema_id", "one of " + ", ".join(sorted(_SCHEMAS)))
    content = _object(body, at)
    night = read(content, at)
    if "descriptive_statistic" in content:
        raise NotANight(f"{at}/descriptive_statistic", "one night, not a statistic over many")
    return night


def _total(name: str) -> Callable[[Mapping[str, Any], str], DeviceNight]:
    """Make the reader of a schema that has one duration."""

    def read(body: Mapping[str, Any], at: str) -> DeviceNight:
        asleep = _minutes(_member(body, name, at), f"{at}/{name}")
        return DeviceNight(*_interval(body, at), total_sleep_time_min=asleep)

    return read


def _episode(body: Mapping[str, Any], at: str) -> DeviceNight:
    begins_at, ends_at = _interval(body, at)
    minutes: dict[str, float | None] = {
        name: _minutes(body[name], f"{at}/{name}") if name in body else None
        for name in (
            "total_sleep_time",
            "latency_to_sleep_onset",
            "wake_after_sleep_onset",
            "latency_to_arising",
        )
    }
    awakenings, main = body.get("number_of_awakenings"), body.get("is_main_sleep")
    if awakenings is not None and (type(awakenings) is not int or awakenings < 0):
        raise NotOpenMHealth(f"{at}/number_of_awakenings", "a whole number from 0")
    if main is not None and type(main) is not bool:
        raise NotOpenMHealth(f"{at}/is_main_sleep", "true or false")
    return DeviceNight(
        begins_at,
        ends_at,
        minutes["total_sleep_time"],
        minutes["latency_to_sleep_onset"],
        minutes["wake_after_sleep_onset"],
        awakenings,
        main,
    )


def _category_sample(body: Mapping[str, Any], at: str) -> DeviceNight:
    """Read a HealthKit sleep sample: a stretch in bed, asleep, or awake."""
    kind = _text(_member(body, "category_type", at), f"{at}/category_type")
    if not kind.startswith("HKCategoryTypeIdentifier"):
        raise NotOpenMHealth(f"{at}/category_type", "a HealthKit category type")
    value = _text(_member(body, "category_value", at), f"{at}/category_value")
    for place, one in enumerate(_list(body.get("metadata", []), f"{at}/metadata")):
        where = f"{at}/metadata/{place}"
        _text(_member(_object(one, where), "key", where), f"{where}/key")
        _member(_object(one, where), "value", where)
    begins_at, ends_at = _interval(body, at)
    if kind != SLEEP_ANALYSIS:
        raise NotANight(f"{at}/category_type", SLEEP_ANALYSIS)
    if value not in _STRETCHES:
        raise NotOpenMHealth(f"{at}/category_value", "InBed, Asleep…, Awake")
    return DeviceNight(begins_at, ends_at, stretch=value)


_SCHEMAS: Mapping[str, Callable[[Mapping[str, Any], str], DeviceNight]] = {
    "sleep-duration": _total("sleep_duration"),
    "total-sleep-time": _total("total_sleep_time"),
    "sleep-episode": _episode,
    "hk-category-sample": _category_sample,
}


# ---- the parts of a document


def _interval(body: Mapping[str, Any], at: str) -> tuple[datetime, datetime]:
    """Read a time interval: begin and end, or one of them with a duration."""
    at = f"{at}/effective_time_frame"
    frame = _object(_member(body, "effective_time_frame", at.rpartition("/")[0]), at)
    interval = _object(_member(frame, "time_interval", at), f"{at}/time_interval")
    at = f"{at}/time_interval"
    begin, end = (
        _moment(interval[name], f"{at}/{name}") if name in interval else None
        for name in ("start_date_time", "end_date_time")
    )
    if begin is not None and end is not None:
        return begin, end
    if begin is None and end is None:
        raise NotOpenMHealth(f"{at}/start_date_time", "is required")
    length = timedelta(minutes=_minutes(_member(interval, "duration", at), f"{at}/duration"))
    try:
        if begin is not None:
            return begin, begin + length
        assert end is not None
        return end - length, end
    except OverflowError:
        raise NotOpenMHealth(f"{at}/duration", "within the calendar") from None


def _minutes(value: Any, at: str) -> float:
    duration = _object(value, at)
    number, unit = _member(duration, "value", at), _member(duration, "unit", at)
    if type(number) not in (int, float) or not 0 <= number < 1e6:
        raise NotOpenMHealth(f"{at}/value", "a number from 0")
    if not isinstance(unit, str) or unit not in _MINUTES:
        raise NotOpenMHealth(f"{at}/unit", "one of " + ", ".join(_MINUTES))
    return float(number * _MINUTES[unit])


def _moment(value: Any, at: str) -> datetime:
    try:
        moment = datetime.fromisoformat(_text(value, at))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise NotOpenMHealth(at, "RFC 3339 with an offset")
    return moment


def _text(value: Any, at: str) -> str:
    if not isinstance(value, str) or not value:
        raise NotOpenMHealth(at, "text")
    return value


def _object(value: Any, at: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise NotOpenMHealth(at, "an object")
    return value


def _list(value: Any, at: str) -> list[Any]:
    if not isinstance(value, list):
        raise NotOpenMHealth(at, "a list")
    return value


def _member(of: Mapping[str, Any], name: str, at: str) -> Any:
    if name not in of:
        raise NotOpenMHealth(f"{at}/{name}", "is required")
    return of[name]

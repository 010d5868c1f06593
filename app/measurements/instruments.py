"""Questionnaires of the clinic's own: a definition becomes what a file of the house becomes."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.clinical.instruments import Instrument, read_instrument
from app.clinical.measure import DOMAINS
from app.core.errors import Fault
from app.measurements.schemas import BandIn, OwnInstrumentIn, OwnItemIn

CLINIC = "said by the clinic"


def instrument_of(
    instrument_id: str, data: OwnInstrumentIn, licence: str, version: int
) -> Instrument:
    """Read a clinic's definition by the one reader that there is."""
    return read_instrument(_entry(instrument_id, data, licence, version))


def _entry(
    instrument_id: str, data: OwnInstrumentIn, licence: str, version: int
) -> Mapping[str, Any]:
    """Write a definition as a file of `clinical/reference/instruments` would say it."""
    low, high = _range(data)
    return {
        "id": instrument_id,
        "version": version,
        "title": data.title,
        "reporter": data.raters[0],
        "raters": data.raters,
        "items_count": len(data.items),
        "item_min": 0,
        "item_max": 0,
        "item_overrides": [
            {"items": [number], "values": range(item.min, item.max + 1)}
            for number, item in enumerate(data.items, start=1)
        ],
        "items": [
            {"index": number, "label": item.label}
            for number, item in enumerate(data.items, start=1)
        ],
        "scoring": {
            "method": "sum",
            "items": [number for number, item in _numbered(data) if item.in_total],
            "reverse_items": [number for number, item in _numbered(data) if item.reverse],
            "components": [],
            "missing": {
                "max_missing": data.most_missing,
                "rule": "mean of answered items times item count, rounded half up"
                if data.most_missing
                else "no total while an item of it is unanswered",
                "status": CLINIC,
            },
        },
        "total_range": (low, high),
        "severity_bands": [band.model_dump() for band in data.bands],
        "response": data.response
        and {
            "type": data.response.kind,
            "value": data.response.value,
            "source": data.response.source,
        },
        "remission": data.remission and data.remission.model_dump(),
        "relapse": None,
        "caseness": None,
        "mcid": None,
        "reliable_change": data.reliability
        and {
            "sd": data.reliability.sd,
            "reliability": data.reliability.r,
            "source": data.reliability.source,
            "verified": CLINIC,
        },
        "risk_items": [
            {
                "index": risk.item,
                "trigger_gte": risk.at_least,
                "action": "",
                "topic": risk.topic,
                "due": risk.due,
            }
            for risk in data.risk_items
        ],
        "recall_days": data.recall_days,
        "licence": licence,
        "licence_note": None,
        "item_text_may_ship": False,
        "loinc": {"panel": None, "total": None},
        "notes": None,
        "source": data.source,
        "verified": CLINIC,
        "trend_domain": data.domain,
        "symptom_measure": data.response is not None,
        "direction": data.direction,
        "cadence_days": {"first_12_weeks": data.cadence_days, "later": data.cadence_days},
        "stale_after_days": {"first_12_weeks": 0, "later": 0},
        "daily_aggregate": "last",
        "onset_reading": "",
        "trend_use": "full",
    }


def _numbered(data: OwnInstrumentIn) -> Iterator[tuple[int, OwnItemIn]]:
    return enumerate(data.items, start=1)


def _range(data: OwnInstrumentIn) -> tuple[int, int]:
    counted = [item for item in data.items if item.in_total]
    return sum(item.min for item in counted), sum(item.max for item in counted)


def faults_of(instrument_id: str, data: OwnInstrumentIn) -> Iterator[Fault]:
    """Find what cannot be in a definition; the pointers begin at the definition."""
    if instrument_id in DOMAINS:
        yield Fault("/instrument", "taken", "an id that is no domain's name")
    upside_down = [place for place, item in enumerate(data.items) if item.min >= item.max]
    for place in upside_down:
        yield Fault(f"/definition/items/{place}/max", "out-of-range", "above the minimum")
    if upside_down:
        return
    if not any(item.in_total for item in data.items):
        yield Fault("/definition/items", "required", "at least one item that is in the total")
        return
    low, high = _range(data)
    if data.most_missing >= sum(item.in_total for item in data.items):
        words = "fewer than the items of the total"
        yield Fault("/definition/most_missing", "out-of-range", words)
    for place, words in faults_of_bands(data.bands, low, high):
        yield Fault(f"/definition/bands/{place}", "out-of-range", words)
    if data.remission is not None and not low <= data.remission.value <= high:
        yield Fault("/definition/remission/value", "out-of-range", "inside the total's range")
    for place, risk in enumerate(data.risk_items):
        at = f"/definition/risk_items/{place}"
        if risk.item > len(data.items):
            yield Fault(f"{at}/item", "unknown-item", "an item that the instrument has")
        elif not data.items[risk.item - 1].min <= risk.at_least <= data.items[risk.item - 1].max:
            yield Fault(f"{at}/at_least", "out-of-range", "inside the item's range")


def faults_of_bands(
    bands: list[BandIn], low: float | None, high: float | None
) -> Iterator[tuple[int, str]]:
    """Give the place of each band that is not in ascending order inside the range."""
    reached = low
    for place, band in enumerate(bands):
        if (
            band.max < band.min
            or (reached is not None and band.min < reached)
            or (high is not None and band.max > high)
        ):
            yield place, "ascending, inside the range"
        reached = band.max


def same_numbers(before: OwnInstrumentIn, after: OwnInstrumentIn) -> bool:
    """Say whether two definitions give the same numbers for the same answers."""
    kept = {"direction", "most_missing", "items"}
    labels = {"items": {"__all__": {"label"}}}
    return before.model_dump(include=kept, exclude=labels) == after.model_dump(
        include=kept, exclude=labels
    )

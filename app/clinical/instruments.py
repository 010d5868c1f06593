"""Published questionnaires: read from `reference/instruments`, and turned into measures.

A new instrument is a new YAML file and its test. Ways of scoring are code: `sum` of some or all
items, `components` (the sum of named parts), `items_only` (no total) and `score_only` (a total
that comes as it is: its key, or its table, may not be shipped).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from app.clinical.components import Component, range_of, read_component
from app.clinical.measure import (
    Band,
    Direction,
    Measure,
    Pole,
    Reliability,
    ResponseRule,
    RiskItem,
    Threshold,
)
from app.clinical.medications import load_reference

FOLDER = Path(__file__).parent / "reference" / "instruments"

Method = Literal["sum", "components", "items_only", "score_only"]
Rater = Literal["self", "clinician", "observer"]
OTHER_WAY: dict[Direction, Direction] = {
    "lower_better": "higher_better",
    "higher_better": "lower_better",
}


class UnknownInstrument(KeyError):
    """No instrument has this id."""


class UnknownScoring(ValueError):
    """The file asks for a way of scoring that this module does not have."""


@dataclass(frozen=True, slots=True)
class Item:
    """One question; `label` is a topic in our own words, None where its wording may not ship.

    name: as the printed form numbers it, where that is not the index.
    unit: of an answer that is a number and no choice: `min` asleep, or minute of the day.
    """

    index: int
    label: str | None
    loinc: str | None
    allowed: tuple[int, ...] | range
    name: str | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer option with its LOINC answer code."""

    value: int
    label: str
    loinc: str


@dataclass(frozen=True, slots=True)
class Missing:
    """Which answers a score can do without.

    most: how many unanswered items a prorated total may stand on; 0 is none.
    either: groups of which one answer is enough (less or more appetite).
    optional: items that may be left out; they add nothing.
    asked_if: item -> the item that must be answered 1 or more for it to be asked at all.
    """

    most: int
    rule: str
    status: str
    either: tuple[tuple[int, ...], ...] = ()
    optional: frozenset[int] = frozenset()
    asked_if: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Instrument:
    """One questionnaire as its file says; `total` is None where there is no total.

    raters: who may fill it in; the first is the usual one.
    summed: the items of a `sum`; multiply, t_scores: what the sum is then turned into.
    bands: of the total, or of the item or component `band_item`.
    alternatives: other published bands and cut-offs, shown and not used.
    """

    id: str
    version: int
    title: str
    raters: tuple[Rater, ...]
    pole: Pole | None
    method: Method
    items: tuple[Item, ...]
    reverse_items: frozenset[int]
    summed: tuple[int, ...]
    multiply: int
    t_scores: Mapping[int, float] | None
    components: tuple[Component, ...]
    missing: Missing
    bands: tuple[Band, ...]
    band_item: int | str | None
    risk_items: tuple[RiskItem, ...]
    total: Measure | None
    item_measures: tuple[Measure, ...]
    component_measures: tuple[Measure, ...]
    answers: tuple[Answer, ...]
    loinc_panel: str | None
    loinc_total: str | None
    licence: str
    licence_note: str | None
    item_text_may_ship: bool
    alternatives: Mapping[str, Any]
    notes: str | None
    source: str
    verified: str


@cache
def all_instruments() -> tuple[Instrument, ...]:
    """Give every instrument, by id; the files are read once.

    Raises:
        UnknownScoring: a file asks for a scoring method that is not known.
    """
    files = sorted(FOLDER.glob("*.yaml"))
    return tuple(read_instrument(load_reference(f"instruments/{file.name}")) for file in files)


@cache
def _by_id() -> dict[str, Instrument]:
    return {known.id: known for known in all_instruments()}


def instrument(instrument_id: str) -> Instrument:
    """Find one instrument.

    Raises:
        UnknownInstrument: none has this id.
    """
    try:
        return _by_id()[instrument_id]
    except KeyError:
        raise UnknownInstrument(instrument_id) from None


def measures_of(instrument: Instrument) -> tuple[Measure, ...]:
    """Give the numbers that an instrument is followed by: its total, its components, its items.

    A one-item instrument has its total only.
    """
    total = (instrument.total,) if instrument.total else ()
    return (*total, *instrument.component_measures, *instrument.item_measures)


# ---- reading a file


def read_instrument(entry: Mapping[str, Any]) -> Instrument:
    """Build one instrument from the content of its file.

    Raises:
        UnknownScoring: its method is not known here.
    """
    scoring = entry["scoring"]
    if scoring["method"] not in get_args(Method):
        raise UnknownScoring(
            f"{entry['id']}: scoring method {scoring['method']!r} is not known"
            f" ({', '.join(get_args(Method))})"
        )
    items = _items(entry)
    components = tuple(read_component(one) for one in scoring["components"])
    bands = tuple(Band(b["min"], b["max"], b["label"]) for b in entry["severity_bands"])
    risk_items = tuple(_risk_items(entry))
    has_total = scoring["method"] != "items_only"
    loinc = entry["loinc"]
    return Instrument(
        id=entry["id"],
        version=entry["version"],
        title=entry["title"],
        raters=tuple(entry.get("raters", [entry["reporter"]])),
        pole=entry.get("pole"),
        method=scoring["method"],
        items=items,
        reverse_items=frozenset(scoring["reverse_items"]),
        summed=tuple(scoring.get("items", range(1, len(items) + 1)))
        if scoring["method"] == "sum"
        else (),
        multiply=scoring.get("multiply", 1),
        t_scores=scoring.get("t_scores"),
        components=components,
        missing=_missing(scoring["missing"]),
        bands=bands,
        band_item=entry.get("band_item"),
        risk_items=risk_items,
        total=_total_measure(entry, bands, risk_items) if has_total else None,
        item_measures=tuple(_item_measures(entry, items, bands)),
        component_measures=tuple(
            _component_measures(entry, items, components, bands, () if has_total else risk_items)
        ),
        answers=tuple(
            Answer(a["value"], a["label"], a["loinc_answer"]) for a in loinc.get("answers", ())
        ),
        loinc_panel=loinc["panel"],
        loinc_total=loinc["total"],
        licence=entry["licence"],
        licence_note=entry["licence_note"],
        item_text_may_ship=entry["item_text_may_ship"],
        alternatives=entry.get("alternatives", {}),
        notes=entry["notes"],
        source=entry["source"],
        verified=entry["verified"],
    )


def _missing(entry: Mapping[str, Any]) -> Missing:
    return Missing(
        most=entry["max_missing"],
        rule=entry["rule"],
        status=entry["status"],
        either=tuple(tuple(group) for group in entry.get("either", ())),
        optional=frozenset(entry.get("optional", ())),
        asked_if=entry.get("asked_if", {}),
    )


def _items(entry: Mapping[str, Any]) -> tuple[Item, ...]:
    told = {item["index"]: item for item in entry["items"]}
    own = {item: override for override in entry["item_overrides"] for item in override["items"]}
    usual = tuple(range(entry["item_min"], entry["item_max"] + 1))
    return tuple(
        Item(
            index=index,
            label=told.get(index, {}).get("label"),
            loinc=told.get(index, {}).get("loinc"),
            allowed=_allowed(own[index], entry["item_min"]) if index in own else usual,
            name=told.get(index, {}).get("name"),
            unit=own.get(index, {}).get("unit"),
        )
        for index in range(1, entry["items_count"] + 1)
    )


def _allowed(override: Mapping[str, Any], minimum: int) -> tuple[int, ...] | range:
    if "values" in override:
        return tuple(override["values"])
    span = range(minimum, override["max"] + 1)
    return span if "unit" in override else tuple(span)


def _risk_items(entry: Mapping[str, Any]) -> Iterator[RiskItem]:
    for risk in entry["risk_items"]:
        yield RiskItem(
            risk["index"],
            risk["trigger_gte"],
            risk["action"],
            risk["topic"],
            risk["due"],
            risk.get("unless"),
        )


def _total_measure(
    entry: Mapping[str, Any], bands: tuple[Band, ...], risk_items: tuple[RiskItem, ...]
) -> Measure:
    low, high = entry["total_range"]
    response = entry["response"]
    mcid = entry["mcid"] or {"value": None, "unit": "points", "source": None}
    in_percent = mcid["unit"] == "percent of baseline"
    change = entry["reliable_change"] or {}
    published = change.get("published_threshold")
    of_total = entry.get("band_item") is None
    return Measure(
        f"{entry['id']}.total",
        "{score}",
        low,
        high,
        entry["direction"],
        entry["id"].upper(),
        symptom_measure=entry["symptom_measure"],
        step=entry.get("total_step", 1),
        bands=bands if of_total else (),
        response=response and ResponseRule(response["type"], response["value"], response["source"]),
        remission=_threshold(entry["remission"]),
        relapse=_threshold(entry["relapse"]),
        caseness=(_threshold(entry["caseness"]) or _second_band(entry, bands))
        if of_total
        else None,
        reliable_points=published and published["value"],
        reliable_points_source=published and "published",
        reliable_points_citation=published and f"{published['source']} ({published['verified']})",
        mcid=None if in_percent else mcid["value"],
        mcid_percent=mcid["value"] if in_percent else None,
        mcid_source=mcid["source"],
        reliability=_reliability(change),
        risk_items=risk_items,
        **_shared(entry),
    )


def _item_measures(
    entry: Mapping[str, Any], items: tuple[Item, ...], bands: tuple[Band, ...]
) -> Iterator[Measure]:
    """Describe each item by itself; a reversed one points the other way, a clock time nowhere."""
    if entry["scoring"]["method"] == "sum" and len(items) == 1:
        return
    direction: Direction = entry["direction"]
    for item in items:
        banded = item.index == entry.get("band_item")
        turned = item.index in entry["scoring"]["reverse_items"]
        yield Measure(
            f"{entry['id']}.{item.index}",
            item.unit or "{score}",
            min(item.allowed),
            max(item.allowed),
            "none" if item.unit else OTHER_WAY[direction] if turned else direction,
            f"{entry['id'].upper()} item {item.name or item.index}",
            step=1,
            bands=bands if banded else (),
            caseness=_threshold(entry["caseness"]) if banded else None,
            **_shared(entry),
        )


def _component_measures(
    entry: Mapping[str, Any],
    items: tuple[Item, ...],
    components: tuple[Component, ...],
    bands: tuple[Band, ...],
    risk_items: tuple[RiskItem, ...],
) -> Iterator[Measure]:
    """Describe each component but those that are one item over again."""
    allowed = {item.index: (min(item.allowed), max(item.allowed)) for item in items}
    for component in components:
        if component.rule == "sum" and len(component.items) == 1 and not component.cut:
            continue
        low, high = range_of(component, allowed)
        banded = component.name == entry.get("band_item")
        yield Measure(
            f"{entry['id']}.{component.name}",
            "{score}",
            low,
            high,
            entry["direction"],
            f"{entry['id'].upper()} {component.name.replace('_', ' ')}",
            step=1,
            bands=bands if banded else (),
            caseness=_threshold(entry["caseness"]) if banded else None,
            risk_items=risk_items if banded else (),
            **_shared(entry),
        )


def _shared(entry: Mapping[str, Any]) -> dict[str, Any]:
    cadence, stale = entry["cadence_days"], entry["stale_after_days"]
    return {
        "domain": entry["trend_domain"],
        "instrument": entry["id"],
        "recall_days": entry["recall_days"],
        "cadence_days": (cadence["first_12_weeks"], cadence["later"]),
        "stale_after_days": (stale["first_12_weeks"], stale["later"]),
        "daily_aggregate": entry["daily_aggregate"],
        "onset_reading": entry["onset_reading"],
        "trend_use": entry["trend_use"],
        "pole": entry.get("pole"),
        "version": entry["version"],
    }


def _threshold(entry: Mapping[str, Any] | None) -> Threshold | None:
    if entry is None:
        return None
    return Threshold(entry["op"], entry["value"], entry.get("source"), entry.get("verified"))


def _second_band(entry: Mapping[str, Any], bands: tuple[Band, ...]) -> Threshold | None:
    """Take the start of the second band for caseness, except for a rating of change."""
    if len(bands) < 2 or entry["trend_use"] == "change_rating":
        return None
    if entry["direction"] == "higher_better":
        return Threshold("<=", bands[-2].maximum, "start of the second band")
    return Threshold(">=", bands[1].minimum, "start of the second band")


def _reliability(change: Mapping[str, Any]) -> Reliability | None:
    sd, r = change.get("sd"), change.get("reliability")
    if sd is None or r is None:
        return None
    return Reliability(sd, r, change["source"], change["verified"])

"""Published questionnaires: read from `reference/instruments`, scored, turned into measures.

A new instrument is a new YAML file. Scoring methods are code: `sum` (also of one item) and
`items_only` (no total; every item is followed by itself).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from app.clinical.measure import (
    Band,
    Measure,
    Reliability,
    ResponseRule,
    RiskItem,
    Threshold,
    find_band,
    implausible,
)

FOLDER = Path(__file__).parent / "reference" / "instruments"

Method = Literal["sum", "items_only"]
ScoreFlag = Literal[
    "total_mismatch",
    "total_prorated",
    "total_out_of_range",
    "item_out_of_range",
    "items_missing",
    "items_absent",
]


class UnknownInstrument(KeyError):
    """No instrument has this id."""


class UnknownScoring(ValueError):
    """The file asks for a way of scoring that this module does not have."""


class UnknownItem(ValueError):
    """An answer names an item that the instrument does not have, or a list has another length."""


@dataclass(frozen=True, slots=True)
class Item:
    """One question; `label` is a topic in our own words, None where its wording may not ship."""

    index: int
    label: str | None
    loinc: str | None
    allowed: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer option with its LOINC answer code."""

    value: int
    label: str
    loinc: str


@dataclass(frozen=True, slots=True)
class Instrument:
    """One questionnaire as its file says; `total` is None where there is no total.

    bands: of the total, or of item `band_item` where items are followed by themselves.
    max_missing: how many unanswered items a prorated total may stand on; 0 is none.
    """

    id: str
    version: int
    title: str
    reporter: str
    method: Method
    items: tuple[Item, ...]
    reverse_items: frozenset[int]
    max_missing: int
    missing_rule: str
    bands: tuple[Band, ...]
    band_item: int | None
    risk_items: tuple[RiskItem, ...]
    total: Measure | None
    item_measures: tuple[Measure, ...]
    answers: tuple[Answer, ...]
    loinc_panel: str | None
    loinc_total: str | None
    licence: str
    licence_note: str | None
    item_text_may_ship: bool
    notes: str | None
    source: str
    verified: str


@dataclass(frozen=True, slots=True)
class Score:
    """What a filled form gives; every number that came in is still in it.

    answers: item -> value as received, also values that the item does not have.
    total_computed: from the answers by the instrument's rule, prorated where allowed; None when
        too much is missing, an answer is outside its item, or there is no total.
    total_received: the total that was sent, whatever it is.
    total_trended: the number to follow: the computed total, else the received one when there
        are no items at all and it lies in the range; else None.
    items_trended: the answers that are followed by themselves: those inside their item. Empty
        for a one-item instrument, whose total says the same.
    """

    answers: Mapping[int, int]
    total_computed: float | None
    total_received: float | None
    total_trended: float | None
    items_trended: Mapping[int, int]
    flags: tuple[ScoreFlag, ...]
    band: Band | None


@cache
def all_instruments() -> tuple[Instrument, ...]:
    """Give every instrument, by id; the files are read once.

    Raises:
        UnknownScoring: a file asks for a scoring method that is not known.
    """
    files = sorted(FOLDER.glob("*.yaml"))
    return tuple(read_instrument(yaml.safe_load(file.read_text("utf-8"))) for file in files)


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
    """Give the numbers that an instrument is followed by: its total first, then its items.

    A one-item instrument has its total only.
    """
    return (*((instrument.total,) if instrument.total else ()), *instrument.item_measures)


def score(
    instrument: Instrument,
    answers: Mapping[int, int] | Sequence[int | None],
    total_received: Decimal | float | None = None,
) -> Score:
    """Score a form; nothing that was sent is dropped, and what disagrees is flagged.

    answers: item -> value with unanswered items absent, or the values of all items in order
        with None for an unanswered one; empty when only a total is known.

    The computed total wins over a sent one. With answers there but no total to compute (too many
    missing, or one outside its item) the sent total is kept and not trended: nobody knows what
    its sender did with the gap. Prorated totals are rounded half up.

    Raises:
        UnknownItem: an item number, or the length of the list, is not the instrument's.
    """
    given = _answers(instrument, answers)
    received = None if total_received is None else _number(float(total_received))
    valid = {i: v for i, v in given.items() if v in instrument.items[i - 1].allowed}
    flags: list[ScoreFlag] = []
    if not given:
        flags.append("items_absent")
    elif len(given) < len(instrument.items):
        flags.append("items_missing")
    if len(valid) < len(given):
        flags.append("item_out_of_range")

    computed = _total(instrument, valid) if len(valid) == len(given) else None
    if computed is not None and len(given) < len(instrument.items):
        flags.append("total_prorated")
    in_range = False
    if received is not None and instrument.total is not None:
        in_range = not implausible(instrument.total, received)
        if not in_range:
            flags.append("total_out_of_range")
        if computed is not None and received != computed:
            flags.append("total_mismatch")
    trended = received if in_range and not given else computed
    return Score(
        answers=given,
        total_computed=computed,
        total_received=received,
        total_trended=trended,
        items_trended=valid if instrument.item_measures else {},
        flags=tuple(flags),
        band=_band(instrument, trended, valid),
    )


def _answers(
    instrument: Instrument, answers: Mapping[int, int] | Sequence[int | None]
) -> dict[int, int]:
    n = len(instrument.items)
    if isinstance(answers, Mapping):
        if strange := [index for index in answers if not 1 <= index <= n]:
            raise UnknownItem(f"{instrument.id} has no item {strange[0]}")
        return dict(sorted(answers.items()))
    if answers and len(answers) != n:
        raise UnknownItem(f"{instrument.id} has {n} items, {len(answers)} answers came")
    return {i: value for i, value in enumerate(answers, start=1) if value is not None}


def _total(instrument: Instrument, answers: Mapping[int, int]) -> int | None:
    """Sum, reversed items turned, unanswered ones prorated: round_half_up(sum * k / answered)."""
    k, answered = len(instrument.items), len(answers)
    if instrument.method != "sum" or not answered or k - answered > instrument.max_missing:
        return None
    total = sum(_turned(instrument, index, value) for index, value in answers.items())
    return (2 * total * k + answered) // (2 * answered)


def _turned(instrument: Instrument, index: int, value: int) -> int:
    if index not in instrument.reverse_items:
        return value
    allowed = instrument.items[index - 1].allowed
    return min(allowed) + max(allowed) - value


def _band(instrument: Instrument, total: float | None, answers: Mapping[int, int]) -> Band | None:
    value = total if instrument.band_item is None else answers.get(instrument.band_item)
    return None if value is None else find_band(instrument.bands, value)


def _number(value: float) -> float:
    return int(value) if value.is_integer() else value


def read_instrument(entry: Mapping[str, Any]) -> Instrument:
    """Build one instrument from the content of its file.

    Raises:
        UnknownScoring: its method, or a transformation of its total, is not known here.
    """
    scoring = entry["scoring"]
    if scoring["method"] not in ("sum", "items_only"):
        raise UnknownScoring(
            f"{entry['id']}: scoring method {scoring['method']!r} is not known (sum, items_only)"
        )
    if scoring["transform"] is not None:
        raise UnknownScoring(f"{entry['id']}: transforming a total is not known")
    items = _items(entry)
    bands = tuple(Band(b["min"], b["max"], b["label"]) for b in entry["severity_bands"])
    risk_items = tuple(
        RiskItem(r["index"], r["trigger_gte"], r["action"]) for r in entry["risk_items"]
    )
    loinc = entry["loinc"]
    return Instrument(
        id=entry["id"],
        version=entry["version"],
        title=entry["title"],
        reporter=entry["reporter"],
        method=scoring["method"],
        items=items,
        reverse_items=frozenset(scoring["reverse_items"]),
        max_missing=scoring["missing"]["max_missing"],
        missing_rule=scoring["missing"]["rule"],
        bands=bands,
        band_item=entry.get("band_item"),
        risk_items=risk_items,
        total=_total_measure(entry, bands, risk_items) if scoring["method"] == "sum" else None,
        item_measures=_item_measures(entry, items, bands),
        answers=tuple(
            Answer(a["value"], a["label"], a["loinc_answer"]) for a in loinc.get("answers", ())
        ),
        loinc_panel=loinc["panel"],
        loinc_total=loinc["total"],
        licence=entry["licence"],
        licence_note=entry["licence_note"],
        item_text_may_ship=entry["item_text_may_ship"],
        notes=entry["notes"],
        source=entry["source"],
        verified=entry["verified"],
    )


def _items(entry: Mapping[str, Any]) -> tuple[Item, ...]:
    texts = {item["index"]: item for item in entry["items"]}
    allowed = {}
    for override in entry["item_overrides"]:
        values = override.get("values") or range(entry["item_min"], override["max"] + 1)
        allowed.update(dict.fromkeys(override["items"], tuple(values)))
    usual = tuple(range(entry["item_min"], entry["item_max"] + 1))
    return tuple(
        Item(
            index=index,
            label=texts.get(index, {}).get("label"),
            loinc=texts.get(index, {}).get("loinc"),
            allowed=allowed.get(index, usual),
        )
        for index in range(1, entry["items_count"] + 1)
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
    return Measure(
        f"{entry['id']}.total",
        "{score}",
        low,
        high,
        entry["direction"],
        entry["id"].upper(),
        symptom_measure=entry["symptom_measure"],
        step=1,
        bands=bands,
        response=response and ResponseRule(response["type"], response["value"], response["source"]),
        remission=_threshold(entry["remission"]),
        relapse=_threshold(entry["relapse"]),
        caseness=_threshold(entry["caseness"]) or _second_band(entry, bands),
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
) -> tuple[Measure, ...]:
    if entry["scoring"]["method"] == "sum" and len(items) == 1:
        return ()
    return tuple(
        Measure(
            f"{entry['id']}.{item.index}",
            "{score}",
            min(item.allowed),
            max(item.allowed),
            entry["direction"],
            f"{entry['id'].upper()} item {item.index}",
            step=1,
            bands=bands if item.index == entry.get("band_item") else (),
            caseness=(
                _threshold(entry["caseness"]) if item.index == entry.get("band_item") else None
            ),
            **_shared(entry),
        )
        for item in items
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

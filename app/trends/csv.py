"""The report's points as a table: one line a point, what does not count among them."""

import csv
from io import StringIO
from typing import Any

Json = dict[str, Any]

COLUMNS = (
    "patient",
    "measure",
    "domain",
    "direction",
    "day",
    "value",
    "n_raw",
    "source",
    "band",
    "epoch",
    "tdd",
    "tdd_unit",
    "excluded_reason",
    "flag_codes",
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def table(report: Json, patient_id: str) -> str:
    """Write the points (RFC 4180); text that a spreadsheet would run gets an apostrophe first.

    Epoch and dose are those of the index course on the point's day; a cell without a value is
    empty, never 0.
    """
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    epochs = [
        epoch for course in report["medications"] if course["index"] for epoch in course["epochs"]
    ]
    for block in report["measures"]:
        head = (patient_id, block["measure"], block["domain"], block["direction"])
        for point in block["points"]:
            writer.writerow([_cell(cell) for cell in (*head, *_row(block, point, epochs))])
    return text.getvalue()


def _row(block: Json, point: Json, epochs: list[Json]) -> tuple[Any, ...]:
    epoch = next((one for one in epochs if _holds(one, point["day"])), {})
    return (
        point["day"],
        point["value"],
        point["n_raw"],
        point["source"],
        None if "excluded" in point else _band(block, point["value"]),
        epoch.get("id"),
        epoch.get("tdd"),
        epoch.get("unit"),
        point.get("excluded"),
        " ".join(
            flag["code"]
            for flag in block.get("flags") or []
            if flag["first_day"] <= point["day"] <= flag["last_day"]
        ),
    )


def _holds(epoch: Json, day: str) -> bool:
    """ISO days compare as text. On how many days an epoch without a known end held is unknown."""
    if "STOP_DAY_UNKNOWN" in epoch["codes"]:
        return bool(epoch["from"] == day)
    begun = epoch["from"] is None or epoch["from"] <= day
    return begun and (epoch["to"] is None or day < epoch["to"])


def _band(block: Json, value: float) -> str | None:
    bands = block["bands"]
    if not bands or value > bands[-1]["max"]:
        return None
    reached = [band["label"] for band in bands if band["min"] <= value]
    return reached[-1] if reached else None


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value

"""Reads the two kinds of CSV file, told apart by their headers."""

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from io import StringIO
from typing import get_args

from app.clinical.units import AmountNotAccepted, parse_amount
from app.imports import labs
from app.imports.facts import (
    DoseRow,
    Entry,
    Fact,
    Subject,
    Value,
    When,
    dose_of,
    measure_of,
    moment_of,
)
from app.imports.forms import filled_in
from app.imports.questionnaires import NONE, Own, of_measure
from app.imports.r4 import LOINC
from app.imports.results import File, Skipped, Unreadable, contents
from app.medications.schemas import DoseEventKind, DoseReason

OBSERVATIONS = frozenset({"subject", "measure", "value"})
DOSE_EVENTS = frozenset({"subject", "kind", "drug"})
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,20})?")
WITHOUT_A_DOSE = frozenset({"stop", "hold", "prn_off"})


def read(file: File, system: str | None, first_place: int = 0, own: Own = NONE) -> list[Entry]:
    """Read a file of observations or of dose events; a row that is wrong is one skipped entry.

    first_place: where its first entry stands among those of all files.
    own: the clinic's own questionnaires.

    Raises:
        Unreadable: larger than 200 MiB, not UTF-8, not CSV, or neither header.
    """
    try:
        content = contents(file).decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        raise Unreadable(file.name, f"byte {failure.start}", "is not UTF-8") from None
    lines = StringIO(content, newline="")
    rows = csv.DictReader(lines, strict=True)
    return filled_in(list(_entries(file.name, rows, system, own)), first_place, own)


def _entries(
    name: str, rows: "csv.DictReader[str]", system: str | None, own: Own
) -> Iterator[Entry]:
    try:
        columns = rows.fieldnames or ()
        twice = next((one for one in columns if one and columns.count(one) > 1), None)
        if twice is not None:
            raise Unreadable(name, "line 1", f"the column {twice} stands twice")
        header = frozenset(columns)
        reader: Callable[[Mapping[str, str]], Fact]
        if "date" not in header and "datetime" not in header:
            header = frozenset()
        if header >= OBSERVATIONS:
            type_, reader = "observation", partial(observation, own=own)
        elif header >= DOSE_EVENTS:
            type_, reader = "dose_event", dose_event
        else:
            raise Unreadable(
                name,
                "line 1",
                "the header is neither subject,date,domain,measure,value,unit nor "
                "subject,date,kind,drug,amount,unit,times_per_day,reason",
            )
        for row in rows:
            number = rows.line_num
            try:
                if None in row or None in row.values():
                    raise Skipped("columns_differ", "the row has not as many fields as the header")
                subject = Subject(((system, _said(row, "subject")),), {})
                yield Entry(number, type_, subject, (reader(row),))
            except Skipped as reason:
                yield Entry(number, type_, skipped=reason)
    except csv.Error as failure:
        raise Unreadable(name, f"after line {rows.line_num}", str(failure)) from None


def observation(row: Mapping[str, str], own: Own = NONE) -> Fact:
    """Read one number under the source's own words; a total of an instrument is an assessment.

    A single item is one too, with one answer: its risk is looked at like any other.

    Raises:
        Skipped: a measure, date or number is missing or cannot be read.
    """
    at = _when(row)
    source_word = _said(row, "measure")
    measure = measure_of(source_word)
    value = _number(_said(row, "value"))
    unit = row.get("unit") or None
    domain = row.get("domain") or None
    key = "|".join(("csv", "observation", at.isoformat(), measure, repr(value), unit or ""))
    if (scored := of_measure(measure, key, at, value, own)) is not None:
        return scored
    coded = {"system": LOINC, "code": measure.removeprefix("labs.")}
    if measure.startswith("labs.") and labs.test_of(coded) is not None:
        return labs.number(key, at, coded, value, unit, measure)
    label = source_word if source_word != measure else None
    body = {"measure": measure, "label": label, "domain": domain, "value": value, "unit": unit}
    said = {name: one for name, one in body.items() if one is not None}
    return Value("observation", key, at, said)


def dose_event(row: Mapping[str, str]) -> Fact:
    """Read one dose event; an empty amount is a dose that nobody knows.

    Raises:
        Skipped: the drug, the kind or the date is missing or cannot be read.
    """
    at = _when(row)
    kind = _said(row, "kind")
    if kind not in get_args(DoseEventKind):
        raise Skipped("kind_unknown", f"kind is one of {' '.join(get_args(DoseEventKind))}")
    drug, amount = _said(row, "drug"), row.get("amount") or ""
    dose, unconfirmed = (
        dose_of(amount, row.get("unit")) if amount and kind not in WITHOUT_A_DOSE else (None, ())
    )
    times = row.get("times_per_day") or None
    if times is not None:
        try:
            times = str(parse_amount(times))
        except AmountNotAccepted:
            raise Skipped("times_unreadable", "times_per_day is a number above 0") from None
    reason = row.get("reason") or None
    known = reason is None or (reason != "other" and reason in get_args(DoseReason))
    parts = (at.isoformat(), drug.casefold(), kind, amount, row.get("unit") or "", times or "")
    return DoseRow(
        key="|".join(("csv", "dose-event", *parts, reason or "")),
        drug=drug,
        kind=kind,
        at=at,
        dose=dose,
        unconfirmed=unconfirmed,
        times_per_day=times if dose is not None else None,
        reason=reason if known else "other",
        reason_text=None if known else reason,
    )


def _said(row: Mapping[str, str], column: str) -> str:
    text = row[column].strip()
    if not text:
        raise Skipped(f"{column}_missing", f"{column} is empty")
    return text


def _when(row: Mapping[str, str]) -> When:
    column = "datetime" if row.get("datetime") else "date"
    return moment_of(row.get(column), column)


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise Skipped("not_a_number", "value is no number")
    return float(text)

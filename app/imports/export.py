"""Everything that is kept of one patient, to take away: JSON, or a zip of CSV tables.

It says what the record says, record by record as it was answered, those entered in error with
their status; beside it the series of numbers. Nothing in it is computed anew.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO, StringIO
from typing import Any, Literal
from uuid import UUID
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import orjson
from sqlalchemy import func, select

from app.core.actor import PART_2, REDISCLOSURE_NOTICE
from app.core.answer import Answer
from app.core.db import Work
from app.journal import service as journal
from app.journal.models import Entry
from app.measurements import service as measurements
from app.patients import service as patients
from app.trends.csv import FORMULA

Format = Literal["json", "csv"]
SERIES = "measurements"


def export(work: Work, patient_id: UUID, format: Format) -> Answer:
    """Give everything that this caller may see of one patient.

    Raises:
        NotFound: no such patient for this caller.
    """
    person = patients.get(work, patient_id)
    records = _records(work, patient_id)
    sequence = journal.patient_sequence(work, patient_id)
    series = [_number(row) for row in measurements.series(work, patient_id, sequence)]
    # Where it may hold substance-use records, the notice goes with the file as well.
    notice = {"redisclosure_notice": REDISCLOSURE_NOTICE} if work.trace.purpose == PART_2 else {}
    # What leaves the house is an export in the access log, whatever the method was.
    work.trace.method = journal.EXPORT
    about = {"exported_at": work.now.isoformat(), "patient_id": str(patient_id), **notice}
    if format == "json":
        body = orjson.dumps(
            {**about, "records": records, SERIES: series}, option=orjson.OPT_INDENT_2
        )
        return Answer(body, attachment=f"{person.id}.json")
    tables = {**records, SERIES: series, "export": [about]}
    return Answer(_zipped(tables), media_type="application/zip", attachment=f"{person.id}.zip")


def _records(work: Work, patient_id: UUID) -> dict[str, list[dict[str, Any]]]:
    """Give the newest version of each record, by type, in the order of their first versions."""
    newest = (
        select(
            Entry.record_id,
            func.max(Entry.version).label("version"),
            func.min(Entry.sequence).label("first"),
        )
        .where(Entry.patient_id == patient_id)
        .group_by(Entry.record_id)
        .subquery()
    )
    rows = work.all(
        select(Entry.type, Entry.answer)
        .join(
            newest,
            (Entry.record_id == newest.c.record_id) & (Entry.version == newest.c.version),
        )
        .where(Entry.patient_id == patient_id, Entry.answer.is_not(None))
        .order_by(newest.c.first)
    )
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        text = journal.shown(work, patient_id, row.answer)
        if text is not None:
            found[row.type].append(orjson.loads(text))
    return dict(found)


def _number(row: Any) -> dict[str, Any]:
    return {
        "measure": row.measure,
        "day": row.day.isoformat(),
        "at": row.at.isoformat() if row.at else None,
        "value": row.value,
        "source": row.source,
        "flags": row.flags,
        "medication_id": str(row.medication_id) if row.medication_id else None,
        "record_id": str(row.record_id),
    }


# ---- tables


def _zipped(tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> bytes:
    """Write one CSV file (RFC 4180) for each kind of record."""
    packed = BytesIO()
    with ZipFile(packed, "w") as archive:
        for name, rows in tables.items():
            # Without a date of its own the same record is the same file, byte for byte.
            file = ZipInfo(f"{name}.csv")
            file.compress_type = ZIP_DEFLATED
            archive.writestr(file, _table(rows))
    return packed.getvalue()


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(_cells(row.get(name) for name in columns) for row in rows)
    return text.getvalue()


def _cells(values: Iterable[Any]) -> list[Any]:
    """Write lists and objects as JSON; text that a spreadsheet would run gets an apostrophe."""
    cells = []
    for value in values:
        cell = orjson.dumps(value).decode() if isinstance(value, list | dict) else value
        runs = isinstance(cell, str) and cell.startswith(FORMULA)
        cells.append(f"'{cell}" if runs else cell)
    return cells

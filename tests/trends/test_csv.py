"""The table of points."""

import csv
from io import StringIO

from app.trends.csv import COLUMNS, table
from tests.trends.slices import EXAMPLE, PATIENT, TREATED, Json, read, readings


def rows(body: Json) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(table(body, str(PATIENT)), newline="")))


def test_each_point_has_its_band_and_the_dose_of_its_day() -> None:
    first, *_, last = rows(read(readings("phq-9.total", EXAMPLE), [TREATED], points=True))

    assert list(first) == list(COLUMNS)
    assert first == {
        "patient": str(PATIENT),
        "measure": "phq-9.total",
        "domain": "mood_cognition",
        "direction": "lower_better",
        "day": "2026-02-02",
        "value": "19",
        "n_raw": "1",
        "source": "clinician",
        "band": "moderately severe",
        "epoch": "e1",
        "tdd": "50",
        "tdd_unit": "mg/d",
        "excluded_reason": "",
        "flag_codes": "",
    }
    assert (last["day"], last["epoch"], last["tdd"]) == ("2026-06-09", "e2", "100")


def test_what_does_not_count_is_there_with_its_reason_and_no_band() -> None:
    found = rows(read(readings("phq-9.total", {100: 31}), points=True))

    assert [(row["value"], row["excluded_reason"], row["band"]) for row in found] == [
        ("31", "DQ_IMPLAUSIBLE", "")
    ]
    assert (found[0]["epoch"], found[0]["tdd"]) == ("", "")


def test_text_that_a_spreadsheet_would_run_is_quoted_and_a_negative_number_is_not() -> None:
    body = read(readings("own.score", {100: -5}), points=True)
    body["measures"][0]["points"][0]["source"] = "=1+1"
    body["measures"][0]["direction"] = "@sum"

    assert [(row["value"], row["source"], row["direction"]) for row in rows(body)] == [
        ("-5", "'=1+1", "'@sum")
    ]


def test_lines_end_as_rfc_4180_has_them() -> None:
    assert table(read(), str(PATIENT)) == ",".join(COLUMNS) + "\r\n"

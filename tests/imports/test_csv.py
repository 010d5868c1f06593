"""Rows of the two kinds of file, and what is wrong with one."""

from pathlib import Path

import pytest

from app.imports import csv
from app.imports.facts import DoseRow, Entry, Value
from app.imports.results import Unreadable

OBSERVATIONS = "subject,date,domain,measure,value,unit\n"
DOSES = "subject,date,kind,drug,amount,unit,times_per_day,reason\n"


def read(folder: Path, content: str) -> list[Entry]:
    file = folder / "rows.csv"
    file.write_text(content)
    return csv.read(file, None)


def why(entry: Entry) -> str | None:
    return entry.skipped.code if entry.skipped else None


def test_a_column_that_stands_twice_is_refused_by_its_name(tmp_path: Path) -> None:
    for header, row in ((OBSERVATIONS, "A,2026-03-02,sleep,hours,6,h"), (DOSES, "A,x,x,x,x,x,x,x")):
        with pytest.raises(Unreadable, match=r"line 1: the column unit stands twice"):
            read(tmp_path, header.strip() + ",unit\n" + row + ",min\n")


def test_a_total_is_an_assessment_an_item_its_answer_and_another_number_itself(
    tmp_path: Path,
) -> None:
    entries = read(
        tmp_path,
        OBSERVATIONS
        + "A,2026-03-02,symptom,phq-9.total,17,{score}\n"
        + "A,2026-03-02,symptom,phq-9.9,1,\n"
        + "A,2026-03-02,symptom,HAMD17,32.0,\n"
        + "A,2026-03-02,symptom,sleep (hours),8.633333333333333,h\n",
    )
    facts = [fact for one in entries for fact in one.facts]

    assert [one.body for one in facts if isinstance(one, Value)] == [
        {"instrument": "phq-9", "total": 17},
        {"instrument": "phq-9", "answers": {"9": 1}},
        {"measure": "HAMD17", "domain": "symptom", "value": 32},
        {
            "measure": "sleep_hours",
            "label": "sleep (hours)",
            "domain": "symptom",
            "value": 8.633333333333333,
            "unit": "h",
        },
    ]
    assert [one.number for one in entries] == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (",2026-03-02,symptom,m,1,", "subject_missing"),
        ("A,,symptom,m,1,", "date_missing"),
        ("A,2026-03,symptom,m,1,", "date_incomplete"),
        ("A,2026-03-02,symptom,,1,", "measure_missing"),
        ("A,2026-03-02,symptom,m,,", "value_missing"),
        ("A,2026-03-02,symptom,m,nan,", "not_a_number"),
        ('A,2026-03-02,symptom,m,"6,5",', "not_a_number"),
        ("A,2026-03-02,symptom,phq-9.1,1.5,", "not_a_whole_number"),
        ("A,2026-03-02,symptom", "columns_differ"),
        ("A,2026-03-02,symptom,m,1,,more", "columns_differ"),
    ],
)
def test_a_wrong_row_is_one_skipped_entry(tmp_path: Path, row: str, code: str) -> None:
    wrong, right = read(tmp_path, OBSERVATIONS + row + "\nA,2026-03-02,symptom,m,1,\n")

    assert (why(wrong), why(right)) == (code, None)


def test_an_empty_amount_is_unknown_and_one_without_a_unit_is_not_guessed(tmp_path: Path) -> None:
    entries = read(
        tmp_path,
        DOSES
        + "A,2026-03-03,start,sertraline,50,mg,1,initial\n"
        + "A,2026-03-10,change,sertraline,,,,\n"
        + "A,2026-03-17,change,sertraline,75,,1,felt like it\n"
        + "A,2026-03-24,stop,sertraline,0,mg,,\n"
        + "A,2026-03-31,begin,sertraline,50,mg,1,\n",
    )
    rows = [fact for one in entries for fact in one.facts if isinstance(fact, DoseRow)]

    assert [(one.dose, one.unconfirmed) for one in rows] == [
        ({"amount": "50", "unit": "mg"}, ()),
        (None, ()),
        (None, ("unit-missing",)),
        (None, ()),
    ]
    assert (rows[2].reason, rows[2].reason_text) == ("other", "felt like it")
    assert why(entries[4]) == "kind_unknown"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a,b\n1,2\n", "line 1"),
        (b"subject,measure,value\nA,m,1\n", "line 1"),
        (b"subject,date,measure,value\nA,2026-03-02,\xff,1\n", "byte"),
        (b'subject,date,measure,value\nA,2026-03-02,"m,1\n', "after line 1"),
        (b"", "line 1"),
    ],
)
def test_a_broken_file_says_which_and_where(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "broken.csv"
    file.write_bytes(content)

    with pytest.raises(Unreadable, match=rf"broken\.csv, {says}"):
        csv.read(file, None)

"""HL7 v2 messages: what becomes of each group of segments, and what is refused with its place."""

from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.imports import hl7v2, segments
from app.imports.facts import End, Entry, Order, Value, Withdrawal
from app.imports.results import Unreadable

MSH = "MSH|^~\\&|EHR|WARD|||20260413103000-0400||RDE^O11|M1|P|2.5.1"
PID = "PID|||S-1^^^MRN&2.16.840.1.1&ISO^MR||Example^Sam^Q||19800501|M"
ORC = "ORC|NW||||||||||||||20260301"
RXE = "RXE|^BID^^20260303|36437^sertraline^RXNORM|50||mg"
OBR = "OBR|1||F-1|24323-8^panel^LN|||20260413083000-0400"
SODIUM = "OBX|1|NM|2951-2^Sodium^LN||138|mmol/L^^UCUM|||||F"


def read(folder: Path, *lines: str, end: str = "\r", system: str | None = None) -> list[Entry]:
    file = folder / "messages.hl7"
    file.write_bytes(end.join(lines).encode())
    (entries,) = hl7v2.read([file], system)
    return entries


def order(folder: Path, *lines: str) -> Order:
    """The only order of a message."""
    facts = [fact for one in read(folder, MSH, PID, *lines) for fact in one.facts]
    (found,) = facts
    assert isinstance(found, Order)
    return found


def result(folder: Path, *lines: str) -> Value:
    (found,) = (fact for one in read(folder, MSH, PID, *lines) for fact in one.facts)
    assert isinstance(found, Value)
    return found


def why(entries: list[Entry]) -> list[tuple[str, str | None]]:
    """The type of each entry, and why it is skipped or taken back."""
    found = []
    for one in entries:
        back = [fact.code for fact in one.facts if isinstance(fact, Withdrawal)]
        found.append((one.type, one.skipped.code if one.skipped else next(iter(back), None)))
    return found


# ---- the person


def test_a_person_is_who_the_record_knows_and_an_account_number_is_nobody(tmp_path: Path) -> None:
    pid = "PID|||V1^^^A^VN~S-1^^^MRN&2.16.840.1.1&ISO^MR~77^^^WARD||Example^Sam^Q||19800501|M"
    (entry,) = read(tmp_path, MSH, pid)

    assert entry.subject is not None
    assert entry.subject.identifiers == (("urn:oid:2.16.840.1.1", "S-1"), ("WARD", "77"))
    assert entry.subject.body == {
        "name": {"given": "Sam Q", "family": "Example"},
        "birth_date": "1980-05-01",
        "sex": "male",
    }


@pytest.mark.parametrize(
    ("family", "read_as"),
    [("O\\T\\Hara", "O&Hara"), ("Back\\E\\slash", "Back\\slash"), ("Half\\ an\\", "Half\\ an\\")],
)
def test_an_escaped_delimiter_is_put_back_and_a_damaged_escape_stays_as_it_was(
    tmp_path: Path, family: str, read_as: str, caplog: pytest.LogCaptureFixture
) -> None:
    (entry,) = read(tmp_path, MSH, f"PID|||S-1^^^MRN||{family}^Sam")

    assert entry.subject is not None
    assert entry.subject.body["name"]["family"] == read_as
    assert caplog.text == ""


@pytest.mark.parametrize("system", [None, "urn:example:mrn"])
def test_an_identifier_without_an_authority_is_of_the_named_system(
    tmp_path: Path, system: str | None
) -> None:
    (entry,) = read(tmp_path, MSH, "PID|||1234^^^^MR||DOE^JANE", system=system)

    assert entry.subject is not None
    assert entry.subject.identifiers == ((system, "1234"),)


def test_a_message_without_a_person_is_one_skipped_entry(tmp_path: Path) -> None:
    in_one_line = f"{MSH} PID|||S-1^^^MRN^MR"

    assert why(read(tmp_path, in_one_line)) == [("RDE^O11", "segment_missing")]
    assert why(read(tmp_path, MSH, "PID|||")) == [("PID", "identifier_missing")]


# ---- orders


def test_an_order_has_its_code_its_dose_its_times_and_its_day(tmp_path: Path) -> None:
    found = order(tmp_path, ORC, RXE)

    assert found.code is not None
    assert (found.code["code"], found.code["display"]) == ("36437", "sertraline")
    assert (found.dose, found.unconfirmed) == ({"amount": "50", "unit": "mg"}, ())
    assert (found.times_per_day, found.at) == ("2", date(2026, 3, 3))
    assert not found.ended
    assert not found.as_needed


def test_a_requested_order_is_read_like_an_encoded_one_and_the_encoded_one_wins(
    tmp_path: Path,
) -> None:
    requested = "RXO|36437^sertraline^RXNORM|25||mg"
    timing = "TQ1|1||QD|||||"

    alone = order(tmp_path, ORC, requested, timing)
    assert (alone.dose, alone.times_per_day) == ({"amount": "25", "unit": "mg"}, "1")
    assert alone.at == date(2026, 3, 1)
    both = order(tmp_path, ORC, requested, RXE)
    assert both.dose == {"amount": "50", "unit": "mg"}


@pytest.mark.parametrize(
    ("unit", "read_as"),
    [
        ("mg", "mg"),
        ("mg^milligram^UCUM", "mg"),
        ("MG^milligram^ISO+", "mg"),
        ("Milligrams", "mg"),
        ("TAB^tablet^HL70292", "{tablet}"),
        ("^tablets", "{tablet}"),
        ("mcg", "ug"),
        ("ml", "mL"),
    ],
)
def test_a_unit_is_taken_where_a_table_or_a_plain_word_makes_it_certain(
    tmp_path: Path, unit: str, read_as: str
) -> None:
    found = order(tmp_path, ORC, f"RXE|^QD^^20260303|36437^sertraline^RXNORM|50||{unit}")

    assert found.dose == {"amount": "50", "unit": read_as}


@pytest.mark.parametrize(
    ("amounts", "code"),
    [
        ("50||", "unit-missing"),
        ("50||MG", "unit-not-accepted"),
        ("50||MG^milligram^UCUM", "unit-not-accepted"),
        ("50||mgs", "unit-not-accepted"),
        ("50||U", "unit-not-accepted"),
        ("1,000||mg", "amount-not-accepted"),
        ("0||mg", "amount-not-accepted"),
        ("25|50|mg", "dosage-in-parts"),
    ],
)
def test_any_other_dose_is_unknown_and_never_a_guess(
    tmp_path: Path, amounts: str, code: str
) -> None:
    found = order(tmp_path, ORC, f"RXE|^QD^^20260303|36437^sertraline^RXNORM|{amounts}")

    assert (found.dose, found.unconfirmed, found.times_per_day) == (None, (code,), None)


def test_two_timings_are_no_one_dose(tmp_path: Path) -> None:
    found = order(tmp_path, ORC, RXE, "TQ1|1||QAM|||20260303", "TQ1|2||QHS|||20260303")

    assert (found.dose, found.unconfirmed) == (None, ("dosage-in-parts",))


@pytest.mark.parametrize(
    ("pattern", "times", "as_needed"),
    [
        ("Q8H&0600", "3", False),
        ("Q2D", "0.5", False),
        ("TID", "3", False),
        ("QHS", "1", False),
        ("Q6HPRN", "4", True),
        ("PRN", None, True),
        ("Q7H", None, False),
        ("Q0H", None, False),
        ("NOW AND THEN", None, False),
    ],
)
def test_times_a_day_are_exact_or_not_said(
    tmp_path: Path, pattern: str, times: str | None, as_needed: bool
) -> None:
    found = order(tmp_path, ORC, f"RXE|^{pattern}^^20260303|36437^x^RXNORM|50||mg")

    assert (found.times_per_day, found.as_needed) == (times, as_needed)


@pytest.mark.parametrize("orc", ["ORC|DC", "ORC|RP", "ORC|SC||||DC"])
def test_a_discontinued_order_is_an_end_on_the_day_that_the_message_says(
    tmp_path: Path, orc: str
) -> None:
    whole = orc + "|" * (15 - orc.count("|")) + "20260420"
    (found,) = (fact for one in read(tmp_path, MSH, PID, whole, RXE) for fact in one.facts)

    assert isinstance(found, End)
    assert found.code is not None
    assert (found.code["code"], found.at) == ("36437", date(2026, 4, 20))


def test_a_changed_order_holds_from_the_day_of_the_change(tmp_path: Path) -> None:
    assert order(tmp_path, "ORC|XO||||||||||||||20260420", RXE).at == date(2026, 4, 20)


def test_the_same_order_in_two_messages_is_one(tmp_path: Path) -> None:
    again = MSH.replace("M1", "M2").replace("20260413", "20260414")
    orders = [
        fact
        for one in read(
            tmp_path, MSH, PID, ORC, RXE, again, PID, "ORC|RE||||||||||||||20260301", RXE
        )
        for fact in one.facts
        if isinstance(fact, Order)
    ]

    assert len({one.key for one in orders}) == 1


@pytest.mark.parametrize(
    ("lines", "type_", "code"),
    [
        (["ORC|CA", RXE], "RXE", "not_carried_out"),
        (["ORC|HD", RXE], "RXE", "on_hold"),
        (["ORC|DC", RXE], "RXE", "date_missing"),
        ([ORC, "RXE|^QD^^20260303||50||mg"], "RXE", "medication_missing"),
        (["ORC|NW", "RXE|^QD|1^x^RXNORM|50||mg"], "RXE", "date_missing"),
        (["ORC|NW", "RXE|^QD^^202603|1^x^RXNORM|50||mg"], "RXE", "date_incomplete"),
        ([ORC, "RXD|1|36437^sertraline^RXNORM"], "RXD", "type_not_read"),
        ([ORC, "OBR|1|||73610^X-RAY ANKLE"], "OBR", "no_value"),
        ([ORC], "ORC", "not_a_medicine"),
        (["AL1|1|DA|1605^acetaminophen^L"], "AL1", "allergies_not_kept"),
        (["DG1|1||F33.1"], "DG1", "type_not_read"),
        ([ORC, RXE + "|half of the", "next line|"], "RXE", "segment_broken"),
    ],
)
def test_what_is_not_taken_says_why(
    tmp_path: Path, lines: list[str], type_: str, code: str
) -> None:
    assert why(read(tmp_path, MSH, PID, *lines)) == [("PID", None), (type_, code)]


# ---- results


def test_a_result_has_its_test_its_unit_and_the_moment_of_the_sample(tmp_path: Path) -> None:
    found = result(tmp_path, OBR, SODIUM)

    assert found.kind == "lab"
    assert found.body["value"] == "138"
    assert found.body["unit"] == "mmol/L"
    assert found.at == datetime(2026, 4, 13, 8, 30, tzinfo=timezone(timedelta(hours=-4)))


def test_a_moment_takes_the_offset_of_the_header_and_without_one_only_the_day_stays(
    tmp_path: Path,
) -> None:
    obr = OBR.replace("083000-0400", "083000")
    here = result(tmp_path, obr, SODIUM)
    assert here.at == datetime(2026, 4, 13, 8, 30, tzinfo=timezone(timedelta(hours=-4)))

    bare = MSH.replace("103000-0400", "103000")
    (nowhere,) = (fact for one in read(tmp_path, bare, PID, obr, SODIUM) for fact in one.facts)
    assert isinstance(nowhere, Value)
    assert nowhere.at == date(2026, 4, 13)


def test_a_total_of_an_instrument_is_an_assessment(tmp_path: Path) -> None:
    found = result(tmp_path, OBR, "OBX|1|NM|44261-6^PHQ-9 total^LN||12||||||F")

    assert (found.kind, found.body) == ("assessment", {"instrument": "phq-9", "total": 12})


def test_a_local_test_is_followed_under_its_own_code(tmp_path: Path) -> None:
    found = result(tmp_path, OBR, "OBX|1|NM|AMY^Amylase^L||47|U/L|||||F")

    assert (found.kind, found.body["measure"], found.body["unit"]) == (
        "observation",
        "L.AMY",
        "U/L",
    )


@pytest.mark.parametrize(
    ("obx", "code"),
    [
        (SODIUM.removesuffix("F") + "P", "not_final"),
        (SODIUM.removesuffix("F"), "not_final"),
        (SODIUM.removesuffix("F") + "W", "entered_in_error"),
        ("OBX|1|SN|2951-2^Sodium^LN||>^150|mmol/L|||||F", "comparator"),
        ("OBX|1|NM|AMY^Amylase^L||high|U/L|||||F", "not_a_number"),
        ("OBX|1|NM|^Amylase^L||47|U/L|||||F", "code_missing"),
        ("OBX|1|NM|AMY^Amylase^L|||U/L|||||F", "no_value"),
    ],
)
def test_a_result_that_is_not_taken_says_why(tmp_path: Path, obx: str, code: str) -> None:
    assert why(read(tmp_path, MSH, PID, OBR, obx))[1:] == [("OBX", code)]


def test_a_result_without_a_day_is_not_dated_by_its_message(tmp_path: Path) -> None:
    found = read(tmp_path, MSH, PID, ORC, RXE, SODIUM)

    assert why(found) == [("PID", None), ("RXE", None), ("OBX", "date_missing")]


# ---- files


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_segments_end_with_cr_lf_or_crlf_and_a_file_holds_many_messages(
    tmp_path: Path, end: str
) -> None:
    batch = ["FHS|^~\\&|EHR", "BHS|^~\\&|EHR", MSH, PID, ORC, RXE, MSH, PID, OBR, SODIUM, "BTS|2"]
    found = read(tmp_path, *batch, "FTS|1", end=end)

    assert [(one.number, one.type) for one in found] == [
        (1, "PID"),
        (2, "RXE"),
        (3, "PID"),
        (4, "OBX"),
    ]


def test_mllp_frames_and_a_missing_last_cr_cost_no_message(tmp_path: Path) -> None:
    file = tmp_path / "frames.bin"
    message = "\r".join([MSH, PID, OBR, SODIUM])
    file.write_bytes(f"\x0b{message}\r\x1c\r\x0b{message}\r\x1c\r{message}{message}".encode())

    assert segments.is_one(file)
    (found,) = hl7v2.read([file])
    assert [one.type for one in found] == ["PID", "OBX"] * 4


def test_msh_18_names_the_character_set(tmp_path: Path) -> None:
    file = tmp_path / "latin.hl7"
    header = MSH + "||||||8859/1"
    file.write_bytes("\r".join([header, PID.replace("Sam", "Jürgen")]).encode("latin-1"))

    ((entry,),) = hl7v2.read([file])
    assert entry.subject is not None
    assert entry.subject.body["name"]["given"] == "Jürgen Q"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "line 1: begins with none of MSH"),
        (b"PID|||1", "line 1: begins with none of MSH"),
        (f"{MSH}\rPID|||1||J\xfcrgen".encode("latin-1"), "message 1, segment PID .* is not UTF-8"),
        (f"{MSH}||||||8859/99\r{PID}".encode(), "message 1, segment MSH: MSH-18 is none of"),
        (f"{MSH}||||||ASCII\r{PID}|\xfc".encode(), "message 1, segment PID .* is not ASCII"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "broken.hl7"
    file.write_bytes(content)

    with pytest.raises(Unreadable, match=rf"broken\.hl7, {says}"):
        hl7v2.read([file])


@settings(deadline=None)
@given(data=st.data())
def test_no_damage_to_a_message_is_a_crash(
    tmp_path_factory: pytest.TempPathFactory, data: Any
) -> None:
    whole = "\r".join([MSH, PID, "AL1|1|DA", ORC, RXE, "TQ1|1||Q8H", OBR, SODIUM])
    place = data.draw(st.integers(5, len(whole)))
    length = data.draw(st.integers(0, 40))
    junk = data.draw(st.text(alphabet="|^~\\&\r\n\x0bMSHPID0-9 é", max_size=12))
    file = tmp_path_factory.mktemp("hl7") / "x.hl7"
    file.write_bytes((whole[:place] + junk + whole[place + length :]).encode())

    try:
        (found,) = hl7v2.read([file])
    except Unreadable:
        return
    assert [one.number for one in found] == list(range(1, len(found) + 1))
    assert all(one.skipped or one.subject for one in found)

"""Numbers that a monitoring schedule asks for become results; what cannot be joined stays apart."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.imports import labs
from app.imports.facts import Value
from app.imports.results import Skipped
from tests.conftest import Caller, Clinic
from tests.imports.files import LOINC, PATIENT, bundle, observation, run, said

DAY = date(2026, 5, 1)
GLUCOSE = "1558-6"


def number(loinc: str, value: float, unit: str | None) -> Value:
    code = {"system": LOINC, "code": loinc}
    return labs.number("key", DAY, code, value, unit, f"labs.{loinc}")


@pytest.mark.parametrize(
    ("loinc", "value", "unit", "kept"),
    [
        ("2951-2", 138, "mmol/L", ("138", "mmol/L")),
        ("2951-2", 138, "mmol/l", ("138", "mmol/L")),
        ("8867-4", 74, "{beats}/min", ("74", "/min")),
        ("29463-7", 83500, "g", ("83500", "g")),
        (GLUCOSE, 5.4, "mmol/L", ("5.4", "mmol/L")),
        ("39156-5", 27.923456, "kg/m2", ("27.9235", "kg/m2")),
    ],
)
def test_a_number_in_a_unit_of_its_test_is_a_result_as_it_was_sent(
    loinc: str, value: float, unit: str, kept: tuple[str, str]
) -> None:
    found = number(loinc, value, unit)

    assert found.kind == "lab"
    assert (found.body["value"], found.body["unit"]) == kept
    assert (found.words is not None) == (loinc == "39156-5")


@pytest.mark.parametrize("unit", ["[lb_av]", "pounds", "KG", "mmol/L", "", None])
def test_a_unit_that_does_not_fit_stays_as_received_in_a_series_of_its_own(
    unit: str | None,
) -> None:
    found = number("29463-7", 184, unit)

    assert (found.kind, found.body["measure"]) == ("observation", "loinc.29463-7")
    assert (found.body["value"], found.body.get("unit")) == (184, unit or None)
    assert found.words is not None
    assert found.words[0] == "unit_not_converted"


def test_a_number_that_no_schedule_asks_for_is_followed_under_its_own_code() -> None:
    found = number("10368-9", 50, "ug/dL")

    assert (found.kind, found.body["measure"], found.words) == (
        "observation",
        "labs.10368-9",
        None,
    )


@pytest.mark.parametrize("value", [1e6, 1e300])
def test_a_number_that_no_result_can_have_is_refused(value: float) -> None:
    with pytest.raises(Skipped):
        number("2951-2", value, "mmol/L")


# ---- in the record


def of_day(id_: str, loinc: str, day: str, **members: Any) -> dict[str, Any]:
    return observation(id_, loinc, effectiveDateTime=day, **members)


def quantity(value: float, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "code": unit, "system": "http://unitsofmeasure.org"}


@pytest.fixture
def ask(clinic: Clinic, prescriber: Caller) -> Any:
    def get(path: str) -> Any:
        (found,) = prescriber("GET", "/v1/patients?identifier=S-1").json()["items"]
        return prescriber("GET", f"/v1/patients/{found['id']}/{path}").json()

    return get


def test_two_units_of_one_test_are_one_series(clinic: Clinic, ask: Any, tmp_path: Path) -> None:
    values = [(90, "mg/dL"), (5.4, "mmol/L"), (99, "mg/dL")]
    glucose = [
        of_day(str(day), GLUCOSE, f"2026-05-0{day}", valueQuantity=quantity(value, unit))
        for day, (value, unit) in enumerate(values, 1)
    ]
    file = bundle(tmp_path, PATIENT, *glucose)

    assert said(run(clinic, file)) == ["created"] * 4
    assert said(run(clinic, file)) == ["unchanged"] * 4

    kept = ask("labs")["items"]
    assert [(one["value"], one["unit"]) for one in kept] == [
        ("90", "mg/dL"),
        ("5.4", "mmol/L"),
        ("99", "mg/dL"),
    ]
    code = f"labs.{GLUCOSE}"
    (series,) = (
        one
        for one in ask(f"trends?include=measures,points&measures={code}")["measures"]
        if one["measure"] == code
    )
    assert [round(one["value"], 1) for one in series["points"]] == [90, 97.3, 99]


def test_a_negative_result_is_kept_flagged_and_counts_in_nothing(
    clinic: Clinic, ask: Any, tmp_path: Path
) -> None:
    sodium = [
        of_day(str(day), "2951-2", f"2026-05-0{day}", valueQuantity=quantity(value, "mmol/L"))
        for day, value in enumerate([138, -1, 140], 1)
    ]

    assert said(run(clinic, bundle(tmp_path, PATIENT, *sodium))) == ["created"] * 4

    told = ask("trends?measures=labs.2951-2")
    assert [one["n"] for one in told["measures"]] == [2]
    assert "DQ_IMPLAUSIBLE" in str(told["quality"])
    assert ask("signals")["items"] == []


def test_words_of_a_test_are_a_result_too(clinic: Clinic, ask: Any, tmp_path: Path) -> None:
    negative = of_day("1", "2106-3", "2026-05-01", valueCodeableConcept={"text": "negative"})

    assert said(run(clinic, bundle(tmp_path, PATIENT, negative))) == ["created"] * 2
    assert [one["value_text"] for one in ask("labs")["items"]] == ["negative"]


def test_a_critical_value_of_today_pages_and_one_of_long_ago_waits_in_the_historic_signal(
    clinic: Clinic, ask: Any, tmp_path: Path
) -> None:
    high = [
        of_day("old", "14334-7", "2025-05-01", valueQuantity=quantity(2.1, "mmol/L")),
        of_day("new", "14334-7", "2026-05-31", valueQuantity=quantity(2.2, "mmol/L")),
    ]

    run(clinic, bundle(tmp_path, PATIENT, *high))

    signals = {one["code"]: one["evidence"] for one in ask("signals")["items"]}
    assert signals.keys() == {"historic", "critical_lab"}
    assert signals["critical_lab"]["value"] == "2.2"
    assert [one["code"] for one in signals["historic"]["findings"]] == ["critical_lab"]


def test_a_csv_row_of_a_test_is_a_result(clinic: Clinic, ask: Any, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(
        "subject,date,domain,measure,value,unit\n"
        "S-1,2026-05-01,labs,labs.29463-7,83.5,kg\n"
        "S-1,2026-05-02,labs,labs.29463-7,184,[lb_av]\n"
    )

    results = run(clinic, file)

    assert [one.reason for one in results] == [None, "unit_not_converted"]
    assert [one["value"] for one in ask("labs")["items"]] == ["83.5"]

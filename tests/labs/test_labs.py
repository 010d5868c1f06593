"""Lab values and vital signs over HTTP, on both databases."""

import json
from typing import Any

import pytest

from tests.conftest import Caller, Clinic
from tests.shared import SHARED, needs_shared

PERSON: dict[str, Any] = {
    "id": "019a5b10-0000-7000-8000-000000000001",
    "name": {"given": "Example", "family": "Patient"},
    "birth_date": "1991-04-17",
    "time_zone": "America/New_York",
}
P = f"/v1/patients/{PERSON['id']}"
LITHIUM: dict[str, Any] = {
    "id": "019a5b10-0000-7000-8000-000000000611",
    "code": {"system": "http://loinc.org", "code": "14334-7", "display": "Lithium"},
    "value": "0.8",
    "unit": "mmol/L",
    "drawn_at": "2026-05-11T08:10:00-04:00",
    "hours_since_dose": 12,
}


@pytest.fixture
def labs(prescriber: Caller) -> Caller:
    """The prescriber of a patient who is registered."""
    assert prescriber("POST", "/v1/patients", PERSON).status_code == 201
    return prescriber


def lab(number: int, **members: Any) -> dict[str, Any]:
    sent = {**LITHIUM, "id": f"019a5b10-0000-7000-8000-0000000007{number:02}", **members}
    return {name: value for name, value in sent.items() if value is not None}


def faults(answer: Any) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    return {one["pointer"]: one["detail"] for one in answer.json()["errors"]}


@needs_shared
def test_the_contracts_sodium_is_kept_and_given_back(labs: Caller) -> None:
    body = json.loads((SHARED / "contract" / "11-lab.json").read_text())

    made = labs("POST", f"{P}/labs", body)
    again = labs("POST", f"{P}/labs", body)
    shown = labs("GET", f"{P}/labs/{body['id']}")

    assert made.status_code == 201, made.text
    assert again.status_code == 200
    assert made.content == again.content == shown.content
    answer = made.json()
    assert {name: answer[name] for name in body} == body
    assert (answer["measure"], answer["drawn_on"]) == ("labs.2951-2", "2026-05-11")
    assert (answer["interpretation"]["level"], answer["opened_signals"]) == ("within", [])
    assert labs("GET", f"{P}/labs").json()["items"] == [answer]


def test_a_critical_lithium_opens_one_signal_in_the_same_request(labs: Caller) -> None:
    body = LITHIUM | {"value": "1.5"}

    answer = labs("POST", f"{P}/labs", body).json()
    labs("POST", f"{P}/labs", body)
    signals = labs("GET", f"{P}/signals").json()["items"]

    assert [one["code"] for one in answer["opened_signals"]] == ["critical_lab"]
    assert [(one["code"], one["state"]) for one in signals] == [("critical_lab", "open")]
    evidence = signals[0]["evidence"]
    assert (evidence["measure"], evidence["level"]) == ("labs.14334-7", "critical_high")
    assert (evidence["value"], evidence["limit"]) == ("1.5", {"value": "1.5", "unit": "mmol/L"})
    assert evidence["source"]


@pytest.mark.parametrize("value", ["-1", "-0.1"])
def test_a_negative_level_is_refused_with_what_would_pass(labs: Caller, value: str) -> None:
    refused = labs("POST", f"{P}/labs", LITHIUM | {"value": value})

    assert faults(refused) == {"/value": "0 or above: no result of this test is negative"}
    assert labs("POST", f"{P}/labs", LITHIUM | {"value": "0"}).status_code == 201


def test_a_negative_number_of_a_test_that_the_house_does_not_know_is_kept(labs: Caller) -> None:
    base_excess = {"system": "http://loinc.org", "code": "1925-7"}

    kept = labs("POST", f"{P}/labs", LITHIUM | {"code": base_excess, "value": "-2"})

    assert kept.status_code == 201, kept.text


def test_a_lithium_just_below_the_limit_opens_none(labs: Caller) -> None:
    answer = labs("POST", f"{P}/labs", LITHIUM | {"value": "1.49"}).json()

    assert answer["interpretation"]["level"] == "above"
    assert answer["opened_signals"] == []


def test_a_low_value_in_another_unit_of_its_dimension_is_critical_too(labs: Caller) -> None:
    # 0.9 x 10*9/L is 0.9 x 10*3/uL: below the strictest limit of the reference, 1.0.
    count = lab(
        1,
        code={"system": "http://loinc.org", "code": "751-8"},
        value="0.9",
        unit="10*9/L",
        hours_since_dose=None,
    )

    answer = labs("POST", f"{P}/labs", count).json()

    assert answer["interpretation"]["level"] == "critical_low"
    assert len(answer["opened_signals"]) == 1


def test_a_correction_into_the_critical_opens_the_signal_and_none_twice(labs: Caller) -> None:
    labs("POST", f"{P}/labs", LITHIUM)

    for version, value in ((1, "1.8"), (2, "1.9")):
        answer = labs(
            "PATCH",
            f"{P}/labs/{LITHIUM['id']}",
            {"value": value},
            headers={"If-Match": f'"{version}"', "Content-Type": "application/merge-patch+json"},
        )
        assert answer.status_code == 200, answer.text

    assert len(labs("GET", f"{P}/signals").json()["items"]) == 1


def test_a_level_three_hours_after_the_dose_is_kept_and_not_comparable(labs: Caller) -> None:
    answer = labs("POST", f"{P}/labs", LITHIUM | {"value": "1.2", "hours_since_dose": 3}).json()

    assert answer["value"] == "1.2"
    assert answer["interpretation"] == {
        "level": None,
        "basis": None,
        "comparable": False,
        "code": "TIMING_OUTSIDE_WINDOW",
    }


def test_an_early_level_may_be_critical_all_the_same(labs: Caller) -> None:
    answer = labs("POST", f"{P}/labs", LITHIUM | {"value": "2.1", "hours_since_dose": 3}).json()

    assert answer["interpretation"]["level"] == "critical_high"
    assert answer["opened_signals"][0]["evidence"]["hours_since_dose"] == 3


@pytest.mark.parametrize(
    ("unit", "suggestion"),
    [("mmol/l", "mmol/L"), ("MMOL/L", "mmol/L"), ("µmol/L", "umol/L"), ("IU/L", "[iU]/L")],
)
def test_a_unit_in_the_wrong_spelling_is_refused_with_the_right_one(
    labs: Caller, unit: str, suggestion: str
) -> None:
    said = faults(labs("POST", f"{P}/labs", LITHIUM | {"unit": unit}))

    assert f"did you mean {suggestion}?" in said["/unit"]
    assert labs("GET", f"{P}/labs").json()["items"] == []


def test_a_unit_of_another_dimension_is_refused_with_those_that_fit(labs: Caller) -> None:
    said = faults(labs("POST", f"{P}/labs", LITHIUM | {"unit": "mg/L"}))

    assert said == {"/unit": "a unit that fits this code, such as mmol/L"}


def test_a_code_that_the_reference_lacks_keeps_the_unit_of_its_first_value(labs: Caller) -> None:
    haemoglobin = {"system": "http://loinc.org", "code": "718-7"}
    first = lab(1, code=haemoglobin, value="14", unit="g/dL", hours_since_dose=None)
    same = lab(2, code=haemoglobin, value="139", unit="g/L", hours_since_dose=None)
    other = lab(3, code=haemoglobin, value="8.7", unit="mmol/L", hours_since_dose=None)

    assert labs("POST", f"{P}/labs", first).status_code == 201
    assert labs("POST", f"{P}/labs", same).status_code == 201
    assert faults(labs("POST", f"{P}/labs", other)) == {
        "/unit": "a unit that fits this code, such as g/dL"
    }


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"value": 0.8}, "/value"),
        ({"value": ".8"}, "/value"),
        ({"value": "1e3"}, "/value"),
        ({"value": None, "unit": None}, ""),
        ({"unit": None}, ""),
        ({"value_text": "normal"}, ""),
        ({"drawn_on": "2026-05-11"}, ""),
        ({"drawn_at": None}, ""),
        ({"drawn_at": "2026-06-03T12:00:00Z"}, "/drawn_at"),
        ({"drawn_at": None, "drawn_on": "1991-04-16"}, "/drawn_on"),
        ({"hours_since_dose": -1}, "/hours_since_dose"),
        ({"code": {"system": "http://loinc.org", "code": "14334-8"}}, "/code"),
        ({"code": {"system": "urn:local", "code": "LI"}}, "/code"),
        ({"reference_range": {}}, "/reference_range"),
        ({"reference_range": {"low": "1", "high": "0.5"}}, "/reference_range"),
        ({"recorded_at": "2026-05-11T12:00:00Z"}, "/recorded_at"),
    ],
)
def test_what_cannot_be_a_result_is_refused_and_nothing_is_stored(
    labs: Caller, members: dict[str, Any], pointer: str
) -> None:
    assert pointer in faults(labs("POST", f"{P}/labs", lab(1, **members)))
    assert labs("GET", f"{P}/labs").json()["items"] == []


def test_words_are_a_result_without_a_number(labs: Caller) -> None:
    sent = lab(
        1,
        code={"system": "http://loinc.org", "code": "2106-3"},
        value=None,
        unit=None,
        value_text="negative",
        hours_since_dose=None,
    )

    answer = labs("POST", f"{P}/labs", sent)

    assert answer.status_code == 201, answer.text
    assert answer.json()["value_text"] == "negative"
    assert answer.json()["interpretation"] is None


def test_the_laboratorys_own_range_decides(labs: Caller) -> None:
    sent = lab(1, value="0.9", reference_range={"low": "0.5", "high": "0.8"})

    answer = labs("POST", f"{P}/labs", sent).json()

    assert answer["reference_range"] == {"low": "0.5", "high": "0.8"}
    assert answer["interpretation"]["level"] == "above"
    assert answer["interpretation"]["basis"] == "laboratory"


def test_a_result_entered_in_error_leaves_the_list_and_its_signal_stays(labs: Caller) -> None:
    labs("POST", f"{P}/labs", LITHIUM | {"value": "2.0"})

    gone = labs("DELETE", f"{P}/labs/{LITHIUM['id']}", headers={"If-Match": '"1"'})

    assert gone.status_code == 200, gone.text
    assert labs("GET", f"{P}/labs").json()["items"] == []
    assert len(labs("GET", f"{P}/signals").json()["items"]) == 1


def test_a_patient_reads_results_and_writes_none(clinic: Clinic, labs: Caller) -> None:
    labs("POST", f"{P}/labs", LITHIUM)
    patient = clinic.as_("patient", patient_id=PERSON["id"])

    assert len(patient("GET", f"{P}/labs").json()["items"]) == 1
    assert patient("POST", f"{P}/labs", lab(1)).status_code == 403


def test_a_correction_brings_back_nothing_that_was_entered_in_error(labs: Caller) -> None:
    labs("POST", f"{P}/labs", LITHIUM)
    path = f"{P}/labs/{LITHIUM['id']}"
    labs("DELETE", path, headers={"If-Match": '"1"'})

    for version in ('"1"', '"2"'):
        answer = labs("PATCH", path, {"value": "0.9"}, headers={"If-Match": version})
        assert answer.status_code == 422, answer.text
        assert [one["code"] for one in answer.json()["errors"]] == ["entered-in-error"]
    assert labs("GET", path).json()["version"] == 2
    assert labs("GET", f"{P}/labs").json()["items"] == []

"""The monitoring reference holds what the code and a reader rely on."""

from typing import Any

import pytest

from app.clinical import medications
from app.clinical import monitoring_schedules as reference
from app.clinical.units import UNITS

FILE: dict[str, Any] = medications.load_reference("monitoring.yaml")
ENTRIES: list[dict[str, Any]] = FILE["entries"]
CLASSES = {name for one in medications.substances() for name in one.classes}

each_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["id"])


def test_the_file_says_version_date_licence_and_what_its_keys_mean() -> None:
    assert FILE["version"]
    assert FILE["date"]
    assert FILE["licence"]
    assert {"age", "condition", "instead_of", "sample_hours", "after_result"} <= set(FILE["keys"])


def test_ids_are_unique_and_what_stands_in_for_another_names_one() -> None:
    ids = {entry["id"] for entry in ENTRIES}

    assert len(ids) == len(ENTRIES)
    assert {entry["instead_of"] for entry in ENTRIES if "instead_of" in entry} <= ids


@each_entry
def test_every_entry_has_a_source_and_says_what_was_seen(entry: dict[str, Any]) -> None:
    assert entry["source"]
    assert entry["action"]
    assert entry["priority"] in ("required", "routine")
    assert entry["verified"].startswith(("seen", "memory"))


@each_entry
def test_every_entry_is_for_medicines_of_the_reference(entry: dict[str, Any]) -> None:
    applies = entry["applies_to"]
    assert set(applies) in ({"class"}, {"any_med"})
    assert applies.get("class") is None or applies["class"] in CLASSES
    assert all(medications.by_id(one) for one in applies.get("any_med", ()))


@each_entry
def test_a_loinc_code_has_its_check_digit(entry: dict[str, Any]) -> None:
    loinc = entry["measure"]["loinc"]

    assert loinc is None or reference.is_loinc(loinc)
    assert (loinc is None) == (entry["measure"]["loinc_verified"] == "not verified")


@each_entry
def test_units_are_those_of_results_and_ranges_run_from_low_to_high(entry: dict[str, Any]) -> None:
    measure = entry["measure"]
    assert measure["unit"] is None or measure["unit"] in UNITS["result"]
    if "si" in measure:
        assert measure["si"]["unit"] in UNITS["result"]
        assert measure["si"]["factor"] > 0
    for name in ("reference_range", "therapeutic_range"):
        low, high = measure[name] or (None, None)
        assert low is None or high is None or low < high
    low, high = measure["critical_low"], measure["critical_high"]
    assert low is None or high is None or low < high
    assert (low is None and high is None) or measure["unit"] is not None


@each_entry
def test_days_go_forward_inside_their_window(entry: dict[str, Any]) -> None:
    when = entry["schedule"]
    assert when["offsets_days"] == sorted(set(when["offsets_days"]))
    assert when["then_every_days"] is None or when["then_every_days"] > 0
    assert when["until_days"] is None or when["from_days"] < when["until_days"]
    assert all(day > 0 for day in entry["after_dose_change_days"] or ())


def test_one_code_has_one_unit_and_one_factor() -> None:
    by_code: dict[str, set[tuple[str | None, object]]] = {}
    for one in reference.schedules():
        if one.loinc is not None:
            by_code.setdefault(one.loinc, set()).add((one.limits.unit, one.limits.other))

    assert {code: units for code, units in by_code.items() if len(units) > 1} == {}


def test_the_steps_after_a_result_rise_and_name_their_source() -> None:
    rules = {one.after_result.id: one.after_result for one in _with_rule()}

    assert set(rules) == set(FILE["after_results"])
    for rule in rules.values():
        limits = [step.below for step in rule.steps]
        assert limits == sorted(limits)
        assert limits[-1] <= rule.recovered_at
        assert rule.source
        assert rule.verified.startswith("seen")


def _with_rule() -> list[Any]:
    return [one for one in reference.schedules() if one.after_result is not None]


@pytest.mark.parametrize("code", ["2951-2", "14334-7", "751-8", "111770-4"])
def test_a_code_with_its_check_digit_is_loinc(code: str) -> None:
    assert reference.is_loinc(code)


@pytest.mark.parametrize("code", ["2951-3", "29512", "2951-", "-2", "2915-2", "a951-2", "2951-22"])
def test_a_slip_of_the_hand_is_no_loinc(code: str) -> None:
    assert not reference.is_loinc(code)


def test_a_critical_limit_of_a_code_is_the_strictest_of_its_schedules() -> None:
    neutrophils = reference.lab_test("751-8")

    assert neutrophils is not None
    assert neutrophils.critical_low_of is not None
    assert str(neutrophils.limits.critical_low) == "1.0"
    assert neutrophils.critical_low_of.id == "carbamazepine-anc"
    assert reference.lab_test("718-7") is None


def test_a_schedule_for_older_people_stands_in_for_the_usual_one() -> None:
    lithium = medications.by_id("lithium")
    assert lithium is not None

    def ids(age: int | None) -> set[str]:
        return {one.id for one in reference.schedules_for([lithium], age)}

    assert "lithium-level-older" in ids(65)
    assert "lithium-level" not in ids(65)
    assert "lithium-level" in ids(64)
    assert "lithium-level-older" not in ids(64)
    assert {"lithium-level", "lithium-level-older"} <= ids(None)

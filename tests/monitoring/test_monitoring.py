"""What is due, over HTTP, on both databases. Today is 1 June 2026."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from app.identity import service as identity
from app.measurements import observations
from app.measurements.schemas import ObservedValueIn
from tests.conftest import Caller, Clinic

PERSON: dict[str, Any] = {
    "id": "019a5b10-0000-7000-8000-000000000001",
    "name": {"given": "Example", "family": "Patient"},
    "birth_date": "1991-04-17",
    "time_zone": "America/New_York",
}
P = f"/v1/patients/{PERSON['id']}"
NUMBER = iter(range(100_000, 999_999))


@pytest.fixture
def clinician(prescriber: Caller) -> Caller:
    """The prescriber of a patient who is registered and takes nothing."""
    assert prescriber("POST", "/v1/patients", PERSON).status_code == 201
    return prescriber


def new_id() -> str:
    return f"019a5b10-0000-7000-8000-000000{next(NUMBER)}"


def start(caller: Caller, substance: str, on: str, **members: Any) -> str:
    body = {
        "id": new_id(),
        "kind": "drug",
        "reference_id": substance,
        "first_dose_event": {
            "id": new_id(),
            "kind": "start",
            "effective_on": on,
            "dose": None,
            "dose_known": False,
        },
        **members,
    }
    answer = caller("POST", f"{P}/medications", body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def dose_event(caller: Caller, course: str, kind: str, on: str, amount: str | None = None) -> None:
    dose = {"dose": {"amount": amount, "unit": "mg"}, "times_per_day": 2} if amount else {}
    body = {"id": new_id(), "kind": kind, "effective_on": on, **dose}
    answer = caller("POST", f"{P}/medications/{course}/dose-events", body)
    assert answer.status_code == 201, answer.text


def lab(caller: Caller, code: str, value: str, unit: str, on: str, **members: Any) -> None:
    body = {
        "id": new_id(),
        "code": {"system": "http://loinc.org", "code": code},
        "value": value,
        "unit": unit,
        "drawn_on": on,
        **members,
    }
    answer = caller("POST", f"{P}/labs", body)
    assert answer.status_code == 201, answer.text


def listed(caller: Caller) -> dict[str, dict[str, Any]]:
    answer = caller("GET", f"{P}/monitoring")
    assert answer.status_code == 200, answer.text
    return {one["id"]: one for one in answer.json()["items"]}


def test_who_takes_nothing_is_asked_for_nothing(clinician: Caller) -> None:
    answer = clinician("GET", f"{P}/monitoring").json()

    assert answer["patient"]["birth_year"] == 1991
    assert answer["as_of"] == "2026-06-01"
    assert (answer["items"], answer["not_checked"]) == ([], [])
    assert answer["reference"]["version"]


def test_clozapine_without_this_weeks_count_is_overdue(clinician: Caller) -> None:
    start(clinician, "clozapine", "2026-05-01")
    lab(clinician, "751-8", "3.1", "10*3/uL", "2026-05-01")
    lab(clinician, "751-8", "3.0", "10*9/L", "2026-05-22")

    weekly = listed(clinician)["clozapine-anc-weekly"]

    assert weekly["for"] == ["clozapine"]
    assert (weekly["state"], weekly["due_on"], weekly["overdue_days"]) == (
        "overdue",
        "2026-05-29",
        3,
    )
    assert weekly["measure"] == "labs.751-8"
    last = weekly["last"]
    assert (last["value"], last["unit"], last["on"], last["level"]) == (
        "3",
        "10*9/L",
        "2026-05-22",
        "within",
    )
    assert weekly["source"]
    assert weekly["verified"].startswith("seen")


def test_a_count_this_week_makes_it_done(clinician: Caller) -> None:
    start(clinician, "clozapine", "2026-05-01")
    lab(clinician, "751-8", "3.0", "10*3/uL", "2026-05-29")

    weekly = listed(clinician)["clozapine-anc-weekly"]

    assert (weekly["state"], weekly["due_on"]) == ("done", "2026-06-05")


def test_a_first_low_count_is_due_again_the_next_day(clinician: Caller) -> None:
    start(clinician, "clozapine", "2026-05-01")
    lab(clinician, "751-8", "3.0", "10*3/uL", "2026-05-22")
    lab(clinician, "751-8", "1.4", "10*3/uL", "2026-05-29")

    weekly = listed(clinician)["clozapine-anc-weekly"]

    assert (weekly["state"], weekly["reason"], weekly["due_on"]) == (
        "overdue",
        "after_result",
        "2026-05-30",
    )


def test_a_lithium_level_at_three_hours_is_shown_and_does_not_count(clinician: Caller) -> None:
    start(clinician, "lithium", "2026-05-18")
    lab(clinician, "14334-7", "1.1", "mmol/L", "2026-05-25", hours_since_dose=3)

    early = listed(clinician)["lithium-level"]
    lab(clinician, "14334-7", "0.8", "mmol/L", "2026-05-26", hours_since_dose=12)
    valid = listed(clinician)["lithium-level"]

    assert (early["state"], early["due_on"]) == ("overdue", "2026-05-25")
    assert (early["last"]["comparable"], early["last"]["code"]) == (False, "TIMING_OUTSIDE_WINDOW")
    assert (valid["state"], valid["due_on"]) == ("due", "2026-06-01")
    assert (valid["last"]["comparable"], valid["last"]["level"]) == (True, "within")


def test_a_change_of_the_dose_asks_for_a_level_a_week_later(clinician: Caller) -> None:
    course = start(clinician, "lithium", "2025-05-01")
    lab(clinician, "14334-7", "0.7", "mmol/L", "2026-05-01", hours_since_dose=12)
    before = listed(clinician)["lithium-level"]

    dose_event(clinician, course, "change", "2026-05-20", "450")
    after = listed(clinician)["lithium-level"]

    assert (before["state"], before["due_on"]) == ("done", "2026-10-28")
    assert (after["state"], after["reason"], after["due_on"]) == (
        "overdue",
        "after_dose_change",
        "2026-05-27",
    )


def test_the_list_is_empty_the_moment_the_medicine_stops(clinician: Caller) -> None:
    course = start(clinician, "lithium", "2026-05-01")
    assert "lithium-level" in listed(clinician)

    dose_event(clinician, course, "stop", "2026-06-01")

    assert listed(clinician) == {}


def test_a_hold_is_no_stop(clinician: Caller) -> None:
    course = start(clinician, "clozapine", "2026-05-01")

    dose_event(clinician, course, "hold", "2026-05-20")

    assert listed(clinician)["clozapine-anc-weekly"]["state"] == "overdue"


def test_sodium_on_sertraline_is_shown_with_its_last_value_and_nothing_due(
    clinician: Caller,
) -> None:
    start(clinician, "sertraline", "2026-03-03")
    lab(clinician, "2951-2", "138", "mmol/L", "2026-05-11")

    sodium = listed(clinician)["ssri-sodium"]

    assert sodium["measure"] == "labs.2951-2"
    assert sodium["for"] == ["sertraline"]
    assert (sodium["last"]["value"], sodium["last"]["unit"]) == ("138", "mmol/L")
    assert (sodium["state"], sodium["due_on"], sodium["overdue_days"]) == (
        "conditional",
        None,
        None,
    )


def test_metabolic_tests_and_movements_are_due_on_an_antipsychotic(clinician: Caller) -> None:
    start(clinician, "haloperidol", "2025-10-01")

    found = listed(clinician)

    due = {
        "ap-weight",
        "ap-waist",
        "ap-bp-s",
        "ap-glucose",
        "ap-tg",
        "ap-aims-fga",
    }
    assert {found[one]["state"] for one in due} == {"overdue"}
    assert found["ap-aims-fga"]["measure"] == "aims.total"


def observed(clinic: Clinic) -> Callable[..., None]:
    actor = identity.built_in_actor(identity.DEFAULT_CLINIC, "system")

    def record(code: str, value: float, unit: str | None, on: str) -> None:
        data = ObservedValueIn.model_validate_json(
            f'{{"measure": "labs.{code}", "value": {value}, "occurred_on": "{on}"'
            + (f', "unit": "{unit}"}}' if unit else "}")
        )
        clinic.app.state.writer.run(
            observations.record, actor, UUID(str(PERSON["id"])), data, operation="import"
        )

    return record


def test_a_result_that_an_import_brought_counts(clinic: Clinic, clinician: Caller) -> None:
    start(clinician, "clozapine", "2026-05-01")
    observed(clinic)("751-8", 3.0, "10*3/uL", "2026-05-29")

    weekly = listed(clinician)["clozapine-anc-weekly"]

    assert (weekly["state"], weekly["due_on"], weekly["code"]) == ("done", "2026-06-05", None)


def test_a_lithium_level_at_an_hour_that_nobody_recorded_is_shown_and_does_not_count(
    clinic: Clinic, clinician: Caller
) -> None:
    start(clinician, "lithium", "2026-05-18")
    observed(clinic)("14334-7", 0.9, "mmol/L", "2026-05-25")

    level = listed(clinician)["lithium-level"]

    assert (level["state"], level["due_on"]) == ("overdue", "2026-05-25")
    assert level["code"] == "TIMING_UNKNOWN"
    assert (level["last"]["value"], level["last"]["comparable"]) == ("0.9", None)
    assert level["last"]["code"] == "TIMING_UNKNOWN"


def test_a_critical_last_level_is_a_review_and_never_done(clinician: Caller) -> None:
    start(clinician, "lithium", "2025-11-30")
    for hours in (None, 12.0):
        said = {} if hours is None else {"hours_since_dose": hours}
        lab(clinician, "14334-7", "2.6", "mmol/L", "2026-05-30", **said)

        (first, *_) = clinician("GET", f"{P}/monitoring").json()["items"]

        assert (first["id"], first["state"]) == ("lithium-level", "review")
        assert (first["code"], first["due_on"]) == ("CRITICAL_VALUE", None)
        assert first["overdue_days"] is None
        assert first["last"]["level"] == "critical_high"

    lab(clinician, "14334-7", "0.8", "mmol/L", "2026-06-01", hours_since_dose=12)
    assert listed(clinician)["lithium-level"]["state"] == "done"


def test_a_waiver_does_not_cover_a_critical_value_after_it(clinician: Caller) -> None:
    start(clinician, "lithium", "2025-11-30")
    path = f"{P}/monitoring/lithium-level/waiver"
    assert clinician("PUT", path, {"reason": "measured elsewhere"}).status_code == 201

    lab(clinician, "14334-7", "2.6", "mmol/L", "2026-05-30", hours_since_dose=12)

    assert listed(clinician)["lithium-level"]["state"] == "review"


def test_a_course_of_which_no_dose_event_is_told_is_monitored(clinician: Caller) -> None:
    start(clinician, "lithium", "2025-11-30", first_dose_event=None)

    level = listed(clinician)["lithium-level"]

    assert (level["state"], level["code"], level["due_on"]) == ("due", "NEVER_DONE", None)


def test_an_imported_unit_that_does_not_fit_is_done_and_has_no_level(
    clinic: Clinic, clinician: Caller
) -> None:
    start(clinician, "lithium", "2026-05-18")
    observed(clinic)("17861-6", 2.4, "mmol/L", "2026-05-18")
    observed(clinic)("3016-3", 2.0, None, "2026-05-18")

    found = listed(clinician)

    assert (found["lithium-calcium"]["state"], found["lithium-calcium"]["last"]["level"]) == (
        "done",
        "within",
    )
    assert found["lithium-tsh"]["state"] == "done"
    assert found["lithium-tsh"]["last"]["code"] == "UNIT_UNKNOWN"


def test_words_make_a_test_done(clinician: Caller) -> None:
    start(clinician, "lithium", "2026-05-18")
    body = {
        "id": new_id(),
        "code": {"system": "http://loinc.org", "code": "3016-3"},
        "value_text": "haemolysed, normal by report",
        "drawn_on": "2026-05-20",
    }
    assert clinician("POST", f"{P}/labs", body).status_code == 201

    tsh = listed(clinician)["lithium-tsh"]

    assert (tsh["state"], tsh["last"]["value"]) == ("done", None)
    assert tsh["last"]["text"] == "haemolysed, normal by report"


def test_a_result_entered_in_error_no_longer_counts(clinician: Caller) -> None:
    start(clinician, "clozapine", "2026-05-01")
    lab(clinician, "751-8", "3.0", "10*3/uL", "2026-05-29")
    (only,) = clinician("GET", f"{P}/labs").json()["items"]

    clinician("DELETE", f"{P}/labs/{only['id']}", headers={"If-Match": '"1"'})

    assert listed(clinician)["clozapine-anc-weekly"]["state"] == "overdue"


def test_a_medicine_known_by_its_name_alone_is_named_and_nothing_is_due(
    clinician: Caller,
) -> None:
    start(clinician, "lithium", "2026-05-01", reference_id=None, text="Lithium 300 mg")

    answer = clinician("GET", f"{P}/monitoring").json()

    assert answer["items"] == []
    assert [(one["text"], one["candidates"]) for one in answer["not_checked"]] == [
        ("Lithium 300 mg", ["lithium"])
    ]


# ---- waivers


def test_a_waiver_needs_a_reason(clinician: Caller) -> None:
    start(clinician, "lithium", "2025-05-01")
    path = f"{P}/monitoring/lithium-weight/waiver"

    assert clinician("PUT", path, {}).status_code == 422
    assert clinician("PUT", path, {"reason": ""}).status_code == 422
    assert listed(clinician)["lithium-weight"]["state"] == "overdue"


def test_a_waived_test_says_why_and_who(clinician: Caller) -> None:
    start(clinician, "lithium", "2025-05-01")

    answer = clinician(
        "PUT", f"{P}/monitoring/lithium-weight/waiver", {"reason": "weighed by the family doctor"}
    )
    weight = listed(clinician)["lithium-weight"]

    assert answer.status_code == 201, answer.text
    assert answer.json()["waived_by"]["role"] == "prescriber"
    assert (weight["state"], weight["overdue_days"]) == ("waived", None)
    assert weight["waived"] == {
        "reason": "weighed by the family doctor",
        "until_on": None,
        "at": answer.json()["waived_at"],
        "by": answer.json()["waived_by"],
        "version": 1,
    }


def test_a_waiver_ends_on_its_day_and_is_changed_on_its_version(clinician: Caller) -> None:
    start(clinician, "lithium", "2025-05-01")
    path = f"{P}/monitoring/lithium-weight/waiver"
    clinician("PUT", path, {"reason": "in hospital", "until_on": "2026-06-01"})
    assert listed(clinician)["lithium-weight"]["state"] == "waived"

    over = {"reason": "in hospital", "until_on": "2026-05-31"}
    assert clinician("PUT", path, over).status_code == 428
    assert clinician("PUT", path, over, headers={"If-Match": '"1"'}).status_code == 200

    weight = listed(clinician)["lithium-weight"]
    assert (weight["state"], weight["waived"]) == ("overdue", None)


def test_a_waiver_does_not_cover_a_treatment_that_began_later(clinic: Clinic) -> None:
    caller = clinic.as_("prescriber")
    caller("POST", "/v1/patients", PERSON)
    course = start(caller, "lithium", "2025-05-01")
    caller("PUT", f"{P}/monitoring/lithium-weight/waiver", {"reason": "declined"})

    dose_event(caller, course, "stop", "2026-06-01")
    clinic.clock.advance(days=30)
    dose_event(clinic.as_("prescriber"), course, "restart", "2026-06-20", "300")

    weight = listed(clinic.as_("prescriber"))["lithium-weight"]
    assert (weight["state"], weight["waived"]) == ("overdue", None)


def test_a_waiver_does_not_cover_a_low_count_after_it(clinician: Caller) -> None:
    start(clinician, "clozapine", "2026-05-01")
    waived = clinician(
        "PUT", f"{P}/monitoring/clozapine-anc-weekly/waiver", {"reason": "counted elsewhere"}
    )
    assert waived.status_code == 201, waived.text
    assert listed(clinician)["clozapine-anc-weekly"]["state"] == "waived"

    lab(clinician, "751-8", "0.8", "10*3/uL", "2026-05-29")

    assert listed(clinician)["clozapine-anc-weekly"]["state"] == "overdue"


def test_only_what_is_asked_for_can_be_waived_and_only_by_a_named_person(
    clinic: Clinic, clinician: Caller
) -> None:
    start(clinician, "lithium", "2025-05-01")
    reason = {"reason": "not needed"}

    assert clinician("PUT", f"{P}/monitoring/nothing/waiver", reason).status_code == 404
    not_asked = clinician("PUT", f"{P}/monitoring/clozapine-anc-weekly/waiver", reason)
    assert not_asked.status_code == 422
    machine = clinic.as_("system")
    assert machine("PUT", f"{P}/monitoring/lithium-weight/waiver", reason).status_code == 403


def test_a_patient_does_not_read_texts_for_prescribers(clinic: Clinic, clinician: Caller) -> None:
    patient = clinic.as_("patient", patient_id=PERSON["id"])

    assert patient("GET", f"{P}/monitoring").status_code == 403

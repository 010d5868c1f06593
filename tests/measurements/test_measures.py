"""What a number means, over HTTP, on both databases."""

import json
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.clinical.measure import Measure
from app.core.actor import Trace
from app.core.answer import Answer
from app.core.db import Work
from app.identity import service as identity
from app.measurements import service
from app.measurements.service import Reading
from app.patients import service as patients
from tests.conftest import OTHER_CLINIC, Caller, Clinic
from tests.shared import SHARED, needs_shared

PATH = "/v1/reference/measures"
RESTLESSNESS = {
    "code": "restlessness_1_to_7",
    "label": "Restlessness, 1 to 7",
    "domain": "mood_cognition",
    "direction": "lower_better",
    "unit": "{score}",
    "min": 1,
    "max": 7,
    "step": 1,
    "cadence_days": 1,
    "daily_aggregate": "mean",
}
CODE = str(RESTLESSNESS["code"])
PATIENT = UUID("019a5b10-0000-7000-8000-000000000001")
PERSON = {"id": str(PATIENT), "name": {"given": "Example", "family": "Patient"}}


def ask(clinic: Clinic, question: Any, *args: Any) -> Any:
    actor = identity.built_in_actor(identity.DEFAULT_CLINIC, "prescriber")
    return clinic.app.state.reader.ask(question, actor, Trace("-", "GET", "test"), *args)


def measure(clinic: Clinic, code: str) -> Measure:
    found: Measure = ask(clinic, service.measure, code)
    assert ask(clinic, lambda work: service.registry(work)[code]) == found
    return found


def assert_numbers(clinic: Clinic, *readings: Reading) -> None:
    """Let one record assert these numbers."""

    def keep(work: Work, patient_id: UUID) -> Answer:
        service.keep(
            work, patients.get(work, patient_id), uuid4(), 10, readings, first_version=True
        )
        return Answer(b"{}")

    actor = identity.built_in_actor(identity.DEFAULT_CLINIC, "prescriber")
    clinic.app.state.writer.run(keep, actor, PATIENT, operation="keep")


@needs_shared
def test_the_contracts_measure_is_registered(prescriber: Caller) -> None:
    sent = json.loads((SHARED / "contract" / "18-measure.json").read_bytes())
    stored = prescriber("POST", PATH, sent)

    assert stored.status_code == 201, stored.text
    assert sent.items() <= stored.json().items()
    assert (stored.json()["source"], stored.json()["version"]) == ("clinic", 1)
    assert stored.headers["Location"] == f"{PATH}/{sent['code']}"
    assert prescriber("GET", f"{PATH}/{sent['code']}").json() == stored.json()


def test_a_registered_measure_gives_a_direction_to_what_was_recorded_before(
    prescriber: Caller, clinic: Clinic
) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    assert_numbers(clinic, Reading(CODE, 4, date(2026, 3, 30)))
    before = measure(clinic, CODE)
    prescriber("POST", PATH, RESTLESSNESS)
    [row] = ask(clinic, service.series, PATIENT, 10**9)
    after = measure(clinic, row.measure)

    assert (before.direction, before.minimum) == ("none", None)
    assert (after.direction, after.minimum, after.maximum) == ("lower_better", 1, 7)
    assert after.domain == "mood_cognition"
    assert after.cadence_days == (1, 1)


def test_the_same_measure_again_is_there_and_another_under_its_code_is_a_conflict(
    prescriber: Caller,
) -> None:
    first = prescriber("POST", PATH, RESTLESSNESS)
    again = prescriber("POST", PATH, RESTLESSNESS)
    other = prescriber("POST", PATH, RESTLESSNESS | {"direction": "higher_better"})

    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409)
    assert again.content == first.content
    assert other.json()["code"] == "already-exists"


def test_a_measure_is_changed_on_the_version_that_was_read(
    prescriber: Caller, clinic: Clinic
) -> None:
    prescriber("POST", PATH, RESTLESSNESS)
    path = f"{PATH}/{CODE}"
    patch = {"remission": {"op": "<=", "value": 2, "source": "agreed here"}}

    assert prescriber("PATCH", path, patch).status_code == 428
    done = prescriber("PATCH", path, patch, headers={"If-Match": '"1"'})
    stale = prescriber("PATCH", path, patch, headers={"If-Match": '"1"'})
    renamed = prescriber("PATCH", path, {"code": "other"}, headers={"If-Match": '"2"'})

    assert done.status_code == 200, done.text
    assert (done.json()["version"], done.json()["min"]) == (2, 1)
    assert stale.status_code == 412
    assert renamed.status_code == 422
    changed = measure(clinic, CODE)
    assert changed.remission is not None
    assert changed.remission.met(2)
    assert changed.version == 2


def test_the_list_has_the_houses_measures_and_then_the_clinics(
    prescriber: Caller, clinic: Clinic
) -> None:
    prescriber("POST", PATH, RESTLESSNESS)
    listed = prescriber("GET", PATH).json()["items"]
    known = {one["code"]: one for one in listed}
    elsewhere = clinic.as_("prescriber", clinic_id=OTHER_CLINIC)("GET", PATH).json()["items"]

    assert listed[-1]["code"] == CODE
    assert {one["source"] for one in listed[:-1]} == {"house"}
    assert known["mood_cognition.mood"]["direction"] == "higher_better"
    assert known["mood_cognition.anxiety"]["direction"] == "lower_better"
    assert known["sleep.total_sleep_time_min"]["target"] == {"min": 360, "max": 540}
    assert known["side_effects.nausea"]["max"] == 4
    assert known["phq-9.total"]["cadence_days"] == 14
    assert elsewhere == listed[:-1], "another clinic has not registered it"


def test_a_measure_of_the_house_is_shown_and_neither_registered_nor_changed(
    prescriber: Caller,
) -> None:
    shown = prescriber("GET", f"{PATH}/sleep.quality")
    taken = prescriber("POST", PATH, RESTLESSNESS | {"code": "sleep.quality"})
    changed = prescriber("PATCH", f"{PATH}/sleep.quality", {}, headers={"If-Match": '"1"'})

    assert (shown.json()["unit"], shown.json()["source"]) == ("{score}", "house")
    assert taken.status_code == 409
    assert changed.status_code == 404
    assert prescriber("GET", f"{PATH}/nobody.knows").status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"min": 7, "max": 1}, "/max"),
        ({"direction": "target_range"}, "/target"),
        ({"target": {"min": 2, "max": 3}}, "/target"),
        ({"unit": "points"}, "/unit"),
        ({"code": "Restlessness 1-7"}, "/code"),
        ({"id": str(uuid4())}, "/id"),
        ({"bands": [{"label": "low", "min": 0, "max": 3}]}, "/bands/0"),
        (
            {
                "bands": [
                    {"label": "high", "min": 4, "max": 7},
                    {"label": "low", "min": 1, "max": 3},
                ]
            },
            "/bands/1",
        ),
        ({"reliability": {"sd": 1, "r": 1}}, "/reliability/r"),
    ],
)
def test_a_definition_that_contradicts_itself_is_named_where_it_does(
    prescriber: Caller, body: dict[str, Any], pointer: str
) -> None:
    refused = prescriber("POST", PATH, RESTLESSNESS | body)

    assert refused.status_code == 422, refused.text
    assert [fault["pointer"] for fault in refused.json()["errors"]] == [pointer]


def test_a_measure_may_say_all_that_an_instrument_says(prescriber: Caller, clinic: Clinic) -> None:
    prescriber(
        "POST",
        PATH,
        RESTLESSNESS
        | {
            "bands": [{"label": "calm", "min": 1, "max": 3}, {"label": "high", "min": 4, "max": 7}],
            "response": {"kind": "percent_reduction", "value": 50},
            "reliability": {"sd": 1.2, "r": 0.8, "source": "our own sample"},
            "risk_items": [{"item": 1, "at_least": 6}],
        },
    )
    known = measure(clinic, CODE)

    assert [band.label for band in known.bands] == ["calm", "high"]
    assert known.symptom_measure
    assert known.reliability is not None
    assert (known.reliability.sd, known.reliability.r) == (1.2, 0.8)
    assert [(risk.index, risk.at_least) for risk in known.risk_items] == [(1, 6)]


def test_only_a_registered_number_can_go_stale(prescriber: Caller, clinic: Clinic) -> None:
    def stale_on() -> date | None:
        found: date | None = ask(clinic, service.summary, PATIENT)["stale_on"]
        return found

    prescriber("POST", "/v1/patients", PERSON)
    assert_numbers(clinic, Reading(CODE, 4, date(2026, 3, 1)))
    unregistered = stale_on()
    assert_numbers(clinic, Reading("phq-9.total", 12, date(2026, 3, 1)))
    questionnaire = stale_on()
    assert_numbers(clinic, Reading("mood_cognition.mood", 5, date(2026, 3, 1)))
    diary = stale_on()
    prescriber("POST", PATH, RESTLESSNESS)
    assert_numbers(clinic, Reading("mood_cognition.mood", 5, date(2026, 4, 1)))
    of_the_clinic = stale_on()

    assert unregistered is None
    assert questionnaire == date(2026, 4, 27)
    assert diary == date(2026, 3, 9)
    assert of_the_clinic == date(2026, 3, 9), "restlessness of 1 March, daily like a diary"

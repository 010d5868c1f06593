"""Courses and what was done to their dose, over HTTP, on both databases."""

import json
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import event as database_event

from app.clinical.doses import dose_line
from app.core.actor import Trace
from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import AlreadyExists, Invalid
from app.identity import service as identity
from app.medications import service
from app.medications.schemas import (
    AdministrationIn,
    DoseEventIn,
    MedicationIn,
    ReportedSubstance,
    Taken,
)
from app.medications.service import Course
from app.patients import records
from app.patients import service as patients
from tests.conftest import Caller, Clinic
from tests.shared import SHARED, needs_shared

PERSON = {
    "id": "019a5b10-0000-7000-8000-000000000001",
    "name": {"given": "Example", "family": "Patient"},
    "birth_date": "1991-04-17",
    "time_zone": "America/New_York",
}
PATIENT = UUID(str(PERSON["id"]))
PATH = f"/v1/patients/{PATIENT}/medications"
SERTRALINE = "019a5b10-0000-7000-8000-000000000101"
EVENTS = f"{PATH}/{SERTRALINE}/dose-events"
ADMINISTRATIONS = f"{PATH}/{SERTRALINE}/administrations"
COURSE: dict[str, Any] = {
    "id": SERTRALINE,
    "kind": "drug",
    "code": {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "36437"},
    "first_dose_event": {
        "id": "019a5b10-0000-7000-8000-000000000201",
        "kind": "start",
        "effective_on": "2026-03-03",
        "dose": {"amount": "50", "unit": "mg"},
        "times_per_day": 1,
        "reason": "initial",
    },
}


def contract(name: str) -> Any:
    return json.loads((SHARED / "contract" / f"{name}.json").read_bytes())


def change(**members: Any) -> dict[str, Any]:
    """A change to 100 mg on 14 April, with some members changed or (None) left out."""
    body = {
        "id": str(uuid4()),
        "kind": "change",
        "effective_on": "2026-04-14",
        "dose": {"amount": "100", "unit": "mg"},
        "times_per_day": 1,
        **members,
    }
    return {name: value for name, value in body.items() if value is not None}


def faults(refused: httpx.Response, status: int = 422) -> dict[str, str]:
    assert refused.status_code == status, refused.text
    return {one["pointer"]: one["detail"] for one in refused.json()["errors"]}


@pytest.fixture
def caller(prescriber: Caller) -> Caller:
    """A prescriber with one patient who takes sertraline 50 mg since 3 March."""
    assert prescriber("POST", "/v1/patients", PERSON).status_code == 201
    begun = prescriber("POST", PATH, COURSE)
    assert begun.status_code == 201, begun.text
    return prescriber


def run(clinic: Clinic, do: Any, *args: Any) -> Any:
    """Run a service as another room does: inside one call of the writer."""
    actor = identity.built_in_actor(identity.DEFAULT_CLINIC, "prescriber")
    return clinic.app.state.writer.run(do, actor, PATIENT, *args, operation="test")


def courses(clinic: Clinic, sequence: int | None = None) -> list[Course]:
    actor = identity.built_in_actor(identity.DEFAULT_CLINIC, "prescriber")
    found: list[Course] = clinic.app.state.reader.ask(
        service.courses, actor, Trace("-", "GET", "test"), PATIENT, sequence
    )
    return found


def doses_of(course: Course, as_of: date = date(2026, 6, 1)) -> list[tuple[str, Decimal | None]]:
    line = dose_line(course.events, as_of=as_of)
    return [(str(epoch.from_day), epoch.tdd) for epoch in line.epochs]


# ---- the contract


@needs_shared
def test_the_contract_s_courses_and_dose_events_are_kept_as_they_are(prescriber: Caller) -> None:
    prescriber("POST", "/v1/patients", contract("01-patient"))
    sent = {
        name: contract(name) for name in ("03-medication", "04-supplement", "23-prn-medication")
    }

    for body in sent.values():
        answer = prescriber("POST", PATH, body)
        assert answer.status_code == 201, answer.text
        assert answer.headers["Location"] == f"{PATH}/{body['id']}"
        assert answer.headers["ETag"] == '"1"'
        assert answer.json().items() >= {**body, "version": 1, "status": "active"}.items()
    changed = prescriber("POST", EVENTS, contract("05-dose-event"))
    tapered = prescriber("POST", EVENTS, contract("22-taper-plan"))

    assert changed.status_code == 201, changed.text
    assert changed.json()["medication_id"] == SERTRALINE
    assert changed.json()["dose"] == {"amount": "100", "unit": "mg"}
    assert changed.json()["times_per_day"] == 1
    assert tapered.status_code == 201, tapered.text
    assert [one["effective_on"] for one in tapered.json()["items"]] == [
        "2026-09-01",
        "2026-09-22",
        "2026-10-13",
    ]
    listed = prescriber("GET", EVENTS).json()["items"]
    assert [one["effective_on"] for one in listed] == [
        "2026-03-03",
        "2026-04-14",
        "2026-09-01",
        "2026-09-22",
        "2026-10-13",
    ]
    assert listed[3]["percent_of_previous"] == 50
    names = [one["name"] for one in prescriber("GET", PATH).json()["items"]]
    assert names == ["sertraline", "St John's wort", "lorazepam"]


@needs_shared
def test_the_contract_s_administrations_are_kept_as_they_are(caller: Caller) -> None:
    answer = caller("POST", ADMINISTRATIONS, contract("20-administrations"))
    again = caller("POST", ADMINISTRATIONS, contract("20-administrations"))

    assert answer.status_code == 201, answer.text
    assert [(one["taken"], one["day"]) for one in answer.json()["items"]] == [
        ("no", "2026-04-22"),
        ("partial", "2026-04-23"),
    ]
    assert again.status_code == 200
    assert again.content == answer.content
    assert len(caller("GET", ADMINISTRATIONS).json()["items"]) == 2


# ---- courses


def test_a_course_sent_twice_is_there_once_with_its_dose_event(caller: Caller) -> None:
    again = caller("POST", PATH, COURSE)
    other = caller("POST", PATH, COURSE | {"form": "tablet"})

    assert again.status_code == 200
    assert other.status_code == 409
    assert len(caller("GET", PATH).json()["items"]) == 1
    (event,) = caller("GET", EVENTS).json()["items"]
    assert event["id"] == "019a5b10-0000-7000-8000-000000000201"
    assert event["medication_id"] == SERTRALINE


def test_a_first_dose_event_under_a_taken_id_refuses_the_whole_course(caller: Caller) -> None:
    second = {**COURSE, "id": str(uuid4())}

    assert caller("POST", PATH, second).status_code == 409
    assert caller("GET", f"{PATH}/{second['id']}").status_code == 404


def test_a_code_says_which_substance_of_the_reference_it_is(caller: Caller) -> None:
    known = caller("GET", f"{PATH}/{SERTRALINE}").json()
    text = caller("POST", PATH, {"id": str(uuid4()), "kind": "supplement", "text": "herbal tea"})

    assert (known["name"], known["reference_id"]) == ("sertraline", "sertraline")
    assert (text.json()["name"], text.json()["reference_id"]) == ("herbal tea", None)


def test_a_substance_has_to_be_named_and_known(caller: Caller) -> None:
    bare = {"id": str(uuid4()), "kind": "drug"}

    assert "" in faults(caller("POST", PATH, bare))
    assert "/reference_id" in faults(caller("POST", PATH, bare | {"reference_id": "no-such"}))
    other = {"code": COURSE["code"], "reference_id": "lorazepam"}
    assert "/reference_id" in faults(caller("POST", PATH, bare | other))


def test_active_on_gives_the_courses_with_a_running_dose_that_day(
    caller: Caller, clinic: Clinic
) -> None:
    stop = {"kind": "stop", "effective_on": "2026-05-01", "dose": None, "times_per_day": None}
    caller("POST", EVENTS, change(**stop))
    wort = MedicationIn(
        id=uuid4(),
        kind="supplement",
        reference_id="st-johns-wort",
        first_dose_event=DoseEventIn(kind="start", effective_on=date(2026, 4, 1), dose_known=False),
    )

    run(clinic, service.record, wort)

    def active(day: str) -> list[str]:
        listed = caller("GET", f"{PATH}?active_on={day}").json()["items"]
        return sorted(one["name"] for one in listed)

    assert active("2026-03-02") == []
    assert active("2026-03-03") == ["sertraline"]
    assert active("2026-04-30") == ["St John's wort", "sertraline"]
    assert active("2026-05-01") == ["St John's wort"]

    def end(work: Work, patient_id: UUID) -> Answer:
        assert wort.id is not None
        stop = service.within(DoseEventIn(kind="stop"), wort.id)
        return records.post(work, service.imported_event(()), patient_id, stop)

    run(clinic, end)
    assert active("2026-05-01") == []
    assert caller("GET", f"{PATH}?active_on=1").status_code == 400
    assert caller("GET", f"{PATH}?active=2026-05-01").status_code == 400


def test_pages_of_courses_and_dose_events_give_each_once(caller: Caller) -> None:
    caller("POST", PATH, {"id": str(uuid4()), "kind": "supplement", "reference_id": "melatonin"})
    caller("POST", EVENTS, change())

    for path in (PATH, EVENTS):
        first = caller("GET", f"{path}?limit=1").json()
        second = caller("GET", path, params={"limit": 1, "cursor": first["next"]}).json()
        assert len({one["id"] for one in first["items"] + second["items"]}) == 2
        assert second["next"] is None


def test_a_course_is_corrected_but_not_the_event_that_began_it(caller: Caller) -> None:
    path = f"{PATH}/{SERTRALINE}"
    version = {"If-Match": '"1"'}

    dose = {"first_dose_event": {"dose": {"amount": "25"}}}
    assert "/first_dose_event" in faults(caller("PATCH", path, dose, headers=version))
    done = caller("PATCH", path, {"route": "oral"}, headers=version)

    assert done.status_code == 200, done.text
    assert (done.json()["route"], done.json()["version"]) == ("oral", 2)
    assert done.json()["first_dose_event"]["dose"]["amount"] == "50"
    assert len(caller("GET", f"{path}/history").json()["items"]) == 2


def test_a_withdrawn_course_is_in_no_list_and_no_reading(caller: Caller, clinic: Clinic) -> None:
    gone = caller("DELETE", f"{PATH}/{SERTRALINE}", headers={"If-Match": '"1"'})

    assert gone.status_code == 200, gone.text
    assert caller("GET", PATH).json()["items"] == []
    assert len(caller("GET", f"{PATH}?status=all").json()["items"]) == 1
    assert caller("GET", f"{PATH}/{SERTRALINE}").json()["status"] == "entered_in_error"
    assert courses(clinic) == []


# ---- dose events


def test_an_event_that_arrives_late_re_orders_the_line(caller: Caller, clinic: Clinic) -> None:
    caller("POST", EVENTS, change())
    before = courses(clinic)[0]
    caller(
        "POST",
        EVENTS,
        change(effective_on="2026-03-20", dose={"amount": "75", "unit": "mg"}),
    )
    after = courses(clinic)[0]

    assert doses_of(before) == [("2026-03-03", Decimal(50)), ("2026-04-14", Decimal(100))]
    assert doses_of(after) == [
        ("2026-03-03", Decimal(50)),
        ("2026-03-20", Decimal(75)),
        ("2026-04-14", Decimal(100)),
    ]


def test_what_was_known_at_a_past_sequence_is_known_again(caller: Caller, clinic: Clinic) -> None:
    event = change()
    caller("POST", EVENTS, event)
    then = max(one.seq for one in courses(clinic)[0].events)
    patch = {"dose": {"amount": "75"}}
    done = caller("PATCH", f"{EVENTS}/{event['id']}", patch, headers={"If-Match": '"1"'})
    assert done.status_code == 200, done.text
    # Both were recorded at one moment of the test's clock, and then stand by id.
    second = {"id": str(UUID(int=2**128 - 1)), "kind": "supplement", "reference_id": "melatonin"}
    assert caller("POST", PATH, second).status_code == 201

    assert doses_of(courses(clinic)[0])[-1] == ("2026-04-14", Decimal(75))
    assert [one.name for one in courses(clinic)] == ["sertraline", "melatonin"]
    (known,) = courses(clinic, then)
    assert doses_of(known)[-1] == ("2026-04-14", Decimal(100))
    assert courses(clinic, 1) == []


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"kind": "change"}, "/first_dose_event/effective_on"),
        (
            {"kind": "start", "effective_on": "2026-04-14", "percent_of_previous": "50"},
            "/first_dose_event/",
        ),
    ],
)
def test_a_first_dose_event_that_cannot_be_is_refused_by_its_name(
    caller: Caller, wrong: dict[str, Any], named: str
) -> None:
    """The review of the list reads it too, and must not be the first to find out."""
    first = {"dose": {"amount": "50", "unit": "mg"}, "times_per_day": 1, **wrong}
    refused = caller("POST", PATH, COURSE | {"id": str(uuid4()), "first_dose_event": first})

    assert refused.status_code == 422, refused.text
    assert any(one.startswith(named) for one in faults(refused)), faults(refused)


def test_all_courses_are_read_in_two_queries(caller: Caller, clinic: Clinic) -> None:
    for _ in range(3):
        caller("POST", PATH, {**COURSE, "id": str(uuid4()), "first_dose_event": change()})
    asked: list[str] = []

    def count(work: Work, patient_id: UUID) -> list[Course]:
        patients.get(work, patient_id)
        database_event.listen(work.session.get_bind(), "before_cursor_execute", seen)
        found = service.courses(work, patient_id)
        database_event.remove(work.session.get_bind(), "before_cursor_execute", seen)
        return found

    def seen(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        asked.append(statement)

    actor = identity.built_in_actor(identity.DEFAULT_CLINIC, "prescriber")
    trace = Trace("-", "GET", "test")
    found = clinic.app.state.reader.ask(count, actor, trace, PATIENT)

    assert [len(one.events) for one in found] == [1, 1, 1, 1]
    assert len(asked) == 2


def test_an_unknown_dose_and_a_percent_are_kept_as_what_they_are(
    caller: Caller, clinic: Clinic
) -> None:
    unknown = change(effective_on="2026-03-20", times_per_day=None) | {
        "dose": None,
        "dose_known": False,
    }
    half = change(dose=None, times_per_day=None, percent_of_previous=50)

    assert caller("POST", EVENTS, unknown).status_code == 201
    assert caller("POST", EVENTS, half).status_code == 201
    assert doses_of(courses(clinic)[0])[1:] == [("2026-03-20", None), ("2026-04-14", None)]
    caller("DELETE", f"{EVENTS}/{unknown['id']}", headers={"If-Match": '"1"'})
    assert doses_of(courses(clinic)[0])[1:] == [("2026-04-14", Decimal(25))]


def test_a_dose_is_answered_without_trailing_zeros_in_its_own_unit(caller: Caller) -> None:
    for amount, unit, shown in (
        ("55.50", "mg", "55.5"),
        ("50000.0", "mcg", "50000"),
        (0.05, "g", "0.05"),
    ):
        answer = caller("POST", EVENTS, change(dose={"amount": amount, "unit": unit}))
        assert answer.json()["dose"] == {"amount": shown, "unit": unit.replace("mcg", "ug")}


@pytest.mark.parametrize(("unit", "meant"), [("MG", "mg"), ("µg", "ug"), ("mgs", "mg")])
def test_a_unit_that_is_not_on_the_list_is_refused_with_the_one_that_was_meant(
    caller: Caller, unit: str, meant: str
) -> None:
    refused = faults(caller("POST", EVENTS, change(dose={"amount": "1", "unit": unit})))
    first = {**COURSE["first_dose_event"], "dose": {"amount": "1", "unit": unit}}
    nested = caller("POST", PATH, COURSE | {"id": str(uuid4()), "first_dose_event": first})

    assert refused["/dose/unit"].endswith(f"did you mean {meant}?")
    assert "one of [drp] [iU] g mL" in refused["/dose/unit"]
    assert "{tablet}" in refused["/dose/unit"]
    assert "{{" not in refused["/dose/unit"]
    assert "/first_dose_event/dose/unit" in faults(nested)


@pytest.mark.parametrize("amount", [".5", "1e3", True, 0, "0", "-1", "1,5", "0.00001"])
def test_an_amount_is_a_plain_decimal_above_0(caller: Caller, amount: object) -> None:
    refused = caller("POST", EVENTS, change(dose={"amount": amount, "unit": "mg"}))

    assert list(faults(refused)) == ["/dose/amount"]


@pytest.mark.parametrize(
    ("patch", "status", "pointers"),
    [
        ('{"dose": {"amount": 1e2}}', 422, ["/dose/amount"]),
        ('{"id": "019a5b10-0000-7000-8000-00000000ffff"}', 422, ["/id"]),
        ('{"reason_text": "a\\ud800"}', 400, []),
    ],
)
def test_a_patch_is_read_as_strictly_as_a_whole_body(
    caller: Caller, patch: str, status: int, pointers: list[str]
) -> None:
    event = change(id=str(uuid4()), dose={"amount": "50", "unit": "mg"})
    assert caller("POST", EVENTS, event).status_code == 201

    refused = caller(
        "PATCH",
        f"{EVENTS}/{event['id']}",
        content=patch,
        headers={"Content-Type": "application/merge-patch+json", "If-Match": '"1"'},
    )

    assert refused.status_code == status, refused.text
    assert [one["pointer"] for one in refused.json().get("errors", [])] == pointers


@pytest.mark.parametrize("written", ["1e2", "1E+2", "0.5e2", "1e-1"])
def test_a_dose_has_no_exponent_also_as_a_json_number(caller: Caller, written: str) -> None:
    body = json.dumps(change(dose={"amount": "50", "unit": "mg"})).replace('"50"', written)

    refused = caller("POST", EVENTS, content=body, headers={"Content-Type": "application/json"})

    assert list(faults(refused)) == ["/dose/amount"]


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"effective_at": "2026-04-14T08:00:00-04:00"}, "/effective_at"),
        ({"effective_on": None}, "/effective_on"),
        ({"effective_on": "1991-04-16"}, "/effective_on"),
        ({"effective_on": "1899-12-31"}, "/effective_on"),
        ({"effective_on": "2026-06-03"}, "/effective_on"),
        ({"effective_on": None, "effective_at": "2026-06-02T12:00:01Z"}, "/effective_at"),
        ({"dose": None}, "/dose"),
        ({"dose_known": False}, "/dose_known"),
        ({"percent_of_previous": 50}, "/percent_of_previous"),
        ({"percent_of_previous": 0, "dose": None}, "/percent_of_previous"),
        ({"kind": "stop"}, "/dose"),
        ({"kind": "hold"}, "/dose"),
        ({"dose": None, "rate": {"amount": "25", "unit": "ug/h"}}, "/times_per_day"),
        ({"dose": {"amount": "25", "unit": "ug/h"}}, "/dose/unit"),
        ({"kind": "raise"}, "/kind"),
        ({"reason": "mood"}, "/reason"),
        ({"medication_id": str(uuid4())}, "/medication_id"),
        ({"unconfirmed": ["above-maximum"]}, "/unconfirmed"),
        ({"confirmation": {"codes": [], "reason": "meant"}}, "/confirmation/codes"),
    ],
)
def test_a_day_or_dose_that_cannot_be_is_refused_where_it_stands(
    caller: Caller, members: dict[str, Any], pointer: str
) -> None:
    assert list(faults(caller("POST", EVENTS, change(**members)))) == [pointer]
    assert len(caller("GET", EVENTS).json()["items"]) == 1


def test_only_a_planned_step_may_lie_ahead(caller: Caller) -> None:
    assert caller("POST", EVENTS, change(effective_on="2026-06-02")).status_code == 201
    ahead = change(effective_on="2026-09-01", planned=True)

    assert caller("POST", EVENTS, ahead).status_code == 201
    done = caller(
        "PATCH", f"{EVENTS}/{ahead['id']}", {"planned": False}, headers={"If-Match": '"1"'}
    )
    assert "/effective_on" in faults(done)


def test_one_bad_step_keeps_all_steps_out(caller: Caller) -> None:
    good, bad = change(), change(dose={"amount": "1", "unit": "MG"})
    late = change(effective_on="2027-01-01")
    nameless = change(id=None)

    assert "/steps/1/dose/unit" in faults(caller("POST", EVENTS, {"steps": [good, bad]}))
    assert "/steps/1/effective_on" in faults(caller("POST", EVENTS, {"steps": [good, late]}))
    assert "/steps/0/id" in faults(caller("POST", EVENTS, {"steps": [nameless]}))
    assert len(caller("GET", EVENTS).json()["items"]) == 1


def test_a_moment_belongs_to_the_patient_s_day_and_keeps_its_offset(
    caller: Caller, clinic: Clinic
) -> None:
    at = "2026-04-15T01:30:00Z"
    answer = caller("POST", EVENTS, change(effective_on=None, effective_at=at)).json()

    assert (answer["effective_on"], answer["effective_at"]) == ("2026-04-14", at)
    event = courses(clinic)[0].events[1]
    assert (str(event.day), str(event.time)) == ("2026-04-14", "21:30:00")


def test_a_dose_event_is_sent_twice_put_corrected_and_withdrawn(caller: Caller) -> None:
    event = change()
    path = f"{EVENTS}/{event['id']}"
    version = {"If-Match": '"1"'}

    assert caller("PUT", path, event).status_code == 201
    assert caller("POST", EVENTS, event).status_code == 200
    assert caller("POST", EVENTS, event | {"reason": "taper"}).status_code == 409
    assert caller("PUT", path, event | {"reason": "taper"}).status_code == 428
    assert caller("PUT", path, event | {"reason": "taper"}, headers=version).status_code == 200
    assert caller("PATCH", path, {"reason": "switch"}, headers=version).status_code == 412
    patched = caller("PATCH", path, {"reason": "switch"}, headers={"If-Match": '"2"'})
    assert patched.json()["reason"] == "switch", patched.text
    assert caller("DELETE", path, headers=version).status_code == 412
    gone = caller("DELETE", f"{path}?reason=twice", headers={"If-Match": '"3"'})

    assert gone.status_code == 200, gone.text
    assert gone.json()["medication_id"] == SERTRALINE
    assert caller("GET", path).json()["status"] == "entered_in_error"
    assert len(caller("GET", EVENTS).json()["items"]) == 1
    history = caller("GET", f"{path}/history").json()["items"]
    assert [one["version"] for one in history] == [4, 3, 2, 1]


def test_an_event_stays_with_its_course(caller: Caller) -> None:
    event = change()
    caller("POST", EVENTS, event)
    other = str(uuid4())
    caller("POST", PATH, {"id": other, "kind": "supplement", "reference_id": "melatonin"})
    elsewhere = f"{PATH}/{other}/dose-events"
    version = {"If-Match": '"1"'}

    assert caller("GET", elsewhere).json()["items"] == []
    assert caller("GET", f"{elsewhere}/{event['id']}").status_code == 404
    assert caller("GET", f"{elsewhere}/{event['id']}/history").status_code == 404
    assert caller("DELETE", f"{elsewhere}/{event['id']}", headers=version).status_code == 404
    assert caller("POST", elsewhere, event).status_code == 409
    moved = caller("PATCH", f"{EVENTS}/{event['id']}", {"medication_id": other}, headers=version)
    assert "/medication_id" in faults(moved)


def test_an_unknown_course_and_another_patient_s_are_equally_absent(caller: Caller) -> None:
    other = str(uuid4())
    caller("POST", "/v1/patients", {"id": other, "name": PERSON["name"]})
    foreign = f"/v1/patients/{other}/medications/{SERTRALINE}"
    unknown = f"{PATH}/{uuid4()}"

    for path in (foreign, unknown):
        assert caller("GET", path).status_code == 404
        for part, body in (("dose-events", change()), ("administrations", taken())):
            assert caller("POST", f"{path}/{part}", body).status_code == 404
            assert caller("GET", f"{path}/{part}").status_code == 404
            assert caller("GET", f"{path}/{part}/{uuid4()}").status_code == 404
        assert caller("PUT", f"{path}/dose-events/{uuid4()}", change(id=None)).status_code == 404


def test_a_patient_reads_the_dose_and_cannot_change_it(caller: Caller, clinic: Clinic) -> None:
    patient = clinic.as_("patient", patient_id=PATIENT)

    assert len(patient("GET", EVENTS).json()["items"]) == 1
    assert patient("POST", EVENTS, change()).status_code == 403
    assert patient("POST", PATH, COURSE | {"id": str(uuid4())}).status_code == 403


def test_without_an_id_a_key_is_needed_and_sends_once(caller: Caller) -> None:
    event = change(id=None)
    key = {"Idempotency-Key": "k-1"}

    assert caller("POST", EVENTS, event).status_code == 400
    first = caller("POST", EVENTS, event, headers=key)
    again = caller("POST", EVENTS, event, headers=key)
    assert first.status_code == 201, first.text
    assert again.json()["id"] == first.json()["id"]


# ---- administrations


def taken(**members: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), "taken": "yes", "at": "2026-04-20T07:40:00-04:00", **members}


def test_an_administration_needs_a_time_that_can_be(caller: Caller) -> None:
    assert "/at" in faults(caller("POST", ADMINISTRATIONS, taken(at=None)))
    assert "/at" in faults(caller("POST", ADMINISTRATIONS, taken(at="2026-06-03T07:40:00Z")))
    assert "/due_at" in faults(
        caller("POST", ADMINISTRATIONS, taken(due_at="1990-06-03T07:40:00Z"))
    )
    many = {"administrations": [taken(), taken(taken="maybe")]}
    assert "/administrations/1/taken" in faults(caller("POST", ADMINISTRATIONS, many))
    assert caller("GET", ADMINISTRATIONS).json()["items"] == []


def test_a_dose_counts_on_the_day_it_was_due(caller: Caller) -> None:
    late = taken(due_at="2026-04-20T22:00:00-04:00", at="2026-04-21T00:30:00-04:00")

    assert caller("POST", ADMINISTRATIONS, late).json()["day"] == "2026-04-20"


def test_a_patient_says_what_was_taken_and_staff_corrects_it(
    caller: Caller, clinic: Clinic
) -> None:
    said = taken()
    path = f"{ADMINISTRATIONS}/{said['id']}"
    patient = clinic.as_("patient", patient_id=PATIENT)

    assert patient("POST", ADMINISTRATIONS, said).status_code == 201
    patch = {"taken": "no", "change_reason": {"code": "patient_correction"}}
    assert caller("PATCH", path, patch).status_code == 428
    assert caller("PATCH", path, patch, headers={"If-Match": '"1"'}).json()["taken"] == "no"
    assert caller("DELETE", path, headers={"If-Match": '"2"'}).status_code == 200
    assert caller("GET", ADMINISTRATIONS).json()["items"] == []
    assert len(caller("GET", f"{path}/history").json()["items"]) == 3


# ---- what other rooms call


def test_ids_that_are_no_courses_of_the_patient_are_refused_where_they_stand(
    caller: Caller, clinic: Clinic
) -> None:
    def require(work: Work, patient_id: UUID, *ids: UUID) -> Answer:
        service.require_courses(work, patient_id, ids, "/suspected/0")
        return Answer(b"{}")

    run(clinic, require, UUID(SERTRALINE))
    with pytest.raises(Invalid) as refused:
        run(clinic, require, UUID(SERTRALINE), uuid4())
    assert refused.value.faults[0].pointer == "/suspected/0"


def test_an_imported_order_counts_only_once_a_prescriber_confirms_it(
    caller: Caller, clinic: Clinic
) -> None:
    event = DoseEventIn.model_validate(change(dose={"amount": "1000", "unit": "mg"}))

    def import_(work: Work, patient_id: UUID) -> Answer:
        kind = service.imported_event(("above-maximum", "tenfold-jump"))
        return records.post(work, kind, patient_id, service.within(event, UUID(SERTRALINE)))

    run(clinic, import_)
    path = f"{EVENTS}/{event.id}"
    assert caller("GET", path).json()["unconfirmed"] == ["above-maximum", "tenfold-jump"]
    assert doses_of(courses(clinic)[0]) == [("2026-03-03", Decimal(50))]
    caller("PATCH", path, {"reason": "switch"}, headers={"If-Match": '"1"'})
    assert doses_of(courses(clinic)[0]) == [("2026-03-03", Decimal(50))]

    word = {"codes": ["above-maximum", "tenfold-jump"], "reason": "written by the clinic before"}
    done = caller("PATCH", path, {"confirmation": word}, headers={"If-Match": '"2"'})

    assert done.status_code == 200, done.text
    assert "unconfirmed" not in done.json()
    assert doses_of(courses(clinic)[0])[-1] == ("2026-04-14", Decimal(1000))


def test_the_word_of_a_prescriber_closes_the_signal_of_an_imported_dose(
    caller: Caller, clinic: Clinic
) -> None:
    event = DoseEventIn.model_validate(
        change(dose={"amount": "1000", "unit": "mg"}, effective_on="2026-05-20")
    )

    def import_(work: Work, patient_id: UUID) -> Answer:
        kind = service.imported_event(("above-maximum", "tenfold-jump"))
        return records.post(work, kind, patient_id, service.within(event, UUID(SERTRALINE)))

    def waiting() -> list[dict[str, Any]]:
        signals = caller("GET", f"/v1/patients/{PATIENT}/signals").json()["items"]
        return [one for one in signals if one["code"] == "unconfirmed_dose"]

    run(clinic, import_)
    path = f"{EVENTS}/{event.id}"
    part = {"codes": ["above-maximum"], "reason": "only half of it"}
    caller("PATCH", path, {"confirmation": part}, headers={"If-Match": '"1"'})
    assert [one["state"] for one in waiting()] == ["open"]

    word = {"codes": ["above-maximum", "tenfold-jump"], "reason": "written by the clinic before"}
    done = caller("PATCH", path, {"confirmation": word}, headers={"If-Match": '"2"'})

    assert done.status_code == 200, done.text
    (signal,) = waiting()
    assert (signal["state"], signal["action"]) == (
        "closed",
        "dose confirmed: written by the clinic before",
    )
    assert signal["closed"]["by"] == done.json()["author"]["id"]


def test_what_came_in_something_else_is_linked_and_not_doubled(
    caller: Caller, clinic: Clinic
) -> None:
    sent = change()
    caller("POST", EVENTS, sent)

    def nested(work: Work, patient_id: UUID, dose: str) -> Answer:
        body = sent | {"dose": {"amount": dose, "unit": "mg"}, "medication_id": SERTRALINE}
        event = DoseEventIn.model_validate_json(json.dumps(body))
        return service.record_dose_event(work, patient_id, UUID(SERTRALINE), event)

    linked = run(clinic, nested, "100")
    assert (linked.created, linked.version) == (False, 1)
    with pytest.raises(AlreadyExists):
        run(clinic, nested, "200")


def test_a_reported_substance_becomes_a_course_that_ended(caller: Caller, clinic: Clinic) -> None:
    told = ReportedSubstance.model_validate_json(
        json.dumps(
            {
                "id": str(uuid4()),
                "kind": "supplement",
                "substance": {"reference_id": "melatonin"},
                "from_on": "2026-04-10",
                "to_on": "2026-04-10",
                "dose": None,
                "dose_known": False,
            }
        )
    )

    def report(work: Work, patient_id: UUID, seen_on: date) -> Answer:
        person = patients.get(work, patient_id)
        return service.report_substance(work, person, told, seen_on, pointer="/reported/0")

    first = run(clinic, report, date(2026, 4, 13))
    again = run(clinic, report, date(2026, 4, 13))

    assert (first.created, again.created) == (True, False)
    course = courses(clinic)[1]
    assert (course.id, course.name, course.reference_id) == (told.id, "melatonin", "melatonin")
    line = dose_line(course.events, as_of=date(2026, 6, 1))
    assert [(str(e.from_day), str(e.to_day), e.on) for e in line.epochs] == [
        ("2026-04-10", "2026-04-11", True),
        ("2026-04-11", "None", False),
    ]
    with pytest.raises(Invalid) as refused:
        run(clinic, report, date(2026, 4, 9))
    assert [fault.pointer for fault in refused.value.faults] == [
        "/reported/0/from_on",
        "/reported/0/to_on",
    ]


def test_what_a_check_in_says_was_taken_follows_the_check_in(
    caller: Caller, clinic: Clinic
) -> None:
    check_in = uuid4()
    day = date(2026, 4, 20)

    def say(work: Work, patient_id: UUID, version: int, *answers: Taken) -> Answer:
        work.memory["versions", check_in] = tuple(range(1, version))
        person = patients.get(work, patient_id)
        kept = set()
        for place, answer in enumerate(answers):
            said = AdministrationIn(medication_id=UUID(SERTRALINE), taken=answer)
            kept.add(
                service.administer(
                    work, person, said, UUID(SERTRALINE), check_in, day, place=place
                ).record_id
            )
        service.forget_reported(work, person, check_in, kept)
        return Answer(b"{}")

    def listed() -> list[tuple[str, str, int]]:
        items = caller("GET", ADMINISTRATIONS).json()["items"]
        assert {one["reported_in"] for one in items} <= {str(check_in)}
        return sorted((one["taken"], one["day"], one["version"]) for one in items)

    run(clinic, say, 1, "yes", "no")
    assert listed() == [("no", "2026-04-20", 1), ("yes", "2026-04-20", 1)]
    run(clinic, say, 2, "partial")
    assert listed() == [("partial", "2026-04-20", 2)]
    run(clinic, say, 3, "partial", "no")
    assert listed() == [("no", "2026-04-20", 3), ("partial", "2026-04-20", 2)]


def test_an_administration_of_another_check_in_keeps_its_id(caller: Caller, clinic: Clinic) -> None:
    said = AdministrationIn(id=uuid4(), medication_id=UUID(SERTRALINE), taken="yes")

    def say(work: Work, patient_id: UUID, reported_in: UUID, answer: Taken) -> Answer:
        person = patients.get(work, patient_id)
        data = said.model_copy(update={"taken": answer})
        return service.administer(
            work, person, data, UUID(SERTRALINE), reported_in, date(2026, 4, 20)
        )

    run(clinic, say, uuid4(), "yes")
    assert run(clinic, say, uuid4(), "yes").created is False
    with pytest.raises(AlreadyExists):
        run(clinic, say, uuid4(), "no")

"""The caseload over HTTP, on both databases; the job is driven by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event

from app.caseload import refresh as job
from app.caseload.page import NEEDS
from app.caseload.refresh import Refresher
from app.core.actor import Trace
from app.identity import service as identity
from tests.conftest import OTHER_CLINIC, Caller, Clinic

Json = dict[str, Any]
PATH = "/v1/caseload"


def person(caller: Caller, family: str = "One", zone: str | None = "America/New_York") -> str:
    body = {
        "id": str(uuid4()),
        "name": {"given": "Example", "family": family},
        "birth_date": "1991-04-17",
        "time_zone": zone,
        "synthetic": True,
    }
    assert caller("POST", "/v1/patients", body).status_code == 201
    return str(body["id"])


def score(caller: Caller, patient: str, day: str, total: int, **more: Any) -> Json:
    body = {"id": str(uuid4()), "instrument": "phq-9", "occurred_at": f"{day}T10:00:00-04:00"}
    answer = caller("POST", f"/v1/patients/{patient}/assessments", body | {"total": total} | more)
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


def start(caller: Caller, patient: str, day: str, amount: str = "50") -> str:
    body = {
        "id": str(uuid4()),
        "kind": "drug",
        "reference_id": "sertraline",
        "first_dose_event": {
            "id": str(uuid4()),
            "kind": "start",
            "effective_on": day,
            "dose": {"amount": amount, "unit": "mg"},
            "times_per_day": 1,
        },
    }
    answer = caller("POST", f"/v1/patients/{patient}/medications", body)
    assert answer.status_code == 201, answer.text
    return str(body["id"])


def refresh(clinic: Clinic) -> int:
    refresher: Refresher = clinic.app.state.refresher
    return refresher.catch_up()


def rows(caller: Caller, query: str = "") -> list[Json]:
    answer = caller("GET", f"{PATH}{query}")
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["items"]
    return found


def treated(caller: Caller) -> str:
    """A patient on sertraline since 3 March whose PHQ-9 fell from 18 to 8."""
    patient = person(caller)
    start(caller, patient, "2026-03-03")
    for day, total in {
        "2026-03-02": 18,
        "2026-03-30": 15,
        "2026-04-27": 10,
        "2026-05-25": 8,
    }.items():
        score(caller, patient, day, total)
    return patient


def test_a_row_says_who_it_is_what_is_taken_and_where_the_primary_measure_stands(
    clinic: Clinic, prescriber: Caller
) -> None:
    patient = treated(prescriber)
    assert refresh(clinic) == 1
    (row,) = rows(prescriber)
    trends = prescriber("GET", f"/v1/patients/{patient}/trends").json()

    assert row["patient"] == {
        "id": patient,
        "name": "Example One",
        "birth_year": 1991,
        "synthetic": True,
    }
    assert row["patient_version"] == trends["versions"]["patient_version"]
    assert row["regimen_line"] == "sertraline 50 mg/d"
    assert row["primary"]["measure"] == "phq-9.total"
    assert (row["primary"]["last"], row["primary"]["last_on"]) == (8, "2026-05-25")
    assert (row["primary"]["baseline"], row["primary"]["points"]) == (18, -10)
    assert row["status"] == row["primary"]["status"] == "improving"
    assert row["last_known"] is None


def test_a_patient_without_a_row_is_listed_and_says_that_none_was_made(
    prescriber: Caller,
) -> None:
    patient = person(prescriber)
    (row,) = rows(prescriber)

    assert (row["patient"]["id"], row["patient_version"]) == (patient, None)
    assert (row["needs"], row["primary"], row["status"]) == ([], None, None)


def test_until_the_job_has_run_the_version_shows_the_lag(
    clinic: Clinic, prescriber: Caller
) -> None:
    patient = treated(prescriber)
    refresh(clinic)
    before = rows(prescriber)[0]["patient_version"]
    score(prescriber, patient, "2026-05-31", 7)

    assert rows(prescriber)[0]["patient_version"] == before
    assert refresh(clinic) == 1
    assert rows(prescriber)[0]["patient_version"] > before
    assert refresh(clinic) == 0


def test_only_patients_with_a_care_relation_are_listed(clinic: Clinic, prescriber: Caller) -> None:
    person(prescriber)
    refresh(clinic)
    colleague = clinic.as_("care_team")
    elsewhere = clinic.as_("prescriber", clinic_id=OTHER_CLINIC)

    assert (len(rows(prescriber)), rows(colleague), rows(elsewhere)) == (1, [], [])
    assert colleague("GET", PATH).json()["counts"]["all"] == 0


def test_a_patient_or_a_machine_has_no_caseload(clinic: Clinic, prescriber: Caller) -> None:
    patient = person(prescriber)

    assert clinic.as_("patient", patient_id=patient)("GET", PATH).status_code == 403
    assert clinic.as_("system")("GET", PATH).status_code == 403


def test_an_answer_about_suicide_puts_a_patient_first_before_the_job_has_run(
    clinic: Clinic, prescriber: Caller
) -> None:
    person(prescriber, "Quiet")
    urgent = treated(prescriber)
    refresh(clinic)
    answers = [1, 0, 0, 0, 0, 0, 0, 0, 1]
    body = {"id": str(uuid4()), "instrument": "phq-9", "occurred_at": "2026-05-31T10:00:00-04:00"}
    prescriber("POST", f"/v1/patients/{urgent}/assessments", body | {"answers": answers})
    first = rows(prescriber)[0]

    assert first["patient"]["id"] == urgent
    assert first["needs"][:2] == ["risk", "signal"]
    refresh(clinic)
    assert (rows(prescriber)[0]["risk_open"], rows(prescriber)[0]["signals_open"]) == (1, 1)


def test_63_a_frozen_patient_rises_with_no_write_when_the_clock_goes_on(
    clinic: Clinic, prescriber: Caller
) -> None:
    treated(prescriber)
    refresh(clinic)
    fresh = rows(prescriber)[0]
    clinic.clock.advance(days=90)
    token = clinic.as_("prescriber")
    later = rows(token)[0]

    assert "stale" not in fresh["needs"]
    assert fresh["status"] == "improving"
    assert refresh(clinic) == 0
    assert later["patient_version"] == fresh["patient_version"]
    assert (later["status"], later["last_known"]) == ("stale", "improving")
    assert "stale" in later["needs"]
    assert later["primary"] == fresh["primary"]


def test_a_decision_window_opens_falls_due_and_is_missed_by_its_dates_alone(
    clinic: Clinic, prescriber: Caller
) -> None:
    patient = person(prescriber)
    start(prescriber, patient, "2026-05-25")
    score(prescriber, patient, "2026-05-25", 18)
    refresh(clinic)

    def on(days: int) -> tuple[str, bool]:
        clinic.clock.moment = datetime(2026, 5, 25, 16, tzinfo=UTC) + timedelta(days)
        (row,) = rows(clinic.as_("prescriber"))
        return row["decisions"][0]["result"], "missed_decision" in row["needs"]

    assert on(10) == ("ahead", False)
    assert (on(11), on(17)) == (("due", False), ("due", False))
    assert on(18) == ("missed", True)


def test_today_is_the_patients_own(clinic: Clinic, prescriber: Caller) -> None:
    for zone in ("Pacific/Auckland", "UTC", "Pacific/Honolulu", None):
        person(prescriber, zone or "None", zone)
    clinic.clock.moment = datetime(2026, 6, 2, 9, 30, tzinfo=UTC)
    west = {row["patient"]["name"]: row["as_of"] for row in rows(clinic.as_("prescriber"))}
    clinic.clock.moment = datetime(2026, 6, 2, 14, 0, tzinfo=UTC)
    east = {row["patient"]["name"]: row["as_of"] for row in rows(clinic.as_("prescriber"))}

    assert west["Example Pacific/Honolulu"] == "2026-06-01"
    assert west["Example UTC"] == west["Example None"] == "2026-06-02"
    assert east["Example Pacific/Auckland"] == "2026-06-03"


def test_a_walk_over_pages_gives_each_patient_once_and_reads_all_as_on_the_first_day(
    clinic: Clinic, prescriber: Caller
) -> None:
    patients = {person(prescriber, f"No {n}") for n in range(5)}
    refresh(clinic)
    first = prescriber("GET", f"{PATH}?limit=2").json()
    clinic.clock.advance(days=3)
    later = clinic.as_("prescriber")
    second = later("GET", f"{PATH}?limit=2&cursor={first['next']}").json()
    third = later("GET", f"{PATH}?limit=2&cursor={second['next']}").json()
    walked = [row["patient"]["id"] for page in (first, second, third) for row in page["items"]]

    assert (len(walked), set(walked)) == (5, patients)
    assert third["next"] is None
    assert {row["as_of"] for row in third["items"]} == {"2026-06-01"}
    assert first["at"] == third["at"]


def test_a_page_is_one_statement_whatever_its_size(clinic: Clinic, prescriber: Caller) -> None:
    for n in range(6):
        person(prescriber, f"No {n}")
    refresh(clinic)
    asked: list[str] = []

    def count(_conn: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if "caseload_rows" in statement:
            asked.append(statement)

    engine = clinic.app.state.refresher._engine
    event.listen(engine, "before_cursor_execute", count)
    assert len(rows(prescriber)) == 6
    event.remove(engine, "before_cursor_execute", count)

    assert len(asked) == 1


def test_counts_stand_beside_their_denominators(clinic: Clinic, prescriber: Caller) -> None:
    treated(prescriber)
    person(prescriber, "Nothing yet")
    refresh(clinic)
    counts = prescriber("GET", f"{PATH}?limit=1").json()["counts"]

    assert (counts["with_data"], counts["expected"], counts["all"]) == (1, 1, 2)
    assert counts["status"]["improving"] == 1
    assert counts["status"]["no_data"] == 1


def change(caller: Caller, patient: str, course: str, day: str, amount: str) -> None:
    body = {
        "id": str(uuid4()),
        "kind": "change",
        "effective_on": day,
        "dose": {"amount": amount, "unit": "mg"},
        "times_per_day": 1,
    }
    path = f"/v1/patients/{patient}/medications/{course}/dose-events"
    assert caller("POST", path, body).status_code == 201


def visit(caller: Caller, patient: str, day: str) -> None:
    body = {"id": str(uuid4()), "kind": "visit", "occurred_at": f"{day}T10:00:00-04:00"}
    assert caller("POST", f"/v1/patients/{patient}/follow-ups", body).status_code == 201


def one_of_each_need(caller: Caller) -> dict[str, str]:
    """Make a patient for each reason to be looked at and two for none; names by id."""
    names = {}

    def new(name: str) -> str:
        names[patient := person(caller, name)] = name
        return patient

    for name, day in (("seen later", "2026-05-20"), ("seen earlier", "2026-05-10")):
        patient = new(name)
        score(caller, patient, day, 6)
        visit(caller, patient, day)
    notice = new("notice")
    score(caller, notice, "2026-05-01", 6)
    score(caller, notice, "2026-05-28", 15)
    overdue = new("overdue")
    score(caller, overdue, "2026-05-28", 6)
    plan = {"agreed_on": "2026-04-01", "why": "go on", "review_interval_days": 14}
    assert caller("PUT", f"/v1/patients/{overdue}/treatment-plan", plan).status_code == 201
    score(caller, new("stale"), "2026-02-01", 6)
    silent = new("stale_after_dose_change")
    course = start(caller, silent, "2025-10-01")
    score(caller, silent, "2026-01-10", 18)
    change(caller, silent, course, "2026-05-25", "100")
    missed = new("missed_decision")
    start(caller, missed, "2026-05-05")
    score(caller, missed, "2026-05-05", 18)
    slow = new("not_on_track")
    start(caller, slow, "2026-04-20")
    score(caller, slow, "2026-04-20", 18)
    score(caller, slow, "2026-05-18", 18)
    signal = new("signal")
    for day, total in (("2026-05-04", 6), ("2026-05-18", 15), ("2026-05-28", 16)):
        score(caller, signal, day, total)
    risk = {"id": str(uuid4()), "instrument": "phq-9", "occurred_at": "2026-05-30T10:00:00-04:00"}
    answers = [1, 0, 0, 0, 0, 0, 0, 0, 1]
    path = f"/v1/patients/{new('risk')}/assessments"
    assert caller("POST", path, risk | {"answers": answers}).status_code == 201
    return names


def test_a_full_caseload_stands_in_the_order_of_need_over_all_its_pages(
    clinic: Clinic, prescriber: Caller
) -> None:
    names = one_of_each_need(prescriber)
    refresh(clinic)
    walked: list[Json] = []
    query: str | None = "?limit=3"
    while query:
        page = prescriber("GET", f"{PATH}{query}").json()
        walked += page["items"]
        query = page["next"] and f"?limit=3&cursor={page['next']}"

    assert [names[row["patient"]["id"]] for row in walked] == [
        *NEEDS,
        "seen earlier",
        "seen later",
    ]
    assert [row["needs"][:1] for row in walked] == [*([name] for name in NEEDS), [], []]


@pytest.mark.parametrize(
    ("query", "names"),
    [("?need=stale", ["stale"]), ("?status=stale", ["stale"]), ("?need=risk", [])],
)
def test_a_filter_leaves_those_of_whom_it_holds_today(
    clinic: Clinic, prescriber: Caller, query: str, names: list[str]
) -> None:
    treated(prescriber)
    person(prescriber, "Other")
    refresh(clinic)
    clinic.clock.advance(days=90)
    found = rows(clinic.as_("prescriber"), query)

    assert [row["status"] for row in found] == names


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?sort=name", "invalid-parameter"),
        ("?need=stale%25", "invalid-parameter"),
        ("?limit=0", "invalid-parameter"),
        ("?limit=501", "invalid-parameter"),
        ("?limit=ten", "invalid-parameter"),
        ("?patient=1", "invalid-parameter"),
        ("?cursor=abc", "invalid-cursor"),
        ("?status=well", "invalid-parameter"),
    ],
)
def test_what_cannot_be_read_is_refused(prescriber: Caller, query: str, code: str) -> None:
    answer = prescriber("GET", f"{PATH}{query}")

    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_a_cursor_fits_only_its_own_order_and_filter(clinic: Clinic, prescriber: Caller) -> None:
    for n in range(3):
        person(prescriber, f"No {n}")
    next_ = prescriber("GET", f"{PATH}?limit=1").json()["next"]

    assert prescriber("GET", f"{PATH}?limit=1&cursor={next_}").status_code == 200
    assert prescriber("GET", f"{PATH}?sort=last_seen_on&cursor={next_}").status_code == 400
    assert prescriber("GET", f"{PATH}?need=risk&cursor={next_}").status_code == 400
    assert prescriber("GET", f"{PATH}?cursor={next_[:-2]}AA").status_code == 400


def test_names_are_written_as_they_were_given(clinic: Clinic, prescriber: Caller) -> None:
    person(prescriber, 'O\'Neil "<b>" \\ }')
    refresh(clinic)

    assert rows(prescriber)[0]["patient"]["name"] == 'Example O\'Neil "<b>" \\ }'


# ---- the job


def worsened(caller: Caller) -> str:
    patient = person(caller)
    start(caller, patient, "2026-02-02")
    for day, total in {"2026-02-02": 12, "2026-05-04": 20, "2026-05-25": 21}.items():
        score(caller, patient, day, total)
    return patient


def signals(caller: Caller, patient: str) -> list[Json]:
    found: list[Json] = caller("GET", f"/v1/patients/{patient}/signals").json()["items"]
    return [one for one in found if "flag" in one["evidence"]]


def test_a_confirmed_worsening_opens_its_signal_once(clinic: Clinic, prescriber: Caller) -> None:
    patient = worsened(prescriber)
    assert signals(prescriber, patient) == []
    refresh(clinic)
    score(prescriber, patient, "2026-05-31", 22)
    refresh(clinic)
    (one,) = signals(prescriber, patient)

    assert (one["code"], one["state"]) == ("SUSTAINED_WORSENING", "open")
    assert one["evidence"]["flag"] == "phq-9.total:SUSTAINED_WORSENING:baseline:2026-05-25"
    assert one["evidence"]["measure"] == "phq-9.total"
    (row,) = rows(prescriber)
    trends = prescriber("GET", f"/v1/patients/{patient}/trends").json()
    (block,) = (b for b in trends["measures"] if b["measure"] == "phq-9.total")
    assert [flag["signal"] for flag in block["flags"] if flag["signal"]] == [one["id"]]
    assert (row["needs"][0], row["signals_open"], row["risk_open"]) == ("signal", 1, 0)
    assert row["patient_version"] == trends["versions"]["patient_version"]


def test_62_a_new_normal_is_the_reference_from_the_day_it_was_accepted_on(
    clinic: Clinic, prescriber: Caller
) -> None:
    patient = worsened(prescriber)
    refresh(clinic)
    (one,) = signals(prescriber, patient)
    path = f"/v1/patients/{patient}/signals/{one['id']}"
    answer = prescriber(
        "PATCH",
        path,
        {"state": "closed", "action": "agreed with the patient", "new_normal": True},
        headers={"If-Match": '"1"'},
    )
    assert (answer.status_code, answer.json()["new_normal"]) == (200, True)
    for day in ("2026-06-02", "2026-06-16", "2026-06-30"):
        clinic.clock.moment = datetime.fromisoformat(f"{day}T20:00:00+00:00")
        prescriber = clinic.as_("prescriber")
        score(prescriber, patient, day, 20)
    refresh(clinic)
    trends = prescriber("GET", f"/v1/patients/{patient}/trends").json()
    (block,) = (b for b in trends["measures"] if b["measure"] == "phq-9.total")
    names = [reference["name"] for reference in block["references"]]

    accepted = block["references"][names.index("new_normal")]
    assert (accepted["m"], accepted["n0"]) == (20, 3)
    assert accepted["window"]["from"] == "2026-06-02"
    assert names[0] == "baseline"
    assert block["references"][0]["retired_on"] == "2026-06-01"
    assert signals(prescriber, patient)[0]["state"] == "closed"
    assert len(signals(prescriber, patient)) == 1


@pytest.mark.parametrize("state", ["acknowledged", "closed"])
def test_only_the_closed_signal_of_a_worsening_can_be_a_new_normal(
    clinic: Clinic, prescriber: Caller, state: str
) -> None:
    patient = worsened(prescriber)
    body = {"id": str(uuid4()), "instrument": "phq-9", "occurred_at": "2026-05-31T10:00:00-04:00"}
    answers = [1, 0, 0, 0, 0, 0, 0, 0, 1]
    prescriber("POST", f"/v1/patients/{patient}/assessments", body | {"answers": answers})
    (one,) = prescriber("GET", f"/v1/patients/{patient}/signals").json()["items"]
    answer = prescriber(
        "PATCH",
        f"/v1/patients/{patient}/signals/{one['id']}",
        {"state": state, "action": "seen", "new_normal": True},
        headers={"If-Match": '"1"'},
    )

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/new_normal")


def test_at_start_up_patients_whose_rows_lag_are_picked_up(
    clinic: Clinic, prescriber: Caller
) -> None:
    treated(prescriber)
    person(prescriber, "Other")
    state = clinic.app.state
    ends: dict[UUID, int] = {}
    after_a_restart = Refresher(state.refresher._engine, state.reader, state.writer, ends)

    assert after_a_restart.catch_up() == 2
    assert all(row["patient_version"] for row in rows(prescriber))
    again = Refresher(state.refresher._engine, state.reader, state.writer, ends)
    assert again.catch_up() == 0


def test_a_patient_who_was_written_often_is_made_once(clinic: Clinic, prescriber: Caller) -> None:
    refresh(clinic)
    patient = person(prescriber)
    for day in range(10, 20):
        score(prescriber, patient, f"2026-05-{day}", 10)

    assert refresh(clinic) == 1


def test_a_record_that_cannot_be_read_keeps_nobody_else_waiting(
    clinic: Clinic, prescriber: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, well = person(prescriber, "Broken"), treated(prescriber)
    whole = job.make

    def make(work: Any, patient_id: UUID) -> Any:
        if str(patient_id) == broken:
            raise ValueError
        return whole(work, patient_id)

    monkeypatch.setattr(job, "make", make)
    refresh(clinic)
    found = {row["patient"]["id"]: row["patient_version"] for row in rows(prescriber)}

    assert found[broken] is None
    assert (
        found[well]
        == prescriber("GET", f"/v1/patients/{well}/trends").json()["versions"]["patient_version"]
    )


def test_the_row_does_not_depend_on_the_day_on_which_it_is_made(
    clinic: Clinic, prescriber: Caller
) -> None:
    treated(prescriber)
    clinic.clock.advance(days=400)
    refresh(clinic)
    (row,) = rows(clinic.as_("prescriber"))

    assert (row["status"], row["last_known"]) == ("stale", "improving")
    assert row["primary"]["last"] == 8


def test_another_clinics_rows_are_made_too(clinic: Clinic) -> None:
    elsewhere = clinic.as_("prescriber", clinic_id=OTHER_CLINIC)
    patient = person(elsewhere)
    refresh(clinic)

    assert [row["patient"]["id"] for row in rows(elsewhere)] == [patient]
    seen = elsewhere("GET", f"/v1/patients/{patient}/trends").json()["versions"]
    assert rows(elsewhere)[0]["patient_version"] == seen["patient_version"]


def test_what_was_written_while_a_row_was_made_lets_it_go(
    clinic: Clinic, prescriber: Caller
) -> None:
    patient = treated(prescriber)
    state = clinic.app.state
    actor = identity.built_in_actor(identity.DEFAULT_CLINIC, "system")
    made = state.reader.ask(job.make, actor, Trace("-", "GET", "test"), UUID(patient))
    score(prescriber, patient, "2026-05-31", 7)
    state.writer.run(job.keep, actor, UUID(patient), made, operation="test")

    assert rows(prescriber)[0]["patient_version"] is None
    assert refresh(clinic) == 1
    assert rows(prescriber)[0]["primary"]["last"] == 7


def test_of_an_erased_patient_the_row_says_nothing_any_more(
    clinic: Clinic, prescriber: Caller
) -> None:
    patient = treated(prescriber)
    refresh(clinic)
    officer, administrator = clinic.as_("privacy_officer"), clinic.as_("administrator")
    request = {"id": str(uuid4()), "patient_id": patient, "covers": "everything"}
    assert officer("POST", "/v1/erasure-requests", request).status_code == 201
    done = {"patient_id": patient, "state": "done", "legal_basis": "no duty holds any more"}
    path = f"/v1/erasure-requests/{request['id']}"
    answer = administrator("PATCH", path, done, headers={"If-Match": '"1"'})
    assert answer.status_code == 200, answer.text
    refresh(clinic)
    (row,) = rows(prescriber)

    assert (row["primary"], row["regimen_line"], row["decisions"]) == (None, None, [])
    assert (row["patient"]["name"].strip(), row["patient"]["birth_year"]) == ("", None)

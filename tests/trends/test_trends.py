"""Trends over HTTP, on both databases."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4
from xml.etree import ElementTree

import pytest
from sqlalchemy import event

from app.core.db import Work
from app.identity import service as identity
from app.measurements import service as measurements
from app.measurements.service import Reading
from app.patients import service as patients
from tests.conftest import OTHER_CLINIC, Caller, Clinic

Json = dict[str, Any]

PATIENT = UUID("019a5b10-0000-7000-8000-000000000001")
PERSON = {
    "id": str(PATIENT),
    "name": {"given": "Example", "family": "Patient"},
    "birth_date": "1991-04-17",
    "time_zone": "America/New_York",
    "synthetic": True,
}
HOME = f"/v1/patients/{PATIENT}"
TRENDS = f"{HOME}/trends"
PHQ = "phq-9.total"
MEDICATION = {
    "id": "019a5b10-0000-7000-8000-000000000101",
    "kind": "drug",
    "code": {
        "system": "http://www.nlm.nih.gov/research/umls/rxnorm",
        "code": "36437",
        "display": "sertraline",
    },
    "first_dose_event": {
        "id": "019a5b10-0000-7000-8000-000000000201",
        "kind": "start",
        "effective_on": "2026-03-03",
        "dose": {"amount": "50", "unit": "mg"},
        "times_per_day": 1,
    },
}
SCORES = {"2026-03-02": 18, "2026-03-30": 15, "2026-04-27": 10, "2026-05-25": 8}


@pytest.fixture
def caller(prescriber: Caller) -> Caller:
    assert prescriber("POST", "/v1/patients", PERSON).status_code == 201
    return prescriber


@pytest.fixture
def treated(caller: Caller) -> Caller:
    """A patient on sertraline since 3 March with four PHQ-9."""
    assert caller("POST", f"{HOME}/medications", MEDICATION).status_code == 201
    for day, total in SCORES.items():
        assess(caller, day, total=total)
    return caller


def assess(caller: Caller, day: str, home: str = HOME, **content: Any) -> Json:
    body = {"id": str(uuid4()), "instrument": "phq-9", "occurred_at": f"{day}T10:00:00-04:00"}
    answer = caller("POST", f"{home}/assessments", body | content)
    assert answer.status_code == 201, answer.text
    stored: Json = answer.json()
    return stored


def keep(clinic: Clinic, *readings: Reading) -> None:
    """Assert numbers as a record of the prescriber would."""

    def record(work: Work, patient_id: UUID) -> None:
        person = patients.get(work, patient_id)
        sequence = work.memory["head", "journal"].sequence
        measurements.keep(work, person, uuid4(), sequence, readings, first_version=True)

    actor = identity.built_in_actor(identity.DEFAULT_CLINIC, "prescriber")
    clinic.app.state.writer.run(record, actor, PATIENT, operation="test")


def trends(caller: Caller, **query: str) -> Json:
    answer = caller("GET", TRENDS, params={name.strip("_"): text for name, text in query.items()})
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


def block(body: Json, measure: str = PHQ) -> Json:
    found: Json = next(one for one in body["measures"] if one["measure"] == measure)
    return found


@contextmanager
def counted(clinic: Clinic) -> Iterator[list[str]]:
    """Collect the questions of a request, without the token's and the access log's."""
    asked: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        doors = ("FROM users", "FROM revoked_tokens", "FROM chain_heads", "SELECT set_config")
        if statement.startswith("SELECT") and not any(door in statement for door in doors):
            asked.append(statement)

    engine = clinic.app.state.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", note)


# ---- the answer


def test_scores_become_change_from_the_last_one_before_the_start(treated: Caller) -> None:
    body = trends(treated)
    phq = block(body)

    assert body["schema"] == "titrate.trends/1"
    assert body["patient"] == {
        "id": str(PATIENT),
        "name": "Example Patient",
        "birth_year": 1991,
        "synthetic": True,
    }
    assert (body["as_of"], body["tz"]) == ("2026-06-01", "America/New_York")
    assert (phq["baseline"]["rule"], phq["baseline"]["level"]) == ("pre_start", 18)
    assert phq["change"]["from_last"]["points"] == -10
    assert phq["change"]["from_last"]["percent"] == -55.555556
    assert phq["states"]["response"] is True
    assert phq["status"] == "improving"
    (epoch,) = body["medications"][0]["epochs"]
    assert (epoch["from"], epoch["tdd"], epoch["unit"]) == ("2026-03-03", 50, "mg/d")


def test_a_patient_without_records_gets_a_report_that_says_so(caller: Caller) -> None:
    body = trends(caller)

    assert (body["measures"], body["medications"], body["risk"]) == ([], [], [])
    assert {one["status"] for one in body["summary"]["domains"]} == {"insufficient_data"}


def test_an_answered_risk_item_is_shown_with_its_signal(caller: Caller) -> None:
    assess(caller, "2026-05-01", answers=[1, 0, 0, 1, 0, 0, 0, 0, 1])
    (item,) = trends(caller)["risk"]

    assert (item["measure"], item["value"], item["day"]) == ("phq-9.9", 1, "2026-05-01")
    assert item["signal"]["state"] == "open"
    assert trends(caller)["summary"]["signals_open"] == 1


def test_only_a_named_person_closes_a_risk_item(caller: Caller) -> None:
    assess(caller, "2026-05-01", answers=[1, 0, 0, 1, 0, 0, 0, 0, 1])
    assess(caller, "2026-05-20", answers=[0] * 9)
    (item,) = trends(caller)["risk"]
    assert (item["value"], item["latest"]["value"]) == (1, 0)
    seen = caller("GET", TRENDS)

    closed = caller(
        "PATCH",
        f"{HOME}/signals/{item['signal']['id']}",
        {"state": "closed", "action": "reviewed with the patient"},
        headers={"If-Match": '"1"'},
    )

    assert closed.status_code == 200, closed.text
    assert trends(caller)["risk"] == []
    assert caller("GET", TRENDS).headers["ETag"] != seen.headers["ETag"]


def test_what_was_done_about_a_signal_later_had_not_happened_on_an_earlier_day(
    caller: Caller, clinic: Clinic
) -> None:
    assess(caller, "2026-05-20", answers=[1, 0, 0, 1, 0, 0, 0, 0, 1])
    (item,) = trends(caller)["risk"]
    path = f"{HOME}/signals/{item['signal']['id']}"
    for version, state in ((1, "acknowledged"), (2, "closed")):
        clinic.clock.advance(days=3)
        body = {"state": state, "action": "reviewed with the patient"}
        tag = {"If-Match": f'"{version}"'}
        later = clinic.as_("prescriber")
        assert later("PATCH", path, body, headers=tag).status_code == 200
    seen = [trends(later, as_of=f"2026-06-0{day}") for day in (3, 5, 7)]

    assert [[one["signal"]["state"] for one in body["risk"]] for body in seen] == [
        ["open"],
        ["acknowledged"],
        [],
    ]
    assert [body["summary"]["signals_open"] for body in seen] == [1, 1, 0]
    assert seen[0]["summary"]["review_due"] == ["RISK_UNREVIEWED"]
    assert seen[1]["summary"]["review_due"] == []


def test_mania_is_shown_beside_the_dose_events_of_the_weeks_before(treated: Caller) -> None:
    answers = [2, 2, 2, 1, 1]
    assess(treated, "2026-03-20", instrument="asrm", answers=answers)
    (item,) = (one for one in trends(treated)["risk"] if one["measure"] == "asrm.total")
    (event_,) = item["dose_events"]

    assert (item["code"], item["value"]) == ("OPPOSITE_POLE", 8)
    assert (event_["day"], event_["medicine"], event_["kind"]) == (
        "2026-03-03",
        "sertraline",
        "start",
    )


def test_what_the_plan_is_measured_by_speaks_for_its_domain(treated: Caller) -> None:
    for day in ("2026-03-02", "2026-05-25"):
        assess(treated, day, instrument="gad-7", total=9)

    def primary() -> str:
        domains = trends(treated)["summary"]["domains"]
        found: str = next(one for one in domains if one["domain"] == "mood_cognition")["primary"]
        return found

    before = primary()
    goal = {"patient_words": "less worry", "measure": "gad-7.total", "target": 4}
    plan: Json = {"agreed_on": "2026-05-25", "why": "go on", "goals": [goal]}
    answer = treated("PUT", f"{HOME}/treatment-plan", plan)
    assert answer.status_code == 201, answer.text
    by_goal = primary()
    measured = plan | {"measured_by": [PHQ]}
    again = treated("PUT", f"{HOME}/treatment-plan", measured, headers={"If-Match": '"1"'})
    assert again.status_code == 200, again.text

    assert (before, by_goal, primary()) == (PHQ, "gad-7.total", PHQ)


def test_every_basis_says_its_version_its_population_and_what_it_lacked(treated: Caller) -> None:
    basis = {one["id"]: one for one in trends(treated)["basis"]}

    for one in basis.values():
        assert one["version"] >= 1
        assert all(one[name] for name in ("text", "inputs", "sources", "limits", "made_for"))
    assert basis["B7.1"]["made_for"] == "adults with depression on an antidepressant"
    assert basis["B7.1"]["missing"] == [
        "a score of phq-9.total in the window of week 2",
        "a score of phq-9.total in the window of week 6",
        "a score of phq-9.total in the window of week 9",
    ]
    assert basis["T4.1"]["missing"] == []


def test_a_total_that_disagrees_with_its_answers_is_shown_with_both_numbers(
    caller: Caller,
) -> None:
    stored = assess(caller, "2026-05-01", answers=[1] * 8 + [0], total=21)
    body = trends(caller)

    assert block(body)["last"]["value"] == 8
    assert body["quality"] == [
        {
            "code": "DQ_TOTAL_MISMATCH",
            "measure": PHQ,
            "records": [stored["id"]],
            "sent": 21,
            "recomputed": 8,
        }
    ]


def test_three_missing_answers_leave_no_total_and_the_risk_item(caller: Caller) -> None:
    assess(caller, "2026-05-01", answers={"1": 1, "2": 1, "3": 1, "4": 1, "5": 1, "9": 2})
    body = trends(caller)

    assert body["measures"] == []
    assert [item["value"] for item in body["risk"]] == [2]


def test_diaries_are_dense_and_have_an_adjusted_trend(caller: Caller, clinic: Clinic) -> None:
    first = date(2026, 4, 1)
    values = [4 + (n * 7 % 5) / 2 for n in range(60)]
    keep(
        clinic,
        *(Reading("sleep.quality", v, first + timedelta(n)) for n, v in enumerate(values)),
    )
    sleep = block(trends(caller, include="points"), "sleep.quality")

    assert (sleep["cadence"], sleep["n"], len(sleep["points"])) == ("dense", 60, 60)
    assert sleep["trend"][0]["r"] is not None
    assert sleep["level_now"]["n"] == 14


def test_a_severe_side_effect_is_a_risk_item(caller: Caller) -> None:
    body = {
        "id": str(uuid4()),
        "term": "nausea",
        "severity": 4,
        "onset_on": "2026-05-10",
        "serious": True,
    }
    answer = caller("POST", f"{HOME}/side-effects", body)
    assert answer.status_code == 201, answer.text
    found = trends(caller)

    assert [(one["measure"], one["value"]) for one in found["risk"]] == [("side_effects.nausea", 4)]
    assert block(found, "side_effects.nausea")["last"]["value"] == 4


# ---- what was known, what had happened


def test_a_correction_leaves_what_was_known_before_it_as_it_was(
    treated: Caller, clinic: Clinic
) -> None:
    before = clinic.clock().isoformat()
    told_before = treated("GET", TRENDS, params={"known_at": before})
    clinic.clock.advance(days=30)
    treated = clinic.as_("prescriber")
    wrong = block(trends(treated))["last"]["records"][0]
    corrected = treated(
        "PATCH",
        f"{HOME}/assessments/{wrong}",
        {"total": 12, "change_reason": {"code": "typo"}},
        headers={"If-Match": '"1"', "Content-Type": "application/merge-patch+json"},
    )
    assert corrected.status_code == 200, corrected.text

    assert block(trends(treated))["last"]["value"] == 12
    replayed = treated("GET", TRENDS, params={"known_at": before, "as_of": "2026-06-01"})
    assert replayed.content == told_before.content
    assert block(replayed.json())["last"]["value"] == 8


def test_a_withdrawn_baseline_gives_way_to_the_next_rule(treated: Caller) -> None:
    first = block(trends(treated))["baseline"]["records"][0]
    gone = treated(
        "DELETE",
        f"{HOME}/assessments/{first}",
        {"change_reason": {"code": "wrong_patient"}},
        headers={"If-Match": '"1"'},
    )
    assert gone.status_code in (200, 204), gone.text
    phq = block(trends(treated))

    assert (phq["baseline"]["rule"], phq["baseline"]["level"], phq["n"]) == ("first", 15, 3)


def test_as_of_a_past_day_is_todays_knowledge_of_that_day(treated: Caller) -> None:
    body = trends(treated, as_of="2026-04-30")

    assert block(body)["last"]["day"] == "2026-04-27"
    assert block(body)["n"] == 3


def test_before_the_first_record_there_is_a_report_without_data(treated: Caller) -> None:
    body = trends(treated, known_at="2020-01-01T00:00:00Z")

    assert (body["versions"]["patient_version"], body["known_at"]) == (0, None)
    assert (body["measures"], body["medications"]) == ([], [])


def test_records_of_other_patients_change_no_byte(treated: Caller, clinic: Clinic) -> None:
    before = treated("GET", TRENDS)
    other = f"/v1/patients/{uuid4()}"
    assert (
        treated("POST", "/v1/patients", PERSON | {"id": other.rpartition("/")[2]}).status_code
        == 201
    )
    for _ in range(5):
        assess(treated, "2026-05-01", other, total=20)
    clinic.clock.advance(minutes=5)
    after = treated("GET", TRENDS)

    assert after.content == before.content
    assert after.headers["ETag"] == before.headers["ETag"]


def test_the_same_record_sent_again_changes_no_byte(treated: Caller) -> None:
    stored = assess(treated, "2026-05-29", total=7)
    before = treated("GET", TRENDS)
    assess_again = {"id": stored["id"], "instrument": "phq-9", "total": 7}
    again = treated(
        "POST",
        f"{HOME}/assessments",
        assess_again | {"occurred_at": "2026-05-29T10:00:00-04:00"},
    )

    assert again.status_code == 200
    assert treated("GET", TRENDS).content == before.content


# ---- keys


def test_what_the_caller_has_already_is_not_sent_again(treated: Caller) -> None:
    tag = treated("GET", TRENDS).headers["ETag"]
    unchanged = treated("GET", TRENDS, headers={"If-None-Match": f'"other", W/{tag}'})

    assert unchanged.status_code == 304
    assert unchanged.content == b""
    assert unchanged.headers["ETag"] == tag
    assert unchanged.headers["Cache-Control"] == "no-store"
    assert treated("GET", TRENDS, params={"include": "points"}).headers["ETag"] != tag
    assess(treated, "2026-05-31", total=7)
    assert treated("GET", TRENDS, headers={"If-None-Match": tag}).status_code == 200


def test_a_new_day_and_a_new_measure_of_the_clinic_make_new_keys(
    treated: Caller, clinic: Clinic
) -> None:
    tag = treated("GET", TRENDS).headers["ETag"]
    own = {"code": "own.steps", "label": "Steps", "direction": "none", "unit": "{score}"}
    assert treated("POST", "/v1/reference/measures", own).status_code == 201
    registered = treated("GET", TRENDS).headers["ETag"]
    clinic.clock.advance(days=1)
    tomorrow = clinic.as_("prescriber")

    assert len({tag, registered, tomorrow("GET", TRENDS).headers["ETag"]}) == 3


def test_a_report_takes_six_questions_and_an_unchanged_one_a_single_one(
    treated: Caller, clinic: Clinic
) -> None:
    tag = treated("GET", TRENDS).headers["ETag"]
    with counted(clinic) as full:
        treated("GET", TRENDS)
    with counted(clinic) as unchanged:
        assert treated("GET", TRENDS, headers={"If-None-Match": tag}).status_code == 304

    assert len(full) == 6, full
    assert len(unchanged) == 1, unchanged


# ---- who may see what


def test_a_stranger_and_another_clinic_find_nothing(treated: Caller, clinic: Clinic) -> None:
    assert clinic.as_("care_team")("GET", TRENDS).status_code == 404
    assert clinic.as_("prescriber", clinic_id=OTHER_CLINIC)("GET", TRENDS).status_code == 404
    assert treated("GET", f"/v1/patients/{uuid4()}/trends").status_code == 404
    known = treated("GET", TRENDS).headers["ETag"]
    stranger = clinic.as_("care_team")("GET", TRENDS, headers={"If-None-Match": known})
    assert stranger.status_code == 404


def test_a_patients_token_gets_the_patients_view_whatever_it_asks_for(
    treated: Caller, clinic: Clinic
) -> None:
    patient = clinic.as_("patient", patient_id=PATIENT)
    body = trends(patient, audience="prescriber")

    assert body["audience"] == "patient"
    assert (body["patient"], body["risk"], body["decision_points"]) == (None, None, None)
    assert block(body)["text"] == {
        "patient": "Your PHQ-9 score went from 18 to 8 since 2 March. That is a clear change."
    }
    assert not block(body).keys() & {"flags", "status", "states"}


def test_a_patients_token_reads_nobody_else(caller: Caller, clinic: Clinic) -> None:
    other = uuid4()
    assert caller("POST", "/v1/patients", PERSON | {"id": str(other)}).status_code == 201
    patient = clinic.as_("patient", patient_id=other)

    assert patient("GET", TRENDS).status_code == 404


# ---- parameters and shapes


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"form": "svg"}, "/query/form"),
        ({"as_of": "2026-06-02"}, "/query/as_of"),
        ({"measures": "phq-9.total,own.unheard"}, "/query/measures/1"),
        ({"medication": "019a5b10-0000-7000-8000-0000000009ff"}, "/query/medication"),
        ({"baseline": "phq-9.total:value:28"}, "/query/baseline"),
    ],
)
def test_a_bad_parameter_is_a_400_with_its_place(
    treated: Caller, query: dict[str, str], pointer: str
) -> None:
    answer = treated("GET", TRENDS, params=query)

    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid-parameter"
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]


def test_a_format_that_is_not_made_is_a_406(treated: Caller) -> None:
    assert treated("GET", TRENDS, params={"format": "pdf"}).status_code in (400, 406)
    assert treated("GET", TRENDS, headers={"Accept": "application/pdf"}).status_code == 406


def test_the_figure_is_drawn_from_the_report_and_never_shown_inline(treated: Caller) -> None:
    answer = treated("GET", TRENDS, headers={"Accept": "image/svg+xml"})
    drawn = ElementTree.fromstring(answer.content)
    texts = " ".join(node.text or "" for node in drawn.iter())

    assert answer.headers["Content-Type"] == "image/svg+xml"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="trends.svg"'
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "Example Patient" in texts
    assert "sertraline" in texts
    assert "SYNTHETIC" in texts
    assert len([n for n in drawn.iter() if n.get("class") == "point"]) == len(SCORES)
    assert treated("GET", TRENDS, params={"format": "svg"}).content == answer.content


def test_a_patients_own_figure_names_nobody(treated: Caller, clinic: Clinic) -> None:
    answer = clinic.as_("patient", patient_id=PATIENT)("GET", TRENDS, params={"format": "svg"})

    assert ElementTree.fromstring(answer.content) is not None
    assert "Example Patient" not in answer.text


def test_the_points_come_as_a_table(treated: Caller) -> None:
    answer = treated("GET", TRENDS, headers={"Accept": "text/csv"})
    lines = answer.text.split("\r\n")

    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="trends.csv"'
    assert lines[0].startswith("patient,measure,domain")
    assert lines[1] == (
        f"{PATIENT},{PHQ},mood_cognition,lower_better,2026-03-02,18,1,clinician,"
        "moderately severe,,,,,"
    )
    assert len(lines) == 1 + len(SCORES) + 1


def test_a_substance_taken_since_before_the_record_can_be_drawn(caller: Caller) -> None:
    course = {
        "id": str(uuid4()),
        "kind": "substance",
        "text": "caffeine",
        "first_dose_event": {
            "id": str(uuid4()),
            "kind": "start",
            "effective_on": "2026-01-01",
            "dose": None,
            "dose_known": False,
        },
    }
    assert caller("POST", f"{HOME}/medications", course).status_code == 201

    assert caller("GET", TRENDS, params={"format": "svg"}).status_code == 200

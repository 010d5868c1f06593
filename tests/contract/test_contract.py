"""The contract's requests, sent as they stand and in their order, on both databases."""

import json
from typing import Any

import pytest

from app.identity import service as identity
from app.imports import service as imports
from tests.conftest import Caller, Clinic
from tests.shared import SHARED, needs_shared

pytestmark = needs_shared
CONTRACT = SHARED / "contract"
PATIENT = "019a5b10-0000-7000-8000-000000000001"
P = f"/v1/patients/{PATIENT}"
SERTRALINE = "019a5b10-0000-7000-8000-000000000101"
ST_JOHNS_WORT = "019a5b10-0000-7000-8000-000000000102"
FOLLOW_UP = "019a5b10-0000-7000-8000-000000000301"
PUT = {"02-intake.json": "PUT", "12-treatment-plan.json": "PUT"}
"""What is one document a patient; the rest is posted."""


def body(name: str) -> Any:
    return json.loads((CONTRACT / name).read_text())


def fits(answer: Any, expected: Any) -> bool:
    """Say whether an answer holds what is promised; `…` stands for what differs per run."""
    if expected == "…":
        return answer is not None
    if isinstance(expected, dict):
        return isinstance(answer, dict) and all(
            name in answer and fits(answer[name], value) for name, value in expected.items()
        )
    if isinstance(expected, list):
        return (
            isinstance(answer, list)
            and len(answer) == len(expected)
            and all(fits(one, other) for one, other in zip(answer, expected, strict=True))
        )
    return bool(answer == expected)


@pytest.fixture
def replayed(clinic: Clinic, prescriber: Caller) -> Clinic:
    """The clinic after 01 to 07, 09 to 14 and 18."""
    for name, path in (
        ("01-patient.json", "/v1/patients"),
        ("02-intake.json", f"{P}/intake"),
        ("03-medication.json", f"{P}/medications"),
        ("04-supplement.json", f"{P}/medications"),
        ("05-dose-event.json", f"{P}/medications/{SERTRALINE}/dose-events"),
        ("06-follow-up.json", f"{P}/follow-ups"),
    ):
        answer = prescriber(PUT.get(name, "POST"), path, body(name))
        assert answer.status_code == 201, (name, answer.text)
    patient = clinic.as_("patient", patient_id=PATIENT)
    answer = patient("POST", f"{P}/check-ins", body("07-check-in.json"))
    assert answer.status_code == 201, answer.text
    for name, path in (
        ("09-side-effect.json", f"{P}/side-effects"),
        ("10-assessment.json", f"{P}/assessments"),
        ("11-lab.json", f"{P}/labs"),
        ("12-treatment-plan.json", f"{P}/treatment-plan"),
        ("13-therapy-session.json", f"{P}/therapy-sessions"),
        ("14-life-event.json", f"{P}/life-events"),
        ("18-measure.json", "/v1/reference/measures"),
    ):
        answer = prescriber(PUT.get(name, "POST"), path, body(name))
        assert answer.status_code == 201, (name, answer.text)
    return clinic


def test_each_request_is_taken_and_read_back(replayed: Clinic, prescriber: Caller) -> None:
    courses = prescriber("GET", f"{P}/medications").json()["items"]
    assert {one["id"] for one in courses if one["kind"] != "substance"} == {
        SERTRALINE,
        ST_JOHNS_WORT,
        "019a5b10-0000-7000-8000-000000000103",
    }
    follow_up = prescriber("GET", f"{P}/follow-ups/{FOLLOW_UP}").json()
    expected = json.loads((CONTRACT / "answers/06-follow-up.json").read_text())
    assert fits(follow_up, expected), follow_up
    assessment = prescriber("GET", f"{P}/assessments/{expected_id('10-assessment.json')}").json()
    assert fits(assessment, json.loads((CONTRACT / "answers/10-assessment.json").read_text()))


def expected_id(name: str) -> str:
    return str(body(name)["id"])


def test_each_request_again_is_a_replay(replayed: Clinic, prescriber: Caller) -> None:
    for name, path in (
        ("01-patient.json", "/v1/patients"),
        ("02-intake.json", f"{P}/intake"),
        ("03-medication.json", f"{P}/medications"),
        ("04-supplement.json", f"{P}/medications"),
        ("05-dose-event.json", f"{P}/medications/{SERTRALINE}/dose-events"),
        ("06-follow-up.json", f"{P}/follow-ups"),
        ("09-side-effect.json", f"{P}/side-effects"),
        ("10-assessment.json", f"{P}/assessments"),
        ("11-lab.json", f"{P}/labs"),
        ("12-treatment-plan.json", f"{P}/treatment-plan"),
        ("13-therapy-session.json", f"{P}/therapy-sessions"),
        ("14-life-event.json", f"{P}/life-events"),
        ("18-measure.json", "/v1/reference/measures"),
    ):
        answer = prescriber(PUT.get(name, "POST"), path, body(name))
        assert answer.status_code == 200, (name, answer.text)


def test_the_insomnia_of_the_check_in_is_a_reading_of_the_open_episode(
    replayed: Clinic, prescriber: Caller
) -> None:
    episodes = prescriber("GET", f"{P}/side-effects").json()["items"]

    assert [one["term"] for one in episodes].count("insomnia") == 1


def test_item_nine_opened_one_signal_although_the_total_fell(
    replayed: Clinic, prescriber: Caller
) -> None:
    signals = prescriber("GET", f"{P}/signals").json()["items"]

    of_items = [one for one in signals if one["code"] == "suicidal_ideation_item"]
    assert [one["evidence"]["value"] for one in of_items] == [1]
    assert {one["code"] for one in signals} == {"suicidal_ideation_item", "interaction"}


def test_the_csv_files_join_what_is_there_and_change_nothing_the_second_time(
    replayed: Clinic, prescriber: Caller
) -> None:
    files = [CONTRACT / "16-observations.csv", CONTRACT / "17-dose-events.csv"]
    actor = identity.built_in_actor(identity.DEFAULT_CLINIC, "system")

    def run() -> list[str]:
        return [
            result.status
            for result in imports.import_files(
                replayed.app.state.writer,
                actor,
                files,
                format="csv",
                create_patients=True,
                system=None,
                care_team=None,
                dry_run=False,
                progress=lambda done, total: None,
            )
        ]

    first, second = run(), run()

    assert first == [*["created"] * 4, "unchanged", "unchanged", "created"]
    assert second == ["unchanged"] * 7
    trend = prescriber("GET", f"{P}/trends?as_of=2026-06-01&include=measures,points").json()
    by_code = {one["measure"]: one for one in trend["measures"]}
    assert (by_code["phq-9.total"]["n"], by_code["phq-9.total"]["n_raw"]) == (4, 5)
    assert "DQ_SAME_DAY" in by_code["phq-9.total"]["quality"]
    restless = by_code["restlessness_1_to_7"]
    assert restless["direction"] == "lower_better"


def test_a_tenfold_dose_asks_for_a_confirmation_and_is_flagged_with_it(
    replayed: Clinic, prescriber: Caller
) -> None:
    sent = body("24-tenfold-dose.json")
    path = f"{P}/medications/{SERTRALINE}/dose-events"
    word = {"codes": ["above-maximum", "tenfold-jump"], "reason": "agreed with the pharmacist"}

    asked = prescriber("POST", path, sent)
    nurse = replayed.as_("care_team")
    confirmed = prescriber("POST", path, sent | {"confirmation": word})

    assert asked.status_code == 422
    assert fits(asked.json(), json.loads((CONTRACT / "answers/24-tenfold-dose.json").read_text()))
    assert nurse("POST", path, sent | {"confirmation": word}).status_code == 404
    assert confirmed.status_code == 201, confirmed.text
    assert confirmed.json()["flags"] == ["above-maximum", "tenfold-jump"]


def test_an_ehr_cannot_be_asked_so_its_dose_waits_for_a_prescriber(
    replayed: Clinic, prescriber: Caller
) -> None:
    path = f"{P}/medications/{SERTRALINE}/dose-events"

    kept = replayed.as_("system")("POST", path, body("24-tenfold-dose.json"))

    assert kept.status_code == 201
    assert kept.json()["unconfirmed"] == ["above-maximum", "tenfold-jump"]
    codes = [one["code"] for one in prescriber("GET", f"{P}/signals").json()["items"]]
    assert "unconfirmed_dose" in codes


@pytest.mark.parametrize(
    ("name", "under"),
    [
        ("20-administrations.json", "administrations"),
        ("22-taper-plan.json", "dose-events"),
    ],
)
def test_what_was_taken_and_what_is_planned_are_kept(
    replayed: Clinic, prescriber: Caller, name: str, under: str
) -> None:
    answer = prescriber("POST", f"{P}/medications/{SERTRALINE}/{under}", body(name))

    assert answer.status_code == 201, answer.text
    assert all("flags" not in one for one in answer.json()["items"])


def test_a_medicine_as_needed_is_kept(replayed: Clinic, prescriber: Caller) -> None:
    answer = prescriber("POST", f"{P}/medications", body("23-prn-medication.json"))

    assert answer.status_code == 201, answer.text


def test_a_signal_is_closed_by_name_and_stays(replayed: Clinic, prescriber: Caller) -> None:
    signals = prescriber("GET", f"{P}/signals").json()["items"]
    (signal,) = [one for one in signals if one["code"] == "suicidal_ideation_item"]
    path = f"{P}/signals/{signal['id']}"
    sent = body("27-signal.json")

    assert prescriber("PATCH", path, sent).status_code == 428
    assert replayed.as_("system")("PATCH", path, sent).status_code == 403
    closed = prescriber("PATCH", path, sent, headers={"If-Match": '"1"'})
    again = prescriber("PATCH", path, sent, headers={"If-Match": '"2"'})

    assert closed.status_code == 200, closed.text
    assert (closed.json()["state"], closed.json()["version"]) == ("closed", 2)
    assert closed.json()["acknowledged"]["role"] == closed.json()["closed"]["role"] == "prescriber"
    assert again.status_code == 422
    left = {one["code"]: one["state"] for one in prescriber("GET", f"{P}/signals").json()["items"]}
    assert left == {"suicidal_ideation_item": "closed", "interaction": "open"}


def test_a_correction_keeps_both_versions(replayed: Clinic, prescriber: Caller) -> None:
    path = f"{P}/follow-ups/{FOLLOW_UP}"
    sent = body("25-correction.json")

    corrected = prescriber("PATCH", path, sent, headers={"If-Match": '"1"'})

    assert (corrected.status_code, corrected.json()["version"]) == (200, 2)
    assert prescriber("PATCH", path, sent, headers={"If-Match": '"1"'}).status_code == 412
    assert prescriber("PATCH", path, sent).status_code == 428
    history = prescriber("GET", f"{path}/history").json()["items"]
    assert [one["note"] for one in history] == [sent["note"], body("06-follow-up.json")["note"]]


def test_a_fall_to_a_tenth_is_called_a_fall(replayed: Clinic, prescriber: Caller) -> None:
    """100 mg holds from 14 April (05): 10 mg after it is a tenth, and no rise."""
    sent = body("24-tenfold-dose.json") | {"dose": {"amount": "10", "unit": "mg"}}

    asked = prescriber("POST", f"{P}/medications/{SERTRALINE}/dose-events", sent)

    assert [(one["code"], one["detail"]) for one in asked.json()["errors"]] == [
        ("tenfold-jump", "at most a tenth of the dose before it")
    ]


def test_st_john_s_wort_with_sertraline_is_a_finding_at_once_and_a_signal_is_open(
    clinic: Clinic, prescriber: Caller
) -> None:
    for name, path in (
        ("01-patient.json", "/v1/patients"),
        ("03-medication.json", f"{P}/medications"),
    ):
        assert prescriber("POST", path, body(name)).status_code == 201

    kept = prescriber("POST", f"{P}/medications", body("04-supplement.json")).json()

    listed = prescriber("GET", f"{P}/interactions").json()
    expected = json.loads((CONTRACT / "answers/04-interactions.json").read_text())
    assert fits(listed, expected), listed
    (finding,) = listed["findings"]
    (signal,) = prescriber("GET", f"{P}/signals").json()["items"]
    assert [one["id"] for one in kept["new_findings"]] == [finding["id"]]
    assert [one["id"] for one in kept["opened_signals"]] == [finding["signal_id"]]
    assert (signal["id"], signal["state"]) == (finding["signal_id"], "open")


def test_a_finding_is_acknowledged_by_name(replayed: Clinic, prescriber: Caller) -> None:
    (signal,) = [
        one
        for one in prescriber("GET", f"{P}/signals").json()["items"]
        if one["code"] == "interaction"
    ]
    path = f"{P}/interactions/{signal['evidence']['finding_id']}/acknowledgement"
    sent = body("26-acknowledgement.json")

    answer = prescriber("PUT", path, sent)

    assert answer.status_code == 201, answer.text
    assert answer.json()["acknowledgement"].items() >= sent.items()


def test_the_intake_s_questionnaire_exposures_and_stressors_are_records(
    replayed: Clinic, prescriber: Caller
) -> None:
    """Its risk answers are none, no and unknown: none of them opens a signal."""
    courses = prescriber("GET", f"{P}/medications").json()["items"]
    told = {one["reference_id"]: one["exposure"] for one in courses if one["kind"] == "substance"}
    assert told == {
        "caffeine": {"amount": "300", "unit": "mg", "per": "d"},
        "alcohol": {"amount": "4", "unit": "{drink}", "per": "wk"},
    }
    answers = prescriber("GET", f"{P}/assessments").json()["items"]
    assert next(one["total_computed"] for one in answers if one["instrument"] == "phq-9") == 17
    events = prescriber("GET", f"{P}/life-events").json()["items"]
    assert [one["label"] for one in events] == ["job loss", "moved house"]
    (condition,) = prescriber("GET", f"{P}/conditions").json()["items"]
    assert condition["code"]["code"] == "F33.1"
    intake = prescriber("GET", f"{P}/intake").json()
    assert intake["opened_signals"] == []
    assert intake["risk_asked"]["asked"] == ["suicidal_ideation", "self_harm_history"]


def test_a_review_moves_the_next_one(replayed: Clinic, prescriber: Caller) -> None:
    """Agreed on 2 March for 28 days; reviewed on 13 April, raised on the 14th.

    While the signal of item 9 is open, the first look after a raise is due within a week.
    """

    def due() -> str:
        plan = prescriber("GET", f"{P}/treatment-plan").json()
        return str(plan["next_review"]["due"])

    before = due()
    answer = prescriber("POST", f"{P}/treatment-plan/reviews", body("28-plan-review.json"))

    assert answer.status_code == 201, answer.text
    assert (before, due()) == ("2026-03-30", "2026-04-21")
    assert answer.json()["next_review"]["due"] == "2026-04-21"


def test_a_phone_s_batches_are_answered_item_by_item(replayed: Clinic, prescriber: Caller) -> None:
    phone = replayed.as_("patient", patient_id=PATIENT)
    expected = json.loads((CONTRACT / "answers/08-sync.json").read_text())

    first = phone("POST", "/v1/sync", body("08-sync.json"))
    again = phone("POST", "/v1/sync", body("08-sync.json"))
    conflict = phone("POST", "/v1/sync", body("29-sync-conflict.json"))
    repeated = phone("POST", "/v1/sync", body("29-sync-conflict.json"))

    assert first.status_code == 200, first.text
    assert fits(first.json(), expected), first.json()
    assert [one["status"] for one in again.json()["results"]] == [
        "duplicate",
        "duplicate",
        "rejected",
        "duplicate",
    ]
    edit, delete = conflict.json()["results"]
    assert (edit["status"], edit["version"]) == ("conflict", 1)
    assert edit["server"]["mood_cognition"] == {"mood": 7}
    assert (delete["status"], delete["version"]) == ("updated", 2)
    assert [one["status"] for one in repeated.json()["results"]] == ["conflict", "duplicate"]
    history = prescriber("GET", f"{P}/check-ins/{edit['id']}/history").json()["items"]
    assert [(one["status"], one["mood_cognition"]["mood"]) for one in history] == [
        ("active", 7),
        ("refused", 2),
    ]
    gone = prescriber("GET", f"{P}/check-ins/{delete['id']}").json()
    assert gone["status"] == "entered_in_error"


def test_a_dispense_is_kept_and_makes_the_days_covered(
    replayed: Clinic, prescriber: Caller
) -> None:
    path = f"{P}/medications/{SERTRALINE}/dispenses"
    sent = body("21-dispense.json")

    kept = prescriber("POST", path, sent)
    again = prescriber("POST", path, sent)
    told = prescriber("GET", f"{P}/regimen?as_of=2026-05-13").json()["medications"]
    supply = next(one for one in told if one["medication_id"] == SERTRALINE)["adherence"]

    assert kept.status_code == 201, kept.text
    assert kept.json().items() >= sent.items()
    assert (again.status_code, again.content) == (200, kept.content)
    assert (supply["dispenses"]["pdc"], supply["dispenses"]["n_days"]) == (1.0, 30)


def test_a_planned_taper_changes_nothing_until_its_steps_are_done(
    replayed: Clinic, prescriber: Caller
) -> None:
    path = f"{P}/medications/{SERTRALINE}/dose-events"
    assert prescriber("POST", path, body("22-taper-plan.json")).status_code == 201

    told = prescriber("GET", f"{P}/regimen").json()["medications"]
    course = next(one for one in told if one["medication_id"] == SERTRALINE)

    assert course["daily_dose"]["value"] == "100"
    assert [(one["on"], one["daily_dose"]["value"], one["done"]) for one in course["planned"]] == [
        ("2026-09-01", "50", None),
        ("2026-09-22", "25", None),
        ("2026-10-13", "0", None),
    ]


def test_each_domain_of_the_visit_is_read_alone_with_the_visits_version(
    replayed: Clinic, prescriber: Caller
) -> None:
    whole = prescriber("GET", f"{P}/follow-ups/{FOLLOW_UP}").json()

    for key in whole["domains"]:
        alone = prescriber("GET", f"{P}/follow-ups/{FOLLOW_UP}/{key.replace('_', '-')}")
        assert alone.status_code == 200, key
        assert alone.json()[key] == whole[key]
        assert alone.headers["ETag"] == f'"{whole["version"]}"'


def test_the_visit_brief_answers_what_is_asked_before_a_visit(
    replayed: Clinic, prescriber: Caller
) -> None:
    answer = prescriber("GET", f"{P}/visit-brief")
    brief = answer.json()

    assert answer.status_code == 200, answer.text
    assert brief["patient"]["birth_year"] == 1991
    assert {"suicidal_ideation_item", "interaction"} <= {
        one["code"] for one in brief["risk"]["open_signals"]
    }
    sertraline = next(one for one in brief["medications"] if one["name"] == "sertraline")
    assert sertraline["ordered"]["dose"] == {"amount": "100", "unit": "mg"}
    assert sertraline["taking"]["dose"] == {"amount": "50", "unit": "mg"}
    assert sertraline["adherence"]["self_report"]["taken_share"] == pytest.approx(
        0.857143, abs=1e-6
    )
    assert brief["tolerability"]["fibser"]["burden"] == 2
    insomnia = next(
        one for one in brief["tolerability"]["side_effects"] if one["term"] == "insomnia"
    )
    assert (insomnia["severity"], insomnia["course"]) == (1, "easing")
    assert brief["sleep"]["domain"] == "sleep"
    assert brief["changed_since_last_visit"] == f"{P}/digest?since=2026-04-13"


def test_the_treatment_history_says_which_trials_were_fair(
    replayed: Clinic, prescriber: Caller
) -> None:
    answer = prescriber("GET", f"{P}/treatment-history")
    trials = {one["name"]: one for one in answer.json()["trials"]}

    assert answer.status_code == 200, answer.text
    assert trials["fluoxetine"]["source"] == "intake"
    assert trials["fluoxetine"]["outcome"] == "partial_response"
    assert trials["fluoxetine"]["fair_trial"] == {"fair": "yes", "not_enough": [], "missing": []}
    assert trials["sertraline"]["highest_dose"]["value"] == "100"
    assert trials["sertraline"]["weeks_at_or_above_minimum"] == 13.0
    assert trials["sertraline"]["measure"] == "phq-9.total"


def test_the_decision_lists_options_and_never_an_order(
    clinic: Clinic, replayed: Clinic, prescriber: Caller
) -> None:
    answer = prescriber("GET", f"{P}/decision")
    body = answer.json()
    found = {one["option"]: one for one in body["options"]}

    assert answer.status_code == 200, answer.text
    assert body["options"][0]["option"] == "go_on_unchanged"
    assert "RISK_OPEN" in found["go_on_unchanged"]["reasons_against"]
    assert body["facts"]["measure"] == "phq-9.total"
    assert body["facts"]["fair_trials"] == 2
    assert all(one["basis"] in {"A", "C", "E"} for one in body["options"])
    assert clinic.as_("patient", patient_id=PATIENT)("GET", f"{P}/decision").status_code == 403


def test_what_was_withdrawn_elsewhere_breaks_no_correction_and_is_said(
    replayed: Clinic, prescriber: Caller
) -> None:
    paths = [f"{P}/assessments/{one['id']}" for one in listed(prescriber, "assessments")]
    paths += [f"{P}/side-effects/{one['id']}" for one in listed(prescriber, "side-effects")]
    paths += [f"{P}/conditions/{one['id']}" for one in listed(prescriber, "conditions")]
    for course in (ST_JOHNS_WORT, "019a5b10-0000-7000-8000-000000000103"):
        events = listed(prescriber, f"medications/{course}/dose-events")
        paths += [f"{P}/medications/{course}/dose-events/{one['id']}" for one in events]
        paths.append(f"{P}/medications/{course}")
    for path in paths:
        tag = prescriber("GET", path).headers["ETag"]
        assert prescriber("DELETE", path, headers={"If-Match": tag}).status_code == 200, path

    changed = prescriber(
        "PATCH", f"{P}/follow-ups/{FOLLOW_UP}", {"note": "again"}, headers={"If-Match": '"1"'}
    )
    intake = prescriber(
        "PUT",
        f"{P}/intake",
        body("02-intake.json") | {"presenting_problem": "again"},
        headers={"If-Match": '"1"'},
    )

    assert changed.status_code == 200, changed.text
    told = {one["type"] for one in changed.json()["withdrawn"]}
    assert told == {"assessment", "side_effect", "dose_event", "medication"}
    assert intake.status_code == 200, intake.text
    gone = {one["type"] for one in intake.json()["records"] if one.get("withdrawn")}
    assert gone == {"assessment", "condition"}
    for read in ("visit-brief", "digest", "trends", "side-effects", "intake", "follow-ups"):
        assert prescriber("GET", f"{P}/{read}").status_code == 200, read


def listed(caller: Caller, under: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = caller("GET", f"{P}/{under}").json()["items"]
    return found


def test_a_visit_after_the_due_day_is_shown_and_is_no_review(
    replayed: Clinic, prescriber: Caller
) -> None:
    def review() -> dict[str, Any]:
        found: dict[str, Any] = prescriber("GET", f"{P}/visit-brief").json()["plan"]["next_review"]
        return found

    seen = review()
    answer = prescriber("POST", f"{P}/treatment-plan/reviews", body("28-plan-review.json"))
    reviewed = review()

    assert (seen["due"], seen["seen_on"], seen["overdue"]) == ("2026-03-30", "2026-04-13", True)
    assert answer.status_code == 201
    assert (reviewed["due"], reviewed["seen_on"]) == ("2026-04-21", None)


def test_a_list_is_checked_and_what_was_not_is_said(replayed: Clinic, prescriber: Caller) -> None:
    answer = prescriber("POST", "/v1/interactions/check", body("15-interaction-check.json"))

    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert [one["severity"] for one in found["findings"]][:1] == ["major"]
    assert "a herbal tea" in str(found["not_checked"])
    assert "tramadol" in str(found["possible"])
    assert "tramadol" not in str(found["findings"])


def test_a_plan_without_a_therapy_or_a_goal_does_not_break_the_decision(
    replayed: Clinic, prescriber: Caller
) -> None:
    plan = {"agreed_on": "2026-04-14", "why": "go on"}
    put = prescriber("PUT", f"{P}/treatment-plan", plan, headers={"If-Match": '"1"'})
    assert put.status_code == 200, put.text

    answer = prescriber("GET", f"{P}/decision")

    assert answer.status_code == 200, answer.text
    assert answer.json()["facts"]["therapy_planned"] is False

"""The first appointment: one document, and what its parts become."""

from datetime import date
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.core.db import Work
from app.identity import service as identity
from app.patients import facts
from tests.care.conftest import INTAKE, Patient, copy
from tests.conftest import Caller, Clinic


def signals(patient: Patient) -> list[tuple[str, str]]:
    return [(one["code"], one["evidence"].get("answer", "")) for one in patient.items("signals")]


def test_all_its_parts_are_kept_as_records_of_their_own(patient: Patient) -> None:
    answer = patient.put("intake", INTAKE)

    assert answer.status_code == 201, answer.text
    assert answer.json()["occurred_on"] == "2026-03-02"
    assert [one["type"] for one in answer.json()["records"]] == [
        "condition",
        "medication",
        "life_event",
        "assessment",
    ]
    (condition,) = patient.items("conditions")
    assert condition["code"]["code"] == "F33.1"
    (event,) = patient.items("life-events")
    assert (event["kind"], event["label"], event["from_on"]) == (
        "stressor",
        "job loss",
        "2025-11-10",
    )
    (assessment,) = patient.items("assessments")
    assert assessment["total_computed"] == 17
    assert answer.json()["assessments"][0]["id"] == assessment["id"]
    assert patient.get("intake") == answer.json()


def test_drinks_a_week_are_a_course_of_a_substance_without_a_daily_dose(patient: Patient) -> None:
    patient.put("intake", INTAKE)

    (course,) = patient.items("medications")
    assert (course["kind"], course["reference_id"]) == ("substance", "alcohol")
    assert course["exposure"] == {"amount": "4", "unit": "{drink}", "per": "wk"}
    (told,) = patient.get("regimen")["medications"]
    assert (told["running"], told["daily_dose"]) == (True, None)


def test_milligrams_a_day_are_a_daily_dose(patient: Patient) -> None:
    coffee = {"substance": {"reference_id": "caffeine"}, "amount": "300", "unit": "mg", "per": "d"}

    patient.put("intake", copy(INTAKE, exposures=[coffee]))

    (told,) = patient.get("regimen")["medications"]
    assert (told["kind"], told["daily_dose"]["value"]) == ("substance", "300")


def test_a_no_and_an_unknown_open_nothing_and_an_unknown_was_not_asked(patient: Patient) -> None:
    answer = patient.put("intake", INTAKE).json()

    assert signals(patient) == []
    assert answer["opened_signals"] == []
    assert answer["risk_asked"]["asked"] == ["suicidal_ideation"]
    assert "firearms_access" in answer["risk_asked"]["not_asked"]


@pytest.mark.parametrize(
    ("question", "said", "opens"),
    [
        ("suicidal_ideation", "passive", True),
        ("suicidal_ideation", "other", True),
        ("suicidal_ideation", "not_asked", False),
        ("self_harm_history", "yes", True),
        ("firearms_access", "yes", True),
        ("harm_to_others", "no", False),
    ],
)
def test_each_positive_answer_opens_one_signal(
    patient: Patient, question: str, said: str, opens: bool
) -> None:
    text = {f"{question}_text": "in the patient's own words"} if said == "other" else {}
    answer = patient.put("intake", copy(INTAKE, risk={question: said, **text}))

    assert answer.status_code == 201, answer.text
    expected = [(f"risk_{question}", said)] if opens else []
    assert signals(patient) == expected
    assert len(answer.json()["opened_signals"]) == len(expected)


def test_a_worse_answer_later_opens_another_signal_and_a_better_one_closes_none(
    patient: Patient,
) -> None:
    for version, said in enumerate(("passive", "plan", "none")):
        body = copy(INTAKE, risk={"suicidal_ideation": said})
        assert patient.put("intake", body, version or None).status_code < 300

    assert sorted(signals(patient)) == [
        ("risk_suicidal_ideation", "passive"),
        ("risk_suicidal_ideation", "plan"),
    ]


def test_the_same_again_changes_nothing_and_needs_no_version(patient: Patient) -> None:
    first = patient.put("intake", INTAKE)
    again = patient.put("intake", INTAKE)

    assert (again.status_code, again.json()) == (200, first.json())
    assert len(patient.items("life-events")) == 1


def test_a_change_names_its_version_and_both_versions_are_shown(patient: Patient) -> None:
    patient.put("intake", INTAKE)
    changed = copy(INTAKE, note="seen with her sister")

    assert patient.put("intake", changed).status_code == 428
    assert patient.put("intake", changed, 7).status_code == 412
    assert patient.put("intake", changed, 1).json()["version"] == 2
    assert [one["version"] for one in patient.items("intake/history")] == [2, 1]
    counts = {kind: len(patient.items(kind)) for kind in ("life-events", "medications")}
    assert counts == {"life-events": 1, "medications": 1}


def test_what_the_next_version_no_longer_says_is_marked_as_entered_in_error(
    patient: Patient,
) -> None:
    patient.put("intake", INTAKE)
    house = {"label": "moved house", "from_on": "2026-02-01"}
    bare = copy(INTAKE, exposures=[], conditions=[], assessments=[], stressors=[house])

    assert patient.put("intake", bare, 1).status_code == 200
    assert [one["label"] for one in patient.items("life-events")] == ["moved house"]
    assert patient.items("medications") == []
    assert patient.items("conditions") == []
    assert patient.items("assessments") == []
    statuses = [one["status"] for one in patient.items("life-events?status=all")]
    assert sorted(statuses) == ["active", "entered_in_error"]
    assert patient.put("intake", copy(INTAKE, note="as before"), 2).status_code == 200
    assert [one["label"] for one in patient.items("life-events")] == ["job loss"]


@pytest.mark.parametrize("under", ["life-events", "assessments", "conditions", "medications"])
def test_a_part_that_was_taken_back_does_not_return_with_another_change(
    patient: Patient, under: str
) -> None:
    patient.put("intake", INTAKE)
    (record,) = patient.items(under)
    path = f"{patient.path}/{under}/{record['id']}"
    assert patient.caller("DELETE", path, headers={"If-Match": '"1"'}).status_code == 200

    answer = patient.put("intake", copy(INTAKE, note="corrected"), 1)

    assert answer.status_code == 200, answer.text
    assert patient.items(under) == []


def test_what_was_entered_in_error_is_not_said_again_under_its_id(patient: Patient) -> None:
    with_id = copy(INTAKE)
    with_id["assessments"][0]["id"] = str(uuid4())
    patient.put("intake", with_id)
    patient.put("intake", copy(INTAKE, assessments=[]), 1)

    again = patient.put("intake", copy(with_id, note="after all"), 2)

    assert (again.status_code, again.json()["code"]) == (409, "already-exists")
    assert again.json()["errors"][0]["pointer"] == "/assessments/0/id"


def test_a_record_that_was_there_before_is_linked_and_not_taken_back(patient: Patient) -> None:
    known = {"id": str(uuid4()), "text": "hypothyroidism"}
    patient.post("conditions", known)
    patient.put("intake", copy(INTAKE, conditions=[known]))

    patient.put("intake", copy(INTAKE, conditions=[]), 1)

    assert [one["text"] for one in patient.items("conditions")] == ["hypothyroidism"]


def test_moving_the_appointment_moves_its_questionnaire(patient: Patient) -> None:
    with_id = copy(INTAKE)
    with_id["assessments"][0]["id"] = str(uuid4())
    patient.put("intake", with_id)
    moved = copy(with_id, occurred_at="2026-03-01T09:00:00-05:00")

    assert patient.put("intake", moved, 1).status_code == 200
    (assessment,) = patient.items("assessments")
    assert assessment["occurred_on"] == "2026-03-01"


def test_a_lab_of_the_intake_is_a_lab(patient: Patient) -> None:
    sodium = {
        "code": {"system": "http://loinc.org", "code": "2951-2"},
        "value": "140",
        "unit": "mmol/L",
        "drawn_on": "2026-02-27",
    }

    patient.put("intake", copy(INTAKE, labs=[sodium]))

    assert [one["measure"] for one in patient.items("labs")] == ["labs.2951-2"]


def test_a_stressor_without_a_day_is_told_of_from_the_appointment_on(patient: Patient) -> None:
    patient.put("intake", copy(INTAKE, stressors=[{"label": "debts"}]))

    (event,) = patient.items("life-events")
    assert (event["from_on"], event["from_assumed"]) == ("2026-03-02", True)


TRIAL: dict[str, Any] = {
    "substance": {"text": "fluoxetine"},
    "side_effects": ["sexual-dysfunction"],
}


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"occurred_at": "2027-03-02T09:00:00-05:00"}, "/occurred_at"),
        ({"occurred_at": "1980-03-02T09:00:00-05:00"}, "/occurred_at"),
        ({"risk": {"suicidal_ideation": "maybe"}}, "/risk/suicidal_ideation"),
        ({"facts": {"smoking": True}}, "/facts/smoking"),
        ({"exposures": [{"substance": {"text": "tea"}, "amount": "4"}]}, "/exposures/0"),
        (
            {"exposures": [{"substance": {"text": "t"}, "amount": "4", "unit": "cup", "per": "d"}]},
            "/exposures/0/unit",
        ),
        (
            {"exposures": [{"substance": {"text": "tea"}, "from_on": "2026-04-02"}]},
            "/exposures/0/from_on",
        ),
        ({"conditions": [{}]}, "/conditions/0"),
        ({"conditions": [{"text": "x", "onset_on": "2030-01-01"}]}, "/conditions/0/onset_on"),
        ({"stressors": [{"label": "x", "weight": 4}]}, "/stressors/0/weight"),
        (
            {"stressors": [{"label": "x", "from_on": "2026-02-01", "to_on": "2026-01-01"}]},
            "/stressors/0/to_on",
        ),
        (
            {"psychiatric_history": {"past_trials": [TRIAL | {"side_effects": ["naussea"]}]}},
            "/psychiatric_history/past_trials/0/side_effects/0",
        ),
        ({"education": [{"topic": "x", "given_on": "2031-01-01"}]}, "/education/0/given_on"),
        ({"assessments": [{"instrument": "phq-99", "total": 3}]}, "/assessments/0/instrument"),
        ({"surprise": 1}, "/surprise"),
    ],
)
def test_what_cannot_be_is_refused_by_its_place_and_nothing_is_kept(
    patient: Patient, members: dict[str, Any], pointer: str
) -> None:
    answer = patient.put("intake", copy(INTAKE, **members))

    assert answer.status_code == 422, answer.text
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]
    assert patient.caller("GET", f"{patient.path}/intake").status_code == 404
    assert patient.items("life-events") == []


def test_two_parts_with_one_id_and_an_id_of_other_content_are_refused(patient: Patient) -> None:
    one = str(uuid4())
    twice = [{"id": one, "label": "a"}, {"id": one, "label": "b"}]
    patient.post("life-events", {"id": one, "kind": "loss", "label": "c", "from_on": "2026-01-01"})

    assert patient.put("intake", copy(INTAKE, stressors=twice)).status_code == 422
    assert patient.put("intake", copy(INTAKE, stressors=twice[:1])).status_code == 409
    assert patient.caller("GET", f"{patient.path}/intake").status_code == 404


def test_another_patient_in_the_body_is_refused(patient: Patient) -> None:
    assert patient.put("intake", copy(INTAKE, patient_id=str(uuid4()))).status_code == 409


def test_only_clinicians_write_it_and_others_do_not_know_of_it(
    clinic: Clinic, patient: Patient
) -> None:
    own: Caller = clinic.as_("patient", patient_id=patient.id)
    path = f"{patient.path}/intake"
    patient.put("intake", INTAKE)

    assert own("PUT", path, INTAKE).status_code == 403
    assert own("GET", path).status_code == 200
    assert clinic.as_("care_team")("GET", path).status_code == 404
    assert clinic.as_("patient", patient_id=uuid4())("GET", path).status_code == 404


def test_an_exposure_is_held_against_the_medicines_at_once(patient: Patient) -> None:
    disulfiram = {
        "kind": "drug",
        "reference_id": "disulfiram",
        "first_dose_event": {"kind": "start", "effective_on": "2026-03-01", "dose_known": False},
    }
    patient.post("medications", disulfiram)

    answer = patient.put("intake", INTAKE).json()

    assert [one["code"] for one in answer["opened_signals"]] == ["interaction"]
    assert [one["code"] for one in patient.items("signals")] == ["interaction"]


def test_facts_are_known_from_the_day_of_the_appointment_and_corrected_with_it(
    clinic: Clinic, patient: Patient
) -> None:
    def known() -> dict[str, str]:
        def ask(work: Work, patient_id: UUID) -> dict[str, str]:
            return dict(facts.known(work, patient_id, date(2026, 3, 2)))

        actor = identity.built_in_actor(identity.DEFAULT_CLINIC, "prescriber")
        found: dict[str, str] = clinic.app.state.writer.run(
            ask, actor, UUID(patient.id), operation="test"
        )
        return found

    patient.put("intake", copy(INTAKE, facts={"pregnancy": "not_pregnant", "smoking": "never"}))
    assert known() == {
        "pregnancy": "not_pregnant",
        "smoking": "never",
        "suicidal_ideation": "none",
    }
    patient.put("intake", copy(INTAKE, facts={"smoking": "former"}), 1)
    assert known() == {"smoking": "former", "suicidal_ideation": "none"}


def test_an_intake_of_a_hundred_parts_is_kept_and_a_hundred_and_one_are_refused(
    patient: Patient,
) -> None:
    many = [{"label": f"stressor {number}"} for number in range(101)]

    assert patient.put("intake", copy(INTAKE, stressors=many)).status_code == 422
    assert patient.put("intake", copy(INTAKE, stressors=many[:100])).status_code == 201
    assert len(patient.items("life-events?limit=200")) == 100


def test_the_same_stressor_twice_is_two(patient: Patient) -> None:
    """Nobody can tell whether it was meant; what was said is not thrown away."""
    patient.put("intake", copy(INTAKE, stressors=[{"label": "debts"}] * 2))
    patient.put("intake", copy(INTAKE, stressors=[{"label": "debts"}] * 2, note="again"), 1)

    assert [one["label"] for one in patient.items("life-events")] == ["debts", "debts"]


def test_another_clinician_of_the_patient_may_send_what_the_first_one_sent(
    clinic: Clinic, patient: Patient
) -> None:
    """A system writes the next version: what did not change is linked, not doubled."""
    ehr = Patient(clinic.as_("system"), patient.id)
    patient.put("intake", INTAKE)

    answer = ehr.put("intake", copy(INTAKE, note="from the chart"), 1)

    assert (answer.status_code, answer.json()["version"]) == (200, 2), answer.text
    counts = [len(patient.items(kind)) for kind in ("life-events", "medications", "assessments")]
    assert counts == [1, 1, 1]


@pytest.mark.parametrize(
    ("answer", "counts"),
    [("none", True), ("passive", True), ("unknown", False), ("not_asked", False)],
)
def test_an_answer_about_suicide_at_the_first_appointment_counts_as_asked_if_it_is_one(
    patient: Patient, answer: str, counts: bool
) -> None:
    kept = patient.put(
        "intake", copy(INTAKE, assessments=[], risk={"suicidal_ideation": answer})
    ).json()

    asked = patient.get("signals")["asked"]["suicidality"]

    assert (asked is not None) == counts
    if counts:
        assert (asked["question"], asked["value"]) == ("suicidal_ideation", answer)
        assert (asked["measure"], asked["on"]) == (None, "2026-03-02")
        assert asked["record_id"] == kept["id"]


def test_an_answer_about_suicide_taken_back_was_not_asked(patient: Patient) -> None:
    patient.put("intake", copy(INTAKE, assessments=[]))
    patient.put("intake", copy(INTAKE, assessments=[], risk={}), version=1)

    assert patient.get("signals")["asked"]["suicidality"] is None

"""Each risk item of each questionnaire opens its signal in the request that brings it, whichever
door it comes through, and whatever the total does.
"""

from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from app.clinical.instruments import Instrument, all_instruments
from app.clinical.safety import CODES
from tests.conftest import Caller, Clinic
from tests.imports.files import LOINC, MRN, PATIENT, bundle, observation, run
from tests.patients.test_patients import PATH, PERSON


class Risky(NamedTuple):
    """The least that one risk item of a questionnaire has to say to be shown to a person."""

    form: Instrument
    item: int | str
    code: str
    answers: dict[int, int]

    @property
    def name(self) -> tuple[str, int | str]:
        return self.form.id, self.item

    @property
    def body(self) -> dict[str, Any]:
        answers = {str(item): value for item, value in self.answers.items()}
        return {"instrument": self.form.id, "answers": answers}


def _risky() -> list[Risky]:
    found = {}
    for form in all_instruments():
        for risk in form.risk_items:
            if risk.index == "total":
                answers = {item.index: max(item.allowed) for item in form.items}
            else:
                answers = {int(risk.index): risk.at_least}
            found[form.id, risk.index] = Risky(form, risk.index, CODES[risk.topic], answers)
    return list(found.values())


RISKY = _risky()
OF_PATIENTS = [one for one in RISKY if "self" in one.form.raters]


def moment(place: int) -> str:
    return f"2026-05-20T10:{place:02}:00Z"


def opened(answer: Any) -> list[tuple[str, str, int | str]]:
    """Give code, instrument and item of what a write says that it opened."""
    assert answer.status_code == 201, answer.text
    return [
        (one["code"], one["evidence"]["instrument"], one["evidence"]["item"])
        for one in answer.json()["opened_signals"]
    ]


def waiting(caller: Caller, path: str = PATH) -> list[tuple[str, str, int | str]]:
    items = caller("GET", f"{path}/signals").json()["items"]
    assert {one["state"] for one in items} == {"open"}
    return sorted(
        (one["code"], one["evidence"]["instrument"], one["evidence"]["item"]) for one in items
    )


EXPECTED = sorted((one.code, *one.name) for one in RISKY)


@pytest.fixture
def caller(prescriber: Caller) -> Caller:
    assert prescriber("POST", "/v1/patients", PERSON).status_code == 201
    return prescriber


@pytest.fixture
def patient(clinic: Clinic, caller: Caller) -> Caller:
    return clinic.as_("patient", patient_id=str(PERSON["id"]))


def test_the_questionnaires_that_ask_about_suicide_or_mania_are_these() -> None:
    assert {one.form.id for one in RISKY} == {
        "asrm",
        "bdi-ii",
        "c-ssrs-screener",
        "epds",
        "hamd-17",
        "madrs",
        "phq-9",
        "phq-a",
        "qids-sr16",
        "ymrs",
    }


def test_by_itself(caller: Caller) -> None:
    for place, one in enumerate(RISKY):
        sent = {"id": str(uuid4()), "occurred_at": moment(place), **one.body}
        assert opened(caller("POST", f"{PATH}/assessments", sent)) == [(one.code, *one.name)]

    assert waiting(caller) == EXPECTED


def test_in_a_follow_up(caller: Caller) -> None:
    for place, one in enumerate(RISKY):
        sent = {
            "id": str(uuid4()),
            "kind": "call",
            "occurred_at": moment(place),
            "assessments": [one.body],
        }
        assert opened(caller("POST", f"{PATH}/follow-ups", sent)) == [(one.code, *one.name)]

    assert waiting(caller) == EXPECTED


def test_in_the_intake(caller: Caller) -> None:
    sent = {
        "occurred_at": moment(0),
        "assessments": [{"id": str(uuid4()), **one.body} for one in RISKY],
    }
    answer = caller("PUT", f"{PATH}/intake", sent)

    assert sorted(opened(answer)) == EXPECTED
    assert waiting(caller) == EXPECTED


def test_in_a_check_in_and_the_patient_is_told_that_nobody_watches(
    patient: Caller, caller: Caller
) -> None:
    for place, one in enumerate(OF_PATIENTS):
        form = {**one.body, "rater": "self"}
        sent = {"id": str(uuid4()), "occurred_at": moment(place), "assessments": [form]}
        answer = patient("POST", f"{PATH}/check-ins", sent)
        assert answer.status_code == 201, answer.text
        assert answer.json()["safety_notice"]["nobody_watches"] is True, one.name

    assert waiting(caller) == sorted((one.code, *one.name) for one in OF_PATIENTS)


@pytest.mark.parametrize("kind", ["assessment", "check_in"])
def test_in_a_phones_batch_and_the_patient_is_told_that_nobody_watches(
    patient: Caller, caller: Caller, kind: str
) -> None:
    items = []
    for place, one in enumerate(OF_PATIENTS):
        form = {**one.body, "rater": "self"}
        within = {"assessments": [form]} if kind == "check_in" else form
        items.append(
            {
                "op": "put",
                "type": kind,
                "patient_id": PERSON["id"],
                "id": str(uuid4()),
                "client_time": moment(place),
                "body": {"occurred_at": moment(place), **within},
            }
        )
    answer = patient("POST", "/v1/sync", {"items": items}).json()

    assert {one["status"] for one in answer["results"]} == {"created"}
    assert answer["safety_notice"]["nobody_watches"] is True
    assert waiting(caller) == sorted((one.code, *one.name) for one in OF_PATIENTS)


# ---- from files: today's facts, and those of long ago


def response(place: int, one: Risky, at: str) -> dict[str, Any]:
    return {
        "resourceType": "QuestionnaireResponse",
        "id": f"r{place}",
        "questionnaire": f"https://forms.example/Questionnaire/{one.form.id}|1.0",
        "status": "completed",
        "subject": {"reference": "Patient/p1"},
        "authored": at,
        "item": [
            {"linkId": str(item), "answer": [{"valueInteger": value}]}
            for item, value in one.answers.items()
        ],
    }


def rows(risky: list[Risky], day: str) -> str:
    found = ["subject,datetime,domain,measure,value,unit"]
    for place, one in enumerate(risky):
        at = f"{day}T10:{place:02}:00Z"
        found += [f"S-1,{at},,{one.form.id}.{item},{n}," for item, n in one.answers.items()]
    return "\n".join([*found, ""])


def person(caller: Caller) -> str:
    (found,) = caller("GET", "/v1/patients?identifier=S-1").json()["items"]
    return f"/v1/patients/{found['id']}"


def test_in_a_response_of_fhir(clinic: Clinic, prescriber: Caller, tmp_path: Path) -> None:
    forms = [response(place, one, moment(place)) for place, one in enumerate(RISKY)]
    results = run(clinic, bundle(tmp_path, PATIENT, *forms))

    assert {one.status for one in results} == {"created"}
    assert waiting(prescriber, person(prescriber)) == EXPECTED


def test_in_a_panel_and_in_single_observations_of_fhir(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    coded = [
        (one, one.form.items[int(one.item) - 1].loinc)
        for one in RISKY
        if one.item != "total" and one.form.items[int(one.item) - 1].loinc
    ]
    resources = []
    for place, (one, code) in enumerate(coded):
        value = {"valueInteger": one.answers[int(one.item)]}
        at = {"effectiveDateTime": moment(place)}
        assert code is not None
        panel = observation(f"p{place}", one.form.loinc_panel or "", **at)
        part = {"code": {"coding": [{"system": LOINC, "code": code}]}, **value}
        alone = observation(f"i{place}", code, effectiveDateTime=moment(59 - place), **value)
        resources += [panel | {"component": [part]}, alone]
    run(clinic, bundle(tmp_path, PATIENT, *resources))

    expected = sorted(2 * [(one.code, *one.name) for one, _ in coded])
    assert {one.form.id for one, _ in coded} == {"phq-9", "c-ssrs-screener"}
    assert waiting(prescriber, person(prescriber)) == expected


def test_in_the_rows_of_a_csv_file(clinic: Clinic, prescriber: Caller, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(rows(RISKY, "2026-05-20"))
    results = run(clinic, bundle(tmp_path, PATIENT), file, system=MRN)

    assert {one.status for one in results} == {"created"}
    assert waiting(prescriber, person(prescriber)) == EXPECTED


def test_in_a_message_of_hl7_v2(clinic: Clinic, prescriber: Caller, tmp_path: Path) -> None:
    lines = [
        "MSH|^~\\&|FORMS|X|T|Y|20260520103000-0400||ORU^R01|1|P|2.5",
        "PID|1||S-1^^^urn:example:mrn",
        "OBR|1|||44249-1^PHQ-9^LN|||20260520103000-0400",
        "OBX|1|NM|44260-8^PHQ-9 item 9^LN||1||||||F",
        "OBX|2|NM|44261-6^PHQ-9 total^LN||3||||||F",
    ]
    file = tmp_path / "message.hl7"
    file.write_text("\r".join([*lines, ""]))
    run(clinic, bundle(tmp_path, PATIENT), file)

    assert waiting(prescriber, person(prescriber)) == [("suicidal_ideation_item", "phq-9", 9)]


def test_answers_of_long_ago_wait_all_in_the_one_signal(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(rows(RISKY, "2026-01-20"))
    run(clinic, bundle(tmp_path, PATIENT), file, system=MRN)

    (signal,) = prescriber("GET", f"{person(prescriber)}/signals").json()["items"]
    found = [
        (one["code"], one["instrument"], one["item"]) for one in signal["evidence"]["findings"]
    ]
    assert (signal["code"], sorted(found)) == ("historic", EXPECTED)
    assert signal["evidence"]["n"] == len(EXPECTED)

"""The same answers give the same score, whichever door they come through."""

from pathlib import Path
from typing import Any

import pytest

from app.clinical.instruments import Instrument, instrument
from tests.conftest import Caller, Clinic
from tests.imports.files import LOINC, MRN, PATIENT, bundle, run


def response(form: Instrument, answers: list[int]) -> dict[str, Any]:
    """A completed questionnaire, its answers as whole numbers under the number of the item."""
    return {
        "resourceType": "QuestionnaireResponse",
        "id": "qr",
        "questionnaire": f"http://example.org/Questionnaire/{form.id}",
        "status": "completed",
        "subject": {"reference": "Patient/p1"},
        "authored": "2026-04-13T10:30:00-04:00",
        "item": [
            {"linkId": str(item.index), "answer": [{"valueInteger": value}]}
            for item, value in zip(form.items, answers, strict=True)
        ],
    }


def panel(form: Instrument, answers: list[int]) -> dict[str, Any]:
    """One observation with a component for each item."""
    return {
        "resourceType": "Observation",
        "id": "panel",
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": form.loinc_panel}]},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2026-04-12T10:30:00-04:00",
        "component": [
            {
                "code": {"coding": [{"system": LOINC, "code": item.loinc}]},
                "valueInteger": value,
            }
            for item, value in zip(form.items, answers, strict=True)
        ],
    }


@pytest.mark.parametrize(
    ("name", "answers", "total", "band"),
    [
        ("phq-9", [2, 2, 2, 2, 1, 1, 2, 0, 0], 12, "moderate"),
        ("gad-7", [1, 2, 1, 1, 0, 1, 2], 8, "mild"),
        ("audit-c", [3, 1, 1], 5, "above cut-point; assess"),
    ],
)
def test_the_score_is_the_same_through_every_door(
    clinic: Clinic,
    prescriber: Caller,
    tmp_path: Path,
    name: str,
    answers: list[int],
    total: int,
    band: str,
) -> None:
    form = instrument(name)
    rows = tmp_path / "rows.csv"
    rows.write_text(
        "subject,date,domain,measure,value,unit\n" + f"S-1,2026-04-15,,{name}.total,{total},\n"
    )
    run(clinic, bundle(tmp_path, PATIENT, response(form, answers), name="response.json"))
    run(clinic, bundle(tmp_path, PATIENT, panel(form, answers), name="panel.json"))
    run(clinic, rows, system=MRN)
    (person,) = prescriber("GET", "/v1/patients?identifier=S-1").json()["items"]
    path = f"/v1/patients/{person['id']}/assessments"
    body = {"id": "019a5b10-0000-7000-8000-000000000777", "instrument": name}
    posted = prescriber("POST", path, body | {"occurred_on": "2026-04-14", "answers": answers})
    assert posted.status_code == 201, posted.text

    stored = prescriber("GET", path).json()["items"]

    assert len(stored) == 4, "one a door, each on a day of its own"
    assert {one["total"] for one in stored} == {total}
    assert {one["band"]["label"] for one in stored} == {band}


def test_item_rows_of_one_moment_are_one_form_with_the_total_that_rest_computes(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    answers = [2, 2, 2, 2, 1, 1, 2, 0, 1]
    rows = tmp_path / "rows.csv"
    rows.write_text(
        "subject,date,domain,measure,value,unit\n"
        + "".join(f"S-1,2026-04-15,,phq-9.{n},{one},\n" for n, one in enumerate(answers, 1))
        + "S-1,2026-04-15,,phq-9.total,13,\n"
        + "S-1,2026-04-16,,phq-9.10,1,\n"
    )
    run(clinic, bundle(tmp_path, PATIENT, name="patient.json"))
    first = run(clinic, rows, system=MRN)
    second = run(clinic, rows, system=MRN)
    (person,) = prescriber("GET", "/v1/patients?identifier=S-1").json()["items"]
    path = f"/v1/patients/{person['id']}/assessments"
    (form,) = prescriber("GET", path).json()["items"]
    body = {"id": "019a5b10-0000-7000-8000-000000000777", "instrument": "phq-9"}
    posted = prescriber(
        "POST", path, body | {"occurred_on": "2026-04-15", "answers": answers, "total": 13}
    ).json()

    assert [one.status for one in first] == ["created"] * 10 + ["skipped"]
    assert len({one.record_id for one in first[:10]}) == 1
    assert [one.status for one in second] == ["unchanged"] * 10 + ["skipped"]
    compared = ("answers", "total", "total_computed", "total_received", "band", "flags")
    assert {name: form[name] for name in compared} == {name: posted[name] for name in compared}
    assert form["total"] == 13


def test_two_forms_of_one_day_and_a_form_with_gaps_stay_apart(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text(
        "subject,date,domain,measure,value,unit\n"
        + "S-1,2026-04-15,,phq-2.1,2,\nS-1,2026-04-15,,phq-2.1,0,\n"
        + "S-1,2026-04-15,,phq-2.2,3,\nS-1,2026-04-15,,phq-2.2,1,\n"
        + "S-1,2026-04-16,,gad-7.1,2,\nS-1,2026-04-16,,gad-7.total,9,\n"
    )
    run(clinic, bundle(tmp_path, PATIENT, name="patient.json"))
    run(clinic, rows, system=MRN)
    (person,) = prescriber("GET", "/v1/patients?identifier=S-1").json()["items"]
    stored = prescriber("GET", f"/v1/patients/{person['id']}/assessments").json()["items"]

    totals = sorted((one["instrument"], one["total"] or -1) for one in stored)
    assert totals == [("gad-7", -1), ("gad-7", 9), ("phq-2", 1), ("phq-2", 5)]


# ---- what cannot be read takes nothing along


def test_a_total_that_cannot_be_read_takes_no_answer_of_its_panel_along(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    whole = panel(instrument("phq-9"), [0, 0, 0, 0, 0, 0, 0, 0, 2])
    whole["effectiveDateTime"] = "2026-05-20"
    total = {"code": {"coding": [{"system": LOINC, "code": "44261-6"}]}}
    bound = total | {"valueQuantity": {"value": 2, "comparator": ">"}}
    whole["component"].append(bound)
    whole["component"][2] = whole["component"][2] | {"valueInteger": None, "valueString": "often"}
    _, result = run(clinic, bundle(tmp_path, PATIENT, whole))
    (person,) = prescriber("GET", "/v1/patients?identifier=S-1").json()["items"]
    (stored,) = prescriber("GET", f"/v1/patients/{person['id']}/assessments").json()["items"]

    assert (result.status, result.reason) == ("created", "answers_unread")
    assert result.words == "items 3 of phq-9; the total of phq-9"
    assert stored["answers"] == {str(n): 2 if n == 9 else 0 for n in range(1, 10) if n != 3}
    assert [one["code"] for one in stored["opened_signals"]] == ["suicidal_ideation_item"]


def test_a_bare_number_names_an_item_only_where_the_form_is_named(
    clinic: Clinic, prescriber: Caller, tmp_path: Path
) -> None:
    form = instrument("phq-9")
    coded = response(form, [1] * 8 + [2])
    del coded["questionnaire"]
    for item, one in zip(form.items, coded["item"], strict=True):
        one["linkId"] = f"/{item.loinc}"
    # A question of the sender's own, which happens to be the ninth.
    coded["item"].append({"linkId": "9", "answer": [{"valueInteger": 0}]})
    run(clinic, bundle(tmp_path, PATIENT, coded))
    (person,) = prescriber("GET", "/v1/patients?identifier=S-1").json()["items"]
    (stored,) = prescriber("GET", f"/v1/patients/{person['id']}/assessments").json()["items"]

    assert (stored["answers"]["9"], stored["total"]) == (2, 10)

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

"""One access row a request, whatever was asked and however it ended; no value of any record."""

from collections import Counter
from typing import Any
from uuid import uuid4

import orjson
import pytest
from fastapi import FastAPI
from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from app.core.scope import of_clinics
from app.identity import service as identity
from app.journal.models import Access
from app.patients import service as patients
from tests.conftest import Caller, Clinic
from tests.identity.test_matrix import EXPECTED, _url
from tests.patients.test_patients import PATH, PERSON

CANARY = "zqcanary"


def _rows(app: FastAPI) -> list[Any]:
    with app.state.engine.connect() as connection, Session(connection) as session:
        options = of_clinics(identity.DEFAULT_CLINIC)
        found = session.execute(select(Access).order_by(Access.sequence), execution_options=options)
        return list(found.scalars())


def test_every_route_leaves_one_row_for_each_member_who_asks(clinic: Clinic) -> None:
    """Let in or not, with a body that is none: who asked what, of whom, and how it ended."""
    prescriber = clinic.as_("prescriber")
    prescriber("POST", "/v1/patients", PERSON)
    callers = {
        "prescriber": prescriber,
        "care_team": clinic.as_("care_team"),
        "patient": clinic.as_("patient", patient_id=PERSON["id"]),
        "proxy": clinic.as_("proxy", patient_id=PERSON["id"], user_id=uuid4()),
        "administrator": clinic.as_("administrator"),
    }
    asked = {}
    for (path, method), roles in EXPECTED.items():
        if roles == "public" or path.startswith("/calendars"):
            continue
        for role, caller in callers.items():
            request_id = uuid4().hex
            body: dict[str, Any] | None = {} if method in {"POST", "PUT", "PATCH"} else None
            headers = {"X-Request-Id": request_id, "If-Match": '"1"'}
            answer = caller(method, _url(path, PERSON["id"]), body, headers=headers)
            asked[request_id] = (role, method, path, answer.status_code)

    rows = [row for row in _rows(clinic.app) if row.request_id in asked]

    left = Counter(row.request_id for row in rows)
    assert [asked[one] for one in asked if left[one] != 1] == []
    told = {row.request_id: (row.actor_role, row.status) for row in rows}
    differ = {
        one: (asked[one], told[one]) for one in asked if told[one] != (asked[one][0], asked[one][3])
    }
    assert differ == {}
    of_patient = [row for row in rows if asked[row.request_id][2].startswith("{p}")]
    assert {str(row.patient_id) for row in of_patient} == {PERSON["id"]}


def test_what_is_said_in_a_request_stands_in_no_row(clinic: Clinic, prescriber: Caller) -> None:
    name = {"given": CANARY, "family": CANARY}
    identifiers = [{"system": "mrn", "value": CANARY}]
    body = PERSON | {"name": name, "identifiers": identifiers}
    assert prescriber("POST", "/v1/patients", body).status_code == 201
    patient = clinic.as_("patient", patient_id=PERSON["id"])
    entry = {"id": str(uuid4()), "occurred_at": "2026-05-30T09:00:00Z", "note": CANARY}
    asked = [
        patient("POST", f"{PATH}/check-ins", entry),
        patient("POST", f"{PATH}/check-ins", entry | {"kind": CANARY}),
        patient("PUT", f"{PATH}/check-ins/{entry['id']}", entry | {"note": f"{CANARY}!"}),
        prescriber("GET", f"/v1/patients?name={CANARY}"),
        prescriber("GET", f"/v1/patients?identifier={CANARY}"),
        prescriber("GET", f"{PATH}/export"),
        prescriber("GET", f"{PATH}/labs?cursor={CANARY}"),
        prescriber("GET", f"{PATH}/trends?measures={CANARY}"),
        prescriber("DELETE", f"{PATH}/check-ins/{entry['id']}?reason={CANARY}"),
        prescriber("GET", f"/v1/patients/{CANARY}"),
        prescriber("POST", f"{PATH}/conditions", {"id": str(uuid4()), "text": CANARY}),
        clinic.as_("care_team")(
            "POST",
            "/v1/break-glass",
            {"patient_id": PERSON["id"], "purpose": "ETREAT", "reason": CANARY * 4},
        ),
    ]

    rows = _rows(clinic.app)

    assert len(rows) >= len(asked)
    columns = inspect(Access).columns.keys()
    text = orjson.dumps([{name: getattr(row, name) for name in columns} for row in rows])
    assert CANARY.encode() not in text
    exported = [row for row in rows if row.operation == "export_patient"]
    assert [(row.action, str(row.patient_id)) for row in exported] == [("E", PERSON["id"])]


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_a_request_that_breaks_on_our_side_leaves_its_row_too(
    clinic: Clinic, prescriber: Caller, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    prescriber("POST", "/v1/patients", PERSON)

    def break_down(*_: object) -> None:
        raise RuntimeError(CANARY)

    monkeypatch.setattr(patients, "show" if method == "GET" else "correct", break_down)
    answer = prescriber(method, PATH, {} if method == "PATCH" else None)

    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert CANARY not in answer.text
    last = _rows(clinic.app)[-1]
    assert (last.request_id, last.status, last.outcome) == (
        answer.headers["X-Request-Id"],
        500,
        "internal",
    )
    assert str(last.patient_id) == PERSON["id"]

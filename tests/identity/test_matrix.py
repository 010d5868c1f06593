"""Every token on every route: who is let in, and for whom a patient is not there.

The table is the whole of it; a route that it does not name fails here, so a new one has to be
placed by somebody who thought of it.
"""

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from app.core.actor import Role
from app.followups.schemas import FollowUpIn
from app.identity import service as identity
from app.identity.deps import Require
from tests.conftest import OTHER_CLINIC, Caller, Clinic
from tests.patients.test_patients import PATH, PERSON

ROLES: dict[str, Role] = {
    "p": "prescriber",
    "c": "care_team",
    "s": "system",
    "t": "patient",
    "x": "proxy",
    "a": "administrator",
    "o": "privacy_officer",
}
TABLE = """
/.well-known/jwks.json: GET public
/.well-known/smart-configuration: GET public
/access-log: GET ao
/break-glass: GET o, POST pc
/break-glass/{patient_id}: DELETE pc
/calendars/{address}.ics: GET t
/caseload: GET pc
/changes: GET pcst
/erasure-requests: GET ao, POST tao
/erasure-requests/{request_id}: GET ao, PATCH ao
/erasure-requests/{request_id}/history: GET ao
/imports: POST psa
/instruments: GET pcstxao, POST pcs
/instruments/{instrument_id}: GET pcstxao, PATCH pcs
/interactions/check: POST pcstxao
/journal/verify: GET ao
/livez: GET public
/me: GET tx
/me/calendar-address: DELETE t, GET t
/me/plan: GET t
/me/progress: GET t
/me/receipts: GET t
/me/tasks: GET tx
/metrics: GET public
/oauth/revoke: POST public
/oauth/token: POST public
/patients: GET pcst, POST pcs
/readyz: GET public
/reference/follow_up: GET pcstxao
/reference/follow_up/{entry_id}: GET pcstxao
/reference/interactions: GET pcstxao, POST pa
/reference/interactions/{entry_id}: GET pcstxao, PATCH pa
/reference/measures: GET pcstxao, POST pcs
/reference/measures/{code}: GET pcstxao, PATCH pcs
/reference/medications: GET pcstxao, POST pa
/reference/medications/{reference_id}: GET pcstxao, PATCH pa
/reference/monitoring: GET pcstxao, POST pa
/reference/monitoring/{entry_id}: GET pcstxao, PATCH pa
/reference/safety-notice: GET pcstxao, PATCH pa, POST pa
/reference/side-effects: GET pcstxao
/reference/side_effects: GET pcstxao, POST pa
/reference/side_effects/{entry_id}: GET pcstxao, PATCH pa
/reference/titrations: GET pcstxao
/reference/titrations/{entry_id}: GET pcstxao
/sync: POST pcst
/users: GET a, POST a
/users/{user_id}: PATCH a
{p}: GET pcst, PATCH pcs
{p}/assessments: GET pcst, POST pcst
{p}/assessments/{record_id}: DELETE pcs, GET pcst, PATCH pcs
{p}/assessments/{record_id}/history: GET pcst
{p}/care-team: GET pcsta, PUT pca
{p}/care-team/history: GET pcsta
{p}/changes: GET pcst
{p}/check-ins: GET pcst, POST pcst
{p}/check-ins/{record_id}: DELETE pcs, GET pcst, PATCH pcs, PUT pcst
{p}/check-ins/{record_id}/history: GET pcst
{p}/conditions: GET pcst, POST pcs
{p}/conditions/{record_id}: DELETE pcs, GET pcst, PATCH pcs
{p}/conditions/{record_id}/history: GET pcst
{p}/consents: GET pct, POST pct
{p}/consents/{record_id}: GET pct, PATCH pct
{p}/consents/{record_id}/history: GET pct
{p}/decision: GET pcs
{p}/devices: GET pct
{p}/devices/{device_id}: DELETE pct
{p}/digest: GET pcs
{p}/enrolment-codes: POST pc
{p}/export: GET pcs
{p}/follow-ups: GET pcst, POST pcs
{p}/follow-ups/{record_id}: DELETE pcs, GET pcst, PATCH pcs
{p}/follow-ups/{record_id}/history: GET pcst
{p}/follow-ups/{record_id}/{domain}: GET pcst, PUT pcs
{p}/history: GET pcs
{p}/intake: GET pcst, PUT pcs
{p}/intake/history: GET pcst
{p}/interactions: GET pcst
{p}/interactions/{finding_id}: GET pcst
{p}/interactions/{finding_id}/acknowledgement: PUT pc
{p}/interactions/{finding_id}/history: GET pcst
{p}/labs: GET pcst, POST pcs
{p}/labs/{record_id}: DELETE pcs, GET pcst, PATCH pcs
{p}/labs/{record_id}/history: GET pcst
{p}/life-events: GET pcst, POST pcst
{p}/life-events/{record_id}: DELETE pcs, GET pcst, PATCH pcs
{p}/life-events/{record_id}/history: GET pcst
{p}/medications: GET pcst, POST pcs
{p}/medications/{medication_id}/administrations: GET pcst, POST pcst
{p}/medications/{medication_id}/administrations/{record_id}: DELETE pcs, GET pcst, PATCH pcs
{p}/medications/{medication_id}/administrations/{record_id}/history: GET pcst
{p}/medications/{medication_id}/dispenses: GET pcst, POST pcs
{p}/medications/{medication_id}/dispenses/{record_id}: DELETE pcs, GET pcst, PATCH pcs
{p}/medications/{medication_id}/dispenses/{record_id}/history: GET pcst
{p}/medications/{medication_id}/dose-events: GET pcst, POST pcs
{p}/medications/{medication_id}/dose-events/{record_id}: DELETE pcs, GET pcst, PATCH pcs, PUT pcs
{p}/medications/{medication_id}/dose-events/{record_id}/history: GET pcst
{p}/medications/{record_id}: DELETE pcs, GET pcst, PATCH pcs
{p}/medications/{record_id}/history: GET pcst
{p}/monitoring: GET pcs
{p}/monitoring/{schedule_id}/waiver: PUT pc
{p}/monitoring/{schedule_id}/waiver/history: GET pcs
{p}/nights: GET pcst
{p}/regimen: GET pcs
{p}/side-effects: GET pcst, POST pcst
{p}/side-effects/{record_id}: DELETE pcs, GET pcst, PATCH pcs
{p}/side-effects/{record_id}/causality: GET pcs
{p}/side-effects/{record_id}/history: GET pcst
{p}/signals: GET pcs
{p}/signals/{signal_id}: GET pcs, PATCH pc
{p}/signals/{signal_id}/history: GET pcs
{p}/therapy-sessions: GET pcst, POST pcs
{p}/therapy-sessions/{record_id}: DELETE pcs, GET pcst, PATCH pcs
{p}/therapy-sessions/{record_id}/history: GET pcst
{p}/treatment-history: GET pcs
{p}/treatment-plan: GET pcst, PUT pcs
{p}/treatment-plan/history: GET pcst
{p}/treatment-plan/reviews: GET pcst, POST pcs
{p}/treatment-plan/reviews/{record_id}: GET pcst, PATCH pcs
{p}/treatment-plan/reviews/{record_id}/history: GET pcst
{p}/trends: GET pcst
{p}/visit-brief: GET pcs
"""
"""Path and, by method, the roles it lets in; `{p}` is one patient, `public` asks for no token."""
OF_OTHERS = {"{p}/care-team": "a", "{p}/care-team/history": "a"}
"""Where a role is let in without a relation to the patient: the administrator sets the team."""


STRICT_PATCHES = {"{p}/signals/{signal_id}", "/erasure-requests/{request_id}"}
"""Where a PATCH is a move with members of its own, and no merge patch."""


DOMAINS = [name.replace("_", "-") for name in FollowUpIn.domain_types()]


def _expected() -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for line in TABLE.strip().splitlines():
        path, _, cells = line.partition(": ")
        for cell in cells.split(", "):
            method, roles = cell.split(" ")
            found |= {(path.replace("{domain}", one), method): roles for one in DOMAINS}
    return found


EXPECTED = _expected()


def _short(path: str) -> str:
    return path.replace("/v1/patients/{patient_id}", "{p}").replace("/v1/", "/")


def _routes(app: FastAPI) -> Iterator[tuple[APIRoute, str]]:
    for route in app.routes:
        if isinstance(route, APIRoute):
            for method in sorted(route.methods or ()):
                yield route, method


def _gates(route: APIRoute) -> list[Require]:
    calls = [one.call for one in route.dependant.dependencies]
    return [call for call in calls if isinstance(call, Require)]


def test_every_route_is_placed_and_lets_in_whom_the_table_says(app: FastAPI) -> None:
    found = {}
    for route, method in _routes(app):
        gates = _gates(route)
        allowed = gates[0].roles if gates else frozenset()
        roles = "".join(letter for letter, role in ROLES.items() if role in allowed)
        found[_short(route.path), method] = roles if gates else "public"

    assert found == EXPECTED


def test_what_asks_for_no_token_is_a_short_list(app: FastAPI) -> None:
    public = {path for (path, _method), roles in EXPECTED.items() if roles == "public"}

    assert public == {
        "/.well-known/jwks.json",
        "/.well-known/smart-configuration",
        "/livez",
        "/metrics",
        "/readyz",
        "/oauth/token",
        "/oauth/revoke",
    }


def _url(path: str, patient: str) -> str:
    filled = path.replace("{p}", f"/v1/patients/{patient}").replace("{patient_id}", patient)
    filled = re.sub(r"\{[a-z_]+\}", str(uuid4()), filled)
    filled = filled if filled.startswith("/v1") else f"/v1{filled}"
    return f"{filled}?since=2026-01-01" if filled.endswith("/digest") else filled


def _send(caller: Caller, method: str, url: str) -> httpx.Response:
    """Send the emptiest request that a route reads: an object, and a version to change."""
    body: Any = {} if method in {"POST", "PUT", "PATCH"} else None
    return caller(method, url, body, headers={"If-Match": '"1"', "Idempotency-Key": str(uuid4())})


@pytest.fixture
def callers(clinic: Clinic) -> dict[str, tuple[str, Caller]]:
    """Callers by name, each with the letter of its role; `own`: with a relation to the patient."""
    prescriber = clinic.as_("prescriber")
    prescriber("POST", "/v1/patients", PERSON)
    second = PERSON | {"id": str(uuid4()), "identifiers": []}
    prescriber("POST", "/v1/patients", second)
    found = {
        "own p": ("p", prescriber),
        "own s": ("s", clinic.as_("system")),
        "own t": ("t", clinic.as_("patient", patient_id=PERSON["id"])),
        "own x": ("x", clinic.as_("proxy", patient_id=PERSON["id"], user_id=uuid4())),
        "own a": ("a", clinic.as_("administrator")),
        "own o": ("o", clinic.as_("privacy_officer")),
        "colleague c": ("c", clinic.as_("care_team")),
        "other patient t": ("t", clinic.as_("patient", patient_id=second["id"])),
        "other patient x": ("x", clinic.as_("proxy", patient_id=second["id"], user_id=uuid4())),
    }
    for letter in "pcsao":
        caller = clinic.as_(ROLES[letter], clinic_id=OTHER_CLINIC)
        found[f"other clinic {letter}"] = (letter, caller)
    return found


def test_no_cell_of_token_by_route_by_method_is_wrong(
    clinic: Clinic, callers: dict[str, tuple[str, Caller]]
) -> None:
    wrong: dict[tuple[str, str, str], int] = {}
    asked = 0
    for (path, method), roles in EXPECTED.items():
        if roles == "public" or path.startswith("/calendars"):
            continue
        url = _url(path, PERSON["id"])
        if clinic.http.request(method, url).status_code != 401:
            wrong["nobody", method, path] = 0
        for name, (letter, caller) in callers.items():
            status = _send(caller, method, url).status_code
            asked += 1
            if not _is_right(name, letter, path, method, roles, status):
                wrong[name, method, path] = status

    assert wrong == {}
    assert asked > 1500


def _is_right(name: str, letter: str, path: str, method: str, roles: str, status: int) -> bool:
    """Say whether a status is the one of the cell.

    An empty body that lacks members is refused (422) before it matters who sent it, and a file
    that is no file (400, 415) as well: the gates themselves are compared in the test above.
    """
    if status in {400, 415, 422} and (method in {"POST", "PUT"} or path in STRICT_PATCHES):
        return True
    if letter not in roles:
        return status == 403
    of_patient = path.startswith("{p}") or path == "/break-glass/{patient_id}"
    if of_patient and not name.startswith("own"):
        return status == 404
    if of_patient and letter in "ao":
        return letter in OF_OTHERS.get(path, "") and status in {200, 404}
    return status not in {401, 403} and status < 500


WRITES: dict[str, dict[str, Any]] = {
    "conditions": {"text": "a condition"},
    "check-ins": {"occurred_at": "2026-06-01T09:00:00Z", "sleep": {"quality": 7}},
    "follow-ups": {"kind": "call", "occurred_at": "2026-06-01T09:00:00Z"},
    "medications": {"kind": "drug", "text": "a drug"},
    "life-events": {"kind": "work", "label": "a new job", "from_on": "2026-05-01", "weight": 1},
    "therapy-sessions": {
        "modality": "psychodynamic",
        "occurred_at": "2026-05-20T10:00:00Z",
        "attended": True,
    },
    "side-effects": {"term": "nausea", "onset_on": "2026-05-20", "severity": 1},
    "labs": {
        "code": {"system": "http://loinc.org", "code": "2951-2"},
        "value": "138",
        "unit": "mmol/L",
        "drawn_at": "2026-05-11T08:10:00Z",
    },
    "assessments": {
        "instrument": "phq-9",
        "occurred_at": "2026-05-30T10:00:00Z",
        "answers": [1, 1, 1, 1, 1, 1, 1, 1, 0],
    },
    "enrolment-codes": {},
    "consents": {
        "category": "substance_use",
        "recipient_id": str(identity.built_in_user(identity.DEFAULT_CLINIC, "care_team")),
    },
}
WITHOUT_ID = {"enrolment-codes"}


def test_a_good_body_is_taken_from_the_right_hands_alone(
    callers: dict[str, tuple[str, Caller]],
) -> None:
    wrong: dict[tuple[str, str], int] = {}
    for word, body in WRITES.items():
        roles = EXPECTED[f"{{p}}/{word}", "POST"]
        for name, (letter, caller) in callers.items():
            sent = body if word in WITHOUT_ID else body | {"id": str(uuid4())}
            status = caller("POST", f"{PATH}/{word}", sent).status_code
            right = 403 if letter not in roles else 201 if name.startswith("own") else 404
            if status != right:
                wrong[name, word] = status

    assert wrong == {}

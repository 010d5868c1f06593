"""Records that are there, asked for by whoever should not know of them: as absent as none."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.conftest import OTHER_CLINIC, Caller, Clinic
from tests.identity.test_matrix import EXPECTED, WITHOUT_ID, WRITES
from tests.patients.test_patients import PATH, PERSON

CANARY = "zqcanary"
OF_COURSE: dict[str, dict[str, Any]] = {
    "dose-events": {
        "kind": "start",
        "effective_on": "2026-05-01",
        "dose": {"amount": "50", "unit": "mg"},
        "times_per_day": 1,
    },
    "administrations": {"taken": "yes", "at": "2026-05-26T08:00:00Z"},
    "dispenses": {"dispensed_on": "2026-05-01", "days_supply": 30},
}
NOTED = {
    "conditions",
    "check-ins",
    "follow-ups",
    "life-events",
    "therapy-sessions",
    "labs",
    "consents",
}
"""Kinds with a note, which tells when it is seen by the wrong person."""


class Kept:
    """Where each record of the first patient is, and what it says."""

    def __init__(self, prescriber: Caller, patient: Caller) -> None:
        prescriber("POST", "/v1/patients", PERSON)
        self.second = str(uuid4())
        prescriber("POST", "/v1/patients", PERSON | {"id": self.second, "identifiers": []})
        self.sent: dict[str, tuple[str, dict[str, Any]]] = {}
        for word, body in WRITES.items():
            if word not in WITHOUT_ID:
                sent = body | {"id": str(uuid4())} | ({"note": CANARY} if word in NOTED else {})
                self._keep(patient if word == "consents" else prescriber, word, sent)
        course = self.sent["medications"][1]["id"]
        for word, body in OF_COURSE.items():
            sent = body | {"id": str(uuid4())}
            self._keep(prescriber, f"medications/{course}/{word}", sent)

    def _keep(self, caller: Caller, word: str, sent: dict[str, Any]) -> None:
        made = caller("POST", f"{PATH}/{word}", sent)
        assert made.status_code == 201, (word, made.text)
        self.sent[word] = (word, sent)

    def addresses(self) -> Iterator[tuple[str, str, str]]:
        """Give each record's template, its address within a patient, and that of one not there."""
        for word, sent in self.sent.values():
            template = "{p}/" + "/".join(
                "{medication_id}" if len(part) == 36 else part for part in word.split("/")
            )
            yield f"{template}/{{record_id}}", f"{word}/{sent['id']}", f"{word}/{uuid4()}"


@pytest.fixture
def kept(clinic: Clinic, prescriber: Caller) -> Kept:
    prescriber("POST", "/v1/patients", PERSON)
    return Kept(prescriber, clinic.as_("patient", patient_id=PERSON["id"]))


def _told(answer: httpx.Response) -> tuple[int, Any]:
    return answer.status_code, answer.json() | {"request_id": 0}


def test_a_record_of_another_is_as_absent_as_none_by_every_method(
    clinic: Clinic, prescriber: Caller, kept: Kept
) -> None:
    """Of another clinic, without a relation, of another patient; and by another patient's path."""
    first, second = PATH, f"/v1/patients/{kept.second}"
    strangers: dict[str, tuple[Caller, str]] = {
        "colleague": (clinic.as_("care_team"), first),
        "other clinic, prescriber": (clinic.as_("prescriber", clinic_id=OTHER_CLINIC), first),
        "other clinic, system": (clinic.as_("system", clinic_id=OTHER_CLINIC), first),
        "other patient": (clinic.as_("patient", patient_id=kept.second), first),
        "other patient, own path": (clinic.as_("patient", patient_id=kept.second), second),
        "own prescriber, other path": (prescriber, second),
        "own system, other path": (clinic.as_("system"), second),
    }
    before = _contents(prescriber, kept)
    wrong = []
    asked = 0
    for template, address, absent in kept.addresses():
        for tail in ("", "/history"):
            methods = [
                method for path, method in EXPECTED if path == template + tail and method != "PUT"
            ]
            assert "GET" in methods, template
            for method in methods:
                body = {"note": "x"} if method == "PATCH" else None
                for name, (caller, base) in strangers.items():
                    there, nowhere = (
                        caller(method, f"{base}/{one}{tail}", body, headers={"If-Match": '"1"'})
                        for one in (address, absent)
                    )
                    asked += 1
                    if _told(there) != _told(nowhere) or there.status_code not in {403, 404}:
                        wrong.append((name, method, template + tail, there.status_code))
                    assert CANARY not in there.text, (name, method, template)

    assert wrong == []
    assert asked > 300
    assert _contents(prescriber, kept) == before


def _contents(prescriber: Caller, kept: Kept) -> dict[str, Any]:
    return {
        template: _told(prescriber("GET", f"{PATH}/{address}"))
        for template, address, _ in kept.addresses()
    }


def test_an_id_that_another_patient_has_is_a_conflict_that_tells_nothing(
    clinic: Clinic, prescriber: Caller, kept: Kept
) -> None:
    second = f"/v1/patients/{kept.second}"
    elsewhere = clinic.as_("prescriber", clinic_id=OTHER_CLINIC)
    person = PERSON | {"id": str(uuid4()), "identifiers": []}
    assert elsewhere("POST", "/v1/patients", person).status_code == 201
    for word, sent in kept.sent.values():
        if "/" in word or word == "consents":
            continue
        taken = prescriber("POST", f"{second}/{word}", sent)
        assert (taken.status_code, taken.json()["code"]) == (409, "already-exists"), word
        assert CANARY not in taken.text
        # In another clinic the same id is another record, and nobody learns of it.
        free = elsewhere("POST", f"/v1/patients/{person['id']}/{word}", sent)
        assert free.status_code == 201, (word, free.text)


def test_a_method_that_a_path_does_not_take_is_told_to_members_alone(
    clinic: Clinic, prescriber: Caller
) -> None:
    taken: dict[str, set[str]] = {}
    for (path, method), roles in EXPECTED.items():
        if roles != "public" and "{" not in path:
            taken.setdefault(path, set()).add(method)
    for path, methods in taken.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - methods:
            assert clinic.http.request(method, f"/v1{path}").status_code == 401, (method, path)
            refused = prescriber(method, f"/v1{path}")
            assert refused.status_code == 405, (method, path)
            assert set(refused.headers["Allow"].split(", ")) == methods, path


def test_an_address_or_headers_of_no_honest_size_are_refused(
    clinic: Clinic, prescriber: Caller
) -> None:
    long = prescriber("GET", f"/v1/patients?name={'a' * 9000}")
    large = prescriber("GET", "/v1/patients", headers={"X-Other": "a" * 17_000})

    for refused, status in ((long, 414), (large, 431)):
        assert refused.status_code == status
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert refused.json()["code"] == "body-too-large"
    assert prescriber("GET", f"/v1/patients?name={'a' * 200}").status_code == 200

"""Equal requests at once have one effect; edits that race are all there in the end."""

from uuid import UUID

from bench import storm
from bench.stand import Person
from tests.conftest import Caller, Clinic
from tests.patients.test_patients import PERSON

KEYS, TIMES = 3, 50
EDITS, EDITORS = 60, 8
"""The full figures, 40 keys and 1,000 edits, are those of `python -m bench.storm`."""


def test_fifty_equal_requests_at_once_have_one_effect(clinic: Clinic, prescriber: Caller) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    person = Person(UUID(PERSON["id"]), prescriber.token)

    found = storm.replay(str(clinic.http.base_url), person, KEYS, TIMES)

    assert found.statuses == {201: KEYS, 200: KEYS * (TIMES - 1)}
    assert (found.wrong, found.unmarked, found.stored) == (0, 0, KEYS)


def test_no_racing_edit_is_lost(clinic: Clinic, prescriber: Caller) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    person = Person(UUID(PERSON["id"]), prescriber.token)

    found = storm.race(str(clinic.http.base_url), person, EDITS, EDITORS)

    assert (found.acknowledged, found.counted, found.version) == (EDITS, EDITS, EDITS + 1)

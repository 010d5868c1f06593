"""A reading sees one moment, on both databases, whatever is committed meanwhile."""

from typing import Any
from uuid import uuid4

from sqlalchemy import func, select

from app.core.actor import Trace
from app.core.db import Work
from app.identity import service as identity
from app.journal import verification
from app.journal.models import Entry
from tests.conftest import Caller, Clinic
from tests.patients.test_patients import PATH, PERSON


def test_a_reading_does_not_see_what_is_committed_between_its_questions(
    clinic: Clinic, prescriber: Caller
) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    actor = identity.built_in_actor(identity.DEFAULT_CLINIC, "privacy_officer")

    def count_twice(work: Work) -> tuple[Any, Any, tuple[int, int | None]]:
        number = select(func.count()).select_from(Entry)
        before = work.first(number)
        body = {"id": str(uuid4()), "occurred_at": "2026-05-01T08:00:00-04:00"}
        assert prescriber("POST", f"{PATH}/check-ins", body).status_code == 201
        return before, work.first(number), verification.verify(work)

    found = clinic.app.state.reader.ask(count_twice, actor, Trace("-", "CLI", "count"))

    assert found == (1, 1, (1, None))

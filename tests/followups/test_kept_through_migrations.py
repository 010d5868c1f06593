"""Readings and domains of an older database are what they are in a new one."""

from typing import Any
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import database
from app.core.scope import of_clinics
from app.followups.models import FollowUp, SideEffect, SideEffectReading
from app.identity.service import DEFAULT_CLINIC
from tests.conftest import TestClock
from tests.followups.conftest import PATH, Ward, contract
from tests.shared import needs_shared

pytestmark = needs_shared
BEFORE = "72a8c3e05d16"


def kept(ward: Ward) -> dict[str, Any]:
    def read(session: Session) -> dict[str, Any]:
        def rows(model: Any) -> Any:
            return session.execute(
                select(model), execution_options=of_clinics(DEFAULT_CLINIC)
            ).scalars()

        return {
            "domains": sorted((one.kind, one.domains) for one in rows(FollowUp)),
            "episodes": sorted(
                (one.term, one.onset_on, one.onset_assumed, str(one.ended_on), one.from_readings)
                for one in rows(SideEffect)
            ),
            "readings": sorted(
                (one.term, one.said, one.day, one.severity, str(one.onset_on), str(one.ended_on))
                for one in rows(SideEffectReading)
            ),
        }

    found: dict[str, Any] = ward.ask(read)
    return found


def test_down_and_up_again_keeps_readings_and_domains(
    ward: Ward, database_url: str, clock: TestClock
) -> None:
    ward.visit(contract("06-follow-up"))
    ward.check_in(contract("07-check-in"))
    itch = {"term": "other", "term_text": "Itchy nose", "severity": 1}
    rash = {"term": "rash", "severity": 1}
    for day, entries in (
        ("2026-04-18", [itch, {**rash, "onset_on": "2026-04-16"}]),
        ("2026-04-20", [{**rash, "ended_on": "2026-04-19"}]),
    ):
        body = {
            "id": str(uuid4()),
            "occurred_at": f"{day}T08:00:00-04:00",
            "side_effects": {"episodes": entries},
        }
        assert ward.check_in(body).status_code == 201
    before = kept(ward)
    ward.clinic.app.state.engine.dispose()

    database.downgrade(database_url, BEFORE)
    database.upgrade(database_url, clock)

    assert before["readings"][1][:2] == ("other", "itchy nose")
    assert kept(ward) == before
    assert ward.prescriber("GET", f"{PATH}/follow-ups?domain=sleep").json()["items"]

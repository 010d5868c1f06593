"""The same entries in any order leave the same state, over HTTP, on both databases."""

import random
from typing import Any
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.scope import of_clinics
from app.followups.models import SideEffect, SideEffectReading
from app.identity.service import DEFAULT_CLINIC
from app.measurements.models import Measurement, Summary
from tests.followups.conftest import Ward, contract
from tests.shared import needs_shared

pytestmark = needs_shared
ORDERS = 6


def nausea(day: str, severity: int, **more: str) -> tuple[str, dict[str, Any]]:
    return day, {"episodes": [{"term": "nausea", "severity": severity, **more}]}


ENTRIES = [
    ("2026-04-10", {"side_effects": nausea("", 2)[1], "mood_cognition": {"mood": 3}}),
    ("2026-04-10", {"mood_cognition": {"mood": 7, "anxiety": 2}}),
    ("2026-04-11", {"side_effects": nausea("", 1, onset_on="2026-04-08")[1]}),
    ("2026-04-14", {"side_effects": nausea("", 0, ended_on="2026-04-13")[1]}),
    ("2026-04-20", {"side_effects": nausea("", 3)[1], "sleep": {"quality": 4}}),
    ("2026-04-22", {"side_effects": nausea("", 0)[1], "exercise": {"days_per_week": 3}}),
    ("2026-04-25", {"side_effects": nausea("", 1, ended_on="2026-04-24")[1]}),
    ("2026-05-02", {"functioning": {"work": 4}, "side_effects": nausea("", 1)[1]}),
]


def test_any_order_of_the_same_check_ins_leaves_the_same_state(ward: Ward) -> None:
    states = []
    for seed in range(ORDERS):
        patient = str(uuid4())
        person = contract("01-patient") | {"id": patient, "identifiers": []}
        assert ward.prescriber("POST", "/v1/patients", person).status_code == 201
        entries = list(enumerate(ENTRIES))
        if seed:
            random.Random(seed).shuffle(entries)
        for hour, (day, members) in entries:
            body = {
                "id": str(uuid4()),
                "occurred_at": f"{day}T{8 + hour:02}:00:00-04:00",
                **members,
            }
            made = ward.prescriber("POST", f"/v1/patients/{patient}/check-ins", body)
            assert made.status_code == 201, made.text
        states.append(state(ward, patient))

    assert states[0]["episodes"] == [
        ("2026-04-08", False, "2026-04-13"),
        ("2026-04-20", True, "2026-04-24"),
        ("2026-05-02", True, None),
    ]
    for one in states:
        assert one == states[0]


def state(ward: Ward, patient: str) -> dict[str, Any]:
    """What anybody reads of a patient, without the ids that differ from patient to patient."""

    def read(session: Session) -> dict[str, Any]:
        def rows(model: Any) -> Any:
            return session.execute(
                select(model).where(model.patient_id == patient),
                execution_options=of_clinics(DEFAULT_CLINIC),
            ).scalars()

        return {
            "episodes": sorted(
                (
                    one.onset_on.isoformat(),
                    one.onset_assumed,
                    one.ended_on and one.ended_on.isoformat(),
                )
                for one in rows(SideEffect)
                if one.status != "entered_in_error"
            ),
            "readings": sorted((one.day, one.severity) for one in rows(SideEffectReading)),
            "series": sorted(
                (one.measure, one.day, str(one.at), one.value)
                for one in rows(Measurement)
                if one.retracted is None
            ),
            "latest": [
                {code: (held["value"], held["on"]) for code, held in one.latest.items()}
                for one in rows(Summary)
            ],
        }

    found: dict[str, Any] = ward.ask(read)
    return found

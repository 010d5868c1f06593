"""A patient with two courses, as the contract's first requests make them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.scope import of_clinics
from app.followups.models import FollowUp, SideEffect, SideEffectReading
from app.identity.service import DEFAULT_CLINIC
from app.journal.models import Entry
from app.measurements.models import Measurement
from tests.conftest import Caller, Clinic
from tests.shared import SHARED

PATIENT = "019a5b10-0000-7000-8000-000000000001"
PATH = f"/v1/patients/{PATIENT}"
SERTRALINE = "019a5b10-0000-7000-8000-000000000101"
ST_JOHNS_WORT = "019a5b10-0000-7000-8000-000000000102"
VISIT = "019a5b10-0000-7000-8000-000000000301"
CHECK_IN = "019a5b10-0000-7000-8000-000000000302"
INSOMNIA = "019a5b10-0000-7000-8000-000000000402"


def contract(name: str) -> Any:
    return json.loads((SHARED / "contract" / f"{name}.json").read_text("utf-8"))


@dataclass(frozen=True)
class Ward:
    """The clinic with the patient in it, and the callers who write about the patient."""

    clinic: Clinic
    prescriber: Caller
    patient: Caller

    def visit(self, body: Any) -> httpx.Response:
        return self.prescriber("POST", f"{PATH}/follow-ups", body)

    def check_in(self, body: Any) -> httpx.Response:
        return self.patient("POST", f"{PATH}/check-ins", body)

    def ask(self, question: Callable[[Session], Any]) -> Any:
        engine = self.clinic.app.state.engine
        with engine.connect() as connection, connection.begin():
            return question(Session(connection))

    def counts(self) -> dict[str, int]:
        """Rows of everything that a follow-up writes."""
        models = (FollowUp, SideEffect, SideEffectReading, Measurement, Entry)

        def count(session: Session) -> dict[str, int]:
            return {
                model.__name__: session.execute(
                    select(func.count()).select_from(model),
                    execution_options=of_clinics(DEFAULT_CLINIC),
                ).scalar_one()
                for model in models
            }

        found: dict[str, int] = self.ask(count)
        return found

    def standing(self, prefix: str = "") -> list[tuple[str, float, str, str | None]]:
        """The numbers that stand now: measure, value, day, flags."""

        def rows(session: Session) -> list[tuple[str, float, str, str | None]]:
            found = session.execute(
                select(Measurement)
                .where(Measurement.retracted.is_(None), Measurement.measure.startswith(prefix))
                .order_by(Measurement.measure, Measurement.day, Measurement.place),
                execution_options=of_clinics(DEFAULT_CLINIC),
            ).scalars()
            return [(row.measure, row.value, row.day.isoformat(), row.flags) for row in found]

        listed: list[tuple[str, float, str, str | None]] = self.ask(rows)
        return listed

    def values(self, prefix: str = "") -> dict[str, float]:
        return {measure: value for measure, value, _day, _flags in self.standing(prefix)}


@pytest.fixture
def ward(clinic: Clinic, prescriber: Caller) -> Ward:
    for name, path in (
        ("01-patient", "/v1/patients"),
        ("03-medication", f"{PATH}/medications"),
        ("04-supplement", f"{PATH}/medications"),
    ):
        made = prescriber("POST", path, contract(name))
        assert made.status_code == 201, made.text
    return Ward(clinic, prescriber, clinic.as_("patient", patient_id=PATIENT))

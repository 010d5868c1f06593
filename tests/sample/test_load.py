"""The sample clinic loaded into both databases."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.scope import of_clinics
from app.identity import service as identity
from app.journal.models import Entry
from app.sample import load as loader
from app.sample.load import SEED, load
from app.sample.plots import (
    EARLY_RESPONDER,
    HYPNOTIC_TAPERED,
    OVERDUE_LEVEL,
    PLOTS,
)
from app.sample.stories import patient_id, tell
from tests.conftest import NOW, Caller, Clinic

TODAY = NOW.date()
FEW = (EARLY_RESPONDER, OVERDUE_LEVEL, HYPNOTIC_TAPERED)
PRESCRIBER = identity.built_in_actor(identity.DEFAULT_CLINIC, "prescriber")


def loaded(clinic: Clinic, today: date = TODAY, progress: Any = lambda done, total: None) -> UUID:
    return load(clinic.app.state.writer, PRESCRIBER, today, progress)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three stories that have every kind of record between them."""
    monkeypatch.setattr(loader, "PLOTS", FEW)


def entries(clinic: Clinic) -> int:
    with clinic.app.state.engine.connect() as connection, connection.begin():
        counted = Session(connection).execute(
            select(func.count()).select_from(Entry),
            execution_options=of_clinics(identity.DEFAULT_CLINIC),
        )
        return int(counted.scalar_one())


@pytest.mark.usefixtures("few")
def test_a_second_load_changes_nothing_on_that_day_or_a_later_one(clinic: Clinic) -> None:
    seen: list[tuple[int, int]] = []

    first = loaded(clinic, progress=lambda done, total: seen.append((done, total)))
    count = entries(clinic)

    assert first == patient_id(EARLY_RESPONDER)
    assert seen[-1][0] == seen[-1][1]
    assert count > seen[-1][1] > 1500
    assert loaded(clinic) == first
    assert entries(clinic) == count
    loaded(clinic, today=TODAY + timedelta(days=3))
    assert entries(clinic) == count


def test_three_stories_have_every_kind_of_record_between_them() -> None:
    told = {record.kind for plot in FEW for record in tell(plot, SEED, TODAY).records}

    assert told == set(loader.BODIES)


class Interrupted(Exception):
    pass


@pytest.mark.usefixtures("few")
def test_an_interrupted_load_is_completed_as_it_began_even_on_another_day(clinic: Clinic) -> None:
    def stop_half_way(done: int, total: int) -> None:
        if done > total * 0.4:
            raise Interrupted

    with pytest.raises(Interrupted):
        loaded(clinic, progress=stop_half_way)
    loaded(clinic, today=TODAY + timedelta(days=1))

    records = sum(len(tell(plot, SEED, TODAY).records) for plot in FEW)
    before = entries(clinic)
    assert before > records
    loaded(clinic)
    assert entries(clinic) == before


def test_the_prescriber_finds_every_patient_and_that_they_are_synthetic(
    clinic: Clinic, prescriber: Caller
) -> None:
    loaded(clinic)

    people = prescriber("GET", "/v1/patients").json()["items"]
    assert {one["name"]["family"] for one in people} == {plot.family for plot in PLOTS}
    assert all(one["synthetic"] and one["name"]["given"] == "Synthetic" for one in people)


@pytest.mark.usefixtures("few")
def test_check_ins_are_the_patient_s_own_and_visits_the_prescriber_s(
    clinic: Clinic, prescriber: Caller
) -> None:
    path = f"/v1/patients/{loaded(clinic)}"

    (check_in,) = prescriber("GET", f"{path}/check-ins?limit=1").json()["items"]
    (visit,) = prescriber("GET", f"{path}/follow-ups?limit=1").json()["items"]

    assert (check_in["source"], check_in["author"]["role"]) == ("patient", "patient")
    assert (visit["source"], visit["author"]["role"]) == ("clinician", "prescriber")

"""Whatever is edited, removed or moved in a chain is found, on both databases."""

from collections.abc import Sequence

import pytest
from sqlalchemy.orm import Session

from app.core.actor import Trace
from app.core.db import Work
from app.identity import service as identity
from app.journal import verification
from app.journal.chain import Kind
from tests.conftest import OTHER_CLINIC, Caller, Clinic
from tests.patients.test_patients import PATH, PERSON

WRITTEN = 4
"""Rows in each chain: a person, and three check-ins."""


@pytest.fixture
def written(clinic: Clinic, prescriber: Caller) -> Clinic:
    prescriber("POST", "/v1/patients", PERSON)
    for day in (20, 21, 22):
        body = {"id": f"019a5b10-0000-7000-8000-0000000000{day}", "sleep": {"quality": 6}}
        body |= {
            "occurred_at": f"2026-04-{day}T07:45:00-04:00",
            "note": "slept \u00fcber \u2028 \u201d",
        }
        assert prescriber("POST", f"{PATH}/check-ins", body).status_code == 201
    return clinic


def verify(clinic: Clinic, kind: Kind) -> tuple[int, int | None]:
    actor = identity.built_in_actor(identity.DEFAULT_CLINIC, "privacy_officer")
    with clinic.app.state.engine.connect() as connection, Session(connection) as session:
        work = Work(actor, clinic.clock(), Trace("-", "CLI", "verify"), session, {})
        return verification.verify(work, kind)


def tamper(clinic: Clinic, *statements: str) -> None:
    engine = clinic.app.state.engine.execution_options(titrate_writes=True)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def test_chains_as_written_hold(written: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "AT_ONCE", 3)

    assert verify(written, "journal") == (WRITTEN, None)
    assert verify(written, "access") == (WRITTEN, None)


def test_a_clinic_without_rows_holds(clinic: Clinic) -> None:
    assert verify(clinic, "journal") == (0, None)


@pytest.mark.parametrize(
    ("kind", "edit"),
    [
        ("journal", "UPDATE journal SET body = '{}' WHERE sequence = 2"),
        ("journal", "UPDATE journal SET answer = replace(answer, '6', '7') WHERE sequence = 2"),
        ("journal", "UPDATE journal SET actor_role = 'patient' WHERE sequence = 2"),
        ("journal", "UPDATE journal SET body = '{}', salt = NULL WHERE sequence = 2"),
        ("journal", "UPDATE journal SET patient_id = NULL WHERE sequence = 2"),
        ("journal", "UPDATE journal SET fingerprint = commitment WHERE sequence = 2"),
        ("access", "UPDATE access_log SET operation = 'show_patient' WHERE sequence = 2"),
        ("access", "UPDATE access_log SET status = 404 WHERE sequence = 2"),
        ("access", "UPDATE access_log SET hash = previous_hash WHERE sequence = 2"),
    ],
)
def test_an_edited_row_is_found(written: Clinic, kind: Kind, edit: str) -> None:
    tamper(written, edit)

    assert verify(written, kind) == (1, 2)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        (["DELETE FROM journal WHERE sequence = 1"], 1),
        (["DELETE FROM journal WHERE sequence = 3"], 3),
        (["DELETE FROM journal WHERE sequence = 4"], 4),
        (
            [
                "DELETE FROM journal WHERE sequence = 3",
                "UPDATE journal SET sequence = 3 WHERE sequence = 4",
            ],
            3,
        ),
        (
            [
                "UPDATE journal SET sequence = 9 WHERE sequence = 2",
                "UPDATE journal SET sequence = 2 WHERE sequence = 3",
                "UPDATE journal SET sequence = 3 WHERE sequence = 9",
            ],
            2,
        ),
        (["UPDATE chain_heads SET sequence = 3 WHERE kind = 'journal'"], 5),
    ],
    ids=["first", "middle", "last", "gap closed", "two change places", "head"],
)
def test_a_removed_or_moved_row_is_found(
    written: Clinic, changes: Sequence[str], found: int
) -> None:
    tamper(written, *changes)

    assert verify(written, "journal")[1] == found


def test_a_row_that_was_emptied_without_a_tombstone_is_found(written: Clinic) -> None:
    """What an erasure leaves, without the erasure: its own row would name who did it."""
    tamper(written, "UPDATE journal SET body = NULL, answer = NULL, salt = NULL WHERE sequence = 2")

    assert verify(written, "journal") == (1, 2)


def test_a_row_that_hides_under_another_s_tombstone_is_found(
    written: Clinic, prescriber: Caller
) -> None:
    third = "019a5b10-0000-7000-8000-000000000022"
    officer = written.as_("privacy_officer")
    ask = {"id": "019a5b10-0000-7000-8000-0000000000e1", "patient_id": PERSON["id"]}
    entry = {"id": third[:-2] + "23", "occurred_at": "2026-04-23T07:45:00-04:00"}
    patient = written.as_("patient", patient_id=PERSON["id"])
    assert patient("POST", f"{PATH}/check-ins", entry).status_code == 201
    assert officer("POST", "/v1/erasure-requests", ask).status_code == 201
    done = {"patient_id": PERSON["id"], "state": "done"}
    path = f"/v1/erasure-requests/{ask['id']}"
    assert officer("PATCH", path, done, headers={"If-Match": '"1"'}).status_code == 200
    rows, broken = verify(written, "journal")
    assert broken is None

    tamper(
        written,
        "UPDATE journal SET body = NULL, answer = NULL, salt = NULL, version = 0, "
        f"record_id = '{entry['id']}' WHERE sequence = 4",
    )

    assert verify(written, "journal") == (rows - 2, rows - 1)


def test_another_clinics_chain_is_its_own(written: Clinic) -> None:
    stranger = written.as_("prescriber", clinic_id=OTHER_CLINIC)
    stranger("POST", "/v1/patients", PERSON)

    tamper(written, f"DELETE FROM journal WHERE clinic_id = '{OTHER_CLINIC}'")

    assert verify(written, "journal") == (WRITTEN, None)

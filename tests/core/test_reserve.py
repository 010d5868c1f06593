"""Room is kept free: when it gets short nothing new is taken, and what is there is still read."""

import shutil
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.exc import OperationalError

from app.core import reserve
from app.core.errors import StorageFull
from app.core.reserve import Reserve
from tests.conftest import Caller, Clinic
from tests.patients.test_patients import PATH, PERSON


class Disk:
    """A disk whose free room a test sets, in MiB."""

    def __init__(self) -> None:
        self.free_mib = 1000.0

    def __call__(self, _folder: Path) -> "Disk":
        return self

    @property
    def free(self) -> float:
        return self.free_mib * reserve.MIB


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    monkeypatch.setattr(shutil, "disk_usage", disk)
    return disk


def check_in(**more: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), "occurred_at": "2026-05-01T08:00:00-04:00", **more}


def test_below_the_reserve_writes_are_refused_and_reads_go_on(
    clinic: Clinic, prescriber: Caller, disk: Disk
) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    kept = check_in(note="before")
    prescriber("POST", f"{PATH}/check-ins", kept)
    path = f"{PATH}/check-ins/{kept['id']}"
    items = [
        {"op": "put", "type": "check_in", "patient_id": PERSON["id"], "id": one["id"], "body": one}
        for one in (check_in(), check_in())
    ]
    disk.free_mib = 99.9

    refused = [
        prescriber("POST", f"{PATH}/check-ins", check_in()),
        prescriber("PATCH", path, {"note": "after"}, headers={"If-Match": '"1"'}),
        prescriber("DELETE", path, headers={"If-Match": '"1"'}),
        prescriber("POST", "/v1/sync", {"items": items}),
        prescriber("POST", "/v1/imports", content=b"x", headers={"Content-Type": "text/csv"}),
    ]
    shown = prescriber("GET", path)
    not_ready = clinic.http.get("/readyz")
    rows = clinic.as_("privacy_officer")("GET", "/v1/access-log").json()["items"]

    assert {(one.status_code, one.json()["code"]) for one in refused} == {(507, "storage-full")}
    assert all(one.headers["Retry-After"] for one in refused)
    assert (shown.status_code, shown.json()["note"]) == (200, "before")
    assert not_ready.status_code == 503
    assert [one["outcome"] for one in rows[:6]] == ["done", *["storage-full"] * 5]

    disk.free_mib = 100

    assert clinic.http.get("/readyz").status_code == 204
    assert prescriber("POST", "/v1/sync", {"items": items}).status_code == 200
    assert len(prescriber("GET", f"{PATH}/check-ins").json()["items"]) == 3


def test_without_any_room_for_its_access_row_nothing_is_shown(
    clinic: Clinic, prescriber: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    prescriber("POST", "/v1/patients", PERSON)

    def full(*_args: object) -> None:
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    with monkeypatch.context() as patched:
        patched.setattr("app.core.rows.write", full)
        hidden = prescriber("GET", PATH)
        refused = prescriber("POST", f"{PATH}/check-ins", check_in())

    assert (hidden.status_code, hidden.json()["code"]) == (503, "access-log-unavailable")
    assert (refused.status_code, refused.json()["code"]) == (507, "storage-full")
    assert prescriber("GET", PATH).status_code == 200


def test_the_room_is_that_where_the_database_lies(tmp_path: Path) -> None:
    elsewhere = f"sqlite:///{tmp_path / 'titrate.sqlite3'}"
    nowhere = tmp_path / "absent"

    assert Reserve(elsewhere, nowhere, 0).is_left()
    with pytest.raises(StorageFull):
        Reserve(elsewhere, nowhere, 10**12).require()

"""Routes that are called without FastAPI's solver answer just as the others do."""

from pathlib import Path

from fastapi.routing import APIRoute

from app.core import direct
from app.main import create_app
from app.settings import Settings
from tests.conftest import Caller
from tests.patients.test_patients import PATH, PERSON


def test_only_a_route_that_needs_nothing_but_the_request_passes_the_solver_by(
    tmp_path: Path,
) -> None:
    routes = create_app(Settings(data_dir=tmp_path)).routes
    passed = {
        one.name: direct.handler(one.dependant) is not None
        for one in routes
        if isinstance(one, APIRoute)
    }

    assert passed["record_check_in"]
    assert passed["put_check_in"]
    assert passed["show_check_in"]
    assert not passed["list_check_ins"]  # it has query parameters
    assert not passed["withdraw_check_in"]
    assert not passed["show_measure"]  # its path holds a code


def test_a_path_without_a_uuid_is_refused_alike_with_the_solver_and_without(
    prescriber: Caller,
) -> None:
    prescriber("POST", "/v1/patients", PERSON)

    for path in ("/v1/patients/zq7/check-ins/zq7", "/v1/patients/zq7/check-ins"):
        refused = prescriber("GET", path)
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid-parameter")
        first = refused.json()["errors"][0]
        assert (first["pointer"], first["code"]) == ("/path/patient_id", "uuid-parsing")
        assert "zq7" not in refused.text
    assert prescriber("GET", f"{PATH}/check-ins/{PERSON['id']}").status_code == 404

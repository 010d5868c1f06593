"""The OpenAPI document tells what is so: for people, and for the generators of clients."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.main import create_app
from app.settings import Settings
from tests.conftest import Caller

Operation = tuple[str, str, dict[str, Any]]


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("document")
    return create_app(Settings(database_url=f"sqlite:///{folder}/none", data_dir=folder)).openapi()


def operations(document: dict[str, Any]) -> Iterator[Operation]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def parts(value: Any) -> Iterator[dict[str, Any]]:
    """Give every object within a part of the document."""
    if isinstance(value, dict):
        yield value
        for one in value.values():
            yield from parts(one)
    elif isinstance(value, list):
        for one in value:
            yield from parts(one)


def test_a_member_that_tells_variants_apart_has_no_default_and_is_required(
    document: dict[str, Any],
) -> None:
    schemas = document["components"]["schemas"]
    told_apart = [part for part in parts(document) if "discriminator" in part]
    assert told_apart
    for part in told_apart:
        name = part["discriminator"]["propertyName"]
        targets = list(part["discriminator"]["mapping"].values())
        assert len(targets) == len(set(targets)) == len(part["oneOf"])
        for target in targets:
            variant = schemas[target.rpartition("/")[2]]
            assert name in variant["required"]
            assert "default" not in variant["properties"][name]


def test_every_refusal_is_a_problem_in_its_own_media_type(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert not {"HTTPValidationError", "ValidationError"} & set(schemas)
    for path, method, operation in operations(document):
        if not path.startswith("/v1"):
            continue
        answers = operation["responses"]
        refusals = {code: one for code, one in answers.items() if code[0] in "45d"}
        assert {"400", "401", "403", "422", "429", "503", "default"} <= set(refusals), path
        assert ("404" in refusals) == ("{" in path or method != "get"), path
        for code, refusal in refusals.items():
            assert list(refusal["content"]) == ["application/problem+json"], (path, method, code)
            schema = refusal["content"]["application/problem+json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Problem"}


def test_operation_ids_are_unique_words_that_no_path_decides(document: dict[str, Any]) -> None:
    ids = Counter(operation["operationId"] for _path, _method, operation in operations(document))
    assert max(ids.values()) == 1
    assert all(re.fullmatch(r"[a-z][a-z_]+[a-z]", one) for one in ids)
    assert {"record_check_in", "read_trends", "sync"} <= set(ids)


def test_schema_names_are_plain_words(document: dict[str, Any]) -> None:
    """Two models of one name would be told apart by their modules, in every client's code."""
    strange = [n for n in document["components"]["schemas"] if not re.fullmatch(r"[A-Za-z0-9]+", n)]
    assert strange == []


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert {part["$ref"] for part in parts(document) if "$ref" in part} <= schemas


def test_every_header_that_is_read_has_bounds(document: dict[str, Any]) -> None:
    headers = [
        parameter
        for _path, _method, operation in operations(document)
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "header"
    ]
    assert {one["name"] for one in headers} == {"If-Match", "Idempotency-Key"}
    assert all("pattern" in one["schema"] or "maxLength" in one["schema"] for one in headers)


def test_every_change_documents_the_version_it_needs(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        named = {one["name"]: one for one in operation.get("parameters", ())}
        if method == "patch" and "If-Match" in named:
            assert named["If-Match"]["required"], path
            assert {"412", "428"} <= set(operation["responses"]), path


def test_every_body_is_written_down(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        if method in {"put", "patch"}:
            assert operation["requestBody"]["content"], path
        if method == "patch":
            (media_type,) = operation["requestBody"]["content"]
            assert media_type in {"application/json", "application/merge-patch+json"}, path


def test_no_member_of_a_body_has_a_default(document: dict[str, Any]) -> None:
    """A generator of clients would take it for one that must be sent."""
    schemas = document["components"]["schemas"]
    names = [
        part["$ref"]
        for _, _, one in operations(document)
        for part in parts(one.get("requestBody"))
        if "$ref" in part
    ]
    assert len(names) > 20
    for name in names:
        members = schemas[name.rpartition("/")[2]].get("properties", {}).values()
        assert not any("default" in member for member in members), name


def test_every_operation_under_v1_asks_for_a_token(document: dict[str, Any]) -> None:
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert all(
        operation["security"] == [{"bearer": []}]
        for path, _method, operation in operations(document)
        if path.startswith("/v1")
    )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("birth_date", 0),
        ("birth_date", "0"),
        ("birth_date", "1767607200"),
        ("synthetic", "true"),
        ("synthetic", 1),
        ("given_name", "x"),
    ],
)
def test_nothing_is_guessed_at(member: str, value: object, prescriber: Caller) -> None:
    body = {"id": "019a5b10-0000-7000-8000-00000000f001", member: value}
    body["name"] = {"given": "Synthetic", "family": "Example"}

    answer = prescriber("POST", "/v1/patients", json=body)

    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == [f"/{member}"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_day_in_the_query_is_no_number(prescriber: Caller) -> None:
    answer = prescriber("GET", "/v1/patients?birth_date=0")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/query/birth_date"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/patients", "GET, POST"),
        ("/v1/sync", "POST"),
        ("/v1/patients/019a5b10-0000-7000-8000-00000000f001", "GET, PATCH"),
        (
            "/v1/patients/019a5b10-0000-7000-8000-00000000f001/check-ins/"
            "019a5b10-0000-7000-8000-00000000f002",
            "DELETE, GET, PATCH, PUT",
        ),
    ],
)
def test_405_names_every_method_of_the_path(path: str, methods: str, prescriber: Caller) -> None:
    answer = prescriber("TRACE", path)

    assert answer.status_code == 405
    assert answer.headers["allow"] == methods
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_null_patient_in_the_body_is_still_told_in_the_answer(prescriber: Caller) -> None:
    patient_id = "019a5b10-0000-7000-8000-00000000f001"
    name = {"given": "Synthetic", "family": "Example"}
    prescriber("POST", "/v1/patients", json={"id": patient_id, "name": name})
    body = {
        "id": "019a5b10-0000-7000-8000-00000000f003",
        "patient_id": None,
        "occurred_at": "2026-05-30T09:00:00+02:00",
        "mood_cognition": {"mood": 4},
    }

    answer = prescriber("POST", f"/v1/patients/{patient_id}/check-ins", json=body)

    assert answer.json()["patient_id"] == patient_id


def test_the_document_is_the_same_every_time(document: dict[str, Any], tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/none", data_dir=tmp_path)
    assert create_app(settings).openapi() == document

"""What `/metrics` counts, and that it says nothing of anybody."""

import re
import socket
from uuid import uuid4

from tests.conftest import Caller, Clinic
from tests.patients.test_patients import PATH, PERSON


def _counts(clinic: Clinic) -> dict[str, int]:
    answer = clinic.http.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found = re.findall(r"^titrate_requests_total(\{.*\}) (\d+)$", answer.text, re.MULTILINE)
    return {labels: int(number) for labels, number in found}


def test_answers_are_counted_by_route_and_status(clinic: Clinic, prescriber: Caller) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    for _ in range(3):
        prescriber("GET", PATH)
    prescriber("GET", f"/v1/patients/{uuid4()}")
    clinic.http.get(PATH)

    counts = _counts(clinic)

    one = 'method="GET",route="/v1/patients/{patient_id}"'
    assert counts['{method="POST",route="/v1/patients",status="201"}'] == 1
    assert counts[f'{{{one},status="200"}}'] == 3
    assert counts[f'{{{one},status="404"}}'] == 1
    assert counts[f'{{{one},status="401"}}'] == 1


def test_nothing_that_a_caller_makes_up_stands_in_it(clinic: Clinic, prescriber: Caller) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    prescriber("GET", f"{PATH}/zqcanary?zqcanary=zqcanary", headers={"User-Agent": "zqcanary"})
    prescriber("GET", "/v1/patients", params={"name": "zqcanary"})
    clinic.http.get("/zqcanary", headers={"X-Request-Id": "zqcanary"})
    host, port = clinic.http.base_url.host, clinic.http.base_url.port
    assert port is not None
    with socket.create_connection((host, port)) as raw:
        raw.sendall(b"ZQCANARY /v1/patients HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        while raw.recv(4096):
            continue

    text = clinic.http.get("/metrics").text

    for trace in ("zqcanary", "ZQCANARY", PERSON["id"], "Example"):
        assert trace not in text
    assert '{method="GET",route="unknown",status="404"}' in text

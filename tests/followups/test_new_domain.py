"""Adding a domain of numbers is its file, its member in the schemas, and a test like this one."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

HOUSE = Path(__file__).resolve().parents[2]
FILE = '''"""How well a person eats."""

from typing import Annotated

from app.clinical.measure import Measure
from app.clinical.measures import register
from app.followups.domains.base import Domain, within

HUNGER = register(Measure("appetite.hunger", "{score}", 0, 10, "higher_better", "Appetite"))


class Appetite(Domain):
    """A rating from 0 to 10."""

    hunger: Annotated[int | None, HUNGER, within(HUNGER)] = None
'''
IN, OUT = "    exercise: Exercise | None = None\n", "    exercise: ExerciseOut | None = None\n"
MEMBER = "    appetite: Appetite | None = None\n"
IMPORT = "from app.followups.domains.base import Domain, Many\n"
CALLS = """
import json, sys
from datetime import UTC, datetime
from pathlib import Path

from fastapi.testclient import TestClient

from app.identity import service as identity
from app.main import create_app
from app.settings import Settings

file = Path(sys.argv[1])
app = create_app(Settings(database_url=f"sqlite:///{file}", data_dir=file.parent))
with TestClient(app) as http:
    token = app.state.issuer.issue(
        datetime.now(UTC),
        clinic_id=identity.DEFAULT_CLINIC,
        user_id=identity.built_in_user(identity.DEFAULT_CLINIC, "prescriber"),
        role="prescriber",
        client="tests",
    )
    http.headers["Authorization"] = f"Bearer {token}"

    def call(method, path, body=None):
        answer = http.request(method, path, json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()

    person = {
        "id": "019a5b10-0000-7000-8000-000000000001",
        "name": {"given": "Synthetic", "family": "Patient"},
        "birth_date": "1991-04-17",
    }
    call("POST", "/v1/patients", person)
    p = "/v1/patients/" + person["id"]
    at = {"kind": "call", "occurred_at": "2026-04-13T10:30:00-04:00"}
    visit = "019a5b10-0000-7000-8000-000000000301"
    call("POST", f"{p}/follow-ups", {"id": visit, **at})
    put = call("PUT", f"{p}/follow-ups/{visit}/appetite", {"hunger": 4})
    check_in = "019a5b10-0000-7000-8000-000000000302"
    day = {"occurred_at": "2026-04-20T07:45:00-04:00", "appetite": {"hunger": 7}}
    call("POST", f"{p}/check-ins", {"id": check_in, **day})
    trend = call("GET", f"{p}/trends?as_of=2026-05-01&include=measures,points")
    print(json.dumps({
        "put": put["appetite"],
        "alone": call("GET", f"{p}/follow-ups/{visit}/appetite")["appetite"],
        "listed": len(call("GET", f"{p}/check-ins?domain=appetite")["items"]),
        "direction": call("GET", "/v1/reference/measures/appetite.hunger")["direction"],
        "described": f"/v1/patients/{{patient_id}}/follow-ups/{{record_id}}/appetite"
        in call("GET", "/openapi.json")["paths"],
        "trend": [
            (one["measure"], [point["value"] for point in one["points"]])
            for one in trend["measures"]
        ],
    }))
"""


def test_a_file_and_its_member_in_the_schemas_are_a_domain(
    sqlite_template: Path, tmp_path: Path
) -> None:
    shutil.copytree(HOUSE / "app", tmp_path / "app")
    shutil.copy(sqlite_template, tmp_path / "titrate.sqlite3")
    (tmp_path / "app/followups/domains/appetite.py").write_text(FILE, "utf-8")
    schemas = tmp_path / "app/followups/schemas.py"
    source = schemas.read_text("utf-8")
    assert [source.count(one) for one in (IN, OUT, IMPORT)] == [1, 1, 1]
    source = source.replace(IN, IN + MEMBER).replace(OUT, OUT + MEMBER)
    added = IMPORT + "from app.followups.domains.appetite import Appetite\n"
    schemas.write_text(source.replace(IMPORT, added), "utf-8")

    done = subprocess.run(
        [sys.executable, "-c", CALLS, str(tmp_path / "titrate.sqlite3")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert found == {
        "put": {"hunger": 4},
        "alone": {"hunger": 4},
        "listed": 1,
        "direction": "higher_better",
        "described": True,
        "trend": [["appetite.hunger", [4, 7]]],
    }

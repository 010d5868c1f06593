"""Two studies as CSV, imported on both databases: ten trial patients, six with daily diaries."""

import csv
import json
from collections import Counter, defaultdict
from functools import cache
from typing import Any

import pytest

from tests.conftest import Caller, Clinic
from tests.imports.files import journal_rows, run
from tests.shared import SHARED, needs_shared

pytestmark = needs_shared
CASES = SHARED / "cases"
HAMD, DIGIBP = "hamd17-trial-10-patients", "digibp-6-patients"
ROWS = {HAMD: 103, DIGIBP: 946}
OF_EXPECTED = {
    HAMD: {"HAMD17": "trend", "HAMA": "hama"},
    DIGIBP: {one: one for one in ("depression_d", "mania_m", "sleep_hours", "steps", "resting_hr")},
}


@cache
def rows(case: str) -> dict[tuple[str, str], list[tuple[str, float]]]:
    """The points of each subject and measure, in the order of the file."""
    found = defaultdict(list)
    with (CASES / case / "observations.csv").open() as file:
        for row in csv.DictReader(file):
            found[row["subject"], row["measure"]].append((row["date"], float(row["value"])))
    return found


@cache
def expected(case: str) -> Any:
    return json.loads((CASES / case / "expected.json").read_text())["expected"]["per_subject"]


@pytest.mark.parametrize("case", [HAMD, DIGIBP])
def test_each_row_has_a_result_and_the_second_import_changes_nothing(
    clinic: Clinic, case: str
) -> None:
    file = CASES / case / "observations.csv"
    first = run(clinic, file)
    before = journal_rows(clinic)

    assert Counter(one.status for one in first) == {"created": ROWS[case]}
    assert Counter(one.status for one in run(clinic, file)) == {"unchanged": ROWS[case]}
    assert journal_rows(clinic) == before


@pytest.mark.parametrize("case", [HAMD, DIGIBP])
def test_every_series_has_the_expected_n_first_last_and_days(
    clinic: Clinic, prescriber: Caller, case: str
) -> None:
    run(clinic, CASES / case / "observations.csv")
    span = {HAMD: "from=2003-01-01&to=2003-06-30", DIGIBP: "from=2019-06-01&to=2019-12-31"}[case]

    for subject, wanted in expected(case).items():
        path = f"/v1/patients?identifier={subject}"
        (person,) = prescriber("GET", path).json()["items"]
        followed = [one for one in OF_EXPECTED[case] if rows(case).get((subject, one))]
        query = f"{span}&include=measures,points&measures={','.join(followed)}"
        answer = prescriber("GET", f"/v1/patients/{person['id']}/trends?{query}").json()
        found = {one["measure"]: one for one in answer["measures"]}
        for measure, name in OF_EXPECTED[case].items():
            trend = wanted.get(name)
            wrote = rows(case).get((subject, measure), [])
            if not trend or not trend["n"]:
                assert len(wrote) < 2
                """Nothing was written, or one value, of which nothing is expected."""
                continue
            series = found[measure]
            points = [(one["day"], one["value"]) for one in series["points"]]
            assert series["n"] == trend["n"] == len(points)
            ends = (points[0][1], points[-1][1])
            assert ends == pytest.approx((trend["first"], trend["last"]), abs=1e-6)
            assert [day for day, _ in points] == [day for day, _ in wrote]
            values = [value for _, value in points]
            assert values == pytest.approx([value for _, value in wrote], abs=1e-6)
            assert series["direction"] == "none"


def test_the_last_global_impression_of_the_trial_is_the_expected_one(
    clinic: Clinic, prescriber: Caller
) -> None:
    run(clinic, CASES / HAMD / "observations.csv")

    for subject, wanted in expected(HAMD).items():
        (person,) = prescriber("GET", f"/v1/patients?identifier={subject}").json()["items"]
        query = "from=2003-01-01&to=2003-06-30&include=measures,points&measures=PGI_I"
        answer = prescriber("GET", f"/v1/patients/{person['id']}/trends?{query}").json()
        (series,) = (one for one in answer["measures"] if one["measure"] == "PGI_I")
        assert series["points"][-1]["value"] == wanted["pgi_last"]

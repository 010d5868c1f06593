"""The given cases: slopes, rank tests and intervals where both define the same thing.

Both count whole local days. The expected p is plain and normal: ours is exact for few readings
without ties, and wider by V_n where neighbours resemble each other; then the expected z over the
root of V_n must give it.
"""

import json
from datetime import date
from functools import cache
from math import erfc, sqrt
from typing import Any

import pytest
import scipy.stats

from tests.cases.test_observation_series import CASES, DIGIBP, HAMD, OF_EXPECTED
from tests.conftest import Caller, Clinic
from tests.imports.files import PATIENT, bundle, run
from tests.shared import needs_shared

pytestmark = needs_shared
Json = dict[str, Any]
SPAN = {HAMD: "from=2003-01-01&to=2003-06-30", DIGIBP: "from=2019-06-01&to=2019-12-31"}
COMPARED = {HAMD: (14, 14, 8, 7), DIGIBP: (25, 25, 25, 9)}
"""How many slopes, rank tests, p and intervals each case has to compare."""


@cache
def expected(case: str) -> Any:
    return json.loads((CASES / case / "expected.json").read_text())["expected"]["per_subject"]


def trends(caller: Caller, name: str, query: str) -> dict[str, Json]:
    (person,) = caller("GET", f"/v1/patients?identifier={name}").json()["items"]
    answer = caller("GET", f"/v1/patients/{person['id']}/trends?{query}")
    assert answer.status_code == 200, answer.text
    return {one["measure"]: one for one in answer.json()["measures"]}


@pytest.mark.parametrize("case", [HAMD, DIGIBP])
def test_slopes_ranks_and_intervals_are_the_expected_ones(
    clinic: Clinic, prescriber: Caller, case: str
) -> None:
    run(clinic, CASES / case / "observations.csv")
    slopes = ranks = ps = intervals = 0
    for subject, wanted in expected(case).items():
        found = trends(prescriber, subject, f"{SPAN[case]}&include=measures")
        for measure, name in OF_EXPECTED[case].items():
            want = wanted.get(name)
            if not want or measure not in found:
                continue
            one = found[measure]["trend"][0]
            if "WEEKLY_MEDIANS" in one["reasons"] or one["slope_per_7d"] is None:
                continue
            slopes += 1
            assert one["span_days"] == want["span_days"]
            assert one["slope_per_7d"] == pytest.approx(7 * want["theil_sen_slope_per_day"], 1e-5)
            mk, v_n = one["mk"], one["V_n"]
            if mk is None:
                continue
            ranks += 1
            assert mk["S"] == want["mk_S"]
            assert mk["tau_b"] == pytest.approx(want["kendall_tau_b"], abs=1e-6)
            if not mk["exact"]:
                ps += 1
                p = erfc(abs(want["mk_z"]) / sqrt(2 * v_n))
                assert mk["p"] == pytest.approx(p, abs=0.001)
            if v_n == 1 and one["interval"] is not None:
                intervals += 1
                ends = [7 * end for end in want["theil_sen_ci95_per_day"]]
                assert one["interval"] == pytest.approx(ends, abs=1e-5)

    assert (slopes, ranks, ps, intervals) == COMPARED[case]


def test_two_forms_and_six_are_read_on_whole_local_days(clinic: Clinic, prescriber: Caller) -> None:
    """Their expected slopes count hours: on whole days scipy is the second opinion."""
    folder = CASES / "ahrq-phq9-fhir-2-patients"
    run(clinic, folder / "TEST-10.stu3.json", folder / "TEST-17.stu3.json")
    wanted = json.loads((folder / "expected.json").read_text())["expected"]
    for name in ("TEST-10", "TEST-17"):
        visits = wanted[name]["visits"]
        query = "from=2020-01-01&as_of=2020-12-31&include=measures&measures=phq-9.total"
        phq = trends(prescriber, name, query)["phq-9.total"]
        one = phq["trend"][0]
        days = [date.fromisoformat(visit["authored"][:10]).toordinal() for visit in visits]
        totals = [visit["item_sum"] for visit in visits]

        assert one["span_days"] == days[-1] - days[0]
        if len(visits) < 3:
            assert (one["slope_per_7d"], one["mk"]) == (None, None)
            assert "TOO_FEW_FOR_SLOPE" in one["reasons"]
        else:
            slope = scipy.stats.theilslopes(totals, days)[0]
            assert one["slope_per_7d"] == pytest.approx(7 * slope, abs=1e-6)
        assert phq["change"]["from_last"]["points"] == totals[-1] - totals[0]
        assert phq["change"]["from_last"]["percent"] == pytest.approx(
            visits[-1]["pct_change_from_first"], abs=1e-6
        )
        assert phq["states"]["response"] is visits[-1]["response"]


def test_a_single_form_has_a_level_and_no_slope(
    clinic: Clinic, prescriber: Caller, tmp_path: Any
) -> None:
    folder = CASES / "us-core-phq9"
    files = [one for one in sorted(folder.glob("*.json")) if one.name != "expected.json"]
    run(clinic, bundle(tmp_path, PATIENT | {"id": "example"}, name="patient.json"), *files)
    found = trends(prescriber, "S-1", "from=2019-01-01&measures=phq-9.total")["phq-9.total"]

    assert (found["n"], found["last"]["value"]) == (1, 12)
    assert (found["trend"][0]["slope_per_7d"], found["status"]) == (None, "stale")
    assert found["severity"]["band"] == "moderate"

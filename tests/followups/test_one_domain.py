"""One domain of a follow-up alone, over HTTP, on both databases."""

from typing import Any
from uuid import uuid4

import pytest

from app.followups.schemas import FollowUpIn
from tests.conftest import Caller
from tests.followups.conftest import CHECK_IN, PATH, VISIT, Ward, contract
from tests.shared import needs_shared

pytestmark = needs_shared

ADDRESS = f"{PATH}/follow-ups/{VISIT}"
NAMES = [name.replace("_", "-") for name in FollowUpIn.domain_types()]
SHAPED: dict[str, Any] = {
    "dosage": {"taking": []},
    "side-effects": {"episodes": [{"term": "headache", "severity": 1}]},
    "interactions": {"list_reviewed": True},
}
"""Domains that are more than numbers."""


def some(name: str) -> dict[str, Any]:
    """Give something that a domain may say: of one of numbers, the first at its most."""
    if name in SHAPED:
        return dict(SHAPED[name])
    member, measure = FollowUpIn.domain_types()[name.replace("-", "_")].followed()[0]
    return {member: measure.maximum}


@pytest.mark.parametrize("name", NAMES)
def test_a_domain_is_added_read_changed_and_guarded(ward: Ward, name: str) -> None:
    bare = {"id": VISIT, "kind": "call", "occurred_at": "2026-04-13T10:30:00-04:00", "note": "x"}
    ward.visit(bare)
    path = f"{ADDRESS}/{name}"
    key = name.replace("-", "_")

    absent = ward.prescriber("GET", path)
    added = ward.prescriber("PUT", path, some(name))
    again = ward.prescriber("PUT", path, some(name))
    blind = ward.prescriber("PUT", path, {})
    stale = ward.prescriber("PUT", path, {}, headers={"If-Match": '"1"'})
    changed = ward.prescriber("PUT", path, {}, headers={"If-Match": '"2"'})

    assert absent.status_code == 404
    assert added.status_code == 201, added.text
    assert added.headers["ETag"] == '"2"'
    assert added.headers["Location"] == path
    assert key in added.json()
    assert "note" not in added.json()
    assert again.status_code == 200
    assert again.json() == added.json()
    assert blind.status_code == 428
    assert stale.status_code == 412
    assert changed.status_code == 200, changed.text
    assert changed.headers["ETag"] == '"3"'
    assert ward.prescriber("GET", path).json() == changed.json()
    whole = ward.prescriber("GET", ADDRESS).json()
    assert (whole["version"], whole["note"], whole["domains"]) == (3, "x", [key])
    assert ward.values() == {}


def test_a_member_that_is_null_says_nothing_and_is_the_same_again(ward: Ward) -> None:
    ward.visit({"id": VISIT, "kind": "call", "occurred_at": "2026-04-13T10:30:00-04:00"})
    body = {"quality": None, "diary": {"woke_on": "2026-04-13", "latency_min": None}}

    first = ward.prescriber("PUT", f"{ADDRESS}/sleep", body)
    again = ward.prescriber("PUT", f"{ADDRESS}/sleep", body)

    assert (first.status_code, again.status_code) == (201, 200), again.text
    assert again.json() == first.json()


def test_a_domain_put_moves_only_its_own_numbers(ward: Ward) -> None:
    ward.visit(contract("06-follow-up"))
    before = ward.values()

    done = ward.prescriber(
        "PUT", f"{ADDRESS}/mood-cognition", {"mood": 6}, headers={"If-Match": '"1"'}
    )

    assert done.status_code == 200, done.text
    gone = {code for code in before if code.startswith("mood_cognition.")}
    assert ward.values() == {
        **{code: value for code, value in before.items() if code not in gone},
        "mood_cognition.mood": 6,
    }
    assert len(ward.prescriber("GET", f"{ADDRESS}/history").json()["items"]) == 2


def test_what_a_domain_no_longer_says_is_gone_inside_too(ward: Ward) -> None:
    ward.visit(contract("06-follow-up"))
    diary = {"woke_on": "2026-04-13", "latency_min": 20}

    done = ward.prescriber("PUT", f"{ADDRESS}/sleep", {"diary": diary}, headers={"If-Match": '"1"'})

    assert done.json()["sleep"]["diary"] == diary
    assert ward.values("sleep.") == {"sleep.latency_min": 20}


def test_anothers_domain_is_changed_with_a_reason_and_added_without(ward: Ward) -> None:
    ward.visit({k: v for k, v in contract("06-follow-up").items() if k != "functioning"})
    nurse = ward.clinic.as_("care_team")
    if nurse("GET", ADDRESS).status_code == 404:
        nurse = ward.clinic.as_("system")
    mine = {"If-Match": '"2"'}

    added = nurse("PUT", f"{ADDRESS}/functioning", {"work": 5})
    silent = nurse("PUT", f"{ADDRESS}/sleep", {"quality": 5}, headers=mine)
    reasoned = nurse(
        "PUT",
        f"{ADDRESS}/sleep",
        {"quality": 5, "change_reason": {"code": "typo"}},
        headers=mine,
    )

    assert added.status_code == 201, added.text
    assert silent.status_code == 422
    assert silent.json()["errors"][0]["pointer"] == "/change_reason"
    assert reasoned.status_code == 200, reasoned.text
    assert reasoned.json()["change_reason"] == {"code": "typo"}
    assert "change_reason" not in reasoned.json()["sleep"]


def test_a_severe_side_effect_in_a_domain_put_opens_its_signal(ward: Ward) -> None:
    ward.visit({"id": VISIT, "kind": "call", "occurred_at": "2026-04-13T10:30:00-04:00"})
    severe = {"episodes": [{"term": "rash", "severity": 3}]}

    answer = ward.prescriber("PUT", f"{ADDRESS}/side-effects", severe).json()

    assert [one["code"] for one in answer["opened_signals"]] == ["serious_side_effect"]


@pytest.mark.parametrize(
    ("name", "body", "pointer"),
    [
        ("sleep", {"quality": 14}, "/quality"),
        ("sleep", {"mood": 1}, "/mood"),
        ("mood-cognition", {"mood": "7"}, "/mood"),
        ("side-effects", {"episodes": [{"term": "nausia", "severity": 1}]},
         "/side_effects/episodes/0/term"),
        ("dosage", {"taking": [{"medication_id": str(uuid4())}]},
         "/dosage/taking/0/medication_id"),
    ],
)  # fmt: skip
def test_a_wrong_domain_is_named_and_nothing_is_stored(
    ward: Ward, name: str, body: dict[str, Any], pointer: str
) -> None:
    ward.visit({"id": VISIT, "kind": "call", "occurred_at": "2026-04-13T10:30:00-04:00"})
    before = ward.counts()

    refused = ward.prescriber("PUT", f"{ADDRESS}/{name}", body)

    assert refused.status_code == 422, refused.text
    assert refused.json()["errors"][0]["pointer"] == pointer
    assert ward.counts() == before


def test_what_is_not_there_has_no_domain(ward: Ward, prescriber: Caller) -> None:
    ward.check_in(contract("07-check-in"))
    ward.visit({"id": VISIT, "kind": "call", "occurred_at": "2026-04-13T10:30:00-04:00"})
    other = str(uuid4())
    prescriber("POST", "/v1/patients", contract("01-patient") | {"id": other, "identifiers": []})
    body = {"quality": 5}

    for path in (
        f"{PATH}/follow-ups/{uuid4()}/sleep",
        f"{PATH}/follow-ups/{CHECK_IN}/sleep",
        f"/v1/patients/{other}/follow-ups/{VISIT}/sleep",
        f"/v1/patients/{uuid4()}/follow-ups/{VISIT}/sleep",
    ):
        assert ward.prescriber("PUT", path, body).status_code == 404, path
        assert ward.prescriber("GET", path).status_code == 404, path
    assert ward.patient("PUT", f"{ADDRESS}/sleep", body).status_code == 403
    assert ward.patient("GET", f"{ADDRESS}/sleep").status_code == 404
    assert ward.prescriber("PUT", f"{ADDRESS}/appetite", body).status_code == 404
    listed = ward.prescriber("PUT", f"{ADDRESS}/sleep", [1])
    assert listed.status_code == 422, listed.text


@pytest.mark.parametrize("headers", [{}, {"If-Match": '"1"'}, {"If-Match": '"2"'}])
def test_a_withdrawn_follow_up_gains_no_domain(ward: Ward, headers: dict[str, str]) -> None:
    ward.visit({"id": VISIT, "kind": "call", "occurred_at": "2026-04-13T10:30:00-04:00"})
    ward.prescriber("DELETE", ADDRESS, headers={"If-Match": '"1"'})

    refused = ward.prescriber("PUT", f"{ADDRESS}/sleep", {"quality": 5}, headers=headers)

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["code"] == "entered-in-error"
    assert ward.prescriber("GET", ADDRESS).json()["status"] == "entered_in_error"


def test_a_list_gives_those_that_carry_a_domain(ward: Ward) -> None:
    ward.visit(contract("06-follow-up"))
    ward.visit({"id": str(uuid4()), "kind": "call", "occurred_at": "2026-04-14T10:30:00-04:00"})
    ward.check_in(contract("07-check-in"))

    def count(path: str) -> int:
        return len(ward.prescriber("GET", f"{PATH}/{path}").json()["items"])

    assert count("follow-ups") == 2
    assert count("follow-ups?domain=mood-cognition") == 1
    assert count("follow-ups?domain=exercise") == 0
    assert count("check-ins?domain=sleep") == 1
    assert count("check-ins?domain=interactions") == 0
    refused = ward.prescriber("GET", f"{PATH}/follow-ups?domain=appetite")
    assert refused.status_code == 400
    assert ward.prescriber("GET", f"{PATH}/follow-ups?domains=sleep").status_code == 400

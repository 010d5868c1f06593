"""Interactions over HTTP, and the review of a changed list, on both databases."""

import json
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event as database_event

from app.clinical import medications as reference
from app.clinical.interactions import Entry, Facts
from app.core.db import Work
from app.identity import service as identity
from app.interactions import service
from app.patients import service as patients
from tests.conftest import OTHER_CLINIC, Caller, Clinic
from tests.shared import SHARED, needs_shared

PERSON: dict[str, Any] = {
    "id": "019a5b10-0000-7000-8000-000000000001",
    "name": {"given": "Example", "family": "Patient"},
    "birth_date": "1991-04-17",
    "time_zone": "America/New_York",
}
PATIENT = UUID(PERSON["id"])
P = f"/v1/patients/{PATIENT}"
CHECK = "/v1/interactions/check"
SERTRALINE = "019a5b10-0000-7000-8000-000000000101"
ST_JOHNS_WORT = "019a5b10-0000-7000-8000-000000000102"
FLUOXETINE = "019a5b10-0000-7000-8000-000000000109"
TODAY = date(2026, 6, 1)
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CONTRACT_15: dict[str, Any] = {
    "substances": [
        {"code": {"system": RXNORM, "code": "36437"}},
        {"reference_id": "st-johns-wort"},
        {"text": "tramadol 50 mg"},
        {"text": "a herbal tea"},
    ],
    "facts": {"pregnancy": "not_pregnant"},
}
ACKNOWLEDGED = {
    "state": "acknowledged",
    "reason_code": "resolved",
    "reason": "Supplement stopped on 13 April; wash-out explained",
}


@pytest.fixture
def caller(prescriber: Caller) -> Caller:
    assert prescriber("POST", "/v1/patients", PERSON).status_code == 201
    return prescriber


def taken(key: str, reference_id: str, **known: Any) -> Entry:
    return Entry(key, reference.resolve(reference_id=reference_id), **known)


SERT = taken(SERTRALINE, "sertraline")
SJW = taken(ST_JOHNS_WORT, "st-johns-wort")


def review(
    clinic: Clinic, *lists: Sequence[Entry], on: date = TODAY, facts: Facts | None = None
) -> list[dict[str, Any]]:
    """Review lists one after the other in one call of the writer, as a slice above does."""

    def run(work: Work, patient_id: UUID) -> list[dict[str, Any]]:
        person = patients.get(work, patient_id)
        known = facts or service.facts_of(person, on)
        said = [service.review(work, person, one, known, on) for one in lists]
        return [new for one in said for new in one.get("new_findings", ())]

    actor = identity.built_in_actor(identity.DEFAULT_CLINIC, "prescriber")
    found: list[dict[str, Any]] = clinic.app.state.writer.run(
        run, actor, PATIENT, operation="review"
    )
    return found


def signals(caller: Caller) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = caller("GET", f"{P}/signals").json()["items"]
    return found


def stored(caller: Caller, finding_id: str) -> dict[str, Any]:
    answer = caller("GET", f"{P}/interactions/{finding_id}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def acknowledgement(finding_id: str) -> str:
    return f"{P}/interactions/{finding_id}/acknowledgement"


# ---- the stateless check


def named(answer: dict[str, Any], member: str) -> list[tuple[str, list[str]]]:
    return [
        (one["severity"], [some.get("name") or some["text"] for some in one["substances"]])
        for one in answer[member]
    ]


def test_contract_15_as_it_stands(prescriber: Caller) -> None:
    answer = prescriber("POST", CHECK, CONTRACT_15)

    assert answer.status_code == 200, answer.text
    body = answer.json()
    tramadol = {
        "text": "tramadol 50 mg",
        "candidate": {"reference_id": "tramadol", "by": "name"},
    }
    assert named(body, "findings") == [("major", ["sertraline", "St John's wort"])]
    assert named(body, "possible") == [
        ("major", ["sertraline", "tramadol 50 mg"]),
        ("major", ["St John's wort", "tramadol 50 mg"]),
    ]
    assert [one["substances"][1] for one in body["possible"]] == [tramadol, tramadol]
    assert body["not_checked"] == [
        {"substance": {"text": "a herbal tea"}, "why": "not in the reference"}
    ]
    assert (body["checked"], body["checked_by_name"]) == (3, 1)
    assert [(one["text"], len(one["candidates"])) for one in body["read_as"]] == [
        ("tramadol 50 mg", 1)
    ]
    assert body["reference"].keys() == {"version", "date"}
    assert body["statement"].startswith("1 found among the 2 coded items; 2 possible")


@needs_shared
def test_the_contract_s_own_files_say_the_same(prescriber: Caller) -> None:
    sent = json.loads((SHARED / "contract/15-interaction-check.json").read_text())
    told = json.loads((SHARED / "contract/answers/15-interaction-check.json").read_text())

    body = prescriber("POST", CHECK, sent).json()

    assert sent == CONTRACT_15
    assert body["not_checked"] == told["not_checked"]
    assert body["checked"] == told["checked"]
    for member in ("findings", "possible"):
        assert len(body[member]) == len(told[member])
        for one, expected in zip(body[member], told[member], strict=True):
            for some, wanted in zip(one["substances"], expected["substances"], strict=True):
                assert some.items() >= wanted.items()


def test_the_order_of_the_list_does_not_matter(prescriber: Caller) -> None:
    turned = CONTRACT_15 | {"substances": CONTRACT_15["substances"][::-1]}

    assert prescriber("POST", CHECK, turned).json() == prescriber("POST", CHECK, CONTRACT_15).json()


def test_what_each_name_was_read_as_is_seen_although_no_rule_holds(prescriber: Caller) -> None:
    """Two look-alikes: one misspelt, one as it is written (hazard H4)."""
    sent = {"substances": [{"text": "buproprion"}, {"text": "buspirone"}]}

    body = prescriber("POST", CHECK, sent).json()

    assert body["findings"] == body["possible"] == body["not_checked"] == []
    assert body["read_as"] == [
        {
            "text": "buproprion",
            "candidates": [
                {"reference_id": "bupropion", "by": "misspelling", "display": "buPROPion"}
            ],
        },
        {
            "text": "buspirone",
            "candidates": [{"reference_id": "buspirone", "by": "name", "display": "busPIRone"}],
        },
    ]
    assert (body["checked"], body["checked_by_name"]) == (2, 2)
    assert body["statement"] == (
        "none found among the 0 coded items; 0 possible with the 2 read by name"
    )


def test_two_names_in_one_text_are_both_told_and_not_held_against_each_other(
    prescriber: Caller,
) -> None:
    sent = {"substances": [{"text": "sertraline and tramadol"}]}

    body = prescriber("POST", CHECK, sent).json()

    (read,) = body["read_as"]
    assert [one["display"] for one in read["candidates"]] == ["sertraline", "traMADol"]
    (not_checked,) = body["not_checked"]
    assert not_checked["substance"] == {"text": "sertraline and tramadol"}
    assert not_checked["why"] == "may name several substances: send each alone"
    assert body["statement"].endswith("1 not checked")


def test_one_unknown_substance_is_none_found_and_not_safe(prescriber: Caller) -> None:
    body = prescriber("POST", CHECK, {"substances": [{"text": "a herbal tea"}]}).json()

    assert body["findings"] == body["possible"] == []
    assert body["checked"] == 0
    assert body["statement"] == "none found among the 0 coded items; 1 not checked"


def test_an_id_that_the_reference_lacks_is_not_checked_and_said(prescriber: Caller) -> None:
    sent = {"substances": [{"reference_id": "no-such-thing"}]}

    body = prescriber("POST", CHECK, sent).json()

    assert body["not_checked"] == [
        {"substance": {"reference_id": "no-such-thing"}, "why": "not in the reference"}
    ]


def test_the_worst_comes_first(prescriber: Caller) -> None:
    sent = {
        "substances": [
            {"reference_id": name}
            for name in ("caffeine", "st-johns-wort", "sertraline", "phenelzine")
        ]
    }

    severities = [one["severity"] for one in prescriber("POST", CHECK, sent).json()["findings"]]

    order = ["contraindicated", "major", "moderate", "minor"]
    assert severities[0] == "contraindicated"
    assert severities == sorted(severities, key=order.index)
    assert len(set(severities)) > 1


def test_smoking_told_as_a_fact_counts_as_smoke(prescriber: Caller) -> None:
    sent = {"substances": [{"reference_id": "clozapine"}]}

    silent = prescriber("POST", CHECK, sent).json()
    smoker = prescriber("POST", CHECK, sent | {"facts": {"smoking": "current"}}).json()

    told = [some for one in smoker["findings"] for some in one["substances"] if "fact" in some]
    assert [some["reference_id"] for some in told] == ["tobacco-smoke"]
    assert len(smoker["findings"]) > len(silent["findings"])


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"substances": []}, "/substances"),
        ({}, "/substances"),
        ({"substances": [{"text": "x"}] * 101}, "/substances"),
        ({"substances": [{}]}, "/substances/0"),
        ({"substances": [{"text": "x"}], "facts": {"age_years": -1}}, "/facts/age_years"),
        ({"substances": [{"text": "x"}], "facts": {"smoking": "often"}}, "/facts/smoking"),
        (
            {"substances": [{"text": "x"}], "events": [{"kind": "x", "on": "2026-01-01"}]},
            "/events/0/kind",
        ),
        (
            {
                "substances": [
                    {"code": {"system": RXNORM, "code": "36437"}, "reference_id": "lithium"}
                ]
            },
            "/substances/0/reference_id",
        ),
    ],
)
def test_a_wrong_list_is_refused_where_it_is_wrong(
    prescriber: Caller, body: dict[str, Any], pointer: str
) -> None:
    refused = prescriber("POST", CHECK, body)

    assert refused.status_code == 422
    assert [one["pointer"] for one in refused.json()["errors"]] == [pointer]


def test_a_check_is_of_nobody_and_leaves_nothing(clinic: Clinic, caller: Caller) -> None:
    before = caller("GET", f"{P}/interactions").json()

    assert caller("POST", CHECK, CONTRACT_15).status_code == 200

    after = caller("GET", f"{P}/interactions").json()
    assert after["findings"] == before["findings"] == []
    assert signals(caller) == []


def test_only_prescribers_read_what_to_do(clinic: Clinic, caller: Caller) -> None:
    patient = clinic.as_("patient", patient_id=PATIENT)

    theirs = patient("POST", CHECK, CONTRACT_15)
    ours = caller("POST", CHECK, CONTRACT_15).json()

    assert theirs.status_code == 200
    assert all("management" in one for one in ours["findings"] + ours["possible"])
    assert "management" not in theirs.text


# ---- the review of a changed list


def test_a_major_pair_opens_one_signal_in_the_same_request(clinic: Clinic, caller: Caller) -> None:
    (new,) = review(clinic, [SERT, SJW])

    (signal,) = signals(caller)
    assert (new["severity"], new["state"]) == ("major", "open")
    assert new["signal_id"] == signal["id"]
    assert signal["code"] == "interaction"
    assert signal["evidence"] == {
        "finding_id": new["id"],
        "rule_id": new["rule"]["id"],
        "severity": "major",
        "medication_ids": [SERTRALINE, ST_JOHNS_WORT],
    }
    assert stored(caller, new["id"])["signal_id"] == signal["id"]


def test_the_same_list_again_writes_nothing_and_asks_once(clinic: Clinic, caller: Caller) -> None:
    (first,) = review(clinic, [SERT, SJW])
    statements: list[str] = []

    def count(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    database_event.listen(clinic.app.state.engine, "before_cursor_execute", count)
    again = review(clinic, [SJW, SERT])
    database_event.remove(clinic.app.state.engine, "before_cursor_execute", count)

    assert again == []
    assert len([one for one in statements if "findings" in one]) == 1
    assert not any("INSERT INTO journal" in one for one in statements)
    assert stored(caller, first["id"])["version"] == 1
    assert len(signals(caller)) == 1


def test_two_reviews_in_one_call_find_it_once(clinic: Clinic, caller: Caller) -> None:
    found = review(clinic, [SERT, SJW], [SJW, SERT])

    assert len(found) == 1
    assert len(signals(caller)) == 1


def test_a_moderate_finding_waits_for_nobody(clinic: Clinic, caller: Caller) -> None:
    clozapine, caffeine = taken(SERTRALINE, "clozapine"), taken(FLUOXETINE, "caffeine")

    found = review(clinic, [clozapine, caffeine])

    assert found
    assert {one["severity"] for one in found} <= {"moderate", "minor"}
    assert all(one["signal_id"] is None for one in found)
    assert signals(caller) == []


def test_an_acknowledged_finding_stays_acknowledged_while_its_facts_do(
    clinic: Clinic, caller: Caller
) -> None:
    (new,) = review(clinic, [SERT, SJW])
    caller("PUT", acknowledgement(new["id"]), ACKNOWLEDGED)

    assert review(clinic, [taken(str(uuid4()), "melatonin"), SJW, SERT]) == []

    assert stored(caller, new["id"])["state"] == "acknowledged"


def test_a_dose_above_the_maximum_brings_an_acknowledged_finding_back(
    clinic: Clinic, caller: Caller
) -> None:
    (new,) = review(clinic, [SERT, SJW])
    caller("PUT", acknowledgement(new["id"]), ACKNOWLEDGED)
    raised = taken(SERTRALINE, "sertraline", dose_per_day=Decimal(250), dose_unit="mg")

    (back,) = review(clinic, [raised, SJW])

    assert back["id"] != new["id"]
    assert back["signal_id"] is not None
    assert stored(caller, back["id"])["state"] == "open"
    old = stored(caller, new["id"])
    assert (old["state"], old["version"]) == ("resolved", 3)
    assert old["resolved_at"] is not None
    assert len(signals(caller)) == 2


@pytest.mark.parametrize("answer", ["acknowledged", "overridden"])
def test_a_raised_dose_brings_an_answered_finding_back_and_a_lower_one_does_not(
    clinic: Clinic, caller: Caller, answer: str
) -> None:
    def at(mg: int) -> list[Entry]:
        return [taken(SERTRALINE, "sertraline", dose_per_day=Decimal(mg), dose_unit="mg"), SJW]

    (new,) = review(clinic, at(50))
    caller("PUT", acknowledgement(new["id"]), ACKNOWLEDGED | {"state": answer})

    lower, same = review(clinic, at(25)), review(clinic, at(50))
    (back,) = review(clinic, at(100))

    assert lower == same == []
    assert back["id"] != new["id"]
    assert back["signal_id"] not in (None, new["signal_id"])
    assert stored(caller, new["id"])["state"] == "resolved"
    assert stored(caller, back["id"])["doses"] == {"sertraline": {"amount": "100", "unit": "mg"}}


def test_a_raised_dose_of_what_nobody_answered_for_is_the_same_finding(
    clinic: Clinic, caller: Caller
) -> None:
    for mg in (50, 100, 150):
        found = review(
            clinic,
            [taken(SERTRALINE, "sertraline", dose_per_day=Decimal(mg), dose_unit="mg"), SJW],
        )
        assert len(found) == (1 if mg == 50 else 0)

    (signal,) = signals(caller)
    finding = stored(caller, signal["evidence"]["finding_id"])
    assert (finding["state"], finding["version"]) == ("open", 3)
    assert finding["doses"] == {"sertraline": {"amount": "150", "unit": "mg"}}


def test_a_dose_that_becomes_known_is_no_raise(clinic: Clinic, caller: Caller) -> None:
    (new,) = review(clinic, [SERT, SJW])
    caller("PUT", acknowledgement(new["id"]), ACKNOWLEDGED)
    known = taken(SERTRALINE, "sertraline", dose_per_day=Decimal(50), dose_unit="mg")

    assert review(clinic, [known, SJW]) == []
    assert stored(caller, new["id"])["state"] == "acknowledged"


def test_a_dose_back_under_the_maximum_is_the_same_finding(clinic: Clinic, caller: Caller) -> None:
    raised = taken(SERTRALINE, "sertraline", dose_per_day=Decimal(250), dose_unit="mg")
    (high,) = review(clinic, [raised, SJW])
    caller("PUT", acknowledgement(high["id"]), ACKNOWLEDGED)

    assert review(clinic, [SERT, SJW]) == []

    finding = stored(caller, high["id"])
    assert finding["state"] == "acknowledged"
    assert ">max" not in finding["facts_key"]
    assert len(signals(caller)) == 1


def test_a_third_drug_is_a_new_finding_beside_what_was_answered_for(
    clinic: Clinic, caller: Caller
) -> None:
    (first,) = review(clinic, [SERT, SJW])
    caller("PUT", acknowledgement(first["id"]), ACKNOWLEDGED)

    added = review(clinic, [SERT, SJW, taken(FLUOXETINE, "tramadol")])

    assert added
    assert all(FLUOXETINE in one["medication_ids"] for one in added)
    assert stored(caller, first["id"])["state"] == "acknowledged"


def test_a_stopped_substance_is_found_until_its_wash_out_is_over(
    clinic: Clinic, caller: Caller
) -> None:
    (new,) = review(clinic, [SERT, SJW])
    caller("PUT", acknowledgement(new["id"]), ACKNOWLEDGED)
    stopped = taken(ST_JOHNS_WORT, "st-johns-wort", stopped_on=TODAY)

    calm = review(clinic, [SERT, stopped])
    washing_out = stored(caller, new["id"])
    within = review(clinic, [SERT, stopped], on=date(2026, 6, 8))
    after = review(clinic, [SERT, stopped], on=date(2026, 9, 1))

    assert calm == within == after == [], "a stop is no new alarm"
    assert washing_out["state"] == "acknowledged"
    assert washing_out["facts_key"].count("~stopped") == 1
    assert stored(caller, new["id"])["state"] == "resolved"
    assert len(signals(caller)) == 1


def test_what_is_taken_again_during_its_wash_out_comes_back(clinic: Clinic, caller: Caller) -> None:
    (new,) = review(clinic, [SERT, SJW])
    caller("PUT", acknowledgement(new["id"]), ACKNOWLEDGED)
    review(clinic, [SERT, taken(ST_JOHNS_WORT, "st-johns-wort", stopped_on=TODAY)])

    (back,) = review(clinic, [SERT, SJW])

    assert back["id"] != new["id"]
    assert len(signals(caller)) == 2


def test_what_is_taken_again_after_a_stop_is_a_new_episode(clinic: Clinic, caller: Caller) -> None:
    (first,) = review(clinic, [SERT, SJW])
    review(clinic, [SERT])

    (second,) = review(clinic, [SERT, SJW])

    assert second["id"] != first["id"]
    assert second["signal_id"] is not None
    assert len(signals(caller)) == 2


def test_a_list_of_many_substances_fits_its_columns(clinic: Clinic, caller: Caller) -> None:
    many = [
        taken(str(uuid4()), one.reference_id)
        for one in reference.substances()
        if one.anticholinergic_burden > 1
    ]

    found = review(clinic, many)

    assert any(len(one["medication_ids"]) > 8 for one in found)
    assert len(signals(caller)) == len([one for one in found if one["signal_id"]])


def test_a_finding_s_history_shows_every_state(clinic: Clinic, caller: Caller) -> None:
    (new,) = review(clinic, [SERT, SJW])
    caller("PUT", acknowledgement(new["id"]), ACKNOWLEDGED)
    review(clinic, [SERT])

    versions = caller("GET", f"{P}/interactions/{new['id']}/history").json()["items"]

    assert [(one["version"], one["state"]) for one in versions] == [
        (3, "resolved"),
        (2, "acknowledged"),
        (1, "open"),
    ]


# ---- the acknowledgement


def test_contract_26_is_taken_and_named(clinic: Clinic, caller: Caller) -> None:
    (new,) = review(clinic, [SERT, SJW])

    answer = caller("PUT", acknowledgement(new["id"]), ACKNOWLEDGED)

    assert answer.status_code == 201, answer.text
    assert answer.headers["ETag"] == '"2"'
    assert answer.headers["Location"] == acknowledgement(new["id"])
    body = answer.json()
    assert body["state"] == "acknowledged"
    assert body["acknowledgement"].items() >= ACKNOWLEDGED.items()
    assert body["acknowledgement"]["by"] == {
        "role": "prescriber",
        "id": str(identity.built_in_user(identity.DEFAULT_CLINIC, "prescriber")),
    }
    assert body["acknowledgement"]["at"] == "2026-06-01T12:00:00+00:00"


def test_the_same_words_again_change_nothing_and_others_name_the_version(
    clinic: Clinic, caller: Caller
) -> None:
    (new,) = review(clinic, [SERT, SJW])
    path = acknowledgement(new["id"])
    caller("PUT", path, ACKNOWLEDGED)
    other = {"state": "overridden", "reason_code": "benefit_outweighs_risk", "reason": "short stay"}

    again = caller("PUT", path, ACKNOWLEDGED)
    unnamed = caller("PUT", path, other)
    stale = caller("PUT", path, other, headers={"If-Match": '"1"'})
    changed = caller("PUT", path, other, headers={"If-Match": '"2"'})

    assert (again.status_code, again.json()["version"]) == (200, 2)
    assert (unnamed.status_code, stale.status_code) == (428, 412)
    assert (changed.status_code, changed.json()["state"]) == (200, "overridden")


def test_a_finding_that_is_gone_can_still_be_answered_for(clinic: Clinic, caller: Caller) -> None:
    (new,) = review(clinic, [SERT, SJW])
    review(clinic, [SERT])

    answer = caller("PUT", acknowledgement(new["id"]), ACKNOWLEDGED)

    assert answer.status_code == 201
    assert answer.json()["state"] == "resolved"
    assert answer.json()["acknowledgement"]["state"] == "acknowledged"


def test_who_may_not_acknowledge(clinic: Clinic, caller: Caller) -> None:
    (new,) = review(clinic, [SERT, SJW])
    path = acknowledgement(new["id"])
    other = PERSON | {"id": str(uuid4())}
    caller("POST", "/v1/patients", other)
    elsewhere = clinic.as_("prescriber", clinic_id=OTHER_CLINIC)

    unknown = caller("PUT", acknowledgement(str(uuid4())), ACKNOWLEDGED)
    others = caller("PUT", path.replace(PERSON["id"], other["id"]), ACKNOWLEDGED)
    foreign = elsewhere("PUT", path, ACKNOWLEDGED)
    patient = clinic.as_("patient", patient_id=PATIENT)("PUT", path, ACKNOWLEDGED)
    system = clinic.as_("system")("PUT", path, ACKNOWLEDGED)

    assert [one.status_code for one in (unknown, others, foreign)] == [404, 404, 404]
    assert [one.status_code for one in (patient, system)] == [403, 403]
    assert stored(caller, new["id"])["state"] == "open"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"state": "open"}, "/state"),
        ({"reason_code": "because"}, "/reason_code"),
        ({"reason": ""}, "/reason"),
        ({"by": "somebody"}, "/by"),
    ],
)
def test_an_acknowledgement_has_a_state_a_code_and_a_reason(
    clinic: Clinic, caller: Caller, change: dict[str, Any], pointer: str
) -> None:
    (new,) = review(clinic, [SERT, SJW])

    refused = caller("PUT", acknowledgement(new["id"]), ACKNOWLEDGED | change)

    assert refused.status_code == 422
    assert [one["pointer"] for one in refused.json()["errors"]] == [pointer]

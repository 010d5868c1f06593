"""Episodes and their readings, over HTTP, on both databases."""

from typing import Any
from uuid import uuid4

import pytest

from app.followups.schemas import SideEffectOut
from tests.followups.conftest import INSOMNIA, PATH, Ward, contract
from tests.shared import needs_shared

pytestmark = needs_shared

EPISODES = f"{PATH}/side-effects"


def heard(day: str, *entries: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "occurred_at": f"{day}T08:00:00-04:00",
        "side_effects": {"episodes": list(entries)},
    }


def episodes(ward: Ward) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = ward.prescriber("GET", EPISODES).json()["items"]
    return listed


def test_an_episode_is_answered_and_stands_at_its_onset(ward: Ward) -> None:
    made = ward.prescriber("POST", EPISODES, contract("09-side-effect"))

    assert made.status_code == 201, made.text
    assert SideEffectOut.model_validate_json(made.content).onset_assumed is False
    assert made.json()["opened_signals"] == []
    assert ward.standing("side_effects.") == [
        ("side_effects.sexual-dysfunction", 2, "2026-04-25", None)
    ]


def test_a_reading_without_an_open_episode_opens_one_with_an_assumed_onset(ward: Ward) -> None:
    body = heard("2026-04-18", {"term": "nausea", "severity": 2})
    made = ward.check_in(body).json()
    later = ward.check_in(heard("2026-04-20", {"term": "nausea", "severity": 1})).json()

    (episode,) = episodes(ward)
    assert episode["onset_on"] == "2026-04-18"
    assert episode["onset_assumed"] is True
    assert episode["reported_in"] == body["id"]
    for answer in (made, later):
        assert answer["side_effects"]["episodes"][0]["episode_id"] == episode["id"]
    assert ward.standing("side_effects.") == [
        ("side_effects.nausea", 2, "2026-04-18", None),
        ("side_effects.nausea", 1, "2026-04-20", None),
    ]


def test_an_earlier_reading_that_comes_late_moves_an_assumed_onset(ward: Ward) -> None:
    ward.check_in(heard("2026-04-20", {"term": "nausea", "severity": 1}))
    ward.check_in(heard("2026-04-18", {"term": "nausea", "severity": 2}))

    (episode,) = episodes(ward)
    assert episode["onset_on"] == "2026-04-18"
    assert episode["version"] == 2
    assert [row[1:3] for row in ward.standing("side_effects.nausea")] == [
        (2, "2026-04-18"),
        (1, "2026-04-20"),
    ]


def test_asked_and_absent_is_a_zero_and_opens_nothing(ward: Ward) -> None:
    answer = ward.check_in(heard("2026-04-18", {"term": "nausea", "severity": 0})).json()

    assert answer["side_effects"]["episodes"] == [{"term": "nausea", "severity": 0}]
    assert episodes(ward) == []
    assert ward.values() == {"side_effects.nausea": 0}


def test_a_zero_of_an_open_episode_is_a_reading_and_closes_nothing(ward: Ward) -> None:
    ward.visit(contract("06-follow-up"))

    answer = ward.check_in(heard("2026-04-20", {"term": "insomnia", "severity": 0})).json()

    assert answer["side_effects"]["episodes"][0]["episode_id"] == INSOMNIA
    assert "ended_on" not in ward.prescriber("GET", f"{EPISODES}/{INSOMNIA}").json()


def test_a_reading_that_says_when_it_ended_closes_the_episode(ward: Ward) -> None:
    ward.visit(contract("06-follow-up"))
    before = ward.standing("side_effects.insomnia")
    over = {"term": "insomnia", "severity": 0, "ended_on": "2026-04-19"}

    ward.check_in(heard("2026-04-20", over))
    again = ward.check_in(heard("2026-05-02", {"term": "insomnia", "severity": 2})).json()

    closed = ward.prescriber("GET", f"{EPISODES}/{INSOMNIA}").json()
    assert closed["ended_on"] == "2026-04-19"
    assert closed["version"] == 2
    assert again["side_effects"]["episodes"][0]["episode_id"] != INSOMNIA
    assert ward.standing("side_effects.insomnia") == [
        *before,
        ("side_effects.insomnia", 0, "2026-04-20", None),
        ("side_effects.insomnia", 2, "2026-05-02", None),
    ]


def test_a_reading_of_what_is_over_stands_where_it_was_and_not_today(ward: Ward) -> None:
    over = {"term": "nausea", "severity": 2, "onset_on": "2026-04-10", "ended_on": "2026-04-12"}

    ward.check_in(heard("2026-04-20", over))

    (episode,) = episodes(ward)
    assert episode["onset_assumed"] is False
    assert ward.standing() == [
        ("side_effects.nausea", 2, "2026-04-10", None),
        ("side_effects.nausea", 2, "2026-04-12", None),
    ]


def test_an_end_before_the_onset_is_refused(ward: Ward) -> None:
    ward.visit(contract("06-follow-up"))
    over = {"term": "insomnia", "severity": 0, "ended_on": "2026-03-01"}

    refused = ward.check_in(heard("2026-04-20", over))

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/side_effects/episodes/0/ended_on"


def test_a_corrected_check_in_reads_again_and_opens_no_second_episode(ward: Ward) -> None:
    body = heard("2026-04-18", {"term": "nausea", "severity": 2})
    ward.check_in(body)
    other = body | {"side_effects": {"episodes": [{"term": "nausea", "severity": 1}]}}

    changed = ward.patient(
        "PUT", f"{PATH}/check-ins/{body['id']}", other, headers={"If-Match": '"1"'}
    )

    assert changed.status_code == 200, changed.text
    assert len(episodes(ward)) == 1
    assert ward.values() == {"side_effects.nausea": 1}
    assert ward.counts()["SideEffectReading"] == 1


def test_a_corrected_check_in_takes_back_the_episode_that_it_opened(ward: Ward) -> None:
    body = heard("2026-04-18", {"term": "nausea", "severity": 2})
    ward.check_in(body)
    other = body | {"side_effects": {"episodes": [{"term": "nausea", "severity": 0}]}}

    ward.patient("PUT", f"{PATH}/check-ins/{body['id']}", other, headers={"If-Match": '"1"'})

    assert episodes(ward) == []
    assert ward.values() == {"side_effects.nausea": 0}


def test_an_episode_that_others_have_read_since_outlives_the_check_in_that_opened_it(
    ward: Ward,
) -> None:
    body = heard("2026-04-18", {"term": "nausea", "severity": 2})
    ward.check_in(body)
    ward.check_in(heard("2026-04-20", {"term": "nausea", "severity": 1}))

    gone = ward.prescriber(
        "DELETE", f"{PATH}/check-ins/{body['id']}?reason=x", headers={"If-Match": '"1"'}
    )

    assert gone.status_code == 200, gone.text
    assert len(episodes(ward)) == 1
    assert ward.standing() == [("side_effects.nausea", 1, "2026-04-20", None)]
    assert ward.counts()["SideEffectReading"] == 1


def test_other_is_told_apart_by_its_text(ward: Ward) -> None:
    itch = {"term": "other", "term_text": "itchy nose", "severity": 1}
    ward.check_in(heard("2026-04-18", itch))
    ward.check_in(heard("2026-04-19", itch | {"term_text": "Itchy nose"}))
    ward.check_in(heard("2026-04-20", itch | {"term_text": "cold feet"}))
    unnamed = ward.check_in(heard("2026-04-20", {"term": "other", "severity": 1}))

    assert sorted(one["term_text"] for one in episodes(ward)) == ["cold feet", "itchy nose"]
    assert unnamed.json()["errors"][0]["pointer"] == "/side_effects/episodes/0/term_text"


def test_a_text_that_grows_without_capitals_is_kept(ward: Ward) -> None:
    grows = {"term": "other", "term_text": "\u0390" * 200, "severity": 1}

    assert ward.check_in(heard("2026-04-18", grows)).status_code == 201


@pytest.mark.parametrize(
    ("members", "opens"),
    [
        ({"term": "nausea", "severity": 2}, False),
        ({"term": "nausea", "severity": 3}, True),
        ({"term": "nausea", "severity": 4}, True),
        ({"term": "nausea", "severity": 1, "seriousness": ["hospital"]}, True),
        ({"term": "nausea", "severity": 1, "serious": True}, True),
        ({"term": "new-suicidal-thoughts", "severity": 1}, True),
        ({"term": "new-suicidal-thoughts", "severity": 0}, False),
    ],
)
def test_what_is_serious_or_a_red_flag_opens_a_signal_at_once(
    ward: Ward, members: dict[str, Any], opens: bool
) -> None:
    body = heard("2026-04-18", members)

    answer = ward.check_in(body).json()

    codes = [one["code"] for one in answer["opened_signals"]]
    assert codes == (["serious_side_effect"] if opens else [])
    assert ("safety_notice" in answer) is opens
    assert ward.check_in(body).json() == answer


def test_a_serious_episode_opens_one_signal(ward: Ward) -> None:
    body = {"id": str(uuid4()), "term": "rash", "severity": 4, "onset_on": "2026-04-25"}

    made = ward.prescriber("POST", EPISODES, body).json()

    (signal,) = made["opened_signals"]
    assert signal["evidence"]["record_id"] == body["id"]
    assert signal["evidence"]["severity"] == 4


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"term": "no such thing"}, "/term"),
        ({"severity": 0}, "/severity"),
        ({"severity": 5}, "/severity"),
        ({"ended_on": "2026-04-24"}, "/ended_on"),
        ({"onset_on": "2026-06-04"}, "/onset_on"),
        ({"onset_on": "1991-04-16"}, "/onset_on"),
        ({"suspected_medication_ids": [str(uuid4())]}, "/suspected_medication_ids"),
    ],
)
def test_a_bad_episode_is_named_and_not_kept(
    ward: Ward, members: dict[str, Any], pointer: str
) -> None:
    before = ward.counts()

    refused = ward.prescriber("POST", EPISODES, contract("09-side-effect") | members)

    assert refused.status_code == 422, refused.text
    assert [one["pointer"] for one in refused.json()["errors"]] == [pointer]
    assert ward.counts() == before


def test_a_term_read_twice_in_one_body_is_refused(ward: Ward) -> None:
    twice = {"term": "nausea", "severity": 1}

    refused = ward.check_in(heard("2026-04-18", twice, twice | {"severity": 2}))

    assert {one["code"] for one in refused.json()["errors"]} == {"duplicate"}


def test_a_corrected_episode_keeps_the_day_on_which_it_was_reported(ward: Ward) -> None:
    ward.visit(contract("06-follow-up"))

    done = ward.prescriber(
        "PATCH", f"{EPISODES}/{INSOMNIA}", {"severity": 3}, headers={"If-Match": '"1"'}
    )

    assert done.status_code == 200, done.text
    assert ward.standing("side_effects.insomnia") == [
        ("side_effects.insomnia", 3, "2026-03-10", None),
        ("side_effects.insomnia", 3, "2026-04-13", None),
    ]

"""What was taken beside what was ordered, in the epochs and around the dose events."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from app.clinical.adherence import Administration, Dispense
from app.trends.digest import Visit
from app.trends.taking import Taken
from tests.trends.slices import (
    EXAMPLE,
    SERTRALINE,
    START,
    TREATED,
    Json,
    course,
    daily,
    event,
    read,
    readings,
    record_id,
)

PHQ, MOOD = "phq-9.total", "mood_cognition.mood"


def answers(said: Mapping[int, str]) -> list[Administration]:
    """Give answers by day after the start."""
    return [
        Administration(str(record_id(f"taken {n}")), START + timedelta(n), word)  # type: ignore[arg-type]  # the words of the test are the closed list
        for n, word in said.items()
    ]


def fill(day: int, supply: int | None) -> Dispense:
    return Dispense(str(record_id(f"fill {day}")), START + timedelta(day), supply)


def medicine(*said: Administration, fills: Any = (), courses: Any = (TREATED,)) -> Json:
    body = read(readings(PHQ, EXAMPLE), courses, taken={SERTRALINE: Taken(said, fills)})
    found: Json = body["medications"][0]
    return found


def reading_of(told: Json, number: int, reading: str = "onset_aware") -> Json:
    found: Json = next(
        one for one in told["events"][number]["before_after"] if one["reading"] == reading
    )
    return found


def test_an_epoch_carries_its_share_its_counts_and_its_days() -> None:
    told = medicine(*answers({**dict.fromkeys(range(26), "yes"), 26: "partial", 27: "unknown"}))
    first, second = (one["administrations"] for one in told["epochs"])

    assert (first["taken_share"], first["n_known"]) == (0.981481, 27)
    assert first["share_unknown"] == 0.035714
    assert first["window"] == {"from": "2026-02-02", "to": "2026-03-01"}
    assert len(first["records"]) == 28
    assert first["text"]["prescriber"] == "The planned dose was taken on 26 of 27 recorded days."
    assert (second["taken_share"], second["reasons"]) == (None, ["NO_RECORDS"])


def test_a_dose_that_was_mostly_not_taken_is_a_confounder_in_counts() -> None:
    said = {n: "yes" if n % 5 < 2 else "no" for n in range(28, 130)}
    found = reading_of(medicine(*answers(said)), 1)
    named = [one for one in found["confounders"] if one["kind"] == "adherence"]

    assert found["assessed_on_taken_dose"] is False
    assert found["after"]["taken_share"] == 0.4
    assert [one["label"] for one in named] == [
        "the planned dose was taken on 34 of 85 recorded days"
    ]
    assert found["verdict"].startswith("confounded:")
    assert "the planned dose was taken on 34 of 85" in found["text"]["prescriber"]


def test_a_dose_that_was_taken_confounds_nothing() -> None:
    found = reading_of(medicine(*answers(dict.fromkeys(range(130), "yes"))), 1)

    assert (found["assessed_on_taken_dose"], found["before"]["taken_share"]) == (True, 1)
    assert "adherence" not in {one["kind"] for one in found["confounders"]}


def test_without_answers_and_fills_nothing_is_said_of_the_taking() -> None:
    found = reading_of(medicine(), 1)

    assert (found["assessed_on_taken_dose"], found["after"]["taken_share"]) == (None, None)
    assert "adherence" not in {one["kind"] for one in found["confounders"]}


def test_supply_for_half_of_the_days_is_a_confounder_too() -> None:
    told = medicine(fills=[fill(28, 28)])
    found = reading_of(told, 1)

    assert found["assessed_on_taken_dose"] is False
    assert told["epochs"][1]["administrations"]["dispenses"]["pdc"] == 0.271845
    assert "supply was on hand on 14 of 85 days" in found["text"]["prescriber"]


def test_as_needed_use_is_counted_a_week_and_has_no_share() -> None:
    as_needed = course(event(START, "prn_on", 1, times_per_day=None, max_per_day=2))
    (epoch,) = medicine(*answers({0: "yes", 3: "yes", 6: "no"}), courses=[as_needed])["epochs"]
    found = epoch["administrations"]

    assert (found["taken_share"], found["uses"], found["per_week"]) == (None, 2, 2)
    assert found["reasons"] == ["AS_NEEDED"]


def test_a_dose_taken_after_the_stop_is_noted_and_the_line_stays() -> None:
    stopped = course(event(START, "start", 50), event(START + timedelta(20), "stop"))
    told = medicine(*answers({25: "yes"}), courses=[stopped])

    assert [(one["code"], one["day"]) for one in told["notes"]] == [
        ("TAKEN_AT_ZERO_DOSE", "2026-02-27")
    ]
    assert [one["tdd"] for one in told["epochs"]] == [50, 0]


def test_ten_days_taken_and_ten_not_are_set_side_by_side() -> None:
    said = answers({n: "yes" if n % 2 else "no" for n in range(24)})
    mood = daily(MOOD, [7 if n % 2 else 4 for n in range(24)])
    body = read(mood, [course(event(START, "start", 50))], taken={SERTRALINE: Taken(said)})
    (found,) = body["medications"][0]["epochs"][0]["administrations"]["taken_and_not"]

    assert (found["measure"], found["diff"]) == (MOOD, 3)
    assert found["taken"] == {"n": 12, "mean": 7}
    few = read(mood, [course(event(START, "start", 50))], taken={SERTRALINE: Taken(said[:19])})
    assert few["medications"][0]["epochs"][0]["administrations"]["taken_and_not"] == []


def test_the_digest_counts_what_was_taken_since_the_visit() -> None:
    said = Taken(answers({n: "yes" if n % 2 else "no" for n in range(130)}))
    visit = Visit("v1", date(2026, 6, 1), "visit")
    body = read(readings(PHQ, EXAMPLE), [TREATED], taken={SERTRALINE: said}, visits=[visit])
    item = next(one for one in body["digest"]["items"] if one["code"] == "ADMINISTRATIONS")

    assert item["order"] == 3
    assert item["text"]["prescriber"] == (
        "sertraline: the planned dose was taken on 5 of 10 recorded days."
    )
    assert item["numbers"] == {"taken_share": 0.5, "n_known": 10}


def test_a_patient_reads_doses_and_counts_and_no_comparison() -> None:
    said = Taken(answers({0: "yes"}))
    body = read(readings(PHQ, EXAMPLE), [TREATED], taken={SERTRALINE: said}, audience="patient")[
        "medications"
    ][0]

    assert [one["before_after"] for one in body["events"]] == [[], []]
    assert body["events"][1]["text"] == {
        "patient": "sertraline from 2 March 2026 on: 100 mg per day."
    }
    assert body["epochs"][0]["administrations"]["taken_share"] == 1


def test_a_few_answers_do_not_make_a_dose_that_was_taken() -> None:
    few = medicine(*answers(dict.fromkeys(range(28, 40), "yes")))
    half = medicine(*answers(dict.fromkeys(range(28, 28 + 52), "yes")))
    refused = medicine(*answers({30: "no"}))

    def second(told: Json) -> Json:
        found: Json = told["epochs"][1]["administrations"]
        return found

    assert (second(few)["taken_share"], second(few)["assessed_on_taken_dose"]) == (1, None)
    assert second(half)["assessed_on_taken_dose"] is True
    assert second(refused)["assessed_on_taken_dose"] is False
    assert reading_of(few, 1)["assessed_on_taken_dose"] is None


def test_one_fill_says_what_was_handed_out_and_not_that_it_was_taken() -> None:
    one = medicine(fills=[fill(0, 200)])["epochs"][1]["administrations"]
    two = medicine(fills=[fill(0, 60), fill(60, 120)])["epochs"][1]["administrations"]

    assert (one["dispenses"]["pdc"], one["assessed_on_taken_dose"]) == (1, None)
    assert "FEW_FILLS" in one["dispenses"]["reasons"]
    assert (two["dispenses"]["pdc"], two["assessed_on_taken_dose"]) == (1, True)


def test_two_fills_of_a_few_weeks_are_a_short_period() -> None:
    begun = course(event(START + timedelta(60), "start", 50))
    told = medicine(fills=[fill(60, 30), fill(90, 60)], courses=[begun])
    (found,) = (one["administrations"] for one in told["epochs"])

    assert found["dispenses"]["reasons"] == ["SHORT_PERIOD"]
    assert found["assessed_on_taken_dose"] is None


def test_a_patient_is_not_shown_the_days_without_a_dose_beside_the_others() -> None:
    said = answers({n: "yes" if n % 2 else "no" for n in range(24)})
    mood = daily(MOOD, [7 if n % 2 else 4 for n in range(24)])
    alone = [course(event(START, "start", 50))]
    body = read(mood, alone, taken={SERTRALINE: Taken(said)}, audience="patient")

    assert body["medications"][0]["epochs"][0]["administrations"]["taken_and_not"] == []

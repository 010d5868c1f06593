"""Nights read side by side: what the diary says, what a device says, how regular they are."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select

from app.clinical import sleep
from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import InvalidParameter
from app.followups.domains.sleep import compared
from app.followups.models import FollowUp
from app.journal import service as journal
from app.patients import service as patients

Json = dict[str, Any]

DAYS = 28
MOST_DAYS = 366
SOURCE = "SD of midsleep: Bei B 2016, Sleep Med Rev 28:108-124"


def show(work: Work, patient_id: UUID, first: date | None, last: date | None) -> Answer:
    """Give the nights of a window of waking days, both ends included; by default 28 days.

    Raises:
        NotFound: no such patient for this caller.
        InvalidParameter: the window ends before it begins, or is longer than a year.
    """
    person = patients.get(work, patient_id)
    last = last or person.today(work.now)
    first = first or last - timedelta(days=DAYS - 1)
    if not 0 <= (last - first).days < MOST_DAYS:
        raise InvalidParameter(
            "from the first day to the last, a year at most", pointer="/query/to"
        )
    nights = _nights(work, patient_id, first, last)
    return Answer(
        orjson.dumps(
            {
                "from": first,
                "to": last,
                "nights": [nights[day] for day in sorted(nights)],
                "regularity": _regularity(nights),
            }
        )
    )


def _nights(work: Work, patient_id: UUID, first: date, last: date) -> dict[str, Json]:
    """Gather the nights of the follow-ups that tell of sleep, in the order of these.

    A night may be told of long after; the diary of the later follow-up counts. The same
    sample of the same device is one, however often it was sent.
    """
    ids = work.all(
        select(FollowUp.id).where(
            FollowUp.patient_id == patient_id,
            FollowUp.status != "entered_in_error",
            FollowUp.occurred_on >= first - timedelta(days=1),
            FollowUp.domains.contains("sleep"),
        )
    )
    known = [answer for _, answer in journal.answers_known_at(work, ids)]
    known.sort(key=lambda one: (datetime.fromisoformat(one["occurred_at"]), one["id"]))
    nights: dict[str, Json] = {}
    for answer in known:
        told = answer.get("sleep") or {}
        diary = told.get("derived")
        if diary and first <= date.fromisoformat(diary["dated_on"]) <= last:
            _night(nights, diary["dated_on"], answer)["diary"] = diary
        for one in told.get("device", ()):
            if first <= date.fromisoformat(one["woke_on"]) <= last:
                devices = _night(nights, one["woke_on"], answer)["device"]
                if _sample(one) not in map(_sample, devices):
                    devices.append(one)
    for night in nights.values():
        for one in night["device"]:
            part = one.get("is_main_sleep") is False or one.get("stretch")
            if night["diary"] and not part:
                one["against_diary"] = compared(one, night["diary"])
    return nights


def _night(nights: dict[str, Json], woke_on: str, answer: Json) -> Json:
    empty: Json = {"woke_on": woke_on, "diary": None, "device": [], "records": []}
    night = nights.setdefault(woke_on, empty)
    if answer["id"] not in night["records"]:
        night["records"].append(answer["id"])
    return night


def _sample(one: Json) -> tuple[Any, Any]:
    return one.get("source_name"), one.get("source_id") or one["begins_at"]


def _regularity(nights: dict[str, Json]) -> Json:
    """Say how regular the diary's nights are; a flagged one has no midsleep."""
    diaries = [night["diary"] for night in nights.values() if night["diary"]]
    midsleeps = [one.get("midsleep_h") for one in diaries]
    found = sleep.regularity([one for one in midsleeps if one is not None])
    mean = found.mean_midsleep_h
    spread = found.midsleep_sd_min
    return {
        "n": found.n,
        "midsleep_sd_min": None if spread is None else round(spread, 1),
        "mean_midsleep": None if mean is None else _clock(mean),
        "codes": found.codes,
        "source": SOURCE,
    }


def _clock(hours: float) -> str:
    minutes = round(60 * hours) % 1440
    return f"{minutes // 60:02}:{minutes % 60:02}"

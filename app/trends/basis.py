"""The rules behind the numbers, in plain words, for whoever wants to check them."""

from typing import Any

_LIMITS = ["describes what was recorded", "says nothing of what brought a change about"]

BASIS: list[dict[str, Any]] = [
    {
        "id": "T4.1",
        "rule": "baseline",
        "text": "Change is measured from the last reading on or before the start of the index "
        "course (daily diaries: the mean of the 14 days before); where it was running already, "
        "from the mean before the first dose step; else from the first reading.",
        "inputs": ["readings", "dose events"],
        "sources": ["choice of this product"],
        "limits": [*_LIMITS, "one early reading is an uncertain baseline"],
    },
    {
        "id": "T4.3",
        "rule": "reliable change",
        "text": "A difference counts from T_rel on: the published threshold, else 1.96 standard "
        "errors of a difference, else the smallest difference that matters, else this person's "
        "own spread, else a fifth of the scale. Each answer says which.",
        "inputs": ["baseline", "last reading", "reliability of the scale"],
        "sources": ["Jacobson NS, Truax P (1991), J Consult Clin Psychol 59:12-19"],
        "limits": [*_LIMITS, "figures of groups, applied to one person"],
    },
    {
        "id": "T4.4",
        "rule": "response, remission, relapse",
        "text": "Judged at the last reading by the thresholds of the scale; a return of illness "
        "is confirmed by a second of the last three readings, at least 7 days apart.",
        "inputs": ["baseline", "readings", "thresholds of the scale"],
        "sources": ["the source of each scale's thresholds, at /v1/instruments"],
        "limits": _LIMITS,
    },
    {
        "id": "T5.3",
        "rule": "trend",
        "text": "Median of the slopes between all pairs of readings, with a 95 % interval and a "
        "rank test, both widened when one reading resembles the next.",
        "inputs": ["readings"],
        "sources": [
            "Sen PK (1968), J Am Stat Assoc 63:1379-1389",
            "Mann HB (1945), Econometrica 13:245-259",
        ],
        "limits": [*_LIMITS, "a single p among many measures is weak evidence"],
    },
    {
        "id": "T7.3",
        "rule": "status",
        "text": "The first that applies: no data, stale, worsening, improving, by trend, too few "
        "readings, no reliable change. Missing is not stable.",
        "inputs": ["change", "states", "trend", "gaps", "cadence of the measure"],
        "sources": ["choice of this product"],
        "limits": [*_LIMITS, "flags of early change are not part of it yet"],
    },
]

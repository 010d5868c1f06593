"""The rules behind the numbers, in plain words, for whoever wants to check them."""

from collections.abc import Mapping, Sequence
from typing import Any

VERSION = 1
"""Of all rules here; a rule that changes makes the next one."""
_LIMITS = ["describes what was recorded", "says nothing of what brought a change about"]

_RULES: list[dict[str, Any]] = [
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
        "id": "T5.6",
        "rule": "early flags",
        "text": "Readings are held against a frozen reference: the baseline, three readings (21 "
        "days of a diary) after a confirmed improvement, or a level a prescriber called the new "
        "normal. Visits: a reading D points beyond it is a notice, a second one of three, 7 to "
        "120 days apart, confirms. Diaries: a cumulative sum, confirmed when two weeks' mean has "
        "stayed clear of the reference for a week.",
        "inputs": ["reference readings", "readings after them", "T_rel or this person's spread"],
        "sources": ["Page ES (1954), Biometrika 41:100-115", "limits set by simulation"],
        "limits": [
            *_LIMITS,
            "simulated on stable patients: a confirmed false flag in 2 to 17 of 100 patient-years "
            "of daily ratings, 1 to 14 of weekly questionnaires",
            "a reference of one reading is a poor one (REFERENCE_N1)",
        ],
    },
    {
        "id": "T6.1",
        "rule": "before and after a dose event",
        "text": "The mean of the days or visits before a dose event beside that after it, at once "
        "and after the medicine's onset. A word stands only where the interval leaves 0 out and "
        "the difference matters; what else happened in the window is listed, and then the word "
        "is marked as confounded.",
        "inputs": ["readings", "dose events", "onset and half-life of the medicine"],
        "sources": [
            "Welch BL (1947), Biometrika 34:28-35",
            "Parker RI, Vannest K (2009), Behav Ther 40:357-367",
        ],
        "limits": [*_LIMITS, "one person, not blinded; what nobody recorded is not listed"],
    },
    {
        "id": "T6.4",
        "rule": "timing of side effects",
        "text": "Points for an onset within two weeks (or a week after steady state) of a start or "
        "raise, for easing after less, for coming back, for following the dose; less for another "
        "cause in the same days. Part of Naranjo's questions; the rest needs a person.",
        "inputs": ["ratings of the side effect", "dose events", "what else happened"],
        "sources": ["Naranjo CA et al. (1981), Clin Pharmacol Ther 30:239-245"],
        "limits": [*_LIMITS, "no other cause recorded is no proof that there was none"],
    },
    {
        "id": "B7.1",
        "rule": "decision points by week",
        "text": "Weeks 2, 4, 6, 9 and 12 since the start or the last raise, by the fall from "
        "baseline at the reading nearest to each. Many who are predicted not to respond do "
        "respond later: 29 % by week 6 and 43 % by week 12.",
        "inputs": ["baseline", "reading in the window", "dose clock"],
        "sources": [
            "J Clin Psychopharmacol 2023;43:46",
            "STAR*D decision points, PMC2793274 table 1",
            "de Vries et al., Br J Psychiatry",
        ],
        "made_for": "adults with depression on an antidepressant",
        "limits": [
            *_LIMITS,
            "not for tapers, maintenance or medicines with another onset",
        ],
    },
    {
        "id": "T7.3",
        "rule": "status",
        "text": "The first that applies: no data, stale, worsening, improving, by trend, too few "
        "readings, no reliable change. Missing is not stable.",
        "inputs": ["change", "states", "trend", "gaps", "cadence of the measure"],
        "sources": ["choice of this product"],
        "limits": _LIMITS,
    },
]


def basis(missing: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Give every rule with its version, whom it was made for, and what it lacked here."""
    return [
        {
            **one,
            "version": VERSION,
            "made_for": one.get("made_for", "any followed number of an adult"),
            "missing": list(missing.get(one["id"], ())),
        }
        for one in _RULES
    ]

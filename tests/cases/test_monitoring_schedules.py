"""Worked monitoring schedules: for each what is due, and a near miss, with its source.

Day 0 is the first dose. A case says the tests that were done (day, and where it matters value
and hours after the dose), the day it is read on, and what the list must say then. The sources are
those of section E of the decision rules and of the labels that the reference names.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

import pytest

from app.clinical import medications
from app.clinical.monitoring import Due, Result, Treatment, due
from app.clinical.monitoring_schedules import schedule

START = date(2025, 1, 1)


class Done(NamedTuple):
    day: int
    value: str = "1"
    hours: str | None = None


class Case(NamedTuple):
    """What must be said on a day; `due` and `overdue` are days, the first counted from day 0."""

    name: str
    source: str
    medicine: str
    schedule: str
    on: int
    state: str
    due: int | None
    overdue: int | None = None
    done: Sequence[Done] = ()
    changes: Sequence[int] = ()
    age: int | None = 40


LITHIUM = "NHS Specialist Pharmacy Service; NICE via GP notebook (seen)"
METABOLIC = "ADA/APA 2004 (seen)"
APA = "APA 2020 (seen)"
NICE_ADHD = "NICE via GP notebook (seen)"
CLOZARIL = "Clozaril label, PMC9243911 tables 6 and 7 (seen)"

CASES = [
    # 1 lithium level: a week after the start, weekly until stable, then quarterly, half-yearly
    Case("first level in a week", LITHIUM, "lithium", "lithium-level", 5, "upcoming", 7),
    Case("first level missed", LITHIUM, "lithium", "lithium-level", 8, "overdue", 7, 1),
    Case(
        "after year one half-yearly",
        LITHIUM,
        "lithium",
        "lithium-level",
        400,
        "done",
        545,
        done=[Done(365, "0.8", "12")],
    ),
    # 2 lithium level a week after each change of the dose
    Case(
        "a week after the change",
        LITHIUM,
        "lithium",
        "lithium-level",
        410,
        "overdue",
        407,
        3,
        done=[Done(365, "0.8", "12")],
        changes=[400],
    ),
    Case(
        "level after the change",
        LITHIUM,
        "lithium",
        "lithium-level",
        410,
        "done",
        545,
        done=[Done(365, "0.8", "12"), Done(407, "0.7", "12")],
        changes=[400],
    ),
    # 3 lithium level drawn at the wrong hour does not count, at the edge it does
    Case(
        "three hours after the dose",
        LITHIUM,
        "lithium",
        "lithium-level",
        10,
        "overdue",
        7,
        3,
        done=[Done(7, "1.1", "3")],
    ),
    Case(
        "ten hours after the dose",
        LITHIUM,
        "lithium",
        "lithium-level",
        10,
        "done",
        14,
        done=[Done(7, "0.8", "10")],
    ),
    # 4 lithium level quarterly for good from 65 years on
    Case(
        "quarterly at 65",
        LITHIUM,
        "lithium",
        "lithium-level-older",
        500,
        "overdue",
        478,
        22,
        done=[Done(388, "0.6", "12")],
        age=65,
    ),
    Case(
        "half-yearly at 64",
        LITHIUM,
        "lithium",
        "lithium-level",
        500,
        "done",
        545,
        done=[Done(388, "0.6", "12")],
        age=64,
    ),
    # 5 thyroid half-yearly
    Case(
        "thyroid after half a year",
        LITHIUM,
        "lithium",
        "lithium-tsh",
        200,
        "overdue",
        180,
        20,
        done=[Done(-3)],
    ),
    Case(
        "thyroid two weeks early",
        LITHIUM,
        "lithium",
        "lithium-tsh",
        200,
        "done",
        360,
        done=[Done(-3), Done(166)],
    ),
    # 6 kidney half-yearly
    Case("kidney at the start", LITHIUM, "lithium", "lithium-creatinine", 0, "due", 0),
    Case(
        "kidney known before the start",
        LITHIUM,
        "lithium",
        "lithium-creatinine",
        0,
        "done",
        180,
        done=[Done(-20)],
    ),
    # 7 clozapine: neutrophils weekly for half a year
    Case(
        "a week without a count",
        CLOZARIL,
        "clozapine",
        "clozapine-anc-weekly",
        30,
        "overdue",
        28,
        2,
        done=[Done(0, "3.2"), Done(21, "3.0")],
    ),
    Case(
        "a count every week",
        CLOZARIL,
        "clozapine",
        "clozapine-anc-weekly",
        30,
        "done",
        35,
        done=[Done(0, "3.2"), Done(21, "3.0"), Done(28, "3.1")],
    ),
    # 8 clozapine: every two weeks in the second half-year
    Case(
        "a fortnight is enough at month seven",
        CLOZARIL,
        "clozapine",
        "clozapine-anc-fortnightly",
        204,
        "done",
        208,
        done=[Done(194, "3.0")],
    ),
    Case(
        "three weeks at month seven",
        CLOZARIL,
        "clozapine",
        "clozapine-anc-fortnightly",
        215,
        "overdue",
        208,
        7,
        done=[Done(194, "3.0")],
    ),
    # 9 clozapine: monthly from the second year on
    Case(
        "monthly in year two",
        CLOZARIL,
        "clozapine",
        "clozapine-anc-monthly",
        410,
        "done",
        421,
        done=[Done(393, "3.0")],
    ),
    Case(
        "six weeks in year two",
        CLOZARIL,
        "clozapine",
        "clozapine-anc-monthly",
        435,
        "overdue",
        421,
        14,
        done=[Done(393, "3.0")],
    ),
    # 10 clozapine: a low count decides before the calendar does
    Case(
        "a first count below 1.5 again within a day",
        CLOZARIL,
        "clozapine",
        "clozapine-anc-monthly",
        395,
        "overdue",
        394,
        1,
        done=[Done(365, "3.0"), Done(393, "1.4")],
    ),
    Case(
        "1.5 is not low",
        CLOZARIL,
        "clozapine",
        "clozapine-anc-monthly",
        395,
        "done",
        421,
        done=[Done(365, "3.0"), Done(393, "1.5")],
    ),
    Case(
        "three times a week while mild",
        CLOZARIL,
        "clozapine",
        "clozapine-anc-monthly",
        396,
        "due",
        396,
        done=[Done(365, "3.0"), Done(393, "1.4"), Done(394, "1.3")],
    ),
    Case(
        "weekly for four weeks after a moderate fall",
        CLOZARIL,
        "clozapine",
        "clozapine-anc-monthly",
        408,
        "overdue",
        407,
        1,
        done=[Done(393, "0.9"), Done(394, "1.2"), Done(400, "1.6")],
    ),
    Case(
        "no such weeks after a mild fall",
        CLOZARIL,
        "clozapine",
        "clozapine-anc-monthly",
        408,
        "done",
        421,
        done=[Done(393, "1.4"), Done(394, "1.2"), Done(400, "1.6")],
    ),
    # 11 clozapine: CRP in the first four weeks, and no longer
    Case(
        "CRP in week two",
        "Ronaldson 2011 (seen)",
        "clozapine",
        "clozapine-crp",
        16,
        "overdue",
        14,
        2,
        done=[Done(0), Done(7)],
    ),
    Case(
        "CRP over after week four",
        "Ronaldson 2011 (seen)",
        "clozapine",
        "clozapine-crp",
        60,
        "done",
        None,
        done=[Done(0), Done(7), Done(14), Done(21), Done(28)],
    ),
    # 12 metabolic: weight at 0, 4, 8, 12 weeks, then quarterly
    Case(
        "weight at week four",
        METABOLIC,
        "olanzapine",
        "ap-weight",
        35,
        "overdue",
        28,
        7,
        done=[Done(0)],
    ),
    Case(
        "weight at week three and a half counts",
        METABOLIC,
        "olanzapine",
        "ap-weight",
        35,
        "done",
        56,
        done=[Done(0), Done(24)],
    ),
    # 13 metabolic: fasting glucose at 0 and 12 weeks, then yearly
    Case(
        "glucose at week twelve",
        METABOLIC,
        "quetiapine",
        "ap-glucose",
        100,
        "overdue",
        84,
        16,
        done=[Done(0, "95")],
    ),
    Case(
        "glucose yearly after that",
        METABOLIC,
        "quetiapine",
        "ap-glucose",
        100,
        "done",
        449,
        done=[Done(0, "95"), Done(84, "95")],
    ),
    # 14 metabolic: waist yearly
    Case(
        "waist after a year",
        METABOLIC,
        "risperidone",
        "ap-waist",
        370,
        "overdue",
        365,
        5,
        done=[Done(0)],
    ),
    Case(
        "waist within the year",
        METABOLIC,
        "risperidone",
        "ap-waist",
        300,
        "done",
        365,
        done=[Done(0)],
    ),
    # 15 HbA1c at four months, then yearly
    Case(
        "HbA1c at four months",
        APA,
        "olanzapine",
        "ap-hba1c",
        121,
        "overdue",
        120,
        1,
        done=[Done(-10)],
    ),
    Case(
        "HbA1c not before it counts",
        APA,
        "olanzapine",
        "ap-hba1c",
        105,
        "done",
        120,
        done=[Done(-10)],
    ),
    # 16 movements: AIMS half-yearly on a first-generation drug, yearly on a later one
    Case(
        "AIMS half-yearly on haloperidol",
        APA,
        "haloperidol",
        "ap-aims-fga",
        190,
        "overdue",
        180,
        10,
        done=[Done(0)],
    ),
    Case(
        "AIMS yearly on aripiprazole",
        APA,
        "aripiprazole",
        "ap-aims-sga",
        190,
        "done",
        365,
        done=[Done(0)],
    ),
    # 17 stimulant: pulse a week after each change of the dose
    Case(
        "pulse after the dose went up",
        NICE_ADHD,
        "methylphenidate",
        "stim-hr",
        110,
        "overdue",
        107,
        3,
        done=[Done(0), Done(14), Done(28), Done(90)],
        changes=[100],
    ),
    Case(
        "pulse without a change",
        NICE_ADHD,
        "methylphenidate",
        "stim-hr",
        110,
        "done",
        208,
        done=[Done(0), Done(14), Done(28), Done(90)],
    ),
    # 18 stimulant: weight quarterly up to ten years, half-yearly after
    Case(
        "weight of a child of ten",
        NICE_ADHD,
        "methylphenidate",
        "stim-weight-child",
        280,
        "overdue",
        270,
        10,
        done=[Done(0), Done(90), Done(180)],
        age=10,
    ),
    Case(
        "weight at eleven",
        NICE_ADHD,
        "methylphenidate",
        "stim-weight",
        280,
        "done",
        360,
        done=[Done(0), Done(90), Done(180)],
        age=11,
    ),
    # 19 methadone: ECG at the start, after a month, then yearly
    Case(
        "ECG after a month",
        "Krantz 2009 (seen)",
        "methadone",
        "methadone-ecg",
        45,
        "overdue",
        30,
        15,
        done=[Done(0, "430")],
    ),
    Case(
        "ECG yearly after that",
        "Krantz 2009 (seen)",
        "methadone",
        "methadone-ecg",
        45,
        "done",
        395,
        done=[Done(0, "430"), Done(30, "440")],
    ),
    # 20 disulfiram: liver after two weeks
    Case(
        "liver after two weeks",
        "disulfiram label (seen)",
        "disulfiram",
        "disulfiram-alt",
        15,
        "overdue",
        14,
        1,
        done=[Done(0)],
    ),
    Case(
        "liver at day ten is too early by a day",
        "disulfiram label (seen)",
        "disulfiram",
        "disulfiram-alt",
        14,
        "due",
        14,
        done=[Done(0), Done(10)],
    ),
]

NOT_ASKED = [
    ("aripiprazole", "clozapine-anc-weekly", 40),
    ("sertraline", "ap-weight", 40),
    ("aripiprazole", "ap-aims-fga", 40),
    ("lithium", "lithium-level-older", 64),
    ("lithium", "lithium-level", 65),
    ("methylphenidate", "stim-height", 18),
    ("clozapine", "clozapine-anc-fortnightly", 40),  # in the first half-year
]


def found(case: Case) -> Due | None:
    named = schedule(case.schedule)
    substance = medications.by_id(case.medicine)
    assert named is not None
    assert substance is not None
    results = [
        Result(
            START + timedelta(days=one.day),
            Decimal(one.value),
            named.limits.unit,
            hours_since_dose=Decimal(one.hours) if one.hours else None,
        )
        for one in case.done
    ]
    changes = tuple(START + timedelta(days=day) for day in case.changes)
    listed = due(
        [Treatment(substance, START, changes)],
        {named.measures[0]: results},
        on=START + timedelta(days=case.on),
        age_years=case.age,
    )
    return next((one for one in listed if one.schedule is named), None)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_worked_schedule(case: Case) -> None:
    said = found(case)

    assert said is not None
    day = None if case.due is None else START + timedelta(days=case.due)
    assert (said.state, said.due_on, said.overdue_days) == (case.state, day, case.overdue)
    assert said.schedule.verified.startswith("seen")


@pytest.mark.parametrize(("medicine", "schedule_id", "age"), NOT_ASKED)
def test_what_nobody_asks_for_is_not_listed(medicine: str, schedule_id: str, age: int) -> None:
    assert found(Case("", "", medicine, schedule_id, 30, "", None, age=age)) is None


def test_at_least_twelve_schedules_are_worked() -> None:
    assert len({case.schedule for case in CASES}) >= 12

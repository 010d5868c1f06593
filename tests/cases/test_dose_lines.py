"""Dose lines of published schedules: the orders as their source gives them, the line they make.

`seen`: the page was read; `memory`: the schedule is quoted from memory and waits for a reader.
The days are made up; the doses and the days between them are the source's.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.clinical.doses import DoseEvent, DosePart, Kind, dose_line
from app.clinical.switches import Switchable, links

BEGUN = date(2026, 1, 5)
Order = tuple[int, Kind, dict[str, Any]]

SEROQUEL = "seen: Seroquel US label table 1, quoted by droracle.ai articles/84396 and 864865"
LAMICTAL = "seen: droracle.ai articles/864691 and 381122, after the Lamictal US label 2.4"
CLOZARIL = "seen: Clozaril US label 2.2 and 2.5, quoted by clozaril2018.live"
CLOZAPINE_NL = "seen: wiki.psychiatrienet.nl Template:StartClozapine28"
SUSTENNA = "seen: jnjmedicalconnect.com and janssenmd.com pages on Invega Sustenna"
INVEGA = "seen: drugs.com/monograph/invega.html"
MICRO = (
    "seen: J Am Board Fam Med, table 2 of the outpatient microinduction protocol (jabfm.org 12856)"
)
IOAT = "seen: PMC7167423 table 2"
BUPPRACTICE = "seen: buppractice.com node 12106, standard induction protocol"
PATCH = "seen: mdedge.com psychiatry 259824, transdermal patch method"
MAUDSLEY = "seen: Maudsley guidelines, Pattern of tapering (docs.emlenotes.com)"
NICE = "seen: tmmagazine.co.uk, hyperbolic dosing, on the NICE steps of 75 or 50 per cent"
SMI = "seen: smiadviser.org, how to titrate clozapine"
ASHTON = "memory: Ashton manual 2002, slow withdrawal schedules, diazepam from 20 mg"
MTA = "memory: Concerta US label 2.2, 18 mg a week"
LITHIUM = "memory: lithium carbonate, 300 mg in the morning and 600 mg at night"
CONTRACT = "the contract's examples 03, 05 and 22"


@dataclass(frozen=True)
class Line:
    """orders: day from the start, kind, and the members of the event; doses: what holds when."""

    name: str
    source: str
    orders: list[Order]
    doses: list[tuple[int, str | None]]


def mg(amount: str, times: str = "1") -> dict[str, Any]:
    return {"amount": Decimal(amount), "unit": "mg", "times_per_day": Decimal(times)}


def depot(amount: str, days: int) -> dict[str, Any]:
    return {"amount": Decimal(amount), "unit": "mg", "interval_days": days}


def percent(of_previous: str) -> dict[str, Any]:
    return {"percent_of_previous": Decimal(of_previous)}


def parts(*strengths: tuple[str, str]) -> dict[str, Any]:
    said = tuple(DosePart(Decimal(amount), Decimal(times)) for amount, times in strengths)
    return {"parts": said, "unit": "mg"}


NOTHING: dict[str, Any] = {}
LINES = [
    Line(
        "quetiapine in mania, twice daily",
        SEROQUEL,
        [
            (0, "start", mg("50", "2")),
            (1, "change", mg("100", "2")),
            (2, "change", mg("150", "2")),
            (3, "change", mg("200", "2")),
            (5, "change", mg("300", "2")),
        ],
        [(0, "100"), (1, "200"), (2, "300"), (3, "400"), (5, "600")],
    ),
    Line(
        "quetiapine in bipolar depression, at bedtime",
        SEROQUEL,
        [
            (0, "start", mg("50")),
            (1, "change", mg("100")),
            (2, "change", mg("200")),
            (3, "change", mg("300")),
        ],
        [(0, "50"), (1, "100"), (2, "200"), (3, "300")],
    ),
    Line(
        "lamotrigine over six weeks",
        LAMICTAL,
        [
            (0, "start", mg("25")),
            (14, "change", mg("50")),
            (28, "change", mg("50", "2")),
            (35, "change", mg("100", "2")),
        ],
        [(0, "25"), (14, "50"), (28, "100"), (35, "200")],
    ),
    Line(
        "lamotrigine beside valproate: 25 mg every other day is 12.5 mg a day",
        LAMICTAL,
        [
            (0, "start", mg("25", "0.5")),
            (14, "change", mg("25")),
            (28, "change", mg("50")),
            (35, "change", mg("100")),
        ],
        [(0, "12.5"), (14, "25"), (28, "50"), (35, "100")],
    ),
    Line(
        "clozapine from 12.5 mg by steps of 25 and 50",
        CLOZARIL,
        [
            (0, "start", mg("12.5")),
            (1, "change", mg("12.5", "2")),
            (2, "change", mg("25", "2")),
            (3, "change", mg("50", "2")),
        ],
        [(0, "12.5"), (1, "25"), (2, "50"), (3, "100")],
    ),
    Line(
        "clozapine with the low dose in the morning and the high one at night",
        CLOZAPINE_NL,
        [
            (0, "start", mg("12.5")),
            (1, "change", parts(("12.5", "1"), ("12.5", "1"))),
            (2, "change", parts(("12.5", "1"), ("37.5", "1"))),
            (3, "change", parts(("25", "1"), ("50", "1"))),
        ],
        [(0, "12.5"), (1, "25"), (2, "50"), (3, "75")],
    ),
    Line(
        "clozapine missed for more than two days and begun again",
        CLOZARIL,
        [
            (0, "start", mg("150", "2")),
            (60, "stop", NOTHING),
            (64, "restart", mg("12.5")),
            (65, "change", mg("25")),
        ],
        [(0, "300"), (60, "0"), (64, "12.5"), (65, "25")],
    ),
    Line(
        "clozapine ended by plan within two weeks",
        CLOZARIL,
        [
            (0, "start", mg("300")),
            (100, "change", percent("50")),
            (107, "change", percent("50")),
            (114, "stop", NOTHING),
        ],
        [(0, "300"), (100, "150"), (107, "75"), (114, "0")],
    ),
    Line(
        "clozapine raised every three days",
        SMI,
        [(0, "start", mg("12.5")), (3, "change", mg("37.5")), (6, "change", mg("62.5"))],
        [(0, "12.5"), (3, "37.5"), (6, "62.5")],
    ),
    Line(
        "paliperidone depot: two loading injections, then 117 mg every four weeks",
        SUSTENNA,
        [
            (0, "start", depot("234", 7)),
            (7, "change", depot("156", 28)),
            (35, "change", depot("117", 28)),
        ],
        [(0, "33.4286"), (7, "5.5714"), (35, "4.1786")],
    ),
    Line(
        "paliperidone by mouth, 3 mg more every sixth day",
        INVEGA,
        [(0, "start", mg("6")), (6, "change", mg("9")), (12, "change", mg("12"))],
        [(0, "6"), (6, "9"), (12, "12")],
    ),
    Line(
        "buprenorphine begun in small steps beside the full agonist",
        MICRO,
        [
            (0, "start", mg("0.5")),
            (1, "change", mg("0.5", "2")),
            (2, "change", mg("1", "2")),
            (3, "change", mg("2", "2")),
            (4, "change", mg("2", "3")),
            (5, "change", mg("4", "3")),
        ],
        [(0, "0.5"), (1, "1"), (2, "2"), (3, "4"), (4, "6"), (5, "12")],
    ),
    Line(
        "the full agonist of that protocol: a quarter less each week, of methadone 80 mg",
        MICRO,
        [
            (0, "start", mg("80")),
            (7, "change", percent("75")),
            (14, "change", percent("75")),
            (21, "change", percent("75")),
        ],
        [(0, "80"), (7, "60"), (14, "45"), (21, "33.75")],
    ),
    Line(
        "slow-release morphine lowered, then ended",
        IOAT,
        [(0, "start", mg("500")), (3, "change", mg("300")), (19, "stop", NOTHING)],
        [(0, "500"), (3, "300"), (19, "0")],
    ),
    Line(
        "buprenorphine twice on its first day: the last order of a day sets its dose",
        BUPPRACTICE,
        [
            (0, "start", mg("4")),
            (0, "change", mg("8")),
            (1, "change", mg("12")),
            (1, "change", mg("16")),
        ],
        [(0, "8"), (1, "16")],
    ),
    Line(
        "buprenorphine patch of 35 mcg an hour for 96 hours",
        PATCH,
        [(0, "start", {"amount": Decimal(35), "unit": "ug/h"}), (4, "stop", NOTHING)],
        [(0, "35"), (4, "0")],
    ),
    Line(
        "sertraline down by equal steps",
        MAUDSLEY,
        [
            (0, "start", mg("50")),
            (100, "change", mg("37.5")),
            (128, "change", mg("25")),
            (156, "change", mg("12.5")),
            (184, "stop", NOTHING),
        ],
        [(0, "50"), (100, "37.5"), (128, "25"), (156, "12.5"), (184, "0")],
    ),
    Line(
        "sertraline down by a tenth of the dose before, every four weeks",
        MAUDSLEY,
        [
            (0, "start", mg("50")),
            (28, "change", percent("90")),
            (56, "change", percent("90")),
            (84, "change", percent("90")),
            (112, "change", percent("90")),
        ],
        [(0, "50"), (28, "45"), (56, "40.5"), (84, "36.45"), (112, "32.805")],
    ),
    Line(
        "a dose down to three quarters, then by halves",
        NICE,
        [
            (0, "start", mg("100")),
            (28, "change", percent("75")),
            (56, "change", percent("50")),
            (84, "change", percent("50")),
        ],
        [(0, "100"), (28, "75"), (56, "37.5"), (84, "18.75")],
    ),
    Line(
        "withdrawal symptoms: back to the dose before",
        NICE,
        [
            (0, "start", mg("100")),
            (28, "change", percent("50")),
            (42, "change", percent("200")),
            (70, "change", percent("75")),
        ],
        [(0, "100"), (28, "50"), (42, "100"), (70, "75")],
    ),
    Line(
        "diazepam morning and night, 2 mg less every fortnight",
        ASHTON,
        [
            (0, "start", mg("10", "2")),
            (14, "change", parts(("10", "1"), ("8", "1"))),
            (28, "change", mg("8", "2")),
            (42, "change", parts(("8", "1"), ("6", "1"))),
        ],
        [(0, "20"), (14, "18"), (28, "16"), (42, "14")],
    ),
    Line(
        "methylphenidate by 18 mg a week, with a holiday",
        MTA,
        [
            (0, "start", mg("18")),
            (7, "change", mg("36")),
            (14, "change", mg("54")),
            (40, "hold", NOTHING),
            (54, "resume", NOTHING),
        ],
        [(0, "18"), (7, "36"), (14, "54"), (40, "0"), (54, "54")],
    ),
    Line(
        "lithium in two strengths at two hours",
        LITHIUM,
        [(0, "start", parts(("300", "1"), ("600", "1")))],
        [(0, "900")],
    ),
    Line(
        "sertraline raised, then a taper that was confirmed as done",
        CONTRACT,
        [
            (0, "start", mg("50")),
            (42, "change", mg("100")),
            (182, "change", mg("50")),
            (203, "change", percent("50")),
            (224, "stop", NOTHING),
        ],
        [(0, "50"), (42, "100"), (182, "50"), (203, "25"), (224, "0")],
    ),
]


def events_of(orders: list[Order], medication: str = "m") -> list[DoseEvent]:
    return [
        DoseEvent(
            id=f"{medication}-{place}",
            medication_id=medication,
            day=BEGUN + timedelta(days=day),
            seq=place,
            kind=kind,
            **members,
        )
        for place, (day, kind, members) in enumerate(orders)
    ]


def read(events: list[DoseEvent]) -> list[tuple[int, str | None]]:
    """Give the epochs as days from the start and doses, an averaged one to four places."""
    found: list[tuple[int, str | None]] = []
    for epoch in dose_line(events, as_of=BEGUN + timedelta(days=400)).epochs:
        assert epoch.from_day is not None
        assert epoch.tdd is None or type(epoch.tdd) is Decimal
        tdd = round(epoch.tdd, 4) if epoch.averaged and epoch.tdd is not None else epoch.tdd
        shown = None if tdd is None else f"{tdd.normalize():f}"
        found.append(((epoch.from_day - BEGUN).days, shown))
    return found


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)
def test_a_schedule_makes_the_line_that_its_source_gives(line: Line) -> None:
    assert read(events_of(line.orders)) == line.doses


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)
def test_a_schedule_that_was_told_late_and_backwards_is_the_same_line(line: Line) -> None:
    assert read(events_of(line.orders)[::-1]) == line.doses


def test_there_are_twenty_lines_and_each_names_its_source() -> None:
    assert len(LINES) >= 20
    assert all(line.source.startswith(("seen: ", "memory: ", "the contract")) for line in LINES)


def test_a_cross_taper_by_the_microinduction_protocol_is_linked() -> None:
    """MICRO: buprenorphine to 12 mg in six days, then the full agonist down by quarters."""
    by_name = {line.name: line for line in LINES}
    small = by_name["buprenorphine begun in small steps beside the full agonist"]
    full = by_name[
        "the full agonist of that protocol: a quarter less each week, of methadone 80 mg"
    ]
    before: list[Order] = [(-30, "start", mg("80")), *full.orders[1:]]
    courses = []
    for name, orders in (("methadone", before), ("buprenorphine", small.orders)):
        events = events_of(orders, name)
        line = dose_line(events, as_of=BEGUN + timedelta(days=21))
        group = frozenset({"opioid_use_disorder"})
        courses.append(Switchable(name, name, group, line.epochs, events))

    (link,) = links(courses, as_of=BEGUN + timedelta(days=21))

    assert (link.kind, link.old, link.new) == ("cross_taper", "methadone", "buprenorphine")
    assert link.lowered_on == BEGUN + timedelta(days=7)
    assert link.overlap_days == 21


def test_a_correction_that_arrives_late_moves_every_percent_after_it() -> None:
    """NICE: the start was 120 mg and not 100, and is corrected when the taper is over."""
    orders: list[Order] = [
        (0, "start", mg("100")),
        (28, "change", percent("75")),
        (56, "change", percent("50")),
    ]
    corrected: list[Order] = [(0, "start", mg("120")), *orders[1:]]

    assert read(events_of(orders)) == [(0, "100"), (28, "75"), (56, "37.5")]
    assert read(events_of(corrected)) == [(0, "120"), (28, "90"), (56, "45")]


def test_as_needed_lorazepam_has_a_ceiling_and_no_daily_dose() -> None:
    """The contract's example 23: 0.5 mg as needed, at most twice a day."""
    as_needed = {"amount": Decimal("0.5"), "unit": "mg", "max_per_day": 2}
    (epoch,) = dose_line(events_of([(0, "prn_on", as_needed)]), as_of=BEGUN).epochs

    assert (epoch.tdd, epoch.prn, epoch.max_daily) == (None, True, Decimal("1.0"))

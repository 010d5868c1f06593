"""Synthetic reports in the shape of `GET /v1/patients/{id}/trends`, for the figure."""

from collections.abc import Sequence
from datetime import date, timedelta
from math import sin
from typing import Any

Json = dict[str, Any]

SEVERITY = [(0, 0, "none"), (1, 1, "mild"), (2, 2, "moderate"), (3, 3, "severe"), (4, 4, "extreme")]
PHQ9 = [
    (0, 4, "minimal"),
    (5, 9, "mild"),
    (10, 14, "moderate"),
    (15, 19, "moderately severe"),
    (20, 27, "severe"),
]
ISI = [(0, 7, "none"), (8, 14, "subthreshold"), (15, 21, "moderate"), (22, 28, "severe")]


def day(first: str, after: int) -> str:
    return (date.fromisoformat(first) + timedelta(after)).isoformat()


def point(on: str, value: float | None, excluded: str | None = None) -> Json:
    given = {"day": on, "value": value, "n_raw": 1, "source": "patient", "records": [f"ob_{on}"]}
    return given | ({"excluded": excluded} if excluded else {})


def bands(rows: Sequence[tuple[int, int, str]]) -> list[Json]:
    return [{"min": low, "max": high, "label": label} for low, high, label in rows]


def gap(first: str, last: str) -> Json:
    days = (date.fromisoformat(last) - date.fromisoformat(first)).days
    return {"window": {"from": first, "to": last}, "days": days, "records": []}


def block(measure: str, points: list[Json], **more: Any) -> Json:
    return {
        "measure": measure,
        "domain": "mood_cognition",
        "direction": "lower_better",
        "unit": "{score}",
        "scale": [0, 27],
        "cadence": "sparse",
        "status": "stable",
        "status_reasons": [],
        "n": sum("excluded" not in p for p in points),
        "baseline": None,
        "trend": [],
        "flags": [],
        "references": [],
        "gaps": [],
        "text": {"prescriber": None},
        "points": points,
    } | more


def epoch(first: str | None, last: str | None, tdd: float | None, **more: Any) -> Json:
    known = {"unit": "mg/d", "known": tdd is not None, "prn": False, "hold": False}
    return {"from": first, "to": last, "tdd": tdd} | known | more


def event(on: str, before: float | None, after: float | None, **more: Any) -> Json:
    amounts = {"from": before, "to": after, "unit": "mg/d"}
    return {"day": on, "kind": "change", "planned": False, "unconfirmed": []} | amounts | more


def course(medicine: str, epochs: list[Json], events: list[Json]) -> Json:
    return {"medicine": medicine, "index": True, "epochs": epochs, "events": events}


def report(
    first: str, as_of: str, medications: list[Json], measures: list[Json], **more: Any
) -> Json:
    return {
        "schema": "titrate.trends/1",
        "patient": {"id": "p_81", "name": "Anna Example", "birth_year": 1988, "synthetic": True},
        "audience": "prescriber",
        "as_of": as_of,
        "window": {"from": first, "to": as_of},
        "risk": [],
        "measures": measures,
        "medications": medications,
    } | more


def responder() -> Json:
    """Weekly PHQ-9 that halves after two raises; one silence of 42 days; sleep gets worse."""
    start = "2026-02-02"
    values = [21, 19, 19, 18, 17, 18, 15, 14, 12, 11, 11, 8, 7]
    weeks = [-3, 0, 1, 2, 3, 4, 5, 11, 12, 13, 14, 16, 18]
    phq = [point(day(start, 7 * w), v) for w, v in zip(weeks, values, strict=True)]
    phq.insert(8, point(day(start, 87), 31, "DQ_IMPLAUSIBLE"))
    isi = [point(day(start, 14 * n), v) for n, v in enumerate([9, 8, 10, 9, 11, 9, 12, 16, 17])]
    nausea = [
        point(day(start, n), v) for n, v in [(2, 1), (9, 1), (16, 0), (30, 2), (37, 1), (60, 0)]
    ]
    phq_block = block(
        "phq-9.total",
        phq,
        label="PHQ-9",
        bands=bands(PHQ9),
        status="improving",
        status_reasons=["RESPONSE"],
        baseline={"rule": "pre_start", "level": 19},
        references=[{"name": "baseline", "m": 19, "D": 6}],
        trend=[{"name": "all", "slope_per_7d": -0.65, "interval": [-0.82, -0.5], "n": 13}],
        gaps=[gap(day(start, 35), day(start, 77))],
        flags=[
            {
                "code": "SUSTAINED_IMPROVEMENT",
                "level": "confirmed",
                "first_day": day(start, 91),
            }
        ],
        text={
            "prescriber": "PHQ-9: 7 on 8 June (mild), -12 points from baseline 19 (last on or "
            "before the start, 2 February); 13 readings over 147 days; response."
        },
    )
    isi_block = block(
        "isi.total",
        isi,
        label="Insomnia Severity Index",
        domain="sleep",
        scale=[0, 28],
        bands=bands(ISI),
        status="worsening",
        status_reasons=["SUSTAINED_WORSENING"],
        baseline={"rule": "pre_start", "level": 9},
        references=[{"name": "baseline", "m": 9, "D": 6}],
        flags=[
            {"code": "SINGLE_HIGH", "level": "notice", "first_day": day(start, 98)},
            {"code": "SUSTAINED_WORSENING", "level": "confirmed", "first_day": day(start, 112)},
        ],
        text={
            "prescriber": "ISI: 17 on 25 May (moderate), +8 points from baseline 9 (last on or "
            "before the start, 2 February); 9 readings over 112 days; worsening."
        },
    )
    nausea_block = block(
        "side_effects.nausea",
        nausea,
        label="Nausea",
        domain="side_effects",
        scale=[0, 4],
        bands=bands(SEVERITY),
        text={"prescriber": "Nausea: 0 on 3 April (none); 6 readings over 58 days."},
    )
    wsas = block(
        "wsas.total",
        [point(day(start, n), v) for n, v in [(0, 24), (14, 22), (28, 19), (42, 18)]],
        label="WSAS",
        domain="functioning",
        scale=[0, 40],
        status="stale",
        status_reasons=["LAST_SEEN_88_DAYS"],
        baseline={"rule": "pre_start", "level": 24},
        text={"prescriber": "WSAS: 18 on 16 March, -6 points from baseline 24; 4 readings."},
    )
    sertraline = course(
        "sertraline",
        [
            epoch("2026-02-02", "2026-03-02", 50),
            epoch("2026-03-02", "2026-04-13", 100),
            epoch("2026-04-13", None, 150),
        ],
        [
            event("2026-02-02", None, 50, kind="start"),
            event("2026-03-02", 50, 100),
            event("2026-04-13", 100, 150),
            event("2026-06-22", 150, 100, planned=True),
        ],
    )
    lorazepam = course(
        "lorazepam",
        [epoch("2026-02-10", "2026-03-20", None, known=True, prn=True, max_daily=2)],
        [
            event("2026-02-10", None, None, kind="prn_on"),
            event("2026-03-20", None, None, kind="stop"),
        ],
    )
    risk = [
        {
            "day": "2026-06-08",
            "measure": "phq-9.9",
            "value": 1,
            "previous": 0,
            "first_time": True,
            "signal": {"id": "sg_8", "state": "open"},
        }
    ]
    return report(
        "2025-12-13",
        "2026-06-12",
        [sertraline, lorazepam],
        [phq_block, isi_block, wsas, nausea_block],
        risk=risk,
    )


def two_years() -> Json:
    """Daily mood 0 to 10 over 730 days with a silence of 90 days and several doses."""
    first = "2024-06-13"
    silent = range(300, 390)
    mood = [
        point(
            day(first, n),
            min(10, max(0, round(4 + n / 240 + 1.6 * sin(n / 29) + 1.5 * sin(n * n)))),
        )
        for n in range(731)
        if n not in silent and n % 11
    ]
    hours = [
        point(day(first, n), round(6.6 + 0.8 * sin(n / 40) + 0.9 * sin(n * n + 1), 1))
        for n in range(200, 731, 1)
        if n not in silent and n % 5
    ]
    lithium = course(
        "lithium carbonate",
        [
            epoch(None, day(first, 120), 600),
            epoch(day(first, 120), day(first, 134), 750),
            epoch(day(first, 134), day(first, 300), 900),
            epoch(day(first, 300), day(first, 390), None),
            epoch(day(first, 390), day(first, 500), 750),
            epoch(day(first, 500), day(first, 514), 0, hold=True),
            epoch(day(first, 514), None, 900),
        ],
        [event(day(first, n), 600, 750) for n in (120, 134, 300, 390, 500, 514)]
        + [event(day(first, 600), 900, 9000, unconfirmed=["DOSE_TENFOLD"])],
    )
    quetiapine = course(
        "quetiapine",
        [
            epoch(day(first, -200), day(first, 60), 300),
            epoch(day(first, 60), day(first, 74), 200),
            epoch(day(first, 74), day(first, 88), 100),
            epoch(day(first, 88), day(first, 102), 50),
            epoch(day(first, 102), day(first, 116), 25),
            epoch(day(first, 116), None, 0),
        ],
        [event(day(first, n), 300, 200) for n in (60, 74, 88, 102, 116)],
    )
    return report(
        first,
        day(first, 730),
        [lithium, quetiapine],
        [
            block(
                "mood_cognition.mood",
                mood,
                label="Mood",
                direction="higher_better",
                scale=[0, 10],
                cadence="dense",
                baseline={"rule": "pre_change", "level": 4.3},
                trend=[
                    {"name": "all", "slope_per_7d": 0.03, "interval": [0.01, 0.05], "n": len(mood)}
                ],
                gaps=[gap(day(first, 299), day(first, 390))],
                flags=[
                    {"code": "EARLY_SHIFT", "level": "notice", "first_day": day(first, 410)},
                    {
                        "code": "SUSTAINED_WORSENING",
                        "level": "confirmed",
                        "first_day": day(first, 424),
                    },
                ],
                text={
                    "prescriber": "Mood: 6 on 13 June, +1.7 points from baseline 4.3 (mean before "
                    "the change, 11 October 2024); 582 readings over 730 days; no reliable change."
                },
            ),
            block(
                "sleep.duration",
                hours,
                label="Sleep duration",
                domain="sleep",
                direction="target_range",
                unit="h",
                scale=[0, 24],
                cadence="dense",
                gaps=[gap(day(first, 299), day(first, 391))],
                text={
                    "prescriber": "Sleep duration: 6.9 h on 12 June; 352 readings over 529 days."
                },
            ),
        ],
        risk=[
            {
                "day": day(first, n),
                "measure": "phq-9.9",
                "value": value,
                "previous": before,
                "signal": {"id": f"sg_{n}", "state": state},
            }
            for n, value, before, state in [
                (430, 2, 1, "acknowledged"),
                (424, 1, 0, "acknowledged"),
                (-60, 1, None, "open"),
            ]
        ],
    )


def side_effect() -> Json:
    """Tremor that came with a raise and eased after the dose was lowered again."""
    start = "2026-01-12"
    tremor = [0, 0, 0, 1, 3, 3, 4, 2, 1, 1, 0, 0]
    gad = [15, 14, 12, 10, 9, 8, 9, 10, 9, 8, 8, 7]
    return report(
        "2026-01-05",
        "2026-04-10",
        [
            course(
                "venlafaxine",
                [
                    epoch("2026-01-12", "2026-01-26", 75),
                    epoch("2026-01-26", "2026-02-09", 150),
                    epoch("2026-02-09", "2026-02-27", 225),
                    epoch("2026-02-27", None, 150),
                ],
                [
                    event("2026-01-12", None, 75, kind="start"),
                    event("2026-01-26", 75, 150),
                    event("2026-02-09", 150, 225),
                    event("2026-02-27", 225, 150),
                    event("2026-03-30", 150, 112.5, planned=True),
                ],
            )
        ],
        [
            block(
                "gad-7.total",
                [point(day(start, 7 * n), v) for n, v in enumerate(gad)],
                label="GAD-7",
                scale=[0, 21],
                bands=bands(
                    [(0, 4, "minimal"), (5, 9, "mild"), (10, 14, "moderate"), (15, 21, "severe")]
                ),
                status="improving",
                baseline={"rule": "pre_start", "level": 15},
                trend=[{"name": "all", "slope_per_7d": -0.5, "interval": None, "n": 12}],
                text={"prescriber": "GAD-7: 7 on 30 March (mild), -8 points from baseline 15."},
            ),
            block(
                "side_effects.tremor",
                [point(day(start, 7 * n), v) for n, v in enumerate(tremor)],
                label="Tremor",
                domain="side_effects",
                scale=[0, 4],
                bands=bands(SEVERITY),
                text={"prescriber": "Tremor: 0 on 30 March (none); highest 4 on 23 February."},
            ),
        ],
    )


def one_point() -> Json:
    return report(
        "2026-05-15",
        "2026-06-12",
        [course("escitalopram", [epoch("2026-06-01", None, 10)], [event("2026-06-01", None, 10)])],
        [
            block(
                "phq-9.total",
                [point("2026-06-01", 18)],
                bands=bands(PHQ9),
                status="insufficient_data",
                status_reasons=["ONE_POINT"],
                baseline={"rule": "pre_start", "level": 18},
                text={"prescriber": "PHQ-9: 18 on 1 June (moderately severe); 1 reading."},
            )
        ],
    )


def no_data() -> Json:
    empty = {"status": "insufficient_data", "status_reasons": ["NO_DATA"]}
    return report(
        "2025-12-13",
        "2026-06-12",
        [],
        [
            block("phq-9.total", [], bands=bands(PHQ9), **empty),
            block("labs.2951-2", [], label="Sodium", scale=None, unit="mmol/L", **empty),
        ],
        patient=None,
    )


def hostile() -> Json:
    """Names that try to become markup, end an attribute, or burst the page."""
    bad = "<script>alert(\"1\")</script> & 'x' \x00\x1b ]]> "
    long = "Pneumonoultramicroscopicsilicovolcanoconiosis" * 4
    told = responder()
    told["patient"]["name"] = bad + long
    told["medications"][0]["medicine"] = bad + long
    told["medications"][0]["epochs"][0]["unit"] = "<b>mg</b>/d"
    first = told["measures"][0]
    first["label"] = bad + long
    first["unit"] = '"><script>'
    first["bands"][3]["label"] = bad + long
    first["text"]["prescriber"] = bad + "a very long sentence that goes on and on " * 12
    told["measures"] = [first]
    return told


def twenty_panels() -> Json:
    told = responder()
    told["measures"] = [told["measures"][n % 4] | {"label": f"Measure {n + 1}"} for n in range(20)]
    return told


ALL = {
    made.__name__: made
    for made in (
        responder,
        two_years,
        side_effect,
        one_point,
        no_data,
        hostile,
        twenty_panels,
    )
}

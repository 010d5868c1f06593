import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from app.trends.figure import draw
from tests.trends import reports
from tests.trends.layout import local, overlapping, text_boxes

Json = dict[str, Any]

every_report = pytest.mark.parametrize("made", reports.ALL.values(), ids=reports.ALL)
ELEMENTS = {"svg", "title", "desc", "defs", "pattern", "g", "text"} | {
    *("rect", "line", "path", "circle", "polygon"),
}


def drawn(report: Json) -> Element:
    return ElementTree.fromstring(draw(report))


def of_class(tree: Element, name: str) -> list[Element]:
    return [node for node in tree.iter() if node.get("class") == name]


def texts(tree: Element) -> list[str]:
    return [node.text or "" for node in tree.iter() if local(node) == "text"]


def only(report: Json, measure: str) -> Json:
    return report | {"measures": [b for b in report["measures"] if b["measure"] == measure]}


def alone(points: list[Json], **more: Any) -> Json:
    block = reports.block("phq-9.total", points, **more)
    return reports.report("2026-01-01", "2026-06-30", [], [block])


def treated(epochs: list[Json], events: list[Json]) -> Json:
    return reports.report(
        "2026-01-01", "2026-06-30", [reports.course("sertraline", epochs, events)], []
    )


@every_report
def test_the_figure_holds_only_still_shapes_and_text(made: Callable[[], Json]) -> None:
    for node in drawn(made()).iter():
        assert local(node) in ELEMENTS
        for key, value in node.attrib.items():
            assert key not in ("style", "href")
            assert not key.startswith(("on", "{"))
            assert "url(" not in value or value.startswith("url(#titrate-")


@every_report
def test_no_text_lies_on_another_and_none_leaves_the_page(made: Callable[[], Json]) -> None:
    tree = drawn(made())

    assert overlapping(tree) == []
    height = float(tree.attrib["height"])
    for box in text_boxes(tree):
        assert box.left >= 0
        assert box.right <= 1000
        assert 0 <= box.top < box.bottom <= height


def test_a_hostile_label_stays_text() -> None:
    svg = draw(reports.hostile())

    assert "<script" not in svg
    assert "<b>" not in svg
    assert "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#x27;x&#x27;" in svg


def test_the_same_report_gives_the_same_bytes_whatever_the_hash_seed() -> None:
    code = "from app.trends.figure import draw; from tests.trends import reports; "
    code += "import sys; sys.stdout.buffer.write(draw(reports.responder()).encode())"
    seeded = [
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=Path(__file__).resolve().parents[2],
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]

    assert seeded == [draw(reports.responder()).encode()] * 2


def test_a_screen_reader_gets_the_sentences_the_doses_and_the_gaps() -> None:
    tree = drawn(reports.responder())

    assert tree.get("role") == "img"
    assert [local(node) for node in tree[:2]] == ["title", "desc"]
    assert tree[0].text == "Trends: Anna Example, born 1988, as of 12 Jun 2026"
    said = tree[1].text or ""
    assert "sertraline: 50 mg/d from 2 Feb 2026, 100 mg/d from 2 Mar 2026" in said
    assert "PHQ-9 item 9 = 1 on 8 Jun 2026 (0 before, first time; signal open)" in said
    assert "PHQ-9: 7 on 8 June (mild)" in said
    assert "No entries 42 days from 9 Mar 2026." in said


def test_the_banner_says_who_and_that_the_patient_is_synthetic() -> None:
    report = reports.responder()
    assert {"Anna Example, born 1988", "SYNTHETIC"} <= set(texts(drawn(report)))

    report["patient"] = None
    assert "SYNTHETIC" not in texts(drawn(report))
    assert "as of 12 Jun 2026; shown: 13 Dec 2025 to 12 Jun 2026" in texts(drawn(report))


def test_the_line_is_broken_at_the_gap() -> None:
    report = only(reports.responder(), "phq-9.total")
    assert len(of_class(drawn(report), "line")) == 2
    assert "no entries 42 days" in texts(drawn(report))

    report["measures"][0]["gaps"] = []
    assert len(of_class(drawn(report), "line")) == 1


def test_the_median_of_a_daily_series_is_broken_at_the_gap_too() -> None:
    report = only(reports.two_years(), "mood_cognition.mood")

    assert len(of_class(drawn(report), "line")) == 2


@every_report
def test_every_kept_reading_has_one_mark(made: Callable[[], Json]) -> None:
    report = made()
    kept = [p for b in report["measures"] for p in b["points"] if "excluded" not in p]

    assert len(of_class(drawn(report), "point")) == len(kept)


def test_a_reading_that_was_left_out_is_a_cross_with_its_reason() -> None:
    tree = drawn(only(reports.responder(), "phq-9.total"))

    said = "left out of the numbers: implausible 31 on 30 Apr 2026"
    assert said in texts(tree)
    assert len(of_class(tree, "excluded")) == 2  # in the plot and in the key


def test_the_last_value_stands_beside_its_mark() -> None:
    tree = drawn(only(reports.responder(), "phq-9.total"))

    (last,) = of_class(tree, "last")
    mark = of_class(tree, "point")[-1]
    assert last.text == "7"
    assert float(last.attrib["x"]) == pytest.approx(float(mark.attrib["cx"]) + 7, abs=0.01)


@pytest.mark.parametrize("values", [[9, 10], [0, 27]])
def test_the_whole_scale_is_drawn_whatever_the_values_are(values: list[int]) -> None:
    points = [reports.point(f"2026-02-0{n + 1}", value) for n, value in enumerate(values)]
    tree = drawn(alone(points))

    height = float(of_class(tree, "plot")[0].attrib["height"])
    ticks = {node.text: float(node.attrib["y"]) - 3.5 for node in of_class(tree, "tick")}
    assert ticks["0"] == height
    assert ticks["27"] == 0


def test_names_of_bands_lie_right_of_the_plot() -> None:
    tree = drawn(only(reports.responder(), "phq-9.total"))

    (plot,) = of_class(tree, "plot")
    right = float(plot.attrib["x"]) + float(plot.attrib["width"])
    names = of_class(tree, "gutter")
    assert {"minimal", "moderately severe", "baseline 19"} <= {node.text for node in names}
    assert all(float(node.attrib["x"]) > right for node in names)


def test_a_band_outside_the_scale_has_no_name_beside_the_plot() -> None:
    rows = reports.bands([(0, 9, "low"), (10, 19, "middle"), (20, 29, "high")])
    tree = drawn(alone([reports.point("2026-02-01", 12)], scale=[5, 15], bands=rows))

    assert [node.text for node in of_class(tree, "gutter")] == ["middle", "low"]


@pytest.mark.parametrize("scale", [None, [None, None]])
def test_a_measure_without_a_scale_shows_all_its_values_between_round_ends(scale: Any) -> None:
    points = [reports.point("2026-02-01", 138), reports.point("2026-03-01", 131)]
    tree = drawn(alone(points, scale=scale))

    heights = [float(mark.attrib["cy"]) for mark in of_class(tree, "point")]
    plot = float(of_class(tree, "plot")[0].attrib["height"])
    assert 0 < heights[0] < heights[1] < plot
    ticks = [tick.text for tick in of_class(tree, "tick")]
    assert ticks == ["130", "132", "134", "136", "138", "140"]


def test_a_panel_without_readings_says_so() -> None:
    assert texts(drawn(alone([]))).count("no data") == 1
    left_out = [reports.point("2026-02-01", 31, "DQ_IMPLAUSIBLE")]
    assert texts(drawn(alone(left_out))).count("no data") == 1
    assert "no data" not in texts(drawn(alone([reports.point("2026-02-01", 0)])))


def test_points_that_were_not_asked_for_are_not_drawn_as_no_data() -> None:
    report = alone([])
    del report["measures"][0]["points"]

    with pytest.raises(KeyError, match="points"):
        draw(report)


def test_the_silence_since_the_last_reading_of_a_stale_measure_is_shown() -> None:
    tree = drawn(alone([reports.point("2026-03-02", 12)], status="stale"))

    assert "no entries 120 days" in texts(tree)


def test_the_trend_ends_at_the_last_reading_and_needs_a_slope() -> None:
    points = [reports.point(f"2026-0{n}-01", 20 - n) for n in range(1, 5)]
    trend = {"name": "all", "slope_per_7d": -0.23, "interval": None, "n": 4}
    tree = drawn(alone(points, trend=[trend]))

    (line,) = of_class(tree, "trend")
    end = float(line.attrib["d"].rpartition("L")[2].split()[0])
    assert end == float(of_class(tree, "point")[-1].attrib["cx"])
    assert of_class(drawn(alone(points, trend=[trend | {"slope_per_7d": None}])), "trend") == []


def test_a_confirmed_flag_is_filled_and_a_notice_is_hollow() -> None:
    flag = {"code": "SUSTAINED_WORSENING", "level": "confirmed", "first_day": "2026-02-01"}
    notice = {"code": "SINGLE_HIGH", "level": "notice", "first_day": "2026-02-01"}
    tree = drawn(alone([reports.point("2026-02-01", 20)], flags=[flag, notice]))

    assert {m.attrib["fill"] for m in of_class(tree, "flag")} == {"#000", "#fff"}
    assert "confirmed: sustained worsening, 1 Feb 2026" in texts(tree)
    assert "notice: single high, 1 Feb 2026" in texts(tree)


def test_a_side_effect_of_zero_is_a_hollow_bar_and_a_missing_one_is_nothing() -> None:
    points = [reports.point("2026-02-01", 0), reports.point("2026-02-08", 4)]
    tree = drawn(alone(points, domain="side_effects", scale=[0, 4]))

    zero, four = of_class(tree, "point")
    assert zero.attrib["fill"] == "#fff"
    assert four.attrib["fill"] != "#fff"
    assert float(four.attrib["height"]) == float(of_class(tree, "plot")[0].attrib["height"])


def test_a_risk_item_is_shown_even_without_a_panel() -> None:
    risk = {"day": "2025-11-03", "measure": "phq-9.9", "value": 1, "previous": None}
    tree = drawn(alone([]) | {"measures": [], "risk": [risk]})

    assert len(of_class(tree, "risk")) == 1
    assert "PHQ-9 item 9 = 1 on 3 Nov 2025 (no reading before; no signal)" in texts(tree)


def test_the_strip_is_as_high_as_the_dose_against_its_own_highest() -> None:
    epochs = [
        reports.epoch("2026-01-01", "2026-02-01", 25),
        reports.epoch("2026-02-01", None, 100),
    ]
    low, high = of_class(drawn(treated(epochs, [])), "dose")

    assert float(low.attrib["height"]) == float(high.attrib["height"]) / 4


def test_an_unknown_dose_is_hatched_and_not_zero() -> None:
    epochs = [
        reports.epoch("2026-01-01", "2026-02-01", 50),
        reports.epoch("2026-02-01", "2026-03-01", None),
        reports.epoch("2026-03-01", None, 0),
    ]
    tree = drawn(treated(epochs, []))

    (unknown,) = of_class(tree, "unknown")
    (stopped,) = of_class(tree, "stopped")
    assert unknown.attrib["fill"] == "url(#titrate-unknown)"
    assert float(unknown.attrib["height"]) > 0 == float(stopped.attrib["height"])
    assert {"50 mg/d", "dose unknown", "stopped"} <= set(texts(tree))


def test_hold_and_prn_have_their_own_pattern_and_word() -> None:
    hold = reports.epoch("2026-01-01", "2026-02-01", 0, hold=True)
    prn = reports.epoch("2026-02-01", None, None, prn=True, max_daily=2)
    tree = drawn(treated([hold, prn], []))

    assert of_class(tree, "hold")[0].attrib["fill"] == "url(#titrate-hold)"
    assert of_class(tree, "prn")[0].attrib["fill"] == "url(#titrate-prn)"
    assert {"hold", "PRN, at most 2 mg/d"} <= set(texts(tree))


@pytest.mark.parametrize("planned", [False, True])
def test_an_unconfirmed_tenfold_dose_is_marked_and_does_not_flatten_the_strip(
    planned: bool,
) -> None:
    odd = {"unconfirmed": ["DOSE_TENFOLD"], "planned": planned}
    tenfold = reports.event("2026-03-01", 50, 500, **odd)
    tree = drawn(treated([reports.epoch("2026-01-01", None, 50)], [tenfold]))

    assert float(of_class(tree, "dose")[0].attrib["height"]) == 36
    assert {"?", "500 mg/d? unconfirmed, 1 Mar 2026"} <= set(texts(tree))


def test_a_planned_step_is_outlined_and_a_distant_one_is_named() -> None:
    running = [reports.epoch("2026-01-01", None, 50)]
    near = reports.event("2026-07-10", 50, 25, planned=True)
    far = reports.event("2027-07-10", 25, 0, planned=True, kind="stop")
    tree = drawn(treated(running, [near, far]))

    (outline,) = of_class(tree, "planned")
    assert "stroke-dasharray" in outline.attrib
    assert "25 mg/d planned, 10 Jul 2026" in texts(tree)
    assert "sertraline; stop planned, 10 Jul 2027" in texts(tree)


def test_dose_events_run_through_every_panel() -> None:
    report = reports.side_effect()
    events = [e for e in report["medications"][0]["events"] if not e["planned"]]
    heights = [n.attrib["height"] for n in of_class(drawn(report), "plot")]
    rules = [n.attrib["y2"] for n in of_class(drawn(report), "rule")]

    assert sorted(rules) == sorted(heights * len(events))


@pytest.mark.parametrize(
    ("first", "as_of", "expected"),
    [
        ("2026-06-12", "2026-06-12", ["12 Jun"]),
        ("2025-11-15", "2026-05-15", ["Dec", "Jan", "Feb", "Mar", "Apr", "May"]),
    ],
)
def test_the_axis_names_its_days_and_the_year_where_it_changes(
    first: str, as_of: str, expected: list[str]
) -> None:
    said = texts(drawn(reports.report(first, as_of, [], [])))

    at = said.index(expected[0])
    years = {"2025", "2026"}
    assert [t for t in said[at:] if t not in years][: len(expected)] == expected
    assert years & set(said) == {first[:4], as_of[:4]}


# ---- a dose outside the limits that was confirmed


def confirmed(**more: Any) -> Json:
    odd = {"flags": ["tenfold-jump", "above-maximum"], "confirmation": {"reason": "read it back"}}
    epochs = [
        reports.epoch("2026-01-01", "2026-03-01", 50),
        reports.epoch("2026-03-01", None, 500),
    ]
    events = [
        reports.event("2026-01-01", None, 50, kind="start"),
        reports.event("2026-03-01", 50, 500, **odd | more),
    ]
    return treated(epochs, events)


def test_a_confirmed_tenfold_dose_is_marked_on_the_ribbon_with_its_reason_in_words() -> None:
    tree = drawn(confirmed())

    assert {"!", "! tenfold jump, above maximum, confirmed, 1 Mar 2026"} <= set(texts(tree))
    said = tree[1].text or ""
    assert "tenfold jump, above maximum, confirmed, 1 Mar 2026 (read it back)." in said
    assert overlapping(tree) == []


def test_a_dose_within_the_limits_has_no_such_mark() -> None:
    assert "!" not in texts(drawn(confirmed(flags=[])))


@pytest.mark.parametrize(("first", "marks"), [("2026-02-01", 1), ("2026-04-01", 0)])
def test_a_confirmed_dose_is_marked_as_long_as_it_is_drawn(first: str, marks: int) -> None:
    report = confirmed()
    changed = reports.epoch("2026-03-01", "2026-03-20", 500)
    back = reports.epoch("2026-03-20", None, 50)
    report["medications"][0]["epochs"] = [changed, back]
    report["window"]["from"] = first

    assert texts(drawn(report)).count("!") == marks


# ---- what else happened


def lived(*contexts: Json) -> Json:
    return reports.report("2026-01-01", "2026-06-30", [], [], contexts=list(contexts))


def context(kind: str, on: str, label: str, to: str | None = None) -> Json:
    return {"id": f"cx_{on}", "kind": kind, "day": on, "to": to, "label": label, "records": []}


def test_events_stand_on_their_days_with_their_words() -> None:
    tree = drawn(
        lived(
            context("stressor", "2026-02-01", "lost the job", "2026-03-01"),
            context("therapy_start", "2026-04-01", "cbt"),
            context("therapy_session", "2026-04-08", "cbt"),
        )
    )

    said = texts(tree)
    assert "lost the job, 1 Feb 2026 to 1 Mar 2026" in said
    assert "therapy start: cbt, 1 Apr 2026" in said
    assert "ticks: therapy sessions" in said
    counts = {name: len(of_class(tree, name)) for name in ("event", "lasting", "session")}
    assert counts == {"event": 2, "lasting": 1, "session": 1}
    alternative = tree[1].text or ""
    assert "Event: lost the job, 1 Feb 2026 to 1 Mar 2026." in alternative
    assert "Therapy sessions: 8 Apr 2026." in alternative
    assert overlapping(tree) == []


def test_of_many_events_all_are_marked_and_the_newest_are_named() -> None:
    many = [context("stressor", f"2026-02-{day:02}", f"event {day}") for day in range(1, 29)]
    tree = drawn(lived(*many))

    assert len(of_class(tree, "event")) == 28
    assert "the newest 8 of 28 are named" in texts(tree)
    assert "event 28, 28 Feb 2026" in texts(tree)
    assert "event 1, 1 Feb 2026" not in texts(tree)
    assert overlapping(tree) == []


def test_without_events_there_is_no_row_of_events() -> None:
    assert "Events" not in texts(drawn(lived()))


# ---- names beside the plot, and words for what is drawn


def test_a_long_name_of_a_band_stands_in_two_rows_and_is_not_cut() -> None:
    rows = reports.bands([(0, 9, "possible mania or hypomania"), (10, 27, "high")])
    tree = drawn(alone([reports.point("2026-02-01", 12)], bands=rows))

    names = [node.text or "" for node in of_class(tree, "gutter")]
    assert "possible mania or hypomania" in " ".join(names)
    assert not any("…" in name for name in names)
    assert overlapping(tree) == []


def test_what_is_drawn_of_a_measure_is_also_said() -> None:
    flag = {
        "code": "SUSTAINED_WORSENING",
        "level": "confirmed",
        "first_day": "2026-02-01",
        "signal": "sg_1",
    }
    points = [reports.point("2026-02-01", 20), reports.point("2026-03-01", 31, "DQ_IMPLAUSIBLE")]
    said = drawn(alone(points, flags=[flag]))[1].text or ""

    assert "confirmed: sustained worsening, 1 Feb 2026, signal." in said
    assert "left out of the numbers: implausible 31 on 1 Mar 2026." in said
    assert "PHQ-9: 20 on 1 Feb 2026." in said


def test_what_cannot_be_told_apart_is_said_with_its_days() -> None:
    said = drawn(confounded())[1].text or ""

    assert "1 Feb 2026 to 1 May 2026 cannot be told apart: mirtazapine start." in said


def test_a_fitted_line_ends_where_the_scale_ends() -> None:
    points = [reports.point(f"2026-0{month}-01", 0) for month in range(1, 7)]
    points[0]["value"] = points[1]["value"] = 12
    trend = {"name": "all", "slope_per_7d": -1.5, "interval": None, "n": 6}
    tree = drawn(alone(points, trend=[trend]))

    (fitted,) = of_class(tree, "trend")
    height = float(of_class(tree, "plot")[0].attrib["height"])
    ends = [tuple(map(float, end.split())) for end in fitted.attrib["d"][1:].split("L")]
    assert all(0 <= y <= height for _, y in ends)
    # It comes down to the floor and is not drawn along it.
    assert ends[1][0] < float(of_class(tree, "point")[-1].attrib["cx"]) - 50


# ---- the rows under the doses


def effect(values: dict[str, int], measure: str = "side_effects.nausea", **more: Any) -> Json:
    points = [reports.point(on, value) for on, value in values.items()]
    more = {"domain": "side_effects", "scale": [0, 4], "unit": "{score}"} | more
    return reports.block(measure, points, **more)


def under_doses(*blocks: Json) -> Element:
    return drawn(reports.report("2026-01-01", "2026-06-30", [], list(blocks)))


def test_side_effects_and_what_was_taken_are_low_rows_above_every_panel() -> None:
    taken = effect({"2026-02-01": 93}, "dosage.adherence", domain="dosage", scale=[0, 100])
    panel = reports.block("phq-9.total", [reports.point("2026-02-01", 12)])
    tree = under_doses(panel, taken, effect({"2026-02-01": 2, "2026-02-08": 1}))

    heights = [float(node.attrib["height"]) for node in of_class(tree, "plot")]
    assert heights[0] == heights[1] < heights[2] / 3
    said = texts(tree)
    order = ["What was taken", "Side effects", "PHQ-9"]
    assert [one for one in said if one in order] == order
    assert "side effects: nausea: 1 on 8 Feb 2026; worst 2 on 1 Feb 2026" in said


def test_the_worst_of_what_is_better_high_is_the_lowest() -> None:
    values = {"2026-02-01": 71, "2026-02-15": 100, "2026-03-01": 93}
    more = {"domain": "dosage", "scale": [0, 100], "direction": "higher_better"}
    tree = under_doses(effect(values, "dosage.adherence", **more))

    assert "dosage: adherence: 93 on 1 Mar 2026; worst 71 on 1 Feb 2026" in texts(tree)


def test_a_side_effect_that_was_never_there_is_named_without_a_row() -> None:
    tree = under_doses(
        effect({"2026-02-01": 0, "2026-03-01": 0}, "side_effects.headache"),
        effect({}, "side_effects.rash"),
        effect({"2026-02-01": 1}),
    )

    assert len(of_class(tree, "plot")) == 1
    assert "0 whenever asked: side effects: headache" in texts(tree)
    assert "no data: side effects: rash" in texts(tree)


def test_a_reading_left_out_of_a_row_is_a_cross_with_its_reason() -> None:
    block = effect({"2026-02-01": 2})
    block["points"].append(reports.point("2026-03-01", 7, "DQ_IMPLAUSIBLE"))
    tree = under_doses(block)

    assert len(of_class(tree, "excluded")) == 1
    assert "left out of the numbers: implausible 7 on 1 Mar 2026" in texts(tree)


def test_a_row_says_that_a_side_effect_grew_and_not_that_it_went() -> None:
    grew = {"code": "SUSTAINED_WORSENING", "level": "confirmed", "first_day": "2026-02-01"}
    went = {"code": "SUSTAINED_IMPROVEMENT", "level": "confirmed", "first_day": "2026-03-01"}
    tree = under_doses(effect({"2026-02-01": 2, "2026-03-01": 1}, flags=[grew, went]))

    assert len(of_class(tree, "flag")) == 1
    assert "confirmed: sustained worsening, 1 Feb 2026" in texts(tree)


# ---- what is over, what was done, what cannot be told apart


def test_a_course_that_ended_before_the_axis_is_named_without_a_strip() -> None:
    over = [reports.epoch("2025-03-01", "2025-09-01", 50), reports.epoch("2025-09-01", None, 0)]
    tree = drawn(treated(over, []))

    assert "ended before: sertraline until 1 Sep 2025" in texts(tree)
    assert of_class(tree, "stopped") == []


def test_a_course_that_ended_before_and_begins_again_keeps_its_strip() -> None:
    over = [reports.epoch("2025-03-01", "2025-09-01", 50), reports.epoch("2025-09-01", None, 0)]
    again = reports.event("2026-07-10", 0, 50, planned=True, kind="restart")
    tree = drawn(treated(over, [again]))

    assert "50 mg/d planned, 10 Jul 2026" in texts(tree)
    assert not any(said.startswith("ended before") for said in texts(tree))


def test_a_planned_step_that_was_done_is_not_drawn_again_and_one_that_was_not_is() -> None:
    epochs = [reports.epoch("2026-01-01", "2026-02-01", 50), reports.epoch("2026-02-01", None, 25)]
    planned = [
        reports.event("2026-02-01", 50, 25, planned=True),
        reports.event("2026-03-01", 25, 12.5, planned=True),
    ]
    tree = drawn(treated(epochs, [reports.event("2026-02-01", 50, 25), *planned]))

    assert [one for one in texts(tree) if "planned" in one] == [
        "12.5 mg/d planned, 1 Mar 2026, not confirmed"
    ]
    assert len(of_class(tree, "planned")) == 1


def confounded(**more: Any) -> Json:
    found = {
        "measure": "phq-9.total",
        "confounded": True,
        "after": {"window": {"from": "2026-02-15", "to": "2026-05-01"}},
        "confounders": [{"kind": "dose_event", "day": "2026-02-05", "label": "mirtazapine start"}],
    }
    change = reports.event("2026-02-01", 10, 20) | {"before_after": [found | more]}
    course = reports.course("escitalopram", [reports.epoch("2026-01-01", None, 20)], [change])
    block = reports.block("phq-9.total", [reports.point("2026-03-01", 12)])
    return reports.report("2026-01-01", "2026-06-30", [course], [block])


def test_days_in_which_two_things_changed_are_hatched_and_say_what_else() -> None:
    tree = drawn(confounded())

    (strip,) = of_class(tree, "confounded")
    assert strip.attrib["fill"] == "url(#titrate-mixed)"
    assert "cannot be told apart here: mirtazapine start" in texts(tree)
    assert overlapping(tree) == []


def test_changes_around_one_event_are_hatched_once_whatever_the_lag() -> None:
    report = confounded()
    (event,) = report["medications"][0]["events"]
    event["before_after"] *= 2
    (strip,) = of_class(drawn(report), "confounded")

    begun = of_class(drawn(report), "rule")[0]
    assert strip.attrib["x"] == begun.attrib["x1"]


def test_two_changes_in_one_week_are_one_span_that_names_both() -> None:
    report = confounded()
    other = {
        "measure": "phq-9.total",
        "confounded": True,
        "after": {"window": {"from": "2026-02-19", "to": "2026-05-05"}},
        "confounders": [{"kind": "dose_event", "day": "2026-02-01", "label": "escitalopram raise"}],
    }
    second = reports.event("2026-02-05", None, 15, kind="start") | {"before_after": [other]}
    epochs = [reports.epoch("2026-02-05", None, 15)]
    report["medications"].append(reports.course("mirtazapine", epochs, [second]))
    tree = drawn(report)

    (strip,) = of_class(tree, "confounded")
    first, last = (float(node.attrib["x1"]) for node in of_class(tree, "rule"))
    assert float(strip.attrib["x"]) == first < last
    said = "cannot be told apart here: mirtazapine start, escitalopram raise"
    assert said in texts(tree)


@pytest.mark.parametrize(
    "more",
    [{"confounded": False}, {"measure": "gad-7.total"}, {"after": {"window": None}}],
)
def test_days_are_hatched_only_where_the_report_says_so_of_this_measure(more: Json) -> None:
    assert of_class(drawn(confounded(**more)), "confounded") == []


def test_sixty_readings_of_one_risk_are_sixty_marks_and_one_sentence() -> None:
    items = [
        {"day": f"2026-{month:02}-{day:02}", "measure": "side_effects.insomnia", "value": 3}
        for month in (3, 4)
        for day in range(1, 31)
    ]
    tree = drawn(alone([]) | {"measures": [], "risk": items})

    assert len(of_class(tree, "risk")) == 60
    (said,) = [one for one in texts(tree) if one.startswith("side effects: insomnia = 3")]
    assert said.startswith("side effects: insomnia = 3 on 30 Apr 2026")
    assert "59 before it since 1 Mar 2026" in " ".join(texts(tree))
    assert overlapping(tree) == []

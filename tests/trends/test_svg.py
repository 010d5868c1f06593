from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.trends.svg import Callout, callouts, element, fit, text, width_of, wrap
from tests.trends.layout import crossed, overlapping

PAGE = 984.0


@given(st.text())
def test_any_text_comes_back_from_the_xml_or_as_a_replacement_mark(content: str) -> None:
    parsed = ElementTree.fromstring(text(0, 0, content))

    said = (parsed.text or "").replace("\r", "\n")
    assert len(said) == len(content)
    assert all(b in (a, "\ufffd", "\n") for a, b in zip(content, said, strict=True))


@given(st.text())
def test_no_text_ends_its_attribute(content: str) -> None:
    parsed = ElementTree.fromstring(element("g", class_=content))

    assert list(parsed.attrib) == ["class"]


@given(st.text(), st.floats(60, 900))
def test_no_wrapped_line_is_wider_than_asked_and_none_of_the_text_is_lost(
    content: str, width: float
) -> None:
    rows = wrap(content, 11, width)

    assert all(width_of(row, 11) <= width for row in rows)
    assert "".join(rows).replace(" ", "") == "".join(content.split())


@pytest.mark.parametrize("content", ["", "short", "a text much wider than the place for it"])
def test_a_cut_text_says_that_it_was_cut(content: str) -> None:
    shown = fit(content, 10, 60)

    assert width_of(shown, 10) <= 60
    assert shown == content or shown.endswith("…")


@given(
    st.lists(st.tuples(st.floats(76, 806), st.text("abc 12 mg/d", max_size=60)), max_size=9),
)
def test_no_callout_lies_on_another_or_on_its_leader(asked: list[tuple[float, str]]) -> None:
    drawn = callouts([Callout(x, content) for x, content in asked if content.strip()], PAGE)

    tree = ElementTree.fromstring(element("g", drawn.svg))
    assert overlapping(tree) == []
    assert crossed(tree) == []

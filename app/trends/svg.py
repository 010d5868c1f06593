"""A small SVG writer: every text escaped, presentation attributes only, one form for numbers.

It knows no medicine: elements, the width of a text, slices that stack, texts that make room for
each other.
"""

import re
from collections.abc import Iterable
from html import escape
from itertools import count
from typing import NamedTuple

FONT = "DejaVu Sans, Verdana, sans-serif"
NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
BOLD = 1.13  # how much wider bold is
WIDTHS = (
    ("ijlI.,:;|!'` ", 0.34),
    ('frt()[]/-"', 0.42),
    ("cksvxyz", 0.6),
    ("wABCDEFGHJKLNOPQRSTUVXYZ&_+=<>~", 0.84),
    ("mMW@%", 1.0),
)
EMS = {character: ems for characters, ems in WIDTHS for character in characters}


class Part(NamedTuple):
    """A slice of a drawing, drawn from y = 0 down to its height."""

    svg: str
    height: float


class Callout(NamedTuple):
    """A text that belongs to one x; its mark stands under it, a thin leader joins them."""

    x: float
    content: str
    mark: str = ""


def element(name: str, *children: str, **attributes: str | float) -> str:
    """One element; `stroke_width` becomes `stroke-width`. Children are SVG already, not text."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
    )
    body = "".join(children)
    return f"<{name}{written}>{body}</{name}>" if body else f"<{name}{written}/>"


def words(content: str) -> str:
    """Text as XML may hold it: escaped, without the control characters that XML forbids."""
    return escape(NOT_XML.sub("\ufffd", content))


def text(x: float, y: float, content: str, size: float = 11, **attributes: str | float) -> str:
    """One line of text with its baseline at y."""
    return element("text", words(content), x=x, y=y, font_size=size, **attributes)


def halo(x: float, y: float, content: str, size: float = 11, **attributes: str | float) -> str:
    """Text with a white edge, readable where it has to lie on lines or hatching."""
    edge: dict[str, str | float] = {"stroke": "#fff", "stroke_width": 4, "paint_order": "stroke"}
    return text(x, y, content, size, **edge, stroke_linejoin="round", **attributes)


def line(x1: float, y1: float, x2: float, y2: float, **attributes: str | float) -> str:
    """One straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, **attributes)


def box(x: float, y: float, width: float, height: float, **attributes: str | float) -> str:
    """One rectangle."""
    return element("rect", x=x, y=y, width=width, height=height, **attributes)


def shape(points: list[tuple[float, float]], **attributes: str | float) -> str:
    """One closed polygon."""
    outline = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
    return element("polygon", points=outline, **attributes)


def path(points: list[tuple[float, float]], **attributes: str | float) -> str:
    """One open stroke through the points."""
    steps = "L".join(f"{_number(x)} {_number(y)}" for x, y in points)
    return element("path", d=f"M{steps}", fill="none", **attributes)


def width_of(content: str, size: float) -> float:
    """About how wide the text is in DejaVu Sans; rather too wide than too narrow."""
    return size * sum(
        EMS.get(character, 0.64 if ord(character) < 0x1100 else 1.05) for character in content
    )


def fit(content: str, size: float, width: float) -> str:
    """The text, cut with an ellipsis when it is wider than width."""
    if width_of(content, size) <= width:
        return content
    used = width_of("…", size)
    for place, character in enumerate(content):
        used += width_of(character, size)
        if used > width:
            return content[:place] + "…"
    return content


def wrap(content: str, size: float, width: float) -> list[str]:
    """The text in lines of at most width; a word longer than a line is cut in pieces."""
    lines = [""]
    for word in content.split():
        joined = f"{lines[-1]} {word}".lstrip()
        if width_of(joined, size) <= width:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        for character in word:
            if width_of(lines[-1] + character, size) > width:
                lines.append("")
            lines[-1] += character
    return lines if lines != [""] else []


def at(x: float, y: float, *drawn: str) -> str:
    """What is drawn around 0, 0, moved to x, y."""
    return element("g", *drawn, transform=f"translate({_number(x)} {_number(y)})")


def stack(parts: Iterable[Part]) -> Part:
    """The slices one under the other."""
    drawn, height = [], 0.0
    for part in parts:
        drawn.append(at(0, height, part.svg))
        height += part.height
    return Part("".join(drawn), height)


def lines(content: str, x: float, size: float, width: float, weight: str = "normal") -> Part:
    """A wrapped text as a slice."""
    rows = wrap(content, size, width / BOLD if weight == "bold" else width)
    places = [(n + 1) * size * 1.3 for n in range(len(rows))]
    drawn = [text(x, y, row, size, font_weight=weight) for y, row in zip(places, rows, strict=True)]
    return Part("".join(drawn), len(rows) * size * 1.3 + 2)


def callouts(asked: Iterable[Callout], right: float, size: float = 10) -> Part:
    """Texts in as many rows as they need, so that none lies on a text or on a leader.

    A text stands right of its leader, wrapped where the page ends. Placed from the right: each
    takes the lowest rows in which it ends before whatever begins there, and its leader closes the
    rows below them to its left.
    """
    begins: list[float] = []
    placed = []
    for x, content, mark in sorted(asked, reverse=True):
        rows = wrap(fit(content, size, 900), size, right - x - 3)
        end = x + 9 + max((width_of(row, size) for row in rows), default=0)
        low = next(n for n in count() if all(end <= begin for begin in begins[n : n + len(rows)]))
        begins = [x] * (low + len(rows)) + begins[low + len(rows) :]
        placed.append((x, low, rows, mark))
    pitch = size * 1.35
    above = pitch * len(begins)
    foot = above + (14 if any(mark for *_, mark in placed) else 4)
    drawn = []
    for x, low, rows, mark in placed:
        top = above - pitch * (low + len(rows) - 1)
        drawn.append(line(x, top - size + 2, x, foot, stroke="#666", stroke_width=0.8))
        drawn += [text(x + 3, top + pitch * n, row, size) for n, row in enumerate(rows)]
        drawn.append(at(x, foot - 6, mark) if mark else "")
    return Part("".join(drawn), foot if placed else 0)


def _value(value: str | float) -> str:
    return words(value) if isinstance(value, str) else _number(value)


def _number(value: float) -> str:
    written = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if written == "-0" else written

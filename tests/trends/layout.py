"""Where the texts of a figure lie, to say whether one lies on another."""

import re
from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple
from xml.etree.ElementTree import Element

from app.trends.svg import width_of

MOVED = re.compile(r"translate\((\S+) (\S+)\)$")


class Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float
    content: str


def local(node: Element) -> str:
    return node.tag.rpartition("}")[2]


def placed(node: Element, x: float = 0, y: float = 0) -> Iterator[tuple[Element, float, float]]:
    """Every element with where its own origin lies; turned texts are left out."""
    if "transform" in node.attrib:
        if (moved := MOVED.match(node.attrib["transform"])) is None:
            return
        x, y = x + float(moved[1]), y + float(moved[2])
    yield node, x, y
    for child in node:
        yield from placed(child, x, y)


def text_boxes(tree: Element) -> list[Box]:
    boxes = []
    for node, x, y in placed(tree):
        if local(node) == "text" and (content := node.text or ""):
            size = float(node.attrib["font-size"])
            wide = width_of(content, size)
            anchor = {"middle": wide / 2, "end": wide}.get(node.get("text-anchor", ""), 0)
            left, base = x + float(node.attrib["x"]) - anchor, y + float(node.attrib["y"])
            boxes.append(Box(left, base - 0.73 * size, left + wide, base + 0.2 * size, content))
    return boxes


def overlapping(tree: Element) -> list[tuple[str, str]]:
    return [
        (a.content, b.content)
        for a, b in combinations(text_boxes(tree), 2)
        if min(a.right, b.right) > max(a.left, b.left)
        and min(a.bottom, b.bottom) > max(a.top, b.top)
    ]


def crossed(tree: Element) -> list[str]:
    """Texts that an upright line runs through."""
    upright = [
        (x + float(n.attrib["x1"]), y + float(n.attrib["y1"]), y + float(n.attrib["y2"]))
        for n, x, y in placed(tree)
        if local(n) == "line" and n.attrib["x1"] == n.attrib["x2"]
    ]
    return [
        box.content
        for box in text_boxes(tree)
        for x, top, bottom in upright
        if box.left < x < box.right and top < box.bottom and bottom > box.top
    ]

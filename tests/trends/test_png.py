"""The figure as PNG: where the extra is installed, else nobody is offered one."""

import struct
from typing import Any

import pytest

from app.core.errors import NotAcceptable
from app.trends import params
from app.trends.figure import draw
from app.trends.png import SCALE, png
from tests.trends.slices import TREATED, read, readings


def test_the_figure_is_drawn_at_its_width_times_the_scale() -> None:
    pytest.importorskip("vl_convert")
    drawn = png(draw(read(readings("phq-9.total", {0: 19, 127: 11}), [TREATED], points=True)))

    assert drawn[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">I", drawn[16:20]) == (1000 * SCALE,)


def test_without_the_extra_a_png_is_not_acceptable(monkeypatch: pytest.MonkeyPatch) -> None:
    made: Any = tuple(one for one in params.MADE if one != "png")
    monkeypatch.setattr(params, "MADE", made)

    with pytest.raises(NotAcceptable):
        params.read([("format", "png")])
    with pytest.raises(NotAcceptable):
        params.read([], "image/png")
    assert params.read([], "image/png, */*;q=0.1").format == "json"


def test_with_it_a_png_is_named_or_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(params, "MADE", tuple(params.MEDIA_TYPES))

    assert params.read([("format", "png")]).format == "png"
    assert params.read([], "image/png").format == "png"
    assert params.read([], "image/*").format == "svg"

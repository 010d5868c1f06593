"""The figure as PNG, where the optional extra that draws it is installed."""

SCALE = 2.0
"""Pixels a unit of the figure: sharp in print at the width of a page."""


def png(svg: str) -> bytes:
    """Draw an SVG of ours. The extra is loaded when it is first needed: it is large."""
    import vl_convert

    drawn: bytes = vl_convert.svg_to_png(svg, scale=SCALE)
    return drawn

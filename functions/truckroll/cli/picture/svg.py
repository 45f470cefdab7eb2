"""Just enough SVG: shapes with a tooltip, written by the standard library so that any text is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree as ET

Point = tuple[float, float]
FONT = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif"
LETTER = 0.62  # mean width of a letter, as a share of the font size


class Drawing:
    """A picture of a fixed size in pixels; shapes lie in the order in which they are drawn."""

    def __init__(self, width: float, height: float) -> None:
        self.root = ET.Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "viewBox": f"0 0 {_n(width)} {_n(height)}",
                "width": _n(width),
                "height": _n(height),
                "font-family": FONT,
            },
        )
        definitions = ET.SubElement(self.root, "defs")
        stripes = ET.SubElement(
            definitions,
            "pattern",
            {
                "id": "stripes",
                "width": "6",
                "height": "6",
                "patternUnits": "userSpaceOnUse",
                "patternTransform": "rotate(45)",
            },
        )
        ET.SubElement(stripes, "rect", {"width": "2", "height": "6", "fill": "white", "fill-opacity": "0.45"})
        self.rect((0, 0), width, height, fill="white")

    def rect(self, at: Point, width: float, height: float, *, tip: str = "", **style: object) -> None:
        """Draw a rectangle from its upper left corner."""
        self._add("rect", tip, style, x=at[0], y=at[1], width=max(width, 0.5), height=height)

    def line(self, start: Point, end: Point, **style: object) -> None:
        """Draw a straight line."""
        self._add("line", "", style, x1=start[0], y1=start[1], x2=end[0], y2=end[1])

    def path(self, points: Iterable[Point], *, tip: str = "", **style: object) -> None:
        """Draw a line through points."""
        through = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
        self._add("polyline", tip, {"fill": "none", **style}, points=through)

    def circle(self, centre: Point, radius: float, *, tip: str = "", **style: object) -> None:
        """Draw a circle."""
        self._add("circle", tip, style, cx=centre[0], cy=centre[1], r=radius)

    def text(
        self, at: Point, said: str, *, size: float = 12, room: float | None = None, **style: object
    ) -> None:
        """Write a line of text from its left end on the base line; with `room` (pixels) it is cut to fit."""
        if room is not None:
            letters = int(room / (size * LETTER))
            if letters < 2:
                return
            said = said if len(said) <= letters else said[: letters - 1].rstrip() + "…"
        self._add("text", "", style, x=at[0], y=at[1], **{"font-size": size}).text = said

    def __str__(self) -> str:
        ET.indent(self.root)
        return ET.tostring(self.root, encoding="unicode") + "\n"

    def _add(self, kind: str, tip: str, style: dict[str, object], **geometry: object) -> ET.Element:
        given = {key.replace("_", "-"): value for key, value in {**geometry, **style}.items()}
        shape = ET.SubElement(self.root, kind, {key: _n(value) for key, value in given.items()})
        if tip:
            ET.SubElement(shape, "title").text = tip
        return shape


def _n(value: object) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)

"""How the objective fell during the search: in a line of text, and as a small chart."""

from __future__ import annotations

from collections.abc import Sequence

from truckroll.cli.picture.svg import Drawing, Point

BLOCKS = "▁▂▃▄▅▆▇█"
Curve = Sequence[Sequence[float]]


def sparkline(curve: Curve, width: int = 32) -> str:
    """Return the best objective over time as blocks; "" when it never fell."""
    values = _sampled(curve, width)
    if not _falls(values):
        return ""
    low, high = min(values), max(values)
    return "".join(BLOCKS[round((value - low) / (high - low) * (len(BLOCKS) - 1))] for value in values)


def draw_curve(drawing: Drawing, curve: Curve, at: Point, width: float, height: float) -> None:
    """Draw the best objective over the seconds searched into a box."""
    values = _sampled(curve, int(width))
    if not _falls(values):
        return
    low, high = min(values), max(values)
    points = [
        (at[0] + i * width / (len(values) - 1), at[1] + height * (high - value) / (high - low))
        for i, value in enumerate(values)
    ]
    drawing.line((at[0], at[1] + height), (at[0] + width, at[1] + height), stroke="#dfe5ea")
    drawing.path(points, stroke="#33679c", stroke_width=1.5)
    drawing.text((at[0] + width + 6, at[1] + 9), f"{high:,.0f}", size=10, fill="#6b7785")
    drawing.text((at[0] + width + 6, at[1] + height), f"{low:,.0f}", size=10, fill="#33679c")
    said = f"objective over {curve[-1][0]:.0f} s of search"
    drawing.text((at[0], at[1] + height + 13), said, size=10, fill="#6b7785")


def _sampled(curve: Curve, count: int) -> list[float]:
    """Return the best objective at so many moments, evenly spread over the search."""
    if len(curve) < 2:
        return []
    first, last = curve[0][0], curve[-1][0]
    values, at = [], 0
    for i in range(count):
        moment = first + (last - first) * i / (count - 1)
        while at + 1 < len(curve) and curve[at + 1][0] <= moment:
            at += 1
        values.append(curve[at][1])
    return values


def _falls(values: list[float]) -> bool:
    return bool(values) and max(values) - min(values) > 1e-4 * abs(max(values))

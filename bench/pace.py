"""How long visits and ways take one technician, in fractions, knowing nothing of the engine's arrays."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

from truckroll.engine.model import Problem, Shift


def way_s(problem: Problem, shift: Shift, a: int, b: int) -> int:
    """Return the seconds of a way, at the speed of the shift's technician."""
    if a == b:
        return 0
    return _whole(problem, Fraction(int(problem.travel[a, b])) / Fraction(str(shift.speed)))


def takes_s(problem: Problem, shift: Shift, x: int) -> int:
    """Return the seconds of service of a visit, at the pace of the shift's technician where that counts."""
    visit = problem.visits[x]
    pace = next((pace for kind, pace in shift.paces if kind == visit.kind), shift.pace)
    grouped = any(part.visit == x for group in problem.groups for part in group.parts)
    if visit.fixed is not None or grouped or pace == 1:
        return visit.duration
    paced = visit.duration if visit.paced is None else visit.paced
    return visit.duration - paced + _whole(problem, paced * Fraction(str(pace)))


def _whole(problem: Problem, seconds: Fraction) -> int:
    return ceil(seconds / problem.grain) * problem.grain

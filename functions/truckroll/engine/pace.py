"""Whose hands: how long a visit takes one technician against what is usual, and who knows the customer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from truckroll.engine.model import Problem, Shift, Visit

EXACT = 1e-6  # paces and speeds have few decimals, so that nothing true is this near below a whole number


def service_s(problem: Problem, visit: Visit, shift: Shift) -> int:
    """Return the seconds of service of a visit on a shift, where it is neither fixed nor part of a group."""
    paced = visit.duration if visit.paced is None else visit.paced
    factor = dict(shift.paces).get(visit.kind, shift.pace)
    return visit.duration - paced + int(_paced(problem, np.array([paced]), np.array([factor]))[0])


def who_knows(problem: Problem, visits: NDArray[Any]) -> NDArray[np.bool_]:
    """Return by visit and shift who knows the customer; note in `visits` where that matters."""
    knows = np.zeros((len(visits), len(problem.shifts)), np.bool_)
    for x, visit in enumerate(problem.visits):
        if problem.weights.continuity and visit.familiar is not None:
            visits[x]["known"] = 1
            knows[x, list(visit.familiar)] = True
    return knows


def more_of(problem: Problem) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return by visit and pace the seconds it takes more than its duration, and by shift its column.

    Fixed visits and parts of groups take what they were given.
    """
    column: dict[tuple[float, tuple[tuple[str, float], ...]], int] = {(1.0, ()): 0}
    own = [column.setdefault((shift.pace, shift.paces), len(column)) for shift in problem.shifts]
    visits = problem.visits
    still = {part.visit for group in problem.groups for part in group.parts}
    still |= {x for x, visit in enumerate(visits) if visit.fixed is not None}
    paced = np.array(
        [
            0 if x in still else visit.duration if visit.paced is None else visit.paced
            for x, visit in enumerate(visits)
        ],
        np.int64,
    )
    more = np.zeros((len(visits), len(column)), np.int32)
    for (pace, paces), i in column.items():
        factor_of = dict(paces)
        factors = np.array([factor_of.get(visit.kind, pace) for visit in visits], np.float64)
        more[:, i] = _paced(problem, paced, factors) - paced
    return more, np.array(own, np.int32)


def _paced(problem: Problem, seconds: NDArray[np.int64], factors: NDArray[np.float64]) -> NDArray[np.int64]:
    scaled = rounded_up(seconds * factors, problem.grain)
    return np.where(factors == 1.0, seconds, scaled).astype(np.int64)


def rounded_up(seconds: Any, grain: int) -> Any:
    """Return seconds, one or many, rounded up to a multiple of `grain`."""
    return (np.ceil(seconds / grain - EXACT) * grain).astype(np.int64)

"""Ways between places by each speed somebody drives at, and what they cost."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from truckroll.engine.model import Problem, Shift
from truckroll.engine.pace import rounded_up


def way_s(problem: Problem, shift: Shift, a: int, b: int) -> int:
    """Return the seconds from one place to another by the shift's technician."""
    return 0 if a == b else int(_ways(problem, problem.travel[a, b], shift.speed))


def roads_of(problem: Problem) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return blocks of ways, one below the other, the usual speed's first; and by shift the first row of its own."""
    number = {1.0: 0}
    own = [number.setdefault(shift.speed, len(number)) for shift in problem.shifts]
    places = len(problem.travel)
    roads = np.empty((len(number) * places, places), np.int32)
    for speed, block in zip(number, blocks_of(roads), strict=True):
        block[:] = _ways(problem, problem.travel, speed)
        np.fill_diagonal(block, 0)
    return roads, np.array(own, np.int32) * places


def costs_of(problem: Problem, roads: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return what each way costs by itself, in the same blocks."""
    weights = problem.weights
    costs = np.empty(roads.shape, np.float32)
    for ways, block in zip(blocks_of(roads), blocks_of(costs), strict=True):
        cost = (weights.travel + weights.span) * ways.astype(np.float64)
        if weights.distance and problem.distance is not None:
            cost += weights.distance * problem.distance
        np.fill_diagonal(cost, 0.0)
        block[:] = cost
    return costs


def transposed(matrix: NDArray[Any]) -> NDArray[Any]:
    """Return each block transposed, all in one piece: the matrix itself, where both ways are the same."""
    blocks = blocks_of(matrix)
    turned = blocks.transpose(0, 2, 1)
    return matrix if np.array_equal(blocks, turned) else np.ascontiguousarray(turned).reshape(matrix.shape)


def blocks_of(matrix: NDArray[Any]) -> NDArray[Any]:
    """Return the square blocks that stand one below the other."""
    side = matrix.shape[1]
    return matrix.reshape(len(matrix) // max(1, side), side, side) if side else matrix[None]


def _ways(problem: Problem, seconds: Any, speed: float) -> Any:
    return seconds if speed == 1.0 and problem.grain == 1 else rounded_up(seconds / speed, problem.grain)

"""Named tuples that compiled functions take by their address."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from truckroll.engine.compiled import lean
from truckroll.engine.reference import Reference, by_reference


@by_reference
class Ground(NamedTuple):
    """Where a walk takes place."""

    heights: NDArray[np.int64]
    scale: float


@by_reference
class Walk(NamedTuple):
    """A walk, with the ground it is taken on inside."""

    ground: Ground
    steps: NDArray[np.int64]


@lean
def climb(walk: Walk, k: int) -> float:
    """Return how far step k goes up, and raise the ground behind it."""
    ground = walk.ground
    up = ground.heights[walk.steps[k + 1]] - ground.heights[walk.steps[k]]
    ground.heights[walk.steps[k]] += 1
    return float(up * ground.scale)


@lean
def climb_all(walk: Walk) -> float:
    """Return how far the whole walk goes up and down."""
    total = 0.0
    for k in range(walk.steps.shape[0] - 1):
        total += climb(walk, k)
    return total


typeof: Any = numba.typeof  # it has no types


def walk_on(heights: list[int], scale: float, steps: list[int]) -> Walk:
    """Return a walk on such a ground."""
    return Walk(Ground(np.array(heights), scale), np.array(steps))


def test_a_call_reads_and_writes_the_arrays_of_the_tuple_it_was_given() -> None:
    first, second = walk_on([0, 5, 9], 1.0, [0, 1, 2]), walk_on([2, 3], 0.5, [0, 1, 0, 1])
    assert [climb_all(first), climb_all(second), climb_all(first)] == [9.0, 1.0, 8.0]
    assert first.ground.heights.tolist() == [2, 7, 9]
    assert second.ground.heights.tolist() == [4, 4]


def test_a_tuple_with_another_array_in_it_is_another() -> None:
    walk = walk_on([0, 5], 1.0, [0, 1])
    higher = walk._replace(ground=walk.ground._replace(heights=np.array([0, 50])))
    assert [climb_all(walk), climb_all(higher)] == [5.0, 50.0]


def test_it_is_its_address_that_is_handed_over() -> None:
    walk = typeof(walk_on([0, 5], 1.0, [0, 1]))
    assert isinstance(walk, Reference)
    assert isinstance(walk.members.types[0], Reference)

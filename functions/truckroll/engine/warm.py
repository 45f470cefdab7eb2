"""Compile the engine once, so that no request waits for it: `python -m truckroll.engine.warm`."""

from __future__ import annotations

import sys
from dataclasses import replace
from time import perf_counter

import numpy as np

from truckroll.engine.compiled import CACHE_FOLDER
from truckroll.engine.interactive import best_insertions
from truckroll.engine.model import (
    Break,
    CurrentPlace,
    Depot,
    Group,
    Objective,
    Part,
    Problem,
    Series,
    Shift,
    Visit,
)
from truckroll.engine.relax import Wish, relaxations
from truckroll.engine.solver import solve
from truckroll.engine.task import Task
from truckroll.engine.urgent import ways_to_serve


def warm() -> float:
    """Run every compiled function on a tiny day; return the seconds it took."""
    began = perf_counter()
    solution = solve(_tiny_day(), seed=0, time_limit_s=0.0, iterations=20)
    best_insertions(_tiny_day(), solution.routes, 0, 1)
    best_insertions(_tiny_day(), solution.routes, 13, 1)
    tiny = _tiny_day()
    wish = Wish(replace(tiny.visits[0], windows=()), ((0, 9000),))
    relaxations(tiny, solution.routes, [wish], earliest=0, stretch=[(600, 600)] * len(tiny.shifts))
    ways_to_serve(tiny, (), 0, [0] * len(tiny.visits), range(1, 7))
    return perf_counter() - began


def _tiny_day() -> Problem:
    """Return a day in which everything happens: breaks, limits, bookings, groups, and visits without room."""
    places = np.arange(6)
    travel = (np.abs(places[:, None] - places[None]) * 600).astype(np.int32)
    shifts = tuple(
        Shift(name, name, 0, 0, 0, 14400, (Break(3600, 7200, 900),), 12000, ((9000, 9600),), 13000)
        for name in ("a", "b")
    )
    shifts = tuple(replace(one, parts=(("filter", 1),), depot=Depot(2, 300)) for one in shifts)
    visits = tuple(
        Visit(
            f"v{i}",
            1 + i % 5,
            3000,
            ((0, 9000),),
            3600.0 * (1 + i),
            "normal",
            (0,),
            None,
            CurrentPlace(0, 0),
            parts=(("filter", 1),) if i > 2 else (),
        )
        for i in range(7)
    )
    # One group for two, one for one, and one that finds nobody to cover it; a series of which little fits.
    parts = tuple(Visit(f"p{i}", 1, 600, ((0, 9000),), 9000.0, eligible=(0, 1)) for i in range(6))
    groups = (
        Group("crew", (Part(7, 0, 0), Part(8, 0, 1)), ((1,),)),
        Group("twice", (Part(9, 0, 0), Part(10, 1200, 0))),
        Group("nobody", (Part(11, 0, 0), Part(12, 0, 1)), ((),)),
    )
    turns = tuple(Visit(f"t{i}", 1, 600, ((0, 9000),), 9000.0, eligible=(0, 1)) for i in range(3))
    series = (Series("turns", (13, 14, 15), 600),)
    return Problem(
        travel, None, shifts, visits + parts + turns, Objective(stability=60.0), groups, series=series
    )


def tiny_task() -> Task:
    """Return a task that takes no time, for a process to load the compiled search with."""
    return Task(_tiny_day(), None, None, seed=0, done=0.0, after=1.0, steps=20, seconds=0.0)


if __name__ == "__main__":
    sys.stdout.write(f"compiled in {warm():.1f} s, kept in {CACHE_FOLDER}\n")

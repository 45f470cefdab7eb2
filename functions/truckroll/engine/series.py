"""Series of visits made ready for the search: who follows whom, and what fixed visits leave them; see `order.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from truckroll.engine.arrays import NO_SPLIT, Day, Plan
from truckroll.engine.insert import take_node
from truckroll.engine.model import Problem
from truckroll.engine.order import close_turn, lag_after, narrow
from truckroll.engine.pace import service_s

EVER = 2**40


class Link(NamedTuple):
    """Visit `later` starts at least `gap` seconds after visit `earlier` ended."""

    earlier: int
    later: int
    gap: int


def links_of(problem: Problem) -> Iterator[Link]:
    """Return every two neighbours in a series, in their order."""
    for one in problem.series:
        for earlier, later in pairwise(one.visits):
            yield Link(earlier, later, one.gap)


def lengths_of(problem: Problem, x: int) -> tuple[int, int]:
    """Return the shortest and the longest service of a visit, by who may serve it."""
    visit = problem.visits[x]
    if visit.fixed is not None or not visit.eligible:
        return visit.duration, visit.duration
    kinds = {(problem.shifts[v].pace, problem.shifts[v].paces): problem.shifts[v] for v in visit.eligible}
    lengths = [service_s(problem, visit, shift) for shift in kinds.values()]
    return min(lengths), max(lengths)


def bounds_of(problem: Problem) -> dict[int, tuple[int, int]]:
    """Return when visits of series may start so that those before and after them have their time."""
    bounds: dict[int, tuple[int, int]] = {}
    links = list(links_of(problem))
    for x in {x for one in problem.series for x in one.visits}:
        visit = problem.visits[x]
        if visit.fixed is not None:
            bounds[x] = visit.fixed.start, visit.fixed.start
        else:
            windows = visit.windows or ((-EVER, EVER),)
            bounds[x] = min(a for a, _ in windows), max(b for _, b in windows)
    for earlier, later, gap in links:
        over = bounds[earlier][0] + lengths_of(problem, earlier)[0] + gap
        if problem.visits[later].fixed is None:
            bounds[later] = max(bounds[later][0], over), bounds[later][1]
    for earlier, later, gap in reversed(links):
        # One that may be left out is no reason for those before it to hurry.
        if problem.visits[later].fixed is not None and problem.visits[earlier].fixed is None:
            by = bounds[later][1] - lengths_of(problem, earlier)[1] - gap
            bounds[earlier] = bounds[earlier][0], min(bounds[earlier][1], by)
    return bounds


def note_series(problem: Problem, visits: NDArray[Any]) -> NDArray[np.int32]:
    """Note in `visits` who follows whom, fixed ones aside; return those with a predecessor, each behind it."""
    visits["predecessor"] = visits["successor"] = -1
    ordered: list[int] = []
    for earlier, later, gap in links_of(problem):
        one, other = problem.visits[earlier], problem.visits[later]
        if one.fixed is None and other.fixed is None:
            visits[earlier]["successor"], visits[later]["predecessor"] = later, earlier
            visits[later]["lag"] = one.setup_before + one.duration + gap - other.setup_before
            ordered.append(later)
    return np.array(ordered, np.int32)


def split_at(day: Day, plan: Plan, begins: Mapping[int, tuple[int, int]]) -> None:
    """Put splits half-way between visits that are to begin on a shift at a time (buffer first), before they are laid.

    Those that would not begin in order get none.
    """
    for x in day.ordered.tolist():
        before, lag = int(day.visits[x]["predecessor"]), int(day.visits[x]["lag"])
        plan.splits[x] = NO_SPLIT
        if x not in begins or before not in begins:
            continue
        (v, over), (w, at) = begins[before], begins[x]
        over += lag_after(day, before, v)
        if at >= over and (v != w or lag > day.visits[before]["occupies"]):
            plan.splits[x] = (over + at) // 2
    narrow_all(day, plan, {x: v for x, (v, _) in begins.items()})


def narrow_all(day: Day, plan: Plan, shift_of: Mapping[int, int]) -> None:
    """Make the windows of all visits in series what the splits say; `shift_of` says where visits are or will be."""
    for x in day.ordered.tolist():
        before = int(day.visits[x]["predecessor"])
        narrow(day, plan, x, shift_of.get(x, -1))
        narrow(day, plan, before, shift_of.get(before, -1))


def take_what_waits(day: Day, plan: Plan) -> None:
    """Take visits out of the plan that come after one left out; splits are then half-way again."""
    for x in day.ordered.tolist():
        if plan.shift_of[x] >= 0 and plan.shift_of[day.visits[x]["predecessor"]] < 0:
            take_node(day, plan, int(plan.shift_of[x]), int(plan.position_of[x]))
        close_turn(day, plan, x)

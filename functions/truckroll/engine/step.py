"""A step of the search: how big it is, the visits it has in hand, and how it is undone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from truckroll.engine.arrays import Day, Plan, empty_plan
from truckroll.engine.compiled import lean
from truckroll.engine.groups import pin
from truckroll.engine.order import narrow
from truckroll.engine.reference import by_reference
from truckroll.engine.schedule import copy_schedule


@by_reference
class Manner(NamedTuple):
    """How big a step is, and how greedy."""

    removed: float = 10.0  # visits taken out on average
    string: int = 10  # the longest string taken from one route
    split: float = 0.5  # share of strings that keep a few visits in their middle
    keep_more: float = 0.5  # how likely such a string keeps one more
    blink: float = 0.01  # how likely a slot is overlooked
    move_pauses: float = 0.3  # share of ruined routes whose breaks are placed anew
    retried: int = 20  # unserved visits tried again in one step, half of them near the ruin
    seek: float = 0.2  # share of steps that make room for an unserved visit, where there are any
    forced: float = 0.1  # share of those that serve it at any price, for others to join it
    many: int = 300  # slots from which a removed visit looks only at the likely ones
    thorough: float = 0.05  # share of steps that look at all of them nevertheless


@by_reference
class Trail(NamedTuple):
    """How to undo a step: the routes it touched, as they were."""

    saved: Plan  # a row for each of `shifts`, in that order
    shifts: NDArray[np.int32]
    touched: NDArray[np.bool_]
    size: NDArray[np.int64]
    splits: NDArray[np.int32]  # as they were, by visit


@by_reference
class Loose(NamedTuple):
    """The visits in hand: those just removed first, then unserved ones that get another chance."""

    visits: NDArray[np.int32]
    pins: NDArray[np.int32]  # when a removed part of a group began
    keys: NDArray[np.float64]
    removed: NDArray[np.int64]
    total: NDArray[np.int64]
    unserved: NDArray[np.int32]  # room for the visits the plan leaves out
    held: NDArray[np.bool_]  # by visit, whether it is in hand; false between uses


def empty_trail(plan: Plan) -> Trail:
    """Return a trail with room for every route."""
    shifts, width = plan.nodes.shape
    return Trail(
        saved=empty_plan(shifts, 0, width, np.zeros((0, 2), np.int32), plan.used.shape[1]),
        shifts=np.zeros(shifts, np.int32),
        touched=np.zeros(shifts, np.bool_),
        size=np.zeros(1, np.int64),
        splits=plan.splits.copy(),
    )


def empty_loose(visits: int) -> Loose:
    """Return an empty hand with room for every visit."""
    return Loose(
        visits=np.zeros(visits, np.int32),
        pins=np.zeros(visits, np.int32),
        keys=np.zeros(visits),
        removed=np.zeros(1, np.int64),
        total=np.zeros(1, np.int64),
        unserved=np.zeros(visits, np.int32),
        held=np.zeros(visits, np.bool_),
    )


@lean
def remember(plan: Plan, trail: Trail, v: int) -> None:
    """Save route v before its first change in this step."""
    if trail.touched[v]:
        return
    i = trail.size[0]
    copy_schedule(plan, v, trail.saved, i)
    trail.shifts[i] = v
    trail.touched[v] = True
    trail.size[0] = i + 1


@lean
def undo(day: Day, plan: Plan, trail: Trail, loose: Loose) -> None:
    """Bring back the routes of the trail, and with them the visits in hand."""
    visits = day.visits.shape[0]
    for i in range(loose.total[0]):
        x = int(loose.visits[i])
        plan.shift_of[x] = -1
        if i < loose.removed[0] and day.visits[x].group >= 0:
            pin(day, plan, x, int(loose.pins[i]))
    for i in range(trail.size[0]):
        v = int(trail.shifts[i])
        copy_schedule(trail.saved, i, plan, v)
        for k in range(plan.routes[v].length):
            node = plan.nodes[v, k]
            if node < visits:
                plan.shift_of[node] = v
                plan.position_of[node] = k
    for i in range(day.ordered.shape[0]):
        x = int(day.ordered[i])
        if plan.splits[x] != trail.splits[x]:
            plan.splits[x] = trail.splits[x]
            before = int(day.visits[x].predecessor)
            narrow(day, plan, x, int(plan.shift_of[x]))
            narrow(day, plan, before, int(plan.shift_of[before]))


@lean
def forget(trail: Trail) -> None:
    """Clear the trail."""
    for i in range(trail.size[0]):
        trail.touched[trail.shifts[i]] = False
    trail.size[0] = 0

"""A plan free of its arrays: for every shift its visits and pauses in order, when groups begin and series go on.

A visit is its position in the problem, a pause -1 less its place among its shift's pauses (the
first is -1, the second -2), the stop at the depot is DEPOT, so that a tour means the same in any
district of the day that holds its shift.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from truckroll.engine.arrays import NO_SPLIT, Plan
from truckroll.engine.groups import pin
from truckroll.engine.prepare import Prepared
from truckroll.engine.search import restore
from truckroll.engine.series import narrow_all, take_what_waits

Tour = tuple[int, ...]
DEPOT = -1_000_000


class Tours(NamedTuple):
    """The tours of a plan by shift; `starts` says when served visits of groups begin, buffer first.

    Of a visit in a series it holds the split before it (see `order.py`), if there is one.
    """

    rows: tuple[Tour, ...]
    starts: Mapping[int, int]


def first_pauses(prepared: Prepared) -> list[int]:
    """Return for each shift the node of the first of its pauses."""
    visits = len(prepared.day.visits)
    shifts = range(len(prepared.problem.shifts))
    return [visits + int(one) for one in prepared.day.pauses["shift"].searchsorted(shifts)]


def tours_of(prepared: Prepared, plan: Plan) -> Tours:
    """Return the tours of a plan."""
    day = prepared.day
    visits = day.visits
    lines = zip(plan.nodes, plan.routes["length"], first_pauses(prepared), strict=True)
    depots_from = prepared.day.depots_from

    def named(node: int, first: int) -> int:
        if node < depots_from:
            return node
        return DEPOT if node < len(visits) else first - node - 1

    rows = tuple(
        tuple(named(node, first) for node in nodes[:length].tolist()) for nodes, length, first in lines
    )
    # By the nodes: nothing else of a search's best plan is kept up.
    served = [
        node for row in (rows if len(day.groups) or len(day.ordered) else ()) for node in row if node >= 0
    ]
    starts = {
        node: int(plan.windows[visits[node]["first_window"], 0])
        for node in served
        if visits[node]["group"] >= 0
    }
    starts |= {node: int(plan.splits[node]) for node in served if plan.splits[node] != NO_SPLIT}
    return Tours(rows, {node: start + prepared.origin for node, start in starts.items()})


def lay(prepared: Prepared, plan: Plan, tours: Tours) -> None:
    """Make the plan what the tours say, all schedules computed."""
    plan.splits[:] = NO_SPLIT
    for x, start in tours.starts.items():
        if prepared.day.visits[x]["predecessor"] >= 0:
            plan.splits[x] = start - prepared.origin
        else:
            pin(prepared.day, plan, x, start - prepared.origin)
    if len(prepared.day.ordered):
        narrow_all(prepared.day, plan, {x: v for v, tour in enumerate(tours.rows) for x in tour if x >= 0})
    for v, (tour, first) in enumerate(zip(tours.rows, first_pauses(prepared), strict=True)):
        depot = int(prepared.day.shifts[v]["depot"])
        # Where no van can lack anything there is no stop at the depot to lay.
        kept = [depot if node == DEPOT else node for node in tour if node != DEPOT or depot >= 0]
        plan.nodes[v, : len(kept)] = [node if node >= 0 else first - node - 1 for node in kept]
        plan.routes[v]["length"] = len(kept)
    restore(prepared.day, plan)
    take_what_waits(prepared.day, plan)

"""Where a route stops at the depot: put in, moved and dropped as the visits after it change."""

from __future__ import annotations

from typing import Any

import numpy as np

from truckroll.engine.arrays import Day, Plan
from truckroll.engine.chance import draw
from truckroll.engine.compiled import lean
from truckroll.engine.insert import place_node, start_in_slot, take_node, work_allows
from truckroll.engine.schedule import NEVER
from truckroll.engine.stock import runs_short_at, take_stock

CHEAPEST = 0.7  # share of moved stops that go where they cost least
NO_CHANCE = np.zeros(1, np.uint64)  # for callers that leave nothing to it


@lean
def place_depot(day: Day, plan: Plan, v: int, anywhere: bool, chance: Any) -> bool:
    """Put the stop at the depot into route v where it costs least; tell whether that made it feasible.

    It goes before the first visit that lacks something; with `anywhere` into a random slot there.
    Otherwise the route stays as it is.
    """
    depot = int(day.shifts[v].depot)
    if not day.stocked or depot < 0 or plan.routes[v].length + 1 >= plan.nodes.shape[1]:
        return False
    last = runs_short_at(day, plan, v)
    take_stock(day, plan, v)
    stop, roads = day.visits[depot], day.shifts[v].roads
    at, least = -1, np.inf
    for j in range(last + 1):
        if start_in_slot(day, plan, v, j, depot) == NEVER or not work_allows(day, plan, v, j, depot):
            continue
        slot = plan.slots[v, j]
        added = day.cost[roads + slot.place, stop.place] - slot.leg_cost
        added += day.cost[roads + stop.place, slot.next_place]
        rank = draw(chance) if anywhere else float(added)
        if rank < least:
            at, least = j, rank
    if at < 0:
        return False
    if place_node(day, plan, v, at, depot):
        return True
    take_node(day, plan, v, at)
    return False


@lean
def settle_depot(day: Day, plan: Plan, v: int, chance: Any) -> bool:
    """Drop route v's stop at the depot if no visit needs it, else look for a better slot for it.

    Returns whether the route is feasible.
    """
    at = int(plan.routes[v].depot_at)
    if at < 0:
        return True
    depot = int(plan.nodes[v, at])
    if take_node(day, plan, v, at) or place_depot(day, plan, v, draw(chance) >= CHEAPEST, chance):
        return True
    return place_node(day, plan, v, at, depot)


@lean
def drop_idle_stops(day: Day, plan: Plan) -> None:
    """Drop every stop at the depot that no visit needs any more."""
    for v in range(plan.routes.shape[0]):
        at = int(plan.routes[v].depot_at)
        if at >= 0 and not take_node(day, plan, v, at):
            place_node(day, plan, v, at, int(day.shifts[v].depot))

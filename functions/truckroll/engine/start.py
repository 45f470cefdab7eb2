"""Where the search begins: today's bookings, the rest put in greedily, and how hot."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from truckroll.engine.arrays import Day, Plan
from truckroll.engine.insert import place_node, span_allows, start_in_slot, work_allows
from truckroll.engine.prepare import Prepared
from truckroll.engine.schedule import NEVER
from truckroll.engine.search import fill


def first_plan(prepared: Prepared, chance: NDArray[np.uint64]) -> Plan:
    """Return a whole feasible plan: bookings kept in their order where they can be, then the dearest visits first."""
    day, plan = prepared.day, prepared.plan()
    booked = sorted(
        (visit.current.start, x)
        for x, visit in enumerate(prepared.problem.visits)
        if visit.current is not None and visit.fixed is None
    )
    for _, x in booked:
        keep_booking(day, plan, x)
    visits = day.visits
    order = np.argsort(-visits["price"] / (visits["occupies"] + 900.0), kind="stable").astype(np.int32)
    fill(day, plan, order, chance)
    return plan


def keep_booking(day: Day, plan: Plan, x: int) -> None:
    """Put visit x into the last slot of its booked shift that takes it, if any does."""
    v = int(day.visits[x]["booked_shift"])
    if not day.may_serve[v, x] or plan.routes[v]["length"] >= plan.nodes.shape[1]:
        return
    for k in range(int(plan.routes[v]["length"]), -1, -1):
        if start_in_slot(day, plan, v, k, x) == NEVER or not work_allows(day, plan, v, k, x):
            continue
        if day.shifts[v]["max_span"] < day.shifts[v]["ends"] and not span_allows(day, plan, v, k, x):
            continue
        place_node(day, plan, v, k, x)
        return


def temperatures(plan: Plan) -> tuple[float, float]:
    """Return first and last temperature for a search from this plan."""
    legs = [
        float(plan.slots[v, k]["leg_cost"])
        for v, route in enumerate(plan.routes)
        for k in range(int(route["length"]) + 1)
        if plan.slots[v, k]["place"] != plan.slots[v, k]["next_place"]
    ]
    mean = float(np.mean(legs)) if legs else 1.0
    hot = max(1e-3, HOT * mean)
    return hot, hot * COLD


HOT = 5.0
COLD = 0.01

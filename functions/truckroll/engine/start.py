"""Where the search begins: today's bookings, the rest put in greedily, and how hot."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from truckroll.engine.arrays import Day, Plan
from truckroll.engine.insert import place_node, start_in_slot, work_allows
from truckroll.engine.prepare import Prepared
from truckroll.engine.ruin_recreate import Manner
from truckroll.engine.schedule import NEVER, span_with
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
        if span_with(day, plan, v, k, x) > day.shifts[v]["max_span"]:
            continue
        place_node(day, plan, v, k, x)
        return


def manner_for(plan: Plan) -> tuple[Manner, float, float]:
    """Return the size of steps, and first and last temperature, for a search from this plan.

    Heat is measured in legs of the plan. Where visits are left out, bigger and hotter steps trade
    them against each other; where all are served, calmer ones shorten the roads. Found by trying on
    Solomon's instances and on overloaded days.
    """
    costs = plan.slots["leg_cost"][np.arange(plan.slots.shape[1]) <= plan.routes["length"][:, None]]
    driven = costs[costs > 0.0]
    mean = float(driven.mean()) if len(driven) else 1.0
    overloaded = bool((plan.shift_of < 0).any())
    hot = (6.0 if overloaded else 3.0) * mean
    return Manner(removed=18.0 if overloaded else 10.0), hot, 0.01 * hot

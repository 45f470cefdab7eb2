"""Where the search begins: today's bookings, the rest put in greedily, and how hot."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from truckroll.engine.arrays import Day, Plan
from truckroll.engine.bookings import keep_bookings
from truckroll.engine.prepare import Prepared
from truckroll.engine.ruin_recreate import Manner
from truckroll.engine.search import fill


def first_plan(prepared: Prepared, chance: NDArray[np.uint64]) -> Plan:
    """Return a whole feasible plan: bookings kept in their order where they can be, then the dearest visits first."""
    day, plan = prepared.day, prepared.plan()
    keep_bookings(prepared, plan)
    fill(day, plan, dearest_first(day), chance)
    return plan


def dearest_first(day: Day) -> NDArray[np.int32]:
    """Return the visits in the order of what leaving them out costs, by the time they take."""
    by_time = day.visits["price"] / (day.visits["occupies"] + 900.0)
    return np.argsort(-by_time, kind="stable").astype(np.int32)


def manner_for(plan: Plan) -> tuple[Manner, float, float]:
    """Return the size of steps, and first and last temperature, for a search from this plan.

    Heat is measured in legs of the plan. Where visits are left out, bigger and hotter steps trade
    them against each other, and every slot counts; where all are served, calmer ones shorten the roads.
    Found by trying on Solomon's instances and on overloaded days.
    """
    costs = plan.slots["leg_cost"][np.arange(plan.slots.shape[1]) <= plan.routes["length"][:, None]]
    driven = costs[costs > 0.0]
    mean = float(driven.mean()) if len(driven) else 1.0
    overloaded = bool((plan.shift_of < 0).any())
    hot = (6.0 if overloaded else 3.0) * mean
    manner = Manner(removed=18.0, thorough=1.0) if overloaded else Manner(removed=10.0)
    return manner, hot, 0.01 * hot

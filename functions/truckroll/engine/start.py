"""Where the search begins: today's bookings, the rest put in greedily, and how hot."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from truckroll.engine.arrays import Day, Plan
from truckroll.engine.bookings import keep_bookings
from truckroll.engine.prepare import Prepared
from truckroll.engine.search import fill
from truckroll.engine.step import Manner

SMALL = 50  # visits
LEISURE = 4000.0  # steps for each visit that allow the usual heat

# Where visits are left out, bigger and hotter steps trade them against each other, and every slot counts;
# where all are served, calmer ones shorten the roads. Found by trying on Solomon's instances and on
# overloaded days. Heat is measured in legs of the plan.
CALM, EAGER = Manner(removed=10.0), Manner(removed=18.0, thorough=1.0)
CALM_LEGS, EAGER_LEGS, COLD = 3.0, 6.0, 0.01


def first_plan(prepared: Prepared, chance: NDArray[np.uint64]) -> Plan:
    """Return a whole feasible plan: bookings kept in their order where they can be, then the dearest visits first."""
    day, plan = prepared.day, prepared.plan()
    keep_bookings(prepared, plan)
    fill(day, plan, dearest_first(day), chance)
    return plan


def dearest_first(day: Day) -> NDArray[np.int32]:
    """Return the visits in the order of what leaving them out costs, by the time they take."""
    visits = day.visits[: day.depots_from]
    by_time = visits["price"] / (visits["occupies"] + 900.0)
    return np.argsort(-by_time, kind="stable").astype(np.int32)


def leaves_out(day: Day, plan: Plan) -> bool:
    """Tell whether the plan leaves out a visit that somebody may serve."""
    visits = day.visits[: day.depots_from]
    servable = visits["first_eligible"] < visits["last_eligible"]
    return bool((servable & (plan.shift_of[: len(visits)] < 0)).any())


def mean_leg(plan: Plan) -> float:
    """Return what a leg of the plan costs on average, those to the same place aside."""
    costs = plan.slots["leg_cost"][np.arange(plan.slots.shape[1]) <= plan.routes["length"][:, None]]
    driven = costs[costs > 0.0]
    return float(driven.mean()) if len(driven) else 1.0


def share_of_heat(visits: int, steps: float, *, left_out: bool) -> float:
    """Return the share of the usual first temperature that suits a search of so many steps.

    The fewer steps there are for each visit, the cooler: a large day has no time to cool down. Where
    visits are left out heat is what trades them, and small days are searched through anyway. Found
    by trying on Gehring and Homberger's instances, from 100 to 1,400 steps a visit.
    """
    if visits < SMALL or left_out:
        return 1.0
    return float(np.clip((steps / visits / LEISURE) ** 0.35, 0.2, 1.0))

"""Put the visits in hand back greedily, each where it is cheapest at its turn.

Greedy insertion with blinks, J. Christiaens and G. Vanden Berghe, Transportation Science 54(2),
2020; here with optional visits that have a price, and orders of reinsertion that know who is hard
to place.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from truckroll.engine.arrays import Day, Plan
from truckroll.engine.chance import draw
from truckroll.engine.compiled import compiled, lean
from truckroll.engine.groups import (
    OPTIONS,
    cheapest_for_group,
    leads,
    place_group,
    price_of_group,
    shifts_for_lead,
)
from truckroll.engine.insert import cheapest_nearby, place_node
from truckroll.engine.order import (
    find_in_turn,
    first_held,
    is_ordered,
    place_in_turn,
    price_with_later,
)
from truckroll.engine.schedule import NEVER
from truckroll.engine.step import Loose, Manner, Trail, remember
from truckroll.engine.supplied import cheapest, past_depot


@lean
def sort_loose(day: Day, loose: Loose, order: Any, chance: Any) -> None:
    """Fill `order` with the indices of the visits in hand, in one of several orders drawn at random."""
    draw_of_order = draw(chance)
    n = loose.total[0]
    for i in range(n):
        visit = day.visits[loose.visits[i]]
        noise = draw(chance)
        if draw_of_order < 0.40:
            key = noise
        elif draw_of_order < 0.52:
            key = noise - visit.price - visit.load
        elif draw_of_order < 0.64:
            key = noise + visit.last_eligible - visit.first_eligible - visit.load
        elif draw_of_order < 0.72:
            key = noise + visit.opens
        elif draw_of_order < 0.78:
            key = noise - visit.closes
        elif draw_of_order < 0.84:
            key = noise + visit.closes - visit.opens
        elif draw_of_order < 0.92:
            key = -visit.price / (visit.occupies + 600.0)
        else:
            key = noise - day.travel[day.shifts[0].start_place, visit.place]
        loose.keys[i] = key
    for i in range(n):
        key = loose.keys[i]
        j = i
        while j > 0 and loose.keys[order[j - 1]] > key:
            order[j] = order[j - 1]
            j -= 1
        order[j] = i


@lean
def slots_for(day: Day, x: int) -> int:
    """Return how many slots visit x may choose from, if all shifts are equally full."""
    eligible = int(day.visits[x].last_eligible - day.visits[x].first_eligible)
    return int(eligible * day.visits.shape[0] // day.shifts.shape[0])


@lean
def recreate(
    day: Day, plan: Plan, manner: Manner, trail: Trail, loose: Loose, order: Any, chance: Any
) -> bool:
    """Put the visits in hand where each is cheapest at its turn; tell whether all routes are feasible.

    Removed visits may go anywhere, the others only into routes already touched. A visit whose
    cheapest slot costs more than leaving it unserved stays out.
    """
    sort_loose(day, loose, order, chance)
    thorough = draw(chance) < manner.thorough
    feasible = True
    in_order = day.ordered.shape[0] > 0
    if in_order:
        for i in range(loose.total[0]):
            loose.held[loose.visits[i]] = is_ordered(day, int(loose.visits[i]))
    for i in range(loose.total[0]):
        x = int(loose.visits[order[i]])
        visit = day.visits[x]
        if in_order and is_ordered(day, x):
            feasible = recreate_in_order(day, plan, manner, trail, loose, x, chance) and feasible
            continue
        if plan.shift_of[x] >= 0:
            continue
        if visit.group >= 0:
            if leads(day, x):
                g, removed = int(visit.group), bool(order[i] < loose.removed[0])
                feasible = recreate_group(day, plan, manner, trail, g, removed, chance) and feasible
            continue
        if order[i] >= loose.removed[0]:
            last = int(trail.size[0])
            v, k, _ = cheapest(day, plan, x, trail.shifts, 0, last, visit.price, manner.blink, chance)
        elif thorough or day.stocked or day.span > 0.0 or slots_for(day, x) < manner.many:
            first, last = int(visit.first_eligible), int(visit.last_eligible)
            v, k, _ = cheapest(day, plan, x, day.eligible, first, last, visit.price, manner.blink, chance)
        else:
            v, k, _ = cheapest_nearby(day, plan, x, visit.price, manner.blink, chance)
        if v >= 0:
            remember(plan, trail, v)
            if day.stocked:
                k = past_depot(day, plan, v, k, x)
            feasible = place_node(day, plan, v, k, x) and feasible
    return feasible


@lean
def recreate_in_order(
    day: Day, plan: Plan, manner: Manner, trail: Trail, loose: Loose, x: int, chance: Any
) -> bool:
    """Put the first visit in hand of x's series where it is cheapest in its turn; tell whether that is feasible."""
    one = first_held(day, loose.held, x)
    limit = price_with_later(day, one)
    loose.held[one] = False
    before = int(day.visits[one].predecessor)
    if before >= 0 and plan.shift_of[before] >= 0:
        remember(plan, trail, int(plan.shift_of[before]))
    v, k = find_in_turn(day, plan, one, limit, manner.blink, chance)
    if v >= 0:
        remember(plan, trail, v)
    return place_in_turn(day, plan, one, v, k)


@compiled
def recreate_group(
    day: Day, plan: Plan, manner: Manner, trail: Trail, g: int, removed: bool, chance: Any
) -> bool:
    """Put group g where all its parts are cheapest, if that costs less than its price; tell whether it is feasible.

    Where it was not removed in this step, its first part may go only into a route already touched.
    """
    among = shifts_for_lead(day, g) if removed else trail.shifts[: trail.size[0]]
    shifts = np.zeros(day.groups[g].roles, np.int64)
    limit = price_of_group(day, g)
    start, _ = cheapest_for_group(day, plan, g, among, limit, OPTIONS, manner.blink, chance, shifts)
    if start == NEVER:
        return True
    for v in shifts:
        remember(plan, trail, int(v))
    return place_group(day, plan, g, start, shifts)

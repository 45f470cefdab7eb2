"""Simulated annealing over ruin and recreate: steps are taken or undone, the best plan is kept."""

from __future__ import annotations

from typing import Any

import numpy as np

from truckroll.engine.arrays import Day, Plan
from truckroll.engine.chance import draw
from truckroll.engine.compiled import compiled, lean
from truckroll.engine.groups import (
    cheapest_for_group,
    leads,
    place_group,
    price_of_group,
    shifts_for_lead,
)
from truckroll.engine.insert import place_node
from truckroll.engine.order import find_in_turn, first_left, is_ordered, place_in_turn, price_with_later
from truckroll.engine.recreate import recreate
from truckroll.engine.ruin import center_of_ruin, give_another_chance, ruin
from truckroll.engine.schedule import NEVER, reschedule
from truckroll.engine.step import Loose, Manner, Trail, forget, remember, undo
from truckroll.engine.supplied import cheapest, past_depot


@lean
def cost_of(day: Day, plan: Plan) -> float:
    """Return the objective of a plan: its routes, and the price of every visit left out."""
    total = 0.0
    for v in range(plan.routes.shape[0]):
        total += plan.routes[v].cost
    for x in range(plan.shift_of.shape[0]):
        if plan.shift_of[x] < 0:
            total += day.visits[x].price
    return total


@lean
def copy_route(source: Plan, target: Plan, v: int) -> None:
    """Copy the nodes of route v; nothing else of the target is kept up."""
    n = source.routes[v].length
    for k in range(n):
        target.nodes[v, k] = source.nodes[v, k]
    target.routes[v].length = n


@lean
def copy_starts(day: Day, source: Plan, target: Plan) -> None:
    """Copy when the groups of the plan start and whose turn it is in series; to be done wherever routes are copied."""
    for i in range(day.ordered.shape[0]):
        target.splits[day.ordered[i]] = source.splits[day.ordered[i]]
    if day.groups.shape[0] > 0 or day.ordered.shape[0] > 0:
        for w in range(source.windows.shape[0]):
            target.windows[w, 0] = source.windows[w, 0]
            target.windows[w, 1] = source.windows[w, 1]


@lean
def restore(day: Day, plan: Plan) -> None:
    """Recompute the whole plan from its nodes."""
    plan.shift_of[:] = -1
    for v in range(plan.routes.shape[0]):
        reschedule(day, plan, v)


@lean
def fill(day: Day, plan: Plan, order: Any, chance: Any) -> int:
    """Put the unserved visits among `order` where each is cheapest, in that order; return how many found a slot."""
    placed = 0
    for i in range(order.shape[0]):
        x = int(order[i])
        if is_ordered(day, x):
            x = first_left(day, plan, x)
            if x >= 0:
                v, k = find_in_turn(day, plan, x, price_with_later(day, x), 0.0, chance)
                place_in_turn(day, plan, x, v, k)
                placed += 1 if v >= 0 else 0
            continue
        if plan.shift_of[x] >= 0:
            continue
        visit = day.visits[x]
        if visit.group >= 0:
            if leads(day, x) and fill_group(
                day, plan, int(visit.group), price_of_group(day, visit.group), chance
            ):
                placed += 1
            continue
        first, last = int(visit.first_eligible), int(visit.last_eligible)
        v, k, _ = cheapest(day, plan, x, day.eligible, first, last, visit.price, 0.0, chance)
        if v >= 0:
            if day.stocked:
                k = past_depot(day, plan, v, k, x)
            place_node(day, plan, v, k, x)
            placed += 1
    return placed


@compiled
def fill_group(day: Day, plan: Plan, g: int, limit: float, chance: Any) -> bool:
    """Put group g where it is cheapest if that costs less than `limit`, all slots looked at; tell whether it was."""
    shifts = np.zeros(day.groups[g].roles, np.int64)
    slots = plan.routes.shape[0] * (plan.nodes.shape[1] + 1)
    start, _ = cheapest_for_group(day, plan, g, shifts_for_lead(day, g), limit, slots, 0.0, chance, shifts)
    return start != NEVER and place_group(day, plan, g, start, shifts)


@lean
def serve_anyway(
    day: Day, plan: Plan, manner: Manner, trail: Trail, loose: Loose, x: int, chance: Any
) -> bool:
    """Serve the unserved visit x where that is cheapest, at any price; tell whether its route is feasible.

    A way that is not worth its cost for any visit alone may be for several, and these find a slot once
    one of them is there.
    """
    visit = day.visits[x]
    if visit.group >= 0 or is_ordered(day, x):
        return True
    first, last = int(visit.first_eligible), int(visit.last_eligible)
    v, k, _ = cheapest(day, plan, x, day.eligible, first, last, np.inf, manner.blink, chance)
    if v < 0:
        return True
    remember(plan, trail, v)
    loose.visits[loose.total[0]] = x
    loose.total[0] += 1
    if day.stocked:
        k = past_depot(day, plan, v, k, x)
    return place_node(day, plan, v, k, x)


@lean
def anneal(
    day: Day,
    plan: Plan,
    manner: Manner,
    best: Plan,
    stale: Any,
    trail: Trail,
    loose: Loose,
    order: Any,
    state: Any,
    steps: int,
    hot: float,
    cold: float,
    chance: Any,
) -> int:
    """Take `steps` steps from temperature `hot` to `cold`; return how many were accepted.

    `state` holds the cost of the plan and of the best one; `stale` marks routes in which `best`
    lags behind `plan`.
    """
    visits = day.depots_from
    unserved = loose.unserved
    count = 0
    for x in range(visits):
        if plan.shift_of[x] < 0:
            unserved[count] = x
            count += 1
    cooling = (cold / hot) ** (1.0 / max(1, steps))
    temperature = hot
    accepted = 0
    for _ in range(steps):
        temperature *= cooling
        loose.total[0] = 0
        loose.removed[0] = 0
        center, room = center_of_ruin(day, manner, loose, count, chance)
        feasible = ruin(day, plan, manner, trail, loose, center, room, chance)
        if feasible and room and draw(chance) < manner.forced:
            feasible = serve_anyway(day, plan, manner, trail, loose, center, chance)
        if feasible:
            give_another_chance(day, plan, manner, trail, loose, center, count, chance)
            feasible = recreate(day, plan, manner, trail, loose, order, chance)
        change = 0.0
        for i in range(trail.size[0]):
            change += plan.routes[trail.shifts[i]].cost - trail.saved.routes[i].cost
        for i in range(loose.total[0]):
            x = loose.visits[i]
            if i < loose.removed[0] and plan.shift_of[x] < 0:
                change += day.visits[x].price
            elif i >= loose.removed[0] and plan.shift_of[x] >= 0:
                change -= day.visits[x].price
        if feasible and change < -temperature * np.log(1.0 - draw(chance)):
            accepted += 1
            state[0] += change
            kept = 0
            for i in range(count):
                if plan.shift_of[unserved[i]] < 0:
                    unserved[kept] = unserved[i]
                    kept += 1
            count = kept
            for i in range(loose.removed[0]):
                if plan.shift_of[loose.visits[i]] < 0:
                    unserved[count] = loose.visits[i]
                    count += 1
            for i in range(trail.size[0]):
                stale[trail.shifts[i]] = True
            if state[0] < state[1] - 1e-6:
                state[1] = state[0]
                copy_starts(day, plan, best)
                for v in range(plan.routes.shape[0]):
                    if stale[v]:
                        copy_route(plan, best, v)
                        stale[v] = False
        else:
            undo(day, plan, trail, loose)
        forget(trail)
    return accepted

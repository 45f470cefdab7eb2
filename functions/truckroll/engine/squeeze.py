"""Fit one more visit by moving breaks or by dropping others: exact and slower than insert.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from truckroll.engine.arrays import Day, Plan
from truckroll.engine.compiled import compiled
from truckroll.engine.insert import pause_fits, place_node, start_in_slot, take_node, work_allows
from truckroll.engine.schedule import NEVER, reschedule, span
from truckroll.engine.stock import first_slot


@compiled
def lift_pauses(day: Day, plan: Plan, v: int, lifted: Any) -> int:
    """Take the pauses out of route v into `lifted`; return how many there were.

    Unavailable time too: it keeps its place in time, but visits may trade sides of it.
    """
    visits = day.visits.shape[0]
    count, w = 0, 0
    for k in range(plan.routes[v].length):
        node = plan.nodes[v, k]
        if node >= visits:
            lifted[count] = node - visits
            count += 1
        else:
            plan.nodes[v, w] = node
            w += 1
    plan.routes[v].length = w
    reschedule(day, plan, v)
    return count


@compiled
def settle_pauses(day: Day, plan: Plan, v: int, lifted: Any, count: int) -> bool:
    """Place the pauses lifted[:count] wherever all fit together; tell whether they do, else change nothing."""
    visits = day.visits.shape[0]
    limit = day.shifts[v].max_span
    limited = limit < day.shifts[v].ends - day.shifts[v].starts
    at = np.zeros(count + 1, np.int64)
    i = 0
    while True:
        if i == count:
            if not limited or span(day, plan, v) <= limit:
                return True
        else:
            p = int(lifted[i])
            last = plan.routes[v].length
            while at[i] <= last and not pause_fits(day, plan, v, at[i], p):
                at[i] += 1
            if at[i] <= last:
                place_node(day, plan, v, at[i], visits + p)
                i += 1
                at[i] = 0
                continue
        i -= 1
        if i < 0:
            return False
        take_node(day, plan, v, at[i])
        at[i] += 1


@compiled
def put_back(day: Day, plan: Plan, v: int, saved: Any, length: int) -> None:
    """Make route v what `saved` holds."""
    for k in range(plan.routes[v].length):
        if plan.nodes[v, k] < day.visits.shape[0]:
            plan.shift_of[plan.nodes[v, k]] = -1
    for k in range(length):
        plan.nodes[v, k] = saved[k]
    plan.routes[v].length = length
    reschedule(day, plan, v)


@compiled
def cheapest_of_slots(
    day: Day,
    plan: Plan,
    v: int,
    x: int,
    first: int,
    before: float,
    limit: float,
    lifted: Any,
    count: int,
    otherwise: Any,
) -> tuple[float, Any]:
    """Return the least cost below `limit` of visit x at position `first` or later, and the route's nodes then.

    The pauses lifted[:count] go wherever they fit; `before` is what the route cost. Else `limit` and
    `otherwise`.
    """
    best, chosen = limit, otherwise
    roads = day.shifts[v].roads
    for k in range(first, plan.routes[v].length + 1):
        slot = plan.slots[v, k]
        visit = day.visits[x]
        added = day.cost[roads + slot.place, visit.place] - slot.leg_cost
        added += day.cost[roads + visit.place, slot.next_place]
        if added >= best and day.balance == 0.0 and day.span == 0.0:
            continue
        if start_in_slot(day, plan, v, k, x) == NEVER or not work_allows(day, plan, v, k, x):
            continue
        place_node(day, plan, v, k, x)
        cost = plan.routes[v].cost - before
        # With pauses in other places the span may turn out shorter.
        if (cost < best or day.span > 0.0) and settle_pauses(day, plan, v, lifted, count):
            cost = plan.routes[v].cost - before
            if cost < best:
                best = cost
                chosen = plan.nodes[v, : plan.routes[v].length].copy()
            unused = np.empty(plan.nodes.shape[1], np.int32)
            lift_pauses(day, plan, v, unused)
        take_node(day, plan, v, k)
    return best, chosen


@compiled
def squeeze(day: Day, plan: Plan, v: int, x: int, limit: float, keep: bool) -> float:
    """Return the least cost below `limit` of visit x in route v, its pauses anywhere; else `limit`.

    With `keep` the route is left that way, otherwise as it was.
    """
    if not day.may_serve[v, x] or plan.routes[v].length >= plan.nodes.shape[1]:
        return limit
    before = plan.routes[v].cost
    length = plan.routes[v].length
    saved = plan.nodes[v, :length].copy()
    lifted = np.empty(plan.nodes.shape[1], np.int32)
    count = lift_pauses(day, plan, v, lifted)
    best, chosen = cheapest_of_slots(day, plan, v, x, 0, before, limit, lifted, count, saved)
    depot, bare = int(day.shifts[v].depot), int(plan.routes[v].length)
    if (
        depot >= 0
        and length + 2 < plan.nodes.shape[1]
        and first_slot(day, plan, v, x) > plan.routes[v].length
    ):
        for j in range(bare + 1):
            if start_in_slot(day, plan, v, j, depot) == NEVER or not work_allows(day, plan, v, j, depot):
                continue
            place_node(day, plan, v, j, depot)
            best, chosen = cheapest_of_slots(day, plan, v, x, j + 1, before, best, lifted, count, chosen)
            take_node(day, plan, v, j)
    if keep and best < limit:
        put_back(day, plan, v, chosen, len(chosen))
    else:
        put_back(day, plan, v, saved, length)
    return best


@compiled
def squeeze_each(day: Day, plan: Plan, shifts: Any, x: int, costs: Any) -> None:
    """Write into `costs` the least cost of visit x in each of `shifts`; where it has no room the limit in it stays."""
    for i in range(len(shifts)):
        costs[i] = squeeze(day, plan, shifts[i], x, costs[i], False)


@compiled
def alone(day: Day, x: int) -> bool:
    """Tell whether visit x may be taken out by itself: not fixed, not part of a group, and nothing waits for it."""
    return bool(day.visits[x].fixed_shift < 0 and day.visits[x].group < 0 and day.visits[x].successor < 0)


@compiled
def cheapest_displacement(day: Day, plan: Plan, x: int, limit: float, dropped: Any) -> tuple[int, int, float]:
    """Return the shift, how many visits to drop there, and the cost of serving x instead of them.

    Tried are all strings of consecutive visits of each shift that may serve x; `dropped` receives
    the cheapest. The cost counts the price of what is dropped and the change of travel, not the
    price of x; -1, 0, limit when none costs less than `limit`.
    """
    best, best_v, best_count = limit, -1, 0
    for e in range(day.visits[x].first_eligible, day.visits[x].last_eligible):
        v = int(day.eligible[e])
        length = plan.routes[v].length
        saved = plan.nodes[v, :length].copy()
        before = plan.routes[v].cost
        for a in range(length):
            if saved[a] >= day.depots_from or not alone(day, saved[a]):
                continue
            price, count = 0.0, 0
            for b in range(a, length):
                if saved[b] >= day.depots_from or not alone(day, saved[b]):
                    continue
                price += day.visits[saved[b]].price
                count += 1
                # Even an empty route could not make up for more than its own cost.
                if price - before >= best:
                    break
                w = 0
                for k in range(length):
                    node = saved[k]
                    if a <= k <= b and node < day.depots_from and alone(day, node):
                        plan.shift_of[node] = -1
                    else:
                        plan.nodes[v, w] = node
                        w += 1
                plan.routes[v].length = w
                if reschedule(day, plan, v):
                    change = plan.routes[v].cost - before
                    added = squeeze(day, plan, v, x, best - price - change, False)
                    if added < best - price - change:
                        best, best_v, best_count = price + change + added, v, count
                        w = 0
                        for k in range(a, b + 1):
                            if saved[k] < day.depots_from and alone(day, saved[k]):
                                dropped[w] = saved[k]
                                w += 1
                put_back(day, plan, v, saved, length)
    return best_v, best_count, best

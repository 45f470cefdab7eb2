"""What a van has on the way: tools that stay in it, parts that are used up, a depot that has everything.

Before its stop at the depot a route lives on what the van brought, after it nothing is missing. So
all that counts is which visits come before the stop, and how many parts they use.
"""

from __future__ import annotations

from truckroll.engine.arrays import Day, Plan
from truckroll.engine.compiled import lean


@lean
def take_stock(day: Day, plan: Plan, v: int) -> bool:
    """Note where route v stops at the depot and what it uses before; tell whether its van has all that."""
    depot = day.shifts[v].depot
    visits, kinds = day.visits.shape[0], day.stock.shape[1]
    for p in range(kinds):
        plan.used[v, p] = 0
    route = plan.routes[v]
    route.depot_at = -1
    enough = True
    for k in range(route.length):
        node = plan.nodes[v, k]
        if node >= visits:
            continue
        if node == depot:
            route.depot_at = k
            break
        if not takes_from(day, plan, v, node):
            enough = False
    return enough


@lean
def takes_from(day: Day, plan: Plan, v: int, x: int) -> bool:
    """Count what visit x uses as used by route v; tell whether the van has it."""
    van = day.visits.shape[0] + v
    enough = True
    for p in range(day.stock.shape[1]):
        need = day.stock[x, p]
        if need < 0:
            enough = enough and day.stock[van, p] > 0
        elif need > 0:
            plan.used[v, p] += need
            enough = enough and plan.used[v, p] <= day.stock[van, p]
    return enough


@lean
def first_slot(day: Day, plan: Plan, v: int, x: int) -> int:
    """Return the first position of route v at which visit x finds what it needs; beyond the last if none."""
    van = day.visits.shape[0] + v
    for p in range(day.stock.shape[1]):
        need = day.stock[x, p]
        short = need < 0 and day.stock[van, p] <= 0
        if short or (need > 0 and plan.used[v, p] + need > day.stock[van, p]):
            route = plan.routes[v]
            return int(route.depot_at) + 1 if route.depot_at >= 0 else int(route.length) + 1
    return 0


@lean
def runs_short_at(day: Day, plan: Plan, v: int) -> int:
    """Return the first position of route v whose visit lacks something without the depot, or -1.

    Leaves `plan.used` to be counted anew.
    """
    visits = day.visits.shape[0]
    depot = day.shifts[v].depot
    for p in range(day.stock.shape[1]):
        plan.used[v, p] = 0
    for k in range(plan.routes[v].length):
        node = plan.nodes[v, k]
        if node < visits and node != depot and not takes_from(day, plan, v, node):
            return k
    return -1

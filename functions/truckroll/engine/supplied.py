"""Where one more visit fits on days on which vans may lack something, or time away from home costs."""

from __future__ import annotations

from typing import Any

import numpy as np

from truckroll.engine.arrays import Day, Plan
from truckroll.engine.chance import draw
from truckroll.engine.compiled import lean
from truckroll.engine.insert import cheapest_slot, place_node, start_in_slot, take_node
from truckroll.engine.schedule import NEVER, preference, span, span_with, start_of_service
from truckroll.engine.stock import first_slot


@lean
def cheapest(
    day: Day, plan: Plan, x: int, among: Any, first: int, last: int, limit: float, blink: float, chance: Any
) -> tuple[int, int, float]:
    """Return shift, position and added cost of the cheapest slot for visit x, or -1, -1, limit.

    As `cheapest_slot`, on any day. Where the van lacks what x needs, the cost includes the stop at
    the depot that `past_depot` adds.
    """
    if not day.stocked and day.span == 0.0:
        return cheapest_slot(day, plan, x, among, first, last, limit, blink, chance)
    best, best_v, best_k = limit, -1, -1
    visit = day.visits[x]
    for e in range(first, last):
        v = int(among[e])
        shift, route = day.shifts[v], plan.routes[v]
        if not day.may_serve[v, x] or route.length >= plan.nodes.shape[1]:
            continue
        if route.load + visit.load > shift.capacity:
            continue
        if route.visits == 0 and shift.twin >= 0 and plan.routes[shift.twin].visits == 0:
            continue
        more, roads = day.more[x, shift.pace], shift.roads
        earliest_end = visit.opens + visit.occupies + more
        spare_work = min(shift.max_work, shift.max_span) - route.work - visit.work - more
        least = least_beside_legs(day, plan, v, x)
        first_k = first_slot(day, plan, v, x) if day.stocked else 0
        for k in range(first_k, route.length + 1):
            slot = plan.slots[v, k]
            if slot.clock > visit.closes:
                break
            added = day.cost[roads + slot.place, visit.place] - slot.leg_cost
            added += day.cost[roads + visit.place, slot.next_place]
            if slot.latest_clock < earliest_end or added + least >= best:
                continue
            begins = start_in_slot(day, plan, v, k, x)
            if begins == NEVER:
                continue
            more_travel = (
                day.travel[roads + slot.place, visit.place]
                + day.travel[roads + visit.place, slot.next_place]
                - slot.leg_travel
            )
            if more_travel > spare_work:
                continue
            cost = added + beside_legs(day, plan, v, k, x, more_travel)
            if cost >= best or (blink > 0.0 and draw(chance) < blink):
                continue
            best, best_v, best_k = cost, v, k
        if first_k > route.length and shift.depot >= 0:
            _, k, cost = cheapest_fetch(day, plan, v, x, -1, best)
            if k >= 0 and not (blink > 0.0 and draw(chance) < blink):
                best, best_v, best_k = cost, v, k
    return best_v, best_k, best


@lean
def least_beside_legs(day: Day, plan: Plan, v: int, x: int) -> float:
    """Return the least that visit x can add to route v's cost beside its legs: it may use up waiting."""
    route = plan.routes[v]
    takes = day.visits[x].occupies + day.more[x, day.shifts[v].pace]
    waited = max(0, route.span - route.busy)
    return float(preference(day, v, x) + day.span * float(takes - waited))


@lean
def beside_legs(day: Day, plan: Plan, v: int, k: int, x: int, more_travel: int) -> float:
    """Return what visit x before position k, where it fits, adds to route v's cost beside its legs.

    Infinity where the route would exceed its `max_span`.
    """
    visit, shift, route = day.visits[x], day.shifts[v], plan.routes[v]
    cost = preference(day, v, x)
    if day.balance > 0.0:
        more = float(more_travel + visit.work + day.more[x, shift.pace])
        cost += day.balance * more * (2.0 * route.work + more)
    if day.span > 0.0 or shift.max_span < shift.ends - shift.starts:
        length = span_with(day, plan, v, k, x)
        if length > shift.max_span:
            return np.inf
        if day.span > 0.0:
            cost += day.span * float(length - route.span - more_travel)
    return float(cost)


@lean
def past_depot(day: Day, plan: Plan, v: int, k: int, x: int) -> int:
    """Put a stop at the depot into route v if visit x before position k needs one; return where x goes then."""
    if day.shifts[v].depot < 0 or first_slot(day, plan, v, x) <= plan.routes[v].length:
        return k
    j, _, _ = cheapest_fetch(day, plan, v, x, k, np.inf)
    if j < 0:
        return k
    place_node(day, plan, v, j, int(day.shifts[v].depot))
    return k + 1


@lean
def cheapest_fetch(day: Day, plan: Plan, v: int, x: int, only: int, limit: float) -> tuple[int, int, float]:
    """Return where to stop at the depot and then serve x most cheaply: positions of both, and the added cost.

    Both positions count the nodes of route v as it is, which has no such stop yet. With `only` at 0
    or more, x goes before that position. Returns -1, -1, limit when nothing costs less than `limit`.
    """
    n = plan.routes[v].length
    depot, best, best_j, best_k = int(day.shifts[v].depot), limit, -1, -1
    if n + 2 >= plan.nodes.shape[1]:
        return best_j, best_k, best
    visits = day.visits.shape[0]
    visit, stop, shift, route = day.visits[x], day.visits[depot], day.shifts[v], plan.routes[v]
    extra = least_beside_legs(day, plan, v, x) + day.span * float(stop.occupies)
    exact = shift.max_span < shift.ends - shift.starts or day.span > 0.0
    roads, slower = shift.roads, day.more[x, shift.pace]
    spare_work = min(shift.max_work, shift.max_span) - route.work - visit.work - slower - stop.work
    before = route.cost
    for j in range(n + 1 if only < 0 else only + 1):
        slot = plan.slots[v, j]
        if slot.clock > stop.closes:
            break
        begins = start_in_slot(day, plan, v, j, depot)
        if begins == NEVER:
            continue
        detour = day.cost[roads + slot.place, stop.place] - slot.leg_cost
        detour += day.cost[roads + stop.place, slot.next_place]
        further = day.travel[roads + slot.place, stop.place] - slot.leg_travel
        further += day.travel[roads + stop.place, slot.next_place]
        place, ready, clock = stop.place, begins + stop.occupies, begins + stop.occupies
        for k in range(j, n + 1):
            after = plan.slots[v, k]
            leg_cost, leg_travel = after.leg_cost, after.leg_travel
            if k == j:
                leg_cost = day.cost[roads + place, after.next_place]
                leg_travel = day.travel[roads + place, after.next_place]
            there = day.travel[roads + place, visit.place]
            back = day.travel[roads + visit.place, after.next_place]
            added = detour + day.cost[roads + place, visit.place] - leg_cost
            added += day.cost[roads + visit.place, after.next_place]
            more = further + there + back
            if (only < 0 or only == k) and added + extra < best and more - leg_travel <= spare_work:
                starts = start_of_service(day, plan, x, max(ready + there, clock))
                ends = starts + visit.occupies + slower
                if starts != NEVER and ends <= after.latest_clock and ends + back <= after.latest_arrival:
                    cost = added + extra
                    if day.balance > 0.0:
                        longer = float(more - leg_travel + visit.work + slower + stop.work)
                        cost += day.balance * longer * (2.0 * route.work + longer)
                    if exact and cost < best:
                        cost = cost_by_doing(day, plan, v, j, k, x, before)
                    if cost < best:
                        best, best_j, best_k = cost, j, k
            if k == n:
                break
            node = int(plan.nodes[v, k])
            if node >= visits:
                pause = day.pauses[node - visits]
                clock = max(clock, pause.earliest) + pause.duration
                ready += pause.duration
                continue
            other = day.visits[node]
            arrival = max(ready + day.travel[roads + place, other.place], clock)
            if other.fixed_shift >= 0:
                clock = other.fixed_until
            else:
                clock = start_of_service(day, plan, node, arrival)
                clock += other.occupies + day.more[node, shift.pace]
            ready, place = clock, other.place
    return best_j, best_k, best


@lean
def cost_by_doing(day: Day, plan: Plan, v: int, j: int, k: int, x: int, before: float) -> float:
    """Return what the stop at the depot at j and visit x at k add to route v's cost, done and undone."""
    place_node(day, plan, v, j, int(day.shifts[v].depot))
    feasible = place_node(day, plan, v, k + 1, x)
    cost = plan.routes[v].cost - before if feasible else np.inf
    if feasible and span(day, plan, v) > day.shifts[v].max_span:
        cost = np.inf
    take_node(day, plan, v, k + 1)
    take_node(day, plan, v, j)
    return cost

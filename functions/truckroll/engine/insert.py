"""Where one more visit fits, and what that costs: constant time for each slot of a route."""

from __future__ import annotations

from typing import Any

import numpy as np

from truckroll.engine.arrays import Day, Plan
from truckroll.engine.chance import draw
from truckroll.engine.compiled import lean
from truckroll.engine.schedule import NEVER, reschedule, span_with, start_of_service
from truckroll.engine.stock import first_slot

IDLE = 3  # shifts with nothing to do that a visit looks at, nearest home first


@lean
def place_node(day: Day, plan: Plan, v: int, k: int, node: int) -> bool:
    """Put a node before position k of route v; tell whether the route is feasible with it."""
    n = plan.routes[v].length
    for i in range(n, k, -1):
        plan.nodes[v, i] = plan.nodes[v, i - 1]
    plan.nodes[v, k] = node
    plan.routes[v].length = n + 1
    return reschedule(day, plan, v)


@lean
def take_node(day: Day, plan: Plan, v: int, k: int) -> bool:
    """Take the node at position k out of route v; tell whether the route is feasible without it."""
    n = plan.routes[v].length
    node = plan.nodes[v, k]
    for i in range(k, n - 1):
        plan.nodes[v, i] = plan.nodes[v, i + 1]
    plan.routes[v].length = n - 1
    if node < day.visits.shape[0]:
        plan.shift_of[node] = -1
    return reschedule(day, plan, v)


@lean
def cheapest_slot(
    day: Day, plan: Plan, x: int, among: Any, first: int, last: int, limit: float, blink: float, chance: Any
) -> tuple[int, int, float]:
    """Return shift, position and added cost of the cheapest slot for visit x, or -1, -1, limit.

    For days without stock on which only the legs cost; `supplied.cheapest` serves any day. Searched
    are the shifts among[first:last]; only a cost below `limit` counts. Each candidate is
    overlooked with probability `blink` (Christiaens and Vanden Berghe, Transportation Science 54(2),
    2020).
    """
    ranges = plan.ranges
    count = 0
    for e in range(first, last):
        v = int(among[e])
        twin = day.shifts[v].twin
        idle = plan.routes[v].visits == 0 and twin >= 0 and plan.routes[twin].visits == 0
        if not idle and day.may_serve[v, x]:
            ranges[count, 0], ranges[count, 1], ranges[count, 2] = v, 0, plan.routes[v].length
            count += 1
    return cheapest_within(day, plan, x, count, limit, blink, chance)


@lean
def cheapest_nearby(
    day: Day, plan: Plan, x: int, limit: float, blink: float, chance: Any
) -> tuple[int, int, float]:
    """Return what `cheapest_slot` does for all shifts, having looked only where it is likely.

    That is beside the visits in `day.beside`, at the homes not farther than those, and in the
    nearest shifts with nothing to do.
    """
    visits = day.visits.shape[0]
    visit = day.visits[x]
    beside = day.beside[x]
    first, last, homes = visit.first_eligible, visit.last_eligible, visit.last_nearby
    ranges = plan.ranges
    count = 0
    for i in range(beside.shape[0]):
        if beside[i] < 0:
            break
        y = beside[i] >> 1
        v = plan.shift_of[y]
        if v < 0 or not day.may_serve[v, x]:
            continue
        low = plan.position_of[y] + (beside[i] & 1)
        high = low
        if beside[i] & 1:
            while high < plan.routes[v].length and plan.nodes[v, high] >= visits:
                high += 1
        else:
            while low > 0 and plan.nodes[v, low - 1] >= visits:
                low -= 1
        ranges[count, 0], ranges[count, 1], ranges[count, 2] = v, low, high
        count += 1
    for e in range(first, homes):
        v = day.eligible[e]
        n = plan.routes[v].length
        if plan.routes[v].visits > 0:
            ranges[count, 0], ranges[count, 1], ranges[count, 2] = v, 0, 0
            ranges[count + 1, 0], ranges[count + 1, 1], ranges[count + 1, 2] = v, n, n
            count += 2
    idle = 0
    for e in range(first, last):
        v = day.eligible[e]
        if plan.routes[v].visits == 0:
            ranges[count, 0], ranges[count, 1], ranges[count, 2] = v, 0, plan.routes[v].length
            count += 1
            idle += 1
            if idle == IDLE:
                break
    return cheapest_within(day, plan, x, count, limit, blink, chance)


@lean
def cheapest_within(
    day: Day, plan: Plan, x: int, count: int, limit: float, blink: float, chance: Any
) -> tuple[int, int, float]:
    """Return what `cheapest_slot` does for the slots in plan.ranges[:count]."""
    ranges = plan.ranges
    best, best_v, best_k = limit, -1, -1
    visit = day.visits[x]
    known, booked = visit.known, visit.booked_shift
    roads = np.int32(0)
    cost, cost_to = day.cost[visit.place], day.cost_to[visit.place]
    travel, travel_to = day.travel[visit.place], day.travel_to[visit.place]
    width = plan.nodes.shape[1]
    for i in range(count):
        v = ranges[i, 0]
        shift = day.shifts[v]
        route = plan.routes[v]
        if route.load + visit.load > shift.capacity or route.length >= width:
            continue
        limited = shift.max_span < shift.ends - shift.starts
        if shift.roads != roads:
            roads = shift.roads
            cost, cost_to = day.cost[roads + visit.place], day.cost_to[roads + visit.place]
            travel, travel_to = day.travel[roads + visit.place], day.travel_to[roads + visit.place]
        work = visit.work + day.more[x, shift.pace]
        takes = visit.occupies + day.more[x, shift.pace]
        earliest_end = visit.opens + takes
        spare_work = min(shift.max_work, shift.max_span) - route.work - work
        # As `preference` says, which is worth writing out here.
        extra = 0.0
        if booked >= 0 and booked != v:
            extra = day.stability
        if known and not day.knows[x, v]:
            extra += day.continuity
        for k in range(ranges[i, 1], ranges[i, 2] + 1):
            slot = plan.slots[v, k]
            if slot.clock > visit.closes:
                break
            added = cost_to[slot.place] + cost[slot.next_place] - slot.leg_cost + extra
            # One branch, rarely taken, is worth more than a comparison saved.
            if (slot.latest_clock < earliest_end) | (added >= best):
                continue
            arrival = max(slot.ready + travel_to[slot.place], slot.clock)
            begins = NEVER
            for w in range(visit.first_window, visit.last_window):
                if arrival <= plan.windows[w, 1]:
                    begins = max(arrival, plan.windows[w, 0])
                    break
            if begins == NEVER:
                continue
            ends = begins + takes
            if ends > slot.latest_clock or ends + travel[slot.next_place] > slot.latest_arrival:
                continue
            more_travel = travel_to[slot.place] + travel[slot.next_place] - slot.leg_travel
            if more_travel > spare_work:
                continue
            if day.balance > 0.0:
                more = float(more_travel + work)
                added += day.balance * more * (2.0 * route.work + more)
                if added >= best:
                    continue
            if blink > 0.0 and draw(chance) < blink:
                continue
            if limited and span_with(day, plan, v, k, x) > shift.max_span:
                continue
            best, best_v, best_k = added, v, k
    return best_v, best_k, best


@lean
def pause_fits(day: Day, plan: Plan, v: int, k: int, p: int) -> bool:
    """Tell whether pause p fits before position k of route v (its `max_span` aside)."""
    slot = plan.slots[v, k]
    pause = day.pauses[p]
    begins = max(slot.clock, pause.earliest)
    return bool(
        begins <= pause.latest
        and begins + pause.duration <= slot.latest_clock
        and slot.ready + pause.duration + slot.leg_travel <= slot.latest_arrival
    )


@lean
def start_in_slot(day: Day, plan: Plan, v: int, k: int, x: int) -> int:
    """Return when visit x would start (its buffer first) before position k of route v, or NEVER."""
    slot = plan.slots[v, k]
    visit, shift = day.visits[x], day.shifts[v]
    arrival = max(slot.ready + day.travel[shift.roads + slot.place, visit.place], slot.clock)
    begins = start_of_service(day, plan, x, arrival)
    ends = begins + visit.occupies + day.more[x, shift.pace]
    if begins == NEVER or ends > slot.latest_clock:
        return NEVER
    if ends + day.travel[shift.roads + visit.place, slot.next_place] > slot.latest_arrival:
        return NEVER
    return begins


@lean
def work_allows(day: Day, plan: Plan, v: int, k: int, x: int) -> bool:
    """Tell whether visit x before position k keeps route v within its work limit, capacity and stock."""
    slot = plan.slots[v, k]
    visit, shift = day.visits[x], day.shifts[v]
    route = plan.routes[v]
    there, back = shift.roads + slot.place, shift.roads + visit.place
    travel = day.travel[there, visit.place] + day.travel[back, slot.next_place] - slot.leg_travel
    return bool(
        route.work + travel + visit.work + day.more[x, shift.pace] <= shift.max_work
        and route.load + visit.load <= shift.capacity
        and (not day.stocked or first_slot(day, plan, v, x) <= k)
    )

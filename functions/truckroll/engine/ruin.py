"""Take strings of visits out of neighbouring routes, and in hand unserved ones that get another chance.

Slack induction by string removals, J. Christiaens and G. Vanden Berghe, Transportation Science
54(2), 2020; here with optional visits that have a price, and breaks that wander.
"""

from __future__ import annotations

from typing import Any

from truckroll.engine.arrays import Day, Plan
from truckroll.engine.chance import below, draw
from truckroll.engine.compiled import lean
from truckroll.engine.fetch import settle_depot
from truckroll.engine.groups import leads
from truckroll.engine.insert import pause_fits, place_node, take_node
from truckroll.engine.schedule import reschedule
from truckroll.engine.step import Loose, Manner, Trail, remember


@lean
def remove_string(day: Day, plan: Plan, manner: Manner, loose: Loose, v: int, at: int, chance: Any) -> None:
    """Take a string of nodes around position `at` out of route v; fixed visits and pauses stay."""
    n = plan.routes[v].length
    length = 1 + below(chance, int(min(manner.string, n)))
    kept = 0
    if draw(chance) < manner.split:
        while length + kept < n and draw(chance) < manner.keep_more:
            kept += 1
    low = max(0, at - (length + kept) + 1)
    high = min(at, n - (length + kept))
    start = low + below(chance, int(high - low + 1))
    keep_from = start + below(chance, length + 1) if kept > 0 else n
    w = 0
    for k in range(n):
        node = plan.nodes[v, k]
        inside = start <= k < start + length + kept and not keep_from <= k < keep_from + kept
        if inside and node < day.depots_from and day.visits[node].fixed_shift < 0:
            loose.visits[loose.total[0]] = node
            loose.total[0] += 1
            plan.shift_of[node] = -1
        else:
            plan.nodes[v, w] = node
            w += 1
    plan.routes[v].length = w


@lean
def wander(day: Day, plan: Plan, v: int, chance: Any) -> bool:
    """Put each break of route v into a random slot where it fits; tell whether the route is feasible."""
    visits = day.visits.shape[0]
    feasible = reschedule(day, plan, v)
    n = plan.routes[v].length
    for p in range(day.shifts[v].first_break, day.shifts[v].last_break):
        if not feasible:
            return False
        at = 0
        while at < n and plan.nodes[v, at] != visits + p:
            at += 1
        if at == n:
            continue
        for k in range(at, n - 1):
            plan.nodes[v, k] = plan.nodes[v, k + 1]
        plan.routes[v].length = n - 1
        feasible = reschedule(day, plan, v)
        seen, chosen = 0, at
        for k in range(n):
            if pause_fits(day, plan, v, k, p):
                seen += 1
                if draw(chance) * seen < 1.0:
                    chosen = k
        feasible = place_node(day, plan, v, chosen, visits + p)
    return feasible


@lean
def center_of_ruin(day: Day, manner: Manner, loose: Loose, count: int, chance: Any) -> tuple[int, bool]:
    """Return a visit around which to remove others, and whether it is to make room for that one.

    `count` visits are unserved, those in loose.unserved.
    """
    if count > 0 and draw(chance) < manner.seek:
        return int(loose.unserved[below(chance, count)]), True
    return below(chance, day.depots_from), False


@lean
def ruin(
    day: Day, plan: Plan, manner: Manner, trail: Trail, loose: Loose, center: int, room: bool, chance: Any
) -> bool:
    """Remove strings near the visit `center`; tell whether what is left is feasible.

    With `room`, only from routes that may serve that visit.
    """
    strings = 1 + int(draw(chance) * max(1.0, 4.0 * manner.removed / (1.0 + manner.string) - 1.0))
    feasible = True
    for i in range(day.near.shape[1]):
        if trail.size[0] >= strings:
            break
        x = int(day.near[center, i])
        v = int(plan.shift_of[x])
        if v < 0 or trail.touched[v] or (room and not day.may_serve[v, center]):
            continue
        remember(plan, trail, v)
        remove_string(day, plan, manner, loose, v, int(plan.position_of[x]), chance)
        if draw(chance) < manner.move_pauses:
            feasible = wander(day, plan, v, chance) and feasible
        else:
            feasible = reschedule(day, plan, v) and feasible
        if day.stocked:
            feasible = settle_depot(day, plan, v, chance) and feasible
    if day.groups.shape[0] > 0:
        feasible = take_whole_groups(day, plan, trail, loose) and feasible
    if day.ordered.shape[0] > 0:
        feasible = take_later_ones(day, plan, trail, loose) and feasible
    loose.removed[0] = loose.total[0]
    return feasible


@lean
def take_whole_groups(day: Day, plan: Plan, trail: Trail, loose: Loose) -> bool:
    """Take out what is left of groups of which a part is in hand; tell whether the rest is feasible."""
    feasible = True
    i = 0
    while i < loose.total[0]:
        x = int(loose.visits[i])
        g = int(day.visits[x].group)
        if g >= 0:
            loose.pins[i] = plan.windows[day.visits[x].first_window, 0]
            for p in range(day.groups[g].first_part, day.groups[g].last_part):
                other = int(day.parts[p].visit)
                v = int(plan.shift_of[other])
                if v >= 0:
                    remember(plan, trail, v)
                    feasible = take_node(day, plan, v, int(plan.position_of[other])) and feasible
                    loose.visits[loose.total[0]] = other
                    loose.total[0] += 1
        i += 1
    return feasible


@lean
def take_later_ones(day: Day, plan: Plan, trail: Trail, loose: Loose) -> bool:
    """Take out what comes later in the series of visits in hand; tell whether the rest is feasible."""
    for i in range(day.ordered.shape[0]):
        trail.splits[day.ordered[i]] = plan.splits[day.ordered[i]]
    feasible = True
    i = 0
    while i < loose.total[0]:
        later = int(day.visits[loose.visits[i]].successor)
        if later >= 0 and plan.shift_of[later] >= 0:
            v = int(plan.shift_of[later])
            remember(plan, trail, v)
            feasible = take_node(day, plan, v, int(plan.position_of[later])) and feasible
            loose.visits[loose.total[0]] = later
            loose.total[0] += 1
        i += 1
    return feasible


@lean
def give_another_chance(
    day: Day, plan: Plan, manner: Manner, trail: Trail, loose: Loose, center: int, count: int, chance: Any
) -> None:
    """Take in hand unserved visits that a touched route may serve, at most `retried` of them.

    First those near `center`, then any of the `count` in loose.unserved.
    """
    if count == 0:
        return
    for i in range(loose.total[0]):
        loose.held[loose.visits[i]] = True
    room = loose.total[0] + manner.retried
    for i in range(day.near.shape[1]):
        if loose.total[0] >= room - manner.retried // 2:
            break
        x = int(day.near[center, i])
        if plan.shift_of[x] < 0 and not loose.held[x]:
            take_in_hand(day, plan, trail, loose, x)
    offset = below(chance, count)
    for i in range(count):
        if loose.total[0] >= room:
            break
        x = int(loose.unserved[(offset + i) % count])
        if not loose.held[x]:
            take_in_hand(day, plan, trail, loose, x)
    for i in range(loose.total[0]):
        loose.held[loose.visits[i]] = False


@lean
def take_in_hand(day: Day, plan: Plan, trail: Trail, loose: Loose, x: int) -> None:
    """Take unserved visit x in hand if a touched route may serve it, with it all its group or those it leads to.

    Those of a series come only if the one before them is served or in hand.
    """
    g = int(day.visits[x].group)
    if g >= 0 and not leads(day, x):
        return
    before = int(day.visits[x].predecessor)
    if before >= 0 and plan.shift_of[before] < 0 and not loose.held[before]:
        return
    for t in range(trail.size[0]):
        if not day.may_serve[trail.shifts[t], x]:
            continue
        first, last = (0, 1) if g < 0 else (day.groups[g].first_part, day.groups[g].last_part)
        for p in range(first, last):
            one = x if g < 0 else int(day.parts[p].visit)
            loose.visits[loose.total[0]] = one
            loose.held[one] = True
            loose.total[0] += 1
        later = int(day.visits[x].successor)
        while later >= 0 and not loose.held[later]:
            loose.visits[loose.total[0]] = later
            loose.held[later] = True
            loose.total[0] += 1
            later = int(day.visits[later].successor)
        return

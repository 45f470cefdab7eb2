"""Take strings of visits out of neighbouring routes and put them back greedily.

Slack induction by string removals, J. Christiaens and G. Vanden Berghe, Transportation Science
54(2), 2020; here with optional visits that have a price, breaks that wander, and orders of
reinsertion that know who is hard to place.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from truckroll.engine.arrays import Day, Plan, empty_plan
from truckroll.engine.chance import below, draw
from truckroll.engine.compiled import compiled, lean
from truckroll.engine.fetch import settle_depot
from truckroll.engine.groups import (
    OPTIONS,
    cheapest_for_group,
    leads,
    pin,
    place_group,
    price_of_group,
    shifts_for_lead,
)
from truckroll.engine.insert import cheapest_nearby, pause_fits, place_node, take_node
from truckroll.engine.order import (
    find_in_turn,
    first_held,
    is_ordered,
    narrow,
    place_in_turn,
    price_with_later,
)
from truckroll.engine.schedule import NEVER, copy_schedule, reschedule
from truckroll.engine.supplied import cheapest, past_depot


class Manner(NamedTuple):
    """How big a step is, and how greedy."""

    removed: float = 10.0  # visits taken out on average
    string: int = 10  # the longest string taken from one route
    split: float = 0.5  # share of strings that keep a few visits in their middle
    keep_more: float = 0.5  # how likely such a string keeps one more
    blink: float = 0.01  # how likely a slot is overlooked
    move_pauses: float = 0.3  # share of ruined routes whose breaks are placed anew
    retried: int = 20  # unserved visits tried again in one step, half of them near the ruin
    seek: float = 0.2  # share of steps that make room for an unserved visit, where there are any
    forced: float = 0.1  # share of those that serve it at any price, for others to join it
    many: int = 300  # slots from which a removed visit looks only at the likely ones
    thorough: float = 0.05  # share of steps that look at all of them nevertheless


class Trail(NamedTuple):
    """How to undo a step: the routes it touched, as they were."""

    saved: Plan  # a row for each of `shifts`, in that order
    shifts: NDArray[np.int32]
    touched: NDArray[np.bool_]
    size: NDArray[np.int64]
    splits: NDArray[np.int32]  # as they were, by visit


class Loose(NamedTuple):
    """The visits in hand: those just removed first, then unserved ones that get another chance."""

    visits: NDArray[np.int32]
    pins: NDArray[np.int32]  # when a removed part of a group began
    keys: NDArray[np.float64]
    removed: NDArray[np.int64]
    total: NDArray[np.int64]
    unserved: NDArray[np.int32]  # room for the visits the plan leaves out
    held: NDArray[np.bool_]  # by visit, whether it is in hand; false between uses


def empty_trail(plan: Plan) -> Trail:
    """Return a trail with room for every route."""
    shifts, width = plan.nodes.shape
    return Trail(
        saved=empty_plan(shifts, 0, width, np.zeros((0, 2), np.int32), plan.used.shape[1]),
        shifts=np.zeros(shifts, np.int32),
        touched=np.zeros(shifts, np.bool_),
        size=np.zeros(1, np.int64),
        splits=plan.splits.copy(),
    )


def empty_loose(visits: int) -> Loose:
    """Return an empty hand with room for every visit."""
    return Loose(
        visits=np.zeros(visits, np.int32),
        pins=np.zeros(visits, np.int32),
        keys=np.zeros(visits),
        removed=np.zeros(1, np.int64),
        total=np.zeros(1, np.int64),
        unserved=np.zeros(visits, np.int32),
        held=np.zeros(visits, np.bool_),
    )


@lean
def remember(plan: Plan, trail: Trail, v: int) -> None:
    """Save route v before its first change in this step."""
    if trail.touched[v]:
        return
    i = trail.size[0]
    copy_schedule(plan, v, trail.saved, i)
    trail.shifts[i] = v
    trail.touched[v] = True
    trail.size[0] = i + 1


@lean
def undo(day: Day, plan: Plan, trail: Trail, loose: Loose) -> None:
    """Bring back the routes of the trail, and with them the visits in hand."""
    visits = day.visits.shape[0]
    for i in range(loose.total[0]):
        x = int(loose.visits[i])
        plan.shift_of[x] = -1
        if i < loose.removed[0] and day.visits[x].group >= 0:
            pin(day, plan, x, int(loose.pins[i]))
    for i in range(trail.size[0]):
        v = int(trail.shifts[i])
        copy_schedule(trail.saved, i, plan, v)
        for k in range(plan.routes[v].length):
            node = plan.nodes[v, k]
            if node < visits:
                plan.shift_of[node] = v
                plan.position_of[node] = k
    for i in range(day.ordered.shape[0]):
        x = int(day.ordered[i])
        if plan.splits[x] != trail.splits[x]:
            plan.splits[x] = trail.splits[x]
            before = int(day.visits[x].predecessor)
            narrow(day, plan, x, int(plan.shift_of[x]))
            narrow(day, plan, before, int(plan.shift_of[before]))


@lean
def forget(trail: Trail) -> None:
    """Clear the trail."""
    for i in range(trail.size[0]):
        trail.touched[trail.shifts[i]] = False
    trail.size[0] = 0


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

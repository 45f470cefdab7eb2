"""Visits that are served together: where all the parts of a group fit at once, and what that costs.

Each slot a part fits gives a range of starts of the group at a cost that does not depend on the
start. The cheapest combination begins at the first start of one of these ranges, so those are tried.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from truckroll.engine.arrays import Day, Plan
from truckroll.engine.chance import draw
from truckroll.engine.compiled import compiled
from truckroll.engine.insert import place_node, take_node
from truckroll.engine.schedule import NEVER, preference, span, span_with
from truckroll.engine.stock import first_slot

OPTION = np.dtype(
    [
        ("cost", np.float64),
        ("shift", np.int32),
        ("position", np.int32),
        ("first", np.int32),  # range of the group's starts
        ("last", np.int32),
    ],
    align=True,
)
OPTIONS = 96  # cheapest slots looked at for each part in a step of the search
TRIED = 4  # shifts tried at one start for a role of several parts
LOOKS = 2000  # at combinations of shifts for one start


@compiled
def leads(day: Day, x: int) -> bool:
    """Tell whether visit x stands for its group, being the first of its parts."""
    return bool(day.parts[day.groups[day.visits[x].group].first_part].visit == x)


@compiled
def eligible_for(day: Day, x: int) -> Any:
    """Return the shifts that may serve visit x."""
    return day.eligible[day.visits[x].first_eligible : day.visits[x].last_eligible]


@compiled
def shifts_for_lead(day: Day, g: int) -> Any:
    """Return the shifts that may serve the first part of group g."""
    return eligible_for(day, int(day.parts[day.groups[g].first_part].visit))


@compiled
def price_of_group(day: Day, g: int) -> float:
    """Return what leaving the group unserved costs."""
    total = 0.0
    for p in range(day.groups[g].first_part, day.groups[g].last_part):
        total += day.visits[day.parts[p].visit].price
    return total


@compiled
def pin(day: Day, plan: Plan, x: int, begins: int) -> None:
    """Decide when part x begins."""
    for w in range(day.visits[x].first_window, day.visits[x].last_window):
        plan.windows[w, 0] = begins
        plan.windows[w, 1] = begins


@compiled
def added_cost(day: Day, plan: Plan, v: int, k: int, x: int) -> float:
    """Return what visit x adds to the cost of route v before position k; infinite where it may not be."""
    visit = day.visits[x]
    shift = day.shifts[v]
    route = plan.routes[v]
    slot = plan.slots[v, k]
    roads = shift.roads
    more = day.travel[roads + slot.place, visit.place] + day.travel[roads + visit.place, slot.next_place]
    more += visit.work - slot.leg_travel
    if route.work + more > shift.max_work or route.load + visit.load > shift.capacity:
        return np.inf
    if day.stocked and first_slot(day, plan, v, x) > k:
        return np.inf
    added = float(day.cost[roads + slot.place, visit.place] - slot.leg_cost) + preference(day, v, x)
    added += float(day.cost[roads + visit.place, slot.next_place])
    added += day.span * float(visit.occupies)
    return added + day.balance * float(more) * float(2 * route.work + more)


@compiled
def slots_of_part(
    day: Day, plan: Plan, p: int, among: Any, options: Any, limit: float, blink: float, chance: Any
) -> int:
    """Fill `options` with the slots of the shifts `among` that part p fits, cheapest first; return how many."""
    x = day.parts[p].visit
    after = day.parts[p].after
    visit = day.visits[x]
    count, most = 0, options.shape[0]
    for e in range(among.shape[0]):
        v = int(among[e])
        if not day.may_serve[v, x] or plan.routes[v].length >= plan.nodes.shape[1]:
            continue
        roads = day.shifts[v].roads
        for k in range(plan.routes[v].length + 1):
            slot = plan.slots[v, k]
            if slot.clock > visit.closes:
                break
            cost = added_cost(day, plan, v, k, x)
            if cost >= limit or (count == most and cost >= options[most - 1].cost):
                continue
            if blink > 0.0 and draw(chance) < blink:
                continue
            arrival = max(slot.ready + day.travel[roads + slot.place, visit.place], slot.clock)
            latest = slot.latest_arrival - day.travel[roads + visit.place, slot.next_place]
            latest = min(latest, slot.latest_clock) - visit.occupies
            for w in range(visit.first_window, visit.last_window):
                first = max(arrival, day.windows[w, 0])
                last = min(latest, day.windows[w, 1])
                if first > last:
                    continue
                at = min(count, most - 1)
                while at > 0 and options[at - 1].cost > cost:
                    options[at] = options[at - 1]
                    at -= 1
                option = options[at]
                option.cost, option.shift, option.position = cost, v, k
                option.first, option.last = first - after, last - after
                count = min(count + 1, most)
    return count


@compiled
def place_part(day: Day, plan: Plan, p: int, v: int, start: int) -> bool:
    """Put part p of a group that begins at `start` where it is cheapest on shift v; tell whether it fits."""
    x = int(day.parts[p].visit)
    visit = day.visits[x]
    begins = start + day.parts[p].after
    if not day.may_serve[v, x] or plan.routes[v].length >= plan.nodes.shape[1]:
        return False
    roads = day.shifts[v].roads
    best, best_k = np.inf, -1
    for k in range(plan.routes[v].length + 1):
        slot = plan.slots[v, k]
        if slot.clock > begins:
            break
        if slot.ready + day.travel[roads + slot.place, visit.place] > begins:
            continue
        ends = begins + visit.occupies
        back = day.travel[roads + visit.place, slot.next_place]
        if ends > slot.latest_clock or ends + back > slot.latest_arrival:
            continue
        cost = added_cost(day, plan, v, k, x)
        if cost < best:
            best, best_k = cost, k
    if best_k < 0:
        return False
    pin(day, plan, x, begins)
    if place_node(day, plan, v, best_k, x):
        return True
    take_node(day, plan, v, best_k)
    return False


@compiled
def place_role(day: Day, plan: Plan, first: int, last: int, v: int, start: int) -> bool:
    """Put the parts first:last of a group on shift v, all or none; tell whether they fit."""
    placed = first
    while placed < last and place_part(day, plan, placed, v, start):
        placed += 1
    limit = day.shifts[v].max_span
    free = limit >= day.shifts[v].ends - day.shifts[v].starts
    if placed == last and (free or span(day, plan, v) <= limit):
        return True
    for p in range(first, placed):
        take_node(day, plan, v, int(plan.position_of[day.parts[p].visit]))
    return False


@compiled
def choices_of_role(
    day: Day, plan: Plan, first: int, last: int, start: int, options: Any, counts: Any, choices: Any
) -> int:
    """Fill `choices` with the shifts that can take parts first:last at `start`, cheapest first; return how many.

    `options` and `counts` are those of these parts.
    """
    count = 0
    tried = choices.shape[0] if last == first + 1 else min(TRIED, choices.shape[0])
    for i in range(counts[0]):
        if count == tried:
            break
        option = options[0, i]
        v = int(option.shift)
        if not option.first <= start <= option.last or _holds(choices, count, v):
            continue
        cost = option.cost
        if last > first + 1:
            before = plan.routes[v].cost
            if not place_role(day, plan, first, last, v, start):
                continue
            cost = plan.routes[v].cost - before
            for p in range(first, last):
                take_node(day, plan, v, int(plan.position_of[day.parts[p].visit]))
        elif day.shifts[v].max_span < day.shifts[v].ends - day.shifts[v].starts:
            x = int(day.parts[first].visit)
            pin(day, plan, x, start + day.parts[first].after)
            if span_with(day, plan, v, int(option.position), x) > day.shifts[v].max_span:
                continue
        at = count
        while at > 0 and choices[at - 1].cost > cost:
            choices[at] = choices[at - 1]
            at -= 1
        choices[at].cost, choices[at].shift = cost, v
        count += 1
    return count


@compiled
def _holds(choices: Any, count: int, v: int) -> bool:
    found = False
    for i in range(count):
        found = found or choices[i].shift == v
    return found


@compiled
def _taken(chosen: Any, count: int, v: int) -> bool:
    found = False
    for i in range(count):
        found = found or chosen[i] == v
    return found


@compiled
def covered(day: Day, g: int, chosen: Any) -> bool:
    """Tell whether the shifts chosen for a group's roles bring along all it needs."""
    for c in range(day.groups[g].first_cover, day.groups[g].last_cover):
        found = False
        for role in range(day.groups[g].roles):
            found = found or bool(day.covers[c, chosen[role]])
        if not found:
            return False
    return True


@compiled
def cheapest_shifts(day: Day, g: int, choices: Any, counts: Any, limit: float, found: Any) -> float:
    """Fill `found` with different shifts for the roles, the cheapest below `limit`; return their cost, or `limit`."""
    roles = int(day.groups[g].roles)
    best = limit
    rest = np.zeros(roles + 1)
    for role in range(roles - 1, -1, -1):
        if counts[role] == 0:
            return limit
        rest[role] = rest[role + 1] + choices[role, 0].cost
    at = np.zeros(roles, np.int64)
    chosen = np.full(roles, -1, np.int64)
    cost = np.zeros(roles + 1)
    role, looks = 0, 0
    while role >= 0:
        looks += 1
        if at[role] == counts[role] or looks > LOOKS:
            role -= 1
            continue
        choice = choices[role, at[role]]
        at[role] += 1
        total = cost[role] + choice.cost
        if total + rest[role + 1] >= best:
            at[role] = counts[role]
            continue
        if _taken(chosen, role, choice.shift):
            continue
        chosen[role] = choice.shift
        if role + 1 < roles:
            role += 1
            cost[role] = total
            at[role] = 0
        elif covered(day, g, chosen):
            best = total
            found[:roles] = chosen
    return best


@compiled
def cheapest_for_group(
    day: Day, plan: Plan, g: int, among: Any, limit: float, most: int, blink: float, chance: Any, found: Any
) -> tuple[int, float]:
    """Return when group g is served most cheaply, and the cost; NEVER and `limit` when nothing costs less.

    Its first part goes to one of the shifts `among`; `found` receives the shifts, by role. At most
    `most` slots of each part are looked at.
    """
    first, last = int(day.groups[g].first_part), int(day.groups[g].last_part)
    roles = int(day.groups[g].roles)
    options = np.empty((last - first, most), OPTION)
    counts = np.zeros(last - first, np.int64)
    for i in range(last - first):
        own = among if i == 0 else eligible_for(day, int(day.parts[first + i].visit))
        counts[i] = slots_of_part(day, plan, first + i, own, options[i], limit, blink, chance)
        if counts[i] == 0:
            return NEVER, limit
    # Without covers, as many shifts as there are roles always hold the cheapest different ones.
    width = most if day.groups[g].last_cover > day.groups[g].first_cover else min(most, max(roles, TRIED))
    choices = np.empty((roles, width), OPTION)
    choice_counts = np.zeros(roles, np.int64)
    best, best_start = limit, NEVER
    shifts = np.zeros(roles, np.int64)
    for j in range(last - first):
        for i in range(counts[j]):
            start = int(options[j, i].first)
            if _least(day, first, options, counts, start) >= best:
                continue
            a = 0
            for role in range(roles):
                b = a
                while b < last - first and day.parts[first + b].role == role:
                    b += 1
                choice_counts[role] = choices_of_role(
                    day, plan, first + a, first + b, start, options[a:b], counts[a:b], choices[role]
                )
                a = b
            cost = cheapest_shifts(day, g, choices, choice_counts, best, shifts)
            if cost < best:
                best, best_start = cost, start
                found[:roles] = shifts
    return best_start, best


@compiled
def _least(day: Day, first: int, options: Any, counts: Any, start: int) -> float:
    """Return what the parts from `first` on cost at `start` at least; infinite where one does not fit."""
    total, of_role = 0.0, 0.0
    for j in range(counts.shape[0]):
        i = 0
        while i < counts[j] and not options[j, i].first <= start <= options[j, i].last:
            i += 1
        if i == counts[j]:
            return np.inf
        # Parts of one role may share their way: the dearest of them counts.
        if j > 0 and day.parts[first + j].role == day.parts[first + j - 1].role:
            of_role = max(of_role, options[j, i].cost)
        else:
            total += of_role
            of_role = options[j, i].cost
    return total + of_role


@compiled
def place_group(day: Day, plan: Plan, g: int, start: int, shifts: Any) -> bool:
    """Put all parts of group g on these shifts, one for each role; tell whether the routes are feasible."""
    first, last = int(day.groups[g].first_part), int(day.groups[g].last_part)
    a = first
    while a < last:
        b = a
        while b < last and day.parts[b].role == day.parts[a].role:
            b += 1
        if not place_role(day, plan, a, b, int(shifts[day.parts[a].role]), start):
            for p in range(first, a):
                x = int(day.parts[p].visit)
                take_node(day, plan, int(plan.shift_of[x]), int(plan.position_of[x]))
            return False
        a = b
    return True

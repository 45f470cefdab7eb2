"""Visits of one job one after the other: when each may begin, whatever shift it and the one before it are on.

Between two that are served lies a split, a time at which the later one may begin: its windows are
kept behind that, those of the earlier one so far before it that it will be over. So each route
can be searched by itself. The split is half-way between the two as they are planned, which on
different days hinders neither. On one route their order says enough.
"""

from __future__ import annotations

from typing import Any

from truckroll.engine.arrays import NO_SPLIT, Day, Plan
from truckroll.engine.chance import below, draw
from truckroll.engine.compiled import lean
from truckroll.engine.insert import place_node
from truckroll.engine.schedule import reschedule
from truckroll.engine.supplied import cheapest, past_depot

LATEST = 2**30
LEAVE_TIME = (
    0.5  # how often a visit is placed so that one that follows it could go to a shift drawn at random
)


@lean
def is_ordered(day: Day, x: int) -> bool:
    """Tell whether visit x has one before or after it in a series."""
    return bool(day.visits[x].predecessor >= 0 or day.visits[x].successor >= 0)


@lean
def first_of(day: Day, x: int) -> int:
    """Return the first visit of x's series."""
    while day.visits[x].predecessor >= 0:
        x = int(day.visits[x].predecessor)
    return x


@lean
def first_left(day: Day, plan: Plan, x: int) -> int:
    """Return the first visit of x's series that is unserved, or -1."""
    x = first_of(day, x)
    while x >= 0 and plan.shift_of[x] >= 0:
        x = int(day.visits[x].successor)
    return x


@lean
def first_held(day: Day, held: Any, x: int) -> int:
    """Return the first visit of x's series that is held; one of them must be."""
    x = first_of(day, x)
    while not held[x]:
        x = int(day.visits[x].successor)
    return x


@lean
def price_with_later(day: Day, x: int) -> float:
    """Return what leaving out x and all that then can't follow it costs."""
    total = 0.0
    while x >= 0:
        total += day.visits[x].price
        x = int(day.visits[x].successor)
    return total


@lean
def lag_after(day: Day, x: int, v: int) -> int:
    """Return how long after visit x begins on shift v its successor may; at the longest, without a shift."""
    lag = int(day.visits[day.visits[x].successor].lag)
    if v >= 0:
        return lag + int(day.more[x, day.shifts[v].pace])
    longest = int(day.more[x, 0])
    for pace in range(day.more.shape[1]):
        longest = max(longest, int(day.more[x, pace]))
    return lag + longest


@lean
def narrow(day: Day, plan: Plan, x: int, v: int) -> None:
    """Keep visit x, on shift v or none yet, to its windows behind its own split and before that of its successor."""
    visit = day.visits[x]
    low, high = int(plan.splits[x]), LATEST
    if visit.successor >= 0 and plan.splits[visit.successor] != NO_SPLIT:
        high = int(plan.splits[visit.successor]) - lag_after(day, x, v)
    for w in range(visit.first_window, visit.last_window):
        opens, closes = max(low, int(day.windows[w, 0])), min(high, int(day.windows[w, 1]))
        # A window without time left is one that nobody can meet.
        plan.windows[w, 0] = opens if opens <= closes else LATEST
        plan.windows[w, 1] = closes if opens <= closes else NO_SPLIT


@lean
def begin_of(plan: Plan, x: int) -> int:
    """Return when visit x begins as planned, its buffer first."""
    return int(plan.begins[plan.shift_of[x], plan.position_of[x]])


@lean
def open_turn(day: Day, plan: Plan, x: int) -> bool:
    """Give visit x, which is on no route, the time between its neighbours, who keep theirs meanwhile.

    False when the one before it is left out: then x can't be served.
    """
    visit = day.visits[x]
    plan.splits[x] = NO_SPLIT
    later = int(visit.successor)
    if later >= 0:
        plan.splits[later] = begin_of(plan, later) if plan.shift_of[later] >= 0 else NO_SPLIT
    before = int(visit.predecessor)
    if before >= 0:
        if plan.shift_of[before] < 0:
            return False
        v = int(plan.shift_of[before])
        plan.splits[x] = begin_of(plan, before) + lag_after(day, before, v)
        narrow(day, plan, before, v)
        reschedule(day, plan, v)
    narrow(day, plan, x, -1)
    return True


@lean
def close_turn(day: Day, plan: Plan, x: int) -> None:
    """Put the split half-way between visit x and the one before it; none where one of them is left out."""
    visit = day.visits[x]
    before = int(visit.predecessor)
    v, w = -1, int(plan.shift_of[x])
    if before < 0:
        narrow(day, plan, x, w)
        return
    v = int(plan.shift_of[before])
    follows = v == w and visit.lag <= day.visits[before].occupies
    if v < 0 or w < 0 or follows:
        plan.splits[x] = NO_SPLIT
    else:
        plan.splits[x] = (begin_of(plan, before) + lag_after(day, before, v) + begin_of(plan, x)) // 2
    narrow(day, plan, before, v)
    narrow(day, plan, x, w)
    if v >= 0:
        reschedule(day, plan, v)
    if w >= 0 and w != v:
        reschedule(day, plan, w)


@lean
def close_turns(day: Day, plan: Plan, x: int) -> None:
    """Close the turns on both sides of visit x."""
    close_turn(day, plan, x)
    if day.visits[x].successor >= 0:
        close_turn(day, plan, int(day.visits[x].successor))


@lean
def find_in_turn(day: Day, plan: Plan, x: int, limit: float, blink: float, chance: Any) -> tuple[int, int]:
    """Open visit x's turn; return shift and position of its cheapest slot, or -1, -1.

    Now and then it is the cheapest that leaves time for the next of its series on some shift.
    """
    if not open_turn(day, plan, x):
        return -1, -1
    visit = day.visits[x]
    first, last = int(visit.first_eligible), int(visit.last_eligible)
    later = int(visit.successor)
    if later >= 0 and draw(chance) < LEAVE_TIME:
        among = day.visits[later].last_eligible - day.visits[later].first_eligible
        if among > 0:
            v = day.eligible[day.visits[later].first_eligible + below(chance, int(among))]
            plan.splits[later] = day.shifts[v].closes - day.visits[later].occupies
            narrow(day, plan, x, -1)
            v, k, _ = cheapest(day, plan, x, day.eligible, first, last, limit, blink, chance)
            plan.splits[later] = NO_SPLIT
            if v >= 0:
                return v, k
            narrow(day, plan, x, -1)
    v, k, _ = cheapest(day, plan, x, day.eligible, first, last, limit, blink, chance)
    return v, k


@lean
def place_in_turn(day: Day, plan: Plan, x: int, v: int, k: int) -> bool:
    """Put visit x before position k of route v, if v is one, and close its turn; tell whether that is feasible."""
    feasible = True
    if v >= 0:
        feasible = place_node(day, plan, v, past_depot(day, plan, v, k, x) if day.stocked else k, x)
    close_turn(day, plan, x)
    return feasible

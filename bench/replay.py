"""Somebody else's routes as a solution of ours: who goes where in which order, given times by simulation.

Shares no code with the engine. A visit that the exact model has no room for at its place in the
order (others know breaks and longest days only roughly) is left out, and so counts as unserved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from bench.checker import objective

from truckroll.engine.model import Pause, Problem, Route, Shift, Solution, Stop, Unserved

AWAY = -1


@dataclass(frozen=True)
class Item:
    """A visit, or a pause when `visit` is AWAY; `windows` bound its begin."""

    visit: int
    place: int
    duration: int
    windows: tuple[tuple[int, int], ...]
    index: int = -1


def replayed(problem: Problem, orders: Sequence[Sequence[int]]) -> Solution:
    """Return the solution of these orders, one for each shift; fixed visits and set-up times are not covered."""
    served: set[int] = set()
    routes = []
    for v, order in enumerate(orders):
        items, kept = _kept(problem, v, [x for x in order if x not in served])
        served |= set(kept)
        routes.append(_route(problem, v, items))
    left = tuple(
        Unserved(x, "not_worth_the_travel", {}) for x in range(len(problem.visits)) if x not in served
    )
    solution = Solution(tuple(routes), left, 0.0, 0, ())
    return Solution(tuple(routes), left, objective(problem, solution), 0, ())


def _kept(problem: Problem, v: int, order: Sequence[int]) -> tuple[list[Item], list[int]]:
    """Return the items of the route in order, and the visits kept."""
    whole = _arranged(problem, v, order)
    if whole is not None:
        return whole, list(order)
    kept: list[int] = []
    items = _arranged(problem, v, [])
    for x in order:
        longer = _arranged(problem, v, [*kept, x])
        if longer is not None:
            kept.append(x)
            items = longer
    return items or [], kept


def _arranged(problem: Problem, v: int, order: Sequence[int]) -> list[Item] | None:
    """Return visits and pauses in an order that works, or None."""
    shift = problem.shifts[v]
    visits = [_item(problem, x) for x in order]
    if any(v not in problem.visits[x].eligible for x in order):
        return None
    if shift.capacity is not None and sum(problem.visits[x].load for x in order) > shift.capacity:
        return None
    pauses = _pauses(shift)
    for slots in combinations(range(len(visits) + len(pauses)), len(pauses)):
        rest, waiting = iter(visits), iter(pauses)
        items = [next(waiting) if k in slots else next(rest) for k in range(len(visits) + len(pauses))]
        times = _begins(problem, shift, items)
        if times is None:
            continue
        begins, ends = times
        leaves, paused = _departure(problem, shift, items, begins, ends)
        if shift.max_span is None or not visits or ends - leaves - paused <= shift.max_span:
            return items
    return None


def _item(problem: Problem, x: int) -> Item:
    visit = problem.visits[x]
    return Item(x, visit.place, visit.duration, visit.windows or ((0, 2**40),))


def _pauses(shift: Shift) -> list[Item]:
    """Return unavailable times and breaks by their earliest begin."""
    off = [(max(a, shift.starts), min(b, shift.ends)) for a, b in shift.unavailable]
    pauses = [Item(AWAY, AWAY, b - a, ((a, a),)) for a, b in off if a < b]
    pauses += [
        Item(AWAY, AWAY, one.duration, ((one.earliest, one.latest),), i) for i, one in enumerate(shift.breaks)
    ]
    return sorted(pauses, key=lambda one: one.windows[0])


def _begins(problem: Problem, shift: Shift, items: Sequence[Item]) -> tuple[list[int], int] | None:
    """Return when each item begins at the earliest, and when the route is over; None when it can't be."""
    place, ready, clock = shift.start_place, shift.starts, shift.starts
    begins: list[int] = []
    for item in items:
        arrival = clock if item.visit == AWAY else max(ready + _leg(problem, place, item.place), clock)
        opens = next((max(arrival, a) for a, b in item.windows if arrival <= b), None)
        if opens is None or opens + item.duration > shift.ends:
            return None
        begins.append(opens)
        clock = opens + item.duration
        if item.visit == AWAY:
            ready += item.duration
        else:
            ready, place = clock, item.place
    over = max(ready + _leg(problem, place, shift.end_place), clock)
    return (begins, over) if over <= shift.ends else None


def _departure(
    problem: Problem, shift: Shift, items: Sequence[Item], begins: list[int], ends: int
) -> tuple[int, int]:
    """Return the latest time to leave so that the route is over by `ends`, and the pauses after it.

    `begins` becomes the schedule that belongs to it.
    """
    reach, bound, paused = ends, ends, 0
    place = shift.end_place
    for k in range(len(items) - 1, -1, -1):
        item = items[k]
        if item.visit == AWAY:
            begins[k] = max(begins[k], min(item.windows[-1][1], bound - item.duration))
            reach -= item.duration
            bound = begins[k]
            paused += item.duration
            continue
        limit = min(bound, reach - _leg(problem, item.place, place)) - item.duration
        closes = next(b for a, b in item.windows if a <= begins[k] <= b)
        begins[k] = min(limit, closes)
        reach = bound = begins[k]
        place = item.place
    leaves = max(shift.starts, min(bound, reach - _leg(problem, shift.start_place, place)))
    before = [k for k, item in enumerate(items) if begins[k] + item.duration <= leaves]
    return leaves, paused - sum(items[k].duration for k in before if items[k].visit == AWAY)


def _route(problem: Problem, v: int, items: list[Item]) -> Route:
    shift = problem.shifts[v]
    times = _begins(problem, shift, items)
    if times is None:
        raise AssertionError(f"{shift.id}: not even its pauses fit")
    begins, ends = times
    leaves, _ = _departure(problem, shift, items, begins, ends)
    place, stops, pauses = shift.start_place, [], []
    for item, begin in zip(items, begins, strict=True):
        if item.visit == AWAY:
            pauses.append(Pause(begin, begin + item.duration, item.index))
            continue
        leg, metres = _leg(problem, place, item.place), _metres(problem, place, item.place)
        stops.append(Stop(item.visit, begin, begin, begin + item.duration, leg, metres))
        place = item.place
    home, home_m = _leg(problem, place, shift.end_place), _metres(problem, place, shift.end_place)
    travel = sum(stop.travel_s for stop in stops) + home
    return Route(
        shift=v,
        stops=tuple(stops),
        breaks=tuple(one for one in pauses if one.index >= 0),
        starts=leaves if stops else shift.starts,
        ends=ends if stops else shift.starts + home,
        travel_s=travel,
        distance_m=sum(stop.distance_m for stop in stops) + home_m,
        work_s=travel + sum(stop.ends - stop.starts for stop in stops),
    )


def _leg(problem: Problem, a: int, b: int) -> int:
    return int(problem.travel[a, b]) if a != b else 0


def _metres(problem: Problem, a: int, b: int) -> int:
    return int(problem.distance[a, b]) if problem.distance is not None and a != b else 0

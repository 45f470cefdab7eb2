"""Judges a plan from its times alone, sharing no code with the engine's schedules.

Every promise of the model is written down once more here, in the plainest way: a list of what is
wrong with a solution, empty when nothing is.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from bench.pace import takes_s, way_s
from bench.van_stock import missing_stock

from truckroll.engine.model import Fetch, Problem, Route, Shift, Solution, Stop, Visit

Interval = tuple[int, int]


def violations(problem: Problem, solution: Solution) -> list[str]:
    """Return what is wrong with a solution, in words."""
    found = [*_roll_call(problem, solution), *_groups(problem, solution), *_series(problem, solution)]
    for route in solution.routes:
        shift = problem.shifts[route.shift]
        found += [f"shift {shift.id}: {one}" for one in _route(problem, route)]
    cost = objective(problem, solution)
    if abs(cost - solution.objective) > 1e-6 * max(1.0, abs(cost)):
        found.append(f"the objective is {cost}, not {solution.objective}")
    return found


def objective(problem: Problem, solution: Solution) -> float:
    """Return what the plan costs, counted from the matrices."""
    weights = problem.weights
    total, work = 0.0, []
    for route in solution.routes:
        shift = problem.shifts[route.shift]
        places = [shift.start_place, *(problem.visits[s.visit].place for s in route.stops), shift.end_place]
        if route.fetch is not None and shift.depot is not None:
            places.insert(1 + route.fetch.after, shift.depot.place)
        driven = sum(way_s(problem, shift, a, b) for a, b in pairwise(places))
        total += weights.travel * driven
        total += weights.distance * sum(_metres(problem, a, b) for a, b in pairwise(places))
        for stop in route.stops:
            current, familiar = problem.visits[stop.visit].current, problem.visits[stop.visit].familiar
            total += weights.continuity * (familiar is not None and route.shift not in familiar)
            total += weights.stability * (current is not None and current.shift != route.shift)
        work.append(driven + _at_work(problem, route))
        # Who has nothing to do all day waits for nothing on the way.
        total += weights.span * (_away(problem, route) if route.stops else driven)
    for left in solution.unserved:
        visit = problem.visits[left.visit]
        rank = {"low": -1, "normal": 0, "high": 1, "emergency": 2}.get(visit.priority, 0)
        total += visit.weight * weights.priority_factor**rank
        total += weights.stability * (visit.current is not None)
    if weights.balance and problem.shifts:
        mean = sum(shift.ends - shift.starts for shift in problem.shifts) / len(problem.shifts)
        total += weights.balance / mean * sum(one**2 for one in work)
    return total


def _roll_call(problem: Problem, solution: Solution) -> Iterator[str]:
    """Every visit is on exactly one route or unserved, every fixed one where it was fixed."""
    if [route.shift for route in solution.routes] != list(range(len(problem.shifts))):
        yield "the routes are not one for each shift"
    called = [stop.visit for route in solution.routes for stop in route.stops]
    called += [left.visit for left in solution.unserved]
    if sorted(called) != list(range(len(problem.visits))):
        yield "a visit is missing, or planned twice"
    stands = {stop.visit: (route.shift, stop.starts) for route in solution.routes for stop in route.stops}
    for x, visit in enumerate(problem.visits):
        if visit.fixed is not None and stands.get(x) != (visit.fixed.shift, visit.fixed.start):
            yield f"fixed visit {visit.id} stands at {stands.get(x)}"


def _groups(problem: Problem, solution: Solution) -> Iterator[str]:
    """Every group is served whole, at one start, by the shifts its roles and covers ask for."""
    stands = {stop.visit: (route.shift, stop.starts) for route in solution.routes for stop in route.stops}
    for group in problem.groups:
        served = [part for part in group.parts if part.visit in stands]
        if not served:
            continue
        if len(served) < len(group.parts):
            yield f"group {group.id}: served in part"
            continue
        if len({stands[part.visit][1] - part.offset for part in served}) > 1:
            yield f"group {group.id}: its parts do not start together"
        shift_of = {(part.role, stands[part.visit][0]) for part in served}
        roles, shifts = {role for role, _ in shift_of}, {shift for _, shift in shift_of}
        if not len(shift_of) == len(roles) == len(shifts):
            yield f"group {group.id}: roles share a shift, or one has several"
        if not all(shifts & set(cover) for cover in group.covers):
            yield f"group {group.id}: nobody covers one of its needs"


def _series(problem: Problem, solution: Solution) -> Iterator[str]:
    """Each visit of a series starts once the one before it is over, and only if that is served at all."""
    times = {stop.visit: (stop.starts, stop.ends) for route in solution.routes for stop in route.stops}
    for series in problem.series:
        for earlier, later in pairwise(series.visits):
            names = f"series {series.id}: {problem.visits[later].id} after {problem.visits[earlier].id}"
            fixed = [problem.visits[x].fixed is not None for x in (earlier, later)]
            if later not in times or all(fixed):
                continue
            if earlier not in times:
                if not any(fixed):
                    yield f"{names}, which is left out"
            elif times[later][0] < times[earlier][1] + series.gap:
                yield f"{names}, too early"


def _route(problem: Problem, route: Route) -> Iterator[str]:
    shift = problem.shifts[route.shift]
    visits = [problem.visits[stop.visit] for stop in route.stops]
    fixed = sorted(
        (visit.fixed.start - visit.setup_before, visit.id, visit)
        for visit in problem.visits
        if visit.fixed is not None and visit.fixed.shift == route.shift
    )
    alone = [visit for _, _, visit in fixed]
    closed = _closed(shift, alone)
    pauses = sorted([*closed, *((one.starts, one.ends) for one in route.breaks)])
    must = _fixed_alone(problem, shift, alone, closed)
    yield from _stops(problem, route, pauses, must)
    for visit in visits:
        if visit.fixed is None and route.shift not in visit.eligible:
            yield f"{visit.id}: not eligible"
    yield from _breaks(problem, route, closed, alone)
    if route.starts < shift.starts:
        yield "leaves before the shift starts"
    if route.ends > max(shift.ends, must["home"]):
        yield "is back after the shift ends"
    yield from missing_stock(problem, route)
    work = route.travel_s + _at_work(problem, route)
    if work != route.work_s:
        yield f"works {work} s, not {route.work_s}"
    if shift.max_work is not None and work > max(shift.max_work, must["work"]):
        yield f"works {work} s of {shift.max_work}"
    if shift.capacity is not None and sum(visit.load for visit in visits) > max(shift.capacity, must["load"]):
        yield "is overloaded"
    away = _away(problem, route)
    # A shift without visits is as long as its way, its breaks and the time off on it make it.
    if shift.max_span is not None and visits and not alone and away > shift.max_span:
        yield f"is away for {away} s of {shift.max_span}"


def _stops(problem: Problem, route: Route, pauses: list[Interval], must: dict[str, int]) -> Iterator[str]:
    shift = problem.shifts[route.shift]
    place, free = shift.start_place, route.starts
    travel_s = distance_m = 0
    for i, stop in enumerate(route.stops):
        if route.fetch is not None and route.fetch.after == i:
            yield from _loading(problem, shift, route.fetch, (place, free), pauses)
            place, free = _depot_place(shift), route.fetch.ends
            travel_s += route.fetch.travel_s
            distance_m += route.fetch.distance_m
        visit = problem.visits[stop.visit]
        leg = way_s(problem, shift, place, visit.place)
        metres = _metres(problem, place, visit.place)
        if (leg, metres) != (stop.travel_s, stop.distance_m):
            yield f"{visit.id}: the way there is {leg} s and {metres} m"
        if stop.arrives - free - _overlap(pauses, free, stop.arrives) < leg:
            yield f"{visit.id}: arrives sooner than it can"
        if stop.ends != stop.starts + takes_s(problem, shift, stop.visit):
            yield f"{visit.id}: ends at {stop.ends}"
        begin, end = stop.starts - visit.setup_before, stop.ends + visit.setup_after
        if visit.fixed is None:
            if stop.starts - visit.setup_before < free:
                yield f"{visit.id}: overlaps the visit before"
            yield from _movable(shift, visit, stop, pauses)
        elif stop.arrives > max(begin, must[f"arrival {visit.id}"]):
            yield f"{visit.id}: fixed, and reached later than it must be"
        free = max(free, end, shift.starts)
        place = visit.place
        travel_s += leg
        distance_m += metres
    leg = way_s(problem, shift, place, shift.end_place)
    metres = _metres(problem, place, shift.end_place)
    if route.ends - free - _overlap(pauses, free, route.ends) < leg:
        yield "is back sooner than it can"
    if (travel_s + leg, distance_m + metres) != (route.travel_s, route.distance_m):
        yield f"drives {travel_s + leg} s and {distance_m + metres} m in all"


def _loading(
    problem: Problem, shift: Shift, fetch: Fetch, left: tuple[int, int], pauses: list[Interval]
) -> Iterator[str]:
    """Yield what is wrong with the stop at the depot, having left a place at some time."""
    depot = shift.depot
    place, free = left
    if depot is None:
        yield "stops at a depot it does not know"
        return
    leg = way_s(problem, shift, place, depot.place)
    if (leg, _metres(problem, place, depot.place)) != (fetch.travel_s, fetch.distance_m):
        yield f"the way to the depot is {leg} s"
    if fetch.arrives - free - _overlap(pauses, free, fetch.arrives) < leg:
        yield "is at the depot sooner than it can"
    if fetch.starts < max(fetch.arrives, free) or fetch.ends != fetch.starts + depot.duration:
        yield f"loads from {fetch.starts} to {fetch.ends}"
    if depot.windows and not any(a <= fetch.starts <= b for a, b in depot.windows):
        yield "loads outside the depot's hours"
    if _overlap(pauses, fetch.starts, fetch.ends) or fetch.ends > shift.ends:
        yield "loads in a pause, or after the shift"


def _at_work(problem: Problem, route: Route) -> int:
    """Return the seconds of service and loading."""
    shift = problem.shifts[route.shift]
    loading = shift.depot.duration if route.fetch is not None and shift.depot is not None else 0
    return loading + sum(takes_s(problem, shift, stop.visit) for stop in route.stops)


def _away(problem: Problem, route: Route) -> int:
    """Return the seconds from leaving to returning, pauses not counted."""
    shift = problem.shifts[route.shift]
    fixed = [one for one in problem.visits if one.fixed is not None and one.fixed.shift == route.shift]
    in_order = sorted(fixed, key=lambda one: _claims(one)[0])
    pauses = sorted([*_closed(shift, in_order), *((one.starts, one.ends) for one in route.breaks)])
    return route.ends - route.starts - _overlap(pauses, route.starts, route.ends)


def _depot_place(shift: Shift) -> int:
    return shift.depot.place if shift.depot is not None else shift.start_place


def _movable(shift: Shift, visit: Visit, stop: Stop, pauses: list[Interval]) -> Iterator[str]:
    begin, end = stop.starts - visit.setup_before, stop.ends + visit.setup_after
    if visit.windows and not any(a <= stop.starts <= b for a, b in visit.windows):
        yield f"{visit.id}: starts outside its windows"
    if stop.arrives > begin:
        yield f"{visit.id}: arrives after it starts"
    if _overlap(pauses, begin, end):
        yield f"{visit.id}: overlaps a pause"
    if end > shift.ends:
        yield f"{visit.id}: ends after the shift"


def _breaks(problem: Problem, route: Route, closed: list[Interval], fixed: list[Visit]) -> Iterator[str]:
    shift = problem.shifts[route.shift]
    for one in route.breaks:
        due = shift.breaks[one.index]
        if not due.earliest <= one.starts <= due.latest or one.ends != one.starts + due.duration:
            yield f"break {one.index} at {one.starts}–{one.ends}"
        if one.starts < shift.starts or one.ends > shift.ends:
            yield f"break {one.index} lies outside the shift"
        if _overlap(closed, one.starts, one.ends):
            yield f"break {one.index} lies in unavailable time"
    if len({one.index for one in route.breaks}) != len(route.breaks):
        yield "a break is taken twice"
    in_order = sorted((one.starts, one.ends) for one in route.breaks)
    if any(a[1] > b[0] for a, b in pairwise(in_order)):
        yield "breaks overlap"
    if len(route.breaks) < len(shift.breaks) and len(shift.breaks) == 1:
        if _break_fits(problem, shift, closed, fixed):
            yield "its break is missing"
    elif len(route.breaks) < len(shift.breaks) and not fixed and not closed and _breaks_fit(shift):
        yield "a break is missing"


def _break_fits(problem: Problem, shift: Shift, closed: list[Interval], fixed: list[Visit]) -> bool:
    """Tell whether the shift's one break fits beside fixed visits, tried at every moment that matters."""
    due = shift.breaks[0]
    ends = [end for _, end in closed]
    busy = [_claims(visit) for visit in fixed]
    ends += [end for _, end in busy]
    alone = _fixed_alone(problem, shift, fixed, closed)
    for start in {due.earliest, *(end for end in ends if due.earliest <= end <= due.latest), shift.starts}:
        if (
            not due.earliest <= start <= due.latest
            or start < shift.starts
            or start + due.duration > shift.ends
        ):
            continue
        end = start + due.duration
        if _overlap(sorted(closed), start, end) or any(a < end and start < b for a, b in busy):
            continue
        if _fixed_alone(problem, shift, fixed, sorted([*closed, (start, end)])) == alone:
            return True
    return False


def _breaks_fit(shift: Shift) -> bool:
    clock = shift.starts
    for due in sorted(shift.breaks, key=lambda one: one.earliest):
        clock = max(clock, due.earliest)
        if clock > due.latest:
            return False
        clock += due.duration
    return clock <= shift.ends


def _fixed_alone(
    problem: Problem, shift: Shift, fixed: list[Visit], pauses: list[Interval]
) -> dict[str, int]:
    """Return what the fixed visits alone make necessary: arrivals, return, work and load."""
    place, free, work, load = shift.start_place, shift.starts, 0, 0
    result: dict[str, int] = {}
    for visit in fixed:
        begin, end = _claims(visit)
        leg = way_s(problem, shift, place, visit.place)
        result[f"arrival {visit.id}"] = max(_drive(pauses, free, leg), begin)
        free = max(free, end)
        place = visit.place
        work += leg + visit.duration
        load += visit.load
    leg = way_s(problem, shift, place, shift.end_place)
    result["home"] = max(shift.ends, _drive(pauses, free, leg))
    return result | {"work": work + leg, "load": load}


def _closed(shift: Shift, fixed: list[Visit]) -> list[Interval]:
    """Return the shift's unavailable time, second by second where fixed visits don't claim it."""
    marks = {time for one in shift.unavailable for time in one} | {shift.starts, shift.ends}
    busy = [_claims(visit) for visit in fixed]
    marks |= {time for one in busy for time in one}
    edges = sorted(marks)
    return [
        (a, b)
        for a, b in pairwise(edges)
        if shift.starts <= a
        and b <= shift.ends
        and any(x <= a and b <= y for x, y in shift.unavailable)
        and not any(x <= a and b <= y for x, y in busy)
    ]


def _claims(fixed: Visit) -> Interval:
    """Return the time a fixed visit takes, buffers included."""
    start = fixed.fixed.start if fixed.fixed is not None else 0
    return start - fixed.setup_before, start + fixed.duration + fixed.setup_after


def _drive(pauses: list[Interval], leaves: int, seconds: int) -> int:
    """Return the arrival of a drive that stands still during pauses."""
    at = leaves
    for begin, end in pauses:
        if end <= at:
            continue
        if begin - at >= seconds and (seconds > 0 or begin > at):
            break
        seconds -= max(0, begin - at)
        at = end
    return at + seconds


def _overlap(intervals: list[Interval], begin: int, end: int) -> int:
    """Return how many seconds of [begin, end) the disjoint intervals cover."""
    return sum(max(0, min(b, end) - max(a, begin)) for a, b in intervals)


def _metres(problem: Problem, a: int, b: int) -> int:
    return int(problem.distance[a, b]) if problem.distance is not None and a != b else 0

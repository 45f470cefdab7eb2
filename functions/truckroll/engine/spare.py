"""What is left of a limit that several shifts share: given to whichever of them can use it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from truckroll.engine.chance import seeded
from truckroll.engine.hopeless import ANY_COST
from truckroll.engine.insert import place_node
from truckroll.engine.interactive import plan_of
from truckroll.engine.measure import metrics
from truckroll.engine.model import Problem, Route, Solution
from truckroll.engine.order import close_turn, is_ordered, open_turn
from truckroll.engine.prepare import prepare, prepare_once
from truckroll.engine.result import route_of
from truckroll.engine.squeeze import squeeze
from truckroll.engine.supplied import cheapest, past_depot
from truckroll.engine.unserved import ALWAYS, IsOver, cheapest_squeeze, explain_unserved, never


class Shared(NamedTuple):
    """Shifts that may do so many seconds of work together."""

    shifts: tuple[int, ...]
    work: int


def use_spare(
    problem: Problem, solution: Solution, shared: Sequence[Shared], is_over: IsOver = never
) -> tuple[Problem, Solution]:
    """Serve what the shares of common limits have kept out, and explain anew what still waits for them.

    In the problem returned each of the shifts may do what it does and all that is left, which is true
    as long as one visit is added. When the time `is_over`, visits that matter less are not tried.
    """
    concerned = {v for one in shared for v in one.shifts}
    joint = {part.visit for group in problem.groups for part in group.parts}
    waiting = [
        one.visit
        for one in solution.unserved
        if one.visit not in joint and concerned & set(problem.visits[one.visit].eligible)
    ]
    given = with_spare(problem, solution.routes, shared)
    if not waiting:
        return given, solution
    routes = _served(given, solution.routes, waiting, shared, is_over)
    if routes is None:
        return given, solution
    served = {stop.visit for route in routes for stop in route.stops}
    left = [x for x in waiting if x not in served]
    given = with_spare(problem, routes, shared)
    prepared = prepare(given)
    plan, _ = plan_of(prepared, routes)
    reasons = {one.visit: one for one in explain_unserved(prepared, plan, left, is_over)}
    before, after = (metrics(given, one)["objective"] for one in (solution.routes, routes))
    return given, replace(
        solution,
        routes=routes,
        unserved=tuple(reasons.get(one.visit, one) for one in solution.unserved if one.visit not in served),
        objective=solution.objective + after - before,
    )


def with_spare(problem: Problem, routes: Iterable[Route], shared: Iterable[Shared]) -> Problem:
    """Return the problem with every shift of those that share allowed its own work and all that is left."""
    work = {route.shift: route.work_s for route in routes}
    shifts = list(problem.shifts)
    for one in shared:
        spare = max(0, one.work - sum(work[v] for v in one.shifts))
        for v in one.shifts:
            shifts[v] = replace(shifts[v], max_work=work[v] + spare)
    return replace(problem, shifts=tuple(shifts))


def _served(
    problem: Problem,
    routes: Sequence[Route],
    waiting: Collection[int],
    shared: Sequence[Shared],
    is_over: IsOver,
) -> tuple[Route, ...] | None:
    """Return the routes with what fits at less than its price; None where they do not hold as they are."""
    # Arrays of its own: what shifts may do changes in them.
    prepared = prepare_once(problem)
    plan, sound = plan_of(prepared, routes)
    if not sound.all():
        return None
    day, chance = prepared.day, seeded(0)
    changed: set[int] = set()
    for tried, x in enumerate(sorted(waiting, key=lambda x: -float(day.visits[x]["price"]))):
        if tried >= ALWAYS and is_over():
            break
        first, last = int(day.visits[x]["first_eligible"]), int(day.visits[x]["last_eligible"])
        price = float(day.visits[x]["price"])
        ordered = is_ordered(day, x)
        if ordered and not open_turn(day, plan, x):
            continue
        v, k, _ = cheapest(day, plan, x, day.eligible, first, last, price, 0.0, chance)
        if v >= 0:
            place_node(day, plan, v, past_depot(day, plan, v, k, x) if day.stocked else k, x)
        else:
            v, _ = cheapest_squeeze(prepared, plan, x, price)
            if v >= 0:
                squeeze(day, plan, v, x, ANY_COST, True)
        if ordered:
            close_turn(day, plan, x)
        if v < 0:
            continue
        before = int(day.visits[x]["predecessor"])
        if before >= 0:
            changed.add(int(plan.shift_of[before]))
        changed.add(v)
        for one in shared:
            if v in one.shifts:
                work = {u: int(plan.routes[u]["work"]) for u in one.shifts}
                spare = max(0, one.work - sum(work.values()))
                for u in one.shifts:
                    day.shifts[u]["max_work"] = work[u] + spare
    return tuple(route_of(prepared, plan, one.shift) if one.shift in changed else one for one in routes)

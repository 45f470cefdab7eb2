"""Where one visit fits into plans that stand: what a dispatcher asks while the customer is waiting."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from truckroll.engine.arrays import Day, Plan
from truckroll.engine.compiled import compiled
from truckroll.engine.groups import pin
from truckroll.engine.insert import place_node, start_in_slot, work_allows
from truckroll.engine.model import Insertion, Problem, ProblemError, Route
from truckroll.engine.prepare import Prepared, prepare
from truckroll.engine.result import route_of
from truckroll.engine.schedule import NEVER, reschedule
from truckroll.engine.search import restore
from truckroll.engine.squeeze import lift_pauses, put_back, settle_pauses


def best_insertions(problem: Problem, routes: Iterable[Route], visit: int, k: int) -> tuple[Insertion, ...]:
    """Return the k cheapest ways to add a visit to these routes, breaks moved where that helps.

    The other stops keep their technician and order and may start later within their windows. The
    visit is first taken out where it already stands. Shifts without a route count as free days;
    routes that are infeasible as they are get no offer. Raises ProblemError for an unknown visit
    and for part of a group.
    """
    if not 0 <= visit < len(problem.visits):
        raise ProblemError(f"there is no visit {visit}")
    prepared = prepare(problem)
    if prepared.day.visits[visit]["group"] >= 0:
        raise ProblemError(f"visit {problem.visits[visit].id} is part of a group; it has no place of its own")
    plan, sound = plan_of(prepared, routes, without=visit)
    room = int(np.sum(plan.routes["length"]) + len(plan.routes)) + 1
    found = np.zeros((room, 2), np.int32)
    costs = np.zeros(room)
    count = slots_for(prepared.day, plan, visit, sound, found, costs)
    ranked = sorted(range(count), key=lambda i: (float(costs[i]), int(found[i, 0]), int(found[i, 1])))
    return tuple(
        _insertion(prepared, plan, visit, int(found[i, 0]), int(found[i, 1]), float(costs[i]))
        for i in ranked[:k]
    )


def plan_of(prepared: Prepared, routes: Iterable[Route], *, without: int = -1) -> tuple[Plan, Any]:
    """Return routes as a plan, and for each shift whether its route is feasible as it is."""
    plan = prepared.plan()
    day = prepared.day
    visits = len(prepared.problem.visits)
    sound = np.ones(len(prepared.problem.shifts), np.bool_)
    for route in routes:
        v = route.shift
        kept = [node for node in prepared.nodes[v] if node >= visits]
        break_of = {int(day.pauses[node - visits]["index"]): node for node in kept}
        timed = [
            (int(day.pauses[node - visits]["earliest"]) + prepared.origin, node)
            for node in kept
            if day.pauses[node - visits]["index"] < 0
        ]
        timed += [(one.starts, break_of[one.index]) for one in route.breaks if one.index in break_of]
        for stop in route.stops:
            if stop.visit != without:
                begins = stop.starts - prepared.problem.visits[stop.visit].setup_before
                if day.visits[stop.visit]["group"] >= 0:
                    pin(day, plan, stop.visit, begins - prepared.origin)
                timed.append((begins, stop.visit))
        nodes = [node for _, node in sorted(timed)]
        missing = [node - visits for node in kept if node not in nodes]
        if len(nodes) + len(missing) > plan.nodes.shape[1]:
            sound[v] = False
            continue
        plan.nodes[v, : len(nodes)] = nodes
        plan.routes[v]["length"] = len(nodes)
        sound[v] = reschedule(day, plan, v)
        if missing or not sound[v]:
            pauses = np.zeros(len(kept) + 1, np.int32)
            found = lift_pauses(day, plan, v, pauses)
            pauses[found : found + len(missing)] = missing
            sound[v] = reschedule(day, plan, v) and settle_pauses(day, plan, v, pauses, found + len(missing))
    restore(day, plan)
    return plan, sound


@compiled
def slots_for(day: Day, plan: Plan, x: int, sound: Any, found: Any, costs: Any) -> int:
    """List every feasible (shift, number of stops before) for visit x with its cost; return how many."""
    count = 0
    visit = day.visits[x]
    lifted = np.empty(plan.nodes.shape[1], np.int32)
    for e in range(visit.first_eligible, visit.last_eligible):
        v = int(day.eligible[e])
        length = plan.routes[v].length
        if not sound[v] or length >= plan.nodes.shape[1]:
            continue
        before = plan.routes[v].cost
        saved = plan.nodes[v, :length].copy()
        pauses = lift_pauses(day, plan, v, lifted)
        stops = int(plan.routes[v].length)
        bare = plan.nodes[v, :stops].copy()
        for k in range(stops + 1):
            if start_in_slot(day, plan, v, k, x) != NEVER and work_allows(day, plan, v, k, x):
                place_node(day, plan, v, k, x)
                if settle_pauses(day, plan, v, lifted, pauses):
                    found[count, 0], found[count, 1] = v, k
                    costs[count] = plan.routes[v].cost - before
                    count += 1
                put_back(day, plan, v, bare, stops)
        put_back(day, plan, v, saved, length)
    return count


def _insertion(prepared: Prepared, plan: Plan, x: int, v: int, stops: int, cost: float) -> Insertion:
    """Return one of the ways found in full, by doing and undoing it."""
    day = prepared.day
    before = route_of(prepared, plan, v)
    starts = {stop.visit: stop.starts for stop in before.stops}
    length = int(plan.routes[v]["length"])
    saved = plan.nodes[v, :length].copy()
    lifted = np.zeros(plan.nodes.shape[1], np.int32)
    pauses = lift_pauses(day, plan, v, lifted)
    place_node(day, plan, v, stops, x)
    settle_pauses(day, plan, v, lifted, pauses)
    after = route_of(prepared, plan, v)
    put_back(day, plan, v, saved, length)
    own = after.stops[stops]
    return Insertion(
        shift=v,
        position=stops,
        arrives=own.arrives,
        starts=own.starts,
        ends=own.ends,
        added_travel_s=after.travel_s - before.travel_s,
        added_distance_m=after.distance_m - before.distance_m,
        cost=cost,
        delays_s=max(
            (stop.starts - starts[stop.visit] for stop in after.stops if stop.visit != x), default=0
        ),
    )

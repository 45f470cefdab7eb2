"""The figures of a plan, from its routes alone."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean, pstdev
from typing import Any

from truckroll.engine.anchors import anchor
from truckroll.engine.model import Problem, Route


def metrics(problem: Problem, routes: Iterable[Route]) -> dict[str, Any]:
    """Return the figures by which two plans of one problem can be compared.

    Seconds and metres; `lateness_s` counts starts after a visit's last window closes (only fixed
    visits can), `moved` visits on another shift than booked, `retimed` those on it whose start
    shifts, `strangers` those by somebody who does not know the customer though others do;
    `objective` is what the search minimises; `work_s` maps shift ids to service plus travel.
    """
    routes = list(routes)
    served: set[int] = set()
    service_s = waiting_s = lateness_s = moved = retimed = strangers = 0
    for route in routes:
        for stop in route.stops:
            visit = problem.visits[stop.visit]
            served.add(stop.visit)
            service_s += stop.ends - stop.starts
            strangers += visit.familiar is not None and route.shift not in visit.familiar
            waiting_s += max(0, stop.starts - visit.setup_before - stop.arrives)
            if visit.windows:
                lateness_s += max(0, stop.starts - max(closes for _, closes in visit.windows))
            if visit.current is not None:
                moved += visit.current.shift != route.shift
                retimed += visit.current.shift == route.shift and visit.current.start != stop.starts
    left = [x for x in range(len(problem.visits)) if x not in served]
    left_booked = sum(problem.visits[x].current is not None for x in left)
    weights = problem.weights
    travel_s = sum(route.travel_s for route in routes)
    distance_m = sum(route.distance_m for route in routes)
    work = {problem.shifts[route.shift].id: route.work_s for route in routes}
    lengths = [shift.ends - shift.starts for shift in problem.shifts]
    objective = weights.travel * travel_s + weights.distance * distance_m + weights.stability * moved
    objective += weights.continuity * strangers
    objective += sum(weights.price(problem.visits[x]) for x in left)
    if weights.span:
        objective += weights.span * sum(_span(problem, route) for route in routes)
    if weights.balance and lengths:
        objective += weights.balance / fmean(lengths) * sum(one**2 for one in work.values())
    by_priority: dict[str, int] = {}
    for x in left:
        by_priority[problem.visits[x].priority] = by_priority.get(problem.visits[x].priority, 0) + 1
    return {
        "objective": objective,
        "travel_s": travel_s,
        "distance_m": distance_m,
        "service_s": service_s,
        "waiting_s": waiting_s,
        "lateness_s": lateness_s,
        "served": len(served),
        "unserved": len(left),
        "unserved_by_priority": by_priority,
        "moved": moved + left_booked,
        "retimed": retimed,
        "strangers": strangers,
        "shifts_used": sum(bool(route.stops) for route in routes),
        "work_s": work,
        "work_spread_s": pstdev(work.values()) if work else 0.0,
    }


def _span(problem: Problem, route: Route) -> int:
    """Return the seconds between leaving and returning, breaks and unavailable time not counted.

    On a route without visits nobody waits: it counts its driving alone.
    """
    if not route.stops:
        return route.travel_s
    pauses = [(one.starts, one.ends) for one in route.breaks]
    pauses += anchor(problem, route.shift).unavailable
    away = route.ends - route.starts
    return away - sum(max(0, min(b, route.ends) - max(a, route.starts)) for a, b in pauses)

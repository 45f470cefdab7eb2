"""A search begins with the bookings as they are, and leaves alone what nothing calls for (OPT-5, OPT-8)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bench import days
from bench.checker import violations
from bench.replan import as_booked

from truckroll.engine import Problem, Route, Solution, solve
from truckroll.engine.times import keep_times

SEEDS = range(3)


def booked_day(seed: int) -> tuple[Problem, Solution]:
    """Return a small rich day with a plan in force, and the plan."""
    problem = days.rich_day("small", seed)
    planned = solve(problem, seed=seed, time_limit_s=9, iterations=1500)
    return as_booked(problem, planned), planned


def placed(routes: tuple[Route, ...]) -> dict[int, tuple[int, int]]:
    """Return shift and start of each visit."""
    return {stop.visit: (route.shift, stop.starts) for route in routes for stop in route.stops}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_search_begins_with_every_booking_where_it_is(seed: int) -> None:
    booked, planned = booked_day(seed)
    first = solve(booked, seed=0, time_limit_s=0, iterations=0)
    begun = placed(keep_times(booked, first.routes))
    was = placed(planned.routes)
    assert was.keys() <= begun.keys()
    assert {x: begun[x] for x in was} == was


@pytest.mark.parametrize("seed", SEEDS)
def test_routes_with_the_same_visits_keep_their_times(seed: int) -> None:
    booked, planned = booked_day(seed)
    gone = planned.routes[seed].stops[1].visit
    event = replace(
        booked,
        visits=tuple(
            replace(visit, eligible=(), current=None) if x == gone else visit
            for x, visit in enumerate(booked.visits)
        ),
    )
    after = solve(event, seed=1, time_limit_s=9, iterations=1500, heat=0.02)
    kept = replace(after, routes=keep_times(event, after.routes))
    assert not violations(event, kept)
    assert [[s.visit for s in r.stops] for r in kept.routes] == [
        [s.visit for s in r.stops] for r in after.routes
    ]
    assert (kept.objective, kept.unserved) == (after.objective, after.unserved)
    orders = {route.shift: [stop.visit for stop in route.stops] for route in planned.routes}
    same = [route for route in kept.routes if orders[route.shift] == [stop.visit for stop in route.stops]]
    assert same
    was = placed(planned.routes)
    for route in same:
        assert {stop.visit: (route.shift, stop.starts) for stop in route.stops} == {
            stop.visit: was[stop.visit] for stop in route.stops
        }

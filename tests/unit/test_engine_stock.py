"""What vans carry, what visits need, and when a stop at the depot pays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import permutations, product

import pytest
from bench.checker import violations
from bench.oracle import cost, feasible
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.effort import examples
from support.road import HOUR, road
from support.road import shift as van
from support.road import visit as road_visit
from truckroll.engine import (
    Break,
    CurrentPlace,
    Depot,
    FixedPlace,
    Objective,
    Problem,
    ProblemError,
    Route,
    Shift,
    Solution,
    Visit,
    best_insertions,
    metrics,
    solve,
)
from unit.test_engine_plans import days

pytestmark = pytest.mark.timeout(300)  # the first test may have to compile the engine

visit = partial(road_visit, weight=1e5)
STEP = 600  # seconds from each place along the road to the next
FILTER = (("filter", 1),)
SLOW = settings(max_examples=examples(30), deadline=None, suppress_health_check=[HealthCheck.too_slow])


def problem_of(shifts: Sequence[Shift], visits: Sequence[Visit], weights: Objective | None = None) -> Problem:
    travel = road(step=STEP)
    return Problem(travel, travel * 10, tuple(shifts), tuple(visits), weights or Objective())


def plan(problem: Problem, steps: int = 300) -> Solution:
    solution = solve(problem, seed=3, time_limit_s=10.0, iterations=steps)
    assert violations(problem, solution) == []
    return solution


def order(route: Route) -> list[int | str]:
    stops: list[int | str] = [stop.visit for stop in route.stops]
    if route.fetch is not None:
        stops.insert(route.fetch.after, "depot")
    return stops


def test_a_missing_part_is_fetched_on_the_way_and_the_detour_is_counted() -> None:
    ann = van(depot=Depot(4, 900))
    problem = problem_of([ann], [visit("far", 6, parts=(("filter", 2), ("pump", 1)), tools=("ladder",))])
    solution = plan(problem)
    (route,) = solution.routes
    assert order(route) == ["depot", 0]
    assert route.fetch is not None
    assert (route.fetch.tools, route.fetch.parts) == (("ladder",), (("filter", 2), ("pump", 1)))
    assert route.fetch.ends - route.fetch.starts == 900
    assert route.travel_s == solution.objective == 12 * STEP
    assert route.work_s == 12 * STEP + 900 + HOUR


def test_a_van_that_has_everything_drives_straight() -> None:
    ann = van(parts=(("filter", 1),), tools=("ladder",), depot=Depot(9))
    (route,) = plan(problem_of([ann], [visit("near", 1, parts=FILTER, tools=("ladder",))])).routes
    assert order(route) == [0]
    assert route.fetch is None


def test_visits_before_the_depot_live_on_what_the_van_had() -> None:
    ann = van(parts=(("filter", 1),), depot=Depot(3))
    visits = [visit(f"v{i}", 1, parts=FILTER) for i in range(3)]
    visits.append(visit("first", 2, windows=((8 * HOUR, 8 * HOUR + 1800),), parts=FILTER))
    (route,) = plan(problem_of([ann], visits)).routes
    assert order(route)[:2] == [3, "depot"]
    assert route.fetch is not None
    assert route.fetch.parts == (("filter", 3),)


def test_work_goes_to_the_van_that_has_what_it_needs() -> None:
    vans = [van("ann", depot=Depot(9)), van("bob", parts=FILTER)]
    solution = plan(problem_of(vans, [visit("v", 2, parts=FILTER, eligible=(0, 1))]))
    assert [order(route) for route in solution.routes] == [[], [0]]


def test_the_depot_is_reached_while_it_is_open() -> None:
    ann = van(depot=Depot(1, 600, ((12 * HOUR, 13 * HOUR),)))
    (route,) = plan(problem_of([ann], [visit("v", 2, parts=FILTER)])).routes
    assert route.fetch is not None
    assert route.fetch.starts == 12 * HOUR


def test_what_nobody_can_bring_is_left_out_and_says_what_is_missing() -> None:
    needy = [visit("part", parts=(("pump", 2),)), visit("tool", tools=("crane",), parts=(("pump", 1),))]
    solution = plan(problem_of([van(parts=(("pump", 1),))], needy))
    found = {left.visit: (left.reason, left.detail) for left in solution.unserved}
    missing = {"depot": False, "shifts": (0,)}
    assert found == {
        0: ("needs_parts", {"tools": (), "parts": ("pump",)} | missing),
        1: ("needs_tools", {"tools": ("crane",), "parts": ()} | missing),
    }


def test_a_depot_too_far_away_to_stop_at_is_told_from_none() -> None:
    ann = van(depot=Depot(9, 6 * HOUR))
    (left,) = plan(problem_of([ann], [visit("v", tools=("crane",), duration=2 * HOUR)])).unserved
    assert (left.reason, left.detail["depot"]) == ("needs_tools", True)


def test_a_locked_visit_without_its_parts_gets_a_stop_at_the_depot_before_it() -> None:
    locked = visit("locked", 5, parts=FILTER, fixed=FixedPlace(0, 12 * HOUR))
    (route,) = plan(problem_of([van(depot=Depot(2))], [locked, visit("free", 1)])).routes
    assert order(route)[-1] == 0
    assert route.fetch is not None
    assert route.fetch.parts == FILTER


def test_a_locked_visit_stays_where_nothing_can_be_fetched_in_time() -> None:
    locked = visit("locked", 5, parts=FILTER, tools=("crane",), fixed=FixedPlace(0, 8 * HOUR))
    solution = plan(problem_of([van(depot=Depot(9))], [locked, visit("other", 1, tools=("saw",))]))
    assert order(solution.routes[0]) == [0, "depot", 1]


def test_a_booking_is_kept_by_fetching_what_it_lacks() -> None:
    booked = visit("booked", 2, parts=FILTER, current=CurrentPlace(0, 9 * HOUR), eligible=(0, 1))
    vans = [van("ann", depot=Depot(3)), van("bob", parts=FILTER)]
    solution = plan(problem_of(vans, [booked], Objective(stability=2.0 * HOUR)))
    assert [order(route) for route in solution.routes] == [["depot", 0], []]


def test_an_offer_says_that_it_needs_a_stop_at_the_depot() -> None:
    problem = problem_of([van(depot=Depot(3))], [visit("there", 1), visit("asked", 2, parts=FILTER)])
    routes = solve(
        Problem(problem.travel, problem.distance, problem.shifts, problem.visits[:1]),
        seed=1,
        time_limit_s=1.0,
        iterations=10,
    ).routes
    offers = best_insertions(problem, routes, 1, 10)
    found = {(one.position, one.fetch, one.added_travel_s) for one in offers}
    assert found == {(0, True, 4 * STEP), (1, True, 4 * STEP)}


def test_waiting_costs_where_the_time_away_counts() -> None:
    early, late = (8 * HOUR, 9 * HOUR), (15 * HOUR, 15 * HOUR)
    vans = [van("ann"), van("bob", start_place=1, end_place=1)]
    visits = [visit("early", 1, windows=(early,)), visit("late", 1, windows=(late,))]
    both = [replace(one, eligible=(0, 1), weight=1e6) for one in visits]
    driven = plan(problem_of(vans, both))
    paid = plan(problem_of(vans, both, Objective(travel=0.0, span=1.0)))
    assert sorted(len(route.stops) for route in driven.routes) == [0, 2]
    assert [len(route.stops) for route in paid.routes] == [1, 1]
    assert paid.objective == 2 * STEP + 2 * HOUR


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (problem_of([van(depot=Depot(77))], []), "its depot lies outside the matrix"),
        (problem_of([van(depot=Depot(0, -1))], []), "loads in negative time"),
        (problem_of([van(parts=(("filter", -1),))], []), "a negative number of a part"),
        (problem_of([van()], [visit("v", parts=(("filter", -1),))]), "a negative number of a part"),
    ],
)
def test_contradictions_are_refused_by_name(wrong: Problem, says: str) -> None:
    with pytest.raises(ProblemError, match=says):
        solve(wrong, seed=1, time_limit_s=1.0)


@st.composite
def stocked(draw: st.DrawFn, *, tiny: bool = False) -> Problem:
    """Days on which vans carry something, visits need something, and some technicians know a depot."""
    problem = draw(days(tiny=tiny))
    parts = st.dictionaries(st.sampled_from(["filter", "pump"]), st.integers(0, 2), max_size=2)
    tools = st.sets(st.sampled_from(["ladder", "crane"]), max_size=2)
    opens = draw(st.integers(0, 30))
    depot = Depot(
        draw(st.integers(0, len(problem.travel) - 1)),
        draw(st.integers(0, 5)),
        draw(st.sampled_from([(), ((opens, opens + 40),)])),
    )
    shifts = tuple(
        replace(
            shift,
            tools=tuple(sorted(draw(tools))),
            parts=tuple(sorted(draw(parts).items())),
            depot=draw(st.sampled_from([depot, depot, None])),
        )
        for shift in problem.shifts
    )
    visits = tuple(
        replace(
            one,
            duration=max(1, one.duration),
            fixed=None,
            tools=tuple(sorted(draw(tools))) if draw(st.booleans()) else (),
            parts=tuple(sorted(draw(parts).items())),
        )
        for one in problem.visits[: 3 if tiny else None]
    )
    weights = problem.weights if tiny else replace(problem.weights, span=draw(st.sampled_from([0.0, 0.7])))
    return Problem(problem.travel, problem.distance, shifts, visits, weights)


def test_an_idle_shift_that_ends_elsewhere_waits_for_nothing() -> None:
    moves = van(
        end_place=1, breaks=(Break(9 * HOUR, 9 * HOUR, 900),), unavailable=((8 * HOUR, 8 * HOUR + 60),)
    )
    solution = plan(problem_of([moves], [], Objective(span=0.7)))
    assert solution.objective == pytest.approx(1.7 * STEP)
    figures = metrics(problem_of([moves], [], Objective(span=0.7)), solution.routes)
    assert figures["objective"] == pytest.approx(1.7 * STEP)


@SLOW
@given(stocked())
def test_a_plan_with_stock_breaks_no_rule(problem: Problem) -> None:
    solution = solve(problem, seed=1, time_limit_s=10.0, iterations=60)
    assert violations(problem, solution) == []
    figures = metrics(problem, solution.routes)
    assert figures["objective"] == pytest.approx(solution.objective)


@SLOW
@given(stocked(tiny=True))
def test_tiny_days_with_stock_are_planned_as_well_as_trying_everything(problem: Problem) -> None:
    solution = solve(problem, seed=1, time_limit_s=10.0, iterations=400)
    assert violations(problem, solution) == []
    assert solution.objective == pytest.approx(optimum(problem))


def optimum(problem: Problem) -> float:
    """Return the least objective of any plan, a stop at the depot being a visit worth nothing."""
    last = len(problem.visits)
    depots = [(v, shift.depot) for v, shift in enumerate(problem.shifts) if shift.depot is not None]
    stop_of = {v: last + i for i, (v, _) in enumerate(depots)}
    stops = tuple(
        Visit(f"d{v}", depot.place, depot.duration, depot.windows, weight=0.0, eligible=(v,))
        for v, depot in depots
    )
    wider = Problem(problem.travel, problem.distance, problem.shifts, problem.visits + stops, problem.weights)
    ways: dict[tuple[int, tuple[int, ...]], tuple[int, ...] | None] = {}

    def best(v: int, chosen: tuple[int, ...]) -> tuple[int, ...] | None:
        if (v, chosen) not in ways:
            with_depot = [chosen, (*chosen, stop_of[v])] if v in stop_of and chosen else [chosen]
            good = [
                way
                for some in with_depot
                for way in permutations(some)
                if supplied(problem, v, way) and feasible(wider, v, way)
            ]
            costs = [(cost(wider, [way if i == v else () for i in range(v + 1)]), way) for way in good]
            ways[v, chosen] = min(costs)[1] if costs else None
        return ways[v, chosen]

    found = float("inf")
    for chosen_by in product(range(-1, len(problem.shifts)), repeat=last):
        sets = [tuple(x for x in range(last) if chosen_by[x] == v) for v in range(len(problem.shifts))]
        routes = [best(v, chosen) if chosen else () for v, chosen in enumerate(sets)]
        if None not in routes:
            found = min(found, cost(wider, [route or () for route in routes]))
    return found


def supplied(problem: Problem, v: int, way: Sequence[int]) -> bool:
    """Tell whether shift v has what it needs at each visit of this order."""
    left = Counter(dict(problem.shifts[v].parts))
    for x in way:
        if x >= len(problem.visits):
            return True
        left.subtract(dict(problem.visits[x].parts))
        if any(count < 0 for count in left.values()):
            return False
        if not set(problem.visits[x].tools) <= set(problem.shifts[v].tools):
            return False
    return True

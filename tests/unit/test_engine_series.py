"""Visits of one job, one after the other, on whatever shift."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from bench.checker import violations
from bench.oracle import optimum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.effort import examples
from support.road import HOUR, road, shift, stands
from support.road import visit as road_visit
from truckroll.engine import (
    Break,
    CurrentPlace,
    FixedPlace,
    Group,
    Insertion,
    Objective,
    Part,
    Problem,
    ProblemError,
    Series,
    Shift,
    Solution,
    Visit,
    best_insertions,
    solve,
)
from truckroll.engine.districts import district_of
from truckroll.engine.prepare import prepare_once
from truckroll.engine.start import first_plan
from truckroll.engine.tours import lay, tours_of
from truckroll.engine.urgent import ways_to_serve

pytestmark = pytest.mark.timeout(300)  # the first test may have to compile the engine

DAY = 24 * HOUR
visit = partial(road_visit, eligible=(0, 1), weight=20_000.0)
NARROW = {"ends": 9 * HOUR + 1200}  # room for one visit next door


def problem_of(shifts: list[Shift], visits: list[Visit], *series: Series, **weights: float) -> Problem:
    return Problem(road(), None, tuple(shifts), tuple(visits), Objective(**weights), series=series)


def plan(shifts: list[Shift], visits: list[Visit], *series: Series, **weights: float) -> Solution:
    problem = problem_of(shifts, visits, *series, **weights)
    solution = solve(problem, seed=3, time_limit_s=10.0, iterations=300)
    assert violations(problem, solution) == []
    return solution


def reasons(solution: Solution) -> dict[int, tuple[str, object]]:
    return {left.visit: (left.reason, left.detail.get("ends")) for left in solution.unserved}


def tomorrow(name: str, **changes: int) -> Shift:
    today = shift(name, **changes)
    return replace(today, starts=today.starts + DAY, ends=today.ends + DAY)


TWO = Series("job", (0, 1))


def test_the_second_visit_comes_on_the_next_day_when_the_first_fills_this_one() -> None:
    shifts = [tomorrow("ann", **NARROW), shift("ann2", **NARROW)]
    assert stands(plan(shifts, [visit("a"), visit("b")], TWO)) == {
        0: (1, 8 * HOUR + 600),
        1: (0, DAY + 8 * HOUR + 600),
    }
    turned = Series("job", (1, 0))
    assert stands(plan(shifts, [visit("a"), visit("b")], turned))[1] == (1, 8 * HOUR + 600)


def test_on_one_route_they_follow_each_other_with_the_gap_they_need() -> None:
    solution = plan([shift("ann")], [visit("a", eligible=(0,)), visit("b", eligible=(0,))], TWO)
    assert [at for _, (_, at) in sorted(stands(solution).items())] == [8 * HOUR + 600, 9 * HOUR + 600]
    apart = Series("job", (0, 1), gap=3 * HOUR)
    between = visit("c", 2, eligible=(0,), windows=((9 * HOUR, 11 * HOUR),))
    solution = plan([shift("ann")], [visit("a", eligible=(0,)), visit("b", eligible=(0,)), between], apart)
    assert stands(solution)[1][1] == 12 * HOUR + 600
    assert len(solution.unserved) == 0


def test_two_technicians_serve_one_after_the_other() -> None:
    visits = [visit("a", eligible=(0,)), visit("b", eligible=(1,))]
    at = stands(plan([shift("ann"), shift("bob")], visits, TWO))
    assert at == {0: (0, 8 * HOUR + 600), 1: (1, 9 * HOUR + 600)}
    slow = replace(shift("ann"), pace=1.5)
    assert stands(plan([slow, shift("bob")], visits, TWO))[1] == (1, 9 * HOUR + 600 + HOUR // 2)


def test_without_the_first_there_is_no_second() -> None:
    solution = plan([shift("ann")], [visit("a", eligible=()), visit("b", eligible=(0,))], TWO)
    assert reasons(solution) == {0: ("no_eligible_technician", None), 1: ("waits_for_earlier_visit", None)}
    short = plan([shift("ann", **NARROW)], [visit("a", eligible=(0,)), visit("b", eligible=(0,))], TWO)
    assert reasons(short) == {1: ("waits_for_earlier_visit", 9 * HOUR + 600)}


def test_the_first_is_worth_what_those_after_it_are() -> None:
    far = [
        visit("a", 9, weight=1000.0, eligible=(0,)),
        visit("b", 9, weight=30_000.0, eligible=(0,)),
    ]
    assert set(stands(plan([shift("ann")], far, TWO))) == {0, 1}


def test_a_fixed_visit_bounds_those_before_and_after_it() -> None:
    fixed = visit("b", fixed=FixedPlace(0, 11 * HOUR))
    visits = [visit("a", eligible=(1,)), fixed, visit("c", eligible=(1,))]
    at = stands(plan([shift("ann"), shift("bob", starts=9 * HOUR)], visits, Series("job", (0, 1, 2))))
    assert at == {0: (1, 9 * HOUR + 600), 1: (0, 11 * HOUR), 2: (1, 12 * HOUR)}
    late = [shift("ann"), shift("bob", starts=11 * HOUR, ends=12 * HOUR + 1200)]
    assert reasons(plan(late, visits, Series("job", (0, 1, 2)))) == {
        0: ("locked", None),
        2: ("waits_for_earlier_visit", 12 * HOUR),
    }


def test_booked_visits_keep_their_times_and_order_unless_they_were_booked_out_of_it() -> None:
    first = visit("a", current=CurrentPlace(0, 8 * HOUR + 600))
    second = visit("b", current=CurrentPlace(1, 14 * HOUR))
    shifts = [shift("ann"), shift("bob")]
    at = stands(plan(shifts, [first, second], TWO, stability=6000.0))
    assert (at[0], at[1][0]) == ((0, 8 * HOUR + 600), 1)
    turned = plan(shifts, [first, second], Series("job", (1, 0)), stability=600.0)
    assert set(stands(turned)) == {0, 1}


def test_one_more_visit_never_pushes_the_first_into_the_second() -> None:
    visits = [visit("a", eligible=(0,)), visit("b", eligible=(1,)), visit("c", eligible=(0,))]
    bob = shift("bob", starts=9 * HOUR, ends=10 * HOUR + 1200)
    problem = problem_of([shift("ann"), bob], visits, TWO)
    routes = plan([shift("ann"), bob], visits[:2], TWO).routes
    ways = best_insertions(problem, routes, 2, 5)
    assert [way.position for way in ways] == [1]
    urgent = ways_to_serve(problem, routes, 2, [8 * HOUR + 600, 9 * HOUR + 600, 0], [0])
    assert [way.starts for way in urgent] == [9 * HOUR + 600]
    # Asked where else they could be, each stays on its side of the other.
    assert all(way.starts + HOUR <= 9 * HOUR + 600 for way in best_insertions(problem, routes, 0, 5))
    assert all(way.starts >= 9 * HOUR + 600 for way in best_insertions(problem, routes, 1, 5))


def test_a_district_keeps_to_its_side_of_what_is_served_outside() -> None:
    shifts = [shift("ann"), tomorrow("bob")]
    visits = [visit("a", eligible=(0,)), visit("b", eligible=(1,)), visit("c", eligible=(1,))]
    problem = problem_of(shifts, visits, Series("job", (0, 1, 2), gap=600))
    prepared = prepare_once(problem)
    begun = first_plan(prepared, np.array([1], np.uint64))
    tours = tours_of(prepared, begun)
    one, other = (
        district_of(problem, (v,), tuple(sorted(x for x in tours.rows[v] if x >= 0)), tours) for v in (0, 1)
    )
    closes = one.problem.visits[0].windows[0][1]
    assert closes + HOUR + 600 == tours.starts[1] > 17 * HOUR
    assert one.problem.visits[0].weight > 1e9
    assert other.problem.visits[0].windows[0][0] == tours.starts[1]
    assert [own.visits for own in other.problem.series] == [(0, 1)]
    inside = prepare_once(other.problem)
    again = inside.plan()
    lay(inside, again, other.inward(tours))
    assert other.outward(tours_of(inside, again)).rows == (tours.rows[1],)


@pytest.mark.parametrize(
    "series",
    [
        (Series("s", (0, 7)),),
        (Series("s", (0, 0)),),
        (Series("s", (0,)), Series("t", (0, 1))),
        (Series("s", (0, 1), gap=-1),),
        (Series("s", (2, 0)),),
        (Series("s", (0,)), Series("s", (1,))),
    ],
)
def test_series_that_contradict_themselves_are_refused(series: tuple[Series, ...]) -> None:
    visits = tuple(visit(name) for name in "abc")
    group = Group("crew", (Part(2),))
    problem = Problem(road(), None, (shift("ann"), shift("bob")), visits, groups=(group,), series=series)
    with pytest.raises(ProblemError):
        solve(problem, seed=1, time_limit_s=1.0)


@st.composite
def days_in_order(draw: st.DrawFn, *, tiny: bool = False) -> Problem:
    """Days of some technicians with visits in series; tiny ones are small enough to try every plan."""
    places = draw(st.integers(2, 4))
    points = np.array(
        draw(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=places, max_size=places))
    )
    travel = np.abs(points[:, None] - points[None]).sum(-1).astype(np.int32)
    place, count = st.integers(0, places - 1), draw(st.integers(1, 2 if tiny else 4))
    shifts = tuple(
        Shift(
            f"s{v}",
            f"t{v}",
            draw(place),
            draw(place),
            starts := draw(st.integers(0, 20)),
            starts + draw(st.integers(15, 25 if tiny else 40)),
            breaks=() if tiny else draw(st.sampled_from([(), (Break(15, 40, 5),)])),
            max_span=None if tiny else draw(st.none() | st.integers(15, 60)),
            pace=1.0 if tiny else draw(st.sampled_from([1.0, 0.5, 1.7])),
        )
        for v in range(count)
    )
    visits = []
    for i in range(draw(st.integers(2, 3 if tiny else 9))):
        opens = draw(st.integers(0, 40))
        booked = None if tiny else draw(st.none() | st.integers(0, count - 1))
        visits.append(
            Visit(
                f"v{i}",
                draw(place),
                draw(st.integers(0, 12)),
                draw(st.sampled_from([(), ((opens, opens + 20),)])),
                draw(st.sampled_from([90.0, 200.0])),
                eligible=tuple(draw(st.sets(st.integers(0, count - 1), min_size=1))),
                current=None if booked is None else CurrentPlace(booked, draw(st.integers(0, 50))),
                setup_before=draw(st.sampled_from([0, 0, 3])),
                setup_after=draw(st.sampled_from([0, 0, 2])),
            )
        )
    order = draw(st.permutations(range(len(visits))))
    cuts = [0, 2 if tiny else draw(st.integers(2, len(order))), len(order)]
    series = tuple(
        Series(f"j{i}", tuple(order[a:b]), draw(st.sampled_from([0, 0, 6])))
        for i, (a, b) in enumerate(pairwise(cuts))
        if b > a and (i == 0 or not tiny)
    )
    weights = Objective(span=0.0 if tiny else draw(st.sampled_from([0.0, 0.4])))
    return Problem(travel, None, shifts, tuple(visits), weights, series=series)


@settings(max_examples=examples(30), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(days_in_order())
def test_a_plan_with_series_breaks_no_rule(problem: Problem) -> None:
    solution = solve(problem, seed=1, time_limit_s=10.0, iterations=60)
    assert violations(problem, solution) == []
    for visit in {x for series in problem.series for x in series.visits}:
        for way in best_insertions(problem, solution.routes, visit, 5):
            assert keeps_order(problem, solution, visit, way), (visit, way)


def keeps_order(problem: Problem, solution: Solution, x: int, way: Insertion) -> bool:
    """Tell whether a visit added that way comes after the one before it in its series, and before the next."""
    stops = {stop.visit: (route.shift, stop) for route in solution.routes for stop in route.stops}
    rows = {route.shift: [stop.visit for stop in route.stops if stop.visit != x] for route in solution.routes}
    for series in problem.series:
        for earlier, later in pairwise(series.visits):
            if x not in {earlier, later}:
                continue
            other = earlier if x == later else later
            if other not in stops:
                if x == later:
                    return False
                continue
            shift, stop = stops[other]
            # On the same shift the other may be moved by this one, and its place in the route tells.
            here = shift == way.shift
            if x == later:
                fits = way.starts >= stop.ends + series.gap or (
                    here and rows[shift].index(other) < way.position
                )
            else:
                fits = stop.starts >= way.ends + series.gap or (
                    here and rows[shift].index(other) >= way.position
                )
            if not fits:
                return False
    return True


@settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(days_in_order(tiny=True))
def test_tiny_days_with_a_series_are_planned_as_well_as_trying_everything(problem: Problem) -> None:
    solution = solve(problem, seed=1, time_limit_s=10.0, iterations=200)
    assert violations(problem, solution) == []
    assert solution.objective == pytest.approx(optimum(problem))

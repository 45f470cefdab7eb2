"""A technician's own pace and speed, and who knows the customer, where plans stand or fall by them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from bench.checker import violations
from bench.days import rich_day

from support.road import HOUR, road, shift, visit
from truckroll.engine import FixedPlace, Group, Objective, Part, Problem, ProblemError, Solution, solve
from truckroll.engine.why import explain_placed

pytestmark = pytest.mark.timeout(300)  # the first test may have to compile the engine


def plan(given: Problem) -> Solution:
    solution = solve(given, seed=1, time_limit_s=5.0, iterations=200)
    assert violations(given, solution) == []
    return solution


def takes(solution: Solution) -> dict[int, int]:
    return {stop.visit: stop.ends - stop.starts for route in solution.routes for stop in route.stops}


def on(solution: Solution) -> dict[int, int]:
    return {stop.visit: route.shift for route in solution.routes for stop in route.stops}


def test_only_what_follows_the_pace_is_longer() -> None:
    slow = shift(pace=1.51, paces=(("wiring", 0.5),))
    visits = (
        visit("all of it"),
        visit("half an hour of it", paced=1800),
        visit("none of it", paced=0),
        visit("another kind", kind="wiring"),
        visit("fixed", fixed=FixedPlace(0, 15 * HOUR)),
        visit("in a group", duration=600),
    )
    given = Problem(road(), None, (slow,), visits, groups=(Group("crew", (Part(5),)),), grain=60)
    assert takes(plan(given)) == {0: 5460, 1: 4560, 2: HOUR, 3: 1800, 4: HOUR, 5: 600}


def test_a_full_day_goes_to_who_is_quick() -> None:
    shifts = (shift("ann", ends=12 * HOUR, pace=2.0), shift("bob", ends=12 * HOUR, pace=0.75))
    visits = tuple(visit(f"v{i}", 1, eligible=(0, 1)) for i in range(6))
    solution = plan(Problem(road(), None, shifts, visits))
    assert sorted(on(solution).values()) == [0, 1, 1, 1, 1]


def test_who_drives_fast_gets_the_long_way() -> None:
    shifts = (shift("ann", speed=0.5), shift("bob", speed=2.0))
    solution = plan(Problem(road(), None, shifts, (visit("far", 9, eligible=(0, 1), weight=1e6),)))
    assert on(solution) == {0: 1}
    assert solution.routes[1].travel_s == 2 * 9 * 600 // 2


def test_everybody_half_as_fast_is_a_land_twice_as_wide() -> None:
    day = rich_day("small", 1)
    day = replace(day, visits=day.visits[:40])
    slow = replace(day, shifts=tuple(replace(one, speed=0.5) for one in day.shifts))
    wide = replace(day, travel=np.asarray(day.travel * 2, np.int32))
    assert plan(slow).objective == pytest.approx(plan(wide).objective)


def test_who_knows_the_customer_comes_where_it_costs_less_than_it_is_worth() -> None:
    shifts = (shift("ann"), shift("bob", start_place=2, end_place=2))
    visits = (visit("v", 1, eligible=(0, 1), familiar=(1,)), visit("w", 0, eligible=(0,)))
    given = Problem(road(), None, shifts, visits, Objective(continuity=1300.0))
    # Bob drives 1,200 s, Ann 1,200 s too: the customer decides.
    assert on(plan(given))[0] == 1
    near = replace(given, shifts=(shifts[0], replace(shifts[1], start_place=3, end_place=3)))
    assert on(plan(near))[0] == 1  # 2,400 s against 1,200 s and a stranger
    far = replace(near, weights=Objective(continuity=1100.0))
    solution = plan(far)
    assert on(solution)[0] == 0
    assert explain_placed(far, solution.routes)[0].continuity == 1100.0
    assert on(plan(replace(near, weights=Objective())))[0] == 0


@pytest.mark.parametrize(
    "wrong",
    [
        Problem(road(), None, (shift(pace=0.0),), ()),
        Problem(road(), None, (shift(speed=-1.0),), ()),
        Problem(road(), None, (shift(),), (visit("v", paced=2 * HOUR),)),
        Problem(road(), None, (shift(),), (visit("v", familiar=(1,)),)),
        Problem(road(), None, (shift(),), (), grain=0),
    ],
)
def test_nonsense_is_refused(wrong: Problem) -> None:
    with pytest.raises(ProblemError):
        solve(wrong, seed=0, time_limit_s=0.0)

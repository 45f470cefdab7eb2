"""What the engine does in the cases a dispatcher would ask about."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from bench.checker import violations

from support.road import HOUR, road, shift, visit
from truckroll.engine import (
    Break,
    CurrentPlace,
    FixedPlace,
    Objective,
    Problem,
    ProblemError,
    Progress,
    Shift,
    Solution,
    Visit,
    best_insertions,
    metrics,
    solve,
)
from truckroll.engine.compiled import cache_folder, compiled

pytestmark = pytest.mark.timeout(300)  # the first test may have to compile the engine


def problem(shifts: list[Shift], visits: list[Visit], weights: Objective | None = None) -> Problem:
    return Problem(road(), road() * 10, tuple(shifts), tuple(visits), weights or Objective())


def plan(given: Problem, steps: int = 300) -> Solution:
    solution = solve(given, seed=3, time_limit_s=10.0, iterations=steps)
    assert violations(given, solution) == []
    return solution


def starts(solution: Solution) -> dict[int, int]:
    return {stop.visit: stop.starts for route in solution.routes for stop in route.stops}


def reasons(solution: Solution) -> dict[int, str]:
    return {left.visit: left.reason for left in solution.unserved}


def test_locked_visits_stay_even_when_they_collide_and_lie_outside_the_shift() -> None:
    locks = [7 * HOUR, 9 * HOUR, 9 * HOUR + 1800, 16 * HOUR + 1800, 19 * HOUR]
    visits = [visit(f"lock-{i}", 1 + i, fixed=FixedPlace(0, start)) for i, start in enumerate(locks)]
    solution = plan(problem([shift()], [*visits, visit("free")]))
    assert [starts(solution)[i] for i in range(len(locks))] == locks


def test_nothing_is_added_between_locked_visits_without_time_for_it() -> None:
    locks = [
        visit("a", 1, fixed=FixedPlace(0, 9 * HOUR)),
        visit("b", 3, fixed=FixedPlace(0, 11 * HOUR + 1200)),
    ]
    between = visit("between", 2, windows=((9 * HOUR, 11 * HOUR),), duration=HOUR + 1)
    assert reasons(plan(problem([shift()], [*locks, between]))) == {2: "locked"}
    assert starts(plan(problem([shift()], [*locks, replace(between, duration=HOUR)])))[2] == 10 * HOUR + 600


def test_a_visit_nobody_may_serve_says_so() -> None:
    assert reasons(plan(problem([shift()], [visit("a", eligible=())]))) == {0: "no_eligible_technician"}


def test_a_visit_outside_everybodys_hours_says_so() -> None:
    solution = plan(problem([shift()], [visit("a", windows=((18 * HOUR, 20 * HOUR),))]))
    assert reasons(solution) == {0: "no_time_in_window"}
    assert solution.unserved[0].detail["shifts"] == (0,)


def test_too_long_and_too_far_are_told_apart() -> None:
    day = shift(ends=10 * HOUR)
    visits = [visit("long", 1, duration=3 * HOUR), visit("far", 9, duration=HOUR)]
    assert reasons(plan(problem([day], visits))) == {0: "shift_too_short", 1: "unreachable"}


def test_a_full_day_leaves_out_the_least_weight_and_names_the_cheapest_displacement() -> None:
    day = shift(ends=10 * HOUR)
    visits = [visit("low", weight=4000.0), visit("high", weight=9000.0)]
    solution = plan(problem([day], visits))
    assert reasons(solution) == {0: "capacity"}
    assert solution.unserved[0].detail["displaces"] == (1,)
    assert solution.unserved[0].detail["cost"] == 9000.0


def test_a_visit_not_worth_its_travel_is_left_out_and_says_so() -> None:
    solution = plan(problem([shift()], [visit("far", 9, weight=1000.0)]))
    assert reasons(solution) == {0: "not_worth_the_travel"}
    assert solution.unserved[0].detail["cost"] == 2 * 9 * 600


def test_breaks_are_taken_within_their_window_and_outside_of_service() -> None:
    day = shift(breaks=(Break(12 * HOUR, 13 * HOUR, 1800),))
    visits = [visit(f"v{i}", 1) for i in range(8)]
    route = plan(problem([day], visits)).routes[0]
    (pause,) = route.breaks
    assert 12 * HOUR <= pause.starts <= 13 * HOUR
    assert not any(stop.starts < pause.ends and pause.starts < stop.ends for stop in route.stops)
    assert len(route.stops) == 8


def test_a_break_that_a_locked_visit_covers_is_waived() -> None:
    day = shift(breaks=(Break(12 * HOUR, 13 * HOUR, 1800),))
    lock = visit("lock", 1, duration=3 * HOUR, fixed=FixedPlace(0, 11 * HOUR))
    assert plan(problem([day], [lock])).routes[0].breaks == ()


def test_travel_may_be_interrupted_by_unavailable_time_service_may_not() -> None:
    day = shift(unavailable=((8 * HOUR + 300, 9 * HOUR),))
    solution = plan(problem([day], [visit("a", 1)]))
    assert starts(solution)[0] == 9 * HOUR + 300


def test_work_is_limited_without_counting_waiting() -> None:
    visits = [visit(f"v{i}", 1, windows=((hour * HOUR, hour * HOUR),)) for i, hour in enumerate((9, 12, 15))]
    needs = 3 * HOUR + 2 * 600
    assert not plan(problem([shift(max_work=needs)], visits)).unserved
    assert len(plan(problem([shift(max_work=needs - 1)], visits)).unserved) == 1


def test_buffers_are_kept_free_of_travel_and_others() -> None:
    visits = [visit("a", 1, setup_before=600, setup_after=900), visit("b", 1)]
    solution = plan(problem([shift()], visits))
    first, second = (stop for stop in solution.routes[0].stops)
    assert first.starts - first.arrives == (600 if first.visit == 0 else 0)
    assert second.starts - first.ends == (900 if first.visit == 0 else 600)


def test_stability_keeps_bookings_that_a_fresh_plan_would_move() -> None:
    crew = [shift("ann"), shift("bob", start_place=9, end_place=9)]
    visits = [visit(f"v{i}", 2, eligible=(0, 1), current=CurrentPlace(1, 10 * HOUR)) for i in range(3)]
    moved = metrics(problem(crew, visits), plan(problem(crew, visits)).routes)["moved"]
    keeping = problem(crew, visits, Objective(stability=5000.0))
    assert moved == 3
    assert metrics(keeping, plan(keeping).routes)["moved"] == 0


def test_strategies_differ_in_what_they_give_up() -> None:
    crew = [shift("ann"), shift("bob")]
    visits = [visit(f"v{i}", 1 + i % 3, eligible=(0, 1)) for i in range(6)]
    spread = {}
    for strategy in ("time_minimization", "balanced"):
        given = problem(crew, visits, Objective.for_strategy(strategy))
        spread[strategy] = metrics(given, plan(given).routes)["work_spread_s"]
    assert spread["balanced"] < spread["time_minimization"]
    short = shift(ends=12 * HOUR)
    jobs = [visit(f"n{i}", 1, weight=7200.0) for i in range(3)]
    jobs.append(visit("e", 1, duration=3 * HOUR, weight=9000.0, priority="emergency"))
    by_time = plan(problem([short], jobs, Objective.for_strategy("time_minimization")))
    by_priority = plan(problem([short], jobs, Objective.for_strategy("priority_first")))
    assert 3 in reasons(by_time)
    assert 3 not in reasons(by_priority)
    with pytest.raises(ProblemError, match="fastest"):
        Objective.for_strategy("fastest")  # type: ignore[arg-type]


def test_short_roads_win_over_fast_ones_when_distance_counts() -> None:
    seconds = np.array([[0, 100, 100], [100, 0, 500], [100, 500, 0]], np.int32)
    metres = np.array([[0, 9000, 1000], [9000, 0, 1000], [1000, 1000, 0]], np.int32)
    day = shift(end_place=1)
    given = Problem(seconds, metres, (day,), (visit("a", 2, duration=60, weight=9e9),))
    by_distance = replace(given, weights=Objective.for_strategy("distance_minimization"))
    assert plan(given).routes[0].distance_m == plan(by_distance).routes[0].distance_m == 2000
    two = Problem(
        seconds, metres, (shift(), shift("bob", end_place=1)), (visit("a", 2, duration=60, eligible=(0, 1)),)
    )
    assert plan(two).routes[0].stops
    assert plan(replace(two, weights=Objective.for_strategy("distance_minimization"))).routes[1].stops


def test_a_search_can_be_cancelled_and_still_answers() -> None:
    seen: list[Progress] = []

    def stop(progress: Progress) -> bool:
        seen.append(progress)
        return len(seen) == 2

    given = problem([shift()], [visit(f"v{i}") for i in range(5)])
    began = time.perf_counter()
    solution = solve(given, seed=1, time_limit_s=60.0, progress=stop)
    assert solution.cancelled
    assert time.perf_counter() - began < 30.0
    assert seen[0].iterations == 0
    assert seen[0].served == 5
    assert violations(given, solution) == []


def test_a_search_by_the_clock_stays_near_its_limit() -> None:
    given = problem([shift()], [visit(f"v{i}", 1 + i % 9, duration=1200) for i in range(12)])
    plan(given)
    solution = solve(given, seed=1, time_limit_s=0.5)
    assert solution.iterations > 100
    assert solution.curve[-1][0] < 5.0


@pytest.mark.parametrize("shifts", [[], [shift()]])
def test_nothing_to_do_is_a_plan(shifts: list[Shift]) -> None:
    solution = plan(problem(shifts, []))
    assert (solution.objective, solution.unserved) == (0.0, ())
    assert len(solution.routes) == len(shifts)


def test_without_shifts_every_visit_is_unserved() -> None:
    assert reasons(plan(problem([], [visit("a", eligible=())]))) == {0: "no_eligible_technician"}


def test_insertion_tells_time_travel_and_delay() -> None:
    nine = ((9 * HOUR, 9 * HOUR),)
    visits = [visit("a", 2, windows=nine), visit("b", 4, windows=((10 * HOUR, 12 * HOUR),))]
    visits.append(visit("new", 3, duration=600))
    given = problem([shift()], visits)
    first_two = replace(given, visits=tuple(visits[:2]))
    routes = plan(first_two).routes
    best = best_insertions(given, routes, 2, 1)[0]
    assert best.position == 1
    assert best.added_travel_s == 0
    assert best.delays_s == 600
    assert len(best_insertions(given, routes, 2, 10)) == 3
    with pytest.raises(ProblemError):
        best_insertions(given, routes, 3, 1)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (problem([shift(start_place=99)], []), "shift ann: a place"),
        (problem([shift(ends=0)], []), "shift ann: ends before"),
        (problem([shift()], [visit("a", place=99)]), "visit a: its place"),
        (problem([shift()], [visit("a", eligible=(1,))]), "visit a: names a shift"),
        (problem([shift()], [visit("a", windows=((5, 4),))]), "visit a: a window"),
        (problem([shift()], [visit("a"), visit("a")]), "two of the visits are called a"),
        (replace(problem([shift()], []), travel=road()[:3]), "travel matrix"),
        (
            replace(problem([shift()], []), distance=None, weights=Objective(distance=1.0)),
            "no distance matrix",
        ),
    ],
)
def test_contradictions_are_refused_by_name(wrong: Problem, says: str) -> None:
    with pytest.raises(ProblemError, match=says):
        solve(wrong, seed=1, time_limit_s=1.0)


def test_a_function_is_compiled_once_for_numbers_of_any_width() -> None:
    @compiled
    def doubled(number: int) -> int:
        return number * 2

    @compiled
    def total(narrow: Any, wide: int) -> int:
        return doubled(narrow[0]) + doubled(wide)

    assert total(np.array([3], np.int32), 4) == 14
    assert len(cast("Any", doubled).overloads) == 1


def test_compiled_code_goes_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert cache_folder().parent == tmp_path
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    monkeypatch.setattr("os.access", lambda *_: False)
    assert "engine" in cache_folder().name
    assert cache_folder().parent.parent != Path(__file__).parent

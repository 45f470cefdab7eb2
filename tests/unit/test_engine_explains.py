"""What the engine says of its plans, against trying everything on tiny days (OPT-12)."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import get_args

import numpy as np
import pytest
from bench.checker import violations
from bench.oracle import cost, feasible, optimum
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from support.effort import examples
from truckroll.engine import FixedPlace, Objective, Problem, Shift, Visit, solve
from truckroll.engine.model import Reason, Solution
from truckroll.engine.relax import DAY, STEP, Relaxation, Wish, relaxations
from truckroll.engine.why import explain_placed
from truckroll.planning.unserved import SENTENCES

pytestmark = pytest.mark.timeout(300)  # the first test may have to compile the engine

HOUR = 3600
SLOW = settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def days(draw: st.DrawFn) -> Problem:
    """Days of up to two people and five visits, in minutes that are five to the step of a relaxation."""
    places = draw(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=3, max_size=4))
    spread = np.array(places)
    travel = (np.abs(spread[:, None] - spread[None]).sum(-1) * 300).astype(np.int32)
    place = st.integers(0, len(places) - 1)
    shifts = tuple(
        Shift(
            id=f"s{i}",
            technician_id=f"t{i}",
            start_place=draw(place),
            end_place=0,
            starts=HOUR * draw(st.integers(8, 9)),
            ends=HOUR * draw(st.integers(10, 13)),
            max_work=draw(st.none() | st.sampled_from([HOUR, 2 * HOUR])),
        )
        for i in range(draw(st.integers(1, 2)))
    )
    visits = tuple(
        Visit(
            id=f"v{i}",
            place=draw(place),
            duration=600 * draw(st.integers(1, 9)),
            windows=draw(
                st.sampled_from(
                    [(), ((9 * HOUR, 10 * HOUR),), ((7 * HOUR, 8 * HOUR), (11 * HOUR, 11 * HOUR + 900))]
                )
            ),
            weight=draw(st.sampled_from([300.0, 5000.0, 20000.0])),
            eligible=tuple(draw(st.sets(st.integers(0, len(shifts) - 1)))),
        )
        for i in range(draw(st.integers(2, 5)))
    )
    return Problem(travel, None, shifts, visits, Objective())


def orders_of(solution: Solution) -> list[list[int]]:
    return [[stop.visit for stop in route.stops] for route in solution.routes]


def changed(problem: Problem, x: int, way: Relaxation, amount: int) -> Problem:
    """Return the day with the change a relaxation names."""
    visit, shift = problem.visits[x], problem.shifts[way.shift]
    if way.kind == "start_later":
        visit = replace(visit, windows=tuple((a, b + amount) for a, b in visit.windows))
    elif way.kind == "start_earlier":
        visit = replace(visit, windows=tuple((a - amount, b) for a, b in visit.windows))
    elif way.kind == "shorter":
        visit = replace(visit, duration=visit.duration - amount)
    elif way.kind == "rule":
        visit = replace(visit, eligible=tuple({*visit.eligible, way.shift}))
    elif way.kind == "shift_ends_later":
        shift = replace(shift, ends=shift.ends + amount)
    elif way.kind == "shift_starts_earlier":
        shift = replace(shift, starts=shift.starts - amount)
    elif way.kind == "work_limit":
        shift = replace(shift, max_work=(shift.max_work or 0) + amount)
    visits = tuple(visit if y == x else one for y, one in enumerate(problem.visits))
    if visit.windows and way.kind in {"start_later", "start_earlier"}:
        visits = tuple(replace(one, windows=merged(one.windows)) for one in visits)
    shifts = tuple(shift if v == way.shift else one for v, one in enumerate(problem.shifts))
    return replace(problem, visits=visits, shifts=shifts)


def merged(windows: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    joined: list[tuple[int, int]] = []
    for a, b in sorted(windows):
        if joined and a <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(b, joined[-1][1]))
        else:
            joined.append((a, b))
    return tuple(joined)


def fits(problem: Problem, x: int, shifts: list[int], orders: list[list[int]]) -> bool:
    """Tell whether x goes somewhere into these orders."""
    return any(
        feasible(problem, v, [*orders[v][:k], x, *orders[v][k:]])
        for v in shifts
        for k in range(len(orders[v]) + 1)
    )


@SLOW
@given(days())
def test_every_relaxation_serves_the_visit_and_less_would_not(problem: Problem) -> None:
    solution = solve(problem, seed=1, time_limit_s=10.0, iterations=60)
    orders = orders_of(solution)
    left = [one.visit for one in solution.unserved]
    everybody = tuple(range(len(problem.shifts)))
    wishes = [
        Wish(
            problem.visits[x],
            problem.visits[x].windows,
            {"out_of_zone": tuple(v for v in everybody if v not in problem.visits[x].eligible)},
            {"out_of_zone": 1800.0},
        )
        for x in left
    ]
    stretch = [(7200, 7200)] * len(problem.shifts)
    verdicts = relaxations(problem, solution.routes, wishes, earliest=0, stretch=stretch)
    for i, (x, verdict) in enumerate(zip(left, verdicts, strict=True)):
        assert verdict is not None
        assert [one.cost for one in verdict.relaxations] == sorted(one.cost for one in verdict.relaxations)
        own = list(problem.visits[x].eligible)
        kinds = {one.kind: one for one in verdict.relaxations}
        for way in verdict.relaxations:
            relaxed = changed(problem, x, way, way.amount_s)
            served = [x if stop.visit == len(problem.visits) + i else stop.visit for stop in way.route.stops]
            assert x in served
            assert [y for y in served if y != x] == [y for y in orders[way.shift] if y not in way.dropped]
            assert feasible(relaxed, way.shift, served)
            if way.amount_s > STEP:
                less = changed(problem, x, way, way.amount_s - STEP)
                assert not fits(less, x, [way.shift], orders)
        assert ("as_it_is" in kinds) == fits(problem, x, own, orders)
        for v in verdict.full:
            assert fits(problem, x, [v], [[] for _ in orders])
        for v in verdict.no_time:
            assert not fits(problem, x, [v], [[] for _ in orders])
        if problem.visits[x].windows and "start_later" not in kinds:
            way = Relaxation("start_later", 0, 0, 0, 0.0, solution.routes[0])
            assert not fits(changed(problem, x, way, DAY), x, own, orders) or "as_it_is" in kinds


@SLOW
@given(days())
def test_what_a_visit_costs_elsewhere_is_what_moving_it_would_cost(problem: Problem) -> None:
    solution = solve(problem, seed=1, time_limit_s=10.0, iterations=60)
    assert violations(problem, solution) == []
    orders = orders_of(solution)
    now = cost(problem, orders)
    for x, placed in explain_placed(problem, solution.routes).items():
        rest = [[y for y in order if y != x] for order in orders]
        price = problem.weights.price(problem.visits[x])
        assert placed.cost == pytest.approx(now - (cost(problem, rest) - price), abs=0.1)
        assert placed.cost == pytest.approx(placed.driving + placed.balance + placed.stability, abs=0.2)
        others = {one.shift: one for one in placed.elsewhere}
        for v in problem.visits[x].eligible:
            if v == placed.shift:
                continue
            ways = [[*rest[v][:k], x, *rest[v][k:]] for k in range(len(rest[v]) + 1)]
            costs = [
                cost(problem, [*rest[:v], one, *rest[v + 1 :]]) for one in ways if feasible(problem, v, one)
            ]
            if costs:
                assert others[v].extra == pytest.approx(min(costs) - now, abs=0.1)
            else:
                assert v in placed.no_room


@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(days(), st.data())
def test_locked_work_is_in_the_way_only_where_no_order_helps(problem: Problem, data: st.DataObject) -> None:
    lock = FixedPlace(0, data.draw(st.integers(9 * HOUR, 12 * HOUR)))
    # To the oracle a locked visit is one that can't be at any other time, and is worth everything.
    problem = replace(
        problem,
        visits=(
            replace(
                problem.visits[0], fixed=lock, windows=((lock.start, lock.start),), eligible=(0,), weight=1e7
            ),
            *problem.visits[1:],
        ),
    )
    assume(feasible(problem, 0, [0]))
    solution = solve(problem, seed=1, time_limit_s=10.0, iterations=400)
    assert solution.objective == pytest.approx(optimum(problem))
    for left in solution.unserved:
        x = left.visit
        alone = [v for v in problem.visits[x].eligible if feasible(problem, v, [x])]
        beside = [
            v for v in alone if v != 0 or any(feasible(problem, v, order) for order in permutations([0, x]))
        ]
        assert (left.reason == "locked") == bool(alone and not beside)
        assert (left.reason in {"capacity", "not_worth_the_travel"}) == bool(beside)


def test_every_reason_of_the_engine_has_a_sentence() -> None:
    told_from_the_database = {"no_eligible_technician", "capacity"}
    assert set(get_args(Reason)) <= SENTENCES.keys() | told_from_the_database

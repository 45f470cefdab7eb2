"""Every plan of the engine keeps every promise of its model, on days drawn at random."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from bench.checker import violations
from bench.oracle import cost, feasible, optimum
from bench.pace import takes_s
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.effort import examples
from truckroll.engine import (
    Break,
    CurrentPlace,
    FixedPlace,
    Objective,
    Problem,
    Shift,
    Solution,
    Visit,
    best_insertions,
    metrics,
    solve,
)

pytestmark = pytest.mark.timeout(300)  # the first test may have to compile the engine

STEPS = 60
SLOW = settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def days(draw: st.DrawFn, *, tiny: bool = False) -> Problem:
    """Days with a bit of everything; tiny ones are small enough to try every plan."""
    places = draw(st.integers(2, 5))
    points = draw(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=places, max_size=places))
    spread = np.array(points)
    travel = np.abs(spread[:, None] - spread[None]).sum(-1).astype(np.int32)
    place = st.integers(0, places - 1)
    span = 60 if tiny else 120
    shifts = tuple(
        draw(_shift(i, place, span, tiny=tiny)) for i in range(draw(st.integers(1, 2 if tiny else 3)))
    )
    visits = tuple(
        draw(_visit(i, place, span, len(shifts), tiny=tiny))
        for i in range(draw(st.integers(1, 4 if tiny else 9)))
    )
    weights = Objective(
        stability=draw(st.sampled_from([0.0, 5.0])), continuity=draw(st.sampled_from([0.0, 4.0]))
    )
    if not tiny:
        weights = replace(
            weights,
            distance=draw(st.sampled_from([0.0, 0.5])),
            balance=draw(st.sampled_from([0.0, 0.3])),
            priority_factor=draw(st.sampled_from([1.0, 10.0])),
        )
    return Problem(travel, travel * 7, shifts, visits, weights, grain=draw(st.sampled_from([1, 1, 2])))


@st.composite
def _shift(draw: st.DrawFn, i: int, place: st.SearchStrategy[int], span: int, *, tiny: bool) -> Shift:
    starts = draw(st.integers(0, 15))
    ends = starts + draw(st.integers(20, span))
    breaks = []
    for _ in range(draw(st.integers(0, 1 if tiny else 2))):
        earliest = draw(st.integers(0, span))
        breaks.append(Break(earliest, earliest + draw(st.integers(0, 12)), draw(st.integers(1, 8))))
    off = []
    for _ in range(draw(st.integers(0, 1 if tiny else 2))):
        begin = draw(st.integers(0, span))
        off.append((begin, begin + draw(st.integers(0, 20))))
    return Shift(
        id=f"s{i}",
        technician_id=f"t{i}",
        start_place=draw(place),
        end_place=draw(place),
        starts=starts,
        ends=ends,
        breaks=tuple(breaks),
        max_work=draw(st.none() | st.integers(15, span)),
        unavailable=tuple(off),
        max_span=None if tiny else draw(st.none() | st.integers(15, span)),
        capacity=draw(st.none() | st.integers(1, 4)),
        pace=draw(st.sampled_from([1.0, 1.0, 0.8, 1.25])),
        paces=draw(st.sampled_from([(), (), (("repair", 1.5),)])),
        speed=draw(st.sampled_from([1.0, 1.0, 0.7, 1.3])),
    )


@st.composite
def _visit(
    draw: st.DrawFn, i: int, place: st.SearchStrategy[int], span: int, shifts: int, *, tiny: bool
) -> Visit:
    windows = []
    for _ in range(draw(st.integers(0, 2))):
        opens = draw(st.integers(0, span))
        windows.append((opens, opens + draw(st.integers(0, 30))))
    anywhere = st.builds(FixedPlace, st.integers(0, shifts - 1), st.integers(0, span))
    fixed = None if tiny else draw(st.none() | st.none() | st.none() | anywhere)
    booked = draw(st.none() | anywhere)
    return Visit(
        id=f"v{i}",
        place=draw(place),
        duration=draw(st.integers(0, 15)),
        windows=tuple(windows),
        weight=draw(st.sampled_from([3.0, 20.0, 100.0, 400.0])),
        priority=draw(st.sampled_from(["low", "normal", "high", "emergency"])),
        eligible=tuple(draw(st.sets(st.integers(0, shifts - 1), max_size=shifts))),
        fixed=fixed,
        current=CurrentPlace(*booked) if booked else None,
        setup_before=draw(st.sampled_from([0, 0, 3])),
        setup_after=draw(st.sampled_from([0, 0, 2])),
        load=draw(st.sampled_from([0, 1])),
        kind=draw(st.sampled_from(["", "repair"])),
        paced=draw(st.none() | st.just(0)),
        familiar=draw(st.none() | st.frozensets(st.integers(0, shifts - 1)).map(tuple)),
    )


def planned(problem: Problem, seed: int = 1) -> Solution:
    return solve(problem, seed=seed, time_limit_s=10.0, iterations=STEPS)


@SLOW
@given(days())
def test_a_plan_breaks_no_rule_and_moves_no_fixed_visit(problem: Problem) -> None:
    assert violations(problem, planned(problem)) == []


@SLOW
@given(days())
def test_metrics_agree_with_the_plan(problem: Problem) -> None:
    solution = planned(problem)
    figures = metrics(problem, solution.routes)
    assert figures["objective"] == pytest.approx(solution.objective)
    assert figures["unserved"] == len(solution.unserved)


@settings(max_examples=examples(25), deadline=None)
@given(days(), st.integers(0, 2**40))
def test_equal_seed_and_steps_give_the_same_plan(problem: Problem, seed: int) -> None:
    again = replace(problem)
    first, second = planned(problem, seed), planned(again, seed)
    assert (first.routes, first.unserved, first.objective) == (
        second.routes,
        second.unserved,
        second.objective,
    )


@settings(max_examples=examples(50), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(days(tiny=True))
def test_tiny_days_are_planned_as_well_as_trying_everything(problem: Problem) -> None:
    solution = solve(problem, seed=1, time_limit_s=10.0, iterations=400)
    assert violations(problem, solution) == []
    assert solution.objective == pytest.approx(optimum(problem))


@SLOW
@given(days(tiny=True))
def test_the_reason_of_every_unserved_visit_is_true(problem: Problem) -> None:
    solution = planned(problem)
    orders = [[stop.visit for stop in route.stops] for route in solution.routes]
    any_time = replace_visits(problem, windows=())
    nearby = replace(any_time, travel=any_time.travel * 0, distance=None)
    for left in solution.unserved:
        x = left.visit
        visit = problem.visits[x]
        alone = [v for v in visit.eligible if feasible(problem, v, [x])]
        at_any_time = [v for v in visit.eligible if feasible(any_time, v, [x])]
        beside_home = [v for v in visit.eligible if feasible(nearby, v, [x])]
        added = {(v, k): [*o[:k], x, *o[k:]] for v, o in enumerate(orders) for k in range(len(o) + 1)}
        fits = [key for key, order in added.items() if feasible(problem, key[0], order)]
        if left.reason == "no_eligible_technician":
            assert not visit.eligible
        elif left.reason == "no_time_in_window":
            assert not alone
            assert set(at_any_time) == set(left.detail["shifts"]) != set()
        elif left.reason == "unreachable":
            assert not at_any_time
            assert beside_home
        elif left.reason == "shift_too_short":
            assert visit.eligible
            assert not beside_home
        elif left.reason == "not_worth_the_travel":
            assert fits
            now = cost(problem, orders)
            for v, k in fits:
                assert cost(problem, [*orders[:v], added[v, k], *orders[v + 1 :]]) >= now - 1e-6
        else:
            assert left.reason == "capacity"
            assert alone
            assert not fits
            v, dropped = left.detail["shift"], set(left.detail["displaces"])
            assert dropped
            rest = [y for y in orders[v] if y not in dropped]
            ways = [[*rest[:k], x, *rest[k:]] for k in range(len(rest) + 1)]
            costs = [
                cost(problem, [*orders[:v], one, *orders[v + 1 :]])
                for one in ways
                if feasible(problem, v, one)
            ]
            assert min(costs) - cost(problem, orders) + left.detail["weight"] == pytest.approx(
                left.detail["cost"], abs=0.1
            )
            assert left.detail["cost"] >= left.detail["weight"] - 0.1


@SLOW
@given(days(tiny=True), st.data())
def test_insertions_are_all_there_are_cheapest_first(problem: Problem, data: st.DataObject) -> None:
    x = data.draw(st.integers(0, len(problem.visits) - 1))
    solution = planned(problem)
    orders = [[stop.visit for stop in route.stops if stop.visit != x] for route in solution.routes]
    offers = best_insertions(problem, solution.routes, x, 1000)
    added = {(v, k): [*o[:k], x, *o[k:]] for v, o in enumerate(orders) for k in range(len(o) + 1)}
    possible = {key for key, order in added.items() if feasible(problem, key[0], order)}
    assert {(one.shift, one.position) for one in offers} == possible
    assert [one.cost for one in offers] == sorted(one.cost for one in offers)
    for one in offers:
        visit = problem.visits[x]
        assert one.ends == one.starts + takes_s(problem, problem.shifts[one.shift], x)
        assert not visit.windows or any(a <= one.starts <= b for a, b in visit.windows)


def replace_visits(problem: Problem, **changes: object) -> Problem:
    visits = tuple(replace(visit, **changes) for visit in problem.visits)  # type: ignore[arg-type]
    return replace(problem, visits=visits)

"""A search by several processes, in parts or whole, is as sound and as repeatable as one alone."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter, sleep

import numpy as np
import pytest
from bench.checker import violations

from truckroll.engine import (
    Break,
    CurrentPlace,
    FixedPlace,
    Group,
    Objective,
    Problem,
    Progress,
    Shift,
    Visit,
    solve,
)
from truckroll.engine import rounds as engine_rounds
from truckroll.engine import solver as engine_solver
from truckroll.engine.chance import seeded
from truckroll.engine.companion import Companions
from truckroll.engine.districts import district_of, points_of, split
from truckroll.engine.model import Part
from truckroll.engine.prepare import prepare
from truckroll.engine.rounds import Joined, Rounds
from truckroll.engine.run import Run
from truckroll.engine.start import first_plan
from truckroll.engine.task import Task, perform
from truckroll.engine.tours import lay, tours_of
from truckroll.settings import SettingsError, engine_workers

pytestmark = pytest.mark.timeout(300)  # the first test may have to compile the engine

HOUR = 3600


def day(seed: int, visits: int = 70, shifts: int = 8) -> Problem:
    """Return a day with breaks, time off, fixed and booked visits, too much to do and every kind of cost."""
    rng = np.random.default_rng(seed)
    at = rng.uniform(0, 4000, (shifts + visits, 2))
    travel = np.rint(np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1))).astype(np.int32)
    return Problem(
        travel,
        travel * 8,
        tuple(
            Shift(
                f"s{v}",
                f"t{v}",
                v,
                v,
                8 * HOUR,
                (14 + v % 4) * HOUR,
                (Break(11 * HOUR, 13 * HOUR, 1800),),
                unavailable=((9 * HOUR, 9 * HOUR + 600),) if v % 3 == 0 else (),
            )
            for v in range(shifts)
        ),
        tuple(
            Visit(
                f"v{x}",
                shifts + x,
                int(rng.integers(1200, 4000)),
                weight=float(rng.choice([1800.0, 7200.0, 30000.0])),
                eligible=tuple(sorted({int(v) for v in rng.integers(0, shifts, 4)})) if x % 23 else (),
                fixed=FixedPlace(x % shifts, 10 * HOUR) if x % 17 == 5 and x < 2 * shifts else None,
                current=CurrentPlace(int(rng.integers(shifts)), 12 * HOUR) if x % 3 == 0 else None,
            )
            for x in range(visits)
        ),
        Objective(distance=0.05, stability=300.0, balance=0.1, priority_factor=2.0),
        tuple(Group(f"g{x}", (Part(x, 0, 0), Part(x + 1, 0, 1))) for x in (25, 31, 40, 52)),
    )


@pytest.fixture(scope="module")
def companions() -> Iterator[Companions]:
    with Companions(1) as both:
        yield both


def rounds_of(problem: Problem, companions: Companions) -> Rounds:
    prepared = prepare(problem)
    chance = seeded(1)
    run = Run(prepared, first_plan(prepared, chance), chance)
    start = Joined.of(tours_of(prepared, run.plan), run.plan.routes["cost"])
    return Rounds(problem, 1, companions, start, run.heat, perf_counter)


def whole_cost(problem: Problem, plan: Joined) -> float:
    """Return the objective of tours, computed on the whole day."""
    prepared = prepare(problem)
    laid = prepared.plan()
    lay(prepared, laid, plan.tours)
    return float(Run(prepared, laid, seeded(0)).best_cost)


@pytest.mark.parametrize("seed", range(5))
def test_districts_searched_apart_cost_together_what_the_whole_day_costs(seed: int) -> None:
    problem = day(seed)
    prepared = prepare(problem)
    plan = first_plan(prepared, seeded(seed))
    joined = Joined.of(tours_of(prepared, plan), plan.routes["cost"])
    start = joined.tours
    assert joined.starts
    rng = np.random.default_rng(seed)
    homes = points_of(problem.travel)[: len(problem.shifts)]
    for group in split(homes, np.ones(len(homes)), 3, rng):
        served = sorted(x for v in group for x in start.rows[v] if x >= 0)
        district = district_of(problem, tuple(group), tuple(served), start)
        task = Task(district.problem, district.inward(start), None, seed, 0.0, 1.0, steps=50, seconds=0.0)
        found = perform(task, lambda _: False)
        joined.take(district, found.best, found.best_costs)
    assert joined.cost(prepared.day.visits["price"]) == pytest.approx(whole_cost(problem, joined))


def test_a_split_leaves_nobody_out_and_shares_the_work() -> None:
    rng = np.random.default_rng(3)
    weights = rng.integers(1, 10, 40)
    groups = split(rng.uniform(0, 1, (40, 2)), weights, 4, rng)
    assert sorted(v for group in groups for v in group) == list(range(40))
    assert max(weights[group].sum() for group in groups) < 1.5 * weights.sum() / 4


@pytest.mark.parametrize("cut_from", [10, 1000])
def test_equal_seed_steps_and_processes_give_the_same_plan(
    cut_from: int, companions: Companions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_rounds, "PART", cut_from)
    problem = day(1)
    results = []
    for _ in range(2):
        rounds = rounds_of(problem, companions)
        before = rounds.best_cost
        rounds.for_steps(400, 2, lambda _: False)
        assert rounds.best_cost < before
        assert rounds.best_cost == pytest.approx(whole_cost(problem, rounds.best))
        results.append((rounds.best.tours, rounds.best_cost, rounds.steps))
    assert results[0] == results[1]


def test_when_a_process_is_killed_what_the_others_find_still_counts() -> None:
    problem = day(2)
    with Companions(1) as companions:
        rounds = rounds_of(problem, companions)
        before = rounds.best_cost
        while not companions.ready():
            sleep(0.05)

        def kill(_: float) -> bool:
            for process in companions.processes():
                os.kill(process, signal.SIGKILL)
            return False

        rounds.for_steps(400, 2, kill)
        assert companions.count == 0
    assert before > rounds.best_cost == pytest.approx(whole_cost(problem, rounds.best))


def test_a_search_by_two_processes_ends_when_told_to_and_leaves_none_behind() -> None:
    problem = day(3)
    seen: list[Progress] = []

    def stop(state: Progress) -> bool:
        seen.append(state)
        return len(seen) > 3

    solution = solve(problem, seed=1, time_limit_s=600.0, iterations=10**9, progress=stop, workers=2)
    assert solution.cancelled
    assert len(seen) == 4
    assert violations(problem, solution) == []


def test_a_day_too_large_for_one_piece_is_planned_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_solver, "HUGE", 20)
    monkeypatch.setattr(engine_rounds, "PART", 20)
    monkeypatch.setattr(engine_rounds, "LARGEST_PART", 25)
    problem = replace(
        day(4), visits=(*day(4).visits, replace(day(4).visits[1], id="late", windows=((0, 1),)))
    )
    solution = solve(problem, seed=1, time_limit_s=60.0, iterations=300)
    assert violations(problem, solution) == []
    reasons = {left.visit: left.reason for left in solution.unserved}
    assert reasons[0] == "no_eligible_technician"
    assert reasons[len(problem.visits) - 1] == "no_time_in_window"
    alone = solve(replace(problem), seed=1, time_limit_s=60.0, iterations=1)
    assert solution.objective < alone.objective


def test_a_setting_says_with_how_many_processes_plans_are_searched() -> None:
    assert engine_workers({"TRUCKROLL_ENGINE_WORKERS": "3"}) == 3
    assert 1 <= engine_workers({}) <= (os.cpu_count() or 1)
    with pytest.raises(SettingsError, match="TRUCKROLL_ENGINE_WORKERS"):
        engine_workers({"TRUCKROLL_ENGINE_WORKERS": "none"})

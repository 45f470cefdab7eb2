"""Routes met during a search are put together to the best plan they allow, never to a worse one."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from bench.oracle import feasible, optimum, travel

from truckroll.engine import FixedPlace, Problem, Shift, Visit
from truckroll.engine.arrays import Plan
from truckroll.engine.chance import seeded
from truckroll.engine.pool import Pool
from truckroll.engine.prepare import Prepared, prepare
from truckroll.engine.run import Run
from truckroll.engine.search import cost_of
from truckroll.engine.start import first_plan
from truckroll.engine.task import Album
from truckroll.engine.tours import tours_of

pytestmark = pytest.mark.timeout(300)  # the first test may have to compile the engine


def day(seed: int, shifts: int = 2, visits: int = 5) -> Problem:
    """Return a small day without breaks, with more to do than there is time for."""
    rng = np.random.default_rng(seed)
    at = rng.integers(0, 10, (shifts + visits, 2))
    return Problem(
        np.abs(at[:, None] - at[None]).sum(-1).astype(np.int32),
        None,
        tuple(Shift(f"s{v}", f"t{v}", v, v, 0, 60) for v in range(shifts)),
        tuple(
            Visit(
                f"v{x}",
                shifts + x,
                int(rng.integers(5, 20)),
                windows=((0, 30),) if x % 2 else (),
                weight=float(rng.choice([5.0, 20.0, 60.0])),
                eligible=tuple(sorted({int(v) for v in rng.integers(0, shifts, 2)})),
            )
            for x in range(visits)
        ),
    )


def objective(prepared: Prepared, plan: Plan) -> float:
    return float(cost_of(prepared.day, plan))


@pytest.mark.parametrize("seed", range(6))
def test_of_all_routes_there_are_the_pool_makes_the_best_plan(seed: int) -> None:
    problem = day(seed)
    pool = Pool(prepare(problem))
    for v in range(len(problem.shifts)):
        for count in range(1, len(problem.visits) + 1):
            for order in permutations(range(len(problem.visits)), count):
                if feasible(problem, v, order):
                    pool.add(v, order, float(travel(problem, v, order)))
    plan = pool.recombine(tours_of(pool.prepared, pool.prepared.plan()), None)
    assert objective(pool.prepared, plan) == optimum(problem)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_put_together_is_sound_and_never_dearer(seed: int) -> None:
    problem = day(seed, shifts=4, visits=24)
    prepared = prepare(problem)
    plan = first_plan(prepared, seeded(seed))
    run = Run(prepared, plan, seeded(seed))
    pool, album = Pool(prepared), Album(prepared)

    def look(_: float) -> bool:
        album.note(run.plan)
        return False

    run.for_steps(150, 0.0, 0.5, look)
    for met in album.taken():
        pool.add(met.shift, met.tour, met.cost)
    before = run.best_cost
    pool.improve(run, None)
    assert run.best_cost <= before
    assert objective(prepared, run.best_plan()) == pytest.approx(run.best_cost)
    orders = [[node for node in tour if node >= 0] for tour in tours_of(prepared, run.best).rows]
    assert all(feasible(problem, v, order) for v, order in enumerate(orders))
    served = [x for order in orders for x in order]
    assert len(served) == len(set(served))


def test_a_visit_on_two_of_the_chosen_routes_stays_on_the_one_where_it_is_cheaper() -> None:
    at = np.array([0, 10, 2, 9, 8])
    far = np.abs(at[:, None] - at[None]).astype(np.int32)
    shifts = (Shift("left", "left", 0, 0, 0, 100), Shift("right", "right", 1, 1, 0, 100))
    visits = tuple(Visit(f"v{i}", 2 + i, 1, weight=1000.0, eligible=(0, 1)) for i in range(3))
    pool = Pool(prepare(Problem(far, None, shifts, visits)))
    pool.add(0, (0, 2), 16.0)
    pool.add(1, (1, 2), 4.0)
    plan = pool.recombine(tours_of(pool.prepared, pool.prepared.plan()), None)
    assert tours_of(pool.prepared, plan).rows == ((0,), (1, 2))
    assert objective(pool.prepared, plan) == 8.0


def test_a_route_may_go_to_any_shift_of_its_kind_and_to_no_other() -> None:
    far = np.abs(np.arange(4)[:, None] - np.arange(4)[None]).astype(np.int32)
    shifts = tuple(Shift(f"s{v}", f"t{v}", 0, 0, 0, 20 if v < 2 else 19) for v in range(3))
    fixed = Visit("fixed", 1, 1, eligible=(2,), fixed=FixedPlace(2, 5))
    visits = (*(Visit(f"v{i}", 1 + i, 10, weight=1000.0, eligible=(0, 1, 2)) for i in range(3)), fixed)
    prepared = prepare(Problem(far, None, shifts, visits))
    pool = Pool(prepared)
    for x in range(3):
        pool.add(0, (x,), 2.0 * (1 + x))
    plan = pool.recombine(tours_of(prepared, prepared.plan()), None)
    rows = tours_of(prepared, plan).rows
    assert sorted(rows[:2]) == [(0,), (1,)]
    assert rows[2] == (3,)

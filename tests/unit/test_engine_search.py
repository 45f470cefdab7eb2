"""The moves of the search: what they leave behind is what computing it anew would give."""

from __future__ import annotations

import numpy as np
import pytest
from bench.days import rich_day

from truckroll.engine import Problem, Shift, Visit, solve
from truckroll.engine.arrays import Plan
from truckroll.engine.chance import seeded
from truckroll.engine.insert import cheapest_nearby, cheapest_slot, place_node, take_node
from truckroll.engine.prepare import Prepared, prepare
from truckroll.engine.run import Run
from truckroll.engine.search import cost_of, restore
from truckroll.engine.start import first_plan, leaves_out, share_of_heat

pytestmark = pytest.mark.timeout(300)  # the first test may have to compile the engine


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return prepare(rich_day("small", 3))


def derived(plan: Plan) -> list[object]:
    """Return all that follows from the nodes of a plan."""
    lengths = plan.routes["length"].tolist()
    rows = [
        (plan.nodes[v, :n].tolist(), plan.slots[v, : n + 1].tolist(), plan.begins[v, :n].tolist())
        for v, n in enumerate(lengths)
    ]
    served = plan.shift_of >= 0
    return [rows, plan.routes.tolist(), plan.shift_of.tolist(), plan.position_of[served].tolist()]


def test_steps_taken_and_undone_leave_every_schedule_as_computed_anew(prepared: Prepared) -> None:
    chance = seeded(5)
    run = Run(prepared, first_plan(prepared, chance), chance)
    for done in (0.0, 0.5, 0.9):
        run.advance(150, done, done + 0.1)
        found = derived(run.plan)
        restore(prepared.day, run.plan)
        assert found == derived(run.plan)


def test_the_cost_kept_while_searching_is_the_cost_of_the_best_plan(prepared: Prepared) -> None:
    chance = seeded(6)
    run = Run(prepared, first_plan(prepared, chance), chance)
    run.advance(300, 0.2, 0.4)
    assert run.best_cost == pytest.approx(cost_of(prepared.day, run.best_plan()))


def test_a_slot_found_nearby_is_feasible_at_its_cost_and_never_beats_a_full_look(prepared: Prepared) -> None:
    day, chance = prepared.day, seeded(7)
    plan = first_plan(prepared, chance)
    equal = found = 0
    for x in np.flatnonzero(plan.shift_of >= 0).tolist():
        v = int(plan.shift_of[x])
        k = int(plan.position_of[x])
        take_node(day, plan, v, k)
        row = day.visits[x]
        first, last = int(row["first_eligible"]), int(row["last_eligible"])
        _, _, least = cheapest_slot(day, plan, x, day.eligible, first, last, 1e9, 0.0, chance)
        near_v, near_k, cost = cheapest_nearby(day, plan, x, 1e9, 0.0, chance)
        assert cost >= least
        equal += cost == least
        if near_v >= 0:
            found += 1
            before = float(plan.routes[near_v]["cost"])
            assert place_node(day, plan, near_v, near_k, x)
            assert float(plan.routes[near_v]["cost"]) - before == pytest.approx(cost, abs=0.1)
            take_node(day, plan, near_v, near_k)
        place_node(day, plan, v, k, x)
    assert found > 0
    assert equal >= 0.8 * found


def test_neighbours_are_in_time_and_share_a_shift() -> None:
    travel = np.where(np.eye(5), 0, 600).astype(np.int32)
    shifts = tuple(Shift(name, name, 0, 0, 0, 36_000) for name in "ab")
    hours = [(0, 3600), (10_000, 13_600), (20_000, 23_600)]
    visits = [Visit(f"v{i}", 1 + i, 1800, (hours[i],), eligible=(0,)) for i in range(3)]
    visits.append(Visit("elsewhere", 4, 1800, (hours[1],), eligible=(1,)))
    beside = prepare(Problem(travel, None, shifts, tuple(visits))).day.beside
    follows, precedes = 2 * 0 + 1, 2 * 2
    assert set(beside[1, :2].tolist()) == {follows, precedes}
    assert beside[3].tolist() == [-1] * beside.shape[1]


def test_a_search_of_fewer_steps_begins_cooler_unless_visits_are_left_out() -> None:
    shares = [share_of_heat(200, steps * 200.0, left_out=False) for steps in (100, 400, 4000, 10_000)]
    assert shares == sorted(shares)
    assert shares[0] < shares[1] < shares[2] == shares[3] == 1.0
    assert share_of_heat(200, 1.0, left_out=True) == 1.0


def test_a_visit_nobody_may_serve_does_not_heat_the_search() -> None:
    day = Problem(
        np.where(np.eye(3), 0, 600).astype(np.int32),
        None,
        (Shift("a", "a", 0, 0, 0, 36_000),),
        (Visit("served", 1, 1800, eligible=(0,)), Visit("hopeless", 2, 1800)),
    )
    prepared = prepare(day)
    plan = first_plan(prepared, seeded(1))
    assert not leaves_out(prepared.day, plan)
    assert leaves_out(prepared.day, prepared.plan())


def test_a_way_worth_its_cost_for_several_visits_only_is_found() -> None:
    travel = np.where(np.eye(7), 0, 60)
    travel[0, 1:] = travel[1:, 0] = 3000
    visits = tuple(Visit(f"v{i}", 1 + i, 600, weight=2000.0, eligible=(0, 1)) for i in range(6))
    shifts = tuple(Shift(name, name, 0, 0, 0, 36_000) for name in "ab")
    solution = solve(
        Problem(travel.astype(np.int32), None, shifts, visits), seed=1, time_limit_s=60.0, iterations=500
    )
    assert not solution.unserved
    assert sum(bool(route.stops) for route in solution.routes) == 1

"""Visits served together: crews, visits with a bay, composite visits."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from bench.checker import violations
from bench.joint import joint_day
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
    Objective,
    Part,
    Problem,
    ProblemError,
    Shift,
    Solution,
    Visit,
    best_insertions,
    solve,
)

pytestmark = pytest.mark.timeout(300)  # the first test may have to compile the engine

visit = partial(road_visit, eligible=(0, 1), weight=20_000.0)


def plan(shifts: list[Shift], visits: list[Visit], *groups: Group) -> Solution:
    problem = Problem(road(), None, tuple(shifts), tuple(visits), Objective(), groups)
    solution = solve(problem, seed=3, time_limit_s=10.0, iterations=300)
    assert violations(problem, solution) == []
    return solution


def reasons(solution: Solution) -> dict[int, str]:
    return {left.visit: left.reason for left in solution.unserved}


CREW = Group("crew", (Part(0, 0, 0), Part(1, 0, 1)))


def test_a_crew_starts_when_the_last_of_it_can() -> None:
    early, late = shift("ann"), shift("bob", starts=10 * HOUR)
    solution = plan([early, late], [visit("a"), visit("b")], CREW)
    assert stands(solution) == {0: (0, 10 * HOUR + 600), 1: (1, 10 * HOUR + 600)}


def test_a_crew_is_served_whole_or_not_at_all() -> None:
    solution = plan([shift("ann"), shift("bob", ends=9 * HOUR)], [visit("a"), visit("b")], CREW)
    assert reasons(solution) == {0: "no_common_time", 1: "no_common_time"}
    nobody = plan([shift("ann"), shift("bob")], [visit("a"), visit("b", eligible=())], CREW)
    assert reasons(nobody) == {0: "no_eligible_technician", 1: "no_eligible_technician"}


def test_a_crew_makes_way_for_what_weighs_more_and_says_so() -> None:
    short = {"ends": 9 * HOUR + 1200}
    visits = [visit("a"), visit("b"), visit("dear", weight=90_000.0)]
    solution = plan([shift("ann", **short), shift("bob", **short)], visits, CREW)
    assert reasons(solution) == {0: "capacity", 1: "capacity"}
    locked = [*visits[:2], visit("lock", fixed=FixedPlace(0, 8 * HOUR + 600))]
    assert set(reasons(plan([shift("ann", **short), shift("bob", **short)], locked, CREW)).values()) == {
        "locked"
    }
    far = [visit("a", 9, weight=9000.0), visit("b", 9, weight=9000.0)]
    assert set(reasons(plan([shift("ann"), shift("bob")], far, CREW)).values()) == {"not_worth_the_travel"}


def test_a_crew_brings_along_what_it_needs_together() -> None:
    shifts = [shift(name) for name in ("ann", "bob", "cem")]
    anybody = [visit(name, eligible=(0, 1, 2)) for name in ("a", "b")]
    with_cem = replace(CREW, covers=((2,),))
    assert {v for v, _ in stands(plan(shifts, anybody, with_cem)).values()} >= {2}
    both = replace(CREW, covers=((0,), (2,)))
    assert {v for v, _ in stands(plan(shifts, anybody, both)).values()} == {0, 2}
    impossible = replace(CREW, covers=((0,), (1,), (2,)))
    assert set(reasons(plan(shifts, anybody, impossible)).values()) == {"no_common_time"}


def test_the_pause_of_a_composite_visit_is_free_for_others() -> None:
    parts = [visit("first", eligible=(0, 1)), visit("last", eligible=(0, 1))]
    group = Group("composite", (Part(0, 0, 0), Part(1, 2 * HOUR + 1200, 0)))
    between = visit("between", 2, duration=HOUR, eligible=(0,), windows=((9 * HOUR, 10 * HOUR),))
    day = shift("ann", ends=11 * HOUR + 3000)
    solution = plan([day, shift("bob", ends=8 * HOUR)], [*parts, between], group)
    assert stands(solution) == {
        0: (0, 8 * HOUR + 600),
        2: (0, 9 * HOUR + 1200),
        1: (0, 10 * HOUR + 1800),
    }


def test_two_visits_share_a_bay_one_after_the_other() -> None:
    shifts = [shift("ann"), shift("bob"), shift("bay", start_place=1, end_place=1)]
    visits = []
    for name in ("a", "b"):
        visits += [visit(f"{name}-person"), visit(f"{name}-bay", eligible=(2,), weight=0.0)]
    groups = [Group(f"{i}", (Part(2 * i, 0, 0), Part(2 * i + 1, 0, 1))) for i in range(2)]
    times = stands(plan(shifts, visits, *groups))
    assert times[0][1] == times[1][1]
    assert times[2][1] == times[3][1]
    assert abs(times[1][1] - times[3][1]) >= HOUR


def test_a_lone_visit_in_a_plan_never_moves_part_of_a_group() -> None:
    visits = [visit("a"), visit("b"), visit("c", 1, eligible=(0,))]
    shifts = (shift("ann"), shift("bob", starts=10 * HOUR, ends=12 * HOUR))
    problem = Problem(road(), None, shifts, tuple(visits), Objective(), (CREW,))
    solution = solve(problem, seed=3, time_limit_s=10.0, iterations=100)
    before = stands(solution)
    for way in best_insertions(problem, solution.routes, 2, 5):
        assert way.starts + HOUR <= before[0][1] or way.starts >= before[0][1] + HOUR
    with pytest.raises(ProblemError, match="part of a group"):
        best_insertions(problem, solution.routes, 0, 1)


@pytest.mark.parametrize(
    ("visits", "group"),
    [
        ([visit("a")], Group("g", ())),
        ([visit("a")], Group("g", (Part(1),))),
        ([visit("a")], Group("g", (Part(0), Part(0, 0, 1)))),
        ([visit("a", fixed=FixedPlace(0, 0))], Group("g", (Part(0),))),
        ([visit("a", current=CurrentPlace(0, 0))], Group("g", (Part(0),))),
        ([visit("a")], Group("g", (Part(0),), ((7,),))),
    ],
)
def test_groups_that_contradict_themselves_are_refused(visits: list[Visit], group: Group) -> None:
    with pytest.raises(ProblemError):
        solve(
            Problem(road(), None, (shift("ann"), shift("bob")), tuple(visits), Objective(), (group,)),
            seed=1,
            time_limit_s=1.0,
        )


@st.composite
def grouped_days(draw: st.DrawFn, *, tiny: bool = False) -> Problem:
    """Days in which some visits are served together; tiny ones are small enough to try every plan."""
    places = draw(st.integers(2, 4))
    points = draw(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=places, max_size=places))
    spread = np.array(points)
    travel = np.abs(spread[:, None] - spread[None]).sum(-1).astype(np.int32)
    count = 2 if tiny else draw(st.integers(2, 4))
    place = st.integers(0, places - 1)
    shifts = tuple(draw(_shift(i, place, tiny=tiny)) for i in range(count))
    groups = []
    visits: list[Visit] = []
    for g in range(1 if tiny else draw(st.integers(1, 3))):
        roles = draw(st.sampled_from([(0, 1), (0, 0)] if tiny else [(0, 1), (0, 0), (0, 1, 2), (0, 0, 1)]))
        cover = draw(st.sets(st.integers(0, count - 1)))
        parts = tuple(
            Part(len(visits) + i, draw(st.integers(0, 25)) if i else 0, role) for i, role in enumerate(roles)
        )
        own = [draw(_visit(f"g{g}-{i}", place, count)) for i in range(len(parts))]
        # Worth any way there: what pays only together with something else is found by luck.
        visits += [replace(visit, weight=visit.weight + 60.0) for visit in own] if tiny else own
        groups.append(Group(f"g{g}", parts, (tuple(cover),) if cover else ()))
    visits += [draw(_visit(f"v{i}", place, count)) for i in range(draw(st.integers(0, 1 if tiny else 5)))]
    weights = Objective() if tiny else Objective(balance=draw(st.sampled_from([0.0, 0.3])))
    return Problem(travel, None, shifts, tuple(visits), weights, tuple(groups))


@st.composite
def _shift(draw: st.DrawFn, i: int, place: st.SearchStrategy[int], *, tiny: bool) -> Shift:
    starts = draw(st.integers(0, 10))
    length = draw(st.integers(20, 50))
    breaks = [] if tiny else [Break(15, 30, 5)]
    return Shift(
        id=f"s{i}",
        technician_id=f"t{i}",
        start_place=draw(place),
        end_place=draw(place),
        starts=starts,
        ends=starts + length,
        breaks=tuple(breaks[: draw(st.integers(0, 1))]),
        max_work=draw(st.none() | st.integers(15, 60)),
        unavailable=draw(st.sampled_from([(), ((12, 17),)])),
        max_span=None if tiny else draw(st.none() | st.integers(15, 60)),
    )


@st.composite
def _visit(draw: st.DrawFn, name: str, place: st.SearchStrategy[int], shifts: int) -> Visit:
    windows = []
    for _ in range(draw(st.integers(0, 2))):
        opens = draw(st.integers(0, 40))
        windows.append((opens, opens + draw(st.integers(0, 30))))
    return Visit(
        id=name,
        place=draw(place),
        duration=draw(st.integers(0, 12)),
        windows=tuple(windows),
        weight=draw(st.sampled_from([3.0, 20.0, 100.0])),
        eligible=tuple(draw(st.sets(st.integers(0, shifts - 1), min_size=1))),
        setup_before=draw(st.sampled_from([0, 0, 3])),
        setup_after=draw(st.sampled_from([0, 0, 2])),
    )


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(grouped_days())
def test_a_plan_with_groups_breaks_no_rule(problem: Problem) -> None:
    assert violations(problem, solve(problem, seed=1, time_limit_s=10.0, iterations=60)) == []


@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(grouped_days(tiny=True))
def test_tiny_days_with_a_group_are_planned_as_well_as_trying_everything(problem: Problem) -> None:
    solution = solve(problem, seed=1, time_limit_s=10.0, iterations=400)
    assert violations(problem, solution) == []
    assert solution.objective == pytest.approx(optimum(problem))


def test_a_day_of_a_hundred_jobs_keeps_its_groups_together() -> None:
    problem = joint_day("small", 2)
    solution = solve(problem, seed=1, time_limit_s=60.0, iterations=3000)
    assert violations(problem, solution) == []
    left = {one.visit for one in solution.unserved}
    assert sum(group.parts[0].visit not in left for group in problem.groups) > len(problem.groups) / 2

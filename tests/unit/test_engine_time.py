"""A search ends when its time does, however much is left to explain (OPT-1, OPT-12)."""

from __future__ import annotations

from collections import Counter
from itertools import count

import pytest

from support.road import road, shift, visit
from truckroll.engine import Problem, solve
from truckroll.engine.relax import Wish, relaxations
from truckroll.engine.unserved import ALWAYS


@pytest.fixture(scope="module")
def full() -> Problem:
    """Return a day with time for eight of its visits, of which one is nobody's to do."""
    return Problem(
        travel=road(),
        distance=None,
        shifts=(shift(),),
        visits=tuple(
            visit(f"{i}", i % 9 + 1, weight=50_000.0 - i, eligible=(0,) if i else ())
            for i in range(3 * ALWAYS)
        ),
    )


def test_what_there_was_no_time_to_look_into_is_said_to_be_so(full: Problem) -> None:
    ticks = count(step=0.5)  # every look at the clock
    solution = solve(full, seed=1, time_limit_s=30, clock=lambda: next(ticks))
    assert next(ticks) <= 1.2 * 30
    reasons = {one.visit: one.reason for one in solution.unserved}
    assert reasons.pop(0) == "no_eligible_technician"
    known = {x for x, reason in reasons.items() if reason != "not_looked_into"}
    assert ALWAYS <= len(known) < len(reasons)
    # Those that matter most are looked into first.
    lightest = min(full.visits[x].weight for x in known)
    assert all(full.visits[x].weight <= lightest for x in reasons.keys() - known)
    assert {reasons[x] for x in known} <= {"capacity", "not_worth_the_travel"}


def test_every_reason_is_found_where_steps_limit_the_search(full: Problem) -> None:
    ticks = count(step=1000)
    solution = solve(full, seed=1, time_limit_s=60, iterations=20, clock=lambda: float(next(ticks)))
    assert Counter(one.reason for one in solution.unserved)["not_looked_into"] == 0


def test_what_would_serve_the_heaviest_is_looked_for_first(full: Problem) -> None:
    wishes = [Wish(one) for one in full.visits[1 : 2 * ALWAYS]]
    found = relaxations(full, (), wishes[::-1], earliest=0, stretch=[(0, 0)], is_over=lambda: True)[::-1]
    assert [one is not None for one in found] == [i < ALWAYS for i in range(len(wishes))]

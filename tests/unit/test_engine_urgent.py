"""One more visit in routes that stand: how soon, at whose expense, and asked again the same (OPT-2, OPT-7)."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from truckroll.engine import Break, FixedPlace, Problem, Route, Shift, Stop, Visit, best_insertions
from truckroll.engine.urgent import ways_to_serve

MINUTE = 60
NINE = 9 * 3600


def line(*visits: Visit, breaks: tuple[Break, ...] = (), ends: int = 17 * 3600) -> Problem:
    """Return a day of one technician; place n lies n minutes from place 0, the home."""
    places = np.arange(40)
    travel = (np.abs(places[:, None] - places[None]) * MINUTE).astype(np.int32)
    return Problem(travel, None, (Shift("s", "t", 0, 0, NINE, ends, breaks),), visits)


def at(hour: float) -> int:
    """Return an hour of the day in seconds."""
    return round(hour * 3600)


def route(problem: Problem, *stops: tuple[int, int]) -> Route:
    """Return the route of (visit, start) pairs."""
    done = tuple(Stop(x, starts, starts, starts + problem.visits[x].duration, 0, 0) for x, starts in stops)
    return Route(0, done, (), NINE, problem.shifts[0].ends, 0, 0, 0)


URGENT = Visit("urgent", 10, at(1), eligible=(0,))


def test_the_soonest_way_says_who_waits_and_until_when() -> None:
    first = Visit("first", 5, at(1), ((at(9.5), at(12)),), eligible=(0,))
    second = Visit("second", 5, at(1), fixed=FixedPlace(0, at(13)))
    problem = line(URGENT, first, second)
    ways = ways_to_serve(problem, (route(problem, (1, at(9.5)), (2, at(13))),), 0, (0, at(9.5), at(13)), ())
    soonest = ways[0]
    assert soonest.starts == NINE + 10 * MINUTE
    assert soonest.delays == ((1, NINE + 75 * MINUTE),)
    assert soonest.delay_s == 45 * MINUTE
    assert not any(x == 2 for way in ways for x, _ in way.delays)
    unmoved = next(way for way in ways if not way.delays)
    assert unmoved.starts == at(10.5) + 5 * MINUTE


def test_a_visit_makes_room_only_where_that_is_much_sooner() -> None:
    tight = Visit("tight", 5, at(1), ((at(9.5), at(9.6)),), eligible=(0,))
    later = Visit("later", 5, at(1), fixed=FixedPlace(0, at(15)))
    problem = line(URGENT, tight, later)
    routes = (route(problem, (1, at(9.5)), (2, at(15))),)
    booked = (0, at(9.5), at(15))
    assert ways_to_serve(problem, routes, 0, booked, ())[0].starts > at(10.5)
    evicting = ways_to_serve(problem, routes, 0, booked, (1,))[0]
    assert (evicting.dropped, evicting.starts) == ((1,), NINE + 10 * MINUTE)
    assert evicting.added_travel_s == 10 * MINUTE
    assert ways_to_serve(problem, (), 0, booked, (1, 2))[0].dropped == ()


def test_who_is_late_goes_there_instead_of_where_nothing_can_be_kept() -> None:
    missed = Visit("missed", 39, at(1), ((at(9), at(9.5)),), eligible=(0,))
    later = Visit("later", 5, at(1), ((at(9), at(16)),), eligible=(0,))
    problem = line(URGENT, missed, later)
    routes = (route(problem, (1, at(9.5)), (2, at(12))),)
    booked = (0, at(9.5), at(12))
    assert ways_to_serve(problem, routes, 0, booked, ()) == ()
    way = ways_to_serve(problem, routes, 0, booked, (1, 2))[0]
    assert (way.dropped, way.starts, way.delays) == ((1,), NINE + 10 * MINUTE, ())


def test_a_break_is_kept_whatever_comes_between() -> None:
    problem = line(URGENT, breaks=(Break(at(9), at(9.25), at(0.5)),))
    (way, *_) = ways_to_serve(problem, (), 0, (0,), ())
    assert way.starts >= NINE + at(0.5)


def test_asked_again_the_answer_is_the_same() -> None:
    visits = tuple(Visit(f"v{n}", 3 + 5 * n, at(0.5), ((NINE, at(16)),), eligible=(0,)) for n in range(4))
    problem = line(*visits)
    routes = (route(problem, *((x, at(9.5 + x)) for x in range(3))),)
    fresh = [best_insertions(line(*visits), routes, x, 10) for x in range(4)]
    for _ in range(2):
        assert [best_insertions(problem, routes, x, 10) for x in range(4)] == fresh
    other = (route(problem, (0, at(9.5))),)
    assert best_insertions(problem, other, 3, 10) != best_insertions(problem, routes, 3, 10)


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_an_offer_tells_what_the_route_then_is(after: int) -> None:
    visits = tuple(Visit(f"v{n}", 3 + 5 * n, at(0.5), ((NINE, at(16)),), eligible=(0,)) for n in range(4))
    problem = line(*visits)
    offers = best_insertions(problem, (route(problem, *((x, at(9.5 + x)) for x in range(3))),), 3, 10)
    offer = next(one for one in offers if one.position == after)
    places = [0, *(3 + 5 * n for n in range(3)), 0]
    legs = [abs(a - b) for a, b in pairwise(places)]
    places.insert(after + 1, 18)
    then = [abs(a - b) for a, b in pairwise(places)]
    assert offer.added_travel_s == (sum(then) - sum(legs)) * MINUTE
    assert offer.arrives <= offer.starts == offer.ends - at(0.5)

"""What a huge day's plan comes to, written down district by district."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from truckroll.engine.arrays import Plan
from truckroll.engine.chance import seeded
from truckroll.engine.districts import District, district_of
from truckroll.engine.model import Problem, Route, Unserved
from truckroll.engine.prepare import Prepared, prepare_once
from truckroll.engine.result import routes_of
from truckroll.engine.rounds import Joined
from truckroll.engine.series import links_of
from truckroll.engine.tours import Tours, lay, tours_of
from truckroll.engine.unserved import IsOver, explain_unserved, mend, never, not_looked_into

HOPELESS = {
    "no_time_in_window",
    "shift_too_short",
    "unreachable",
    "locked",
    "no_common_time",
    "needs_tools",
    "needs_parts",
}


def finished(
    problem: Problem, districts: Sequence[District], best: Joined, seed: int, is_over: IsOver = never
) -> tuple[tuple[Route, ...], tuple[Unserved, ...], float]:
    """Return routes, the unserved with their reasons, and the objective.

    That nobody could serve a visit at all is tried on every shift that may; what else would have to
    be dropped for it, on the shifts of its district. When the time `is_over`, less is tried.
    """
    plan = best.copy()
    routes: dict[int, Route] = {}
    left: dict[int, Unserved] = {}
    chance = seeded(seed)
    for district in districts:
        prepared, laid = _laid(district, plan.tours)
        mend(prepared, laid, chance, is_over)
        plan.take(district, tours_of(prepared, laid), laid.routes["cost"])
        routes |= {
            district.shifts[route.shift]: _outward(district, route) for route in routes_of(prepared, laid)
        }
        reasons = explain_unserved(prepared, laid, is_over=is_over)
        left |= {district.visits[one.visit]: _named(district, one) for one in reasons}
    waits_for = {link.later: link.earlier for link in links_of(problem)}
    inside = {x: set(district.shifts) for district in districts for x in district.visits}
    for x in np.flatnonzero(plan.left(len(problem.visits))).tolist():
        eligible = problem.visits[x].eligible
        if not eligible:
            left[x] = Unserved(x, "no_eligible_technician", {})
        elif x in waits_for:
            # Its series went to one district; where the first of it goes nowhere, nor does the rest.
            left.setdefault(x, Unserved(x, "waits_for_earlier_visit", {"visit": waits_for[x], "ends": None}))
        elif x not in left or (left[x].reason in HOPELESS and not inside[x].issuperset(eligible)):
            left |= {x: not_looked_into(x)} if is_over() else _asked_everywhere(problem, plan.tours, x)
    prices = np.array([problem.weights.price(visit) for visit in problem.visits])
    return (
        tuple(routes[v] for v in range(len(problem.shifts))),
        tuple(left[x] for x in sorted(left)),
        plan.cost(prices),
    )


def _laid(district: District, tours: Tours) -> tuple[Prepared, Plan]:
    prepared = prepare_once(district.problem)
    plan = prepared.plan()
    lay(prepared, plan, district.inward(tours))
    return prepared, plan


def _asked_everywhere(problem: Problem, tours: Tours, x: int) -> dict[int, Unserved]:
    """Return why visit x, and with it its group, is left out, found on all shifts that may serve it."""
    own = next(
        (
            {part.visit for part in group.parts}
            for group in problem.groups
            if any(part.visit == x for part in group.parts)
        ),
        {x},
    )
    shifts = tuple(sorted({v for one in own for v in problem.visits[one].eligible}))
    served = {node for v in shifts for node in tours.rows[v] if node >= 0}
    district = district_of(problem, shifts, tuple(sorted(own | served)), tours)
    prepared, plan = _laid(district, tours)
    found = (_named(district, one) for one in explain_unserved(prepared, plan))
    return {one.visit: one for one in found if one.visit in own}


def _outward(district: District, route: Route) -> Route:
    stops = tuple(replace(stop, visit=district.visits[stop.visit]) for stop in route.stops)
    return replace(route, shift=district.shifts[route.shift], stops=stops)


def _named(district: District, one: Unserved) -> Unserved:
    """Return an explanation in the whole day's numbers."""
    detail: dict[str, Any] = dict(one.detail)
    _rename(detail, "shift", district.shifts)
    _rename(detail, "shifts", district.shifts)
    _rename(detail, "displaces", district.visits)
    _rename(detail, "visit", district.visits)
    return replace(one, visit=district.visits[one.visit], detail=detail)


def _rename(detail: dict[str, Any], key: str, names: Sequence[int]) -> None:
    if key not in detail:
        return
    value = detail[key]
    if isinstance(value, tuple):
        detail[key] = tuple(names[one] for one in value)
    elif value >= 0:
        detail[key] = names[value]

"""Why a group is left out: what keeps one of its parts, or that they find no time together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from truckroll.engine.arrays import Plan
from truckroll.engine.chance import seeded
from truckroll.engine.groups import cheapest_for_group, price_of_group, shifts_for_lead
from truckroll.engine.model import Group, Objective, Problem, Unserved
from truckroll.engine.prepare import Prepared, prepare
from truckroll.engine.schedule import NEVER


def explain_group(
    prepared: Prepared, plan: Plan, g: int, reasons: Mapping[int, Unserved]
) -> dict[int, Unserved]:
    """Return the same reason for every part of an unserved group; `reasons` are those of parts by themselves."""
    group = prepared.problem.groups[g]
    price = float(price_of_group(prepared.day, g))
    found = next((reasons[part.visit] for part in group.parts if part.visit in reasons), None)
    if found is None:
        alone = prepare(_alone(prepared.problem, group))
        if _cost(alone, alone.plan(), 0) is None:
            found = Unserved(0, "no_common_time", {})
        elif _cost(prepared, prepared.plan(), g) is None:
            found = Unserved(0, "locked", {})
        elif (cost := _cost(prepared, plan, g)) is not None:
            found = Unserved(0, "not_worth_the_travel", {"cost": round(cost, 1), "weight": price})
        else:
            found = Unserved(0, "capacity", {"displaces": (), "weight": price})
    return {part.visit: replace(found, visit=part.visit) for part in group.parts}


def _cost(prepared: Prepared, plan: Plan, g: int) -> float | None:
    """Return what serving the group would add to the plan; None when it does not fit."""
    roles = int(prepared.day.groups[g]["roles"])
    slots = plan.routes.shape[0] * (plan.nodes.shape[1] + 1)
    start, cost = cheapest_for_group(
        prepared.day,
        plan,
        g,
        shifts_for_lead(prepared.day, g),
        np.inf,
        slots,
        0.0,
        seeded(0),
        np.zeros(roles, np.int64),
    )
    return None if start == NEVER else float(cost)


def _alone(problem: Problem, group: Group) -> Problem:
    """Return the problem with nothing in it but this group."""
    visits = tuple(problem.visits[part.visit] for part in group.parts)
    places = sorted(
        {visit.place for visit in visits} | {place for shift in problem.shifts for place in shift.places}
    )
    row = {place: i for i, place in enumerate(places)}
    return Problem(
        travel=problem.travel[np.ix_(places, places)],
        distance=None,
        shifts=tuple(shift.renumbered(row) for shift in problem.shifts),
        visits=tuple(replace(visit, place=row[visit.place]) for visit in visits),
        weights=Objective(),
        grain=problem.grain,
        groups=(replace(group, parts=tuple(part._replace(visit=i) for i, part in enumerate(group.parts))),),
    )

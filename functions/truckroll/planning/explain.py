"""Why each visit of a plan stands where it does, in a dispatcher's words and in figures (OPT-12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from truckroll.engine import Route, Visit
from truckroll.engine.why import Placed, explain_placed
from truckroll.planning.fitness import Fitness
from truckroll.planning.problem import Model
from truckroll.planning.snapshot import Snapshot

NEXT_BEST = 4  # other technicians told with their figures
FIXED = {
    "is_fixed": True,
    "sentence": "It stays where it is: locked, under way, or not for a plan to move.",
}
JOINT = {
    "is_joint": True,
    "sentence": "It stands where everybody and everything it takes is free at the same time.",
}


def placed_json(
    snapshot: Snapshot, model: Model, routes: Sequence[Route], fitness: Fitness
) -> dict[int, dict[str, Any]]:
    """Return the explanation of every visit on these routes, by its position in the problem."""
    found = explain_placed(model.problem, routes)
    at_work = {stretch.technician_id for stretch in snapshot.stretches}
    # One part of a visit has no place of its own to go to.
    joint = {part.visit for group in model.problem.groups for part in group.parts}
    documents: dict[int, dict[str, Any]] = {}
    for route in routes:
        for stop in route.stops:
            one = found.get(stop.visit)
            if one is None:
                documents[stop.visit] = FIXED
            elif stop.visit in joint:
                documents[stop.visit] = JOINT
            else:
                documents[stop.visit] = _document(snapshot, model, one, fitness, at_work)
    return documents


def _document(
    snapshot: Snapshot, model: Model, one: Placed, fitness: Fitness, at_work: set[Any]
) -> dict[str, Any]:
    stretches = snapshot.stretches
    own = stretches[one.shift].technician_id
    best: dict[Any, dict[str, Any]] = {}
    for other in one.elsewhere:
        stretch = stretches[other.shift]
        if stretch.technician_id == own or stretch.technician_id in best:
            continue
        best[stretch.technician_id] = {
            "technician_id": str(stretch.technician_id),
            "technician": stretch.technician_name,
            "date": stretch.date.isoformat(),
            "more_cost_s": other.extra,
            "more_travel_minutes": round(other.more_travel_s / 60),
        }
    full = {stretches[v].technician_id for v in one.no_room} - best.keys() - {own}
    source = model.sources[one.visit]
    obstacles = fitness.obstacles(source.requirement or "", at_work)
    if full:
        obstacles.append(fitness.told("full", full))
    visit = model.problem.visits[one.visit]
    able = len({model.problem.shifts[v].technician_id for v in visit.eligible})
    cost = {
        "total_s": one.cost,
        "driving_s": one.driving,
        "balance_s": one.balance,
        "stability_s": one.stability,
        "continuity_s": one.continuity,
        "left_out_s": one.left_out,
    }
    return {
        "technicians_able": able,
        "added_travel_s": one.travel_s,
        "added_distance_m": one.distance_m,
        "waiting_s": one.waiting_s,
        "cost": cost,
        "alternatives": list(best.values())[:NEXT_BEST],
        "impossible": obstacles,
        "knows_customer": _knows(one, visit),
        "sentence": _sentence(one, list(best.values()), obstacles, able, visit),
    }


def _knows(one: Placed, visit: Visit) -> bool:
    return visit.familiar is not None and one.shift in visit.familiar


def _sentence(
    one: Placed,
    others: Sequence[Mapping[str, Any]],
    obstacles: Sequence[Mapping[str, Any]],
    able: int,
    visit: Visit,
) -> str:
    parts = [f"Adds {round(one.travel_s / 60)} minutes of driving to this route"]
    if able == 1:
        parts.append("nobody else may do it on these days")
    elif not others:
        parts.append("nobody else who may do it has room for it")
    else:
        next_best = others[0]
        more = next_best["more_travel_minutes"]
        if next_best["more_cost_s"] < 0:
            parts.append(f"{next_best['technician']} would do it for less, were it the only change")
        elif more > 0:
            parts.append(f"{next_best['technician']}, the next best, would drive {more} minutes more")
        elif one.stability or visit.current is not None:
            parts.append(f"it stays as booked rather than going to {next_best['technician']}")
        else:
            parts.append(f"work is spread more evenly so than with {next_best['technician']}")
    if _knows(one, visit):
        parts.append("knows the customer")
    full = next((obstacle for obstacle in obstacles if obstacle["code"] == "full"), None)
    if full and others:
        parts.append(f"{full['count']} more may do it and have no room")
    return "; ".join(parts) + "."

"""Why a visit is left out, found by trying: on an empty day, beside the fixed visits, in the plan."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truckroll.engine.arrays import Day, Plan
from truckroll.engine.fetch import drop_idle_stops
from truckroll.engine.groups import leads, price_of_group
from truckroll.engine.insert import place_node
from truckroll.engine.model import Objective, Problem, Reason, Unserved
from truckroll.engine.order import begin_of, close_turn, is_ordered, open_turn
from truckroll.engine.prepare import Prepared, prepare
from truckroll.engine.roads import way_s
from truckroll.engine.search import fill_group, restore
from truckroll.engine.series import links_of
from truckroll.engine.squeeze import cheapest_displacement, squeeze
from truckroll.engine.supplied import cheapest, past_depot
from truckroll.engine.unserved_groups import explain_group

ANY_COST = 1e15
ROUNDS = 3


def mend(prepared: Prepared, plan: Plan, chance: NDArray[np.uint64]) -> None:
    """Serve what still fits: as it is, by moving a break, or by dropping visits that cost less to drop.

    What this leaves unserved can't be served at a profit by dropping consecutive visits of one route.
    """
    day = prepared.day
    dropped = np.zeros(plan.nodes.shape[1], np.int32)
    for _ in range(ROUNDS):
        waiting = _left_out(day, plan)
        changed = False
        for x in sorted(waiting, key=lambda x: -float(day.visits[x]["price"])):
            if day.visits[x]["group"] >= 0:
                g = int(day.visits[x]["group"])
                if leads(day, x) and fill_group(day, plan, g, price_of_group(day, g), chance):
                    changed = True
            elif not is_ordered(day, x):
                changed = _mended(prepared, plan, x, dropped, chance) or changed
            elif open_turn(day, plan, x):
                changed = _mended(prepared, plan, x, dropped, chance) or changed
                close_turn(day, plan, x)
        if day.stocked:
            drop_idle_stops(day, plan)
        if not changed:
            return


def _mended(
    prepared: Prepared, plan: Plan, x: int, dropped: NDArray[np.int32], chance: NDArray[np.uint64]
) -> bool:
    """Serve visit x if that pays; tell whether it is served."""
    day = prepared.day
    visit = day.visits[x]
    first, last, price = int(visit["first_eligible"]), int(visit["last_eligible"]), float(visit["price"])
    v, k, _ = cheapest(day, plan, x, day.eligible, first, last, price, 0.0, chance)
    if v >= 0:
        if day.stocked:
            k = past_depot(day, plan, v, k, x)
        place_node(day, plan, v, k, x)
        return True
    v, _ = cheapest_squeeze(prepared, plan, x, price)
    if v < 0:
        v, count, cost = cheapest_displacement(day, plan, x, price, dropped)
        if v < 0 or cost >= price - 1e-6:
            return False
        _drop(prepared, plan, v, {int(one) for one in dropped[:count]})
    squeeze(day, plan, v, x, ANY_COST, True)
    return True


def explain_unserved(
    prepared: Prepared, plan: Plan, among: Collection[int] | None = None
) -> tuple[Unserved, ...]:
    """Return every unserved visit, or those `among` them, with the reason, each proved by a trial."""
    waiting = [x for x in _left_out(prepared.day, plan) if among is None or x in among]
    if not waiting:
        return ()
    problem = prepared.problem
    allowed = [x for x in waiting if problem.visits[x].eligible]
    reasons: dict[int, Unserved] = {
        x: Unserved(x, "no_eligible_technician", {}) for x in waiting if not problem.visits[x].eligible
    }
    fits = _empty_day(problem, allowed)
    hopeless = [x for x in allowed if not fits[x]]
    reasons.update(_hopeless(prepared, hopeless))
    base = prepared.plan()
    dropped = np.zeros(plan.nodes.shape[1], np.int32)
    for g in sorted({int(prepared.day.visits[x]["group"]) for x in waiting} - {-1}):
        reasons |= explain_group(prepared, plan, g, reasons)
    for x in allowed:
        if x in reasons:
            continue
        ordered = is_ordered(prepared.day, x)
        if ordered and not open_turn(prepared.day, plan, x):
            reasons[x] = _waiting(prepared, plan, x)
            continue
        reasons[x] = _explained(prepared, plan, base, x, fits[x], dropped)
        if ordered:
            close_turn(prepared.day, plan, x)
    return tuple(reasons[x] for x in waiting)


def _explained(
    prepared: Prepared, plan: Plan, base: Plan, x: int, shifts: tuple[int, ...], dropped: NDArray[np.int32]
) -> Unserved:
    """Return why a visit is left out that these shifts could serve on an empty day; `base` holds only what is fixed."""
    v, _ = cheapest_squeeze(prepared, base, x, ANY_COST)
    if v < 0:
        follows = any(link.later == x for link in links_of(prepared.problem))
        return _waiting(prepared, plan, x) if follows else Unserved(x, "locked", {"shifts": shifts})
    price = float(prepared.day.visits[x]["price"])
    v, cost = cheapest_squeeze(prepared, plan, x, ANY_COST)
    if v >= 0:
        return Unserved(x, "not_worth_the_travel", {"shift": v, "cost": round(cost, 1), "weight": price})
    v, count, cost = cheapest_displacement(prepared.day, plan, x, ANY_COST, dropped)
    if v < 0 and prepared.day.visits[x]["predecessor"] >= 0:
        return _waiting(prepared, plan, x)
    detail = {
        "shift": v,
        "displaces": tuple(int(one) for one in dropped[:count]),
        "cost": round(cost, 1),
        "weight": price,
    }
    return Unserved(x, "capacity", detail)


def _waiting(prepared: Prepared, plan: Plan, x: int) -> Unserved:
    """Return that visit x waits for the one before it in its series."""
    before = next(link.earlier for link in links_of(prepared.problem) if link.later == x)
    row = prepared.day.visits[before]
    ends = None
    if (v := int(plan.shift_of[before])) >= 0:
        takes = row["before"] + row["work"] + prepared.day.more[before, prepared.day.shifts[v]["pace"]]
        ends = int(begin_of(plan, before) + takes) + prepared.origin
    return Unserved(x, "waits_for_earlier_visit", {"visit": before, "ends": ends})


def _left_out(day: Day, plan: Plan) -> list[int]:
    return [int(x) for x in np.flatnonzero(plan.shift_of[: day.depots_from] < 0)]


def cheapest_squeeze(prepared: Prepared, plan: Plan, x: int, limit: float) -> tuple[int, float]:
    """Return the shift that takes visit x most cheaply, breaks moved if need be, or -1."""
    best, best_v = limit, -1
    for v in prepared.problem.visits[x].eligible:
        cost = squeeze(prepared.day, plan, v, x, best, False)
        if cost < best:
            best, best_v = cost, v
    return best_v, best


def _drop(prepared: Prepared, plan: Plan, v: int, visits: set[int]) -> None:
    nodes = [int(node) for node in plan.nodes[v, : plan.routes[v]["length"]] if int(node) not in visits]
    plan.nodes[v, : len(nodes)] = nodes
    plan.routes[v]["length"] = len(nodes)
    restore(prepared.day, plan)


def _hopeless(prepared: Prepared, visits: Sequence[int]) -> dict[int, Unserved]:
    """Tell apart why visits fit nobody's empty day."""
    problem, day = prepared.problem, prepared.day
    stocked = _empty_day(problem, visits, stock=False)
    any_time = _empty_day(problem, visits, windows=False)
    here = _empty_day(problem, visits, windows=False, travel=False)
    found: dict[int, Unserved] = {}
    for x in visits:
        visit = problem.visits[x]
        shifts = [problem.shifts[v] for v in visit.eligible]
        reason: Reason
        detail: dict[str, Any]
        if stocked[x]:
            reason, detail = _lacking(problem, x, stocked[x])
        elif any_time[x]:
            reason, detail = "no_time_in_window", {"shifts": any_time[x], "windows": visit.windows}
        elif here[x]:
            there_and_back = [
                way_s(problem, one, one.start_place, visit.place)
                + way_s(problem, one, visit.place, one.end_place)
                for one in shifts
            ]
            reason, detail = "unreachable", {"travel_s": min(there_and_back)}
        else:
            takes = {v: int(day.more[x, day.shifts[v]["pace"]]) for v in visit.eligible}
            needs = int(day.visits[x]["occupies"]) + min(takes.values())
            reason = "shift_too_short"
            detail = {"needs_s": needs, "longest_shift_s": max(one.ends - one.starts for one in shifts)}
        found[x] = Unserved(x, reason, detail)
    return found


def _lacking(problem: Problem, x: int, shifts: Sequence[int]) -> tuple[Reason, dict[str, Any]]:
    """Return which of visit x's needs keep these shifts from serving it on an empty day."""
    visit = problem.visits[x]
    tools = {tool for v in shifts for tool in visit.tools if tool not in problem.shifts[v].tools}
    parts = {
        part
        for v in shifts
        for part, count in visit.parts
        if count > sum(held for one, held in problem.shifts[v].parts if one == part)
    }
    depot = any(problem.shifts[v].depot is not None for v in shifts)
    reason: Reason = "needs_tools" if tools else "needs_parts"
    return reason, {
        "tools": tuple(sorted(tools)),
        "parts": tuple(sorted(parts)),
        "depot": depot,
        "shifts": tuple(shifts),
    }


def _empty_day(
    problem: Problem, visits: Iterable[int], *, windows: bool = True, travel: bool = True, stock: bool = True
) -> dict[int, tuple[int, ...]]:
    """Return for each visit the shifts that could serve it alone: any time, next door, with a full van, if asked."""
    chosen = list(visits)
    if not chosen:
        return {}
    places = sorted(
        {problem.visits[x].place for x in chosen}
        | {place for shift in problem.shifts for place in shift.places}
    )
    row = {place: i for i, place in enumerate(places)}
    matrix = problem.travel[np.ix_(places, places)] * (1 if travel else 0)
    grouped = {part.visit for group in problem.groups for part in group.parts}
    alone = prepare(
        Problem(
            travel=matrix.astype(np.int32),
            distance=None,
            shifts=tuple(shift.renumbered(row) for shift in problem.shifts),
            visits=tuple(
                replace(
                    problem.visits[x],
                    place=row[problem.visits[x].place],
                    windows=problem.visits[x].windows if windows else (),
                    current=None,
                    familiar=None,
                    paced=0 if x in grouped else problem.visits[x].paced,
                    tools=problem.visits[x].tools if stock else (),
                    parts=problem.visits[x].parts if stock else (),
                )
                for x in chosen
            ),
            weights=Objective(),
            grain=problem.grain,
        )
    )
    plan = alone.plan()
    return {
        x: tuple(
            v
            for v in problem.visits[x].eligible
            if squeeze(alone.day, plan, v, i, ANY_COST, False) < ANY_COST
        )
        for i, x in enumerate(chosen)
    }

"""Why a visit is left out, found by trying: on an empty day, beside the fixed visits, in the plan."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from truckroll.engine.arrays import Day, Plan
from truckroll.engine.fetch import drop_idle_stops
from truckroll.engine.groups import leads, price_of_group
from truckroll.engine.hopeless import ANY_COST, hopeless, shifts_alone
from truckroll.engine.insert import place_node
from truckroll.engine.model import Unserved
from truckroll.engine.order import begin_of, close_turn, is_ordered, open_turn
from truckroll.engine.prepare import Prepared
from truckroll.engine.search import fill_group, restore
from truckroll.engine.series import links_of
from truckroll.engine.squeeze import cheapest_displacement, squeeze, squeeze_each
from truckroll.engine.supplied import cheapest, past_depot
from truckroll.engine.unserved_groups import explain_group

ROUNDS = 3
# What mending and explaining take for each visit left out, and for each shift that may serve it.
EXPLAINING_S, EXPLAINING_A_SHIFT_S = 0.0005, 0.00003
ALWAYS = 100  # visits tried whatever the time, the dearest first; and so many between two looks at it
FEW = 8  # shifts tried at once where one that fits is enough

IsOver = Callable[[], bool]


def never() -> bool:
    """Tell that time is not over, where it does not matter."""
    return False


def mend(prepared: Prepared, plan: Plan, chance: NDArray[np.uint64], is_over: IsOver = never) -> None:
    """Serve what still fits: as it is, by moving a break, or by dropping visits that cost less to drop.

    What this leaves unserved can't be served at a profit by dropping consecutive visits of one route,
    but for what was not tried when the time `is_over`.
    """
    day = prepared.day
    dropped = np.zeros(plan.nodes.shape[1], np.int32)
    tried = 0
    for _ in range(ROUNDS):
        changed = False
        for x in _dearest_first(day, _left_out(day, plan)):
            if tried >= ALWAYS and is_over():
                return
            tried += 1
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
    prepared: Prepared, plan: Plan, among: Collection[int] | None = None, is_over: IsOver = never
) -> tuple[Unserved, ...]:
    """Return every unserved visit, or those `among` them, with the reason, each proved by a trial.

    When the time `is_over`, the reason of those that matter less is that it was not looked into.
    """
    waiting = [x for x in _left_out(prepared.day, plan) if among is None or x in among]
    if not waiting:
        return ()
    problem, day = prepared.problem, prepared.day
    reasons: dict[int, Unserved] = {
        x: Unserved(x, "no_eligible_technician", {}) for x in waiting if not problem.visits[x].eligible
    }
    allowed = _dearest_first(day, (x for x in waiting if x not in reasons))
    grouped = [x for x in allowed if day.visits[x]["group"] >= 0]
    reasons |= hopeless(prepared, [x for x, fits in shifts_alone(problem, grouped).items() if not fits])
    groups = dict.fromkeys(int(day.visits[x]["group"]) for x in waiting)
    for tried, g in enumerate(g for g in groups if g >= 0):
        if tried < ALWAYS or not is_over():
            reasons |= explain_group(prepared, plan, g, reasons)
        else:
            reasons |= {part.visit: not_looked_into(part.visit) for part in problem.groups[g].parts}
    single = [x for x in allowed if x not in reasons]
    for first in range(0, len(single), ALWAYS):
        some = single[first : first + ALWAYS]
        if first > 0 and is_over():
            reasons |= {x: not_looked_into(x) for x in some}
        else:
            reasons |= _explained(prepared, plan, some)
    return tuple(reasons[x] for x in waiting)


def not_looked_into(x: int) -> Unserved:
    """Return what is said of a visit that there was no time for."""
    return Unserved(x, "not_looked_into", {})


def _explained(prepared: Prepared, plan: Plan, visits: Sequence[int]) -> dict[int, Unserved]:
    """Return why visits are left out that some may serve, none of them part of a group."""
    alone = shifts_alone(prepared.problem, visits)
    reasons = hopeless(prepared, [x for x, fits in alone.items() if not fits])
    base = prepared.plan()
    dropped = np.zeros(plan.nodes.shape[1], np.int32)
    for x in visits:
        if x in reasons:
            continue
        ordered = is_ordered(prepared.day, x)
        if ordered and not open_turn(prepared.day, plan, x):
            reasons[x] = _waiting(prepared, plan, x)
            continue
        reasons[x] = _tried(prepared, plan, base, x, alone[x], dropped)
        if ordered:
            close_turn(prepared.day, plan, x)
    return reasons


def _tried(
    prepared: Prepared, plan: Plan, base: Plan, x: int, shifts: tuple[int, ...], dropped: NDArray[np.int32]
) -> Unserved:
    """Return why a visit is left out that these shifts could serve on an empty day; `base` holds only what is fixed."""
    if not _has_room(prepared.day, base, x, prepared.problem.visits[x].eligible):
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


def explaining_s(prepared: Prepared, plan: Plan) -> float:
    """Return about how many seconds mending and explaining a plan take."""
    rows = prepared.day.visits[_left_out(prepared.day, plan)]
    tries = int(np.sum(rows["last_eligible"] - rows["first_eligible"]))
    return EXPLAINING_S * len(rows) + EXPLAINING_A_SHIFT_S * tries


def _dearest_first(day: Day, visits: Iterable[int]) -> list[int]:
    return sorted(visits, key=lambda x: -float(day.visits[x]["price"]))


def cheapest_squeeze(prepared: Prepared, plan: Plan, x: int, limit: float) -> tuple[int, float]:
    """Return the shift that takes visit x most cheaply, breaks moved if need be, or -1."""
    shifts = np.array(prepared.problem.visits[x].eligible, np.int64)
    if not len(shifts):
        return -1, limit
    costs = np.full(len(shifts), limit)
    squeeze_each(prepared.day, plan, shifts, x, costs)
    i = int(np.argmin(costs))
    return (int(shifts[i]), float(costs[i])) if costs[i] < limit else (-1, limit)


def _has_room(day: Day, plan: Plan, x: int, shifts: Sequence[int]) -> bool:
    """Tell whether one of these shifts at least has room for visit x, breaks moved if need be."""
    for i in range(0, len(shifts), FEW):
        some = np.array(shifts[i : i + FEW], np.int64)
        costs = np.full(len(some), ANY_COST)
        squeeze_each(day, plan, some, x, costs)
        if costs.min() < ANY_COST:
            return True
    return False


def _drop(prepared: Prepared, plan: Plan, v: int, visits: set[int]) -> None:
    nodes = [int(node) for node in plan.nodes[v, : plan.routes[v]["length"]] if int(node) not in visits]
    plan.nodes[v, : len(nodes)] = nodes
    plan.routes[v]["length"] = len(nodes)
    restore(prepared.day, plan)

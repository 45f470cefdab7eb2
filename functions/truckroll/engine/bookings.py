"""Today's bookings as the plan a search begins with: every route as it stands, its breaks where they fit around it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from truckroll.engine.arrays import Day, Plan
from truckroll.engine.fetch import NO_CHANCE, place_depot
from truckroll.engine.insert import pause_fits, place_node, start_in_slot, take_node, work_allows
from truckroll.engine.order import lag_after
from truckroll.engine.prepare import Prepared
from truckroll.engine.schedule import NEVER, reschedule, span, span_with
from truckroll.engine.series import split_at, take_what_waits
from truckroll.engine.stock import first_slot
from truckroll.engine.supplied import cheapest_fetch, past_depot

Timed = list[tuple[int, int]]  # when, which node


def keep_bookings(prepared: Prepared, plan: Plan) -> None:
    """Put every booked visit on its shift, in the order of the day, as far as the shift still takes it.

    Of a series, those booked in its order; what comes after one that finds no place is left to the search.
    """
    day = prepared.day
    bookings: dict[int, Timed] = {}
    for x, visit in enumerate(prepared.problem.visits):
        if visit.current is not None and visit.fixed is None:
            begins = visit.current.start - visit.setup_before - prepared.origin
            bookings.setdefault(visit.current.shift, []).append((begins, x))
    if len(day.ordered):
        booked_at = {x: (v, begins) for v, booked in bookings.items() for begins, x in booked}
        split_at(day, plan, booked_at)
        out_of_order = set(_out_of_order(day, booked_at))
        bookings = {
            v: [one for one in booked if one[1] not in out_of_order] for v, booked in bookings.items()
        }
    for v, booked in bookings.items():
        wanted = sorted(one for one in booked if day.may_serve[v, one[1]])
        if not _whole(day, plan, v, wanted):
            _one_by_one(prepared, plan, v, wanted)
    take_what_waits(day, plan)


def _out_of_order(day: Day, begins: Mapping[int, tuple[int, int]]) -> Iterator[int]:
    """Return the visits booked too early for what comes before them in their series."""
    for x in day.ordered.tolist():
        before = int(day.visits[x]["predecessor"])
        if x not in begins:
            continue
        if before not in begins or begins[x][1] < begins[before][1] + lag_after(
            day, before, begins[before][0]
        ):
            yield x


def _whole(day: Day, plan: Plan, v: int, booked: Timed) -> bool:
    """Lay the route out as booked and fit its breaks in; tell whether all of it holds, else leave it empty."""
    visits = len(day.visits)
    before = [int(node) for node in plan.nodes[v, : plan.routes[v]["length"]]]
    fixed: Timed = []
    breaks: list[int] = []
    for node in before:
        if day.depots_from <= node < visits:
            continue
        if node < visits:
            fixed.append((int(day.visits[node]["opens"]), node))
        elif day.pauses[node - visits]["index"] < 0:
            fixed.append((int(day.pauses[node - visits]["earliest"]), node))
        else:
            breaks.append(node)
    nodes = [node for _, node in sorted(fixed + booked)]
    wanted = {x: begins for begins, x in booked}
    if len(nodes) + len(breaks) <= plan.nodes.shape[1]:
        _lay(plan, v, nodes)
        if (
            (reschedule(day, plan, v) or place_depot(day, plan, v, False, NO_CHANCE))
            and all(_fit_break(day, plan, v, node, wanted) for node in breaks)
            and span(day, plan, v) <= day.shifts[v]["max_span"]
        ):
            return True
    for _, x in booked:
        plan.shift_of[x] = -1
    _lay(plan, v, before)
    reschedule(day, plan, v)
    return False


def _one_by_one(prepared: Prepared, plan: Plan, v: int, booked: Timed) -> None:
    """Keep as many bookings as go together: all but one if that is enough, else each that still fits."""
    day = prepared.day
    for left_out in booked if len(booked) > 1 else []:
        if _whole(day, plan, v, [one for one in booked if one is not left_out]):
            return
    for _, x in booked:
        keep_booking(day, plan, x)


def keep_booking(day: Day, plan: Plan, x: int) -> None:
    """Put visit x into the last slot of its booked shift that takes it, if any does."""
    v = int(day.visits[x]["booked_shift"])
    if plan.routes[v]["length"] >= plan.nodes.shape[1]:
        return
    last = int(plan.routes[v]["length"])
    fetches = day.stocked and day.shifts[v]["depot"] >= 0 and first_slot(day, plan, v, x) > last
    for k in range(last, -1, -1):
        if fetches and cheapest_fetch(day, plan, v, x, k, np.inf)[0] >= 0:
            place_node(day, plan, v, past_depot(day, plan, v, k, x), x)
            return
        if start_in_slot(day, plan, v, k, x) == NEVER or not work_allows(day, plan, v, k, x):
            continue
        if span_with(day, plan, v, k, x) > day.shifts[v]["max_span"]:
            continue
        place_node(day, plan, v, k, x)
        return


def _fit_break(day: Day, plan: Plan, v: int, node: int, wanted: dict[int, int]) -> bool:
    """Put a break where visits start nearest to their `wanted` times; tell whether any slot of the route takes it."""
    best: tuple[int, int] | None = None
    for k in range(int(plan.routes[v]["length"]) + 1):
        if not pause_fits(day, plan, v, k, node - len(day.visits)):
            continue
        place_node(day, plan, v, k, node)
        off = _off(plan, v, wanted)
        take_node(day, plan, v, k)
        if best is None or off < best[0]:
            best = off, k
        if off == 0:
            break
    return best is not None and bool(place_node(day, plan, v, best[1], node))


def _off(plan: Plan, v: int, wanted: dict[int, int]) -> int:
    """Return by how many seconds, all together, the visits of a route start before or after they should."""
    length = int(plan.routes[v]["length"])
    nodes, begins = plan.nodes[v, :length].tolist(), plan.begins[v, :length].tolist()
    return sum(abs(begin - wanted[node]) for node, begin in zip(nodes, begins, strict=True) if node in wanted)


def _lay(plan: Plan, v: int, nodes: list[int]) -> None:
    plan.nodes[v, : len(nodes)] = np.array(nodes, np.int32)
    plan.routes[v]["length"] = len(nodes)

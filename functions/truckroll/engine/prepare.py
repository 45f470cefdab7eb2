"""From a problem to arrays: everything that can be decided before the search begins."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truckroll.engine.anchors import Anchors, anchor
from truckroll.engine.arrays import GROUP, PART, PAUSE, SHIFT, VISIT, Day, Plan, empty_plan
from truckroll.engine.fetch import NO_CHANCE, place_depot
from truckroll.engine.insert import pause_fits, place_node
from truckroll.engine.loading import load_vans
from truckroll.engine.model import Problem, Visit
from truckroll.engine.neighbours import companions, nearest
from truckroll.engine.pace import more_of, who_knows
from truckroll.engine.roads import blocks_of, costs_of, roads_of, transposed
from truckroll.engine.schedule import reschedule, span
from truckroll.engine.series import bounds_of, note_series
from truckroll.engine.stock import take_stock
from truckroll.engine.validate import check_problem

FAR = 2**29
KEPT = 4  # problems whose arrays are kept


@dataclass(frozen=True)
class Prepared:
    """A problem in arrays; `nodes` is the plan that holds nothing but what cannot move, and breaks.

    `origin` is the problem's time at which the arrays' time is zero. `waived` lists, by shift, the
    breaks for which the fixed visits leave no room.
    """

    problem: Problem
    day: Day
    origin: int
    nodes: tuple[tuple[int, ...], ...]
    waived: tuple[tuple[int, ...], ...]
    width: int

    def plan(self) -> Plan:
        """Return a new plan with fixed visits, unavailable times and breaks in place."""
        plan = empty_plan(
            len(self.problem.shifts),
            len(self.day.visits),
            self.width,
            self.day.windows,
            self.day.stock.shape[1],
        )
        for v, nodes in enumerate(self.nodes):
            plan.nodes[v, : len(nodes)] = nodes
            plan.routes[v]["length"] = len(nodes)
            reschedule(self.day, plan, v)
        return plan


@lru_cache(maxsize=KEPT)
def prepare(problem: Problem) -> Prepared:
    """Return the problem in arrays, made once for each problem as long as few others are asked for.

    Raises ProblemError when it contradicts itself.
    """
    return prepare_once(problem)


def prepare_once(problem: Problem, *, searched: bool = True) -> Prepared:
    """Return the problem in arrays nobody else will ask for; not `searched`, without likely neighbours.

    Raises ProblemError.
    """
    check_problem(problem)
    origin = min((shift.starts for shift in problem.shifts), default=0)
    roads, roads_from = roads_of(problem)
    travel = roads[: len(problem.travel)]
    more, paces = more_of(problem)
    weights = problem.weights
    anchors = [anchor(problem, v) for v in range(len(problem.shifts))]
    visits, windows, eligible, may_serve = _visits(problem, origin, travel, anchors)
    loading = load_vans(problem, origin, len(windows))
    depots_from, visits = len(visits), np.concatenate([visits, loading.stops])
    more = np.pad(more, ((0, len(loading.stops)), (0, 0)))
    knows = who_knows(problem, visits)
    windows = np.concatenate([windows, np.array(loading.windows, np.int32).reshape(-1, 2)])
    may_serve = np.pad(may_serve, ((0, 0), (0, len(loading.stops))))
    pauses, breaks = _pauses(problem, origin, anchors)
    shifts = _shifts(problem, origin, anchors, breaks, np.concatenate([may_serve, knows.T], axis=1))
    shifts["pace"], shifts["roads"] = paces, roads_from
    shifts["depot"] = loading.depot_of
    groups, parts, covers = _groups(problem, visits)
    ordered = note_series(problem, visits)
    lengths = [shift.ends - shift.starts for shift in problem.shifts]
    cost = costs_of(problem, roads)
    beside = near = np.zeros((depots_from, 0), np.int32)
    if searched:
        beside = companions(travel, visits[:depots_from], may_serve[:, :depots_from])
        near = nearest(travel, visits["place"][:depots_from])
        _count_nearby(visits[:depots_from], shifts, eligible, beside, travel)
    day = Day(
        travel=roads,
        travel_to=transposed(roads),
        cost=cost,
        cost_to=transposed(cost),
        shifts=shifts,
        visits=visits,
        windows=windows,
        eligible=eligible,
        may_serve=may_serve,
        pauses=pauses,
        near=near,
        beside=beside,
        groups=groups,
        parts=parts,
        covers=covers,
        more=more,
        knows=knows,
        ordered=ordered,
        stability=float(weights.stability),
        continuity=float(weights.continuity),
        balance=float(weights.balance) / float(np.mean(lengths)) if weights.balance and lengths else 0.0,
        span=float(weights.span),
        depots_from=depots_from,
        stocked=loading.stocked,
        stock=loading.stock,
    )
    fixed_nodes = _fixed_nodes(anchors, pauses, len(visits))
    width = _width(
        shifts, visits["place"], visits["occupies"] + more.min(1), roads, may_serve, fixed_nodes, breaks
    )
    return _place_breaks(_stock_fixed(Prepared(problem, day, origin, fixed_nodes, (), width)))


def _visits(
    problem: Problem, origin: int, travel: NDArray[np.int32], anchors: list[Anchors]
) -> tuple[NDArray[Any], NDArray[np.int32], NDArray[np.int32], NDArray[np.bool_]]:
    """Return visits, their windows, the shifts that may serve each (nearest home first), and the same as a table."""
    visits = np.zeros(len(problem.visits), VISIT)
    may_serve = np.zeros((len(problem.shifts), len(problem.visits)), np.bool_)
    homes = np.array([shift.start_place for shift in problem.shifts], np.int32)
    windows: list[tuple[int, int]] = []
    eligible: list[NDArray[np.int32]] = []
    counted = 0
    bounds = bounds_of(problem)
    for x, visit in enumerate(problem.visits):
        row = visits[x]
        row["place"] = visit.place
        row["occupies"] = visit.setup_before + visit.duration + visit.setup_after
        row["work"] = visit.duration
        row["before"] = visit.setup_before
        row["load"] = visit.load
        row["price"] = problem.weights.price(visit)
        row["fixed_shift"] = visit.fixed.shift if visit.fixed else -1
        row["booked_shift"] = visit.current.shift if visit.current else -1
        own = _windows(visit, origin)
        if x in bounds and visit.fixed is None:
            own = _within(
                own, bounds[x][0] - origin - visit.setup_before, bounds[x][1] - origin - visit.setup_before
            )
        row["first_window"] = len(windows)
        windows += own
        row["last_window"] = len(windows)
        row["opens"], row["closes"] = own[0][0], own[-1][1]
        may = np.unique(np.array(visit.eligible, np.int32))
        may = may[np.argsort(travel[visit.place, homes[may]], kind="stable")]
        row["first_eligible"], counted = counted, counted + len(may)
        row["last_eligible"] = counted
        eligible.append(may.astype(np.int32))
        may_serve[may, x] = True
    for anchors_of_shift in anchors:
        for x, begins, arrives_by, until in anchors_of_shift.visits:
            visits[x]["opens"] = begins - origin
            visits[x]["closes"] = arrives_by - origin
            visits[x]["fixed_until"] = until - origin
    return (
        visits,
        np.array(windows, np.int32).reshape(-1, 2),
        np.concatenate(eligible) if eligible else np.zeros(0, np.int32),
        may_serve,
    )


def _count_nearby(
    visits: NDArray[Any],
    shifts: NDArray[Any],
    eligible: NDArray[np.int32],
    beside: NDArray[np.int32],
    travel: NDArray[np.int32],
) -> None:
    """Note up to where in a visit's list of eligible shifts their homes are as near as its companions."""
    for x in range(len(visits)):
        row = visits[x]
        others = beside[x][beside[x] >= 0]
        reach = travel[visits["place"][others >> 1], row["place"]].max(initial=0)
        homes = shifts["start_place"][eligible[row["first_eligible"] : row["last_eligible"]]]
        within = np.count_nonzero(travel[row["place"], homes] <= reach)
        row["last_nearby"] = row["first_eligible"] + within


def _windows(visit: Visit, origin: int) -> list[tuple[int, int]]:
    """Return the windows for the buffer's begin, in order, joined where they touch."""
    joined: list[tuple[int, int]] = []
    for opens, closes in sorted(visit.windows) or [(-FAR + origin, FAR + origin)]:
        begin = max(-FAR, opens - origin - visit.setup_before)
        end = min(FAR, closes - origin - visit.setup_before)
        if joined and begin <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return joined


def _within(windows: list[tuple[int, int]], opens: int, closes: int) -> list[tuple[int, int]]:
    """Return the windows' part in a range; one that nobody can meet where there is none."""
    clipped = [(max(a, opens), min(b, closes)) for a, b in windows]
    return [(a, b) for a, b in clipped if a <= b] or [(FAR, -FAR)]


def _pauses(
    problem: Problem, origin: int, anchors: list[Anchors]
) -> tuple[NDArray[Any], list[tuple[int, int]]]:
    """Return all pauses, and for each shift the range of those that are movable breaks."""
    rows: list[tuple[int, int, int, int, int]] = []
    breaks: list[tuple[int, int]] = []
    for v, shift in enumerate(problem.shifts):
        rows += [
            (v, begin - origin, begin - origin, end - begin, -1) for begin, end in anchors[v].unavailable
        ]
        first = len(rows)
        in_order = sorted(range(len(shift.breaks)), key=lambda i: shift.breaks[i].earliest)
        for i in in_order:
            one = shift.breaks[i]
            rows.append((v, one.earliest - origin, one.latest - origin, one.duration, i))
        breaks.append((first, len(rows)))
    return np.array(rows, PAUSE), breaks


def _shifts(
    problem: Problem,
    origin: int,
    anchors: list[Anchors],
    breaks: list[tuple[int, int]],
    serves: NDArray[np.bool_],
) -> NDArray[Any]:
    shifts = np.zeros(len(problem.shifts), SHIFT)
    booked = {visit.current.shift for visit in problem.visits if visit.current}
    last_like: dict[Any, int] = {}
    for v, shift in enumerate(problem.shifts):
        row = shifts[v]
        row["start_place"], row["end_place"] = shift.start_place, shift.end_place
        row["starts"], row["ends"] = shift.starts - origin, anchors[v].ends - origin
        row["closes"] = shift.ends - origin
        row["max_work"] = FAR if shift.max_work is None else max(shift.max_work, anchors[v].work)
        # A break taken inside the span is not counted in it, one taken outside shortens the rest.
        longest = shift.ends - shift.starts - sum(one.duration for one in shift.breaks)
        limited = shift.max_span is not None and shift.max_span < longest
        row["max_span"] = shift.max_span if limited else FAR
        row["capacity"] = FAR if shift.capacity is None else max(shift.capacity, anchors[v].load)
        row["first_break"], row["last_break"] = breaks[v]
        row["twin"] = -1
        if anchors[v].visits or v in booked:
            continue
        like = (
            *(shift.start_place, shift.end_place, shift.starts, shift.ends, shift.breaks),
            *(shift.max_work, shift.max_span, shift.capacity, shift.unavailable),
            *(shift.tools, shift.parts, shift.depot),
            *(shift.pace, shift.paces, shift.speed),
            serves[v].tobytes(),
        )
        row["twin"] = last_like.get(like, -1)
        last_like[like] = v
    return shifts


def _groups(problem: Problem, visits: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
    """Return groups, their parts by role and time, and their covers; note in `visits` who belongs to which."""
    visits["group"] = -1
    groups = np.zeros(len(problem.groups), GROUP)
    parts: list[tuple[int, int, int]] = []
    covers: list[tuple[int, ...]] = []
    for g, group in enumerate(problem.groups):
        numbers = {role: i for i, role in enumerate(dict.fromkeys(part.role for part in group.parts))}
        groups[g]["roles"] = len(numbers)
        groups[g]["first_part"], groups[g]["first_cover"] = len(parts), len(covers)
        parts += sorted(
            (
                (part.visit, part.offset - problem.visits[part.visit].setup_before, numbers[part.role])
                for part in group.parts
            ),
            key=lambda one: (one[2], one[1], one[0]),
        )
        covers += group.covers
        groups[g]["last_part"], groups[g]["last_cover"] = len(parts), len(covers)
        visits["group"][[part.visit for part in group.parts]] = g
    table = np.zeros((len(covers), len(problem.shifts)), np.bool_)
    for row, cover in zip(table, covers, strict=True):
        row[list(cover)] = True
    return groups, np.array(parts, PART), table


def _fixed_nodes(anchors: list[Anchors], pauses: NDArray[Any], visits: int) -> tuple[tuple[int, ...], ...]:
    """Return for each shift its fixed visits and unavailable times as nodes, in order of time."""
    rows: list[tuple[int, ...]] = []
    for v, of_shift in enumerate(anchors):
        unavailable = np.flatnonzero((pauses["shift"] == v) & (pauses["index"] < 0))
        timed = [
            (begin, visits + int(p)) for p, (begin, _) in zip(unavailable, of_shift.unavailable, strict=True)
        ]
        timed += [(begin, x) for x, begin, _, _ in of_shift.visits]
        rows.append(tuple(node for _, node in sorted(timed)))
    return tuple(rows)


def _width(
    shifts: NDArray[Any],
    places: NDArray[np.int32],
    takes: NDArray[np.int32],
    travel: NDArray[np.int32],
    may_serve: NDArray[np.bool_],
    fixed_nodes: tuple[tuple[int, ...], ...],
    breaks: list[tuple[int, int]],
) -> int:
    """Return how many nodes a route can hold at most, by its time alone: `takes` is each visit's own."""
    count = travel.shape[1]
    away = travel[:count] if len(travel) == count else blocks_of(travel).min(0)
    away = away + np.where(np.eye(count, dtype=np.bool_), FAR, 0)
    least = np.minimum.reduce(away, axis=1) if count > 1 else np.zeros(count, np.int64)
    takes = takes + least[places]
    order = np.argsort(takes, kind="stable")
    most = 0
    for v in range(len(shifts)):
        taken = np.cumsum(np.where(may_serve[v, order], takes[order], 0), dtype=np.int64)
        room = shifts[v]["ends"] - shifts[v]["starts"] + (takes.max() if len(takes) else 0)
        count = int(np.count_nonzero(may_serve[v, order] & (taken <= room)))
        most = max(most, count + len(fixed_nodes[v]) + breaks[v][1] - breaks[v][0])
    return most + 3


def _stock_fixed(prepared: Prepared) -> Prepared:
    """Add a stop at the depot where fixed visits lack something; where none fits, take it as in the van."""
    day = prepared.day
    if not day.stocked:
        return prepared
    plan = prepared.plan()
    for v, nodes in enumerate(prepared.nodes):
        fixed = [node for node in nodes if node < day.depots_from]
        if fixed and not take_stock(day, plan, v) and not place_depot(day, plan, v, False, NO_CHANCE):
            needed = np.where(day.stock[fixed] < 0, 0, day.stock[fixed]).sum(axis=0)
            held = day.stock[len(day.visits) + v]
            held[:] = np.maximum(held, np.maximum(needed, (day.stock[fixed] < 0).any(axis=0)))
    return Prepared(prepared.problem, day, prepared.origin, _nodes_of(plan), (), prepared.width)


def _place_breaks(prepared: Prepared) -> Prepared:
    """Add to each route the breaks it has room for, each in the first slot that takes it."""
    day, plan = prepared.day, prepared.plan()
    waived: list[tuple[int, ...]] = []
    for v in range(len(prepared.problem.shifts)):
        without: list[int] = []
        for p in range(day.shifts[v]["first_break"], day.shifts[v]["last_break"]):
            slots = range(int(plan.routes[v]["length"]) + 1)
            at = next((k for k in slots if pause_fits(day, plan, v, k, p)), None)
            if at is None:
                without.append(int(day.pauses[p]["index"]))
            else:
                place_node(day, plan, v, at, len(day.visits) + p)
        waived.append(tuple(without))
        day.shifts[v]["max_span"] = max(int(day.shifts[v]["max_span"]), span(day, plan, v))
    return Prepared(prepared.problem, day, prepared.origin, _nodes_of(plan), tuple(waived), prepared.width)


def _nodes_of(plan: Plan) -> tuple[tuple[int, ...], ...]:
    return tuple(
        tuple(int(node) for node in plan.nodes[v, : plan.routes[v]["length"]]) for v in range(len(plan.nodes))
    )

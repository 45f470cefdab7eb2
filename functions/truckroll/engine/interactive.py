"""Where one visit fits into plans that stand: what a dispatcher asks while the customer is waiting."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from threading import Lock
from typing import Any

import numpy as np

from truckroll.engine.arrays import Day, Plan
from truckroll.engine.compiled import compiled
from truckroll.engine.fetch import NO_CHANCE, drop_idle_stops, place_depot
from truckroll.engine.groups import pin
from truckroll.engine.insert import place_node, start_in_slot, work_allows
from truckroll.engine.model import Insertion, Problem, ProblemError, Route
from truckroll.engine.order import close_turns, is_ordered, open_turn
from truckroll.engine.prepare import Prepared, prepare
from truckroll.engine.result import route_of
from truckroll.engine.schedule import NEVER, departure, reschedule
from truckroll.engine.search import restore
from truckroll.engine.series import split_at
from truckroll.engine.squeeze import lift_pauses, put_back, settle_pauses
from truckroll.engine.stock import first_slot
from truckroll.engine.supplied import cheapest_fetch, past_depot

KEPT = 4  # rankers at hand: whoever compares plans asks about each in turn


def best_insertions(problem: Problem, routes: Iterable[Route], visit: int, k: int) -> tuple[Insertion, ...]:
    """Return the k cheapest ways to add a visit to these routes, breaks moved where that helps.

    The other stops keep their technician and order and may start later within their windows. The
    visit is first taken out where it already stands. Shifts without a route count as free days;
    routes that are infeasible as they are get no offer. The routes are read once and kept while
    the next questions about the problem name the same ones. Raises ProblemError for an unknown visit
    and for part of a group.
    """
    return ranker_of(problem, routes).best(visit, k)


def ranker_of(problem: Problem, routes: Iterable[Route]) -> Ranker:
    """Return the ranker of these routes: the one at hand when they are among the last asked about."""
    named = tuple(routes)
    for known in tuple(_rankers):
        if known.is_of(problem, named):
            return known
    ranker = Ranker(problem, named)
    _rankers.append(ranker)
    return ranker


class Ranker:
    """Routes made ready for questions about one more visit; one question at a time, whoever asks."""

    def __init__(self, problem: Problem, routes: tuple[Route, ...]) -> None:
        self._prepared = prepare(problem)
        self._routes = routes
        self._of_shift = {route.shift: route for route in routes}
        self._plan, self._sound = plan_of(self._prepared, routes)
        visits = len(problem.visits)
        self._standing = {stop.visit: route for route in routes for stop in route.stops}
        self._found = np.zeros(
            (int(np.sum(self._plan.routes["length"]) + len(self._plan.routes)) + 1, 2), np.int32
        )
        self._costs = np.zeros(len(self._found))
        self._visits = visits
        self._lock = Lock()

    def is_of(self, problem: Problem, routes: tuple[Route, ...]) -> bool:
        """Tell whether these are the very problem and routes it was made of."""
        return (
            problem is self._prepared.problem
            and len(routes) == len(self._routes)
            and all(one is other for one, other in zip(routes, self._routes, strict=True))
        )

    def best(self, visit: int, k: int) -> tuple[Insertion, ...]:
        """Return the k cheapest ways, see best_insertions."""
        if not 0 <= visit < self._visits:
            raise ProblemError(f"there is no visit {visit}")
        prepared, plan = self._prepared, self._plan
        if prepared.day.visits[visit]["group"] >= 0:
            name = prepared.problem.visits[visit].id
            raise ProblemError(f"visit {name} is part of a group; it has no place of its own")
        with self._lock:
            home = self._standing.get(visit)
            was_sound = self._taken_out(home, visit)
            in_turn = not is_ordered(prepared.day, visit) or open_turn(prepared.day, plan, visit)
            try:
                if not in_turn:
                    return ()
                count = slots_for(prepared.day, plan, visit, self._sound, self._found, self._costs)
                ranked = np.lexsort((self._found[:count, 1], self._found[:count, 0], self._costs[:count]))[:k]
                return tuple(
                    _insertion(
                        prepared,
                        plan,
                        visit,
                        int(self._found[i, 0]),
                        int(self._found[i, 1]),
                        float(self._costs[i]),
                    )
                    for i in ranked
                )
            finally:
                if home is not None:
                    self._sound[home.shift] = was_sound
                    _read_route(prepared, plan, home)
                if is_ordered(prepared.day, visit):
                    close_turns(prepared.day, plan, visit)

    def _taken_out(self, home: Route | None, visit: int) -> bool:
        if home is None:
            return True
        was_sound = bool(self._sound[home.shift])
        self._sound[home.shift] = _read_route(self._prepared, self._plan, home, without=visit)
        if self._prepared.day.stocked:
            drop_idle_stops(self._prepared.day, self._plan)
        self._plan.shift_of[visit] = -1
        return was_sound


_rankers: deque[Ranker] = deque(maxlen=KEPT)


def plan_of(prepared: Prepared, routes: Iterable[Route]) -> tuple[Plan, Any]:
    """Return routes as a plan, and for each shift whether its route is feasible as it is."""
    plan = prepared.plan()
    sound = np.ones(len(prepared.problem.shifts), np.bool_)
    routes = tuple(routes)
    if len(prepared.day.ordered):
        visits = prepared.problem.visits
        split_at(
            prepared.day,
            plan,
            {
                stop.visit: (route.shift, stop.starts - visits[stop.visit].setup_before - prepared.origin)
                for route in routes
                for stop in route.stops
            },
        )
    for route in routes:
        sound[route.shift] = _read_route(prepared, plan, route)
    restore(prepared.day, plan)
    if prepared.day.stocked:
        drop_idle_stops(prepared.day, plan)
    return plan, sound


def _read_route(prepared: Prepared, plan: Plan, route: Route, *, without: int = -1) -> bool:
    """Make a row of the plan what a route says; tell whether it is feasible, its pauses moved if need be."""
    day, v = prepared.day, route.shift
    visits = len(day.visits)
    kept = [node for node in prepared.nodes[v] if node >= visits]
    break_of = {int(day.pauses[node - visits]["index"]): node for node in kept}
    timed = [
        (int(day.pauses[node - visits]["earliest"]) + prepared.origin, node)
        for node in kept
        if day.pauses[node - visits]["index"] < 0
    ]
    timed += [(one.starts, break_of[one.index]) for one in route.breaks if one.index in break_of]
    for stop in route.stops:
        if stop.visit != without:
            begins = stop.starts - prepared.problem.visits[stop.visit].setup_before
            if day.visits[stop.visit]["group"] >= 0:
                pin(day, plan, stop.visit, begins - prepared.origin)
            timed.append((begins, stop.visit))
    if route.fetch is not None and day.shifts[v]["depot"] >= 0:
        timed.append((route.fetch.starts, int(day.shifts[v]["depot"])))
    nodes = [node for _, node in sorted(timed)]
    missing = [node - visits for node in kept if node not in nodes]
    if len(nodes) + len(missing) > plan.nodes.shape[1]:
        return False
    plan.nodes[v, : len(nodes)] = nodes
    plan.routes[v]["length"] = len(nodes)
    sound = bool(reschedule(day, plan, v) or place_depot(day, plan, v, False, NO_CHANCE))
    if missing or not sound:
        pauses = np.zeros(len(kept) + 1, np.int32)
        found = lift_pauses(day, plan, v, pauses)
        pauses[found : found + len(missing)] = missing
        sound = bool(reschedule(day, plan, v) and settle_pauses(day, plan, v, pauses, found + len(missing)))
    return sound


@compiled
def slots_for(day: Day, plan: Plan, x: int, sound: Any, found: Any, costs: Any) -> int:
    """List every feasible (shift, position without pauses) for visit x with its cost; return how many."""
    count = 0
    visit = day.visits[x]
    lifted = np.empty(plan.nodes.shape[1], np.int32)
    for e in range(visit.first_eligible, visit.last_eligible):
        v = int(day.eligible[e])
        length = plan.routes[v].length
        if not sound[v] or length >= plan.nodes.shape[1]:
            continue
        before = plan.routes[v].cost
        saved = plan.nodes[v, :length].copy()
        pauses = lift_pauses(day, plan, v, lifted)
        stops = int(plan.routes[v].length)
        bare = plan.nodes[v, :stops].copy()
        fetches = day.shifts[v].depot >= 0 and first_slot(day, plan, v, x) > stops
        for k in range(stops + 1):
            fits = start_in_slot(day, plan, v, k, x) != NEVER and work_allows(day, plan, v, k, x)
            if fits or (fetches and cheapest_fetch(day, plan, v, x, k, np.inf)[0] >= 0):
                place_node(day, plan, v, past_depot(day, plan, v, k, x) if day.stocked else k, x)
                if settle_pauses(day, plan, v, lifted, pauses):
                    found[count, 0], found[count, 1] = v, k
                    costs[count] = plan.routes[v].cost - before
                    count += 1
                put_back(day, plan, v, bare, stops)
        put_back(day, plan, v, saved, length)
    return count


@compiled
def begins_early(day: Day, plan: Plan, v: int) -> bool:
    """Tell whether everything in route v is done as early as it can be, see route_of."""
    length = plan.routes[v].length
    last = plan.slots[v, length]
    shift = day.shifts[v]
    end = max(last.ready + day.travel[shift.roads + last.place, shift.end_place], last.clock)
    leaves, paused, _ = departure(day, plan, v, end, True, -1, 0)
    return bool(end - leaves - paused <= day.shifts[v].max_span)


@compiled
def figures_of(day: Day, plan: Plan, x: int, v: int, k: int, figures: Any) -> bool:
    """Find what visit x after k stops of route v comes to; False where only the whole route tells.

    `figures` receives arrival, begin, driving added, the latest-moved visit's delay, and the places
    before and after.
    """
    if not begins_early(day, plan, v):
        return False
    visits = day.visits.shape[0]
    length = plan.routes[v].length
    saved = plan.nodes[v, :length].copy()
    booked = plan.begins[v, :length].copy()
    travel = plan.routes[v].work
    lifted = np.empty(plan.nodes.shape[1], np.int32)
    pauses = lift_pauses(day, plan, v, lifted)
    figures[4], figures[5] = plan.slots[v, k].place, plan.slots[v, k].next_place
    place_node(day, plan, v, k, x)
    settle_pauses(day, plan, v, lifted, pauses)
    is_told = begins_early(day, plan, v)
    figures[2] = plan.routes[v].work - travel - day.visits[x].work - day.more[x, day.shifts[v].pace]
    figures[3] = 0
    at, stops = 0, 0
    for i in range(plan.routes[v].length):
        node = plan.nodes[v, i]
        if node == x:
            slot = plan.slots[v, i]
            figures[1] = plan.begins[v, i]
            leg = day.travel[day.shifts[v].roads + slot.place, day.visits[x].place]
            figures[0] = max(slot.ready + leg, slot.clock)
            if stops == 0:
                # Nobody leaves home sooner than the first visit asks for.
                figures[0] = figures[1]
                is_told = is_told and i == 0
        elif node < visits:
            while saved[at] >= visits:
                at += 1
            if day.visits[node].fixed_shift < 0:
                figures[3] = max(figures[3], plan.begins[v, i] - booked[at])
            at += 1
            stops += 1
    put_back(day, plan, v, saved, length)
    return bool(is_told)


def _insertion(prepared: Prepared, plan: Plan, x: int, v: int, stops: int, cost: float) -> Insertion:
    """Return one of the ways found in full."""
    figures = np.zeros(6, np.int64)
    counted = prepared.day.stocked or prepared.day.span > 0.0
    if counted or not figures_of(prepared.day, plan, x, v, stops, figures):
        return _insertion_done(prepared, plan, x, v, stops, cost)
    arrives, begins, added, delays, before, after = map(int, figures)
    visit = prepared.problem.visits[x]
    distance = prepared.problem.distance
    metres = 0
    if distance is not None:
        legs = ((before, visit.place, 1), (visit.place, after, 1), (before, after, -1))
        metres = sum(sign * int(distance[a, b]) for a, b, sign in legs if a != b)
    starts = begins + visit.setup_before + prepared.origin
    return Insertion(
        shift=v,
        position=stops,
        arrives=arrives + prepared.origin,
        starts=starts,
        ends=starts + visit.duration + int(prepared.day.more[x, prepared.day.shifts[v]["pace"]]),
        added_travel_s=added,
        added_distance_m=metres,
        cost=cost,
        delays_s=delays,
    )


def _insertion_done(prepared: Prepared, plan: Plan, x: int, v: int, stops: int, cost: float) -> Insertion:
    """Return one of the ways found in full, by doing and undoing it."""
    day = prepared.day
    before = route_of(prepared, plan, v)
    starts = {stop.visit: stop.starts for stop in before.stops}
    length = int(plan.routes[v]["length"])
    saved = plan.nodes[v, :length].copy()
    lifted = np.zeros(plan.nodes.shape[1], np.int32)
    pauses = lift_pauses(day, plan, v, lifted)
    place_node(day, plan, v, past_depot(day, plan, v, stops, x) if day.stocked else stops, x)
    settle_pauses(day, plan, v, lifted, pauses)
    after = route_of(prepared, plan, v)
    put_back(day, plan, v, saved, length)
    position = next(i for i, stop in enumerate(after.stops) if stop.visit == x)
    own = after.stops[position]
    return Insertion(
        shift=v,
        position=position,
        arrives=own.arrives,
        starts=own.starts,
        ends=own.ends,
        added_travel_s=after.travel_s - before.travel_s,
        added_distance_m=after.distance_m - before.distance_m,
        cost=cost,
        delays_s=max(
            (stop.starts - starts[stop.visit] for stop in after.stops if stop.visit != x), default=0
        ),
        fetch=after.fetch is not None and before.fetch is None,
    )

"""Visits left at the times they are booked at, where a plan's routes allow it: customers and technicians were told.

The search lets everything start as early as it can and moves breaks about, since that costs
nothing. Here each visit that stays on its shift waits for its booked time unless that would make
another one late; who does what, and in which order, stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from truckroll.engine.arrays import Day, Plan
from truckroll.engine.interactive import plan_of
from truckroll.engine.model import Problem, Route
from truckroll.engine.prepare import Prepared, prepare
from truckroll.engine.result import route_of
from truckroll.engine.schedule import reschedule, span

Measure = tuple[int, int]  # visits that start at another time than booked, and by how many seconds together


def keep_times(problem: Problem, routes: Iterable[Route]) -> tuple[Route, ...]:
    """Return the routes with their visits at booked times where that is possible."""
    routes = tuple(routes)
    if not any(visit.current is not None for visit in problem.visits):
        return routes
    prepared = prepare(problem)
    plan, sound = plan_of(prepared, routes)
    # Waiting is put into the windows of this plan and this copy of the visits.
    waiting = replace(prepared, day=prepared.day._replace(visits=prepared.day.visits.copy()))
    return tuple(
        _kept(waiting, plan, route)
        if sound[route.shift] and _is_off(problem, route) and not _joint(waiting.day, route)
        else route
        for route in routes
    )


def _is_off(problem: Problem, route: Route) -> bool:
    currents = ((problem.visits[stop.visit].current, stop.starts) for stop in route.stops)
    return any(
        current is not None and current.shift == route.shift and current.start != starts
        for current, starts in currents
    )


def _joint(day: Day, route: Route) -> bool:
    """Tell whether a route has parts of groups, whose times others depend on."""
    return any(day.visits[stop.visit]["group"] >= 0 for stop in route.stops)


def _kept(prepared: Prepared, plan: Plan, route: Route) -> Route:
    """Return the route at the best of what its breaks' positions allow."""
    day, v = prepared.day, route.shift
    wanted = {
        stop.visit: visit.current.start - visit.setup_before - prepared.origin
        for stop in route.stops
        if (visit := prepared.problem.visits[stop.visit]).current is not None
        and visit.fixed is None
        and visit.current.shift == v
    }
    attempt = _Attempt(day, plan, v, wanted)
    nodes = [int(node) for node in plan.nodes[v, : plan.routes[v]["length"]]]
    best, arrangement = attempt.measure(nodes), nodes
    for pause in [node for node in nodes if attempt.is_break(node)]:
        if best == (0, 0):
            break
        without = [node for node in arrangement if node != pause]
        for k in range(len(nodes)):
            other = [*without[:k], pause, *without[k:]]
            measured = attempt.measure(other)
            if measured is not None and (best is None or measured < best):
                best, arrangement = measured, other
    if best is None:
        return route
    attempt.wait(arrangement)
    kept = route_of(prepared, plan, v)
    attempt.release()
    return kept


@dataclass
class _Attempt:
    """One route, laid out and timed anew; `day` is changed while visits wait."""

    day: Day
    plan: Plan
    v: int
    wanted: dict[int, int]

    def __post_init__(self) -> None:
        self.held: list[tuple[int, int, int, int, int]] = []

    def is_break(self, node: int) -> bool:
        visits = len(self.day.visits)
        return node >= visits and int(self.day.pauses[node - visits]["index"]) >= 0

    def measure(self, nodes: list[int]) -> Measure | None:
        """Return how far the visits are off in this order; None when it is not feasible."""
        measured = self.wait(nodes)
        self.release()
        return measured

    def wait(self, nodes: list[int]) -> Measure | None:
        """Lay the nodes out and let visits wait for their times, one after the other, where nobody suffers."""
        self.plan.nodes[self.v, : len(nodes)] = nodes
        self.plan.routes[self.v]["length"] = len(nodes)
        best = self._off()
        if best is None or best == (0, 0):
            return best
        for x in [node for node in nodes if node in self.wanted]:
            if not self._hold(x):
                continue
            now = self._off()
            if now is not None and now < best:
                best = now
            else:
                self._let_go()
        self._off()
        return best

    def release(self) -> None:
        """Take all waiting back."""
        while self.held:
            self._let_go()

    def _off(self) -> Measure | None:
        if not reschedule(self.day, self.plan, self.v):
            return None
        if span(self.day, self.plan, self.v) > self.day.shifts[self.v]["max_span"]:
            return None
        length = int(self.plan.routes[self.v]["length"])
        nodes = self.plan.nodes[self.v, :length].tolist()
        begins = self.plan.begins[self.v, :length].tolist()
        off = [
            abs(at - self.wanted[node]) for node, at in zip(nodes, begins, strict=True) if node in self.wanted
        ]
        return sum(one > 0 for one in off), sum(off)

    def _hold(self, x: int) -> bool:
        """Let visit x begin no sooner than wanted; tell whether its windows have such a time."""
        row = self.day.visits[x]
        first, last = int(row["first_window"]), int(row["last_window"])
        wanted, w = self.wanted[x], first
        while w < last and self.plan.windows[w, 1] < wanted:
            w += 1
        if w == last:
            return False
        self.held.append((x, first, int(row["opens"]), w, int(self.plan.windows[w, 0])))
        row["first_window"] = w
        row["opens"] = self.plan.windows[w, 0] = max(wanted, int(self.plan.windows[w, 0]))
        return True

    def _let_go(self) -> None:
        x, first, opens, w, window_opens = self.held.pop()
        row = self.day.visits[x]
        row["first_window"], row["opens"] = first, opens
        self.plan.windows[w, 0] = window_opens

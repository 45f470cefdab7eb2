"""A pool of good routes met during a search, and the best plan that can be put together from them.

Choosing routes that cover every visit at least cost is set covering; a route in excess is cured by
dropping the visit from one of those that hold it. As in the petal heuristics, e.g. B. Foster and
D. Ryan, An integer programming approach to the vehicle scheduling problem, 1976.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from truckroll.engine.arrays import Plan
from truckroll.engine.insert import take_node
from truckroll.engine.prepare import Prepared
from truckroll.engine.run import Run
from truckroll.engine.schedule import reschedule, span
from truckroll.engine.search import cost_of
from truckroll.engine.tours import Tour, Tours, lay, tours_of

MARKS = (0.5, 0.75, 0.9, 1.0)  # of a search, when it puts the routes it met together anew
ROOM = 6000  # routes
NODES = 50  # of the branching
SHARE, LONGEST_S = 0.02, 2.0  # of a search's seconds


class Route(NamedTuple):
    """One way to spend a shift of a kind, and what it costs."""

    cost: float
    tour: Tour


class Pool:
    """Distinct routes: of each set of visits the cheapest, for each kind of shift; the newest are kept."""

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self._kinds = kinds_of(prepared)
        self._grouped = {part.visit for group in prepared.problem.groups for part in group.parts}
        self._grouped |= {x for one in prepared.problem.series for x in one.visits}
        self._routes: dict[tuple[int, frozenset[int]], Route] = {}
        idle = prepared.plan()
        for v, (tour, cost) in enumerate(
            zip(tours_of(prepared, idle).rows, idle.routes["cost"].tolist(), strict=True)
        ):
            self.add(v, tour, cost)
        self._idle = dict(self._routes)

    def __len__(self) -> int:
        return len(self._routes)

    def add(self, v: int, tour: Tour, cost: float) -> None:
        """Remember what shift v may do at that cost; routes with visits of groups or series are left out."""
        visits = frozenset(node for node in tour if node >= 0)
        if not self._grouped.isdisjoint(visits):
            return
        key = self._kinds[v], visits
        known = self._routes.pop(key, None)
        self._routes[key] = known if known and known.cost <= cost else Route(cost, tour)
        if len(self._routes) > ROOM:
            self._routes.pop(next(iter(self._routes)))

    def add_all(self, rows: Iterable[Tour], costs: Iterable[float]) -> None:
        """Remember the routes of a whole plan."""
        for v, (tour, cost) in enumerate(zip(rows, costs, strict=True)):
            self.add(v, tour, cost)

    def improve(self, run: Run, budget: float | None) -> None:
        """Let a search go on from the best plan of routes met so far; `budget` are its seconds in all."""
        plan = self.recombine(tours_of(self.prepared, run.best), budget)
        run.adopt(plan, float(cost_of(self.prepared.day, plan)))

    def recombine(self, tours: Tours, budget: float | None) -> Plan:
        """Return the cheapest plan found from routes of the pool and of `tours`, never a dearer one than these.

        Routes with visits of groups or series stay as they are. It may take a share of `budget` seconds; without
        that limit the answer depends on nothing but the pool and the tours.
        """
        seconds = None if budget is None else seconds_of(budget)
        today = self.prepared.plan()
        lay(self.prepared, today, tours)
        self.add_all(tours.rows, today.routes["cost"].tolist())
        still = [v for v, tour in enumerate(tours.rows) if not self._grouped.isdisjoint(tour)]
        chosen = self._choose(tours, still, seconds)
        if chosen is None:
            return today
        plan = self.prepared.plan()
        lay(self.prepared, plan, Tours(chosen, tours.starts))
        day = self.prepared.day
        better = (
            _drop_repeated(self.prepared, plan, chosen) and cost_of(day, plan) < cost_of(day, today) - 1e-6
        )
        return plan if better else today

    def _choose(self, tours: Tours, still: list[int], seconds: float | None) -> tuple[Tour, ...] | None:
        """Return a tour for each shift such that the visits are covered at least cost, repeated ones included."""
        prices = self.prepared.day.visits["price"]
        taken = {node for v in still for node in tours.rows[v] if node >= 0}
        shifts: dict[int, list[int]] = {}
        for v, kind in enumerate(self._kinds):
            if v not in still:
                shifts.setdefault(kind, []).append(v)
        routes = [
            (kind, visits, route)
            for (kind, visits), route in (self._idle | self._routes).items()
            if kind in shifts and taken.isdisjoint(visits)
        ]
        # The processes that search for this one never put routes together, and need not hold the library.
        from ortools.linear_solver import pywraplp  # noqa: PLC0415

        solver = pywraplp.Solver.CreateSolver("SCIP")
        goal = solver.Objective()
        goal.SetMinimization()
        covered = {}
        for x in sorted({x for _, visits, _ in routes for x in visits}):
            covered[x] = solver.Constraint(1.0, solver.infinity())
            left = solver.NumVar(0.0, 1.0, "")
            covered[x].SetCoefficient(left, 1.0)
            goal.SetCoefficient(left, float(prices[x]))
        used = {kind: solver.Constraint(float(len(own)), float(len(own))) for kind, own in shifts.items()}
        today = {
            (self._kinds[v], frozenset(node for node in tour if node >= 0))
            for v, tour in enumerate(tours.rows)
        }
        choices: list[Any] = []
        for kind, visits, route in routes:
            choice = solver.IntVar(0.0, 1.0 if visits else float(len(shifts[kind])), "")
            choices.append(choice)
            goal.SetCoefficient(choice, route.cost)
            used[kind].SetCoefficient(choice, 1.0)
            for x in visits:
                covered[x].SetCoefficient(choice, 1.0)
        solver.SetHint(choices, [float((kind, visits) in today) for kind, visits, _ in routes])
        solver.SetSolverSpecificParametersAsString(f"limits/nodes = {NODES}")
        if seconds is not None:
            solver.SetTimeLimit(max(1, int(1000 * seconds)))  # 0 would be none
        if solver.Solve() not in {pywraplp.Solver.OPTIMAL, pywraplp.Solver.FEASIBLE}:
            return None
        rows = list(tours.rows)
        free = {kind: list(own) for kind, own in shifts.items()}
        for (kind, _, route), choice in zip(routes, choices, strict=True):
            for _ in range(round(choice.solution_value())):
                rows[free[kind].pop()] = route.tour
        return tuple(rows)


def seconds_of(budget: float) -> float:
    """Return how long putting routes together may take in a search of `budget` seconds."""
    return min(SHARE * budget, LONGEST_S)


def kinds_of(prepared: Prepared) -> list[int]:
    """Return for each shift the first that differs from it in nothing but its id."""
    kinds: list[int] = []
    for v, twin in enumerate(prepared.day.shifts["twin"].tolist()):
        kinds.append(kinds[twin] if twin >= 0 else v)
    return kinds


def _drop_repeated(prepared: Prepared, plan: Plan, rows: tuple[Tour, ...]) -> bool:
    """Leave each visit on the one route where that is cheapest; tell whether all routes are feasible then."""
    on: dict[int, list[int]] = {}
    for v, tour in enumerate(rows):
        for node in tour:
            if node >= 0:
                on.setdefault(node, []).append(v)
    for x, repeated in on.items():
        while len(repeated) > 1:
            savings = [(_saving(prepared, plan, v, x), v) for v in repeated]
            saving, v = max(savings)
            if saving == -np.inf:
                return False
            _without(prepared, plan, v, x)
            repeated.remove(v)
            reschedule(prepared.day, plan, repeated[0])
    return True


def _saving(prepared: Prepared, plan: Plan, v: int, x: int) -> float:
    """Return what route v saves without visit x; minus infinity where it would not be feasible."""
    length = int(plan.routes[v]["length"])
    saved = plan.nodes[v, :length].copy()
    before = float(plan.routes[v]["cost"])
    feasible = _without(prepared, plan, v, x)
    saving = before - float(plan.routes[v]["cost"]) if feasible else -np.inf
    plan.nodes[v, :length] = saved
    plan.routes[v]["length"] = length
    reschedule(prepared.day, plan, v)
    return saving


def _without(prepared: Prepared, plan: Plan, v: int, x: int) -> bool:
    """Take visit x out of route v; tell whether what is left is feasible."""
    k = int(np.flatnonzero(plan.nodes[v, : plan.routes[v]["length"]] == x)[0])
    feasible = take_node(prepared.day, plan, v, k)
    return bool(feasible) and span(prepared.day, plan, v) <= prepared.day.shifts[v]["max_span"]

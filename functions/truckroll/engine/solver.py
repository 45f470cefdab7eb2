"""The solver: a first plan at once, then annealing until the time or the iterations are spent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from truckroll.engine.arrays import Day, Plan
from truckroll.engine.chance import seeded
from truckroll.engine.model import Problem, Progress, Solution
from truckroll.engine.prepare import Prepared, prepare
from truckroll.engine.result import routes_of
from truckroll.engine.ruin_recreate import empty_loose, empty_trail
from truckroll.engine.search import anneal, copy_route, copy_starts, cost_of, restore
from truckroll.engine.start import first_plan, manner_for
from truckroll.engine.unserved import explain_unserved, mend

OnProgress = Callable[[Progress], bool]

STEPS = 200  # between looks at the clock, at first
EXPLAINING_S = 0.001
LOOKS = 100  # at the clock in a whole run


def solve(
    problem: Problem,
    *,
    seed: int,
    time_limit_s: float,
    progress: OnProgress | None = None,
    iterations: int | None = None,
    clock: Callable[[], float] = perf_counter,
) -> Solution:
    """Return the best plan found within `time_limit_s` seconds of the clock (wall time by default).

    With `iterations` the search takes exactly that many steps, whatever the time, and the plan is
    the same on every run. `progress` is called now and then, first with the first whole plan; when
    it returns True the search ends and the best plan so far is returned. Raises ProblemError.
    """
    began = clock()
    prepared = prepare(problem)
    run = Run(prepared, seed, began, clock)
    run.report(progress, 0.0)
    # Each visit left out takes a moment to explain at the end.
    left = int((run.plan.shift_of < 0).sum())
    budget = time_limit_s - min(0.3 * time_limit_s, EXPLAINING_S * left)
    if len(problem.visits) > 0 and len(problem.shifts) > 0:
        if iterations is None:
            run.for_seconds(budget, progress)
        else:
            run.for_steps(iterations, progress)
    plan = run.best_plan()
    mend(prepared, plan, run.chance)
    objective = float(cost_of(prepared.day, plan))
    return Solution(
        routes=routes_of(prepared, plan),
        unserved=explain_unserved(prepared, plan),
        objective=objective,
        iterations=run.steps,
        curve=(*run.curve, (clock() - began, objective)),
        cancelled=run.cancelled,
    )


@dataclass
class Run:
    """One search in progress."""

    prepared: Prepared
    seed: int
    began: float
    clock: Callable[[], float]
    steps: int = 0
    cancelled: bool = False
    curve: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        visits = len(self.prepared.problem.visits)
        self.day: Day = self.prepared.day
        self.chance: NDArray[np.uint64] = seeded(self.seed)
        self.plan: Plan = first_plan(self.prepared, self.chance)
        self.best: Plan = self.prepared.plan()
        for v in range(len(self.prepared.problem.shifts)):
            copy_route(self.plan, self.best, v)
        copy_starts(self.day, self.plan, self.best)
        self.stale = np.zeros(len(self.prepared.problem.shifts), np.bool_)
        self.trail = empty_trail(self.plan)
        self.loose = empty_loose(visits)
        self.order = np.zeros(visits, np.int32)
        cost = float(cost_of(self.day, self.plan))
        self.state = np.array([cost, cost])
        self.manner, self.hot, self.cold = manner_for(self.plan)

    def advance(self, steps: int, done: float, after: float) -> None:
        """Take steps while the temperature falls from its value at `done` to that at `after` (0 to 1)."""
        fall = self.cold / self.hot
        self.state[0] = cost_of(self.day, self.plan)
        anneal(
            self.day,
            self.plan,
            self.manner,
            self.best,
            self.stale,
            self.trail,
            self.loose,
            self.order,
            self.state,
            steps,
            self.hot * fall**done,
            self.hot * fall**after,
            self.chance,
        )
        self.steps += steps

    def for_steps(self, iterations: int, progress: OnProgress | None) -> None:
        """Search for a number of steps, the same in every run."""
        chunk = max(1, -(-iterations // LOOKS))
        while self.steps < iterations and not self.cancelled:
            steps = min(chunk, iterations - self.steps)
            self.advance(steps, self.steps / iterations, (self.steps + steps) / iterations)
            self.report(progress, self.steps / iterations)

    def for_seconds(self, budget: float, progress: OnProgress | None) -> None:
        """Search until `budget` seconds have passed since the run began."""
        steps = STEPS
        first = self.clock()
        span = max(1e-6, budget - (first - self.began))
        while not self.cancelled:
            looked = self.clock()
            done = (looked - first) / span
            if done >= 1.0:
                break
            after = min(1.0, done + 1.0 / LOOKS)
            self.advance(steps, done, after)
            took = self.clock() - looked
            wanted = min(span / LOOKS, 0.25)
            steps = max(1, int(steps * min(4.0, max(0.25, wanted / max(took, 1e-6)))))
            self.report(progress, min(1.0, (self.clock() - first) / span))

    def report(self, progress: OnProgress | None, fraction: float) -> None:
        """Note the best objective, and tell the caller."""
        elapsed = self.clock() - self.began
        best = float(self.state[1])
        if not self.curve or best < self.curve[-1][1]:
            self.curve.append((elapsed, best))
        if progress is None:
            return
        served = int(sum(self.best_visits()))
        total = len(self.prepared.problem.visits)
        self.cancelled = bool(progress(Progress(self.steps, elapsed, fraction, best, served, total - served)))

    def best_visits(self) -> list[int]:
        """Return how many visits each of the best plan's routes holds."""
        visits = len(self.prepared.problem.visits)
        return [
            int(np.count_nonzero(self.best.nodes[v, : route["length"]] < visits))
            for v, route in enumerate(self.best.routes)
        ]

    def best_plan(self) -> Plan:
        """Return the best plan, all schedules computed."""
        restore(self.day, self.best)
        return self.best

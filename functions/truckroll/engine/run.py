"""One search in progress on one core: it goes on for so many steps or seconds, and may be looked at between."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from truckroll.engine.arrays import Day, Plan
from truckroll.engine.prepare import Prepared
from truckroll.engine.search import anneal, copy_route, copy_starts, cost_of, restore
from truckroll.engine.start import (
    CALM,
    CALM_LEGS,
    COLD,
    EAGER,
    EAGER_LEGS,
    leaves_out,
    mean_leg,
    share_of_heat,
)
from truckroll.engine.step import empty_loose, empty_trail

STEPS = 200  # between looks at the clock, at first
LOOKS = 100  # at the clock in a whole run
LONGEST_S, MOST_STEPS = 0.25, 2000  # between two looks

Look = Callable[[float], bool]  # told how much is done, from 0 to 1; True ends the search


class Heat(NamedTuple):
    """From which temperature to which a search cools that leaves no visit out; others are hotter."""

    hot: float
    cold: float

    @classmethod
    def of(cls, plan: Plan, share: float = 1.0) -> Heat:
        """Return a share of the usual heat for a search from this plan."""
        usual = CALM_LEGS * mean_leg(plan)
        return cls(usual * share, COLD * usual * min(1.0, 10.0 * share))


class Run:
    """A search from `plan` on, which it takes over; `best` is the best plan so far."""

    def __init__(
        self, prepared: Prepared, plan: Plan, chance: NDArray[np.uint64], heat: Heat | None = None
    ) -> None:
        shifts, visits = len(prepared.problem.shifts), len(prepared.problem.visits)
        self.day: Day = prepared.day
        self.plan = plan
        self.chance = chance
        self.heat = heat or Heat.of(plan)
        self.best: Plan = prepared.plan()
        self.steps = 0
        self._share = 1.0  # of the heat, see `share_of_heat`
        self._left_out = leaves_out(self.day, plan)
        self._take(plan, self.best)
        self._stale = np.zeros(shifts, np.bool_)
        self._trail = empty_trail(plan)
        self._loose = empty_loose(visits)
        self._order = np.zeros(visits, np.int32)
        cost = float(cost_of(self.day, plan))
        self._costs = np.array([cost, cost])

    @property
    def best_cost(self) -> float:
        """The objective of the best plan so far."""
        return float(self._costs[1])

    def advance(self, steps: int, done: float, after: float) -> None:
        """Take steps while the temperature falls from its value at `done` to that at `after` (0 to 1)."""
        more = EAGER_LEGS / CALM_LEGS if self._left_out else 1.0
        hot = more * max(self.heat.hot * self._share, self.heat.cold)
        fall = more * self.heat.cold / hot
        self._costs[0] = cost_of(self.day, self.plan)
        anneal(
            self.day,
            self.plan,
            EAGER if self._left_out else CALM,
            self.best,
            self._stale,
            self._trail,
            self._loose,
            self._order,
            self._costs,
            steps,
            hot * fall**done,
            hot * fall**after,
            self.chance,
        )
        self.steps += steps

    def for_steps(self, steps: int, done: float, after: float, look: Look) -> None:
        """Search for a number of steps, the same in every run."""
        chunk = min(max(1, -(-steps // LOOKS)), MOST_STEPS)
        in_all = steps / max(1e-6, after - done)
        taken = 0
        while taken < steps:
            self._adapt(in_all)
            now = min(chunk, steps - taken)
            width = after - done
            self.advance(now, done + width * taken / steps, done + width * (taken + now) / steps)
            taken += now
            if look(taken / steps):
                return

    def for_seconds(
        self, seconds: float, done: float, after: float, look: Look, clock: Callable[[], float]
    ) -> None:
        """Search until so many seconds of the clock have passed."""
        first = clock()
        steps = STEPS
        while True:
            looked = clock()
            if looked - first >= seconds:
                return
            share = (looked - first) / max(1e-6, seconds)
            width = after - done
            self.advance(steps, done + width * share, done + width * min(1.0, share + 1.0 / LOOKS))
            took = clock() - looked
            in_all = steps / max(took, 1e-6) * seconds / max(1e-6, after - done)
            self._adapt(in_all)
            wanted = min(seconds / LOOKS, LONGEST_S)
            steps = max(1, int(steps * min(4.0, max(0.25, wanted / max(took, 1e-6)))))
            if look(min(1.0, (clock() - first) / max(1e-6, seconds))):
                return

    def _adapt(self, steps: float) -> None:
        """Suit heat and size of steps to what the plan leaves out, in a search of so many steps in all."""
        self._left_out = leaves_out(self.day, self.plan)
        self._share = share_of_heat(self.day.depots_from, steps, left_out=self._left_out)

    def adopt(self, plan: Plan, cost: float) -> None:
        """Take over a plan found elsewhere: as the best if it is, and to go on from if it is better."""
        if cost < self.best_cost - 1e-6:
            self._costs[1] = cost
            self._stale[:] = True
            self._take(plan, self.best)
        if cost < cost_of(self.day, self.plan) - 1e-6:
            self._stale[:] = True
            self._take(plan, self.plan)
            restore(self.day, self.plan)

    def _take(self, source: Plan, target: Plan) -> None:
        for v in range(len(source.routes)):
            copy_route(source, target, v)
        copy_starts(self.day, source, target)

    def best_visits(self) -> int:
        """Return how many visits the best plan serves."""
        visits = self.day.depots_from
        columns = np.arange(self.best.nodes.shape[1]) < self.best.routes["length"][:, None]
        return int(np.count_nonzero((self.best.nodes < visits) & columns))

    def best_plan(self) -> Plan:
        """Return the best plan, all schedules computed."""
        restore(self.day, self.best)
        return self.best

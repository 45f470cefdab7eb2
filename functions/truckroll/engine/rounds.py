"""A search in rounds: in each, several processes search districts of the day, or all of it, and meet again.

A large day is cut into districts along other borders in every round, so that nothing stays apart for
long. A small one is searched whole by each process from its own plan; now and then the one that
lags behind goes on from the leader's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from truckroll.engine.companion import Companions
from truckroll.engine.districts import District, Points, district_of, points_of, split, whole_of
from truckroll.engine.model import Problem
from truckroll.engine.pool import MARKS, Pool
from truckroll.engine.run import Heat
from truckroll.engine.series import links_of
from truckroll.engine.task import Clock, Found, Task, perform
from truckroll.engine.tours import Tour, Tours, tours_of

PART = 300  # visits from which a day is cut into districts
LARGEST_PART = 1200
ROUNDS = 20
SHORTEST_S, LONGEST_S = 0.8, 4.0  # of a round, for each process
FOLLOWED = 4  # rounds after which the last goes on from the first's plan
NEAREST = 5  # shifts among which an unserved visit looks for its district


@dataclass
class Joined:
    """A whole plan as tours, what each costs, and when served visits of groups begin."""

    rows: list[Tour]
    costs: NDArray[np.float64]
    starts: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, tours: Tours, costs: Iterable[float]) -> Joined:
        """Return tours and their costs as a plan."""
        return cls(list(tours.rows), np.array(list(costs)), dict(tours.starts))

    @property
    def tours(self) -> Tours:
        """The plan's tours."""
        return Tours(tuple(self.rows), self.starts)

    def copy(self) -> Joined:
        """Return a plan that changes independently."""
        return Joined(list(self.rows), self.costs.copy(), dict(self.starts))

    def take(self, district: District, tours: Tours, costs: Iterable[float]) -> None:
        """Take over what was found for a district, in the district's numbers."""
        outward = district.outward(tours)
        for v, tour, cost in zip(district.shifts, outward.rows, costs, strict=True):
            self.rows[v] = tour
            self.costs[v] = cost + district.moved_anyway(tour)
        for x in district.grouped:
            self.starts.pop(x, None)
        self.starts |= outward.starts

    def left(self, visits: int) -> NDArray[np.bool_]:
        """Return for every visit whether it is unserved."""
        left = np.ones(visits, np.bool_)
        left[[node for tour in self.rows for node in tour if node >= 0]] = False
        return left

    def visits(self) -> int:
        """Return how many visits are served."""
        return sum(node >= 0 for tour in self.rows for node in tour)

    def cost(self, prices: NDArray[np.float64]) -> float:
        """Return the objective, given what leaving out each visit costs."""
        return float(self.costs.sum() + prices[self.left(len(prices))].sum())


class Rounds:
    """A search of one day by this process and its companions, from tours it is given or from none."""

    def __init__(
        self,
        problem: Problem,
        seed: int,
        companions: Companions,
        start: Joined | None,
        heat: Heat | None,
        clock: Clock,
        pool: Pool | None = None,
    ) -> None:
        self.problem = problem
        self.prices = np.array([problem.weights.price(visit) for visit in problem.visits], np.float64)
        self.best_cost = float("inf")
        self.served = 0
        self.steps = 0
        self._seed = seed
        self._companions = companions
        self._clock = clock
        self._pool = pool
        self._marks = list(MARKS)
        self._budget: float | None = None
        self._heat = heat
        self._round = 0
        self._points: Points = points_of(problem.travel)
        self._homes = np.array([shift.start_place for shift in problem.shifts])
        self._together, self._allowed = _together(problem)
        self._before = {
            link.later: link.earlier
            for link in links_of(problem)
            if problem.visits[link.earlier].fixed is None and problem.visits[link.later].fixed is None
        }
        self._after = {earlier: later for later, earlier in self._before.items()}
        self._walks: list[Joined] = []
        if start is None:
            self.best = Joined([()] * len(problem.shifts), np.zeros(len(problem.shifts)))
        else:
            self._note(start)
            self._walks = [start.copy()]

    def begin(self, look: Callable[[float], bool]) -> bool:
        """Make a first plan in districts, where none is given; tell whether to end."""
        return not self._walks and self._go_round(1, 0.0, 0.0, None, 0.0, look)

    def districts(self) -> list[District]:
        """Return the day in districts, as the best plan suggests."""
        self._walks = [self.best]
        return self._cut(self._count(1), np.random.default_rng(self._seed))

    def for_steps(self, steps: int, processes: int, look: Callable[[float], bool]) -> None:
        """Search until each process has taken so many steps: the same plan on every run."""
        taken = 0
        for i in range(ROUNDS):
            until = steps * (i + 1) // ROUNDS
            if until > taken and self._go_round(
                processes, taken / steps, until / steps, until - taken, 0.0, look
            ):
                return
            taken = until

    def for_seconds(self, seconds: float, look: Callable[[float], bool]) -> None:
        """Search until so many seconds of the clock have passed."""
        self._budget = seconds
        first = self._clock()
        while (elapsed := self._clock() - first) < seconds:
            processes = 1 + self._companions.ready()
            turns = -(-self._count(processes) // processes)
            lasts = turns * min(max(seconds / ROUNDS, SHORTEST_S), LONGEST_S)
            if seconds - elapsed < 1.5 * lasts:
                lasts = seconds - elapsed
            after = min(1.0, (elapsed + lasts) / seconds)
            if self._go_round(processes, elapsed / seconds, after, None, lasts, look):
                return

    def _count(self, processes: int) -> int:
        """Return in how many districts the day is cut: none smaller than needed, no process idle."""
        visits = len(self.problem.visits)
        if visits < PART or (processes == 1 and visits <= LARGEST_PART):
            return 1
        turns = -(-visits // (LARGEST_PART * processes))
        return min(turns * processes, len(self.problem.shifts))

    def _go_round(
        self,
        processes: int,
        done: float,
        after: float,
        steps: int | None,
        seconds: float,
        look: Callable[[float], bool],
    ) -> bool:
        """Search for a while in districts, or whole, and put together what was found; tell whether to end."""
        count = self._count(processes)
        rng = np.random.default_rng([self._seed, self._round])
        whole = count == 1
        if whole:
            districts = [whole_of(self.problem)] * processes
            while len(self._walks) < processes:
                self._walks.append(self.best.copy())
        else:
            districts = self._cut(count, rng)
        share = processes / len(districts)
        ended = False

        def watch(of_task: float) -> bool:
            nonlocal ended
            ended = look(done + (after - done) * of_task)
            return ended

        tasks = [
            Task(
                district.problem,
                district.inward(self._walks[i if whole else 0].tours) if self._walks else None,
                self._heat,
                seed=int(rng.integers(2**62)),
                done=done,
                after=after,
                steps=None if steps is None else max(1, int(steps * share)),
                seconds=seconds * share,
                clock=self._clock,
            )
            for i, district in enumerate(districts)
        ]
        found = self._companions.perform(tasks, watch)
        if not self._walks:
            found = [
                one or perform(replace(task, steps=0), watch) for one, task in zip(found, tasks, strict=True)
            ]
            heats = sorted((one.heat for one in found if one), key=lambda heat: heat.hot)
            self._heat = self._heat or heats[len(heats) // 2]
        if whole:
            self._compare(found)
        else:
            self._join(districts, found)
        if self._pool is not None and not ended:
            self._recombine(self._pool, districts, found, after)
        self._round += 1
        return ended

    def _recombine(
        self, pool: Pool, districts: Sequence[District], found: Sequence[Found | None], done: float
    ) -> None:
        """Remember the routes that were met; at the marks put them together anew."""
        for district, one in zip(districts, found, strict=True):
            for met in one.routes if one else ():
                (tour,) = district.outward(Tours((met.tour,), {})).rows
                pool.add(district.shifts[met.shift], tour, met.cost + district.moved_anyway(tour))
        if not self._marks or done < self._marks[0] - 1e-9:
            return
        self._marks = [mark for mark in self._marks if mark > done + 1e-9]
        combined = pool.recombine(self.best.tours, self._budget)
        plan = Joined.of(tours_of(pool.prepared, combined), combined.routes["cost"])
        self._note(plan)
        last = max(self._walks, key=lambda walk: walk.cost(self.prices))
        if plan.cost(self.prices) < last.cost(self.prices):
            self._walks[self._walks.index(last)] = plan.copy()

    def _compare(self, found: Sequence[Found | None]) -> None:
        """Note the best of several searches of the whole day; let the last follow the first at times."""
        for i, one in enumerate(found):
            if one is None:
                continue
            self.steps += one.steps
            self._walks[i] = Joined.of(one.tours, one.costs)
            self._note(Joined.of(one.best, one.best_costs))
        if self._round % FOLLOWED == FOLLOWED - 1 and len(self._walks) > 1:
            ranked = sorted(range(len(self._walks)), key=lambda i: self._walks[i].cost(self.prices))
            self._walks[ranked[-1]] = self._walks[ranked[0]].copy()

    def _join(self, districts: Sequence[District], found: Sequence[Found | None]) -> None:
        """Put the districts' plans together, and the best of each."""
        walk = self._walks[0] if self._walks else self.best.copy()
        best = walk.copy()
        for district, one in zip(districts, found, strict=True):
            if one is None:
                continue
            self.steps += one.steps
            walk.take(district, one.tours, one.costs)
            best.take(district, one.best, one.best_costs)
        self._walks = [walk]
        self._note(best)

    def _note(self, plan: Joined) -> None:
        cost = plan.cost(self.prices)
        if cost < self.best_cost - 1e-6:
            self.best, self.best_cost, self.served = plan, cost, plan.visits()

    def _cut(self, count: int, rng: np.random.Generator) -> list[District]:
        """Return districts of neighbouring routes; what is unserved goes with a shift that may serve it."""
        plan = self._walks[0] if self._walks else self.best
        tours = plan.tours
        places = np.array([visit.place for visit in self.problem.visits])
        centres = self._points[self._homes]
        served: list[list[int]] = []
        for v, tour in enumerate(tours.rows):
            served.append([node for node in tour if node >= 0])
            if served[v]:
                centres[v] = self._points[places[served[v]]].mean(0)
        groups = split(centres, np.array([1 + len(one) for one in served]), count, rng)
        district_with = {v: i for i, group in enumerate(groups) for v in group}
        chosen = [[x for v in group for x in served[v]] for group in groups]
        left = plan.left(len(places))
        shift_of = {x: v for v, own in enumerate(served) for x in own}
        for x in np.flatnonzero(left & self._allowed).tolist():
            before = self._before.get(x)
            if before is not None and left[before]:
                continue
            v = self._shift_for(x, centres, rng) if before is None else shift_of[before]
            together = self._together[x]
            # What can only be served across a border waits for a round with other borders.
            if all(any(district_with[v] == district_with[w] for w in one) for one in together[1]):
                chosen[district_with[v]] += together[0]
                chosen[district_with[v]] += self._later(x, left)
        return [
            district_of(self.problem, tuple(group), tuple(sorted(own)), tours)
            for group, own in zip(groups, chosen, strict=True)
        ]

    def _later(self, x: int, left: NDArray[np.bool_]) -> list[int]:
        """Return the unserved visits that follow x in its series; they go where it goes."""
        found: list[int] = []
        while (later := self._after.get(x)) is not None and left[later]:
            found.append(later)
            x = later
        return found

    def _shift_for(self, x: int, centres: Points, rng: np.random.Generator) -> int:
        """Return the shift an unserved visit is fixed or booked on, or one nearby that may serve it."""
        visit = self.problem.visits[x]
        if visit.fixed is not None:
            return visit.fixed.shift
        if not self._walks and visit.current is not None and visit.current.shift in visit.eligible:
            return visit.current.shift
        shifts = np.array(visit.eligible)
        away = ((centres[shifts] - self._points[visit.place]) ** 2).sum(1)
        return int(rng.choice(shifts[np.argsort(away, kind="stable")[:NEAREST]]))


def _together(
    problem: Problem,
) -> tuple[list[tuple[list[int], list[tuple[int, ...]]]], NDArray[np.bool_]]:
    """Return what goes with each visit into a district, and whether it leads: itself, or the first of its group.

    What goes with it are the visits of its group, and the lists of shifts of which the district must
    have one each. Visits nobody may serve lead nothing.
    """
    together: list[tuple[list[int], list[tuple[int, ...]]]] = [([x], []) for x in range(len(problem.visits))]
    leads = np.array([bool(visit.eligible) or visit.fixed is not None for visit in problem.visits], np.bool_)
    for group in problem.groups:
        own = [part.visit for part in group.parts]
        needs = [problem.visits[x].eligible for x in own] + list(group.covers)
        leads[own[1:]] = False
        for x in own:
            together[x] = (own, needs)
    return together, leads

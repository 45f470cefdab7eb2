"""The solver: a first plan at once, then annealing until the time or the iterations are spent."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from truckroll.engine.chance import seeded
from truckroll.engine.companion import Companions
from truckroll.engine.huge import finished
from truckroll.engine.model import Problem, Progress, Route, Solution, Unserved
from truckroll.engine.pool import MARKS, Pool, seconds_of
from truckroll.engine.prepare import Prepared, prepare
from truckroll.engine.result import routes_of
from truckroll.engine.rounds import Joined, Rounds
from truckroll.engine.run import Heat, Run
from truckroll.engine.search import cost_of
from truckroll.engine.start import first_plan
from truckroll.engine.task import Album
from truckroll.engine.tours import lay, tours_of
from truckroll.engine.unserved import IsOver, explain_unserved, explaining_s, mend, never
from truckroll.engine.validate import check_problem

OnProgress = Callable[[Progress], bool]

MOST_EXPLAINING = (
    0.2  # the share of the time in which at most what is left out is tried once more and explained
)
FINISHING = 0.05  # the share of the time in which a huge day's plan is written down
HUGE = 3000  # visits from which the whole day is never made into arrays at once
WORTH_RECOMBINING_S = 1.0
WORTH_S, WORTH_VISITS = 5.0, 60  # what other processes, a second or two in starting, are worth it for


def solve(
    problem: Problem,
    *,
    seed: int,
    time_limit_s: float,
    progress: OnProgress | None = None,
    iterations: int | None = None,
    clock: Callable[[], float] = perf_counter,
    workers: int = 1,
    heat: float = 1.0,
) -> Solution:
    """Return the best plan found within `time_limit_s` seconds of the clock (wall time by default).

    With `iterations` the search takes exactly that many steps in each of its `workers`, whatever the
    time, and the plan is the same on every run. `workers` is the number of processes, this one
    included; for a small or short search this one is enough. With little `heat` the search stays near the
    bookings it begins with, on a day of up to 3,000 visits. `progress` is called now and then, first
    with the first whole plan; when it returns True the search ends and the best plan so far is
    returned. Raises ProblemError.
    """
    others = workers - 1 if len(problem.visits) >= WORTH_VISITS else 0
    if iterations is None and time_limit_s < WORTH_S:
        others = 0
    with Companions(others) as companions:
        search = Search(problem, seed, clock, progress, heat)
        if len(problem.visits) > HUGE:
            return search.huge(companions, time_limit_s, iterations)
        return search.day(companions, time_limit_s, iterations)


class Search:
    """One call of `solve`: what it tells its caller on the way."""

    def __init__(
        self,
        problem: Problem,
        seed: int,
        clock: Callable[[], float],
        progress: OnProgress | None,
        heat: float,
    ) -> None:
        self.problem = problem
        self.seed = seed
        self.clock = clock
        self.began = clock()
        self.progress = progress
        self.heat = heat
        self.cancelled = False
        self.curve: list[tuple[float, float]] = []

    def report(self, fraction: float, steps: int, objective: float, served: int) -> bool:
        """Note the best objective and tell the caller; return whether the search is to end."""
        elapsed = self.clock() - self.began
        if not self.curve or objective < self.curve[-1][1]:
            self.curve.append((elapsed, objective))
        if self.progress is not None and not self.cancelled:
            left = len(self.problem.visits) - served
            self.cancelled = bool(self.progress(Progress(steps, elapsed, fraction, objective, served, left)))
        return self.cancelled

    def day(self, companions: Companions, time_limit_s: float, iterations: int | None) -> Solution:
        """Search a day whose arrays are made at once."""
        prepared = prepare(self.problem)
        chance = seeded(self.seed)
        plan = first_plan(prepared, chance)
        run = Run(prepared, plan, chance, Heat.of(plan, self.heat))
        self.report(0.0, 0, run.best_cost, run.best_visits())
        ends = time_limit_s - min(MOST_EXPLAINING * time_limit_s, explaining_s(prepared, run.plan))
        budget = ends - (self.clock() - self.began)
        if self.cancelled or not self.problem.visits or not self.problem.shifts:
            pass
        elif companions.count == 0:
            self.alone(prepared, run, budget, iterations)
        else:
            start = Joined.of(tours_of(prepared, run.plan), run.plan.routes["cost"])
            rounds = Rounds(self.problem, self.seed, companions, start, run.heat, self.clock, Pool(prepared))
            self.go_rounds(rounds, companions, budget - seconds_of(budget), iterations)
            run.steps = rounds.steps
            lay(prepared, run.best, rounds.best.tours)
        plan = run.best_plan()
        tried, over = None, None
        if iterations is None:
            tried, over = ends + (time_limit_s - ends) / 2, time_limit_s
        mend(prepared, plan, chance, self.deadline(tried))
        objective = float(cost_of(prepared.day, plan))
        reasons = explain_unserved(prepared, plan, is_over=self.deadline(over))
        return self.solution(routes_of(prepared, plan), reasons, objective, run.steps)

    def deadline(self, seconds: float | None) -> IsOver:
        """Return what tells whether so many seconds have passed since the search began; None never do."""
        return never if seconds is None else lambda: self.clock() - self.began >= seconds

    def alone(self, prepared: Prepared, run: Run, budget: float, iterations: int | None) -> None:
        """Search with this process only, and put the routes met together anew at times."""
        pool = Pool(prepared)
        album = Album(prepared)
        first = self.clock()
        done = 0.0
        for mark in (1.0,) if iterations is None and budget < WORTH_RECOMBINING_S else MARKS:

            def look(share: float, done: float = done, mark: float = mark) -> bool:
                album.note(run.plan)
                return self.report(done + (mark - done) * share, run.steps, run.best_cost, run.best_visits())

            if iterations is None:
                # What the last putting together takes is within the limit too.
                rest = first + mark * (budget - seconds_of(budget)) - self.clock()
                run.for_seconds(rest, done, mark, look, self.clock)
            else:
                run.for_steps(int(mark * iterations) - run.steps, done, mark, look)
            if self.cancelled:
                return
            if routes := album.taken():
                for met in routes:
                    pool.add(met.shift, met.tour, met.cost)
                pool.improve(run, None if iterations is not None else budget)
            done = mark

    def huge(self, companions: Companions, time_limit_s: float, iterations: int | None) -> Solution:
        """Search a day that is never looked at but in parts."""
        check_problem(self.problem)
        rounds = Rounds(self.problem, self.seed, companions, None, None, self.clock)
        rounds.begin(lambda _: False)
        budget = (1.0 - FINISHING) * time_limit_s - (self.clock() - self.began)
        if not self.report(0.0, 0, rounds.best_cost, rounds.served):
            self.go_rounds(rounds, companions, budget, iterations)
        over = self.deadline(
            time_limit_s * (1.0 - FINISHING + MOST_EXPLAINING) if iterations is None else None
        )
        routes, unserved, objective = finished(self.problem, rounds.districts(), rounds.best, self.seed, over)
        return self.solution(routes, unserved, objective, rounds.steps)

    def go_rounds(
        self, rounds: Rounds, companions: Companions, budget: float, iterations: int | None
    ) -> None:
        """Search in rounds, telling the caller after each and within."""

        def look(done: float) -> bool:
            return self.report(done, rounds.steps, rounds.best_cost, rounds.served)

        if iterations is None:
            rounds.for_seconds(budget, look)
        else:
            rounds.for_steps(iterations, companions.count + 1, look)

    def solution(
        self, routes: tuple[Route, ...], unserved: tuple[Unserved, ...], objective: float, steps: int
    ) -> Solution:
        """Return the answer."""
        return Solution(
            routes=routes,
            unserved=unserved,
            objective=objective,
            iterations=steps,
            curve=(*self.curve, (self.clock() - self.began, objective)),
            cancelled=self.cancelled,
        )

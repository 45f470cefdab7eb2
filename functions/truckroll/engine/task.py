"""A piece of a search that any process can do: a problem, where to begin, how long and how hot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import NamedTuple

from truckroll.engine.arrays import Plan
from truckroll.engine.chance import seeded
from truckroll.engine.model import Problem
from truckroll.engine.prepare import Prepared, prepare_once
from truckroll.engine.run import Heat, Look, Run
from truckroll.engine.search import fill
from truckroll.engine.start import dearest_first, first_plan
from truckroll.engine.tours import Tour, Tours, lay, tours_of

SHIFTS_A_LOOK = 20

Clock = Callable[[], float]


@dataclass(frozen=True)
class Task:
    """Search `problem` from `tours` on (None: from a first plan), for `steps` or else `seconds`.

    The temperature falls from its value at `done` to that at `after` (0 to 1 of the whole search) of
    `heat`, which follows from the first plan where it is None. `clock` measures the seconds.
    """

    problem: Problem
    tours: Tours | None
    heat: Heat | None
    seed: int
    done: float
    after: float
    steps: int | None
    seconds: float
    clock: Clock = perf_counter


class Met(NamedTuple):
    """A route met during a search."""

    shift: int
    tour: Tour
    cost: float


@dataclass(frozen=True)
class Found:
    """Where a task ended and the best it saw: tours, and what each costs; and routes met on the way."""

    tours: Tours
    costs: tuple[float, ...]
    best: Tours
    best_costs: tuple[float, ...]
    steps: int
    heat: Heat
    routes: tuple[Met, ...]


class Album:
    """The routes a search meets, noted at some of its looks."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._looks = 0
        self._costs: dict[tuple[int, Tour], float] = {}

    def note(self, plan: Plan) -> None:
        """Note the routes of the plan, now and then: the more of them, the less often."""
        self._looks += 1
        if self._looks % (1 + len(plan.routes) // SHIFTS_A_LOOK) == 0:
            rows = tours_of(self._prepared, plan).rows
            for v, (tour, cost) in enumerate(zip(rows, plan.routes["cost"].tolist(), strict=True)):
                self._costs[v, tour] = cost

    def taken(self) -> tuple[Met, ...]:
        """Return the routes noted since the last call, each once."""
        noted, self._costs = self._costs, {}
        return tuple(Met(v, tour, cost) for (v, tour), cost in noted.items())


def perform(task: Task, look: Look) -> Found:
    """Do a task; `look` is called now and then, and may end it."""
    prepared = prepare_once(task.problem)
    chance = seeded(task.seed)
    if task.tours is None:
        plan = first_plan(prepared, chance)
    else:
        plan = prepared.plan()
        lay(prepared, plan, task.tours)
        fill(prepared.day, plan, dearest_first(prepared.day), chance)
    run = Run(prepared, plan, chance, task.heat)
    album = Album(prepared)

    def note_and_look(done: float) -> bool:
        album.note(run.plan)
        return look(done)

    if task.problem.visits and task.problem.shifts:
        if task.steps is not None:
            run.for_steps(task.steps, task.done, task.after, note_and_look)
        else:
            run.for_seconds(task.seconds, task.done, task.after, note_and_look, task.clock)
    best = run.best_plan()
    return Found(
        tours_of(prepared, run.plan),
        tuple(run.plan.routes["cost"].tolist()),
        tours_of(prepared, best),
        tuple(best.routes["cost"].tolist()),
        run.steps,
        run.heat,
        album.taken(),
    )

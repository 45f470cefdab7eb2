"""Solvers one could install instead, each given the engine's problem in its own terms.

A rival answers orders of visits, one for each shift; `bench.replay` gives them times in the exact
model and `bench.checker` judges them, as it judges ours. Each runs in a process of its own on one core.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from importlib import import_module

from truckroll.engine import Problem

NAMES = ("pyvrp", "ortools", "vroom")
PATIENCE = 6.0  # a rival that overruns its seconds so many times over, and a minute, is stopped
Labels = tuple[frozenset[str], ...]
Orders = list[list[int]]
Rival = Callable[["Task"], Orders | None]


@dataclass(frozen=True)
class Task:
    """What a rival is asked: the problem, what visits need and shifts have, seconds of one core, seed."""

    problem: Problem
    needs: Labels
    has: Labels
    seconds: float
    seed: int

    @property
    def is_rich(self) -> bool:
        """Whether breaks, unavailable times or visits worth leaving out make it a field-service day."""
        return any(shift.breaks or shift.unavailable for shift in self.problem.shifts)


@dataclass(frozen=True)
class Answer:
    """A rival's orders, None when it found nothing feasible, with the processor seconds it took; or why not."""

    orders: Orders | None
    cpu_s: float
    refusal: str = ""


class CannotExpressError(ValueError):
    """The rival has no way to say what the problem says."""


def task_of(problem: Problem, seconds: float, seed: int) -> Task:
    """Return the task of a problem without labels: each distinct set of eligible shifts is one."""
    everyone = frozenset(range(len(problem.shifts)))
    sets = [frozenset(visit.eligible) for visit in problem.visits]
    needs = tuple(frozenset() if one == everyone else frozenset({str(sorted(one))}) for one in sets)
    distinct = {one for one in sets if one != everyone}
    has = tuple(frozenset(str(sorted(one)) for one in distinct if v in one) for v in sorted(everyone))
    return Task(problem, needs, has, seconds, seed)


def ask(name: str, task: Task) -> Answer:
    """Return what the rival makes of a task."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        answer = pool.submit(_answered, name, task)
        try:
            return answer.result(timeout=60 + PATIENCE * task.seconds)
        except TimeoutError:
            for process in multiprocessing.active_children():
                process.terminate()
            return Answer(None, 0.0, "did not stop in time")
        except BrokenProcessPool:
            return Answer(None, 0.0, "its process died")


def _answered(name: str, task: Task) -> Answer:
    rival: Rival = import_module(f"bench.rivals.with_{name}").orders
    before = _cpu_s()
    try:
        orders = rival(task)
    except CannotExpressError as error:
        return Answer(None, 0.0, str(error))
    sys.stdout.flush()
    return Answer(orders, _cpu_s() - before)


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime

"""Our engine and the solvers one could install instead, asked the same and judged by the same checker."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

from bench.checker import violations
from bench.replay import replayed
from bench.rivals import NAMES, Task, ask
from bench.searched import solved

from truckroll.engine import Solution

OURS = "truckroll"


@dataclass(frozen=True)
class Entry:
    """What one contestant made of a task: a checked solution, or why there is none."""

    solution: Solution | None
    remark: str = ""


def contestants(options: argparse.Namespace) -> Iterator[str]:
    """Yield ourselves, then the rivals asked for."""
    yield OURS
    yield from (
        NAMES if options.rivals == "all" else [one for one in NAMES if one in options.rivals.split(",")]
    )


def entered(name: str, task: Task, options: argparse.Namespace) -> Entry:
    """Return what a contestant made of a task; refuse a plan that breaks a rule, whose ever it is."""
    if name == OURS:
        solution = solved(task.problem, task.seconds, options)
        return Entry(solution, f"{solution.iterations / task.seconds:,.0f} steps/s")
    answer = ask(name, task)
    if answer.orders is None:
        return Entry(None, answer.refusal or "nothing feasible")
    solution = replayed(task.problem, answer.orders)
    if wrong := violations(task.problem, solution):
        raise AssertionError(f"{name}: {'; '.join(wrong[:5])}")
    said = sum(map(len, answer.orders))
    served = sum(len(route.stops) for route in solution.routes)
    remark = f"{said - served} of its visits don't fit the exact model" if said > served else ""
    if answer.cpu_s > 1.2 * task.seconds + 1.0:
        remark = f"took {answer.cpu_s:.0f} s; {remark}".rstrip("; ")
    return Entry(solution, remark)

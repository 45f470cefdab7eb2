"""Rich field-service days: the objective beside what others reached, the first plan, one more visit."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

from bench import days
from bench.figures import Figure, timed
from bench.searched import solved

from truckroll.engine import Solution, best_insertions

# Objectives in thousands of seconds, by seed: what the prototype reached, and the best of the others.
RICH = {
    "large": {
        10: {0: ("prototype 1,200", 1200.0)},
        60: {0: ("prototype 980, pyvrp 1,120", 882.0), 1: ("prototype 670, pyvrp 760", 603.0)},
    },
    "small": {10: {-1: ("prototype 453, pyvrp 545 (sum of seeds 0–2)", 453.0)}},
}
FIRST_PLAN_S = 0.3


def measure_rich(name: str, options: argparse.Namespace) -> Iterator[Figure]:
    """Yield the objective of rich days, and how soon there was a first plan."""
    seconds = options.seconds or 10.0
    bars = RICH[name].get(int(seconds), {})
    total = 0.0
    first = []
    for seed in (0, 1, 2) if options.all or name == "small" else (0,):
        problem = days.rich_day(name, seed)
        solution = solved(problem, seconds, options)
        first.append(solution.curve[0][0])
        total += solution.objective / 1000.0
        if seed in bars:
            yield _objective(f"{name} {seed}", solution, solution.objective / 1000.0, bars[seed], seconds)
        elif name == "large":
            yield _objective(f"{name} {seed}", solution, solution.objective / 1000.0, ("", None), seconds)
    if -1 in bars:
        yield _objective(f"{name} 0–2, sum", solution, total, bars[-1], seconds)
    elif name == "small":
        yield _objective(f"{name} 0–2, sum", solution, total, ("", None), seconds)
    yield Figure(
        f"{name}: first whole plan",
        f"{max(first):.2f} s",
        f"≤ {FIRST_PLAN_S} s" if name == "large" else "",
        max(first) <= FIRST_PLAN_S if name == "large" else None,
        "arrays and greedy insertion",
    )


def measure_insertion(_: str, options: argparse.Namespace) -> Iterator[Figure]:
    """Yield how long the best places for one more visit take on a large day's plan."""
    problem = days.rich_day("large", 0)
    solution = solved(problem, 2.0, options)
    asked = range(0, len(problem.visits), 7)
    calls: list[Callable[[], object]] = [
        lambda x=x: best_insertions(problem, solution.routes, x, 5)  # type: ignore[misc]
        for x in asked
    ]
    yield timed(calls).figure(
        "one visit into 100 routes, 5 best ways", 10.0, "p50 / p95 / max, routes read anew"
    )


def _objective(
    name: str, solution: Solution, thousands: float, bar: tuple[str, float | None], seconds: float
) -> Figure:
    others, limit = bar
    left = f"{len(solution.unserved)} unserved, " if name.startswith("large") else ""
    return Figure(
        f"{name}, {seconds:g} s: objective",
        f"{thousands:,.0f} k",
        f"≤ {limit:,.0f} k" if limit else "",
        None if limit is None else thousands <= limit,
        f"{left}{solution.iterations / seconds:,.0f} steps/s; {others}",
    )

"""Rich field-service days: our engine and its rivals in the same run, the first plan, one more visit."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator

from bench import days
from bench.contest import OURS, contestants, entered
from bench.figures import Figure, timed
from bench.rivals import Task
from bench.searched import solved

from truckroll.engine import Problem, Solution, best_insertions

# Objectives in thousands of seconds by size, seconds and seed (-1: the sum of all): figures to reach. The
# prototype's own were measured on days of the same kind that another generator drew.
BARS = {
    "large": {10: {0: 1200.0}, 60: {0: 882.0, 1: 603.0}},
    "small": {10: {-1: 453.0}},
}
SECONDS = (2.0, 10.0, 30.0, 60.0)
PRIORITIES = ("emergency", "high", "normal", "low")
FIRST_PLAN_S = 0.3


def measure_rich(name: str, options: argparse.Namespace) -> Iterator[Figure]:
    """Yield the objective of rich days, visits served by priority and driving of each contestant."""
    seeds = (0, 1, 2) if options.all or name == "small" else (0,)
    labelled = {seed: days.labelled_day(name, seed) for seed in seeds}
    first: list[float] = []
    for seconds in [options.seconds] if options.seconds else SECONDS:
        for contestant in contestants(options):
            bars = BARS[name].get(int(seconds), {}) if contestant == OURS else {}
            found: list[tuple[Problem, Solution]] = []
            remark = ""
            for seed, day in labelled.items():
                task = Task(day.problem, day.needs, day.has, seconds, options.seed)
                entry = entered(contestant, task, options)
                remark = entry.remark
                if entry.solution is None:
                    continue
                found.append((day.problem, entry.solution))
                if contestant == OURS:
                    first.append(entry.solution.curve[0][0])
                if name == "large":
                    yield _objective(
                        f"large {seed}, {seconds:g} s: {contestant}", found[-1:], bars.get(seed), remark
                    )
            if len(found) < len(seeds):
                yield Figure(f"{name}, {seconds:g} s: {contestant}", "–", note=remark)
            elif name == "small":
                yield _objective(f"small 0–2, sum, {seconds:g} s: {contestant}", found, bars.get(-1), remark)
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


def _objective(name: str, found: list[tuple[Problem, Solution]], bar: float | None, remark: str) -> Figure:
    thousands = sum(solution.objective for _, solution in found) / 1000.0
    asked: Counter[str] = Counter()
    left: Counter[str] = Counter()
    for problem, solution in found:
        asked.update(visit.priority for visit in problem.visits)
        left.update(problem.visits[one.visit].priority for one in solution.unserved)
    served = ", ".join(f"{one} {asked[one] - left[one]}/{asked[one]}" for one in PRIORITIES)
    driven = sum(route.travel_s for _, solution in found for route in solution.routes) / 3600
    return Figure(
        name,
        f"{thousands:,.0f} k",
        f"≤ {bar:,.0f} k" if bar else "",
        None if bar is None else thousands <= bar,
        "; ".join(one for one in (f"served {served}", f"{driven:,.0f} h driven", remark) if one),
    )

"""Measure the engine: `python -m bench.engine [set …] [--seconds S] [--seed N] [--all] [--wall]`.

Sets: solomon, gh200, gh400, gh1000 (gap to the best known distance, DIMACS convention, of the public
instances in TRUCKROLL_INSTANCES, default ../shared/instances), small, large (rich days of
bench/days.py), insertion (one more visit into a large day). Beside each figure stands the bar.
Time is processor time of one core unless --wall; every plan goes through the independent checker.
"""

from __future__ import annotations

import argparse
import os
import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import fmean
from time import perf_counter, process_time

from bench import days, solomon
from bench.checker import violations
from bench.figures import Figure, timed
from rich.console import Console
from rich.table import Table

from truckroll.engine import Problem, Solution, best_insertions, solve
from truckroll.engine.warm import warm


@dataclass(frozen=True)
class Bar:
    """The gap in percent to stay under, by seconds, and the mean gaps of others in the same time."""

    limits: dict[float, float]
    others: dict[float, str]


FAMILIES = {
    "solomon": ("solomon", "*.txt", 5),
    "gh200": ("homberger_200", "*.txt", 3),
    "gh400": ("homberger_400", "*.txt", 3),
    "gh1000": ("homberger_1000", "*.txt", 4),
}
BARS = {
    "solomon": Bar({5: 0.5}, {1: "pyvrp 1.09, prototype 1.12", 5: "pyvrp 0.65, prototype 0.69"}),
    "gh200": Bar({5: 0.5}, {5: "pyvrp 0.42, prototype 1.39"}),
    "gh400": Bar({5: 1.5, 30: 0.8}, {5: "pyvrp 1.80, prototype 3.29", 30: "pyvrp 0.95, prototype 1.95"}),
    "gh1000": Bar({5: 5.0, 30: 2.5}, {5: "pyvrp 5.9, prototype 7.9", 30: "pyvrp 2.8, prototype 4.8"}),
}
# Objectives in thousands of seconds, by seed: what the prototype reached, and the best of the others.
RICH = {
    "large": {
        10: {0: ("prototype 1,200", 1200.0)},
        60: {0: ("prototype 980, pyvrp 1,120", 882.0), 1: ("prototype 670, pyvrp 760", 603.0)},
    },
    "small": {10: {-1: ("prototype 453, pyvrp 545 (sum of seeds 0–2)", 453.0)}},
}
FIRST_PLAN_S = 0.3
MEMORY_MB = 500


def main() -> None:
    """Measure the sets named, print one table."""
    parser = argparse.ArgumentParser(prog="python -m bench.engine", description=__doc__)
    parser.add_argument("sets", nargs="*", metavar="set", help=", ".join(SETS))
    parser.add_argument("--seconds", type=float, help="for each instance (default 5, rich days 10)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--all", action="store_true", help="every instance, not a sample")
    parser.add_argument("--wall", action="store_true", help="wall time instead of processor time")
    options = parser.parse_args()
    if unknown := set(options.sets) - SETS.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    console = Console()
    console.print(f"[dim]compiled or loaded in {warm():.1f} s[/dim]")
    table = Table(title="The engine, measured", title_justify="left", show_lines=True)
    for heading in ("figure", "measured", "bar", "met", "note"):
        table.add_column(heading, overflow="fold")
    for name in options.sets or SETS:
        console.print(f"[dim]{name} …[/dim]")
        try:
            for figure in SETS[name](name, options):
                _add(table, figure)
        except FileNotFoundError as missing:
            _add(table, Figure(name, "not measured", note=str(missing)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    _add(table, Figure("peak memory", f"{peak:.0f} MB", f"< {MEMORY_MB} MB", peak < MEMORY_MB))
    console.print(table)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    console.print(f"[dim]{os.cpu_count()} processors, load {load}[/dim]")


def _add(table: Table, figure: Figure) -> None:
    met = {None: "–", True: "[green]yes[/green]", False: "[red]no[/red]"}[figure.met]
    table.add_row(figure.name, figure.measured, figure.bar, met, figure.note)


def measure_public(name: str, options: argparse.Namespace) -> Iterator[Figure]:
    """Yield the mean gap over a set of public instances."""
    folder, pattern, every = FAMILIES[name]
    seconds = options.seconds or 5.0
    paths = sorted((solomon.instances() / folder).glob(pattern))
    if not paths:
        raise FileNotFoundError(f"no instances in {solomon.instances() / folder}")
    gaps: dict[str, float] = {}
    steps = 0
    for path in paths if options.all else paths[::every]:
        problem = solomon.read(path)
        solution = _solved(problem, seconds, options)
        steps += solution.iterations
        best = solomon.best_known(path.stem) * solomon.UNIT
        gaps[path.stem] = 100.0 * (solution.objective / best - 1.0)
    worst = max(gaps, key=lambda one: gaps[one])
    limit = BARS[name].limits.get(seconds)
    others = BARS[name].others.get(seconds, "")
    yield Figure(
        f"{name}, {len(gaps)} instances, {seconds:g} s: mean gap",
        f"{fmean(gaps.values()):.2f} %",
        f"≤ {limit:g} %" if limit else "",
        None if limit is None else fmean(gaps.values()) <= limit,
        f"worst {worst} {gaps[worst]:.2f} %; {steps / len(gaps) / seconds:,.0f} steps/s; {others}",
    )


def measure_rich(name: str, options: argparse.Namespace) -> Iterator[Figure]:
    """Yield the objective of rich days, and how soon there was a first plan."""
    seconds = options.seconds or 10.0
    bars = RICH[name].get(int(seconds), {})
    total = 0.0
    first = []
    for seed in (0, 1, 2) if options.all or name == "small" else (0,):
        problem = days.rich_day(name, seed)
        solution = _solved(problem, seconds, options)
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
    solution = _solved(problem, 2.0, options)
    asked = range(0, len(problem.visits), 7)
    calls: list[Callable[[], object]] = [
        lambda x=x: best_insertions(problem, solution.routes, x, 5)  # type: ignore[misc]
        for x in asked
    ]
    yield timed(calls).figure(
        "one visit into 100 routes, 5 best ways", 10.0, "p50 / p95 / max, routes read anew"
    )


def _solved(problem: Problem, seconds: float, options: argparse.Namespace) -> Solution:
    """Return a plan of the problem; refuse one that breaks a rule."""
    clock = perf_counter if options.wall else process_time
    solution = solve(problem, seed=options.seed, time_limit_s=seconds, clock=clock)
    if wrong := violations(problem, solution):
        raise AssertionError("; ".join(wrong[:5]))
    return solution


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


SETS: dict[str, Callable[[str, argparse.Namespace], Iterator[Figure]]] = {
    **dict.fromkeys(FAMILIES, measure_public),
    "small": measure_rich,
    "large": measure_rich,
    "insertion": measure_insertion,
}

if __name__ == "__main__":
    main()

"""The gap to the best known distance on public instances (DIMACS convention), beside its bar."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean

from bench import solomon
from bench.figures import Figure
from bench.searched import solved


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
        solution = solved(problem, seconds, options)
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

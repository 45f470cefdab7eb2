"""A day of 1,000 technicians and 10,000 visits: the first plan, and what a minute makes of it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from bench import days
from bench.figures import Figure
from bench.searched import solved


def measure_huge(name: str, options: argparse.Namespace) -> Iterator[Figure]:
    """Yield when there is a first plan, and the objective after the seconds given (default 30 and 60)."""
    problem = days.rich_day(name, 0)
    for seconds in [options.seconds] if options.seconds else (30.0, 60.0):
        solution = solved(problem, seconds, options)
        (first_s, first), (last_s, _) = solution.curve[0], solution.curve[-1]
        yield Figure(f"{name}: first whole plan", f"{first_s:.1f} s", note=f"{first / 1000.0:,.0f} k")
        yield Figure(
            f"{name}, {seconds:g} s, {options.workers} processes: objective",
            f"{solution.objective / 1000.0:,.0f} k",
            note=f"{len(solution.unserved)} unserved, {solution.iterations:,} steps, done after {last_s:.0f} s",
        )

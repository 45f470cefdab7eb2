"""One plan of our engine for a bench: processor time by default, judged before it counts, memory noted."""

from __future__ import annotations

import argparse
from time import perf_counter, process_time

from bench.checker import violations
from bench.memory import Peak

from truckroll.engine import Problem, Solution, solve


def solved(problem: Problem, seconds: float, options: argparse.Namespace) -> Solution:
    """Return a plan of the problem; refuse one that breaks a rule."""
    clock = perf_counter if options.wall else process_time
    with Peak() as peak:
        solution = solve(
            problem, seed=options.seed, time_limit_s=seconds, clock=clock, workers=options.workers
        )
    options.peak_mb = max(options.peak_mb, peak.mb)
    if wrong := violations(problem, solution):
        raise AssertionError("; ".join(wrong[:5]))
    return solution

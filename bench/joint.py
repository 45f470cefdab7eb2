"""Days with crews, bays and composite visits: planned together, and beside crews that were placed first."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from time import process_time

import numpy as np
from bench import days
from bench.figures import Figure
from bench.searched import solved

from truckroll.engine import FixedPlace, Group, Part, Problem, Shift, Solution, Visit, solve

SECONDS = (2.0, 10.0)
CREWS, IN_BAYS, COMPOSITE = 0.10, 0.10, 0.05  # shares of the visits
PAUSE = 2700  # of a composite visit, seconds
OPEN = (8 * days.HOUR, 18 * days.HOUR)


def joint_day(size: str, seed: int) -> Problem:
    """Return a rich day in which every fourth visit takes more than one technician's time.

    A crew is of two, one of them with the skill and the other from the zone; there is one bay for
    twenty technicians; a composite visit is done by one technician, with a pause in which others fit.
    """
    problem = days.rich_day(size, seed)
    rng = np.random.default_rng([seed, 7])
    shifts = list(problem.shifts)
    shop = problem.visits[0].place
    bays = tuple(range(len(shifts), len(shifts) + max(1, len(shifts) // 20)))
    shifts += [Shift(f"bay-{v}", f"bay-{v}", shop, shop, *OPEN) for v in bays]
    visits: list[Visit] = []
    groups: list[Group] = []

    def join(name: str, parts: list[tuple[Visit, int, int]]) -> None:
        first = len(visits)
        visits.extend(visit for visit, _, _ in parts)
        groups.append(
            Group(name, tuple(Part(first + i, offset, role) for i, (_, offset, role) in enumerate(parts)))
        )

    for visit in problem.visits:
        draw = rng.random()
        also = replace(visit, id=f"{visit.id}-also", weight=0.0)
        if draw < CREWS:
            able = set(visit.eligible)
            near = [other.eligible for other in problem.visits[:200] if able & set(other.eligible)]
            hands = tuple(sorted(able.union(*near[:3])))
            join(visit.id, [(visit, 0, 0), (replace(also, eligible=hands), 0, 1)])
        elif draw < CREWS + IN_BAYS:
            bay = replace(also, place=shop, duration=0, setup_after=visit.duration, eligible=bays, windows=())
            join(visit.id, [(replace(visit, place=shop), 0, 0), (bay, 0, 1)])
        elif draw < CREWS + IN_BAYS + COMPOSITE:
            half = visit.duration // 120 * 60
            last = replace(also, duration=visit.duration - half, windows=())
            join(visit.id, [(replace(visit, duration=half), 0, 0), (last, half + PAUSE, 0)])
        else:
            visits.append(visit)
    return replace(problem, shifts=tuple(shifts), visits=tuple(visits), groups=tuple(groups))


def placed_first(problem: Problem, seed: int) -> Problem:
    """Return the day with its groups placed greedily, dearest first, and left there: as if booked by hand."""
    only = {part.visit for group in problem.groups for part in group.parts}
    alone = replace(
        problem,
        visits=tuple(
            visit if x in only else replace(visit, eligible=()) for x, visit in enumerate(problem.visits)
        ),
    )
    first = solve(alone, seed=seed, time_limit_s=60.0, iterations=0)
    stands = {
        stop.visit: FixedPlace(route.shift, stop.starts) for route in first.routes for stop in route.stops
    }
    return replace(
        problem,
        visits=tuple(
            replace(
                visit, fixed=stands.get(x), eligible=visit.eligible if x in stands or x not in only else ()
            )
            for x, visit in enumerate(problem.visits)
        ),
        groups=(),
    )


def measure_joint(name: str, options: argparse.Namespace) -> Iterator[Figure]:
    """Yield objective and groups served, and the same with the groups placed before the rest."""
    size = name.removeprefix("joint-")
    seeds = (0, 1, 2) if options.all or size == "small" else (0,)
    for seconds in [options.seconds] if options.seconds else SECONDS:
        together: list[tuple[Problem, Solution]] = []
        before: list[tuple[Problem, Solution]] = []
        for seed in seeds:
            problem = joint_day(size, seed)
            together.append((problem, solved(problem, seconds, options)))
            began = process_time()
            apart = placed_first(problem, options.seed)
            spent = process_time() - began
            before.append((problem, solved(apart, max(0.1, seconds - spent), options)))
        least = sum(solution.objective for _, solution in before)
        yield _figure(f"{name}, {seconds:g} s: together", together, seconds, least)
        yield _figure(f"{name}, {seconds:g} s: groups placed first", before, seconds, None)


def _figure(name: str, found: list[tuple[Problem, Solution]], seconds: float, least: float | None) -> Figure:
    objective = sum(solution.objective for _, solution in found)
    groups = sum(len(problem.groups) for problem, _ in found)
    left = sum(
        group.parts[0].visit in {one.visit for one in solution.unserved}
        for problem, solution in found
        for group in problem.groups
    )
    jobs = sum(len(problem.visits) - sum(len(g.parts) - 1 for g in problem.groups) for problem, _ in found)
    steps = sum(solution.iterations for _, solution in found) / seconds / len(found)
    return Figure(
        name,
        f"{objective / 1000:,.0f} k",
        "" if least is None else f"≤ {least / 1000:,.0f} k",
        None if least is None else objective <= least,
        f"groups served {groups - left}/{groups} of {jobs} jobs; {steps:,.0f} steps/s",
    )

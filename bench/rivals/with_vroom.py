"""VROOM by pyvroom: labels as skills, the price of a visit as its priority.

Its time limit is soft. Longest days become shorter shifts, since it knows no limit on a route's duration.
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import vroom
from bench.rivals import CannotExpressError, Orders, Task

from truckroll.engine import Shift

EXPLORATION = 5
HIGHEST_PRIORITY = 100


def orders(task: Task) -> Orders:
    """Return the routes VROOM finds."""
    problem = task.problem
    if not task.is_rich and any(shift.max_span is not None for shift in problem.shifts):
        raise CannotExpressError("no limit on a route's duration")
    number = {label: i for i, label in enumerate(sorted(set().union(*task.needs)))}
    loaded = any(visit.load for visit in problem.visits)
    given = vroom.Input()
    given.set_durations_matrix("car", problem.travel.astype(np.uint32))
    given.add_vehicle(
        [
            vroom.Vehicle(
                v,
                start=shift.start_place,
                end=shift.end_place,
                skills={number[label] for label in task.has[v] if label in number},
                time_window=vroom.TimeWindow(shift.starts, _ends(shift)),
                capacity=[shift.capacity or 0] if loaded else [],
                breaks=_breaks(shift),
            )
            for v, shift in enumerate(problem.shifts)
        ]
    )
    dearest = max(visit.weight for visit in problem.visits)
    given.add_job(
        [
            vroom.Job(
                x,
                location=visit.place,
                default_service=visit.duration,
                delivery=vroom.Amount([visit.load] if loaded else []),
                skills={number[label] for label in task.needs[x]},
                priority=max(1, round(HIGHEST_PRIORITY * visit.weight / dearest)),
                time_windows=[vroom.TimeWindow(a, b) for a, b in visit.windows],
            )
            for x, visit in enumerate(problem.visits)
        ]
    )
    found = given.solve(exploration_level=EXPLORATION, nb_threads=1, timeout=timedelta(seconds=task.seconds))
    jobs = found.routes[found.routes.type == "job"]
    answer: Orders = [[] for _ in problem.shifts]
    for v, ids in jobs.groupby("vehicle_id", sort=False)["id"]:
        answer[int(v)] = [int(x) for x in ids]
    return answer


def _ends(shift: Shift) -> int:
    if shift.max_span is None:
        return shift.ends
    resting = sum(one.duration for one in shift.breaks) + sum(b - a for a, b in shift.unavailable)
    return min(shift.ends, shift.starts + shift.max_span + resting)


def _breaks(shift: Shift) -> list[vroom.Break]:
    pauses = [(one.earliest, one.latest, one.duration) for one in shift.breaks]
    pauses += [(a, a, b - a) for a, b in shift.unavailable]
    return [
        vroom.Break(i, [vroom.TimeWindow(earliest, latest)], service=duration)
        for i, (earliest, latest, duration) in enumerate(sorted(pauses), start=1)
        if earliest + duration <= _ends(shift)
    ]

"""Which visits fit nobody's empty day, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from truckroll.engine.model import Objective, Problem, Reason, Unserved
from truckroll.engine.prepare import Prepared, prepare_once
from truckroll.engine.roads import way_s
from truckroll.engine.squeeze import squeeze_each

ANY_COST = 1e15


def hopeless(prepared: Prepared, visits: Sequence[int]) -> dict[int, Unserved]:
    """Tell apart why visits fit nobody's empty day."""
    problem, day = prepared.problem, prepared.day
    stocked = shifts_alone(problem, visits, stock=False)
    any_time = shifts_alone(problem, visits, windows=False)
    here = shifts_alone(problem, visits, windows=False, travel=False)
    found: dict[int, Unserved] = {}
    for x in visits:
        visit = problem.visits[x]
        shifts = [problem.shifts[v] for v in visit.eligible]
        reason: Reason
        detail: dict[str, Any]
        if stocked[x]:
            reason, detail = _lacking(problem, x, stocked[x])
        elif any_time[x]:
            reason, detail = "no_time_in_window", {"shifts": any_time[x], "windows": visit.windows}
        elif here[x]:
            there_and_back = [
                way_s(problem, one, one.start_place, visit.place)
                + way_s(problem, one, visit.place, one.end_place)
                for one in shifts
            ]
            reason, detail = "unreachable", {"travel_s": min(there_and_back)}
        else:
            takes = {v: int(day.more[x, day.shifts[v]["pace"]]) for v in visit.eligible}
            needs = int(day.visits[x]["occupies"]) + min(takes.values())
            reason = "shift_too_short"
            detail = {"needs_s": needs, "longest_shift_s": max(one.ends - one.starts for one in shifts)}
        found[x] = Unserved(x, reason, detail)
    return found


def _lacking(problem: Problem, x: int, shifts: Sequence[int]) -> tuple[Reason, dict[str, Any]]:
    """Return which of visit x's needs keep these shifts from serving it on an empty day."""
    visit = problem.visits[x]
    tools = {tool for v in shifts for tool in visit.tools if tool not in problem.shifts[v].tools}
    parts = {
        part
        for v in shifts
        for part, count in visit.parts
        if count > sum(held for one, held in problem.shifts[v].parts if one == part)
    }
    depot = any(problem.shifts[v].depot is not None for v in shifts)
    reason: Reason = "needs_tools" if tools else "needs_parts"
    return reason, {
        "tools": tuple(sorted(tools)),
        "parts": tuple(sorted(parts)),
        "depot": depot,
        "shifts": tuple(shifts),
    }


def shifts_alone(
    problem: Problem, visits: Iterable[int], *, windows: bool = True, travel: bool = True, stock: bool = True
) -> dict[int, tuple[int, ...]]:
    """Return for each visit the shifts that could serve it alone: any time, next door, with a full van, if asked."""
    chosen = list(visits)
    if not chosen:
        return {}
    places = sorted(
        {problem.visits[x].place for x in chosen}
        | {place for shift in problem.shifts for place in shift.places}
    )
    row = {place: i for i, place in enumerate(places)}
    matrix = problem.travel[np.ix_(places, places)] * (1 if travel else 0)
    grouped = {part.visit for group in problem.groups for part in group.parts}
    alone = prepare_once(
        Problem(
            travel=matrix.astype(np.int32),
            distance=None,
            shifts=tuple(shift.renumbered(row) for shift in problem.shifts),
            visits=tuple(
                replace(
                    problem.visits[x],
                    place=row[problem.visits[x].place],
                    windows=problem.visits[x].windows if windows else (),
                    current=None,
                    familiar=None,
                    paced=0 if x in grouped else problem.visits[x].paced,
                    tools=problem.visits[x].tools if stock else (),
                    parts=problem.visits[x].parts if stock else (),
                )
                for x in chosen
            ),
            weights=Objective(),
            grain=problem.grain,
        ),
        searched=False,
    )
    plan = alone.plan()
    fitting: dict[int, tuple[int, ...]] = {}
    for i, x in enumerate(chosen):
        shifts = np.array(problem.visits[x].eligible, np.int64)
        costs = np.full(len(shifts), ANY_COST)
        squeeze_each(alone.day, plan, shifts, i, costs)
        fitting[x] = tuple(shifts[costs < ANY_COST].tolist())
    return fitting

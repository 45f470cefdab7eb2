"""Van stock as arrays: which visits may lack something, and a stop at the depot for each shift that has one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truckroll.engine.arrays import VISIT
from truckroll.engine.model import Depot, Parts, Problem, Stop


@dataclass(frozen=True)
class Loading:
    """The part of a day that is about stock, see `Day`; `stops` are the stops at the depot, `windows` theirs."""

    stocked: bool
    stock: NDArray[np.int32]
    depot_of: NDArray[np.int32]
    stops: NDArray[Any]
    windows: tuple[tuple[int, int], ...]


def load_vans(problem: Problem, origin: int, first_window: int) -> Loading:
    """Return what vans hold and visits need; nothing at all where every van has what it could be asked for."""
    shifts, visits = problem.shifts, problem.visits
    parts = sorted({part for visit in visits for part, count in visit.parts if count > 0})
    tools = sorted({tool for visit in visits for tool in visit.tools})
    column = {("part", part): p for p, part in enumerate(parts)}
    column |= {("tool", tool): len(parts) + t for t, tool in enumerate(tools)}
    needs = np.zeros((len(visits), len(column)), np.int32)
    for x, visit in enumerate(visits):
        for part, count in visit.parts:
            if count > 0:
                needs[x, column["part", part]] += count
        for tool in visit.tools:
            needs[x, column["tool", tool]] = -1
    vans = np.zeros((len(shifts), len(column)), np.int32)
    for v, shift in enumerate(shifts):
        for part, count in shift.parts:
            if ("part", part) in column:
                vans[v, column["part", part]] += count
        for tool in shift.tools:
            if ("tool", tool) in column:
                vans[v, column["tool", tool]] = 1
    asked = np.where(needs < 0, 0, needs).sum(axis=0, dtype=np.int64) + (needs < 0).any(axis=0)
    depot_of = np.full(len(shifts), -1, np.int32)
    if (asked <= vans).all():
        return Loading(False, np.zeros((0, 0), np.int32), depot_of, np.zeros(0, VISIT), ())
    with_depot = [v for v, shift in enumerate(shifts) if shift.depot is not None]
    depot_of[with_depot] = len(visits) + np.arange(len(with_depot))
    stops = np.zeros(len(with_depot), VISIT)
    windows: list[tuple[int, int]] = []
    for stop, v in zip(stops, with_depot, strict=True):
        depot = shifts[v].depot or Depot(0)
        open_at = sorted(depot.windows) or [(shifts[v].starts, shifts[v].ends)]
        stop["place"] = depot.place
        stop["occupies"] = stop["work"] = depot.duration
        stop["opens"], stop["closes"] = open_at[0][0] - origin, open_at[-1][1] - origin
        stop["first_window"] = first_window + len(windows)
        windows += [(opens - origin, closes - origin) for opens, closes in open_at]
        stop["last_window"] = first_window + len(windows)
        stop["fixed_shift"] = stop["booked_shift"] = stop["group"] = -1
    nothing = np.zeros((len(stops), len(column)), np.int32)
    return Loading(True, np.concatenate([needs, nothing, vans]), depot_of, stops, tuple(windows))


def fetched(
    problem: Problem, v: int, before: Iterable[Stop], after: Iterable[int]
) -> tuple[tuple[str, ...], Parts]:
    """Return tools and parts that shift v must take in at the depot between the visits before and after."""
    left = Counter(dict(problem.shifts[v].parts))
    for stop in before:
        left.subtract(dict(problem.visits[stop.visit].parts))
    wanted: Counter[str] = Counter()
    tools: set[str] = set()
    for x in after:
        wanted.update(dict(problem.visits[x].parts))
        tools |= set(problem.visits[x].tools)
    missing = {part: count - max(0, left[part]) for part, count in wanted.items()}
    return (
        tuple(sorted(tools - set(problem.shifts[v].tools))),
        tuple(sorted((part, count) for part, count in missing.items() if count > 0)),
    )

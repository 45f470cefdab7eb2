"""PyVRP, tuned as well as we could for field-service days.

On rich days labels are load dimensions that only shifts with the label have room for; elsewhere, where
few kinds of shift exist, each kind has a matrix with its forbidden places far away. Several windows are groups
of clients of which one is served. Breaks are cut out of the day: every time after noon moves forward by
the break's length. Unavailable time splits a shift in two.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import process_time
from typing import Any

import numpy as np
import pyvrp
from bench.rivals import CannotExpressError, Orders, Task
from numpy.typing import NDArray
from pyvrp.IteratedLocalSearch import IteratedLocalSearchParams
from pyvrp.search import NeighbourhoodParams
from pyvrp.solve import SolveParams

from truckroll.engine import Shift

PLENTY = 10**6
NOON = 12 * 3600
OUT_OF_REACH = 10**8  # far enough, and small enough for its penalties
COARSER = 10  # its penalties end at 100,000, so prices and roads of rich days are made smaller


@dataclass(frozen=True)
class Piece:
    """A part of a shift without unavailable time, in the time that has no breaks."""

    shift: int
    starts: int
    ends: int
    longest: int | None


class Spent:
    """Stops when so many seconds of processor time are spent."""

    def __init__(self, seconds: float) -> None:
        self.until = process_time() + seconds

    def __call__(self, best_cost: float) -> bool:  # noqa: ARG002 - PyVRP's protocol
        """Tell whether to stop."""
        return process_time() > self.until


def orders(task: Task) -> Orders | None:
    """Return the routes PyVRP finds, or None when it finds none."""
    stop = Spent(task.seconds)
    problem = task.problem
    breaks = {(one.duration, one.earliest, one.latest) for shift in problem.shifts for one in shift.breaks}
    if len(breaks) > 1 or any(len(shift.breaks) != len(breaks) for shift in problem.shifts):
        raise CannotExpressError("breaks that differ")
    lunch = next(iter(breaks))[0] if breaks else 0
    scale = COARSER if task.is_rich else 1
    clients, visits, groups = _clients(task, lunch, scale)
    pieces = [piece for v, shift in enumerate(problem.shifts) for piece in _pieces(v, shift, lunch)]
    depots = sorted({place for s in problem.shifts for place in (s.start_place, s.end_place)})
    kinds = _kinds_of_place(task)
    types, of_type = _types(task, pieces, depots, kinds)
    matrices: list[Any] = [_matrix(task, kind) for kind in kinds]
    data = pyvrp.ProblemData(
        [pyvrp.Location(0, 0) for _ in problem.travel],
        clients,
        [pyvrp.Depot(place) for place in depots],
        types,
        [matrix // scale for matrix in matrices],
        matrices,
        [pyvrp.ClientGroup(group, required=False) for group in groups],
    )
    parameters = (
        SolveParams(
            ils=IteratedLocalSearchParams(history_length=30),
            neighbourhood=NeighbourhoodParams(num_neighbours=100),
        )
        if task.is_rich
        else SolveParams()
    )
    result = pyvrp.solve(data, stop, seed=task.seed, collect_stats=False, display=False, params=parameters)
    return _read(task, result, of_type, visits) if result.best.is_feasible() else None


def _clients(task: Task, lunch: int, scale: int) -> tuple[list[pyvrp.Client], list[int], list[list[int]]]:
    """Return clients, the visit of each, and groups of which one client is served."""
    labels = _dimensions(task)
    loaded = any(visit.load for visit in task.problem.visits)
    clients: list[pyvrp.Client] = []
    visits: list[int] = []
    groups: list[list[int]] = []
    for x, visit in enumerate(task.problem.visits):
        if not visit.eligible:
            continue
        group = None
        if len(visit.windows) > 1:
            group = len(groups)
            groups.append([])
        for opens, closes in visit.windows:
            if group is not None:
                groups[group].append(len(clients))
            demand = [int(label in task.needs[x]) for label in labels] + [visit.load] * loaded
            required = visit.weight >= PLENTY * scale
            clients.append(
                pyvrp.Client(
                    visit.place,
                    delivery=demand,
                    service_duration=visit.duration,
                    tw_early=_awake(opens, lunch),
                    tw_late=_awake(closes, lunch),
                    prize=0 if required else int(visit.weight) // scale,
                    required=required,
                    group=group,
                )
            )
            visits.append(x)
    return clients, visits, groups


def _dimensions(task: Task) -> list[str]:
    return sorted(set().union(*task.needs)) if task.is_rich else []


def _kinds_of_place(task: Task) -> list[frozenset[str]]:
    """Return the distinct sets of labels that shifts have; one that stands for all on rich days."""
    return [frozenset()] if task.is_rich else sorted(set(task.has), key=sorted)


def _matrix(task: Task, kind: frozenset[str]) -> NDArray[np.int64]:
    travel = task.problem.travel.astype(np.int64)
    if not task.is_rich:
        for x, visit in enumerate(task.problem.visits):
            if not task.needs[x] <= kind:
                travel[:, visit.place] = travel[visit.place, :] = OUT_OF_REACH
        np.fill_diagonal(travel, 0)
    return travel


def _awake(time: int, lunch: int) -> int:
    return time if time <= NOON else max(NOON, time - lunch)


def _pieces(v: int, shift: Shift, lunch: int) -> list[Piece]:
    parts = [(shift.starts, shift.ends)]
    for begin, end in shift.unavailable:
        parts = [(a, b) for x, y in parts for a, b in ((x, min(y, begin)), (max(x, end), y)) if b - a > 1800]
    return [Piece(v, _awake(a, lunch), _awake(b, lunch), shift.max_span) for a, b in parts]


def _types(
    task: Task, pieces: list[Piece], depots: list[int], places: list[frozenset[str]]
) -> tuple[list[pyvrp.VehicleType], list[list[int]]]:
    """Return vehicle types, alike pieces as one, and the shifts of each."""
    labels = _dimensions(task)
    loaded = any(visit.load for visit in task.problem.visits)
    alike: dict[tuple[object, ...], list[int]] = {}
    kinds: list[tuple[Piece, list[int], int]] = []
    for piece in pieces:
        shift = task.problem.shifts[piece.shift]
        room = [PLENTY if label in task.has[piece.shift] else 0 for label in labels]
        room += [PLENTY if shift.capacity is None else shift.capacity] * loaded
        profile = 0 if task.is_rich else places.index(task.has[piece.shift])
        ways = (shift.start_place, shift.end_place, profile)
        key = (piece.starts, piece.ends, piece.longest, *ways, *room)
        if key not in alike:
            alike[key] = []
            kinds.append((piece, room, profile))
        alike[key].append(piece.shift)
    types = []
    for (piece, room, profile), shifts in zip(kinds, alike.values(), strict=True):
        shift = task.problem.shifts[piece.shift]
        length = piece.ends - piece.starts
        types.append(
            pyvrp.VehicleType(
                len(shifts),
                room,
                start_depot=depots.index(shift.start_place),
                end_depot=depots.index(shift.end_place),
                tw_early=piece.starts,
                tw_late=piece.ends,
                shift_duration=length if piece.longest is None else min(piece.longest, length),
                profile=profile,
            )
        )
    return types, list(alike.values())


def _read(task: Task, result: pyvrp.Result, of_type: list[list[int]], visits: list[int]) -> Orders:
    free = [list(shifts) for shifts in of_type]
    parts: dict[int, list[tuple[int, list[int]]]] = {}
    for route in result.best.routes():
        v = free[route.vehicle_type()].pop()
        order = [visits[one.idx] for one in route if one.is_client()]
        parts.setdefault(v, []).append((route.start_time(), order))
    return [
        [x for _, order in sorted(parts.get(v, [])) for x in order] for v in range(len(task.problem.shifts))
    ]

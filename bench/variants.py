"""Site-dependent, multi-depot and prize-collecting VRPTW in PyVRP's VRPLIB dialect as problems of the engine.

Site-dependent and multi-depot instances count thousandths of the file's unit, rounded, as their best
known costs do; the prize-collecting ones tenths, truncated, and a client left out costs its prize.
A vehicle's longest duration is `max_span`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import vrplib
from bench.solomon import NEVER_OUT, instances
from numpy.typing import NDArray

from truckroll.engine import Objective, Problem, Shift, Visit

OUT_OF_REACH = 10**8


def paths(family: str) -> list[Path]:
    """Return the instances of "sdvrptw", "mdvrptw" or "pcvrptw"; raise FileNotFoundError when there are none."""
    found = sorted((instances() / family).glob("*.vrp"))
    if not found:
        raise FileNotFoundError(f"no instances in {instances() / family}")
    return found


def best_known(path: Path) -> float:
    """Return the best known cost, in the units of the problem that `read` gives."""
    last = path.with_suffix(".sol").read_text().split()[-1]
    return float(last)


def read(path: Path) -> Problem:
    """Read an instance."""
    raw = vrplib.read_instance(str(path))
    prizes = raw.get("prize")
    travel = _whole(raw["edge_weight"], truncated=prizes is not None)
    vehicles = int(raw["vehicles"])
    depots = raw.get("depot", np.array([0]))
    windows = _whole(raw["time_window"], truncated=prizes is not None)
    service = np.broadcast_to(_whole(raw["service_time"], truncated=prizes is not None), len(travel))
    loads = raw.get("demand", np.zeros(len(travel)))
    starts = np.broadcast_to(raw.get("vehicles_depot", depots[0] + 1), vehicles) - 1
    longest = raw.get("vehicles_max_duration")
    capacity = np.broadcast_to(raw.get("capacity", OUT_OF_REACH), vehicles)
    shifts = tuple(
        Shift(
            id=f"v{v}",
            technician_id=f"v{v}",
            start_place=int(starts[v]),
            end_place=int(starts[v]),
            starts=int(windows[starts[v], 0]),
            ends=int(windows[starts[v], 1]),
            max_span=None if longest is None else int(_whole(longest, truncated=prizes is not None)),
            capacity=int(capacity[v]),
        )
        for v in range(vehicles)
    )
    eligible = _eligible(raw, vehicles, len(travel))
    visits = tuple(
        Visit(
            id=f"c{i}",
            place=i,
            duration=int(service[i]),
            windows=((int(windows[i, 0]), int(windows[i, 1])),),
            weight=NEVER_OUT * 100 if prizes is None else float(_whole(prizes[i], truncated=True)),
            eligible=eligible[i],
            load=int(loads[i]),
        )
        for i in range(len(travel))
        if i not in depots
    )
    return Problem(travel, None, shifts, visits, Objective())


def _whole(values: Any, *, truncated: bool) -> NDArray[np.int32]:
    if truncated:
        return np.asarray(np.floor(10 * np.asarray(values) + 1e-9), np.int32)
    return np.asarray(np.round(1000 * np.asarray(values)), np.int32)


def _eligible(raw: dict[str, Any], vehicles: int, places: int) -> list[tuple[int, ...]]:
    """Return for each place the vehicles that may go there."""
    allowed = raw.get("vehicles_allowed_clients")
    if allowed is None:
        return [tuple(range(vehicles))] * places
    may = [set(np.atleast_1d(clients) - 1) for clients in allowed]
    return [tuple(v for v in range(vehicles) if i in may[v]) for i in range(places)]

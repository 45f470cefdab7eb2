"""Solomon and Gehring-Homberger instances as problems of the engine.

DIMACS convention: distances and times are truncated to one decimal, here as integers ten times as
large; only the distance counts. A client left out would cost more than any route.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from truckroll.engine import Objective, Problem, Shift, Visit

UNIT = 10
NEVER_OUT = 1e7


def instances() -> Path:
    """Return the folder of instances; raise FileNotFoundError with what to do when it is absent."""
    folder = Path(os.environ.get("TRUCKROLL_INSTANCES", "../shared/instances"))
    if not folder.is_dir():
        raise FileNotFoundError(f"no instances at {folder}: set TRUCKROLL_INSTANCES to their folder")
    return folder


def best_known(name: str) -> float:
    """Return the best known distance of an instance, in the units of its file."""
    known = json.loads((instances() / "bks_cvrplib_dimacs.json").read_text())
    return float(known[name.upper()]["cost"])


def read(path: Path) -> Problem:
    """Read a file of Solomon's format."""
    rows = [line.split() for line in path.read_text().splitlines()]
    numbers = [
        [int(value) for value in row] for row in rows if row and all(v.lstrip("-").isdigit() for v in row)
    ]
    vehicles, capacity = numbers[0]
    nodes = np.array(numbers[1:], np.int64)
    between = nodes[:, None, 1:3] - nodes[None, :, 1:3]
    travel = np.floor(UNIT * np.sqrt((between**2).sum(axis=2)) + 1e-9).astype(np.int32)
    closes = int(nodes[0, 5]) * UNIT
    shifts = tuple(
        Shift(
            id=f"v{v}",
            technician_id=f"v{v}",
            start_place=0,
            end_place=0,
            starts=0,
            ends=closes,
            capacity=capacity,
        )
        for v in range(vehicles)
    )
    everyone = tuple(range(vehicles))
    visits = tuple(
        Visit(
            id=f"c{i}",
            place=int(i),
            duration=int(service) * UNIT,
            windows=((int(ready) * UNIT, int(due) * UNIT),),
            weight=NEVER_OUT,
            eligible=everyone,
            load=int(demand),
        )
        for i, _, _, demand, ready, due, service in nodes[1:]
    )
    return Problem(travel, None, shifts, visits, Objective())

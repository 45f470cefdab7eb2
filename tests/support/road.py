"""Days along one road, for tests of the engine: places lie one behind the other, at equal times."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from truckroll.engine import Shift, Solution, Visit

HOUR = 3600


def road(*, places: int = 10, step: int = 600) -> NDArray[np.int32]:
    """Return the seconds between places along the road."""
    at = np.arange(places)
    return np.asarray(np.abs(at[:, None] - at[None]) * step, np.int32)


def shift(name: str = "ann", **changes: Any) -> Shift:
    """Return a shift from 8 to 17 that begins and ends at the first place."""
    given: dict[str, Any] = {"start_place": 0, "end_place": 0, "starts": 8 * HOUR, "ends": 17 * HOUR}
    return Shift(id=name, technician_id=name, **given | changes)


def visit(name: str, place: int = 1, **changes: Any) -> Visit:
    """Return a visit of an hour that the first shift may serve."""
    given: dict[str, Any] = {"duration": HOUR, "eligible": (0,)}
    return Visit(id=name, place=place, **given | changes)


def stands(solution: Solution) -> dict[int, tuple[int, int]]:
    """Return by visit the shift that serves it and when its service starts."""
    return {stop.visit: (route.shift, stop.starts) for route in solution.routes for stop in route.stops}

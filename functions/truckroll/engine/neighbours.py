"""Which visits may well follow or precede each other, decided once before the search."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from truckroll.engine.arrays import MOST_BESIDE

NEAREST = 120
WAITING = 0.2  # a second of forced waiting in seconds of travel; a second of lateness counts whole


def nearest(travel: NDArray[np.int32], places: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return for each visit the nearest others, by the mean of both ways, itself first."""
    between = travel[np.ix_(places, places)].astype(np.float32)
    between = between + between.T
    np.fill_diagonal(between, -1.0)
    return _smallest(between, min(len(places), NEAREST))


def companions(
    travel: NDArray[np.int32], visits: NDArray[Any], may_serve: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """Return for each visit x the likeliest neighbours on a route, likeliest first, then -1.

    2y + 1 says that x may follow visit y, 2y that it may precede it. Likely is what takes little
    travel, unavoidable waiting and lateness (T. Vidal, T. Crainic, M. Gendreau and C. Prins,
    Computers & Operations Research 40(1), 2013, section 4.5); two visits that no shift may serve
    both are never neighbours.
    """
    places = visits["place"]
    between = travel[np.ix_(places, places)].astype(np.float32)
    opens, closes = visits["opens"].astype(np.float32), visits["closes"].astype(np.float32)
    after = between + visits["occupies"].astype(np.float32)[:, None]
    waiting = opens[None] - (closes[:, None] + after)
    late = (opens[:, None] + after) - closes[None]
    apart = between + WAITING * np.maximum(waiting, 0.0) + np.maximum(late, 0.0)
    serves = may_serve.astype(np.float32)
    apart[(serves.T @ serves) == 0.0] = np.inf
    np.fill_diagonal(apart, np.inf)
    both = np.empty((len(places), 2 * len(places)), np.float32)
    both[:, 0::2], both[:, 1::2] = apart, apart.T
    chosen = _smallest(both, min(both.shape[1], MOST_BESIDE))
    chosen[~np.isfinite(np.take_along_axis(both, chosen, 1))] = -1
    return chosen


def _smallest(matrix: NDArray[np.float32], keep: int) -> NDArray[np.int32]:
    """Return for each row the columns of its `keep` smallest values, smallest first."""
    if len(matrix) == 0:
        return np.zeros((0, 0), np.int32)
    chosen = np.argpartition(matrix, keep - 1, axis=1)[:, :keep]
    order = np.lexsort((chosen, np.take_along_axis(matrix, chosen, 1)), axis=1)
    return np.ascontiguousarray(np.take_along_axis(chosen, order, 1), np.int32)

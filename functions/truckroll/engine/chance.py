"""Random numbers with their state in an array: xorshift64*, S. Vigna, ACM TOMS 42 (2016)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from truckroll.engine.compiled import lean

MULTIPLIER = np.uint64(2685821657736338717)
A, B, C, MANTISSA = np.uint64(12), np.uint64(25), np.uint64(27), np.uint64(11)
UNIT = 1.0 / 9007199254740992.0


def seeded(seed: int) -> NDArray[np.uint64]:
    """Return a generator's state; the same seed always gives the same sequence."""
    return np.random.SeedSequence(seed).generate_state(1, np.uint64) | np.uint64(1)


@lean
def draw(state: Any) -> float:
    """Draw from [0, 1)."""
    x = state[0]
    x ^= x >> A
    x ^= x << B
    x ^= x >> C
    state[0] = x
    return float(np.float64((x * MULTIPLIER) >> MANTISSA) * UNIT)


@lean
def below(state: Any, count: int) -> int:
    """Draw a whole number from 0 to count - 1."""
    return int(draw(state) * count)

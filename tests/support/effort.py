"""How much the tests try: little enough for every day, or as much as two variables ask for.

TRUCKROLL_EXPLORE=n tries n new examples of every property, instead of the same few at each run.
TRUCKROLL_SOAK=n tests what every day gets a small piece of, companies, days and histories, in full and n times
as many of them.
"""

from __future__ import annotations

import os

EXPLORE = int(os.environ.get("TRUCKROLL_EXPLORE") or 0)
SOAK = int(os.environ.get("TRUCKROLL_SOAK") or 0)


def examples(usual: int) -> int:
    """Return how many examples of a property to try."""
    return EXPLORE or usual


def size(usual: int, full: int) -> int:
    """Return how large to make something."""
    return full if SOAK else usual


def count(usual: int, full: int) -> int:
    """Return how many of something to try."""
    return full * SOAK or usual

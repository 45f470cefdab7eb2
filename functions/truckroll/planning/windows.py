"""Closed ranges of starts, as the engine wants them."""

from __future__ import annotations

from collections.abc import Iterable


def shifted(
    windows: Iterable[tuple[int, int]], by: int, opens: int, closes: int
) -> tuple[tuple[int, int], ...]:
    """Return windows moved by some seconds, clipped to the days at hand, in order and disjoint."""
    moved = sorted((max(start + by, opens), min(end + by, closes)) for start, end in windows)
    joined: list[tuple[int, int]] = []
    for start, end in moved:
        if start > end:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return tuple(joined)

"""Pairs of places in as few rectangular requests as their limits allow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from truckroll.travel.provider import Place

FILL = 0.8  # of a request must be pairs that are wanted: the others cost as much


def batches(
    pairs: Iterable[tuple[Place, Place]], *, most_origins: int, most_destinations: int
) -> Iterator[tuple[Sequence[Place], Sequence[Place]]]:
    """Yield origins and destinations of requests that cover every pair.

    Origins share a request while at least FILL of its pairs are wanted.
    """
    wanted: dict[Place, dict[Place, None]] = {}
    for origin, destination in pairs:
        wanted.setdefault(origin, {})[destination] = None
    rows: list[Place] = []
    columns: dict[Place, None] = {}
    count = 0
    for origin, destinations in sorted(wanted.items(), key=lambda item: -len(item[1])):
        together = columns | destinations
        full = len(rows) == most_origins
        if rows and (full or count + len(destinations) < FILL * (len(rows) + 1) * len(together)):
            yield from _cut(rows, list(columns), most_destinations)
            rows, together, count = [], destinations, 0
        rows.append(origin)
        columns = together
        count += len(destinations)
    yield from _cut(rows, list(columns), most_destinations)


def _cut(
    rows: list[Place], columns: list[Place], most_destinations: int
) -> Iterator[tuple[list[Place], list[Place]]]:
    for start in range(0, len(columns), most_destinations):
        yield rows, columns[start : start + most_destinations]

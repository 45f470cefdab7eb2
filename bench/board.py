"""The dispatch board of a day with 1,000 visits: in the database, and as a dispatcher's browser gets it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bench.figures import Figure, timed
from bench.place import Place

CALLS = 60
WARM = 8
WARM_POOL = 50  # calls after which every connection of the gateway's pool has planned the board


def measure(place: Place) -> Iterator[Figure]:
    """Ask for the board again and again."""
    day = place.company.board_day
    with place.dispatcher() as connection:

        def in_database() -> None:
            connection.execute("select public.schedule_board(%s)::text", (day,)).fetchall()

        for _ in range(WARM):
            in_database()
        yield timed([in_database] * CALLS, connection).figure(
            "schedule_board, 100 × 1,000, in the database", 150
        )
    if place.stack is None:
        return
    with place.client() as client:

        def over_http() -> dict[str, Any]:
            answer = client.post("/rest/v1/rpc/schedule_board", json={"starts_on": day.isoformat()})
            board: dict[str, Any] = answer.raise_for_status().json()
            return board

        board = over_http()
        for _ in range(WARM_POOL):
            over_http()
        size = f"{len(board['technicians'])} technicians, {len(board['appointments'])} visits"
        yield timed([over_http] * CALLS).figure(
            "schedule_board, 100 × 1,000, through REST as a dispatcher", 150, f"{size}, parsed"
        )

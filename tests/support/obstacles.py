"""What must stand in the way of a placement, told from rows and arithmetic instead of the judge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from support.booking import at
from support.sql import Connection, Row, rows

OPENS, CLOSES = 8, 17  # everybody's shift, hours of UTC on weekdays
CHECKED = {
    "technician_overlap",
    "concurrent_limit",
    "resource_overlap",
    "equipment_missing",
    "outside_shift",
    "skill_missing",
    "crew_incomplete",
}

WORK, PAUSE = 30, 30  # minutes of each segment of a composite wish, and of the pause between them

Claim = tuple[Any, datetime, datetime]


@dataclass(frozen=True)
class Person:
    """A technician to hire."""

    skill: str | None
    lanes: int
    has_break: bool


@dataclass(frozen=True)
class Wish:
    """A job somebody calls about; with a pause policy it is work in two segments."""

    skill: str | None = None
    crew: int = 1
    minutes: int = 60
    buffer: int = 0
    where: str = "site"
    place: int | None = None
    needs_tool: bool = False
    pauses: str | None = None

    @property
    def segments(self) -> list[dict[str, Any]]:
        """The segments as rows of its service."""
        if not self.pauses:
            return []
        return [
            {"position": 1, "name": "First", "duration_minutes": WORK, "pause_after_minutes": PAUSE},
            {"position": 2, "name": "Second", "duration_minutes": WORK},
        ]


def claims(wish: Wish, technician_ids: list[Any], start: datetime) -> Iterator[Claim]:
    """Yield what the work takes of each technician, from when until when."""
    end = start + timedelta(minutes=wish.minutes + wish.buffer)
    if not wish.pauses:
        yield from ((person, start, end) for person in technician_ids)
        return
    first, second = technician_ids[0], technician_ids[-1]
    pause_starts, pause_ends = start + timedelta(minutes=WORK), start + timedelta(minutes=WORK + PAUSE)
    stays = wish.pauses in {"blocked", "never"}
    waits = wish.pauses == "never" and first != second
    yield first, start, pause_ends if stays else pause_starts
    yield second, pause_starts if waits else pause_ends, end


def obstacles(
    db: Connection, people: list[tuple[Person, Row]], wish: Wish, asked: dict[str, Any], tool: Any
) -> set[str]:
    """Tell which of the CHECKED codes a placement must get."""
    start = asked["starts_at"]
    end = start + timedelta(minutes=wish.minutes + wish.buffer)
    crew = [person for person, row in people if row["id"] in asked["technician_ids"]]
    lanes = {row["id"]: person.lanes for person, row in people}
    found = set()
    if len(crew) < wish.crew and not wish.pauses:
        found.add("crew_incomplete")
    lacking = [person.skill != wish.skill for person in crew]
    # A crew covers the skills together; each segment is done by one of its technicians alone.
    if wish.skill and (any(lacking) if wish.pauses else all(lacking)):
        found.add("skill_missing")
    if start < at(OPENS, (start - at(0)).days) or end > at(CLOSES, (start - at(0)).days):
        found.add("outside_shift")
    hold = asked.get("hold_token")
    for person, since, until in claims(wish, asked["technician_ids"], start):
        if _taken(db, person, since, until, hold) >= lanes[person]:
            found.add("technician_overlap" if lanes[person] == 1 else "concurrent_limit")
    if asked["resource_id"] and _taken(db, asked["resource_id"], start, end, hold):
        found.add("resource_overlap")
    if wish.needs_tool and _taken(db, tool, start, end, hold):
        found.add("equipment_missing")
    return found


def _taken(db: Connection, claimant: Any, start: datetime, end: datetime, hold: Any) -> int:
    return len(
        rows(
            db,
            "select distinct lane from reservations where claimant_id = %s and released_at is null"
            " and during && tstzrange(%s, %s) and coalesce(hold_token <> %s, true)"
            " and coalesce(hold_expires_at > now(), true)",
            (claimant, start, end, hold),
        )
    )

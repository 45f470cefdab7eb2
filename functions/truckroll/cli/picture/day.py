"""What there is to draw of one day: lanes in the order of their names, and places on the map."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

Document = dict[str, Any]

PRIORITY = {"emergency": "#c62828", "high": "#ef6c00", "normal": "#33679c", "low": "#7c8da0"}
CHANGE = {"book": "new", "move": "moved", "reassign": "from somebody else", "keep": "as it was"}


@dataclass(frozen=True)
class Lane:
    """One technician's day: working times and the route, if there is one."""

    name: str
    colour: str
    working: tuple[tuple[dt.datetime, dt.datetime], ...]
    route: Document | None

    def jobs(self) -> Iterator[Document]:
        """Yield the visits of the route."""
        yield from (stop for stop in (self.route or {"stops": []})["stops"] if stop["type"] == "job")

    def parallel(self) -> list[list[Document]]:
        """Return the stops, in order; of somebody with several visits at once one list for each of their lanes."""
        lanes: dict[int, list[Document]] = {}
        for stop in (self.route or {"stops": []})["stops"]:
            lanes.setdefault(stop.get("lane", 1), []).append(stop)
        return [lanes[number] for number in sorted(lanes)]

    def paths(self) -> list[list[tuple[float, float]]]:
        """Return latitude and longitude of each stop that has a place, in order; one list for each lane."""
        return [
            [(stop["latitude"], stop["longitude"]) for stop in stops if "latitude" in stop]
            for stops in self.parallel()
        ]

    def places(self) -> list[tuple[float, float]]:
        """Return latitude and longitude of every stop that has a place."""
        return [place for path in self.paths() for place in path]


@dataclass(frozen=True)
class Day:
    """A day of a plan with its time zone; `left_out` are unserved jobs, with their place where it is known."""

    date: dt.date
    zone: ZoneInfo
    lanes: tuple[Lane, ...]
    left_out: tuple[Document, ...]

    def clock(self, instant: str | dt.datetime) -> dt.datetime:
        """Return an instant as the wall clock of the company."""
        moment = dt.datetime.fromisoformat(instant) if isinstance(instant, str) else instant
        return moment.astimezone(self.zone)

    def told(self, stop: Document) -> str:
        """Return a visit in a few words, for its tooltip."""
        said = f"{stop['number']} {stop['title']} ({stop['priority']}), "
        said += f"{self.clock(stop['starts_at']):%H:%M}–{self.clock(stop['ends_at']):%H:%M}"
        if "change" in stop:
            said += f", {CHANGE[stop['change']]}"
        if "from_starts_at" in stop and stop.get("change") != "keep":
            said += f" (was {self.clock(stop['from_starts_at']):%H:%M})"
        return said


def day_of(run: Document, board: Document, date: dt.date, places: dict[str, tuple[float, float]]) -> Day:
    """Return what a run does on a day.

    `board` is that day's schedule_board; `places` tells where unserved jobs are, by their id.
    """
    routes = {route["technician_id"]: route for route in run["routes"] if route["date"] == date.isoformat()}
    technicians = sorted(board["technicians"], key=lambda one: str(one["display_name"]))
    shown = [one for one in technicians if one["working"] or routes.get(one["id"])]
    lanes = tuple(
        Lane(
            name=one["display_name"],
            # Neighbours in the list lie far apart on the colour circle: steps of the golden angle.
            colour=f"hsl({round(i * 137.508) % 360} 62% {38 + 9 * (i % 3)}%)",
            working=tuple(
                (dt.datetime.fromisoformat(a), dt.datetime.fromisoformat(b)) for a, b in one["working"]
            ),
            route=routes.get(one["id"]),
        )
        for i, one in enumerate(shown)
    )
    left_out = tuple(job | _place(places.get(job["job_id"])) for job in run["unserved"])
    return Day(date, ZoneInfo(board["time_zone"]), lanes, left_out)


def _place(known: tuple[float, float] | None) -> Document:
    return {} if known is None else {"latitude": known[0], "longitude": known[1]}

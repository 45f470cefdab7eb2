"""Whether somebody could really drive to a place between what they have, where the judge asks for less than a plan.

A plan has nobody drive or rest in their time off, and drives each lane of who has several visits at
once. The judge lets them be anywhere in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from typing import Any
from uuid import UUID

from support import sql
from support.booking import at
from support.factory import Company

Place = tuple[float | None, float | None]
Span = tuple[float, float]  # seconds since 1970


@dataclass(frozen=True)
class Held:
    """What keeps somebody at a place for a time; a shift's ends are such."""

    begin: float
    end: float
    place: Place


class Roads:
    """A company's days as they are booked, to try visits on."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.ways: dict[tuple[Place, Place], float] = {}

    def takes(self, technician: UUID, visit: Held) -> bool:
        """Tell whether some lane of a technician, driven by itself, takes a visit as it is."""
        stretch = next((s for s in self._rows("working", technician) if _within(visit, s)), None)
        if stretch is None:
            return False
        person = self.people[technician]
        home = person["latitude"], person["longitude"]
        claims = [
            (row["lane"], Held(*_seconds(row["during"]), (row["latitude"], row["longitude"])))
            for row in self._rows("claims", technician)
        ]
        begin, end = _seconds(stretch["during"])
        own = [(lane, one) for lane, one in claims if begin < one.end and one.begin < end]
        off = [_seconds(row["during"]) for row in self._rows("off", technician)]
        several = person["max_concurrent_jobs"] > 1
        if several:
            # Nobody rests in one lane: the plan says when, unless something was booked at any time.
            off += [_seconds(row["during"]) for row in self._rows("rests", technician)]
            if _shared(off, visit.begin, visit.end) > 0:
                return False
        breaks = [] if several else self._rows("breaks", technician)
        ends = Held(begin, begin, home), Held(end, end, home)
        limit = person["max_daily_work_minutes"]
        elsewhere = sum(
            self._day_part(other, home, claims)
            for other in self._rows("working", technician)
            if other is not stretch
        )
        for lane in range(1, person["max_concurrent_jobs"] + 1):
            lanes = [
                sorted(
                    [one for held, one in own if held == number] + ([visit] if number == lane else []),
                    key=lambda one: one.begin,
                )
                for number in range(1, person["max_concurrent_jobs"] + 1)
            ]
            route = [ends[0], *lanes[lane - 1], ends[1]]
            if any(one.end > other.begin for one, other in pairwise(route)):
                continue
            near = [pair for pair in pairwise(route) if visit in pair]
            if not all(self._drives(one, other, off) for one, other in near):
                continue
            if not all(self._rests(route, row, off) for row in breaks):
                continue
            if several and limit is not None and self._work(lanes, ends) + elsewhere > limit * 60:
                continue
            return True
        return False

    def _drives(self, one: Held, other: Held, off: Sequence[Span]) -> bool:
        return other.begin - one.end - _shared(off, one.end, other.begin) >= self._way(one, other)

    def _rests(self, route: Sequence[Held], rest: dict[str, Any], off: Sequence[Span]) -> bool:
        """Tell whether a break still has room in some gap, time off aside; one not owed needs none."""
        opens, closes = _seconds(rest["during"])
        length = rest["minutes"] * 60
        if route[-1].end < opens + length or route[0].begin > closes - length:
            return True
        for one, other in pairwise(route):
            free = other.begin - one.end - _shared(off, one.end, other.begin)
            if free < length + self._way(one, other):
                continue
            edges = [max(opens, one.end), *(end for _, end in off)]
            for start in edges:
                inside = max(opens, one.end) <= start and start + length <= min(closes, other.begin)
                if inside and _shared(off, start, start + length) == 0:
                    return True
        return False

    def _work(self, lanes: Iterable[Sequence[Held]], ends: tuple[Held, Held]) -> float:
        driven = sum(
            self._way(one, other)
            for lane in lanes
            if lane
            for one, other in pairwise([ends[0], *lane, ends[1]])
        )
        return driven + sum(one.end - one.begin for lane in lanes for one in lane)

    def _day_part(self, stretch: dict[str, Any], home: Place, claims: Sequence[tuple[int, Held]]) -> float:
        """Return the work of another part of the day."""
        begin, end = _seconds(stretch["during"])
        lanes: dict[int, list[Held]] = {}
        for lane, one in sorted(claims, key=lambda claim: claim[1].begin):
            if begin < one.end and one.begin < end:
                lanes.setdefault(lane, []).append(one)
        return self._work(lanes.values(), (Held(begin, begin, home), Held(end, end, home)))

    def _way(self, one: Held, other: Held) -> float:
        key = one.place, other.place
        if key not in self.ways:
            seconds = sql.value(
                self.company.db,
                "select private.way_s(%s, %s, %s, %s, %s)",
                (self.company.id, *one.place, *other.place),
            )
            # Plans drive whole minutes.
            self.ways[key] = -(-seconds // 60) * 60
        return self.ways[key]

    @cached_property
    def people(self) -> dict[UUID, dict[str, Any]]:
        """Everybody, with where their home is."""
        rows = sql.rows(
            self.company.db,
            """
            select t.*, l.latitude, l.longitude
            from public.technician_profiles as t
            left join public.customer_locations as l on t.home_base_location_id = l.id
            where t.org_id = %s
            """,
            (self.company.id,),
        )
        return {row["id"]: dict(row) for row in rows}

    def _rows(self, kind: str, technician: UUID) -> list[dict[str, Any]]:
        return [row for row in self.days[kind] if row["technician_id"] == technician]

    @cached_property
    def days(self) -> dict[str, list[dict[str, Any]]]:
        """What there is of MONDAY, each kind by the query that tells it."""
        asked = {
            "working": """
                select w.technician_id, s.during
                from private.working_time(%(org)s, %(who)s, %(day)s) as w
                cross join lateral unnest(w.during) as s (during)""",
            "off": "select technician_id, during from private.unavailable_time(%(org)s, %(who)s, %(day)s)",
            "claims": """
                select technician_id, lane, during, latitude, longitude from public.reservations
                where technician_id = any(%(who)s) and released_at is null""",
            "breaks": """
                select technician_id, minutes, tstzrange(starts_at, ends_at) as during
                from public.technician_time_off
                where technician_id = any(%(who)s) and minutes is not null""",
            "rests": """
                select p.technician_id, tstzrange(s.planned_arrival_at, s.planned_departure_at) as during
                from public.route_plans as p
                inner join public.route_stops as s on p.id = s.route_plan_id
                where p.technician_id = any(%(who)s) and s.stop_type = 'break' and p.status = 'finalized'""",
        }
        values = {"org": self.company.id, "who": list(self.people), "day": _range(at(-6), at(30))}
        return {
            kind: [dict(row) for row in sql.rows(self.company.db, query, values)]
            for kind, query in asked.items()
        }


def _range(begin: datetime, end: datetime) -> str:
    return f"[{begin.isoformat()},{end.isoformat()})"


def _seconds(during: Any) -> Span:
    return during.lower.timestamp(), during.upper.timestamp()


def _within(visit: Held, row: dict[str, Any]) -> bool:
    begin, end = _seconds(row["during"])
    return begin <= visit.begin and visit.end <= end


def _shared(spans: Iterable[Span], begin: float, end: float) -> float:
    return sum(max(0.0, min(end, closes) - max(begin, opens)) for opens, closes in spans)

"""Who works for the measured company, where, and what it offers: rows and what the generator knows of them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
from psycopg.sql import SQL, Identifier

ZONE = ZoneInfo("America/Chicago")
TECHNICIANS, SITES = 100, 2500
SOUTH_WEST, NORTH_EAST = (42.96, -89.58), (43.18, -89.22)  # degrees: about 24 km by 29 km
SKILLS = ("hvac", "plumbing", "electrical", "gas", "refrigeration", "drains", "controls", "solar")
Place = tuple[float, float]


@dataclass
class Technician:
    """Whom the generator books: where, when and what they may be given."""

    id: UUID
    home: Place
    home_id: UUID
    zones: list[int]
    skills: dict[str, int]
    starts: time
    away: set[date] = field(default_factory=set)


@dataclass(frozen=True)
class Service:
    """An entry of the catalogue."""

    id: UUID
    skills: dict[str, int]
    minutes: int
    buffer_after: int


@dataclass(frozen=True)
class Site:
    """A customer's place."""

    id: UUID
    customer_id: UUID
    at: Place
    zone: int


class Inserter:
    """Writes rows of the org, one COPY a call; the columns are the first row's."""

    def __init__(self, connection: psycopg.Connection[Any], org: UUID) -> None:
        self._connection = connection
        self._org = org

    def __call__(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        """Insert rows into a table of schema public; dictionaries become jsonb."""
        columns = ["org_id", *rows[0]]
        query = SQL("copy public.{} ({}) from stdin").format(
            Identifier(table), SQL(", ").join(map(Identifier, columns))
        )
        with self._connection.cursor() as cursor, cursor.copy(query) as copy:
            for row in rows:
                values = (json.dumps(value) if isinstance(value, dict) else value for value in row.values())
                copy.write_row((self._org, *values))


def new_id(rng: random.Random) -> UUID:
    """Return the next id; the same ones for the same seed."""
    return UUID(int=rng.getrandbits(128), version=4)


def _place(rng: random.Random, zone: int) -> Place:
    """Return a place in a quarter of the city: 0 and 1 in the south, 0 and 2 in the west."""
    across = [(b - a) / 2 for a, b in zip(SOUTH_WEST, NORTH_EAST, strict=True)]
    return (
        SOUTH_WEST[0] + (zone // 2 + rng.betavariate(2, 2)) * across[0],
        SOUTH_WEST[1] + (zone % 2 + rng.betavariate(2, 2)) * across[1],
    )


def board_day(today: date) -> date:
    """Return the full day: the first Monday after the two booked weeks."""
    day = today + timedelta(days=16)
    return day + timedelta(days=-day.weekday() % 7)


def working_days(today: date) -> Iterator[date]:
    """Yield the weekdays of the two booked weeks."""
    days = (today + timedelta(days=n) for n in range(1, 16))
    return (day for day in days if day.weekday() < 5)


def at(day: date, clock: time) -> datetime:
    """Return the instant of a local time of day."""
    return datetime.combine(day, clock, ZONE).astimezone(UTC)


def zones(rng: random.Random, insert: Inserter) -> list[UUID]:
    """Quarter the city."""
    (south, west), (north, east) = SOUTH_WEST, NORTH_EAST
    middle = (south + north) / 2, (west + east) / 2
    corners = [(south, west), (south, middle[1]), (middle[0], west), (middle[0], middle[1])]
    size = (north - south) / 2, (east - west) / 2
    ids = [new_id(rng) for _ in corners]
    insert("service_zones", [
        {
            "id": ids[n], "name": f"Quarter {n + 1}",
            "polygon": json.dumps([[x, y], [x + size[1], y], [x + size[1], y + size[0]], [x, y + size[0]]]),
        }
        for n, (y, x) in enumerate(corners)
    ])  # fmt: skip
    return ids


def services(rng: random.Random, insert: Inserter) -> list[Service]:
    """Offer 16 services of one or two skills."""
    services = []
    for n in range(16):
        codes = rng.sample(SKILLS, 1 if n % 3 else 2)
        skills = {code: rng.choice((1, 2, 2, 3)) for code in codes}
        services.append(
            Service(new_id(rng), skills, rng.choice((30, 45, 60, 60, 90)), rng.choice((0, 0, 10)))
        )
    insert("services", [
        {
            "id": one.id, "code": f"service_{n}", "name": f"Service {n}", "standard_duration_minutes": one.minutes,
            "buffer_after_minutes": one.buffer_after,
        }
        for n, one in enumerate(services)
    ])  # fmt: skip
    insert("service_skills", [
        {"service_id": one.id, "skill_code": code, "minimum_level": level}
        for one in services for code, level in one.skills.items()
    ])  # fmt: skip
    return services


def sites(rng: random.Random, insert: Inserter) -> list[Site]:
    """Add customers, each with a place."""
    sites = [Site(new_id(rng), new_id(rng), _place(rng, n % 4), n % 4) for n in range(SITES)]
    insert("customers", [
        {"id": one.customer_id, "name": f"Customer {n}", "phone": f"+1608{5_550_000 + n}"}
        for n, one in enumerate(sites)
    ])  # fmt: skip
    insert("customer_locations", [
        {
            "id": one.id, "customer_id": one.customer_id, "latitude": one.at[0], "longitude": one.at[1],
            "address_line1": f"{n} Main Street", "city": "Madison",
        }
        for n, one in enumerate(sites)
    ])  # fmt: skip
    return sites


def technicians(rng: random.Random, insert: Inserter, zones: list[UUID], today: date) -> list[Technician]:
    """Hire everybody, with skills, zones, shifts, lunches, vacations and busy evenings."""
    crew = []
    for n in range(TECHNICIANS):
        own = [n % 4, *rng.sample([z for z in range(4) if z != n % 4], rng.choice((0, 1, 1, 2)))]
        skills = {code: rng.randint(1, 5) for code in rng.sample(SKILLS, rng.randint(3, 6))}
        starts = time(rng.choice((7, 7, 8, 8, 8, 9)), rng.choice((0, 30)))
        crew.append(Technician(new_id(rng), _place(rng, own[0]), new_id(rng), own, skills, starts))
    insert("customer_locations", [
        {"id": one.home_id, "kind": "home_base", "label": "Home", "latitude": one.home[0], "longitude": one.home[1]}
        for one in crew
    ])  # fmt: skip
    insert("technician_profiles", [
        {
            "id": one.id, "display_name": f"Technician {n:03}", "home_base_location_id": one.home_id,
            "default_service_zone_id": zones[one.zones[0]], "max_daily_work_minutes": 480,
        }
        for n, one in enumerate(crew)
    ])  # fmt: skip
    insert("technician_service_zones", [
        {"technician_id": one.id, "service_zone_id": zones[zone]} for one in crew for zone in one.zones[1:]
    ])  # fmt: skip
    insert("technician_skills", [
        {"technician_id": one.id, "skill_code": code, "level": level}
        for one in crew for code, level in one.skills.items()
    ])  # fmt: skip
    monday = today - timedelta(days=today.weekday())
    insert("technician_shifts", [
        {
            "technician_id": one.id, "starts_at": at(monday, one.starts),
            "ends_at": at(monday, one.starts) + timedelta(hours=9),
            "recurrence_rule": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
        }
        for one in crew
    ])  # fmt: skip
    insert("technician_time_off", [
        {
            "technician_id": one.id, "starts_at": at(monday, time(11, 30)), "ends_at": at(monday, time(13, 30)),
            "reason": "break", "minutes": 30, "recurrence_rule": "FREQ=DAILY",
        }
        for one in crew
    ])  # fmt: skip
    insert("technician_time_off", list(_absences(rng, crew, today)))
    busy = [
        {
            "technician_id": one.id, "source": "google", "external_id": f"{one.id} {day}",
            "during": f"[{at(day, time(19)).isoformat()},{at(day, time(20)).isoformat()})",
        }
        for one in crew[::4] for day in working_days(today)
    ]  # fmt: skip
    insert("external_busy_times", busy)
    return crew


def _absences(rng: random.Random, crew: list[Technician], today: date) -> Iterator[dict[str, Any]]:
    for one in rng.sample(crew, 12):
        first = today + timedelta(days=rng.randint(1, 12))
        days = rng.randint(1, 4)
        one.away = {first + timedelta(days=n) for n in range(days)}
        yield {
            "technician_id": one.id, "reason": "vacation", "starts_at": at(first, time()),
            "ends_at": at(first + timedelta(days=days), time()),
        }  # fmt: skip

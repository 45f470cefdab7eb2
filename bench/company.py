"""A company to measure on: 100 technicians, 2,500 sites, two weeks booked to about two thirds, one full day.

The same rows for the same first day. Visits go through the tables and their triggers, so ledger, events, audit and
broadcasts are there as if somebody had booked them.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
from psycopg.sql import SQL, Identifier

SLUG = "bench"
ZONE = ZoneInfo("America/Chicago")
TECHNICIANS, SITES, WAITING = 100, 2500, 400
BOARD_VISITS = 1000
SOUTH_WEST, NORTH_EAST = (42.96, -89.58), (43.18, -89.22)  # degrees: about 24 km by 29 km
SKILLS = ("hvac", "plumbing", "electrical", "gas", "refrigeration", "drains", "controls", "solar")
MINUTE = timedelta(minutes=1)
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


@dataclass(frozen=True)
class Company:
    """What a measurement needs to know of the company in the database."""

    org_id: UUID
    dispatcher_id: UUID
    board_day: date
    job_ids: tuple[UUID, ...]


def found(connection: psycopg.Connection[Any]) -> Company | None:
    """Return the company if the database has it."""
    row = connection.execute(
        "select o.id, m.user_id from orgs as o join org_members as m on m.org_id = o.id where o.slug = %s", (SLUG,)
    ).fetchone()
    if row is None:
        return None
    jobs = connection.execute(
        "select id from dispatch_jobs where org_id = %s and status = 'unscheduled' order by number", (row[0],)
    ).fetchall()
    day = connection.execute(
        "select max((starts_at at time zone 'America/Chicago')::date) from appointments where org_id = %s", (row[0],)
    ).fetchone()
    assert day is not None
    return Company(row[0], row[1], day[0], tuple(job for (job,) in jobs))


def build(connection: psycopg.Connection[Any], today: date) -> None:
    """Insert the company into an empty database, booked from the day after `today`. Commits."""
    rng = random.Random(f"truckroll {today}")
    org, dispatcher = _id(rng), _id(rng)
    insert = _Inserter(connection, org)
    connection.execute("insert into auth.users (id, email) values (%s, 'dispatcher@bench.example')", (dispatcher,))
    connection.execute(
        "insert into orgs (id, name, slug, time_zone) values (%s, 'Bench & Sons', %s, %s)", (org, SLUG, ZONE.key)
    )
    insert("org_members", [{"user_id": dispatcher, "role": "dispatcher"}])
    insert("skills", [{"code": code, "name": code.capitalize()} for code in SKILLS])
    zones = _zones(rng, insert)
    services = _services(rng, insert)
    sites = _sites(rng, insert)
    technicians = _technicians(rng, insert, zones, today)
    connection.commit()
    for day in _working_days(today):
        _book(rng, insert, day, technicians, services, sites, visits=7, nearest_of=8)
        connection.commit()
    _book(rng, insert, board_day(today), technicians, services, sites, visits=10, nearest_of=60)
    _waiting(rng, insert, services, sites, today)
    connection.commit()
    connection.autocommit = True
    connection.execute("vacuum analyze")
    connection.autocommit = False


def board_day(today: date) -> date:
    """Return the full day: the first Monday after the two booked weeks."""
    day = today + timedelta(days=16)
    return day + timedelta(days=-day.weekday() % 7)


def _working_days(today: date) -> Iterator[date]:
    days = (today + timedelta(days=n) for n in range(1, 16))
    return (day for day in days if day.weekday() < 5)


class _Inserter:
    """Writes rows of the org, one COPY a call; the columns are the first row's."""

    def __init__(self, connection: psycopg.Connection[Any], org: UUID) -> None:
        self._connection = connection
        self._org = org

    def __call__(self, table: str, rows: Sequence[dict[str, Any]]) -> None:
        columns = ["org_id", *rows[0]]
        query = SQL("copy public.{} ({}) from stdin").format(
            Identifier(table), SQL(", ").join(map(Identifier, columns))
        )
        with self._connection.cursor() as cursor, cursor.copy(query) as copy:
            for row in rows:
                values = (json.dumps(value) if isinstance(value, dict) else value for value in row.values())
                copy.write_row((self._org, *values))


def _id(rng: random.Random) -> UUID:
    return UUID(int=rng.getrandbits(128), version=4)


def _place(rng: random.Random, zone: int) -> Place:
    """Return a place in a quarter of the city: 0 and 1 in the south, 0 and 2 in the west."""
    across = [(b - a) / 2 for a, b in zip(SOUTH_WEST, NORTH_EAST, strict=True)]
    return (
        SOUTH_WEST[0] + (zone // 2 + rng.betavariate(2, 2)) * across[0],
        SOUTH_WEST[1] + (zone % 2 + rng.betavariate(2, 2)) * across[1],
    )


def _zones(rng: random.Random, insert: _Inserter) -> list[UUID]:
    (south, west), (north, east) = SOUTH_WEST, NORTH_EAST
    middle = (south + north) / 2, (west + east) / 2
    corners = [(south, west), (south, middle[1]), (middle[0], west), (middle[0], middle[1])]
    size = (north - south) / 2, (east - west) / 2
    ids = [_id(rng) for _ in corners]
    insert("service_zones", [
        {
            "id": ids[n], "name": f"Quarter {n + 1}",
            "polygon": json.dumps([[x, y], [x + size[1], y], [x + size[1], y + size[0]], [x, y + size[0]]]),
        }
        for n, (y, x) in enumerate(corners)
    ])  # fmt: skip
    return ids


def _services(rng: random.Random, insert: _Inserter) -> list[Service]:
    services = []
    for n in range(16):
        codes = rng.sample(SKILLS, 1 if n % 3 else 2)
        skills = {code: rng.choice((1, 2, 2, 3)) for code in codes}
        services.append(Service(_id(rng), skills, rng.choice((30, 45, 60, 60, 90)), rng.choice((0, 0, 10))))
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


def _sites(rng: random.Random, insert: _Inserter) -> list[Site]:
    sites = [Site(_id(rng), _id(rng), _place(rng, n % 4), n % 4) for n in range(SITES)]
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


def _technicians(
    rng: random.Random, insert: _Inserter, zones: list[UUID], today: date
) -> list[Technician]:
    crew = []
    for n in range(TECHNICIANS):
        own = [n % 4, *rng.sample([z for z in range(4) if z != n % 4], rng.choice((0, 1, 1, 2)))]
        skills = {code: rng.randint(1, 5) for code in rng.sample(SKILLS, rng.randint(3, 6))}
        starts = time(rng.choice((7, 7, 8, 8, 8, 9)), rng.choice((0, 30)))
        crew.append(Technician(_id(rng), _place(rng, own[0]), _id(rng), own, skills, starts))
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
            "technician_id": one.id, "starts_at": _at(monday, one.starts),
            "ends_at": _at(monday, one.starts) + timedelta(hours=9),
            "recurrence_rule": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
        }
        for one in crew
    ])  # fmt: skip
    insert("technician_time_off", [
        {
            "technician_id": one.id, "starts_at": _at(monday, time(11, 30)), "ends_at": _at(monday, time(13, 30)),
            "reason": "break", "minutes": 30, "recurrence_rule": "FREQ=DAILY",
        }
        for one in crew
    ])  # fmt: skip
    insert("technician_time_off", list(_absences(rng, crew, today)))
    busy = [
        {
            "technician_id": one.id, "source": "google", "external_id": f"{one.id} {day}",
            "during": f"[{_at(day, time(19)).isoformat()},{_at(day, time(20)).isoformat()})",
        }
        for one in crew[::4] for day in _working_days(today)
    ]  # fmt: skip
    insert("external_busy_times", busy)
    return crew


def _absences(rng: random.Random, crew: list[Technician], today: date) -> Iterator[dict[str, Any]]:
    for one in rng.sample(crew, 12):
        first = today + timedelta(days=rng.randint(1, 12))
        days = rng.randint(1, 4)
        one.away = {first + timedelta(days=n) for n in range(days)}
        yield {
            "technician_id": one.id, "reason": "vacation", "starts_at": _at(first, time()),
            "ends_at": _at(first + timedelta(days=days), time()),
        }  # fmt: skip


def _at(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, ZONE).astimezone(UTC)


def _minutes(a: Place, b: Place) -> int:
    """Return generous driving minutes; what the visits need in truth the judge says."""
    north, east = (a[0] - b[0]) * 111.2, (a[1] - b[1]) * 111.2 * math.cos(math.radians(a[0]))
    return math.ceil(math.hypot(north, east) * 1.35 / 40 * 60) + 1


def _book(
    rng: random.Random, insert: _Inserter, day: date, technicians: list[Technician], services: list[Service],
    sites: list[Site], *, visits: int, nearest_of: int,
) -> None:  # fmt: skip
    jobs, appointments, assignments = [], [], []
    for one in technicians:
        fitting = [s for s in services if all(one.skills.get(code, 0) >= n for code, n in s.skills.items())]
        if not fitting or day in one.away:
            continue
        near = [site for site in sites if site.zone in one.zones]
        for site, service, starts, minutes in _route(rng, one, day, fitting, near, visits, nearest_of):
            job, appointment, ends = _id(rng), _id(rng), starts + minutes * MINUTE
            jobs.append({
                "id": job, "customer_id": site.customer_id, "location_id": site.id, "service_id": service.id,
                "title": "Visit", "required_skills": service.skills, "estimated_duration_minutes": minutes,
                "required_crew_size": 1,
            })  # fmt: skip
            appointments.append({
                "id": appointment, "dispatch_job_id": job, "location_id": site.id, "starts_at": starts,
                "ends_at": ends, "arrival_window_start": starts, "arrival_window_end": starts + 120 * MINUTE,
                "buffer_after_minutes": service.buffer_after,
            })  # fmt: skip
            assignments.append({
                "dispatch_job_id": job, "appointment_id": appointment, "technician_id": one.id,
                "scheduled_start_at": starts, "scheduled_end_at": ends,
            })  # fmt: skip
    insert("dispatch_jobs", jobs)
    insert("appointments", appointments)
    insert("job_assignments", assignments)


def _route(
    rng: random.Random, one: Technician, day: date, fitting: list[Service], sites: list[Site], visits: int,
    nearest_of: int,
) -> Iterator[tuple[Site, Service, datetime, int]]:  # fmt: skip
    """Yield visits one after another: a lunch of half an hour after half past eleven, home in time."""
    full = visits >= 10
    free, here, worked = _at(day, one.starts), one.home, 0
    ends, lunch, at_most = free + timedelta(hours=9), False, 470 if full else rng.randint(270, 400)
    for _ in range(visits):
        site = min(rng.sample(sites, nearest_of), key=lambda each: _minutes(here, each.at))
        service = rng.choice(fitting)
        minutes = 30 if full else service.minutes
        drive = _minutes(here, site.at)
        idle = 0 if full else rng.choice((0, 0, 0, 30, 60))
        if not lunch and free + (idle + drive + minutes + 40) * MINUTE > _at(day, time(13)):
            free, lunch, idle = max(free, _at(day, time(11, 30))) + 40 * MINUTE, True, 0
        starts = free + (drive + idle) * MINUTE
        starts += -((starts - _at(day, time())) % (5 * MINUTE)) % (5 * MINUTE)
        taken, back = minutes + service.buffer_after, _minutes(site.at, one.home)
        worked += drive + taken
        if starts + (taken + back) * MINUTE > ends or worked + back > at_most:
            return
        yield site, service, starts, minutes
        free, here = starts + taken * MINUTE, site.at


def _waiting(
    rng: random.Random, insert: _Inserter, services: list[Service], sites: list[Site], today: date
) -> None:
    rows = []
    for _ in range(WAITING):
        site, service = rng.choice(sites), rng.choice(services)
        priority = rng.choices(("low", "normal", "high", "emergency"), (20, 60, 15, 5))[0]
        deadline = _at(today + timedelta(days=rng.randint(4, 14)), time(18)) if rng.random() < 0.2 else None
        rows.append({
            "id": _id(rng), "customer_id": site.customer_id, "location_id": site.id, "service_id": service.id,
            "title": "Waiting", "required_skills": service.skills, "estimated_duration_minutes": service.minutes,
            "required_crew_size": 1, "priority": priority, "sla_end_at": deadline,
        })  # fmt: skip
    insert("dispatch_jobs", rows)
    chosen = rng.sample(rows, WAITING // 10)
    insert("job_time_windows", [
        {
            "dispatch_job_id": row["id"], "window_start": _at(day, time(hour)), "window_end": _at(day, time(hour + 3)),
        }
        for row in chosen for day, hour in [(rng.choice(list(_working_days(today))), rng.choice((8, 10, 13)))]
    ])  # fmt: skip

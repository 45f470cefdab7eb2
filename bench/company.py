"""A company to measure on: 100 technicians, 2,500 sites, two weeks booked to about two thirds, one full day.

The same rows for the same first day. Visits go through the tables and their triggers, so ledger, events, audit and
broadcasts are there as if somebody had booked them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import psycopg
from bench import staff
from bench.bookings import Bookings, Density

SLUG = "bench"


@dataclass(frozen=True)
class Company:
    """What a measurement needs to know of the company in the database."""

    org_id: UUID
    dispatcher_id: UUID
    board_day: date
    job_ids: tuple[UUID, ...]


def found(connection: psycopg.Connection[Any]) -> Company | None:
    """Return the company if the database has it, whole."""
    row = connection.execute(
        "select o.id, m.user_id from orgs as o join org_members as m on m.org_id = o.id where o.slug = %s",
        (SLUG,),
    ).fetchone()
    if row is None:
        return None
    jobs = connection.execute(
        """
        select id from dispatch_jobs
        where org_id = %s and status = 'unscheduled' and location_id is not null order by number
        """,
        (row[0],),
    ).fetchall()
    # The fullest day: measurements leave visits on later ones.
    days = connection.execute(
        """
        select (starts_at at time zone 'America/Chicago')::date from appointments
        where org_id = %s group by 1 order by count(*) desc limit 1
        """,
        (row[0],),
    ).fetchall()
    return Company(row[0], row[1], days[0][0], tuple(job for (job,) in jobs))


def build(connection: psycopg.Connection[Any], today: date) -> None:
    """Insert the company into an empty database, booked from the day after `today`. Commits."""
    rng = random.Random(f"truckroll {today}")
    org, dispatcher = staff.new_id(rng), staff.new_id(rng)
    insert = staff.Inserter(connection, org)
    connection.execute(
        "insert into auth.users (id, email) values (%s, 'dispatcher@bench.example')", (dispatcher,)
    )
    connection.execute(
        "insert into orgs (id, name, slug, time_zone) values (%s, 'Bench & Sons', %s, %s)",
        (org, SLUG, staff.ZONE.key),
    )
    insert("org_members", [{"user_id": dispatcher, "role": "dispatcher"}])
    insert("skills", [{"code": code, "name": code.capitalize()} for code in staff.SKILLS])
    zones = staff.zones(rng, insert)
    services, sites = staff.services(rng, insert), staff.sites(rng, insert)
    bookings = Bookings(rng, insert, staff.technicians(rng, insert, zones, today), services, sites)
    for day in staff.working_days(today):
        bookings.day(day, Density(visits=7, nearest_of=8))
        connection.commit()
    bookings.day(staff.board_day(today), Density(visits=10, nearest_of=60, full=True))
    bookings.waiting(today)
    connection.commit()
    connection.autocommit = True
    connection.execute("vacuum analyze")
    connection.autocommit = False

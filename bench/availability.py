"""How long recurrences and availability take in the database: `python -m bench.availability CONNINFO`.

Needs a database with the company of bench.company. The yardstick of each run is what arithmetic replaces: reading the
same occurrences from a table that was filled for a year beforehand, through its index.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles
from time import perf_counter
from typing import Any, LiteralString

import psycopg
from psycopg.types.range import TimestamptzRange

ROUNDS = 40
RULES: LiteralString = """
    create temporary table rules as
    select
        n, zone as time_zone, '{2026-11-26}'::date[] as excluded_on,
        timestamptz '2025-01-05 13:00Z' as starts_at, timestamptz '2025-01-05 22:00Z' as ends_at,
        private.parse_recurrence(rule, '2025-01-05 13:00Z', '2025-01-05 22:00Z', zone) as recurrence
    from (
        select
            n, (array['America/New_York', 'Europe/Berlin', 'Australia/Lord_Howe'])[n % 3 + 1] as zone,
            (array[
                'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR', 'FREQ=WEEKLY;INTERVAL=2;BYDAY=SA', 'FREQ=DAILY',
                'FREQ=MONTHLY;BYDAY=2MO,-1FR', 'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;COUNT=400'
            ])[n % 5 + 1] as rule
        from generate_series(1, 300) as n
    ) as mixed
"""
EXPAND: LiteralString = """
    from rules as r
    cross join lateral private.occurrences(r.recurrence, r.starts_at, r.ends_at, r.time_zone, r.excluded_on, {}) as o
"""
MEASURED: tuple[tuple[str, LiteralString], ...] = (
    (
        "300 rules × 15 days, read from rows",
        "select count(*) from slots where during && '[2026-11-20,2026-12-05)'",
    ),
    (
        "300 rules × 15 days, private.occurrences",
        "select count(*)" + EXPAND.format("'[2026-11-20,2026-12-05)'"),
    ),
    (
        "everybody × 14 days, working_time",
        "select count(*) from private.working_time(%(org)s, %(ids)s, %(period)s)",
    ),
    (
        "everybody × 14 days, unavailable_time",
        "select count(*) from private.unavailable_time(%(org)s, %(ids)s, %(period)s)",
    ),
    (
        "everybody × 14 days, claimed_time",
        "select count(*) from private.claimed_time(%(org)s, %(ids)s, %(period)s)",
    ),
    (
        "everybody × 14 days, free_time",
        "select count(*) from private.free_time(%(org)s, %(ids)s, %(period)s)",
    ),
    ("everybody × 14 days, available_people", "select * from public.available_people(%(service)s)"),
    (
        "one person × 14 days, person_calendar",
        "select * from public.person_calendar(%(id)s, lower(%(period)s), upper(%(period)s))",
    ),
)


def measure(connection: psycopg.Connection[Any]) -> Iterator[tuple[str, float, float]]:
    """Yield what was asked, and the median and 95th percentile of its milliseconds over the client's connection."""
    ids = [row[0] for row in connection.execute("select id from public.technician_profiles order by id")]
    [(org, service)] = connection.execute(
        "select org_id, id from public.services order by id limit 1"
    ).fetchall()
    now = datetime.now(UTC)
    asked = {
        "org": org,
        "service": service,
        "ids": ids,
        "id": ids[0],
        "period": TimestamptzRange(now, now + timedelta(days=14)),
    }
    connection.execute(RULES)
    connection.execute(
        "create temporary table slots as select r.n, o as during "
        + EXPAND.format("'[2026-06-01,2027-06-01)'")
    )
    connection.execute("create index on slots using gist (during)")
    connection.execute("analyze rules, slots")
    for name, query in MEASURED:
        took = []
        for _ in range(ROUNDS):
            began = perf_counter()
            connection.execute(query, asked).fetchall()
            took.append((perf_counter() - began) * 1000)
        yield name, median(took), quantiles(took, n=20)[-1]


def main() -> None:
    """Print each figure beside the yardstick."""
    with psycopg.connect(sys.argv[1]) as connection:
        yardstick = None
        for name, middle, worst in measure(connection):
            yardstick = yardstick or middle
            print(f"{name:50} {middle:8.2f} ms, p95 {worst:8.2f} ms, {middle / yardstick:6.1f} × rows")
        connection.rollback()


if __name__ == "__main__":
    main()

"""How well durations and first-time fixes are learned: a history made up from a known truth, and the truth beside it.

    python -m bench.learning [visits] [seed]

Errors of the typical duration of a technician at a service, in percent, by how many visits of theirs were seen: of the
standard duration, of the plain (geometric) mean of those visits (the standard one where there are none), and of the
estimate. Then how many of a hundred visits to come were over within the estimated minutes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql
from psycopg.conninfo import make_conninfo
from rich.console import Console
from rich.table import Table

NOW = datetime(2027, 3, 1, tzinfo=UTC)
CATEGORIES = ("hvac", "plumbing", "electrical", "automotive", "general")
BINS = ((0, 0), (1, 3), (4, 10), (11, 30), (31, 10**6))
PERCENTILES = (50, 70, 90)
TO_COME = 40  # visits to come of every technician and service, to see what the minutes are worth
PERFORMANCE = """
select
    t.id as technician_id, s.id as service_id, (e.expected).p50_minutes, (e.expected).p70_minutes,
    (e.expected).p90_minutes, (e.expected).first_time_fix
from public.technician_profiles as t
inner join public.services as s on s.org_id = t.org_id
cross join lateral (select private.expected_work(t.org_id, s.id, t.id) as expected) as e
where t.org_id = %s
"""


@dataclass(frozen=True)
class Truth:
    """What really is: rows are technicians, columns services; `typical` in minutes, the median."""

    technicians: tuple[UUID, ...]
    services: tuple[UUID, ...]
    standard: NDArray[np.float64]
    typical: NDArray[np.float64]
    spread: NDArray[np.float64]
    fixes: NDArray[np.float64]


@dataclass(frozen=True)
class History:
    """What was seen: of each visit technician, service, minutes, and whether it was done at once."""

    technician: NDArray[np.int64]
    service: NDArray[np.int64]
    minutes: NDArray[np.float64]
    fixed: NDArray[np.bool_]

    def seen(self, shape: tuple[int, int]) -> NDArray[np.int64]:
        """Return how many visits there were of each technician at each service."""
        counts = np.zeros(shape, np.int64)
        np.add.at(counts, (self.technician, self.service), 1)
        return counts

    def mean(self, shape: tuple[int, int], values: NDArray[Any]) -> NDArray[np.float64]:
        """Return the plain means of those visits, NaN where there are none."""
        sums = np.zeros(shape)
        np.add.at(sums, (self.technician, self.service), values)
        with np.errstate(invalid="ignore"):
            return np.asarray(sums / self.seen(shape))


def made_up(
    seed: int, *, visits: int = 4000, technicians: int = 25, services: int = 30
) -> tuple[Truth, History]:
    """Draw a company: some services are common, most are rare, and not everybody does everything."""
    rng = np.random.default_rng(seed)
    standard = rng.choice([30, 45, 60, 90, 120, 180], services).astype(np.float64)
    category = np.arange(services) % len(CATEGORIES)
    log = (
        0.1
        + rng.normal(0, 0.12, len(CATEGORIES))[category]
        + rng.normal(0, 0.22, services)
        + rng.normal(0, 0.15, technicians)[:, None]
        + rng.normal(0, 0.08, (technicians, services))
    )
    logit = (
        1.6
        + rng.normal(0, 0.5, services)
        + rng.normal(0, 0.4, technicians)[:, None]
        + rng.normal(0, 0.2, (technicians, services))
    )
    truth = Truth(
        tuple(UUID(bytes=rng.bytes(16), version=4) for _ in range(technicians)),
        tuple(UUID(bytes=rng.bytes(16), version=4) for _ in range(services)),
        standard,
        standard * np.exp(log),
        rng.uniform(0.2, 0.45, services),
        1 / (1 + np.exp(-logit)),
    )
    often = (1 / np.arange(1, services + 1)) * (rng.random((technicians, services)) < 0.6)
    often *= rng.gamma(1.5, 1.0, technicians)[:, None]
    chosen = rng.choice(often.size, visits, p=(often / often.sum()).ravel())
    who, what = np.unravel_index(chosen, often.shape)
    minutes = truth.typical[who, what] * np.exp(rng.normal(0, truth.spread[what]))
    return truth, History(who, what, minutes, rng.random(visits) < truth.fixes[who, what])


def write(connection: psycopg.Connection[Any], truth: Truth, history: History) -> UUID:
    """Insert the company with its history, past triggers and checks; return its id. Needs a superuser."""
    org = uuid4()
    connection.execute("set session_replication_role = replica")
    connection.execute(
        "insert into public.orgs (id, name, slug, durations_from_history) values (%s, 'Learning', %s, true)",
        (org, f"learning-{org}"),
    )
    _many(
        connection,
        "insert into public.technician_profiles (org_id, id, display_name, time_zone) values (%s, %s, %s, 'UTC')",
        ((org, one, f"Technician {i}") for i, one in enumerate(truth.technicians)),
    )
    _many(
        connection,
        "insert into public.services (org_id, id, code, name, category, standard_duration_minutes)"
        " values (%s, %s, %s, %s, %s, %s)",
        (
            (
                org,
                one,
                f"service_{i}",
                f"Service {i}",
                CATEGORIES[i % len(CATEGORIES)],
                int(truth.standard[i]),
            )
            for i, one in enumerate(truth.services)
        ),
    )
    jobs, visits, assignments = [], [], []
    for i, (who, what, minutes, fixed) in enumerate(
        zip(history.technician, history.service, history.minutes, history.fixed, strict=True)
    ):
        job, visit, begins = uuid4(), uuid4(), NOW - timedelta(minutes=30 * (i + 1))
        ends = begins + timedelta(minutes=float(minutes))
        jobs.append((org, job, f"TASK-{i}", truth.services[what]))
        visits.append((org, visit, f"EVT-{i}", job, 1, begins, ends, "completed"))
        if not fixed:
            visits.append((org, uuid4(), f"EVT-{i}-2", job, 2, NOW, NOW + timedelta(hours=1), "scheduled"))
        assignments.append((org, job, visit, truth.technicians[who], begins, ends, begins, ends))
    _many(
        connection,
        "insert into public.dispatch_jobs (org_id, id, number, service_id, title, status, estimated_duration_minutes,"
        " required_crew_size, contact_phone) values (%s, %s, %s, %s, 'Work', 'completed', 60, 1, '+16085550100')",
        jobs,
    )
    _many(
        connection,
        "insert into public.appointments (org_id, id, number, dispatch_job_id, visit_number, starts_at, ends_at,"
        " status) values (%s, %s, %s, %s, %s, %s, %s, %s)",
        visits,
    )
    _many(
        connection,
        "insert into public.job_assignments (org_id, dispatch_job_id, appointment_id, technician_id,"
        " scheduled_start_at, scheduled_end_at, actual_start_at, actual_end_at, status)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s, 'completed')",
        assignments,
    )
    connection.execute("set session_replication_role = origin")
    return org


def _many(connection: psycopg.Connection[Any], statement: Any, rows: Iterable[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(statement, list(rows))


@dataclass(frozen=True)
class Score:
    """Errors by how much was seen: of the standard duration, the plain mean and the estimate, and more."""

    seen: tuple[int, int]
    cells: int
    standard: float
    plain: float
    estimate: float
    within: dict[int, float]
    fix_plain: float
    fix_estimate: float


def back_test(connection: psycopg.Connection[Any], org: UUID, truth: Truth, history: History) -> list[Score]:
    """Learn from the history and compare with the truth, in bins of how much was seen."""
    connection.execute("select private.refresh_performance(%s, %s)", (org, NOW))
    shape = truth.typical.shape
    row = {one: i for i, one in enumerate(truth.technicians)}
    column = {one: i for i, one in enumerate(truth.services)}
    minutes = {percent: np.zeros(shape) for percent in PERCENTILES}
    fixes = np.zeros(shape)
    with connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        for found in cursor.execute(PERFORMANCE, (org,)):
            where = row[found["technician_id"]], column[found["service_id"]]
            for percent in PERCENTILES:
                minutes[percent][where] = found[f"p{percent}_minutes"]
            fixes[where] = found["first_time_fix"]
    rng = np.random.default_rng(0)
    to_come = truth.typical[..., None] * np.exp(
        rng.normal(0, 1, (*shape, TO_COME)) * truth.spread[None, :, None]
    )
    plain = np.exp(history.mean(shape, np.log(history.minutes)))
    plain = np.where(np.isnan(plain), truth.standard, plain)
    plain_fix = history.mean(shape, history.fixed)
    plain_fix = np.where(np.isnan(plain_fix), history.fixed.mean(), plain_fix)
    seen = history.seen(shape)

    def off(found: NDArray[np.float64], within: NDArray[np.bool_]) -> float:
        return float(100 * np.mean(np.abs(np.log(found / truth.typical))[within]))

    scores = []
    for least, most in BINS:
        here = (seen >= least) & (seen <= most)
        if not here.any():
            continue
        scores.append(
            Score(
                (least, most),
                int(here.sum()),
                off(np.broadcast_to(truth.standard, shape), here),
                off(plain, here),
                off(minutes[50], here),
                {
                    percent: float(100 * np.mean((to_come <= minutes[percent][..., None])[here]))
                    for percent in PERCENTILES
                },
                float(100 * np.mean(np.abs(plain_fix - truth.fixes)[here])),
                float(100 * np.mean(np.abs(fixes - truth.fixes)[here])),
            )
        )
    return scores


def _told(scores: list[Score]) -> Table:
    table = Table("visits seen", "cells", "standard %", "plain mean %", "estimate %")
    for percent in PERCENTILES:
        table.add_column(f"over within p{percent}")
    table.add_column("fix: plain, points")
    table.add_column("fix: estimate")
    number: Callable[[float], str] = "{:.1f}".format
    for one in scores:
        least, most = one.seen
        table.add_row(
            f"{least}" if least == most else f"{least}+" if most > 1000 else f"{least}-{most}",
            str(one.cells),
            *map(number, (one.standard, one.plain, one.estimate)),
            *(number(one.within[percent]) for percent in PERCENTILES),
            *map(number, (one.fix_plain, one.fix_estimate)),
        )
    return table


def main() -> None:
    """Make a history up, learn from it, and print how far off that is."""
    from truckroll_local import manifest, scratch  # noqa: PLC0415 - the test brings a database of its own

    visits, seed = (int(one) for one in [*sys.argv[1:], "4000", "1"][:2])
    name = f"learning_{uuid4().hex}"
    with scratch.server() as server, psycopg.connect(server, autocommit=True) as owner:
        owner.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        try:
            with psycopg.connect(make_conninfo(server, dbname=name), autocommit=True) as connection:
                manifest.apply(connection, [manifest.BOOTSTRAP, *manifest.schema_files()])
                truth, history = made_up(seed, visits=visits)
                org = write(connection, truth, history)
                began = perf_counter()
                connection.execute("select private.refresh_performance(%s, %s)", (org, NOW))
                took = perf_counter() - began
                console = Console(width=120)
                console.print(_told(back_test(connection, org, truth, history)))
                console.print(f"{visits} visits learned from in {took:.2f} s")
        finally:
            owner.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


if __name__ == "__main__":
    main()

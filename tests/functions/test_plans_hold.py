"""Whatever the company is like, the judge accepts the engine's first plan, and it applies (OPT-4, OPT-5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest

from support import sql
from support.anywhere import Anywhere
from support.effort import count
from support.factory import CITY, MONDAY, Company
from support.functions import QUICK
from support.noon import zone_at_noon
from support.sql import Connect, Row
from truckroll.auth import SERVICE
from truckroll.database import Database
from truckroll.planning.lease import Lease
from truckroll.planning.planner import plan


def placed(db: psycopg.Connection[Any]) -> dict[UUID, Row]:
    return {row["id"]: row for row in sql.rows(db, "select * from public.job_assignments")}


@pytest.mark.parametrize("seed", range(count(8, 50)))
def test_the_judge_accepts_the_first_plan(fresh_database: str, connect: Connect, seed: int) -> None:
    company = Company(connect(fresh_database, autocommit=True))
    day = Anywhere(company, seed, joint=True)
    before = placed(company.db)
    database = Database(fresh_database)
    strategy = ["time_minimization", "distance_minimization", "priority_first", "balanced"][seed % 4]
    company.add("optimization_runs", kind="optimize_all", starts_on=MONDAY.date(), strategy=strategy, **QUICK)
    lease = Lease.claim(database, "worker")
    assert lease is not None
    outcome = plan(lease, lambda: MONDAY - timedelta(days=30))
    assert outcome.refusals == 0, "the engine and the judge disagree"
    run = sql.one(company.db, "select * from public.optimization_runs")
    assert run["status"] == "proposed"
    with database.acting_as(SERVICE) as connection:
        connection.execute("select public.apply_plan(%s, %s)", (run["id"], run["base_revision"]))
    database.close()

    after = placed(company.db)
    assert len(after) > len(before) or seed >= 8, "only among many days are some full already"
    assert before.keys() <= after.keys()
    for identifier, was in before.items():
        if was["is_locked"]:
            assert after[identifier]["scheduled_start_at"] == was["scheduled_start_at"]
            assert after[identifier]["technician_id"] == was["technician_id"]
        # Of a composite visit the customer was told when the first part starts.
        start = after[identifier]["scheduled_start_at"]
        assert was["segment_id"] or was["arrival_window_start"] <= start <= was["arrival_window_end"]
    jobs = sql.value(company.db, "select count(*) from public.dispatch_jobs")
    unserved = sql.value(company.db, "select count(*) from public.unserved_jobs")
    waiting = sql.value(company.db, "select count(*) from public.dispatch_jobs where status = 'unscheduled'")
    assert unserved == waiting == jobs - len({row["dispatch_job_id"] for row in after.values()})
    assert len(day.technicians) >= 2


def test_a_day_under_way_is_planned_from_now_on(fresh_database: str, connect: Connect) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    company = Company(connect(fresh_database, autocommit=True), time_zone=zone_at_noon())
    technician = company.technician(shift=None)
    company.add(
        "technician_shifts",
        technician_id=technician["id"],
        starts_at=now - timedelta(hours=3),
        ends_at=now + timedelta(hours=5),
    )
    site = company.site(company.customer(), latitude=CITY[0], longitude=CITY[1])
    done, under_way, soon, later = (company.job(site) for _ in range(4))
    visits = {
        "done": company.visit(done, technician, starts_at=now - timedelta(hours=2)),
        "under_way": company.visit(under_way, technician, starts_at=now - timedelta(minutes=30)),
        "soon": company.visit(soon, technician, starts_at=now + timedelta(minutes=31)),
        "later": company.visit(later, technician, starts_at=now + timedelta(hours=3)),
    }
    statuses = {"done": ["en_route", "on_site", "completed"], "under_way": ["en_route", "on_site"]}
    for name, steps in statuses.items():
        for status in steps:
            company.db.execute(
                "update public.job_assignments set status = %s where appointment_id = %s",
                (status, visits[name]["id"]),
            )
    new = company.job(site)
    before = placed(company.db)
    company.add(
        "optimization_runs",
        kind="optimize_all",
        starts_on=now.astimezone(ZoneInfo(company.row["time_zone"])).date(),
        time_limit_s=10,
        iteration_limit=300,
        mode="commit",
    )
    database = Database(fresh_database)
    lease = Lease.claim(database, "worker")
    assert lease is not None
    assert plan(lease, lambda: datetime.now(UTC)).refusals == 0
    database.close()
    after = {row["dispatch_job_id"]: row for row in placed(company.db).values()}
    for job in (done, under_way):
        was = next(row for row in before.values() if row["dispatch_job_id"] == job["id"])
        assert after[job["id"]]["scheduled_start_at"] == was["scheduled_start_at"]
        assert after[job["id"]]["status"] == was["status"]
    assert after[new["id"]]["scheduled_start_at"] >= now + timedelta(minutes=2)
    for job in (soon, later, new):
        assert after[job["id"]]["scheduled_start_at"] >= now + timedelta(minutes=2)

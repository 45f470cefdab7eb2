"""What is said of a plan is true: every visit feasible, every reason and every relaxation confirmed (OPT-12)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support import sql
from support.anywhere import Anywhere
from support.effort import count
from support.factory import MONDAY, Company
from support.plan_trials import Trial, judged, objections, plan_day, possible_starts, relaxed
from support.sql import Connect
from truckroll.database import Database
from truckroll.engine.model import Strategy
from truckroll.planning.lease import Lease

STRATEGIES: tuple[Strategy, ...] = (
    "time_minimization",
    "distance_minimization",
    "priority_first",
    "balanced",
)
DAYS = range(100, 100 + count(1, 50))
IMPOSSIBLE = frozenset(
    {"capacity", "locked", "no_time_in_window", "shift_too_short", "unreachable", "outside_shift"}
)
UNFIT = frozenset({"skill_missing", "skill_level", "certification_expired", "out_of_zone"})


def day_of(fresh_database: str, company: Company, seed: int) -> Trial:
    """Plan a day drawn at random."""
    Anywhere(company, seed)
    company.add("optimization_runs", kind="optimize_all", starts_on=MONDAY.date())
    database = Database(fresh_database)
    lease = Lease.claim(database, "worker")
    assert lease is not None
    trial = plan_day(company, lease, STRATEGIES[seed % 4], 300)
    database.close()
    return trial


@pytest.mark.parametrize("seed", DAYS)
def test_what_is_said_of_a_plan_is_true(
    fresh_database: str, connect: Connect, seed: int, record_property: Callable[[str, object], None]
) -> None:
    company = Company(connect(fresh_database, autocommit=True))
    trial = day_of(fresh_database, company, seed)
    db = company.db
    before = objections(company)
    jobs = {job.job_id: job for job in trial.left}
    with db.transaction(force_rollback=True):
        assert judged(trial, trial.routes) == []
    tried = 0
    for job_id, ways in trial.ways.items():
        for way in ways.tried:
            assert relaxed(trial, jobs[job_id], way) == [], (way.kind, way.amount_s, trial.unserved[job_id])
            tried += 1

    judged(trial, trial.routes)
    db.execute(
        "update public.optimization_runs set expires_at = now() + interval '1 hour' where id = %s",
        (trial.run["id"],),
    )
    sql.value(db, "select public.apply_plan(%s, %s)", (trial.run["id"], trial.snapshot.base_revision))
    # A plan makes nothing wrong that was right, with what it keeps neither.
    assert objections(company) <= before
    for job_id, document in trial.unserved.items():
        reason = document["reason"]
        found = list(possible_starts(company, job_id))
        if reason in IMPOSSIBLE | UNFIT:
            assert found == [], (document, found[:3])
        elif reason == "not_worth_the_travel":
            assert "as_it_is" in {way["kind"] for way in document["detail"]["relaxations"]}
    record_property("visits", sum(len(route.stops) for route in trial.routes))
    record_property("left_out", len(trial.unserved))
    record_property("relaxations", tried)

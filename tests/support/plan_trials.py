"""Plans and what is said of them, put to the test: the judge asked, the change really made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from support import sql
from support.booking import at
from support.driven import Held, Roads
from support.factory import MONDAY, Company
from support.sql import Row
from truckroll.engine import Route, solve
from truckroll.engine.model import Strategy
from truckroll.engine.relax import Relaxation
from truckroll.planning.explain import placed_json
from truckroll.planning.fitness import Fitness, read_fitness
from truckroll.planning.lease import Lease
from truckroll.planning.problem import Model, model_of, settled
from truckroll.planning.proposal import routes_json
from truckroll.planning.reading import read_snapshot
from truckroll.planning.relaxation import Planned, Ways, triable, ways_to_serve
from truckroll.planning.snapshot import Claim, Snapshot, WaitingJob
from truckroll.planning.unserved import unserved_json

STEP = timedelta(minutes=30)
ROUNDING = timedelta(minutes=10)  # plans drive whole minutes a leg, the judge seconds


@dataclass(frozen=True)
class Trial:
    """A day planned by steps, not by the clock, and everything that is said of the plan."""

    company: Company
    run: Mapping[str, Any]
    worker: str
    snapshot: Snapshot
    model: Model
    routes: tuple[Route, ...]
    left: tuple[WaitingJob, ...]
    fitness: Fitness
    unserved: Mapping[UUID, dict[str, Any]]
    why: Mapping[int, dict[str, Any]]
    ways: Mapping[UUID, Ways]


def plan_day(company: Company, lease: Lease, strategy: Strategy, steps: int) -> Trial:
    """Plan the run's day the way a worker does."""
    connection = lease_connection(company)
    not_before = MONDAY - timedelta(days=30)
    snapshot = read_snapshot(connection, lease.run, not_before)
    pinned: frozenset[UUID] = frozenset()
    while True:
        model = model_of(snapshot, strategy, pinned=pinned)
        solution = solve(model.problem, seed=1, time_limit_s=60.0, iterations=steps)
        model, solution = settled(model, snapshot, solution)
        left = [model.sources[one.visit] for one in solution.unserved]
        dropped = {one.assignment_id for one in left if isinstance(one, Claim) and one.assignment_id}
        if not dropped:
            break
        pinned |= dropped
    fitness = read_fitness(connection, snapshot, model)
    planned = Planned(snapshot, model, solution.routes, fitness)
    documents = unserved_json(connection, planned, solution.unserved)
    jobs = [job for job, _ in model.outside] + [one for one in left if isinstance(one, WaitingJob)]
    return Trial(
        company,
        lease.run,
        lease.worker,
        snapshot,
        model,
        solution.routes,
        tuple(jobs),
        fitness,
        {UUID(one["job_id"]): one for one in documents},
        placed_json(snapshot, model, solution.routes, fitness),
        ways_to_serve(connection, planned, jobs),
    )


def lease_connection(company: Company) -> psycopg.Connection[dict[str, Any]]:
    """Return the company's connection with rows as the planner reads them."""
    connection: psycopg.Connection[Any] = company.db
    connection.row_factory = psycopg.rows.dict_row
    return connection


def judged(trial: Trial, routes: Sequence[Route], extra: Sequence[WaitingJob] = ()) -> list[dict[str, Any]]:
    """Write these routes as the run's proposal and return what the judge has against it."""
    model = replace(trial.model, sources=(*trial.model.sources, *extra))
    document = {
        "base_revision": trial.snapshot.base_revision,
        "expires_at": (MONDAY + timedelta(hours=1)).isoformat(),
        "objective": 0.0,
        "iterations": 0,
        "metrics_before": {},
        "metrics_after": {},
        "routes": routes_json(trial.snapshot, model, routes, trial.why, {}),
        "unserved": [],
    }
    trial.company.db.execute(
        "select private.write_proposal(%s, %s, %s)", (trial.run["id"], trial.worker, Jsonb(document))
    )
    found: list[dict[str, Any]] = sql.value(
        trial.company.db, "select private.judge_plan(%s)", (trial.run["id"],)
    )
    return found


def relaxed(trial: Trial, job: WaitingJob, way: Relaxation) -> list[dict[str, Any]]:
    """Make the change a relaxation names in the database, and judge the plan that then serves the job."""
    extra = triable(trial.left)
    if way.kind == "shorter":
        short = replace(job, service_s=job.service_s - way.amount_s)
        extra = [short if one.job_id == job.job_id else one for one in extra]
    routes = [way.route if route.shift == way.shift else route for route in trial.routes]
    with trial.company.db.transaction(force_rollback=True):
        _change(trial, job, way)
        return judged(trial, routes, extra)


def _change(trial: Trial, job: WaitingJob, way: Relaxation) -> None:
    company, stretch = trial.company, trial.snapshot.stretches[way.shift]
    db = company.db
    if way.kind in {"start_later", "start_earlier"}:
        db.execute("delete from public.job_time_windows where dispatch_job_id = %s", (job.job_id,))
        db.execute(
            "update public.dispatch_jobs set sla_start_at = null, sla_end_at = null where id = %s",
            (job.job_id,),
        )
    elif way.kind == "shorter":
        db.execute(
            "update public.dispatch_jobs set estimated_duration_minutes = estimated_duration_minutes - %s "
            "where id = %s",
            (way.amount_s // 60, job.job_id),
        )
    elif way.kind in {"shift_ends_later", "shift_starts_earlier"}:
        later = way.kind == "shift_ends_later"
        edge = stretch.ends_s if later else stretch.starts_s
        start, end = sorted((edge, edge + way.amount_s * (1 if later else -1)))
        company.add(
            "technician_shifts",
            technician_id=stretch.technician_id,
            starts_at=datetime.fromtimestamp(start, MONDAY.tzinfo),
            ends_at=datetime.fromtimestamp(end, MONDAY.tzinfo),
            time_zone="UTC",
            shift_type="overtime",
        )
    elif way.kind == "work_limit":
        db.execute(
            "update public.technician_profiles set max_daily_work_minutes = max_daily_work_minutes + %s where id = %s",
            (way.amount_s // 60, stretch.technician_id),
        )
    elif way.kind == "rule":
        _bend(trial, stretch.technician_id, way.rule)
    elif way.kind == "drop":
        pass  # the route leaves them out


def _bend(trial: Trial, technician: UUID, rule: str) -> None:
    db = trial.company.db
    if rule == "out_of_zone":
        db.execute("delete from public.technician_service_zones where technician_id = %s", (technician,))
        db.execute(
            "update public.technician_profiles set default_service_zone_id = null where id = %s",
            (technician,),
        )
        return
    db.execute("delete from public.technician_skills where technician_id = %s", (technician,))
    db.execute(
        """
        insert into public.technician_skills (org_id, technician_id, skill_code, level)
        select k.org_id, %s, k.code, 5 from public.skills as k where k.org_id = %s
        """,
        (technician, trial.company.id),
    )


def possible_starts(company: Company, job: UUID) -> Iterator[Row]:
    """Try every technician at every half hour of MONDAY's shifts; return what the judge lets pass.

    With some minutes to spare, since plans round driving up. Of who may have several visits at once or
    has time off, only what can be driven: there a plan is stricter than the judge.
    """
    roads = Roads(company)
    for row in sql.rows(
        company.db,
        """
        select t.id as technician_id, start.at, placed.latitude, placed.longitude, lower(placed.claim) as begins,
            upper(placed.claim) as ends, t.max_concurrent_jobs > 1 or exists (
                select from public.technician_time_off as f where f.technician_id = t.id and f.minutes is null
            ) as is_driven
        from public.dispatch_jobs as j
        inner join public.technician_profiles as t on t.org_id = j.org_id and t.is_active
        cross join generate_series(%s::timestamptz, %s::timestamptz, %s) as start (at)
        cross join lateral private.place(
            private.work_of_job(j.id), array[t.id], start.at,
            start.at + make_interval(mins => (private.work_of_job(j.id)).duration_minutes) + %s, null, null, null
        ) as placed
        where
            j.id = %s
            -- A wanted window binds a plan, though it only warns who books by hand.
            and not exists (
                select from private.judge(placed) as c where c.severity <> 'soft' or c.code = 'customer_window'
            )
        """,
        (at(5), at(19), STEP, ROUNDING, job),
    ):
        place = row["latitude"], row["longitude"]
        visit = Held(row["begins"].timestamp(), row["ends"].timestamp(), place)
        if not row["is_driven"] or roads.takes(row["technician_id"], visit):
            yield row


def objections(company: Company) -> set[tuple[UUID, str, str]]:
    """Return each booked visit with what the judge has against it, code and data, warnings aside."""
    rows = sql.rows(
        company.db,
        """
        select a.id, c.code, c.data::text as data
        from public.appointments as a
        inner join public.job_assignments as x on a.id = x.appointment_id
        cross join lateral public.check_placement(
            a.dispatch_job_id, array[x.technician_id], a.starts_at, a.ends_at, null, a.id
        ) as c
        where a.org_id = %s and a.status <> 'canceled' and c.severity <> 'soft'
        """,
        (company.id,),
    )
    return {(row["id"], row["code"], row["data"]) for row in rows}

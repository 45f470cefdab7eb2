"""What would serve a job that was left out: tried by the engine, put to the judge, told to a dispatcher (OPT-12)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any
from uuid import UUID

from truckroll.database import Connection
from truckroll.engine import Route, Visit
from truckroll.engine.relax import Relaxation, Verdict, Wish, relaxations
from truckroll.engine.unserved import never
from truckroll.planning.another_day import PRICE_OF_ANOTHER_DAY_S, another_day
from truckroll.planning.fitness import Fitness
from truckroll.planning.judged import instant, judged
from truckroll.planning.problem import Model, familiar_shifts, needs_of
from truckroll.planning.snapshot import Snapshot, WaitingJob

# Seconds of driving a dispatcher would rather accept than break the rule. What is told first is the cheapest.
PRICE_OF_A_RULE = {
    "out_of_zone": 1800.0,
    "skill_level": 3600.0,
    "certification_expired": 7200.0,
    "skill_missing": 14400.0,
}
MARGIN = timedelta(hours=3)  # the most a shift is made longer at one end
LOOKED_FOR = 10  # jobs for which the days after are searched; slot search takes up to 0.1 s each
NEVER_S = 2**31  # seconds since 1970, beyond every plan
UNTRIED = frozenset(
    {"needs_crew", "composite", "needs_bay", "needs_mobile_unit", "location_missing", "location_not_found"}
)


@dataclass(frozen=True)
class Ways:
    """What would serve one job, cheapest first, and who is kept from it by what.

    Where it is not known, there was no time to look into it.
    """

    relaxations: tuple[dict[str, Any], ...] = ()
    obstacles: tuple[dict[str, Any], ...] = ()
    tried: tuple[Relaxation, ...] = ()
    is_known: bool = True


@dataclass(frozen=True)
class Planned:
    """A plan to try on: what it was made from, its routes, and who may do what."""

    snapshot: Snapshot
    model: Model
    routes: Sequence[Route]
    fitness: Fitness


def ways_to_serve(
    connection: Connection, planned: Planned, jobs: Sequence[WaitingJob], *, within_s: float | None = None
) -> dict[UUID, Ways]:
    """Return for each job what would serve it beside the plan's routes, each way verified.

    After `within_s` seconds of looking for the ways, those of jobs that matter less stay unknown.
    """
    snapshot, fitness = planned.snapshot, planned.fitness
    able = triable(jobs)
    verdicts = _tried(connection, planned, able, within_s)
    unknown = {job.job_id for job in able} if verdicts else set()
    told = judged(connection, snapshot, planned.model, able, verdicts)
    waiting = [job for job in jobs if not _has_cheap(told.get(job.job_id))]
    heaviest = sorted(waiting, key=lambda job: (-job.weight, job.job_id))[:LOOKED_FOR]
    later = {job.job_id: another_day(connection, snapshot, job, fitness) for job in heaviest}
    ways: dict[UUID, Ways] = {}
    at_work = {stretch.technician_id for stretch in snapshot.stretches}
    for job in jobs:
        obstacles = fitness.obstacles(job.requirement, at_work)
        documents, found = told.get(job.job_id, ([], ()))
        documents = [*documents, *later.get(job.job_id, [])]
        if job.job_id in verdicts:
            verdict = verdicts[job.job_id]
            obstacles += [
                fitness.told(code, (snapshot.stretches[v].technician_id for v in shifts))
                for code, shifts in (("no_time", verdict.no_time), ("full", verdict.full))
                if shifts
            ]
        documents.sort(key=lambda one: float(one["cost_s"]))
        is_known = job.job_id in verdicts or job.job_id not in unknown
        ways[job.job_id] = Ways(tuple(documents), tuple(obstacles), found, is_known)
    return ways


def _has_cheap(told: tuple[list[dict[str, Any]], tuple[Relaxation, ...]] | None) -> bool:
    """Tell whether something less than another day would serve the job."""
    return told is not None and min(float(one["cost_s"]) for one in told[0]) < PRICE_OF_ANOTHER_DAY_S


def triable(jobs: Iterable[WaitingJob]) -> list[WaitingJob]:
    """Return the jobs the engine can try: in routes, the n-th is the n-th visit behind the problem's own."""
    alone = [job for job in jobs if not job.is_joint]
    return [job for job in alone if job.obstacle not in UNTRIED and job.place is not None]


def _tried(
    connection: Connection, planned: Planned, jobs: Sequence[WaitingJob], within_s: float | None
) -> dict[UUID, Verdict]:
    snapshot, fitness = planned.snapshot, planned.fitness
    if not jobs or not snapshot.stretches:
        return {}
    wanted = _after_planned(planned, _wanted(connection, jobs))
    row = {place: i for i, place in enumerate(snapshot.places)}
    of_technician: dict[UUID, list[int]] = {}
    for v, stretch in enumerate(snapshot.stretches):
        of_technician.setdefault(stretch.technician_id, []).append(v)

    def shifts(technicians: Iterable[UUID]) -> tuple[int, ...]:
        return tuple(sorted(v for one in technicians for v in of_technician.get(one, ())))

    def able(job: WaitingJob) -> tuple[int, ...]:
        """Return the shifts that may serve a job; a certificate may end between two of the days."""
        anyway = fitness.able.get(job.requirement, frozenset())
        return tuple(
            v
            for v, stretch in enumerate(snapshot.stretches)
            if stretch.technician_id in snapshot.able.get((job.requirement, stretch.date), anyway)
        )

    wishes = [
        Wish(
            Visit(
                id=str(job.job_id),
                place=row[job.place],
                duration=job.before_s + job.service_s + job.after_s,
                windows=wanted[job.job_id],
                weight=job.weight,
                priority=job.priority,
                eligible=able(job),
                paced=job.service_s if job.own_pace else 0,
                familiar=familiar_shifts(snapshot, job),
                tools=needs_of(snapshot, job.job_id).tools,
                parts=needs_of(snapshot, job.job_id).parts,
            ),
            wanted[job.job_id],
            {
                rule: shifts(who)
                for rule, who in fitness.but_for.get(job.requirement, {}).items()
                if rule in PRICE_OF_A_RULE
            },
            PRICE_OF_A_RULE,
        )
        for job in jobs
    ]
    until = None if within_s is None else monotonic() + within_s
    found = relaxations(
        planned.model.problem,
        planned.routes,
        wishes,
        earliest=snapshot.not_before_s,
        stretch=_margins(connection, snapshot),
        is_over=never if until is None else lambda: monotonic() >= until,
    )
    return {job.job_id: verdict for job, verdict in zip(jobs, found, strict=True) if verdict is not None}


def _wanted(connection: Connection, jobs: Sequence[WaitingJob]) -> dict[UUID, tuple[tuple[int, int], ...]]:
    """Return when each job's claim should start, also where that is past."""
    rows = connection.execute(
        """
        select j.id, private.window_seconds(private.start_windows(
            j.id, null, '-infinity', make_interval(mins => j.estimated_duration_minutes)
        )) as windows
        from public.dispatch_jobs as j where j.id = any(%s)
        """,
        ([job.job_id for job in jobs],),
    )
    before = {job.job_id: job.before_s for job in jobs}
    return {
        row["id"]: tuple(
            (max(0, start - before[row["id"]]), end - before[row["id"]])
            for start, end in zip(row["windows"][::2], row["windows"][1::2], strict=True)
        )
        # Its windows and its SLA exclude each other: no time is the right one.
        or ((NEVER_S, NEVER_S),)
        for row in rows
    }


def _after_planned(
    planned: Planned, wanted: Mapping[UUID, tuple[tuple[int, int], ...]]
) -> dict[UUID, tuple[tuple[int, int], ...]]:
    """Return the windows behind the visits the plan has for the same job."""
    over: dict[UUID | None, int] = {}
    for route in planned.routes:
        for stop in route.stops:
            job = planned.model.sources[stop.visit].job_id
            over[job] = max(over.get(job, 0), stop.ends)
    return {
        job: tuple(
            (max(start, over.get(job, start)), end) for start, end in windows if end >= over.get(job, end)
        )
        or ((NEVER_S, NEVER_S),)
        for job, windows in wanted.items()
    }


def _margins(connection: Connection, snapshot: Snapshot) -> list[tuple[int, int]]:
    """Return for each stretch the seconds it could begin earlier and end later."""
    rows = connection.execute(
        """
        select m.before_s, m.after_s
        from public.technician_profiles as t
        cross join private.shift_margins(t.org_id, %s, %s, %s, %s) as m
        where t.id = %s
        """,
        (
            [one.technician_id for one in snapshot.stretches],
            [instant(one.starts_s) for one in snapshot.stretches],
            [instant(one.ends_s) for one in snapshot.stretches],
            MARGIN,
            snapshot.stretches[0].technician_id,
        ),
    )
    return [(row["before_s"], row["after_s"]) for row in rows]

"""What would serve a job that was left out: tried by the engine, put to the judge, told to a dispatcher (OPT-12)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from truckroll.database import Connection
from truckroll.engine import Route, Visit
from truckroll.engine.relax import Relaxation, Verdict, Wish, relaxations
from truckroll.planning.another_day import PRICE_OF_ANOTHER_DAY_S, another_day
from truckroll.planning.fitness import Fitness
from truckroll.planning.problem import Model, familiar_shifts, needs_of
from truckroll.planning.snapshot import Claim, Snapshot, WaitingJob

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
CONCERNS_TIME = frozenset({"customer_window", "sla_missed"})
UNTRIED = frozenset(
    {"needs_crew", "composite", "needs_bay", "needs_mobile_unit", "location_missing", "location_not_found"}
)
SENTENCES = {
    "as_it_is": "{who} could do it, {when}, for {driving} more minutes of driving.",
    "start_later": "If it may start {minutes} minutes later than wanted, {who} could do it, {when}.",
    "start_earlier": "If it may start {minutes} minutes earlier than wanted, {who} could do it, {when}.",
    "shorter": "If it took {minutes} minutes less, {who} could do it, {when}.",
    "shift_ends_later": "If {who} worked {minutes} minutes longer, {who} could do it, {when}.",
    "shift_starts_earlier": "If {who} began {minutes} minutes earlier, {who} could do it, {when}.",
    "work_limit": "If {who} may work {minutes} minutes beyond the daily limit, {who} could do it, {when}.",
    "rule": "{rule} With an override, {who} could do it, {when}.",
    "drop": "In place of {drops}, {who} could do it, {when}.",
}


@dataclass(frozen=True)
class Ways:
    """What would serve one job, cheapest first, and who is kept from it by what."""

    relaxations: tuple[dict[str, Any], ...] = ()
    obstacles: tuple[dict[str, Any], ...] = ()
    tried: tuple[Relaxation, ...] = ()


@dataclass(frozen=True)
class Planned:
    """A plan to try on: what it was made from, its routes, and who may do what."""

    snapshot: Snapshot
    model: Model
    routes: Sequence[Route]
    fitness: Fitness


def ways_to_serve(connection: Connection, planned: Planned, jobs: Sequence[WaitingJob]) -> dict[UUID, Ways]:
    """Return for each job what would serve it beside the plan's routes, each way verified."""
    snapshot, fitness = planned.snapshot, planned.fitness
    able = triable(jobs)
    verdicts = _tried(connection, planned, able)
    told = _judged(connection, planned, able, verdicts)
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
        ways[job.job_id] = Ways(tuple(documents), tuple(obstacles), found)
    return ways


def _has_cheap(told: tuple[list[dict[str, Any]], tuple[Relaxation, ...]] | None) -> bool:
    """Tell whether something less than another day would serve the job."""
    return told is not None and min(float(one["cost_s"]) for one in told[0]) < PRICE_OF_ANOTHER_DAY_S


def triable(jobs: Iterable[WaitingJob]) -> list[WaitingJob]:
    """Return the jobs the engine can try: in routes, the n-th is the n-th visit behind the problem's own."""
    alone = [job for job in jobs if not job.is_joint]
    return [job for job in alone if job.obstacle not in UNTRIED and job.place is not None]


def _tried(connection: Connection, planned: Planned, jobs: Sequence[WaitingJob]) -> dict[UUID, Verdict]:
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
    found = relaxations(
        planned.model.problem,
        planned.routes,
        wishes,
        earliest=snapshot.not_before_s,
        stretch=_margins(connection, snapshot),
    )
    return {job.job_id: verdict for job, verdict in zip(jobs, found, strict=True)}


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
            [_instant(one.starts_s) for one in snapshot.stretches],
            [_instant(one.ends_s) for one in snapshot.stretches],
            MARGIN,
            snapshot.stretches[0].technician_id,
        ),
    )
    return [(row["before_s"], row["after_s"]) for row in rows]


def _judged(
    connection: Connection,
    planned: Planned,
    jobs: Sequence[WaitingJob],
    verdicts: Mapping[UUID, Verdict],
) -> dict[UUID, tuple[list[dict[str, Any]], tuple[Relaxation, ...]]]:
    """Keep what breaks no rule but the one it says, in a dispatcher's words."""
    snapshot = planned.snapshot
    tried = [(job, one) for job in jobs if job.job_id in verdicts for one in verdicts[job.job_id].relaxations]
    if not tried:
        return {}
    times = [_times(job, one) for job, one in tried]
    rows = connection.execute(
        "select turn, codes, messages, starts_local from private.rules_against(%s, %s, %s, %s) order by turn",
        (
            [job.job_id for job, _ in tried],
            [snapshot.stretches[one.shift].technician_id for _, one in tried],
            [starts for starts, _ in times],
            [ends for _, ends in times],
        ),
    ).fetchall()
    numbers = _numbers(connection, planned.model, (one for _, one in tried))
    found: dict[UUID, tuple[list[dict[str, Any]], tuple[Relaxation, ...]]] = {}
    for (job, one), (starts, ends), row in zip(tried, times, rows, strict=True):
        if not set(row["codes"]) <= _allowed(one):
            continue
        stretch = snapshot.stretches[one.shift]
        drops = [numbers[x] for x in one.dropped if x in numbers]
        minutes = -(-one.amount_s // 60)
        document = {
            "kind": one.kind,
            "minutes": minutes or None,
            "codes": row["codes"],
            "technician_id": str(stretch.technician_id),
            "technician": stretch.technician_name,
            "starts_at": starts.isoformat(),
            "ends_at": ends.isoformat(),
            "added_travel_minutes": round(one.added_travel_s / 60),
            "drops": drops or None,
            "cost_s": one.cost,
            "sentence": SENTENCES[one.kind].format(
                who=stretch.technician_name,
                when=row["starts_local"],
                minutes=minutes,
                driving=round(one.added_travel_s / 60),
                drops=", ".join(drops),
                rule=" ".join(row["messages"]),
            ),
        }
        documents, kept = found.get(job.job_id, ([], ()))
        documents.append({key: value for key, value in document.items() if value is not None})
        found[job.job_id] = documents, (*kept, one)
    return found


def _allowed(one: Relaxation) -> frozenset[str]:
    if one.kind in {"start_later", "start_earlier"}:
        return CONCERNS_TIME
    return frozenset({one.rule} if one.rule else ())


def _times(job: WaitingJob, one: Relaxation) -> tuple[datetime, datetime]:
    """Return when the work itself would start and end, buffers aside."""
    own = max(one.route.stops, key=lambda stop: stop.visit)  # named behind the problem's visits
    return _instant(own.starts + job.before_s), _instant(own.ends - job.after_s)


def _numbers(connection: Connection, model: Model, tried: Iterable[Relaxation]) -> dict[int, str]:
    """Return the numbers of jobs that would have to give way."""
    jobs: dict[int, UUID] = {}
    for one in tried:
        for x in one.dropped:
            source: Claim | WaitingJob = model.sources[x]
            if source.job_id is not None:
                jobs[x] = source.job_id
    rows = connection.execute(
        "select id, number from public.dispatch_jobs where id = any(%s)", (list(jobs.values()),)
    )
    numbers = {row["id"]: row["number"] for row in rows}
    return {x: numbers[job] for x, job in jobs.items()}


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)

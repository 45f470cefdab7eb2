"""Reads the days of a run from SQL, in one snapshot of the database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from truckroll.database import Connection
from truckroll.planning.snapshot import (
    Claim,
    Coordinates,
    Costs,
    Snapshot,
    ThingStretch,
    WaitingJob,
    WorkingStretch,
    WorkPart,
)
from truckroll.planning.van_stock import read_stock


def read_snapshot(connection: Connection, run: Mapping[str, Any], not_before: dt.datetime) -> Snapshot:
    """Read everything a plan needs; `run` is its row, and nothing is moved or planned to before `not_before`.

    What the run assumes is true while it is read. The transaction must be a snapshot, or the parts
    may contradict each other.
    """
    # Of the world as it is: applying compares it with that.
    row = connection.execute(
        """
        select private.schedule_revision(r.org_id, private.local_days(r.org_id, r.starts_on, r.days)) as revision
        from public.optimization_runs as r where r.id = %s
        """,
        (run["id"],),
    ).fetchone()
    assert row is not None  # noqa: S101 - the run was claimed a moment ago
    with assuming(connection, run):
        return _read(connection, run, not_before, row["revision"])


@contextmanager
def assuming(connection: Connection, run: Mapping[str, Any]) -> Iterator[None]:
    """Have what the run assumes be true for a while."""
    if not run["assumptions"]:
        yield
        return
    with connection.transaction(force_rollback=True):
        connection.execute(
            "select private.assume(r) from public.optimization_runs as r where r.id = %s", (run["id"],)
        )
        yield


def _read(connection: Connection, run: Mapping[str, Any], not_before: dt.datetime, revision: str) -> Snapshot:
    run_id = run["id"]
    stretches = tuple(_stretches(connection, run_id))
    technicians = tuple(
        row["id"]
        for row in connection.execute(
            """
            select t.id
            from public.technician_profiles as t
            inner join public.optimization_runs as r on t.org_id = r.org_id
            where r.id = %s and t.is_active and (r.technician_ids is null or t.id = any(r.technician_ids))
            order by t.id
            """,
            (run_id,),
        )
    )
    claims = tuple(_claims(connection, run_id, stretches, not_before))
    jobs = tuple(_jobs(connection, run_id, not_before))
    dates = tuple(run["starts_on"] + dt.timedelta(days=i) for i in range(run["days"]))
    able = _able(connection, claims, jobs, technicians, dates)
    things = tuple(_things(connection, run_id, jobs))
    job_ids = {job.job_id for job in jobs} | {claim.job_id for claim in claims if claim.job_id is not None}
    stock = read_stock(connection, run_id, sorted(job_ids))
    places = tuple(
        dict.fromkeys(
            [
                *(stretch.home for stretch in stretches),
                *(claim.place for claim in claims),
                *(job.place for job in jobs),
                *([None] if things else []),
                *(van.depot.place for van in stock.vans.values() if van.depot is not None),
            ]
        )
    )
    travel, distance = _matrix(connection, run["org_id"], places)
    starts_no_sooner = int(not_before.timestamp())
    return Snapshot(
        revision,
        dates,
        technicians,
        stretches,
        claims,
        jobs,
        able,
        places,
        travel,
        distance,
        starts_no_sooner,
        things,
        _brings(connection, jobs, technicians, dates),
        stock.vans,
        stock.needs,
        stock.names,
        _costs(connection, run["org_id"]),
    )


def _costs(connection: Connection, org_id: UUID) -> Costs:
    row = connection.execute("select * from private.plan_costs(%s)", (org_id,)).fetchone()
    assert row is not None  # noqa: S101 - the run belongs to the company
    return Costs(**row)


def _stretches(connection: Connection, run_id: UUID) -> Iterable[WorkingStretch]:
    rows = connection.execute(
        "select s.* from public.optimization_runs as r cross join private.plan_shifts(r) as s where r.id = %s",
        (run_id,),
    )
    for row in rows:
        yield WorkingStretch(
            technician_id=row["technician_id"],
            technician_name=row["technician_name"],
            date=row["date"],
            starts_s=row["starts_s"],
            ends_s=row["ends_s"],
            home=_coordinates(row),
            max_work_s=row["max_work_s"],
            unavailable=_pairs(row["unavailable_s"]),
            breaks=tuple(
                (earliest, latest, length)
                for earliest, latest, length in zip(*[iter(row["breaks_s"])] * 3, strict=True)
            ),
            lane=row["lane"],
            lanes=row["lanes"],
            pace=row["pace"],
            speed=row["speed"],
        )


def _claims(
    connection: Connection, run_id: UUID, stretches: Sequence[WorkingStretch], not_before: dt.datetime
) -> Iterable[Claim]:
    if not stretches:
        return
    rows = connection.execute(
        """
        select c.*
        from public.optimization_runs as r
        cross join private.plan_claims(
            r, %s, tstzrange(to_timestamp(%s), to_timestamp(%s)), %s
        ) as c
        where r.id = %s
        """,
        (
            sorted({one.technician_id for one in stretches}),
            min(one.starts_s for one in stretches),
            max(one.ends_s for one in stretches),
            not_before,
            run_id,
        ),
    )
    for row in rows:
        is_visit = row["assignment_id"] is not None
        yield Claim(
            reservation_id=row["reservation_id"],
            technician_id=row["technician_id"],
            starts_s=row["starts_s"],
            ends_s=row["ends_s"],
            place=_coordinates(row),
            assignment_id=row["assignment_id"],
            job_id=row["job_id"],
            job_version=row["job_version"],
            priority=row["priority"] or "normal",
            requirement=row["requirement"],
            service_starts_s=round(row["scheduled_start_s"]) if is_visit else row["starts_s"],
            service_ends_s=round(row["scheduled_end_s"]) if is_visit else row["ends_s"],
            is_movable=row["is_movable"],
            windows=_pairs(row["windows_s"] or []),
            lane=row["lane"],
            usual_s=row["usual_s"],
            familiar=tuple(row["familiar"] or ()),
        )


def _jobs(connection: Connection, run_id: UUID, not_before: dt.datetime) -> Iterable[WaitingJob]:
    rows = connection.execute(
        "select j.* from public.optimization_runs as r cross join private.plan_jobs(r, %s) as j where r.id = %s",
        (not_before, run_id),
    )
    for row in rows:
        job = WaitingJob(
            job_id=row["job_id"],
            job_version=row["job_version"],
            priority=row["priority"],
            requirement=row["requirement"],
            place=_coordinates(row),
            service_s=row["service_s"],
            before_s=row["buffer_before_s"],
            after_s=row["buffer_after_s"],
            weight=row["weight"],
            windows=_pairs(row["windows_s"]),
            obstacle=row["obstacle"],
            crew_size=row["crew_size"],
            parts=tuple(WorkPart(*one) for one in zip(*[iter(row["parts_s"])] * 5, strict=True)),
            place_ids=tuple(row["place_ids"]),
            equipment_ids=tuple(row["equipment_ids"]),
            own_pace=row["own_pace"],
            familiar=tuple(row["familiar"]),
            visits=row["visits"],
        )
        yield replace(job, visits=1) if job.is_joint else job


def _things(connection: Connection, run_id: UUID, jobs: Iterable[WaitingJob]) -> Iterable[ThingStretch]:
    wanted = {one for job in jobs if job.obstacle is None for one in (*job.place_ids, *job.equipment_ids)}
    if not wanted:
        return
    rows = connection.execute(
        "select s.* from public.optimization_runs as r cross join private.plan_things(r, %s) as s where r.id = %s",
        (sorted(wanted), run_id),
    )
    for row in rows:
        yield ThingStretch(row["resource_id"], row["starts_s"], row["ends_s"], _pairs(row["unavailable_s"]))


def _brings(
    connection: Connection, jobs: Iterable[WaitingJob], technicians: Sequence[UUID], dates: Sequence[dt.date]
) -> dict[tuple[str, dt.date], tuple[frozenset[UUID], ...]]:
    """Ask SQL who could bring each skill of a crew along: once for every kind of requirement."""
    one_of: dict[str, UUID] = {}
    for job in jobs:
        if job.crew_size > 1 and job.obstacle is None:
            one_of.setdefault(job.requirement, job.job_id)
    if not one_of:
        return {}
    rows = connection.execute(
        "select requirement, on_date, able from private.crew_skills(%s, %s, %s) order by skill_code",
        (list(one_of.values()), list(technicians), list(dates)),
    )
    found: dict[tuple[str, dt.date], tuple[frozenset[UUID], ...]] = {}
    for row in rows:
        key = (row["requirement"], row["on_date"])
        found[key] = (*found.get(key, ()), frozenset(row["able"]))
    return found


def _able(
    connection: Connection,
    claims: Iterable[Claim],
    jobs: Iterable[WaitingJob],
    technicians: Sequence[UUID],
    dates: Sequence[dt.date],
) -> dict[tuple[str, dt.date], frozenset[UUID]]:
    """Ask SQL who may do what: once for every kind of requirement and day."""
    one_of: dict[str, UUID] = {}
    for claim in claims:
        if claim.requirement is not None and claim.job_id is not None:
            one_of.setdefault(claim.requirement, claim.job_id)
    for job in jobs:
        if job.obstacle is None:
            one_of.setdefault(job.requirement, job.job_id)
    rows = connection.execute(
        "select requirement, on_date, able from private.eligible_technicians(%s, %s, %s)",
        (list(one_of.values()), list(technicians), list(dates)),
    )
    return {(row["requirement"], row["on_date"]): frozenset(row["able"]) for row in rows}


def _matrix(
    connection: Connection, org_id: UUID, places: Sequence[Coordinates]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return seconds and metres between all places, from SQL's one formula."""
    with connection.cursor(binary=True) as cursor:
        rows = cursor.execute(
            "select travel_s, distances_m from private.travel_matrix(%s, %s::float8[], %s::float8[])",
            (org_id, [place and place[0] for place in places], [place and place[1] for place in places]),
        ).fetchall()
    if not rows:
        return np.zeros((0, 0), np.int32), np.zeros((0, 0), np.int32)
    return (
        np.stack([integers(row["travel_s"]) for row in rows]),
        np.stack([integers(row["distances_m"]) for row in rows]),
    )


def integers(sent: bytes) -> NDArray[np.int32]:
    """Decode array_send of an int4[] without nulls: a header of 20 bytes, then length and value of each."""
    return np.frombuffer(sent, ">i4", offset=20)[1::2].astype(np.int32)


def _coordinates(row: Mapping[str, Any]) -> Coordinates:
    return None if row["latitude"] is None else (row["latitude"], row["longitude"])


def _pairs(flat: Sequence[int]) -> tuple[tuple[int, int], ...]:
    return tuple(zip(flat[::2], flat[1::2], strict=True))

"""find_slots and the judge over two booked weeks of 100 technicians."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from bench.figures import Figure, timed
from bench.place import Place

Connection = psycopg.Connection[Any]
JOBS = 150
WARM = 10  # calls after which a backend has planned everything


def measure(place: Place) -> Iterator[Figure]:
    """Search for many different jobs over one connection, as a dispatcher; then judge what was offered."""
    find = "select technician_ids, starts_at from public.find_slots(job_id => %s)"
    jobs = place.company.job_ids
    with place.dispatcher() as connection:
        cold = timed([lambda: connection.execute(find, (jobs[0],)).fetchall()])
        for job in jobs[:WARM]:
            connection.execute(find, (job,))
        offers = {}

        def search(job: object) -> None:
            offers[job] = connection.execute(find, (job,)).fetchall()

        times = timed([partial(search, job) for job in jobs[WARM : WARM + JOBS]], connection)
        found = sum(map(len, offers.values()))
        note = f"{JOBS} jobs, {found / JOBS:.1f} offers each; first call of a connection {cold.ms[0]:.0f} ms"
        yield times.figure("find_slots, 14 days, 100 technicians", 100, note)

        check = "select * from public.check_placement(%s, %s, %s)"
        proposed = [(job, *rows[0]) for job, rows in offers.items() if rows]
        judged = timed([partial(connection.execute, check, proposal) for proposal in proposed], connection)
        yield judged.figure("check_placement: every rule at once", note=f"{len(proposed)} placements")

        yield from measure_harder_work(place, find)

        ask = "select * from public.available_people(service_id => %s)"
        services = connection.execute("select id from public.services order by code").fetchall()
        people = timed([partial(connection.execute, ask, one) for one in services * 3], connection)
        yield people.figure("available_people, for a service")


def measure_harder_work(place: Place, find: LiteralString) -> Iterator[Figure]:
    """Search for crews of two and for a service in three segments, with jobs made for it and undone."""
    jobs = place.company.job_ids[: WARM + 60]
    with psycopg.connect(place.db_url) as owner:
        owner.execute("update dispatch_jobs set required_crew_size = 2 where id = any(%s)", (list(jobs),))
        yield _searches(owner, find, jobs, "find_slots, for a crew of two")
        owner.rollback()
        owner.execute(
            """
            with made as (
                insert into services (org_id, code, name) values (%s, 'in_parts', 'In parts') returning org_id, id
            ),
            parts as (
                insert into service_segments
                (org_id, service_id, position, name, duration_minutes, pause_after_minutes)
                select m.org_id, m.id, p.*
                from made as m, (values (1, 'A', 30, 45), (2, 'B', 15, 15), (3, 'C', 30, 0)) as p
                returning service_id
            )
            update dispatch_jobs set service_id = (select distinct service_id from parts) where id = any(%s)
            """,
            (place.company.org_id, list(jobs)),
        )
        yield _searches(owner, find, jobs, "find_slots, composite of three segments")
        owner.rollback()


def _searches(owner: Connection, find: LiteralString, jobs: Sequence[UUID], name: str) -> Figure:
    for job in jobs[:WARM]:
        owner.execute(find, (job,))
    found = []
    times = timed(
        [
            partial(lambda job: found.append(len(owner.execute(find, (job,)).fetchall())), job)
            for job in jobs[WARM:]
        ],
        owner,
    )
    return times.figure(name, 100, f"{len(found)} jobs, {sum(found) / len(found):.1f} offers each")

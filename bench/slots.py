"""find_slots and the judge over two booked weeks of 100 technicians."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from bench.figures import Figure, timed
from bench.place import Place

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

        ask = "select * from public.available_people(service_id => %s)"
        services = connection.execute("select id from public.services order by code").fetchall()
        people = timed([partial(connection.execute, ask, one) for one in services * 3], connection)
        yield people.figure("available_people, for a service")

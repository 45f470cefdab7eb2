"""When a job that a plan leaves out could be done on a later day, as slot search offers it (OPT-12)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from truckroll.database import Connection
from truckroll.planning.fitness import Fitness
from truckroll.planning.snapshot import Snapshot, WaitingJob

PRICE_OF_ANOTHER_DAY_S = 3600.0  # seconds of driving a dispatcher would rather accept; and for each day of it
PRICE_OF_EACH_DAY_S = 600.0
LOOKED_AHEAD = timedelta(days=7)


def another_day(
    connection: Connection, snapshot: Snapshot, job: WaitingJob, fitness: Fitness
) -> list[dict[str, Any]]:
    """Return the best slot of the days after, if its windows and its SLA leave one."""
    if job.place is None:
        return []
    last = max(snapshot.dates) + timedelta(days=1)
    row = connection.execute(
        """
        select
            s.technician_ids, s.starts_at, s.ends_at, s.added_travel_minutes,
            (s.starts_at at time zone o.time_zone)::date - %(last)s::date + 1 as days_later,
            private.local_time(s.starts_at, o.time_zone) as starts_local
        from public.dispatch_jobs as j
        inner join public.orgs as o on j.org_id = o.id
        cross join lateral (
            select greatest(private.local_instant(%(last)s::timestamp, o.time_zone), now()) as earliest
        ) as later
        cross join lateral public.find_slots(
            job_id => j.id, earliest => later.earliest, latest => later.earliest + %(ahead)s, max_results => 1
        ) as s
        where j.id = %(job)s
        """,
        {"last": last, "ahead": LOOKED_AHEAD, "job": job.job_id},
    ).fetchone()
    if row is None:
        return []
    who = " and ".join(fitness.names.get(one, "") for one in row["technician_ids"])
    return [
        {
            "kind": "another_day",
            "days": row["days_later"],
            "technician_ids": [str(one) for one in row["technician_ids"]],
            "technician": who,
            "starts_at": row["starts_at"].isoformat(),
            "ends_at": row["ends_at"].isoformat(),
            "added_travel_minutes": row["added_travel_minutes"],
            "cost_s": PRICE_OF_ANOTHER_DAY_S + PRICE_OF_EACH_DAY_S * row["days_later"],
            "sentence": f"{who} could do it, {row['starts_local']}.",
        }
    ]

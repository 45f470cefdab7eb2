"""Proposals written by hand, the way a worker writes what the solver found."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from support import sql
from support.booking import at
from support.factory import MONDAY, Company
from support.sql import Row

WORKER = "worker-1"


def run_for(company: Company, requested_by: UUID | None = None, **values: Any) -> Row:
    """Add a run that a worker has in hand."""
    defaults: dict[str, Any] = {
        "kind": "optimize_all",
        "starts_on": MONDAY.date(),
        "status": "running",
        "worker": WORKER,
        "started_at": MONDAY - timedelta(days=400),
        "requested_by_user_id": requested_by,
    }
    return company.add("optimization_runs", **defaults | values)


def stop(company: Company, job: Row, hour: float, *, assignment: Row | None = None) -> dict[str, Any]:
    """Describe a visit of a job that starts at this hour and takes as long as estimated."""
    version = sql.value(company.db, "select version from public.dispatch_jobs where id = %s", (job["id"],))
    return {
        "type": "job",
        "job_id": str(job["id"]),
        "job_version": version,
        "assignment_id": str(assignment["id"]) if assignment else None,
        "arrives_at": at(hour).isoformat(),
        "starts_at": at(hour).isoformat(),
        "ends_at": (at(hour) + timedelta(minutes=job["estimated_duration_minutes"])).isoformat(),
        "travel_s": 0,
        "distance_m": 0,
    }


def assignment_of(company: Company, visit: Row) -> Row:
    """Return the only assignment of a visit."""
    return sql.one(
        company.db, "select * from public.job_assignments where appointment_id = %s", (visit["id"],)
    )


def propose(
    company: Company, run: Row, routes: Sequence[tuple[Row, Sequence[dict[str, Any]]]], **values: Any
) -> Row:
    """Write a proposal of one route a technician on MONDAY; return the run as it then is."""
    revision = sql.value(
        company.db,
        "select private.schedule_revision(%s, private.local_days(%s, %s, %s))",
        (company.id, company.id, run["starts_on"], run["days"]),
    )
    plan = {
        "base_revision": revision,
        "expires_at": (MONDAY + timedelta(hours=1)).isoformat(),
        "metrics_before": {},
        "metrics_after": {},
        "unserved": [],
        "routes": [
            {
                "technician_id": str(technician["id"]),
                "date": MONDAY.date().isoformat(),
                "starts_at": at(8).isoformat(),
                "ends_at": at(17).isoformat(),
                "travel_s": 0,
                "distance_m": 0,
                "stops": list(stops),
            }
            for technician, stops in routes
        ],
    } | values
    company.db.execute("select private.write_proposal(%s, %s, %s)", (run["id"], WORKER, Jsonb(plan)))
    return sql.one(company.db, "select * from public.optimization_runs where id = %s", (run["id"],))

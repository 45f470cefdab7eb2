"""What runs the system itself: the cron endpoint and the health check."""

from __future__ import annotations

import time
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import psycopg
import psycopg_pool

from truckroll.auth import SERVICE
from truckroll.database import Database
from truckroll.endpoints.call import Call
from truckroll.errors import ApiError
from truckroll.planning.worker import process_waiting

CRON_BUDGET_S = 50.0  # a minute's cron is over before the next one begins, unless a run takes longer


def process_optimization_runs(call: Call) -> tuple[int, Any]:
    """Work off the runs that wait. Several calls at once share the work."""
    if not call.caller.is_service:
        raise ApiError(
            HTTPStatus.FORBIDDEN,
            "service_only",
            "This is for the scheduler.",
            "Call it with the service key.",
        )
    done = process_waiting(call.database, budget_s=CRON_BUDGET_S)
    call.log["runs"] = len(done)
    return HTTPStatus.OK, {"processed": [{"run_id": run, "outcome": outcome} for run, outcome in done]}


def health(database: Database) -> tuple[int, Any]:
    """Return whether the database answers, how long runs wait, and what this is; 503 when it doesn't."""
    began = time.perf_counter()
    try:
        with database.acting_as(SERVICE, timeout_s=3) as connection:
            row = connection.execute(
                """
                select count(*) as waiting, extract(epoch from now() - min(created_at))::integer as oldest_s
                from public.optimization_runs where status = 'queued'
                """
            ).fetchone()
    except (psycopg.Error, psycopg_pool.PoolTimeout):
        return HTTPStatus.SERVICE_UNAVAILABLE, {
            "status": "down",
            "version": _version(),
            "database": {"ok": False},
        }
    return HTTPStatus.OK, {
        "status": "ok",
        "version": _version(),
        "database": {"ok": True, "ms": round((time.perf_counter() - began) * 1000, 1)},
        "queues": {"optimization_runs": row},
        "providers": {"travel": "estimate"},
    }


def _version() -> str:
    try:
        return version("truckroll")
    except PackageNotFoundError:
        return "source"

"""What runs the system itself: the cron endpoint and the health check."""

from __future__ import annotations

import time
from http import HTTPStatus
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import psycopg
import psycopg_pool

from truckroll.auth import SERVICE
from truckroll.database import Connection, Database
from truckroll.endpoints.call import Call
from truckroll.errors import ApiError
from truckroll.planning.worker import process_waiting
from truckroll.travel import provider_from_environment, refresh_times

TRAVEL_DAYS = 7
CRON_BUDGET_S = 50.0  # a minute's cron is over before the next one begins, unless a run takes longer


def process_optimization_runs(call: Call) -> tuple[int, Any]:
    """Work off the runs that wait. Several calls at once share the work."""
    _for_the_scheduler(call)
    done = process_waiting(call.database, budget_s=CRON_BUDGET_S)
    call.log["runs"] = len(done)
    return HTTPStatus.OK, {"processed": [{"run_id": run, "outcome": outcome} for run, outcome in done]}


def refresh_travel_times(call: Call) -> tuple[int, Any]:
    """Ask the travel-time provider, if there is one, about the coming days of every company."""
    _for_the_scheduler(call)
    provider = provider_from_environment()
    if provider is None:
        return HTTPStatus.OK, {"provider": None, "refreshed": []}
    done = refresh_times(call.database, provider, days=TRAVEL_DAYS, budget_s=CRON_BUDGET_S)
    call.log["orgs"] = len(done)
    return HTTPStatus.OK, {"provider": provider.name, "refreshed": [str(org) for org in done]}


def offer_freed_times(call: Call) -> tuple[int, Any]:
    """Offer time that came free to the waitlist, and end offers that ran out; the links are not answered."""
    _for_the_scheduler(call)
    with call.database.acting_as(SERVICE, timeout_s=int(CRON_BUDGET_S)) as connection:
        made = connection.execute(
            "select offer - 'token' as offer from public.offer_freed_times() as offer"
        ).fetchall()
    call.log["offers"] = len(made)
    return HTTPStatus.OK, {"offered": [row["offer"] for row in made]}


def refresh_performance(call: Call) -> tuple[int, Any]:
    """Learn from the visits completed since: durations and first-time fixes of every company."""
    _for_the_scheduler(call)
    until = time.monotonic() + CRON_BUDGET_S
    rows: list[Any] = []
    # One company a transaction: what is learned stays when time runs out.
    while time.monotonic() < until:
        found = call.database.run(
            lambda connection: connection.execute(
                "select org_id from public.refresh_performance(max_orgs => 1)"
            ).fetchall(),
            SERVICE,
            timeout_s=int(CRON_BUDGET_S),
        )
        if not found:
            break
        rows += found
    call.log["orgs"] = len(rows)
    return HTTPStatus.OK, {"refreshed": [str(row["org_id"]) for row in rows]}


def _for_the_scheduler(call: Call) -> None:
    if not call.caller.is_service:
        raise ApiError(
            HTTPStatus.FORBIDDEN,
            "service_only",
            "This is for the scheduler.",
            "Call it with the service key.",
        )


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
            travel = _travel(connection)
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
        "providers": {"travel": travel},
    }


def _travel(connection: Connection) -> dict[str, Any]:
    """Return who is asked for driving times, and whether the last plan had to do with estimates."""
    provider = provider_from_environment()
    if provider is None:
        return {"provider": "estimate", "falls_back": False}
    last = connection.execute(
        """
        select metrics_after ->> 'travel_source' as source
        from public.optimization_runs
        where metrics_after is not null
        order by created_at desc
        limit 1
        """
    ).fetchone()
    source = last["source"] if last else None
    return {"provider": provider.name, "falls_back": source in {"estimate", "mixed"}}


def _version() -> str:
    try:
        return version("truckroll")
    except PackageNotFoundError:
        return "source"

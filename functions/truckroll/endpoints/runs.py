"""Optimise a route or whole days; follow, cancel and apply the run (OPT-3, OPT-5, OPT-6)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from http import HTTPStatus
from typing import Any, Literal
from uuid import UUID

from psycopg.types.json import Jsonb
from pydantic import Field

from truckroll.database import Connection
from truckroll.endpoints.call import Body, Call
from truckroll.errors import ApiError

Strategy = Literal["time_minimization", "distance_minimization", "priority_first", "balanced"]


class Search(Body):
    """How to search: strategy, seconds, seed, and whether the result is applied at once.

    With `iteration_limit` the search takes so many steps instead, and can be repeated exactly.
    """

    strategy: Strategy = "balanced"
    mode: Literal["propose", "commit"] = "propose"
    time_limit_s: int = Field(default=10, ge=1, le=600)
    seed: int = Field(default=1, ge=0, lt=2**63)
    iteration_limit: int | None = Field(default=None, ge=1, le=1_000_000_000)
    label: str | None = Field(default=None, max_length=200)


class Assumptions(Body):
    """What a what-if plan assumes: technicians absent, everybody's shifts longer, waiting jobs held back."""

    without_technician_ids: list[UUID] | None = None
    overtime_minutes: int | None = Field(default=None, ge=0, le=480)
    without_job_ids: list[UUID] | None = None


class OptimizeAll(Search):
    """Whole days; everybody's, unless technicians are named."""

    assumptions: Assumptions | None = None

    org_id: UUID | None = None
    days: int = Field(default=1, ge=1, le=14)
    technician_ids: list[UUID] | None = Field(default=None, min_length=1)


class OptimizeRoute(Search):
    """One technician's day; with `assignment_ids` only those visits may move."""

    date: date
    assignment_ids: list[UUID] | None = Field(default=None, min_length=1)


class Apply(Body):
    """What to apply: all routes, unless some are named; of the plan as it was read."""

    base_revision: str | None = None
    accept: list[UUID] | None = None


def optimize_all(call: Call) -> tuple[int, Any]:
    """Queue a run over the days from {date}; 202 with the run."""
    body = call.body(OptimizeAll)
    starts_on = call.date("date")
    return _started(
        call,
        lambda connection: (
            _org(connection, call, body.org_id),
            "optimize_all",
            starts_on,
            body.days,
            body.technician_ids,
            None,
        ),
        body,
    )


def optimize_route(call: Call) -> tuple[int, Any]:
    """Queue a run over one day of technician {id}; 202 with the run."""
    body = call.body(OptimizeRoute)
    technician = call.id("id")
    return _started(
        call,
        lambda connection: (
            _org_of_technician(connection, technician),
            "optimize_route",
            body.date,
            1,
            [technician],
            body.assignment_ids,
        ),
        body,
    )


def read(call: Call) -> tuple[int, Any]:
    """Return the run {id}: progress, then routes, difference, metrics and unserved jobs."""
    run = call.id("id")
    with call.transaction() as connection:
        return HTTPStatus.OK, _document(connection, call, run)


def explain(call: Call) -> tuple[int, Any]:
    """Return why run {id} put job {job_id} where it did, or left it out and what would serve it."""
    run, job = call.id("id"), call.id("job_id")
    with call.transaction() as connection:
        row = connection.execute("select private.explain_job(%s, %s) as story", (run, job)).fetchone()
    call.log["run"] = str(run)
    return HTTPStatus.OK, row and row["story"]


def cancel(call: Call) -> tuple[int, Any]:
    """Stop run {id}, or put its proposal aside."""
    call.body(Body)
    run = call.id("id")

    def work(connection: Connection) -> Any:
        connection.execute("select private.cancel_run(%s)", (run,))
        return _document(connection, call, run)

    return HTTPStatus.OK, call.run(work)


def apply(call: Call) -> tuple[int, Any]:
    """Put the proposal of run {id} in force; the counts of what was done."""
    body = call.body(Apply)
    run = call.id("id")

    def work(connection: Connection) -> Any:
        row = connection.execute(
            """
            select public.apply_plan(r.id, coalesce(%s, r.base_revision), %s, %s) as counts
            from private.visible_run(%s) as r
            """,
            (body.base_revision, body.accept, call.key(body), run),
        ).fetchone()
        return row and row["counts"]

    call.log["run"] = str(run)
    return HTTPStatus.OK, call.run(work, timeout_s=120)


def _started(call: Call, arguments: Any, body: Search) -> tuple[int, Any]:
    def work(connection: Connection) -> Any:
        org, kind, starts_on, days, technicians, assignments = arguments(connection)
        row = connection.execute(
            "select private.request_run(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) as id",
            (
                org,
                kind,
                starts_on,
                days,
                technicians,
                assignments,
                body.strategy,
                body.mode,
                body.time_limit_s,
                body.seed,
                call.key(body),
                body.iteration_limit,
                body.label,
                Jsonb(assumptions.model_dump(mode="json", exclude_none=True) if assumptions else {}),
            ),
        ).fetchone()
        assert row is not None  # noqa: S101 - a function call has one row
        return _document(connection, call, row["id"])

    assumptions = body.assumptions if isinstance(body, OptimizeAll) else None
    return _queued(call, work)


def replay(call: Call) -> tuple[int, Any]:
    """Queue a search of run {id}'s kept input with its seed; 202 with the new run."""
    body = call.body(Body)
    original = call.id("id")

    def work(connection: Connection) -> Any:
        row = connection.execute(
            "select private.request_replay(%s, %s) as id", (original, call.key(body))
        ).fetchone()
        assert row is not None  # noqa: S101 - a function call has one row
        return _document(connection, call, row["id"])

    return _queued(call, work)


def _queued(call: Call, work: Callable[[Connection], Any]) -> tuple[int, Any]:
    document = call.run(work)
    if call.background is not None:
        call.background.wake()
    return HTTPStatus.ACCEPTED, document


def _document(connection: Connection, call: Call, run: UUID) -> Any:
    row = connection.execute(
        "select r.org_id, private.run_document(r.id) as document from private.visible_run(%s) as r", (run,)
    ).fetchone()
    assert row is not None  # noqa: S101 - visible_run refuses instead
    call.log |= {"run": str(run), "org": str(row["org_id"])}
    return row["document"]


def _org(connection: Connection, call: Call, named: UUID | None) -> UUID:
    """Return the org named, or the caller's only one."""
    if named is not None:
        return named
    rows = (
        []
        if call.caller.is_service
        else connection.execute("select id from private.member_org_ids() as o (id)").fetchall()
    )
    if len(rows) != 1:
        raise ApiError(
            HTTPStatus.BAD_REQUEST,
            "org_id_needed",
            "You work for more than one company, or for none.",
            "Name the company as org_id.",
        )
    org: UUID = rows[0]["id"]
    return org


def _org_of_technician(connection: Connection, technician: UUID) -> UUID:
    row = connection.execute(
        "select org_id from public.technician_profiles where id = %s", (technician,)
    ).fetchone()
    if row is None:
        raise ApiError(
            HTTPStatus.NOT_FOUND,
            "technician_not_found",
            "There is no such technician, or you may not see them.",
            "Take the id from technician_profiles.",
        )
    org: UUID = row["org_id"]
    return org

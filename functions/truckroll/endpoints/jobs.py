"""Place one job by itself, and say who could do it (OPT-1, OPT-2)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from truckroll.database import Connection
from truckroll.endpoints.call import Body, Call, Instant


class AutoSchedule(Body):
    """When and by whom the job may be done; `commit` books the best candidate."""

    mode: Literal["propose", "commit"] = "propose"
    earliest: Instant | None = None
    latest: Instant | None = None
    duration_minutes: int | None = Field(default=None, ge=1, le=10080)
    technician_ids: list[UUID] | None = Field(default=None, min_length=1)
    max_results: int = Field(default=5, ge=1, le=100)


class Suggest(Body):
    """The period to look at."""

    earliest: Instant | None = None
    latest: Instant | None = None
    max_results: int = Field(default=10, ge=1, le=100)


def auto_schedule(call: Call) -> tuple[int, Any]:
    """Return ranked candidates for job {id}, or book the best."""
    body = call.body(AutoSchedule)
    job = call.id("id")
    if body.mode == "propose":
        return HTTPStatus.OK, {
            "mode": "propose",
            "job_id": str(job),
            "candidates": _candidates(call, job, body),
        }

    def work(connection: Connection) -> Any:
        row = connection.execute(
            "select private.auto_schedule(%s, %s, %s, %s, %s, %s) as booked",
            (job, body.earliest, body.latest, body.duration_minutes, body.technician_ids, call.key(body)),
        ).fetchone()
        return row and row["booked"]

    booked = call.run(work)
    call.log["run"] = booked["run_id"]
    return HTTPStatus.OK, {"mode": "commit", "job_id": str(job)} | booked


def suggest_assignments(call: Call) -> tuple[int, Any]:
    """Return technicians for job {id}, best first, with score parts and reasons; then those who can't, and why."""
    body = call.body(Suggest)
    job = call.id("id")
    with call.transaction() as connection:
        rows = connection.execute(
            "select to_jsonb(s) as suggestion from private.suggest_technicians(%s, %s, %s, %s) as s",
            (job, body.earliest, body.latest, body.max_results),
        ).fetchall()
    return HTTPStatus.OK, {"job_id": str(job), "suggestions": [row["suggestion"] for row in rows]}


def _candidates(call: Call, job: UUID, body: AutoSchedule) -> list[Any]:
    with call.transaction() as connection:
        rows = connection.execute(
            """
            select to_jsonb(s) || jsonb_build_object('technician_names', array(
                select t.display_name
                from unnest(s.technician_ids) with ordinality as member (id, turn)
                inner join public.technician_profiles as t on member.id = t.id
                order by member.turn
            )) as slot
            from public.find_slots(
                job_id => %s, earliest => %s, latest => %s, duration_minutes => %s, technician_ids => %s,
                max_results => %s
            ) as s
            """,
            (job, body.earliest, body.latest, body.duration_minutes, body.technician_ids, body.max_results),
        ).fetchall()
    return [row["slot"] for row in rows]

"""Serve a job as soon as possible: ranked options, or one of them booked (OPT-7)."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, Literal
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb
from pydantic import BaseModel, ConfigDict, Field

from truckroll.database import Connection
from truckroll.endpoints.call import Body, Call, Instant
from truckroll.errors import ApiError
from truckroll.planning.emergency import Asked, Budget, emergency_options

GONE = "emergency_option_gone"


class DisruptionBudget(BaseModel):
    """How much others may be disturbed: visits moved, minutes of delay together, promises, visits left to nobody."""

    model_config = ConfigDict(extra="forbid")

    moves: int = Field(default=3, ge=0, le=20)
    minutes: int = Field(default=120, ge=0, le=10080)
    promises: int = Field(default=0, ge=0, le=20)
    unassigned: int = Field(default=0, ge=0, le=20)


class InsertEmergency(Body):
    """When it may begin and end, and what it may disturb; `commit` books `option`, or the best there is."""

    mode: Literal["propose", "commit"] = "propose"
    option: UUID | None = None
    earliest: Instant | None = None
    latest: Instant | None = None
    disruption_budget: DisruptionBudget = Field(default_factory=DisruptionBudget)
    max_results: int = Field(default=5, ge=1, le=20)


def insert_emergency(call: Call) -> tuple[int, Any]:
    """Return ranked options to serve job {id} as soon as possible, or book one.

    Raises ApiError 409 with fresh options when the option named cannot be had any more.
    """
    body = call.body(InsertEmergency)
    job = call.id("id")
    if body.mode == "propose":
        proposal = call.run(lambda connection: _options(connection, job, body, "propose"))
        call.log |= {"run": proposal["run_id"], "options": len(proposal["options"])}
        return HTTPStatus.OK, {"mode": "propose", "job_id": str(job)} | proposal
    try:
        booked = call.run(lambda connection: _booked(connection, call, job, body))
    except psycopg.Error as error:
        if error.diag.message_primary != GONE:
            raise
        raise _gone(call, job, body, error) from error
    call.log["run"] = booked["run_id"]
    return HTTPStatus.OK, {"mode": "commit", "job_id": str(job)} | booked


def _options(connection: Connection, job: UUID, body: InsertEmergency, mode: str) -> dict[str, Any]:
    budget = Budget(**body.disruption_budget.model_dump())
    asked = Asked(job, mode, budget, body.earliest, body.latest, body.max_results)
    return emergency_options(connection, asked)


def _booked(connection: Connection, call: Call, job: UUID, body: InsertEmergency) -> dict[str, Any]:
    """Book the option named, or the best of those there are now that can be had; none is an answer too."""
    key = call.key(body)
    payload = body.model_dump(mode="json", exclude={"idempotency_key"})
    row = connection.execute(
        "select private.recall_emergency(%s, %s, %s) as known", (job, Jsonb(payload), key)
    ).fetchone()
    if row is not None and row["known"] is not None:
        known: dict[str, Any] = row["known"]
        return known
    if body.option is not None:
        return _commit(connection, job, body.option, key)
    proposal = _options(connection, job, body, "commit")
    for option in proposal["options"]:
        try:
            with connection.transaction():
                return _commit(connection, job, UUID(option["id"]), key)
        except psycopg.Error as error:
            # Somebody was quicker, or it needs an approval the caller lacks: the next one may do.
            if error.diag.message_primary not in {GONE, "permission_missing"}:
                raise
    return proposal | {"appointment": None, "option": None}


def _commit(connection: Connection, job: UUID, option: UUID, key: str) -> dict[str, Any]:
    row = connection.execute(
        "select private.commit_emergency(%s, %s, %s) as booked", (job, option, key)
    ).fetchone()
    assert row is not None  # noqa: S101 - a function call has one row
    booked: dict[str, Any] = row["booked"]
    return booked


def _gone(call: Call, job: UUID, body: InsertEmergency, error: psycopg.Error) -> ApiError:
    """Return the refusal with what can be had instead."""
    proposal = call.run(lambda connection: _options(connection, job, body, "propose"))
    details = json.loads(error.diag.message_detail or "{}")
    return ApiError(
        HTTPStatus.CONFLICT,
        GONE,
        json.dumps(details | {key: proposal[key] for key in ("run_id", "options", "reasons")}),
        "Nothing was changed. Choose one of the options in details.",
        "PT409",
    )

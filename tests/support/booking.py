"""Calling the booking RPCs from tests."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.sql import SQL, Identifier, Placeholder
from psycopg.types.json import Jsonb

from support.factory import CITY, MONDAY
from support.sql import Connection, Row, rows

HERE = {"latitude": CITY[0], "longitude": CITY[1]}
# Twenty minutes at 40 km/h and detour 1.3.
TEN_KM_NORTH = {"latitude": CITY[0] + 10 / 111.2, "longitude": CITY[1]}


def at(hour: float, day: int = 0) -> datetime:
    """Return the time `hour` hours after midnight of the working day `day` days after MONDAY, in UTC."""
    return MONDAY + timedelta(days=day, hours=hour)


def call(db: Connection, function: str, **arguments: Any) -> Any:
    """Call an RPC by named arguments as PostgREST does; a single value, or a list of rows."""
    arguments = {
        name: Jsonb(given) if isinstance(given, dict) else given for name, given in arguments.items()
    }
    query = SQL("select * from public.{}({})").format(
        Identifier(function),
        SQL(", ").join(SQL("{} => {}").format(Identifier(name), Placeholder(name)) for name in arguments),
    )
    found = rows(db, query, arguments)  # type: ignore[arg-type]
    if len(found) == 1 and set(found[0]) == {function}:
        return found[0][function]
    return found


def book(db: Connection, job: Row, *technicians: Row, starts_at: datetime, **arguments: Any) -> Row:
    """Book a visit and return its document."""
    booked: Row = call(
        db,
        "book_appointment",
        job_id=job["id"],
        technician_ids=[technician["id"] for technician in technicians],
        starts_at=starts_at,
        **arguments,
    )
    return booked


def move(db: Connection, visit: Row, starts_at: Any, **arguments: Any) -> Row:
    """Reschedule, at the customer's request unless told otherwise."""
    moved: Row = call(
        db,
        "reschedule_appointment",
        **{"appointment_id": visit["id"], "starts_at": starts_at, "reason": "customer_request"} | arguments,
    )
    return moved


def conflicts(
    db: Connection, job: Row, *technicians: Row, starts_at: datetime, **arguments: Any
) -> list[Row]:
    """Return every conflict that check_placement finds."""
    found: list[Row] = call(
        db,
        "check_placement",
        job_id=job["id"],
        technician_ids=[technician["id"] for technician in technicians],
        starts_at=starts_at,
        **arguments,
    )
    return found


def codes(db: Connection, job: Row, *technicians: Row, starts_at: datetime, **arguments: Any) -> list[str]:
    """Return the codes of every conflict, sorted."""
    return sorted(
        found["code"] for found in conflicts(db, job, *technicians, starts_at=starts_at, **arguments)
    )


def refusal(error: psycopg.Error) -> dict[str, Any]:
    """Return the conflicts and alternatives of a 409."""
    detail: dict[str, Any] = json.loads(error.diag.message_detail or "{}")
    return detail


def ledger(db: Connection, technician_id: UUID | str) -> list[Row]:
    """Return a technician's active claims in order."""
    return rows(
        db,
        "select lower(during) as starts_at, upper(during) as ends_at, kind, lane from public.reservations"
        " where technician_id = %s and released_at is null order by during",
        (technician_id,),
    )

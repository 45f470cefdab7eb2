"""Calls of the API's functions with arguments made up from a company's rows, and what comes of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg.types.json import Jsonb

from support import sql
from support.factory import MONDAY
from support.sql import Connection
from support.two_companies import Actor, Rows

REFUSALS = {"42501", "PT404"}
PARAMETERS = """
select parameter.name, parameter.position > p.pronargs - p.pronargdefaults as has_default
from pg_proc as p cross join unnest(p.proargnames) with ordinality as parameter (name, position)
where p.pronamespace = 'public'::regnamespace and p.proname = %s and parameter.position <= p.pronargs
"""


def answer(db: Connection, who: Actor, function: str, arguments: dict[str, Any]) -> str:
    """Call a function as somebody: the rows as text, or the SQLSTATE with what was said, but for a refusal."""
    call = f"select * from public.{function}({', '.join(f'{name} => %({name})s' for name in arguments)})"
    try:
        with sql.acting_as(db, who.user_id, role=who.role):
            return str(db.execute(call, arguments).fetchall())
    except psycopg.Error as error:
        return error.sqlstate if error.sqlstate in REFUSALS else f"{error.sqlstate}: {error}"


def ways_to_call(db: Connection, rows: Rows, function: str, nth: int = 0) -> list[dict[str, Any]]:
    """Fill in what a call needs with the nth rows of one company: about a job, and about a service.

    A parameter without a default whose name is new fails the test: it must be decided what to pass.
    """
    given = {}
    values = _values(rows, nth)
    for parameter in sql.rows(db, PARAMETERS, (function,)):
        name = parameter["name"]
        assert parameter["has_default"] or name in values, f"{function}: say what to pass for {name}"
        if name in values:
            given[name] = values[name]
    if function == "release_hold":
        given["hold_token"] = _hold(rows, nth)
    else:
        given.pop("hold_token", None)
    ways: list[set[str]] = [set()]
    if {"job_id", "service_id"} <= given.keys():
        ways = [{"service_id", "location_id"}, {"job_id"}]
    return [{name: value for name, value in given.items() if name not in left_out} for left_out in ways]


def _values(rows: Rows, nth: int) -> dict[str, Any]:
    def row(table: str) -> UUID:
        identifier: UUID = rows.tables[table][nth]["id"]
        return identifier

    job = rows.tables["dispatch_jobs"][nth]
    same = ("customer_id", "location_id", "service_id", "facility_id")
    sibling = rows.company.add("dispatch_jobs", title="Second", **{column: job[column] for column in same})[
        "id"
    ]
    return {
        "name": "Company",
        "slug": "company-made-here",
        "time_zone": "UTC",
        "org_id": rows.company.id,
        "job_id": row("dispatch_jobs"),
        "job_ids": [row("dispatch_jobs"), sibling],
        "steps": Jsonb([{"job_id": str(job)} for job in (row("dispatch_jobs"), sibling)]),
        "service_id": row("services"),
        "location_id": job["location_id"],
        "appointment_id": row("appointments"),
        "assignment_id": row("job_assignments"),
        "notification_id": row("job_notifications"),
        "technician_id": row("technician_profiles"),
        "technician_ids": [row("technician_profiles")],
        "resource_id": row("resources"),
        "run_id": row("optimization_runs"),
        "run_ids": [row("optimization_runs")],
        "source_type": "estimate",
        "source_id": row("estimates"),
        "hold_token": None,
        "token": "guessed",
        "window_id": row("job_time_windows"),
        "starts_at": MONDAY,
        "starts_on": MONDAY.date(),
        "earliest": MONDAY,
        "latest": MONDAY + timedelta(days=1),
        "eta": MONDAY,
        "status": "accepted",
        "reason": "customer_request",
        "base_revision": "any",
        "notes": "Ring",
    }


def _hold(rows: Rows, nth: int) -> UUID:
    token = uuid4()
    rows.company.add(
        "reservations",
        technician_id=rows.tables["technician_profiles"][nth]["id"],
        during="[2027-03-02 09:00Z,2027-03-02 10:00Z)",
        kind="held",
        hold_token=token,
        hold_expires_at=MONDAY,
    )
    return token

"""A run's proposal written: put before the judge, or put in force at once (OPT-5)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from truckroll.auth import SERVICE, user
from truckroll.database import Connection, become
from truckroll.planning.lease import Lease

TIMEOUT_S = 300


def write(lease: Lease, document: Mapping[str, Any]) -> None:
    """Write the proposal of a plan that was judged before."""
    lease.database.run(lambda connection: _write(connection, lease, document), SERVICE, timeout_s=TIMEOUT_S)


def _write(connection: Connection, lease: Lease, document: Mapping[str, Any]) -> None:
    connection.execute(
        "select private.write_proposal(%s, %s, %s)", (lease.run["id"], lease.worker, Jsonb(document))
    )


def write_judged(lease: Lease, document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Write the proposal, in mode commit apply it too; return the judge's conflicts, with nothing written."""

    def write_and_judge(connection: Connection) -> list[dict[str, Any]]:
        conflicts: list[dict[str, Any]] = []
        with connection.transaction() as attempt:
            _write(connection, lease, document)
            row = connection.execute(
                "select private.judge_plan(%s) as conflicts", (lease.run["id"],)
            ).fetchone()
            conflicts += row["conflicts"] if row else []
            if conflicts:
                raise psycopg.Rollback(attempt)
        return conflicts

    def write_and_apply(connection: Connection) -> None:
        _write(connection, lease, document)
        if lease.run["requested_by_user_id"] is not None:
            # In the name of who asked for it, if they still may.
            become(connection, user(str(lease.run["requested_by_user_id"])), timeout_s=TIMEOUT_S)
        connection.execute("select public.apply_plan(%s, %s)", (lease.run["id"], document["base_revision"]))

    if lease.run["mode"] == "propose":
        return lease.database.run(write_and_judge, SERVICE, timeout_s=TIMEOUT_S)
    try:
        lease.database.run(write_and_apply, SERVICE, timeout_s=TIMEOUT_S)
    except psycopg.Error as error:
        if error.diag.message_primary != "placement_conflict":
            raise
        conflicts: list[dict[str, Any]] = json.loads(error.diag.message_detail or "{}")["conflicts"]
        return conflicts
    return []

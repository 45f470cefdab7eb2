"""Runs, worked off one after the other by any number of workers in any number of instances."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from functools import partial
from typing import Any, LiteralString

import psycopg

from truckroll.auth import SERVICE
from truckroll.database import Connection, Database
from truckroll.logs import logger
from truckroll.planning.lease import Lease, RunLostError, RunStoppedError
from truckroll.planning.refusal import NothingToGainError, PlanRefusedError
from truckroll.planning.replay import InputMissingError

# What is due before runs are looked for, a transaction each.
DUTIES: tuple[LiteralString, ...] = (
    "select private.expire_runs()",
    "select private.note_overruns()",
    "select private.note_travel_changes()",
    "select private.queue_replans()",
)


def worker_name() -> str:
    """Return a name no other worker has."""
    return f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"


def process_next(database: Database) -> tuple[str, str] | None:
    """Claim the oldest waiting run and see it through; return its id and outcome, None when none waits."""
    lease = Lease.claim(database, worker_name())
    if lease is None:
        return None
    began = time.perf_counter()
    figures: dict[str, Any] = {}
    outcome = see_through(lease, figures)
    logger().info(
        "run.finished",
        run=str(lease.run["id"]),
        org=str(lease.run["org_id"]),
        kind=lease.run["kind"],
        mode=lease.run["mode"],
        outcome=outcome,
        duration_ms=round((time.perf_counter() - began) * 1000),
        **figures,
    )
    return str(lease.run["id"]), outcome


def see_through(lease: Lease, figures: dict[str, Any]) -> str:
    """Plan a claimed run; return the outcome. Whatever goes wrong is written into the run's row.

    `figures` receives what the log should tell.
    """
    # Loading the compiled engine takes a second, which an instance that plans nothing need not spend.
    from truckroll.planning.planner import plan  # noqa: PLC0415

    try:
        with lease.kept():
            done = plan(lease, lease.now)
    except RunLostError:
        return "lost"
    except RunStoppedError:
        return lease.finish("canceled")
    except NothingToGainError:
        return lease.finish("canceled", "nothing_to_gain", "The days are best left as they are.")
    except Exception as error:  # noqa: BLE001 - a run that fails must say so, whatever the cause
        if isinstance(error, psycopg.Error) and error.diag.message_primary == "run_canceled":
            return lease.finish("canceled")
        code, message = failure(error)
        if code in {"database_failed", "internal_error"}:
            logger().error("run.crashed", run=str(lease.run["id"]), exc_info=error)
        return lease.finish("failed", code, message)
    figures |= {
        "visits": done.visits,
        "unserved": done.unserved,
        "iterations": done.iterations,
        "refusals": done.refusals,
    }
    return "applied" if lease.run["mode"] == "commit" else "proposed"


def failure(error: Exception) -> tuple[str, str]:
    """Return code and sentence of what ended a run."""
    if isinstance(error, PlanRefusedError):
        sentences = dict.fromkeys(one["message"] for one in error.args[0])
        return "plan_refused", " ".join(
            ["The rules refused every plan that was found.", *list(sentences)[:3]]
        )
    if isinstance(error, InputMissingError):
        return "input_not_kept", "What the replayed run was given is not kept any more."
    if isinstance(error, psycopg.Error):
        diagnosis = error.diag
        if (error.sqlstate or "").startswith("PT") or diagnosis.message_primary == "permission_missing":
            return diagnosis.message_primary or "refused", diagnosis.message_detail or ""
        return "database_failed", "The database failed; the log has the details."
    return "internal_error", "The planner failed; the log has the details."


def process_waiting(database: Database, *, budget_s: float) -> list[tuple[str, str]]:
    """Work runs off until none waits or the time to begin another is over; return ids and outcomes."""
    for step in DUTIES:
        database.run(partial(_do, step), SERVICE)
    until = time.monotonic() + budget_s
    done: list[tuple[str, str]] = []
    while time.monotonic() < until:
        one = process_next(database)
        if one is None:
            break
        done.append(one)
    return done


def _do(step: LiteralString, connection: Connection) -> None:
    connection.execute(step)


class Background:
    """One thread of this instance that works runs off as soon as they are asked for.

    A convenience only: should the instance be frozen or die, the lease runs out and the next call
    of /cron/process_optimization_runs takes the run over.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._asked = False
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Begin, or go on after the present run."""
        with self._lock:
            self._asked = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="truckroll-runs", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._asked:
                    self._thread = None
                    return
                self._asked = False
            try:
                while process_next(self._database) is not None:
                    pass
            except psycopg.Error as error:
                logger().warning("background.database_failed", sqlstate=error.sqlstate, exc_info=error)

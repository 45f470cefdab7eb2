"""A worker's hold on a run: kept by saying how far it is, lost by falling silent (OPT-6)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from truckroll.auth import SERVICE
from truckroll.database import Database

LEASE = timedelta(seconds=60)
REPORT_EVERY_S = 0.5


class RunStoppedError(Exception):
    """Somebody asked for the run to stop."""


class RunLostError(Exception):
    """The lease ran out and the run is another worker's."""


class Lease:
    """One claimed run in the hands of one worker; `run` is its row as it was claimed."""

    def __init__(self, database: Database, run: Mapping[str, Any], worker: str) -> None:
        self.database = database
        self.run = run
        self.worker = worker
        self._reported = 0.0

    @classmethod
    def claim(cls, database: Database, worker: str) -> Lease | None:
        """Take the oldest run that waits or was abandoned; None when there is none."""
        row = database.run(
            lambda connection: connection.execute(
                "select * from private.claim_run(%s, %s)", (worker, LEASE)
            ).fetchone(),
            SERVICE,
        )
        return None if row is None else cls(database, row, worker)

    def now(self) -> datetime:
        """Return the database's time: the one clock by which plans, leases and bookings are judged."""
        with self.database.acting_as(SERVICE) as connection:
            row = connection.execute("select now()").fetchone()
        assert row is not None  # noqa: S101 - a select without from has one row
        found: datetime = row["now"]
        return found

    def report(
        self,
        stage: str,
        progress: float,
        objective: float | None = None,
        iterations: int | None = None,
        elapsed_s: float | None = None,
    ) -> None:
        """Say how far the run is (progress from 0 to 1) and renew the lease.

        With `elapsed_s`, seconds searched, the objective becomes a point of the run's
        curve. Raises RunStoppedError and RunLostError.
        """
        self._reported = time.monotonic()
        row = self.database.run(
            lambda connection: connection.execute(
                "select private.report_progress(%s, %s, %s, %s, %s::real, %s, %s, %s) as stop",
                (
                    self.run["id"],
                    self.worker,
                    LEASE,
                    stage,
                    min(1.0, progress),
                    objective,
                    iterations,
                    elapsed_s,
                ),
            ).fetchone(),
            SERVICE,
        )
        if row is None or row["stop"] is None:
            raise RunLostError
        if row["stop"]:
            raise RunStoppedError

    def is_due(self) -> bool:
        """Tell whether the last report is old enough for another."""
        return time.monotonic() - self._reported >= REPORT_EVERY_S

    def finish(self, outcome: str, code: str | None = None, message: str | None = None) -> str:
        """End the run without a plan, `failed` or `canceled`; return what became of it."""
        row = self.database.run(
            lambda connection: connection.execute(
                "select private.finish_run(%s, %s, %s, %s, %s) as done",
                (self.run["id"], self.worker, outcome, code, message),
            ).fetchone(),
            SERVICE,
        )
        return outcome if row and row["done"] else "lost"

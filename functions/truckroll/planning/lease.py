"""A worker's hold on a run: kept by saying how far it is, lost by falling silent (OPT-6)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg

from truckroll.auth import SERVICE
from truckroll.database import Database
from truckroll.logs import logger

LEASE = timedelta(seconds=60)
REPORT_EVERY_S = 0.5
RENEWALS = 3  # a lease is renewed so often before it would run out
# A worker that has said nothing itself for so long is stuck, though its process lives.
STUCK_S = 900.0


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
        self._renewed = time.monotonic()
        self._last: tuple[str, float] = ("loading", 0.0)
        self._one_at_a_time = threading.Lock()

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
        with self._one_at_a_time:
            self._last = stage, min(1.0, progress)
            stop = self._say(objective, iterations, elapsed_s)
        if stop is None:
            raise RunLostError
        if stop:
            raise RunStoppedError

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Renew the lease in a thread beside the block, however long one stage computes.

        The worker learns at its next report that the run was stopped or lost.
        """
        over = threading.Event()
        self._reported = self._renewed = time.monotonic()
        beside = threading.Thread(target=self._renew, args=(over,), name="truckroll-lease", daemon=True)
        beside.start()
        try:
            yield
        finally:
            over.set()
            beside.join()

    def _renew(self, over: threading.Event) -> None:
        every = LEASE.total_seconds() / RENEWALS
        while not over.wait(max(0.0, self._renewed + every - time.monotonic())):
            if time.monotonic() - self._reported > STUCK_S:
                logger().error("lease.worker_stuck", run=str(self.run["id"]), stage=self._last[0])
                return
            with self._one_at_a_time:
                if time.monotonic() - self._renewed < every:
                    continue
                try:
                    if self._say() is None:
                        return
                except psycopg.Error as error:
                    # Storing the plan locks the run's row; or the database is away for the moment.
                    self._renewed = time.monotonic()
                    logger().info("lease.not_renewed", run=str(self.run["id"]), sqlstate=error.sqlstate)

    def _say(
        self,
        objective: float | None = None,
        iterations: int | None = None,
        elapsed_s: float | None = None,
    ) -> bool | None:
        """Write the last stage and renew; True: somebody wants it to stop, None: it is another worker's."""
        row = self.database.run(
            lambda connection: connection.execute(
                "select private.report_progress(%s, %s, %s, %s, %s::real, %s, %s, %s) as stop",
                (self.run["id"], self.worker, LEASE, *self._last, objective, iterations, elapsed_s),
            ).fetchone(),
            SERVICE,
        )
        self._renewed = time.monotonic()
        stop: bool | None = None if row is None else row["stop"]
        return stop

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

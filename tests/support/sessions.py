"""Two sessions that meet: one waits for the other, or for a gate that a third holds shut."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import psycopg

from support.sql import Connection

PATIENCE_S = 60.0
LOOK_EVERY_S = 0.005


class Session:
    """A connection with a thread of its own, so that a call may wait in the database while the test goes on."""

    def __init__(self, conninfo: str, watcher: Connection) -> None:
        self.db = psycopg.connect(conninfo, options="-c deadlock_timeout=100ms")
        self._watcher = watcher
        self._pool = ThreadPoolExecutor(1)
        self._running: Future[Any] | None = None

    def start(self, call: Callable[[Connection], Any]) -> bool:
        """Begin a transaction and run `call` in it until it ends or waits for a lock; whether it waits."""
        self.db.rollback()
        self._running = self._pool.submit(call, self.db)
        give_up = time.monotonic() + PATIENCE_S
        while not wait((self._running,), LOOK_EVERY_S).done:
            if self._waits():
                return True
            assert time.monotonic() < give_up, "a call neither ended nor waits"
        return False

    def call(self, call: Callable[[Connection], Any]) -> Any:
        """Begin a transaction and run `call`, which nobody makes wait; its answer, or the psycopg error."""
        self.db.rollback()
        try:
            return call(self.db)
        except psycopg.Error as error:
            return error

    def _waits(self) -> bool:
        blocking = self._watcher.execute(
            "select cardinality(pg_blocking_pids(%s))", (self.db.info.backend_pid,)
        ).fetchone()
        return blocking is not None and blocking[0] > 0

    def outcome(self) -> Any:
        """Wait for the call and return its answer, or the psycopg error it ended with."""
        assert self._running is not None
        try:
            return self._running.result(PATIENCE_S)
        except psycopg.Error as error:
            return error

    def end(self, *, commit: bool) -> None:
        """End the transaction; one that failed is rolled back."""
        if commit:
            self.db.commit()
        else:
            self.db.rollback()

    def close(self) -> None:
        """Close the connection, then the thread."""
        self.db.close()
        self._pool.shutdown()

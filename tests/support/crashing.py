"""A PostgreSQL server of the test's own, to be killed."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from support.sql import Connection
from support.trouble import Trouble
from truckroll_local.paths import INSTALLED, StackError, State, locked
from truckroll_local.ports import Ports
from truckroll_local.postgres import Server

RESTART_WITHIN_S = 60.0
NOTICED_WITHIN_S = 10.0


class CrashingServer:
    """A server that can be killed without warning and comes back with what it had acknowledged.

    Its files are not synced to disk: what is proven is that a crash of the server, not of the machine, loses nothing.
    """

    def __init__(self, directory: Path, port: int, *, durable: bool) -> None:
        self._state = State(directory)
        self._server = Server(self._state.pgdata, port, durable=durable, log_file=self._state.log("postgres"))

    def url(self) -> str:
        """Return the superuser's URL."""
        return self._server.url()

    def start(self) -> None:
        """Start it, also after a kill: what is left of the old one needs a moment to be gone."""
        give_up = time.monotonic() + RESTART_WITHIN_S
        while True:
            try:
                self._server.start()
            except StackError:
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.1)
            else:
                return

    def kill(self, admin: Connection) -> None:
        """Kill the server itself (SIGKILL), and wait until its children have noticed and gone."""
        running = [pid for (pid,) in admin.execute("select pid from pg_stat_activity").fetchall()]
        pid_file = self._server.data_dir / "postmaster.pid"
        running.append(int(pid_file.read_text(encoding="utf-8").split()[0]))
        os.kill(running[-1], signal.SIGKILL)
        give_up = time.monotonic() + RESTART_WITHIN_S
        while not all(map(_is_gone, running)):
            assert time.monotonic() < give_up, "a killed server does not go"
            time.sleep(0.02)
        # Until somebody has reaped it, pg_ctl would take the dead server for a living one.
        pid_file.unlink()

    def recovers(self, admin: Connection) -> bool:
        """Wait until it has dropped everybody for a killed backend and is back; tell whether it noticed one."""
        give_up = time.monotonic() + NOTICED_WITHIN_S
        with suppress(psycopg.OperationalError):
            while time.monotonic() < give_up:
                admin.execute("select 1")
                time.sleep(0.02)
            return False
        give_up = time.monotonic() + RESTART_WITHIN_S
        while True:
            try:
                psycopg.connect(self.url()).close()
            except psycopg.OperationalError:
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.05)
            else:
                return True

    def stop(self) -> None:
        """Stop it properly."""
        self._server.stop()


@contextmanager
def crashing_server(*, durable: bool = False) -> Iterator[CrashingServer]:
    """Yield a running server nobody else uses; its cluster is kept, so that templates are built once."""
    directory = INSTALLED / ("soaking" if durable else "crashing")
    directory.mkdir(parents=True, exist_ok=True)
    with locked(directory / "in-use"):
        server = CrashingServer(directory, Ports.free().database, durable=durable)
        server.start()
        try:
            yield server
        finally:
            server.stop()


class Crashes(Trouble):
    """Also kills the server: a backend, after which all of it recovers, or all of it at once."""

    def __init__(
        self, server: CrashingServer, rng: random.Random, every_operations: int, kill_every: int
    ) -> None:
        super().__init__(rng, every_operations)
        self._server = server
        self._kill_every = kill_every
        self._strikes = 0

    def strike(self, admin: Connection, connections: list[Connection | None]) -> None:
        """Every so many times kill, else do as usual."""
        self._strikes += 1
        if self._strikes % self._kill_every:
            super().strike(admin, connections)
        elif self._strikes // self._kill_every % 2:
            self._server.kill(admin)
            self._server.start()
            self.done["server killed"] += 1
        else:
            self._kill_backend(admin, connections)

    def _kill_backend(self, admin: Connection, connections: list[Connection | None]) -> None:
        victim = self.victim(connections)
        if victim is None:
            return
        with suppress(psycopg.OperationalError, ProcessLookupError):
            os.kill(victim.info.backend_pid, signal.SIGKILL)
            # A backend that was just leaving by itself brings nothing down.
            if self._server.recovers(admin):
                self.done["backend killed"] += 1


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    status = Path(f"/proc/{pid}/stat")
    if not status.parent.parent.is_dir():
        return False
    with suppress(FileNotFoundError):
        return status.read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    return True

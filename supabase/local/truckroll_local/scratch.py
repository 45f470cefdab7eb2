"""A server for databases that may be lost, shared by everybody who needs one at the time."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from truckroll_local.paths import INSTALLED, State, locked, read_json, write_json
from truckroll_local.ports import Ports
from truckroll_local.postgres import Server


@contextmanager
def server(directory: Path = INSTALLED / "scratch") -> Iterator[str]:
    """Yield a superuser's URL of a running server without durability; the last to leave stops it.

    Processes that hold it at the same time share it: test workers, a second test run. One that was killed leaves
    it running, and the next takes it over. Its cluster stays, so that what was built in it is found again.
    Raises StackError when it does not start.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "users").open("w", encoding="utf-8") as users:
        with locked(directory / "change"):
            url = _running(directory) or _started(directory)
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield url
        finally:
            with locked(directory / "change"), suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _server(directory, 0).stop()


def _server(directory: Path, port: int) -> Server:
    state = State(directory)
    return Server(state.pgdata, port, durable=False, log_file=state.log("postgres"))


def _running(directory: Path) -> str | None:
    port = read_json(directory / "port.json")
    if port is None:
        return None
    url = _server(directory, port).url()
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return None
    return url


def _started(directory: Path) -> str:
    port = Ports.free().database
    started = _server(directory, port)
    started.start()
    write_json(directory / "port.json", port)
    return started.url()

"""The whole local stack: start everything in order, stop everything in reverse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from truckroll_local import database, functions, gateway, postgres
from truckroll_local.cron import Cron, schedule
from truckroll_local.keys import keys
from truckroll_local.paths import FUNCTIONS_MAIN, INSTALLED, Lock, StackError, State
from truckroll_local.ports import HOST, Ports
from truckroll_local.processes import Process


class Stack:
    """PostgreSQL, the API and the functions on loopback ports, as a context manager or by start and stop.

    `root` is the state directory (default: .truckroll in the repository); what is installed from package
    registries is shared by all. `functions_source=None` leaves the functions out. Without `durable` the
    database skips fsync, for tests. Raises StackError with a sentence that says what to do.
    """

    def __init__(
        self,
        ports: Ports | None = None,
        root: Path = INSTALLED,
        *,
        durable: bool = True,
        functions_source: Path | None = FUNCTIONS_MAIN,
        with_cron: bool = True,
    ) -> None:
        self.ports = ports or Ports.from_environment()
        self._state = State(root)
        self._lock = Lock(self._state.lock)
        self._functions_source = functions_source
        self._with_cron = with_cron
        self._server = postgres.Server(
            self._state.pgdata, self.ports.database, durable=durable, log_file=self._state.log("postgres")
        )
        self._processes: list[Process] = []
        self._cron: Cron | None = None
        self._keys = keys(self._state)
        self.api_url = f"http://{HOST}:{self.ports.api}"
        self.functions_url = f"http://{HOST}:{self.ports.functions}"
        self.db_url = self._server.url()
        self.data_dir = self._server.data_dir
        self.anon_key = self._keys.anon_key
        self.service_key = self._keys.service_key
        self.jwt_secret = self._keys.jwt_secret

    def install(self) -> None:
        """Install what the stack is made of; nothing happens, and no network is needed, if it is there."""
        postgres.install()

    def start_database(self) -> None:
        """Start PostgreSQL alone, taking over what a crashed run left; StackError if a stack is running."""
        if not self._lock.acquire(wait=False):
            raise StackError(
                f"A stack is running already with its state in {self._state.directory}. "
                "Stop it first (Ctrl-C where it runs)."
            )
        self._server.start()

    @contextmanager
    def database_running(self) -> Iterator[None]:
        """Have PostgreSQL up for the block; one that runs already is used and left running."""
        if self._server.running:
            yield
            return
        self._server.start()
        try:
            yield
        finally:
            self._server.stop()

    def build_database(self, *, seeds: bool = True) -> None:
        """Drop the database with everything in it and build it anew; the server has to run."""
        database.recreate(self.db_url)
        database.build(self.db_url, seeds=seeds)

    def database_state(self) -> str:
        """Say whether the database is `empty`, `current` or `outdated`; the server has to run."""
        return database.state(self.db_url)

    def start_services(self) -> None:
        """Start the gateway, the functions and cron over a database that is up and built."""
        database.let_authenticator_in(self.db_url, postgres.PASSWORD)
        common = (self._state, self.ports, self._keys, self.db_url)
        self._processes.append(gateway.start(*common))
        if self._functions_source is not None:
            self._processes.append(functions.start(*common, self._functions_source))
        for process, ready in zip(self._processes, (gateway.ready, functions.ready), strict=False):
            process.wait_until(partial(ready, self.ports))
        if self._functions_source is not None and self._with_cron:
            self._cron = Cron(self.functions_url, self.service_key, schedule())
            self._cron.start()

    def start(self) -> None:
        """Install and start everything; an empty database is built, with seeds."""
        try:
            self.start_database()
            if self.database_state() == "empty":
                self.build_database()
            self.start_services()
        except BaseException:
            self.stop()
            raise

    def ended(self) -> Process | None:
        """Return a process of the stack that has ended by itself, if any has."""
        return next((process for process in self._processes if not process.alive), None)

    def stop(self) -> None:
        """Stop everything that was started here, in reverse order."""
        if not self._lock.held:
            return
        if self._cron:
            self._cron.stop()
        while self._processes:
            self._processes.pop().stop()
        self._server.stop()
        self._lock.release()

    def destroy(self) -> None:
        """Stop everything and delete its state, database and all; what is installed stays."""
        self.stop()
        self._server.destroy()
        self._state.delete()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

"""Transactions on behalf of a caller, safe behind a transaction pooler: nothing outlives a transaction."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
import stamina
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool

from truckroll.auth import Caller
from truckroll.errors import is_transient

T = TypeVar("T")
Connection = psycopg.Connection[DictRow]

ATTEMPTS = 4
STATEMENT_TIMEOUT_S = 60


class Database:
    """A pool of connections, opened at first use."""

    def __init__(self, url: str, *, size: int = 8) -> None:
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            url,
            connection_class=psycopg.Connection[DictRow],
            min_size=0,
            max_size=size,
            timeout=5.0,
            open=False,
            check=ConnectionPool.check_connection,
            # Prepared statements would be left behind on a server connection that another client gets next.
            kwargs={
                "autocommit": True,
                "prepare_threshold": None,
                "row_factory": dict_row,
                "connect_timeout": 5,
            },
        )

    @contextmanager
    def acting_as(
        self,
        caller: Caller,
        *,
        request_id: str = "",
        snapshot: bool = False,
        timeout_s: int = STATEMENT_TIMEOUT_S,
    ) -> Iterator[Connection]:
        """Open a transaction with the caller's role and claims, as PostgREST would; commit unless it raises.

        With `snapshot` every statement sees the same state (repeatable read). `timeout_s` limits
        each statement, in seconds.
        """
        self._pool.open()
        with self._pool.connection() as connection, connection.transaction():
            if snapshot:
                connection.execute("set transaction isolation level repeatable read")
            become(connection, caller, request_id=request_id, timeout_s=timeout_s)
            yield connection

    def run(self, work: Callable[[Connection], T], caller: Caller, **options: Any) -> T:
        """Do the work in a transaction of its own, again when only concurrency or the connection failed.

        Options are those of acting_as. The work may be done more than once: what it writes must be
        safe to repeat.
        """
        for attempt in stamina.retry_context(on=is_transient, attempts=ATTEMPTS, timeout=20.0, wait_max=1.0):
            with attempt, self.acting_as(caller, **options) as connection:
                return work(connection)
        raise AssertionError  # pragma: no cover - the last attempt raises

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()


def become(
    connection: Connection, caller: Caller, *, request_id: str = "", timeout_s: int = STATEMENT_TIMEOUT_S
) -> None:
    """Set role, claims and request id for the rest of the transaction."""
    connection.execute(
        """
        select
            set_config('statement_timeout', %s, true), set_config('lock_timeout', '8s', true),
            set_config('request.jwt.claims', %s, true), set_config('request.headers', %s, true),
            set_config('search_path', '', true), set_config('role', %s, true)
        """,
        (f"{timeout_s}s", caller.claims_json(), json.dumps({"x-request-id": request_id}), caller.role),
    )

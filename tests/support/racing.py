"""Many real connections that want the same thing at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg

from support.booking import call
from support.sql import Connection


def race(conninfo: str, clients: int, work: Callable[[Connection, int], Any]) -> list[Any]:
    """Run `work(connection, number)` on as many connections at once, all let go together."""
    start = threading.Barrier(clients)

    def client(number: int) -> Any:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            start.wait()
            return work(connection, number)

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(client, range(clients)))


def attempt(db: Connection, function: str, **arguments: Any) -> str:
    """Call an RPC; `won`, or the code it was refused with. Anything but a refusal fails the test."""
    try:
        call(db, function, **arguments)
    except psycopg.Error as error:
        if error.sqlstate != "PT409":
            raise
        return error.diag.message_primary or ""
    return "won"

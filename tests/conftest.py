"""Fixtures of every test: one server a session, one database a worker, one transaction a test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import psycopg
import pytest
from hypothesis import settings
from psycopg.pq import TransactionStatus

from support import sql, templates
from support.effort import EXPLORE, examples
from support.factory import Company
from support.sql import AsUser, Connect, Connection
from truckroll_local import scratch

# The same examples at every run unless new ones are asked for, and none failed by a busy machine.
settings.register_profile(
    "tests", deadline=None, derandomize=not EXPLORE, print_blob=True, max_examples=examples(100)
)
settings.load_profile("tests")


def pytest_xdist_auto_num_workers() -> int:
    """Return one worker more than there are cores: locks, servers and timeouts are waited for."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Conninfo of a PostgreSQL superuser: TRUCKROLL_TEST_DB_URL, or else the server the stack embeds."""
    if url := os.environ.get("TRUCKROLL_TEST_DB_URL"):
        yield url
        return
    with scratch.server() as url:
        yield url


@pytest.fixture(scope="session")
def worker_database(server: str) -> Iterator[str]:
    """Conninfo of this worker's own database: the declared schema, no rows. Leave nothing committed in it."""
    with templates.copy_of(server, templates.template(server)) as conninfo:
        yield conninfo


@pytest.fixture(scope="session")
def worker_connection(worker_database: str) -> Iterator[Connection]:
    """Keep one connection a worker: a fresh one for each test would compile every function again."""
    with psycopg.connect(worker_database) as connection:
        yield connection


@pytest.fixture
def db(worker_connection: Connection) -> Iterator[Connection]:
    """Connect as postgres to an empty database; everything the test does is rolled back."""
    worker_connection.execute("select")  # opens the transaction, so that blocks inside become savepoints
    yield worker_connection
    if worker_connection.info.transaction_status is TransactionStatus.ACTIVE:
        # The test ran out of time within a statement; the next one needs the connection.
        worker_connection.cancel_safe()
        while worker_connection.pgconn.get_result():
            pass
    worker_connection.rollback()
    worker_connection.autocommit = True
    worker_connection.execute("discard all")
    worker_connection.autocommit = False


@pytest.fixture
def as_user(db: Connection) -> AsUser:
    """Sign somebody in for a block, by id or role: see support.sql.acting_as."""
    return partial(sql.acting_as, db)


@pytest.fixture
def fresh_database(server: str) -> Iterator[str]:
    """Conninfo of a database of the test's own, with the declared schema and no rows, to commit in."""
    with templates.copy_of(server, templates.template(server)) as conninfo:
        yield conninfo


@pytest.fixture
def seeded_database(server: str) -> Iterator[str]:
    """Conninfo of a database of the test's own, with the declared schema and the seeds."""
    with templates.copy_of(server, templates.template(server, seeded=True)) as conninfo:
        yield conninfo


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Open real connections, `connect(conninfo, autocommit=True, …)`; all are closed after the test."""
    with ExitStack() as open_connections:

        def opened(conninfo: str, **options: Any) -> Connection:
            return open_connections.enter_context(psycopg.connect(conninfo, **options))

        yield opened


@pytest.fixture
def company(db: Connection) -> Company:
    """Add an empty company to the worker's database; fill it with support.factory."""
    return Company(db)

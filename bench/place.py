"""Where measurements happen: a stack of its own, or a database somebody names, with the company in it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import psycopg
from bench import company, staff
from bench.company import Company

from truckroll_local import database
from truckroll_local.keys import signed
from truckroll_local.paths import INSTALLED
from truckroll_local.ports import Ports
from truckroll_local.stack import Stack


@dataclass(frozen=True)
class Place:
    """A database with the company, and the stack over it unless only a database was named."""

    db_url: str
    company: Company
    stack: Stack | None

    def connect(self) -> psycopg.Connection[Any]:
        """Open a connection of the owner's, autocommit, as behind a pooler: nothing prepared by the client."""
        return psycopg.connect(self.db_url, autocommit=True, prepare_threshold=None)

    @contextmanager
    def dispatcher(self) -> Iterator[psycopg.Connection[Any]]:
        """Open a connection that is the dispatcher throughout: role and claims as the API sets them."""
        with self.connect() as connection:
            claims = f'{{"sub": "{self.company.dispatcher_id}", "role": "authenticated"}}'
            connection.execute("select set_config('request.jwt.claims', %s, false)", (claims,))
            connection.execute("set role authenticated")
            yield connection

    def client(self) -> httpx.Client:
        """Open an HTTP client that is the dispatcher. Needs the stack."""
        if self.stack is None:
            raise ValueError("there is no stack over a database that somebody named")
        claims: dict[str, object] = {
            "sub": str(self.company.dispatcher_id),
            "role": "authenticated",
            "aud": "authenticated",
            "exp": int(time.time()) + 86_400,
        }
        token = signed(claims, self.stack.jwt_secret)
        return httpx.Client(
            base_url=self.stack.api_url,
            headers={"apikey": self.stack.anon_key, "Authorization": f"Bearer {token}"},
            timeout=120,
        )


@contextmanager
def prepared(*, fresh: bool = False) -> Iterator[Place]:
    """Yield the place; the stack keeps its state between runs until the schema or the date moves on."""
    if url := os.environ.get("TRUCKROLL_DATABASE_URL"):
        yield Place(url, _filled(url), None)
        return
    stack = Stack(Ports.free(), INSTALLED / "bench", with_cron=False)
    stack.start_database()
    try:
        if fresh or stack.database_state() != "current" or not _is_ahead(stack.db_url):
            stack.build_database(seeds=False)
        there = _filled(stack.db_url)
        stack.start_services()
        yield Place(stack.db_url, there, stack)
    finally:
        stack.stop()


def _filled(url: str) -> Company:
    with psycopg.connect(url) as connection:
        row = connection.execute("select to_regclass('public.orgs') is null").fetchone()
    if row and row[0]:
        database.build(url, seeds=False)
    with psycopg.connect(url) as connection:
        if company.found(connection) is None:
            connection.execute("set jit = off")
            company.build(connection, datetime.now(UTC).astimezone(staff.ZONE).date())
        there = company.found(connection)
    if there is None:
        raise LookupError("the company is not to be found")
    return there


def _is_ahead(url: str) -> bool:
    """Whether the company was built today, so that its two weeks are those find_slots looks at."""
    with psycopg.connect(url) as connection:
        there = company.found(connection)
    return there is not None and there.board_day == staff.board_day(
        datetime.now(UTC).astimezone(staff.ZONE).date()
    )

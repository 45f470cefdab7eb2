"""Where measurements happen: a stack of its own, or a database somebody names, with the company in it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
from bench import bookings, company, staff
from bench.company import Company
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from truckroll_local import database, manifest
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

    def api_url(self) -> str:
        """Return where the gateway listens. Needs the stack."""
        return self._running().api_url

    def anon_key(self) -> str:
        """Return the key every client sends. Needs the stack."""
        return self._running().anon_key

    def token(self) -> str:
        """Return an access token of the dispatcher's. Needs the stack."""
        claims: dict[str, object] = {
            "sub": str(self.company.dispatcher_id),
            "role": "authenticated",
            "aud": "authenticated",
            "exp": int(time.time()) + 86_400,
        }
        return signed(claims, self._running().jwt_secret)

    def client(self) -> httpx.Client:
        """Open an HTTP client that is the dispatcher. Needs the stack."""
        headers = {"apikey": self.anon_key(), "Authorization": f"Bearer {self.token()}"}
        return httpx.Client(base_url=self.api_url(), headers=headers, timeout=120)

    def _running(self) -> Stack:
        if self.stack is None:
            raise ValueError("there is no stack over a database that somebody named")
        return self.stack


@contextmanager
def prepared(*, fresh: bool = False) -> Iterator[Place]:
    """Yield the place. The stack begins every run with the same rows: a copy of a company built once a day."""
    if url := os.environ.get("TRUCKROLL_DATABASE_URL"):
        yield Place(url, _filled(url), None)
        return
    stack = Stack(Ports.free(), INSTALLED / "bench", with_cron=False)
    stack.start_database()
    try:
        _copied(stack.db_url, _kept(stack.db_url, fresh=fresh))
        stack.start_services()
        yield Place(stack.db_url, _filled(stack.db_url), stack)
    finally:
        stack.stop()


def _filled(url: str) -> Company:
    """Build what is missing, schema and company, and return the company."""
    with psycopg.connect(url) as connection:
        row = connection.execute("select to_regclass('public.orgs') is null").fetchone()
    if row and row[0]:
        database.build(url, seeds=False)
    with psycopg.connect(url) as connection:
        if company.found(connection) is None:
            connection.execute("set jit = off")
            company.build(connection, _today())
        there = company.found(connection)
    if there is None:
        raise LookupError("the company is not to be found")
    return there


def _kept(server: str, *, fresh: bool) -> str:
    """Return the name of the database with today's company under today's schema, and drop older ones."""
    makers = [Path(str(module.__file__)) for module in (company, staff, bookings)]
    files = [manifest.BOOTSTRAP, *manifest.schema_files(), *makers]
    name = f"company_{manifest.fingerprint(files)}_{_today():%Y%m%d}"
    with psycopg.connect(server, autocommit=True) as connection:
        known = connection.execute("select datname from pg_database where starts_with(datname, 'company_')")
        names = [one for (one,) in known.fetchall()]
        for old in names:
            if fresh or old != name:
                connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(old)))
    if fresh or name not in names:
        unfinished = make_conninfo(server, dbname="company_unfinished")
        database.recreate(unfinished)
        _filled(unfinished)
        with psycopg.connect(server, autocommit=True) as connection:
            rename = sql.SQL("alter database company_unfinished rename to {}")
            connection.execute(rename.format(sql.Identifier(name)))
    return name


def _copied(url: str, source: str) -> None:
    """Make the stack's database a copy of another one of its server."""
    database.recreate(url)
    own = sql.Identifier(str(conninfo_to_dict(url)["dbname"]))
    with psycopg.connect(make_conninfo(url, dbname="template1"), autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {}").format(own))
        connection.execute(sql.SQL("create database {} template {}").format(own, sql.Identifier(source)))


def _today() -> date:
    return datetime.now(UTC).astimezone(staff.ZONE).date()

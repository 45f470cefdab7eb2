"""A local stack of the tests' own: free ports, a small schema, two teams with a member each."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row
from supabase import Client

from support.workshop import NORTH, PASSWORD, SOUTH, Person, SignIn, client
from truckroll_local import manifest
from truckroll_local.paths import INSTALLED
from truckroll_local.ports import Ports
from truckroll_local.stack import Stack

HERE = Path(__file__).parent

_serial = count(1)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    scratch = INSTALLED / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    root = Path(tempfile.mkdtemp(prefix="stack-", dir=scratch))
    root.chmod(0o755)
    stack = Stack(
        Ports.free(), root, durable=False, functions_source=HERE / "functions_main.py", with_cron=False
    )
    try:
        stack.start_database()
        with psycopg.connect(stack.db_url, autocommit=True) as connection:
            manifest.apply(connection, [manifest.BOOTSTRAP, HERE / "schema.sql"])
        stack.start_services()
        yield stack
    finally:
        stack.destroy()


@pytest.fixture(scope="session")
def connections() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=60) as opened:
        yield opened


@pytest.fixture(scope="session")
def sign_in(stack: Stack, connections: httpx.Client) -> SignIn:
    admin = client(stack.api_url, stack.service_key, connections)

    def signed_in(team: str | None = None, **metadata: Any) -> Person:
        email = f"person-{uuid4().hex[:12]}@example.com"
        user = admin.auth.admin.create_user(
            {"email": email, "password": PASSWORD, "email_confirm": True, "user_metadata": metadata}
        ).user
        if team:
            with psycopg.connect(stack.db_url) as connection:
                connection.execute("insert into public.members values (%s, %s)", (team, user.id))
        own = client(stack.api_url, stack.anon_key, connections)
        own.auth.sign_in_with_password({"email": email, "password": PASSWORD})
        return Person(user.id, email, own)

    return signed_in


@pytest.fixture(scope="session")
def north(sign_in: SignIn) -> Person:
    return sign_in(NORTH)


@pytest.fixture(scope="session")
def south(sign_in: SignIn) -> Person:
    return sign_in(SOUTH)


@pytest.fixture(scope="session")
def anon(stack: Stack, connections: httpx.Client) -> Client:
    return client(stack.api_url, stack.anon_key, connections)


@pytest.fixture(scope="session")
def service(stack: Stack, connections: httpx.Client) -> Client:
    return client(stack.api_url, stack.service_key, connections)


@pytest.fixture
def title() -> str:
    return f"Task {next(_serial)} {uuid4().hex[:8]}"


@pytest.fixture(scope="session")
def http(stack: Stack, north: Person) -> Iterator[httpx.Client]:
    headers = {"apikey": stack.anon_key, "authorization": f"Bearer {north.token}"}
    with httpx.Client(base_url=stack.api_url, headers=headers, timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def superuser(stack: Stack) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    with psycopg.connect(stack.db_url, autocommit=True, row_factory=dict_row) as connection:
        yield connection

"""The product's own stack with the demo company in it, on free ports: one for all tests a worker runs here."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from support.workshop import Person, Somebody, client
from truckroll.cli.api import DEMO_PASSWORD
from truckroll.cli.demo import load_company
from truckroll_local.paths import INSTALLED
from truckroll_local.ports import Ports
from truckroll_local.stack import Stack

Superuser = psycopg.Connection[Any]


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    scratch = INSTALLED / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    root = Path(tempfile.mkdtemp(prefix="company-", dir=scratch))
    root.chmod(0o755)
    stack = Stack(Ports.free(), root, durable=False, with_cron=False)
    try:
        stack.start_database()
        stack.build_database(seeds=False)
        stack.start_services()
        load_company(stack.db_url)
        yield stack
    finally:
        stack.destroy()


@pytest.fixture(scope="session")
def connections() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=60) as opened:
        yield opened


@pytest.fixture(scope="session")
def demo(stack: Stack, connections: httpx.Client) -> Somebody:
    """Sign in whoever has this name in the demo company: owner, dispatcher, technician, customer, …."""

    @cache
    def signed_in(name: str) -> Person:
        email = f"{name}@demo.truckroll.example"
        own = client(stack.api_url, stack.anon_key, connections)
        user = own.auth.sign_in_with_password({"email": email, "password": DEMO_PASSWORD}).user
        assert user is not None
        return Person(user.id, email, own)

    return signed_in


@pytest.fixture(scope="session")
def superuser(stack: Stack) -> Iterator[Superuser]:
    """Look behind the API."""
    with psycopg.connect(stack.db_url, autocommit=True) as connection:
        yield connection

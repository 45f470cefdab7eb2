"""The functions as they are served: one target of functions-framework over a real database."""

from __future__ import annotations

from collections.abc import Iterator

import functions_framework
import psycopg
import pytest
from psycopg.rows import tuple_row
from werkzeug.test import Client

from support import templates
from support.emergency import Now
from support.factory import CITY, Company
from support.functions import MAIN, Day, environment, served_over_a_copy
from support.sql import Connection


@pytest.fixture(scope="session")
def kept_database(server: str) -> Iterator[tuple[str, Connection]]:
    """Keep one database a worker for the tests here, with a connection to add rows through."""
    from truckroll.api import instance
    from truckroll.settings import Settings

    with (
        templates.copy_of(server, templates.template(server)) as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        yield url, connection
        instance(Settings.from_environment(environment(url))).database.close()


@pytest.fixture(scope="session")
def lists_of_the_schema(kept_database: tuple[str, Connection]) -> set[tuple[str, str]]:
    """Name the tables whose rows came with the schema: the database is new when this is asked first."""
    return templates.filled(kept_database[1])


@pytest.fixture
def fresh_database(
    kept_database: tuple[str, Connection], lists_of_the_schema: set[tuple[str, str]]
) -> Iterator[str]:
    """Conninfo of an empty database to commit in: the same one for all tests, emptied after each."""
    url, connection = kept_database
    yield url
    connection.row_factory = tuple_row
    connection.execute("reset all")
    templates.empty(connection, lists_of_the_schema)


@pytest.fixture
def client(fresh_database: str, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Serve the functions over the empty database."""
    for name, value in environment(fresh_database).items():
        monkeypatch.setenv(name, value)
    app = functions_framework.create_app("truckroll", str(MAIN))  # type: ignore[no-untyped-call]
    client: Client = app.test_client()
    return client


@pytest.fixture
def day(client: Client, kept_database: tuple[str, Connection]) -> Day:
    """Set the company up."""
    company = Company(kept_database[1])
    home = company.add("customer_locations", kind="home_base", latitude=CITY[0], longitude=CITY[1])
    for name in ("Ann", "Bob"):
        company.technician({"plumbing": 3}, display_name=name, home_base_location_id=home["id"])
    company.technician({"electrical": 4}, display_name="Eve", home_base_location_id=home["id"])
    return Day(company, company.member("dispatcher"), client)


@pytest.fixture(scope="module")
def served(server: str) -> Iterator[tuple[Connection, Client]]:
    """Serve the functions over one database for all tests: each has a company of its own."""
    with served_over_a_copy(server) as both:
        yield both


@pytest.fixture
def now(served: tuple[Connection, Client]) -> Now:
    """Add a company that is in the middle of its day."""
    return Now.build(*served)

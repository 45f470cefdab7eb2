"""Transactions behind a pooler: nothing leaks from one to the next, and only what may succeed is tried again."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest

from support import sql
from support.sql import Connect
from truckroll.auth import SERVICE, user
from truckroll.database import Connection, Database


@pytest.fixture
def database(fresh_database: str) -> Iterator[Database]:
    """Keep one connection only, so that whatever is left behind would be met again."""
    database = Database(fresh_database, size=1)
    yield database
    database.close()


def test_role_claims_and_limits_end_with_the_transaction(database: Database) -> None:
    who = str(uuid4())
    with database.acting_as(
        user(who), request_id="8c1cd6ab-1b51-4c6e-9d0f-0c3a4a0e3c55", timeout_s=7
    ) as connection:
        inside = sql.one(
            connection,
            """
            select current_user as role, auth.uid() as uid,
                current_setting('request.headers')::jsonb ->> 'x-request-id' as request,
                current_setting('statement_timeout') as timeout
            """,
        )
    assert inside["role"] == "authenticated"
    assert str(inside["uid"]) == who
    assert inside["request"] == "8c1cd6ab-1b51-4c6e-9d0f-0c3a4a0e3c55"
    assert inside["timeout"] == "7s"
    with database._pool.connection() as connection:  # noqa: SLF001 - what the pool hands to the next caller
        after = sql.one(
            connection,
            """
            select current_user <> 'authenticated' as is_itself, auth.uid() as uid,
                current_setting('statement_timeout') as timeout
            """,
        )
        prepared = sql.value(connection, "select count(*) from pg_prepared_statements")
    assert after == {"is_itself": True, "uid": None, "timeout": "0"}
    assert prepared == 0


def test_an_error_undoes_the_transaction(database: Database) -> None:
    def work(connection: Connection) -> None:
        connection.execute("insert into public.orgs (name, slug) values ('Gone', 'gone')")
        connection.execute("select 1 / 0")

    with pytest.raises(psycopg.errors.DivisionByZero):
        database.run(work, SERVICE)
    with database.acting_as(SERVICE) as connection:
        assert sql.value(connection, "select count(*) from public.orgs") == 0


@pytest.mark.parametrize("state", ["40001", "40P01", "55P03"])
def test_conflicts_of_concurrency_are_tried_again(database: Database, state: str) -> None:
    attempts = []

    def work(connection: Connection) -> str:
        attempts.append(1)
        if len(attempts) < 3:
            connection.execute(f"do $$ begin raise exception 'again' using errcode = '{state}'; end $$")
        return "done"

    assert database.run(work, SERVICE) == "done"
    assert len(attempts) == 3


@pytest.mark.parametrize("state", ["23505", "PT409", "57014", "42501", "P0001"])
def test_other_errors_are_not(database: Database, state: str) -> None:
    attempts = []

    def work(connection: Connection) -> None:
        attempts.append(1)
        connection.execute(f"do $$ begin raise exception 'no' using errcode = '{state}'; end $$")

    with pytest.raises(psycopg.Error) as caught:
        database.run(work, SERVICE)
    assert caught.value.sqlstate == state
    assert len(attempts) == 1


def test_a_lost_connection_is_replaced(database: Database, fresh_database: str, connect: Connect) -> None:
    other = connect(fresh_database, autocommit=True)
    attempts = []

    def work(connection: Connection) -> int:
        attempts.append(1)
        if len(attempts) == 1:
            other.execute("select pg_terminate_backend(%s)", (connection.info.backend_pid,))
        found: int = sql.value(connection, "select 42")
        return found

    assert database.run(work, SERVICE) == 42
    assert len(attempts) == 2


def test_it_gives_up_in_the_end(database: Database) -> None:
    attempts = []

    def work(connection: Connection) -> None:
        attempts.append(1)
        connection.execute("do $$ begin raise exception 'again' using errcode = '40001'; end $$")

    with pytest.raises(psycopg.errors.SerializationFailure):
        database.run(work, SERVICE)
    assert len(attempts) == 4

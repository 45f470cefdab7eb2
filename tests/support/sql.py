"""Short forms for asking the database and for expecting a refusal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, LiteralString
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

Connection = psycopg.Connection[tuple[Any, ...]]
Connect = Callable[..., Connection]
AsUser = Callable[..., AbstractContextManager[Connection]]
Row = dict[str, Any]
Parameters = Sequence[Any] | Mapping[str, Any] | None


def rows(
    connection: psycopg.Connection[Any], query: LiteralString, parameters: Parameters = None
) -> list[Row]:
    """Return every row as a dictionary."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, parameters).fetchall()


def one(connection: psycopg.Connection[Any], query: LiteralString, parameters: Parameters = None) -> Row:
    """Return the only row; any other number of rows fails the test."""
    found = rows(connection, query, parameters)
    assert len(found) == 1, f"{len(found)} rows instead of one"
    return found[0]


def value(connection: psycopg.Connection[Any], query: LiteralString, parameters: Parameters = None) -> Any:
    """Return the only column of the only row."""
    row = one(connection, query, parameters)
    assert len(row) == 1, f"{len(row)} columns instead of one"
    return next(iter(row.values()))


@contextmanager
def acting_as(
    connection: psycopg.Connection[Any],
    user_id: UUID | str | None = None,
    *,
    role: str = "authenticated",
    **claims: Any,
) -> Iterator[psycopg.Connection[Any]]:
    """Be this user inside a savepoint, with role and claims set the way PostgREST sets them.

    Further claims (email, app_metadata, …) are keyword arguments. A statement that fails inside rolls
    the whole block back; who one was before is restored either way.
    """
    claims = {"role": role, "aud": role} | ({"sub": str(user_id)} if user_id else {}) | claims
    with connection.transaction() as savepoint:
        connection.execute(
            "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true)",
            (role, json.dumps(claims)),
        )
        yield connection
        if connection.info.transaction_status == psycopg.pq.TransactionStatus.INERROR:
            raise psycopg.Rollback(savepoint)
        connection.execute(
            "select set_config('role', 'none', true), set_config('request.jwt.claims', '', true)"
        )


@contextmanager
def refused(
    connection: psycopg.Connection[Any], sqlstate: str, code: str | None = None
) -> Iterator[pytest.ExceptionInfo[psycopg.Error]]:
    """Expect the block to fail with this SQLSTATE (`PT409`, `42501`, …) and, if given, this message.

    The connection stays usable: the block is a savepoint.
    """
    with pytest.raises(psycopg.Error) as caught, connection.transaction():
        yield caught
    error = caught.value
    assert error.sqlstate == sqlstate, f"{error.sqlstate} instead of {sqlstate}: {error}"
    if code is not None:
        assert error.diag.message_primary == code, f"{error.diag.message_primary} instead of {code}"

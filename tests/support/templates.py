"""Databases cut from templates that are built once for each state of the SQL files."""

from __future__ import annotations

import itertools
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from truckroll_local import manifest

BUILD_LOCK = 7_314_002  # any constant: makes workers that need the same template wait for the first
KEPT_TEMPLATES = 6  # of states of the SQL files; a tree in which several people work has a few

_serial = itertools.count(1)


def template(server: str, *, seeded: bool = False) -> str:
    """Return the name of the database with the declared schema (and seeds), building it if it is new."""
    files = [manifest.BOOTSTRAP, *manifest.schema_files(), *(manifest.seed_files() if seeded else [])]
    return built(server, "seeded" if seeded else "schema", files)


def built(server: str, label: str, files: Sequence[Path]) -> str:
    """Return the name of a database made by running these files in order, building it if it is new."""
    prefix = f"truckroll_template_{label}_"
    name = prefix + manifest.fingerprint(files)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", (BUILD_LOCK,))
        if not connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone():
            _build(connection, server, name, files)
            _forget_old_templates(connection, prefix)
    return name


def _build(connection: psycopg.Connection, server: str, name: str, files: Sequence[Path]) -> None:
    unfinished, finished = sql.Identifier(f"{name}_unfinished"), sql.Identifier(name)
    connection.execute(sql.SQL("drop database if exists {} with (force)").format(unfinished))
    connection.execute(sql.SQL("create database {}").format(unfinished))
    try:
        with psycopg.connect(make_conninfo(server, dbname=f"{name}_unfinished"), autocommit=True) as building:
            manifest.apply(building, files)
            building.execute("analyze")
    except manifest.SqlFileError:
        connection.execute(sql.SQL("drop database {} with (force)").format(unfinished))
        raise
    connection.execute(sql.SQL("alter database {} rename to {}").format(unfinished, finished))


def _forget_old_templates(connection: psycopg.Connection, prefix: str) -> None:
    names = connection.execute(
        "select datname from pg_database where starts_with(datname, %s) order by oid desc offset %s",
        (prefix, KEPT_TEMPLATES),
    )
    for (name,) in names.fetchall():
        with suppress(psycopg.errors.ObjectInUse):  # somebody is copying it at this moment
            connection.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(name)))


@contextmanager
def copy_of(server: str, name: str) -> Iterator[str]:
    """Create a database from a template, yield its conninfo, drop it with whoever is still connected."""
    copy = f"truckroll_test_{os.getpid()}_{next(_serial)}"
    with psycopg.connect(server, autocommit=True) as connection:
        # Serialised: two copies of one template at the same time find it "being accessed by other users".
        connection.execute("select pg_advisory_lock(%s)", (BUILD_LOCK,))
        connection.execute(
            sql.SQL("create database {} template {}").format(sql.Identifier(copy), sql.Identifier(name))
        )
    try:
        yield make_conninfo(server, dbname=copy)
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(
                sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(copy))
            )


def _tables(connection: psycopg.Connection) -> set[tuple[str, str]]:
    return {
        (schema, name)
        for schema, name in connection.execute(
            """
            select n.nspname, c.relname
            from pg_class as c inner join pg_namespace as n on c.relnamespace = n.oid
            where
                c.relkind in ('r', 'p') and not c.relispartition
                and n.nspname in ('public', 'private', 'auth', 'realtime')
            """
        )
    }


def filled(connection: psycopg.Connection) -> set[tuple[str, str]]:
    """Return schema and name of the tables that hold rows: in a new copy, the lists that came with the schema."""
    looks = sql.SQL(" union all ").join(
        sql.SQL("select {}, {} where exists (select from {})").format(*names, sql.Identifier(*names))
        for names in _tables(connection)
    )
    return {(schema, name) for schema, name in connection.execute(looks)}


def empty(connection: psycopg.Connection, keep: Collection[tuple[str, str]]) -> None:
    """Delete all rows of a copied schema but those of some tables, in autocommit.

    Cheaper than another copy: connections keep what they have compiled.
    """
    deletions = sql.SQL("; ").join(
        sql.SQL("delete from {}").format(sql.Identifier(*names))
        for names in _tables(connection).difference(keep)
    )
    with connection.transaction():
        # Whoever still holds a lock belonged to a test that is over.
        connection.execute(
            "select pg_terminate_backend(l.pid) from pg_locks as l inner join pg_database as d on l.database = d.oid"
            " where d.datname = current_database() and l.pid <> pg_backend_pid()"
        )
        connection.execute("set local session_replication_role = replica")
        connection.execute(deletions, prepare=False)

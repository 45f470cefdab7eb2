"""Building the local database from the manifest in supabase/config.toml."""

from __future__ import annotations

import time

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from truckroll_local import manifest
from truckroll_local.paths import StackError

_DROP_WITHIN_S = 15
_MARK = "Truckroll schema "


def build(conninfo: str, *, seeds: bool = True) -> None:
    """Make an empty database whole: what hosted Supabase provides, the schema, the policies, the seeds.

    Raises manifest.SqlFileError with file and line.
    """
    schema = [manifest.BOOTSTRAP, *manifest.schema_files()]
    with psycopg.connect(conninfo, autocommit=True) as connection:
        manifest.apply(connection, [*schema, *(manifest.seed_files() if seeds else [])])
        connection.execute("analyze")
        mark = sql.SQL("comment on database {} is {}")
        name = sql.Identifier(connection.info.dbname)
        connection.execute(mark.format(name, _MARK + manifest.fingerprint(schema)))


def state(conninfo: str) -> str:
    """Say whether a database is `empty` (or half-built), `current` (of today's files) or `outdated`."""
    with psycopg.connect(conninfo) as connection:
        row = connection.execute(
            "select shobj_description(oid, 'pg_database') from pg_database where datname = current_database()"
        ).fetchone()
    schema = [manifest.BOOTSTRAP, *manifest.schema_files()]
    built_from = row[0] if row else None
    if built_from is None or not built_from.startswith(_MARK):
        return "empty"
    return "current" if built_from == _MARK + manifest.fingerprint(schema) else "outdated"


def recreate(conninfo: str) -> None:
    """Drop the database that conninfo names, whoever is connected to it, and create it empty."""
    name = str(conninfo_to_dict(conninfo)["dbname"])
    database = sql.Identifier(name)
    with psycopg.connect(make_conninfo(conninfo, dbname="template1"), autocommit=True) as connection:
        if connection.execute("select from pg_database where datname = %s", (name,)).fetchone() is not None:
            connection.execute(sql.SQL("alter database {} with allow_connections false").format(database))
            _drop(connection, name)
        connection.execute(sql.SQL("create database {}").format(database))


def _drop(connection: psycopg.Connection, name: str) -> None:
    deadline = time.monotonic() + _DROP_WITHIN_S
    while True:
        # A replication slot in use blocks the drop, even a forced one, until its connection has gone.
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and pid <> pg_backend_pid()",
            (name,),
        )
        try:
            connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
        except psycopg.errors.ObjectInUse as error:
            if time.monotonic() > deadline:
                raise StackError(f"The database {name} cannot be dropped: {error}") from error
            time.sleep(0.05)
        else:
            return


def let_authenticator_in(conninfo: str, password: str) -> None:
    """Give the API's login role its password. It has none in bootstrap.sql, which other servers run too."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        statement = sql.SQL("alter role authenticator login password {}")
        connection.execute(statement.format(password))

"""Everybody, every table and command, both companies: what is reached is what access_matrix.txt says, and no more.

Tables, views, functions and publications come from the catalogue; one that nobody decided about fails here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import LiteralString

import psycopg
import pytest

from support import access, calls, sql
from support.sql import Connection
from support.two_companies import STAFF, TwoCompanies, two_companies

ACTORS = [*STAFF, "customer", "limited", "service", "removed", "stranger", "limited_stranger", "anon"]

# Columns that no client reads, though it reads the rest of the row.
SECRET_COLUMNS = {
    ("reservations", "hold_token"),
    ("waitlist_offers", "hold_token"),
    ("waitlist_offers", "token_digest"),
}

PUBLISHED = {"dispatch_jobs", "appointments", "job_assignments", "route_plans", "technician_locations"}

# What a link's token is enough for.
CALLED_BY_ANON = {"claim_waitlist_offer", "portal_appointment", "portal_cancel", "portal_choose_window"}
# Calls that name nothing of anybody's, so there is nothing to refuse.
HARMLESS = {"create_org", "service_templates"}


@pytest.fixture(scope="module")
def filled(worker_database: str) -> Iterator[tuple[Connection, TwoCompanies]]:
    """Fill the database once for all tests here, on a connection of its own that never commits."""
    with psycopg.connect(worker_database) as connection:
        yield connection, two_companies(connection)
        connection.rollback()


@pytest.fixture
def db(filled: tuple[Connection, TwoCompanies]) -> Iterator[Connection]:
    connection, _ = filled
    with connection.transaction(force_rollback=True):
        yield connection


@pytest.fixture
def world(filled: tuple[Connection, TwoCompanies]) -> TwoCompanies:
    return filled[1]


def names(db: Connection, query: LiteralString) -> set[str]:
    return {row["name"] for row in sql.rows(db, query)}


def test_every_table_and_view_has_a_line_in_the_matrix(db: Connection) -> None:
    exposed = names(
        db,
        "select relname as name from pg_class "
        "where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')",
    )
    assert exposed == access.tables().keys()


def test_every_table_and_view_has_rows_in_both_companies(world: TwoCompanies) -> None:
    assert world.ours.tables.keys() == world.theirs.tables.keys() == access.tables().keys()
    assert {table for table, rows in world.ours.tables.items() if len(rows) != 2} == {"orgs"}


@pytest.mark.parametrize("actor", ACTORS)
def test_reaches_exactly_what_the_matrix_says(db: Connection, world: TwoCompanies, actor: str) -> None:
    found = access.deviations(db, world, actor, list(access.tables()))
    assert not found, "\n".join(found)


def test_no_client_moves_a_row_to_another_org_or_changes_its_identity(db: Connection) -> None:
    movable = names(
        db,
        """
        select format('%s of %s', a.attname, c.relname) as name
        from pg_class as c inner join pg_attribute as a on c.oid = a.attrelid
        cross join unnest(array['anon', 'authenticated']) as client (role)
        where
            c.relnamespace = 'public'::regnamespace and a.attname in ('org_id', 'id')
            and has_column_privilege(client.role, c.oid, a.attnum, 'update')
        """,
    )
    assert not movable


def test_a_readable_table_is_readable_whole_but_for_its_secrets(db: Connection) -> None:
    hidden = sql.rows(
        db,
        """
        select c.relname as "table", a.attname as "column"
        from pg_class as c inner join pg_attribute as a on c.oid = a.attrelid
        where
            c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v')
            and a.attnum > 0 and not a.attisdropped
            and not has_column_privilege('authenticated', c.oid, a.attnum, 'select')
        """,
    )
    assert {(row["table"], row["column"]) for row in hidden} == SECRET_COLUMNS


def test_api_roles_hold_no_privilege_beside_the_four_commands(db: Connection) -> None:
    held = names(
        db,
        """
        select format('%s on %s for %s', granted.privilege_type, c.oid::regclass, granted.grantee::regrole) as name
        from pg_class as c cross join aclexplode(c.relacl) as granted
        where
            c.relnamespace in ('public'::regnamespace, 'private'::regnamespace)
            and granted.grantee in (0, 'anon'::regrole, 'authenticated'::regrole, 'service_role'::regrole)
            and (
                c.relkind = 'S' or c.relnamespace = 'private'::regnamespace
                or granted.privilege_type not in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
            )
        """,
    )
    assert not held


def test_what_is_created_later_starts_closed(db: Connection) -> None:
    db.execute(
        "create table public.later (id serial primary key);"
        "create function public.later() returns integer language sql return 1"
    )
    opened = names(
        db,
        """
        select role as name from unnest(array['anon', 'authenticated', 'service_role']) as api (role)
        where
            has_table_privilege(role, 'public.later', 'select, insert, update, delete, truncate')
            or has_function_privilege(role, 'public.later()', 'execute')
            or has_sequence_privilege(role, 'public.later_id_seq', 'usage')
        """,
    )
    assert not opened


def test_published_tables_are_the_declared_ones_and_obey_their_policies(db: Connection) -> None:
    published = sql.rows(
        db,
        """
        select t.schemaname, t.tablename, c.relrowsecurity, t.rowfilter
        from pg_publication_tables as t
        inner join pg_class as c on c.oid = format('%I.%I', t.schemaname, t.tablename)::regclass
        where t.pubname = 'supabase_realtime'
        """,
    )
    assert {row["tablename"] for row in published} == PUBLISHED
    assert all(row["schemaname"] == "public" and row["relrowsecurity"] for row in published)
    others = "select pubname as name from pg_publication where pubname <> 'supabase_realtime'"
    assert not names(db, others)


def test_functions_are_granted_to_whom_the_matrix_says(db: Connection) -> None:
    granted = sql.rows(
        db,
        """
        select p.proname as name, api.role, has_function_privilege(api.role, p.oid, 'execute') as may
        from pg_proc as p cross join unnest(array['anon', 'authenticated', 'service_role']) as api (role)
        where p.pronamespace = 'public'::regnamespace
        """,
    )
    declared = {(name, "anon") for name in CALLED_BY_ANON}
    declared |= {
        (name, "authenticated") for name, cells in access.functions().items() if cells["owner"] != "."
    }
    declared |= {
        (name, "service_role") for name, cells in access.functions().items() if cells["service"] != "."
    }
    assert {row["name"] for row in granted} == access.functions().keys()
    assert {(row["name"], row["role"]) for row in granted if row["may"]} == declared


@pytest.mark.parametrize("actor", [*STAFF, "customer", "limited"])
def test_calls_about_exactly_what_the_matrix_says(db: Connection, world: TwoCompanies, actor: str) -> None:
    found = []
    for function, cells in access.functions().items():
        if cells[actor] == ".":
            continue
        reached = set()
        for nth, _ in enumerate(world.ours.tables["dispatch_jobs"]):
            with db.transaction(force_rollback=True):
                ways = calls.ways_to_call(db, world.ours, function, nth)
                answers = [calls.answer(db, world.actors[actor], function, way) for way in ways]
            if set(answers) - calls.REFUSALS:
                reached.add(nth + 1)
        if access.letter(reached, 2) != cells[actor]:
            found.append(
                f"{actor} calls {function}: {access.letter(reached, 2)} instead of {cells[actor]}: {answers}"
            )
    assert not found, "\n".join(found)


@pytest.mark.parametrize("actor", ["anon", "stranger", "limited_stranger", "removed"])
def test_calls_about_our_rows_are_refused(db: Connection, world: TwoCompanies, actor: str) -> None:
    answered = {}
    for function in access.functions().keys() - HARMLESS:
        with db.transaction(force_rollback=True):
            for arguments in calls.ways_to_call(db, world.ours, function):
                answer = calls.answer(db, world.actors[actor], function, arguments)
                if answer not in calls.REFUSALS:
                    answered[function] = answer
    assert not answered


@pytest.mark.parametrize("actor", ["owner", "limited"])
def test_a_call_that_mixes_in_something_of_theirs_tells_nothing_of_them(
    db: Connection, world: TwoCompanies, actor: str
) -> None:
    secrets = {
        str(value): f"{column} of {table}"
        for table, rows in world.theirs.tables.items()
        for row in rows
        for column, value in row.items()
        if column in {"id", "name", "display_name", "phone", "number"} and len(str(value)) > len("Zone 1")
    }
    told = []
    for function in sorted(access.functions().keys() - HARMLESS):
        with db.transaction(force_rollback=True):
            pairs = zip(
                calls.ways_to_call(db, world.ours, function),
                calls.ways_to_call(db, world.theirs, function),
                strict=True,
            )
            for ours, theirs in pairs:
                for name in (name for name in ours if ours[name] != theirs[name]):
                    answer = calls.answer(db, world.actors[actor], function, ours | {name: theirs[name]})
                    told += [
                        f"{function} with their {name} tells the {what}: {answer}"
                        for secret, what in secrets.items()
                        if secret in answer and secret not in str(theirs[name])
                    ]
    assert not told, "\n".join(told)

"""Everybody, every table and command, both companies: what is reached is what access_matrix.txt says, and no more.

Tables, views, functions and publications come from the catalogue; one that nobody decided about fails here.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from support import access, sql
from support.factory import MONDAY
from support.sql import Connection
from support.two_companies import STAFF, Actor, Rows, TwoCompanies, two_companies

ACTORS = [*STAFF, "customer", "limited", "service", "removed", "stranger", "anon"]

# Columns that no client reads, though it reads the rest of the row.
SECRET_COLUMNS = {
    ("reservations", "hold_token"),
    ("waitlist_offers", "hold_token"),
    ("waitlist_offers", "token_digest"),
}

PUBLISHED = {"dispatch_jobs", "appointments", "job_assignments", "route_plans", "technician_locations"}

# Who may call an RPC at all; what it then allows is its own business, and tested beside it.
EVERY_CLIENT = (
    "apply_plan",
    "appointment_from_source",
    "assign_technician",
    "available_people",
    "book_appointment",
    "cancel_appointment",
    "check_placement",
    "find_slots",
    "hold_slot",
    "job_queue",
    "join_waitlist",
    "leave_waitlist",
    "lock_assignment",
    "person_calendar",
    "release_hold",
    "reschedule_appointment",
    "schedule_board",
    "set_assignment_eta",
    "set_assignment_status",
    "unassign_technician",
    "unassigned_appointments",
)
FUNCTIONS: dict[str, set[str]] = {name: {"authenticated", "service_role"} for name in EVERY_CLIENT} | {
    "claim_waitlist_offer": {"anon", "authenticated", "service_role"},  # by the token of a link
    "create_org": {"authenticated"},
    "offer_freed_times": {"service_role"},
}
# Calls that name nothing of anybody's, so there is nothing to refuse.
HARMLESS = {"create_org"}


@pytest.fixture
def world(db: Connection) -> TwoCompanies:
    return two_companies(db)


def names(db: Connection, query: LiteralString) -> set[str]:
    return {row["name"] for row in sql.rows(db, query)}


def test_every_table_and_view_has_a_line_in_the_matrix(db: Connection) -> None:
    exposed = names(
        db,
        "select relname as name from pg_class "
        "where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')",
    )
    assert exposed == access.matrix().keys()


def test_every_table_and_view_has_rows_in_both_companies(world: TwoCompanies) -> None:
    assert world.ours.tables.keys() == world.theirs.tables.keys() == access.matrix().keys()
    assert {table for table, rows in world.ours.tables.items() if len(rows) != 2} == {"orgs"}


@pytest.mark.parametrize("actor", ACTORS)
def test_reaches_exactly_what_the_matrix_says(db: Connection, world: TwoCompanies, actor: str) -> None:
    found = access.deviations(db, world, actor, list(access.matrix()))
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


def test_functions_are_granted_to_whom_they_are_declared_for(db: Connection) -> None:
    granted: dict[str, set[str]] = {}
    for row in sql.rows(
        db,
        """
        select p.proname as name, api.role
        from pg_proc as p
        left join unnest(array['anon', 'authenticated', 'service_role']) as api (role)
            on has_function_privilege(api.role, p.oid, 'execute')
        where p.pronamespace = 'public'::regnamespace
        """,
    ):
        granted.setdefault(row["name"], set()).update([row["role"]] if row["role"] else [])
    assert granted == FUNCTIONS


@pytest.mark.parametrize("actor", ["anon", "stranger", "removed", "customer", "parts_clerk"])
def test_calls_about_our_rows_are_refused(db: Connection, world: TwoCompanies, actor: str) -> None:
    answered = {}
    for function in FUNCTIONS.keys() - HARMLESS:
        with db.transaction(force_rollback=True):
            for arguments in _ways_to_call(db, world.ours, function):
                answer = _answer(db, world.actors[actor], function, arguments)
                if answer not in {"42501", "PT404"}:
                    answered[function] = answer
    assert not answered


def test_a_call_that_mixes_in_something_of_theirs_tells_nothing_of_them(
    db: Connection, world: TwoCompanies
) -> None:
    secrets = {
        str(value): f"{column} of {table}"
        for table, rows in world.theirs.tables.items()
        for row in rows
        for column, value in row.items()
        if column in {"id", "name", "display_name", "phone", "number"} and len(str(value)) > len("Zone 1")
    }
    told = []
    for function in sorted(FUNCTIONS.keys() - HARMLESS):
        with db.transaction(force_rollback=True):
            calls = zip(
                _ways_to_call(db, world.ours, function),
                _ways_to_call(db, world.theirs, function),
                strict=True,
            )
            for ours, theirs in calls:
                for name in (name for name in ours if ours[name] != theirs[name]):
                    answer = _answer(db, world.actors["owner"], function, ours | {name: theirs[name]})
                    told += [
                        f"{function} with their {name} tells the {what}: {answer}"
                        for secret, what in secrets.items()
                        if secret in answer and secret not in str(theirs[name])
                    ]
    assert not told, "\n".join(told)


def _answer(db: Connection, who: Actor, function: str, arguments: dict[str, Any]) -> str:
    call = f"select * from public.{function}({', '.join(f'{name} => %({name})s' for name in arguments)})"
    try:
        with sql.acting_as(db, who.user_id, role=who.role):
            return str(db.execute(call, arguments).fetchall())
    except psycopg.Error as error:
        return error.sqlstate if error.sqlstate in {"42501", "PT404"} else f"{error.sqlstate}: {error}"


def _ways_to_call(db: Connection, rows: Rows, function: str) -> list[dict[str, Any]]:
    """Fill in what a call needs with things of one company, by parameter name: about a job, and about a service."""

    def first(table: str) -> UUID:
        identifier: UUID = rows.tables[table][0]["id"]
        return identifier

    hold = rows.company.add(
        "reservations",
        technician_id=first("technician_profiles"),
        during="[2027-03-02 09:00Z,2027-03-02 10:00Z)",
        kind="held",
        hold_token=uuid4(),
        hold_expires_at=MONDAY,
    )
    values = {
        "org_id": rows.company.id,
        "job_id": first("dispatch_jobs"),
        "appointment_id": first("appointments"),
        "assignment_id": first("job_assignments"),
        "service_id": first("services"),
        "location_id": first("customer_locations"),
        "technician_id": first("technician_profiles"),
        "technician_ids": [first("technician_profiles")],
        "run_id": first("optimization_runs"),
        "hold_token": hold["hold_token"],
        "starts_at": MONDAY,
        "starts_on": MONDAY.date(),
        "earliest": MONDAY,
        "latest": MONDAY + timedelta(days=1),
        "status": "accepted",
        "eta": MONDAY,
        "base_revision": "any",
        "source_type": "estimate",
        "source_id": first("estimates"),
        "token": "guessed",
        "job_ids": [first("dispatch_jobs")],
        "steps": Jsonb([{"job_id": str(first("dispatch_jobs"))}]),
        "reason": "customer_request",
    }
    required = sql.rows(
        db,
        """
        select parameter.name, parameter.position > p.pronargs - p.pronargdefaults as has_default
        from pg_proc as p cross join unnest(p.proargnames) with ordinality as parameter (name, position)
        where p.pronamespace = 'public'::regnamespace and p.proname = %s and parameter.position <= p.pronargs
        """,
        (function,),
    )
    unknown = [p["name"] for p in required if not p["has_default"] and p["name"] not in values]
    assert not unknown, f"{function}: say what to pass for {unknown}"
    given = {p["name"]: values[p["name"]] for p in required if p["name"] in values}
    if function == "book_appointment":
        del given["hold_token"]
    ways = (
        [{"job_id"}, {"service_id", "location_id"}] if {"job_id", "service_id"} <= given.keys() else [set()]
    )
    return [{name: value for name, value in given.items() if name not in left_out} for left_out in ways]

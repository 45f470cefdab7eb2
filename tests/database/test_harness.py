"""The promises the fixtures make to every other database test."""

from __future__ import annotations

import psycopg
import pytest

from support import sql, templates
from support.factory import Company
from support.sql import AsUser, Connect, Connection


@pytest.mark.parametrize("attempt", [1, 2])
def test_what_a_test_writes_is_gone_for_the_next(db: Connection, attempt: int) -> None:
    db.execute("create table public.left_behind (attempt int)")
    db.execute("insert into public.left_behind values (%s)", (attempt,))
    assert sql.value(db, "select count(*) from public.left_behind") == 1


def test_role_and_claims_hold_inside_the_block_only(db: Connection, as_user: AsUser) -> None:
    user = "5f0c8d3e-0000-4000-8000-000000000001"
    with as_user(user, email="dana@example.com"):
        inside = sql.one(
            db, "select current_user as role, auth.uid() as uid, auth.jwt() ->> 'email' as email"
        )
    assert inside["role"] == "authenticated"
    assert (str(inside["uid"]), inside["email"]) == (user, "dana@example.com")
    assert sql.value(db, "select current_user") == "postgres"
    assert sql.value(db, "select auth.uid()") is None


def test_a_refused_statement_leaves_the_connection_usable(db: Connection, as_user: AsUser) -> None:
    with as_user(role="anon"), sql.refused(db, "42501"):
        db.execute("create table public.mine ()")
    with pytest.raises(psycopg.errors.DivisionByZero), as_user(role="anon"):
        db.execute("select 1 / 0")
    assert sql.value(db, "select current_user") == "postgres"


def test_connections_to_a_fresh_database_see_each_others_commits(
    fresh_database: str, connect: Connect
) -> None:
    first, second = connect(fresh_database), connect(fresh_database)
    first.execute("create table public.shared_note (body text)")
    first.commit()
    assert sql.value(second, "select count(*) from public.shared_note") == 0


def test_a_fresh_database_starts_from_the_declared_schema(fresh_database: str, connect: Connect) -> None:
    connection = connect(fresh_database)
    assert sql.value(connection, "select count(*) from pg_namespace where nspname = 'private'") == 1
    assert sql.value(connection, "select to_regclass('public.shared_note')") is None


def test_the_factory_fills_a_company_that_the_schema_accepts(db: Connection, company: Company) -> None:
    service = company.service({"hvac_service": 2}, standard_duration_minutes=90)
    first, second = company.technician({"hvac_service": 3}), company.technician({"hvac_service": 2})
    company.bay(company.facility())
    company.zone("53703")
    visit = company.visit(company.job(service=service), first, second)
    claims = sql.rows(
        db, "select technician_id, during from public.reservations where appointment_id = %s", (visit["id"],)
    )
    assert {claim["technician_id"] for claim in claims} == {first["id"], second["id"]}


def test_a_member_of_one_company_is_nobody_in_another(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    other = Company(db)
    dispatcher = company.member("dispatcher")
    with as_user(dispatcher):
        orgs = sql.rows(db, "select private.org_ids_with_permission('create_job') as id")
    assert [org["id"] for org in orgs] == [company.id]
    assert other.id != company.id


def test_a_database_emptied_for_the_next_test_is_as_it_was_new(fresh_database: str, connect: Connect) -> None:
    db, left_behind = connect(fresh_database, autocommit=True), connect(fresh_database)
    lists = templates.filled(db)
    assert ("private", "conflict_codes") in lists
    company = Company(db)
    company.visit(company.job(), company.technician({"gas": 2}))
    company.member("dispatcher")
    left_behind.execute("update public.orgs set name = 'Still open'")
    assert templates.filled(db) > lists
    templates.empty(db, lists)
    assert templates.filled(db) == lists
    with pytest.raises(psycopg.OperationalError):
        left_behind.commit()
    assert Company(db).technician()["display_name"]

"""Membership attacked: raising oneself, lifting limits, staying after removal, forging tokens."""

from __future__ import annotations

import threading
from typing import LiteralString
from uuid import uuid4

import psycopg
import pytest

from support import sql
from support.factory import Company, user
from support.sql import AsUser, Connect, Connection


@pytest.fixture
def company(db: Connection) -> Company:
    return Company(db)


def allow(company: Company, role: str, *permissions: str) -> None:
    for permission in permissions:
        company.add("role_permissions", role=role, permission=permission)


def test_an_admin_does_not_become_owner(db: Connection, company: Company, as_user: AsUser) -> None:
    company.member("owner")
    admin = company.member("admin")
    with as_user(admin), sql.refused(db, "42501"):
        db.execute("update public.org_members set role = 'owner' where user_id = %s", (admin,))
    with as_user(admin), sql.refused(db, "42501"):
        db.execute(
            "insert into public.org_members (org_id, user_id, role) values (%s, %s, 'owner')",
            (company.id, admin),
        )


def test_an_admin_does_not_demote_or_remove_an_owner(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    owner, admin = company.member("owner"), company.member("admin")
    with as_user(admin):
        assert (
            db.execute("update public.org_members set role = 'cashier' where user_id = %s", (owner,)).rowcount
            == 0
        )
        assert db.execute("delete from public.org_members where user_id = %s", (owner,)).rowcount == 0


def test_who_manages_members_hands_out_no_role_above_their_own(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    allow(company, "office", "manage_members")
    clerk = company.member("office")
    newcomer, cashier = user(db), company.member("cashier")
    add = "insert into public.org_members (org_id, user_id, role) values (%s, %s, %s)"
    with as_user(clerk):
        assert db.execute(add, (company.id, newcomer, "office")).rowcount == 1
        with sql.refused(db, "42501"):
            db.execute(add, (company.id, clerk, "dispatcher"))
        with sql.refused(db, "42501"):
            db.execute("update public.org_members set role = 'admin' where user_id = %s", (cashier,))


def test_nobody_gives_a_role_a_permission_they_lack(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    allow(company, "office", "manage_members")
    clerk = company.member("office")
    give = "insert into public.role_permissions (org_id, role, permission) values (%s, %s, %s)"
    with as_user(clerk):
        assert db.execute(give, (company.id, "cashier", "view_jobs")).rowcount == 1
        for role in ("office", "cashier"):
            with sql.refused(db, "42501"):
                db.execute(give, (company.id, role, "manage_org"))


def test_customers_are_given_no_permission(db: Connection, company: Company, as_user: AsUser) -> None:
    with as_user(company.member("owner")), sql.refused(db, "42501"):
        db.execute(
            "insert into public.role_permissions (org_id, role, permission) values (%s, 'customer', 'view_jobs')",
            (company.id,),
        )


def test_an_owner_keeps_every_permission(db: Connection, company: Company, as_user: AsUser) -> None:
    with as_user(company.member("owner")), sql.refused(db, "PT409", "owner_permissions_are_fixed"):
        db.execute("delete from public.role_permissions where role = 'owner'")


def test_who_is_limited_to_a_facility_does_not_lift_the_limit(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    admin = company.member("admin", facility=company.facility())
    with as_user(admin):
        assert db.execute("delete from public.member_facilities").rowcount == 0
        with sql.refused(db, "42501"):
            db.execute(
                "insert into public.org_members (org_id, user_id, role) values (%s, %s, 'dispatcher')",
                (company.id, admin),
            )


def test_closing_a_facility_does_not_widen_a_membership(db: Connection, company: Company) -> None:
    facility = company.facility()
    member = company.add("org_members", user_id=user(db), role="admin")
    company.add("member_facilities", member_id=member["id"], facility_id=facility["id"])
    with sql.refused(db, "PT409", "still_used"):
        db.execute("delete from public.facilities where id = %s", (facility["id"],))


def test_the_last_owner_does_not_leave(db: Connection, company: Company, as_user: AsUser) -> None:
    owner = company.member("owner")
    for statement in (
        "delete from public.org_members where user_id = %s",
        "update public.org_members set is_active = false where user_id = %s",
        "update public.org_members set role = 'admin' where user_id = %s",
    ):
        with as_user(owner), sql.refused(db, "PT409", "last_owner"):
            db.execute(statement, (owner,))


def test_two_owners_removing_each_other_leave_one(fresh_database: str, connect: Connect) -> None:
    setup = connect(fresh_database)
    company = Company(setup)
    first, second = company.member("owner"), company.member("owner")
    setup.commit()
    one, other = connect(fresh_database), connect(fresh_database)
    remove: LiteralString = "delete from public.org_members where user_id = %s"
    with one.transaction(), sql.acting_as(one, first):
        one.execute(remove, (second,))
        refusal: list[psycopg.Error] = []

        def remove_first() -> None:
            try:
                with other.transaction(), sql.acting_as(other, second):
                    other.execute(remove, (first,))
            except psycopg.Error as error:
                refusal.append(error)

        meanwhile = threading.Thread(target=remove_first)
        meanwhile.start()
        meanwhile.join(0.2)
        assert meanwhile.is_alive(), "the second removal does not wait for the first"
    meanwhile.join(10)
    assert [error.sqlstate for error in refusal] == ["PT409"]
    assert sql.value(setup, "select count(*) from public.org_members where role = 'owner'") == 1


def test_a_removed_member_is_out_at_the_next_statement(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    dispatcher = company.member("dispatcher")
    company.job()
    with as_user(dispatcher):
        assert sql.value(db, "select count(*) from public.dispatch_jobs") == 1
        db.execute("set local role none")
        db.execute("delete from public.org_members where user_id = %s", (dispatcher,))
        db.execute("set local role authenticated")
        assert sql.value(db, "select count(*) from public.dispatch_jobs") == 0


@pytest.mark.parametrize(
    "claims",
    [
        {"app_metadata": {"role": "owner", "org_role": "owner"}},
        {"user_metadata": {"role": "owner"}},
        {"user_role": "owner", "is_super_admin": True},
    ],
)
def test_nothing_in_a_token_makes_a_member(
    db: Connection, company: Company, as_user: AsUser, claims: dict[str, object]
) -> None:
    company.job()
    with as_user(user(db), org_id=str(company.id), **claims):
        assert sql.value(db, "select count(*) from public.orgs") == 0
        assert sql.value(db, "select count(*) from public.dispatch_jobs") == 0


def test_a_claim_of_being_the_service_does_not_make_it_so(db: Connection, company: Company) -> None:
    claims = f'{{"role": "service_role", "sub": "{uuid4()}"}}'
    with db.transaction(force_rollback=True):
        db.execute(
            "select set_config('role', 'authenticated', true), set_config('request.jwt.claims', %s, true)",
            (claims,),
        )
        assert not sql.value(db, "select private.may('view_jobs', %s)", (company.id,))

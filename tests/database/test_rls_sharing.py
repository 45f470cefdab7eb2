"""One shared record attacked: reaching further than it, longer than granted, higher than given (TEN-5)."""

from __future__ import annotations

from typing import LiteralString
from uuid import UUID

import pytest

from support import sql
from support.factory import MONDAY, Company, user
from support.sql import AsUser, Connection, Row


@pytest.fixture
def company(db: Connection) -> Company:
    return Company(db)


def allow(company: Company, role: str, *permissions: str) -> None:
    for permission in permissions:
        company.add("role_permissions", role=role, permission=permission)


@pytest.fixture
def partner(company: Company) -> UUID:
    return company.member("technician")


def share(company: Company, partner: UUID, level: str = "view", **record: object) -> Row:
    return company.add("record_grants", user_id=partner, level=level, **record)


def test_a_subcontractor_sees_the_shared_job_and_what_belongs_to_it(
    db: Connection, company: Company, as_user: AsUser, partner: UUID
) -> None:
    shared, other = company.job(), company.job()
    visit = company.visit(shared, company.technician())
    company.visit(other, company.technician())
    share(company, partner, dispatch_job_id=shared["id"])
    with as_user(partner):
        assert sql.value(db, "select id from public.dispatch_jobs") == shared["id"]
        assert sql.value(db, "select id from public.customers") == shared["customer_id"]
        assert sql.value(db, "select id from public.customer_locations") == shared["location_id"]
        assert sql.value(db, "select id from public.appointments") == visit["id"]
        assert sql.value(db, "select appointment_id from public.job_assignments") == visit["id"]
        assert sql.value(db, "select count(*) from public.technician_profiles") == 0
        assert db.execute("update public.dispatch_jobs set title = 'Mine'").rowcount == 0


@pytest.mark.parametrize(
    "end",
    [
        "update public.record_grants set expires_at = now() - interval '1 second'",
        "update public.org_members set is_active = false",
        "delete from public.org_members",
        "delete from public.record_grants",
    ],
)
def test_sharing_ends_with_the_grant_and_with_the_membership(
    db: Connection, company: Company, as_user: AsUser, partner: UUID, end: LiteralString
) -> None:
    share(company, partner, dispatch_job_id=company.job()["id"])
    db.execute(end)
    with as_user(partner):
        assert sql.value(db, "select count(*) from public.dispatch_jobs") == 0


def test_editing_a_shared_job_does_not_open_another_customer(
    db: Connection, company: Company, as_user: AsUser, partner: UUID
) -> None:
    job, secret = company.job(), company.site(company.customer())
    share(company, partner, "edit", dispatch_job_id=job["id"])
    with as_user(partner):
        assert db.execute("update public.dispatch_jobs set title = 'Edited'").rowcount == 1
        with sql.refused(db, "42501", "permission_missing"):
            db.execute(
                "update public.dispatch_jobs set customer_id = %s, location_id = %s",
                (secret["customer_id"], secret["id"]),
            )


def test_a_shared_facility_opens_its_jobs_and_no_others(
    db: Connection, company: Company, as_user: AsUser, partner: UUID
) -> None:
    here, there = company.facility(), company.facility()
    job = company.job(facility_id=here["id"])
    company.job(facility_id=there["id"])
    share(company, partner, facility_id=here["id"])
    with as_user(partner):
        assert sql.value(db, "select id from public.dispatch_jobs") == job["id"]
        assert db.execute("update public.dispatch_jobs set title = 'Mine'").rowcount == 0


def test_an_owner_of_a_record_shares_it_but_not_more(
    db: Connection, company: Company, as_user: AsUser, partner: UUID
) -> None:
    job, other = company.job(), company.job()
    colleague = company.member("technician")
    share(company, partner, "owner", dispatch_job_id=job["id"])
    grant: LiteralString = (
        "insert into public.record_grants (org_id, user_id, dispatch_job_id) values (%s, %s, %s)"
    )
    with as_user(partner):
        assert db.execute(grant, (company.id, colleague, job["id"])).rowcount == 1
        with sql.refused(db, "42501"):
            db.execute(grant, (company.id, colleague, other["id"]))
    with as_user(colleague), sql.refused(db, "42501"):
        db.execute(grant, (company.id, user(db), job["id"]))


def test_nobody_raises_or_prolongs_a_grant_of_their_own(
    db: Connection, company: Company, as_user: AsUser, partner: UUID
) -> None:
    share(company, partner, "edit", dispatch_job_id=company.job()["id"], expires_at=MONDAY)
    with as_user(partner):
        assert db.execute("update public.record_grants set level = 'owner', expires_at = null").rowcount == 0


def test_who_manages_members_does_not_share_what_they_may_not_see(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    allow(company, "cashier", "manage_members")
    cashier = company.member("cashier")
    job = company.job()
    with as_user(cashier), sql.refused(db, "42501"):
        db.execute(
            "insert into public.record_grants (org_id, user_id, dispatch_job_id) values (%s, %s, %s)",
            (company.id, cashier, job["id"]),
        )


@pytest.mark.parametrize(("level", "may_write"), [("view", False), ("comment", True), ("edit", True)])
def test_who_may_comment_writes_the_notes_of_the_shared_job_only(
    db: Connection, company: Company, as_user: AsUser, partner: UUID, level: str, *, may_write: bool
) -> None:
    shared, other = company.job(), company.job()
    visits = [company.visit(job, company.technician()) for job in (shared, other)]
    parts = [
        sql.value(db, "select id from public.job_assignments where appointment_id = %s", (visit["id"],))
        for visit in visits
    ]
    share(company, partner, level, dispatch_job_id=shared["id"])
    write = "select notes from public.edit_assignment_notes(%s, 'Key at the neighbour', 0)"
    with as_user(partner):
        if may_write:
            assert sql.value(db, write, (parts[0],)) == "Key at the neighbour"
        else:
            with sql.refused(db, "PT404", "assignment_not_found"):
                db.execute(write, (parts[0],))
        with sql.refused(db, "PT404", "assignment_not_found"):
            db.execute(write, (parts[1],))
        if may_write:
            with sql.refused(db, "42501"):
                db.execute("select public.lock_assignment(%s, true)", (parts[0],))

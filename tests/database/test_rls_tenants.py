"""Companies attacked from outside: moving rows, pointing into them, walking in, starting one."""

from __future__ import annotations

from typing import LiteralString
from uuid import uuid4

import pytest

from support import sql
from support.factory import Company, insert, user
from support.sql import AsUser, Connection


@pytest.fixture
def company(db: Connection) -> Company:
    return Company(db)


def test_an_admin_of_two_companies_does_not_move_rows_between_them(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    other = Company(db)
    admin = company.member("admin")
    other.member("admin", admin)
    company.customer()
    with as_user(admin), sql.refused(db, "42501"):
        db.execute("update public.customers set org_id = %s", (other.id,))


def test_a_row_does_not_point_into_another_company(db: Connection, company: Company, as_user: AsUser) -> None:
    theirs = Company(db).customer()
    with as_user(company.member("dispatcher")), sql.refused(db, "23503"):
        db.execute(
            "insert into public.dispatch_jobs (org_id, customer_id, title) values (%s, %s, 'Theirs')",
            (company.id, theirs["id"]),
        )


def test_a_facility_of_one_company_gives_no_rights_in_another(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    other = Company(db)
    member = other.add("org_members", user_id=user(db), role="service_advisor")
    facility = other.facility()
    other.add("member_facilities", member_id=member["id"], facility_id=facility["id"])
    bay = other.bay(facility)
    estimate = company.add("estimates", customer_id=company.customer()["id"], status="approved")
    with as_user(member["user_id"]):
        assert sql.value(db, "select private.may('view_jobs', %s, %s)", (other.id, facility["id"]))
        assert not sql.value(db, "select private.may('view_jobs', %s, %s)", (company.id, facility["id"]))
        with sql.refused(db, "PT404", "source_not_found"):
            db.execute(
                "select public.appointment_from_source("
                "source_type => 'estimate', source_id => %s, starts_at => '2027-03-01 09:00Z', resource_id => %s)",
                (estimate["id"], bay["id"]),
            )


def test_a_stranger_s_job_does_not_enter_our_company(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    stranger = Company(db).member("owner")
    with as_user(stranger), sql.refused(db, "42501"):
        db.execute(
            "insert into public.dispatch_jobs (org_id, contact_phone, title) values (%s, '+16085550001', 'Spam')",
            (company.id,),
        )


CREATE: LiteralString = "select id from public.create_org(%s, %s, 'America/Chicago', 'US', %s)"


def test_whoever_starts_a_company_owns_it(db: Connection, as_user: AsUser) -> None:
    founder = user(db)
    with as_user(founder):
        created = sql.value(db, CREATE, ("Acme", "acme", None))
        assert sql.value(db, "select id from public.orgs") == created
        assert sql.value(db, "select role from public.org_members") == "owner"
        assert db.execute("update public.orgs set hold_minutes = 10").rowcount == 1


def test_a_company_is_started_once_for_one_key(db: Connection, as_user: AsUser) -> None:
    founder, other = user(db), user(db)
    with as_user(founder):
        created = sql.value(db, CREATE, ("Acme", "acme", "key-1"))
        assert sql.value(db, CREATE, ("Acme", "acme", "key-1")) == created
        with sql.refused(db, "PT409", "idempotency_key_reused"):
            db.execute(CREATE, ("Another name", "acme", "key-1"))
        with sql.refused(db, "PT409", "slug_taken"):
            db.execute(CREATE, ("Acme", "acme", "key-2"))
    with as_user(other), sql.refused(db, "PT409", "slug_taken"):
        db.execute(CREATE, ("Acme", "acme", "key-1"))


def test_an_anonymous_visitor_starts_no_company(db: Connection, as_user: AsUser) -> None:
    with as_user(user(db), is_anonymous=True), sql.refused(db, "42501", "sign_in_required"):
        db.execute(CREATE, ("Acme", "acme", None))
    with as_user(role="anon"), sql.refused(db, "42501"):
        db.execute(CREATE, ("Acme", "acme", None))


def test_nobody_enters_a_company_by_inserting_themselves(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    stranger = user(db)
    with as_user(stranger):
        for table, values in (
            ("org_members", {"user_id": stranger, "role": "technician"}),
            ("record_grants", {"user_id": stranger, "facility_id": uuid4()}),
        ):
            with sql.refused(db, "42501"):
                insert(db, f"public.{table}", org_id=company.id, **values)

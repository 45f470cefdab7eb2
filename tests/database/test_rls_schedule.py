"""The schedule attacked from inside: by technicians, advisors of one facility, and past the RPCs."""

from __future__ import annotations

from datetime import timedelta
from typing import LiteralString

import pytest
from psycopg.types.json import Jsonb

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
def tess(company: Company) -> Row:
    return company.technician(user_id=company.member("technician"))


def test_a_technician_reads_customers_of_their_own_visits_only(
    db: Connection, company: Company, as_user: AsUser, tess: Row
) -> None:
    mine, others = company.job(), company.job()
    company.visit(mine, tess)
    company.visit(others, company.technician())
    with as_user(tess["user_id"]):
        assert sql.value(db, "select id from public.dispatch_jobs") == mine["id"]
        assert sql.value(db, "select id from public.customers") == mine["customer_id"]
        joined = "select l.id from public.job_assignments as a inner join public.dispatch_jobs as j on true "
        joined += "inner join public.customer_locations as l on j.location_id = l.id"
        assert sql.value(db, joined) == mine["location_id"]


def test_a_technician_does_not_change_a_colleague_s_assignment(
    db: Connection, company: Company, as_user: AsUser, tess: Row
) -> None:
    visit = company.visit(company.job(), company.technician())
    theirs = sql.value(db, "select id from public.job_assignments where appointment_id = %s", (visit["id"],))
    with as_user(tess["user_id"]):
        with sql.refused(db, "42501"):
            db.execute("update public.job_assignments set status = 'declined' where id = %s", (theirs,))
        with sql.refused(db, "PT404"):
            db.execute("select public.set_assignment_status(%s, 'declined')", (theirs,))


def test_a_technician_does_not_write_their_own_assignment_past_the_rpc(
    db: Connection, company: Company, as_user: AsUser, tess: Row
) -> None:
    company.visit(company.job(), tess)
    with as_user(tess["user_id"]), sql.refused(db, "42501"):
        db.execute(
            "update public.job_assignments set scheduled_start_at = scheduled_start_at - interval '1 hour'"
        )


def test_a_technician_asks_for_time_off_but_neither_blocks_nor_changes_it(
    db: Connection, company: Company, as_user: AsUser, tess: Row
) -> None:
    colleague = company.technician()
    off: LiteralString = (
        "insert into public.technician_time_off (org_id, technician_id, starts_at, ends_at, reason) "
        "values (%s, %s, '2027-03-08Z', '2027-03-09Z', %s)"
    )
    with as_user(tess["user_id"]):
        db.execute(off, (company.id, tess["id"], "sick"))
        assert sql.value(db, "select created_by_user_id from public.technician_time_off") == tess["user_id"]
        for technician, reason in ((tess, "blocked"), (tess, "break"), (colleague, "vacation")):
            with sql.refused(db, "42501"):
                db.execute(off, (company.id, technician["id"], reason))
        assert db.execute("update public.technician_time_off set ends_at = '2027-03-20Z'").rowcount == 0
        assert db.execute("delete from public.technician_time_off").rowcount == 0


def test_unassigned_jobs_show_only_where_technicians_may_claim_them(
    db: Connection, company: Company, as_user: AsUser, tess: Row
) -> None:
    company.job()
    jobs: LiteralString = "select count(*) from public.dispatch_jobs"
    with as_user(tess["user_id"]):
        assert sql.value(db, jobs) == 0
    db.execute("update public.orgs set technicians_may_self_claim = true where id = %s", (company.id,))
    with as_user(tess["user_id"]):
        assert sql.value(db, jobs) == 1
        for table in ("customers", "customer_locations"):
            assert sql.value(db, f"select count(*) from public.{table}") == 0


def test_a_technician_keeps_seeing_their_canceled_visit_and_loses_one_taken_over(
    db: Connection, company: Company, as_user: AsUser, tess: Row
) -> None:
    canceled = company.visit(company.job(), tess)
    reassigned = company.visit(company.job(), tess, starts_at=MONDAY + timedelta(hours=12))
    db.execute(
        "update public.appointments set status = 'canceled', cancel_reason = 'weather' where id = %s",
        (canceled["id"],),
    )
    db.execute(
        "update public.job_assignments set status = 'canceled' where appointment_id = %s", (reassigned["id"],)
    )
    with as_user(tess["user_id"]):
        assert sql.value(db, "select id from public.appointments") == canceled["id"]
        assert sql.value(db, "select count(*) from public.job_assignments") == 2
    with as_user(company.member("office")):
        assert sql.value(db, "select id from public.appointments") == reassigned["id"]
        assert sql.value(db, "select count(*) from public.job_assignments") == 0
    with as_user(company.member("dispatcher")):
        assert sql.value(db, "select count(*) from public.appointments") == 2


def test_a_technician_does_not_see_a_route_that_is_merely_proposed(
    db: Connection, company: Company, as_user: AsUser, tess: Row
) -> None:
    plan = company.add("route_plans", technician_id=tess["id"], date="2027-03-01", status="proposed")
    company.add("route_stops", route_plan_id=plan["id"], stop_type="depot_start", sequence=0)
    stops: LiteralString = "select count(*) from public.route_stops"
    with as_user(tess["user_id"]):
        assert sql.value(db, stops) == 0
    db.execute("update public.route_plans set status = 'finalized'")
    with as_user(tess["user_id"]):
        assert sql.value(db, stops) == 1


def test_an_advisor_of_one_facility_stays_in_it(db: Connection, company: Company, as_user: AsUser) -> None:
    here, there = company.facility(), company.facility()
    member = company.add("org_members", user_id=user(db), role="service_advisor")
    company.add("member_facilities", member_id=member["id"], facility_id=here["id"])
    ours, theirs = company.job(facility_id=here["id"]), company.job(facility_id=there["id"])
    company.job()
    visit = company.visit(ours, company.technician(facility_id=here["id"]), facility_id=here["id"])
    company.visit(theirs, company.technician(facility_id=there["id"]), facility_id=there["id"])
    with as_user(member["user_id"]):
        assert sql.value(db, "select id from public.dispatch_jobs") == ours["id"]
        assert sql.value(db, "select id from public.appointments") == visit["id"]
        assert sql.value(db, "select appointment_id from public.job_assignments") == visit["id"]
        assert sql.value(db, "select facility_id from public.technician_profiles") == here["id"]
        assert db.execute("update public.dispatch_jobs set title = 'Mine now'").rowcount == 1
        with sql.refused(db, "42501"):
            db.execute("update public.dispatch_jobs set facility_id = %s", (there["id"],))
        for facility in (there["id"], None):
            with sql.refused(db, "42501"):
                db.execute(
                    "insert into public.dispatch_jobs (org_id, contact_phone, title, facility_id) "
                    "values (%s, '+16085550001', 'Elsewhere', %s)",
                    (company.id, facility),
                )


def test_an_advisor_does_not_link_a_portal_account(db: Connection, company: Company, as_user: AsUser) -> None:
    company.customer()
    advisor = company.member("service_advisor")
    with as_user(advisor), sql.refused(db, "42501"):
        db.execute("update public.customers set user_id = %s", (advisor,))


def test_a_coordinated_booking_needs_the_permission_at_every_facility(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    here, there = company.facility(), company.facility()
    person = user(db)
    for role, facility in (("service_advisor", here), ("office", there)):
        member = company.add("org_members", user_id=person, role=role)
        company.add("member_facilities", member_id=member["id"], facility_id=facility["id"])
    site = company.site(company.customer())
    jobs = [company.job(site, facility_id=facility["id"]) for facility in (here, there)]
    steps = Jsonb([{"job_id": str(job["id"])} for job in jobs])
    with as_user(person), sql.refused(db, "42501", "permission_missing"):
        db.execute("select public.book_coordinated(%s)", (steps,))


def test_a_job_is_put_on_hold_and_taken_up_but_not_declared_done(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    company.visit(company.job(), company.technician())
    status: LiteralString = "select status from public.dispatch_jobs"
    with as_user(company.member("dispatcher")):
        for derived in ("completed", "in_progress", "unscheduled"):
            with sql.refused(db, "PT409", "status_is_derived"):
                db.execute("update public.dispatch_jobs set status = %s", (derived,))
        db.execute("update public.dispatch_jobs set status = 'on_hold'")
        db.execute("update public.dispatch_jobs set status = 'unscheduled'")
        assert sql.value(db, status) == "scheduled"


def test_cancelling_a_job_does_not_cancel_visits_for_who_may_not(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    allow(company, "office", "edit_job")
    booked, open_job = company.job(), company.job()
    company.visit(booked, company.technician())
    cancel: LiteralString = (
        "update public.dispatch_jobs set status = 'canceled', cancel_reason = 'weather' where id = %s"
    )
    with as_user(company.member("office")):
        with sql.refused(db, "42501", "permission_missing"):
            db.execute(cancel, (booked["id"],))
        assert db.execute(cancel, (open_job["id"],)).rowcount == 1
    with as_user(company.member("dispatcher")):
        assert db.execute(cancel, (booked["id"],)).rowcount == 1


def test_a_hold_s_token_is_read_by_nobody(db: Connection, company: Company, as_user: AsUser) -> None:
    for role in ("owner", "dispatcher"):
        with as_user(company.member(role)), sql.refused(db, "42501"):
            db.execute("select hold_token from public.reservations")


@pytest.mark.parametrize("table", ["audit_log", "domain_events"])
def test_the_service_does_not_rewrite_history(
    db: Connection, company: Company, as_user: AsUser, table: str
) -> None:
    company.job()
    with as_user(role="service_role"), sql.refused(db, "42501"):
        db.execute(f"delete from public.{table}".encode())
    with sql.refused(db, "PT409", "append_only"):
        db.execute(f"delete from public.{table}".encode())

"""What the portal tells a customer, and what it keeps to itself (TEN-7)."""

from __future__ import annotations

import pytest

from support import sql
from support.factory import Company, user
from support.sql import AsUser, Connection


@pytest.fixture
def company(db: Connection) -> Company:
    return Company(db)


def test_a_customer_sees_their_visit_in_the_portal_and_no_table(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    account = user(db)
    company.member("customer", account)
    site = company.site(company.customer(user_id=account), address_line1="1 Main St")
    job = company.job(site, notes_internal="Pays late", notes_customer_visible="Ring twice")
    technician = company.technician(display_name="Tess Ramirez", phone="+16085550009", photo_path="tess.jpg")
    visit = company.visit(job, technician)
    company.visit(company.job(), company.technician())
    db.execute("update public.job_assignments set status = 'en_route', tech_eta_at = scheduled_start_at")
    with as_user(account):
        seen = sql.one(db, "select * from public.portal_appointments")
        for table in ("orgs", "dispatch_jobs", "appointments", "customers", "technician_profiles"):
            assert sql.value(db, f"select count(*) from public.{table}") == 0
    assert seen["number"] == visit["number"]
    assert (seen["technician_first_name"], seen["technician_photo_path"]) == ("Tess", "tess.jpg")
    assert (seen["notes"], seen["address_line1"], seen["eta"]) == (
        "Ring twice",
        "1 Main St",
        visit["starts_at"],
    )
    told = " ".join(map(str, seen.values()))
    for secret in ("Pays late", "Ramirez", "+16085550009", technician["id"], job["id"], job["customer_id"]):
        assert str(secret) not in told


def test_a_deactivated_customer_sees_nothing_in_the_portal(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    account = user(db)
    company.visit(
        company.job(company.site(company.customer(user_id=account, is_active=False))), company.technician()
    )
    with as_user(account):
        assert sql.value(db, "select count(*) from public.portal_appointments") == 0

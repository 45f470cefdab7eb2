"""Who may see whose availability."""

from __future__ import annotations

import pytest

from support import sql
from support.booking import at
from support.factory import Company
from support.sql import AsUser, Connection
from support.working_day import calendar, why


def test_technicians_see_their_own_calendar_only(db: Connection, as_user: AsUser) -> None:
    company = Company(db)
    me = company.technician(user_id=company.member("technician"))
    colleague = company.technician()
    company.visit(company.job(), me, starts_at=at(9))
    with as_user(me["user_id"]):
        assert why(calendar(db, me))[9] == "booked"
        assert any(cell["appointment_id"] for cell in calendar(db, me))
        with sql.refused(db, "PT404", "technician_not_found"):
            calendar(db, colleague)


@pytest.mark.parametrize("role", ["cashier", "customer", "technician"])
def test_without_view_availability_there_is_no_calendar(db: Connection, as_user: AsUser, role: str) -> None:
    company = Company(db)
    technician = company.technician()
    with as_user(company.member(role)), sql.refused(db, "PT404", "technician_not_found"):
        calendar(db, technician)


def test_another_companys_dispatcher_finds_no_technician(db: Connection, as_user: AsUser) -> None:
    technician, stranger = Company(db).technician(), Company(db).member("owner")
    with as_user(stranger), sql.refused(db, "PT404", "technician_not_found"):
        calendar(db, technician)


def test_visits_are_named_to_who_sees_assignments_only(db: Connection, as_user: AsUser) -> None:
    company = Company(db)
    technician, clerk = company.technician(), company.member("office")
    company.visit(company.job(), technician, starts_at=at(9))
    with as_user(clerk):
        (cell,) = calendar(db, technician, at(9), at(10))
        assert cell["appointment_id"] is not None
    db.execute(
        "delete from public.role_permissions where role = 'office' and permission = 'view_assignments'"
    )
    with as_user(clerk):
        (cell,) = calendar(db, technician, at(9), at(10))
        assert (cell["why"], cell["appointment_id"]) == ("booked", None)


def test_a_branchs_advisor_sees_the_branchs_technicians_only(db: Connection, as_user: AsUser) -> None:
    company = Company(db)
    branch = company.facility()
    there, elsewhere = company.technician(facility_id=branch["id"]), company.technician()
    advisor = company.member("service_advisor", facility=branch)
    with as_user(advisor):
        assert len(calendar(db, there)) == 24
        with sql.refused(db, "PT404", "technician_not_found"):
            calendar(db, elsewhere)
        everybody = sql.rows(
            db, "select technician_id from public.available_people(null, '{}', %s, %s)", (at(8), at(17))
        )
    assert [row["technician_id"] for row in everybody] == [there["id"]]

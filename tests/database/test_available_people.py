"""Who is free for a service, or with some skills, in a period (AVL-7)."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from support import sql
from support.factory import MONDAY, Company
from support.sql import AsUser, Connection, Row

HOUR = dt.timedelta(hours=1)


def people(db: Connection, **parameters: Any) -> list[Row]:
    asked = {"earliest": MONDAY + 8 * HOUR, "latest": MONDAY + 17 * HOUR, **parameters}
    named = ", ".join(f"{name} => %({name})s" for name in asked)
    return sql.rows(db, f"select * from public.available_people({named})", asked)


def ids(found: list[Row]) -> list[Any]:
    return [row["technician_id"] for row in found]


def test_people_have_the_services_skills_at_its_level(db: Connection) -> None:
    company = Company(db)
    service = company.service({"hvac_service": 3})
    master = company.technician({"hvac_service": 4})
    company.technician({"hvac_service": 2})
    company.technician({"plumbing": 5})
    expired = company.technician({"hvac_service": 5})
    db.execute(
        "update public.technician_skills set certified_until = '2027-02-28' where technician_id = %s",
        (expired["id"],),
    )
    company.technician({"hvac_service": 5}, is_active=False)
    assert ids(people(db, service_id=service["id"])) == [master["id"]]


def test_skill_codes_ask_for_all_of_them(db: Connection) -> None:
    company = Company(db)
    both = company.technician({"brakes": 1, "tires": 1})
    one = company.technician({"brakes": 5})
    assert ids(people(db, org_id=company.id, skill_codes=["brakes", "tires"])) == [both["id"]]
    assert set(ids(people(db, org_id=company.id, skill_codes=["brakes"]))) == {both["id"], one["id"]}


def test_the_soonest_comes_first_with_the_minutes_in_which_the_work_fits(db: Connection) -> None:
    company = Company(db)
    late, early = company.technician(shift=(10, 17)), company.technician(shift=(8, 12))
    company.visit(company.job(estimated_duration_minutes=30), early, starts_at=MONDAY + 9 * HOUR)
    found = people(db, org_id=company.id, skill_codes=[], duration_minutes=90)
    assert [(row["technician_id"], row["next_free_at"], row["free_minutes"]) for row in found] == [
        (early["id"], MONDAY + 9.5 * HOUR, 150),
        (late["id"], MONDAY + 10 * HOUR, 420),
    ]
    assert ids(people(db, org_id=company.id, skill_codes=[], max_results=1)) == [early["id"]]


def test_the_services_buffers_must_fit_too(db: Connection) -> None:
    company = Company(db)
    service = company.service(standard_duration_minutes=60, buffer_before_minutes=15, buffer_after_minutes=15)
    technician = company.technician(shift=None)
    company.shift(technician, 8, 9.5)
    (found,) = people(db, service_id=service["id"])
    assert found["next_free_at"] == MONDAY + 8.25 * HOUR
    assert people(db, service_id=service["id"], duration_minutes=61) == []
    assert found["display_name"] == technician["display_name"]


def test_the_only_company_need_not_be_named(db: Connection, as_user: AsUser) -> None:
    company = Company(db)
    technician, dispatcher = company.technician({"brakes": 3}), company.member("dispatcher")
    with as_user(dispatcher):
        assert ids(people(db, skill_codes=["brakes"])) == [technician["id"]]
    Company(db).member("dispatcher", dispatcher)
    with as_user(dispatcher), sql.refused(db, "PT400", "org_needed"):
        people(db, skill_codes=["brakes"])


def test_strangers_find_neither_service_nor_company(db: Connection, as_user: AsUser) -> None:
    company, stranger = Company(db), Company(db).member("owner")
    service = company.service()
    company.technician()
    with as_user(stranger):
        with sql.refused(db, "PT404", "service_not_found"):
            people(db, service_id=service["id"])
        with sql.refused(db, "PT404", "org_not_found"):
            people(db, skill_codes=[], org_id=company.id)


def test_technicians_find_themselves_only(db: Connection, as_user: AsUser) -> None:
    company = Company(db)
    me = company.technician(user_id=company.member("technician"))
    company.technician()
    service = company.service()
    with as_user(me["user_id"]):
        assert ids(people(db, service_id=service["id"])) == [me["id"]]


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({}, "service_or_skills_needed"),
        (
            {"skill_codes": [], "service_id": "5f0c8d3e-0000-4000-8000-000000000001"},
            "service_or_skills_needed",
        ),
        ({"skill_codes": [], "latest": MONDAY}, "period_invalid"),
        ({"skill_codes": [], "latest": MONDAY + 100 * 24 * HOUR}, "period_invalid"),
        ({"skill_codes": [], "duration_minutes": 0}, "duration_invalid"),
        ({"skill_codes": [], "max_results": 101}, "max_results_invalid"),
    ],
)
def test_bad_input_is_refused(db: Connection, parameters: dict[str, Any], code: str) -> None:
    company = Company(db)
    with sql.refused(db, "PT400", code):
        people(db, org_id=company.id, **parameters)

"""What the judge has against a bay, a mobile unit or a facility, rule by rule (BKG-5, AVL-2)."""

from __future__ import annotations

from typing import Any

from support.booking import HERE, TEN_KM_NORTH, at, codes
from support.factory import MONDAY, Company
from support.sql import Connection


def shop(company: Company, **service: Any) -> tuple[Any, Any, Any]:
    """Return a facility with a lift bay that is open 8 to 18, and a job of a service done in bays."""
    facility = company.facility()
    for weekday in range(1, 6):
        company.add(
            "operating_hours",
            facility_id=facility["id"],
            weekday=weekday,
            opens_at="08:00",
            closes_at="18:00",
        )
    bay = company.bay(facility, bay_type="lift")
    job = company.job(service=company.service(place_kind="bay", **service))
    return facility, bay, job


def test_bay_work_needs_a_bay_of_its_type(db: Connection, company: Company) -> None:
    facility, bay, job = shop(company, bay_types=["lift"])
    ana = company.technician()
    assert codes(db, job, ana, starts_at=at(9)) == ["place_kind"]
    assert codes(db, job, ana, starts_at=at(9), resource_id=bay["id"]) == []
    wrong = company.bay(facility, bay_type="tire")
    assert codes(db, job, ana, starts_at=at(9), resource_id=wrong["id"]) == ["bay_type"]
    van = company.add("resources", facility_id=facility["id"], kind="mobile_unit", name="Van 1")
    assert codes(db, job, ana, starts_at=at(9), resource_id=van["id"]) == ["place_kind"]


def test_a_bay_holds_one_visit(db: Connection, company: Company) -> None:
    facility, bay, job = shop(company)
    company.visit(
        company.job(), company.technician(), starts_at=at(9), bay_id=bay["id"], facility_id=facility["id"]
    )
    assert codes(db, job, company.technician(), starts_at=at(9.5), resource_id=bay["id"]) == [
        "resource_overlap"
    ]


def test_a_shop_works_in_its_opening_hours(db: Connection, company: Company) -> None:
    _, bay, job = shop(company)
    ana = company.technician(shift=(6, 20))
    assert codes(db, job, ana, starts_at=at(7.5), resource_id=bay["id"]) == ["outside_operating_hours"]
    assert codes(db, job, ana, starts_at=at(17), resource_id=bay["id"]) == []
    company.add("holidays", observed_on=MONDAY.date(), name="Founders' day")
    assert codes(db, job, ana, starts_at=at(9), resource_id=bay["id"]) == [
        "outside_operating_hours",
        "time_off",
    ]


def test_a_facility_has_a_daily_capacity(db: Connection, company: Company) -> None:
    facility, bay, job = shop(company)
    db.execute("update facilities set daily_capacity = 2 where id = %s", (facility["id"],))
    company.visit(company.job(), company.technician(), starts_at=at(9), facility_id=facility["id"])
    assert codes(db, job, company.technician(), starts_at=at(9), resource_id=bay["id"]) == [
        "capacity_near_limit"
    ]
    company.visit(company.job(), company.technician(), starts_at=at(9), facility_id=facility["id"])
    assert codes(db, job, company.technician(), starts_at=at(9), resource_id=bay["id"]) == ["capacity_full"]


def test_a_mobile_unit_has_a_reach(db: Connection, company: Company) -> None:
    facility = company.facility()
    van = company.add("resources", facility_id=facility["id"], kind="mobile_unit", name="Van 1")
    service = company.service(mobile_eligible=True, mobile_max_distance_m=5000)
    near, far = (
        company.job(company.site(company.customer(), **where), service) for where in (HERE, TEN_KM_NORTH)
    )
    assert codes(db, near, company.technician(), starts_at=at(9), resource_id=van["id"]) == []
    assert codes(db, far, company.technician(), starts_at=at(9), resource_id=van["id"]) == ["place_kind"]

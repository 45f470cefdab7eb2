"""A van without what the work needs is a conflict, unless there is a depot to fetch it from (BKG-5, OPT-4)."""

from __future__ import annotations

from support.booking import at, codes, conflicts
from support.factory import Company
from support.sql import Connection, Row, value


def part(company: Company, code: str, **values: object) -> Row:
    return company.add("parts", code=code, name=code.capitalize(), **values)


def needed(company: Company, job: Row, one: Row, quantity: int = 1) -> None:
    company.add("job_parts", dispatch_job_id=job["id"], part_id=one["id"], quantity=quantity)


def test_a_missing_part_is_a_conflict_that_nobody_can_override(db: Connection, company: Company) -> None:
    job, ana = company.job(), company.technician(display_name="Ana")
    filters = part(company, "filter")
    needed(company, job, filters, 2)
    company.add("technician_stock", technician_id=ana["id"], part_id=filters["id"], quantity=1)
    (found,) = conflicts(db, job, ana, starts_at=at(9))
    assert (found["code"], found["severity"]) == ("equipment_missing", "hard")
    assert found["message"] == "Ana has too few of Filter in the van, and no depot to fetch it from."
    db.execute("update public.technician_stock set quantity = 2")
    assert codes(db, job, ana, starts_at=at(9)) == []


def test_a_depot_makes_up_for_what_the_van_lacks(db: Connection, company: Company) -> None:
    job, ana = company.job(), company.technician()
    needed(company, job, part(company, "ladder", is_tool=True))
    assert codes(db, job, ana, starts_at=at(9)) == ["equipment_missing"]
    company.facility(loading_minutes=None)
    assert codes(db, job, ana, starts_at=at(9)) == ["equipment_missing"]
    company.facility(loading_minutes=10)
    assert codes(db, job, ana, starts_at=at(9)) == []


def test_a_job_may_need_less_than_its_service(db: Connection, company: Company) -> None:
    service, ana = company.service(), company.technician()
    filters = part(company, "filter")
    company.add("service_parts", service_id=service["id"], part_id=filters["id"])
    site = company.site(company.customer())
    assert codes(db, company.job(site, service), ana, starts_at=at(9)) == ["equipment_missing"]
    job = company.job(site, service)
    needed(company, job, filters, 0)
    assert codes(db, job, ana, starts_at=at(9)) == []


def test_what_is_no_longer_active_is_needed_nowhere(db: Connection, company: Company) -> None:
    job, ana = company.job(), company.technician()
    needed(company, job, part(company, "filter", is_active=False))
    assert codes(db, job, ana, starts_at=at(9)) == []


def test_the_depot_is_the_own_facility_before_the_nearest(db: Connection, company: Company) -> None:
    far = company.facility(latitude=50.0, loading_minutes=5)
    near = company.facility(loading_minutes=5)
    home = company.add("customer_locations", kind="home_base", label="Home", latitude=43.07, longitude=-89.4)
    ana = company.technician(facility_id=far["id"], home_base_location_id=home["id"])
    bob = company.technician(home_base_location_id=home["id"])
    chosen = [value(db, "select private.depot_of(%s)", (one["id"],)) for one in (ana, bob)]
    assert chosen == [far["id"], near["id"]]

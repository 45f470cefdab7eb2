"""Bays and mobile units of several branches: whichever is free and open is offered, and a move stays where it is."""

from __future__ import annotations

from support.booking import at, book, call
from support.factory import Company
from support.sql import Connection, Row, one

DAY = {"earliest": at(8), "latest": at(18)}


def branch(company: Company, name: str, *, is_open: bool = True) -> Row:
    """Add a branch with one bay; one that isn't open has hours on Sundays only."""
    facility = company.facility(name=name)
    if not is_open:
        company.add(
            "operating_hours", facility_id=facility["id"], weekday=7, opens_at="09:00", closes_at="12:00"
        )
    return company.bay(facility, name=f"Bay of {name}")


def test_a_closed_branch_does_not_hide_the_open_one(db: Connection, company: Company) -> None:
    branch(company, "A", is_open=False)
    open_bay = branch(company, "B")
    company.technician()
    job = company.job(service=company.service(place_kind="bay"))
    slots = call(db, "find_slots", job_id=job["id"], **DAY)
    assert {slot["resource_id"] for slot in slots} == {open_bay["id"]}


def test_a_mobile_unit_too_far_away_does_not_hide_the_near_one(db: Connection, company: Company) -> None:
    far = company.facility(name="A", latitude=45.0, longitude=-93.0)
    company.bay(far, name="Unit 1", kind="mobile_unit", bay_type=None)
    near = company.bay(company.facility(name="B"), name="Unit 2", kind="mobile_unit", bay_type=None)
    company.technician()
    service = company.service(place_kind="mobile_unit", mobile_eligible=True, mobile_max_distance_m=30_000)
    slots = call(db, "find_slots", job_id=company.job(service=service)["id"], **DAY)
    assert {slot["resource_id"] for slot in slots} == {near["id"]}


def test_a_moved_visit_takes_another_bay_of_its_branch_and_of_no_other(
    db: Connection, company: Company
) -> None:
    own = branch(company, "B")
    branch(company, "A")
    second = company.bay(one(db, "select * from facilities where id = %s", (own["facility_id"],)), name="Z")
    service = company.service(place_kind="bay")
    ana, ben = company.technician(), company.technician()
    visit = book(db, company.job(service=service), ana, starts_at=at(9), resource_id=own["id"])
    book(db, company.job(service=service), ben, starts_at=at(11), resource_id=own["id"])
    for technician_ids in (None, [ana["id"]]):
        with db.transaction(force_rollback=True):
            moved = call(
                db,
                "reschedule_appointment",
                appointment_id=visit["id"],
                starts_at=at(11),
                technician_ids=technician_ids,
                reason="customer_request",
            )
            assert moved["bay_id"] == str(second["id"])


def test_a_visit_that_lost_its_bay_gets_one_with_the_next_move(db: Connection, company: Company) -> None:
    bay, service = branch(company, "A"), company.service(place_kind="bay")
    ana, ben = company.technician(), company.technician()
    visit = book(db, company.job(service=service), ana, starts_at=at(9), resource_id=bay["id"])
    book(db, company.job(service=service), ben, starts_at=at(11), resource_id=bay["id"])
    company.visit(company.job(), ana, starts_at=at(11))
    to = {"appointment_id": visit["id"], "reason": "customer_request"}
    lost = call(db, "reschedule_appointment", starts_at=at(11), **to)
    assert (lost["bay_id"], lost["assignment_outcome"]) == (None, "cleared")
    moved = call(db, "reschedule_appointment", starts_at=at(14), technician_ids=[ana["id"]], **to)
    assert moved["bay_id"] == str(bay["id"])

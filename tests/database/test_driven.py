"""What tests of plans take for drivable: `Roads` looks for itself, so it is looked at by itself."""

from __future__ import annotations

from typing import Any

import pytest

from support.booking import HERE, TEN_KM_NORTH, at
from support.driven import Held, Roads
from support.factory import Company
from support.sql import Connection, Row


@pytest.fixture
def company(db: Connection) -> Company:
    return Company(db)


@pytest.fixture
def home(company: Company) -> Row:
    return company.add("customer_locations", kind="home_base", **HERE)


def takes(company: Company, technician: Row, hour: float, *, north: bool = False, length: float = 1) -> bool:
    """Tell whether somebody could be there at that hour and for so many."""
    place = TEN_KM_NORTH if north else HERE
    visit = Held(at(hour).timestamp(), at(hour + length).timestamp(), (place["latitude"], place["longitude"]))
    return Roads(company).takes(technician["id"], visit)


def booked(company: Company, technician: Row, hour: float, minutes: int = 60, **place: float) -> None:
    site = company.site(company.customer(), **(place or HERE))
    company.visit(company.job(site, estimated_duration_minutes=minutes), technician, starts_at=at(hour))


def off(company: Company, technician: Row, start: float, end: float, **values: Any) -> None:
    span = {"starts_at": at(start), "ends_at": at(end), "reason": "break"}
    company.add("technician_time_off", technician_id=technician["id"], **span | values)


def test_a_visit_stands_in_a_shift_with_the_way_from_home_and_back(company: Company, home: Row) -> None:
    ann = company.technician(home_base_location_id=home["id"])
    assert takes(company, ann, 8)
    assert takes(company, ann, 16)
    assert not takes(company, ann, 7.75)
    assert not takes(company, ann, 16.25)
    # Ten kilometres are twenty minutes.
    assert not takes(company, ann, 8.25, north=True)
    assert takes(company, ann, 8.35, north=True)
    assert not takes(company, ann, 15.75, north=True)


def test_between_two_visits_there_is_time_to_drive(company: Company, home: Row) -> None:
    ann = company.technician(home_base_location_id=home["id"])
    booked(company, ann, 9)
    booked(company, ann, 12)
    assert takes(company, ann, 10)
    assert not takes(company, ann, 9.5)
    assert not takes(company, ann, 10.25, north=True)
    assert takes(company, ann, 10.5, north=True)
    assert not takes(company, ann, 10.75, north=True)


def test_nobody_drives_in_their_time_off_and_a_break_keeps_its_room(company: Company, home: Row) -> None:
    ann, bob = (company.technician(home_base_location_id=home["id"]) for _ in range(2))
    for technician in (ann, bob):
        booked(company, technician, 9)
    off(company, ann, 10, 10.5, reason="vacation")
    assert not takes(company, ann, 10.5, north=True)
    assert takes(company, ann, 11, north=True)
    off(company, bob, 11, 12, minutes=30)
    assert takes(company, bob, 11.5)
    assert not takes(company, bob, 11.25)


def test_who_may_have_two_at_once_takes_one_in_either_lane_within_the_days_work(
    company: Company, home: Row
) -> None:
    ann = company.technician(
        home_base_location_id=home["id"], max_concurrent_jobs=2, max_daily_work_minutes=200
    )
    booked(company, ann, 9)
    assert takes(company, ann, 9)
    assert takes(company, ann, 9, length=2.25)
    assert not takes(company, ann, 9, length=2.5)
    booked(company, ann, 9)
    assert not takes(company, ann, 9.5)
    assert takes(company, ann, 10)

"""Everything find_slots offers can be booked, and so can every alternative of a refusal (BKG-6, BKG-8)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.booking import at, book, call, codes, refusal
from support.effort import examples
from support.factory import CITY, Company
from support.sql import Connection, Row, refused, rows

SKILLS = ("hvac", "gas", "drains")
QUARTERS = st.integers(0, 40).map(lambda quarter: 7 + quarter / 4)  # from 07:00 to 17:00


@dataclass(frozen=True)
class Draft:
    """What hypothesis chooses for one technician or job; places are in hundredths of a degree from the centre."""

    skills: dict[str, int]
    place: tuple[int, int]
    shift: tuple[float, float]
    day_off: int | None
    has_break: bool
    limit: int | None
    lanes: int
    pace: float
    speed: float


@dataclass(frozen=True)
class Order:
    """One job of the random company."""

    skills: dict[str, int]
    place: tuple[int, int]
    minutes: int
    buffer: int
    crew: int
    window: tuple[float, float] | None
    sla: float | None


places = st.tuples(st.integers(-9, 9), st.integers(-9, 9))
skills = st.dictionaries(st.sampled_from(SKILLS), st.integers(1, 5), max_size=3)
drafts = st.builds(
    Draft,
    skills=skills,
    place=places,
    shift=st.tuples(st.sampled_from([6.0, 8.0, 9.5]), st.sampled_from([4.0, 8.0, 10.0])),
    day_off=st.none() | st.integers(0, 3),
    has_break=st.booleans(),
    limit=st.none() | st.integers(120, 500),
    lanes=st.sampled_from([1, 1, 1, 2]),
    pace=st.sampled_from([1.0, 0.8, 1.35]),
    speed=st.sampled_from([1.0, 0.7, 1.2]),
)
orders = st.builds(
    Order,
    skills=st.dictionaries(st.sampled_from(SKILLS), st.integers(1, 3), max_size=2),
    place=places,
    minutes=st.integers(15, 240),
    buffer=st.sampled_from([0, 0, 10, 25]),
    crew=st.sampled_from([1, 1, 1, 2]),
    window=st.none() | st.tuples(QUARTERS, st.sampled_from([1.0, 2.0, 4.0])),
    sla=st.none() | st.floats(10, 70).map(round),
)


def place(at_place: tuple[int, int]) -> dict[str, float]:
    """Return coordinates in degrees."""
    return {"latitude": CITY[0] + at_place[0] / 100, "longitude": CITY[1] + at_place[1] / 100}


def hire(company: Company, draft: Draft) -> Row:
    """Add the technician of a draft."""
    home = company.add("customer_locations", kind="home_base", label="Home", **place(draft.place))
    start, length = draft.shift
    technician = company.technician(
        draft.skills,
        shift=(start, start + length),  # type: ignore[arg-type]
        home_base_location_id=home["id"],
        max_daily_work_minutes=draft.limit,
        max_concurrent_jobs=draft.lanes,
        duration_factor=draft.pace,
        travel_speed_factor=draft.speed,
    )
    if draft.day_off is not None:
        company.add(
            "technician_time_off",
            technician_id=technician["id"],
            reason="vacation",
            starts_at=at(10, draft.day_off),
            ends_at=at(15, draft.day_off),
        )
    if draft.has_break:
        company.add(
            "technician_time_off",
            technician_id=technician["id"],
            reason="break",
            minutes=30,
            starts_at=at(11.5),
            ends_at=at(13.5),
            recurrence_rule="FREQ=DAILY",
        )
    return technician


def order(company: Company, wanted: Order) -> Row:
    """Add the job of an order."""
    for skill in wanted.skills:
        company.skill(skill)
    job = company.job(
        company.site(company.customer(), **place(wanted.place)),
        company.service(buffer_after_minutes=wanted.buffer),
        required_skills=wanted.skills,
        estimated_duration_minutes=wanted.minutes,
        required_crew_size=wanted.crew,
        sla_end_at=None if wanted.sla is None else at(wanted.sla),
    )
    if wanted.window is not None:
        start, length = wanted.window
        for day in (0, 1):
            company.add(
                "job_time_windows",
                dispatch_job_id=job["id"],
                window_start=at(start, day),
                window_end=at(start + length, day),
            )
    return job


def test_a_start_just_before_a_mark_of_two_hours_is_offered_once(db: Connection) -> None:
    company = Company(db)
    hire(
        company,
        Draft(
            {}, (-4, 8), (9.5, 4.0), day_off=None, has_break=False, limit=None, lanes=1, pace=1.0, speed=1.0
        ),
    )
    job = order(company, Order(skills={}, place=(0, 0), minutes=60, buffer=0, crew=1, window=None, sla=None))
    starts = [
        one["starts_at"] for one in call(db, "find_slots", job_id=job["id"], earliest=at(0), latest=at(0, 1))
    ]
    assert starts == sorted(set(starts)) == [at(10), at(12)]


@settings(max_examples=examples(25), suppress_health_check=list(HealthCheck))
@given(st.lists(drafts, min_size=1, max_size=4), st.lists(orders, min_size=1, max_size=6), st.data())
def test_whatever_is_offered_can_be_booked(
    db: Connection, team: list[Draft], wanted: list[Order], data: st.DataObject
) -> None:
    with db.transaction(force_rollback=True):
        company = Company(db)
        technicians = [hire(company, draft) for draft in team]
        for job in [order(company, one) for one in wanted]:
            slots = call(db, "find_slots", job_id=job["id"], earliest=at(0), latest=at(0, 4), max_results=6)
            assert len({(slot["starts_at"], tuple(slot["technician_ids"])) for slot in slots}) == len(slots)
            for slot in slots:
                crew = [{"id": technician} for technician in slot["technician_ids"]]
                assert codes(db, job, *crew, starts_at=slot["starts_at"]) in ([], ["customer_overlap"])
                with db.transaction(force_rollback=True):
                    visit = book(db, job, *crew, starts_at=slot["starts_at"])
                    assert visit["ends_at"] == slot["ends_at"].isoformat()
            if slots and data.draw(st.booleans()):
                slot = data.draw(st.sampled_from(slots))
                crew = [{"id": technician} for technician in slot["technician_ids"]]
                book(db, job, *crew, starts_at=slot["starts_at"])
        assert_route_is_drivable(db, technicians)


alone = drafts.map(lambda draft: replace(draft, lanes=1))


@settings(max_examples=examples(15), suppress_health_check=list(HealthCheck))
@given(st.lists(alone, min_size=1, max_size=3), orders.filter(lambda one: one.crew == 1), QUARTERS)
def test_whatever_a_refusal_offers_instead_can_be_booked(
    db: Connection, team: list[Draft], wanted: Order, hour: float
) -> None:
    with db.transaction(force_rollback=True):
        company = Company(db)
        technicians = [hire(company, draft) for draft in team]
        job = order(company, wanted)
        company.visit(company.job(), technicians[0], starts_at=at(hour))
        with refused(db, "PT409", "placement_conflict") as caught:
            book(db, job, technicians[0], starts_at=at(hour))
        offered = refusal(caught.value)["alternatives"]
        instead = [(slot["technician_ids"], slot["starts_at"]) for slot in offered["same_day"]]
        if offered["next_available"]:
            instead.append(
                (offered["next_available"]["technician_ids"], offered["next_available"]["starts_at"])
            )
        instead += [(other["technician_ids"], at(hour)) for other in offered["other_technicians"]]
        for technician_ids, starts_at in instead:
            with db.transaction(force_rollback=True):
                call(
                    db,
                    "book_appointment",
                    job_id=job["id"],
                    technician_ids=technician_ids,
                    starts_at=starts_at,
                )


def starts(db: Connection, job: Row, **arguments: Any) -> list[datetime]:
    """Return the start times offered for a job from MONDAY on, earliest first."""
    slots = call(db, "find_slots", **{"job_id": job["id"], "earliest": at(0), "latest": at(0, 7)} | arguments)
    return sorted(slot["starts_at"] for slot in slots)


def test_an_empty_day_is_offered_from_its_first_minute(db: Connection, company: Company) -> None:
    company.technician(shift=(8, 17))
    assert starts(db, company.job())[0] == at(8)


def test_the_next_available_time_is_found_behind_a_full_week(db: Connection, company: Company) -> None:
    ana = company.technician(shift=(8, 9))
    for day in range(4):
        company.visit(company.job(), ana, starts_at=at(8, day))
    assert starts(db, company.job(), max_results=1) == [at(8, 4)]


def test_an_offer_fits_into_the_only_gap(db: Connection, company: Company) -> None:
    ana = company.technician(shift=(8, 12))
    site = company.site(company.customer())
    for hour in (8, 10.5):
        company.visit(company.job(site, estimated_duration_minutes=90), ana, starts_at=at(hour))
    job = company.job(site, estimated_duration_minutes=60)
    assert starts(db, job, latest=at(24)) == [at(9.5)]
    assert starts(db, job, latest=at(24), duration_minutes=61) == []


def test_a_crew_is_offered_when_all_are_free(db: Connection, company: Company) -> None:
    ana, ben = company.technician({"hvac": 3}), company.technician({"gas": 3})
    company.visit(company.job(), ana, starts_at=at(8), visit_number=1)
    job = company.job(required_skills={"hvac": 1, "gas": 1}, required_crew_size=2)
    (slot,) = call(db, "find_slots", job_id=job["id"], earliest=at(0), latest=at(24), max_results=1)
    assert set(slot["technician_ids"]) == {ana["id"], ben["id"]}
    assert slot["starts_at"] >= at(9)


def test_bay_work_is_offered_with_a_free_bay(db: Connection, company: Company) -> None:
    facility = company.facility()
    lift, _ = company.bay(facility, bay_type="lift"), company.bay(facility, bay_type="tire")
    company.technician(), company.technician()
    service = company.service(place_kind="bay", bay_types=["lift"])
    first, second = company.job(service=service), company.job(service=service)
    (slot,) = call(db, "find_slots", job_id=first["id"], earliest=at(8), latest=at(9.25), max_results=1)
    assert slot["resource_id"] == lift["id"]
    book(db, first, {"id": slot["technician_ids"][0]}, starts_at=slot["starts_at"], resource_id=lift["id"])
    assert call(db, "find_slots", job_id=second["id"], earliest=at(8), latest=at(9.25)) == []


def test_a_service_is_offered_before_there_is_a_job(db: Connection, company: Company) -> None:
    ana = company.technician({"hvac": 3})
    company.technician()
    service, site = company.service({"hvac": 2}), company.site(company.customer())
    slots = call(
        db, "find_slots", service_id=service["id"], location_id=site["id"], earliest=at(0), latest=at(24)
    )
    assert slots
    assert {technician for slot in slots for technician in slot["technician_ids"]} == {ana["id"]}


def test_the_nearer_technician_is_preferred_at_the_same_time(db: Connection, company: Company) -> None:
    near, far = (
        company.technician(
            home_base_location_id=company.add("customer_locations", kind="home_base", **place(where))["id"]
        )
        for where in ((1, 0), (9, 9))
    )
    job = company.job(company.site(company.customer(), **place((0, 0))))
    slots = call(db, "find_slots", job_id=job["id"], earliest=at(10), latest=at(11))
    assert [slot["technician_ids"] for slot in slots] == [[near["id"]], [far["id"]]]
    assert slots[0]["added_travel_minutes"] < slots[1]["added_travel_minutes"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"job_id": None}, "job_or_service_needed"),
        ({"latest": at(-1)}, "period_invalid"),
        ({"latest": at(0, 100)}, "period_invalid"),
        ({"duration_minutes": 0}, "duration_invalid"),
        ({"max_results": 0}, "max_results_invalid"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(
    db: Connection, company: Company, arguments: dict[str, object], code: str
) -> None:
    job = company.job()
    with refused(db, "PT400", code):
        starts(db, job, **arguments)


def assert_route_is_drivable(db: Connection, technicians: list[Row]) -> None:
    """Check, without the judge, that claims on one lane neither overlap nor leave less time than the crow flies."""
    for technician in technicians:
        claims = rows(
            db,
            "select lower(during) as starts_at, upper(during) as ends_at, latitude, longitude, lane"
            " from public.reservations where technician_id = %s and released_at is null order by during",
            (technician["id"],),
        )
        if technician["max_concurrent_jobs"] > 1:
            continue
        for before, after in itertools.pairwise(claims):
            degrees = abs(before["latitude"] - after["latitude"])
            speed = 40 * float(technician["travel_speed_factor"])
            assert after["starts_at"] - before["ends_at"] >= timedelta(hours=degrees * 111 * 1.3 / speed)

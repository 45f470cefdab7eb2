"""Composite services: segments with pauses, four pause policies, booked, moved and canceled as a whole (BKG-12)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from support.booking import at, book, call, codes, ledger
from support.factory import Company
from support.sql import AsUser, Connection, Row, one, refused, rows, value


def coloring(company: Company, policy: str = "free", **values: Any) -> Row:
    """Add a service in a chair: color 30, pause 45, wash 15, pause 15, cut 30 minutes."""
    service = company.service(place_kind="bay", pause_policy=policy, **values)
    for position, (name, minutes, pause) in enumerate(
        (("Color", 30, 45), ("Wash", 15, 15), ("Cut", 30, 0)), 1
    ):
        company.add(
            "service_segments",
            service_id=service["id"],
            position=position,
            name=name,
            duration_minutes=minutes,
            pause_after_minutes=pause,
        )
    return one(company.db, "select * from services where id = %s", (service["id"],))


def salon(company: Company, policy: str = "free", **values: Any) -> tuple[Row, Row, Row]:
    """Return a chair, the composite service and a job for it."""
    facility = company.facility()
    chair = company.bay(facility)
    company.bay(facility)
    service = coloring(company, policy, **values)
    return chair, service, company.job(company.site(company.customer()), service)


def simple(company: Company, minutes: int) -> Row:
    """Return a job in a chair without segments."""
    return company.job(service=company.service(place_kind="bay", standard_duration_minutes=minutes))


def times(claims: list[Row]) -> list[tuple[float, float, str]]:
    """Return claims as hours of MONDAY."""
    return [
        (
            (c["starts_at"] - at(0)) / timedelta(hours=1),
            (c["ends_at"] - at(0)) / timedelta(hours=1),
            c["kind"],
        )
        for c in claims
    ]


def test_a_service_with_segments_lasts_as_long_as_they_and_their_pauses(
    db: Connection, company: Company
) -> None:
    service = coloring(company)
    assert (service["is_composite"], service["standard_duration_minutes"]) == (True, 135)
    db.execute("delete from service_segments where service_id = %s and position = 3", (service["id"],))
    assert value(db, "select standard_duration_minutes from services where id = %s", (service["id"],)) == 90


def test_all_segments_are_booked_together_and_named(db: Connection, company: Company) -> None:
    chair, _, job = salon(company)
    emma = company.technician()
    visit = book(db, job, emma, starts_at=at(9), resource_id=chair["id"])
    assert [segment["name"] for segment in visit["segments"]] == [
        "1 of 3: Color",
        "2 of 3: Wash",
        "3 of 3: Cut",
    ]
    assert visit["ends_at"] == at(11.25).isoformat()
    assert len(visit["assignments"]) == 3
    assert (visit["assignment_status"], visit["status"]) == ("assigned", "scheduled")


def test_free_pauses_leave_the_staff_bookable_and_keep_the_chair(db: Connection, company: Company) -> None:
    chair, _, job = salon(company, "free")
    emma = company.technician()
    book(db, job, emma, starts_at=at(9), resource_id=chair["id"])
    assert times(ledger(db, emma["id"])) == [
        (9, 9.5, "booked"),
        (10.25, 10.5, "booked"),
        (10.75, 11.25, "booked"),
    ]
    other = simple(company, 45)
    assert codes(db, other, emma, starts_at=at(9.5), resource_id=chair["id"]) == ["resource_overlap"]
    free_chair = value(db, "select id from resources where id <> %s", (chair["id"],))
    assert book(db, other, emma, starts_at=at(9.5), resource_id=free_chair)["status"] == "scheduled"


def test_blocked_pauses_keep_the_technician_with_the_customer(db: Connection, company: Company) -> None:
    chair, _, job = salon(company, "blocked")
    emma, lea = company.technician(), company.technician()
    segments = [{"position": 2, "technician_id": str(lea["id"])}]
    book(db, job, emma, starts_at=at(9), resource_id=chair["id"], segments=Jsonb(segments))
    assert times(ledger(db, emma["id"])) == [
        (9, 9.5, "booked"),
        (9.5, 10.25, "pause_blocked"),
        (10.75, 11.25, "booked"),
    ]
    assert times(ledger(db, lea["id"])) == [(10.25, 10.5, "booked"), (10.5, 10.75, "pause_blocked")]


def test_never_keeps_both_sides_of_a_pause(db: Connection, company: Company) -> None:
    chair, _, job = salon(company, "never")
    emma, lea = company.technician(), company.technician()
    segments = [{"position": 2, "technician_id": str(lea["id"])}]
    book(db, job, emma, starts_at=at(9), resource_id=chair["id"], segments=Jsonb(segments))
    assert times(ledger(db, emma["id"])) == [
        (9, 9.5, "booked"),
        (9.5, 10.25, "pause_blocked"),
        (10.5, 10.75, "pause_blocked"),
        (10.75, 11.25, "booked"),
    ]
    assert times(ledger(db, lea["id"])) == [
        (9.5, 10.25, "pause_blocked"),
        (10.25, 10.5, "booked"),
        (10.5, 10.75, "pause_blocked"),
    ]


def test_flexible_leaves_it_to_each_pause(db: Connection, company: Company) -> None:
    chair, service, job = salon(company, "flexible")
    db.execute(
        "update service_segments set pause_policy = 'blocked' where service_id = %s and position = 2",
        (service["id"],),
    )
    emma = company.technician()
    book(db, job, emma, starts_at=at(9), resource_id=chair["id"])
    assert times(ledger(db, emma["id"])) == [
        (9, 9.5, "booked"),
        (10.25, 10.5, "booked"),
        (10.5, 10.75, "pause_blocked"),
        (10.75, 11.25, "booked"),
    ]


def test_one_busy_segment_refuses_the_whole(db: Connection, company: Company) -> None:
    chair, _, job = salon(company)
    emma = company.technician()
    company.visit(company.job(estimated_duration_minutes=15), emma, starts_at=at(10.25))
    with refused(db, "PT409", "placement_conflict"):
        book(db, job, emma, starts_at=at(9), resource_id=chair["id"])
    assert value(db, "select count(*) from appointment_segments") == 0


def test_find_slots_uses_the_pauses_of_others(db: Connection, company: Company) -> None:
    _, _, job = salon(company, "free")
    emma = company.technician(shift=(9, 12))
    (slot, *_) = call(db, "find_slots", job_id=job["id"], earliest=at(0), latest=at(24))
    assert (slot["starts_at"], slot["technician_ids"]) == (at(9), [emma["id"]])
    assert [segment["name"] for segment in slot["segments"]] == [
        "1 of 3: Color",
        "2 of 3: Wash",
        "3 of 3: Cut",
    ]
    book(db, job, emma, starts_at=slot["starts_at"], resource_id=slot["resource_id"])
    (woven, *_) = call(db, "find_slots", job_id=simple(company, 45)["id"], earliest=at(0), latest=at(24))
    assert woven["starts_at"] == at(9.5)


def test_find_slots_shares_the_segments_when_nobody_can_do_all(db: Connection, company: Company) -> None:
    _, _, job = salon(company)
    emma, lea = company.technician(shift=(9, 10)), company.technician(shift=(10, 12))
    (slot, *_) = call(db, "find_slots", job_id=job["id"], earliest=at(0), latest=at(24))
    assert slot["technician_ids"] == [emma["id"], lea["id"], lea["id"]]
    visit = call(
        db,
        "book_appointment",
        job_id=job["id"],
        technician_ids=slot["technician_ids"],
        starts_at=slot["starts_at"],
        resource_id=slot["resource_id"],
    )
    assert [part["technician_id"] for part in visit["assignments"]] == [
        str(emma["id"]),
        str(lea["id"]),
        str(lea["id"]),
    ]


@pytest.mark.parametrize("policy", ["free", "blocked", "never", "flexible"])
def test_whatever_is_offered_for_a_composite_can_be_booked(
    db: Connection, company: Company, policy: str
) -> None:
    _, _, job = salon(company, policy, buffer_before_minutes=5, buffer_after_minutes=10)
    emma, lea = company.technician({"hair": 2}), company.technician(max_daily_work_minutes=240)
    company.visit(company.job(estimated_duration_minutes=20), emma, starts_at=at(10))
    company.visit(company.job(estimated_duration_minutes=45), lea, starts_at=at(13))
    company.add(
        "technician_time_off", technician_id=lea["id"], starts_at=at(15), ends_at=at(15.5), reason="break"
    )
    slots = call(db, "find_slots", job_id=job["id"], earliest=at(0), latest=at(0, 2), max_results=20)
    assert len(slots) > 5
    for slot in slots:
        with db.transaction(force_rollback=True):
            call(
                db,
                "book_appointment",
                job_id=job["id"],
                technician_ids=slot["technician_ids"],
                starts_at=slot["starts_at"],
                resource_id=slot["resource_id"],
            )


def test_a_composite_moves_as_a_whole(db: Connection, company: Company) -> None:
    chair, service, job = salon(company, "blocked")
    emma, lea = company.technician(), company.technician()
    visit = book(db, job, emma, starts_at=at(9), resource_id=chair["id"])
    db.execute(
        "update service_segments set duration_minutes = 90 where service_id = %s and position = 1",
        (service["id"],),
    )
    moved = call(
        db, "reschedule_appointment", appointment_id=visit["id"], starts_at=at(9.5), reason="customer_request"
    )
    assert [segment["starts_at"] for segment in moved["segments"]] == [
        at(9.5).isoformat(),
        at(10.75).isoformat(),
        at(11.25).isoformat(),
    ]
    assert moved["assignment_outcome"] == "preserved"
    call(
        db,
        "reschedule_appointment",
        appointment_id=visit["id"],
        starts_at=at(13),
        technician_ids=[emma["id"], lea["id"], emma["id"]],
        reason="customer_request",
    )
    assert times(ledger(db, lea["id"])) == [(14.25, 14.5, "booked"), (14.5, 14.75, "pause_blocked")]
    assert times(ledger(db, emma["id"])) == [
        (13, 13.5, "booked"),
        (13.5, 14.25, "pause_blocked"),
        (14.75, 15.25, "booked"),
    ]


def test_a_composite_is_canceled_as_a_whole(db: Connection, company: Company) -> None:
    chair, _, job = salon(company, "blocked")
    emma = company.technician()
    visit = book(db, job, emma, starts_at=at(9), resource_id=chair["id"])
    canceled = call(db, "cancel_appointment", appointment_id=visit["id"], reason="customer_request")
    assert {part["status"] for part in canceled["assignments"]} == {"canceled"}
    assert value(db, "select count(*) from reservations where released_at is null") == 0


def test_a_composite_is_held_as_a_whole(db: Connection, company: Company) -> None:
    chair, _, job = salon(company, "blocked")
    emma = company.technician()
    held = call(
        db,
        "hold_slot",
        job_id=job["id"],
        technician_ids=[emma["id"]],
        starts_at=at(9),
        resource_id=chair["id"],
    )
    assert [kind for _, _, kind in times(ledger(db, emma["id"]))] == ["held"] * 5
    visit = book(db, job, emma, starts_at=at(9), resource_id=chair["id"], hold_token=held["hold_token"])
    assert visit["status"] == "scheduled"


def test_a_composite_is_done_with_its_last_segment(db: Connection, company: Company) -> None:
    chair, _, job = salon(company)
    visit = book(db, job, company.technician(), starts_at=at(9), resource_id=chair["id"])
    for part in visit["assignments"]:
        assert value(db, "select status from appointments") != "completed"
        for status in ("on_site", "completed"):
            call(db, "set_assignment_status", assignment_id=part["id"], status=status)
    assert value(db, "select status from appointments") == "completed"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"segments": {"position": 1}}, "segments_invalid"),
        ({"technician_ids": 2}, "technicians_invalid"),
    ],
)
def test_staff_that_does_not_fit_the_segments_is_refused(
    db: Connection, company: Company, arguments: dict[str, Any], code: str
) -> None:
    chair, _, job = salon(company)
    team = [company.technician()["id"] for _ in range(arguments.pop("technician_ids", 1))]
    given = {
        "job_id": job["id"],
        "technician_ids": team,
        "starts_at": at(9),
        "resource_id": chair["id"],
    } | arguments
    with refused(db, "PT400", code):
        call(db, "book_appointment", **given)


def test_templates_start_a_composite_service(db: Connection, company: Company, as_user: AsUser) -> None:
    service = company.service()
    with as_user(company.member("admin")):
        db.execute(
            "insert into service_segments"
            " (org_id, service_id, position, name, duration_minutes, pause_after_minutes, pause_policy)"
            " select %s, %s, position, name, duration_minutes, pause_after_minutes, pause_policy"
            " from public.service_templates() where template = 'hair_color'",
            (company.id, service["id"]),
        )
    assert value(db, "select standard_duration_minutes from services where id = %s", (service["id"],)) == 135
    assert len({row["template"] for row in rows(db, "select template from public.service_templates()")}) == 5

"""Who is told when a visit is booked, moved or canceled (BKG-9, AC7)."""

from __future__ import annotations

import pytest

from support.booking import at, book, call, move
from support.factory import Company
from support.sql import Connection, Row, rows


def notices(db: Connection) -> list[tuple[str, str, str, str]]:
    """Return every notice in the queue: who, by what, about what, in which state."""
    return [
        (row["recipient_type"], row["channel"], row["notification_type"], row["status"])
        for row in rows(
            db,
            "select recipient_type::text, channel::text, notification_type::text, status::text from job_notifications"
            " order by created_at, recipient_type, notification_type, appointment_version",
        )
    ]


def test_ac7_customer_and_technician_are_told_of_booking_move_and_cancellation(
    db: Connection, company: Company
) -> None:
    visit = book(db, company.job(), company.technician(), starts_at=at(9))
    assert set(notices(db)) == {
        ("customer", "sms", "booking_confirmation", "pending"),
        ("technician", "in_app", "assignment_notice", "pending"),
    }
    move(db, visit, at(10))
    assert ("customer", "sms", "booking_confirmation", "canceled") in notices(db)
    assert ("customer", "sms", "reschedule_notice", "pending") in notices(db)
    assert ("technician", "in_app", "reschedule_notice", "pending") in notices(db)
    call(db, "cancel_appointment", appointment_id=visit["id"], reason="weather")
    told = notices(db)
    assert ("customer", "sms", "reschedule_notice", "canceled") in told
    assert [notice for notice in told if notice[0] == "customer" and notice[3] == "pending"] == [
        ("customer", "sms", "cancellation_notice", "pending")
    ]
    assert ("technician", "in_app", "unassignment_notice", "pending") in told


@pytest.mark.parametrize(
    ("customer", "channel"),
    [
        ({}, "sms"),
        ({"preferred_channel": "email", "email": "rosa@example.com"}, "email"),
        ({"sms_opted_out_at": "2026-01-01", "email": "rosa@example.com"}, "email"),
        ({"sms_opted_out_at": "2026-01-01"}, None),
        ({"preferred_channel": "none"}, None),
    ],
)
def test_ac7_the_customer_is_told_by_the_channel_they_want(
    db: Connection, company: Company, customer: Row, channel: str | None
) -> None:
    book(db, company.job(company.site(company.customer(**customer))), company.technician(), starts_at=at(9))
    told = [notice[1] for notice in notices(db) if notice[0] == "customer"]
    assert told == ([channel] if channel else [])


def test_ac7_a_move_may_stay_quiet_but_not_the_customers_own_or_a_late_one(
    db: Connection, company: Company
) -> None:
    visit = book(db, company.job(), company.technician(), starts_at=at(9))
    move(db, visit, at(9.5), reason="shop_capacity", notify=False)
    assert "reschedule_notice" not in [kind for who, _, kind, _ in notices(db) if who == "customer"]
    move(db, visit, at(10), notify=False)
    assert "reschedule_notice" in [kind for who, _, kind, _ in notices(db) if who == "customer"]


def test_a_notice_is_queued_once_for_each_version(db: Connection, company: Company) -> None:
    ana, job = company.technician(), company.job()
    for _ in range(3):
        book(db, job, ana, starts_at=at(9), idempotency_key="n")
    assert len(notices(db)) == 2

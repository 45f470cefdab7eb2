"""What becomes of notices that are sent, fail, or fail for good (NTF-3; the shop's AC7 and AC8 of rescheduling)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from support.booking import at, book, call
from support.factory import Company
from support.sql import AsUser, Connection, Row, one, refused, rows, value


def notice(db: Connection, company: Company, **customer: Any) -> Row:
    """Book a visit and return the customer's confirmation, waiting to be sent."""
    book(db, company.job(company.site(company.customer(**customer))), company.technician(), starts_at=at(9))
    return one(db, "select * from job_notifications where recipient_type = 'customer'")


def report(db: Connection, notification: Row, error: str | None = None, *, is_final: bool = False) -> Row:
    """Say what became of sending it, as the worker does."""
    return one(db, "select * from private.record_delivery(%s, %s, %s)", (notification["id"], error, is_final))


def failures(db: Connection) -> list[Row]:
    """Return what the outbox tells of notices that failed."""
    return [
        row["data"]
        for row in rows(
            db, "select data from domain_events where type = 'notification.failed' order by position"
        )
    ]


def test_ac7_what_was_sent_has_its_time(db: Connection, company: Company) -> None:
    sent = report(db, notice(db, company))
    assert (sent["status"], sent["attempts"], sent["error_message"]) == ("sent", 1, None)
    assert sent["sent_at"] is not None
    assert report(db, sent, "late receipt")["status"] == "sent", "what was sent stays sent"


def test_ac7_an_sms_is_tried_once_more_and_then_failed(db: Connection, company: Company) -> None:
    sms = notice(db, company)
    again = report(db, sms, "Unreachable")
    assert (again["status"], again["error_message"]) == ("pending", "Unreachable")
    assert timedelta(0) < again["scheduled_send_at"] - sms["scheduled_send_at"] <= timedelta(minutes=2)
    assert report(db, sms, "Unreachable")["status"] == "failed"


def test_ac7_an_email_is_tried_twice_more_each_time_later(db: Connection, company: Company) -> None:
    email = notice(db, company, preferred_channel="email", email="kim@example.com")
    tries = [report(db, email, "Greylisted") for _ in range(3)]
    assert [one["status"] for one in tries] == ["pending", "pending", "failed"]
    assert tries[0]["scheduled_send_at"] < tries[1]["scheduled_send_at"]


def test_ac8_a_failure_raises_the_event_and_asks_for_a_call(db: Connection, company: Company) -> None:
    failed = report(db, notice(db, company), "No such number", is_final=True)
    assert (failed["status"], failed["needs_follow_up"], failed["attempts"]) == ("failed", True, 1)
    (told,) = failures(db)
    assert (told["error"], told["channel"], told["needs_follow_up"]) == ("No such number", "sms", True)


def test_a_failed_sms_goes_by_email_where_there_is_one(db: Connection, company: Company) -> None:
    sms = notice(db, company, email="kim@example.com")
    assert report(db, sms, "No such number", is_final=True)["needs_follow_up"] is False
    email = one(db, "select * from job_notifications where channel = 'email'")
    assert (email["notification_type"], email["status"]) == ("booking_confirmation", "pending")
    assert report(db, email, "Bounced", is_final=True)["needs_follow_up"] is True
    assert [told["channel"] for told in failures(db)] == ["sms", "email"]


def test_what_is_overtaken_by_a_move_is_not_told_late(db: Connection, company: Company) -> None:
    sms = notice(db, company, email="kim@example.com")
    visit = value(db, "select id from appointments")
    call(db, "reschedule_appointment", appointment_id=visit, starts_at=at(11), reason="customer_request")
    assert report(db, sms, "No such number", is_final=True)["status"] == "canceled"
    assert failures(db) == []
    assert value(db, "select count(*) from job_notifications where channel = 'email'") == 0


def test_whoever_called_says_so_once(db: Connection, company: Company, as_user: AsUser) -> None:
    sms = notice(db, company)
    with as_user(company.member("dispatcher")):
        with refused(db, "PT409", "nothing_to_follow_up"):
            call(db, "follow_up_notification", notification_id=sms["id"])
        with refused(db, "42501"):
            report(db, sms, "Forged")
    report(db, sms, "No such number", is_final=True)
    for role, note in (("dispatcher", "Reached her at work"), ("owner", "Again")):
        with as_user(company.member(role)):
            (done,) = call(db, "follow_up_notification", notification_id=sms["id"], note=note)
            assert done["follow_up_note"] == "Reached her at work"


@pytest.mark.parametrize("error", [None, "x"])
def test_nobody_reports_on_what_is_not_there(db: Connection, company: Company, error: str | None) -> None:
    with refused(db, "PT404", "notification_not_found"):
        report(db, {"id": company.id}, error)

"""What technicians report, and what visit and job become by it (JOB-5)."""

from __future__ import annotations

import pytest

from support.booking import at, book, call
from support.factory import Company
from support.sql import AsUser, Connection, refused, value


@pytest.mark.parametrize(
    ("steps", "visit_status", "job_status"),
    [
        (["accepted"], "scheduled", "dispatched"),
        (["accepted", "en_route"], "en_route", "dispatched"),
        (["en_route", "on_site"], "in_progress", "in_progress"),
        (["on_site", "paused"], "paused", "in_progress"),
        (["on_site", "completed"], "completed", "completed"),
        (["declined"], "scheduled", "scheduled"),
        (["no_show"], "no_show", "unscheduled"),
    ],
)
def test_visit_and_job_follow_the_assignment(
    db: Connection, company: Company, steps: list[str], visit_status: str, job_status: str
) -> None:
    job = company.job()
    visit = book(db, job, company.technician(), starts_at=at(9))
    for status in steps:
        call(db, "set_assignment_status", assignment_id=visit["assignments"][0]["id"], status=status)
    assert value(db, "select status from appointments where id = %s", (visit["id"],)) == visit_status
    assert value(db, "select status from dispatch_jobs where id = %s", (job["id"],)) == job_status


def test_a_job_of_two_visits_completes_with_the_second(db: Connection, company: Company) -> None:
    ana, job = company.technician(), company.job(visits_planned=2)
    for hour, expected in ((9, "unscheduled"), (11, "completed")):
        visit = book(db, job, ana, starts_at=at(hour))
        for status in ("on_site", "completed"):
            call(db, "set_assignment_status", assignment_id=visit["assignments"][0]["id"], status=status)
        assert value(db, "select status from dispatch_jobs where id = %s", (job["id"],)) == expected
    assert value(db, "select array_agg(visit_number order by visit_number) from appointments") == [1, 2]


def test_a_crew_is_done_when_its_last_member_is(db: Connection, company: Company) -> None:
    visit = book(
        db, company.job(required_crew_size=2), company.technician(), company.technician(), starts_at=at(9)
    )
    first, second = (part["id"] for part in visit["assignments"])
    for part in (first, second):
        call(db, "set_assignment_status", assignment_id=part, status="on_site")
    call(db, "set_assignment_status", assignment_id=first, status="completed")
    assert value(db, "select status from appointments") == "in_progress"
    call(db, "set_assignment_status", assignment_id=second, status="completed")
    assert value(db, "select status from appointments") == "completed"


def test_a_technician_reports_on_the_own_work_only(db: Connection, company: Company, as_user: AsUser) -> None:
    ana = company.technician(user_id=company.member("technician"))
    ben = company.technician(user_id=company.member("technician"))
    visit = book(db, company.job(), ana, starts_at=at(9))
    part = visit["assignments"][0]["id"]
    with as_user(ben["user_id"]), refused(db, "PT404", "assignment_not_found"):
        call(db, "set_assignment_status", assignment_id=part, status="accepted")
    with as_user(ana["user_id"]):
        assert (
            call(db, "set_assignment_status", assignment_id=part, status="accepted")[0]["status"]
            == "accepted"
        )
        with refused(db, "42501", "permission_missing"):
            call(db, "set_assignment_status", assignment_id=part, status="canceled")
        with refused(db, "42501", "permission_missing"):
            call(db, "lock_assignment", assignment_id=part)
        with refused(db, "PT404", "appointment_not_found"):
            call(db, "cancel_appointment", appointment_id=visit["id"], reason="customer_request")

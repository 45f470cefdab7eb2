"""What a refused move offers instead: nothing that would be refused too; the visit's own time counts as free."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from support.booking import at, book, call, refusal
from support.factory import Company
from support.sql import Connection, Row


def refused_move(db: Connection, visit: Row, **arguments: Any) -> dict[str, Any]:
    """Move a visit in vain and return what the refusal says."""
    with pytest.raises(psycopg.Error) as caught, db.transaction():
        call(
            db,
            "reschedule_appointment",
            **{"appointment_id": visit["id"], "reason": "customer_request"} | arguments,
        )
    return refusal(caught.value)


def test_a_visit_under_way_is_offered_no_other_time(db: Connection, company: Company) -> None:
    ana = company.technician()
    company.technician()
    visit = book(db, company.job(), ana, starts_at=at(9))
    call(db, "set_assignment_status", assignment_id=visit["assignments"][0]["id"], status="en_route")
    offered = refused_move(db, visit, starts_at=at(13))["alternatives"]
    assert (offered["same_day"], offered["other_technicians"], offered["next_available"]) == ([], [], None)
    assert [change["codes"] for change in offered["smallest_changes"]] == [["not_reschedulable"]]


def test_a_visit_that_is_over_is_offered_nothing_at_all(db: Connection, company: Company) -> None:
    visit = book(db, company.job(), company.technician(), starts_at=at(9))
    call(db, "cancel_appointment", appointment_id=visit["id"], reason="weather")
    assert refused_move(db, visit, starts_at=at(13))["alternatives"]["smallest_changes"] == []


def test_a_visit_does_not_stand_in_its_own_way(db: Connection, company: Company) -> None:
    ana = company.technician(shift=(9, 12))
    site = company.site(company.customer())
    visit = book(db, company.job(site, estimated_duration_minutes=120), ana, starts_at=at(9.5))
    offered = refused_move(db, visit, starts_at=at(11), technician_ids=[ana["id"]])["alternatives"]
    times = {change["starts_at"] for change in offered["smallest_changes"] if change["change"] == "starts_at"}
    assert times, "half an hour later was possible"
    assert call(
        db,
        "reschedule_appointment",
        appointment_id=visit["id"],
        starts_at=times.pop(),
        reason="customer_request",
    )


def test_no_move_is_offered_without_the_buffer_it_keeps(db: Connection, company: Company) -> None:
    ana = company.technician()
    service = company.service(buffer_before_minutes=30)
    site = company.site(company.customer(), latitude=None, longitude=None)
    company.visit(company.job(site), ana, starts_at=at(9))
    visit = book(db, company.job(site, service), ana, starts_at=at(14))
    offered = refused_move(db, visit, starts_at=at(10), technician_ids=[ana["id"]])["alternatives"]
    assert "override" not in {change["change"] for change in offered["smallest_changes"]}

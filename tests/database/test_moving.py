"""Moving and canceling a visit, as the people of a company do it."""

from __future__ import annotations

from datetime import timedelta

from support.booking import at, book, call, ledger, refusal
from support.factory import Company
from support.sql import Connection, one, refused, value


def test_moving_keeps_the_history_and_frees_the_old_time(db: Connection, company: Company) -> None:
    ana, ben = company.technician(), company.technician()
    visit = book(db, company.job(), ana, starts_at=at(9))
    moved = call(
        db,
        "reschedule_appointment",
        appointment_id=visit["id"],
        starts_at=at(10),
        technician_ids=[ben["id"]],
        reason="customer_request",
    )
    assert moved["version"] > visit["version"]
    assert ledger(db, ana["id"]) == []
    assert [(claim["starts_at"], claim["ends_at"]) for claim in ledger(db, ben["id"])] == [(at(10), at(11))]
    history = one(
        db,
        "select from_starts_at, from_technician_ids, to_starts_at, to_technician_ids from appointment_reschedules",
    )
    assert history == {
        "from_starts_at": at(9),
        "from_technician_ids": [ana["id"]],
        "to_starts_at": at(10),
        "to_technician_ids": [ben["id"]],
    }
    states = {part["technician_id"]: part["status"] for part in moved["assignments"]}
    assert states == {str(ana["id"]): "canceled", str(ben["id"]): "assigned"}


def test_a_visit_may_move_into_its_own_time(db: Connection, company: Company) -> None:
    ana, ben = company.technician(), company.technician()
    visit = book(db, company.job(required_crew_size=2), ana, ben, starts_at=at(9))
    moved = call(
        db, "reschedule_appointment", appointment_id=visit["id"], starts_at=at(9.5), reason="weather"
    )
    assert {part["scheduled_start_at"] for part in moved["assignments"]} == {moved["starts_at"]}
    assert len(ledger(db, ana["id"])) == len(ledger(db, ben["id"])) == 1


def test_moving_asks_again_whoever_had_accepted(db: Connection, company: Company) -> None:
    ana = company.technician()
    visit = book(db, company.job(), ana, starts_at=at(9))
    call(db, "set_assignment_status", assignment_id=visit["assignments"][0]["id"], status="accepted")
    moved = call(
        db,
        "reschedule_appointment",
        appointment_id=visit["id"],
        starts_at=at(11),
        reason="weather",
        customer_confirmed=True,
    )
    assert moved["assignments"][0]["status"] == "assigned"


def test_a_promise_gives_way_only_to_the_customer(db: Connection, company: Company) -> None:
    visit = book(db, company.job(), company.technician(), starts_at=at(9))
    with refused(db, "PT409", "placement_conflict"):
        call(
            db, "reschedule_appointment", appointment_id=visit["id"], starts_at=at(14), reason="shop_capacity"
        )
    call(
        db, "reschedule_appointment", appointment_id=visit["id"], starts_at=at(14), reason="customer_request"
    )


def test_a_visit_under_way_is_not_moved(db: Connection, company: Company) -> None:
    visit = book(db, company.job(), company.technician(), starts_at=at(9))
    for status in ("en_route", "on_site"):
        call(db, "set_assignment_status", assignment_id=visit["assignments"][0]["id"], status=status)
    with refused(db, "PT409", "placement_conflict") as caught:
        call(
            db,
            "reschedule_appointment",
            appointment_id=visit["id"],
            starts_at=at(12),
            reason="customer_request",
        )
    assert "not_reschedulable" in [c["code"] for c in refusal(caught.value)["conflicts"]]


def test_canceling_frees_everybody_and_needs_a_known_reason(db: Connection, company: Company) -> None:
    ana, job = company.technician(), company.job()
    visit = book(db, job, ana, starts_at=at(9))
    with refused(db, "PT400", "unknown_cancel_reason"):
        call(db, "cancel_appointment", appointment_id=visit["id"], reason="bored")
    canceled = call(db, "cancel_appointment", appointment_id=visit["id"], reason="customer_request")
    assert (canceled["status"], canceled["assignments"][0]["status"]) == ("canceled", "canceled")
    assert ledger(db, ana["id"]) == []
    assert value(db, "select status from dispatch_jobs where id = %s", (job["id"],)) == "unscheduled"
    with refused(db, "PT409", "transition_not_allowed"):
        db.execute("update appointments set status = 'scheduled' where id = %s", (visit["id"],))


def test_canceling_a_job_cancels_its_visits(db: Connection, company: Company) -> None:
    ana, job = company.technician(), company.job()
    visit = book(db, job, ana, starts_at=at(9))
    db.execute(
        "update dispatch_jobs set status = 'canceled', cancel_reason = 'duplicate' where id = %s",
        (job["id"],),
    )
    assert value(db, "select status from appointments where id = %s", (visit["id"],)) == "canceled"
    assert ledger(db, ana["id"]) == []


def test_moving_forgets_when_the_technician_was_expected(db: Connection, company: Company) -> None:
    visit = book(db, company.job(), company.technician(), starts_at=at(9))
    db.execute("update job_assignments set tech_eta_at = %s", (at(9),))
    for starts_at, reason in ((at(9), "other"), (at(11), "weather")):
        moved = call(
            db,
            "reschedule_appointment",
            appointment_id=visit["id"],
            starts_at=starts_at,
            ends_at=starts_at + timedelta(minutes=75),
            reason=reason,
            notes="Longer",
            customer_confirmed=True,
        )
        expected = value(db, "select tech_eta_at from job_assignments where status <> 'canceled'")
        assert moved["id"] == visit["id"]
        assert expected == (at(9) if starts_at == at(9) else None)

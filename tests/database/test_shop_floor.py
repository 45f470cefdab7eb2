"""Smallest changes, equipment and follow-ups: what a shop needs around booking."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg.sql import SQL, Identifier

from support.booking import at, book, call, codes, refusal
from support.factory import Company
from support.sql import AsUser, Connection, Row, one, refused, value


def changes(db: Connection, job: Row, *technicians: Row, starts_at: Any, **arguments: Any) -> list[Row]:
    """Return the smallest changes a refusal names."""
    with refused(db, "PT409", "placement_conflict") as caught:
        book(db, job, *technicians, starts_at=starts_at, **arguments)
    found: list[Row] = refusal(caught.value)["alternatives"]["smallest_changes"]
    return found


def near(company: Company) -> Row:
    """Return a site at which everybody is already."""
    return company.site(company.customer(), latitude=None, longitude=None)


def test_a_refusal_says_how_many_minutes_later_would_do(db: Connection, company: Company) -> None:
    ana, site = company.technician(), near(company)
    book(db, company.job(site, estimated_duration_minutes=80), ana, starts_at=at(9))
    told = changes(db, company.job(near(company)), ana, starts_at=at(10))
    assert [(change["change"], change["message"]) for change in told] == [("starts_at", "30 minutes later.")]
    book(db, company.job(near(company)), ana, starts_at=told[0]["starts_at"])


def test_or_earlier_when_that_is_nearer(db: Connection, company: Company) -> None:
    ana, site = company.technician(), near(company)
    book(db, company.job(site, estimated_duration_minutes=300), ana, starts_at=at(10))
    told = changes(db, company.job(near(company)), ana, starts_at=at(9.25))
    assert told[0]["message"] == "15 minutes earlier."


def test_a_time_long_past_is_refused_as_any_other(db: Connection, company: Company) -> None:
    ana = company.technician()
    last_month: Any = value(db, "select date_trunc('hour', now()) - interval '30 days'")
    told = changes(db, company.job(near(company)), ana, starts_at=last_month)
    assert not {"starts_at"} & {change["change"] for change in told}


def test_or_how_short_the_visit_would_have_to_be(db: Connection, company: Company) -> None:
    ana, site = company.technician(), near(company)
    book(db, company.job(site), ana, starts_at=at(10))
    job = company.job(near(company))
    shorter = next(
        change for change in changes(db, job, ana, starts_at=at(9.25)) if change["change"] == "ends_at"
    )
    assert shorter["message"] == "Shortened to 45 minutes."
    assert book(db, job, ana, starts_at=at(9.25), ends_at=shorter["ends_at"])["ends_at"] == at(10).isoformat()


def test_or_with_whom(db: Connection, company: Company) -> None:
    ana, ben = company.technician(shift=(8, 9)), company.technician(display_name="Ben Ortiz")
    book(db, company.job(), ana, starts_at=at(8))
    told = changes(db, company.job(), ana, starts_at=at(8))
    assert ("technician_ids", "With Ben Ortiz instead.") in [
        (change["change"], change["message"]) for change in told
    ]
    assert [change["technician_ids"] for change in told if change["change"] == "technician_ids"] == [
        [str(ben["id"])]
    ]


def test_or_without_the_buffer_which_really_works(db: Connection, company: Company, as_user: AsUser) -> None:
    ana = company.technician()
    book(db, company.job(near(company)), ana, starts_at=at(9))
    job = company.job(near(company), company.service(buffer_before_minutes=30))
    told = changes(db, job, ana, starts_at=at(10))
    skip = next(change for change in told if change["change"] == "override")
    assert (skip["codes"], skip["message"]) == (["buffer"], "Skip the 30-minute buffer with approval.")
    override = {"reason": "Tight day", "codes": skip["codes"]}
    with as_user(company.member("service_advisor")), refused(db, "42501", "permission_missing"):
        book(db, job, ana, starts_at=at(10), override=override)
    dispatcher = company.member("dispatcher")
    with as_user(dispatcher):
        visit = book(db, job, ana, starts_at=at(10), override=override)
    kept = one(
        db,
        "select codes, roles::text[], expires_at from scheduling_overrides where appointment_id = %s",
        (visit["id"],),
    )
    assert kept == {"codes": ["buffer"], "roles": ["dispatcher"], "expires_at": at(11)}
    assert value(db, "select overrides from override_counts where code = 'buffer'") == 1


def test_or_as_it_is_with_an_override(db: Connection, company: Company) -> None:
    ana, job = company.technician(), company.job()
    (override,) = [
        change for change in changes(db, job, ana, starts_at=at(7.5)) if change["change"] == "override"
    ]
    assert override["codes"] == ["outside_shift"]
    book(db, job, ana, starts_at=at(7.5), override={"reason": "x", "codes": override["codes"]})


def lift_service(company: Company, capacity: int = 1) -> tuple[Row, Row]:
    """Return a service that needs a diagnostic scanner, and the scanner."""
    scanner = company.add(
        "resources", facility_id=company.facility()["id"], kind="equipment", name="Scanner", capacity=capacity
    )
    service = company.service()
    company.add("service_equipment", service_id=service["id"], resource_id=scanner["id"])
    return service, scanner


def test_required_equipment_is_claimed_with_the_visit(db: Connection, company: Company) -> None:
    service, scanner = lift_service(company)
    ana, ben = company.technician(), company.technician()
    visit = book(db, company.job(service=service), ana, starts_at=at(9))
    other = company.job(service=service)
    assert codes(db, other, ben, starts_at=at(9.5)) == ["equipment_missing"]
    with refused(db, "PT409", "placement_conflict"):
        book(db, other, ben, starts_at=at(9.5), override={"reason": "x", "codes": ["equipment_missing"]})
    call(
        db, "reschedule_appointment", appointment_id=visit["id"], starts_at=at(11), reason="customer_request"
    )
    assert (
        value(
            db,
            "select count(*) from reservations where resource_id = %s and released_at is null",
            (scanner["id"],),
        )
        == 1
    )
    assert book(db, other, ben, starts_at=at(9.5))["status"] == "scheduled"


def test_equipment_serves_as_many_visits_as_it_has_capacity(db: Connection, company: Company) -> None:
    service, _ = lift_service(company, capacity=2)
    for _ in range(2):
        book(db, company.job(service=service), company.technician(), starts_at=at(9))
    assert codes(db, company.job(service=service), company.technician(), starts_at=at(9)) == [
        "equipment_missing"
    ]


@pytest.mark.parametrize("way", ["book_appointment", "hold_slot"])
def test_equipment_has_room_while_not_all_of_it_is_in_use_at_once(
    db: Connection, company: Company, way: str
) -> None:
    service, scanner = lift_service(company, capacity=2)

    def visit(hour: float) -> Row:
        return book(db, company.job(service=service), company.technician(), starts_at=at(hour))

    # Each scanner is left with one visit, one after the other: whoever meets both finds neither free throughout.
    _, canceled, canceled_too, _ = [visit(hour) for hour in (9, 9, 10, 10)]
    for visited in (canceled, canceled_too):
        call(db, "cancel_appointment", appointment_id=visited["id"], reason="other")
    job, technician = company.job(service=service), company.technician()
    assert call(
        db,
        "find_slots",
        job_id=job["id"],
        earliest=at(9.5),
        latest=at(10.5),
        technician_ids=[technician["id"]],
    )
    call(db, way, job_id=job["id"], technician_ids=[technician["id"]], starts_at=at(9.5))
    assert (
        value(
            db,
            "select count(*) from reservations where resource_id = %s and released_at is null",
            (scanner["id"],),
        )
        == 3
    )
    assert codes(db, company.job(service=service), company.technician(), starts_at=at(9.5)) == [
        "equipment_missing"
    ]


def test_broken_equipment_stops_its_services(db: Connection, company: Company) -> None:
    service, scanner = lift_service(company)
    db.execute("update resources set is_active = false where id = %s", (scanner["id"],))
    assert codes(db, company.job(service=service), company.technician(), starts_at=at(9)) == [
        "equipment_missing"
    ]
    assert (
        call(db, "find_slots", job_id=company.job(service=service)["id"], earliest=at(0), latest=at(24)) == []
    )


def test_a_hold_keeps_the_equipment_too(db: Connection, company: Company) -> None:
    service, _ = lift_service(company)
    call(
        db,
        "hold_slot",
        job_id=company.job(service=service)["id"],
        technician_ids=[company.technician()["id"]],
        starts_at=at(9),
    )
    assert codes(db, company.job(service=service), company.technician(), starts_at=at(9)) == [
        "equipment_missing"
    ]


def test_a_bay_is_no_equipment(db: Connection, company: Company) -> None:
    bay, service = company.bay(company.facility()), company.service()
    with refused(db, "PT400", "not_equipment"):
        company.add("service_equipment", service_id=service["id"], resource_id=bay["id"])


def test_after_a_no_show_the_job_is_booked_again(db: Connection, company: Company) -> None:
    ana, job = company.technician(), company.job()
    visit = book(db, job, ana, starts_at=at(9))
    call(db, "set_assignment_status", assignment_id=visit["assignments"][0]["id"], status="no_show")
    assert value(db, "select status from dispatch_jobs") == "unscheduled"
    again = book(db, job, ana, starts_at=at(13))
    assert again["visit_number"] == 2


def test_a_follow_up_reopens_a_completed_job_until_it_is_done(db: Connection, company: Company) -> None:
    ana, job = company.technician(), company.job()

    def serve(hour: float) -> None:
        visit = book(db, job, ana, starts_at=at(hour))
        for status in ("on_site", "completed"):
            call(db, "set_assignment_status", assignment_id=visit["assignments"][0]["id"], status=status)

    serve(9)
    (planned,) = call(db, "plan_follow_up", job_id=job["id"], reason="Part ordered", idempotency_key="f")
    assert (planned["status"], planned["visits_planned"]) == ("unscheduled", 2)
    call(db, "plan_follow_up", job_id=job["id"], reason="Part ordered", idempotency_key="f")
    assert value(db, "select visits_planned from dispatch_jobs") == 2
    serve(13)
    assert value(db, "select status from dispatch_jobs") == "completed"


def test_a_canceled_job_takes_no_follow_up(db: Connection, company: Company) -> None:
    job = company.job(status="canceled", cancel_reason="duplicate")
    with refused(db, "PT409", "transition_not_allowed"):
        call(db, "plan_follow_up", job_id=job["id"], reason="x")


def test_a_job_on_hold_keeps_its_visits_and_goes_on(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    job = company.job()
    visit = book(db, job, company.technician(), starts_at=at(9))
    with as_user(company.member("dispatcher")):
        db.execute("update dispatch_jobs set status = 'on_hold' where id = %s", (job["id"],))
    assert value(db, "select status from dispatch_jobs") == "on_hold"
    call(db, "set_assignment_status", assignment_id=visit["assignments"][0]["id"], status="on_site")
    assert value(db, "select status from dispatch_jobs") == "in_progress"


def test_an_advisor_of_one_facility_does_not_fill_anothers_bays(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    east, west = company.facility(), company.facility()
    ours, theirs, ana = company.bay(east), company.bay(west), company.technician()
    advisor = company.member("service_advisor", facility=east)
    job = company.job(service=company.service(place_kind="bay"), facility_id=east["id"])
    with as_user(advisor), refused(db, "42501", "permission_missing"):
        book(db, job, ana, starts_at=at(9), resource_id=theirs["id"])
    with as_user(advisor):
        assert book(db, job, ana, starts_at=at(9), resource_id=ours["id"])["status"] == "scheduled"


def test_nobody_expects_a_technician_whose_visit_was_canceled(db: Connection, company: Company) -> None:
    ana = company.technician()
    visit = book(db, company.job(), ana, starts_at=at(9))
    call(db, "cancel_appointment", appointment_id=visit["id"], reason="customer_request")
    part = visit["assignments"][0]["id"]
    with refused(db, "PT409", "not_expected"):
        call(db, "set_assignment_eta", assignment_id=part, eta=datetime.now(UTC) + timedelta(hours=1))


def test_canceling_again_keeps_the_first_reason(db: Connection, company: Company) -> None:
    visit = book(db, company.job(), company.technician(), starts_at=at(9))
    call(db, "cancel_appointment", appointment_id=visit["id"], reason="customer_request", notes="Moved away")
    again = call(db, "cancel_appointment", appointment_id=visit["id"], reason="duplicate")
    assert (again["cancel_reason"], again["cancel_notes"]) == ("customer_request", "Moved away")


def test_text_has_a_limit_everywhere(db: Connection, company: Company) -> None:
    company.customer(name="x" * 10_000)
    for table, column in (("customers", "name"), ("dispatch_jobs", "title"), ("facilities", "address_line1")):
        company.customer(), company.job(), company.facility()
        with refused(db, "23514"):
            db.execute(
                SQL("update {} set {} = repeat('x', 10001)").format(Identifier(table), Identifier(column))
            )

"""Booking: everybody and everything at once or not at all, once for a key, with overrides, refusals and a record."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from support.booking import at, book, call, ledger, refusal
from support.factory import Company
from support.sql import AsUser, Connection, one, refused, rows, value


def test_a_booking_claims_everybody_and_everything_at_once(db: Connection, company: Company) -> None:
    facility = company.facility()
    bay = company.bay(facility)
    ana, ben = company.technician(), company.technician()
    job = company.job(service=company.service(place_kind="bay", crew_size=2, buffer_after_minutes=10))
    visit = book(db, job, ana, ben, starts_at=at(9), resource_id=bay["id"])
    assert (visit["status"], visit["assignment_status"]) == ("scheduled", "assigned")
    assert [part["technician_id"] for part in visit["assignments"]] == [str(ana["id"]), str(ben["id"])]
    assert [part["is_primary_technician"] for part in visit["assignments"]] == [True, False]
    claims = rows(
        db, "select claimant_id, lower(during) as f, upper(during) as u from reservations order by 1"
    )
    assert {claim["claimant_id"] for claim in claims} == {ana["id"], ben["id"], bay["id"]}
    assert {(claim["f"], claim["u"]) for claim in claims} == {(at(9), at(10) + timedelta(minutes=10))}
    assert value(db, "select status from dispatch_jobs where id = %s", (job["id"],)) == "scheduled"


def test_one_busy_member_fails_the_whole_crew_and_leaves_nothing(db: Connection, company: Company) -> None:
    ana, ben = company.technician(), company.technician()
    book(db, company.job(), ben, starts_at=at(9))
    before = value(db, "select count(*) from audit_log")
    job = company.job(required_crew_size=2)
    with refused(db, "PT409", "placement_conflict") as caught:
        book(db, job, ana, ben, starts_at=at(9))
    assert [c["code"] for c in refusal(caught.value)["conflicts"]] == ["technician_overlap"]
    assert ledger(db, ana["id"]) == []
    assert value(db, "select count(*) from audit_log where table_name <> 'dispatch_jobs'") <= before


def test_a_refusal_names_alternatives_that_work(db: Connection, company: Company) -> None:
    ana, ben = company.technician(), company.technician()
    site = company.site(company.customer())
    book(db, company.job(site), ana, starts_at=at(9))
    job = company.job()
    with refused(db, "PT409", "placement_conflict") as caught:
        book(db, job, ana, starts_at=at(9))
    offered = refusal(caught.value)["alternatives"]
    assert offered["same_day"]
    assert offered["next_available"]
    assert [other["technician_ids"] for other in offered["other_technicians"]] == [[str(ben["id"])]]
    for slot in [*offered["same_day"], offered["next_available"]]:
        with db.transaction(force_rollback=True):
            call(
                db,
                "book_appointment",
                job_id=job["id"],
                technician_ids=slot["technician_ids"],
                starts_at=slot["starts_at"],
            )
    book(db, job, ben, starts_at=at(9))


def test_the_same_key_gives_the_same_answer_and_books_once(db: Connection, company: Company) -> None:
    ana, job = company.technician(), company.job()
    first = book(db, job, ana, starts_at=at(9), idempotency_key="call-7")
    assert book(db, job, ana, starts_at=at(9), idempotency_key="call-7") == first
    assert value(db, "select count(*) from appointments") == 1
    with refused(db, "PT409", "idempotency_key_reused"):
        book(db, job, ana, starts_at=at(10), idempotency_key="call-7")


def test_a_refused_call_may_be_repeated_with_its_key(db: Connection, company: Company) -> None:
    ana, job = company.technician(), company.job()
    other = book(db, company.job(), ana, starts_at=at(9))
    with refused(db, "PT409", "placement_conflict"):
        book(db, job, ana, starts_at=at(9), idempotency_key="again")
    call(db, "cancel_appointment", appointment_id=other["id"], reason="customer_request")
    assert book(db, job, ana, starts_at=at(9), idempotency_key="again")["status"] == "scheduled"


def test_keys_of_two_users_do_not_meet(db: Connection, company: Company, as_user: AsUser) -> None:
    ana, dora, dan = company.technician(), company.member("dispatcher"), company.member("dispatcher")
    with as_user(dora):
        first = book(db, company_job := _job(db, company), ana, starts_at=at(9), idempotency_key="1")
    with as_user(dan):
        second = book(db, _job(db, company), ana, starts_at=at(12), idempotency_key="1")
    assert first["id"] != second["id"]
    assert company_job["id"] != second["dispatch_job_id"]


def _job(db: Connection, company: Company) -> dict[str, object]:
    with db.transaction():
        db.execute("select set_config('role', 'none', true)")
        job = company.job()
        db.execute("select set_config('role', 'authenticated', true)")
    return job


def test_an_override_needs_permission_reason_and_the_codes(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    ana, job = company.technician(), company.job()
    advisor, dispatcher = company.member("service_advisor"), company.member("dispatcher")
    override = {"reason": "Customer insists", "codes": ["outside_shift"]}
    with as_user(advisor), refused(db, "42501", "permission_missing"):
        book(db, job, ana, starts_at=at(6), override=override)
    with as_user(dispatcher):
        with refused(db, "PT400", "override_invalid"):
            book(db, job, ana, starts_at=at(6), override={"codes": ["outside_shift"]})
        with refused(db, "PT409", "placement_conflict"):
            book(db, job, ana, starts_at=at(6), override={"reason": "x", "codes": ["time_off"]})
        visit = book(db, job, ana, starts_at=at(6), override=override)
    kept = one(
        db,
        "select codes, reason, overridden_by_user_id from scheduling_overrides where appointment_id = %s",
        (visit["id"],),
    )
    assert kept == {
        "codes": ["outside_shift"],
        "reason": "Customer insists",
        "overridden_by_user_id": dispatcher,
    }
    assert value(db, "select count(*) from domain_events where type = 'conflict.overridden'") == 1


def test_double_booking_is_never_overridable(db: Connection, company: Company) -> None:
    ana = company.technician()
    book(db, company.job(), ana, starts_at=at(9))
    with refused(db, "PT409", "placement_conflict"):
        book(
            db, company.job(), ana, starts_at=at(9), override={"reason": "x", "codes": ["technician_overlap"]}
        )


def test_a_concurrent_limit_can_be_overridden(db: Connection, company: Company) -> None:
    ana = company.technician(max_concurrent_jobs=2)
    for _ in range(2):
        book(db, company.job(), ana, starts_at=at(9))
    with refused(db, "PT409", "placement_conflict"):
        book(db, company.job(), ana, starts_at=at(9))
    book(
        db,
        company.job(),
        ana,
        starts_at=at(9),
        override={"reason": "Quick look", "codes": ["concurrent_limit"]},
    )
    assert sorted(claim["lane"] for claim in ledger(db, ana["id"])) == [1, 2, 3]


def test_who_may_not_book_is_told_so_and_strangers_learn_nothing(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    ana, job, stranger = company.technician(), company.job(), Company(db)
    with as_user(company.member("office")), refused(db, "42501", "permission_missing"):
        book(db, job, ana, starts_at=at(9))
    for user in (stranger.member("owner"), company.member("cashier"), company.member("customer")):
        with as_user(user):
            with refused(db, "PT404", "job_not_found"):
                book(db, job, ana, starts_at=at(9))
            with refused(db, "PT404", "job_not_found"):
                call(db, "find_slots", job_id=job["id"])
    with as_user(role="anon"), refused(db, "42501"):
        book(db, job, ana, starts_at=at(9))


def test_another_companys_technician_or_bay_cannot_be_booked(db: Connection, company: Company) -> None:
    stranger = Company(db)
    with refused(db, "PT404", "technician_not_found"):
        book(db, company.job(), stranger.technician(), starts_at=at(9))
    bay = stranger.bay(stranger.facility())
    with refused(db, "PT404", "resource_not_found"):
        book(db, company.job(), company.technician(), starts_at=at(9), resource_id=bay["id"])


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"technician_ids": []}, "technicians_invalid"),
        ({"technician_ids": [None]}, "technicians_invalid"),
        ({"starts_at": None}, "times_invalid"),
        ({"ends_at": at(8)}, "times_invalid"),
        ({"ends_at": at(9, day=8)}, "times_invalid"),
        ({"starts_at": at(9, day=1500)}, "times_invalid"),
        ({"arrival_window_start": at(10), "arrival_window_end": at(12)}, "arrival_window_invalid"),
        ({"override": {"codes": "all"}}, "override_invalid"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(
    db: Connection, company: Company, arguments: dict[str, object], code: str
) -> None:
    ana, job = company.technician(), company.job()
    given = {"job_id": job["id"], "technician_ids": [ana["id"]], "starts_at": at(9)} | arguments
    with refused(db, "PT400", code) as caught:
        call(db, "book_appointment", **given)
    assert caught.value.diag.message_hint
    assert value(db, "select count(*) from appointments") == 0


def test_unknown_things_are_not_found(db: Connection, company: Company) -> None:
    company.job()
    with refused(db, "PT404", "job_not_found"):
        call(db, "book_appointment", job_id=uuid4(), technician_ids=[uuid4()], starts_at=at(9))
    with refused(db, "PT404", "appointment_not_found"):
        call(db, "cancel_appointment", appointment_id=uuid4(), reason="customer_request")
    with refused(db, "PT404", "assignment_not_found"):
        call(db, "set_assignment_status", assignment_id=uuid4(), status="accepted")
    with refused(db, "PT404", "hold_not_found"):
        call(db, "release_hold", hold_token=uuid4())


def test_each_change_leaves_its_event_and_its_audit_row(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    dispatcher = company.member("dispatcher")
    ana, job = company.technician(), company.job()
    with as_user(dispatcher):
        visit = book(db, job, ana, starts_at=at(9))
        call(
            db,
            "reschedule_appointment",
            appointment_id=visit["id"],
            starts_at=at(10),
            reason="customer_request",
        )
        call(db, "cancel_appointment", appointment_id=visit["id"], reason="weather")
    events = rows(
        db, "select type, version from domain_events where aggregate_id = %s order by version", (visit["id"],)
    )
    assert [event["type"] for event in events] == [
        "appointment.created",
        "appointment.assignment_changed",
        "appointment.rescheduled",
        "appointment.assignment_changed",
        "appointment.canceled",
    ]
    assert [event["version"] for event in events] == [1, 2, 3, 4, 5]
    trail = rows(
        db,
        "select actor_id, action, before, after, reason from audit_log where record_id = %s order by id",
        (visit["id"],),
    )
    assert {row["actor_id"] for row in trail} == {dispatcher}
    moved = next(row for row in trail if row["before"] and "starts_at" in row["before"])
    assert moved["after"]["starts_at"].startswith("2027-03-01T10:00")
    assert trail[-1]["reason"] == "weather"
    with refused(db, "PT409", "append_only"):
        db.execute("delete from audit_log")


def test_the_ledger_refuses_an_overlap_whoever_writes(db: Connection, company: Company) -> None:
    ana = company.technician()
    company.visit(company.job(), ana, starts_at=at(9))
    with refused(db, "23P01"):
        company.visit(company.job(), ana, starts_at=at(9.5))


def test_work_that_ended_early_gives_its_time_back(db: Connection, company: Company) -> None:
    ana = company.technician(shift=None)
    visit = company.visit(company.job(), ana, starts_at=value(db, "select now() - interval '10 minutes'"))
    part = one(db, "select id from job_assignments where appointment_id = %s", (visit["id"],))
    call(db, "set_assignment_status", assignment_id=part["id"], status="on_site")
    call(db, "set_assignment_status", assignment_id=part["id"], status="completed")
    (claim,) = ledger(db, ana["id"])
    assert claim["ends_at"] < visit["ends_at"]


def test_an_address_corrected_later_moves_the_claims(db: Connection, company: Company) -> None:
    ana, site = company.technician(), company.site(company.customer())
    company.visit(company.job(site), ana, starts_at=at(9))
    db.execute("update customer_locations set latitude = 50, longitude = 8 where id = %s", (site["id"],))
    assert one(db, "select latitude, longitude from reservations") == {"latitude": 50, "longitude": 8}

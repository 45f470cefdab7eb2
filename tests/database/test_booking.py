"""Booking, holding, moving, canceling and reporting, as the people of a company do it."""

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


def test_a_hold_keeps_the_slot_until_it_is_booked(db: Connection, company: Company) -> None:
    ana, job, other = company.technician(), company.job(), company.job()
    held = call(db, "hold_slot", job_id=job["id"], technician_ids=[ana["id"]], starts_at=at(9))
    with refused(db, "PT409", "placement_conflict"):
        book(db, other, ana, starts_at=at(9))
    visit = book(db, job, ana, starts_at=at(9), hold_token=held["hold_token"])
    assert visit["status"] == "scheduled"
    assert [claim["kind"] for claim in ledger(db, ana["id"])] == ["booked"]
    with refused(db, "PT409"):
        book(db, other, ana, starts_at=at(12), hold_token=held["hold_token"])


def test_an_expired_hold_blocks_nobody_though_nobody_cleaned_up(db: Connection, company: Company) -> None:
    ana, job = company.technician(), company.job()
    held = call(db, "hold_slot", job_id=company.job()["id"], technician_ids=[ana["id"]], starts_at=at(9))
    db.execute("update reservations set hold_expires_at = clock_timestamp() - interval '1 second'")
    with refused(db, "PT409", "hold_expired"):
        book(db, job, ana, starts_at=at(9), hold_token=held["hold_token"])
    assert book(db, job, ana, starts_at=at(9))["status"] == "scheduled"


def test_a_hold_before_there_is_a_job(db: Connection, company: Company) -> None:
    ana, service, site = company.technician(), company.service(), company.site(company.customer())
    held = call(
        db,
        "hold_slot",
        service_id=service["id"],
        location_id=site["id"],
        technician_ids=[ana["id"]],
        starts_at=at(9),
    )
    job = company.job(site, service)
    assert book(db, job, ana, starts_at=at(9), hold_token=held["hold_token"])["status"] == "scheduled"


def test_releasing_a_hold_gives_the_time_back_and_may_be_repeated(db: Connection, company: Company) -> None:
    ana = company.technician()
    held = call(db, "hold_slot", job_id=company.job()["id"], technician_ids=[ana["id"]], starts_at=at(9))
    call(db, "release_hold", hold_token=held["hold_token"])
    call(db, "release_hold", hold_token=held["hold_token"])
    assert ledger(db, ana["id"]) == []


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

"""Who does the segments of composite work: changed, missing, moved, counted together, waited for (BKG-12, JOB-8)."""

from __future__ import annotations

from typing import Any

from support.booking import at, book, call, codes, ledger
from support.factory import Company
from support.sql import Connection, Row, one, refused, rows, value


def in_parts(company: Company, *minutes: int, pause: int = 0, policy: str = "free", **values: Any) -> Row:
    """Add a service of segments of so many minutes, with pauses between."""
    service = company.service(pause_policy=policy, **values)
    for position, length in enumerate(minutes, 1):
        company.add(
            "service_segments",
            service_id=service["id"],
            position=position,
            name=f"Part {position}",
            duration_minutes=length,
            pause_after_minutes=pause,
        )
    return one(company.db, "select * from services where id = %s", (service["id"],))


def staff(db: Connection, visit: Row) -> list[Any]:
    """Return who does each segment, in order."""
    found = rows(
        db,
        """
        select a.technician_id from appointment_segments as g
        left join job_assignments as a on a.segment_id = g.id and a.status not in ('declined', 'canceled')
        where g.appointment_id = %s order by g.position
        """,
        (visit["id"],),
    )
    return [row["technician_id"] for row in found]


def status(db: Connection, visit: Row) -> str:
    """Return the assignment status of a visit."""
    told: str = value(db, "select assignment_status::text from appointments where id = %s", (visit["id"],))
    return told


def test_taking_somebody_off_frees_all_their_segments(db: Connection, company: Company) -> None:
    ana, bob = company.technician(), company.technician()
    job = company.job(service=in_parts(company, 30, 30, 30))
    visit = call(
        db,
        "book_appointment",
        job_id=job["id"],
        technician_ids=[ana["id"], bob["id"], ana["id"]],
        starts_at=at(9),
    )
    call(db, "unassign_technician", appointment_id=visit["id"], technician_id=ana["id"], reason="sick")
    assert staff(db, visit) == [None, bob["id"], None]
    assert ledger(db, ana["id"]) == []
    assert status(db, visit) == "partly_assigned"


def test_whoever_joins_takes_the_segments_without_anybody(db: Connection, company: Company) -> None:
    ana, bob, cyd = (company.technician() for _ in range(3))
    job = company.job(service=in_parts(company, 30, 30, 30))
    visit = call(
        db,
        "book_appointment",
        job_id=job["id"],
        technician_ids=[ana["id"], bob["id"], ana["id"]],
        starts_at=at(9),
    )
    with refused(db, "PT409", "already_assigned"):
        call(db, "assign_technician", appointment_id=visit["id"], technician_id=cyd["id"])
    call(db, "unassign_technician", appointment_id=visit["id"], technician_id=ana["id"], reason="sick")
    call(db, "assign_technician", appointment_id=visit["id"], technician_id=cyd["id"])
    assert staff(db, visit) == [cyd["id"], bob["id"], cyd["id"]]
    assert [claim["starts_at"] for claim in ledger(db, cyd["id"])] == [at(9), at(10)]
    assert status(db, visit) == "assigned"


def test_one_who_is_replaced_hands_over_their_segments_only(db: Connection, company: Company) -> None:
    ana, bob, cyd = (company.technician() for _ in range(3))
    job = company.job(service=in_parts(company, 30, 30))
    visit = book(db, job, ana, bob, starts_at=at(9))
    answer = call(
        db,
        "assign_technician",
        appointment_id=visit["id"],
        technician_id=cyd["id"],
        replaces_technician_id=bob["id"],
    )
    assert answer["technician_id"] == str(cyd["id"])
    assert staff(db, visit) == [ana["id"], cyd["id"]]
    assert ledger(db, bob["id"]) == []
    busy = company.job()
    book(db, busy, bob, starts_at=at(9.5))
    with refused(db, "PT409", "placement_conflict"):
        call(
            db,
            "assign_technician",
            appointment_id=visit["id"],
            technician_id=bob["id"],
            replaces_technician_id=cyd["id"],
        )


def test_a_never_pause_keeps_both_sides_busy_after_a_change(db: Connection, company: Company) -> None:
    ana, bob, cyd = (company.technician() for _ in range(3))
    job = company.job(service=in_parts(company, 30, 30, pause=30, policy="never"))
    visit = book(db, job, ana, bob, starts_at=at(9))
    call(
        db,
        "assign_technician",
        appointment_id=visit["id"],
        technician_id=cyd["id"],
        replaces_technician_id=ana["id"],
    )
    for technician in (bob, cyd):
        pauses = [c for c in ledger(db, technician["id"]) if c["kind"] == "pause_blocked"]
        assert [(c["starts_at"], c["ends_at"]) for c in pauses] == [(at(9.5), at(10))]


def test_a_visit_that_moves_keeps_who_does_what_and_what_nobody_does(
    db: Connection, company: Company
) -> None:
    ana, bob = company.technician(), company.technician()
    job = company.job(service=in_parts(company, 30, 30, 30))
    visit = call(
        db,
        "book_appointment",
        job_id=job["id"],
        technician_ids=[ana["id"], bob["id"], ana["id"]],
        starts_at=at(9),
    )
    call(db, "unassign_technician", appointment_id=visit["id"], technician_id=bob["id"], reason="sick")
    call(db, "reschedule_appointment", appointment_id=visit["id"], starts_at=at(11), reason="weather")
    assert staff(db, visit) == [ana["id"], None, ana["id"]]
    assert ledger(db, bob["id"]) == []
    assert status(db, visit) == "partly_assigned"


def test_one_who_takes_over_everything_makes_the_visit_fully_assigned(
    db: Connection, company: Company
) -> None:
    ana, bob = company.technician(), company.technician()
    job = company.job(service=in_parts(company, 30, 30, pause=30, policy="never"))
    visit = book(db, job, ana, bob, starts_at=at(9))
    call(
        db,
        "assign_technician",
        appointment_id=visit["id"],
        technician_id=ana["id"],
        replaces_technician_id=bob["id"],
    )
    assert (staff(db, visit), status(db, visit)) == ([ana["id"], ana["id"]], "assigned")
    claims = [(c["starts_at"], c["ends_at"], c["kind"]) for c in ledger(db, ana["id"])]
    assert claims == [
        (at(9), at(9.5), "booked"),
        (at(9.5), at(10), "pause_blocked"),
        (at(10), at(10.5), "booked"),
    ]


def test_the_daily_limit_is_for_all_segments_together(db: Connection, company: Company) -> None:
    ana = company.technician(max_daily_work_minutes=100)
    job = company.job(service=in_parts(company, 50, 50, 50, pause=10))
    assert codes(db, job, ana, starts_at=at(9)) == ["daily_limit"]
    bob = company.technician()
    assert codes(db, job, ana, bob, bob, starts_at=at(9)) == []


def test_check_placement_takes_one_technician_for_each_segment(db: Connection, company: Company) -> None:
    ana, bob = company.technician(), company.technician()
    job = company.job(service=in_parts(company, 30, 30, 30))
    assert codes(db, job, ana, bob, ana, starts_at=at(9)) == []
    with refused(db, "PT400", "technicians_invalid"):
        codes(db, job, ana, bob, starts_at=at(9))


def test_the_concurrent_limit_is_overridden_for_segments_too(db: Connection, company: Company) -> None:
    ana = company.technician(max_concurrent_jobs=2)
    for _ in range(2):
        book(db, company.job(), ana, starts_at=at(9))
    job = company.job(service=in_parts(company, 30, 30))
    assert codes(db, job, ana, starts_at=at(9)) == ["concurrent_limit"]
    override = {"reason": "She says she can", "codes": ["concurrent_limit"]}
    visit = book(db, job, ana, starts_at=at(9), override=override)
    assert staff(db, visit) == [ana["id"], ana["id"]]


def test_a_visit_stays_what_it_was_booked_as(db: Connection, company: Company) -> None:
    ana = company.technician()
    service, plain = in_parts(company, 30, 30), company.service(buffer_after_minutes=30)
    parts = book(db, company.job(service=service), ana, starts_at=at(9))
    whole = book(db, company.job(service=plain), ana, starts_at=at(11))
    db.execute("delete from service_segments where service_id = %s", (service["id"],))
    company.add("service_segments", service_id=plain["id"], position=1, name="All", duration_minutes=60)
    db.execute("update services set buffer_after_minutes = 0 where id = %s", (plain["id"],))
    for visit, hour in ((parts, 13), (whole, 15)):
        call(
            db,
            "reschedule_appointment",
            appointment_id=visit["id"],
            starts_at=at(hour),
            reason="customer_request",
        )
    assert staff(db, parts) == [ana["id"], ana["id"]]
    claims = [(c["starts_at"], c["ends_at"]) for c in ledger(db, ana["id"])]
    assert claims == [(at(13), at(13.5)), (at(13.5), at(14)), (at(15), at(16.5))]


def test_an_estimate_for_composite_work_names_one_or_one_each(db: Connection, company: Company) -> None:
    service = in_parts(company, 30, 30, 30, pause=30)
    ana, bob = company.technician(), company.technician()
    site = company.site(company.customer())
    source = company.add(
        "estimates",
        status="approved",
        customer_id=site["customer_id"],
        location_id=site["id"],
        service_id=service["id"],
    )
    asked = {"source_type": "estimate", "source_id": source["id"], "starts_at": at(9)}
    with refused(db, "PT400", "technicians_invalid"):
        call(db, "appointment_from_source", **asked, technician_ids=[ana["id"], bob["id"]])
    # Bob is busy in the first part, and Ana in a pause, which is free.
    book(db, company.job(site, estimated_duration_minutes=30), ana, starts_at=at(9.5))
    book(db, company.job(site, estimated_duration_minutes=30), bob, starts_at=at(9))
    made = call(db, "appointment_from_source", **asked)
    assert None not in staff(db, made)
    assert made["assignment_status"] == "assigned"


def offers(db: Connection) -> list[Row]:
    """Let the scheduler make offers."""
    found = call(db, "offer_freed_times")
    return [row["offer_freed_times"] for row in found] if isinstance(found, list) else [found]


def test_composite_work_waits_for_freed_time_too(db: Connection, company: Company) -> None:
    ana = company.technician(shift=(9, 11))
    service = in_parts(company, 30, 30, pause=30)
    site = company.site(company.customer())
    visit = book(db, company.job(site, service), ana, starts_at=at(9))
    book(db, company.job(site, estimated_duration_minutes=30), ana, starts_at=at(10.5))
    waiting = company.job(site, service)
    call(db, "join_waitlist", job_id=waiting["id"], earliest=at(0), latest=at(24))
    call(db, "cancel_appointment", appointment_id=visit["id"], reason="customer_request")
    (offer,) = offers(db)
    assert (offer["job_id"], offer["starts_at"]) == (str(waiting["id"]), at(9).isoformat())
    claimed = call(db, "claim_waitlist_offer", token=offer["token"])
    assert claimed["status"] == "claimed"


def test_a_crew_waits_for_freed_time_too(db: Connection, company: Company) -> None:
    ana, bob = company.technician(shift=(9, 10)), company.technician(shift=(9, 10))
    visit = book(db, company.job(), ana, starts_at=at(9))
    waiting = company.job(required_crew_size=2)
    call(db, "join_waitlist", job_id=waiting["id"], earliest=at(0), latest=at(24))
    call(db, "cancel_appointment", appointment_id=visit["id"], reason="customer_request")
    (offer,) = offers(db)
    assert offer["job_id"] == str(waiting["id"])
    for technician in (ana, bob):
        assert [(claim["kind"], claim["starts_at"]) for claim in ledger(db, technician["id"])] == [
            ("held", at(9))
        ]


def test_a_break_needs_room_beside_all_segments_together(db: Connection, company: Company) -> None:
    ana = company.technician()
    break_window = {"starts_at": at(12), "ends_at": at(13), "minutes": 30}
    company.add(
        "technician_time_off", technician_id=ana["id"], reason="break", time_zone="UTC", **break_window
    )
    site = company.site(company.customer(), latitude=None, longitude=None)
    for pause, found in ((20, ["time_off"]), (30, [])):
        job = company.job(site, in_parts(company, 30, 30, pause=pause))
        assert codes(db, job, ana, starts_at=at(11.75)) == found

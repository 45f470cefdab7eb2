"""Rescheduling by the rules: AC1 to AC10, as far as the database decides them (BKG-9)."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import psycopg
import pytest

from support.booking import at, book, call, ledger, move, refusal
from support.factory import Company
from support.sessions import Session
from support.sql import AsUser, Connect, Connection, Row, acting_as, one, refused, rows, value


def today(db: Connection, company: Company, minutes_ahead: int) -> tuple[Row, Row]:
    """Return a technician who works around the clock, and a visit of theirs that many minutes from now."""
    ana = company.technician(shift=None)
    start = value(db, "select date_trunc('minute', now()) + make_interval(mins => %s)", (minutes_ahead,))
    for days in range(3):
        company.add(
            "technician_shifts",
            technician_id=ana["id"],
            starts_at=start + timedelta(hours=23 * days - 12),
            ends_at=start + timedelta(hours=23 * days + 11),
        )
    return ana, company.visit(company.job(), ana, starts_at=start)


def test_ac1_a_move_without_conflicts_updates_history_and_event(db: Connection, company: Company) -> None:
    visit = book(db, company.job(), company.technician(), starts_at=at(9))
    moved = move(db, visit, at(10), notes="Asked by phone")
    assert moved["assignment_outcome"] == "preserved"
    assert one(db, "select reason::text, notes from appointment_reschedules") == {
        "reason": "customer_request",
        "notes": "Asked by phone",
    }
    assert value(db, "select count(*) from domain_events where type = 'appointment.rescheduled'") == 1


def test_ac2_conflicts_are_told_with_alternatives(db: Connection, company: Company) -> None:
    ana, ben = company.technician(), company.technician()
    visit = book(db, company.job(), ana, starts_at=at(9))
    company.visit(company.job(), ben, starts_at=at(12))
    with refused(db, "PT409", "placement_conflict") as caught:
        move(db, visit, at(12), technician_ids=[ben["id"]])
    assert refusal(caught.value)["alternatives"]["other_technicians"] == [
        {"technician_ids": [str(ana["id"])], "display_name": ana["display_name"]}
    ]


def test_ac3_overriding_needs_the_permission_and_is_kept(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    ana = company.technician()
    visit = book(db, company.job(), ana, starts_at=at(9))
    override = {"reason": "Customer insists", "codes": ["outside_shift"]}
    arguments = {"technician_ids": [ana["id"]], "override": override}
    with as_user(company.member("service_advisor")), refused(db, "42501", "permission_missing"):
        move(db, visit, at(6), **arguments)
    with as_user(company.member("shop_manager")):
        move(db, visit, at(6), **arguments)
    assert value(db, "select codes from scheduling_overrides") == ["outside_shift"]


def test_ac4_a_technician_who_is_not_free_is_cleared_and_the_visit_flagged(
    db: Connection, company: Company
) -> None:
    ana = company.technician()
    visit = book(db, company.job(), ana, starts_at=at(9))
    company.add(
        "technician_time_off", technician_id=ana["id"], starts_at=at(13), ends_at=at(17), reason="personal"
    )
    moved = move(db, visit, at(14))
    assert (moved["assignment_outcome"], moved["assignment_status"]) == ("cleared", "unassigned")
    assert [part["status"] for part in moved["assignments"]] == ["canceled"]
    assert ledger(db, ana["id"]) == []
    assert value(db, "select status from dispatch_jobs") == "scheduled"


def test_ac4_a_crew_is_cleared_as_a_whole(db: Connection, company: Company) -> None:
    ana, ben = company.technician(), company.technician(shift=(8, 12))
    visit = book(db, company.job(required_crew_size=2), ana, ben, starts_at=at(9))
    assert move(db, visit, at(14))["assignment_status"] == "unassigned"
    assert ledger(db, ana["id"]) == ledger(db, ben["id"]) == []


def test_ac5_bay_and_technician_stay_where_both_are_free_and_another_bay_serves(
    db: Connection, company: Company
) -> None:
    facility = company.facility()
    first, second = company.bay(facility, name="Bay 1"), company.bay(facility, name="Bay 2")
    job = company.job(service=company.service(place_kind="bay"))
    visit = book(db, job, company.technician(), starts_at=at(9), resource_id=first["id"])
    assert move(db, visit, at(11))["bay_id"] == str(first["id"])
    company.visit(company.job(), starts_at=at(14), bay_id=first["id"], facility_id=facility["id"])
    moved = move(db, visit, at(14))
    assert (moved["bay_id"], moved["assignment_outcome"]) == (str(second["id"]), "preserved")


@pytest.mark.parametrize(
    ("role", "hours", "confirmed", "allowed"),
    [
        ("service_advisor", 30, False, True),
        ("service_advisor", 20, False, False),
        ("dispatcher", 20, False, True),
        ("dispatcher", 3, True, False),
        ("shop_manager", 3, True, True),
        ("shop_manager", 3, False, False),
    ],
)
def test_ac6_short_notice_needs_approval(
    db: Connection,
    company: Company,
    as_user: AsUser,
    role: str,
    *,
    hours: int,
    confirmed: bool,
    allowed: bool,
) -> None:
    _, visit = today(db, company, hours * 60)
    arguments = {"reason": "shop_capacity", "customer_confirmed": confirmed}
    with as_user(company.member(role)):
        if allowed:
            move(db, visit, visit["starts_at"] + timedelta(hours=1), **arguments)
        else:
            with refused(db, "PT409", "placement_conflict") as caught:
                move(db, visit, visit["starts_at"] + timedelta(hours=1), **arguments)
            assert [c["code"] for c in refusal(caught.value)["conflicts"]] == ["notice_too_short"]


def test_ac6_an_override_is_no_way_around_the_approval(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    _, visit = today(db, company, 180)
    override = {"reason": "x", "codes": ["notice_too_short"]}
    with as_user(company.member("dispatcher")), refused(db, "42501", "permission_missing"):
        move(db, visit, visit["starts_at"] + timedelta(hours=1), override=override)


def test_ac6_the_third_move_needs_approval(db: Connection, company: Company, as_user: AsUser) -> None:
    visit = book(db, company.job(), company.technician(), starts_at=at(9))
    advisor, dispatcher = company.member("service_advisor"), company.member("dispatcher")
    with as_user(advisor):
        move(db, visit, at(10))
        move(db, visit, at(11))
        with refused(db, "PT409", "placement_conflict") as caught:
            move(db, visit, at(12))
        assert [c["code"] for c in refusal(caught.value)["conflicts"]] == ["reschedule_limit"]
    with as_user(dispatcher):
        move(db, visit, at(12))


def test_ac9_a_reason_is_mandatory_and_other_is_explained(db: Connection, company: Company) -> None:
    visit = book(db, company.job(), company.technician(), starts_at=at(9))
    for arguments in ({"reason": None}, {"reason": "other"}, {"reason": "other", "notes": "  "}):
        with refused(db, "PT400", "reason_needed"):
            move(db, visit, at(10), **arguments)
    move(db, visit, at(10), reason="other", notes="Street closed")


def test_ac9_only_a_plan_moves_for_the_reason_of_plans(db: Connection, company: Company) -> None:
    visit = book(db, company.job(), company.technician(), starts_at=at(9))
    with refused(db, "PT400", "reason_reserved"):
        move(db, visit, at(10), reason="optimization")


def test_ac9_the_audit_tells_who_why_and_what_was_overridden(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    ana, manager = company.technician(), company.member("shop_manager")
    visit = book(db, company.job(), ana, starts_at=at(9))
    with as_user(manager):
        move(
            db,
            visit,
            at(6),
            technician_ids=[ana["id"]],
            override={"reason": "Insists", "codes": ["outside_shift"]},
        )
    assert value(db, "select rescheduled_by_user_id from appointment_reschedules") == manager
    tables = {
        row["table_name"]
        for row in rows(db, "select table_name from audit_log where actor_id = %s", (manager,))
    }
    assert {"appointments", "appointment_reschedules", "scheduling_overrides", "job_assignments"} <= tables


def test_ac10_the_work_order_follows_the_move_and_its_event_names_it(
    db: Connection, company: Company
) -> None:
    company.technician()
    site = company.site(company.customer())
    order = company.add(
        "work_orders", customer_id=site["customer_id"], location_id=site["id"], status="approved"
    )
    visit = call(
        db, "appointment_from_source", source_type="work_order", source_id=order["id"], starts_at=at(9)
    )
    planned = "select planned_start_at, planned_end_at from work_orders"
    assert one(db, planned) == {"planned_start_at": at(9), "planned_end_at": at(10)}
    move(db, visit, at(11), reason="parts_delay")
    assert one(db, planned) == {"planned_start_at": at(11), "planned_end_at": at(12)}
    told = value(db, "select data from domain_events where type = 'appointment.rescheduled'")
    assert (told["work_order_id"], told["reason"]) == (str(order["id"]), "parts_delay")
    assert (told["from"]["starts_at"], told["to"]["starts_at"]) == (at(9).isoformat(), at(11).isoformat())
    call(db, "cancel_appointment", appointment_id=visit["id"], reason="weather")
    assert one(db, planned) == {"planned_start_at": None, "planned_end_at": None}


def test_an_org_tightens_a_rule_but_never_loosens_a_hard_one(db: Connection, company: Company) -> None:
    ana, ben = company.technician(), company.technician()
    job = company.job(preferred_technician_id=ana["id"])
    company.add("conflict_rules", code="preference", severity="hard")
    with refused(db, "PT409", "placement_conflict"):
        book(db, job, ben, starts_at=at(9), override={"reason": "x", "codes": ["preference"]})
    with refused(db, "PT409", "never_overridable"):
        company.add("conflict_rules", code="technician_overlap", severity="soft")


def test_ac3_what_comes_up_while_a_move_waits_needs_the_permission_too(
    fresh_database: str, connect: Connect
) -> None:
    db, other = connect(fresh_database, autocommit=True), connect(fresh_database)
    company = Company(db)
    ana = company.technician()
    visit = book(db, company.job(), ana, starts_at=at(9))
    advisor = company.member("service_advisor")
    other.execute("select private.lock_jobs(array[%s::uuid])", (visit["dispatch_job_id"],))
    other.execute("update public.technician_shifts set ends_at = %s", (at(12),))
    override = {"reason": "x", "codes": ["outside_shift"]}

    def move_later(moving: Connection) -> None:
        with acting_as(moving, advisor), refused(moving, "42501", "permission_missing"):
            move(moving, visit, at(14), technician_ids=[ana["id"]], override=override)

    with closing(Session(fresh_database, db)) as later:
        assert later.start(move_later)
        other.commit()
        assert not isinstance(later.outcome(), psycopg.Error)


def test_ac10_two_visits_of_a_work_order_may_move_at_once(fresh_database: str, connect: Connect) -> None:
    db, one_side = connect(fresh_database, autocommit=True), connect(fresh_database)
    company = Company(db)
    site = company.site(company.customer())
    order = company.add("work_orders", customer_id=site["customer_id"], location_id=site["id"])
    several = {"work_order_id": order["id"], "source_is_exclusive": False}
    first, last = (company.visit(company.job(site), starts_at=at(hour), **several) for hour in (9, 14))
    one_side.execute("update public.appointments set starts_at = %s where id = %s", (at(8), first["id"]))
    lengthen = "update public.appointments set ends_at = %s where id = %s"
    with closing(Session(fresh_database, db)) as other:
        assert other.start(lambda lengthening: lengthening.execute(lengthen, (at(16), last["id"])))
        one_side.commit()
        assert not isinstance(other.outcome(), psycopg.Error)
        other.end(commit=True)
    planned = "select planned_start_at, planned_end_at from work_orders"
    assert one(db, planned) == {"planned_start_at": at(8), "planned_end_at": at(16)}

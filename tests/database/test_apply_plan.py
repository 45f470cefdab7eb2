"""Applying a proposal: all of it or nothing, only while the world is as the plan knew it (OPT-5)."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import uuid4

import pytest

from support import sql
from support.booking import at
from support.factory import MONDAY
from support.plan import assignment_of
from support.plan_shop import Shop, apply, ledger
from support.sql import AsUser, Connection


@pytest.fixture
def shop(db: Connection) -> Shop:
    return Shop.opened(db)


def test_a_plan_books_moves_and_reassigns_at_once(db: Connection, as_user: AsUser, shop: Shop) -> None:
    moved, its_assignment = shop.booked(shop.ann, 9)
    kept, kept_assignment = shop.booked(shop.ann, 14)
    given, given_assignment = shop.booked(shop.ann, 11)
    new = shop.job()
    run = shop.propose(
        (
            shop.ann,
            [shop.stop(new, 9), shop.stop(moved, 10, its_assignment), shop.stop(kept, 14, kept_assignment)],
        ),
        (shop.bob, [shop.stop(given, 9, given_assignment)]),
    )
    with as_user(shop.dispatcher):
        counts = apply(db, run)
    assert counts == {
        "run_id": str(run["id"]),
        "status": "applied",
        "routes": 2,
        "booked": 1,
        "moved": 1,
        "reassigned": 1,
        "kept": 1,
        "unserved": 0,
        "travel_minutes": 0,
    }
    booked = shop.assignment(new)
    assert (booked["technician_id"], booked["scheduled_start_at"], booked["sequence_in_route"]) == (
        shop.ann["id"],
        at(9),
        1,
    )
    assert booked["optimization_run_id"] == run["id"]
    assert shop.assignment(moved)["scheduled_start_at"] == at(10)
    assert shop.assignment(given)["technician_id"] == shop.bob["id"]
    assert shop.assignment(kept)["optimization_run_id"] is None
    assert {(who, start) for who, _, start, _ in ledger(db)} == {
        (shop.ann["id"], at(9)),
        (shop.ann["id"], at(10)),
        (shop.ann["id"], at(14)),
        (shop.bob["id"], at(9)),
    }
    assert sql.value(db, "select status from public.dispatch_jobs where id = %s", (new["id"],)) == "scheduled"
    assert {row["status"] for row in sql.rows(db, "select status from public.route_plans")} == {"finalized"}
    event = sql.one(db, "select * from public.domain_events where type = 'plan.applied'")
    assert event["aggregate_id"] == run["id"]
    assert event["data"]["booked"] == 1
    assert (
        sql.value(db, "select count(*) from public.appointment_reschedules where reason = 'optimization'")
        == 2
    )


def test_two_visits_may_swap_their_times(db: Connection, as_user: AsUser, shop: Shop) -> None:
    first, one = shop.booked(shop.ann, 9)
    second, two = shop.booked(shop.bob, 9)
    run = shop.propose((shop.ann, [shop.stop(second, 9, two)]), (shop.bob, [shop.stop(first, 9, one)]))
    with as_user(shop.dispatcher):
        assert apply(db, run)["reassigned"] == 2
    assert shop.assignment(first)["technician_id"] == shop.bob["id"]
    assert shop.assignment(second)["technician_id"] == shop.ann["id"]


def test_a_new_booking_gets_the_arrival_window_within_the_one_the_customer_chose(
    db: Connection, as_user: AsUser, shop: Shop
) -> None:
    job = shop.job()
    shop.company.add(
        "job_time_windows",
        dispatch_job_id=job["id"],
        window_start=at(9.5),
        window_end=at(10.5),
        source="customer_selected",
        is_selected=True,
    )
    run = shop.propose((shop.ann, [shop.stop(job, 9.75)]))
    with as_user(shop.dispatcher):
        apply(db, run)
    assignment = shop.assignment(job)
    assert (assignment["arrival_window_start"], assignment["arrival_window_end"]) == (at(9.5), at(10.5))


def test_no_plan_moves_a_locked_or_started_visit(db: Connection, as_user: AsUser, shop: Shop) -> None:
    for status, locked in (("assigned", True), ("en_route", False)):
        job, assignment = shop.booked(shop.ann, 9)
        db.execute(
            "update public.job_assignments set is_locked = %s, status = %s where id = %s",
            (locked, status, assignment["id"]),
        )
        run = shop.propose((shop.ann, [shop.stop(job, 10, assignment)]))
        with as_user(shop.dispatcher), sql.refused(db, "PT409", "placement_conflict") as refusal:
            apply(db, run)
        conflicts = json.loads(refusal.value.diag.message_detail or "")["conflicts"]
        assert [conflict["code"] for conflict in conflicts] == ["not_reschedulable"]
        db.execute("delete from public.appointments")


def test_one_conflict_refuses_the_whole_plan(db: Connection, as_user: AsUser, shop: Shop) -> None:
    fits, too_late = shop.job(), shop.job()
    run = shop.propose((shop.ann, [shop.stop(fits, 9)]), (shop.bob, [shop.stop(too_late, 16.5)]))
    with as_user(shop.dispatcher), sql.refused(db, "PT409", "placement_conflict") as refusal:
        apply(db, run)
    conflicts = json.loads(refusal.value.diag.message_detail or "")["conflicts"]
    assert {(conflict["code"], conflict["job_id"]) for conflict in conflicts} >= {
        ("outside_shift", str(too_late["id"]))
    }
    assert {conflict["job_id"] for conflict in conflicts} == {str(too_late["id"])}
    assert ledger(db) == set()
    assert sql.value(db, "select status from public.optimization_runs") == "proposed"


def test_a_plan_that_overlaps_itself_is_refused(db: Connection, as_user: AsUser, shop: Shop) -> None:
    run = shop.propose((shop.ann, [shop.stop(shop.job(), 9), shop.stop(shop.job(), 9.5)]))
    with as_user(shop.dispatcher), sql.refused(db, "PT409", "placement_conflict") as refusal:
        apply(db, run)
    assert "technician_overlap" in (refusal.value.diag.message_detail or "")


def test_time_held_for_a_customer_is_not_taken(db: Connection, as_user: AsUser, shop: Shop) -> None:
    run = shop.propose((shop.ann, [shop.stop(shop.job(), 9)]))
    shop.company.add(
        "reservations",
        technician_id=shop.ann["id"],
        during=f"[{at(9).isoformat()},{at(10).isoformat()})",
        kind="held",
        hold_token=uuid4(),
        hold_expires_at=MONDAY,
    )
    with as_user(shop.dispatcher), sql.refused(db, "PT409", "placement_conflict") as refusal:
        apply(db, run)
    assert "technician_overlap" in (refusal.value.diag.message_detail or "")


def test_a_customer_who_was_promised_a_time_keeps_it(db: Connection, as_user: AsUser, shop: Shop) -> None:
    job = shop.job()
    visit = shop.company.visit(
        job, shop.ann, starts_at=at(9), arrival_window_start=at(9), arrival_window_end=at(10)
    )
    run = shop.propose((shop.ann, [shop.stop(job, 10.5, assignment_of(shop.company, visit))]))
    with as_user(shop.dispatcher), sql.refused(db, "PT409", "placement_conflict") as refusal:
        apply(db, run)
    assert "customer_window" in (refusal.value.diag.message_detail or "")


def test_the_judge_tries_a_plan_without_a_trace(db: Connection, shop: Shop) -> None:
    job, assignment = shop.booked(shop.ann, 9)
    run = shop.propose((shop.ann, [shop.stop(job, 16.5, assignment)]), (shop.bob, [shop.stop(shop.job(), 9)]))
    before = ledger(db)
    conflicts = sql.value(db, "select private.judge_plan(%s)", (run["id"],))
    assert [conflict["code"] for conflict in conflicts] == ["outside_shift"]
    assert ledger(db) == before
    assert sql.value(db, "select count(*) from public.appointments") == 1
    good = shop.propose((shop.bob, [shop.stop(shop.job(), 9)]))
    assert sql.value(db, "select private.judge_plan(%s)", (good["id"],)) == []


def test_some_routes_of_a_plan_can_be_accepted(db: Connection, as_user: AsUser, shop: Shop) -> None:
    wanted, unwanted = shop.job(), shop.job()
    run = shop.propose((shop.ann, [shop.stop(wanted, 9)]), (shop.bob, [shop.stop(unwanted, 9)]))
    plan = sql.value(db, "select id from public.route_plans where technician_id = %s", (shop.ann["id"],))
    with as_user(shop.dispatcher):
        with sql.refused(db, "PT404", "route_plan_not_found"):
            apply(db, run, accept=[uuid4()])
        counts = apply(db, run, accept=[plan])
    assert (counts["booked"], counts["routes"]) == (1, 1)
    assert (counts["dropped"]["booked"], counts["dropped"]["routes"]) == (1, 1)
    assert shop.assignment(wanted)["technician_id"] == shop.ann["id"]
    assert (
        sql.rows(db, "select from public.job_assignments where dispatch_job_id = %s", (unwanted["id"],)) == []
    )
    statuses = sql.rows(db, "select status from public.route_plans order by status")
    assert [row["status"] for row in statuses] == ["finalized", "canceled"]


def test_a_route_that_needs_another_one_accepted_says_so(db: Connection, as_user: AsUser, shop: Shop) -> None:
    given, its_assignment = shop.booked(shop.ann, 9)
    run = shop.propose(
        (shop.ann, [shop.stop(shop.job(), 9)]), (shop.bob, [shop.stop(given, 9, its_assignment)])
    )
    hers, his = (
        sql.value(db, "select id from public.route_plans where technician_id = %s", (who["id"],))
        for who in (shop.ann, shop.bob)
    )
    with as_user(shop.dispatcher):
        with sql.refused(db, "PT409", "placement_conflict") as refusal:
            apply(db, run, accept=[hers])
        needed = json.loads(refusal.value.diag.message_detail or "")["routes_needed_too"]
        assert [one["route_id"] for one in needed] == [str(his)]
        assert apply(db, run, accept=[hers, his])["reassigned"] == 1


def test_a_later_visit_of_a_job_is_not_accepted_without_those_before_it(
    db: Connection, as_user: AsUser, shop: Shop
) -> None:
    job = shop.job(visits_planned=2)
    run = shop.propose((shop.ann, [shop.stop(job, 9)]), (shop.bob, [shop.stop(job, 12)]))
    first, second = (
        sql.value(db, "select id from public.route_plans where technician_id = %s", (who["id"],))
        for who in (shop.ann, shop.bob)
    )
    with as_user(shop.dispatcher):
        with sql.refused(db, "PT409", "routes_belong_together") as refusal:
            apply(db, run, accept=[second])
        told = json.loads(refusal.value.diag.message_detail or "")
        assert told["route_plan_ids"] == [str(first)]
        assert [(visit["number"], visit["technician_name"]) for visit in told["visits"]] == [
            (job["number"], shop.ann["display_name"])
        ]
        assert apply(db, run, accept=[first])["booked"] == 1
    assert shop.assignment(job)["scheduled_start_at"] == at(9)


def test_a_route_that_needs_an_earlier_visit_moved_says_so(
    db: Connection, as_user: AsUser, shop: Shop
) -> None:
    job, before = shop.booked(shop.ann, 12)
    after = assignment_of(
        shop.company, shop.company.visit(job, shop.bob, starts_at=at(14), visit_number=None)
    )
    run = shop.propose((shop.ann, [shop.stop(job, 9, before)]), (shop.bob, [shop.stop(job, 11, after)]))
    hers, his = (
        sql.value(db, "select id from public.route_plans where technician_id = %s", (who["id"],))
        for who in (shop.ann, shop.bob)
    )
    with as_user(shop.dispatcher):
        with sql.refused(db, "PT409", "placement_conflict") as refusal:
            apply(db, run, accept=[his])
        told = json.loads(refusal.value.diag.message_detail or "")
        assert [conflict["code"] for conflict in told["conflicts"]] == ["visit_order"]
        assert [one["route_id"] for one in told["routes_needed_too"]] == [str(hers)]
        assert apply(db, run, accept=[hers, his])["moved"] == 2


def test_stops_that_only_stand_by_are_numbered_in_order(db: Connection, as_user: AsUser, shop: Shop) -> None:
    kept, assignment = shop.booked(shop.ann, 12)
    run = shop.propose((shop.ann, [shop.stop(shop.job(), 9), shop.stop(kept, 12, assignment)]))
    with as_user(shop.dispatcher):
        apply(db, run)
    assert shop.assignment(kept)["sequence_in_route"] == 2
    assert shop.assignment(kept)["scheduled_end_at"] - at(12) == timedelta(hours=1)


def test_accepting_no_route_is_refused_and_keeps_the_plan(
    db: Connection, as_user: AsUser, shop: Shop
) -> None:
    run = shop.propose((shop.ann, [shop.stop(shop.job(), 9)]))
    with as_user(shop.dispatcher):
        with sql.refused(db, "PT400", "accept_empty"):
            apply(db, run, accept=[])
        assert apply(db, run)["booked"] == 1

"""A proposal is applied once, while the world is as it knew it, by whoever may (OPT-5)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support import sql
from support.booking import at
from support.factory import MONDAY, Company
from support.plan import run_for
from support.plan_shop import Shop, apply, ledger
from support.sql import AsUser, Connection


@pytest.fixture
def shop(db: Connection) -> Shop:
    return Shop.opened(db)


def test_a_change_of_the_schedule_makes_a_plan_stale_and_is_named(
    db: Connection, as_user: AsUser, shop: Shop
) -> None:
    job, assignment = shop.booked(shop.ann, 9)
    run = shop.propose((shop.ann, [shop.stop(job, 10, assignment)]))
    shop.booked(shop.bob, 12)
    before = ledger(db)
    with as_user(shop.dispatcher), sql.refused(db, "PT409", "plan_is_stale") as refusal:
        apply(db, run)
    assert json.loads(refusal.value.diag.message_detail or "")["changed"] == ["bookings"]
    assert ledger(db) == before


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ("update public.technician_shifts set ends_at = ends_at - interval '1 hour'", "availability"),
        ("delete from public.technician_shifts", "availability"),
        ("update public.technician_profiles set max_daily_work_minutes = 300", "technicians"),
        ("update public.dispatch_jobs set estimated_duration_minutes = 90", "jobs"),
        ("update public.job_assignments set is_locked = true", "bookings"),
    ],
)
def test_each_kind_of_change_is_noticed(
    db: Connection, as_user: AsUser, shop: Shop, change: Any, part: str
) -> None:
    _, _ = shop.booked(shop.bob, 15)
    run = shop.propose((shop.ann, [shop.stop(shop.job(), 9)]))
    # Within one transaction now() stands still, and with it updated_at.
    db.execute("alter table public.technician_shifts disable trigger technician_shifts_touch")
    db.execute("alter table public.technician_profiles disable trigger technician_profiles_touch")
    if "update public.technician" in change:
        change += ", updated_at = now() + interval '1 second'"
    db.execute(change)
    with as_user(shop.dispatcher), sql.refused(db, "PT409", "plan_is_stale") as refusal:
        apply(db, run)
    assert part in json.loads(refusal.value.diag.message_detail or "")["changed"]


def test_a_change_on_another_day_leaves_the_plan_as_it_is(
    db: Connection, as_user: AsUser, shop: Shop
) -> None:
    run = shop.propose((shop.ann, [shop.stop(shop.job(), 9)]))
    shop.booked(shop.bob, 24 + 12)
    with as_user(shop.dispatcher):
        assert apply(db, run)["booked"] == 1


def test_a_plan_is_applied_once(db: Connection, as_user: AsUser, shop: Shop) -> None:
    run = shop.propose((shop.ann, [shop.stop(shop.job(), 9)]))
    with as_user(shop.dispatcher):
        first = apply(db, run, key="once")
        assert apply(db, run, key="once") == first
        with sql.refused(db, "PT409", "plan_already_applied"):
            apply(db, run)
    assert sql.value(db, "select count(*) from public.job_assignments") == 1


def test_a_proposal_expires(db: Connection, as_user: AsUser, shop: Shop) -> None:
    run = shop.propose((shop.ann, [shop.stop(shop.job(), 9)]), expires_at="2020-01-01T00:00:00Z")
    with as_user(shop.dispatcher), sql.refused(db, "PT409", "plan_expired"):
        apply(db, run)
    assert sql.value(db, "select private.expire_runs()") == 1
    assert sql.value(db, "select status from public.optimization_runs") == "expired"


@pytest.mark.parametrize("status", ["queued", "running", "failed", "canceled"])
def test_only_a_proposal_can_be_applied(db: Connection, as_user: AsUser, shop: Shop, status: str) -> None:
    run = run_for(shop.company, shop.dispatcher, status=status)
    with as_user(shop.dispatcher), sql.refused(db, "PT409", "plan_not_ready"):
        apply(db, run)


def test_a_new_plan_replaces_the_one_in_force(db: Connection, as_user: AsUser, shop: Shop) -> None:
    job = shop.job()
    first = shop.propose((shop.ann, [shop.stop(job, 9)]))
    with as_user(shop.dispatcher):
        apply(db, first)
    second = shop.propose((shop.ann, [shop.stop(job, 9.5, shop.assignment(job))]))
    with as_user(shop.dispatcher):
        assert apply(db, second)["moved"] == 1
    in_force = sql.one(db, "select * from public.route_plans where status = 'finalized'")
    assert in_force["optimization_run_id"] == second["id"]


def test_planning_is_for_those_who_may(db: Connection, as_user: AsUser, shop: Shop) -> None:
    run = shop.propose((shop.ann, [shop.stop(shop.job(), 9)]))
    with as_user(shop.company.member("office")), sql.refused(db, "42501", "permission_missing"):
        apply(db, run)
    with as_user(Company(db).member("owner")), sql.refused(db, "PT404", "run_not_found"):
        apply(db, run)
    with as_user(role="anon"), sql.refused(db, "42501"):
        apply(db, run)


def test_an_abandoned_base_revision_is_refused(db: Connection, as_user: AsUser, shop: Shop) -> None:
    run = shop.propose((shop.ann, [shop.stop(shop.job(), 9)]))
    with as_user(shop.dispatcher), sql.refused(db, "PT409", "plan_is_stale"):
        apply(db, run | {"base_revision": "of.another.day"})


def test_a_plan_leaves_the_options_of_an_emergency_alone(db: Connection, as_user: AsUser, shop: Shop) -> None:
    emergency = shop.company.add(
        "optimization_runs",
        kind="emergency_insertion",
        starts_on=MONDAY.date(),
        status="proposed",
        dispatch_job_id=shop.job(priority="emergency")["id"],
        expires_at=at(1),
    )
    run = shop.propose((shop.ann, [shop.stop(shop.job(), 9)]))
    with as_user(shop.dispatcher):
        apply(db, run)
    status = "select status from public.optimization_runs where id = %s"
    assert sql.value(db, status, (emergency["id"],)) == "proposed"

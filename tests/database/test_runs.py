"""Runs as rows that workers claim, keep alive, lose and finish (OPT-6)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from support import sql
from support.factory import MONDAY, Company
from support.plan import assignment_of, propose, run_for, stop
from support.sql import AsUser, Connect, Connection, Row

LEASE = timedelta(seconds=30)


def claim(db: Connection, worker: str = "one", lease: timedelta = LEASE) -> Row | None:
    return next(iter(sql.rows(db, "select * from private.claim_run(%s, %s)", (worker, lease))), None)


def queued(company: Company, **values: Any) -> Row:
    return company.add("optimization_runs", **{"kind": "optimize_all", "starts_on": MONDAY.date()} | values)


def progress(db: Connection, run: Row, worker: str = "one") -> Any:
    return sql.value(
        db, "select private.report_progress(%s, %s, %s, 'solving', 0.5, 100, 7)", (run["id"], worker, LEASE)
    )


def test_the_oldest_run_is_claimed_first_and_once(db: Connection) -> None:
    first = queued(Company(db), created_at=MONDAY - timedelta(days=2))
    second = queued(Company(db), created_at=MONDAY - timedelta(days=1))
    claims = [claim(db), claim(db), claim(db)]
    assert [one and one["id"] for one in claims] == [first["id"], second["id"], None]
    assert claims[0] is not None
    assert (claims[0]["status"], claims[0]["worker"], claims[0]["attempts"]) == ("running", "one", 1)


def test_overlapping_days_of_a_company_are_planned_one_after_the_other(db: Connection) -> None:
    company = Company(db)
    week = queued(company, days=7, created_at=MONDAY)
    day = queued(company, starts_on=MONDAY.date() + timedelta(days=6), created_at=MONDAY + timedelta(hours=1))
    later = queued(
        company, starts_on=MONDAY.date() + timedelta(days=7), created_at=MONDAY + timedelta(hours=2)
    )
    assert [one and one["id"] for one in (claim(db), claim(db), claim(db))] == [week["id"], later["id"], None]
    db.execute("update public.optimization_runs set status = 'proposed' where id = %s", (week["id"],))
    assert (claim(db) or {})["id"] == day["id"]
    with pytest.raises(psycopg.errors.ExclusionViolation), db.transaction():
        db.execute("update public.optimization_runs set status = 'running' where id = %s", (week["id"],))


def test_a_company_has_only_so_many_runs_at_work(db: Connection) -> None:
    company, other = Company(db, concurrent_runs=2), Company(db)
    days = [
        queued(company, starts_on=MONDAY.date() + timedelta(days=i), created_at=MONDAY + timedelta(hours=i))
        for i in range(3)
    ]
    elsewhere = queued(other, created_at=MONDAY + timedelta(hours=9))
    claims = [claim(db, str(i)) for i in range(4)]
    assert [one and one["id"] for one in claims] == [days[0]["id"], days[1]["id"], elsewhere["id"], None]
    db.execute("update public.optimization_runs set status = 'proposed' where id = %s", (days[0]["id"],))
    assert (claim(db) or {})["id"] == days[2]["id"]


def test_the_curve_keeps_the_points_at_which_the_objective_fell(db: Connection) -> None:
    run = queued(Company(db))
    claim(db)
    report = "select private.report_progress(%s, 'one', '1 minute', 'solving', 0.5, %s, 7, %s)"
    for second, objective in enumerate((300.0, 300.0, 250.0, None, 260.0, 200.0)):
        db.execute(report, (run["id"], objective, second))
    curve = "select objective_curve from public.optimization_runs"
    assert sql.value(db, curve) == [[0, 300], [2, 250], [5, 200]]
    for step in range(260):
        db.execute(report, (run["id"], 199.0 - step / 10, 6 + step))
    points = sql.value(db, curve)
    assert 100 < len(points) <= 240
    assert (points[0], points[-1]) == ([0, 300], [265, 199.0 - 259 / 10])
    assert points == sorted(points)
    assert claim(db, "two", LEASE) is None
    db.execute("update public.optimization_runs set lease_until = now() - interval '1 second'")
    claim(db, "two")
    assert sql.value(db, curve) == [], "who takes over begins anew"


def test_two_workers_never_get_the_same_run(fresh_database: str, connect: Connect) -> None:
    first, second = connect(fresh_database), connect(fresh_database)
    run = queued(Company(first))
    first.commit()
    assert (claim(first, "one") or {})["id"] == run["id"]
    assert claim(second, "two") is None
    first.commit()
    assert claim(second, "two") is None


def test_a_run_whose_worker_fell_silent_is_taken_over_and_given_up_after_three_attempts(
    db: Connection,
) -> None:
    run = queued(Company(db))
    ended = timedelta(seconds=-1)
    for attempt, worker in enumerate(("one", "two", "three"), start=1):
        taken = claim(db, worker, ended)
        assert taken is not None
        assert (taken["id"], taken["attempts"]) == (run["id"], attempt)
    assert progress(db, run, "one") is None
    assert claim(db, "four") is None
    row = sql.one(db, "select * from public.optimization_runs")
    assert (row["status"], row["error_code"]) == ("failed", "worker_lost")


def test_progress_renews_the_lease_and_hears_of_a_cancellation(db: Connection, as_user: AsUser) -> None:
    company = Company(db)
    run = queued(company)
    claim(db, lease=timedelta(seconds=-1))
    assert progress(db, run) is False
    assert claim(db, "two") is None
    row = sql.one(db, "select * from public.optimization_runs")
    assert (row["stage"], row["progress"], row["best_objective"], row["iterations"]) == (
        "solving",
        0.5,
        100,
        7,
    )
    with as_user(company.member("dispatcher")):
        db.execute("select private.cancel_run(%s)", (run["id"],))
    assert progress(db, run) is True
    assert sql.value(db, "select private.finish_run(%s, 'one', 'canceled', null, null)", (run["id"],))
    assert sql.value(db, "select status from public.optimization_runs") == "canceled"


def test_a_lost_run_is_not_finished_by_who_lost_it(db: Connection) -> None:
    run = queued(Company(db))
    claim(db, "one", timedelta(seconds=-1))
    claim(db, "two")
    lost = sql.value(db, "select private.finish_run(%s, 'one', 'failed', 'x', 'y')", (run["id"],))
    assert lost is None
    with sql.refused(db, "PT409", "run_lost"):
        db.execute("select private.write_proposal(%s, 'one', '{}')", (run["id"],))


def test_canceling_a_proposal_puts_it_aside_and_an_ended_run_cannot_be_canceled(
    db: Connection, as_user: AsUser
) -> None:
    company = Company(db)
    run = queued(company, status="proposed")
    company.add(
        "route_plans",
        technician_id=company.technician()["id"],
        date=MONDAY.date(),
        status="proposed",
        optimization_run_id=run["id"],
    )
    dispatcher = company.member("dispatcher")
    with as_user(dispatcher):
        db.execute("select private.cancel_run(%s)", (run["id"],))
    assert sql.value(db, "select status from public.route_plans") == "canceled"
    db.execute("update public.optimization_runs set status = 'applied'")
    with as_user(dispatcher), sql.refused(db, "PT409", "run_is_over"):
        db.execute("select private.cancel_run(%s)", (run["id"],))


def test_clients_cannot_play_the_worker(db: Connection, as_user: AsUser) -> None:
    company = Company(db)
    run = queued(company)
    with as_user(company.member("owner")):
        with sql.refused(db, "42501"):
            claim(db)
        with sql.refused(db, "42501"):
            db.execute("select private.write_proposal(%s, 'one', '{}')", (run["id"],))
        with sql.refused(db, "42501"):
            db.execute("update public.optimization_runs set status = 'proposed'")


def test_progress_is_broadcast_to_who_follows_the_run(db: Connection) -> None:
    run = queued(Company(db))
    claim(db)
    before = sql.value(db, "select count(*) from realtime.messages where topic = %s", (f"run:{run['id']}",))
    progress(db, run)
    after = sql.value(db, "select count(*) from realtime.messages where topic = %s", (f"run:{run['id']}",))
    assert after == before + 1
    heard = sql.value(
        db,
        "select payload from realtime.messages where topic = %s and payload #>> '{record,stage}' = 'solving'",
        (f"run:{run['id']}",),
    )["record"]
    assert (heard["stage"], heard["progress"], heard["best_objective"]) == ("solving", 0.5, 100)


@pytest.mark.parametrize(("kind", "may"), [("optimize_route", True), ("optimize_all", False)])
def test_who_plans_one_facility_asks_for_the_route_of_its_technician_only(
    db: Connection, as_user: AsUser, kind: str, *, may: bool
) -> None:
    company = Company(db)
    branch = company.facility()
    ann = company.technician(facility_id=branch["id"])
    planner = company.member("dispatcher", facility=branch)
    run = queued(company, kind=kind, technician_ids=[ann["id"]])
    request = (
        "select private.request_run(%s, %s, %s, 1, %s::uuid[], null, 'balanced', 'propose', 10, 1)",
        (company.id, kind, MONDAY.date(), [ann["id"]]),
    )
    with as_user(planner):
        if may:
            assert sql.value(db, *request)
            db.execute("select private.visible_run(%s)", (run["id"],))
        else:
            with sql.refused(db, "42501", "permission_missing"):
                db.execute(*request)
            with sql.refused(db, "42501", "permission_missing"):
                db.execute("select private.visible_run(%s)", (run["id"],))


@pytest.fixture
def branch(db: Connection) -> tuple[Company, Row, Any]:
    """Add a company with a technician of a branch, and a dispatcher for that branch alone."""
    company = Company(db)
    facility = company.facility()
    planner = company.member("dispatcher", facility=facility)
    return company, company.technician(facility_id=facility["id"]), planner


def booked(company: Company, technician: Row, hour: int, facility: Any) -> tuple[Row, Row]:
    job = company.job(company.site(company.customer()), facility_id=facility)
    visit = company.visit(job, technician, starts_at=MONDAY + timedelta(hours=hour), facility_id=facility)
    return job, assignment_of(company, visit)


def test_who_plans_one_facility_moves_no_visit_of_another(
    db: Connection, as_user: AsUser, branch: tuple[Company, Row, Any]
) -> None:
    company, ann, planner = branch
    _, own = booked(company, ann, 9, ann["facility_id"])
    _, others = booked(company, ann, 11, company.facility()["id"])
    _, nobodys = booked(company, ann, 13, None)
    booked(company, company.technician(facility_id=ann["facility_id"]), 9, ann["facility_id"])

    def ask(assignments: list[Any] | None) -> Any:
        return sql.value(
            db,
            "select private.request_run(%s, 'optimize_route', %s, 1, %s, %s::uuid[], 'balanced', 'propose', 10, 1)",
            (company.id, MONDAY.date(), [ann["id"]], assignments),
        )

    with as_user(planner):
        run = ask(None)
        named = ask([own["id"]])
        for forbidden in (others, nobodys):
            with sql.refused(db, "42501", "permission_missing"):
                ask([own["id"], forbidden["id"]])
    may_move = "select assignment_ids from public.optimization_runs where id = %s"
    assert [sql.value(db, may_move, (one,)) for one in (run, named)] == [[own["id"]], [own["id"]]]
    with as_user(company.member("dispatcher")):
        assert sql.value(db, may_move, (ask(None),)) is None


def test_who_plans_one_facility_applies_no_plan_that_moves_another_ones_visit(
    db: Connection, as_user: AsUser, branch: tuple[Company, Row, Any]
) -> None:
    company, ann, planner = branch
    job, others = booked(company, ann, 11, company.facility()["id"])
    dispatcher = company.member("dispatcher")

    def proposal(hour: float) -> Row:
        run = run_for(company, dispatcher, kind="optimize_route", technician_ids=[ann["id"]])
        return propose(company, run, [(ann, [stop(company, job, hour, assignment=others)])])

    def apply(run: Row) -> Any:
        return sql.value(db, "select public.apply_plan(%s, %s)", (run["id"], run["base_revision"]))["moved"]

    moves = proposal(14)
    with as_user(planner), sql.refused(db, "42501", "permission_missing"):
        apply(moves)
    with as_user(dispatcher):
        assert apply(moves) == 1
    keeps = proposal(14)
    with as_user(planner):
        assert apply(keeps) == 0


def test_windows_that_are_the_same_stay_whole_for_the_solver(db: Connection) -> None:
    company = Company(db)
    job = company.job()
    for _ in range(2):
        company.add(
            "job_time_windows",
            dispatch_job_id=job["id"],
            window_start=MONDAY + timedelta(hours=7),
            window_end=MONDAY + timedelta(hours=9),
        )
    run = queued(company)
    seconds = sql.value(
        db,
        "select j.windows_s from public.optimization_runs as r "
        "cross join private.plan_jobs(r, %s) as j where r.id = %s",
        (MONDAY, run["id"]),
    )
    start = int(MONDAY.timestamp())
    assert seconds == [start + 7 * 3600, start + 9 * 3600] * 2

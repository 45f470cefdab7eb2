"""After a cancellation, or with somebody sick, the days at hand are planned again by themselves (OPT-8)."""

from __future__ import annotations

from typing import Any

import pytest

from support import sql
from support.booking import at
from support.factory import MONDAY
from support.functions import Day
from support.sql import Row


@pytest.fixture
def today(day: Day) -> Day:
    """Set up a company for which Monday is at hand."""
    day.db.execute("update public.orgs set reoptimization_days = 366")
    return day


def told(hour: float) -> dict[str, Any]:
    """Return start and promised window of a visit."""
    return {"starts_at": at(hour), "arrival_window_start": at(hour), "arrival_window_end": at(hour + 2)}


def sick(day: Day, technician: Row) -> None:
    day.company.add(
        "technician_time_off",
        technician_id=technician["id"],
        starts_at=at(0),
        ends_at=at(24),
        time_zone="UTC",
        reason="sick",
    )


def worked_off(day: Day) -> Any:
    """Let the moment of quiet pass and the scheduler come; return the run there then is."""
    day.db.execute("select private.queue_replans('0 seconds')")
    day.db.execute("update public.optimization_runs set iteration_limit = 1000 where status = 'queued'")
    done = day.cron()
    assert len(done) == 1
    return day.call("GET", f"/dispatch/runs/{done[0]['run_id']}").get_json()


def who(day: Day) -> dict[Any, str]:
    return {
        row["dispatch_job_id"]: row["display_name"]
        for row in sql.rows(
            day.db,
            "select a.dispatch_job_id, t.display_name from public.job_assignments as a "
            "inner join public.technician_profiles as t on a.technician_id = t.id "
            "where a.status not in ('canceled', 'declined')",
        )
    }


def test_the_visits_of_a_sick_technician_are_proposed_to_others(today: Day) -> None:
    ann, bob, eve = (today.technician(name) for name in ("Ann", "Bob", "Eve"))
    hers = [today.job(1), today.job(2)]
    for hour, job in zip((9, 14), hers, strict=True):
        today.company.visit(
            job, ann, starts_at=at(hour), arrival_window_start=at(hour), arrival_window_end=at(hour + 2)
        )
    others = {today.job(3)["id"]: "Bob", today.job(1, required_skills={"electrical": 1})["id"]: "Eve"}
    for (job, _), technician in zip(others.items(), (bob, eve), strict=True):
        row = sql.one(today.db, "select * from public.dispatch_jobs where id = %s", (job,))
        today.company.visit(row, technician, **told(11))
    sick(today, ann)
    run = worked_off(today)
    assert (run["kind"], run["status"]) == ("reoptimize", "proposed"), run["error"]
    assert {cause["kind"] for cause in run["causes"]} == {"technician_absent"}
    assert (run["changes"]["reassign"], run["changes"]["move"]) == (2, 0)
    before, after = run["metrics"]["before"], run["metrics"]["after"]
    assert (before["stranded"], after["stranded"], after["moved"]) == (2, 0, 2)
    assert (after["promises_kept"], after["promises"]) == (4, 4)
    event = sql.one(today.db, "select * from public.domain_events where type = 'plan.proposed'")
    assert str(event["aggregate_id"]) == run["id"]
    heard = "select count(*) from realtime.messages where topic = %s and event = 'plan_proposed'"
    assert sql.value(today.db, heard, (f"org:{today.company.id}:schedule",)) == 1
    applied = today.post(f"/dispatch/runs/{run['id']}/apply", {"base_revision": run["base_revision"]})
    assert applied.status_code == 200, applied.text
    assert who(today) == {hers[0]["id"]: "Bob", hers[1]["id"]: "Bob"} | others


def test_freed_time_is_filled_at_once_where_the_company_wants_it(today: Day) -> None:
    today.db.execute("update public.orgs set reoptimization = 'commit'")
    today.db.execute(
        "delete from public.technician_shifts where technician_id = %s", (today.technician("Bob")["id"],)
    )
    ann = today.technician("Ann")
    long = today.company.visit(today.job(1, estimated_duration_minutes=480), ann, starts_at=at(8.5))
    waiting = today.job(1)
    today.db.execute("select public.cancel_appointment(%s, 'customer_request')", (long["id"],))
    run = worked_off(today)
    assert (run["status"], run["mode"]) == ("applied", "commit"), run["error"]
    assert who(today) == {waiting["id"]: "Ann"}
    assert sql.value(today.db, "select count(*) from private.disturbances") == 0, "a plan is no disturbance"


def test_a_day_best_left_alone_is_left_alone(today: Day) -> None:
    ann = today.technician("Ann")
    stays = today.job(1)
    gone = today.company.visit(today.job(1), ann, starts_at=at(14))
    today.company.visit(stays, ann, **told(9))
    today.db.execute("select public.cancel_appointment(%s, 'customer_request')", (gone["id"],))
    run = worked_off(today)
    assert (run["status"], run["error"]["code"]) == ("canceled", "nothing_to_gain")
    assert run["routes"] == []
    assert today.cron() == []
    assert MONDAY.date().isoformat() == run["starts_on"]

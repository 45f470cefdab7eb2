"""Plans of people who may have several visits at once (AVL-1): all their lanes are planned, and never one too many."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from support import sql
from support.booking import at
from support.factory import MONDAY
from support.functions import QUICK, Day
from support.plan_trials import objections
from support.sql import Row

PATH = f"/dispatch/days/{MONDAY.date()}/optimize_all"


def two_lanes(day: Day, **values: Any) -> Row:
    """Let Ann, who works alone, have two visits at once."""
    day.db.execute("update public.technician_profiles set is_active = false where display_name <> 'Ann'")
    changes = {"max_concurrent_jobs": 2, "max_daily_work_minutes": None} | values
    return sql.one(
        day.db,
        """
        update public.technician_profiles set max_concurrent_jobs = %(max_concurrent_jobs)s,
            max_daily_work_minutes = %(max_daily_work_minutes)s
        where display_name = 'Ann' returning *
        """,
        changes,
    )


def wanted(day: Day, job: Row, start: float, end: float) -> Row:
    day.company.add("job_time_windows", dispatch_job_id=job["id"], window_start=at(start), window_end=at(end))
    return job


def most_at_once(day: Day) -> int:
    """Return of how many visits at once the ledger knows."""
    most: int = sql.value(
        day.db,
        """
        select max((
            select count(*) from public.reservations as o
            where o.released_at is null and o.claimant_id = r.claimant_id and o.during @> lower(r.during)
        ))
        from public.reservations as r where r.released_at is null
        """,
    )
    return most


def test_two_visits_at_once_are_planned_and_booked_and_never_three(day: Day) -> None:
    ann = two_lanes(day)
    day.company.add(
        "technician_time_off",
        technician_id=ann["id"],
        starts_at=at(11),
        ends_at=at(14),
        time_zone="UTC",
        reason="break",
        minutes=30,
    )
    for north in (1, 2, 3):
        wanted(day, day.job(north), 9, 9.25)
    for north in (1, 2, 3, 4, 5, 6, 7, 8, 9):
        day.job(north)
    run = day.applied(PATH, QUICK)
    assert [one["reason"] for one in run["unserved"]] == ["capacity"]
    (route,) = run["routes"]
    assert {stop["lane"] for stop in route["stops"]} == {1, 2}
    visits = [stop for stop in route["stops"] if stop["type"] == "job"]
    assert len(visits) == 11
    assert most_at_once(day) == 2
    assert objections(day.company) == set()
    for lane in (1, 2):
        own = sorted((stop for stop in visits if stop["lane"] == lane), key=lambda one: str(one["starts_at"]))
        for one, other in pairwise(own):
            driven = timedelta(minutes=other["travel_minutes"])
            assert moment(one["ends_at"]) + driven <= moment(other["arrives_at"])
    (rest,) = (stop for stop in route["stops"] if stop["type"] == "break")
    begin, end = moment(rest["arrives_at"]), moment(rest["ends_at"])
    assert all(moment(one["ends_at"]) <= begin or moment(one["starts_at"]) >= end for one in visits)
    assert 0.5 < run["metrics"]["after"]["utilization"] <= 1
    assert run["metrics"]["after"]["technicians"] == 1
    turns = sql.rows(
        day.db, "select scheduled_start_at from public.job_assignments order by sequence_in_route"
    )
    assert [row["scheduled_start_at"] for row in turns] == sorted(row["scheduled_start_at"] for row in turns)

    again = day.applied(PATH, QUICK)
    assert again["changes"]["keep"] == 11
    assert again["changes"]["move"] == again["changes"]["reassign"] == again["changes"]["book"] == 0


def test_a_plan_books_the_lanes_it_has_found(day: Day) -> None:
    ann = two_lanes(day)
    # What is booked at noon stands in the second lane, alone.
    first, second = day.job(), day.job()
    booked = [
        sql.value(day.db, "select public.book_appointment(%s, %s, %s)", (job["id"], [ann["id"]], at(12)))
        for job in (first, second)
    ]
    sql.value(day.db, "select public.cancel_appointment(%s, 'customer_request')", (booked[0]["id"],))
    day.db.execute("update public.dispatch_jobs set status = 'canceled' where id = %s", (first["id"],))
    day.db.execute(
        "update public.job_assignments set is_locked = true where dispatch_job_id = %s", (second["id"],)
    )
    # Taken in order, each in the first free lane, the long one would find none.
    early = wanted(day, day.job(estimated_duration_minutes=90), 9, 9.1)
    long = wanted(day, day.job(estimated_duration_minutes=150), 10, 10.1)
    run = day.applied(PATH, QUICK)
    assert run["unserved"] == []
    lanes = {
        row["dispatch_job_id"]: row["lane"]
        for row in sql.rows(
            day.db,
            """
            select a.dispatch_job_id, r.lane from public.reservations as r
            inner join public.job_assignments as a on r.assignment_id = a.id where r.released_at is null
            """,
        )
    }
    assert lanes == {second["id"]: 2, early["id"]: 2, long["id"]: 1}
    assert objections(day.company) == set()


def test_nobody_is_two_of_a_crew(day: Day) -> None:
    two_lanes(day)
    crew = day.job(1, required_crew_size=2)
    alone = day.run(PATH, QUICK)
    assert [(one["job_id"], one["reason"]) for one in alone["unserved"]] == [(str(crew["id"]), "needs_crew")]
    day.db.execute("update public.technician_profiles set is_active = true where display_name = 'Bob'")
    run = day.applied(PATH, QUICK)
    names = [
        route["technician_name"]
        for route in run["routes"]
        for stop in route["stops"]
        if stop.get("job_id") == str(crew["id"])
    ]
    assert sorted(names) == ["Ann", "Bob"]
    assert most_at_once(day) == 1


def moment(instant: str) -> datetime:
    return datetime.fromisoformat(instant)


def test_lanes_share_the_day_and_none_of_it_is_lost(day: Day) -> None:
    ann = two_lanes(day, max_daily_work_minutes=150)
    # More than either lane's share.
    day.job(estimated_duration_minutes=120)
    assert day.applied(PATH, QUICK)["unserved"] == []
    short = day.job()
    run = day.run(PATH, QUICK)
    assert [(one["job_id"], one["reason"]) for one in run["unserved"]] == [(str(short["id"]), "capacity")]
    day.db.execute(
        "update public.technician_profiles set max_daily_work_minutes = 180 where id = %s", (ann["id"],)
    )
    assert day.applied(PATH, QUICK)["unserved"] == []
    assert objections(day.company) == set()

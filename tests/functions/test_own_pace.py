"""Plans with each technician's own pace and speed, and with who knows the customer (OPT-4)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from support import sql
from support.booking import at
from support.factory import MONDAY
from support.functions import QUICK, Day
from support.sql import Row

PATH = f"/dispatch/days/{MONDAY.date()}/optimize_all"


def sick(day: Day, technician: Row) -> None:
    off = {"starts_at": at(0), "ends_at": at(24), "reason": "sick"}
    day.company.add("technician_time_off", technician_id=technician["id"], **off)


def visits(run: Any) -> dict[str, tuple[str, timedelta]]:
    """Return who does each job of a run's routes, and how long it takes."""
    return {
        stop["job_id"]: (
            route["technician_name"],
            datetime.fromisoformat(stop["ends_at"]) - datetime.fromisoformat(stop["starts_at"]),
        )
        for route in run["routes"]
        for stop in route["stops"]
        if stop["type"] == "job"
    }


def test_a_plan_gives_everybody_their_own_time(day: Day) -> None:
    day.db.execute("update public.technician_profiles set is_active = display_name <> 'Bob'")
    day.db.execute(
        "update public.technician_profiles set duration_factor = 1.55, travel_speed_factor = 0.8"
        " where display_name = 'Ann'"
    )
    service = day.company.service({"plumbing": 2}, buffer_before_minutes=10, buffer_after_minutes=5)
    jobs = [day.company.job(day.site(north_km), service) for north_km in (5, 9)]
    own = ("Ann", timedelta(minutes=93))
    run = day.run(PATH, QUICK)
    assert visits(run) == {str(job["id"]): own for job in jobs}
    # A quarter more driving than usual, every way rounded up to whole minutes.
    day.db.execute("update public.technician_profiles set travel_speed_factor = 1")
    usual = day.run(PATH, QUICK)["metrics"]["after"]["travel_minutes"]
    assert 1.15 * usual <= run["metrics"]["after"]["travel_minutes"] <= 1.4 * usual
    day.db.execute("update public.technician_profiles set travel_speed_factor = 0.8")
    assert day.run(PATH, QUICK | {"mode": "commit"})["status"] == "applied"
    lengths = sql.rows(day.db, "select ends_at - starts_at as length from public.appointments")
    assert [row["length"] for row in lengths] == [own[1]] * 2

    # Booked for what it takes Ann, it takes somebody else what it takes them.
    named = sql.one(day.db, "select id from public.dispatch_jobs where id = %s", (jobs[0]["id"],))
    day.db.execute(
        "update public.technician_profiles set is_active = true, duration_factor = 0.5 where display_name = 'Bob'"
    )
    sick(day, day.technician("Ann"))
    moved = visits(day.run(PATH, QUICK))
    assert moved[str(named["id"])] == ("Bob", timedelta(minutes=30))


def test_a_time_somebody_decided_is_kept_whoever_comes(day: Day) -> None:
    ann, bob = day.technician("Ann"), day.technician("Bob")
    day.db.execute("update public.technician_profiles set duration_factor = 1.5")
    job = day.job(2)
    day.company.visit(job, ann, starts_at=at(10))
    day.db.execute("update public.technician_profiles set is_active = false where id = %s", (bob["id"],))
    assert visits(day.run(PATH, QUICK)) == {str(job["id"]): ("Ann", timedelta(minutes=60))}
    day.db.execute("update public.technician_profiles set is_active = true where id = %s", (bob["id"],))
    sick(day, ann)
    assert visits(day.run(PATH, QUICK)) == {str(job["id"]): ("Bob", timedelta(minutes=60))}


def test_who_knows_the_customer_comes_again_where_that_costs_little(day: Day) -> None:
    site = day.site(3)
    past = day.company.job(site, status="completed")
    before = day.company.visit(past, starts_at=at(9) - timedelta(days=28), status="completed")
    for name in ("Ann", "Bob"):
        day.job(1 if name == "Ann" else 8, preferred_technician_id=day.technician(name)["id"])
    day.company.add(
        "job_assignments",
        dispatch_job_id=past["id"],
        appointment_id=before["id"],
        technician_id=day.technician("Bob")["id"],
        scheduled_start_at=before["starts_at"],
        scheduled_end_at=before["ends_at"],
        status="completed",
    )
    job = day.company.job(site, required_skills={"plumbing": 2})
    run = day.run(PATH, QUICK | {"strategy": "time_minimization"})
    assert visits(run)[str(job["id"])][0] == "Bob"
    assert run["metrics"]["after"]["strangers"] == 0
    told = {
        stop["job_id"]: stop["explanation"]
        for route in run["routes"]
        for stop in route["stops"]
        if stop["type"] == "job"
    }
    assert told[str(job["id"])]["knows_customer"]
    assert "knows the customer" in told[str(job["id"])]["sentence"]
    # Nobody drives for it where the company does not mind: one technician does all three.
    day.db.execute("update public.orgs set plan_continuity_minutes = 0")
    run = day.run(PATH, QUICK | {"strategy": "time_minimization"})
    assert len({name for name, _ in visits(run).values()}) == 1
    assert run["metrics"]["after"]["strangers"] > 0

"""Planning through HTTP: ask for a run, follow it, apply it (OPT-3 to OPT-6, OPT-12)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

import pytest

from support import sql
from support.booking import at
from support.factory import MONDAY
from support.functions import QUICK, Day
from support.plan import assignment_of
from support.sql import Row

PATH = f"/dispatch/days/{MONDAY.date()}/optimize_all"


def visits_of(run: Any) -> list[Any]:
    """Return the stops of a run's routes that are visits."""
    return [stop for route in run["routes"] for stop in route["stops"] if stop["type"] == "job"]


def stops(run: Any) -> dict[str, tuple[str, datetime]]:
    """Return who does each job of a run's routes, and when it starts."""
    return {
        stop["job_id"]: (route["technician_name"], datetime.fromisoformat(stop["starts_at"]))
        for route in run["routes"]
        for stop in route["stops"]
        if stop["type"] == "job"
    }


def test_a_day_is_planned_and_applied(day: Day) -> None:
    near = [day.job(north_km) for north_km in (1, 2, 3)]
    wire = day.job(1, required_skills={"electrical": 3})
    run = day.run(PATH, QUICK)
    assert run["status"] == "proposed", run["error"]
    planned = stops(run)
    assert planned.keys() == {str(job["id"]) for job in [*near, wire]}
    assert planned[str(wire["id"])][0] == "Eve"
    assert {(starts.second, starts.microsecond) for _, starts in planned.values()} == {(0, 0)}
    assert {planned[str(job["id"])][0] for job in near} <= {"Ann", "Bob"}
    assert run["changes"] == {"book": 4, "move": 0, "reassign": 0, "keep": 0}
    assert run["metrics"]["before"]["unserved"] == 4
    assert run["metrics"]["after"]["visits"] == 4
    assert run["unserved"] == []
    why = {stop["job_id"]: stop["explanation"] for stop in visits_of(run)}
    assert why[str(wire["id"])]["technicians_able"] == 1
    assert why[str(near[0]["id"])]["technicians_able"] == 2
    assert all("minutes of driving" in one["sentence"] for one in why.values())
    assert sql.value(day.db, "select count(*) from public.appointments") == 0

    applied = day.post(f"/dispatch/runs/{run['id']}/apply", {"base_revision": run["base_revision"]})
    assert applied.status_code == 200, applied.text
    assert applied.get_json()["booked"] == 4
    for row in sql.rows(day.db, "select * from public.job_assignments"):
        assert planned[str(row["dispatch_job_id"])][1] == row["scheduled_start_at"]
    again = day.post(f"/dispatch/runs/{run['id']}/apply", {})
    assert (again.status_code, again.get_json()["message"]) == (409, "plan_already_applied")


def test_a_committed_run_is_in_force_at_once_in_the_name_of_who_asked(day: Day) -> None:
    job = day.job()
    run = day.run(PATH, QUICK | {"mode": "commit"})
    assert run["status"] == "applied", run["error"]
    row = sql.one(day.db, "select * from public.job_assignments where dispatch_job_id = %s", (job["id"],))
    assert str(row["optimization_run_id"]) == run["id"]
    assert row["assigned_by_user_id"] == day.dispatcher
    event = sql.one(day.db, "select actor_id from public.domain_events where type = 'plan.applied'")
    assert event["actor_id"] == day.dispatcher


def test_a_committed_run_is_planned_again_when_the_schedule_changes_meanwhile(day: Day) -> None:
    job = day.job()
    asked = day.post(PATH, QUICK | {"mode": "commit"}).get_json()["id"]
    with ThreadPoolExecutor(1) as pool, day.db.transaction():
        # Whoever writes a plan down refers to its technicians, and stops here.
        people = sql.rows(day.db, "select * from public.technician_profiles for update")
        worker = pool.submit(day.cron)
        waiting = "select count(*) from pg_locks where pg_backend_pid() = any(pg_blocking_pids(pid))"
        deadline = monotonic() + 60
        while not sql.value(day.db, waiting):
            assert not worker.done()
            assert monotonic() < deadline
            sleep(0.02)
        taken = [
            day.company.visit(day.job(), who, starts_at=at(8))
            for who in people
            if who["display_name"] != "Eve"
        ]
    worker.result()
    run = day.call("GET", f"/dispatch/runs/{asked}").get_json()
    assert run["status"] == "applied", run["error"]
    assert run["changes"]["book"] == 1
    assert stops(run).keys() >= {str(job["id"]), *(str(visit["dispatch_job_id"]) for visit in taken)}


def test_who_lost_the_permission_meanwhile_commits_nothing(day: Day) -> None:
    day.job()
    asked = day.post(PATH, QUICK | {"mode": "commit"}).get_json()
    day.db.execute("update public.org_members set role = 'office'")
    day.cron()
    run = sql.one(day.db, "select * from public.optimization_runs where id = %s", (asked["id"],))
    assert (run["status"], run["error_code"]) == ("failed", "permission_missing")
    assert sql.value(day.db, "select count(*) from public.appointments") == 0


def test_every_job_left_out_has_its_reason(day: Day) -> None:
    zone = day.company.zone("99999")
    for technician in sql.rows(day.db, "select id from public.technician_profiles"):
        for code in ("11111",):
            own = sql.rows(day.db, "select id from public.service_zones where name = %s", (code,))
            own = own or [day.company.zone(code, name=code)]
            day.company.add(
                "technician_service_zones", technician_id=technician["id"], service_zone_id=own[0]["id"]
            )
    bay = day.company.service({}, place_kind="bay")
    inside: dict[str, Any] = {"postal_code": "11111"}
    customer = day.company.customer()
    jobs = {
        "skill_missing": day.company.job(day.site(**inside), required_skills={day.company.skill("gas"): 1}),
        "skill_level": day.company.job(day.site(**inside), required_skills={"plumbing": 5}),
        "out_of_zone": day.company.job(day.site(postal_code="99999"), required_skills={"plumbing": 1}),
        "needs_crew": day.company.job(day.site(**inside), required_crew_size=4),
        "needs_bay": day.company.job(day.site(**inside), bay),
        "shift_too_short": day.company.job(day.site(**inside), estimated_duration_minutes=600),
        "unreachable": day.company.job(day.site(300, **inside)),
        "location_not_found": day.company.job(day.site(latitude=None, longitude=None, **inside)),
        "no_time_in_window": day.company.job(day.site(**inside)),
        "sla_missed": day.company.job(day.site(**inside), sla_end_at=MONDAY - timedelta(days=900)),
    }
    jobs["location_missing"] = day.company.add(
        "dispatch_jobs", customer_id=customer["id"], title="Somewhere", estimated_duration_minutes=60
    )
    day.company.add(
        "job_time_windows",
        dispatch_job_id=jobs["no_time_in_window"]["id"],
        window_start=at(20),
        window_end=at(22),
    )
    assert zone
    run = day.run(PATH, QUICK)
    assert run["status"] == "proposed", run["error"]
    reasons = {one["job_id"]: one["reason"] for one in run["unserved"]}
    assert {code: reasons.get(str(job["id"])) for code, job in jobs.items()} == {code: code for code in jobs}
    assert all(one["explanation"] for one in run["unserved"])


def test_work_that_matters_less_makes_room(day: Day) -> None:
    day.db.execute(
        "delete from public.technician_shifts where technician_id <> "
        "(select id from public.technician_profiles where display_name = 'Ann')"
    )
    urgent = [day.job(1, priority="emergency", estimated_duration_minutes=120) for _ in range(3)]
    day.job(1, priority="low", estimated_duration_minutes=240)
    run = day.run(PATH, QUICK)
    assert {str(job["id"]) for job in urgent} <= stops(run).keys()
    assert [one["reason"] for one in run["unserved"]] == ["capacity"]


def test_windows_breaks_and_time_off_are_kept(day: Day) -> None:
    ann = day.technician("Ann")
    bob = day.technician("Bob")
    day.company.add(
        "technician_time_off",
        technician_id=bob["id"],
        starts_at=at(0),
        ends_at=at(24),
        time_zone="UTC",
        reason="sick",
    )
    day.company.add(
        "technician_time_off",
        technician_id=ann["id"],
        starts_at=at(11),
        ends_at=at(14),
        time_zone="UTC",
        reason="break",
        minutes=45,
    )
    chosen = day.job(1)
    day.company.add(
        "job_time_windows",
        dispatch_job_id=chosen["id"],
        window_start=at(15),
        window_end=at(15.5),
        source="customer_selected",
        is_selected=True,
    )
    for _ in range(8):
        day.job(1)
    run = day.run(PATH, QUICK)
    assert run["status"] == "proposed", run["error"]
    planned = stops(run)
    assert {who for who, _ in planned.values()} == {"Ann"}
    assert at(15) <= planned[str(chosen["id"])][1] <= at(15.5)
    pause = next(stop for stop in run["routes"][0]["stops"] if stop["type"] == "break")
    begins, ends = (datetime.fromisoformat(pause[key]) for key in ("arrives_at", "ends_at"))
    assert at(11) <= begins
    assert ends <= at(14)
    assert ends - begins == timedelta(minutes=45)
    taken = [start for _, start in planned.values()]
    assert not any(start < ends and start + timedelta(hours=1) > begins for start in taken)


def test_locked_and_promised_visits_stay_while_others_move(day: Day) -> None:
    ann = day.technician("Ann")
    locked, promised, free = day.job(3), day.job(3), day.job(20)
    held = assignment_of(day.company, day.company.visit(locked, ann, starts_at=at(12)))
    day.db.execute("update public.job_assignments set is_locked = true where id = %s", (held["id"],))
    day.company.visit(promised, ann, starts_at=at(14), arrival_window_start=at(14), arrival_window_end=at(16))
    day.company.visit(free, ann, starts_at=at(9))
    run = day.run(PATH, QUICK | {"strategy": "distance_minimization"})
    assert run["status"] == "proposed", run["error"]
    planned = stops(run)
    assert planned[str(locked["id"])] == ("Ann", at(12))
    assert at(14) <= planned[str(promised["id"])][1] <= at(16)
    assert str(free["id"]) in planned


def test_a_route_can_be_put_in_order_on_its_own(day: Day) -> None:
    ann = day.technician("Ann")
    waiting = day.job(1)
    far, near, farther = day.job(20), day.job(1), day.job(21)
    for hour, job in ((9, far), (11, near), (13, farther)):
        day.company.visit(job, ann, starts_at=at(hour))
    path = f"/dispatch/technicians/{ann['id']}/optimize_route"
    run = day.run(path, QUICK | {"date": str(MONDAY.date()), "strategy": "distance_minimization"})
    assert run["status"] == "proposed", run["error"]
    assert stops(run).keys() == {str(job["id"]) for job in (far, near, farther)}
    assert str(waiting["id"]) not in stops(run)
    assert run["metrics"]["after"]["distance_km"] < run["metrics"]["before"]["distance_km"]
    assert run["changes"]["reassign"] == 0
    applied = day.post(f"/dispatch/runs/{run['id']}/apply", {})
    assert applied.get_json()["moved"] >= 1


@pytest.mark.parametrize("priority", ["normal", "emergency"])
def test_an_emergency_is_not_made_to_wait_for_a_shorter_route(day: Day, priority: str) -> None:
    ann = day.technician("Ann")
    early, near, late = day.job(21), day.job(1, priority=priority), day.job(20)
    window = {"arrival_window_start": at(8), "arrival_window_end": at(9.5)}
    day.company.visit(early, ann, starts_at=at(9), **window)
    day.company.visit(near, ann, starts_at=at(11))
    day.company.visit(late, ann, starts_at=at(13))
    path = f"/dispatch/technicians/{ann['id']}/optimize_route"
    run = day.run(path, QUICK | {"date": str(MONDAY.date()), "strategy": "distance_minimization"})
    waits = stops(run)[str(near["id"])][1] > at(11)
    assert waits == (priority == "normal")


def test_of_a_route_only_named_visits_move(day: Day) -> None:
    ann = day.technician("Ann")
    visits = {}
    for hour, north_km in ((9, 20), (11, 1), (13, 21)):
        job = day.job(north_km)
        visits[hour] = job, assignment_of(day.company, day.company.visit(job, ann, starts_at=at(hour)))
    run = day.run(
        f"/dispatch/technicians/{ann['id']}/optimize_route",
        QUICK
        | {
            "date": str(MONDAY.date()),
            "strategy": "distance_minimization",
            "assignment_ids": [str(visits[11][1]["id"])],
        },
    )
    planned = stops(run)
    for hour in (9, 13):
        assert planned[str(visits[hour][0]["id"])] == ("Ann", at(hour))


def test_equal_days_and_seeds_are_planned_alike(day: Day) -> None:
    for north_km in range(1, 6):
        day.job(north_km)
    first, second = day.run(PATH, QUICK), day.run(PATH, QUICK)
    assert first["metrics"]["after"] == second["metrics"]["after"]


def test_a_plan_made_before_a_change_is_stale(day: Day) -> None:
    day.job()
    run = day.run(PATH, QUICK)
    ann = day.technician("Ann")
    day.company.visit(day.job(), ann, starts_at=at(9))
    answer = day.post(f"/dispatch/runs/{run['id']}/apply", {})
    assert (answer.status_code, answer.get_json()["message"]) == (409, "plan_is_stale")
    assert answer.get_json()["code"] == "PT409"
    assert sql.value(day.db, "select count(*) from public.appointments") == 1


def test_every_job_of_a_run_has_its_story(day: Day) -> None:
    day.db.execute("update public.technician_profiles set is_active = false where display_name = 'Bob'")
    near, far = day.job(1, estimated_duration_minutes=240), day.job(2, estimated_duration_minutes=240)
    late = day.job(1, estimated_duration_minutes=120, priority="low")
    gas = day.job(1, required_skills={day.company.skill("gas"): 1})
    run = day.run(PATH, QUICK)
    assert {str(near["id"]), str(far["id"])} == stops(run).keys()

    def story(job: Row) -> Any:
        answer = day.call("GET", f"/dispatch/runs/{run['id']}/jobs/{job['id']}/explain")
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    placed = story(near)
    assert (placed["outcome"], placed["technician"], placed["alternatives"]) == ("placed", "Ann", [])
    assert placed["cost"]["left_out_s"] > placed["cost"]["total_s"] > 0
    assert [(one["technician"], one["code"]) for one in placed["unfit"]] == [("Eve", "skill_missing")]
    assert placed["impossible"] == [{"code": "skill_missing", "count": 1, "technicians": ["Eve"]}]

    left = story(late)
    assert (left["outcome"], left["reason"]) == ("left_out", "capacity")
    ways = {way["kind"]: way for way in left["relaxations"]}
    assert ways["shift_ends_later"]["technician"] == "Ann"
    assert ways["shift_ends_later"]["minutes"] % 5 == 0
    assert ways["another_day"]["days"] == 1
    assert left["relaxations"] == sorted(left["relaxations"], key=lambda way: way["cost_s"])
    assert left["relaxations"][0]["sentence"] in left["sentence"]
    assert {"code": "full", "count": 1, "technicians": ["Ann"]} in left["obstacles"]
    told = next(one for one in run["unserved"] if one["job_id"] == str(late["id"]))
    assert told["detail"]["relaxation"] == left["relaxations"][0]
    assert "relaxations" not in told["detail"]

    without = story(gas)
    assert without["reason"] == "skill_missing"
    assert without["relaxations"][0]["codes"] == ["skill_missing"]
    assert "Eve lacks the skill" in without["relaxations"][0]["sentence"]

    path = f"/dispatch/runs/{run['id']}/jobs"
    stranger = type(day.company)(day.db).member("owner")
    assert day.call("GET", f"{path}/{near['id']}/explain", as_user=stranger).status_code == 404
    assert (
        day.call("GET", f"{path}/{near['id']}/explain", as_user=day.company.member("office")).status_code
        == 403
    )
    unknown = day.call("GET", f"{path}/{uuid4()}/explain")
    assert (unknown.status_code, unknown.get_json()["message"]) == (404, "job_not_in_run")

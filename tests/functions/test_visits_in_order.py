"""Jobs of several visits: all that wait are planned, one after the other, and booked in that order (JOB-3, OPT-4)."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from support import sql
from support.booking import at
from support.factory import MONDAY
from support.functions import QUICK, Day
from support.plan import assignment_of, propose, run_for, stop
from support.sql import Row

PATH = f"/dispatch/days/{MONDAY.date()}/optimize_all"


def visits_of(day: Day, job: Row) -> list[Row]:
    query = "select * from public.appointments where dispatch_job_id = %s order by visit_number"
    return sql.rows(day.db, query, (job["id"],))


def in_order(visits: list[Row]) -> bool:
    return all(one["ends_at"] <= other["starts_at"] for one, other in pairwise(visits))


def test_all_visits_of_a_job_are_planned_and_booked_in_order(day: Day) -> None:
    for name in ("Ann", "Bob"):
        technician = day.technician(name)
        tuesday = {"starts_at": at(32), "ends_at": at(41)}
        day.company.add("technician_shifts", technician_id=technician["id"], **tuesday)
    long = day.job(2, visits_planned=3, estimated_duration_minutes=210)
    alone = day.job(3)
    run = day.applied(PATH, QUICK | {"days": 2})
    assert run["unserved"] == []
    assert run["changes"]["book"] == 4
    planned = visits_of(day, long)
    assert [visit["visit_number"] for visit in planned] == [1, 2, 3]
    assert in_order(planned)
    assert planned[2]["starts_at"] >= MONDAY + timedelta(days=1)
    assert len(visits_of(day, alone)) == 1
    again = day.run(PATH, QUICK | {"days": 2})
    assert (again["changes"]["book"], again["unserved"]) == (0, [])


def test_a_waiting_visit_is_planned_after_the_booked_ones_which_stay_before_it(day: Day) -> None:
    ann = day.technician("Ann")
    job = day.job(2, visits_planned=2)
    booked = day.company.visit(job, ann, starts_at=at(12))
    run = day.applied(PATH, QUICK)
    assert run["changes"]["book"] == 1
    first, second = visits_of(day, job)
    assert first["id"] == booked["id"]
    assert in_order([first, second])
    assert sql.value(day.db, "select status from dispatch_jobs") == "scheduled"


def test_what_has_no_time_left_after_the_first_visit_says_so(day: Day) -> None:
    job = day.job(2, visits_planned=2, estimated_duration_minutes=300)
    run = day.applied(PATH, QUICK)
    assert run["changes"]["book"] == 1
    (left,) = run["unserved"]
    assert (left["job_id"], left["reason"]) == (str(job["id"]), "waits_for_earlier_visit")
    assert left["explanation"].startswith("An earlier visit of the job has to be over first")
    assert run["metrics"]["after"]["unserved"] == 1


def test_a_plan_made_by_hand_may_not_turn_visits_round(day: Day) -> None:
    ann = day.technician("Ann")
    job = day.job(2, visits_planned=2)
    visits = [day.company.visit(job, ann, starts_at=at(9 + 2 * i), visit_number=1 + i) for i in range(2)]
    swapped = [
        stop(day.company, job, 13 - 2 * i, assignment=assignment_of(day.company, one))
        for i, one in enumerate(visits)
    ]
    run = propose(day.company, run_for(day.company), [(ann, swapped[::-1])])
    answer = day.post(f"/dispatch/runs/{run['id']}/apply", {"base_revision": run["base_revision"]})
    assert (answer.status_code, answer.get_json()["message"]) == (409, "placement_conflict")
    assert "visit_order" in answer.get_json()["details"]

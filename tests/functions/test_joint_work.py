"""Crews, bays, mobile units, equipment and composite visits, planned and booked (JOB-8, AVL-2, BKG-12)."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from support import sql
from support.booking import at
from support.factory import MONDAY
from support.functions import QUICK, Day
from support.sql import Row

PATH = f"/dispatch/days/{MONDAY.date()}/optimize_all"


def stops_of(run: Any, job: Row) -> list[tuple[str, Any]]:
    """Return who has which stop of a job."""
    return [
        (route["technician_name"], stop)
        for route in run["routes"]
        for stop in route["stops"]
        if stop.get("job_id") == str(job["id"])
    ]


def visit_of(day: Day, job: Row) -> Row:
    return sql.one(day.db, "select * from public.appointments where dispatch_job_id = %s", (job["id"],))


def assignments_of(day: Day, job: Row) -> list[Row]:
    query = """
        select a.*, t.display_name from public.job_assignments as a
        inner join public.technician_profiles as t on a.technician_id = t.id
        where a.dispatch_job_id = %s order by a.scheduled_start_at, t.display_name
    """
    return sql.rows(day.db, query, (job["id"],))


def claims_on(day: Day, thing: Row) -> list[Any]:
    query = "select lower(during) as starts, upper(during) as ends from public.reservations where claimant_id = %s"
    return sorted((row["starts"], row["ends"]) for row in sql.rows(day.db, query, (thing["id"],)))


def test_a_crew_is_planned_and_booked_whole_and_then_stays(day: Day) -> None:
    alone = day.job(1)
    crew = day.job(2, required_crew_size=2)
    run = day.run(PATH, QUICK)
    assert run["unserved"] == []
    assert run["changes"]["book"] == 2
    planned = stops_of(run, crew)
    assert {name for name, _ in planned} == {"Ann", "Bob"}
    assert len({stop["starts_at"] for _, stop in planned}) == 1
    body = {"base_revision": run["base_revision"], "accept": [run["routes"][0]["id"]]}
    refused = day.post(f"/dispatch/runs/{run['id']}/apply", body)
    assert (refused.status_code, refused.get_json()["message"]) == (409, "routes_belong_together")
    assert sql.value(day.db, "select count(*) from public.appointments") == 0

    body["accept"] = [route["id"] for route in run["routes"]]
    answer = day.post(f"/dispatch/runs/{run['id']}/apply", body)
    assert (answer.status_code, answer.get_json()["booked"]) == (200, 2)
    rows = assignments_of(day, crew)
    assert [row["display_name"] for row in rows] == ["Ann", "Bob"]
    assert len({row["appointment_id"] for row in rows}) == 1
    assert [row["is_primary_technician"] for row in rows].count(True) == 1
    assert {str(row["optimization_run_id"]) for row in rows} == {run["id"]}
    assert all(row["sequence_in_route"] for row in rows)
    visit = visit_of(day, crew)
    assert (visit["crew_size"], visit["assignment_status"]) == (2, "assigned")
    assert {row["scheduled_start_at"] for row in rows} == {visit["starts_at"]}
    assert len(assignments_of(day, alone)) == 1

    day.job(1)
    again = day.applied(PATH, QUICK)
    assert {stop["change"] for _, stop in stops_of(again, crew)} == {"keep"}
    assert [row["scheduled_start_at"] for row in assignments_of(day, crew)] == [visit["starts_at"]] * 2


def test_a_crew_covers_its_skills_together(day: Day) -> None:
    crew = day.job(1, required_crew_size=2, required_skills={"plumbing": 2, "electrical": 3})
    run = day.applied(PATH, QUICK)
    names = {name for name, _ in stops_of(run, crew)}
    assert "Eve" in names
    assert names & {"Ann", "Bob"}
    day.db.execute("update public.technician_profiles set is_active = false where display_name = 'Eve'")
    later = day.job(1, required_crew_size=2, required_skills={"plumbing": 2, "electrical": 3})
    again = day.run(PATH, QUICK)
    assert [(one["job_id"], one["reason"]) for one in again["unserved"]] == [(str(later["id"]), "needs_crew")]


def test_a_crew_without_a_time_in_common_says_so(day: Day) -> None:
    for name, start in (("Ann", 8), ("Bob", 12)):
        day.company.add(
            "technician_time_off",
            technician_id=day.technician(name)["id"],
            starts_at=at(start),
            ends_at=at(start + 5),
            time_zone="UTC",
            reason="personal",
        )
    crew = day.job(1, required_crew_size=2)
    run = day.run(PATH, QUICK)
    assert [(one["job_id"], one["reason"]) for one in run["unserved"]] == [
        (str(crew["id"]), "no_common_time")
    ]


def shop(day: Day, **values: Any) -> Row:
    """Add a facility in the centre, open from 9 to 17."""
    facility = day.company.facility(**values)
    for weekday in range(1, 8):
        day.company.add(
            "operating_hours",
            facility_id=facility["id"],
            weekday=weekday,
            opens_at="09:00",
            closes_at="17:00",
        )
    return facility


def test_visits_take_turns_in_a_bay_while_it_is_open(day: Day) -> None:
    facility = shop(day)
    lift = day.company.bay(facility, name="Lift", bay_type="lift")
    day.company.bay(facility, name="Pit", bay_type="general")
    service = day.company.service(
        {"plumbing": 1}, place_kind="bay", bay_types=["lift"], buffer_after_minutes=15
    )
    jobs = [day.company.job(day.company.site(day.company.customer()), service) for _ in range(3)]
    run = day.applied(PATH, QUICK)
    assert run["unserved"] == []
    for job in jobs:
        visit = visit_of(day, job)
        assert (visit["bay_id"], visit["facility_id"]) == (lift["id"], facility["id"])
        assert stops_of(run, job)[0][1]["resource_id"] == str(lift["id"])
    claims = claims_on(day, lift)
    assert len(claims) == 3
    assert claims[0][0] >= at(9)
    assert claims[-1][1] <= at(17)
    assert all(one[1] <= other[0] for one, other in pairwise(claims))


def test_a_mobile_unit_goes_where_it_may_and_equipment_to_as_many_as_there_is_of_it(day: Day) -> None:
    near, far = shop(day, name="Near"), shop(day, name="Far")
    day.db.execute("update public.facilities set latitude = latitude + 2 where id = %s", (far["id"],))
    van = day.company.add("resources", facility_id=near["id"], kind="mobile_unit", name="Van")
    day.company.add("resources", facility_id=far["id"], kind="mobile_unit", name="Other van")
    service = day.company.service(
        {"plumbing": 1}, place_kind="mobile_unit", mobile_eligible=True, mobile_max_distance_m=50_000
    )
    jobs = [day.company.job(day.site(km), service) for km in (1, 2)]
    day.applied(PATH, QUICK)
    assert {visit_of(day, job)["mobile_unit_id"] for job in jobs} == {van["id"]}
    first, second = claims_on(day, van)
    assert first[1] <= second[0]

    # As many visits at once as there are cameras.
    camera = day.company.add("resources", facility_id=near["id"], kind="equipment", name="Camera")
    service = day.company.service()
    day.company.add("service_equipment", service_id=service["id"], resource_id=camera["id"])
    jobs = [day.company.job(day.site(km), service) for km in (1, 1)]
    day.applied(PATH, QUICK)
    first, second = claims_on(day, camera)
    assert first[1] <= second[0]
    day.db.execute("update public.resources set capacity = 2 where id = %s", (camera["id"],))
    more = [day.company.job(day.site(1), service) for _ in jobs]
    for job in more:
        day.company.add(
            "job_time_windows", dispatch_job_id=job["id"], window_start=at(13), window_end=at(13.25)
        )
    day.applied(PATH, QUICK)
    assert len(claims_on(day, camera)) == 4


def test_two_lanes_are_enough_where_never_more_than_two_visits_meet(day: Day) -> None:
    camera = day.company.add(
        "resources", facility_id=shop(day)["id"], kind="equipment", name="Camera", capacity=2
    )
    service = day.company.service()
    day.company.add("service_equipment", service_id=service["id"], resource_id=camera["id"])
    # In the order of their ids the third would leave no lane free for the last.
    for number, (starts, hours) in enumerate(((9, 2.0), (13, 2.0), (12, 2.0), (10, 2.5)), 1):
        job = day.company.job(
            day.site(1), service, id=UUID(int=number), estimated_duration_minutes=hours * 60
        )
        day.company.add(
            "job_time_windows",
            dispatch_job_id=job["id"],
            window_start=at(starts),
            window_end=at(starts + 0.1),
        )
    assert day.applied(PATH, QUICK)["unserved"] == []
    assert len(claims_on(day, camera)) == 4


def composite(day: Day, policy: str, **values: Any) -> Row:
    """Add a service of an hour, a pause of an hour, and half an hour."""
    service = day.company.service({"electrical": 1}, pause_policy=policy, **values)
    for position, name, minutes, pause in ((1, "Apply", 60, 60), (2, "Check", 30, 0)):
        day.company.add(
            "service_segments",
            service_id=service["id"],
            position=position,
            name=name,
            duration_minutes=minutes,
            pause_after_minutes=pause,
        )
    return service


def test_the_free_pause_of_a_composite_visit_takes_another_job(day: Day) -> None:
    only_until = at(10.75)
    day.db.execute(
        "update public.technician_shifts set ends_at = %s where technician_id = %s",
        (only_until, day.technician("Eve")["id"]),
    )
    service = composite(day, "free")
    job = day.company.job(day.site(), service)
    between = day.company.job(day.site(), required_skills={"electrical": 1}, estimated_duration_minutes=55)
    run = day.applied(PATH, QUICK)
    assert run["unserved"] == []
    rows = assignments_of(day, job)
    assert [row["display_name"] for row in rows] == ["Eve", "Eve"]
    assert rows[1]["scheduled_start_at"] - rows[0]["scheduled_end_at"] == timedelta(hours=1)
    middle = assignments_of(day, between)[0]
    assert rows[0]["scheduled_end_at"] <= middle["scheduled_start_at"]
    assert middle["scheduled_end_at"] <= rows[1]["scheduled_start_at"]
    segments = sql.rows(
        day.db,
        "select * from public.appointment_segments where appointment_id = %s order by position",
        (visit_of(day, job)["id"],),
    )
    assert [segment["name"] for segment in segments] == ["Apply", "Check"]
    assert [segment["id"] for segment in segments] == [row["segment_id"] for row in rows]
    assert [stop["segment_position"] for _, stop in stops_of(run, job)] == [1, 2]


def test_a_blocked_pause_keeps_the_technician(day: Day) -> None:
    day.db.execute(
        "update public.technician_shifts set ends_at = %s where technician_id = %s",
        (at(10.75), day.technician("Eve")["id"]),
    )
    job = day.company.job(day.site(), composite(day, "blocked"), priority="high")
    between = day.company.job(
        day.site(), required_skills={"electrical": 1}, estimated_duration_minutes=55, priority="low"
    )
    run = day.applied(PATH, QUICK)
    assert [one["job_id"] for one in run["unserved"]] == [str(between["id"])]
    assert len(assignments_of(day, job)) == 2


def test_a_composite_visit_keeps_its_bay_through_its_pauses(day: Day) -> None:
    facility = shop(day)
    bay = day.company.bay(facility)
    service = composite(day, "free", place_kind="bay", buffer_before_minutes=10)
    jobs = [day.company.job(day.site(), service) for _ in range(2)]
    run = day.applied(PATH, QUICK)
    assert run["unserved"] == []
    first, second = claims_on(day, bay)
    assert first[1] - first[0] == timedelta(minutes=160)
    assert first[1] <= second[0]
    for job in jobs:
        visit = visit_of(day, job)
        assert visit["ends_at"] - visit["starts_at"] == timedelta(minutes=150)
        assert UUID(str(visit["bay_id"])) == bay["id"]

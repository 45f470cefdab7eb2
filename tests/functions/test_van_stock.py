"""Parts a van lacks are fetched at the depot on the way, and the technician is told so (OPT-4)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import numpy as np

from support import sql
from support.booking import at
from support.factory import CITY, MONDAY
from support.functions import QUICK, Day
from support.sql import Row
from truckroll.planning.problem import model_of
from truckroll.planning.snapshot import Snapshot, WorkingStretch
from truckroll.planning.van_stock import Van

PATH = f"/dispatch/days/{MONDAY.date()}/optimize_all"


def listed(day: Day, job: Row, **needed: int) -> dict[str, Row]:
    """Add parts by code, and have a job need so many of each."""
    parts = {code: day.company.add("parts", code=code, name=code.capitalize()) for code in needed}
    for code, part in parts.items():
        day.company.add("job_parts", dispatch_job_id=job["id"], part_id=part["id"], quantity=needed[code])
    return parts


def depot(day: Day, **values: Any) -> Row:
    return day.company.facility(
        **{"name": "Depot", "latitude": CITY[0] + 2 / 111.2, "loading_minutes": 15} | values
    )


def types(run: Any) -> list[list[str]]:
    return [[stop["type"] for stop in route["stops"] if "_" not in stop["type"]] for route in run["routes"]]


def test_a_missing_part_is_fetched_at_the_depot_before_the_visit(day: Day) -> None:
    job = day.job(4)
    parts = listed(day, job, filter=3)
    depot(day)
    for technician in sql.rows(day.db, "select id from public.technician_profiles"):
        day.company.add(
            "technician_stock", technician_id=technician["id"], part_id=parts["filter"]["id"], quantity=1
        )
    run = day.run(PATH, QUICK)
    assert run["status"] == "proposed", run["error"]
    assert types(run) == [["depot", "job"]]
    stop = next(stop for stop in run["routes"][0]["stops"] if stop["type"] == "depot")
    assert stop["notes"] == "Fetch 2 × Filter at Depot."
    assert stop["explanation"]["fetch"] == {"parts": [{"code": "filter", "quantity": 2}], "tools": []}

    applied = day.post(f"/dispatch/runs/{run['id']}/apply", {"base_revision": run["base_revision"]})
    assert applied.status_code == 200, applied.text
    found = sql.rows(
        day.db,
        """
        select s.stop_type, s.notes, s.planned_departure_at - s.service_starts_at as takes
        from public.route_stops as s inner join public.route_plans as p on s.route_plan_id = p.id
        where p.status = 'finalized' and s.stop_type in ('depot', 'job') order by s.sequence
        """,
    )
    assert [(row["stop_type"], row["notes"], row["takes"].seconds // 60) for row in found] == [
        ("depot", "Fetch 2 × Filter at Depot.", 15),
        ("job", None, 60),
    ]


def test_a_van_that_has_the_part_drives_straight(day: Day) -> None:
    job = day.job(4)
    parts = listed(day, job, filter=3)
    depot(day)
    bob = day.technician("Bob")
    day.company.add("technician_stock", technician_id=bob["id"], part_id=parts["filter"]["id"], quantity=3)
    run = day.run(PATH, QUICK)
    assert [
        (route["technician_name"], kinds) for route, kinds in zip(run["routes"], types(run), strict=True)
    ] == [("Bob", ["job"])]


def test_the_depot_is_reached_while_it_is_open(day: Day) -> None:
    listed(day, day.job(4), filter=1)
    place = depot(day)
    day.company.add(
        "operating_hours", facility_id=place["id"], weekday=1, opens_at="13:00", closes_at="14:00"
    )
    run = day.run(PATH, QUICK)
    stop = next(stop for stop in run["routes"][0]["stops"] if stop["type"] == "depot")
    assert at(13).isoformat() <= stop["starts_at"] <= at(13.75).isoformat()


def test_a_job_whose_parts_nobody_can_bring_is_left_out_and_says_so(day: Day) -> None:
    listed(day, day.job(4), filter=1)
    run = day.run(PATH, QUICK)
    assert [(one["reason"], one["explanation"][:14]) for one in run["unserved"]] == [
        ("needs_parts", "It needs parts")
    ]


def test_in_a_bay_everything_is_at_hand(day: Day) -> None:
    day.company.bay(depot(day, loading_minutes=None), name="Lift", bay_type="lift")
    service = day.company.service({"plumbing": 1}, place_kind="bay", bay_types=["lift"])
    listed(day, day.company.job(day.site(4), service), filter=1)
    assert day.run(PATH, QUICK)["unserved"] == []


def test_in_a_crew_is_somebody_who_has_the_part(day: Day) -> None:
    job = day.job(4, required_crew_size=2, required_skills={})
    steps = {"time_limit_s": 60, "iteration_limit": 100}
    chosen = {route["technician_name"] for route in day.run(PATH, steps)["routes"]}
    parts = listed(day, job, filter=1)
    (other,) = sql.rows(
        day.db, "select * from public.technician_profiles where display_name <> all (%s)", (sorted(chosen),)
    )
    day.company.add("technician_stock", technician_id=other["id"], part_id=parts["filter"]["id"], quantity=1)
    run = day.run(PATH, steps)
    assert run["unserved"] == []
    assert other["display_name"] in {route["technician_name"] for route in run["routes"]}


def test_what_a_van_brought_is_there_once_a_day() -> None:
    van = uuid4()
    stretches = tuple(
        WorkingStretch(
            technician_id=van,
            technician_name="Bob",
            date=MONDAY.date() + timedelta(days=day),
            starts_s=86400 * day + begins,
            ends_s=86400 * day + begins + 3600,
            home=CITY,
            max_work_s=None,
            unavailable=(),
            breaks=(),
        )
        for day, begins in ((0, 0), (0, 7200), (1, 0))
    )
    still = np.zeros((1, 1), np.int32)
    snapshot = Snapshot(
        "",
        (MONDAY.date(),),
        (van,),
        stretches,
        (),
        (),
        {},
        (CITY,),
        still,
        still,
        vans={van: Van(parts=(("filter", 2),))},
    )
    shifts = model_of(snapshot, "time_minimization").problem.shifts
    assert [dict(shift.parts) for shift in shifts] == [{"filter": 2}, {}, {"filter": 2}]

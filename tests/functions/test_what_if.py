"""What-if plans: kept side by side, compared, judged in the world they assume (OPT-5, UI-1)."""

from __future__ import annotations

from typing import Any

from support import sql
from support.booking import at
from support.factory import MONDAY
from support.functions import Day

PATH = f"/dispatch/days/{MONDAY.date()}/optimize_all"
STEPS = {"time_limit_s": 60, "iteration_limit": 1000}


def compared(day: Day, *runs: Any) -> list[Any]:
    with sql.acting_as(day.db, day.dispatcher):
        found: list[Any] = sql.value(
            day.db, "select public.compare_plans(%s::uuid[])", ([run["id"] for run in runs],)
        )
    return found


def test_plans_with_different_assumptions_stand_side_by_side(day: Day) -> None:
    ann, bob = (day.technician(name) for name in ("Ann", "Bob"))
    hers = day.job(1)
    day.company.visit(hers, ann, starts_at=at(9), arrival_window_start=at(9), arrival_window_end=at(11))
    jobs = [day.job(1, estimated_duration_minutes=210) for _ in range(5)]
    plain = day.run(PATH, STEPS | {"label": "As it is"})
    without = day.run(
        PATH, STEPS | {"label": "Ann away", "assumptions": {"without_technician_ids": [str(ann["id"])]}}
    )
    longer = day.run(PATH, STEPS | {"label": "Two hours more", "assumptions": {"overtime_minutes": 240}})
    held = day.run(PATH, STEPS | {"assumptions": {"without_job_ids": [str(job["id"]) for job in jobs]}})
    for run in (plain, without, longer, held):
        assert run["status"] == "proposed", run["error"]
    whose = {
        run["label"]: {
            route["technician_name"]
            for route in run["routes"]
            if any(stop["type"] == "job" for stop in route["stops"])
        }
        for run in (plain, without)
    }
    assert whose == {"As it is": {"Ann", "Bob"}, "Ann away": {"Bob"}}
    assert held["metrics"]["after"]["visits"] == 1
    rows = compared(day, plain, without, longer)
    assert [row["label"] for row in rows] == ["As it is", "Ann away", "Two hours more"]
    assert all(row["is_current"] for row in rows)
    assert rows[0]["difference"]["visits"] == 0
    assert rows[1]["difference"]["visits"] < 0 < rows[2]["difference"]["visits"]
    assert rows[1]["changes"]["reassigned"] == 1
    assert sql.value(day.db, "select count(*) from public.technician_time_off") == 0
    shifts = sql.value(day.db, "select count(*) from public.technician_shifts")

    applied = day.post(f"/dispatch/runs/{longer['id']}/apply", {"base_revision": longer["base_revision"]})
    assert applied.status_code == 200, applied.text
    assert applied.get_json()["booked"] == rows[2]["changes"]["booked"] == 5
    overtime = sql.rows(day.db, "select * from public.technician_shifts where shift_type = 'overtime'")
    assert {row["technician_id"] for row in overtime} <= {ann["id"], bob["id"]}
    assert sql.value(day.db, "select count(*) from public.technician_shifts") == shifts + len(overtime)
    assert overtime
    assert [row["status"] for row in compared(day, plain, without, longer)] == [
        "expired",
        "expired",
        "applied",
    ]


def test_nothing_else_can_be_assumed(day: Day) -> None:
    for assumptions, message in (
        ({"without_technician_ids": [str(day.dispatcher)]}, "technician_not_found"),
        ({"without_job_ids": [str(day.dispatcher)]}, "job_not_found"),
        ({"overtime_minutes": 481}, "request_invalid"),
        ({"helicopter": True}, "request_invalid"),
    ):
        answer = day.post(PATH, STEPS | {"assumptions": assumptions})
        assert answer.get_json()["message"] == message
    assert sql.value(day.db, "select count(*) from public.optimization_runs") == 0

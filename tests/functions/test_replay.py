"""A run's input is kept, and makes the same plan once more; its curve can be drawn (OPT-6)."""

from __future__ import annotations

import zlib
from typing import Any

import pytest

from support.factory import MONDAY
from support.functions import Day
from truckroll.planning.recording import FORMAT, HEAD

PATH = f"/dispatch/days/{MONDAY.date()}/optimize_all"
STEPS = {"time_limit_s": 60, "iteration_limit": 3000}


def stops(run: Any) -> list[tuple[str, str, str]]:
    """Return who does what when."""
    return sorted(
        (route["technician_name"], stop["starts_at"], stop["job_id"])
        for route in run["routes"]
        for stop in route["stops"]
        if stop["type"] == "job"
    )


def replayed(day: Day, run: Any) -> Any:
    asked = day.post(f"/dispatch/runs/{run['id']}/replay")
    assert asked.status_code == 202, asked.text
    day.cron()
    return day.call("GET", f"/dispatch/runs/{asked.get_json()['id']}").get_json()


def test_a_replay_makes_the_same_plan_whatever_the_schedule_has_become(day: Day) -> None:
    for north_km in (1, 9, 3, 14, 5, 11):
        day.job(north_km, estimated_duration_minutes=100)
    run = day.run(PATH, STEPS | {"seed": 7})
    assert (run["status"], run["iterations"]) == ("proposed", 3000), run["error"]
    ann = day.technician("Ann")
    day.company.visit(day.job(), ann)
    again = replayed(day, run)
    assert again["replays_run_id"] == run["id"]
    assert again["best_objective"] == run["best_objective"]
    assert stops(again) == stops(run)
    assert again["metrics"] == run["metrics"]
    stale = day.post(f"/dispatch/runs/{again['id']}/apply", {})
    assert stale.get_json()["message"] == "plan_is_stale"


def test_the_curve_of_a_run_falls_to_its_objective(day: Day) -> None:
    for north_km in range(12):
        day.job(north_km)
    run = day.run(PATH, {"time_limit_s": 1})
    curve = run["objective_curve"]
    assert curve
    assert [seconds for seconds, _ in curve] == sorted(seconds for seconds, _ in curve)
    objectives = [objective for _, objective in curve]
    assert objectives == sorted(objectives, reverse=True)
    assert objectives[-1] == pytest.approx(run["best_objective"])


def test_what_was_not_kept_cannot_be_replayed(day: Day) -> None:
    asked = day.post(PATH, STEPS).get_json()
    refusal = day.post(f"/dispatch/runs/{asked['id']}/replay")
    assert (refusal.status_code, refusal.get_json()["message"]) == (409, "input_not_kept")
    stranger = type(day.company)(day.db).member("owner")
    assert day.post(f"/dispatch/runs/{asked['id']}/replay", as_user=stranger).status_code == 404


def test_an_input_of_another_version_cannot_be_replayed(day: Day) -> None:
    day.job()
    run = day.run(PATH, STEPS | {"iteration_limit": 10})
    older = zlib.compress(HEAD.pack(FORMAT - 1, 0))
    day.db.execute(
        "update private.run_inputs set document = %s where optimization_run_id = %s", (older, run["id"])
    )
    again = replayed(day, run)
    assert (again["status"], again["error"]["code"]) == ("failed", "input_not_kept")

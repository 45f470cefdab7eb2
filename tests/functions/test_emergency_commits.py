"""An option that is committed happens as it was shown, or not at all (OPT-7)."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from support.booking import call, refusal
from support.emergency import Now
from support.functions import Day
from support.sql import acting_as, refused


def test_committing_does_what_was_proposed(now: Now) -> None:
    ann, bob = now.technician("Ann"), now.technician("Bob", home_km=12)
    waits = now.visit(ann, 110, promise=(60, 240))
    goes = now.visit(ann, 40, promise=(30, 60))
    job = now.emergency()
    option = next(one for one in now.options(job) if one["kind"] == "hand_over")
    body = {"mode": "commit", "option": option["id"], "idempotency_key": "storm-1"}
    answer = now.ask(job, **body)
    assert answer.status_code == 200, answer.text
    done = answer.get_json()
    assert done["appointment"]["starts_at"] == option["starts_at"]
    (assignment,) = done["appointment"]["assignments"]
    assert assignment["technician_id"] == option["technician_id"] == str(ann["id"])
    assert assignment["optimization_run_id"] == done["run_id"]
    assert {move["appointment_id"] for move in option["moves"]} >= {str(goes["id"])}
    for move in option["moves"]:
        moved = now.assignment({"id": UUID(move["appointment_id"])})
        assert str(moved["technician_id"]) == move["to"]["technician_id"]
        assert moved["scheduled_start_at"] == datetime.fromisoformat(move["to"]["starts_at"])
        assert str(moved["optimization_run_id"]) == done["run_id"]
        (history,) = now.rows("appointment_reschedules", appointment_id=move["appointment_id"])
        assert (history["reason"], history["to_technician_ids"]) == ("emergency", [moved["technician_id"]])
    assert now.assignment(waits)["technician_id"] == ann["id"]
    assert now.assignment(goes)["technician_id"] == bob["id"]
    (run,) = now.rows("optimization_runs", id=done["run_id"])
    assert (run["kind"], run["status"], run["dispatch_job_id"]) == (
        "emergency_insertion",
        "applied",
        job["id"],
    )
    events = {row["type"] for row in now.rows("domain_events")}
    assert {"appointment.created", "appointment.assignment_changed", "plan.applied"} <= events
    told = now.rows("job_notifications", appointment_id=goes["id"])
    assert {row["notification_type"] for row in told} >= {"assignment_notice", "unassignment_notice"}

    read = (
        Day(now.company, now.manager, now.client).call("GET", f"/dispatch/runs/{done['run_id']}").get_json()
    )
    assert (read["job_id"], read["routes"], read["unserved"]) == (str(job["id"]), [], [])
    assert [one["rank"] for one in read["options"]] == list(range(1, len(read["options"]) + 1))
    assert {one["id"]: one["committed_at"] is not None for one in read["options"]}[option["id"]]
    assert [one["moves"] for one in read["options"] if one["id"] == option["id"]] == [option["moves"]]

    assert now.ask(job, **body).get_json() == done
    assert len(now.rows("appointment_reschedules")) == len(option["moves"])


def test_a_broken_promise_leaves_an_override_and_tells_the_customer(now: Now) -> None:
    ann = now.technician("Ann", shift=(-120, 300))
    visit = now.visit(ann, 40, promise=(30, 60))
    job = now.emergency()
    option = now.options(job, disruption_budget={"promises": 1, "minutes": 300})[0]
    assert now.ask(job, mode="commit", option=option["id"]).status_code == 200
    (override,) = now.rows("scheduling_overrides", appointment_id=visit["id"])
    assert "customer_window" in override["codes"]
    assert override["overridden_by_user_id"] == now.manager
    moved = now.visits()[visit["id"]]
    assert moved["arrival_window_start"] <= moved["starts_at"] <= moved["arrival_window_end"]
    assert moved["starts_at"] == datetime.fromisoformat(option["moves"][0]["to"]["starts_at"])
    told = now.rows("job_notifications", recipient_type="customer", appointment_id=visit["id"])
    assert "reschedule_notice" in {row["notification_type"] for row in told}


def test_what_an_emergency_moved_counts_for_nobodys_limit(now: Now) -> None:
    ann = now.technician("Ann", shift=(-120, 480))
    visit = now.visit(ann, 40, promise=(30, 60))
    job = now.emergency()
    option = now.options(job, disruption_budget={"promises": 1, "minutes": 300})[0]
    assert now.ask(job, mode="commit", option=option["id"]).status_code == 200
    (moved,) = now.rows("appointment_reschedules", appointment_id=visit["id"])
    assert str(moved["optimization_run_id"]) == option_run(now, option)
    now.db.execute(
        "update orgs set reschedule_limit = 1, reschedule_notice_minutes = 0, reschedule_emergency_minutes = 0"
        " where id = %s",
        (now.company.id,),
    )
    change = {"appointment_id": visit["id"], "reason": "emergency", "customer_confirmed": True}
    with acting_as(now.db, now.company.member("service_advisor")):
        call(now.db, "reschedule_appointment", starts_at=now.at(300), **change)
        with refused(now.db, "PT409", "placement_conflict") as caught:
            call(now.db, "reschedule_appointment", starts_at=now.at(360), **change)
    assert {one["code"] for one in refusal(caught.value)["conflicts"]} == {"reschedule_limit"}


def option_run(now: Now, option: dict[str, Any]) -> str:
    (row,) = now.rows("emergency_options", id=option["id"])
    return str(row["optimization_run_id"])


def test_without_an_option_the_best_there_is_now_is_booked(now: Now) -> None:
    now.technician("Far", home_km=20), now.technician("Near", home_km=1)
    job = now.emergency()
    done = now.ask(job, mode="commit", idempotency_key="storm-2").get_json()
    assert done["option"]["technician_name"] == "Near"
    assert now.ask(job, mode="commit", idempotency_key="storm-2").get_json() == done
    assert len(now.visits()) == 1


def test_when_the_world_moved_there_are_other_options(now: Now) -> None:
    ann, bob = now.technician("Ann"), now.technician("Bob", home_km=5)
    visit = now.visit(ann, 20, promise=(0, 120))
    first, second = now.emergency(), now.emergency()
    of_first = next(one for one in now.options(first) if one["technician_id"] == str(ann["id"]))
    of_second = next(one for one in now.options(second) if one["technician_id"] == str(ann["id"]))
    assert now.ask(first, mode="commit", option=of_first["id"]).status_code == 200
    refused = now.ask(second, mode="commit", option=of_second["id"])
    assert (refused.status_code, refused.get_json()["message"]) == (409, "emergency_option_gone")
    details = json.loads(refused.get_json()["details"])
    assert details["conflicts"]
    assert details["options"][0]["technician_id"] == str(bob["id"])
    assert now.ask(second, mode="commit", option=details["options"][0]["id"]).status_code == 200
    assert visit["id"] in now.visits()

    again = now.ask(first, mode="commit", option=of_first["id"])
    assert (again.status_code, again.get_json()["message"]) == (409, "emergency_option_gone")


@pytest.mark.parametrize("change", ["lock", "move", "job", "stale"])
def test_an_option_is_gone_once_what_it_relies_on_changed(now: Now, change: str) -> None:
    ann = now.technician("Ann")
    visit = now.visit(ann, 20, promise=(0, 120))
    job = now.emergency()
    option = next(one for one in now.options(job) if one["kind"] == "delay")
    now.change({
        "lock": "job_assignments set is_locked = true",
        "move": "appointments set starts_at = starts_at + interval '1 minute'",
        "job": "dispatch_jobs set title = 'Something else'",
        "stale": "emergency_options set expires_at = now() - interval '1 second'",
    }[change])  # fmt: skip
    before = now.visits()
    assert now.ask(job, mode="commit", option=option["id"]).status_code == 409
    assert now.visits() == before
    assert now.assignment(visit)["technician_id"] == ann["id"]

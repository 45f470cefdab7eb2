"""An emergency is served as soon as can be, and nobody is disturbed more than allowed (OPT-7)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from werkzeug.test import Client

from support.booking import call, refusal
from support.emergency import Now, minutes_until
from support.functions import Day, served_over_a_copy
from support.sql import Connection, Row, acting_as, refused


@pytest.fixture(scope="module")
def served(server: str) -> Iterator[tuple[Connection, Client]]:
    """Serve the functions over one database for all tests: each has a company of its own."""
    with served_over_a_copy(server) as both:
        yield both


@pytest.fixture
def now(served: tuple[Connection, Client]) -> Now:
    """Add a company that is in the middle of its day."""
    return Now.build(*served)


def visits(now: Now) -> dict[UUID, Row]:
    return {row["id"]: row for row in now.rows("appointments")}


def test_a_free_technician_is_offered_before_anybody_has_to_move(now: Now) -> None:
    busy, free = now.technician("Busy"), now.technician("Free", home_km=2)
    now.visit(busy, 20, promise=(0, 240))
    before = visits(now)
    options = now.options(now.emergency())
    assert (options[0]["kind"], options[0]["technician_id"]) == ("free", str(free["id"]))
    assert options[0]["moves"] == options[0]["promises_broken"] == options[0]["customers_to_tell"] == []
    assert {one["technician_name"] for one in options} == {"Busy", "Free"}
    costs = [float(one["cost"]) for one in options]
    assert costs == sorted(costs)
    assert visits(now) == before
    assert now.rows("reservations", kind="held") == []


def test_a_later_visit_may_wait_within_its_promise(now: Now) -> None:
    ann = now.technician("Ann")
    visit = now.visit(ann, 20, promise=(0, 120))
    option = now.options(now.emergency())[0]
    assert (option["kind"], option["response_minutes"] <= 7) == ("delay", True)
    (move,) = option["moves"]
    assert (move["appointment_id"], move["change"], move["breaks_promise"]) == (
        str(visit["id"]),
        "delay",
        False,
    )
    assert 20 < minutes_until(move["to"]["starts_at"], now.began) <= 120
    assert option["promises_broken"] == []
    assert [one["appointment_id"] for one in option["customers_to_tell"]] == [str(visit["id"])]


def test_another_technician_takes_over_what_cannot_wait(now: Now) -> None:
    ann, bob = now.technician("Ann"), now.technician("Bob", home_km=12)
    visit = now.visit(ann, 40, promise=(30, 60))
    option = now.options(now.emergency(), max_results=1)[0]
    assert (option["kind"], option["technician_id"]) == ("hand_over", str(ann["id"]))
    (move,) = option["moves"]
    assert (move["change"], move["to"]["technician_id"]) == ("hand_over", str(bob["id"]))
    assert 30 <= minutes_until(move["to"]["starts_at"], now.began) <= 60
    assert move["appointment_id"] == str(visit["id"])


def test_a_promise_is_broken_only_within_the_budget(now: Now) -> None:
    ann = now.technician("Ann", shift=(-120, 300))
    visit = now.visit(ann, 40, promise=(30, 60), priority="low")
    job = now.emergency()
    assert {one["kind"] for one in now.options(job)} == {"free"}  # after it
    option = now.options(job, disruption_budget={"promises": 1, "minutes": 300})[0]
    assert option["kind"] == "bump"
    assert [one["appointment_id"] for one in option["promises_broken"]] == [str(visit["id"])]
    assert option["moves"][0]["change"] == "postpone"
    assert now.options(job, disruption_budget={"promises": 1, "minutes": 5})[0]["kind"] == "free"


@pytest.mark.parametrize(
    "until", [110, 150], ids=["no room today", "room today for more minutes than allowed"]
)
def test_going_to_another_day_spends_a_promise_and_no_minutes(now: Now, until: int) -> None:
    ann = now.technician("Ann", shift=(-120, until))
    tomorrow = {"starts_at": now.at(1440), "ends_at": now.at(1740), "time_zone": "UTC"}
    now.company.add("technician_shifts", technician_id=ann["id"], **tomorrow)
    now.visit(ann, 40, promise=(30, 60))
    job = now.emergency()
    assert now.options(job) == []
    (option,) = now.options(job, disruption_budget={"promises": 1, "minutes": 10})
    (move,) = option["moves"]
    assert (option["kind"], move["change"], move["breaks_promise"]) == ("bump", "postpone", True)
    assert minutes_until(move["to"]["starts_at"], now.began) >= 1440
    assert now.ask(job, mode="commit", option=option["id"]).status_code == 200


def test_breaking_a_promise_needs_the_approval_of_a_late_move(now: Now) -> None:
    ann = now.technician("Ann", shift=(-120, 300))
    now.visit(ann, 40, promise=(30, 60))
    job, budget = now.emergency(), {"promises": 1, "minutes": 300}
    allowed = now.options(job, disruption_budget=budget)[0]
    dispatcher = now.company.member("dispatcher")
    asked = now.ask(job, as_user=dispatcher, disruption_budget=budget).get_json()["options"]
    assert {one["kind"] for one in asked} == {"free"}
    refused = now.ask(job, as_user=dispatcher, mode="commit", option=allowed["id"])
    assert (refused.status_code, refused.get_json()["message"]) == (403, "permission_missing")


def test_a_visit_is_left_without_anybody_only_when_that_is_allowed(now: Now) -> None:
    ann = now.technician("Ann", shift=(-120, 150))
    visit = now.visit(ann, 40, promise=(30, 60))
    job = now.emergency(estimated_duration_minutes=90)
    assert now.options(job) == []
    option = now.options(job, disruption_budget={"unassigned": 1})[0]
    assert (option["kind"], option["moves"][0]["change"]) == ("bump", "unassign")
    assert now.ask(job, mode="commit", option=option["id"]).status_code == 200
    stored = visits(now)[visit["id"]]
    assert (stored["assignment_status"], stored["starts_at"]) == ("unassigned", visit["starts_at"])


@pytest.mark.parametrize("priority", ["emergency", "high", "normal", "low"])
def test_only_lower_priorities_move(now: Now, priority: str) -> None:
    ann = now.technician("Ann")
    now.visit(ann, 20, promise=(0, 200), priority="high")
    kinds = {one["kind"] for one in now.options(now.job(priority=priority))}
    assert ("delay" in kinds) == (priority == "emergency")


@pytest.mark.parametrize("reason", ["locked", "started", "sla", "window"])
def test_what_must_not_move_stays(now: Now, reason: str) -> None:
    ann = now.technician("Ann")
    values: dict[str, Any] = {"sla_end_at": now.at(85)} if reason == "sla" else {}
    visit = now.visit(ann, 20, promise=(0, 25 if reason == "window" else 200), **values)
    if reason == "locked":
        now.change("job_assignments set is_locked = true")
    if reason == "started":
        now.set_status(visit, "en_route", "on_site")
    options = now.options(now.emergency())
    assert [one["moves"] for one in options] == [[]] * len(options)
    assert all(minutes_until(one["starts_at"], now.began) >= 80 for one in options)


def test_the_budget_limits_visits_and_minutes(now: Now) -> None:
    ann = now.technician("Ann", shift=(-120, 400))
    for starts in (10, 75, 140):
        now.visit(ann, starts, promise=(0, 380))
    job = now.emergency()
    soon = now.options(job, disruption_budget={"moves": 3, "minutes": 500})[0]
    assert (len(soon["moves"]), soon["response_minutes"] <= 7) == (3, True)
    assert all(
        len(one["moves"]) <= 1 for one in now.options(job, disruption_budget={"moves": 1, "minutes": 500})
    )
    for option in now.options(job, disruption_budget={"moves": 3, "minutes": 60}):
        assert sum(move["delay_minutes"] for move in option["moves"]) <= 60
    assert {one["kind"] for one in now.options(job, disruption_budget={"moves": 0})} == {"free"}


def test_a_fresh_position_counts_and_an_old_one_does_not(now: Now) -> None:
    ann = now.technician("Ann", home_km=0)
    job = now.emergency()
    at_home = now.options(job)[0]
    now.seen(ann, km=20, minutes_ago=61)
    assert now.options(job)[0]["response_minutes"] - at_home["response_minutes"] <= 1
    now.seen(ann, km=20, minutes_ago=5)
    far = now.options(job)[0]
    assert far["response_minutes"] > at_home["response_minutes"] + 20
    assert "position reported" in " ".join(far["reasons"])


def test_a_visit_under_way_is_where_its_technician_comes_from(now: Now) -> None:
    ann = now.technician("Ann")
    visit = now.visit(ann, -30, km=0)
    now.set_status(visit, "en_route", "on_site")
    now.seen(ann, km=15, minutes_ago=1)
    option = now.options(now.emergency())[0]
    assert 30 <= minutes_until(option["starts_at"], now.began) <= 63
    assert "under way" in " ".join(option["reasons"])


def test_who_is_on_call_is_asked_and_who_is_off_is_not(now: Now) -> None:
    now.technician("On call")
    now.change("technician_shifts set shift_type = 'on_call'")
    now.technician("Later", shift=(800, 1000))
    ill = now.technician("Ill")
    now.company.add(
        "technician_time_off",
        technician_id=ill["id"],
        starts_at=now.at(-200),
        ends_at=now.at(700),
        reason="sick",
    )
    assert {one["technician_name"] for one in now.options(now.emergency())} == {"On call"}


def test_without_options_the_reasons_are_told(now: Now) -> None:
    now.technician("Ann", shift=(800, 1000))
    nobody = now.ask(now.emergency()).get_json()
    assert (nobody["options"], nobody["reasons"][0]["code"]) == ([], "no_time_in_window")
    gas = now.emergency(required_skills={now.company.skill("gas"): 1})
    assert now.ask(gas).get_json()["reasons"][0]["code"] == "skill_missing"
    committed = now.ask(gas, mode="commit")
    assert (committed.status_code, committed.get_json()["appointment"]) == (200, None)


def test_work_for_a_crew_is_told_the_soonest_time_that_can_be_booked(now: Now) -> None:
    people = [now.technician("Ann"), now.technician("Bob", home_km=3)]
    now.visit(people[0], 20, promise=(0, 120))
    crew = now.emergency(required_crew_size=2)
    (reason,) = now.ask(crew).get_json()["reasons"]
    assert (reason["code"], "booked from" in reason["message"]) == ("needs_crew", True)
    soonest = reason["data"]["soonest"]
    assert set(soonest["technician_ids"]) == {str(one["id"]) for one in people}
    with acting_as(now.db, now.manager):
        call(
            now.db,
            "book_appointment",
            job_id=crew["id"],
            technician_ids=soonest["technician_ids"],
            starts_at=soonest["starts_at"],
        )
    too_many = now.ask(now.emergency(required_crew_size=3)).get_json()
    assert (too_many["options"], too_many["reasons"][0]["data"]["soonest"]) == ([], None)


def test_a_missed_sla_ranks_last_and_is_said(now: Now) -> None:
    now.technician("Near"), now.technician("Far", home_km=25)
    options = now.options(now.emergency(sla_end_at=now.at(75)))
    assert [one["sla_kept"] for one in options] == [True, False]
    assert "SLA" in " ".join(options[1]["reasons"])


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
    moved = visits(now)[visit["id"]]
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
    assert len(visits(now)) == 1


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
    assert visit["id"] in visits(now)

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
    before = visits(now)
    assert now.ask(job, mode="commit", option=option["id"]).status_code == 409
    assert visits(now) == before
    assert now.assignment(visit)["technician_id"] == ann["id"]


def test_only_who_plans_may_ask_and_others_jobs_do_not_exist(now: Now) -> None:
    now.technician("Ann")
    job = now.emergency()
    option = now.options(job)[0]
    assert now.ask(job, as_user=now.company.member("office")).status_code == 403
    stranger = type(now.company)(now.db).member("owner")
    assert now.ask(job, as_user=stranger).status_code == 404
    assert now.ask(job, as_user=stranger, mode="commit", option=option["id"]).status_code == 404
    assert now.ask({"id": uuid4()}).status_code == 404
    other = now.ask(now.emergency(), mode="commit", option=option["id"])
    assert (other.status_code, other.get_json()["message"]) == (404, "option_not_found")
    for bad in (
        {"mode": "maybe"},
        {"disruption_budget": {"moves": -1}},
        {"earliest": "now"},
        {"option": "first"},
    ):
        assert now.ask(job, **bad).status_code == 400
    assert now.ask(job, latest=now.at(-1).isoformat()).status_code == 400


def test_who_plans_one_facility_moves_the_visits_of_that_one_only(now: Now) -> None:
    here, there = now.company.facility(), now.company.facility()
    planner = now.company.member("dispatcher")
    (member,) = now.rows("org_members", user_id=planner)
    now.company.add("member_facilities", member_id=member["id"], facility_id=here["id"])
    visit = now.visit(now.technician("Ann"), 20, promise=(0, 120))
    job = now.emergency(facility_id=here["id"])
    move_to = "update public.appointments set facility_id = %s where id = %s"
    now.db.execute(move_to, (there["id"], visit["id"]))
    option = now.options(job)[0]
    assert option["kind"] == "delay"
    asked = now.ask(job, as_user=planner).get_json()["options"]
    assert {one["kind"] for one in asked} == {"free"}
    refused = now.ask(job, as_user=planner, mode="commit", option=option["id"])
    assert (refused.status_code, refused.get_json()["message"]) == (403, "permission_missing")
    now.db.execute(move_to, (here["id"], visit["id"]))
    assert now.ask(job, as_user=planner).get_json()["options"][0]["kind"] == "delay"


def test_one_approval_does_not_stand_in_for_another(now: Now) -> None:
    visit = now.visit(now.technician("Ann", shift=(-120, 300)), 40, promise=(30, 60))
    job = now.emergency()
    option = now.options(job, disruption_budget={"promises": 1, "minutes": 300})[0]
    assert [move["breaks_promise"] for move in option["moves"]] == [True]
    now.db.execute(
        "delete from public.role_permissions"
        " where org_id = %s and role = 'shop_manager' and permission = 'override_scheduling_conflict'",
        (now.company.id,),
    )
    refused = now.ask(job, mode="commit", option=option["id"])
    assert (refused.status_code, refused.get_json()["message"]) == (403, "permission_missing")
    assert visits(now)[visit["id"]]["starts_at"] == visit["starts_at"]


def test_a_visit_that_was_promised_no_window_is_handed_over_too(now: Now) -> None:
    visit = now.visit(now.technician("Ann", shift=(-120, 110)), 40)
    bob = now.technician("Bob", home_km=12)
    (option,) = (one for one in now.options(now.emergency()) if one["kind"] == "hand_over")
    (move,) = option["moves"]
    assert (move["appointment_id"], move["to"]["technician_id"]) == (str(visit["id"]), str(bob["id"]))
    assert option["promises_broken"] == []

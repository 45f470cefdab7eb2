"""An emergency is served as soon as can be, and nobody is disturbed more than allowed (OPT-7)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from support.booking import call
from support.emergency import Now, minutes_until
from support.sql import acting_as


def test_a_free_technician_is_offered_before_anybody_has_to_move(now: Now) -> None:
    busy, free = now.technician("Busy"), now.technician("Free", home_km=2)
    now.visit(busy, 20, promise=(0, 240))
    before = now.visits()
    options = now.options(now.emergency())
    assert (options[0]["kind"], options[0]["technician_id"]) == ("free", str(free["id"]))
    assert options[0]["moves"] == options[0]["promises_broken"] == options[0]["customers_to_tell"] == []
    assert {one["technician_name"] for one in options} == {"Busy", "Free"}
    costs = [float(one["cost"]) for one in options]
    assert costs == sorted(costs)
    assert now.visits() == before
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


def test_a_company_says_how_long_an_emergency_waits_for_a_promise(now: Now) -> None:
    now.visit(now.technician("Ann", shift=(-120, 300)), 40, promise=(30, 60))
    job, budget = now.emergency(), {"promises": 1, "minutes": 300}
    assert now.options(job, disruption_budget=budget)[0]["kind"] == "bump"
    now.db.execute("update public.orgs set emergency_promise_minutes = 600 where id = %s", (now.company.id,))
    kinds = [one["kind"] for one in now.options(job, disruption_budget=budget)]
    assert kinds[0] == "free"
    assert "bump" in kinds


@pytest.mark.parametrize(
    "until", [110, 150], ids=["no room today", "room today for more minutes than allowed"]
)
def test_going_to_another_day_spends_a_promise_and_no_minutes(now: Now, until: int) -> None:
    ann = now.technician("Ann", shift=(-120, until))
    now.shift(ann, 1440, 1740)
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
    stored = now.visits()[visit["id"]]
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
    planner = now.company.member("dispatcher", facility=here)
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
    assert now.visits()[visit["id"]]["starts_at"] == visit["starts_at"]


def test_a_visit_that_was_promised_no_window_is_handed_over_too(now: Now) -> None:
    visit = now.visit(now.technician("Ann", shift=(-120, 110)), 40)
    bob = now.technician("Bob", home_km=12)
    (option,) = (one for one in now.options(now.emergency()) if one["kind"] == "hand_over")
    (move,) = option["moves"]
    assert (move["appointment_id"], move["to"]["technician_id"]) == (str(visit["id"]), str(bob["id"]))
    assert option["promises_broken"] == []

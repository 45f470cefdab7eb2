"""Whatever the day is like: every option that is shown can be had, and two people do not get the same one (OPT-7)."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from support import sql
from support.effort import count
from support.emergency import Now
from support.sql import Row

DAYS = count(3, 50)
BUDGET = {"moves": 3, "minutes": 200, "promises": 1, "unassigned": 1}


def anything(now: Now, seed: int) -> Row:
    """Fill the day at random, and return the job that can't wait."""
    r = random.Random(seed)
    for number in range(r.randint(2, 4)):
        technician = now.technician(
            f"Tech {number}",
            home_km=r.uniform(0, 15),
            shift=(r.choice([-300, -120, 30]), r.choice([240, 420, 540])),
            max_daily_work_minutes=r.choice([None, None, 400]),
        )
        if r.random() < 0.4:
            now.seen(technician, km=r.uniform(0, 20), minutes_ago=r.choice([2, 40, 70]))
        if r.random() < 0.5:
            now.company.add(
                "technician_time_off",
                technician_id=technician["id"],
                starts_at=now.at(60),
                ends_at=now.at(200),
                reason="break",
                minutes=30,
            )
        clock = r.uniform(-100, 60)
        while clock < 400 and r.random() < 0.9:
            length = r.choice([30, 45, 60, 90])
            start = round(clock)
            visit = now.visit(
                technician,
                start,
                km=r.uniform(0, 10),
                promise=r.choice(
                    [None, (start - 30, start + 30), (start, start + 60), (start - 60, start + 180)]
                ),
                priority=r.choice(["low", "normal", "normal", "high", "emergency"]),
                estimated_duration_minutes=length,
            )
            if start < 0:
                now.set_status(
                    visit, "en_route", *(["on_site"] if start + length > 0 else ["on_site", "completed"])
                )
            elif r.random() < 0.15:
                now.db.execute(
                    "update public.job_assignments set is_locked = true where appointment_id = %s",
                    (visit["id"],),
                )
            clock += length + r.uniform(25, 70)
    return now.emergency(km=r.uniform(0, 10), estimated_duration_minutes=r.choice([30, 60, 90]))


def state(now: Now) -> dict[UUID, Row]:
    """Return the company's visits with their technician, priority and whether they may be touched at all."""
    return {
        row["id"]: row
        for row in sql.rows(
            now.db,
            """
            select
                v.id, v.starts_at, v.ends_at, v.arrival_window_start, v.arrival_window_end, j.priority::text,
                a.technician_id, coalesce(a.is_locked or a.status not in ('assigned', 'accepted'), false) as is_settled
            from public.appointments as v
            inner join public.dispatch_jobs as j on v.dispatch_job_id = j.id
            left join public.job_assignments as a
                on v.id = a.appointment_id and a.status not in ('canceled', 'declined')
            where v.org_id = %s
            """,
            (now.company.id,),
        )
    }


def check(before: dict[UUID, Row], after: dict[UUID, Row], option: dict[str, Any]) -> None:
    """Check that an option did what it said, and nothing that is not allowed."""
    moved = {UUID(one["appointment_id"]): one for one in option["moves"]}
    broken = {UUID(one["appointment_id"]) for one in option["promises_broken"]}
    for identifier, was in before.items():
        becomes = after[identifier]
        if identifier not in moved:
            assert becomes == was
            continue
        assert not was["is_settled"]
        assert was["priority"] != "emergency"
        move = moved[identifier]
        assert becomes["starts_at"] == datetime.fromisoformat(move["to"]["starts_at"])
        assert str(becomes["technician_id"]) == str(move["to"]["technician_id"])
        if identifier not in broken and was["arrival_window_start"] is not None:
            assert was["arrival_window_start"] <= becomes["starts_at"] <= was["arrival_window_end"]
    (new,) = (row for identifier, row in after.items() if identifier not in before)
    assert new["starts_at"] == datetime.fromisoformat(option["starts_at"])
    assert str(new["technician_id"]) == option["technician_id"]
    assert len(moved) <= BUDGET["moves"]
    assert sum(max(0, one["delay_minutes"]) for one in moved.values()) <= BUDGET["minutes"]
    assert sum(one["change"] == "unassign" for one in moved.values()) <= BUDGET["unassigned"]
    assert (
        sum(one["change"] != "unassign" and one["breaks_promise"] for one in moved.values())
        <= BUDGET["promises"]
    )


@pytest.mark.parametrize("seed", range(DAYS))
def test_every_option_can_be_had(now: Now, seed: int) -> None:
    job = anything(now, seed)
    options = now.options(job, disruption_budget=BUDGET)
    before = state(now)
    for option in options:
        with now.db.transaction(force_rollback=True):
            with sql.acting_as(now.db, now.manager):
                now.db.execute("select private.commit_emergency(%s, %s, null)", (job["id"], option["id"]))
            check(before, state(now), option)
    assert state(now) == before


def test_two_people_who_choose_the_same_technician_do_not_both_get_her(now: Now) -> None:
    ann, bob = now.technician("Ann"), now.technician("Bob", home_km=6)
    now.visit(ann, 90, promise=(60, 180))
    jobs = [now.emergency(), now.emergency()]
    chosen = [now.options(job)[0] for job in jobs]
    assert {one["technician_id"] for one in chosen} == {str(ann["id"])}
    with ThreadPoolExecutor(2) as both:
        answers = list(
            both.map(
                lambda one: now.ask(one[0], mode="commit", option=one[1]["id"]),
                zip(jobs, chosen, strict=True),
            )
        )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    (refused,) = (answer.get_json() for answer in answers if answer.status_code == 409)
    assert refused["message"] == "emergency_option_gone"
    assert str(bob["id"]) in {one["technician_id"] for one in json.loads(refused["details"])["options"]}
    assert len(now.rows("appointments")) == 2


def test_two_emergencies_at_once_are_both_served(now: Now) -> None:
    now.technician("Ann"), now.technician("Bob", home_km=6)
    jobs = [now.emergency(), now.emergency()]
    with ThreadPoolExecutor(2) as both:
        answers = list(both.map(lambda job: now.ask(job, mode="commit"), jobs))
    assert [answer.status_code for answer in answers] == [200, 200]
    booked = [answer.get_json()["appointment"] for answer in answers]
    assert None not in booked
    spans = sorted(
        (one["assignments"][0]["technician_id"], one["starts_at"], one["ends_at"]) for one in booked
    )
    assert spans[0][0] != spans[1][0] or spans[0][2] <= spans[1][1]

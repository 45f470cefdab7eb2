"""Asking for a plan: answered at once, once for a key, refused where it is nonsense or nobody's to ask (OPT-6)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from support import sql
from support.factory import MONDAY
from support.functions import QUICK, Day

PATH = f"/dispatch/days/{MONDAY.date()}/optimize_all"


def test_the_answer_comes_before_the_plan(day: Day) -> None:
    day.job()
    asked = day.post(PATH, QUICK)
    assert asked.status_code == 202
    assert asked.get_json()["status"] == "queued"
    assert asked.headers["X-Request-Id"]


def test_a_waiting_run_can_be_canceled(day: Day) -> None:
    asked = day.post(PATH, QUICK).get_json()
    canceled = day.post(f"/dispatch/runs/{asked['id']}/cancel")
    assert canceled.get_json()["status"] == "canceled"
    assert day.cron() == []
    assert day.post(f"/dispatch/runs/{asked['id']}/apply").get_json()["message"] == "plan_not_ready"


def test_a_retried_request_starts_one_run(day: Day) -> None:
    first = day.post(PATH, QUICK, **{"Idempotency-Key": "monday"})
    second = day.post(PATH, QUICK, **{"Idempotency-Key": "monday"})
    assert first.get_json()["id"] == second.get_json()["id"]
    other = day.post(PATH, QUICK | {"seed": 2}, **{"Idempotency-Key": "monday"})
    assert (other.status_code, other.get_json()["message"]) == (409, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"strategy": "fastest"}, "strategy"),
        ({"days": 0}, "days"),
        ({"days": 15}, "days"),
        ({"time_limit_s": 601}, "time_limit_s"),
        ({"mode": "maybe"}, "mode"),
        ({"technician_ids": ["nobody"]}, "technician_ids.0"),
        ({"stratgy": "balanced"}, "stratgy"),
        ([], "object"),
    ],
)
def test_bad_input_is_refused_with_the_field_and_nothing_written(day: Day, body: Any, named: str) -> None:
    answer = day.post(PATH, body)
    refusal = answer.get_json()
    assert answer.status_code == 400
    assert refusal.keys() == {"code", "message", "details", "hint"}
    assert refusal["message"] == "request_invalid"
    assert named in refusal["details"]
    assert sql.value(day.db, "select count(*) from public.optimization_runs") == 0


def test_a_day_that_is_over_is_not_planned(day: Day) -> None:
    answer = day.post("/dispatch/days/2020-02-03/optimize_all")
    assert (answer.status_code, answer.get_json()["message"]) == (400, "days_are_over")
    answer = day.post("/dispatch/days/monday/optimize_all")
    assert (answer.status_code, answer.get_json()["message"]) == (400, "path_invalid")


def test_only_planners_of_the_company_plan_and_read(day: Day) -> None:
    run = day.post(PATH, QUICK).get_json()["id"]
    office = day.company.member("office")
    stranger = type(day.company)(day.db).member("owner")
    for who, status in ((office, 403), (stranger, 404)):
        assert day.call("GET", f"/dispatch/runs/{run}", as_user=who).status_code == status
        assert day.post(f"/dispatch/runs/{run}/cancel", as_user=who).status_code == status
        assert day.post(f"/dispatch/runs/{run}/apply", as_user=who).status_code == status
    assert day.post(PATH, QUICK, as_user=office).status_code == 403
    assert day.post(PATH, QUICK | {"org_id": str(day.company.id)}, as_user=stranger).status_code == 403
    assert day.call("GET", f"/dispatch/runs/{uuid4()}").status_code == 404

"""A company's own weights decide what a plan prefers (OPT-3)."""

from __future__ import annotations

import pytest

from support import sql
from support.booking import at
from support.factory import MONDAY
from support.functions import QUICK, Day

PATH = f"/dispatch/days/{MONDAY.date()}/optimize_all"


def test_the_price_of_a_job_left_out_is_the_companys(day: Day) -> None:
    day.job(60, priority="low")  # almost four hours of driving
    assert day.run(PATH, QUICK)["unserved"][0]["reason"] == "not_worth_the_travel"
    day.db.execute("update public.orgs set plan_unserved_minutes = '{600, 600, 600, 1440}'")
    assert day.run(PATH, QUICK)["changes"]["book"] == 1


def test_what_moving_a_booked_visit_must_save_is_the_companys(day: Day) -> None:
    for name, hour in (("Ann", 8), ("Bob", 11)):
        person = day.technician(name)
        day.company.visit(day.job(30), person, starts_at=at(hour))
    day.db.execute("update public.orgs set plan_move_minutes = 1440")
    assert day.run(PATH, QUICK)["changes"]["reassign"] == 0
    day.db.execute("update public.orgs set plan_move_minutes = default")
    assert day.run(PATH, QUICK)["changes"]["reassign"] == 1


def test_a_kilometre_may_cost_besides_its_time(day: Day) -> None:
    day.job(5)
    by_time = day.run(PATH, QUICK)["best_objective"]
    day.db.execute("update public.orgs set plan_km_minutes = 1")
    run = day.run(PATH, QUICK)
    kilometres = run["metrics"]["after"]["distance_km"]
    assert run["best_objective"] == pytest.approx(by_time + 60 * kilometres, abs=10)


def test_waiting_may_cost_too(day: Day) -> None:
    person = day.technician("Ann")
    for hour in (8, 12):
        day.company.visit(day.job(5), person, starts_at=at(hour))
    day.db.execute("update public.job_assignments set is_locked = true")
    by_time = day.run(PATH, QUICK)["best_objective"]
    day.db.execute("update public.orgs set plan_waiting_weight = 1")
    waited = day.run(PATH, QUICK)["best_objective"] - by_time
    assert waited > 3600


@pytest.mark.parametrize(
    "minutes", ["{60, 120, 360}", "{60, 30, 360, 1440}", "{0, 1, 2, 3}", "{1, null, 3, 4}"]
)
def test_prices_must_ascend(day: Day, minutes: str) -> None:
    with sql.refused(day.db, "23514") as caught:
        day.db.execute("update public.orgs set plan_unserved_minutes = %s", (minutes,))
    assert caught.value.diag.constraint_name == "orgs_plan_unserved_ascends"

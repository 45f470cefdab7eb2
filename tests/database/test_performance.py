"""Durations and first-time fixes learned from history, against a truth made up for it (OPT-10, BKG-10)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from bench.learning import NOW, back_test, made_up, write

from support import sql
from support.booking import at
from support.factory import MONDAY, Company
from support.sql import AsUser, Connection, Row


@pytest.fixture
def service(company: Company) -> Row:
    return company.service({}, standard_duration_minutes=60)


def done(company: Company, service: Row, technician: Row, minutes: float, *, again: bool = False) -> None:
    """Put a visit into the past that took so long."""
    job = company.job(service=service, visits_planned=1 + again)
    serial = sql.value(company.db, "select count(*) from public.job_assignments")
    begins = MONDAY - timedelta(days=400 - serial)
    visit = company.add(
        "appointments",
        dispatch_job_id=job["id"],
        visit_number=1,
        starts_at=begins,
        ends_at=begins + timedelta(hours=1),
        status="completed",
    )
    if again:
        company.add(
            "appointments",
            dispatch_job_id=job["id"],
            visit_number=2,
            starts_at=at(9),
            ends_at=at(10),
        )
    company.add(
        "job_assignments",
        dispatch_job_id=job["id"],
        appointment_id=visit["id"],
        technician_id=technician["id"],
        scheduled_start_at=begins,
        scheduled_end_at=begins + timedelta(hours=1),
        status="completed",
        actual_start_at=begins,
        actual_end_at=begins + timedelta(minutes=minutes),
    )


def learn(company: Company) -> None:
    """Make the estimates as of the day before MONDAY."""
    company.db.execute("select private.refresh_performance(%s, %s)", (company.id, MONDAY))


def estimate(company: Company, service: Row | None, technician: Row | None) -> Row:
    return sql.one(
        company.db,
        """
        select * from public.performance_estimates
        where service_id is not distinct from %s and technician_id is not distinct from %s
        """,
        (service and service["id"], technician and technician["id"]),
    )


def test_estimates_beat_standard_and_mean_and_keep_their_promise(db: Connection) -> None:
    truth, history = made_up(3, visits=1500, technicians=15, services=16)
    scores = back_test(db, write(db, truth, history), truth, history)
    for score in scores:
        assert score.estimate < 0.6 * score.standard
        if score.seen[1] <= 10:
            assert score.estimate < (0.7 if score.seen[1] < 4 else 0.95) * score.plain
            assert score.fix_estimate < score.fix_plain
        else:
            assert score.estimate < 1.1 * score.plain
    cells = np.array([score.cells for score in scores])
    for percent in (50, 70, 90):
        kept = float(np.average([score.within[percent] for score in scores], weights=cells))
        assert abs(kept - percent) < 6


def test_a_history_taken_for_an_empty_table_is_learned_from_as_fast(db: Connection) -> None:
    org = write(db, *made_up(3, visits=800, technicians=15, services=16))
    # What is left of statistics made between an import taken back and the next one.
    db.execute("""
        update pg_class set reltuples = 0, relpages = greatest(1, pg_relation_size(oid) / 8192)
        where relkind = 'r' and relnamespace = 'public'::regnamespace
    """)
    db.execute("set local statement_timeout = '60s'")
    db.execute("select private.refresh_performance(%s, %s)", (org, NOW))
    assert (
        sql.value(db, "select sum(visits) from public.performance_estimates where technician_id is null")
        > 700
    )


def test_one_slow_visit_moves_an_estimate_a_little_and_many_all_the_way(
    company: Company, service: Row
) -> None:
    ana, ben = company.technician(), company.technician()
    done(company, service, ana, 120)
    learn(company)
    few = estimate(company, service, ana)["p50_minutes"]
    assert 60 < few < 90
    for _ in range(15):
        done(company, service, ana, 120)
        done(company, service, ben, 60)
    learn(company)
    assert estimate(company, service, ana)["p50_minutes"] == pytest.approx(120, rel=0.12)
    assert estimate(company, service, ben)["p50_minutes"] == pytest.approx(60, rel=0.12)
    assert estimate(company, None, ana)["pace"] > 1.1
    assert estimate(company, None, ben)["pace"] < 0.91


def test_a_service_nobody_has_done_leans_on_its_category(company: Company, service: Row) -> None:
    other = company.service({}, standard_duration_minutes=30)
    elsewhere = company.service({}, standard_duration_minutes=30, category="plumbing")
    people = [company.technician() for _ in range(4)]
    for i in range(16):
        done(company, service, people[i % 4], 100)
    learn(company)
    new, farther = estimate(company, other, None), estimate(company, elsewhere, None)
    assert new["visits"] == 0
    assert 31 < farther["p50_minutes"] < new["p50_minutes"] < 50
    assert new["log_sd"] > estimate(company, service, None)["log_sd"]


def test_a_forgotten_tap_is_no_duration(company: Company, service: Row) -> None:
    ana = company.technician()
    done(company, service, ana, 60 * 24)
    done(company, service, ana, 1)
    learn(company)
    assert estimate(company, service, None)["visits"] == 0
    assert estimate(company, service, None)["p50_minutes"] == pytest.approx(60)


def test_second_visits_count_against_first_time_fixes(company: Company, service: Row) -> None:
    ana, ben = company.technician(), company.technician()
    for i in range(12):
        done(company, service, ana, 60, again=i % 2 == 0)
        done(company, service, ben, 60)
    learn(company)
    rates = [estimate(company, service, who)["first_time_fix"] for who in (ana, ben)]
    assert 0.5 < rates[0] < 0.7
    assert 0.85 < rates[1] <= 1


@pytest.mark.parametrize(
    ("wanted", "percentile", "minutes"), [(False, 70, 60), (True, 50, 95), (True, 90, 120)]
)
def test_new_work_is_planned_from_history_where_the_company_wants_it(
    company: Company, service: Row, *, wanted: bool, percentile: int, minutes: int
) -> None:
    people = [company.technician() for _ in range(4)]
    for i in range(24):
        done(company, service, people[i % 4], 80 + i % 24)
    learn(company)
    company.db.execute(
        "update public.orgs set durations_from_history = %s, duration_percentile = %s", (wanted, percentile)
    )
    job = company.job(service=service, estimated_duration_minutes=None)
    assert job["estimated_duration_minutes"] == pytest.approx(minutes, abs=10 if wanted else 0)
    assert job["estimated_duration_minutes"] % 5 == 0
    assert company.job(service=service, estimated_duration_minutes=45)["estimated_duration_minutes"] == 45
    source = company.add(
        "estimates", customer_id=company.customer()["id"], service_id=service["id"], status="approved"
    )
    loaded = sql.value(
        company.db, "select (private.load_source('estimate', %s)).service_minutes", (source["id"],)
    )
    assert loaded == job["estimated_duration_minutes"]


def test_suggestions_tell_past_performance(company: Company, service: Row, as_user: AsUser) -> None:
    names: dict[str, Any] = {"Ana": False, "Ben": True}
    people = {name: company.technician(display_name=name) for name in names}
    for i in range(8):
        for name, who in people.items():
            done(company, service, who, 60, again=names[name] and i % 2 == 0)
    learn(company)
    job = company.job(service=service)
    with as_user(company.member("dispatcher")) as connection:
        rows = sql.rows(
            connection,
            "select * from private.suggest_technicians(%s, %s, %s, 5)",
            (job["id"], at(8), at(17)),
        )
    assert [row["technician_name"] for row in rows] == ["Ana", "Ben"]
    ana, ben = (row["parts"]["past_performance"] for row in rows)
    assert ana > 0 > ben
    assert rows[0]["reasons"][-1].startswith("Has done this 8 times: usually within ")


def test_the_cron_learns_only_where_something_was_completed_since(company: Company, service: Row) -> None:
    done(company, service, company.technician(), 90)
    idle = Company(company.db)
    query = "select * from public.refresh_performance()"
    with sql.acting_as(company.db, role="service_role") as connection:
        first = [row["org_id"] for row in sql.rows(connection, query)]
        second = sql.rows(connection, query)
    assert first == [company.id]
    assert idle.id not in first
    assert second == []

"""Plans of a shop with few bays and machines: nothing is claimed more often at once than there is of it (AVL-2)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from support import sql, templates
from support.booking import at
from support.effort import count
from support.factory import CITY, MONDAY, Company
from support.plan import propose, run_for, stop
from support.sql import Row
from truckroll.auth import SERVICE
from truckroll.database import Database
from truckroll.planning.lease import Lease
from truckroll.planning.planner import Outcome, plan

MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def database(server: str) -> Iterator[tuple[psycopg.Connection[Any], Database]]:
    """Share one database among the tests: each has a company of its own."""
    with (
        templates.copy_of(server, templates.template(server)) as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        opened = Database(url)
        yield connection, opened
        opened.close()


@pytest.fixture
def company(database: tuple[psycopg.Connection[Any], Database]) -> Company:
    """Add a company with people for every bay."""
    company = Company(database[0])
    for _ in range(4):
        company.technician(shift=(6, 20))
    return company


def planned(database: Database, company: Company, steps: int = 300) -> Outcome:
    """Plan MONDAY, put the plan in force and return what came of it."""
    values = {"kind": "optimize_all", "starts_on": MONDAY.date(), "time_limit_s": 60}
    run = company.add("optimization_runs", **values, iteration_limit=steps)
    lease = Lease.claim(database, "worker")
    assert lease is not None
    assert lease.run["id"] == run["id"]
    outcome = plan(lease, lambda: MONDAY - timedelta(days=30))
    with database.acting_as(SERVICE) as connection:
        revision = "select base_revision from public.optimization_runs where id = %s"
        found = connection.execute(revision, (run["id"],)).fetchone()
        assert found is not None
        connection.execute("select public.apply_plan(%s, %s)", (run["id"], found["base_revision"]))
    return outcome


def most_at_once(company: Company, thing: Row) -> int:
    """Count the claims on a bay or a machine at the moment when there are most of them."""
    most: int = sql.value(
        company.db,
        """
        select coalesce(max((
            select count(*) from public.reservations as r
            where r.resource_id = moment.resource_id and r.released_at is null and r.during @> lower(moment.during)
        )), 0)
        from public.reservations as moment
        where moment.resource_id = %s and moment.released_at is null
        """,
        (thing["id"],),
    )
    return most


def service(company: Company, minutes: int, before: int, after: int, machine: Row | None = None) -> Row:
    """Add work in a bay, or else with a machine."""
    made = company.service(
        place_kind="bay" if machine is None else "site",
        standard_duration_minutes=minutes,
        buffer_before_minutes=before,
        buffer_after_minutes=after,
    )
    if machine is not None:
        company.add("service_equipment", service_id=made["id"], resource_id=machine["id"])
    return made


def machines(company: Company, facility: Row) -> Row:
    return company.add("resources", facility_id=facility["id"], kind="equipment", name="Machine", capacity=2)


def wanted(company: Company, kind: Row, hour: float, minutes: int = 0) -> Row:
    """Add a job that may start so many minutes from an hour."""
    job = company.job(service=kind)
    company.add(
        "job_time_windows",
        dispatch_job_id=job["id"],
        window_start=at(hour),
        window_end=at(hour) + minutes * MINUTE + timedelta(seconds=1),
    )
    return job


def cancel(company: Company, visit: Row) -> None:
    company.db.execute("update public.appointments set status = 'canceled' where id = %s", (visit["id"],))


@pytest.mark.parametrize("seed", range(count(2, 50)))
def test_a_crowded_shop_is_planned_as_the_ledger_takes_it(
    database: tuple[psycopg.Connection[Any], Database], company: Company, seed: int
) -> None:
    chance = random.Random(seed)
    facility = company.facility(latitude=CITY[0], longitude=CITY[1])
    bays = [company.bay(facility) for _ in range(2)]
    machine = machines(company, facility)
    kinds = [
        service(
            company,
            chance.choice([25, 30, 45, 70]),
            chance.choice([0, 5, 15, 40]),
            chance.choice([0, 5, 15]),
            machine if number > 2 else None,
        )
        for number in range(5)
    ]
    # What people booked and canceled leaves claims in either lane.
    for _ in range(6):
        kind = chance.choice(kinds)
        visit = {"starts_at": at(chance.uniform(7, 18))} | {
            name: kind[name] for name in ("buffer_before_minutes", "buffer_after_minutes")
        }
        if kind["place_kind"] == "bay":
            visit |= {"facility_id": facility["id"], "bay_id": chance.choice(bays)["id"]}
        with suppress(psycopg.errors.ExclusionViolation):
            booked = company.visit(company.job(service=kind), **visit)
            if chance.random() < 0.5:
                cancel(company, booked)
    for _ in range(24):
        wanted(
            company, chance.choice(kinds), 7 + chance.randrange(100) / 10, chance.choice([0, 3, 10, 60, 240])
        )
    outcome = planned(database[1], company)
    assert outcome.refusals == 0, "the engine and the ledger disagree"
    assert outcome.visits > 4
    assert [most_at_once(company, thing) for thing in (*bays, machine)] == [1, 1, 2]


def test_room_is_found_in_whichever_lane_has_it(
    database: tuple[psycopg.Connection[Any], Database], company: Company
) -> None:
    machine = machines(company, company.facility())
    hour = service(company, 60, 0, 0, machine)
    first, _ = (company.visit(company.job(service=hour), starts_at=at(12)) for _ in range(2))
    cancel(company, first)
    wanted(company, service(company, 180, 0, 0, machine), 9)
    wanted(company, service(company, 120, 0, 0, machine), 11)
    # Its claim begins before the one of a visit that starts earlier.
    wanted(company, service(company, 30, 150, 0, machine), 17)
    wanted(company, hour, 15)
    outcome = planned(database[1], company)
    assert (outcome.unserved, outcome.refusals) == (0, 0)
    assert most_at_once(company, machine) == 2


def test_a_visit_for_which_there_is_no_bay_after_all_is_named(company: Company) -> None:
    facility = company.facility()
    bay = company.bay(facility)
    half = service(company, 30, 0, 15)
    jobs = [company.job(service=half, facility_id=facility["id"]) for _ in range(2)]
    people = sql.rows(
        company.db,
        "select * from public.technician_profiles where org_id = %s order by id limit 2",
        (company.id,),
    )
    routes = [
        (person, [stop(company, job, hour) | {"is_joint": True, "resource_id": str(bay["id"])}])
        for person, job, hour in zip(people, jobs, (9, 9.5), strict=True)
    ]
    run = propose(company, run_for(company), routes)
    found = sql.value(company.db, "select private.judge_plan(%s)", (run["id"],))
    assert [(one["code"], one["job_id"]) for one in found] == [("resource_overlap", str(jobs[1]["id"]))]

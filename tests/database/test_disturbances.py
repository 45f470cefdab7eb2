"""What happens to the days at hand is noted, and becomes one run a day when it has been quiet for a moment (OPT-8)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support import sql
from support.booking import HERE, at
from support.factory import CITY, MONDAY, Company
from support.noon import zone_at_noon
from support.plan import assignment_of
from support.sql import AsUser, Connection, Row

KINDS = "select cause ->> 'kind' as kind from private.disturbances order by id"


@pytest.fixture
def company(db: Connection) -> Company:
    return Company(db, reoptimization_days=366)


def booked(company: Company, technician: Row, hour: float, **values: Any) -> Row:
    """Book a job of an hour in the centre; return the visit."""
    job = company.job(company.site(company.customer(), **HERE))
    return company.visit(job, technician, starts_at=at(hour), visit_number=None, **values)


def kinds(db: Connection) -> list[str]:
    return [row["kind"] for row in sql.rows(db, KINDS)]


def queue(db: Connection, quiet: str = "0 seconds") -> int:
    queued: int = sql.value(db, "select private.queue_replans(%s::interval)", (quiet,))
    return queued


def runs(db: Connection) -> list[Row]:
    return sql.rows(db, "select * from public.optimization_runs order by created_at, starts_on")


def cancel(db: Connection, visit: Row) -> None:
    db.execute("select public.cancel_appointment(%s, 'customer_request')", (visit["id"],))


def absent(company: Company, technician: Row, start: float, end: float, **values: Any) -> None:
    company.add(
        "technician_time_off",
        **{"technician_id": technician["id"], "starts_at": at(start), "ends_at": at(end), "reason": "sick"}
        | values,
    )


def test_cancellations_of_a_day_become_one_run(db: Connection, as_user: AsUser, company: Company) -> None:
    ann, bob, eve = (company.technician() for _ in range(3))
    visits = [booked(company, ann, 9), booked(company, ann, 11), booked(company, bob, 9)]
    tuesday = booked(company, ann, 24 + 9)
    with as_user(company.member("dispatcher")):
        for visit in (*visits, tuesday):
            cancel(db, visit)
    assert queue(db, "1 minute") == 0, "a moment of quiet is waited for"
    assert queue(db) == 2
    monday, other = runs(db)
    assert (monday["kind"], monday["status"], monday["mode"]) == ("reoptimize", "queued", "propose")
    assert [run["starts_on"] for run in (monday, other)] == [at(0).date(), at(24).date()]
    assert [cause["kind"] for cause in monday["causes"]] == ["visit_canceled"] * 3
    assert set(monday["technician_ids"]) == {ann["id"], bob["id"], eve["id"]}
    assert monday["label"] == "After visit canceled"
    assert kinds(db) == []


def test_what_comes_while_a_run_waits_or_works_is_taken_up_after_it(db: Connection, company: Company) -> None:
    ann = company.technician()
    first, second = booked(company, ann, 9), booked(company, ann, 11)
    cancel(db, first)
    assert queue(db) == 1
    cancel(db, second)
    assert queue(db) == 0
    run = sql.one(db, "select * from private.claim_run('one', '1 minute')")
    assert queue(db) == 0
    db.execute("update public.optimization_runs set status = 'proposed' where id = %s", (run["id"],))
    assert queue(db) == 1
    assert [one["status"] for one in runs(db)] == ["expired", "queued"], "an older proposal makes way"


def test_absence_is_noted_where_it_meets_visits(db: Connection, company: Company) -> None:
    ann = company.technician()
    booked(company, ann, 9)
    booked(company, ann, 14)
    absent(company, ann, 10, 13)
    absent(company, ann, 9, 12, minutes=30, reason="break")
    assert kinds(db) == []
    absent(company, ann, 8, 12, recurrence_rule="FREQ=WEEKLY;COUNT=3")
    absent(company, ann, 13, 17)
    assert kinds(db) == ["technician_absent"] * 2


def test_a_company_that_wants_none_of_it_gets_none(db: Connection, company: Company) -> None:
    ann = company.technician()
    db.execute("update public.orgs set reoptimization = 'off'")
    absent(company, ann, 0, 24)
    cancel(db, booked(company, ann, 9))
    db.execute("update public.orgs set reoptimization = 'commit', reoptimization_days = 3")
    cancel(db, booked(company, ann, 11))
    assert kinds(db) == [], "that day is not at hand yet"
    db.execute("update public.orgs set reoptimization_days = 366")
    cancel(db, booked(company, ann, 13))
    queue(db)
    assert [run["mode"] for run in runs(db)] == ["commit"]


def test_a_job_that_overruns_is_noted_once_until_it_gets_much_worse(db: Connection) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    company = Company(db, reoptimization_days=366, time_zone=zone_at_noon())
    ann = company.technician(shift=None)
    site = company.site(company.customer(), **HERE)
    running, after = company.job(site), company.job(site)
    visit = company.visit(running, ann, starts_at=now - timedelta(minutes=75))
    company.visit(after, ann, starts_at=now + timedelta(minutes=30))
    for status in ("en_route", "on_site"):
        db.execute(
            "update public.job_assignments set status = %s where appointment_id = %s", (status, visit["id"])
        )
    began = "update public.job_assignments set actual_start_at = %s where appointment_id = %s"
    db.execute(began, (now - timedelta(minutes=75), visit["id"]))
    for _ in range(2):
        db.execute("select private.note_overruns()")
    assert kinds(db) == ["overrun"]
    end = sql.value(
        db,
        "select private.expected_end(a, now()) from public.job_assignments as a where a.id = %s",
        (assignment_of(company, visit)["id"],),
    )
    assert end >= now
    db.execute(began, (now + timedelta(minutes=15), visit["id"]))
    db.execute("select private.note_overruns()")
    assert kinds(db) == ["overrun", "overrun"]


def test_a_road_that_takes_longer_than_there_is_time_is_noted(db: Connection, company: Company) -> None:
    ann = company.technician()
    far = company.site(company.customer(), latitude=CITY[0] + 0.1, longitude=CITY[1])
    booked(company, ann, 9)
    company.visit(company.job(far), ann, starts_at=at(10.5))
    known = """
        select private.keep_travel_times(
            'test', '{any}', '1 day', '{any}', array[%(a)s], array[%(b)s], array[%(c)s], array[%(b)s],
            array[%(s)s], '{9000}'
        )
    """
    places = {"a": CITY[0], "b": CITY[1], "c": CITY[0] + 0.1}
    for seconds, noted in ((1200, 0), (1800, 0), (3000, 1), (3000, 1), (6000, 2)):
        db.execute(known, places | {"s": seconds})
        db.execute("select private.note_travel_changes()")
        assert kinds(db) == ["travel_changed"] * noted, seconds


def test_the_scope_is_who_is_concerned_and_who_could_take_over(db: Connection, company: Company) -> None:
    ann = company.technician({"plumbing": 3})
    able = company.technician({"plumbing": 3})
    near = company.technician({"electrical": 3})
    company.technician({"electrical": 3}, shift=None)
    job = company.job(company.site(company.customer(), **HERE), required_skills={"plumbing": 1})
    company.visit(job, ann)
    scope = "select private.replan_scope(%s, %s, %s, '{}', %s)"
    assert sql.value(db, scope, (company.id, MONDAY.date(), [ann["id"]], 1)) == [ann["id"], able["id"]]
    assert set(sql.value(db, scope, (company.id, MONDAY.date(), [ann["id"]], 9))) == {
        ann["id"],
        able["id"],
        near["id"],
    }


def test_clients_neither_note_nor_queue(db: Connection, as_user: AsUser, company: Company) -> None:
    with as_user(company.member("owner")):
        for call in (
            "select private.queue_replans()",
            "select private.note_overruns()",
            "table private.disturbances",
        ):
            with sql.refused(db, "42501"):
                db.execute(call)

"""Availability in SQL, held to a count of minutes in Python, and each rule of it by name (AVL-3 to AVL-7)."""

from __future__ import annotations

import datetime as dt
from typing import LiteralString

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from support import sql
from support.availability import MINUTE, Week, count_minutes, insert_week, stretches, weeks
from support.effort import examples
from support.factory import Company
from support.recurrence import HORIZON, Span
from support.sql import Connection, Row

BOUNDS: LiteralString = """
    (select coalesce(jsonb_agg(jsonb_build_array(lower(s), upper(s)) order by s), '[]') from unnest({}) as s) as {}
"""
WHOLE_PERIOD: LiteralString = "tstzmultirange(tstzrange(%(earliest)s, %(latest)s))"


def read(bounds: list[list[str]] | None) -> list[Span]:
    return [(dt.datetime.fromisoformat(start), dt.datetime.fromisoformat(end)) for start, end in bounds or []]


def times(db: Connection, company: Company, technicians: list[Row], period: Span) -> dict[str, Row]:
    found = sql.rows(
        db,
        "select t.id,"
        + BOUNDS.format(f"w.during * {WHOLE_PERIOD}", "working")
        + ","
        + BOUNDS.format(f"c.during * {WHOLE_PERIOD}", "claimed")
        + ","
        + BOUNDS.format("f.during", "free")
        + """
        from (select tstzrange(%(earliest)s, %(latest)s) as during) as p
        cross join unnest(%(ids)s::uuid[]) as t (id)
        left join private.working_time(%(org)s, %(ids)s, p.during) as w on t.id = w.technician_id
        left join private.claimed_time(%(org)s, %(ids)s, p.during) as c on t.id = c.technician_id
        left join private.free_time(%(org)s, %(ids)s, p.during) as f on t.id = f.technician_id
        """,
        {
            "org": company.id,
            "ids": [technician["id"] for technician in technicians],
            "earliest": period[0],
            "latest": period[1],
        },
    )
    return {str(row["id"]): row for row in found}


@pytest.fixture(autouse=True, scope="module")
def _dateutil_stops_early() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dt, "MAXYEAR", HORIZON.year)
        yield


@settings(
    max_examples=examples(80),
    deadline=None,
    phases=[Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(week=weeks(), grid=st.sampled_from([5, 7, 15, 30, 60, 240]), duration=st.integers(1, 600))
def test_free_time_is_what_counting_minutes_gives(
    db: Connection, week: Week, grid: int, duration: int
) -> None:
    earliest, latest = week.period
    with db.transaction(force_rollback=True):
        company = Company(db)
        technicians = insert_week(company, week)
        found = times(db, company, technicians, week.period)
        soonest = {}
        for technician, person in zip(technicians, week.people, strict=True):
            expected, row = count_minutes(week, person), found[str(technician["id"])]
            assert read(row["working"]) == stretches(expected.working, earliest), person
            assert read(row["claimed"]) == stretches(expected.claimed, earliest), person
            free = stretches(expected.free, earliest)
            assert read(row["free"]) == free, person

            cells = sql.rows(
                db,
                "select * from public.person_calendar(%s, %s, %s, %s)",
                (technician["id"], earliest, latest, grid),
            )
            assert [cell["starts_at"] for cell in cells] == [
                earliest,
                *[cell["ends_at"] for cell in cells][:-1],
            ]
            assert cells[-1]["ends_at"] == latest
            for cell in cells:
                minutes = range(*(int((cell[at] - earliest) / MINUTE) for at in ("starts_at", "ends_at")))
                assert cell["available"] == all(expected.free[minute] for minute in minutes), (person, cell)
                assert cell["available"] == (cell["why"] is None)

            long_enough = [(a, b) for a, b in free if b - a >= duration * MINUTE]
            if long_enough:
                minutes_free = sum(int((b - a) / MINUTE) for a, b in long_enough)
                soonest[technician["id"]] = (long_enough[0][0], minutes_free)

        people = sql.rows(
            db,
            "select * from public.available_people(null, '{}', %s, %s, %s, 10, %s)",
            (earliest, latest, duration, company.id),
        )
        assert {row["technician_id"]: (row["next_free_at"], row["free_minutes"]) for row in people} == soonest
        assert [row["next_free_at"] for row in people] == sorted(start for start, _ in soonest.values())

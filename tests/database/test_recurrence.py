"""Recurrence rules, checked against python-dateutil and zoneinfo, and each trap by name."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support import sql
from support.recurrence import HORIZON, Recurring, Span, expected_occurrences, recurring
from support.sql import Connection

EXPAND = """
select c.number, o.occurrences
from jsonb_to_recordset(%s::jsonb) as c (
    number integer, rule text, starts_at timestamptz, ends_at timestamptz, time_zone text,
    excluded_on date[], period tstzrange
)
cross join lateral (
    select private.parse_recurrence(c.rule, c.starts_at, c.ends_at, c.time_zone) as recurrence offset 0
) as p
cross join lateral (
    select coalesce(jsonb_agg(jsonb_build_array(lower(o), upper(o)) order by o), '[]') as occurrences
    from private.occurrences(p.recurrence, c.starts_at, c.ends_at, c.time_zone, c.excluded_on, c.period) as o
) as o
order by c.number
"""


@pytest.fixture(autouse=True, scope="module")
def _dateutil_stops_early() -> Iterator[None]:
    """Keep dateutil from searching rules that never match up to the year 9999."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dt, "MAXYEAR", HORIZON.year)
        yield


def expand(db: Connection, cases: list[Recurring]) -> list[list[Span]]:
    numbered = [{"number": number, **case.parameters()} for number, case in enumerate(cases)]
    with db.transaction():
        found = sql.rows(db, EXPAND, (json.dumps(numbered),))
    return [
        [
            (dt.datetime.fromisoformat(start), dt.datetime.fromisoformat(end))
            for start, end in row["occurrences"]
        ]
        for row in found
    ]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases=st.lists(recurring(), min_size=30, max_size=60))
def test_occurrences_are_those_of_dateutil_in_the_zone(db: Connection, cases: list[Recurring]) -> None:
    for case, occurrences in zip(cases, expand(db, cases), strict=True):
        assert occurrences == expected_occurrences(case), case

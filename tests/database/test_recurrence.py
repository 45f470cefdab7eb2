"""Recurrence rules, checked against python-dateutil and zoneinfo, and each trap by name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from support import sql
from support.effort import examples
from support.recurrence import (
    CLOCK_CHANGES,
    HORIZON,
    Recurring,
    clock_changes,
    days,
    expand,
    expected_occurrences,
    occurrences,
    recurring,
)
from support.sql import Connection


@pytest.fixture(autouse=True, scope="module")
def _dateutil_stops_early() -> Iterator[None]:
    """Keep dateutil from searching rules that never match up to the year 9999."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dt, "MAXYEAR", HORIZON.year)
        yield


# Not shrunk: the failing case is named by itself, and thousands of cases go in few round trips.
@settings(
    max_examples=examples(40),
    deadline=None,
    phases=[Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(cases=st.lists(recurring(), min_size=30, max_size=60))
def test_occurrences_are_those_of_dateutil_in_the_zone(db: Connection, cases: list[Recurring]) -> None:
    for case, found in zip(cases, expand(db, cases), strict=True):
        assert found == expected_occurrences(case), case


def test_wall_clock_times_are_read_as_zoneinfo_reads_them(db: Connection) -> None:
    """Every quarter of an hour within a day of every change, a two-hour one (Troll) among them."""
    quarters = [dt.timedelta(minutes=15 * n) for n in range(-100, 100)]
    walls = [
        (zone, change.astimezone(ZoneInfo(zone)).replace(tzinfo=None) + quarter)
        for zone in (*CLOCK_CHANGES, "Antarctica/Troll")
        for change in clock_changes(zone)
        for quarter in quarters
    ]
    found = sql.value(
        db,
        """
        select array_agg(private.local_instant(w.wall_clock, w.zone) order by w.number)
        from unnest(%s::text[], %s::timestamp[]) with ordinality as w (zone, wall_clock, number)
        """,
        ([zone for zone, _ in walls], [wall for _, wall in walls]),
    )
    for (zone, wall), instant in zip(walls, found, strict=True):
        assert instant == wall.replace(tzinfo=ZoneInfo(zone)).astimezone(dt.UTC), (zone, wall)


def test_a_day_shift_keeps_its_hours_when_the_clocks_go_back(db: Connection) -> None:
    found = occurrences(
        db, "FREQ=DAILY", ("2026-10-01T08:00", "2026-10-01T17:00"), ("2026-10-31", "2026-11-03")
    )
    assert found == [
        ("2026-10-31T08:00-04:00", "2026-10-31T17:00-04:00"),
        ("2026-11-01T08:00-05:00", "2026-11-01T17:00-05:00"),
        ("2026-11-02T08:00-05:00", "2026-11-02T17:00-05:00"),
    ]


def test_a_half_hour_change_moves_no_shift_either(db: Connection) -> None:
    found = occurrences(
        db,
        "FREQ=DAILY",
        ("2026-04-01T08:00", "2026-04-01T17:00"),
        ("2026-04-04", "2026-04-06"),
        zone="Australia/Lord_Howe",
    )
    assert found == [
        ("2026-04-04T08:00+11:00", "2026-04-04T17:00+11:00"),
        ("2026-04-05T08:00+10:30", "2026-04-05T17:00+10:30"),
    ]


def test_a_night_shift_is_an_hour_longer_or_shorter_when_the_clocks_change(db: Connection) -> None:
    night = ("2026-01-01T22:00", "2026-01-02T06:00")
    assert occurrences(db, "FREQ=DAILY", night, ("2026-10-31T20:00", "2026-11-01T20:00")) == [
        ("2026-10-31T22:00-04:00", "2026-11-01T06:00-05:00")
    ]
    assert occurrences(db, "FREQ=DAILY", night, ("2026-03-07T20:00", "2026-03-08T20:00")) == [
        ("2026-03-07T22:00-05:00", "2026-03-08T06:00-04:00")
    ]


def test_a_night_shift_that_began_before_the_period_is_found(db: Connection) -> None:
    found = occurrences(
        db, "FREQ=WEEKLY", ("2026-06-01T22:00", "2026-06-02T06:00"), ("2026-06-09T05:00", "2026-06-09T12:00")
    )
    assert found == [("2026-06-08T22:00-04:00", "2026-06-09T06:00-04:00")]


def test_an_occurrence_that_ends_as_the_period_begins_is_not_found(db: Connection) -> None:
    shift = ("2026-06-01T08:00", "2026-06-01T12:00")
    assert occurrences(db, "FREQ=DAILY", shift, ("2026-06-05T12:00", "2026-06-06T08:00")) == []


def test_a_start_in_the_skipped_hour_is_read_with_the_offset_before_it(db: Connection) -> None:
    found = occurrences(
        db, "FREQ=DAILY", ("2026-03-01T02:30", "2026-03-01T09:00"), ("2026-03-08", "2026-03-09")
    )
    assert found == [("2026-03-08T03:30-04:00", "2026-03-08T09:00-04:00")]


def test_an_occurrence_of_which_the_skipped_hour_leaves_nothing_falls_away(db: Connection) -> None:
    found = occurrences(
        db, "FREQ=DAILY", ("2026-03-01T02:30", "2026-03-01T03:15"), ("2026-03-07", "2026-03-10")
    )
    assert days(found) == ["2026-03-07", "2026-03-09"]


def test_a_start_in_the_doubled_hour_is_the_first_of_the_two(db: Connection) -> None:
    found = occurrences(
        db, "FREQ=DAILY", ("2026-10-01T01:30", "2026-10-01T09:00"), ("2026-11-01", "2026-11-02")
    )
    assert found == [("2026-11-01T01:30-04:00", "2026-11-01T09:00-05:00")]


def test_until_includes_the_day_or_the_instant_it_names(db: Connection) -> None:
    shift, period = ("2026-06-01T20:00", "2026-06-01T23:00"), ("2026-06-01", "2026-06-10")
    for until, last in {
        "20260604": "2026-06-04",
        "20260604T200000": "2026-06-04",
        "20260604T195959": "2026-06-03",
        "20260605T000000Z": "2026-06-04",  # 20:00 in New York
        "20260604T235959Z": "2026-06-03",
    }.items():
        assert days(occurrences(db, f"FREQ=DAILY;UNTIL={until}", shift, period))[-1] == last, until


def test_count_includes_the_excluded_days(db: Connection) -> None:
    found = occurrences(
        db,
        "FREQ=DAILY;COUNT=4",
        ("2026-06-01T08:00", "2026-06-01T17:00"),
        ("2026-05-01", "2026-07-01"),
        excluded_on=("2026-06-02", "2026-06-03"),
    )
    assert days(found) == ["2026-06-01", "2026-06-04"]


def test_count_without_enough_matches_has_no_end(db: Connection) -> None:
    shift = ("2024-02-29T08:00", "2024-02-29T17:00")
    assert days(occurrences(db, "FREQ=YEARLY;COUNT=99", shift, ("2027-01-01", "2033-01-01"))) == [
        "2028-02-29",
        "2032-02-29",
    ]
    assert (
        occurrences(db, "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=3", shift, ("2026-01-01", "2027-01-01"))
        == []
    )


def test_a_first_time_that_does_not_match_the_rule_is_no_occurrence(db: Connection) -> None:
    found = occurrences(
        db,
        "FREQ=WEEKLY;BYDAY=TU;COUNT=2",
        ("2026-06-01T08:00", "2026-06-01T17:00"),  # a Monday
        ("2026-05-01", "2026-07-01"),
    )
    assert days(found) == ["2026-06-02", "2026-06-09"]


def test_excluded_days_are_local_days(db: Connection) -> None:
    """A shift at 20:00 in New York starts on the next day in UTC."""
    found = occurrences(
        db,
        "FREQ=DAILY",
        ("2026-06-01T20:00", "2026-06-01T23:00"),
        ("2026-06-01", "2026-06-04"),
        excluded_on=("2026-06-02",),
    )
    assert days(found) == ["2026-06-01", "2026-06-03"]


@pytest.mark.parametrize(
    ("week_start", "expected"),
    [
        ("MO", ["1997-08-05", "1997-08-10", "1997-08-19", "1997-08-24"]),
        ("SU", ["1997-08-05", "1997-08-17", "1997-08-19", "1997-08-31"]),
    ],
)
def test_the_first_day_of_the_week_matters_every_second_week(
    db: Connection, week_start: str, expected: list[str]
) -> None:
    """The example of RFC 5545, 3.8.5.3."""
    found = occurrences(
        db,
        f"RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST={week_start}",
        ("1997-08-05T09:00", "1997-08-05T10:00"),
        ("1997-01-01", "1998-01-01"),
    )
    assert days(found) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("FREQ=MONTHLY", ["2026-01-31", "2026-03-31", "2026-05-31"]),
        (
            "FREQ=MONTHLY;BYMONTHDAY=-1",
            ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"],
        ),
        ("FREQ=MONTHLY;BYDAY=-1FR;INTERVAL=2", ["2026-03-27", "2026-05-29"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=2", ["2026-02-27", "2026-03-31"]),
        ("FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", ["2026-02-13", "2026-03-13"]),
        ("FREQ=YEARLY;BYDAY=20MO", ["2026-05-18"]),
        ("FREQ=YEARLY;BYMONTH=5;BYDAY=2SU", ["2026-05-10"]),
        ("freq=yearly;bymonth=4;bymonthday=-30,2", ["2026-04-01", "2026-04-02"]),
    ],
)
def test_months_and_years(db: Connection, rule: str, expected: list[str]) -> None:
    first = ("2026-01-31T08:00", "2026-01-31T17:00")
    assert days(occurrences(db, rule, first, ("2026-01-01", "2026-06-01"))) == expected


def test_plain_and_numbered_weekdays_add_up(db: Connection) -> None:
    """As in RFC 5545; dateutil finds only days that are both."""
    first = ("2026-06-01T08:00", "2026-06-01T17:00")
    found = occurrences(db, "FREQ=MONTHLY;BYDAY=MO,1WE", first, ("2026-06-01", "2026-06-16"))
    assert days(found) == ["2026-06-01", "2026-06-03", "2026-06-08", "2026-06-15"]


def test_positions_count_in_the_whole_first_week(db: Connection) -> None:
    """As in RFC 5545; dateutil would count from the Wednesday on which it starts."""
    first = ("2026-06-03T08:00", "2026-06-03T17:00")
    found = occurrences(db, "FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=1", first, ("2026-06-01", "2026-06-16"))
    assert days(found) == ["2026-06-08", "2026-06-15"]


def test_without_a_rule_the_time_stands_once_exactly_as_given(db: Connection) -> None:
    """In the second of the doubled hours, which no wall clock time names."""
    once = ("2026-11-01T06:15+00:00", "2026-11-01T06:45+00:00")
    expected = [("2026-11-01T01:15-05:00", "2026-11-01T01:45-05:00")]
    assert occurrences(db, None, once, ("2026-11-01", "2026-11-02")) == expected
    assert occurrences(db, None, once, ("2026-11-02", "2026-11-03")) == []


def test_a_time_that_ends_before_it_starts_by_the_clock_cannot_repeat(db: Connection) -> None:
    with sql.refused(db, "PT400", "recurrence_rule_invalid"):
        occurrences(
            db,
            "FREQ=DAILY",
            ("2026-11-01T05:45+00:00", "2026-11-01T06:15+00:00"),  # 01:45 until 01:15
            ("2026-11-01", "2026-11-02"),
        )

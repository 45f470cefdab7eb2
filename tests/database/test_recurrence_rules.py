"""Which recurrence rules are accepted, and how their parsed form is kept."""

from __future__ import annotations

import datetime as dt

import pytest

from support import sql
from support.sql import Connection


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("", "needs FREQ"),
        ("RRULE:", "needs FREQ"),
        ("FREQ=HOURLY", "FREQ=HOURLY is not understood"),
        ("FREQ=WEEKLY;", "is not a part"),
        ("BYDAY=MO", "needs FREQ"),
        ("FREQ=WEEKLY;FREQ=DAILY", "FREQ is given twice"),
        ("FREQ=WEEKLY;BYHOUR=8", "BYHOUR"),
        ("FREQ=WEEKLY\nEXDATE=20260101", "FREQ=WEEKLY\n"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL=0"),
        ("FREQ=DAILY;COUNT=0", "COUNT=0"),
        ("FREQ=DAILY;COUNT=-3", "COUNT=-3"),
        ("FREQ=DAILY;COUNT=3;UNTIL=20270101", "not by both"),
        ("FREQ=DAILY;UNTIL=20270229", "UNTIL=20270229"),
        ("FREQ=DAILY;UNTIL=2027-01-01", "UNTIL=2027-01-01"),
        ("FREQ=DAILY;UNTIL=20270101T240000", "UNTIL=20270101T240000"),
        ("FREQ=WEEKLY;BYDAY=XX", "BYDAY=XX"),
        ("FREQ=WEEKLY;BYDAY=MO,", "BYDAY=MO,"),
        ("FREQ=WEEKLY;BYDAY=1MO", "numbered weekday"),
        ("FREQ=MONTHLY;BYDAY=0MO", "BYDAY=0MO"),
        ("FREQ=MONTHLY;BYDAY=6MO", "at most five"),
        ("FREQ=YEARLY;BYMONTH=3;BYDAY=MO,-10TU", "at most five"),
        ("FREQ=YEARLY;BYDAY=54MO", "BYDAY=54MO"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "no meaning in a weekly rule"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "BYMONTHDAY=32"),
        ("FREQ=MONTHLY;BYMONTHDAY=0", "BYMONTHDAY=0"),
        ("FREQ=YEARLY;BYMONTH=13", "BYMONTH=13"),
        ("FREQ=MONTHLY;BYSETPOS=1", "BYSETPOS picks"),
        ("FREQ=MONTHLY;BYDAY=MO;BYSETPOS=367", "positions from 1 to 366"),
        ("FREQ=WEEKLY;WKST=1", "WKST=1"),
        ("FREQ=DAILY;INTERVAL=" + "0" * 500 + "1", "500 characters"),
    ],
)
def test_a_rule_that_is_not_understood_is_refused_with_the_reason(
    db: Connection, rule: str, reason: str
) -> None:
    fault = sql.value(db, "select private.recurrence_rule_fault(%s)", (rule,))
    assert reason in (fault or "")
    assert sql.value(db, "select private.check_recurrence_rule(%s)", (rule,)) is False


def test_no_rule_passes_the_check(db: Connection) -> None:
    assert sql.value(db, "select private.check_recurrence_rule(null)") is True


def test_the_stored_recurrence_follows_its_columns_whoever_writes(db: Connection) -> None:
    db.execute(
        """
        create table public.openings (
            id int primary key, starts_at timestamptz, ends_at timestamptz, time_zone text,
            recurrence_rule text, excluded_on date[] default '{}', recurrence private.recurrence
        );
        create trigger openings_recurrence before insert or update on public.openings
        for each row execute function private.set_recurrence();
        insert into public.openings (id, starts_at, ends_at, time_zone, recurrence_rule) values
        (1, '2026-06-01 20:00-04', '2026-06-01 23:00-04', 'America/New_York', 'FREQ=WEEKLY');
        """
    )
    first_on = "select (recurrence).first_on from public.openings"
    assert sql.value(db, first_on) == dt.date(2026, 6, 1)
    db.execute("update public.openings set time_zone = 'UTC'")
    assert sql.value(db, first_on) == dt.date(2026, 6, 2)
    db.execute("update public.openings set recurrence = null")
    assert sql.value(db, first_on) == dt.date(2026, 6, 2)
    with sql.refused(db, "PT400", "recurrence_rule_invalid"):
        db.execute("update public.openings set recurrence_rule = 'FREQ=SECONDLY'")
    db.execute("update public.openings set recurrence_rule = null")
    assert sql.value(db, first_on) is None


def test_occurrences_are_expanded_inside_the_calling_query(db: Connection) -> None:
    """Called as a function, each rule would cost a statement of its own."""
    db.execute(
        """
        create table public.openings (
            starts_at timestamptz, ends_at timestamptz, time_zone text, excluded_on date[],
            recurrence private.recurrence
        )
        """
    )
    plan = "\n".join(
        row["QUERY PLAN"]
        for row in sql.rows(
            db,
            """
            explain (verbose) select o from public.openings as s
            cross join lateral private.occurrences(
                s.recurrence, s.starts_at, s.ends_at, s.time_zone, s.excluded_on, '[2026-06-01,2026-06-15)'
            ) as o
            """,
        )
    )
    assert "generate_series" in plan
    for inlined in ("occurrences", "recurs_on", "recurrence_day_fits", "local_instant", "is_nth_weekday"):
        assert f"private.{inlined}(" not in plan

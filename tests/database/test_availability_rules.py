"""What makes somebody free or not, rule by rule, and who may see it (AVL-3 to AVL-7)."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from psycopg.types.range import Range

from support import sql
from support.booking import at
from support.factory import MONDAY, Company
from support.sql import Connection
from support.working_day import calendar, free_hours, hold, off, why


def test_on_call_and_overtime_can_be_booked_but_training_cannot(db: Connection) -> None:
    company = Company(db)
    technician = company.technician(shift=(8, 10))
    company.shift(technician, 10, 12, shift_type="overtime")
    company.shift(technician, 20, 22, shift_type="on_call")
    company.shift(technician, 14, 16, shift_type="training")
    company.shift(technician, 17, 18, is_active=False)
    assert free_hours(db, technician) == [(8, 12), (20, 22)]
    reasons = why(calendar(db, technician))
    assert (reasons[14], reasons[17], reasons[9]) == ("training", "off_shift", None)


def test_a_shift_that_began_the_day_before_counts(db: Connection) -> None:
    company = Company(db)
    technician = company.technician(shift=None)
    company.shift(technician, -2, 6, recurrence_rule=None)
    assert free_hours(db, technician) == [(0, 6)]


def test_time_off_recurs_in_the_technicians_zone(db: Connection) -> None:
    """A break at noon in New York is at 17:00 UTC in winter and at 16:00 from 14 March."""
    company = Company(db)
    technician = company.technician(shift=None, time_zone="America/New_York")
    company.shift(technician, 0, 24, recurrence_rule="FREQ=DAILY")
    off(
        company,
        technician,
        17,
        18,
        reason="break",
        recurrence_rule="FREQ=DAILY",
        excluded_on=[dt.date(2027, 3, 16)],
    )
    assert free_hours(db, technician, at(15), at(24)) == [(15, 17), (18, 24)]
    fortnight = 14 * 24
    assert free_hours(db, technician, at(fortnight + 15), at(fortnight + 24)) == [
        (fortnight + 15, fortnight + 16),
        (fortnight + 17, fortnight + 24),
    ]
    assert free_hours(db, technician, at(fortnight + 39), at(fortnight + 42)) == [
        (fortnight + 39, fortnight + 42)
    ]


def test_a_flexible_break_keeps_no_time_of_its_window(db: Connection) -> None:
    company = Company(db)
    technician = company.technician(shift=(8, 17))
    off(company, technician, 11, 14, reason="break", minutes=30)
    assert free_hours(db, technician) == [(8, 17)]


def test_a_holiday_lasts_from_local_midnight_to_midnight(db: Connection) -> None:
    """On 14 March 2027 that is 23 hours in New York, from 05:00 to 04:00 UTC."""
    company = Company(db)
    technician = company.technician(shift=None, time_zone="America/New_York")
    company.shift(technician, 0, 24, recurrence_rule="FREQ=DAILY")
    company.add("holidays", observed_on=dt.date(2027, 3, 14), name="Inventory")
    day = 13 * 24
    assert free_hours(db, technician, at(day), at(day + 36)) == [(day, day + 5), (day + 28, day + 36)]


def test_a_branchs_holiday_is_for_those_based_there(db: Connection) -> None:
    company = Company(db)
    branch = company.facility()
    there, elsewhere = company.technician(facility_id=branch["id"]), company.technician()
    company.add("holidays", observed_on=MONDAY.date(), name="Moving", facility_id=branch["id"])
    assert free_hours(db, there) == []
    assert free_hours(db, elsewhere) == [(8, 17)]
    assert why(calendar(db, there))[9] == "holiday"


def test_busy_time_of_ones_own_calendar_is_unavailable(db: Connection) -> None:
    company = Company(db)
    technician = company.technician()
    company.add(
        "external_busy_times",
        technician_id=technician["id"],
        during=Range(at(9), at(10.5)),
        source="google",
        external_id="1",
    )
    assert free_hours(db, technician) == [(8, 9), (10.5, 17)]
    assert (why(calendar(db, technician))[9], why(calendar(db, technician))[10]) == ("busy", "busy")


def test_time_is_claimed_when_all_lanes_are(db: Connection) -> None:
    company = Company(db)
    technician = company.technician(max_concurrent_jobs=2)
    hold(company, technician, 9, 12, lane=1)
    hold(company, technician, 11, 14, lane=2)
    assert free_hours(db, technician) == [(8, 11), (12, 17)]


def test_an_expired_hold_claims_nothing(db: Connection) -> None:
    company = Company(db)
    technician = company.technician()
    hold(company, technician, 9, 10, hours_left=-1)
    hold(company, technician, 11, 12)
    assert free_hours(db, technician) == [(8, 11), (12, 17)]


def test_the_visit_to_be_moved_and_ones_own_hold_can_be_left_out(db: Connection) -> None:
    company = Company(db)
    technician = company.technician()
    visit = company.visit(company.job(), technician, starts_at=at(9))
    held = hold(company, technician, 13, 14)
    assert free_hours(db, technician) == [(8, 9), (10, 13), (14, 17)]
    assert free_hours(db, technician, appointment=visit["id"], hold=held["hold_token"]) == [(8, 17)]


def test_the_calendar_says_why_not_and_which_visit(db: Connection) -> None:
    company = Company(db)
    technician = company.technician()
    visit = company.visit(company.job(), technician, starts_at=at(9))
    hold(company, technician, 11, 12)
    off(company, technician, 13, 14, reason="sick")
    cells = calendar(db, technician)
    reasons = why(cells)
    assert [reasons[hour] for hour in (7, 8, 9, 10, 11, 12, 13)] == [
        "off_shift", None, "booked", None, "held", None, "sick",
    ]  # fmt: skip
    assert [cell["appointment_id"] for cell in cells if cell["appointment_id"]] == [visit["id"]]
    assert [cell["available"] for cell in cells] == [reason is None for reason in reasons.values()]


def test_a_lane_left_keeps_the_cell_available_with_its_visit(db: Connection) -> None:
    company = Company(db)
    technician = company.technician(max_concurrent_jobs=2)
    visit = company.visit(company.job(), technician, starts_at=at(9))
    (cell,) = calendar(db, technician, at(9), at(10))
    assert (cell["available"], cell["why"], cell["appointment_id"]) == (True, None, visit["id"])


def test_the_grid_starts_anew_at_each_local_midnight(db: Connection) -> None:
    """Saturday ends, and Sunday, with its 23 hours, begins."""
    zone = ZoneInfo("America/New_York")
    technician = Company(db).technician(time_zone="America/New_York")
    saturday = dt.datetime(2027, 3, 13, 15, 30, tzinfo=zone)
    cells = calendar(db, technician, saturday, dt.datetime(2027, 3, 15, 1, 0, tzinfo=zone), grid=240)
    assert [cell["starts_at"].astimezone(zone).strftime("%a %H:%M") for cell in cells] == [
        "Sat 15:30", "Sat 16:00", "Sat 20:00",
        "Sun 00:00", "Sun 05:00", "Sun 09:00", "Sun 13:00", "Sun 17:00", "Sun 21:00",
        "Mon 00:00",
    ]  # fmt: skip
    assert cells[-1]["ends_at"] == dt.datetime(2027, 3, 15, 1, 0, tzinfo=zone)


@pytest.mark.parametrize(
    ("earliest", "latest", "grid", "code"),
    [
        (8, 8, 15, "period_invalid"),
        (9, 8, 15, "period_invalid"),
        (0, 92 * 24 + 1, 15, "period_invalid"),
        (8, 9, 4, "grid_invalid"),
        (8, 9, 241, "grid_invalid"),
    ],
)
def test_a_calendar_of_an_impossible_period_or_grid_is_refused(
    db: Connection, earliest: float, latest: float, grid: int, code: str
) -> None:
    technician = Company(db).technician()
    with sql.refused(db, "PT400", code):
        calendar(db, technician, at(earliest), at(latest), grid)


def test_the_database_reads_the_period_asked_for_and_no_history(db: Connection) -> None:
    company = Company(db)
    technicians = [company.technician() for _ in range(20)]
    db.execute(
        """
        -- Years of it, and nothing of what its triggers do is asked for.
        set local session_replication_role = replica;
        insert into public.technician_shifts (org_id, technician_id, time_zone, starts_at, ends_at)
        select org_id, id, 'UTC', d, d + interval '9 hours'
        from public.technician_profiles, generate_series('2025-01-01 08:00Z'::timestamptz, '2027-04-01', '1 day') as d;
        insert into public.technician_time_off (org_id, technician_id, time_zone, starts_at, ends_at)
        select org_id, id, 'UTC', d, d + interval '1 hour'
        from public.technician_profiles, generate_series('2025-01-01 12:00Z'::timestamptz, '2027-04-01', '1 day') as d;
        insert into public.external_busy_times (org_id, technician_id, during, source, external_id)
        select org_id, id, tstzrange(d, d + interval '1 hour'), 'google', d::text
        from public.technician_profiles, generate_series('2025-01-01 10:00Z'::timestamptz, '2027-04-01', '1 day') as d;
        insert into public.reservations (org_id, technician_id, during, kind, hold_token, hold_expires_at)
        select org_id, id, tstzrange(d, d + interval '1 hour'), 'held', gen_random_uuid(), 'infinity'
        from public.technician_profiles, generate_series('2025-01-01 15:00Z'::timestamptz, '2027-04-01', '1 day') as d;
        set local session_replication_role = origin;
        analyze public.technician_shifts, public.technician_time_off, public.external_busy_times, public.reservations;
        """
    )
    read: Any = """
        select sum(pg_stat_get_xact_tuples_returned(t) + pg_stat_get_xact_tuples_fetched(t))
        from unnest(array[
            'public.technician_shifts', 'public.technician_time_off',
            'public.external_busy_times', 'public.reservations'
        ]::regclass[]) as t
    """
    before = sql.value(db, read)
    assert free_hours(db, technicians[0]) == [(8, 10), (11, 12), (13, 15), (16, 17)]
    assert sql.value(db, read) - before <= 40

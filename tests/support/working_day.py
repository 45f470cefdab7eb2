"""Short forms for the availability of one technician on one Monday."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID, uuid4

from psycopg.types.range import Range

from support import sql
from support.booking import at
from support.factory import MONDAY, Company
from support.sql import Connection, Row

HOUR = dt.timedelta(hours=1)
DAY = 24 * HOUR


def free_hours(
    db: Connection,
    technician: Row,
    earliest: dt.datetime = MONDAY,
    latest: dt.datetime = MONDAY + DAY,
    **ignore: UUID,
) -> list[tuple[float, float]]:
    """Return the free stretches in hours after the midnight of MONDAY."""
    found = sql.rows(
        db,
        """
        select lower(s) as starts_at, upper(s) as ends_at
        from private.free_time(
            %(org_id)s, array[%(id)s]::uuid[], tstzrange(%(earliest)s, %(latest)s), %(appointment)s, %(hold)s
        ) as f
        cross join unnest(f.during) as s
        order by s
        """,
        {"appointment": None, "hold": None, **technician, "earliest": earliest, "latest": latest, **ignore},
    )
    return [((row["starts_at"] - MONDAY) / HOUR, (row["ends_at"] - MONDAY) / HOUR) for row in found]


def calendar(
    db: Connection,
    technician: Row,
    earliest: dt.datetime = MONDAY,
    latest: dt.datetime = MONDAY + DAY,
    grid: int = 60,
) -> list[Row]:
    """Return the rows of person_calendar, of MONDAY by the hour unless told otherwise."""
    return sql.rows(
        db, "select * from public.person_calendar(%s, %s, %s, %s)", (technician["id"], earliest, latest, grid)
    )


def why(cells: list[Row]) -> dict[int, str | None]:
    """Return the reasons by hour of MONDAY."""
    return {int((cell["starts_at"] - MONDAY) / HOUR): cell["why"] for cell in cells}


def off(company: Company, technician: Row, start: float, end: float, **values: Any) -> Row:
    """Add time off between two hours of MONDAY."""
    return company.add(
        "technician_time_off",
        **{
            "technician_id": technician["id"],
            "starts_at": at(start),
            "ends_at": at(end),
            "reason": "vacation",
        }
        | values,
    )


def hold(
    company: Company, technician: Row, start: float, end: float, *, hours_left: float = 1, lane: int = 1
) -> Row:
    """Add a hold between two hours of MONDAY that ends some hours from now."""
    return company.add(
        "reservations",
        technician_id=technician["id"],
        lane=lane,
        during=Range(at(start), at(end)),
        kind="held",
        hold_token=uuid4(),
        hold_expires_at=dt.datetime.now(dt.UTC) + hours_left * HOUR,
    )

"""Working patterns as files give them, to a first occurrence in local time and a recurrence rule."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from truckroll.importing.cells import DAYS, CellError, Moment
from truckroll.importing.sheets import WEEKDAYS

Occurrence = tuple[dt.datetime, dt.datetime, str | None]

# A weekly pattern without a first day holds as if since always.
ALWAYS = dt.date(2020, 1, 1)


def shift_times(values: Mapping[str, Any]) -> list[Occurrence]:
    """Return first start, first end and rule of each shift a line gives. Raises CellError."""
    first, until = values.get("date"), values.get("until")
    by_hours: dict[tuple[dt.time, dt.time], list[str]] = {}
    for code, name in zip(DAYS, WEEKDAYS, strict=True):
        for span in values.get(name) or ():
            by_hours.setdefault(span, []).append(code)
    starts, ends = values.get("starts"), values.get("ends")
    if by_hours and (starts or ends or values.get("weekdays") or values.get("rule")):
        raise CellError(
            "The line gives both a whole week and a single shift.", "Use monday … sunday, or starts and ends."
        )
    if by_hours:
        return [_weekly(days, span, first, until) for span, days in by_hours.items()]
    if starts is None or ends is None:
        raise CellError("The shift has no hours.", "Fill starts and ends, or monday … sunday.")
    if values.get("weekdays"):
        if values.get("rule"):
            raise CellError("The line gives both weekdays and a rule.", "Use one of them.")
        return [_weekly(values["weekdays"], (starts, ends), first, until)]
    if first is None:
        raise CellError("The shift has no day.", "Fill date, weekdays, or date and rule.")
    return [(*_span(first, starts, ends), ending(values.get("rule"), until))]


def _weekly(
    days: list[str], span: tuple[dt.time, dt.time], first: dt.date | None, until: dt.date | None
) -> Occurrence:
    day = first or ALWAYS
    # The first occurrence must itself fit the rule (RFC 5545 3.8.5.3).
    while DAYS[day.weekday()] not in days:
        day += dt.timedelta(days=1)
    return (*_span(day, *span), ending(f"FREQ=WEEKLY;BYDAY={','.join(days)}", until))


def _span(day: dt.date, starts: dt.time, ends: dt.time) -> tuple[dt.datetime, dt.datetime]:
    start, end = dt.datetime.combine(day, starts), dt.datetime.combine(day, ends)
    return start, end if end > start else end + dt.timedelta(days=1)


def ending(rule: str | None, until: dt.date | None) -> str | None:
    """Return the rule with its last day. Raises CellError for a last day without a rule."""
    if until is None:
        return rule
    if rule is None:
        raise CellError("A single day has no last day.", "Leave until empty, or give weekdays or a rule.")
    return f"{rule};UNTIL={until:%Y%m%d}"


def local_time(moment: Moment, rule: str | None, first: Moment) -> dt.datetime:
    """Return a moment on its day, on the first one's, or with a rule on any. Raises CellError."""
    day = moment.day or first.day
    if day is None:
        if rule is None:
            raise CellError("The time off has no day.", "Write 2026-12-21 12:00, or give a rule.")
        day = ALWAYS
    return dt.datetime.combine(day, moment.time or dt.time())

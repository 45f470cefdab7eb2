"""Random recurring times near clock changes: what SQL makes of them, and what python-dateutil does."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo

from dateutil import rrule as du
from hypothesis import strategies as st

from support import sql
from support.sql import Connection

ZONES = (
    "America/New_York",
    "America/Chicago",
    "America/Phoenix",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "Asia/Kolkata",
    "Pacific/Auckland",
)
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
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
HORIZON = dt.datetime(2031, 1, 1)  # noqa: DTZ001 — a wall clock time
Span = tuple[dt.datetime, dt.datetime]


@dataclass(frozen=True)
class Recurring:
    """A first occurrence in UTC, its rule, and the period asked for."""

    rule: str | None
    starts_at: dt.datetime
    ends_at: dt.datetime
    time_zone: str
    excluded_on: tuple[dt.date, ...]
    period: Span

    def parameters(self) -> dict[str, Any]:
        """Return the columns as JSON for jsonb_to_recordset."""
        return {
            "rule": self.rule,
            "starts_at": self.starts_at.isoformat(),
            "ends_at": self.ends_at.isoformat(),
            "time_zone": self.time_zone,
            "excluded_on": [day.isoformat() for day in self.excluded_on],
            "period": f"[{self.period[0].isoformat()},{self.period[1].isoformat()})",
        }


def expand(db: Connection, cases: list[Recurring]) -> list[list[Span]]:
    """Return what private.occurrences yields for each case, in one round trip."""
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


def occurrences(
    db: Connection,
    rule: str | None,
    first: tuple[str, str],
    period: tuple[str, str],
    *,
    zone: str = "America/New_York",
    excluded_on: tuple[str, ...] = (),
) -> list[tuple[str, str]]:
    """Return local start and end of the occurrences, with their offsets."""
    info = ZoneInfo(zone)
    local = [
        dt.datetime.fromisoformat(at).replace(tzinfo=info) if "+" not in at else dt.datetime.fromisoformat(at)
        for at in (*first, *period)
    ]
    case = Recurring(
        rule=rule,
        starts_at=local[0],
        ends_at=local[1],
        time_zone=zone,
        excluded_on=tuple(map(dt.date.fromisoformat, excluded_on)),
        period=(local[2], local[3]),
    )
    (found,) = expand(db, [case])
    return [
        (
            start.astimezone(info).isoformat(timespec="minutes"),
            end.astimezone(info).isoformat(timespec="minutes"),
        )
        for start, end in found
    ]


def days(found: list[tuple[str, str]]) -> list[str]:
    """Return the local days on which the occurrences start."""
    return [start[:10] for start, _ in found]


def expected_occurrences(case: Recurring) -> list[Span]:
    """Return the occurrences that touch the period, in UTC, as dateutil's rruleset gives them."""
    zone = ZoneInfo(case.time_zone)
    first = _wall_clock(case.starts_at, zone)
    length = _wall_clock(case.ends_at, zone) - first
    found = []
    latest = min(HORIZON, _wall_clock(case.period[1], zone) + dt.timedelta(days=2))
    for wall in takewhile(lambda start: start < latest, _wall_clock_starts(case, first, zone)):
        start, end = _instant(wall, zone), _instant(wall + length, zone)
        if start < end and start < case.period[1] and end > case.period[0]:
            found.append((start, end))
    return sorted(found)


def _wall_clock(instant: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def _instant(wall: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    return wall.replace(tzinfo=zone).astimezone(dt.UTC)


def _wall_clock_starts(case: Recurring, first: dt.datetime, zone: ZoneInfo) -> Iterator[dt.datetime]:
    parts = dict(part.split("=") for part in (case.rule or "").removeprefix("RRULE:").split(";"))
    until, count = parts.pop("UNTIL", None), parts.pop("COUNT", None)
    options: dict[str, Any] = {"dtstart": first}
    if count:
        options["count"] = int(count)
    if until and len(until) == len("20270101"):
        # dateutil takes a date for its midnight; here it stands for the whole day.
        options["until"] = dt.datetime.strptime(until + "235959", "%Y%m%d%H%M%S")  # noqa: DTZ007
    elif until and until.endswith("Z"):
        options["dtstart"] = first.replace(tzinfo=zone)
        options["until"] = dt.datetime.strptime(until, "%Y%m%dT%H%M%S%z").replace(tzinfo=dt.UTC)
    elif until:
        options["until"] = dt.datetime.strptime(until, "%Y%m%dT%H%M%S")  # noqa: DTZ007
    options |= {
        "interval": int(parts.get("INTERVAL", 1)),
        "wkst": WEEKDAYS.index(parts.get("WKST", "MO")),
        "bymonth": _numbers(parts.get("BYMONTH")),
        "bymonthday": _numbers(parts.get("BYMONTHDAY")),
        "bysetpos": _numbers(parts.get("BYSETPOS")),
        "byweekday": _weekdays(parts.get("BYDAY")),
    }
    occurrences = du.rruleset()
    occurrences.rrule(_rule(parts["FREQ"], options))
    for day in case.excluded_on:
        occurrences.exdate(dt.datetime.combine(day, first.time(), options["dtstart"].tzinfo))
    return (start.replace(tzinfo=None) for start in occurrences)


def _rule(frequency: str, options: dict[str, Any]) -> Any:
    rule = du.rrule(getattr(du, frequency), **options)
    if frequency != "WEEKLY" or options["bysetpos"] is None:
        return rule
    # dateutil counts positions in the first week from DTSTART only; RFC 5545 counts them in the whole week.
    first = options["dtstart"]
    monday_based = (first.weekday() - options["wkst"]) % 7
    weekday = first.weekday() if options["byweekday"] is None else options["byweekday"]
    whole_weeks = options | {
        "dtstart": first - dt.timedelta(days=monday_based),
        "byweekday": weekday,
        "count": None,
    }
    counted = _from_first(du.rrule(du.WEEKLY, **whole_weeks), first, options.get("count"))
    return counted


def _from_first(rule: Any, first: dt.datetime, count: int | None) -> list[dt.datetime]:
    found: list[dt.datetime] = []
    for start in rule:
        if start.replace(tzinfo=None) >= HORIZON or len(found) == count:
            break
        if start >= first:
            found.append(start)
    return found


def _numbers(value: str | None) -> list[int] | None:
    return [int(number) for number in value.split(",")] if value else None


def _weekdays(value: str | None) -> list[Any] | None:
    if not value:
        return None
    return [
        du.weekday(WEEKDAYS.index(day[-2:]), int(day[:-2]) if day[:-2] else None) for day in value.split(",")
    ]


def clock_changes(zone: str) -> list[dt.datetime]:
    """Return the instants between 2026 and 2028 at which the offset changes; the new years, if none."""
    info = ZoneInfo(zone)
    hour = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    found = []
    while hour.year < 2028:
        following = hour + dt.timedelta(minutes=30)
        if hour.astimezone(info).utcoffset() != following.astimezone(info).utcoffset():
            found.append(following)
        hour = following
    return found or [dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2027, 1, 1, tzinfo=dt.UTC)]


CLOCK_CHANGES = {zone: clock_changes(zone) for zone in ZONES}


def _listed(values: st.SearchStrategy[Any], most: int = 4) -> st.SearchStrategy[str]:
    return st.lists(values, min_size=1, max_size=most, unique=True).map(lambda some: ",".join(map(str, some)))


@st.composite
def _rules(draw: st.DrawFn, near: dt.datetime) -> str:
    frequency = draw(st.sampled_from(["DAILY", "WEEKLY", "WEEKLY", "MONTHLY", "YEARLY"]))
    parts = [f"FREQ={frequency}"]
    if draw(st.booleans()):
        parts.append(f"INTERVAL={draw(st.integers(1, 5))}")
    picked = set()
    months = draw(st.integers(0, 3)) == 0
    if draw(st.booleans()):
        numbered = frequency in {"MONTHLY", "YEARLY"} and draw(st.booleans())
        most = 5 if frequency == "MONTHLY" or months else 53
        nth = st.integers(-most, most).filter(bool) if numbered else st.just("")
        parts.append(
            "BYDAY=" + draw(_listed(st.builds(lambda n, day: f"{n}{day}", nth, st.sampled_from(WEEKDAYS))))
        )
        picked.add("BYDAY")
    if frequency != "WEEKLY" and draw(st.integers(0, 2)) == 0:
        parts.append("BYMONTHDAY=" + draw(_listed(st.integers(-31, 31).filter(bool))))
        picked.add("BYMONTHDAY")
    if months:
        parts.append("BYMONTH=" + draw(_listed(st.integers(1, 12), most=6)))
        picked.add("BYMONTH")
    if picked and draw(st.integers(0, 3)) == 0:
        parts.append("BYSETPOS=" + draw(_listed(st.integers(-6, 6).filter(bool), most=3)))
    if draw(st.booleans()):
        parts.append(f"WKST={draw(st.sampled_from(WEEKDAYS))}")
    until = near + dt.timedelta(minutes=15 * draw(st.integers(-200, 20_000)))
    ending = draw(st.sampled_from(["", "", "COUNT", "%Y%m%d", "%Y%m%dT%H%M%S", "%Y%m%dT%H%M%SZ"]))
    if ending == "COUNT":
        parts.append(f"COUNT={draw(st.integers(1, 60))}")
    elif ending:
        parts.append("UNTIL=" + until.strftime(ending))
    head, *rest = parts
    return ";".join([head, *draw(st.permutations(rest))])


@st.composite
def recurring(draw: st.DrawFn) -> Recurring:
    """Draw a recurring shift or time off that starts within two days of a clock change."""
    zone = draw(st.sampled_from(ZONES))
    change = draw(st.sampled_from(CLOCK_CHANGES[zone]))
    starts_at = change + dt.timedelta(minutes=15 * draw(st.integers(-200, 200)))
    ends_at = starts_at + dt.timedelta(minutes=15 * draw(st.integers(1, 4 * 60)))
    info = ZoneInfo(zone)
    if _wall_clock(ends_at, info) <= _wall_clock(starts_at, info):
        ends_at = starts_at + dt.timedelta(hours=4)
    days_later = draw(st.sampled_from([3, 3, 30, 400]))
    asked_from = starts_at + dt.timedelta(minutes=30 * draw(st.integers(-100, 48 * days_later)))
    local_day = _wall_clock(starts_at, info).date()
    excluded = draw(st.lists(st.integers(0, 40), max_size=5))
    return Recurring(
        rule=draw(_rules(starts_at)),
        starts_at=starts_at,
        ends_at=ends_at,
        time_zone=zone,
        excluded_on=tuple(local_day + dt.timedelta(days=days) for days in excluded),
        period=(asked_from, asked_from + dt.timedelta(hours=draw(st.integers(1, 24 * 60)))),
    )

"""Random working weeks, and who is free in them counted minute by minute without SQL."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from psycopg.types.range import Range

from support.factory import Company
from support.recurrence import Recurring, Span, expected_occurrences
from support.sql import Row

MINUTE = dt.timedelta(minutes=1)
# Two weeks in which New York (14 March 2027) and Berlin (28 March 2027) change their clocks lie ahead of this.
BASE = dt.datetime(2027, 3, 10, tzinfo=dt.UTC)
ZONES = ("America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "UTC")
RULES = (
    None,
    "FREQ=DAILY",
    "FREQ=DAILY;INTERVAL=2",
    "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
    "FREQ=WEEKLY;BYDAY=SA,SU",
    "FREQ=DAILY;COUNT=3",
)
BOOKABLE = ("regular", "overtime", "on_call")


@dataclass(frozen=True)
class Shift:
    """A shift or, with a reason for a kind, time off."""

    times: Recurring
    kind: str
    is_active: bool = True
    minutes: int | None = None


@dataclass(frozen=True)
class Claim:
    """A reservation of one lane."""

    span: Span
    lane: int
    state: str


@dataclass(frozen=True)
class Person:
    """A technician and everything that makes the technician free or not."""

    zone: str
    lanes: int
    is_at_branch: bool
    shifts: tuple[Shift, ...]
    time_off: tuple[Shift, ...]
    busy: tuple[Span, ...]
    claims: tuple[Claim, ...]


@dataclass(frozen=True)
class Week:
    """A company's people, its holidays (local date, of the branch only) and the period asked for."""

    people: tuple[Person, ...]
    holidays: tuple[tuple[dt.date, bool], ...]
    period: Span


@dataclass(frozen=True)
class Minutes:
    """What holds for one person in each minute of the period."""

    working: list[bool]
    claimed: list[bool]
    free: list[bool]


def count_minutes(week: Week, person: Person) -> Minutes:
    """Return the person's period minute by minute."""
    start, end = week.period
    length = int((end - start) / MINUTE)

    def marked(spans: list[Span]) -> list[int]:
        count = [0] * length
        for first, last in spans:
            for minute in range(
                max(0, int((first - start) / MINUTE)), min(length, int((last - start) / MINUTE))
            ):
                count[minute] += 1
        return count

    working = marked(
        [
            s
            for shift in person.shifts
            if shift.is_active and shift.kind in BOOKABLE
            for s in _times(shift, week)
        ]
    )
    away = marked([s for off in person.time_off if off.minutes is None for s in _times(off, week)])
    busy = marked(list(person.busy))
    claims = marked([claim.span for claim in person.claims if claim.state == "active"])
    claimed = [lanes >= person.lanes for lanes in claims]
    closed = {day for day, of_branch in week.holidays if person.is_at_branch or not of_branch}
    zone = ZoneInfo(person.zone)
    free = []
    for minute in range(length):
        holiday = (start + minute * MINUTE).astimezone(zone).date() in closed
        free.append(
            bool(working[minute]) and not (holiday or away[minute] or busy[minute] or claimed[minute])
        )
    return Minutes(working=[bool(n) for n in working], claimed=claimed, free=free)


def _times(shift: Shift, week: Week) -> list[Span]:
    if shift.times.rule is None:
        return [(shift.times.starts_at, shift.times.ends_at)]
    return expected_occurrences(replace(shift.times, period=week.period))


def stretches(minutes: list[bool], start: dt.datetime) -> list[Span]:
    """Return the runs of true minutes as times."""
    runs, began = [], None
    for minute, holds in enumerate([*minutes, False]):
        if holds and began is None:
            began = minute
        elif not holds and began is not None:
            runs.append((start + began * MINUTE, start + minute * MINUTE))
            began = None
    return runs


def insert_week(company: Company, week: Week) -> list[Row]:
    """Put the week into the tables and return the technicians' rows."""
    branch = company.facility()
    for day, of_branch in week.holidays:
        company.add(
            "holidays", observed_on=day, name="Closed", facility_id=branch["id"] if of_branch else None
        )
    return [_insert(company, person, branch) for person in week.people]


def _insert(company: Company, person: Person, branch: Row) -> Row:
    technician = company.technician(
        shift=None,
        time_zone=person.zone,
        max_concurrent_jobs=person.lanes,
        facility_id=branch["id"] if person.is_at_branch else None,
    )
    of = {"technician_id": technician["id"]}
    for shift in person.shifts:
        company.add(
            "technician_shifts", **of, **_columns(shift), shift_type=shift.kind, is_active=shift.is_active
        )
    for off in person.time_off:
        company.add("technician_time_off", **of, **_columns(off), reason=off.kind, minutes=off.minutes)
    for span in person.busy:
        company.add(
            "external_busy_times", **of, during=Range(*span), source="google", external_id=str(uuid4())
        )
    now = dt.datetime.now(dt.UTC)
    for claim in person.claims:
        company.add(
            "reservations",
            **of,
            lane=claim.lane,
            during=Range(*claim.span),
            kind="held",
            hold_token=uuid4(),
            hold_expires_at=now + dt.timedelta(hours=-1 if claim.state == "expired" else 1),
            released_at=now if claim.state == "released" else None,
        )
    return technician


def _columns(shift: Shift) -> dict[str, Any]:
    times = shift.times
    return {
        "starts_at": times.starts_at,
        "ends_at": times.ends_at,
        "time_zone": times.time_zone,
        "recurrence_rule": times.rule,
        "excluded_on": list(times.excluded_on),
    }


def _spans(
    earliest_hour: int, latest_hour: int, most_minutes: int, least_minutes: int = 1
) -> st.SearchStrategy[Span]:
    starts = st.integers(earliest_hour * 60, latest_hour * 60)
    return st.builds(
        lambda start, length: (BASE + start * MINUTE, BASE + (start + length) * MINUTE),
        starts,
        st.integers(least_minutes, most_minutes),
    )


@st.composite
def _recurring(draw: st.DrawFn, zone: str, times: st.SearchStrategy[Span]) -> Recurring:
    rule = draw(st.sampled_from(RULES))
    starts_at, ends_at = draw(times)
    local = ZoneInfo(zone)
    if ends_at.astimezone(local).replace(tzinfo=None) <= starts_at.astimezone(local).replace(tzinfo=None):
        rule = None
    excluded = draw(st.lists(st.integers(0, 8), max_size=2)) if rule else []
    first_day = starts_at.astimezone(local).date()
    return Recurring(
        rule=rule,
        starts_at=starts_at,
        ends_at=ends_at,
        time_zone=zone,
        excluded_on=tuple(first_day + dt.timedelta(days=days) for days in excluded),
        period=(BASE, BASE),
    )


@st.composite
def _people(draw: st.DrawFn) -> Person:
    zone = draw(st.sampled_from(ZONES))
    lanes = draw(st.integers(1, 3))
    shifts = st.builds(
        Shift,
        times=_recurring(zone, _spans(-60, 120, 24 * 60)),
        kind=st.sampled_from([*BOOKABLE, "training"]),
        is_active=st.sampled_from([True, True, False]),
    )
    steady = st.builds(
        Shift,
        times=st.builds(
            replace, _recurring(zone, _spans(-72, 0, 20 * 60, 8 * 60)), rule=st.just("FREQ=DAILY")
        ),
        kind=st.sampled_from(BOOKABLE),
    )
    off = st.builds(
        Shift,
        times=_recurring(zone, _spans(-60, 120, 24 * 60)),
        kind=st.sampled_from(["vacation", "sick", "break", "blocked"]),
    )
    flexible = st.builds(replace, off, kind=st.just("break"), minutes=st.just(1))
    claims: list[Claim] = []
    for claim in draw(
        st.lists(
            st.builds(
                Claim,
                span=_spans(0, 120, 8 * 60),
                lane=st.integers(1, lanes),
                state=st.sampled_from(["active", "active", "active", "expired", "released"]),
            ),
            max_size=12,
        )
    ):
        taken = [c.span for c in claims if c.lane == claim.lane and c.state != "released"]
        if claim.state == "released" or all(
            claim.span[1] <= first or last <= claim.span[0] for first, last in taken
        ):
            claims.append(claim)
    return Person(
        zone=zone,
        lanes=lanes,
        is_at_branch=draw(st.booleans()),
        shifts=(*draw(st.lists(steady, max_size=2)), *draw(st.lists(shifts, max_size=3))),
        time_off=tuple(draw(st.lists(st.one_of(off, flexible), max_size=3))),
        busy=tuple(draw(st.lists(_spans(0, 120, 300), max_size=3))),
        claims=tuple(claims),
    )


@st.composite
def weeks(draw: st.DrawFn) -> Week:
    """Draw up to three people and up to five days around a change of clocks."""
    days = st.integers(0, 5).map(lambda n: BASE.date() + dt.timedelta(days=n))
    starts_at = BASE + draw(st.integers(0, 3 * 24 * 60)) * MINUTE
    return Week(
        people=tuple(draw(st.lists(_people(), min_size=1, max_size=3))),
        holidays=tuple(draw(st.lists(st.tuples(days, st.booleans()), max_size=3, unique=True))),
        period=(starts_at, starts_at + draw(st.integers(1, 3 * 24 * 60)) * MINUTE),
    )

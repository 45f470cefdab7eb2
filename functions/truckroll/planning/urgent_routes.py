"""The routes an emergency could go into, one small problem a technician, as SQL describes them.

A route begins where its technician is now, or at home. Visits that may wait may start later than
booked, never sooner; everything else stays where it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from truckroll.database import Connection
from truckroll.engine import Break, FixedPlace, Problem, Route, Shift, Stop, Visit
from truckroll.engine.urgent import Way, ways_to_serve
from truckroll.planning.reading import integers

MINUTE = 60
JUST_OVER_S = 3600  # what ended this long before a route begins may still be where it begins
Place = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class Urgent:
    """The job: where it is, how long it takes with its buffers, when it may start; seconds since 1970."""

    job_id: UUID
    asked_at: datetime
    not_before: datetime
    until: datetime
    asked_s: float
    now_s: int
    leave_from_s: int
    place: Place
    before_s: int
    after_s: int
    length_s: int
    sla_end_s: int | None
    windows: tuple[tuple[int, int], ...]
    can_be_inserted: bool


@dataclass(frozen=True)
class Person:
    """Somebody who may do it: what is left of their work, what the ledger holds in it, seconds between places.

    Places are the job, then start and end of each shift, then each claim.
    """

    technician_id: UUID
    shifts: Sequence[dict[str, Any]]
    claims: Sequence[dict[str, Any]]
    travel_s: NDArray[np.int32]


def urgent_job(
    connection: Connection, job: UUID, earliest: datetime | None, latest: datetime | None, notice: timedelta
) -> Urgent:
    """Read the job; nobody sets off for it before the notice is over."""
    row = connection.execute(
        "select * from private.emergency_job(%s, %s, %s, %s)", (job, earliest, latest, notice)
    ).fetchone()
    assert row is not None  # noqa: S101 - it refuses instead
    return Urgent(
        job_id=job,
        asked_at=row["asked_at"],
        not_before=row["not_before"],
        until=row["until"],
        asked_s=row["asked_at"].timestamp(),
        now_s=row["now_s"],
        leave_from_s=row["leave_from_s"],
        place=(row["latitude"], row["longitude"]),
        before_s=row["before_s"],
        after_s=row["after_s"],
        length_s=row["length_s"],
        sla_end_s=row["sla_end_s"],
        windows=tuple(zip(row["windows_s"][::2], row["windows_s"][1::2], strict=True)),
        can_be_inserted=row["can_be_inserted"],
    )


@dataclass(frozen=True)
class AtWork:
    """Somebody who may do the job and is at work: the shifts left to them, and the soonest they could be there."""

    technician_id: UUID
    shifts: Sequence[dict[str, Any]]
    arrives_s: int


def at_work(connection: Connection, urgent: Urgent) -> list[AtWork]:
    """Read who may do the job and is at work in its period, the soonest to get there first."""
    if not urgent.windows:
        return []
    rows = connection.execute(
        "select * from private.emergency_shifts(%s, %s, %s)", (urgent.job_id, urgent.not_before, urgent.until)
    ).fetchall()
    shifts = [row | {"starts_s": max(row["starts_s"], urgent.leave_from_s)} for row in rows]
    shifts = [one for one in shifts if one["starts_s"] < one["ends_s"]]
    found = []
    for technician, group in groupby(shifts, key=lambda one: one["technician_id"]):
        own = list(group)
        found.append(AtWork(technician, own, min(one["starts_s"] + one["travel_s"] for one in own)))
    return sorted(found, key=lambda one: (one.arrives_s, str(one.technician_id)))


def people_among(connection: Connection, urgent: Urgent, some: Sequence[AtWork]) -> list[Person]:
    """Read what these technicians have before them, with the driving between."""
    shifts = [shift for one in some for shift in one.shifts]
    claims = connection.execute(
        "select * from private.emergency_claims(%s, %s, tstzrange(to_timestamp(%s), to_timestamp(%s)))",
        (
            urgent.job_id,
            [one.technician_id for one in some],
            max(urgent.now_s, min(shift["starts_s"] for shift in shifts) - JUST_OVER_S),
            max(shift["ends_s"] for shift in shifts),
        ),
    ).fetchall()
    of_whom: dict[UUID, list[dict[str, Any]]] = {}
    for claim in claims:
        of_whom.setdefault(claim["technician_id"], []).append(claim)
    routes = [
        (one.technician_id, *_left(one.shifts, of_whom.get(one.technician_id, []), urgent)) for one in some
    ]
    matrices = _matrices(connection, urgent, [(stretches, left) for _, stretches, left in routes])
    return [
        Person(technician, stretches, left, matrix)
        for (technician, stretches, left), matrix in zip(routes, matrices, strict=True)
    ]


def _left(
    shifts: Sequence[dict[str, Any]], claims: Sequence[dict[str, Any]], urgent: Urgent
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the shifts, begun where the technician will be, and the claims that remain, each with its shift."""
    stretches, left = [], []
    for v, shift in enumerate(shifts):
        stretch = dict(shift)
        for claim in claims:
            if claim["ends_s"] <= shift["starts_s"]:
                # Over by the time anybody could leave: it is where they leave from, unless known better.
                if claim["ends_s"] > urgent.now_s and shift["position_source"] != "visit_under_way":
                    stretch |= {"latitude": claim["latitude"], "longitude": claim["longitude"]}
            elif claim["starts_s"] < shift["ends_s"]:
                left.append(claim | {"shift": v})
        stretches.append(stretch)
    return stretches, left


def _matrices(
    connection: Connection,
    urgent: Urgent,
    routes: Sequence[tuple[Sequence[dict[str, Any]], Sequence[dict[str, Any]]]],
) -> list[NDArray[np.int32]]:
    """Return seconds between all places of each route, in whole minutes, never less than the judge asks for."""
    groups: list[int] = []
    places: list[Place] = []
    for number, (shifts, claims) in enumerate(routes):
        own: list[Place] = [urgent.place]
        for shift in shifts:
            own.append((shift["latitude"], shift["longitude"]))
            own.append((shift["home_latitude"], shift["home_longitude"]))
        own += [(claim["latitude"], claim["longitude"]) for claim in claims]
        groups += [number] * len(own)
        places += own
    with connection.cursor(binary=True) as cursor:
        rows = cursor.execute(
            "select travel_s from private.emergency_travel(%s, %s::int4[], %s::float8[], %s::float8[])",
            (urgent.job_id, groups, [one[0] for one in places], [one[1] for one in places]),
        ).fetchall()
    matrices = []
    for row in rows:
        flat = integers(row["travel_s"])
        size = round(len(flat) ** 0.5)
        matrices.append((-(-flat // MINUTE) * MINUTE).astype(np.int32).reshape(size, size))
    return matrices


def before_s(claim: dict[str, Any]) -> int:
    """Return the seconds a claim begins before its visit."""
    before: int = claim["scheduled_start_s"] - claim["starts_s"]
    return before


def ways_of(person: Person, urgent: Urgent) -> tuple[Way, ...]:
    """Return every way this technician could do it; all others fixed where the route does not hold as it is."""
    everything = _ways(person, urgent, movable=True)
    return everything or _ways(person, urgent, movable=False)


def _ways(person: Person, urgent: Urgent, *, movable: bool) -> tuple[Way, ...]:
    shifts = tuple(_shift(person, v) for v in range(len(person.shifts)))
    own = Visit(
        id="urgent",
        place=0,
        duration=urgent.length_s,
        windows=tuple(
            (opens - urgent.before_s, closes - urgent.before_s) for opens, closes in urgent.windows
        ),
        eligible=tuple(range(len(shifts))),
    )
    others = [_visit(person, i, movable=movable) for i in range(len(person.claims))]
    problem = Problem(travel=person.travel_s, distance=None, shifts=shifts, visits=(own, *others))
    routes = [
        Route(
            v,
            tuple(
                Stop(i + 1, begins, begins, begins + others[i].duration, 0, 0)
                for i, begins in sorted(
                    ((i, _begins(person, i)) for i, claim in enumerate(person.claims) if claim["shift"] == v),
                    key=lambda one: one[1],
                )
            ),
            (),
            shift.starts,
            shift.ends,
            0,
            0,
            0,
        )
        for v, shift in enumerate(shifts)
    ]
    booked = [0, *(_begins(person, i) for i in range(len(person.claims)))]
    droppable = [i + 1 for i, visit in enumerate(others) if visit.fixed is None]
    return ways_to_serve(problem, routes, 0, booked, droppable)


def _shift(person: Person, v: int) -> Shift:
    row = person.shifts[v]
    return Shift(
        id=str(v),
        technician_id=str(person.technician_id),
        start_place=1 + 2 * v,
        end_place=2 + 2 * v,
        starts=row["starts_s"],
        ends=row["ends_s"],
        breaks=tuple(
            Break(max(earliest, row["starts_s"]), latest, length)
            for earliest, latest, length in zip(*[iter(row["breaks_s"])] * 3, strict=True)
            if latest >= row["starts_s"]
        ),
        unavailable=tuple(
            (max(begin, row["starts_s"]), end)
            for begin, end in zip(row["unavailable_s"][::2], row["unavailable_s"][1::2], strict=True)
            if end > row["starts_s"]
        ),
    )


def _begins(person: Person, i: int) -> int:
    claim = person.claims[i]
    return max(int(claim["starts_s"]), int(person.shifts[claim["shift"]]["starts_s"]))


def _visit(person: Person, i: int, *, movable: bool) -> Visit:
    """Return what the ledger holds as a visit: fixed, unless it may begin at its time or later."""
    claim = person.claims[i]
    v = claim["shift"]
    shift = person.shifts[v]
    begins = _begins(person, i)
    windows = [
        (opens - before_s(claim), min(closes - before_s(claim), shift["ends_s"]))
        for opens, closes in zip(claim["windows_s"][::2], claim["windows_s"][1::2], strict=True)
    ] if movable and claim["is_movable"] else []  # fmt: skip
    kept = [(opens, closes) for opens, closes in windows if opens <= closes]
    stays = not any(opens <= begins <= closes for opens, closes in kept) or claim["ends_s"] > shift["ends_s"]
    return Visit(
        id=str(i),
        place=1 + 2 * len(person.shifts) + i,
        duration=claim["ends_s"] - begins,
        windows=() if stays else tuple(kept),
        eligible=(v,),
        fixed=FixedPlace(v, begins) if stays else None,
    )

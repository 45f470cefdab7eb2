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
from truckroll.engine.pace import rounded_up
from truckroll.planning.reading import integers

MINUTE = 60
JUST_OVER_S = 3600  # what ended this long before a route begins may still be where it begins
Place = tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class Urgent:
    """The job: where it is, how long it usually takes with its buffers, when it may start; seconds since 1970.

    `paced_s` of its time is work that each technician does at their own pace.
    """

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
    paced_s: int
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
        paced_s=row["paced_s"],
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
    for row, (shifts, _) in zip(rows, routes, strict=True):
        flat = rounded_up(integers(row["travel_s"]) / shifts[0]["speed"], MINUTE).astype(np.int32)
        size = round(len(flat) ** 0.5)
        matrices.append(flat.reshape(size, size))
    return matrices


def before_s(claim: dict[str, Any]) -> int:
    """Return the seconds a claim begins before its visit."""
    before: int = claim["scheduled_start_s"] - claim["starts_s"]
    return before

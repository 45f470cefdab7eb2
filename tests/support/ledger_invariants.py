"""What the ledger must hold for a company's visits at any time, told without the triggers that write it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

from support.sql import Connection, Row, rows

INACTIVE = {"declined", "canceled", "no_show"}
NO_MORE = {"canceled", "no_show"}
MINUTE = timedelta(minutes=1)

OVERLAPS: LiteralString = """
select a.claimant_id, a.lane, a.during, b.during as other
from public.reservations as a
inner join public.reservations as b
    on a.claimant_id = b.claimant_id and a.lane = b.lane and a.id < b.id and a.during && b.during
where a.org_id = %s and a.released_at is null and b.released_at is null
"""

PARTS: LiteralString = """
select j.*, a.buffer_before_minutes, a.buffer_after_minutes, g.position
from public.job_assignments as j
inner join public.appointments as a on j.appointment_id = a.id
left join public.appointment_segments as g on j.segment_id = g.id
where j.org_id = %s
"""

SEGMENTS: LiteralString = """
select g.* from public.appointment_segments as g where g.org_id = %s order by g.appointment_id, g.position
"""

CLAIMS: LiteralString = """
select r.assignment_id, r.appointment_id, r.technician_id, r.resource_id, r.kind::text as kind,
    lower(r.during) as starts_at, upper(r.during) as ends_at
from public.reservations as r
where r.org_id = %s and r.released_at is null and r.kind <> 'held'
"""

PLACES: LiteralString = """
select a.id, a.status::text as status, a.starts_at, a.ends_at, a.buffer_before_minutes, a.buffer_after_minutes,
    array_remove(array[a.bay_id, a.mobile_unit_id], null) || array(
        select e.resource_id from public.dispatch_jobs as j
        inner join public.service_equipment as e on j.service_id = e.service_id
        where j.id = a.dispatch_job_id
    ) as wanted
from public.appointments as a
where a.org_id = %s
"""

Claim = tuple[Any, str, datetime, datetime]


def ledger_violations(db: Connection, org: UUID) -> Iterator[str]:
    """Yield a sentence for every overlap, and every visit whose claims are not what they must be."""
    for pair in rows(db, OVERLAPS, (org,)):
        yield f"overlap: {pair['claimant_id']} lane {pair['lane']} has {pair['during']} and {pair['other']}"
    taken = rows(db, CLAIMS, (org,))
    yield from _people(db, org, taken)
    yield from _places(db, org, taken)


def _people(db: Connection, org: UUID, taken: list[Row]) -> Iterator[str]:
    claims: dict[Any, set[Claim]] = defaultdict(set)
    for claim in taken:
        if claim["technician_id"] is not None:
            claims[claim["assignment_id"]].add(
                (claim["technician_id"], claim["kind"], claim["starts_at"], claim["ends_at"])
            )
    if None in claims:
        yield f"ledger: claims belong to nobody: {claims[None]}"
    segments: dict[UUID, list[Row]] = defaultdict(list)
    for segment in rows(db, SEGMENTS, (org,)):
        segments[segment["appointment_id"]].append(segment)
    parts = rows(db, PARTS, (org,))
    doing = {part["segment_id"]: part for part in parts if part["status"] not in INACTIVE}
    for part in parts:
        if part["status"] in INACTIVE:
            wanted: set[Claim] = set()
        elif part["segment_id"] is None:
            wanted = {_work(part, is_first=True, is_last=True)}
        else:
            wanted = _segment_claims(part, segments[part["appointment_id"]], doing)
        if claims[part["id"]] != wanted:
            has = claims[part["id"]]
            yield f"ledger: {part['status']} assignment {part['id']} with {len(has)} claims {has}, not {wanted}"


def _work(part: Row, *, is_first: bool, is_last: bool) -> Claim:
    start = part["scheduled_start_at"] - timedelta(minutes=part["buffer_before_minutes"] * is_first)
    buffer = timedelta(minutes=part["buffer_after_minutes"] * is_last)
    end = part["scheduled_end_at"]
    # Work that ended early keeps its technician until then only.
    if part["status"] == "completed" and part["segment_id"] is None:
        end = max(min(part["actual_end_at"], end), part["scheduled_start_at"] + MINUTE)
    end += buffer
    if part["status"] == "completed" and part["segment_id"] is not None:
        end = min(max(part["actual_end_at"], start + MINUTE), end)
    return part["technician_id"], "booked", start, end


def _segment_claims(part: Row, segments: list[Row], doing: dict[Any, Row]) -> set[Claim]:
    turn = next(turn for turn, segment in enumerate(segments) if segment["id"] == part["segment_id"])
    wanted = {_work(part, is_first=turn == 0, is_last=turn == len(segments) - 1)}
    if part["status"] == "completed":
        return wanted
    person, own = part["technician_id"], segments[turn]
    if turn + 1 < len(segments) and own["pause_policy"] != "free":
        wanted |= _pause(person, own, segments[turn + 1])
    if turn > 0 and segments[turn - 1]["pause_policy"] == "never":
        before = doing.get(segments[turn - 1]["id"])
        if before is None or before["technician_id"] != person:
            wanted |= _pause(person, segments[turn - 1], own)
    return wanted


def _pause(person: Any, before: Row, after: Row) -> set[Claim]:
    if before["ends_at"] == after["starts_at"]:
        return set()
    return {(person, "pause_blocked", before["ends_at"], after["starts_at"])}


def _places(db: Connection, org: UUID, taken: list[Row]) -> Iterator[str]:
    claims: dict[Any, list[Claim]] = defaultdict(list)
    for claim in taken:
        if claim["resource_id"] is not None:
            claims[claim["appointment_id"]].append(
                (claim["resource_id"], claim["kind"], claim["starts_at"], claim["ends_at"])
            )
    for visit in rows(db, PLACES, (org,)):
        start = visit["starts_at"] - timedelta(minutes=visit["buffer_before_minutes"])
        end = visit["ends_at"] + timedelta(minutes=visit["buffer_after_minutes"])
        things = [] if visit["status"] in NO_MORE else visit["wanted"]
        wanted = sorted((thing, "booked", start, end) for thing in things)
        if sorted(claims[visit["id"]]) != wanted:
            yield f"ledger: {visit['status']} visit {visit['id']} claims {claims[visit['id']]}, not {wanted}"

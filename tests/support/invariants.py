"""What must hold of a company's bookings at any time, told without the judge or the triggers that keep it so."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, LiteralString
from uuid import UUID

from support.ledger_invariants import INACTIVE, ledger_violations
from support.sql import Connection, Row, rows

OVER = {"completed", "canceled", "no_show"}
UNTOLD = {"updated_at", "version", "status_changed_at"}  # columns whose changes are not audited
AUDITED: tuple[LiteralString, ...] = (
    "dispatch_jobs",
    "appointments",
    "job_assignments",
    "appointment_reschedules",
    "scheduling_overrides",
)

OFFERS: LiteralString = """
select o.id, o.status, o.expires_at > clock_timestamp() as is_running, o.appointment_id is not null as is_booked,
    count(r.id) as held, w.status as entry_status
from public.waitlist_offers as o
inner join public.waitlist_entries as w on o.waitlist_entry_id = w.id
left join public.reservations as r on r.hold_token = o.hold_token and r.released_at is null
where o.org_id = %s
group by o.id, w.status
"""


def violations(db: Connection, org: UUID) -> list[str]:
    """Return a sentence for everything that is wrong with a company's bookings; empty when all is well."""
    return [
        *ledger_violations(db, org),
        *_states(db, org),
        *_events(db, org),
        *_audit(db, org),
        *_waitlist(db, org),
    ]


def visit_statuses(parts: Iterable[str], present: str) -> set[str]:
    """Return the statuses a visit may have, by those of its assignments (JOB-5)."""
    engaged = [status for status in parts if status not in {"declined", "canceled"}]
    if present == "canceled":
        return {"canceled"} if all(status in {"completed", "no_show"} for status in engaged) else set()
    if engaged and all(status == "no_show" for status in engaged):
        return {"no_show"}
    if "completed" in engaged and all(status in {"completed", "no_show"} for status in engaged):
        return {"completed"}
    # One of a crew at work, or done while the others still come, means that the visit is under way.
    for part, visit in (
        ("on_site", "in_progress"),
        ("paused", "paused"),
        ("completed", "in_progress"),
        ("en_route", "en_route"),
    ):
        if part in engaged:
            return {visit}
    return {"scheduled", "confirmed", "awaiting_parts"}


def staffing(crew: Iterable[Row], crew_size: int, segments: Iterable[Row]) -> set[str]:
    """Return the assignment statuses a visit may have, by its assignments and segments (JOB-3)."""
    active = [part for part in crew if part["status"] not in INACTIVE]
    people = {part["technician_id"] for part in active}
    if not people:
        return {"unassigned", "deferred", "awaiting_skill_fulfillment"}
    is_whole = {segment["id"] for segment in segments} <= {part["segment_id"] for part in active}
    return {"assigned"} if len(people) >= crew_size and is_whole else {"partly_assigned"}


def job_statuses(visits: Iterable[tuple[str, set[str]]], planned: int, present: str) -> set[str]:
    """Return the statuses a job may have, by those of its visits, each with its assignments' (JOB-5)."""
    visits = list(visits)
    ahead = [(status, parts) for status, parts in visits if status not in OVER]
    if present == "canceled":
        return set() if ahead else {"canceled"}
    if any(status in {"in_progress", "paused"} for status, _ in ahead):
        return {"in_progress"}
    if present == "on_hold":
        return {"on_hold"}
    if not ahead:
        done = sum(status == "completed" for status, _ in visits)
        return {"completed"} if done >= planned else {"unscheduled"}
    if any(status == "en_route" or "accepted" in parts for status, parts in ahead):
        return {"dispatched"}
    return {"scheduled"}


def _states(db: Connection, org: UUID) -> Iterator[str]:
    parts: dict[UUID, list[Row]] = defaultdict(list)
    for part in rows(db, "select * from public.job_assignments where org_id = %s", (org,)):
        parts[part["appointment_id"]].append(part)
    segments: dict[UUID, list[Row]] = defaultdict(list)
    for segment in rows(
        db, "select * from public.appointment_segments where org_id = %s order by position", (org,)
    ):
        segments[segment["appointment_id"]].append(segment)
    visits: dict[UUID, list[tuple[str, set[str]]]] = defaultdict(list)
    for visit in rows(db, "select * from public.appointments where org_id = %s", (org,)):
        crew = parts[visit["id"]]
        statuses = [part["status"] for part in crew]
        visits[visit["dispatch_job_id"]].append((visit["status"], set(statuses)))
        if visit["status"] not in visit_statuses(statuses, visit["status"]):
            yield f"status: visit {visit['id']} is {visit['status']} with assignments {statuses}"
        if visit["assignment_status"] not in staffing(crew, visit["crew_size"], segments[visit["id"]]):
            yield f"status: visit {visit['id']} is {visit['assignment_status']} with assignments {statuses}"
        engaged = [part for part in crew if part["status"] not in INACTIVE]
        if segments[visit["id"]]:
            yield from _segments(visit, segments[visit["id"]], engaged)
        else:
            yield from _crew(visit, engaged)
    for job in rows(
        db, "select id, status, visits_planned from public.dispatch_jobs where org_id = %s", (org,)
    ):
        if job["status"] not in job_statuses(visits[job["id"]], job["visits_planned"], job["status"]):
            yield f"status: job {job['id']} is {job['status']} with visits {visits[job['id']]}"


def _crew(visit: Row, crew: list[Row]) -> Iterator[str]:
    times = {(part["scheduled_start_at"], part["scheduled_end_at"]) for part in crew}
    if times - {(visit["starts_at"], visit["ends_at"])}:
        yield f"crew: visit {visit['id']} from {visit['starts_at']} has members at {times}"
    if crew and sum(part["is_primary_technician"] for part in crew) != 1:
        yield f"crew: visit {visit['id']} has {len(crew)} members and not exactly one in charge"


def _segments(visit: Row, segments: list[Row], crew: list[Row]) -> Iterator[str]:
    if (segments[0]["starts_at"], segments[-1]["ends_at"]) != (visit["starts_at"], visit["ends_at"]):
        yield f"segments: visit {visit['id']} is at {visit['starts_at']}, its segments are not"
    for segment in segments:
        parts = [part for part in crew if part["segment_id"] == segment["id"]]
        if len(parts) > 1:
            yield f"segments: {len(parts)} people do segment {segment['position']} of {visit['id']}"
        for part in parts:
            times = (part["scheduled_start_at"], part["scheduled_end_at"])
            if times != (segment["starts_at"], segment["ends_at"]):
                yield f"segments: segment {segment['position']} of {visit['id']} has its work at {times}"
    if {part["id"] for part in crew if part["segment_id"] is None}:
        yield f"segments: somebody of {visit['id']} does no segment"


def _events(db: Connection, org: UUID) -> Iterator[str]:
    told: dict[UUID, list[Row]] = defaultdict(list)
    for event in rows(
        db, "select * from public.domain_events where org_id = %s order by aggregate_id, version", (org,)
    ):
        told[event["aggregate_id"]].append(event)
    for aggregate, events in told.items():
        if [event["version"] for event in events] != list(range(1, len(events) + 1)):
            yield f"events: versions of {aggregate} are {[event['version'] for event in events]}"
    moves: dict[UUID, Counter[tuple[str, str]]] = defaultdict(Counter)
    for move in rows(
        db,
        "select appointment_id, to_jsonb(from_starts_at) #>> '{}' || ' ' || (to_jsonb(from_ends_at) #>> '{}') as old,"
        " to_jsonb(to_starts_at) #>> '{}' || ' ' || (to_jsonb(to_ends_at) #>> '{}') as new"
        " from public.appointment_reschedules where org_id = %s",
        (org,),
    ):
        if move["old"] != move["new"]:
            moves[move["appointment_id"]][move["old"], move["new"]] += 1
    for kind, table in (("job", "dispatch_jobs"), ("appointment", "appointments")):
        for row in rows(db, f"select id, status from public.{table} where org_id = %s", (org,)):
            events = told[row["id"]]
            if sum(event["type"] == f"{kind}.created" for event in events) != 1:
                yield f"events: {kind} {row['id']} was not created exactly once"
            changes = [event["data"]["to"] for event in events if "status" in event["type"]]
            if kind == "appointment":
                changes += ["canceled"] * sum(event["type"] == "appointment.canceled" for event in events)
                if _told_moves(events) != moves[row["id"]]:
                    yield f"events: moves of {row['id']} are {_told_moves(events)}, history {moves[row['id']]}"
            if row["status"] not in (changes[-1:] or ["scheduled", "unscheduled", "confirmed"]):
                yield f"events: {kind} {row['id']} is {row['status']}, told {changes}"


def _told_moves(events: list[Row]) -> Counter[tuple[str, str]]:
    return Counter(
        (_period(event["data"]["from"]), _period(event["data"]["to"]))
        for event in events
        if event["type"] == "appointment.rescheduled"
    )


def _period(times: Row) -> str:
    return f"{times['starts_at']} {times['ends_at']}"


def _audit(db: Connection, org: UUID) -> Iterator[str]:
    told: dict[UUID, dict[str, Any]] = defaultdict(dict)
    for entry in rows(
        db, "select record_id, before, after from public.audit_log where org_id = %s order by id", (org,)
    ):
        known = told[entry["record_id"]]
        for column, was in (entry["before"] or {}).items():
            if known.get(column) != was:
                yield f"audit: {entry['record_id']} had {column} {known.get(column)}, not {was}"
        known.update(entry["after"] or {})
    for table in AUDITED:
        for row in rows(db, f"select to_jsonb(t) as row from public.{table} as t where org_id = %s", (org,)):
            known = told[UUID(row["row"]["id"])]
            wrong = {
                column: known.get(column)
                for column in row["row"].keys() - UNTOLD
                if known.get(column) != row["row"][column]
            }
            if wrong:
                yield f"audit: {table} {row['row']['id']} is not what the log tells: {wrong}"


def _waitlist(db: Connection, org: UUID) -> Iterator[str]:
    for offer in rows(db, OFFERS, (org,)):
        if offer["status"] != "open" and offer["held"]:
            yield f"waitlist: offer {offer['id']} is {offer['status']} and still holds its time"
        if offer["status"] == "open" and offer["is_running"] and not offer["held"]:
            yield f"waitlist: offer {offer['id']} is open and holds nothing"
        if (offer["status"] == "claimed") != offer["is_booked"]:
            yield f"waitlist: offer {offer['id']} is {offer['status']} with booking: {offer['is_booked']}"
        if offer["status"] == "open" and offer["entry_status"] != "offered":
            yield f"waitlist: offer {offer['id']} is open, its entry {offer['entry_status']}"

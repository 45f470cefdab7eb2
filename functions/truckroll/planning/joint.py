"""Jobs that take more than one technician's time, as groups of the engine's visits, and back (JOB-8, AVL-2, BKG-12)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import UUID

from truckroll.engine import Group, Part, Route, Shift, Solution, Visit
from truckroll.planning.lanes import one_lane_each
from truckroll.planning.snapshot import Coordinates, Snapshot, WaitingJob, WorkPart
from truckroll.planning.van_stock import Needs, Van
from truckroll.planning.windows import shifted

if TYPE_CHECKING:
    from truckroll.planning.problem import Model


@dataclass(frozen=True)
class Joint:
    """The visits of one job, served together; `parts` are those of technicians, by place in the problem."""

    group: Group
    visits: tuple[Visit, ...]
    parts: dict[int, WorkPart]


def thing_shifts(snapshot: Snapshot, row: Mapping[Coordinates, int]) -> tuple[Shift, ...]:
    """Return the shifts of bays, mobile units and equipment, behind those of the technicians.

    Nobody drives to them: the technicians of the same visit do.
    """
    first = len(snapshot.stretches)
    return tuple(
        Shift(
            id=f"{thing.resource_id}/{first + i}",
            technician_id=str(thing.resource_id),
            start_place=row[None],
            end_place=row[None],
            starts=thing.starts_s,
            ends=thing.ends_s,
            unavailable=thing.unavailable,
        )
        for i, thing in enumerate(snapshot.things)
    )


def joint_of(
    snapshot: Snapshot,
    job: WaitingJob,
    eligible: Sequence[int],
    first: int,
    row: Mapping[Coordinates, int],
) -> Joint | str:
    """Return the visits of a job, the first of them at this place in the problem, or what is missing for it.

    One technician has all the segments of a composite visit.
    """
    technicians = {snapshot.stretches[v].technician_id for v in eligible}
    if job.crew_size > 1:
        needs_parts = bool(snapshot.needs.get(job.job_id, Needs()).parts)
        eligible = one_lane_each(snapshot, eligible, first=needs_parts)
    covers = _covers(snapshot, job, eligible)
    if len(technicians) < job.crew_size or not all(covers):
        return "needs_crew"
    opens = min(stretch.starts_s for stretch in snapshot.stretches)
    closes = max(stretch.ends_s for stretch in snapshot.stretches)
    visits: list[Visit] = []
    members: list[Part] = []
    parts: dict[int, WorkPart] = {}
    brought = _brought(snapshot, job, technicians)
    for role in range(job.crew_size):
        for part in job.parts:
            parts[first + len(visits)] = part
            members.append(Part(first + len(visits), part.claim_starts_s, role))
            visits.append(
                Visit(
                    id=f"{job.job_id}/{len(visits)}",
                    place=row[job.place],
                    duration=part.claim_s,
                    windows=shifted(job.windows, part.claim_starts_s, opens, closes),
                    # The group costs what its visits cost together.
                    weight=0.0 if visits else job.weight,
                    priority=job.priority,
                    eligible=tuple(eligible),
                    tools=() if visits else brought.tools,
                    parts=() if visits else brought.parts,
                )
            )
    choices = [job.place_ids] if job.place_ids else []
    for role, things in enumerate([*choices, *((one,) for one in job.equipment_ids)], job.crew_size):
        shifts = _shifts_of(snapshot, things)
        if not shifts:
            return "no_common_time"
        members.append(Part(first + len(visits), -job.before_s, role))
        visits.append(
            Visit(
                id=f"{job.job_id}/{len(visits)}",
                place=row[None],
                # Not work: nobody's day grows longer by what a bay does.
                duration=0,
                setup_after=job.before_s + job.service_s + job.after_s,
                weight=0.0,
                eligible=shifts,
            )
        )
    return Joint(Group(str(job.job_id), tuple(members), covers), tuple(visits), parts)


def _brought(snapshot: Snapshot, job: WaitingJob, technicians: Iterable[UUID]) -> Needs:
    """Return what the first technician must have in the van.

    Nothing where nobody has it all but some can fetch it: the engine plans no stop at the depot for a
    joint visit, and leaving the job out would be worse.
    """
    needs = snapshot.needs.get(job.job_id, Needs())
    vans = [snapshot.vans.get(one, Van()) for one in technicians]
    if any(van.holds(needs) for van in vans) or all(van.depot is None for van in vans):
        return needs
    return Needs()


def _covers(snapshot: Snapshot, job: WaitingJob, eligible: Iterable[int]) -> tuple[tuple[int, ...], ...]:
    """Return for each skill of a crew the shifts of those who could bring it along."""
    if job.crew_size == 1:
        return ()
    by_shift = {v: snapshot.brings.get((job.requirement, snapshot.stretches[v].date), ()) for v in eligible}
    skills = max((len(brings) for brings in by_shift.values()), default=0)
    return tuple(
        tuple(
            v
            for v, brings in by_shift.items()
            if skill < len(brings) and snapshot.stretches[v].technician_id in brings[skill]
        )
        for skill in range(skills)
    )


def _shifts_of(snapshot: Snapshot, things: Iterable[UUID]) -> tuple[int, ...]:
    wanted = frozenset(things)
    first = len(snapshot.stretches)
    return tuple(first + i for i, thing in enumerate(snapshot.things) if thing.resource_id in wanted)


def places_of(snapshot: Snapshot, model: Model, routes: Sequence[Route]) -> dict[UUID, UUID]:
    """Return the bay or mobile unit the plan has for each job that needs one."""
    found: dict[UUID, UUID] = {}
    for route in routes[model.people :]:
        thing = snapshot.things[route.shift - model.people].resource_id
        for stop in route.stops:
            job = model.sources[stop.visit]
            if isinstance(job, WaitingJob) and thing in job.place_ids:
                found[job.job_id] = thing
    return found


def of_people(model: Model, solution: Solution) -> Solution:
    """Return the technicians' routes alone, and each job left out once."""
    firsts: dict[object, int] = {}
    for left in solution.unserved:
        firsts.setdefault(id(model.sources[left.visit]), left.visit)
    kept = set(firsts.values())
    return replace(
        solution,
        routes=solution.routes[: model.people],
        unserved=tuple(left for left in solution.unserved if left.visit in kept),
    )

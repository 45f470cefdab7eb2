"""The engine's problem of a snapshot. Each visit stands for all it claims, so buffers are service to the engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from truckroll.engine import (
    Break,
    CurrentPlace,
    FixedPlace,
    Group,
    Objective,
    Problem,
    Series,
    Shift,
    Solution,
    Visit,
)
from truckroll.engine.model import Strategy
from truckroll.engine.spare import use_spare
from truckroll.engine.unserved import IsOver, never
from truckroll.planning.joint import Joint, joint_of, thing_shifts
from truckroll.planning.lanes import breaks_of, other_lanes, stretch_of
from truckroll.planning.limits import shared_limits, with_shared_limits
from truckroll.planning.snapshot import (
    Claim,
    Coordinates,
    Costs,
    Snapshot,
    WaitingJob,
    WorkingStretch,
    WorkPart,
)
from truckroll.planning.van_stock import Needs, Van, engine_depot
from truckroll.planning.windows import shifted

Rows = dict[Coordinates, int]

BOOKED_WEIGHT = 1e8  # seconds: no number of new jobs is worth breaking a promise made to a customer
# A visit whose technician is away: worth more than any new job, but no reason to break another promise instead.
STRANDED_WEIGHT = 1e6
MINUTE = 60
MOST_SETTLED = 3000  # visits; a larger day is never made into arrays at once
# After an event the search stays near what is booked by itself, so moving a visit costs less, see Costs.
REPLAN_HEAT = 0.02


@dataclass(frozen=True)
class Model:
    """A problem with what each of its visits is; `outside` are waiting jobs it leaves out, with the reason.

    The first `people` of its shifts are the technicians' stretches, the others those of bays, mobile
    units and equipment. `parts` says which part of a joint visit a technician's visit is.
    """

    problem: Problem
    sources: tuple[Claim | WaitingJob, ...]
    outside: tuple[tuple[WaitingJob, str], ...]
    people: int
    parts: Mapping[int, WorkPart]


def model_of(
    snapshot: Snapshot,
    strategy: Strategy,
    *,
    pinned: frozenset[UUID] = frozenset(),
    refused: frozenset[UUID] = frozenset(),
    books: bool = True,
) -> Model:
    """Return the problem to solve.

    Visits of the assignments in `pinned` stay where they are; the jobs in `refused` are left out,
    and all waiting jobs unless `books`. With everything pinned and nothing booked it is today's plan.
    """
    row = {place: i for i, place in enumerate(snapshot.places)}
    shifts = tuple(_shift(snapshot, i, stretch, row) for i, stretch in enumerate(snapshot.stretches))
    visits: list[Visit] = []
    sources: list[Claim | WaitingJob] = []
    outside: list[tuple[WaitingJob, str]] = []
    groups: list[Group] = []
    parts: dict[int, WorkPart] = {}
    opens = min((shift.starts for shift in shifts), default=0)
    closes = max((shift.ends for shift in shifts), default=0)
    claims_of = Counter(claim.job_id for claim in snapshot.claims)
    for claim in snapshot.claims:
        home = stretch_of(snapshot.stretches, snapshot.claims, claim)
        if home is None:
            continue
        movable = claim.is_movable and claim.assignment_id not in pinned
        windows = shifted(claim.windows, claim.starts_s - claim.service_starts_s, opens, closes)
        visit = _booked(snapshot, claim, home, row, windows if movable else ())
        if claims_of[claim.job_id] > 1:
            # Of several who share a job, nobody knows who brings what it needs.
            visit = replace(visit, tools=(), parts=())
        visits.append(visit)
        sources.append(claim)
    for job in snapshot.jobs if books else ():
        windows = shifted(job.windows, -job.before_s, opens, closes)
        eligible = _eligible(snapshot, job.requirement)
        if job.obstacle is not None:
            outside.append((job, job.obstacle))
        elif job.job_id in refused:
            outside.append((job, "judge_refused"))
        elif not eligible:
            someone = any(snapshot.able.get((job.requirement, day)) for day in snapshot.dates)
            outside.append((job, "outside_shift" if someone else "no_eligible_technician"))
        elif not windows:
            outside.append((job, "no_time_in_window"))
        elif job.is_joint:
            joint = joint_of(snapshot, job, eligible, len(visits), row)
            if isinstance(joint, Joint):
                groups.append(joint.group)
                parts |= joint.parts
                visits += joint.visits
                sources += [job] * len(joint.visits)
            else:
                outside.append((job, joint))
        else:
            first = Visit(
                id=str(job.job_id),
                place=row[job.place],
                duration=job.before_s + job.service_s + job.after_s,
                windows=windows,
                weight=job.weight,
                priority=job.priority,
                eligible=eligible,
                tools=needs_of(snapshot, job.job_id).tools,
                parts=needs_of(snapshot, job.job_id).parts,
                paced=job.service_s if job.own_pace else 0,
                familiar=familiar_shifts(snapshot, job),
            )
            visits += [first, *(replace(first, id=f"{first.id}/{i}") for i in range(1, job.visits))]
            sources += [job] * job.visits
    problem = Problem(
        travel=snapshot.travel_s,
        distance=snapshot.distance_m,
        shifts=shifts + thing_shifts(snapshot, row),
        visits=tuple(visits),
        weights=_objective(strategy, snapshot.costs),
        groups=tuple(groups),
        # In whole minutes, so that nobody is promised 8:07:09; never less than the judge asks for.
        grain=MINUTE,
        series=_series(sources, {part.visit for group in groups for part in group.parts}),
    )
    problem = with_shared_limits(problem, snapshot.stretches)
    return Model(problem, tuple(sources), tuple(outside), len(shifts), parts)


def _objective(strategy: Strategy, costs: Costs) -> Objective:
    """Return the strategy's weights with the company's own."""
    weights = Objective.for_strategy(strategy, stability=costs.move_s, continuity=costs.continuity_s)
    return replace(
        weights,
        distance=weights.distance + costs.km_s / 1000,
        span=costs.waiting,
        balance=costs.balance if strategy == "balanced" else 0.0,
    )


def settled(
    model: Model, snapshot: Snapshot, solution: Solution, is_over: IsOver = never
) -> tuple[Model, Solution]:
    """Return model and plan with what shares of a day's longest work are left given to who can use it.

    When the time `is_over`, visits that matter less are not tried.
    """
    if len(model.problem.visits) > MOST_SETTLED:
        return model, solution
    problem, solution = use_spare(model.problem, solution, shared_limits(snapshot.stretches), is_over)
    return replace(model, problem=problem), solution


def _series(sources: Sequence[Claim | WaitingJob], grouped: Collection[int]) -> tuple[Series, ...]:
    """Return the visits of each job in their order: the booked ones, then those that wait."""
    of_job: dict[UUID, list[tuple[bool, int, int]]] = {}
    for x, source in enumerate(sources):
        if source.job_id is not None and x not in grouped:
            waits, at = (True, 0) if isinstance(source, WaitingJob) else (False, source.starts_s)
            of_job.setdefault(source.job_id, []).append((waits, at, x))
    return tuple(
        Series(str(job), tuple(x for _, _, x in sorted(own))) for job, own in of_job.items() if len(own) > 1
    )


def calmer(model: Model, costs: Costs) -> Model:
    """Return the model with the price of moving a visit that holds after an event."""
    weights = replace(model.problem.weights, stability=costs.move_after_event_s)
    return replace(model, problem=replace(model.problem, weights=weights))


def _shift(snapshot: Snapshot, number: int, stretch: WorkingStretch, row: Rows) -> Shift:
    van = snapshot.vans.get(stretch.technician_id, Van())
    return Shift(
        id=f"{stretch.technician_id}/{number}",
        technician_id=str(stretch.technician_id),
        start_place=row[stretch.home],
        end_place=row[stretch.home],
        starts=stretch.starts_s,
        ends=stretch.ends_s,
        breaks=tuple(Break(*one) for one in breaks_of(snapshot, stretch)),
        max_work=stretch.max_work_s,
        unavailable=stretch.unavailable,
        tools=van.tools,
        # Vans are filled overnight: what the first stretch of a day leaves is not known to the next.
        parts=van.parts if _is_first(snapshot.stretches, stretch) else (),
        depot=engine_depot(van, row),
        pace=stretch.pace,
        speed=stretch.speed,
    )


def _is_first(stretches: Sequence[WorkingStretch], stretch: WorkingStretch) -> bool:
    """Tell whether a technician's day begins with this stretch, in its first lane."""
    return stretch.lane == 1 and not any(
        one.technician_id == stretch.technician_id
        and one.date == stretch.date
        and one.starts_s < stretch.starts_s
        for one in stretches
    )


def needs_of(snapshot: Snapshot, job_id: UUID | None) -> Needs:
    """Return what the visit of a job needs; nothing for anything else that takes time."""
    return Needs() if job_id is None else snapshot.needs.get(job_id, Needs())


def _booked(
    snapshot: Snapshot, claim: Claim, home: int, row: Rows, windows: tuple[tuple[int, int], ...]
) -> Visit:
    """Return the visit of a claim: movable within its windows, or fixed when it has none."""
    stretch = snapshot.stretches[home]
    inside = stretch.starts_s <= claim.starts_s and claim.ends_s <= stretch.ends_s
    # Whoever stands in no lane of the plan's would only be moved to make that true.
    movable = bool(windows) and inside and claim.lane in {stretch.lane, 1}
    able = set(_eligible(snapshot, claim.requirement or "")) - other_lanes(snapshot.stretches, home)
    eligible = {home} | able if movable else {home}
    length = claim.ends_s - claim.starts_s
    usual = claim.usual_s if movable else None
    if usual is not None:
        length += usual - (claim.service_ends_s - claim.service_starts_s)
    return Visit(
        id=str(claim.reservation_id),
        place=row[claim.place],
        duration=length,
        windows=windows if movable else (),
        weight=STRANDED_WEIGHT if is_away(stretch, claim) else BOOKED_WEIGHT,
        eligible=tuple(sorted(eligible)),
        fixed=None if movable else FixedPlace(home, claim.starts_s),
        current=CurrentPlace(home, claim.starts_s) if movable else None,
        tools=needs_of(snapshot, claim.job_id).tools,
        parts=needs_of(snapshot, claim.job_id).parts,
        # Booked for any other time than it takes its technician: somebody decided how long.
        paced=usual or 0,
        familiar=familiar_shifts(snapshot, claim) if movable else None,
    )


def familiar_shifts(snapshot: Snapshot, work: Claim | WaitingJob) -> tuple[int, ...] | None:
    """Return the shifts of technicians who know the customer; None when none of them works on these days."""
    known = tuple(v for v, stretch in enumerate(snapshot.stretches) if stretch.technician_id in work.familiar)
    return known or None


def is_away(stretch: WorkingStretch, claim: Claim) -> bool:
    """Tell whether a claim stands in time its technician has off."""
    return any(start < claim.ends_s and claim.starts_s < end for start, end in stretch.unavailable)


def _eligible(snapshot: Snapshot, requirement: str) -> tuple[int, ...]:
    return tuple(
        i
        for i, stretch in enumerate(snapshot.stretches)
        if stretch.technician_id in snapshot.able.get((requirement, stretch.date), ())
    )

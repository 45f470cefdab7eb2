"""How soon one visit could be done in a route that stands, and what that does to the others (OPT-7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from truckroll.engine.arrays import Day, Plan
from truckroll.engine.compiled import compiled
from truckroll.engine.insert import place_node, start_in_slot, work_allows
from truckroll.engine.interactive import plan_of
from truckroll.engine.model import Problem, Route
from truckroll.engine.prepare import prepare_once
from truckroll.engine.schedule import NEVER, reschedule
from truckroll.engine.squeeze import lift_pauses, put_back, settle_pauses

WAY = np.dtype(
    [
        ("shift", np.int32),
        ("slot", np.int32),  # how many stops come before it, of those that stay
        ("begins", np.int32),
        ("leg", np.int32),  # driving to it
        ("added", np.int32),  # driving more than without it, that of the dropped visits taken off
        ("moved", np.int32),  # visits that begin later than booked
        ("delay", np.int32),  # seconds, of all of them
        ("first_dropped", np.int32),  # -1 for none
        ("last_dropped", np.int32),
    ],
    align=True,
)
ROOM = 128  # ways kept, for each shift there is
NO_TIME = 2**40  # when a stop at the depot is booked: any time does
GAIN_S = 300  # what dropping a visit must save the urgent one, or it is not worth anybody's time


class Way(NamedTuple):
    """One way to do the urgent visit: times in the problem's time, seconds.

    `starts` is the beginning of its buffer, `ends` the end of that behind it at the pace of whoever
    comes, `leg_s` the driving just before. `delays` names visits
    that start later than booked, with their new start; `dropped` those that make room.
    """

    shift: int
    starts: int
    ends: int
    leg_s: int
    added_travel_s: int
    delays: tuple[tuple[int, int], ...]
    delay_s: int
    dropped: tuple[int, ...]


def ways_to_serve(
    problem: Problem, routes: Sequence[Route], visit: int, booked: Sequence[int], droppable: Iterable[int]
) -> tuple[Way, ...]:
    """Return every way to add a visit that stands in no route, soonest first.

    `booked` holds by visit when it begins today; beginning later is a delay. Up to two consecutive
    visits of `droppable` are left out where that makes the urgent one at least five minutes sooner
    than anything else could in that shift. A route that does not hold as it is, its technician being
    late, takes it only in place of such visits. Shifts without a route count as free days.
    """
    prepared = prepare_once(problem, searched=False)
    day = prepared.day
    plan, sound = plan_of(prepared, routes)
    begins = np.full(len(day.visits), NO_TIME, np.int64)
    begins[: len(booked)] = np.array(booked, np.int64) - prepared.origin
    may_go = np.zeros(len(day.visits), np.bool_)
    may_go[list(droppable)] = True
    # What comes later in a series would lose what it waits for.
    may_go &= day.visits["successor"] < 0
    room = ROOM * max(4, len(problem.shifts))
    rows = np.zeros(room, WAY)
    delayed = np.full((room, plan.nodes.shape[1]), -1, np.int32)
    starts = np.zeros((room, plan.nodes.shape[1]), np.int32)
    count = find_ways(day, plan, visit, sound, begins, may_go, rows, delayed, starts)
    takes = day.visits[visit]["occupies"] + day.more[visit, day.shifts["pace"]]
    found = [
        _way(row, delayed[i], starts[i], prepared.origin, int(takes[row[0]]))
        for i, row in enumerate(rows[:count].tolist())
    ]
    return tuple(sorted(found, key=lambda way: (way.starts, way.delay_s, way.added_travel_s, way.shift)))


def _way(row: tuple[int, ...], delayed: Any, starts: Any, origin: int, takes_s: int) -> Way:
    shift, _, begins, leg, added, moved, delay, first, last = row
    return Way(
        shift=shift,
        starts=begins + origin,
        ends=begins + origin + takes_s,
        leg_s=leg,
        added_travel_s=added,
        delays=tuple((int(delayed[i]), int(starts[i]) + origin) for i in range(moved)),
        delay_s=delay,
        dropped=tuple(dict.fromkeys(one for one in (first, last) if one >= 0)),
    )


@compiled
def find_ways(
    day: Day, plan: Plan, x: int, sound: Any, booked: Any, may_go: Any, rows: Any, delayed: Any, starts: Any
) -> int:
    """List the ways to serve visit x in every shift that may; return how many."""
    count = 0
    visit = day.visits[x]
    lifted = np.empty(plan.nodes.shape[1], np.int32)
    for e in range(visit.first_eligible, visit.last_eligible):
        v = int(day.eligible[e])
        length = plan.routes[v].length
        if length >= plan.nodes.shape[1]:
            continue
        saved = plan.nodes[v, :length].copy()
        pauses = lift_pauses(day, plan, v, lifted)
        stops = int(plan.routes[v].length)
        bare = plan.nodes[v, :stops].copy()
        travel = plan.routes[v].work
        for k in range(stops):
            travel -= day.visits[bare[k]].work + day.more[bare[k], day.shifts[v].pace]
        first = count
        if sound[v]:
            count = ways_in(
                day, plan, v, x, lifted, pauses, travel, -1, -1, 2**30, booked, rows, delayed, starts, count
            )
        soonest = 2**30
        for i in range(first, count):
            soonest = min(soonest, rows[i].begins)
        for a in range(stops):
            for b in range(a, min(a + 2, stops)):
                if not may_go[bare[a]] or not may_go[bare[b]]:
                    continue
                w = 0
                for k in range(stops):
                    if k < a or k > b:
                        plan.nodes[v, w] = bare[k]
                        w += 1
                plan.routes[v].length = w
                if reschedule(day, plan, v):
                    count = ways_in(
                        day, plan, v, x, lifted, pauses, travel, bare[a], bare[b], soonest - GAIN_S,
                        booked, rows, delayed, starts, count
                    )  # fmt: skip
                put_back(day, plan, v, bare, stops)
        put_back(day, plan, v, saved, length)
    return count


@compiled
def ways_in(
    day: Day, plan: Plan, v: int, x: int, lifted: Any, pauses: int, travel: int, first: int, last: int,
    latest: int, booked: Any, rows: Any, delayed: Any, starts: Any, count: int
) -> int:  # fmt: skip
    """Add the ways that put x into route v, free of pauses now, to begin by `latest`; return how many there are."""
    visits = day.visits.shape[0]
    stops = int(plan.routes[v].length)
    bare = plan.nodes[v, :stops].copy()
    for k in range(stops + 1):
        if count >= rows.shape[0]:
            break
        begins = start_in_slot(day, plan, v, k, x)
        if begins == NEVER or begins > latest or not work_allows(day, plan, v, k, x):
            continue
        leg = day.travel[day.shifts[v].roads + plan.slots[v, k].place, day.visits[x].place]
        place_node(day, plan, v, k, x)
        if settle_pauses(day, plan, v, lifted, pauses):
            row = rows[count]
            row.shift, row.slot, row.leg = v, k, leg
            row.first_dropped, row.last_dropped = first, last
            row.moved, row.delay = 0, 0
            row.begins = 0
            driven = plan.routes[v].work
            for i in range(plan.routes[v].length):
                node = plan.nodes[v, i]
                if node >= visits:
                    continue
                driven -= day.visits[node].work + day.more[node, day.shifts[v].pace]
                if node == x:
                    row.begins = plan.begins[v, i]
                elif plan.begins[v, i] > booked[node] and day.visits[node].fixed_shift < 0:
                    delayed[count, row.moved] = node
                    starts[count, row.moved] = plan.begins[v, i]
                    row.moved += 1
                    row.delay += plan.begins[v, i] - booked[node]
            row.added = driven - travel
            if row.begins <= latest:
                count += 1
        put_back(day, plan, v, bare, stops)
    return count

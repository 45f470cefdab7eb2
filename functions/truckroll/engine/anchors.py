"""What in a shift can't move: fixed visits and unavailable times, however badly they fit each other.

A dispatcher may have locked visits that collide, lie outside the shift or leave too little time to
drive. The engine keeps them as they are, and lets nothing it adds make them later than they already
would be.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from truckroll.engine.model import Problem
from truckroll.engine.roads import way_s

Interval = tuple[int, int]


@dataclass(frozen=True)
class Anchors:
    """The fixed part of one shift, in the problem's time.

    `visits` holds index, begin of the buffer, the latest arrival (the begin, unless the fixed visits
    before it make a later one necessary), and when the technician is free again. `ends`, `work` and
    `load` are what the fixed part alone needs.
    """

    visits: tuple[tuple[int, int, int, int], ...]
    unavailable: tuple[Interval, ...]
    ends: int
    work: int
    load: int


def anchor(problem: Problem, v: int) -> Anchors:
    """Return the fixed part of shift v."""
    shift = problem.shifts[v]
    fixed = sorted(
        (visit.fixed.start - visit.setup_before, x)
        for x, visit in enumerate(problem.visits)
        if visit.fixed and visit.fixed.shift == v
    )
    occupied = [
        (begin, begin + visit.setup_before + visit.duration + visit.setup_after)
        for begin, visit in ((begin, problem.visits[x]) for begin, x in fixed)
    ]
    within = join((max(a, shift.starts), min(b, shift.ends)) for a, b in shift.unavailable)
    unavailable = subtract(within, join(occupied))

    place, ready, clock = shift.start_place, shift.starts, shift.starts
    work = load = 0
    visits: list[tuple[int, int, int, int]] = []
    until = shift.starts
    timed = sorted([(begin, -1, end) for begin, end in unavailable] + [(begin, x, 0) for begin, x in fixed])
    for begin, x, end in timed:
        if x < 0:
            clock = max(clock, begin) + end - begin
            ready += end - begin
            continue
        visit = problem.visits[x]
        leg = way_s(problem, shift, place, visit.place)
        arrival = max(ready + leg, clock)
        until = max(until, begin + visit.setup_before + visit.duration + visit.setup_after)
        visits.append((x, begin, max(begin, arrival), until))
        ready = clock = until
        place = visit.place
        work += leg + visit.duration
        load += visit.load
    leg = way_s(problem, shift, place, shift.end_place)
    ends = max(shift.ends, ready + leg, clock)
    return Anchors(tuple(visits), tuple(unavailable), ends, work + leg, load)


def join(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the union of intervals as disjoint ones in order, empty ones left out."""
    joined: list[Interval] = []
    for begin, end in sorted(one for one in intervals if one[1] > one[0]):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return joined


def subtract(intervals: list[Interval], holes: list[Interval]) -> list[Interval]:
    """Return what the disjoint ordered `intervals` cover outside the disjoint ordered `holes`."""
    left: list[Interval] = []
    for begin, end in intervals:
        at = begin
        for opens, closes in holes:
            if closes <= at or opens >= end:
                continue
            if opens > at:
                left.append((at, opens))
            at = max(at, closes)
        if at < end:
            left.append((at, end))
    return left

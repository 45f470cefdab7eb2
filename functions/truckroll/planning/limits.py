"""The longest day of somebody who works in several stretches or lanes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from truckroll.engine import FixedPlace, Problem, Visit
from truckroll.engine.anchors import anchor
from truckroll.engine.spare import Shared
from truckroll.planning.snapshot import WorkingStretch


def with_shared_limits(problem: Problem, stretches: Sequence[WorkingStretch]) -> Problem:
    """Return the problem with stretches giving up what booked visits need of the day beyond another's share.

    Each stretch comes with its share of the day's longest work. The first shifts of the problem are
    those of the stretches. Where all that is booked is too much, only fixed visits keep what they need.
    """
    days = shared_limits(stretches)
    if not days:
        return problem
    shifts = list(problem.shifts)
    as_booked = replace(problem, visits=tuple(_where_booked(visit) for visit in problem.visits))
    for own, limit in days:
        shares = {v: stretches[v].max_work_s or 0 for v in own}
        needs = {v: anchor(as_booked, v).work for v in own}
        if sum(needs.values()) > limit:
            needs = {v: anchor(problem, v).work for v in own}
        excess = sum(max(0, needs[v] - shares[v]) for v in own)
        spare = {v: max(0, shares[v] - needs[v]) for v in own}
        if excess == 0 or not any(spare.values()):
            continue
        total = sum(spare.values())
        for v in own:
            less = min(spare[v], -(-excess * spare[v] // total))
            shifts[v] = replace(shifts[v], max_work=max(needs[v], shares[v] - less))
    return replace(problem, shifts=tuple(shifts))


def _where_booked(visit: Visit) -> Visit:
    return visit if visit.current is None else replace(visit, current=None, fixed=FixedPlace(*visit.current))


def shared_limits(stretches: Sequence[WorkingStretch]) -> list[Shared]:
    """Return the stretches that share the longest work of a day, by their numbers, with that."""
    days: dict[tuple[Any, Any], list[int]] = {}
    for v, stretch in enumerate(stretches):
        if stretch.max_work_s is not None:
            days.setdefault((stretch.technician_id, stretch.date), []).append(v)
    return [
        Shared(tuple(own), sum(stretches[v].max_work_s or 0 for v in own))
        for own in days.values()
        if len(own) > 1
    ]

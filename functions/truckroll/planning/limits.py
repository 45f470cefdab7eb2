"""The longest day of somebody who works in several stretches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from truckroll.engine import Problem
from truckroll.engine.anchors import anchor
from truckroll.planning.snapshot import WorkingStretch


def with_shared_limits(problem: Problem, stretches: Sequence[WorkingStretch]) -> Problem:
    """Return the problem with stretches giving up what fixed visits need of the day beyond another's share.

    Each stretch comes with its share of the day's longest work. The first shifts of the problem are
    those of the stretches.
    """
    days: dict[tuple[Any, Any], list[int]] = {}
    for v, stretch in enumerate(stretches):
        if stretch.max_work_s is not None:
            days.setdefault((stretch.technician_id, stretch.date), []).append(v)
    shifts = list(problem.shifts)
    for own in days.values():
        shares = {v: stretches[v].max_work_s or 0 for v in own}
        needs = {v: anchor(problem, v).work for v in own} if len(own) > 1 else shares
        excess = sum(max(0, needs[v] - shares[v]) for v in own)
        spare = {v: max(0, shares[v] - needs[v]) for v in own}
        if excess == 0 or not any(spare.values()):
            continue
        total = sum(spare.values())
        for v in own:
            less = min(spare[v], -(-excess * spare[v] // total))
            shifts[v] = replace(shifts[v], max_work=shares[v] - less)
    return replace(problem, shifts=tuple(shifts))

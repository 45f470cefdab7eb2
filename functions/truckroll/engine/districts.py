"""Districts of a day: neighbouring shifts and their visits as a problem of their own.

Routes and the prices of unserved visits add up, so districts that share no shift and no visit can
be searched at the same time and their plans put together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from truckroll.engine.model import FixedPlace, Group, Objective, Problem, Series, Visit
from truckroll.engine.pace import service_s
from truckroll.engine.series import bounds_of, links_of
from truckroll.engine.tours import Tour, Tours

LANDMARKS = 40
NEVER_LEFT = 1e12  # the weight of a visit that one in another district waits for

Points = NDArray[np.float64]


@dataclass(frozen=True)
class District:
    """Some shifts and some visits of a day, which may serve each other, as a problem of its own.

    `grouped` are its visits that move with their group, or after another of their series that is its
    own; `booked_outside` those booked on other shifts.
    """

    problem: Problem
    shifts: tuple[int, ...]
    visits: tuple[int, ...]
    grouped: frozenset[int]
    booked_outside: frozenset[int] = frozenset()

    def inward(self, tours: Tours) -> Tours:
        """Return the district's share of the whole day's tours, in the district's numbers."""
        number = {x: i for i, x in enumerate(self.visits)}
        return Tours(
            tuple(tuple(number[node] if node >= 0 else node for node in tours.rows[v]) for v in self.shifts),
            {number[x]: start for x, start in tours.starts.items() if x in self.grouped},
        )

    def outward(self, tours: Tours) -> Tours:
        """Return the district's tours, in the order of its shifts, in the whole day's numbers."""
        return Tours(
            tuple(tuple(self.visits[node] if node >= 0 else node for node in tour) for tour in tours.rows),
            {self.visits[x]: start for x, start in tours.starts.items()},
        )

    def moved_anyway(self, tour: Tour) -> float:
        """Return what the district's cost of an outward tour lacks: moving visits booked outside."""
        stability = self.problem.weights.stability
        return stability * sum(node in self.booked_outside for node in tour) if stability else 0.0


def whole_of(problem: Problem) -> District:
    """Return the whole day as a district."""
    visits = range(len(problem.visits))
    grouped = frozenset(part.visit for group in problem.groups for part in group.parts)
    grouped |= {link.later for link in links_of(problem)}
    return District(problem, tuple(range(len(problem.shifts))), tuple(visits), grouped)


def district_of(problem: Problem, shifts: tuple[int, ...], visits: tuple[int, ...], tours: Tours) -> District:
    """Return a district of a day; visits fixed on other shifts must not be among its visits.

    A group served partly outside stands still: its visits are fixed where the tours have them. What
    comes before or after a visit of its series that is served outside keeps to its side of the split
    between them, and may not be left out where the other waits for it. A visit booked on another shift
    counts as not booked: what moving it costs is then missing from the cost of every plan of the
    district alike, see `moved_anyway`.
    """
    rows = sorted(
        {problem.visits[x].place for x in visits}
        | {place for v in shifts for place in problem.shifts[v].places}
    )
    row = {place: i for i, place in enumerate(rows)}
    number = {v: i for i, v in enumerate(shifts)}
    name = {x: i for i, x in enumerate(visits)}
    groups = [group for group in problem.groups if all(part.visit in name for part in group.parts)]
    grouped = frozenset(part.visit for group in groups for part in group.parts)
    parts = {part.visit for group in problem.groups for part in group.parts}
    still = {
        x: FixedPlace(v, tours.starts[x] + problem.visits[x].setup_before)
        for v in (shifts if tours.starts else ())
        for x in tours.rows[v]
        if x in tours.starts and x in parts and x not in grouped
    }
    series = tuple(_pieces(problem, name))
    grouped |= {visits[i] for one in series for i in one.visits[1:]}
    limits = _limits(problem, name, tours)
    square = np.ix_(rows, rows)
    return District(
        replace(
            problem,
            travel=problem.travel[square],
            distance=None if problem.distance is None else problem.distance[square],
            shifts=tuple(problem.shifts[v].renumbered(row) for v in shifts),
            visits=tuple(_visit(limits.get(x, problem.visits[x]), row, number, still.get(x)) for x in visits),
            weights=_weights(problem, shifts),
            groups=tuple(_group(group, name, number) for group in groups),
            series=series,
        ),
        shifts,
        visits,
        grouped,
        frozenset(
            x
            for x in visits
            if (current := problem.visits[x].current) is not None and current.shift not in number
        ),
    )


def _pieces(problem: Problem, name: dict[int, int]) -> Iterator[Series]:
    """Return the stretches of series that lie inside, in the district's numbers."""
    for one in problem.series:
        for inside, run in groupby(one.visits, key=lambda x: x in name):
            own = tuple(name[x] for x in run) if inside else ()
            if len(own) > 1:
                yield Series(f"{one.id}/{own[0]}", own, one.gap)


def _limits(problem: Problem, name: dict[int, int], tours: Tours) -> dict[int, Visit]:
    """Return the visits inside that have a neighbour of their series outside, with what that leaves them."""
    crossing = [link for link in links_of(problem) if (link.earlier in name) != (link.later in name)]
    if not crossing:
        return {}
    limits: dict[int, Visit] = {}
    bounds = bounds_of(problem)
    served = {node: v for v, tour in enumerate(tours.rows) for node in tour if node >= 0}
    for earlier, later, gap in crossing:
        x = earlier if earlier in name else later
        visit = limits.get(x, problem.visits[x])
        if visit.fixed is not None:
            continue
        low, high = bounds[x]
        if problem.visits[later if x == earlier else earlier].fixed is None:
            if later in served and x == later:
                low = max(low, tours.starts[later] + visit.setup_before)
            elif later in served:
                turn = tours.starts[later] + problem.visits[later].setup_before
                takes = service_s(problem, visit, problem.shifts[served[x]])
                slower = {v for v in visit.eligible if service_s(problem, visit, problem.shifts[v]) > takes}
                eligible = tuple(v for v in visit.eligible if v not in slower)
                visit = replace(visit, eligible=eligible, weight=NEVER_LEFT)
                high = min(high, turn - gap - takes)
            elif x == later:
                visit = replace(visit, eligible=())
        windows = tuple(
            (max(a, low), min(b, high))
            for a, b in visit.windows or ((low, high),)
            if max(a, low) <= min(b, high)
        )
        limits[x] = replace(visit, windows=windows, eligible=visit.eligible if windows else ())
    return limits


def _weights(problem: Problem, shifts: tuple[int, ...]) -> Objective:
    """Return the objective; balance is measured against the mean length of a shift: that of the whole day."""
    if not problem.weights.balance:
        return problem.weights
    mean = np.mean([problem.shifts[v].ends - problem.shifts[v].starts for v in shifts])
    whole = np.mean([one.ends - one.starts for one in problem.shifts])
    return replace(problem.weights, balance=float(problem.weights.balance * mean / whole))


def _visit(visit: Visit, row: dict[int, int], number: dict[int, int], still: FixedPlace | None) -> Visit:
    fixed = visit.fixed or still
    current = visit.current if visit.current and visit.current.shift in number else None
    return replace(
        visit,
        place=row[visit.place],
        eligible=tuple(number[v] for v in visit.eligible if v in number),
        familiar=visit.familiar and tuple(number[v] for v in visit.familiar if v in number),
        fixed=fixed and fixed._replace(shift=number[fixed.shift]),
        current=current and current._replace(shift=number[current.shift]),
    )


def _group(group: Group, name: dict[int, int], number: dict[int, int]) -> Group:
    return replace(
        group,
        parts=tuple(part._replace(visit=name[part.visit]) for part in group.parts),
        covers=tuple(tuple(number[v] for v in cover if v in number) for cover in group.covers),
    )


def points_of(travel: NDArray[np.int32]) -> Points:
    """Return every place as a point in the plane, such that distances resemble travel times.

    Classical scaling from landmarks: V. de Silva and J. Tenenbaum, Sparse multidimensional scaling
    using landmark points, 2004.
    """
    marks = [0]
    nearest = _both_ways(travel, 0)
    while len(marks) < min(LANDMARKS, len(travel)):
        marks.append(int(np.argmax(nearest)))
        nearest = np.minimum(nearest, _both_ways(travel, marks[-1]))
    squared = np.array([_both_ways(travel, mark) for mark in marks]) ** 2
    between = squared[:, marks]
    centred = between - between.mean(0) - between.mean(1)[:, None] + between.mean()
    values, vectors = np.linalg.eigh(-0.5 * centred)
    chosen = [i for i in (-1, -2) if len(values) >= -i and values[i] > 1e-9]
    points = np.zeros((len(travel), 2))
    for axis, i in enumerate(chosen):
        points[:, axis] = -0.5 * vectors[:, i] @ (squared - between.mean(1)[:, None]) / np.sqrt(values[i])
    return points


def _both_ways(travel: NDArray[np.int32], place: int) -> Points:
    mean: Points = (travel[place].astype(np.float64) + travel[:, place]) / 2.0
    return mean


def split(points: Points, weights: NDArray[Any], count: int, rng: np.random.Generator) -> list[list[int]]:
    """Return `count` groups of neighbouring points of nearly equal weight, cut along lines drawn at random."""
    groups: list[list[int]] = []

    def cut(members: NDArray[np.intp], parts: int) -> None:
        if parts == 1 or len(members) < 2:
            groups.append(sorted(members.tolist()))
            return
        angle = rng.uniform(0.0, np.pi)
        along = points[members] @ np.array([np.cos(angle), np.sin(angle)])
        members = members[np.argsort(along, kind="stable")]
        left = parts // 2
        total = np.cumsum(weights[members])
        at = int(np.searchsorted(total, total[-1] * left / parts)) + 1
        at = min(max(at, 1), len(members) - 1)
        cut(members[:at], left)
        cut(members[at:], parts - left)

    cut(np.arange(len(points)), count)
    return groups

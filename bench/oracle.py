"""Tiny days solved by trying everything: every order, every second at which a break may start.

Knows nothing of the engine's schedules. Times should be small numbers; `max_span` and fixed visits
are not covered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise, permutations, product

from bench.pace import takes_s, way_s

from truckroll.engine.model import Group, Problem, Shift

Interval = tuple[int, int]
MUST = 1e12


def feasible(problem: Problem, v: int, order: Sequence[int]) -> bool:
    """Tell whether shift v can serve these visits in this order."""
    shift = problem.shifts[v]
    if any(v not in problem.visits[x].eligible for x in order):
        return False
    if shift.capacity is not None and sum(problem.visits[x].load for x in order) > shift.capacity:
        return False
    if shift.max_work is not None and work(problem, v, order) > shift.max_work:
        return False
    return any(_drivable(problem, v, order, closed) for closed in closings(shift))


def closings(shift: Shift) -> Iterator[list[Interval]]:
    """Yield the closed times of the shift for every way to take its breaks.

    Breaks for which there is no way at all are left out, the last of them first.
    """
    breaks = sorted(shift.breaks, key=lambda one: one.earliest)
    off = [(max(a, shift.starts), min(b, shift.ends)) for a, b in shift.unavailable]
    off = [one for one in off if one[0] < one[1]]
    while True:
        found = False
        for starts in product(*(range(one.earliest, one.latest + 1) for one in breaks)):
            taken = [(start, start + one.duration) for start, one in zip(starts, breaks, strict=True)]
            if any(a < shift.starts or b > shift.ends for a, b in taken):
                continue
            every = sorted([*taken, *off])
            if any(a[1] > b[0] for a, b in pairwise(taken)):
                continue
            if any(a < d and c < b for a, b in taken for c, d in off):
                continue
            found = True
            yield every
        if found or not breaks:
            return
        breaks = breaks[:-1]


def work(problem: Problem, v: int, order: Sequence[int]) -> int:
    """Return service plus travel."""
    return travel(problem, v, order) + sum(takes_s(problem, problem.shifts[v], x) for x in order)


def travel(problem: Problem, v: int, order: Sequence[int]) -> int:
    """Return the seconds driven, home legs included."""
    shift = problem.shifts[v]
    places = [shift.start_place, *(problem.visits[x].place for x in order), shift.end_place]
    return sum(way_s(problem, shift, a, b) for a, b in pairwise(places))


def cost(problem: Problem, routes: Sequence[Sequence[int]]) -> float:
    """Return the objective (travel, stability, continuity and weights) of orders, one for each shift."""
    total = 0.0
    served: set[int] = set()
    for v, order in enumerate(routes):
        total += problem.weights.travel * travel(problem, v, order)
        for x in order:
            current, familiar = problem.visits[x].current, problem.visits[x].familiar
            total += problem.weights.continuity * (familiar is not None and v not in familiar)
            total += problem.weights.stability * (current is not None and current.shift != v)
            served.add(x)
    return total + sum(
        problem.weights.price(visit) for x, visit in enumerate(problem.visits) if x not in served
    )


def optimum(problem: Problem) -> float:
    """Return the least objective of any plan, groups and series told at every second of the shifts when to start."""
    if problem.series:
        return min(optimum(one) for one in _turns(problem))
    if problem.groups:
        return min(
            _optimum(_started(problem, starts))
            for starts in product(*(_starts(problem, group) for group in problem.groups))
        )
    return _optimum(problem)


def _turns(problem: Problem) -> Iterator[Problem]:
    """Yield the problem without its first series: its visits keep to their turns, the last of them left out."""
    first, *others = problem.series
    opens = min(shift.starts for shift in problem.shifts)
    closes = max(shift.ends for shift in problem.shifts)
    for served in range(len(first.visits) + 1):
        for turns in product(range(opens, closes + 1), repeat=max(0, served - 1)):
            visits = list(problem.visits)
            for i, x in enumerate(first.visits):
                visit = visits[x]
                low = turns[i - 1] if 0 < i < served else opens - 100
                high = turns[i] - first.gap - visit.duration if i < served - 1 else closes + 100
                windows = tuple(
                    (max(a, low), min(b, high))
                    for a, b in visit.windows or ((low, high),)
                    if max(a, low) <= min(b, high)
                )
                eligible = visit.eligible if windows and i < served else ()
                # The next one is served only if this one is.
                weight = MUST if i < served else visit.weight
                visits[x] = replace(visit, windows=windows, eligible=eligible, weight=weight)
            yield replace(problem, visits=tuple(visits), series=tuple(others))


def _starts(problem: Problem, group: Group) -> list[int | None]:
    """Return the starts at which every part of a group is within its windows, and None for unserved."""
    opens = min(shift.starts for shift in problem.shifts)
    closes = max(shift.ends for shift in problem.shifts)
    starts: list[int | None] = [None]
    for start in range(opens - 100, closes + 100):
        parts = [(start + part.offset, problem.visits[part.visit].windows) for part in group.parts]
        if all(not windows or any(a <= at <= b for a, b in windows) for at, windows in parts):
            starts.append(start)
    return starts


def _started(problem: Problem, starts: Sequence[int | None]) -> Problem:
    """Return the problem with every part of a group at its one time, or with nobody to serve it."""
    visits = list(problem.visits)
    for group, start in zip(problem.groups, starts, strict=True):
        for part in group.parts:
            visit = visits[part.visit]
            at = None if start is None else start + part.offset
            visits[part.visit] = replace(
                visit,
                windows=() if at is None else ((at, at),),
                eligible=() if at is None else visit.eligible,
            )
    return replace(problem, visits=tuple(visits))


def _together(problem: Problem, given: Sequence[int]) -> bool:
    """Tell whether visits given to these shifts (-1 for none) keep groups whole, roles apart and needs covered."""
    for group in problem.groups:
        shift_of = {(part.role, given[part.visit]) for part in group.parts}
        shifts = {shift for _, shift in shift_of}
        if shifts == {-1}:
            continue
        if -1 in shifts or not len(shift_of) == len(shifts) == len({role for role, _ in shift_of}):
            return False
        if not all(shifts & set(cover) for cover in group.covers):
            return False
    return True


def _optimum(problem: Problem) -> float:
    visits, shifts = range(len(problem.visits)), range(len(problem.shifts))
    orders: dict[tuple[int, frozenset[int]], list[tuple[int, ...]]] = {}

    def good(v: int, chosen: frozenset[int]) -> list[tuple[int, ...]]:
        if (v, chosen) not in orders:
            orders[v, chosen] = [one for one in permutations(sorted(chosen)) if feasible(problem, v, one)]
        return orders[v, chosen]

    best = float("inf")
    for given in product([-1, *shifts], repeat=len(visits)):
        if not _together(problem, given):
            continue
        sets = [frozenset(x for x in visits if given[x] == v) for v in shifts]
        if any(chosen and not good(v, chosen) for v, chosen in enumerate(sets)):
            continue
        routes = [
            min((travel(problem, v, one), one) for one in good(v, chosen))[1] if chosen else ()
            for v, chosen in enumerate(sets)
        ]
        best = min(best, cost(problem, routes))
    return best


def _drivable(problem: Problem, v: int, order: Sequence[int], closed: list[Interval]) -> bool:
    shift = problem.shifts[v]
    place, now = shift.start_place, shift.starts
    for x in order:
        visit = problem.visits[x]
        now = _drive(way_s(problem, shift, place, visit.place), now, closed)
        needs = visit.setup_before + takes_s(problem, shift, x) + visit.setup_after
        windows = sorted(visit.windows) or [(now + visit.setup_before, 2**40)]
        for opens, closes in windows:
            start = _open(max(now, opens - visit.setup_before), needs, closed)
            if start + visit.setup_before <= closes:
                break
        else:
            return False
        now = start + needs
        place = visit.place
        if now > shift.ends:
            return False
    return _drive(way_s(problem, shift, place, shift.end_place), now, closed) <= shift.ends


def _open(at: int, needs: int, closed: list[Interval]) -> int:
    """Return the first time from `at` on with `needs` seconds outside closed times."""
    for begin, end in closed:
        if at < end and (begin < at + needs or begin == at == at + needs):
            at = max(at, end)
    return at


def _drive(left: int, leaves: int, closed: list[Interval]) -> int:
    """Return when a drive of so many seconds arrives that stands still in closed times."""
    now = leaves
    while left > 0:
        inside = [end for begin, end in closed if begin <= now < end]
        if inside:
            now = inside[0]
            continue
        now += 1
        left -= 1
    return now

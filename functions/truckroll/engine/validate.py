"""Refuse problems that contradict themselves, with the id of what is wrong."""

from __future__ import annotations

from collections.abc import Iterable

from truckroll.engine.model import Group, Problem, ProblemError, Series, Shift, Visit

LONGEST = 2**28  # seconds, about eight years: what the arrays' integers hold with room to add
LEAST = 0.1  # pace and speed, against the usual


def check_problem(problem: Problem) -> None:
    """Raise ProblemError at the first contradiction."""
    places = len(problem.travel)
    for name, matrix in (("travel", problem.travel), ("distance", problem.distance)):
        if matrix is None:
            continue
        if matrix.shape != (places, places):
            raise ProblemError(f"the {name} matrix is {matrix.shape}, not {places} × {places}")
        if places and (matrix.min() < 0 or matrix.max() > LONGEST):
            raise ProblemError(f"the {name} matrix holds values outside 0 to {LONGEST}")
    if problem.grain < 1:
        raise ProblemError("the grain is less than a second")
    if problem.weights.distance and problem.distance is None:
        raise ProblemError("the objective counts metres, but there is no distance matrix")
    for shift in problem.shifts:
        _check_shift(shift, places)
    for visit in problem.visits:
        _check_visit(visit, places, len(problem.shifts))
    _check_ids("shift", (shift.id for shift in problem.shifts))
    _check_ids("visit", (visit.id for visit in problem.visits))
    _check_ids("group", (group.id for group in problem.groups))
    grouped: set[int] = set()
    for group in problem.groups:
        _check_group(group, problem, grouped)
    _check_ids("series", (one.id for one in problem.series))
    in_series: set[int] = set()
    for one in problem.series:
        _check_series(one, problem, grouped, in_series)
    times = [time for shift in problem.shifts for time in (shift.starts, shift.ends)]
    times += [visit.fixed.start for visit in problem.visits if visit.fixed]
    if times and max(times) - min(times) > LONGEST:
        raise ProblemError("shifts and fixed visits lie more than eight years apart")


def _check_shift(shift: Shift, places: int) -> None:
    if not (0 <= shift.start_place < places and 0 <= shift.end_place < places):
        raise ProblemError(f"shift {shift.id}: a place lies outside the matrix")
    if shift.ends < shift.starts:
        raise ProblemError(f"shift {shift.id}: ends before it starts")
    if any(end < start for start, end in shift.unavailable):
        raise ProblemError(f"shift {shift.id}: an unavailable interval ends before it starts")
    if any(count < 0 for _, count in shift.parts):
        raise ProblemError(f"shift {shift.id}: holds a negative number of a part")
    if shift.depot is not None:
        if not 0 <= shift.depot.place < places:
            raise ProblemError(f"shift {shift.id}: its depot lies outside the matrix")
        if shift.depot.duration < 0 or any(closes < opens for opens, closes in shift.depot.windows):
            raise ProblemError(
                f"shift {shift.id}: its depot loads in negative time, or closes before it opens"
            )
    if not all(LEAST <= one <= 1.0 / LEAST for one in (shift.pace, shift.speed, *dict(shift.paces).values())):
        raise ProblemError(f"shift {shift.id}: a pace or speed lies outside {LEAST} to {1.0 / LEAST}")
    if any(one.latest < one.earliest or one.duration < 0 for one in shift.breaks):
        raise ProblemError(f"shift {shift.id}: a break has no time to start, or a negative duration")


def _check_visit(visit: Visit, places: int, shifts: int) -> None:
    if not 0 <= visit.place < places:
        raise ProblemError(f"visit {visit.id}: its place lies outside the matrix")
    if min(visit.duration, visit.setup_before, visit.setup_after, visit.load) < 0:
        raise ProblemError(f"visit {visit.id}: a duration or load is negative")
    if visit.paced is not None and not 0 <= visit.paced <= visit.duration:
        raise ProblemError(f"visit {visit.id}: more of it follows a pace than it takes")
    if visit.duration + visit.setup_before + visit.setup_after > LONGEST:
        raise ProblemError(f"visit {visit.id}: takes longer than {LONGEST} s")
    if any(count < 0 for _, count in visit.parts):
        raise ProblemError(f"visit {visit.id}: needs a negative number of a part")
    if not 0 <= visit.weight < float("inf"):
        raise ProblemError(f"visit {visit.id}: its weight is negative or not finite")
    if any(closes < opens for opens, closes in visit.windows):
        raise ProblemError(f"visit {visit.id}: a window closes before it opens")
    named = [
        *visit.eligible,
        *(visit.familiar or ()),
        *(place.shift for place in (visit.fixed, visit.current) if place),
    ]
    if any(not 0 <= shift < shifts for shift in named):
        raise ProblemError(f"visit {visit.id}: names a shift that does not exist")


def _check_group(group: Group, problem: Problem, grouped: set[int]) -> None:
    if not group.parts:
        raise ProblemError(f"group {group.id}: has no parts")
    for part in group.parts:
        if not 0 <= part.visit < len(problem.visits):
            raise ProblemError(f"group {group.id}: names a visit that does not exist")
        visit = problem.visits[part.visit]
        if part.visit in grouped:
            raise ProblemError(f"visit {visit.id}: is in two groups, or twice in one")
        if visit.fixed is not None or visit.current is not None:
            raise ProblemError(f"visit {visit.id}: is part of a group, but fixed or booked")
        if abs(part.offset) > LONGEST:
            raise ProblemError(f"visit {visit.id}: starts more than {LONGEST} s from its group")
        grouped.add(part.visit)
    if any(not 0 <= shift < len(problem.shifts) for cover in group.covers for shift in cover):
        raise ProblemError(f"group {group.id}: names a shift that does not exist")


def _check_series(one: Series, problem: Problem, grouped: set[int], in_series: set[int]) -> None:
    if not 0 <= one.gap <= LONGEST:
        raise ProblemError(f"series {one.id}: its gap is not within 0 to {LONGEST} s")
    for x in one.visits:
        if not 0 <= x < len(problem.visits):
            raise ProblemError(f"series {one.id}: names a visit that does not exist")
        if x in grouped:
            raise ProblemError(f"visit {problem.visits[x].id}: is in a series and part of a group")
        if x in in_series:
            raise ProblemError(f"visit {problem.visits[x].id}: is in two series, or twice in one")
        in_series.add(x)


def _check_ids(kind: str, ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for one in ids:
        if one in seen:
            raise ProblemError(f"two of the {kind}s are called {one}")
        seen.add(one)

"""Judges tools and parts of a route by counting them, sharing no code with the engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from truckroll.engine.model import Problem, Route, Shift, Visit


def missing_stock(problem: Problem, route: Route) -> Iterator[str]:
    """Yield what a route lacks, and where it fetches anything but what its later visits lack."""
    shift = problem.shifts[route.shift]
    visits = [problem.visits[stop.visit] for stop in route.stops]
    until = len(visits) if route.fetch is None else route.fetch.after
    if not 0 <= until <= len(visits) or (route.fetch is not None and until == len(visits)):
        yield "stops at the depot for nobody"
        return
    fixed = [visit for visit in visits if visit.fixed is not None]
    held, used = _parts([shift]), _parts(visits[:until])
    excused = _parts(fixed)
    for part in used:
        if used[part] > max(held[part], excused[part]):
            yield f"uses {used[part]} {part} of {held[part]}"
    tools = set(shift.tools) | {tool for visit in fixed for tool in visit.tools}
    for visit in visits[:until]:
        if not tools.issuperset(visit.tools):
            yield f"{visit.id}: lacks a tool"
    if route.fetch is not None:
        late, left = _parts(visits[until:]), held - used
        parts = tuple(sorted((part, late[part] - left[part]) for part in late if late[part] > left[part]))
        wanted = {tool for visit in visits[until:] for tool in visit.tools} - set(shift.tools)
        if (route.fetch.tools, route.fetch.parts) != (tuple(sorted(wanted)), parts):
            yield f"fetches {route.fetch.tools} {route.fetch.parts}, not {sorted(wanted)} {parts}"


def _parts(holders: Iterable[Shift | Visit]) -> Counter[str]:
    """Return how many of each part they hold or need together."""
    total: Counter[str] = Counter()
    for one in holders:
        for part, count in one.parts:
            total[part] += count
    return total

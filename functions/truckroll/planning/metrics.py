"""The figures by which people compare a plan with the days as they stand, and plans with each other (OPT-5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import pstdev
from typing import Any

from truckroll.engine import Fetch, Route, Stop
from truckroll.engine import metrics as measure
from truckroll.engine.anchors import join
from truckroll.planning.problem import Model, is_away
from truckroll.planning.snapshot import Claim, Snapshot, WaitingJob

AT_RISK_S = 15 * 60  # an arrival this near to the end of its window is a small delay away from being late

Visit = tuple[Route, Stop, Claim | WaitingJob]


def figures(snapshot: Snapshot, model: Model, routes: Sequence[Route]) -> dict[str, Any]:
    """Return what two plans of the same days are compared by.

    `moved` visits have another technician than booked, `retimed` ones the same at another time;
    `strangers` are visits by somebody who does not know the customer though somebody at work does;
    `stranded` ones stay with somebody who is away; `at_risk` arrivals lie in the last 15 minutes of
    their window or after it, `promises_kept` of `promises` not after it. The spread of work is the
    standard deviation over the technicians who work on these days. Driving counts in each lane of
    somebody with several visits at once, `utilization` what is done at once only once.
    """
    measured: Mapping[str, Any] = measure(model.problem, routes)
    visits = list(_visits(model, routes))
    travel_s = measured["travel_s"]
    shift_s = sum(one.ends_s - one.starts_s for one in snapshot.stretches if one.lane == 1)
    work_s = _at_work_s(snapshot, routes)
    done = Counter(source.job_id for _, _, source in visits if isinstance(source, WaitingJob))
    left = [job for job in snapshot.jobs if done[job.job_id] < job.visits]
    return {
        "visits": len(visits),
        "unserved": len(left),
        "served_by_priority": _by_priority(source for _, _, source in visits),
        "unserved_by_priority": _by_priority(left),
        "travel_minutes": round(travel_s / 60),
        "distance_km": round(measured["distance_m"] / 1000, 1),
        "travel_minutes_per_visit": round(travel_s / 60 / len(visits), 1) if visits else None,
        "service_minutes": round(measured["service_s"] / 60),
        "waiting_minutes": round(measured["waiting_s"] / 60),
        "late_minutes": round(measured["lateness_s"] / 60),
        "technicians": len(
            {model.problem.shifts[route.shift].technician_id for route in routes if route.stops}
        ),
        "utilization": round(work_s / shift_s, 3) if shift_s else None,
        "moved": measured["moved"],
        "retimed": measured["retimed"],
        "strangers": measured["strangers"],
        **_promises(visits),
        **_balance(snapshot, routes),
        "stranded": sum(_is_stranded(snapshot, route, source) for route, _, source in visits),
    }


def _at_work_s(snapshot: Snapshot, routes: Iterable[Route]) -> int:
    """Return the seconds technicians drive and work; what somebody does at once counts once."""
    work_s = 0
    at_once: dict[object, list[tuple[int, int]]] = {}
    for route in routes:
        stretch = snapshot.stretches[route.shift]
        if not route.stops:
            continue
        if stretch.lanes == 1:
            work_s += route.work_s
            continue
        spans = at_once.setdefault(stretch.technician_id, [])
        legs: list[Stop | Fetch] = [*route.stops] if route.fetch is None else [*route.stops, route.fetch]
        back_s = route.travel_s - sum(leg.travel_s for leg in legs)
        spans.append((route.ends - back_s, route.ends))
        for leg in legs:
            spans += (leg.arrives - leg.travel_s, leg.arrives), (leg.starts, leg.ends)
    return work_s + sum(end - begin for spans in at_once.values() for begin, end in join(spans))


def _visits(model: Model, routes: Iterable[Route]) -> Iterable[Visit]:
    for route in routes:
        for stop in route.stops:
            source = model.sources[stop.visit]
            if isinstance(source, WaitingJob) or source.job_id is not None:
                yield route, stop, source


def _by_priority(sources: Iterable[Claim | WaitingJob]) -> dict[str, int]:
    return dict(sorted(Counter(source.priority for source in sources).items()))


def _promises(visits: Iterable[Visit]) -> dict[str, int]:
    """Return how many visits have a window, and how arrivals lie in it."""
    promises = kept = at_risk = 0
    for _, stop, source in visits:
        if not source.windows:
            continue
        before = source.service_starts_s - source.starts_s if isinstance(source, Claim) else source.before_s
        starts = max(stop.starts, stop.arrives) + before
        closes = next((end for _, end in source.windows if starts <= end), source.windows[-1][1])
        promises += 1
        kept += starts <= closes
        at_risk += closes - starts < AT_RISK_S
    return {"promises": promises, "promises_kept": kept, "at_risk": at_risk}


def _balance(snapshot: Snapshot, routes: Iterable[Route]) -> dict[str, int]:
    work = dict.fromkeys((stretch.technician_id for stretch in snapshot.stretches), 0)
    for route in routes:
        work[snapshot.stretches[route.shift].technician_id] += route.work_s if route.stops else 0
    return {
        "work_spread_minutes": round(pstdev(work.values()) / 60) if work else 0,
        "longest_work_minutes": round(max(work.values(), default=0) / 60),
    }


def _is_stranded(snapshot: Snapshot, route: Route, source: Claim | WaitingJob) -> bool:
    """Tell whether a booked visit stands in time its technician has off."""
    if not isinstance(source, Claim) or route.shift >= len(snapshot.stretches):
        return False
    stretch = snapshot.stretches[route.shift]
    return stretch.technician_id == source.technician_id and is_away(stretch, source)

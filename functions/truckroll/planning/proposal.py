"""From the engine's answer to a proposal as SQL stores it: routes a dispatcher can read, in timestamps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from truckroll.engine import Fetch, Problem, Route, Solution, Stop
from truckroll.planning.problem import Model
from truckroll.planning.snapshot import Claim, Coordinates, Snapshot, WaitingJob, WorkingStretch, WorkPart
from truckroll.planning.van_stock import SupplyDepot, fetched, sentence


def instant(seconds: int) -> str:
    """Return seconds since 1970 as ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def routes_json(
    snapshot: Snapshot,
    model: Model,
    routes: Sequence[Route],
    why: Mapping[int, dict[str, Any]],
    places: Mapping[UUID, UUID],
) -> list[dict[str, Any]]:
    """Return one route a technician and day; a day in several parts or lanes becomes one route through home.

    `why` explains each visit, by its position in the problem, `places` are the jobs' bays and mobile
    units. Days without a visit are left out,
    unless the plan takes their visits away.
    """
    days: dict[tuple[Any, Any], list[Route]] = {}
    for route in routes:
        stretch = snapshot.stretches[route.shift]
        days.setdefault((stretch.technician_id, stretch.date), []).append(route)
    busy_today = {
        (snapshot.stretches[visit.current.shift].technician_id, snapshot.stretches[visit.current.shift].date)
        for visit in model.problem.visits
        if visit.current is not None
    }
    documents = []
    for day, parts in days.items():
        used = [route for route in parts if route.stops]
        if not used and day not in busy_today:
            continue
        documents.append(
            {
                "technician_id": str(day[0]),
                "date": day[1].isoformat(),
                "starts_at": instant(min(route.starts for route in used)) if used else None,
                "ends_at": instant(max(route.ends for route in used)) if used else None,
                "travel_s": sum(route.travel_s for route in used),
                "distance_m": sum(route.distance_m for route in used),
                "stops": _once(
                    stop for route in used for stop in _stops(snapshot, model, route, why, places)
                ),
            }
        )
    return documents


def _once(stops: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the stops with what is a break in several lanes told once."""
    kept: list[dict[str, Any]] = []
    breaks: set[str] = set()
    for stop in stops:
        if stop["type"] == "break":
            if stop["arrives_at"] in breaks:
                continue
            breaks.add(stop["arrives_at"])
        kept.append(stop)
    return kept


def _stops(
    snapshot: Snapshot,
    model: Model,
    route: Route,
    why: Mapping[int, dict[str, Any]],
    places: Mapping[UUID, UUID],
) -> Iterable[dict[str, Any]]:
    stretch = snapshot.stretches[route.shift]
    lane = {"lane": stretch.lane}
    if stretch.home is not None:
        yield _depot("depot_start", stretch, route.starts, 0, 0) | lane
    timed: list[tuple[int, dict[str, Any]]] = [
        (pause.starts, _stop("break", None, pause.starts, pause.ends)) for pause in route.breaks
    ]
    for stop in route.stops:
        source = model.sources[stop.visit]
        if isinstance(source, WaitingJob) and source.is_joint:
            document = _part(source, model.parts[stop.visit], stop.arrives, stop.starts, places)
        else:
            document = _visit(source, stop)
        document |= {
            "travel_s": stop.travel_s,
            "distance_m": stop.distance_m,
            "explanation": why.get(stop.visit),
        }
        timed.append((stop.starts, document))
    van = snapshot.vans.get(stretch.technician_id)
    if route.fetch is not None and van is not None and van.depot is not None:
        timed.append((route.fetch.starts, _fetch(snapshot, van.depot, route.fetch)))
    yield from (document | lane for _, document in sorted(timed, key=lambda one: one[0]))
    if stretch.home is not None:
        legs: list[Stop | Fetch] = [*route.stops] if route.fetch is None else [*route.stops, route.fetch]
        driven = sum(leg.travel_s for leg in legs), sum(leg.distance_m for leg in legs)
        left = route.travel_s - driven[0], route.distance_m - driven[1]
        yield _depot("depot_end", stretch, route.ends, *left) | lane


def _fetch(snapshot: Snapshot, depot: SupplyDepot, fetch: Fetch) -> dict[str, Any]:
    """Return the stop at the depot with what is to be fetched there."""
    told = sentence(fetch, depot, snapshot.part_names)
    return _stop("depot", depot.place, fetch.arrives, fetch.ends, fetch.starts) | {
        "travel_s": fetch.travel_s,
        "distance_m": fetch.distance_m,
        "notes": told,
        "explanation": {"sentence": told, "fetch": fetched(fetch)},
    }


def _visit(source: Claim | WaitingJob, stop: Stop) -> dict[str, Any]:
    """Return a stop of a plan; the engine's starts and ends with its claim, buffers included."""
    if isinstance(source, WaitingJob):
        starts = stop.starts + source.before_s
        document = _stop("job", source.place, min(stop.arrives, starts), stop.ends - source.after_s, starts)
        return document | {"job_id": str(source.job_id), "job_version": source.job_version}
    starts = stop.starts + source.service_starts_s - source.starts_s
    document = _stop(
        "other" if source.job_id is None else "job",
        source.place,
        min(stop.arrives, starts),
        stop.ends - (source.ends_s - source.service_ends_s),
        starts,
    )
    if source.job_id is None:
        return document
    return document | {
        "job_id": str(source.job_id),
        "job_version": source.job_version,
        "assignment_id": str(source.assignment_id),
    }


def _part(
    job: WaitingJob, part: WorkPart, arrives: int, claimed_from: int, places: Mapping[UUID, UUID]
) -> dict[str, Any]:
    """Return what a joint visit has one technician do."""
    starts = claimed_from - part.claim_starts_s + part.starts_s
    place = places.get(job.job_id)
    return _stop("job", job.place, min(arrives, starts), starts + part.service_s, starts) | {
        "job_id": str(job.job_id),
        "job_version": job.job_version,
        "is_joint": True,
        "resource_id": None if place is None else str(place),
        "segment_position": part.position,
    }


def _depot(kind: str, stretch: WorkingStretch, at: int, travel_s: int, distance_m: int) -> dict[str, Any]:
    return _stop(kind, stretch.home, at, at) | {"travel_s": travel_s, "distance_m": distance_m}


def _stop(
    kind: str, place: Coordinates, arrives: int, ends: int, starts: int | None = None
) -> dict[str, Any]:
    return {
        "type": kind,
        "latitude": place and place[0],
        "longitude": place and place[1],
        "arrives_at": instant(arrives),
        "starts_at": None if starts is None else instant(starts),
        "ends_at": instant(ends),
    }


def first_change(model: Model, solution: Solution) -> int | None:
    """Return when the first visit starts that the plan books or moves; None when it changes nothing."""
    starts = [
        stop.starts
        for route in solution.routes
        for stop in route.stops
        if _changes(model.problem, stop.visit, route.shift, stop.starts)
    ]
    return min(starts, default=None)


def _changes(problem: Problem, visit: int, shift: int, starts: int) -> bool:
    planned = problem.visits[visit]
    if planned.fixed is not None:
        return False
    return planned.current is None or planned.current != (shift, starts)

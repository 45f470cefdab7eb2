"""From the arrays back to a plan a dispatcher reads: stops with times, breaks, travel."""

from __future__ import annotations

from truckroll.engine.arrays import Plan
from truckroll.engine.loading import fetched
from truckroll.engine.model import Fetch, Pause, Route, Stop
from truckroll.engine.prepare import Prepared
from truckroll.engine.schedule import departure, start_of_service


def routes_of(prepared: Prepared, plan: Plan) -> tuple[Route, ...]:
    """Return every shift's route: visits as early as they can be, leaving as late as that allows."""
    return tuple(route_of(prepared, plan, v) for v in range(len(prepared.problem.shifts)))


def route_of(prepared: Prepared, plan: Plan, v: int) -> Route:
    """Return the route of shift v in the problem's time.

    Where an early start would exceed the shift's `max_span`, or every hour away costs, the day is
    started later.
    """
    day = prepared.day
    problem = prepared.problem
    shift = day.shifts[v]
    nodes = [int(node) for node in plan.nodes[v, : plan.routes[v]["length"]]]
    last = plan.slots[v, len(nodes)]
    home_leg, _ = _leg(prepared, v, int(last["place"]), int(shift["end_place"]))
    end = max(int(last["ready"]) + home_leg, int(last["clock"]))
    leaves, paused, home_first = departure(day, plan, v, end, True, -1, 0)
    if end - leaves - paused > shift["max_span"] or (day.span > 0.0 and plan.routes[v]["visits"] > 0):
        leaves, paused, home_first = departure(day, plan, v, end, False, -1, 0)

    visits = len(day.visits)
    fetch: Fetch | None = None
    stops: list[Stop] = []
    breaks: list[Pause] = []
    place = int(shift["start_place"])
    ready = clock = int(shift["starts"] if home_first else leaves)
    travel_s = distance_m = work = 0
    for node in nodes:
        if node >= visits:
            pause = day.pauses[node - visits]
            begins = max(clock, int(pause["earliest"]))
            clock = begins + int(pause["duration"])
            ready += int(pause["duration"])
            if pause["index"] >= 0:
                breaks.append(Pause(begins + prepared.origin, clock + prepared.origin, int(pause["index"])))
            continue
        if home_first and not stops and fetch is None:
            ready = clock = int(leaves)
        row = day.visits[node]
        more = int(day.more[node, shift["pace"]])
        leg, metres = _leg(prepared, v, place, int(row["place"]))
        arrival = max(ready + leg, clock)
        travel_s += leg
        distance_m += metres
        work += leg + int(row["work"]) + more
        place = int(row["place"])
        if node >= day.depots_from:
            begins = start_of_service(day, plan, node, arrival)
            ready = clock = begins + int(row["occupies"])
            later = [one for one in nodes[nodes.index(node) :] if one < day.depots_from]
            tools, parts = fetched(problem, v, stops, later)
            fetch = Fetch(
                after=len(stops),
                arrives=arrival + prepared.origin,
                starts=begins + prepared.origin,
                ends=clock + prepared.origin,
                travel_s=leg,
                distance_m=metres,
                tools=tools,
                parts=parts,
            )
            continue
        visit = problem.visits[node]
        if visit.fixed is not None:
            starts = visit.fixed.start
            clock = int(row["fixed_until"])
        else:
            begins = start_of_service(day, plan, node, arrival)
            starts = begins + visit.setup_before + prepared.origin
            clock = begins + int(row["occupies"]) + more
        ready = clock
        stops.append(
            Stop(node, arrival + prepared.origin, starts, starts + visit.duration + more, leg, metres)
        )
    leg, metres = _leg(prepared, v, place, int(shift["end_place"]))
    over = max(ready + leg, clock)
    return Route(
        shift=v,
        stops=tuple(stops),
        breaks=tuple(breaks),
        starts=int(leaves) + prepared.origin,
        ends=over + prepared.origin,
        travel_s=travel_s + leg,
        distance_m=distance_m + metres,
        work_s=work + leg,
        fetch=fetch,
    )


def _leg(prepared: Prepared, v: int, a: int, b: int) -> tuple[int, int]:
    distance = prepared.problem.distance
    metres = int(distance[a, b]) if distance is not None and a != b else 0
    return int(prepared.day.travel[prepared.day.shifts[v]["roads"] + a, b]), metres

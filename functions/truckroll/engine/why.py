"""Why a visit stands where it does: the parts of its cost, and what the other places for it would cost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from truckroll.engine.insert import take_node
from truckroll.engine.interactive import plan_of, slots_for
from truckroll.engine.model import Problem, Route
from truckroll.engine.order import close_turns, is_ordered, open_turn
from truckroll.engine.prepare import Prepared, prepare
from truckroll.engine.result import route_of
from truckroll.engine.schedule import preference
from truckroll.engine.squeeze import put_back


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The best other place of one shift for a visit: before its stop `position`, at `extra` more cost."""

    shift: int
    position: int
    extra: float
    more_travel_s: int


@dataclass(frozen=True, slots=True)
class Placed:
    """What a visit costs where it is, in the objective's terms, and where else it could be.

    `travel_s` and `distance_m` are what the route would save without it, `driving`, `balance`,
    `stability` and `continuity` the parts of `cost`. `left_out` is what leaving it out would cost instead. `no_room`
    are the shifts that may serve it and have no room beside what they do.
    """

    visit: int
    shift: int
    cost: float
    driving: float
    balance: float
    stability: float
    continuity: float
    left_out: float
    waiting_s: int
    travel_s: int
    distance_m: int
    elsewhere: tuple[Elsewhere, ...]
    no_room: tuple[int, ...]


def explain_placed(problem: Problem, routes: Iterable[Route], *, most: int = 40) -> dict[int, Placed]:
    """Return for every visit that is not fixed why it is where it is; asked are the `most` nearest shifts.

    The other visits keep technician and order; their times follow. A visit whose route could not do
    without it (roads may be shorter by way of it) has no alternatives.
    """
    prepared = prepare(problem)
    routes = tuple(routes)
    plan, sound = plan_of(prepared, routes)
    day = prepared.day._replace(visits=prepared.day.visits.copy())
    rows = day.visits
    rows["last_eligible"] = np.minimum(rows["last_eligible"], rows["first_eligible"] + most)
    room = int(np.sum(plan.routes["length"]) + len(plan.routes)) + 1
    found, costs = np.zeros((room, 2), np.int32), np.zeros(room)
    placed: dict[int, Placed] = {}
    for route in routes:
        v = route.shift
        for stop in route.stops:
            x = stop.visit
            visit = problem.visits[x]
            if visit.fixed is not None or not sound[v]:
                continue
            length = int(plan.routes[v]["length"])
            nodes = plan.nodes[v, :length].copy()
            was, worked = float(plan.routes[v]["cost"]), float(plan.routes[v]["work"])
            possible = take_node(day, plan, v, int(np.flatnonzero(nodes == x)[0]))
            without = float(plan.routes[v]["cost"])
            balance = day.balance * (worked**2 - float(plan.routes[v]["work"]) ** 2)
            alone = route_of(prepared, plan, v)
            if is_ordered(day, x):
                open_turn(day, plan, x)
            count = slots_for(day, plan, x, sound, found, costs) if possible else 0
            best: dict[int, int] = {}
            for i in range(count):
                there = int(found[i, 0])
                if there != v and (there not in best or costs[i] < costs[best[there]]):
                    best[there] = i
            moved = day.stability if visit.current is not None and visit.current.shift != v else 0.0
            stranger = float(preference(day, v, x)) - moved
            elsewhere = [
                Elsewhere(
                    there,
                    int(found[i, 1]),
                    round(float(costs[i]) - (was - without), 1),
                    _travel(
                        prepared,
                        plan.nodes[there, : plan.routes[there]["length"]],
                        there,
                        x,
                        int(found[i, 1]),
                    )
                    - (route.travel_s - alone.travel_s),
                )
                for there, i in best.items()
            ]
            put_back(day, plan, v, nodes, length)
            if is_ordered(day, x):
                close_turns(day, plan, x)
            asked = day.eligible[rows[x]["first_eligible"] : rows[x]["last_eligible"]]
            placed[x] = Placed(
                visit=x,
                shift=v,
                cost=round(was - without, 1),
                driving=round(was - without - balance - moved - stranger, 1),
                balance=round(balance, 1),
                stability=moved,
                continuity=stranger,
                left_out=problem.weights.price(visit),
                waiting_s=max(0, stop.starts - visit.setup_before - stop.arrives),
                travel_s=route.travel_s - alone.travel_s,
                distance_m=route.distance_m - alone.distance_m,
                elsewhere=tuple(sorted(elsewhere, key=lambda one: (one.extra, one.shift))),
                no_room=tuple(sorted(int(one) for one in asked if one != v and int(one) not in best)),
            )
    return placed


def _travel(prepared: Prepared, nodes: NDArray[np.int32], v: int, x: int, position: int) -> int:
    """Return the seconds of driving that visit x before the visit at `position` adds to shift v."""
    shift, visits = prepared.problem.shifts[v], prepared.day.visits
    stops = (int(visits[node]["place"]) for node in nodes if node < len(visits))
    places = [shift.start_place, *stops, shift.end_place]
    before, after, here = places[position], places[position + 1], int(visits[x]["place"])
    legs = ((before, here, 1), (here, after, 1), (before, after, -1))
    roads = int(prepared.day.shifts[v]["roads"])
    return sum(sign * int(prepared.day.travel[roads + a, b]) for a, b, sign in legs if a != b)

"""OR-Tools' routing library: cheapest insertion in parallel, then guided local search."""

from __future__ import annotations

from itertools import pairwise
from time import process_time
from typing import Any

from bench.rivals import Orders, Task
from ortools.constraint_solver import pywrapcp, routing_enums_pb2

from truckroll.engine import Shift

# The default of 100 ms for a neighbourhood makes every plan with many breaks fail silently.
NEIGHBOURHOOD_S = 10


def orders(task: Task) -> Orders | None:
    """Return the routes OR-Tools finds, or None when it finds none."""
    problem = task.problem
    shifts, places = problem.shifts, len(problem.travel)
    manager = pywrapcp.RoutingIndexManager(
        places, len(shifts), [shift.start_place for shift in shifts], [shift.end_place for shift in shifts]
    )
    routing = pywrapcp.RoutingModel(manager)
    service, load = [0] * places, [0] * places
    for visit in problem.visits:
        service[visit.place], load[visit.place] = visit.duration, visit.load
    routing.SetArcCostEvaluatorOfAllVehicles(routing.RegisterTransitMatrix(problem.travel.tolist()))
    lasting = [[leg + service[a] for leg in row] for a, row in enumerate(problem.travel.tolist())]
    horizon = max(shift.ends for shift in shifts)
    routing.AddDimension(routing.RegisterTransitMatrix(lasting), horizon, horizon, False, "time")
    time = routing.GetDimensionOrDie("time")
    if any(shift.capacity is not None for shift in shifts):
        loads = [horizon if shift.capacity is None else shift.capacity for shift in shifts]
        routing.AddDimensionWithVehicleCapacity(
            routing.RegisterUnaryTransitVector(load), 0, loads, True, "load"
        )
    at_node = [0] * routing.Size()
    for visit in problem.visits:
        at_node[manager.NodeToIndex(visit.place)] = visit.duration
    for v, shift in enumerate(shifts):
        time.CumulVar(routing.Start(v)).SetRange(shift.starts, shift.ends)
        time.CumulVar(routing.End(v)).SetRange(shift.starts, shift.ends)
        pauses = _pauses(routing.solver(), shift)
        if pauses:
            time.SetBreakIntervalsOfVehicle(pauses, v, at_node)
        if shift.max_span is not None:
            resting = sum(one.duration for one in shift.breaks) + sum(b - a for a, b in shift.unavailable)
            time.SetSpanUpperBoundForVehicle(shift.max_span + resting, v)
    places_used = {visit.place for visit in problem.visits}
    for place in (
        set(range(places)) - places_used - {one for s in shifts for one in (s.start_place, s.end_place)}
    ):
        routing.AddDisjunction([manager.NodeToIndex(place)], 0)
    for visit in problem.visits:
        i = manager.NodeToIndex(visit.place)
        _open(time.CumulVar(i), visit.windows)
        routing.AddDisjunction([i], int(visit.weight))
        if not visit.eligible:
            routing.ActiveVar(i).SetValue(0)
        elif len(visit.eligible) < len(shifts):
            routing.VehicleVar(i).SetValues([-1, *visit.eligible])
    found = routing.SolveWithParameters(_parameters(routing, task.seconds))
    return None if found is None else _read(task, manager, routing, found)


def _pauses(solver: Any, shift: Shift) -> list[Any]:
    pauses = [(one.earliest, one.latest, one.duration) for one in shift.breaks]
    pauses += [(a, a, b - a) for a, b in shift.unavailable]
    return [
        solver.FixedDurationIntervalVar(earliest, latest, duration, False, f"pause {i}")
        for i, (earliest, latest, duration) in enumerate(pauses)
    ]


def _open(begins: Any, windows: tuple[tuple[int, int], ...]) -> None:
    if not windows:
        return
    begins.SetRange(windows[0][0], windows[-1][1])
    for (_, closes), (opens, _) in pairwise(windows):
        if closes < opens - 1:
            begins.RemoveInterval(closes + 1, opens - 1)


def _parameters(routing: Any, seconds: float) -> Any:
    parameters = pywrapcp.DefaultRoutingSearchParameters()
    parameters.first_solution_strategy = routing_enums_pb2.FirstSolutionStrategy.PARALLEL_CHEAPEST_INSERTION
    parameters.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
    parameters.lns_time_limit.FromSeconds(NEIGHBOURHOOD_S)
    # Wall time is only the last resort: what counts is the processor's.
    parameters.time_limit.FromMilliseconds(int(seconds * 4000))
    until = process_time() + seconds
    routing.AddSearchMonitor(routing.solver().CustomLimit(lambda: process_time() > until))
    return parameters


def _read(task: Task, manager: Any, routing: Any, found: Any) -> Orders:
    at = {visit.place: x for x, visit in enumerate(task.problem.visits)}
    answer: Orders = []
    for v in range(len(task.problem.shifts)):
        index, order = routing.Start(v), []
        while not routing.IsEnd(index):
            if not routing.IsStart(index):
                order.append(at[manager.IndexToNode(index)])
            index = found.Value(routing.NextVar(index))
        answer.append(order)
    return answer

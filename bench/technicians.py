"""The technician-routing instances of Pillac, Guéret and Medaglia (2013): who is served, in how much working time.

The rules, as instances and published solutions have them (`pillac-minwt.sol` was re-simulated: all
its working times are met to a ten-thousandth, no rule is broken):

- Node 0 is the depot, then come the homes of the crew, then the requests. Distances are Euclidean,
  a unit of distance takes a unit of time, nothing is rounded.
- A technician leaves home within the home's window, serves requests and is back before it closes.
  Service may begin within the request's window, after waiting if need be, and takes `Serv`.
- A request needs every skill and every tool it lists, and uses up parts of each kind. Before the
  technician's stop at the depot the van's own tools and parts must do; after it nothing is missing.
  The stop takes no time beyond the way there. In a published route a number above those of the
  nodes is a stop at the depot, the last number the return home.
- As many requests as possible are served. Among such plans the one with the least working time
  wins: the sum over technicians of return minus departure, waiting on the way included, each
  leaving as late as an earliest possible return allows.

Both our plan and the published one are judged by `judge`, in floating point from the node lists,
sharing nothing with the engine or the checker of its plans. Travel is rounded up to a
ten-thousandth of a unit for the engine. No solutions are published here for crews of 13.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
from bench import solomon
from bench.figures import Figure
from bench.pillac import Instance, Node, read
from bench.searched import solved

from truckroll.engine import Depot, Objective, Problem, Shift, Solution, Visit

UNIT = 10_000
NEVER_OUT = 1e9
TOLERANCE = 1e-6
CLASSES = ("C1", "C2", "R1", "R2", "RC1", "RC2")
DEPOT = 0


@dataclass(frozen=True)
class Judged:
    """What a plan of an instance is worth: requests served, working time in its units, rules broken."""

    served: int
    working_time: float
    technicians: int
    wrong: tuple[str, ...]


def problem_of(instance: Instance) -> Problem:
    """Return the instance as a problem of the engine, times in ten-thousandths of its units."""
    nodes = [instance.depot, *instance.technicians, *instance.requests]
    at = np.array([(node.x, node.y) for node in nodes])
    between = np.sqrt(((at[:, None] - at[None]) ** 2).sum(axis=2))
    depot = Depot(DEPOT, 0)
    shifts = tuple(
        Shift(
            id=f"t{one.number}",
            technician_id=f"t{one.number}",
            start_place=one.number,
            end_place=one.number,
            starts=round(one.opens * UNIT),
            ends=round(one.closes * UNIT),
            tools=tuple(f"tool {tool}" for tool in one.tools),
            parts=tuple((f"part {kind}", count) for kind, count in enumerate(one.parts)),
            depot=depot,
        )
        for one in instance.technicians
    )
    visits = tuple(
        Visit(
            id=f"r{one.number}",
            place=one.number,
            duration=round(one.service * UNIT),
            windows=((round(one.opens * UNIT), round(one.closes * UNIT)),),
            weight=NEVER_OUT,
            eligible=tuple(
                v for v, who in enumerate(instance.technicians) if set(one.skills) <= set(who.skills)
            ),
            tools=tuple(f"tool {tool}" for tool in one.tools),
            parts=tuple((f"part {kind}", count) for kind, count in enumerate(one.parts) if count),
        )
        for one in instance.requests
    )
    travel = np.ceil(between * UNIT - 1e-6).astype(np.int32)
    return Problem(travel, None, shifts, visits, Objective(travel=0.0, span=1.0))


def routes_of(instance: Instance, solution: Solution) -> dict[int, list[int]]:
    """Return a plan of the engine as lists of nodes, by technician."""
    routes: dict[int, list[int]] = {}
    for route in solution.routes:
        stops = [instance.requests[stop.visit].number for stop in route.stops]
        if route.fetch is not None:
            stops.insert(route.fetch.after, DEPOT)
        routes[instance.technicians[route.shift].number] = stops
    return routes


def published(folder: Path, name: str, instance: Instance) -> tuple[float, dict[int, list[int]]] | None:
    """Return the best known working time and its routes, or None where none is published."""
    lines = (folder / "pillac-minwt.sol").read_text().splitlines()
    values = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    if f"{name}-S" not in values:
        return None
    last = instance.requests[-1].number
    routes: dict[int, list[int]] = {}
    for route in values[f"{name}-S"].strip("<>").split("|"):
        if not route:
            continue
        technician, *stops = (int(number) for number in route.split(","))
        routes[technician] = [number if number <= last else DEPOT for number in stops[:-1]]
    return float(values[name]), routes


def judge(instance: Instance, routes: Mapping[int, Sequence[int]]) -> Judged:
    """Simulate a plan in floating point."""
    nodes = {node.number: node for node in (instance.depot, *instance.technicians, *instance.requests)}
    served = [stop for stops in routes.values() for stop in stops if stop != DEPOT]
    wrong = [] if len(set(served)) == len(served) else ["a request is served twice"]
    working_time = 0.0
    for technician, stops in routes.items():
        if stops:
            home = nodes[technician]
            time, broken = _simulate(home, [nodes[stop] for stop in stops])
            working_time += time
            wrong += [f"technician {technician}: {one}" for one in broken]
            wrong += [f"technician {technician}: {one}" for one in _missing(home, stops, nodes)]
    return Judged(len(served), working_time, sum(1 for stops in routes.values() if stops), tuple(wrong))


def _simulate(home: Node, stops: Sequence[Node]) -> tuple[float, list[str]]:
    """Return the time from leaving to returning and what is late."""
    at, clock, late = home, home.opens, []
    for stop in stops:
        clock = max(clock + _apart(at, stop), stop.opens)
        if clock > stop.closes + TOLERANCE:
            late.append(f"reaches {stop.number} at {clock}, not {stop.closes}")
        clock += stop.service
        at = stop
    returns = clock + _apart(at, home)
    if returns > home.closes + TOLERANCE:
        late.append(f"is home at {returns}, not {home.closes}")
    # Backwards: the latest each may begin for the same return.
    begins, after = returns, home
    for stop in reversed(stops):
        begins = min(stop.closes, begins - _apart(stop, after) - stop.service)
        after = stop
    return returns - (begins - _apart(home, after)), late


def _missing(home: Node, stops: Iterable[int], nodes: Mapping[int, Node]) -> Iterator[str]:
    """Yield what a technician lacks on the way."""
    left, complete = list(home.parts), False
    for number in stops:
        if number == DEPOT:
            complete = True
            continue
        request = nodes[number]
        if not set(request.skills) <= set(home.skills):
            yield f"lacks a skill for {number}"
        if complete:
            continue
        if not set(request.tools) <= set(home.tools):
            yield f"lacks a tool for {number}"
        left = [held - used for held, used in zip(left, request.parts, strict=True)]
        if min(left) < 0:
            yield f"lacks a part for {number}"


def _apart(a: Node, b: Node) -> float:
    return math.hypot(a.x - b.x, a.y - b.y)


def measure_technicians(_: str, options: argparse.Namespace) -> Iterator[Figure]:
    """Yield requests served and working time by class, ours and the published."""
    seconds = options.seconds or 5.0
    root = solomon.instances() / "trsp_pillac"
    for crew in ("crew25", "crew13"):
        paths = sorted((root / crew).glob("*.txt"))
        if not paths:
            raise FileNotFoundError(f"no instances in {root / crew}")
        for kind in CLASSES:
            of_class = [path for path in paths if path.name.startswith(kind)]
            yield _measured(crew, kind, of_class if options.all else of_class[:2], seconds, options)


def _measured(
    crew: str, kind: str, paths: Sequence[Path], seconds: float, options: argparse.Namespace
) -> Figure:
    ours: list[Judged] = []
    known: list[Judged] = []
    steps = 0
    for path in paths:
        instance = read(path)
        solution = solved(problem_of(instance), seconds, options)
        steps += solution.iterations
        ours.append(_sound(path.stem, judge(instance, routes_of(instance, solution))))
        if best := published(path.parents[1], path.stem, instance):
            value, routes = best
            known.append(_sound(path.stem, judge(instance, routes)))
            if abs(known[-1].working_time - value) > 1e-3:
                raise AssertionError(f"{path.stem}: published as {value}, takes {known[-1].working_time}")
    served = fmean(one.served for one in ours)
    time = fmean(one.working_time for one in ours)
    rate = f"{steps / len(ours) / seconds:,.0f} steps/s"
    name = f"{crew} {kind}, {len(ours)} instances, {seconds:g} s"
    measured = f"{served:.1f} served, {time:,.1f}"
    if not known:
        return Figure(name, measured, note=f"none published; {rate}")
    best_time = fmean(one.working_time for one in known)
    gaps = [100.0 * (a.working_time / b.working_time - 1.0) for a, b in zip(ours, known, strict=True)]
    return Figure(
        name,
        f"{measured}; gap {fmean(gaps):+.2f} %",
        f"{fmean(one.served for one in known):.1f} served, {best_time:,.1f}",
        served >= fmean(one.served for one in known) and fmean(gaps) <= 0.0,
        f"worst {max(gaps):+.2f} %, best {min(gaps):+.2f} %; {rate}",
    )


def _sound(name: str, judged: Judged) -> Judged:
    """Return a judgement that found nothing wrong; raise AssertionError for any other."""
    if judged.wrong:
        raise AssertionError(f"{name}: {'; '.join(judged.wrong[:5])}")
    return judged

"""A rich day that is planned and booked, after one cancellation or with one technician sick: better, and how calm."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import fmean
from time import perf_counter, process_time

from bench import days
from bench.checker import violations
from bench.figures import Figure
from bench.searched import solved

from truckroll.engine import CurrentPlace, Problem, Solution, Visit, metrics, solve
from truckroll.engine.times import keep_times
from truckroll.planning.problem import BOOKED_WEIGHT, REPLAN_HEAT, STRANDED_WEIGHT
from truckroll.planning.snapshot import Costs

PLANNED_S = 10.0  # of search for the plan that is booked
WINDOW_S = 2 * days.HOUR  # what a customer is told: two hours from a full hour
EVENTS = 5
MOST_MOVED = 5.0  # percent of the visits the event does not touch


@dataclass(frozen=True)
class Changed:
    """A booked day after an event; `untouched` are the booked visits it does not concern, `lost` the others."""

    problem: Problem
    untouched: frozenset[int]
    lost: frozenset[int]


def measure_replan(_: str, options: argparse.Namespace) -> Iterator[Figure]:
    """Yield what a few seconds make of the day after each kind of event, and how many visits they move."""
    seconds = options.seconds or 3.0
    problem = days.rich_day("large", 0)
    planned = solved(problem, PLANNED_S, options)
    booked = as_booked(problem, planned)
    for name, events in (
        ("one visit canceled", [_canceled(booked, planned, 20 * i + 3) for i in range(EVENTS)]),
        ("one technician sick", [_sick(booked, planned, 20 * i + 3) for i in range(EVENTS)]),
    ):
        outcomes = [_outcome(one, seconds, options) for one in events]
        moved, retimed, before, after, kept = (fmean(column) for column in zip(*outcomes, strict=True))
        worst = max(one[0] for one in outcomes)
        better = sum(one[3] < one[2] for one in outcomes)
        yield Figure(
            f"100×1000, {name}, {seconds:g} s: untouched visits moved",
            f"{moved:.2f} %, worst {worst:.2f} %",
            f"< {MOST_MOVED:g} %",
            worst < MOST_MOVED,
            f"to another technician; {retimed:.1f} % start at another time within the window that was told",
        )
        yield Figure(
            f"100×1000, {name}, {seconds:g} s: objective",
            f"{before / 1000:,.0f} k → {after / 1000:,.0f} k",
            f"better in {EVENTS} of {EVENTS}",
            better == EVENTS,
            f"mean of {EVENTS}, better in {better}; {kept:.0%} of the visits concerned placed anew",
        )


def as_booked(problem: Problem, planned: Solution) -> Problem:
    """Return the day with its plan in force: each visit promised within two hours, moved only for a gain."""
    visits = list(problem.visits)
    for route in planned.routes:
        for stop in route.stops:
            visit = visits[stop.visit]
            opens = stop.starts // days.HOUR * days.HOUR
            told = ((max(a, opens), min(b, opens + WINDOW_S)) for a, b in visit.windows)
            visits[stop.visit] = replace(
                visit,
                windows=tuple((a, b) for a, b in told if a <= b),
                weight=BOOKED_WEIGHT + visit.weight,
                current=CurrentPlace(route.shift, stop.starts),
            )
    return replace(
        problem, visits=tuple(visits), weights=replace(problem.weights, stability=Costs().move_after_event_s)
    )


def _canceled(booked: Problem, planned: Solution, shift: int) -> Changed:
    """Take the third visit of a route away."""
    gone = planned.routes[shift].stops[2].visit
    visits = tuple(visit for x, visit in enumerate(booked.visits) if x != gone)
    untouched = frozenset(x for x, visit in enumerate(visits) if visit.current is not None)
    return Changed(replace(booked, visits=visits), untouched, frozenset())


def _sick(booked: Problem, planned: Solution, shift: int) -> Changed:
    """Take a technician away for the whole day."""
    away = booked.shifts[shift]
    shifts = list(booked.shifts)
    shifts[shift] = replace(away, unavailable=((away.starts, away.ends),), breaks=())
    lost = frozenset(stop.visit for stop in planned.routes[shift].stops)
    held = frozenset(x for x, visit in enumerate(booked.visits) if visit.current is not None)
    visits = tuple(
        replace(visit, weight=visit.weight - BOOKED_WEIGHT + STRANDED_WEIGHT) if x in lost else visit
        for x, visit in enumerate(booked.visits)
    )
    return Changed(replace(booked, shifts=tuple(shifts), visits=visits), held - lost, lost)


def _outcome(
    event: Changed, seconds: float, options: argparse.Namespace
) -> tuple[float, float, float, float, float]:
    """Return percent moved and percent retimed, objective as it stands and as planned anew, share placed anew.

    The objective counts what customers and roads cost, without the price of moving.
    """
    problem = event.problem
    clock = perf_counter if options.wall else process_time
    before = solve(
        replace(problem, visits=_without(problem, event.lost)), seed=0, time_limit_s=0, iterations=0
    )
    after = solve(problem, seed=options.seed, time_limit_s=seconds, clock=clock, heat=REPLAN_HEAT)
    after = replace(after, routes=keep_times(problem, after.routes))
    if wrong := violations(problem, after):
        raise AssertionError("; ".join(wrong[:5]))
    placed = {stop.visit: (route.shift, stop.starts) for route in after.routes for stop in route.stops}
    moved = retimed = 0
    for x in event.untouched:
        was = problem.visits[x].current
        assert was is not None
        shift, starts = placed.get(x, (-1, 0))
        moved += shift != was.shift
        retimed += shift == was.shift and starts != was.start
    share = 100.0 / len(event.untouched)
    kept = len(event.lost & placed.keys()) / len(event.lost) if event.lost else 1.0
    return moved * share, retimed * share, _plain(problem, before), _plain(problem, after), kept


def _without(problem: Problem, lost: frozenset[int]) -> tuple[Visit, ...]:
    """Return the visits with those of the sick technician served by nobody, and nothing new begun."""
    return tuple(
        visit if visit.current is not None and x not in lost else replace(visit, eligible=(), current=None)
        for x, visit in enumerate(problem.visits)
    )


def _plain(problem: Problem, plan: Solution) -> float:
    """Return a plan's cost at the visits' own weights."""
    visits = tuple(replace(visit, weight=visit.weight % STRANDED_WEIGHT) for visit in problem.visits)
    plain = replace(problem, visits=visits, weights=replace(problem.weights, stability=0.0))
    objective: float = metrics(plain, plan.routes)["objective"]
    return objective

"""Field-service days that nobody's company had: the same day for the same kind and seed, always.

Rich days have skills with levels, zones, staggered shifts, lunch breaks, appointments of one or two
hours in the day, longest days and five priorities; 100 technicians for 1,000 visits, 10 for
100 or 1,000 for 10,000, on a map whose homes and customers gather around towns. Seconds from midnight, metres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from truckroll.engine import Break, Objective, Problem, Shift, Visit

HOUR = 3600
SIZES = {"huge": (1000, 10_000), "large": (100, 1000), "small": (10, 100)}
ZONES = {"huge": (12, 6), "large": (4, 2), "small": (2, 2)}  # columns and rows of the map
WEIGHT = {1: 1, 2: 2, 3: 4, 4: 8, 5: 16}
PRIORITY = {1: "low", 2: "normal", 3: "normal", 4: "high", 5: "emergency"}
APPOINTMENTS = (8, 10, 12, 14)
DETOUR = 1.3
METRES_PER_SECOND = 32 / 3.6


@dataclass(frozen=True)
class Technician:
    """One technician's day."""

    starts: int
    ends: int
    max_span: int
    off: tuple[tuple[int, int], ...]
    skills: dict[int, int]
    zones: frozenset[int]


@dataclass(frozen=True, eq=False)
class LabelledDay:
    """A day with the skills and zones behind who is eligible: what visits need, what shifts have."""

    problem: Problem
    needs: tuple[frozenset[str], ...]
    has: tuple[frozenset[str], ...]


def rich_day(size: str, seed: int) -> Problem:
    """Return a rich day; `size` is "small", "large" or "huge"."""
    return labelled_day(size, seed).problem


def labelled_day(size: str, seed: int) -> LabelledDay:
    """Return a rich day with its labels, for solvers that want skills by name."""
    rng = np.random.default_rng(seed)
    technicians, visits = SIZES[size]
    side = 50_000 * np.sqrt(visits / 1000)
    towns = rng.uniform(0, side, (max(3, visits // 60), 2))
    places = np.vstack([_places(rng, technicians, towns, side), _places(rng, visits, towns, side)])
    columns, rows = ZONES[size]
    zones = np.minimum((places[:, 0] / side * columns).astype(int), columns - 1) * rows
    zones += np.minimum((places[:, 1] / side * rows).astype(int), rows - 1)
    crew = [_technician(rng, int(zones[i]), columns, rows) for i in range(technicians)]
    asked = [_visit(rng, i, technicians + i, int(zones[technicians + i]), crew) for i in range(visits)]
    problem = Problem(
        travel=_between(places, DETOUR / METRES_PER_SECOND),
        distance=_between(places, DETOUR),
        shifts=tuple(_shift(i, one) for i, one in enumerate(crew)),
        visits=tuple(visit for visit, _ in asked),
        weights=Objective(),
    )
    return LabelledDay(problem, tuple(needs for _, needs in asked), tuple(_labels(one) for one in crew))


def _between(places: NDArray[np.float64], factor: float) -> NDArray[np.int32]:
    """Return straight distances times a factor; by rows, as all at once need many times the memory."""
    between = np.empty((len(places), len(places)), np.int32)
    for row, place in zip(between, places, strict=True):
        row[:] = np.rint(np.sqrt(((place - places) ** 2).sum(-1)) * factor)
    return between


def _places(
    rng: np.random.Generator, count: int, towns: NDArray[np.float64], side: float
) -> NDArray[np.float64]:
    """Return points, three in five of them near a town."""
    near = towns[rng.integers(0, len(towns), count)] + rng.normal(0, side / 14, (count, 2))
    anywhere = rng.uniform(0, side, (count, 2))
    in_town = rng.random(count) < 0.6
    return np.clip(np.where(in_town[:, None], near, anywhere), 0, side)


def _technician(rng: np.random.Generator, home: int, columns: int, rows: int) -> Technician:
    starts = int(rng.choice([7 * HOUR, 7 * HOUR + 1800, 8 * HOUR, 8 * HOUR + 1800, 9 * HOUR]))
    length = int(rng.choice([6 * HOUR, 8 * HOUR, 9 * HOUR, 9 * HOUR + 1800], p=[0.15, 0.2, 0.4, 0.25]))
    max_span = int(rng.choice([int(7.5 * HOUR), 8 * HOUR]))
    off: tuple[tuple[int, int], ...] = ()
    if rng.random() < 0.1:
        late = starts + length >= 16 * HOUR
        off = ((14 * HOUR, 16 * HOUR),) if late else ((9 * HOUR, int(10.5 * HOUR)),)
    known = rng.integers(2, 5)
    skills = {int(skill): int(rng.integers(1, 4)) for skill in rng.choice(6, known, replace=False)}
    others = [zone for zone in range(columns * rows) if zone != home]
    away = [np.hypot(zone // rows - home // rows, zone % rows - home % rows) for zone in others]
    nearest = np.argsort(np.array(away) + rng.random(len(away)) * 0.5)
    own = {home} | {int(others[i]) for i in nearest[: int(rng.integers(1, 4))]}
    return Technician(starts, starts + length, max_span, off, skills, frozenset(own))


def _shift(i: int, one: Technician) -> Shift:
    return Shift(
        id=f"shift-{i}",
        technician_id=f"technician-{i}",
        start_place=i,
        end_place=i,
        starts=one.starts,
        ends=one.ends,
        breaks=(Break(11 * HOUR + 1800, 13 * HOUR + 1800, 1800),),
        unavailable=one.off,
        max_span=one.max_span,
    )


def _labels(one: Technician) -> frozenset[str]:
    levels = {f"skill {skill} level {n}" for skill, level in one.skills.items() for n in range(1, level + 1)}
    return frozenset(levels | {f"zone {zone}" for zone in one.zones})


def _visit(
    rng: np.random.Generator, i: int, place: int, zone: int, crew: list[Technician]
) -> tuple[Visit, frozenset[str]]:
    duration = int(np.clip(rng.lognormal(np.log(30), 0.45), 10, 120)) * 60
    hour = int(rng.choice(APPOINTMENTS))
    windows = [(hour, hour + 2)]
    if rng.random() < 0.2:
        other = int(rng.choice([x for x in APPOINTMENTS if x != hour]))
        windows = sorted([*windows, (other, other + 2)])
        if windows[0][1] == windows[1][0]:
            windows = [(windows[0][0], windows[1][1])]
    elif rng.random() < 0.12:
        windows = [(0, 24)]
    skill = int(rng.choice(6, p=[0.3, 0.22, 0.18, 0.14, 0.1, 0.06]))
    level = int(rng.choice([1, 2, 3], p=[0.6, 0.3, 0.1]))
    urgency = int(rng.choice([1, 2, 3, 4, 5], p=[0.15, 0.25, 0.35, 0.18, 0.07]))
    if urgency == max(WEIGHT) and windows == [(0, 24)]:
        windows = [(0, 12)]
    visit = Visit(
        id=f"visit-{i}",
        place=place,
        duration=duration,
        windows=tuple((opens * HOUR, closes * HOUR) for opens, closes in windows),
        weight=WEIGHT[urgency] * 3600.0,
        priority=PRIORITY[urgency],
        eligible=tuple(
            v for v, one in enumerate(crew) if zone in one.zones and one.skills.get(skill, 0) >= level
        ),
    )
    return visit, frozenset({f"skill {skill} level {level}", f"zone {zone}"})

"""How soon technicians could do an emergency, at whose expense: their routes as one problem of the engine (OPT-7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from truckroll.engine import Break, FixedPlace, Problem, Route, Shift, Stop, Visit
from truckroll.engine.urgent import Way, ways_to_serve
from truckroll.planning.urgent_routes import MINUTE, Person, Urgent, before_s


class Numbers(NamedTuple):
    """How many places, beside the job's, and shifts come before a technician's own in a problem of several."""

    places: int
    shifts: int


def ways_of(people: Sequence[Person], urgent: Urgent) -> list[tuple[Way, ...]]:
    """Return every way each technician could do it.

    Whose route does not hold as it is may put it in place of other visits, or after them as they stand.
    """
    found = _ways(people, urgent, movable=True)
    stuck = [n for n, ways in enumerate(found) if all(way.dropped for way in ways)]
    fixed = _ways([people[n] for n in stuck], urgent, movable=False)
    for n, ways in zip(stuck, fixed, strict=True):
        found[n] += ways
    return found


def _ways(people: Sequence[Person], urgent: Urgent, *, movable: bool) -> list[tuple[Way, ...]]:
    """Ask the engine for all of them at once: setting a problem up costs more than solving one of this size."""
    shifts: list[Shift] = []
    visits: list[Visit] = []
    firsts: list[tuple[int, int]] = []
    booked, routes, droppable = [0], [], []
    place = 1
    for person in people:
        numbers = Numbers(place - 1, len(shifts))
        firsts.append((len(shifts), len(visits)))
        own = [_visit(person, i, numbers, movable=movable) for i in range(len(person.claims))]
        begins = [_begins(person, i) for i in range(len(own))]
        for v in range(len(person.shifts)):
            stops = sorted(
                (begin, len(visits) + i + 1, own[i].duration)
                for i, begin in enumerate(begins)
                if person.claims[i]["shift"] == v
            )
            routes.append(_route(len(shifts) + v, stops))
        droppable += [len(visits) + i + 1 for i, visit in enumerate(own) if visit.fixed is None]
        booked += begins
        visits += own
        shifts += [_shift(person, v, numbers) for v in range(len(person.shifts))]
        place += len(person.travel_s) - 1
    if not shifts:
        return [() for _ in people]
    problem = Problem(
        travel=_joined([person.travel_s for person in people], place),
        distance=None,
        shifts=tuple(shifts),
        visits=(_wanted(urgent, len(shifts)), *visits),
        grain=MINUTE,
    )
    found: list[list[Way]] = [[] for _ in people]
    whose = [n for n, person in enumerate(people) for _ in person.shifts]
    for way in ways_to_serve(problem, routes, 0, booked, droppable):
        shift, visit = firsts[whose[way.shift]]
        found[whose[way.shift]].append(
            way._replace(
                shift=way.shift - shift,
                delays=tuple((x - visit, starts) for x, starts in way.delays),
                dropped=tuple(x - visit for x in way.dropped),
            )
        )
    return [tuple(ways) for ways in found]


def _joined(matrices: Sequence[NDArray[np.int32]], places: int) -> NDArray[np.int32]:
    """Return one matrix of many that share their first place; nobody drives from one's places to another's."""
    travel = np.zeros((places, places), np.int32)
    first = 1
    for own in matrices:
        last = first + len(own) - 1
        travel[0, first:last], travel[first:last, 0] = own[0, 1:], own[1:, 0]
        travel[first:last, first:last] = own[1:, 1:]
        first = last
    return travel


def _wanted(urgent: Urgent, shifts: int) -> Visit:
    return Visit(
        id="urgent",
        place=0,
        duration=urgent.length_s,
        windows=tuple(
            (opens - urgent.before_s, closes - urgent.before_s) for opens, closes in urgent.windows
        ),
        eligible=tuple(range(shifts)),
        paced=urgent.paced_s,
    )


def _route(shift: int, stops: Iterable[tuple[int, int, int]]) -> Route:
    """Return a route as it is booked, of (begin, visit, duration)."""
    done = tuple(Stop(x, begins, begins, begins + duration, 0, 0) for begins, x, duration in stops)
    return Route(shift, done, (), 0, 0, 0, 0, 0)


def _shift(person: Person, v: int, numbers: Numbers) -> Shift:
    row = person.shifts[v]
    return Shift(
        id=f"{person.technician_id}/{v}",
        technician_id=str(person.technician_id),
        start_place=numbers.places + 1 + 2 * v,
        end_place=numbers.places + 2 + 2 * v,
        starts=row["starts_s"],
        ends=row["ends_s"],
        breaks=tuple(
            Break(max(earliest, row["starts_s"]), latest, length)
            for earliest, latest, length in zip(*[iter(row["breaks_s"])] * 3, strict=True)
            if latest >= row["starts_s"]
        ),
        unavailable=tuple(
            (max(begin, row["starts_s"]), end)
            for begin, end in zip(row["unavailable_s"][::2], row["unavailable_s"][1::2], strict=True)
            if end > row["starts_s"]
        ),
        pace=row["pace"],
    )


def _begins(person: Person, i: int) -> int:
    claim = person.claims[i]
    return max(int(claim["starts_s"]), int(person.shifts[claim["shift"]]["starts_s"]))


def _visit(person: Person, i: int, numbers: Numbers, *, movable: bool) -> Visit:
    """Return what the ledger holds as a visit: fixed, unless it may begin at its time or later."""
    claim = person.claims[i]
    v = claim["shift"]
    shift = person.shifts[v]
    begins = _begins(person, i)
    windows = [
        (opens - before_s(claim), min(closes - before_s(claim), shift["ends_s"]))
        for opens, closes in zip(claim["windows_s"][::2], claim["windows_s"][1::2], strict=True)
    ] if movable and claim["is_movable"] else []  # fmt: skip
    kept = [(opens, closes) for opens, closes in windows if opens <= closes]
    stays = not any(opens <= begins <= closes for opens, closes in kept) or claim["ends_s"] > shift["ends_s"]
    return Visit(
        id=f"{person.technician_id}/{i}",
        place=numbers.places + 1 + 2 * len(person.shifts) + i,
        duration=claim["ends_s"] - begins,
        windows=() if stays else tuple(kept),
        eligible=(numbers.shifts + v,),
        fixed=FixedPlace(numbers.shifts + v, begins) if stays else None,
        paced=0,
    )

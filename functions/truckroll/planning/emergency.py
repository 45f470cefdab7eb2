"""Ways to serve one job as soon as possible, from where technicians are now (OPT-7).

SQL says who may, where they are and what they have before them; the engine finds the ways; SQL
judges, prices and stores the few best. What ranks here only decides which are worth judging.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from truckroll.database import Connection
from truckroll.engine.urgent import Way
from truckroll.planning.urgent_routes import (
    AtWork,
    Person,
    Urgent,
    at_work,
    before_s,
    people_among,
    urgent_job,
)
from truckroll.planning.urgent_ways import ways_of

# How long people have to decide and set off before the technician must leave.
NOTICE = {"propose": timedelta(minutes=5), "commit": timedelta(minutes=1)}

FACTOR = {"low": 0.5, "normal": 1.0, "high": 2.0}
NEW_PLACE = 25.0  # what a visit that makes room is taken to weigh before its new place is known, in minutes
SLA_MISSED = 100_000.0
WITH_EVICTIONS = 4  # finding new places is what costs most
SPARE = 5
LAST_RESORTS = 12  # tried while nothing else passes
BATCH = 16
ROUTES = 48  # looked at when the nearest offer choice enough


@dataclass(frozen=True)
class Budget:
    """What may be done to others: visits moved, minutes of delay together, promises broken, visits left to nobody."""

    moves: int = 3
    minutes: int = 120
    promises: int = 0
    unassigned: int = 0


@dataclass(frozen=True)
class Candidate:
    """One way of one technician, and what it is taken to cost in minutes of response."""

    person: Person
    way: Way
    cost: float

    def as_json(self, urgent: Urgent) -> dict[str, Any]:
        """Return it as private.propose_emergency takes it."""
        shift = self.person.shifts[self.way.shift]
        return {
            "technician_id": str(self.person.technician_id),
            "starts_s": self.way.starts + urgent.before_s,
            "leave_s": self.way.starts - self.way.leg_s,
            "added_travel_s": self.way.added_travel_s,
            "delays": [
                {
                    "appointment_id": str(self._claim(x)["appointment_id"]),
                    "starts_s": starts + before_s(self._claim(x)),
                }
                for x, starts in self.way.delays
            ],
            "evicted": [str(self._claim(x)["appointment_id"]) for x in self.way.dropped],
            "position_source": shift["position_source"],
            "position_age_minutes": shift["position_age_minutes"],
        }

    def _claim(self, x: int) -> dict[str, Any]:
        return self.person.claims[x - 1]


@dataclass(frozen=True)
class Asked:
    """What somebody asks for: which job, when, how much others may be disturbed, how many options."""

    job_id: UUID
    mode: str
    budget: Budget
    earliest: datetime | None = None
    latest: datetime | None = None
    max_results: int = 5


def emergency_options(connection: Connection, asked: Asked) -> dict[str, Any]:
    """Return stored options, best first, with the reasons when there are none."""
    urgent = urgent_job(connection, asked.job_id, asked.earliest, asked.latest, NOTICE[asked.mode])
    available = at_work(connection, urgent) if urgent.can_be_inserted else []
    candidates: list[Candidate] = []
    looked_at = 0
    for some in batched(available, BATCH):
        if _are_enough(candidates, asked, soonest=some[0].arrives_s - urgent.asked_s, looked_at=looked_at):
            break
        looked_at += len(some)
        people = people_among(connection, urgent, some)
        for person, ways in zip(people, ways_of(people, urgent), strict=True):
            candidates += _best_of(person, ways, urgent, asked.budget)
    worth = _worth_judging(candidates, asked.max_results)
    row = connection.execute(
        "select private.propose_emergency(%s, %s, %s, %s, %s, %s) as proposal",
        (
            asked.job_id,
            urgent.asked_at,
            Jsonb([one.as_json(urgent) | {"is_last_resort": last} for one, last in worth]),
            Jsonb(asdict(asked.budget)),
            asked.max_results,
            asked.mode,
        ),
    ).fetchone()
    assert row is not None  # noqa: S101 - a function call has one row
    proposal: dict[str, Any] = row["proposal"]
    return proposal | {"considered": {"technicians": len(available), "routes": looked_at}}


def batched(available: Sequence[AtWork], size: int) -> Iterator[Sequence[AtWork]]:
    """Yield technicians so many at a time."""
    for start in range(0, len(available), size):
        yield available[start : start + size]


def _are_enough(candidates: Sequence[Candidate], asked: Asked, *, soonest: float, looked_at: int) -> bool:
    """Tell whether the rest need not be looked at: too far away to be among the best, or enough choice as it is.

    `soonest` is when the next could be there at the very best, in seconds from when it was asked.
    """
    wanted = asked.max_results + SPARE
    if len(candidates) < wanted:
        return False
    return looked_at >= ROUTES or soonest / 60 > sorted(one.cost for one in candidates)[wanted - 1]


def _best_of(person: Person, ways: Iterable[Way], urgent: Urgent, budget: Budget) -> list[Candidate]:
    """Return the cheapest way of each kind: nobody moved, some later, some elsewhere."""
    best: dict[tuple[bool, bool], Candidate] = {}
    until_s = urgent.until.timestamp()
    for way in ways:
        moved = len(way.delays) + len(way.dropped)
        is_over_budget = moved > budget.moves or way.delay_s > budget.minutes * 60
        if is_over_budget or _ends(way, urgent) > until_s:
            continue
        one = Candidate(person, way, _cost(person, way, urgent))
        kind = bool(way.delays), bool(way.dropped)
        if kind not in best or one.cost < best[kind].cost:
            best[kind] = one
    return list(best.values())


def _cost(person: Person, way: Way, urgent: Urgent) -> float:
    """Return what a way weighs by the weights of private.emergency_move_cost, new places guessed."""
    starts = way.starts + urgent.before_s
    cost = (starts - urgent.asked_s) / 60 + 0.25 * max(0, way.added_travel_s) / 60
    for x, begins in way.delays:
        claim = person.claims[x - 1]
        cost += FACTOR.get(claim["priority"], 1.0) * (5 + 0.2 * (begins - claim["starts_s"]) / 60)
    for x in way.dropped:
        cost += FACTOR.get(person.claims[x - 1]["priority"], 1.0) * NEW_PLACE
    is_late = urgent.sla_end_s is not None and _ends(way, urgent) > urgent.sla_end_s
    return cost + (SLA_MISSED if is_late else 0.0)


def _ends(way: Way, urgent: Urgent) -> int:
    """Return when the work itself would be over."""
    return way.ends - urgent.after_s


def _worth_judging(candidates: Sequence[Candidate], max_results: int) -> list[tuple[Candidate, bool]]:
    """Return the cheapest, few enough to be judged while somebody waits; then last resorts, marked so."""
    ordered = sorted(candidates, key=lambda one: (one.cost, str(one.person.technician_id)))
    evicting = [one for one in ordered if one.way.dropped]
    spared = {id(one) for one in evicting[WITH_EVICTIONS:]}
    chosen = [one for one in ordered if id(one) not in spared][: max_results + SPARE]
    taken = {id(one) for one in chosen}
    rest = [one for one in ordered if id(one) not in taken][:LAST_RESORTS]
    return [(one, False) for one in chosen] + [(one, True) for one in rest]

"""Ways to serve one job as soon as possible, from where technicians are now (OPT-7).

SQL says who may, where they are and what they have before them; the engine finds the ways; SQL
judges, prices and stores the few best. What ranks here only decides which are worth judging.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from truckroll.database import Connection
from truckroll.engine.urgent import Way
from truckroll.planning.urgent_routes import Person, Urgent, before_s, people_for, urgent_job, ways_of

# How long people have to decide and set off before the technician must leave.
NOTICE = {"propose": timedelta(minutes=5), "commit": timedelta(minutes=1)}

FACTOR = {"low": 0.5, "normal": 1.0, "high": 2.0}
NEW_PLACE = 25.0  # what a visit that makes room is taken to weigh before its new place is known, in minutes
SLA_MISSED = 100_000.0
WITH_EVICTIONS = 4  # finding new places is what costs most
SPARE = 5


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
    people = people_for(connection, urgent) if urgent.can_be_inserted else []
    candidates = [
        one for person in people for one in _best_of(person, ways_of(person, urgent), urgent, asked.budget)
    ]
    worth = _worth_judging(candidates, asked.max_results)
    row = connection.execute(
        "select private.propose_emergency(%s, %s, %s, %s, %s, %s) as proposal",
        (
            asked.job_id,
            urgent.asked_at,
            Jsonb([one.as_json(urgent) for one in worth]),
            Jsonb(asdict(asked.budget)),
            asked.max_results,
            asked.mode,
        ),
    ).fetchone()
    assert row is not None  # noqa: S101 - a function call has one row
    proposal: dict[str, Any] = row["proposal"]
    return proposal | {"considered": {"technicians": len(people), "ways": len(candidates)}}


def _best_of(person: Person, ways: Iterable[Way], urgent: Urgent, budget: Budget) -> list[Candidate]:
    """Return the cheapest way of each kind: nobody moved, some later, some elsewhere."""
    best: dict[tuple[bool, bool], Candidate] = {}
    for way in ways:
        moved = len(way.delays) + len(way.dropped)
        if moved > budget.moves or way.delay_s > budget.minutes * 60:
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
    ends = way.starts + urgent.length_s - urgent.after_s
    return cost + (SLA_MISSED if urgent.sla_end_s is not None and ends > urgent.sla_end_s else 0.0)


def _worth_judging(candidates: Sequence[Candidate], max_results: int) -> list[Candidate]:
    """Return the cheapest, few enough to be judged while somebody waits."""
    chosen: list[Candidate] = []
    evictions = 0
    for one in sorted(candidates, key=lambda each: (each.cost, str(each.person.technician_id))):
        if one.way.dropped:
            evictions += 1
            if evictions > WITH_EVICTIONS:
                continue
        chosen.append(one)
        if len(chosen) == max_results + SPARE:
            break
    return chosen

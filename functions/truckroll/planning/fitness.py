"""Who may do a kind of work, and who may not for which rule: SQL's answers, by name (OPT-12)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from uuid import UUID

from truckroll.database import Connection
from truckroll.planning.problem import Model
from truckroll.planning.snapshot import Snapshot

RULES = ("certification_expired", "out_of_zone", "skill_level", "skill_missing", "several")
NAMED = 5  # technicians a list names; the rest are counted


@dataclass(frozen=True)
class Fitness:
    """For each kind of requirement who may do it, and whom only one rule keeps from it."""

    names: Mapping[UUID, str]
    able: Mapping[str, frozenset[UUID]]
    but_for: Mapping[str, Mapping[str, tuple[UUID, ...]]]

    def obstacles(self, requirement: str, at_work: Iterable[UUID]) -> list[dict[str, Any]]:
        """Return who is kept from it: by which rule, or by not working on these days."""
        working = set(at_work)
        found = [(rule, self.but_for.get(requirement, {}).get(rule, ())) for rule in RULES]
        found.append(("off", tuple(self.able.get(requirement, frozenset()) - working)))
        return [self.told(code, who) for code, who in found if who]

    def told(self, code: str, who: Iterable[UUID]) -> dict[str, Any]:
        """Return one obstacle with how many it keeps away, and some of their names."""
        names = sorted(self.names.get(one, "") for one in set(who))
        return {"code": code, "count": len(names), "technicians": names[:NAMED]}


def read_fitness(connection: Connection, snapshot: Snapshot, model: Model) -> Fitness:
    """Ask about one job of each requirement of the model, on the first of the days."""
    one_of: dict[str, UUID] = {}
    for source in (*model.sources, *(job for job, _ in model.outside)):
        if source.requirement is not None and source.job_id is not None:
            one_of.setdefault(source.requirement, source.job_id)
    technicians = list(snapshot.technician_ids)
    names = {
        row["id"]: row["display_name"]
        for row in connection.execute(
            "select id, display_name from public.technician_profiles where id = any(%s)", (technicians,)
        )
    }
    able = {
        row["requirement"]: frozenset(row["able"])
        for row in connection.execute(
            "select requirement, able from private.eligible_technicians(%s, %s, %s)",
            (list(one_of.values()), technicians, [snapshot.dates[0]]),
        )
    }
    but_for: dict[str, dict[str, tuple[UUID, ...]]] = {}
    noon = datetime.combine(snapshot.dates[0], time(12))
    for row in connection.execute(
        """
        select f.requirement, f.rule, f.able
        from public.technician_profiles as t
        inner join public.orgs as o on t.org_id = o.id
        cross join private.able_but_for(%s, %s, %s at time zone o.time_zone) as f
        where t.id = %s
        """,
        (list(one_of.values()), technicians, noon, technicians[0] if technicians else None),
    ):
        but_for.setdefault(row["requirement"], {})[row["rule"]] = tuple(row["able"])
    return Fitness(names, able, but_for)

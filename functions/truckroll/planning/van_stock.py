"""What vans carry and jobs need, on its way to the engine, and the stop at the depot on its way back (OPT-4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from truckroll.database import Connection
from truckroll.engine import Depot, Fetch
from truckroll.engine.model import Parts

Coordinates = tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class SupplyDepot:
    """A facility where vans are loaded; `open_s` are closed ranges for the start of loading."""

    name: str
    place: Coordinates
    loading_s: int
    open_s: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Needs:
    """What a job needs, by code."""

    tools: tuple[str, ...] = ()
    parts: Parts = ()


@dataclass(frozen=True, slots=True)
class Van:
    """What a technician has as the day begins, by code, and where more can be fetched."""

    tools: tuple[str, ...] = ()
    parts: Parts = ()
    depot: SupplyDepot | None = None

    def holds(self, needs: Needs) -> bool:
        """Tell whether all that is needed is in the van as the day begins."""
        held = dict(self.parts)
        return set(needs.tools) <= set(self.tools) and all(
            held.get(code, 0) >= count for code, count in needs.parts
        )


@dataclass(frozen=True)
class Stock:
    """Vans by technician, needs by job, and what parts and tools are called; empty where nobody lists any."""

    vans: Mapping[UUID, Van]
    needs: Mapping[UUID, Needs]
    names: Mapping[str, str]


def read_stock(connection: Connection, run_id: UUID, job_ids: Iterable[UUID]) -> Stock:
    """Read what SQL says about stock; in the run's company and for these jobs."""
    vans = {
        row["technician_id"]: Van(
            tools=tuple(row["tools"]),
            parts=tuple(zip(row["parts"], row["quantities"], strict=True)),
            depot=_depot(row),
        )
        for row in connection.execute(
            "select v.* from public.optimization_runs as r cross join private.plan_vans(r) as v where r.id = %s",
            (run_id,),
        )
    }
    tools: dict[UUID, list[str]] = {}
    parts: dict[UUID, list[tuple[str, int]]] = {}
    names: dict[str, str] = {}
    needed = connection.execute("select * from private.plan_needs(%s)", (list(job_ids),)) if vans else ()
    for row in needed:
        names[row["code"]] = row["name"]
        if row["is_tool"]:
            tools.setdefault(row["job_id"], []).append(row["code"])
        else:
            parts.setdefault(row["job_id"], []).append((row["code"], row["quantity"]))
    needs = {job: Needs(tuple(tools.get(job, ())), tuple(parts.get(job, ()))) for job in {*tools, *parts}}
    return Stock(vans, needs, names)


def _depot(row: Mapping[str, Any]) -> SupplyDepot | None:
    # A depot that is closed on all these days is none.
    if row["depot_name"] is None or not row["open_s"]:
        return None
    hours = tuple(zip(row["open_s"][::2], row["open_s"][1::2], strict=True))
    return SupplyDepot(row["depot_name"], (row["latitude"], row["longitude"]), row["loading_s"], hours)


def engine_depot(van: Van, row: Mapping[Coordinates, int]) -> Depot | None:
    """Return a van's depot as the engine knows it."""
    if van.depot is None:
        return None
    return Depot(row[van.depot.place], van.depot.loading_s, van.depot.open_s)


def sentence(fetch: Fetch, depot: SupplyDepot, names: Mapping[str, str]) -> str:
    """Return what a technician is to do at the depot."""
    things = [f"{count} × {names.get(part, part)}" for part, count in fetch.parts]
    things += [names.get(tool, tool) for tool in fetch.tools]
    return f"Fetch {', '.join(things)} at {depot.name}."


def fetched(fetch: Fetch) -> dict[str, Any]:
    """Return what is fetched, for programs to read."""
    parts = [{"code": code, "quantity": count} for code, count in fetch.parts]
    return {"parts": parts, "tools": list(fetch.tools)}

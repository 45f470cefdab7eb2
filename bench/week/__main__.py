"""Live the week in each way and print what came of it.

`python -m bench.week [--seed N] [--technicians N] [--way NAME]`.

Needs libfaketime (Debian: `apt install faketime`); about a quarter of an hour.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import httpx
from bench.week.clock import faked
from bench.week.company import founded
from bench.week.field import Visit, Week
from bench.week.office import Office
from bench.week.ways import WAYS, FirstCome
from bench.week.world import ZONE, World, at, imagined
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from truckroll_local.keys import signed
from truckroll_local.paths import INSTALLED
from truckroll_local.ports import Ports
from truckroll_local.stack import Stack

console = Console()
Row = tuple[str, str]


def main() -> None:
    """Run the ways asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.week", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--technicians", type=int, default=10)
    parser.add_argument("--way", choices=[way.name for way in WAYS], help="only this one")
    options = parser.parse_args()
    today = datetime.now(ZONE).date()
    monday = today + timedelta(days=7 - today.weekday())
    world = imagined(options.seed, monday, options.technicians)
    columns: dict[str, list[Row]] = {}
    for way in WAYS:
        if options.way in {None, way.name}:
            columns[way.name] = list(_lived(world, way))
            _print(world, columns)


def _print(world: World, columns: dict[str, list[Row]]) -> None:
    many = f"{len(world.technicians)} technicians, {len(world.requests)} requests"
    table = Table(title=f"A week of {many}", title_justify="left")
    table.add_column("")
    for name in columns:
        table.add_column(name, justify="right")
    for cells in zip(*columns.values(), strict=True):
        table.add_row(cells[0][0], *(value for _, value in cells))
    console.print(table)


def _lived(world: World, way: type[FirstCome]) -> Iterator[Row]:
    began = time.perf_counter()
    with _company(world, way) as office, _bar(way.name) as progress:
        week = Week(world, office, way(office), progress)
        week.run()
        yield from _outcome(week)
    refused = sorted(office.refused.items(), key=lambda one: -one[1])
    console.print(f"[dim]{way.name}: {time.perf_counter() - began:.0f} s; refused {dict(refused[:8])}[/dim]")


@contextmanager
def _bar(name: str) -> Iterator[Any]:
    columns = (TextColumn(name), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(name, total=1.0)
        yield lambda share: progress.update(task, completed=share)


def _outcome(week: Week) -> Iterator[Row]:
    visits = [one for one in week.visits.values() if not one.is_canceled]
    served = [one for one in visits if one.began is not None]
    ordinary = [one for one in served if not one.request.is_emergency]
    urgent = [one for one in visits if one.request.is_emergency]
    driven = sum(one.driven_s for one in week.crew)
    yield "requests not canceled", str(len(visits))
    yield "served in the week", f"{len(served)} ({len(served) / len(visits):.0%})"
    yield "promise kept (first told window)", _share([_kept(one) for one in ordinary])
    yield (
        "served within three days",
        _share([_in_time(one) for one in visits if not one.request.is_emergency]),
    )
    yield "customers told of a change", str(sum(one.told_again for one in visits))
    yield "driving, hours", f"{driven / 3600:.0f}"
    yield "driving a visit, minutes", f"{driven / 60 / max(1, len(served)):.1f}"
    yield "overtime, hours", f"{sum(one.overtime_s for one in week.crew) / 3600:.1f}"
    waits = sorted(
        (one.began - one.request.arrives).total_seconds() / 60 for one in urgent if one.began is not None
    )
    yield "emergencies served within four hours", _share([_answered(one) for one in urgent])
    yield "response to those served, median minutes", f"{median(waits):.0f}" if waits else "–"
    yield "response to those served, slowest tenth", f"{waits[int(len(waits) * 0.9)]:.0f}" if waits else "–"


def _kept(visit: Visit) -> bool:
    # Five minutes late is what a customer calls on time.
    return (
        visit.told is not None
        and visit.began is not None
        and visit.began <= visit.told[1] + timedelta(minutes=5)
    )


def _in_time(visit: Visit) -> bool:
    return visit.began is not None and visit.began <= visit.request.arrives + timedelta(days=3)


def _answered(visit: Visit) -> bool:
    return visit.began is not None and visit.began <= visit.request.arrives + timedelta(hours=4)


def _share(kept: list[bool]) -> str:
    return f"{sum(kept)} of {len(kept)} ({sum(kept) / len(kept):.0%})" if kept else "–"


@contextmanager
def _company(world: World, way: type[FirstCome]) -> Iterator[Office]:
    """Start a stack whose database lives in the week, with the world's company in it."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        stack = Stack(Ports.free(), INSTALLED / "week", with_cron=False, durable=False)
        with faked(Path(folder)) as clock:
            stack.start_database()
        try:
            stack.build_database(seeds=False)
            clock.set(at(world.monday - timedelta(days=1), 11))
            org, owner, services, technicians = founded(stack.db_url, world, way)
            stack.start_services()
            with _client(stack, str(owner)) as client, _service(stack) as service:
                office = Office(client, service, clock, org)
                office.services, office.technicians = services, technicians
                yield office
        finally:
            stack.stop()


def _client(stack: Stack, user: str) -> httpx.Client:
    claims: dict[str, object] = {
        "sub": user,
        "role": "authenticated",
        "aud": "authenticated",
        "exp": int(time.time()) + 86_400,
    }
    token = signed(claims, stack.jwt_secret)
    headers = {"apikey": stack.anon_key, "Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=stack.api_url, headers=headers, timeout=120)


def _service(stack: Stack) -> httpx.Client:
    headers = {"apikey": stack.service_key, "Authorization": f"Bearer {stack.service_key}"}
    return httpx.Client(base_url=stack.api_url, headers=headers, timeout=120)


if __name__ == "__main__":
    main()

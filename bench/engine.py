"""Measure the engine: `python -m bench.engine [set …] [--seconds S] [--seed N] [--all] [--rivals NAMES]`.

Sets: solomon, gh200, gh400, gh1000, sdvrptw, mdvrptw, pcvrptw (gap to the best known cost of the public
instances in TRUCKROLL_INSTANCES, default ../shared/instances), small, large (rich days of
bench/days.py), joint-small, joint-large (the same with crews, bays and composite visits), insertion
(one more visit into a large day), replan (a booked large day after a cancellation or with somebody
sick), pillac (technicians with tools, parts and a depot: requests served and working time beside the
published solutions), huge (1,000 technicians, 10,000 visits: only when named; some GB and minutes, --workers 2
--wall). Beside our figures stand the bars, and below them what pyvrp,
ortools and vroom make of the same in the same time. Time is processor time of one core (vroom's limit
is wall time, and soft); every plan goes through the independent checker.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator

from bench.figures import Figure
from bench.gaps import FAMILIES, measure_public
from bench.huge import measure_huge
from bench.joint import measure_joint
from bench.replan import measure_replan
from bench.rich import measure_insertion, measure_rich
from bench.technicians import measure_technicians
from rich.console import Console
from rich.table import Table

from truckroll.engine.warm import warm

MEMORY_MB = 500


def main() -> None:
    """Measure the sets named, print one table."""
    parser = argparse.ArgumentParser(prog="python -m bench.engine", description=__doc__)
    parser.add_argument("sets", nargs="*", metavar="set", help=", ".join(SETS))
    parser.add_argument("--seconds", type=float, help="for each instance (default: as each set says)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--all", action="store_true", help="every instance, not a sample")
    parser.add_argument("--rivals", default="all", help="all, none, or some of pyvrp,ortools,vroom")
    parser.add_argument("--wall", action="store_true", help="wall time instead of processor time")
    parser.add_argument("--workers", type=int, default=1, help="processes that search")
    options = parser.parse_args(namespace=argparse.Namespace(peak_mb=0.0))
    if unknown := set(options.sets) - SETS.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    console = Console()
    console.print(f"[dim]compiled or loaded in {warm():.1f} s[/dim]")
    table = Table(title="The engine, measured", title_justify="left", show_lines=True)
    for heading in ("figure", "measured", "bar", "met", "note"):
        table.add_column(heading, overflow="fold")
    for name in options.sets or [one for one in SETS if one != "huge"]:
        console.print(f"[dim]{name} …[/dim]")
        try:
            for figure in SETS[name](name, options):
                _add(table, figure)
        except FileNotFoundError as missing:
            _add(table, Figure(name, "not measured", note=str(missing)))
    if options.peak_mb > 0.0:
        name = f"most memory while searching, {options.workers} " + (
            "process" if options.workers == 1 else "processes"
        )
        _add(
            table, Figure(name, f"{options.peak_mb:.0f} MB", f"< {MEMORY_MB} MB", options.peak_mb < MEMORY_MB)
        )
    console.print(table)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    console.print(f"[dim]{os.cpu_count()} processors, load {load}[/dim]")


def _add(table: Table, figure: Figure) -> None:
    met = {None: "–", True: "[green]yes[/green]", False: "[red]no[/red]"}[figure.met]
    table.add_row(figure.name, figure.measured, figure.bar, met, figure.note)


SETS: dict[str, Callable[[str, argparse.Namespace], Iterator[Figure]]] = {
    **dict.fromkeys(FAMILIES, measure_public),
    "small": measure_rich,
    "large": measure_rich,
    "huge": measure_huge,
    "joint-small": measure_joint,
    "joint-large": measure_joint,
    "insertion": measure_insertion,
    "replan": measure_replan,
    "pillac": measure_technicians,
}

if __name__ == "__main__":
    main()

"""Measure the database and the API: `python -m bench [slots board booking realtime dispatch] [--fresh]`.

One table: what was measured, the bar of the specification, whether it was met. Nothing fails by time.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator

from bench import board, booking, dispatch, realtime, slots
from bench.figures import Figure
from bench.place import Place, prepared
from rich.console import Console
from rich.table import Table

MEASUREMENTS: dict[str, Callable[[Place], Iterator[Figure]]] = {
    "slots": slots.measure,
    "board": board.measure,
    "realtime": realtime.measure,
    "dispatch": dispatch.measure,
    "booking": booking.measure,
}


def main() -> None:
    """Prepare the place, measure one thing after another, print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(MEASUREMENTS))
    parser.add_argument("--fresh", action="store_true", help="build the database and the company anew")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - MEASUREMENTS.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    console = Console(width=None if sys.stdout.isatty() else 150)
    table = Table(title="Truckroll, measured", title_justify="left", show_lines=True)
    for heading in ("figure", "measured (p50 / p95 / max)", "bar", "met", "note"):
        table.add_column(heading, overflow="fold")
    with prepared(fresh=arguments.fresh) as place:
        for name in arguments.names or MEASUREMENTS:
            console.print(f"[dim]{name} …[/dim]")
            for figure in MEASUREMENTS[name](place):
                met = {None: "–", True: "[green]yes[/green]", False: "[red]no[/red]"}[figure.met]
                table.add_row(figure.name, figure.measured, figure.bar, met, figure.note)
    console.print(table)
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    console.print(f"[dim]{os.cpu_count()} processors, load {load}[/dim]")


if __name__ == "__main__":
    main()

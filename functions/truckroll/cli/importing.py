"""`truckroll import`: a company from a directory of CSV files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NoReturn
from urllib.parse import urlsplit

import psycopg
import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table

from truckroll.importing import Fault, ImportResult, Request, import_company, write_report
from truckroll_local.ports import Ports
from truckroll_local.stack import Stack

SHOWN_FAULTS = 40
console = Console()


def import_directory(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Directory of CSV files, see FORMAT.md.")],
    org: Annotated[str | None, typer.Option(help="Slug of the company, there already or new.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of a new company.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="IANA time zone of a new company.")] = None,
    owner: Annotated[
        str | None, typer.Option(help="E-mail address of a user who becomes an owner of the company.")
    ] = None,
    db: Annotated[
        str | None,
        typer.Option(envvar="TRUCKROLL_DATABASE_URL", help="Database URL; else the local stack's."),
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write every fault to this CSV file.")] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, write nothing.")] = False,
) -> None:
    """Load a company from CSV files: every bad row is reported, and all is written or nothing.

    The database is written as its owner: this is for whoever operates it.
    """
    url = db or Stack(Ports.from_environment()).db_url
    try:
        connection = psycopg.connect(url, connect_timeout=5)
    except psycopg.OperationalError as error:
        place = urlsplit(url)
        _refuse(
            f"No database answers at {place.hostname}:{place.port}: {_first_line(error)}\n"
            "Start the local stack with `truckroll up`, or name a database with --db."
        )
    try:
        with connection:
            result = _import_with_progress(
                connection, Request(directory, org, name, time_zone, owner, dry_run)
            )
    except NotADirectoryError:
        _refuse(f"{directory} is not a directory. Give the directory that holds the CSV files.")
    except OSError as error:
        _refuse(f"{error.filename} cannot be read: {error.strerror}.")
    except psycopg.Error as error:
        _refuse(f"The database ended the import, nothing was written: {_first_line(error)}")
    if report and result.faults:
        write_report(result.faults, report)
    _show(result, report, dry_run=dry_run)
    if result.faults:
        raise typer.Exit(1)


def _import_with_progress(connection: psycopg.Connection, request: Request) -> ImportResult:
    columns = (TextColumn("{task.description:<16}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def show(file: str, done: int, total: int) -> None:
            if file not in tasks:
                tasks[file] = progress.add_task(file, total=total)
            progress.update(tasks[file], completed=done)

        return import_company(connection, request, show)


def _show(result: ImportResult, report: Path | None, *, dry_run: bool) -> None:
    if result.faults:
        console.print(_fault_table(result.faults[:SHOWN_FAULTS]))
        hidden = len(result.faults) - SHOWN_FAULTS
        if hidden > 0 and not report:
            console.print(f"and {hidden} more; --report faults.csv writes them all.")
        if report:
            console.print(f"All of them are in {escape(str(report))}.")
        faults = "1 fault" if len(result.faults) == 1 else f"{len(result.faults)} faults"
        console.print(f"[red]{faults}; nothing was written.[/red]")
        return
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("file")
    for heading in ("rows", "added", "changed", "unchanged"):
        table.add_column(heading, justify="right")
    for name, counts in result.counts.items():
        cells = (counts.rows, counts.added, counts.changed, counts.unchanged)
        table.add_row(f"{name}.csv", *(f"{cell:,}" if cell else "-" for cell in cells))
    console.print(table)
    if result.company:
        done = "would be imported into" if dry_run else "imported into"
        console.print(f"[green]All of it {done} [bold]{escape(result.company.slug)}[/bold].[/green]")


def _fault_table(faults: list[Fault]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("place", no_wrap=True)
    table.add_column("column")
    table.add_column("value", max_width=24)
    table.add_column("problem and fix", ratio=1)
    for fault in faults:
        place = f"{fault.file}:{fault.line}" if fault.line else fault.file
        sentence = f"{escape(fault.problem)}\n[dim]{escape(fault.fix)}[/dim]"
        table.add_row(escape(place), escape(fault.column), escape(fault.shown_value), sentence)
    return table


def _refuse(sentence: str) -> NoReturn:
    console.print(sentence, style="red", markup=False, highlight=False)
    raise typer.Exit(1)


def _first_line(error: psycopg.Error) -> str:
    return str(error).strip().partition("\n")[0]

"""`truckroll up` and `truckroll db reset`."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from truckroll_local.manifest import SqlFileError
from truckroll_local.paths import StackError
from truckroll_local.ports import Ports
from truckroll_local.stack import Stack

console = Console()
database = typer.Typer(help="The local database.", no_args_is_help=True)

ApiPort = Annotated[int, typer.Option("--port", envvar="TRUCKROLL_PORT", help="Port of the API.")]
DatabasePort = Annotated[
    int, typer.Option("--db-port", envvar="TRUCKROLL_DB_PORT", help="Port of PostgreSQL.")
]
FunctionsPort = Annotated[
    int, typer.Option("--functions-port", envvar="TRUCKROLL_FUNCTIONS_PORT", help="Port of the functions.")
]


def up(
    port: ApiPort = Ports.api,
    db_port: DatabasePort = Ports.database,
    functions_port: FunctionsPort = Ports.functions,
) -> None:
    """Start the local stack and keep it running until Ctrl-C; an empty database is built first."""
    with running(Ports(port, db_port, functions_port)) as stack:
        show_addresses(stack)
        console.print("Running. [bold]Ctrl-C[/bold] stops it.")
        keep_running(stack)


@database.command("reset")
def reset(
    *,
    seeds: Annotated[bool, typer.Option(help="Load the demo company.")] = True,
    port: ApiPort = Ports.api,
    db_port: DatabasePort = Ports.database,
    functions_port: FunctionsPort = Ports.functions,
) -> None:
    """Drop the local database and build it anew from sql/, policies/ and seeds/; a running stack goes on."""
    stack = Stack(Ports(port, db_port, functions_port))
    with _errors_told(), stack.database_running():
        step("Building the database", lambda: stack.build_database(seeds=seeds))


@contextmanager
def running(ports: Ports | None = None) -> Iterator[Stack]:
    """Run the stack for the block, its steps shown; errors become a sentence and exit code 1."""
    _end_on_terminate()
    stack = Stack(ports)
    with _errors_told():
        try:
            step("Installing PostgreSQL, Node packages and tools", stack.install)
            step("Starting PostgreSQL", stack.start_database)
            state = stack.database_state()
            if state == "empty":
                step("Building the database", stack.build_database)
            elif state == "outdated":
                console.print(
                    "[yellow]The SQL files have changed since this database was built.[/yellow] "
                    "`truckroll db reset` builds it anew."
                )
            step("Starting the API and the functions", stack.start_services)
            yield stack
        finally:
            stack.stop()


def keep_running(stack: Stack) -> None:
    """Return at Ctrl-C. Raises StackError when a part of the stack ends by itself."""
    try:
        while True:
            if ended := stack.ended():
                raise StackError(f"The {ended.name} has ended. Its log is {ended.log}")
            time.sleep(0.5)
    except KeyboardInterrupt:
        console.print("\nStopping.")


def show_addresses(stack: Stack) -> None:
    """Print the URLs and keys of a stack, one a line, ready to be copied."""
    for name, value in (
        ("API", stack.api_url),
        ("Functions", f"{stack.api_url}/functions/v1"),
        ("Database", stack.db_url),
        ("anon key", stack.anon_key),
        ("service key", stack.service_key),
    ):
        console.print(f"[bold]{name:<12}[/bold]{value}", soft_wrap=True, highlight=False)


def step(title: str, work: Callable[[], object]) -> None:
    """Do a piece of work, show that it is under way, and how long it took."""
    started = time.monotonic()
    with console.status(f"{title} …"):
        work()
    console.print(f"[green]✓[/green] {title} [dim]{time.monotonic() - started:.1f} s[/dim]")


@contextmanager
def _errors_told() -> Iterator[None]:
    try:
        yield
    except (StackError, SqlFileError) as error:
        console.print(str(error), style="red", markup=False, highlight=False)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _end_on_terminate() -> None:
    def end(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP, and nohup ignores it
        number = getattr(signal, name, None)
        if number and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, end)

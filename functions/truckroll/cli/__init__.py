"""The command line `truckroll`: one module a subject, put together here."""

from __future__ import annotations

import typer

from truckroll.cli import board, demo, importing, plan, stack

app = typer.Typer(
    help="Scheduling and dispatch for field-service companies, on an embedded local stack.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("up")(stack.up)
app.command("demo")(demo.demo)
app.command("plan")(plan.plan)
app.command("board")(board.board)
app.command("import")(importing.import_directory)
app.add_typer(stack.database, name="db")

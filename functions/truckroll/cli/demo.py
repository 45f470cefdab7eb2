"""`truckroll demo`: a company's day, booked and planned through the API its clients use."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import psycopg
import typer
from rich import box
from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from supabase import Client

from truckroll.cli.api import DEMO_DISPATCHER, DEMO_PASSWORD, errors_told, rows, rpc, signed_in
from truckroll.cli.board import day_table, load_line, local_time, marked_title
from truckroll.cli.desk import CONFLICT, Desk, is_for_one_at_a_site
from truckroll.cli.plan import PlanFailedError, metrics_table, plan_day, unserved_tables
from truckroll.cli.stack import (
    ApiPort,
    DatabasePort,
    FunctionsPort,
    keep_running,
    running,
    show_addresses,
    step,
)
from truckroll_local import manifest
from truckroll_local.ports import Ports
from truckroll_local.stack import Stack

Document = dict[str, Any]
DEMO_COMPANY = "four-lakes"
BOOKED = "Booked by hand: find_slots, then book_appointment"
SIGN_INS = (
    "owner",
    "dispatcher",
    "advisor",
    "manager",
    "office",
    "technician",
    "plumber",
    "customer",
    "cashier",
)
console = Console()


class DemoError(Exception):
    """The demo company is not as the demo needs it; the message says how."""


def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="End when the day is planned.")] = False,
    seconds: Annotated[int, typer.Option(min=1, max=600, help="Seconds the optimiser may take.")] = 10,
    port: ApiPort = Ports.api,
    db_port: DatabasePort = Ports.database,
    functions_port: FunctionsPort = Ports.functions,
) -> None:
    """Start the local stack, book and plan the demo company's next working day, show it, keep running.

    The demo company is loaded afresh each time; other companies in the database stay as they are.
    """
    with running(Ports(port, db_port, functions_port)) as stack, errors_told():
        step("Loading the demo company", lambda: load_company(stack.db_url))
        try:
            with signed_in(stack.api_url, stack.anon_key, DEMO_DISPATCHER, DEMO_PASSWORD) as client:
                do_the_day(client, seconds)
        except (DemoError, PlanFailedError) as error:
            console.print(str(error), style="red", markup=False)
            raise typer.Exit(1) from error
        _show_ways_in(stack)
        if not once:
            console.print("Running. [bold]Ctrl-C[/bold] stops it.")
            keep_running(stack)


def load_company(db_url: str) -> None:
    """Load the seeds, which start the demo company afresh and count its days from today."""
    with psycopg.connect(db_url, autocommit=True) as connection:
        manifest.apply(connection, manifest.seed_files())
        connection.execute("analyze")


def do_the_day(client: Client, seconds: int) -> tuple[Document, Document]:
    """Book, be refused once, plan and show the demo day; return the run and the board.

    Raises DemoError, PlanFailedError and whatever the API's client raises.
    """
    (org,) = rows(client.table("orgs").select("id, name, time_zone").eq("slug", DEMO_COMPANY))
    zone = ZoneInfo(org["time_zone"])
    day = _demo_day(client, org["id"], zone)
    console.print()
    console.print(Rule(f"[bold]{org['name']}[/bold], {day:%A, %d %B %Y}", align="left"))
    desk = Desk(client, org["id"], day, zone)
    booked = _book(desk)
    _be_refused(desk, booked)
    run = plan_day(client, day, seconds, org_id=org["id"])
    console.print(metrics_table(run))
    document = rpc(client, "schedule_board", starts_on=day.isoformat(), org_id=org["id"])
    console.print(Rule("The day as planned", align="left"))
    console.print(day_table(document))
    console.print(load_line(document))
    console.print(unserved_tables(run))
    return run, document


def _demo_day(client: Client, org_id: str, zone: ZoneInfo) -> dt.date:
    windows = client.table("job_time_windows").select("window_start").eq("org_id", org_id)
    first = rows(windows.order("window_start").limit(1))
    if not first:
        raise DemoError("The demo company has no work. `truckroll db reset` builds the database anew.")
    return dt.datetime.fromisoformat(first[0]["window_start"]).astimezone(zone).date()


def _book(desk: Desk) -> list[tuple[Document, Document]]:
    """Book emergencies, crews and the shop's work, and show it; return the jobs with their slots."""
    waiting = desk.waiting()
    emergencies = [job for job in waiting if job["priority"] == "emergency"]
    crews = [job for job in waiting if job["required_crew_size"] > 1]
    at_the_shop = [job for job in waiting if job["services"]["place_kind"] != "site"]
    table = Table(title=BOOKED, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
    table.add_column("job", no_wrap=True)
    table.add_column("what", ratio=4, no_wrap=True, overflow="ellipsis")
    table.add_column("time", no_wrap=True)
    table.add_column("who and where", ratio=4)
    table.add_column("travel", justify="right", no_wrap=True)
    booked, none_free = [], []
    for job in [*emergencies, *crews, *at_the_shop]:
        slot = next(iter(desk.slots(job)), None)
        if slot is None:
            none_free.append(job)
            continue
        desk.book(job, slot)
        booked.append((job, slot))
        who = [*(desk.people[one] for one in slot["technician_ids"]), desk.places.get(slot["resource_id"])]
        span = f"{local_time(slot['starts_at'], desk.zone)}-{local_time(slot['ends_at'], desk.zone)}"
        travel = f"{slot['added_travel_minutes']} min"
        table.add_row(job["number"], marked_title(job), span, ", ".join(filter(None, who)), travel)
    console.print(table)
    for job in none_free:
        console.print(f"[dim]{job['number']} {job['title']}: no free slot that day.[/dim]")
    return booked


def _be_refused(desk: Desk, booked: list[tuple[Document, Document]]) -> None:
    """Ask for a time that is taken, and show what the refusal offers instead."""
    slots = [slot for job, slot in booked if is_for_one_at_a_site(job)]
    slot, job = next(((slot, job) for slot in slots if (job := desk.rival(slot))), (None, None))
    if slot is None or job is None:
        raise DemoError("No two jobs of the demo day want the same technician.")
    refusal = desk.refusal(job, slot)
    if refusal is None:
        raise DemoError("A second booking at the same time was accepted.")
    console.print(
        f"Booking {job['number']} at the same time is refused with [bold]409 {CONFLICT}[/bold]:",
        highlight=False,
    )
    for conflict in refusal["conflicts"]:
        console.print(
            f"  [red]{conflict['code']}[/red] [dim]{conflict['severity']}[/dim]  {conflict['message']}"
        )
    alternatives = refusal["alternatives"]
    at = local_time(slot["starts_at"], desk.zone)
    offers = [f"{at} {one['display_name']}" for one in alternatives["other_technicians"]]
    for other in alternatives["same_day"]:
        names = ", ".join(desk.people[one] for one in other["technician_ids"])
        offers.append(f"{local_time(other['starts_at'], desk.zone)} {names}")
    console.print(f"  It offers instead: {'; '.join(offers) or 'another day'}.", highlight=False)


def _show_ways_in(stack: Stack) -> None:
    console.print()
    console.print(Rule("Try it", align="left"))
    show_addresses(stack)
    names = ", ".join(f"[bold]{name}[/bold]" for name in SIGN_INS)
    console.print(f"Sign in as {names}")
    console.print(
        f"with …@{DEMO_DISPATCHER.partition('@')[2]} and the password [bold]{DEMO_PASSWORD}[/bold]."
    )
    console.print(
        "[dim]truckroll board --date prints a day again; truckroll import DIR loads a company of yours.[/dim]"
    )

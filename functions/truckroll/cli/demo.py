"""`truckroll demo`: a company's day, booked and planned through the API its clients use."""

from __future__ import annotations

import datetime as dt
import json
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import psycopg
import typer
from postgrest.exceptions import APIError
from rich import box
from rich.console import Console
from rich.rule import Rule
from rich.table import Table
from supabase import Client

from truckroll.cli.api import DEMO_DISPATCHER, DEMO_PASSWORD, errors_told, rows, rpc, signed_in
from truckroll.cli.board import PRIORITY_STYLES, day_table, load_line, local_time, marked_title
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
CONFLICT = "placement_conflict"
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
    (org,) = rows(client.table("orgs").select("name, time_zone"))
    zone = ZoneInfo(org["time_zone"])
    day = _demo_day(client, zone)
    console.print()
    console.print(Rule(f"[bold]{org['name']}[/bold], {day:%A, %d %B %Y}", align="left"))
    booked = _book(client, day, zone)
    _be_refused(client, booked, day, zone)
    run = plan_day(client, day, seconds)
    console.print(metrics_table(run))
    document = rpc(client, "schedule_board", starts_on=day.isoformat())
    console.print(Rule("The day as planned", align="left"))
    console.print(day_table(document))
    console.print(load_line(document))
    console.print(unserved_tables(run))
    return run, document


def _demo_day(client: Client, zone: ZoneInfo) -> dt.date:
    windows = rows(client.table("job_time_windows").select("window_start").order("window_start").limit(1))
    if not windows:
        raise DemoError("The demo company has no work. `truckroll db reset` builds the database anew.")
    return dt.datetime.fromisoformat(windows[0]["window_start"]).astimezone(zone).date()


def _day_span(day: dt.date, zone: ZoneInfo) -> tuple[str, str]:
    starts = dt.datetime.combine(day, dt.time(), zone)
    return starts.isoformat(), (starts + dt.timedelta(days=1)).isoformat()


def _jobs_of(client: Client, day: dt.date, zone: ZoneInfo) -> list[Document]:
    """Return the work of the day that waits, most urgent first."""
    starts, ends = _day_span(day, zone)
    return rows(
        client.table("dispatch_jobs")
        .select(
            "id, number, title, priority, required_crew_size, services(place_kind), job_time_windows!inner(*)"
        )
        .eq("status", "unscheduled")
        .not_.is_("service_id", "null")
        .gte("job_time_windows.window_start", starts)
        .lt("job_time_windows.window_start", ends)
        .order("priority", desc=True)
        .order("number")
    )


def _people(client: Client) -> dict[str, str]:
    return {
        one["id"]: one["display_name"]
        for one in rows(client.table("technician_profiles").select("id, display_name"))
    }


def _is_alone_at_a_site(job: Document) -> bool:
    return bool(job["required_crew_size"] == 1 and job["services"]["place_kind"] == "site")


def _book(client: Client, day: dt.date, zone: ZoneInfo) -> list[Document]:
    earliest, latest = _day_span(day, zone)
    people = _people(client)
    places = {one["id"]: one["name"] for one in rows(client.table("resources").select("id, name"))}
    title = "Booked by hand: find_slots, then book_appointment"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
    table.add_column("job", no_wrap=True)
    table.add_column("what", ratio=4, no_wrap=True, overflow="ellipsis")
    table.add_column("time", no_wrap=True)
    table.add_column("who and where", ratio=4)
    table.add_column("travel", justify="right", no_wrap=True)
    booked, none_free = [], []
    waiting = _jobs_of(client, day, zone)
    crews = [job for job in waiting if job["required_crew_size"] > 1]
    at_the_shop = [job for job in waiting if job["services"]["place_kind"] != "site"]
    emergencies = [job for job in waiting if job["priority"] == "emergency"]
    for job in [*emergencies, *crews, *at_the_shop]:
        kind = job["services"]["place_kind"]
        slots = rpc(
            client,
            "find_slots",
            job_id=job["id"],
            earliest=earliest,
            latest=latest,
            resource_kind=None if kind == "site" else kind,
            max_results=3,
        )
        if not slots:
            none_free.append(job)
            continue
        best = slots[0]
        appointment = rpc(
            client,
            "book_appointment",
            job_id=job["id"],
            technician_ids=best["technician_ids"],
            starts_at=best["starts_at"],
            resource_id=best["resource_id"],
            idempotency_key=f"demo {job['id']}",
        )
        booked.append(job | {"slot": best, "appointment": appointment})
        who = ", ".join(people[technician] for technician in best["technician_ids"])
        where = f", {places[best['resource_id']]}" if best["resource_id"] else ""
        span = f"{local_time(best['starts_at'], zone)}-{local_time(best['ends_at'], zone)}"
        added = f"{best['added_travel_minutes']} min"
        table.add_row(
            job["number"],
            marked_title(job),
            span,
            who + where,
            added,
            style=PRIORITY_STYLES.get(job["priority"]),
        )
    console.print(table)
    for job in none_free:
        console.print(f"[dim]{job['number']} {job['title']}: no free slot that day.[/dim]")
    return booked


def _be_refused(client: Client, booked: list[Document], day: dt.date, zone: ZoneInfo) -> None:
    """Ask for a time that is taken, and show what the refusal offers instead."""
    taken, job = _rival(client, booked, day, zone)
    people = _people(client)
    try:
        rpc(
            client,
            "book_appointment",
            job_id=job["id"],
            technician_ids=taken["technician_ids"],
            starts_at=taken["starts_at"],
        )
    except APIError as error:
        if error.message != CONFLICT:
            raise
        refusal = json.loads(error.details or "{}")
    else:
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
    offers = [
        f"{local_time(slot['starts_at'], zone)} {', '.join(people[one] for one in slot['technician_ids'])}"
        for slot in alternatives["same_day"]
    ]
    others = [
        f"{local_time(taken['starts_at'], zone)} {one['display_name']}"
        for one in alternatives["other_technicians"]
    ]
    offered = "; ".join([*others, *offers]) or "another day"
    console.print(f"  It offers instead: {offered}.", highlight=False)


def _rival(client: Client, booked: list[Document], day: dt.date, zone: ZoneInfo) -> tuple[Document, Document]:
    """Return a slot just booked, and another job that its technician could have done that day."""
    earliest, latest = _day_span(day, zone)
    waiting = [job for job in _jobs_of(client, day, zone) if _is_alone_at_a_site(job)]
    for taken in filter(_is_alone_at_a_site, booked):
        for job in waiting:
            if _may_start(job, taken["slot"]["starts_at"]) and rpc(
                client,
                "find_slots",
                job_id=job["id"],
                earliest=earliest,
                latest=latest,
                technician_ids=taken["slot"]["technician_ids"],
            ):
                return taken["slot"], job
    raise DemoError("No two jobs of the demo day want the same technician.")


def _may_start(job: Document, instant: str) -> bool:
    at = dt.datetime.fromisoformat(instant)
    return any(
        dt.datetime.fromisoformat(window["window_start"])
        <= at
        <= dt.datetime.fromisoformat(window["window_end"])
        for window in job["job_time_windows"]
    )


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

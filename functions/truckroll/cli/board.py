"""`truckroll board`: everybody's day as a table, read through the API."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich import box
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from truckroll.cli.api import DEMO_DISPATCHER, DEMO_PASSWORD, errors_told, org_id_of, rpc, signed_in
from truckroll_local.ports import Ports
from truckroll_local.stack import Stack

Document = dict[str, Any]
PRIORITY_STYLES = {"emergency": "bold red", "high": "yellow"}
MARKS = {"emergency": "!! ", "high": "! "}
console = Console()


Day = Annotated[
    dt.datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="Day; today if left out.")
]
Email = Annotated[str, typer.Option(help="Who asks.")]
Password = Annotated[str, typer.Option(envvar="TRUCKROLL_PASSWORD", help="Their password.")]
ApiUrl = Annotated[
    str | None, typer.Option("--url", envvar="SUPABASE_URL", help="The API; else the local stack's.")
]
Org = Annotated[str | None, typer.Option("--org", help="Slug of the company, for who works for several.")]
AnonKey = Annotated[str | None, typer.Option("--key", envvar="SUPABASE_ANON_KEY", help="The API's anon key.")]


def board(
    date: Day = None,
    email: Email = DEMO_DISPATCHER,
    password: Password = DEMO_PASSWORD,
    url: ApiUrl = None,
    key: AnonKey = None,
    org: Org = None,
) -> None:
    """Print the schedule board of a day."""
    stack = Stack(Ports.from_environment())
    with errors_told(), signed_in(url or stack.api_url, key or stack.anon_key, email, password) as client:
        document = rpc(
            client, "schedule_board", starts_on=local_day(date).isoformat(), org_id=org_id_of(client, org)
        )
    console.print(day_table(document))
    console.print(load_line(document))


def local_day(date: dt.datetime | None) -> dt.date:
    """Return the day asked for, else today here."""
    return (date or dt.datetime.now().astimezone()).date()


def day_table(document: Document) -> RenderableType:
    """Return each technician's day: visits in order, working time and what keeps the others away."""
    zone = ZoneInfo(document["time_zone"])
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
    table.add_column("technician", no_wrap=True, width=18)
    table.add_column("time", no_wrap=True, width=11)
    table.add_column("job", no_wrap=True, style="dim")
    table.add_column("visit", ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column("customer and place", ratio=1, no_wrap=True, overflow="ellipsis")
    away: list[str] = []
    for technician in document["technicians"]:
        visits = _visits_of(document, technician["id"])
        if not visits:
            away.append(f"{technician['display_name']} ({_why_idle(technician)})")
            continue
        margin = [Text(technician["display_name"], style="bold"), *_hours(technician, zone)]
        rows = max(len(visits), len(margin))
        for number in range(rows):
            name = margin[number] if number < len(margin) else Text()
            if number < len(visits):
                visit, assignment = visits[number]
                table.add_row(
                    name,
                    _span(assignment["starts_at"], assignment["ends_at"], zone),
                    *_what(visit),
                )
            else:
                table.add_row(name)
        table.add_section()
    marks = "! high, !! emergency, + crew."
    idle = Text(f"{marks} Without visits: {', '.join(away)}." if away else marks, style="dim")
    return Group(table, idle)


def load_line(document: Document) -> str:
    """Return the day's load in a sentence."""
    capacity = document["capacity"]
    working, booked = capacity["working_minutes"], capacity["booked_minutes"]
    share = f"{booked / working:.0%}" if working else "nothing"
    visits, jobs = counted(capacity["visits"], "visit"), counted(len(document["unscheduled"]), "job")
    return (
        f"{visits}, {booked / 60:.0f} of {working / 60:.0f} working hours booked ({share}), "
        f"{jobs} waiting, {len(document['warnings'])} to look at."
    )


def counted(number: int, noun: str) -> str:
    """Return `1 job` or `2 jobs`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def local_time(instant: str, zone: ZoneInfo) -> str:
    """Return an instant of the API as the wall clock time of a zone."""
    return f"{dt.datetime.fromisoformat(instant).astimezone(zone):%H:%M}"


def _span(starts_at: str, ends_at: str, zone: ZoneInfo) -> str:
    return f"{local_time(starts_at, zone)}-{local_time(ends_at, zone)}"


def _visits_of(document: Document, technician_id: str) -> list[tuple[Document, Document]]:
    visits = [
        (visit, assignment)
        for visit in document["appointments"]
        for assignment in visit["assignments"]
        if assignment["technician_id"] == technician_id
        and assignment["status"] not in {"canceled", "declined"}
    ]
    return sorted(visits, key=lambda visit: str(visit[1]["starts_at"]))


def marked_title(job: Document) -> Text:
    """Return a job's title; what is high or an emergency is marked without relying on colour."""
    return Text(MARKS.get(job["priority"], "") + job["title"], style=PRIORITY_STYLES.get(job["priority"], ""))


def _what(visit: Document) -> tuple[str, Text, Text]:
    crew = "+ " if len(visit["assignments"]) > 1 else ""
    what = Text.assemble((crew, "dim"), marked_title(visit))
    where = Text(visit["customer_name"] or "")
    place = visit["address"] or ("at the shop" if visit["resource_id"] else "")
    where.append(f", {place}" if place else "", style="dim")
    return visit["job_number"].removeprefix("TASK-").lstrip("0"), what, where


def _hours(technician: Document, zone: ZoneInfo) -> list[Text]:
    hours = [Text(_span(starts, ends, zone), style="dim") for starts, ends in technician["working"]]
    off = [
        Text(f"{_span(o['starts_at'], o['ends_at'], zone)} {o['why']}", style="dim")
        for o in technician["unavailable"]
    ]
    load = Text(f"{float(technician['utilization'] or 0):.0%} booked", style="dim")
    return [*hours, *off, load]


def _why_idle(technician: Document) -> str:
    if not technician["working"]:
        return "does not work"
    reasons = dict.fromkeys(off["why"] for off in technician["unavailable"])
    return escape(", ".join(reasons)) or "free"

"""`truckroll plan`: a day optimised through the API, watched and put in force."""

from __future__ import annotations

import datetime as dt
import time
from enum import StrEnum
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich import box
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text
from supabase import Client

from truckroll.cli.api import (
    DEMO_DISPATCHER,
    DEMO_PASSWORD,
    errors_told,
    function,
    org_id_of,
    rows,
    rpc,
    signed_in,
)
from truckroll.cli.board import (
    AnonKey,
    ApiUrl,
    Day,
    Email,
    Org,
    Password,
    counted,
    local_day,
    marked_title,
)
from truckroll.cli.picture import sparkline, write_pictures
from truckroll_local.ports import Ports
from truckroll_local.stack import Stack

Document = dict[str, Any]
console = Console()


class Strategy(StrEnum):
    """What a plan is made to save."""

    TIME = "time_minimization"
    DISTANCE = "distance_minimization"
    PRIORITY = "priority_first"
    BALANCED = "balanced"


class PlanFailedError(Exception):
    """A run ended without a plan; the message says why."""


def plan(
    date: Day = None,
    seconds: Annotated[int, typer.Option(min=1, max=600, help="Seconds the optimiser may take.")] = 10,
    email: Email = DEMO_DISPATCHER,
    password: Password = DEMO_PASSWORD,
    url: ApiUrl = None,
    key: AnonKey = None,
    org: Org = None,
    strategy: Annotated[Strategy, typer.Option(help="What to save above all.")] = Strategy.BALANCED,
    iterations: Annotated[
        int | None, typer.Option(min=1, help="Steps of the search, instead of seconds: repeatable exactly.")
    ] = None,
    replay: Annotated[
        UUID | None, typer.Option(help="A run whose kept input is searched again, and compared.")
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(help="Folder for the day as SVG (timeline and map) and the routes as GeoJSON."),
    ] = None,
    *,
    apply: Annotated[bool, typer.Option(help="Put the plan in force.")] = True,
) -> None:
    """Optimise a day: everybody's visits and the jobs that wait. Metrics before and after, and what is left out."""
    stack = Stack(Ports.from_environment())
    with errors_told(), signed_in(url or stack.api_url, key or stack.anon_key, email, password) as client:
        try:
            if replay is not None:
                _tell_replay(*replayed(client, replay))
                return
            org_id = org_id_of(client, org)
            run = plan_day(
                client,
                local_day(date),
                seconds,
                org_id=org_id,
                strategy=strategy,
                apply=apply,
                iterations=iterations,
            )
            written = [] if pictures is None else draw(client, run, pictures)
        except PlanFailedError as error:
            console.print(str(error), style="red", markup=False)
            raise typer.Exit(1) from error
    console.print(metrics_table(run))
    console.print(unserved_tables(run))
    for path in written:
        console.print(f"Wrote {path}", highlight=False)


def draw(client: Client, run: Document, folder: Path) -> list[Path]:
    """Write the plan's pictures and GeoJSON into a folder; return what was written. Raises OSError."""
    first = dt.date.fromisoformat(run["starts_on"])
    dates = [first + dt.timedelta(days=i) for i in range(run["days"])]
    boards = {
        date: rpc(client, "schedule_board", starts_on=date.isoformat(), org_id=run["org_id"])
        for date in dates
    }
    found = rows(
        client.table("unserved_jobs")
        .select("dispatch_job_id, dispatch_jobs(customer_locations(latitude, longitude))")
        .eq("optimization_run_id", run["id"])
    )
    places = {
        row["dispatch_job_id"]: (place["latitude"], place["longitude"])
        for row in found
        if (place := (row["dispatch_jobs"] or {}).get("customer_locations")) and place["latitude"] is not None
    }
    return write_pictures(run, boards, places, folder)


def plan_day(
    client: Client,
    day: dt.date,
    seconds: int,
    *,
    org_id: str | None = None,
    strategy: Strategy = Strategy.BALANCED,
    apply: bool = True,
    iterations: int | None = None,
) -> Document:
    """Run the optimiser over the whole day, watch it, and put the plan in force. Raises PlanFailedError."""
    search: Document = {"strategy": strategy.value, "mode": "propose", "time_limit_s": seconds, "seed": 1}
    if org_id is not None:
        search["org_id"] = org_id
    if iterations is not None:
        search["iteration_limit"] = iterations
    run = _watched(client, function(client, f"dispatch/days/{day.isoformat()}/optimize_all", body=search))
    limit = "" if iterations is not None else f" in {seconds} s"
    console.print(f"Planned with seed 1{limit}, {run['iterations']:,} tries.", highlight=False)
    curve = run["objective_curve"]
    if line := sparkline(curve):
        console.print(f"Objective {curve[0][1]:,.0f} {line} {curve[-1][1]:,.0f}", highlight=False)
    if apply:
        counts = function(
            client, f"dispatch/runs/{run['id']}/apply", body={"base_revision": run["base_revision"]}
        )
        said = [f"{value} {name.replace('_', ' ')}" for name, value in counts.items() if type(value) is int]
        console.print(f"Applied: {', '.join(said)}.", highlight=False)
    return run


def replayed(client: Client, run: UUID) -> tuple[Document, Document]:
    """Search a run's kept input again; return both runs. Raises PlanFailedError."""
    first = function(client, f"dispatch/runs/{run}", "GET")
    return first, _watched(client, function(client, f"dispatch/runs/{run}/replay", body={}))


def _tell_replay(first: Document, second: Document) -> None:
    """Say whether the replay came to the same plan, and in what it differs."""
    was, became = ({(stop, *who) for stop, who in placed(run).items()} for run in (first, second))
    exact = "" if first["iteration_limit"] else " (it was limited by time: only --iterations repeats exactly)"
    if was == became:
        console.print(
            f"The same plan: {counted(len(was), 'visit')}, objective {second['best_objective']:,.0f}."
        )
    else:
        console.print(
            f"Another plan{exact}: {counted(len(was - became), 'visit')} elsewhere, objective "
            f"{first['best_objective']:,.0f} then, {second['best_objective']:,.0f} now.",
            highlight=False,
        )


def placed(run: Document) -> dict[str, tuple[str, str]]:
    """Return who does each job of a run's routes, and when it starts."""
    return {
        stop["job_id"]: (route["technician_id"], stop["starts_at"])
        for route in run["routes"]
        for stop in route["stops"]
        if stop["type"] == "job"
    }


def _watched(client: Client, run: Document) -> Document:
    """Follow a run to its proposal. Raises PlanFailedError."""
    columns = (TextColumn("Optimising"), BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("queued", total=1)
        while run["status"] in {"queued", "running"}:
            time.sleep(0.25)
            run = function(client, f"dispatch/runs/{run['id']}", "GET")
            tries = f", {run['iterations']:,} tries" if run["iterations"] else ""
            progress.update(task, completed=run["progress"] or 0, description=f"{run['stage']}{tries}")
    if run["status"] != "proposed":
        said = run["error"] or {"code": run["status"], "message": "See the functions log."}
        raise PlanFailedError(f"The run ended with {said['code']}: {said['message']}")
    return run


def metrics_table(run: Document) -> Table:
    """Return what the day is like with and without the plan."""
    before, after = run["metrics"]["before"], run["metrics"]["after"]
    table = Table(title="The plan, before and after", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("")
    for heading in ("before", "after"):
        table.add_column(heading, justify="right")
    for name, unit in (
        ("visits", ""),
        ("unserved", ""),
        ("technicians", ""),
        ("service_minutes", "min"),
        ("travel_minutes", "min"),
        ("travel_minutes_per_visit", "min"),
        ("distance_km", "km"),
        ("waiting_minutes", "min"),
        ("late_minutes", "min"),
        ("utilization", "%"),
    ):
        label = name.removesuffix("_minutes").removesuffix("_km").replace("_minutes_", " ").replace("_", " ")
        table.add_row(label, _figure(before[name], unit), _figure(after[name], unit))
    return table


def unserved_tables(run: Document) -> Group:
    """Return the jobs the plan leaves out, a table a reason."""
    jobs = sorted(run["unserved"], key=lambda job: (job["reason"], job["number"]))
    tables: list[RenderableType] = [Text(f"Not in the plan: {counted(len(jobs), 'job')}", style="bold")]
    for reason, same in groupby(jobs, key=lambda job: str(job["reason"])):
        rows = list(same)
        shared = _shared_sentence([str(job["explanation"]) for job in rows])
        title = Text(f"{reason} ({len(rows)}) ", style="italic").append(shared, style="dim")
        table = Table(
            title=title, title_justify="left", box=None, pad_edge=False, expand=True, show_header=False
        )
        table.add_column("job", no_wrap=True, width=11)
        table.add_column("what", ratio=2)
        table.add_column("explanation", ratio=3, style="dim")
        for job in rows:
            table.add_row(job["number"], marked_title(job), job["explanation"].removeprefix(shared).strip())
        tables += [Text(), table]
    return Group(*tables)


def _shared_sentence(explanations: list[str]) -> str:
    """Return the first sentence when several explanations begin with the same one."""
    first = {explanation.partition(". ")[0].removesuffix(".") + "." for explanation in explanations}
    return first.pop() if len(explanations) > 1 and len(first) == 1 else ""


def _figure(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    if unit == "%":
        return f"{value:.0%}"
    return f"{value:,} {unit}".strip()

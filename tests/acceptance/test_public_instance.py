"""A day that nobody here invented: a public technician-routing instance, imported, planned, applied and read back."""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from bench.pillac import Instance, read, write
from supabase import Client
from typer.testing import CliRunner

from support.workshop import PASSWORD, client
from truckroll.cli import app
from truckroll.cli.api import function, rows, rpc
from truckroll_local.stack import Stack

INSTANCES = Path(os.environ.get("TRUCKROLL_INSTANCES", "../shared/instances"))
FILE = INSTANCES / "trsp_pillac" / "crew13" / "R102.100_13-5-5-5.txt"
DAY = date(2027, 3, 2)
STEPS = 5000
WITHIN_S = 120  # the engine compiles itself where it has not run before

pytestmark = pytest.mark.skipif(
    not FILE.exists(), reason=f"no public instance at {FILE}: TRUCKROLL_INSTANCES names their folder"
)


@dataclass(frozen=True)
class Planned:
    """What came of the day: who asks, the run as proposed, the counts of applying it, and the board."""

    instance: Instance
    client: Client
    run: dict[str, Any]
    counts: dict[str, Any]
    board: dict[str, Any]


@pytest.fixture(scope="module")
def planned(stack: Stack, connections: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> Planned:
    instance = read(FILE)
    folder = tmp_path_factory.mktemp("company")
    write(instance, folder, DAY)
    email = f"owner-{uuid4().hex[:8]}@example.com"
    admin = client(stack.api_url, stack.service_key, connections)
    admin.auth.admin.create_user({"email": email, "password": PASSWORD, "email_confirm": True})
    imported = CliRunner(env={"COLUMNS": "100"}).invoke(
        app, ["import", str(folder), "--db", stack.db_url, "--owner", email]
    )
    assert imported.exit_code == 0, imported.output
    owner = client(stack.api_url, stack.anon_key, connections)
    owner.auth.sign_in_with_password({"email": email, "password": PASSWORD})
    body = {
        "strategy": "balanced",
        "mode": "propose",
        "time_limit_s": 100,
        "iteration_limit": STEPS,
        "seed": 1,
    }
    run = function(owner, f"dispatch/days/{DAY}/optimize_all", body=body)
    assert run["status"] in {"queued", "running"}
    until = time.monotonic() + WITHIN_S
    while run["status"] in {"queued", "running"} and time.monotonic() < until:
        time.sleep(0.2)
        run = function(owner, f"dispatch/runs/{run['id']}", "GET")
    assert run["status"] == "proposed", run["error"]
    counts = function(owner, f"dispatch/runs/{run['id']}/apply", body={"base_revision": run["base_revision"]})
    board = rpc(owner, "schedule_board", starts_on=DAY.isoformat())
    return Planned(instance, owner, run, counts, board)


def test_every_request_is_either_served_or_has_a_reason(planned: Planned) -> None:
    requests = {f"R{node.number}" for node in planned.instance.requests}
    served = [visit["job_number"] for visit in planned.board["appointments"]]
    unserved = [job["number"] for job in planned.run["unserved"]]
    assert Counter(served + unserved) == Counter(requests)
    assert all(job["reason"] and job["explanation"] for job in planned.run["unserved"])
    assert {job["number"] for job in planned.board["unscheduled"]} == {*unserved}
    # Thirteen people cannot do all hundred in their day: so many steps are enough for most of what they can.
    assert 75 <= len(served) < len(requests)


def test_the_board_says_what_the_plan_promised(planned: Planned) -> None:
    after = planned.run["metrics"]["after"]
    assert planned.board["capacity"]["visits"] == len(planned.board["appointments"]) == after["visits"]
    assert len({one["technician_id"] for one in assignments(planned)}) == after["technicians"]
    assert after["late_minutes"] == 0


def test_the_judge_finds_nothing_against_any_visit(planned: Planned) -> None:
    found = []
    for visit in planned.board["appointments"]:
        conflicts = rpc(
            planned.client,
            "check_placement",
            job_id=visit["job_id"],
            technician_ids=[one["technician_id"] for one in visit["assignments"]],
            starts_at=visit["starts_at"],
            ends_at=visit["ends_at"],
            appointment_id=visit["id"],
        )
        found += [conflict for conflict in conflicts if conflict["severity"] != "soft"]
    assert found == []


def test_a_plan_is_applied_once(planned: Planned, stack: Stack) -> None:
    again = httpx.post(
        f"{stack.api_url}/functions/v1/dispatch/runs/{planned.run['id']}/apply",
        headers={
            "apikey": stack.anon_key,
            "authorization": f"Bearer {token(planned.client)}",
        },
        json={"base_revision": planned.run["base_revision"]},
        timeout=60,
    )
    assert again.status_code == 409, again.text
    jobs = rows(planned.client.table("appointments").select("dispatch_job_id"))
    assert len(jobs) == len({job["dispatch_job_id"] for job in jobs}) == len(planned.board["appointments"])


def assignments(planned: Planned) -> list[dict[str, Any]]:
    return [one for visit in planned.board["appointments"] for one in visit["assignments"]]


def token(client: Client) -> str:
    session = client.auth.get_session()
    assert session is not None
    return session.access_token

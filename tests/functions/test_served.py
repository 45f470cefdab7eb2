"""The functions as a server of their own, over real HTTP: runs start by themselves, stop, survive a crash."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from support import sql
from support.factory import MONDAY
from support.functions import MAIN, QUICK, SERVICE_KEY, Day, environment, token

PATH = f"/dispatch/days/{MONDAY.date()}/optimize_all"

Serve = Callable[..., "Server"]


class Server:
    """One instance of the functions in a process of its own."""

    def __init__(self, database: str, log: Path, *, background: bool) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        settings = environment(database) | {"TRUCKROLL_BACKGROUND_RUNS": "1" if background else "0"}
        command = [sys.executable, "-m", "functions_framework", f"--source={MAIN}", "--target=truckroll"]
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, "--host=127.0.0.1", f"--port={port}"],
                env=os.environ | settings,
                stdout=output,
                stderr=output,
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            with suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/health").status_code == 200:
                    return
            time.sleep(0.1)
        raise AssertionError(log.read_text())

    def post(self, path: str, bearer: str, body: Any = None) -> httpx.Response:
        """Ask by POST."""
        headers = {"Authorization": f"Bearer {bearer}"}
        return httpx.post(self.url + path, json=body or {}, headers=headers, timeout=90.0)

    def kill(self) -> None:
        """End the process without warning."""
        self.process.kill()
        self.process.wait()


@pytest.fixture
def serve(fresh_database: str, tmp_path: Path) -> Iterator[Serve]:
    servers: list[Server] = []

    def start(*, background: bool = True) -> Server:
        log = tmp_path / f"server{len(servers)}.log"
        servers.append(Server(fresh_database, log, background=background))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


def state(day: Day, run: str) -> Any:
    return sql.one(day.db, "select * from public.optimization_runs where id = %s", (run,))


def until(day: Day, run: str, *statuses: str, within_s: float = 60.0) -> Any:
    """Wait until the run has one of the statuses; return its row."""
    deadline = time.monotonic() + within_s
    while (row := state(day, run))["status"] not in statuses:
        assert time.monotonic() < deadline, row
        time.sleep(0.1)
    return row


def test_a_run_starts_by_itself_after_the_answer(day: Day, serve: Serve) -> None:
    for north_km in range(1, 6):
        day.job(north_km)
    server = serve()
    bearer = token(day.dispatcher)
    answer = server.post(PATH, bearer, QUICK)
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    run = answer.json()["id"]
    row = until(day, run, "proposed", "failed")
    assert row["status"] == "proposed", row["error_message"]
    assert row["iterations"] > 0
    document = httpx.get(
        f"{server.url}/dispatch/runs/{run}", headers={"Authorization": f"Bearer {bearer}"}, timeout=90.0
    ).json()
    assert document["metrics"]["after"]["visits"] == 5


def test_a_running_search_tells_how_far_it_is_and_stops_when_asked_to(day: Day, serve: Serve) -> None:
    for north_km in range(1, 6):
        day.job(north_km)
    server = serve()
    bearer = token(day.dispatcher)
    run = server.post(PATH, bearer, {"time_limit_s": 600}).json()["id"]
    seen: list[float] = []
    deadline = time.monotonic() + 60
    while len(set(seen)) < 3:
        assert time.monotonic() < deadline, seen
        row = state(day, run)
        if row["stage"] == "solving":
            seen.append(row["progress"])
        time.sleep(0.1)
    assert seen == sorted(seen)
    assert server.post(f"/dispatch/runs/{run}/cancel", bearer).json()["cancel_requested"]
    until(day, run, "canceled")
    assert sql.value(day.db, "select count(*) from public.route_plans") == 0


def test_a_run_survives_the_death_of_its_worker(day: Day, serve: Serve) -> None:
    for north_km in range(1, 6):
        day.job(north_km)
    first = serve()
    run = first.post(PATH, token(day.dispatcher), {"time_limit_s": 600}).json()["id"]
    until(day, run, "running")
    first.kill()
    second = serve(background=False)
    assert second.post("/cron/process_optimization_runs", SERVICE_KEY).json() == {"processed": []}
    # What waiting for the lease to run out would do.
    day.db.execute(
        "update public.optimization_runs set lease_until = now() - interval '1 second', iteration_limit = 300"
    )
    processed = second.post("/cron/process_optimization_runs", SERVICE_KEY).json()["processed"]
    assert processed == [{"run_id": run, "outcome": "proposed"}]
    assert state(day, run)["attempts"] == 2


def test_overlapping_crons_share_the_runs(day: Day, serve: Serve) -> None:
    from concurrent.futures import ThreadPoolExecutor
    from datetime import timedelta

    day.job()
    server = serve(background=False)
    wanted = {
        server.post(
            f"/dispatch/days/{MONDAY.date() + timedelta(days=later)}/optimize_all",
            token(day.dispatcher),
            QUICK,
        ).json()["id"]
        for later in range(3)
    }
    with ThreadPoolExecutor(3) as pool:
        answers = list(
            pool.map(lambda _: server.post("/cron/process_optimization_runs", SERVICE_KEY).json(), range(3))
        )
    done = [one["run_id"] for answer in answers for one in answer["processed"]]
    assert sorted(done) == sorted(wanted)
    assert {state(day, run)["status"] for run in wanted} == {"proposed"}

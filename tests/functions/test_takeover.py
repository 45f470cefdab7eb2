"""A worker killed in mid-run: another takes the run over and finishes it (OPT-6)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from time import monotonic, sleep

import pytest

from support import sql
from support.factory import MONDAY
from support.functions import Day
from truckroll.database import Database
from truckroll.planning import lease
from truckroll.planning.lease import Lease
from truckroll.planning.worker import process_next

WORKER = """
import sys
from truckroll.database import Database
from truckroll.planning import worker
worker.process_next(Database(sys.argv[1]))
"""


def test_the_run_of_a_killed_worker_is_taken_over_and_finished(day: Day, fresh_database: str) -> None:
    for north_km in range(1, 6):
        day.job(north_km)
    asked = day.post(f"/dispatch/days/{MONDAY.date()}/optimize_all", {"time_limit_s": 120}).get_json()["id"]
    query = "select * from public.optimization_runs where id = %s"
    process = subprocess.Popen([sys.executable, "-c", WORKER, fresh_database])
    try:
        deadline = monotonic() + 120
        while (first := sql.one(day.db, query, (asked,)))["stage"] != "solving":
            assert monotonic() < deadline, first
            sleep(0.02)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    database = Database(fresh_database)
    assert process_next(database) is None, "the dead worker's lease has not run out"
    expire(day)
    # The seconds left are not worth waiting for twice.
    day.db.execute("update public.optimization_runs set iteration_limit = 300 where id = %s", (asked,))
    done = process_next(database)
    database.close()
    assert done == (asked, "proposed")
    run = sql.one(day.db, query, (asked,))
    assert (run["status"], run["attempts"]) == ("proposed", 2)
    assert run["worker"] != first["worker"]
    assert run["started_at"] == first["started_at"]
    assert len(sql.rows(day.db, "select * from public.route_stops where stop_type = 'job'")) == 5


def expire(day: Day) -> None:
    """Do what waiting for the lease to run out would do."""
    day.db.execute("update public.optimization_runs set lease_until = now() - interval '1 second'")


def test_a_run_stays_its_workers_while_one_stage_computes_longer_than_a_lease_lasts(
    day: Day, fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Renewed as often as if it lasted half a second; it takes a minute of silence to lose it.
    monkeypatch.setattr(lease, "RENEWALS", 300)
    day.job(1)
    day.post(f"/dispatch/days/{MONDAY.date()}/optimize_all", {})
    database = Database(fresh_database)
    busy = Lease.claim(database, "busy")
    assert busy is not None
    with busy.kept():
        seen = {busy.run["lease_until"]}
        deadline = monotonic() + 60
        while len(seen) < 4:
            assert monotonic() < deadline, "the lease is not renewed"
            sum(range(1_000_000))  # computing, in Python
            seen.add(sql.value(day.db, "select lease_until from public.optimization_runs"))
        assert Lease.claim(database, "idle") is None
        busy.report("judging", 1.0)
    expire(day)
    taken = Lease.claim(database, "idle")
    assert taken is not None
    assert taken.run["attempts"] == 2
    with pytest.raises(lease.RunLostError):
        busy.report("judging", 1.0)
    database.close()

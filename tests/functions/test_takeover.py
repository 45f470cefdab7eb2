"""A worker killed in mid-run: another takes the run over and finishes it (OPT-6)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
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
from datetime import timedelta
from truckroll.database import Database
from truckroll.planning import lease, worker
lease.LEASE = timedelta(seconds=2)
worker.process_next(Database(sys.argv[1]))
"""


def test_the_run_of_a_killed_worker_is_taken_over_and_finished(day: Day, fresh_database: str) -> None:
    for north_km in range(1, 6):
        day.job(north_km)
    asked = day.post(f"/dispatch/days/{MONDAY.date()}/optimize_all", {"time_limit_s": 120}).get_json()["id"]
    query = "select * from public.optimization_runs where id = %s"
    process = subprocess.Popen([sys.executable, "-c", WORKER, fresh_database])
    try:
        deadline = monotonic() + 60
        while sql.one(day.db, query, (asked,))["stage"] != "solving" and monotonic() < deadline:
            sleep(0.02)
        first = sql.one(day.db, query, (asked,))
        assert first["stage"] == "solving"
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    # The seconds left are not worth waiting for twice.
    day.db.execute("update public.optimization_runs set time_limit_s = 1 where id = %s", (asked,))
    database = Database(fresh_database)
    done = process_next(database)
    assert done is None, "the dead worker's lease has not run out"
    while done is None and monotonic() < deadline:
        sleep(0.1)
        done = process_next(database)
    database.close()
    assert done == (asked, "proposed")
    run = sql.one(day.db, query, (asked,))
    assert (run["status"], run["attempts"]) == ("proposed", 2)
    assert run["worker"] != first["worker"]
    assert run["started_at"] == first["started_at"]
    assert len(sql.rows(day.db, "select * from public.route_stops where stop_type = 'job'")) == 5


def test_a_run_stays_its_workers_while_one_stage_computes_longer_than_a_lease_lasts(
    day: Day, fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "LEASE", timedelta(seconds=0.6))
    day.job(1)
    day.post(f"/dispatch/days/{MONDAY.date()}/optimize_all", {})
    database = Database(fresh_database)
    busy = Lease.claim(database, "busy")
    assert busy is not None
    with busy.kept():
        until = monotonic() + 1.0
        while monotonic() < until:  # computing, in Python
            sum(range(1000))
        assert Lease.claim(database, "idle") is None
        busy.report("judging", 1.0)
    until = monotonic() + 10
    while (taken := Lease.claim(database, "idle")) is None and monotonic() < until:
        sleep(0.05)
    assert taken is not None
    assert taken.run["attempts"] == 2
    with pytest.raises(lease.RunLostError):
        busy.report("judging", 1.0)
    database.close()

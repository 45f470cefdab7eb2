"""Clients book while backends are terminated, wires cut and the server killed (in Jepsen's manner).

Whatever a client was told must be true afterwards: nothing overlaps, no acknowledged booking is lost, no key has two
effects. The short run is part of the suite. The soak does five thousand operations, times TRUCKROLL_SOAK, on a
server that syncs its disk:

    TRUCKROLL_SOAK=10 make test ARGS="tests/database/test_booking_histories.py -k soak -n 0 -s"
"""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from support import checker, clients, invariants, templates
from support.crashing import Crashes, CrashingServer, crashing_server
from support.effort import count
from support.history import History, Outcome
from support.sql import value
from support.trouble import Trouble
from support.world import World, state_of

OPERATIONS = count(0, 5000)


@contextmanager
def database_of(server: CrashingServer) -> Iterator[str]:
    """Yield a database in a server that will be killed."""
    with templates.copy_of(server.url(), templates.template(server.url())) as conninfo:
        yield conninfo


def judged(conninfo: str, world: World, history: History) -> list[str]:
    """Return everything that is wrong with a history and with the bookings it left."""
    with psycopg.connect(conninfo, autocommit=True) as db:
        return [
            *checker.violations(history, state_of(db, world)),
            *invariants.violations(db, world.company.id),
        ]


def build(conninfo: str, **values: Any) -> World:
    """Add the company that clients will work for."""
    with psycopg.connect(conninfo, autocommit=True) as db:
        return World.build(db, **values)


# What one short history meets is a matter of luck; these are met sooner or later.
TO_MEET = {
    *((kind, Outcome.OK) for kind in clients.RPCS.keys() - {"misuse"}),
    *((kind, Outcome.REFUSED) for kind in ("book", "hold", "move", "assign", "misuse")),
    "server killed",
    "backend killed",
}


def test_nothing_is_lost_or_doubled_while_the_server_is_killed() -> None:
    met: set[object] = set()
    with crashing_server() as server, database_of(server) as conninfo:
        for seed in range(1, 9):
            world = build(conninfo, jobs=1000)
            trouble = Crashes(server, random.Random(seed), every_operations=60, kill_every=4)
            history = clients.run(conninfo, world, 4, 1000, seed=seed, trouble=trouble)
            assert judged(conninfo, world, history) == []
            met |= {(operation.kind, operation.outcome) for operation in history.operations}
            met |= trouble.done.keys()
            if met >= TO_MEET:
                return
    pytest.fail(f"{TO_MEET - met} never happened")


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.skipif(not OPERATIONS, reason="set TRUCKROLL_SOAK to a number")
def test_soak() -> None:
    with crashing_server(durable=True) as server, database_of(server) as conninfo:
        world = build(conninfo, jobs=OPERATIONS)
        trouble = Crashes(server, random.Random(2), every_operations=120, kill_every=10)
        started = time.monotonic()
        history = clients.run(conninfo, world, 6, OPERATIONS, seed=2, trouble=trouble)
        seconds = time.monotonic() - started
        found = judged(conninfo, world, history)
    outcomes = Counter(operation.outcome for operation in history.operations)
    print(  # noqa: T201 — what a soak is run for
        f"\n{len(history.operations)} operations in {seconds:.0f} s: {outcomes[Outcome.OK]} ok, "
        f"{outcomes[Outcome.REFUSED]} refused, {outcomes[Outcome.UNKNOWN]} unknown; {dict(trouble.done)}; "
        f"{len(found)} violations"
    )
    assert len(history.operations) >= OPERATIONS - 6
    assert found == []


@dataclass(frozen=True)
class Mutant:
    """A mistake in the SQL, and how the checker puts what comes of it."""

    mistakes: tuple[str, ...]
    symptom: str
    size: tuple[int, int] = (4, 24)  # technicians, hours
    operations: int = 120


MUTANTS = {
    "neither constraint nor locks": Mutant(
        (
            "alter table public.reservations drop constraint reservations_no_double_booking",
            (
                "create or replace function private.lock_claimants(claimant_ids uuid[]) returns void "
                "language sql volatile as 'select'"
            ),
        ),
        "overlap",
        size=(2, 4),
        operations=400,
    ),
    "keys are not remembered": Mutant(
        (
            (
                "create or replace function private.recall(org uuid, key text, operation text, payload jsonb) "
                "returns jsonb language sql volatile as 'select null::jsonb'"
            ),
        ),
        "was refused when repeated",
        operations=240,
    ),
    "a move keeps the old claim": Mutant(
        (
            "drop index public.reservations_assignment_id_key",
            (
                "private.reserve_technician(): delete from public.reservations where assignment_id = new.id "
                "and released_at is null;"
            ),
            (
                "private.move_visit(uuid,private.placement,timestamptz,timestamptz,uuid): "
                "update public.reservations set released_at = now(), updated_at = now() "
                "where appointment_id = move_visit.appointment and released_at is null;"
            ),
        ),
        "with 2 claims",
    ),
    "events get lost": Mutant(
        (
            (
                "create or replace function private.raise_event(org uuid, event_type text, aggregate text, "
                "aggregate_id uuid, data jsonb) returns void language sql volatile as 'select'"
            ),
        ),
        "was not created exactly once",
    ),
    "any token will do": Mutant(
        (
            (
                "create or replace function private.take_hold(token uuid, org uuid, technician_ids uuid[], "
                "resource uuid, claim tstzrange) returns void language sql volatile as "
                "'update public.reservations set released_at = now() where hold_token = token and released_at is null'"
            ),
        ),
        "took",
        operations=320,
    ),
    "statuses are not derived": Mutant(
        ("drop trigger job_assignments_derive on public.job_assignments",),
        "status: visit",
        operations=240,
    ),
    "half a crew is booked": Mutant(
        (
            (
                "private.insert_visit(private.placement,timestamptz,timestamptz,jsonb,private.conflict[],uuid): "
                "from unnest(p.technician_ids) with ordinality as t (id, turn); => "
                "from unnest(p.technician_ids[:1]) with ordinality as t (id, turn);"
            ),
        ),
        "was answered with the crew",
    ),
    "a canceled visit keeps its technicians": Mutant(
        ("drop trigger appointments_cancel_assignments on public.appointments",),
        "is canceled with assignments",
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_checker_notices_that(name: str, fresh_database: str) -> None:
    mutant = MUTANTS[name]
    with psycopg.connect(fresh_database, autocommit=True) as db:
        for mistake in mutant.mistakes:
            db.execute(_statement(db, mistake).encode())
    # Whether clients meet the mistake in one short history is a matter of luck; they get several.
    histories = (_violations(fresh_database, mutant, seed) for seed in range(8))
    assert any(mutant.symptom in violation for found in histories for violation in found)


def _violations(conninfo: str, mutant: Mutant, seed: int) -> list[str]:
    """Return what the checker finds in a history of a company of its own."""
    technicians, hours = mutant.size
    world = build(conninfo, jobs=mutant.operations, technicians=technicians, hours=hours)
    return judged(conninfo, world, clients.run(conninfo, world, 4, mutant.operations, seed=seed))


def _statement(db: psycopg.Connection[Any], mistake: str) -> str:
    """Return SQL, or the definition of `function: text` without that text, or with `text => other text`."""
    if not mistake.startswith("private."):
        return mistake
    function, _, change = mistake.partition(": ")
    old, _, new = change.partition(" => ")
    source: str = value(db, "select pg_get_functiondef(%s::regprocedure)", (function,))
    pattern = r"\s+".join(map(re.escape, old.split()))
    changed, count = re.subn(pattern, lambda _: new, source)
    assert count == 1, f"{function} no longer contains {old!r}"
    return changed


def test_the_checker_notices_an_answer_given_before_the_commit_was_written() -> None:
    histories = (_hasty_history(seed) for seed in range(3, 7))
    assert any("acknowledged and is lost" in violation for found in histories for violation in found)


def _hasty_history(seed: int) -> list[str]:
    with crashing_server() as server, database_of(server) as conninfo:
        world = build(conninfo, jobs=400)
        trouble = Crashes(server, random.Random(seed), every_operations=80, kill_every=1)
        history = clients.run(conninfo, world, 4, 400, trouble=trouble, synchronous_commit="off")
        return judged(conninfo, world, history)


def test_troubled_connections_alone_break_nothing(fresh_database: str) -> None:
    world = build(fresh_database, jobs=120, technicians=2, hours=4)
    history = clients.run(fresh_database, world, 4, 120, seed=5, trouble=Trouble(random.Random(5), 20))
    assert judged(fresh_database, world, history) == []

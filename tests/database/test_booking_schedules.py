"""Every pair of writing RPCs on the same people, times and visits, in two sessions and both orders (BKG-2).

Session 1 runs its RPC, session 2 runs its own in another connection and may have to wait, then session 1 commits
or rolls back. Behind a gate, both stop at the same lock on their way and go on in the order they came. However
they meet: no deadlock reaches a client, the loser gets a 409 or 404, and the bookings are as they must be.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, LiteralString

import psycopg
import pytest

from support import invariants, templates
from support.booking import at, book, call
from support.factory import Company
from support.scenes import FURTHER, RPCS, Scene, acts
from support.sessions import Session
from support.sql import Connection, value

REFUSALS = {"PT409", "PT404"}


class Theatre:
    """A company of its own, the sessions that act in it, and a watcher who sets the scene."""

    def __init__(self, conninfo: str) -> None:
        self.db = psycopg.connect(conninfo, autocommit=True)
        self.gate = psycopg.connect(conninfo)
        self.first, self.second = Session(conninfo, self.db), Session(conninfo, self.db)
        self.company = Company(self.db)

    def close(self) -> None:
        """Close every connection."""
        for session in (self.first, self.second):
            session.close()
        self.gate.close()
        self.db.close()

    def scene(self) -> Scene:
        """Clear the scene for another schedule, about a customer of its own."""
        self.site = self.company.site(self.company.customer(), latitude=None, longitude=None)
        return Scene(self.company, self.site)

    def violations(self, scenes: dict[str, tuple[str, str]]) -> list[str]:
        """Return what is wrong with the company's bookings, each beside the RPCs that met on it."""
        return [
            f"{' and '.join({' then '.join(pair) for known, pair in scenes.items() if known in found})}: {found}"
            for found in invariants.violations(self.db, self.company.id)
        ]


@pytest.fixture(scope="module")
def theatre(server: str) -> Iterator[Theatre]:
    with templates.copy_of(server, templates.template(server)) as conninfo:
        theatre = Theatre(conninfo)
        yield theatre
        theatre.close()


def proper(outcome: Any) -> str:
    """Return `ok` or the code of a refusal; any other error fails the test."""
    if not isinstance(outcome, psycopg.Error):
        return "ok"
    assert outcome.sqlstate in REFUSALS, f"{outcome.sqlstate}: {outcome}"
    return outcome.diag.message_primary or ""


@pytest.mark.parametrize("first", RPCS)
def test_whoever_comes_second_wins_or_is_refused(theatre: Theatre, first: str) -> None:
    scenes: dict[str, tuple[str, str]] = {}
    for second in itertools.dropwhile(lambda rpc: rpc != first, RPCS):
        # Two that do not wait for each other cannot tell who came first; all others meet in both orders.
        if meet(theatre, first, second, scenes) and first != second:
            meet(theatre, second, first, scenes)
    assert theatre.violations(scenes) == []


PARTNERS = ("book", "move", "cancel", "apply_plan")


@pytest.mark.parametrize("first", FURTHER)
def test_links_and_requests_of_several_visits_meet_the_rest(theatre: Theatre, first: str) -> None:
    scenes: dict[str, tuple[str, str]] = {}
    for second in (*PARTNERS, *itertools.dropwhile(lambda rpc: rpc != first, FURTHER)):
        if meet(theatre, first, second, scenes) and first != second:
            meet(theatre, second, first, scenes)
    assert theatre.violations(scenes) == []


def meet(theatre: Theatre, first: str, second: str, scenes: dict[str, tuple[str, str]]) -> bool:
    """Run two RPCs, the first ending once the second waits or is done; whether it had to wait."""
    scene = theatre.scene()
    calls = acts(scene, first, second)
    scenes |= dict.fromkeys((str(scene.visit["id"]), str(scene.job["id"])), (first, second))
    outcomes, waited = _play(theatre, *calls, commit=False)
    if waited:
        assert outcomes == ("ok", "ok"), f"{first} was rolled back: {outcomes}"
    _play(theatre, *calls, commit=True)
    return waited


def _play(
    theatre: Theatre, one: Callable[[Connection], Any], other: Callable[[Connection], Any], *, commit: bool
) -> tuple[tuple[str, str], bool]:
    one_way = proper(theatre.first.call(one))
    waited = theatre.second.start(other)
    theatre.first.end(commit=commit)
    other_way = proper(theatre.second.outcome())
    theatre.second.end(commit=commit)
    return (one_way, other_way), waited


def test_a_hold_is_spent_once_even_on_other_people(theatre: Theatre) -> None:
    one_way, other_way = acts(theatre.scene(), "book_with_hold", "book_other_with_hold")
    theatre.first.start(one_way)
    assert proper(theatre.first.outcome()) == "ok"
    assert theatre.second.start(other_way)
    theatre.first.end(commit=True)
    assert proper(theatre.second.outcome()) == "hold_expired"
    theatre.second.end(commit=False)


def test_a_visit_is_done_when_the_last_two_of_its_crew_say_so_at_once(theatre: Theatre) -> None:
    scene = theatre.scene()
    job = theatre.company.job(theatre.site, required_crew_size=2)
    visit = book(theatre.db, job, scene.ana, scene.ben, starts_at=at(9))
    parts = [part["id"] for part in visit["assignments"]]
    for part in parts:
        call(theatre.db, "set_assignment_status", assignment_id=part, status="on_site")
    for session, part in zip((theatre.first, theatre.second), parts, strict=True):
        arguments = {"assignment_id": part, "status": "completed"}
        session.start(partial(call, function="set_assignment_status", **arguments))
    assert proper(theatre.first.outcome()) == "ok"
    theatre.first.end(commit=True)
    assert proper(theatre.second.outcome()) == "ok"
    theatre.second.end(commit=True)
    assert value(theatre.db, "select status from dispatch_jobs where id = %s", (job["id"],)) == "completed"
    assert theatre.violations({}) == []


KEYED = sorted(RPCS.keys() - {
    "release", "lock", "leave_waitlist", "leave_with_lapsed_offer", "offer_freed_times", "claim",
})  # fmt: skip


def test_two_calls_with_one_key_have_one_answer(theatre: Theatre) -> None:
    for rpc in KEYED:
        (again,) = acts(theatre.scene(), rpc)
        answer = theatre.first.call(again)
        assert proper(answer) == "ok"
        assert theatre.second.start(again), "the second waits for the first's answer"
        theatre.first.end(commit=True)
        assert theatre.second.outcome() == answer
        theatre.second.end(commit=True)
    assert theatre.violations({}) == []


GATES: dict[str, tuple[LiteralString, Callable[[Scene], Any]]] = {
    "ana": ("select private.lock_claimants(array[%s]::uuid[])", lambda s: s.ana["id"]),
    "ben": ("select private.lock_claimants(array[%s]::uuid[])", lambda s: s.ben["id"]),
    "job": ("select from dispatch_jobs where id = %s for update", lambda s: s.job["id"]),
    "visited_job": (
        "select from dispatch_jobs where id = %s for update",
        lambda s: s.visit["dispatch_job_id"],
    ),
    "visit": ("select from appointments where id = %s for update", lambda s: s.visit["id"]),
    "assignment": ("select from job_assignments where id = %s for update", lambda s: s.assignment),
    "hold": ("select from reservations where hold_token = %s for update", lambda s: s.held),
    "offer": ("select from waitlist_offers where id = %s for update", lambda s: s.offer["offer_id"]),
    "waiting": (
        "select from waitlist_entries where dispatch_job_id = %s for update",
        lambda s: s.offer["job_id"],
    ),
    "lapsed": ("select from waitlist_offers where id = %s for update", lambda s: s.lapsed["offer_id"]),
    "lapsed_waiting": (
        "select from waitlist_entries where dispatch_job_id = %s for update",
        lambda s: s.lapsed["job_id"],
    ),
    "estimate": ("select from estimates where id = %s for update", lambda s: s.estimate["id"]),
}


@pytest.mark.parametrize("gate", GATES)
def test_two_that_meet_at_a_lock_pass_in_any_order(theatre: Theatre, gate: str) -> None:
    scene = theatre.scene()
    calls = dict(zip(RPCS, acts(scene, *RPCS), strict=True))
    lock, key = GATES[gate]
    stopped = [rpc for rpc in RPCS if _stops(theatre, calls[rpc], lock, key(scene))]
    for first, second in itertools.product(stopped, repeat=2):
        with _shut(theatre.gate, lock, key(scene)):
            theatre.first.start(calls[first])
            theatre.second.start(calls[second])
        one_way = proper(theatre.first.outcome()), first
        theatre.first.end(commit=False)
        other_way = proper(theatre.second.outcome()), second
        theatre.second.end(commit=False)
        assert (one_way[0], other_way[0]) == ("ok", "ok"), (one_way, other_way)


@contextmanager
def _shut(gate: Connection, lock: LiteralString, key: Any) -> Iterator[None]:
    gate.execute(lock, (key,))
    try:
        yield
    finally:
        gate.rollback()


def _stops(theatre: Theatre, rpc: Callable[[Connection], Any], lock: LiteralString, key: Any) -> bool:
    with _shut(theatre.gate, lock, key):
        stopped = theatre.first.start(rpc)
    assert proper(theatre.first.outcome()) == "ok"
    theatre.first.end(commit=False)
    return stopped

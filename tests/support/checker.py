"""Whether a history of bookings and the state it ended in can both be true (Jepsen's question).

Three promises are checked: nothing overlaps, no acknowledged booking is lost, no key has two effects. An operation of
unknown outcome may have happened at any time since it was begun; a refused one never happened.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from support.history import History, Operation, Outcome, State


def violations(history: History, state: State) -> list[str]:
    """Return a sentence for everything that cannot be; empty when the history is a possible one."""
    return [
        *_broken(history),
        *_overlaps(history, state),
        *_keys(history, state),
        *_bookings(history, state),
        *_cancellations(history, state),
        *_moves(history, state),
        *_times(history, state),
        *_crews(history, state),
        *_holds(history),
    ]


def _broken(history: History) -> Iterator[str]:
    for operation in history.operations:
        for attempt in operation.attempts:
            if attempt.outcome is Outcome.BROKEN:
                yield f"{_name(operation)} ended in {attempt.answer}"


def _overlaps(history: History, state: State) -> Iterator[str]:
    yield from history.overlaps_seen
    lanes: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for claim in state.claims:
        lanes[claim["claimant_id"], claim["lane"]].append(claim)
    for lane, claims in lanes.items():
        claims.sort(key=lambda claim: claim["starts_at"])
        for one, other in itertools.pairwise(claims):
            if other["starts_at"] < one["ends_at"]:
                yield f"overlap on {lane}: {one} and {other}"


def _keys(history: History, state: State) -> Iterator[str]:
    for operation in history.operations:
        answered = False
        for attempt in operation.attempts:
            if attempt.outcome is Outcome.OK:
                if attempt.answer != operation.answer:
                    yield f"{_name(operation)} was answered twice, and differently"
                answered = True
            elif attempt.outcome is Outcome.REFUSED and answered:
                yield f"{_name(operation)} succeeded, and was refused when repeated: {attempt.answer}"
        if answered and operation.kind == "misuse":
            yield f"{_name(operation)} used a key again for something else and was not refused"
        elif answered and operation.kind != "release" and operation.key not in state.keys:
            yield f"{_name(operation)} succeeded, and its key is not remembered"


def _bookings(history: History, state: State) -> Iterator[str]:
    of_job: dict[str, list[str]] = defaultdict(list)
    for identifier, visit in state.visits.items():
        of_job[visit["dispatch_job_id"]].append(identifier)
    # Every booking of a history has a job of its own.
    for operation in history.of_kind("book"):
        found = of_job.pop(operation.arguments["job_id"], [])
        if len(found) > 1:
            yield f"{_name(operation)} made {len(found)} visits"
        if operation.outcome is Outcome.REFUSED and found:
            yield f"{_name(operation)} was refused and made a visit"
        if operation.outcome is Outcome.OK:
            if found != [operation.answer["id"]]:
                yield f"{_name(operation)} was acknowledged and is lost: visit {operation.answer['id']}"
            crew = {part["technician_id"] for part in operation.answer["assignments"]}
            if crew != set(operation.arguments["technician_ids"]):
                yield f"{_name(operation)} was answered with the crew {crew}"
    for job, found in of_job.items():
        yield f"nobody booked job {job}, which has visits {found}"


def _cancellations(history: History, state: State) -> Iterator[str]:
    by_visit: dict[str, list[Operation]] = defaultdict(list)
    for operation in history.of_kind("cancel"):
        by_visit[operation.arguments["appointment_id"]].append(operation)
    for identifier, visit in state.visits.items():
        tried = by_visit[identifier]
        if visit["status"] == "canceled":
            if visit["cancel_notes"] not in {each.key for each in tried if each.may_have_happened}:
                yield f"visit {identifier} was canceled by {visit['cancel_notes']}, which did not"
        else:
            yield from (
                f"{_name(each)} was acknowledged and is lost: visit {identifier} is {visit['status']}"
                for each in tried
                if each.outcome is Outcome.OK
            )


def _moves(history: History, state: State) -> Iterator[str]:
    told: dict[tuple[str, str], int] = defaultdict(int)
    for move in state.moves:
        told[move["appointment_id"], move["notes"]] += 1
    for operation in history.of_kind("move"):
        times = told.pop((operation.arguments["appointment_id"], operation.key), 0)
        if times > 1:
            yield f"{_name(operation)} was done {times} times"
        if operation.outcome is Outcome.OK and not times:
            yield f"{_name(operation)} was acknowledged and is not in the visit's history"
        if operation.outcome is Outcome.REFUSED and times:
            yield f"{_name(operation)} was refused and done"
    for visit, notes in told:
        yield f"nobody made the move {notes} of visit {visit}"


def _times(history: History, state: State) -> Iterator[str]:
    done = {move["notes"] for move in state.moves}
    writes: dict[str, list[Operation]] = defaultdict(list)
    for operation in history.of_kind("book"):
        if operation.outcome is Outcome.OK:
            writes[operation.answer["id"]].append(operation)
    for operation in history.of_kind("move"):
        if operation.may_have_happened and operation.key in done:
            writes[operation.arguments["appointment_id"]].append(operation)
    for identifier, visit in state.visits.items():
        last = _possibly_last(writes[identifier])
        starts = {datetime.fromisoformat(operation.arguments["starts_at"]) for operation in last}
        if last and datetime.fromisoformat(visit["starts_at"]) not in starts:
            yield f"visit {identifier} starts at {visit['starts_at']}; the last who placed it said {starts}"


def _crews(history: History, state: State) -> Iterator[str]:
    says: dict[tuple[str, str], list[tuple[Operation, bool]]] = defaultdict(list)
    everybody = {
        technician
        for operation in history.operations
        for technician in operation.arguments.get("technician_ids", [])
    }
    for operation in history.operations:
        if not operation.may_have_happened:
            continue
        if operation.kind in {"assign", "unassign"}:
            about = operation.arguments["appointment_id"], operation.arguments["technician_id"]
            says[about].append((operation, operation.kind == "assign"))
        elif operation.kind == "move" or (operation.kind == "book" and operation.outcome is Outcome.OK):
            visit = operation.arguments.get("appointment_id") or operation.answer["id"]
            for technician in everybody:
                says[visit, technician].append(
                    (operation, technician in operation.arguments["technician_ids"])
                )
    for (visit, technician), told in says.items():
        if visit not in state.visits or state.visits[visit]["status"] == "canceled":
            continue
        last = _possibly_last([operation for operation, _ in told])
        wanted = {present for operation, present in told if operation in last}
        if (technician in state.crews.get(visit, set())) not in wanted:
            yield f"technician {technician} is wrongly {'off' if True in wanted else 'on'} visit {visit}"


def _possibly_last(writes: list[Operation]) -> list[Operation]:
    """Leave out what was certainly over before an acknowledged one began."""
    latest_start = max((each.invoked for each in writes if each.outcome is Outcome.OK), default=-1)
    return [each for each in writes if each.happened_by >= latest_start]


def _holds(history: History) -> Iterator[str]:
    taken: dict[str, Operation] = {}
    issued = {each.answer["hold_token"] for each in history.of_kind("hold") if each.outcome is Outcome.OK}
    released = {
        each.arguments["hold_token"]: each
        for each in history.of_kind("release")
        if each.outcome is Outcome.OK
    }
    for operation in history.of_kind("book"):
        token = operation.arguments.get("hold_token")
        if token is None or operation.outcome is not Outcome.OK:
            continue
        if token not in issued:
            yield f"{_name(operation)} took the hold {token}, which nobody was given"
        if token in taken:
            yield f"{_name(operation)} took the hold of {_name(taken[token])}"
        if token in released and released[token].happened_by < operation.invoked:
            yield f"{_name(operation)} took a hold that had been released"
        taken[token] = operation


def _name(operation: Operation) -> str:
    return f"{operation.kind} {operation.key}"

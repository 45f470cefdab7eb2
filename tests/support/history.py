"""What clients did and were told, in the order they know: the record a checker judges."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

FOREVER = 2**62  # a call whose end nobody knows may take effect at any time since it began


class Outcome(StrEnum):
    """What a client knows of a call when it is over."""

    OK = "ok"
    REFUSED = "refused"
    UNKNOWN = "unknown"  # the connection was lost: it may have happened, or happen yet
    BROKEN = "broken"  # an error no client should ever see


@dataclass(frozen=True)
class Attempt:
    """One call over one connection, between two ticks of the history's clock."""

    invoked: int
    ended: int
    outcome: Outcome
    answer: Any  # the RPC's answer, the code of the refusal, or what the error said


@dataclass
class Operation:
    """One wish of a client, repeated under its key until it is known what became of it."""

    client: int
    kind: str
    key: str
    arguments: dict[str, Any]
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def outcome(self) -> Outcome:
        """What is known of it: refused only if no attempt can have had an effect."""
        seen = {attempt.outcome for attempt in self.attempts}
        for outcome in (Outcome.OK, Outcome.UNKNOWN, Outcome.BROKEN):
            if outcome in seen:
                return outcome
        return Outcome.REFUSED if self.attempts else Outcome.UNKNOWN

    @property
    def answer(self) -> Any:
        """The first answer of an operation that succeeded."""
        return next(attempt.answer for attempt in self.attempts if attempt.outcome is Outcome.OK)

    @property
    def invoked(self) -> int:
        """When it can have happened at the earliest."""
        return self.attempts[0].invoked

    @property
    def happened_by(self) -> int:
        """When it had happened at the latest: acknowledged, or never known."""
        return min(
            (attempt.ended for attempt in self.attempts if attempt.outcome is Outcome.OK), default=FOREVER
        )

    @property
    def may_have_happened(self) -> bool:
        """Whether its effect may be found in the database."""
        return self.outcome in {Outcome.OK, Outcome.UNKNOWN}


@dataclass
class History:
    """Operations of all clients on one clock, and overlaps somebody saw meanwhile."""

    operations: list[Operation] = field(default_factory=list)
    overlaps_seen: list[str] = field(default_factory=list)
    _ticks: Iterable[int] = field(default_factory=itertools.count)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def tick(self) -> int:
        """Return the next tick of the clock."""
        with self._lock:
            return next(iter(self._ticks))

    def begin(self, client: int, kind: str, key: str, arguments: dict[str, Any]) -> Operation:
        """Record a wish before anything is sent."""
        operation = Operation(client, kind, key, arguments)
        with self._lock:
            self.operations.append(operation)
        return operation

    def of_kind(self, *kinds: str) -> list[Operation]:
        """Return the operations of some kinds."""
        return [operation for operation in self.operations if operation.kind in kinds]


@dataclass(frozen=True)
class State:
    """The database when everything was over; ids and times as JSON has them."""

    visits: dict[str, dict[str, Any]]  # by id: dispatch_job_id, status, starts_at, cancel_notes
    crews: dict[str, set[str]]  # technicians still engaged, by visit
    moves: list[dict[str, Any]]  # appointment_id, notes
    claims: list[dict[str, Any]]  # active ones: claimant_id, lane, starts_at, ends_at
    keys: set[str]  # idempotency keys with an answer

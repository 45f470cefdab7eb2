"""The checker of booking histories: possible histories pass, each broken promise is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from support import checker
from support.history import Attempt, History, Operation, Outcome, State

NINE, TEN, ELEVEN = (f"2027-03-01T{hour:02}:00:00+00:00" for hour in (9, 10, 11))


@dataclass
class Tale:
    """A history and its end, told line by line; every line takes two ticks unless it says otherwise."""

    history: History = field(default_factory=History)
    visits: dict[str, dict[str, Any]] = field(default_factory=dict)
    crews: dict[str, set[str]] = field(default_factory=dict)
    moves: list[dict[str, Any]] = field(default_factory=list)
    claims: list[dict[str, Any]] = field(default_factory=list)
    forgotten: set[str] = field(default_factory=set)

    def told(
        self,
        kind: str,
        key: str,
        outcome: Outcome = Outcome.OK,
        answer: Any = None,
        during: tuple[int, int] | None = None,
        **arguments: Any,
    ) -> Operation:
        """Add an operation of one attempt."""
        operation = self.history.begin(1, kind, key, arguments)
        invoked, ended = during or (self.history.tick(), self.history.tick())
        operation.attempts.append(Attempt(invoked, ended, outcome, answer))
        return operation

    def booked(self, key: str = "b", visit: str = "v", start: str = NINE, **also: Any) -> Operation:
        """Add an acknowledged booking of ana and the visit it made."""
        self.visits[visit] = {
            "dispatch_job_id": f"job of {key}",
            "status": "scheduled",
            "starts_at": start,
            "cancel_notes": None,
        }
        self.crews[visit] = {"ana"}
        answer = {"id": visit, "assignments": [{"technician_id": "ana"}]}
        asked: dict[str, Any] = {"job_id": f"job of {key}", "technician_ids": ["ana"], "starts_at": start}
        return self.told("book", key, answer=answer, **asked, **also)

    def moved(
        self, key: str, start: str, outcome: Outcome = Outcome.OK, *, is_done: bool = True, **also: Any
    ) -> Operation:
        """Add a move of ana's visit."""
        if is_done:
            self.moves.append({"appointment_id": "v", "notes": key})
        asked: dict[str, Any] = {"appointment_id": "v", "technician_ids": ["ana"], "starts_at": start}
        return self.told("move", key, outcome, answer={"id": "v"}, **asked, **also)

    def violations(self) -> list[str]:
        """Return what the checker has against it."""
        keys = {operation.key for operation in self.history.operations} - self.forgotten
        state = State(self.visits, self.crews, self.moves, self.claims, keys)
        return checker.violations(self.history, state)


def a_booking(tale: Tale) -> None:
    tale.booked()


def an_unknown_booking_that_happened(tale: Tale) -> None:
    tale.booked()
    tale.history.operations[0].attempts[:] = [Attempt(0, 1, Outcome.UNKNOWN, "lost")]


def an_unknown_booking_that_did_not(tale: Tale) -> None:
    tale.told("book", "b", Outcome.UNKNOWN, job_id="j", technician_ids=["ana"], starts_at=NINE)


def an_unknown_booking_refused_when_repeated_that_happened_after_all(tale: Tale) -> None:
    an_unknown_booking_that_happened(tale)
    tale.history.operations[0].attempts.append(Attempt(2, 3, Outcome.REFUSED, "placement_conflict"))


def a_move_after_the_booking(tale: Tale) -> None:
    tale.booked()
    tale.moved("m", TEN)
    tale.visits["v"]["starts_at"] = TEN


def two_moves_at_once_either_of_which_was_last(tale: Tale) -> None:
    tale.booked()
    tale.moved("m", TEN, during=(10, 20))
    tale.moved("n", ELEVEN, during=(11, 19))
    tale.visits["v"]["starts_at"] = TEN


def an_unknown_move_that_came_late(tale: Tale) -> None:
    tale.booked()
    tale.moved("m", ELEVEN, Outcome.UNKNOWN)
    tale.moved("n", TEN)
    tale.visits["v"]["starts_at"] = ELEVEN


def a_cancellation(tale: Tale) -> None:
    tale.booked()
    tale.told("cancel", "c", answer={}, appointment_id="v")
    tale.visits["v"] |= {"status": "canceled", "cancel_notes": "c"}
    tale.crews["v"] = set()


def a_hold_that_is_booked(tale: Tale) -> None:
    tale.told("hold", "h", answer={"hold_token": "t"}, technician_ids=["ana"], starts_at=NINE)
    tale.booked(hold_token="t")  # noqa: S106 — a hold's token in a tale


def a_crew_that_grows(tale: Tale) -> None:
    tale.booked()
    tale.told("assign", "a", answer={}, appointment_id="v", technician_id="ben")
    tale.crews["v"] = {"ana", "ben"}


POSSIBLE: list[Callable[[Tale], None]] = [
    a_booking,
    an_unknown_booking_that_happened,
    an_unknown_booking_that_did_not,
    an_unknown_booking_refused_when_repeated_that_happened_after_all,
    a_move_after_the_booking,
    two_moves_at_once_either_of_which_was_last,
    an_unknown_move_that_came_late,
    a_cancellation,
    a_hold_that_is_booked,
    a_crew_that_grows,
]


@pytest.mark.parametrize("tell", POSSIBLE, ids=lambda tell: tell.__name__)
def test_a_possible_history_passes(tell: Callable[[Tale], None]) -> None:
    tale = Tale()
    tell(tale)
    assert tale.violations() == []


def overlap(tale: Tale) -> None:
    claim = {"claimant_id": "ana", "lane": 1, "starts_at": 9, "ends_at": 11}
    tale.claims += [claim, claim | {"starts_at": 10, "ends_at": 12}]


def overlap_seen(tale: Tale) -> None:
    tale.history.overlaps_seen.append("overlap seen: once")


def lost(tale: Tale) -> None:
    tale.booked()
    tale.visits.clear()


def made_2_visits(tale: Tale) -> None:
    tale.booked()
    tale.visits["w"] = tale.visits["v"]


def refused_and_made_a_visit(tale: Tale) -> None:
    tale.booked()
    tale.history.operations[0].attempts[:] = [Attempt(0, 1, Outcome.REFUSED, "placement_conflict")]


def nobody_booked(tale: Tale) -> None:
    tale.booked()
    tale.history.operations.clear()


def acknowledged_and_is_lost(tale: Tale) -> None:
    tale.booked()
    tale.told("cancel", "c", answer={}, appointment_id="v")


def which_did_not(tale: Tale) -> None:
    a_cancellation(tale)
    tale.history.operations[-1].attempts[:] = [Attempt(8, 9, Outcome.REFUSED, "reason_needed")]


def not_in_the_visit_s_history(tale: Tale) -> None:
    tale.booked()
    tale.moved("m", NINE, is_done=False)


def done_2_times(tale: Tale) -> None:
    tale.booked()
    tale.moved("m", NINE)
    tale.moves *= 2


def refused_and_done(tale: Tale) -> None:
    tale.booked()
    tale.moved("m", NINE, Outcome.REFUSED)


def the_last_who_placed_it(tale: Tale) -> None:
    tale.booked()
    tale.moved("m", TEN)
    tale.moved("n", ELEVEN)
    tale.visits["v"]["starts_at"] = TEN


def wrongly_off(tale: Tale) -> None:
    tale.booked()
    tale.told("assign", "a", answer={}, appointment_id="v", technician_id="ben")


def wrongly_on(tale: Tale) -> None:
    tale.booked()
    tale.told("unassign", "u", answer={}, appointment_id="v", technician_id="ana")


def answered_twice_and_differently(tale: Tale) -> None:
    tale.booked().attempts.append(Attempt(8, 9, Outcome.OK, {"id": "w"}))


def refused_when_repeated(tale: Tale) -> None:
    tale.booked().attempts.append(Attempt(8, 9, Outcome.REFUSED, "placement_conflict"))


def key_is_not_remembered(tale: Tale) -> None:
    tale.booked()
    tale.forgotten.add("b")


def was_not_refused(tale: Tale) -> None:
    tale.told("misuse", "b", answer={})


def nobody_was_given(tale: Tale) -> None:
    tale.booked(hold_token="t")  # noqa: S106 — a hold's token in a tale


def had_been_released(tale: Tale) -> None:
    tale.told("hold", "h", answer={"hold_token": "t"}, technician_ids=["ana"], starts_at=NINE)
    tale.told("release", "r", hold_token="t")  # noqa: S106 — a hold's token in a tale
    nobody_was_given(tale)


def took_the_hold_of(tale: Tale) -> None:
    a_hold_that_is_booked(tale)
    tale.booked("c", "w", hold_token="t")  # noqa: S106 — a hold's token in a tale


def ended_in(tale: Tale) -> None:
    tale.told("book", "b", Outcome.BROKEN, "40P01 deadlock detected", job_id="j", technician_ids=["ana"])


IMPOSSIBLE: list[Callable[[Tale], None]] = [
    overlap,
    overlap_seen,
    lost,
    made_2_visits,
    refused_and_made_a_visit,
    nobody_booked,
    acknowledged_and_is_lost,
    which_did_not,
    not_in_the_visit_s_history,
    done_2_times,
    refused_and_done,
    the_last_who_placed_it,
    wrongly_off,
    wrongly_on,
    answered_twice_and_differently,
    refused_when_repeated,
    key_is_not_remembered,
    was_not_refused,
    nobody_was_given,
    had_been_released,
    took_the_hold_of,
    ended_in,
]


@pytest.mark.parametrize("tell", IMPOSSIBLE, ids=lambda tell: tell.__name__)
def test_a_broken_promise_is_named(tell: Callable[[Tale], None]) -> None:
    tale = Tale()
    tell(tale)
    named = tell.__name__.replace("_s_", "'s ").replace("_", " ").replace("twice and", "twice, and")
    assert any(named in violation for violation in tale.violations()), tale.violations()

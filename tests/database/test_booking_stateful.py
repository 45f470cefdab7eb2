"""Random companies book, hold, move, cancel and report in any order; after each step everything agrees."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from support.booking_machine import BookingMachine
from support.sql import Connection


def test_whatever_people_do_the_bookings_stay_in_order(db: Connection) -> None:
    class Machine(BookingMachine):
        pass

    Machine.db = db
    steady = settings(stateful_step_count=25, suppress_health_check=list(HealthCheck))
    examples = 15 if steady.derandomize else steady.max_examples
    run_state_machine_as_test(Machine, settings=settings(steady, max_examples=examples))

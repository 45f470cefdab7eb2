"""Random companies book, hold, move, cancel, plan and report in any order; after each step everything agrees.

TRUCKROLL_EXPLORE=1 looks at a thousand new companies and shrinks what it finds; TRUCKROLL_EXAMPLES=n at n.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from support.booking_machine import BookingMachine
from support.sql import Connection

EXAMPLES, STEPS = 8, 25


@pytest.mark.timeout(7200)  # as long as it is asked to look at new companies
def test_whatever_people_do_the_bookings_stay_in_order(db: Connection) -> None:
    class Machine(BookingMachine):
        pass

    Machine.db = db
    steady = settings(stateful_step_count=STEPS, suppress_health_check=list(HealthCheck))
    if steady.derandomize:
        # Making a failure smaller takes longer than all other tests together.
        steady = settings(steady, max_examples=EXAMPLES, phases=[Phase.generate])
    if examples := os.environ.get("TRUCKROLL_EXAMPLES"):
        steady = settings(steady, max_examples=int(examples), derandomize=False, database=None)
    run_state_machine_as_test(Machine, settings=steady)

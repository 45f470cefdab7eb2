"""Random companies book, hold, move, cancel, plan and report in any order; after each step everything agrees.

TRUCKROLL_EXPLORE=n looks at n new companies and shrinks what it finds.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from support.booking_machine import BookingMachine
from support.effort import EXPLORE, examples
from support.sql import Connection

EXAMPLES, STEPS = 8, 25


@pytest.mark.timeout(7200)  # as long as it is asked to look at new companies
def test_whatever_people_do_the_bookings_stay_in_order(db: Connection) -> None:
    class Machine(BookingMachine):
        pass

    Machine.db = db
    # Making a failure smaller takes longer than all other tests together.
    phases = list(Phase) if EXPLORE else [Phase.generate]
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples(EXAMPLES),
            stateful_step_count=STEPS,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )

"""Bookings from many real connections at once: nothing twice, nothing lost, no deadlock reaches a client (BKG-2)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import psycopg
import pytest

from support.booking import at, call
from support.factory import Company
from support.racing import attempt, race
from support.sql import Connection, Row, rows, value

CLIENTS = 64
SLOTS = 250


@pytest.fixture
def shared(fresh_database: str) -> Iterator[tuple[str, Connection, Company]]:
    """Add a company that every connection sees."""
    with psycopg.connect(fresh_database, autocommit=True) as db:
        yield fresh_database, db, Company(db)


def nowhere(company: Company) -> Row:
    """Add a site without coordinates, to which nobody drives."""
    return company.site(company.customer(), latitude=None, longitude=None)


def overlaps(db: Connection) -> int:
    """Count pairs of active claims on one lane that overlap, without trusting the constraint."""
    count: int = value(
        db,
        "select count(*) from reservations as a join reservations as b on a.claimant_id = b.claimant_id"
        " and a.lane = b.lane and a.id < b.id and a.during && b.during"
        " where a.released_at is null and b.released_at is null",
    )
    return count


def test_64_clients_want_250_slots(shared: tuple[str, Connection, Company]) -> None:
    conninfo, db, company = shared
    technicians = [company.technician(shift=(0, 24)) for _ in range(25)]
    wanted = [(technician["id"], at(hour)) for technician in technicians for hour in range(10)]
    assert len(wanted) == SLOTS
    tries = wanted * 2
    random.Random(7).shuffle(tries)
    site = nowhere(company)
    jobs = [company.job(site) for _ in tries]

    def work(connection: Connection, number: int) -> Counter[str]:
        return Counter(
            attempt(
                connection,
                "book_appointment",
                job_id=jobs[turn]["id"],
                technician_ids=[tries[turn][0]],
                starts_at=tries[turn][1],
            )
            for turn in range(number, len(tries), CLIENTS)
        )

    total: Counter[str] = sum(race(conninfo, CLIENTS, work), Counter())
    assert total == {"won": SLOTS, "placement_conflict": SLOTS}
    claimed = rows(
        db, "select technician_id, lower(during) as starts_at from reservations where released_at is null"
    )
    assert sorted((c["technician_id"], c["starts_at"]) for c in claimed) == sorted(wanted)
    assert overlaps(db) == 0


def test_one_key_from_many_connections_books_once(shared: tuple[str, Connection, Company]) -> None:
    conninfo, db, company = shared
    ana, job = company.technician(), company.job()

    def work(connection: Connection, _: int) -> Row:
        booked: Row = call(
            connection,
            "book_appointment",
            job_id=job["id"],
            technician_ids=[ana["id"]],
            starts_at=at(9),
            idempotency_key="k",
        )
        return booked

    answers = race(conninfo, 8, work)
    assert len({answer["id"] for answer in answers}) == 1
    assert value(db, "select count(*) from appointments") == 1


def test_crossing_crews_wait_instead_of_deadlocking(shared: tuple[str, Connection, Company]) -> None:
    conninfo, db, company = shared
    team = [company.technician(shift=(0, 24)) for _ in range(4)]
    site = nowhere(company)
    jobs = [[company.job(site, required_crew_size=3) for _ in range(6)] for _ in range(8)]

    def work(connection: Connection, number: int) -> Counter[str]:
        choose = random.Random(number)
        return Counter(
            attempt(
                connection,
                "book_appointment",
                job_id=job["id"],
                technician_ids=[member["id"] for member in choose.sample(team, 3)],
                starts_at=at(choose.randrange(8)),
            )
            for job in jobs[number]
        )

    total: Counter[str] = sum(race(conninfo, 8, work), Counter())
    assert total["won"] == value(db, "select count(*) from appointments")
    assert total["won"] >= 8
    assert value(db, "select count(*) from reservations where released_at is null") == 3 * total["won"]
    assert overlaps(db) == 0


def test_moves_that_swap_places_never_deadlock_or_overlap(shared: tuple[str, Connection, Company]) -> None:
    conninfo, db, company = shared
    team = [company.technician(shift=(0, 24)) for _ in range(3)]
    site = nowhere(company)
    visits = [
        company.visit(company.job(site), technician, starts_at=at(hour))
        for technician in team
        for hour in (1, 2)
    ]

    def work(connection: Connection, number: int) -> Counter[str]:
        choose = random.Random(number)
        return Counter(
            attempt(
                connection,
                "reschedule_appointment",
                appointment_id=choose.choice(visits)["id"],
                starts_at=at(choose.randrange(4)),
                technician_ids=[choose.choice(team)["id"]],
                reason="customer_request",
            )
            for _ in range(6)
        )

    total: Counter[str] = sum(race(conninfo, 8, work), Counter())
    assert total["won"] > 0
    assert overlaps(db) == 0
    assert value(db, "select count(*) from reservations where released_at is null") == len(visits)
    assert value(db, "select count(*) from appointment_reschedules") == total["won"]


def test_a_hold_and_a_booking_of_the_same_time_have_one_winner(
    shared: tuple[str, Connection, Company],
) -> None:
    conninfo, db, company = shared
    ana = company.technician()
    jobs = [company.job() for _ in range(8)]

    def work(connection: Connection, number: int) -> str:
        rpc = "hold_slot" if number % 2 else "book_appointment"
        return attempt(
            connection, rpc, job_id=jobs[number]["id"], technician_ids=[ana["id"]], starts_at=at(9)
        )

    assert Counter(race(conninfo, 8, work)) == {"won": 1, "placement_conflict": 7}
    assert overlaps(db) == 0


def test_canceling_and_moving_at_once_end_in_one_consistent_state(
    shared: tuple[str, Connection, Company],
) -> None:
    conninfo, db, company = shared
    ana, ben = company.technician(), company.technician()
    for _ in range(4):
        visit = company.visit(company.job(), ana, starts_at=at(9))

        def work(connection: Connection, number: int, visit: Row = visit) -> str:
            if number % 2:
                return attempt(
                    connection,
                    "cancel_appointment",
                    appointment_id=visit["id"],
                    reason="weather",
                    idempotency_key="c",
                )
            return attempt(
                connection,
                "reschedule_appointment",
                appointment_id=visit["id"],
                starts_at=at(9),
                technician_ids=[ben["id"]],
                reason="customer_request",
            )

        race(conninfo, 4, work)
        assert value(db, "select status from appointments where id = %s", (visit["id"],)) == "canceled"
        assert value(db, "select count(*) from reservations where released_at is null") == 0
        db.execute("delete from private.idempotency_keys")

"""The waitlist: freed time offered in rank order, held, claimed once (BKG-14)."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

import psycopg
import pytest

from support.booking import at, book, call, ledger
from support.factory import Company
from support.racing import attempt, race
from support.sql import AsUser, Connection, Row, one, refused, value


def offers(db: Connection) -> list[Row]:
    """Let the scheduler make offers, and return them."""
    return [row["offer_freed_times"] for row in _rows(call(db, "offer_freed_times"))]


def _rows(answer: Any) -> list[Row]:
    return answer if isinstance(answer, list) else [{"offer_freed_times": answer}]


def wait(db: Connection, company: Company, **job: Any) -> Row:
    """Add a job that waits for the week of MONDAY."""
    waiting = company.job(**job)
    call(db, "join_waitlist", job_id=waiting["id"], earliest=at(0), latest=at(0, 5))
    return waiting


def full_day(db: Connection, company: Company) -> tuple[Row, Row]:
    """Return a technician with a single hour a week, and the visit that fills it."""
    ana = company.technician(shift=None)
    company.shift(ana, 9, 10, recurrence_rule=None)
    return ana, book(db, company.job(), ana, starts_at=at(9))


def free(db: Connection, visit: Row) -> None:
    """Cancel the visit."""
    call(db, "cancel_appointment", appointment_id=visit["id"], reason="customer_request")


def test_nothing_is_offered_while_nothing_is_free(db: Connection, company: Company) -> None:
    full_day(db, company)
    wait(db, company)
    assert offers(db) == []


def test_a_cancellation_offers_its_time_to_the_first_in_rank(db: Connection, company: Company) -> None:
    ana, visit = full_day(db, company)
    wait(db, company, priority="low")
    urgent = wait(db, company, priority="high")
    wait(db, company, priority="normal")
    free(db, visit)
    (offer,) = offers(db)
    assert (offer["job_id"], offer["starts_at"]) == (str(urgent["id"]), at(9).isoformat())
    assert [claim["kind"] for claim in ledger(db, ana["id"])] == ["held"]
    assert value(db, "select count(*) from domain_events where type = 'waitlist.offered'") == 1


def test_who_waits_longest_comes_first_among_equals(db: Connection, company: Company) -> None:
    _, visit = full_day(db, company)
    first, second = wait(db, company), wait(db, company)
    db.execute(
        "update waitlist_entries set created_at = now() - interval '1 day' where dispatch_job_id = %s",
        (second["id"],),
    )
    free(db, visit)
    (offer,) = offers(db)
    assert offer["job_id"] == str(second["id"]) != str(first["id"])


def test_time_that_does_not_fit_the_first_goes_to_the_next(db: Connection, company: Company) -> None:
    _, visit = full_day(db, company)
    wait(db, company, priority="emergency", estimated_duration_minutes=90)
    company.skill("gas")
    wait(db, company, priority="high", required_skills={"gas": 1})
    fitting = wait(db, company, priority="low")
    free(db, visit)
    (offer,) = offers(db)
    assert offer["job_id"] == str(fitting["id"])


def test_a_claim_books_once_and_says_so_again(db: Connection, company: Company, as_user: AsUser) -> None:
    _, visit = full_day(db, company)
    waiting = wait(db, company)
    free(db, visit)
    (offer,) = offers(db)
    with as_user(role="anon"):
        first = call(db, "claim_waitlist_offer", token=offer["token"])
        assert call(db, "claim_waitlist_offer", token=offer["token"]) == first
    assert first["status"] == "claimed"
    assert value(db, "select status from dispatch_jobs where id = %s", (waiting["id"],)) == "scheduled"
    assert value(db, "select status from waitlist_entries") == "booked"
    assert value(db, "select count(*) from appointments where dispatch_job_id = %s", (waiting["id"],)) == 1


def test_an_expired_offer_passes_to_the_next_in_turn(db: Connection, company: Company) -> None:
    _, visit = full_day(db, company)
    wait(db, company, priority="high")
    second = wait(db, company, priority="low")
    free(db, visit)
    (offer,) = offers(db)
    assert offers(db) == []
    db.execute("update waitlist_offers set expires_at = clock_timestamp() - interval '1 second'")
    db.execute(
        "update reservations set hold_expires_at = clock_timestamp() - interval '1 second' where kind = 'held'"
    )
    with refused(db, "PT409", "offer_gone"):
        call(db, "claim_waitlist_offer", token=offer["token"])
    (following,) = offers(db)
    assert following["job_id"] == str(second["id"])


def test_an_offer_is_not_repeated_to_whom_it_lapsed(db: Connection, company: Company) -> None:
    _, visit = full_day(db, company)
    wait(db, company)
    free(db, visit)
    offers(db)
    db.execute("update waitlist_offers set expires_at = clock_timestamp() - interval '1 second'")
    assert offers(db) == []


def test_the_token_is_known_to_its_recipient_only(db: Connection, company: Company, as_user: AsUser) -> None:
    _, visit = full_day(db, company)
    wait(db, company)
    free(db, visit)
    (offer,) = offers(db)
    digest = value(db, "select token_digest from waitlist_offers")
    assert bytes(digest) == hashlib.sha256(offer["token"].encode()).digest()
    with refused(db, "PT404", "offer_not_found"):
        call(db, "claim_waitlist_offer", token="0" * 48)
    with as_user(company.member("owner")), refused(db, "42501"):
        call(db, "offer_freed_times")


def test_a_job_booked_otherwise_waits_no_longer_and_gives_its_hold_back(
    db: Connection, company: Company
) -> None:
    ana, visit = full_day(db, company)
    waiting = wait(db, company)
    free(db, visit)
    offers(db)
    book(db, waiting, company.technician(), starts_at=at(14))
    assert value(db, "select status from waitlist_entries") == "booked"
    assert ledger(db, ana["id"]) == []


def test_leaving_withdraws_the_offer(db: Connection, company: Company) -> None:
    ana, visit = full_day(db, company)
    waiting = wait(db, company)
    free(db, visit)
    offers(db)
    call(db, "leave_waitlist", job_id=waiting["id"])
    assert one(db, "select status from waitlist_offers") == {"status": "declined"}
    assert ledger(db, ana["id"]) == []


@pytest.mark.parametrize(
    ("arguments", "sqlstate"), [({"latest": at(-9999)}, "PT400"), ({"job_id": None}, "PT404")]
)
def test_bad_input_is_refused(
    db: Connection, company: Company, arguments: dict[str, Any], sqlstate: str
) -> None:
    with refused(db, sqlstate):
        call(db, "join_waitlist", **{"job_id": company.job()["id"]} | arguments)


def test_a_job_waits_once_and_only_without_an_appointment(db: Connection, company: Company) -> None:
    waiting = wait(db, company)
    with refused(db, "PT409", "already_waiting"):
        call(db, "join_waitlist", job_id=waiting["id"])
    booked = company.job()
    book(db, booked, company.technician(), starts_at=at(9))
    with refused(db, "PT409", "job_not_waiting"):
        call(db, "join_waitlist", job_id=booked["id"])


def test_of_many_claims_at_once_one_wins(fresh_database: str) -> None:
    with psycopg.connect(fresh_database, autocommit=True) as db:
        company = Company(db)
        _, visit = full_day(db, company)
        wait(db, company)
        free(db, visit)
        (offer,) = offers(db)
        won = Counter(
            race(
                fresh_database,
                8,
                lambda connection, _: attempt(connection, "claim_waitlist_offer", token=offer["token"]),
            )
        )
        assert won == {"won": 8}
        assert value(db, "select count(*) from appointments where status = 'scheduled'") == 1


def test_a_bay_freed_by_a_visit_without_technicians_is_offered_too(db: Connection, company: Company) -> None:
    bay = company.bay(company.facility())
    ana, service = company.technician(), company.service(place_kind="bay")
    other = company.job(service=service)
    visit = book(db, other, ana, starts_at=at(9), ends_at=at(17), resource_id=bay["id"])
    call(db, "unassign_technician", appointment_id=visit["id"], technician_id=ana["id"], reason="sick")
    waiting = wait(db, company, service=service)
    site_work = wait(db, company, priority="high")
    db.execute("delete from private.freed_times")
    free(db, visit)
    (offer,) = offers(db)
    assert offer["job_id"] == str(waiting["id"])
    assert value(db, "select resource_id from waitlist_offers") == bay["id"]
    assert (
        value(db, "select status from waitlist_entries where dispatch_job_id = %s", (site_work["id"],))
        == "waiting"
    )


def test_the_sender_makes_the_token_of_an_offer_anew(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    _, visit = full_day(db, company)
    wait(db, company)
    free(db, visit)
    (offer,) = offers(db)
    again = "select private.offer_token(%s)"
    assert value(db, again, (offer["offer_id"],)) == offer["token"]
    for role in ("anon", "authenticated"):
        with as_user(company.member("owner"), role=role), refused(db, "42501"):
            value(db, again, (offer["offer_id"],))


def test_what_was_held_for_one_who_left_is_offered_to_the_next(db: Connection, company: Company) -> None:
    _, visit = full_day(db, company)
    first, second = wait(db, company, priority="high"), wait(db, company)
    free(db, visit)
    assert [offer["job_id"] for offer in offers(db)] == [str(first["id"])]
    call(db, "leave_waitlist", job_id=first["id"])
    assert [offer["job_id"] for offer in offers(db)] == [str(second["id"])]


def test_no_more_offers_are_made_than_asked_for(db: Connection, company: Company) -> None:
    _, visit = full_day(db, company)
    site = company.site(company.customer())
    for _ in range(2):
        job = company.job(site, estimated_duration_minutes=20)
        call(db, "join_waitlist", job_id=job["id"], earliest=at(0), latest=at(0, 5))
    free(db, visit)
    counts = [len(_rows(call(db, "offer_freed_times", max_offers=most))) for most in (1, 5)]
    assert counts == [1, 1]

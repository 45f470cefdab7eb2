"""Holds: a slot kept for some minutes, then booked, released or run out (BKG-3)."""

from __future__ import annotations

from support.booking import at, book, call, ledger
from support.factory import Company
from support.sql import Connection, refused


def test_a_hold_keeps_the_slot_until_it_is_booked(db: Connection, company: Company) -> None:
    ana, job, other = company.technician(), company.job(), company.job()
    held = call(db, "hold_slot", job_id=job["id"], technician_ids=[ana["id"]], starts_at=at(9))
    with refused(db, "PT409", "placement_conflict"):
        book(db, other, ana, starts_at=at(9))
    visit = book(db, job, ana, starts_at=at(9), hold_token=held["hold_token"])
    assert visit["status"] == "scheduled"
    assert [claim["kind"] for claim in ledger(db, ana["id"])] == ["booked"]
    with refused(db, "PT409"):
        book(db, other, ana, starts_at=at(12), hold_token=held["hold_token"])


def test_an_expired_hold_blocks_nobody_though_nobody_cleaned_up(db: Connection, company: Company) -> None:
    ana, job = company.technician(), company.job()
    held = call(db, "hold_slot", job_id=company.job()["id"], technician_ids=[ana["id"]], starts_at=at(9))
    db.execute("update reservations set hold_expires_at = clock_timestamp() - interval '1 second'")
    with refused(db, "PT409", "hold_expired"):
        book(db, job, ana, starts_at=at(9), hold_token=held["hold_token"])
    assert book(db, job, ana, starts_at=at(9))["status"] == "scheduled"


def test_a_hold_before_there_is_a_job(db: Connection, company: Company) -> None:
    ana, service, site = company.technician(), company.service(), company.site(company.customer())
    held = call(
        db,
        "hold_slot",
        service_id=service["id"],
        location_id=site["id"],
        technician_ids=[ana["id"]],
        starts_at=at(9),
    )
    job = company.job(site, service)
    assert book(db, job, ana, starts_at=at(9), hold_token=held["hold_token"])["status"] == "scheduled"


def test_releasing_a_hold_gives_the_time_back_and_may_be_repeated(db: Connection, company: Company) -> None:
    ana = company.technician()
    held = call(db, "hold_slot", job_id=company.job()["id"], technician_ids=[ana["id"]], starts_at=at(9))
    call(db, "release_hold", hold_token=held["hold_token"])
    call(db, "release_hold", hold_token=held["hold_token"])
    assert ledger(db, ana["id"]) == []

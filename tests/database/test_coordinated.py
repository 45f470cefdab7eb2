"""Several services in one request: one day, in order, bounded gaps, all or none (BKG-13)."""

from __future__ import annotations

from datetime import datetime, timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb

from support.booking import at, book, call, refusal
from support.factory import Company
from support.sql import AsUser, Connection, Row, refused, value


def two_jobs(company: Company) -> tuple[Row, Row]:
    """Return two jobs of one customer at one site that different skills serve."""
    site = company.site(company.customer())
    for skill in ("drains", "wiring"):
        company.skill(skill)
    return company.job(site, required_skills={"drains": 1}), company.job(site, required_skills={"wiring": 1})


def proposals(db: Connection, *jobs: Row, **arguments: object) -> list[Row]:
    """Ask for proposals in the week of MONDAY."""
    found: list[Row] = call(
        db,
        "find_coordinated_slots",
        **{"job_ids": [job["id"] for job in jobs], "earliest": at(0), "latest": at(0, 5)} | arguments,
    )
    return found


def test_two_technicians_come_one_after_the_other_on_one_day(db: Connection, company: Company) -> None:
    plumber, electrician = company.technician({"drains": 2}), company.technician({"wiring": 2})
    found = proposals(db, *two_jobs(company), min_gap_minutes=15, max_gap_minutes=60)
    assert found
    for proposal in found:
        first, second = proposal["steps"]
        assert first["technician_ids"] == [str(plumber["id"])]
        assert second["technician_ids"] == [str(electrician["id"])]
        gap = datetime.fromisoformat(second["starts_at"]) - datetime.fromisoformat(first["ends_at"])
        assert timedelta(minutes=15) <= gap <= timedelta(minutes=60)
        assert first["starts_at"][:10] == second["ends_at"][:10]


def test_what_is_proposed_can_be_booked(db: Connection, company: Company) -> None:
    company.technician({"drains": 2}), company.technician({"wiring": 2})
    jobs = two_jobs(company)
    for proposal in proposals(db, *jobs):
        with db.transaction(force_rollback=True):
            booked = call(db, "book_coordinated", steps=Jsonb(proposal["steps"]))
            assert [visit["dispatch_job_id"] for visit in booked] == [str(job["id"]) for job in jobs]


def test_one_technician_may_do_both(db: Connection, company: Company) -> None:
    ana = company.technician({"drains": 2, "wiring": 2}, shift=(8, 11), max_daily_work_minutes=130)
    (proposal, *_) = proposals(db, *two_jobs(company))
    assert {tuple(step["technician_ids"]) for step in proposal["steps"]} == {(str(ana["id"]),)}
    assert proposal["technicians"] == 1


def test_visits_that_only_fit_alone_are_not_proposed_together(db: Connection, company: Company) -> None:
    company.technician({"drains": 2, "wiring": 2}, max_daily_work_minutes=90)
    assert proposals(db, *two_jobs(company)) == []


def test_all_are_booked_or_none(db: Connection, company: Company) -> None:
    company.technician({"drains": 2})
    electrician = company.technician({"wiring": 2})
    jobs = two_jobs(company)
    proposal = proposals(db, *jobs)[0]
    second = proposal["steps"][1]
    book(db, company.job(), electrician, starts_at=datetime.fromisoformat(second["starts_at"]))
    with refused(db, "PT409", "placement_conflict"):
        call(db, "book_coordinated", steps=Jsonb(proposal["steps"]))
    assert (
        value(
            db,
            "select count(*) from appointments where dispatch_job_id = any(%s)",
            ([job["id"] for job in jobs],),
        )
        == 0
    )


def test_repeating_with_the_key_gives_the_same_answer(db: Connection, company: Company) -> None:
    company.technician({"drains": 2, "wiring": 2})
    steps = Jsonb(proposals(db, *two_jobs(company))[0]["steps"])
    first = call(db, "book_coordinated", steps=steps, idempotency_key="k")
    assert call(db, "book_coordinated", steps=steps, idempotency_key="k") == first


def test_jobs_of_two_customers_or_companies_are_not_coordinated(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    one, two = company.job(), company.job()
    with refused(db, "PT400", "jobs_invalid"):
        proposals(db, one, two)
    with refused(db, "PT400", "jobs_invalid"):
        proposals(db, one)
    stranger = Company(db)
    with as_user(stranger.member("owner")), refused(db, "PT404", "job_not_found"):
        proposals(db, one, two)


def test_a_refusal_counts_the_visits_before_and_what_it_offers_works(
    db: Connection, company: Company
) -> None:
    company.technician({"drains": 2, "wiring": 2})
    company.technician({"drains": 2, "wiring": 2})
    first, second = proposals(db, *two_jobs(company))[0]["steps"]
    second |= {
        "starts_at": first["starts_at"],
        "ends_at": first["ends_at"],
        "technician_ids": first["technician_ids"],
    }
    with pytest.raises(psycopg.Error) as caught, db.transaction():
        call(db, "book_coordinated", steps=Jsonb([first, second]))
    told = refusal(caught.value)
    assert told["job_id"] == second["job_id"]
    assert {"technician_overlap", "customer_overlap"} <= {conflict["code"] for conflict in told["conflicts"]}
    changes = told["alternatives"]["smallest_changes"]
    assert "override" not in {change["change"] for change in changes}
    slot = told["alternatives"]["same_day"][0]
    second |= {name: slot[name] for name in ("technician_ids", "starts_at", "ends_at")}
    assert len(call(db, "book_coordinated", steps=Jsonb([first, second]))) == 2

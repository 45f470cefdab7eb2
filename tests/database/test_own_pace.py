"""Technicians who take longer or shorter, and who drive faster or slower, than is usual (AVL-1, OPT-4)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from support.booking import HERE, TEN_KM_NORTH, at, book, call, codes, ledger, refusal
from support.factory import Company
from support.sql import Connection, Row, one, refused, rows
from truckroll.engine.pace import rounded_up


def minutes(visit: Row) -> float:
    """Return how long a visit or an offer is."""
    length: timedelta = visit["ends_at"] - visit["starts_at"]
    return length.total_seconds() / 60


def booked(db: Connection, visit: Row) -> float:
    return minutes(one(db, "select * from public.appointments where id = %s", (visit["id"],)))


def test_a_visit_takes_as_long_as_its_technician(db: Connection, company: Company) -> None:
    slow, quick = company.technician(duration_factor=1.25), company.technician(duration_factor=0.8)
    job: dict[str, Any] = {"estimated_duration_minutes": 50}
    assert booked(db, book(db, company.job(**job), slow, starts_at=at(9))) == 63
    assert booked(db, book(db, company.job(**job), quick, starts_at=at(9))) == 40


def test_an_end_that_is_named_stays(db: Connection, company: Company) -> None:
    slow = company.technician(duration_factor=2)
    visit = book(db, company.job(), slow, starts_at=at(9), ends_at=at(9.5))
    assert booked(db, visit) == 30


def test_a_crew_takes_the_standard_time(db: Connection, company: Company) -> None:
    crew = [company.technician(duration_factor=2), company.technician(duration_factor=0.5)]
    visit = book(db, company.job(required_crew_size=2), *crew, starts_at=at(9))
    assert booked(db, visit) == 60


def test_buffers_are_the_same_for_everybody(db: Connection, company: Company) -> None:
    slow = company.technician(duration_factor=1.5)
    service = company.service(buffer_before_minutes=15, buffer_after_minutes=15)
    book(db, company.job(None, service), slow, starts_at=at(10))
    (claim,) = ledger(db, slow["id"])
    assert (claim["starts_at"], claim["ends_at"]) == (at(9.75), at(11.75))


def test_offers_are_as_long_as_their_technician_takes(db: Connection, company: Company) -> None:
    slow, quick = company.technician(duration_factor=1.5), company.technician(duration_factor=0.75)
    job = company.job()
    asked = {"job_id": job["id"], "earliest": at(8), "latest": at(17), "max_results": 40}
    offers = call(db, "find_slots", **asked)
    length = {slow["id"]: 90, quick["id"]: 45}
    assert {offer["technician_ids"][0] for offer in offers} == length.keys()
    assert all(minutes(offer) == length[offer["technician_ids"][0]] for offer in offers)
    assert {minutes(offer) for offer in call(db, "find_slots", **asked, duration_minutes=30)} == {30}


def test_who_is_quick_is_offered_what_is_too_short_for_others(db: Connection, company: Company) -> None:
    company.technician()
    quick = company.technician(duration_factor=0.5)
    job = company.job()
    offers = call(db, "find_slots", job_id=job["id"], earliest=at(9), latest=at(9.5))
    assert [(offer["technician_ids"], offer["starts_at"]) for offer in offers] == [([quick["id"]], at(9))]


def test_a_held_time_is_the_technicians_own(db: Connection, company: Company) -> None:
    slow = company.technician(duration_factor=1.5)
    job = company.job()
    held = call(db, "hold_slot", job_id=job["id"], technician_ids=[slow["id"]], starts_at=at(9))
    token = (held[0] if isinstance(held, list) else held)["hold_token"]
    assert booked(db, book(db, job, slow, starts_at=at(9), hold_token=token)) == 90


def test_a_refusal_offers_what_others_take(db: Connection, company: Company) -> None:
    site = company.site(company.customer(), **HERE)
    slow, quick = company.technician(shift=(8, 10), duration_factor=2), company.technician(shift=(8, 10))
    with refused(db, "PT409") as caught:
        book(db, company.job(site), slow, starts_at=at(9))
    alternatives = refusal(caught.value)["alternatives"]
    assert [other["technician_ids"] for other in alternatives["other_technicians"]] == [[str(quick["id"])]]
    nearest = alternatives["smallest_changes"][0]
    assert (nearest["change"], nearest["minutes"]) == ("starts_at", -60)


@pytest.mark.parametrize(("factor", "minutes_away"), [(2, 10), (1, 20), (0.5, 40)])
def test_driving_takes_its_technicians_time(
    db: Connection, company: Company, factor: float, minutes_away: int
) -> None:
    home = company.add("customer_locations", kind="home_base", label="Home", **HERE)
    ana = company.technician(home_base_location_id=home["id"], travel_speed_factor=factor)
    job = company.job(company.site(company.customer(), **TEN_KM_NORTH))
    assert codes(db, job, ana, starts_at=at(8 + (minutes_away - 2) / 60)) == ["travel_before"]
    assert codes(db, job, ana, starts_at=at(8 + minutes_away / 60)) == []
    work = 60 + round(39 / factor)
    db.execute("update public.technician_profiles set max_daily_work_minutes = %s", (work + 1,))
    assert codes(db, job, ana, starts_at=at(12)) == []
    db.execute("update public.technician_profiles set max_daily_work_minutes = %s", (work - 1,))
    assert codes(db, job, ana, starts_at=at(12)) == ["daily_limit"]


def test_the_database_and_the_engine_round_alike(db: Connection) -> None:
    found = rows(
        db,
        """
        select
            f.hundredths, s.number, private.paced(s.number, f.hundredths / 100.0) as minutes,
            private.driven_s(s.number, (f.hundredths / 100.0)::float8) as seconds
        from generate_series(50, 200) as f (hundredths) cross join generate_series(1, 1000, 37) as s (number)
        """,
    )
    given = np.array([(row["hundredths"], row["number"], row["minutes"], row["seconds"]) for row in found])
    factors, numbers = given[:, 0] / 100.0, given[:, 1]
    assert (rounded_up(60 * numbers * factors, 60) == 60 * given[:, 2]).all()
    assert (rounded_up(numbers / factors, 1) == given[:, 3]).all()


@pytest.mark.parametrize("column", ["duration_factor", "travel_speed_factor"])
@pytest.mark.parametrize("factor", [0.4, 2.1])
def test_factors_are_sensible(db: Connection, company: Company, column: str, factor: float) -> None:
    with refused(db, "23514"):
        company.add("technician_profiles", display_name="Ana", time_zone="UTC", **{column: factor})

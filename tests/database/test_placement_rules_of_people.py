"""What the judge has against a technician, rule by rule: working time, skills, zones, limits (BKG-5)."""

from __future__ import annotations

from datetime import date

import pytest

from support.booking import HERE, TEN_KM_NORTH, at, codes, conflicts
from support.factory import MONDAY, Company
from support.sql import Connection


@pytest.mark.parametrize(
    ("start", "expected"), [(8, []), (7.75, ["outside_shift"]), (16, []), (16.25, ["outside_shift"])]
)
def test_work_lies_within_the_shift(
    db: Connection, company: Company, start: float, expected: list[str]
) -> None:
    assert codes(db, company.job(), company.technician(shift=(8, 17)), starts_at=at(start)) == expected


def test_nobody_works_without_a_shift(db: Connection, company: Company) -> None:
    assert codes(db, company.job(), company.technician(shift=None), starts_at=at(9)) == ["outside_shift"]


def test_training_is_no_time_for_visits(db: Connection, company: Company) -> None:
    ana = company.technician(shift=None)
    company.shift(ana, 8, 17, shift_type="training")
    assert codes(db, company.job(), ana, starts_at=at(9)) == ["outside_shift"]


def test_time_off_blocks(db: Connection, company: Company) -> None:
    ana = company.technician()
    company.add(
        "technician_time_off", technician_id=ana["id"], starts_at=at(12), ends_at=at(13), reason="personal"
    )
    assert codes(db, company.job(), ana, starts_at=at(11.25)) == ["time_off"]
    assert codes(db, company.job(), ana, starts_at=at(11)) == []


def test_a_holiday_blocks_the_whole_company(db: Connection, company: Company) -> None:
    ana = company.technician()
    company.add("holidays", observed_on=MONDAY.date(), name="Founders' day")
    assert codes(db, company.job(), ana, starts_at=at(9)) == ["time_off"]
    assert codes(db, company.job(), ana, starts_at=at(9, day=1)) == []


def test_a_holiday_of_another_branch_does_not(db: Connection, company: Company) -> None:
    east, west = company.facility(), company.facility()
    company.add("holidays", facility_id=west["id"], observed_on=MONDAY.date(), name="Works outing")
    assert codes(db, company.job(), company.technician(facility_id=east["id"]), starts_at=at(9)) == []
    assert codes(db, company.job(), company.technician(facility_id=west["id"]), starts_at=at(9)) == [
        "time_off"
    ]


def test_busy_time_of_the_own_calendar_blocks(db: Connection, company: Company) -> None:
    ana = company.technician()
    db.execute(
        "insert into external_busy_times (org_id, technician_id, during, source, external_id)"
        " values (%s, %s, tstzrange(%s, %s), 'google', 'e1')",
        (company.id, ana["id"], at(9), at(10)),
    )
    assert codes(db, company.job(), ana, starts_at=at(9)) == ["busy_externally"]


def test_skills_must_be_there_at_their_level_and_in_date(db: Connection, company: Company) -> None:
    ana = company.technician({"hvac": 2})
    company.skill("gas")
    assert codes(db, company.job(required_skills={"hvac": 2}), ana, starts_at=at(9)) == []
    assert codes(db, company.job(required_skills={"hvac": 3}), ana, starts_at=at(9)) == ["skill_level"]
    assert codes(db, company.job(required_skills={"gas": 1}), ana, starts_at=at(9)) == ["skill_missing"]
    db.execute("update technician_skills set certified_until = %s", (date(2027, 2, 28),))
    assert codes(db, company.job(required_skills={"hvac": 2}), ana, starts_at=at(9)) == [
        "certification_expired"
    ]
    db.execute("update technician_skills set certified_until = %s", (MONDAY.date(),))
    assert codes(db, company.job(required_skills={"hvac": 2}), ana, starts_at=at(9)) == []


def test_a_crew_covers_the_skills_together(db: Connection, company: Company) -> None:
    ana, ben = company.technician({"hvac": 3}), company.technician({"gas": 3})
    job = company.job(required_skills={"hvac": 2, "gas": 2}, required_crew_size=2)
    assert codes(db, job, ana, ben, starts_at=at(9)) == []
    assert codes(db, job, ana, starts_at=at(9)) == ["crew_incomplete", "skill_missing"]


def test_zones_bind_whoever_has_one(db: Connection, company: Company) -> None:
    east, west = company.zone("1"), company.zone("2")
    ana = company.technician(default_service_zone_id=east["id"])
    anywhere = company.technician()
    home, away = (company.job(company.site(company.customer(), postal_code=code)) for code in ("1", "2"))
    nowhere = company.job()
    assert codes(db, home, ana, starts_at=at(9)) == []
    assert codes(db, away, ana, starts_at=at(9)) == ["out_of_zone"]
    assert codes(db, nowhere, ana, starts_at=at(9)) == ["out_of_zone"]
    assert codes(db, nowhere, anywhere, starts_at=at(9)) == []
    company.add("technician_service_zones", technician_id=ana["id"], service_zone_id=west["id"])
    assert codes(db, away, ana, starts_at=at(9)) == []


def test_an_org_may_make_zones_a_warning(db: Connection, company: Company) -> None:
    ana = company.technician(default_service_zone_id=company.zone("1")["id"])
    (found,) = conflicts(db, company.job(), ana, starts_at=at(9))
    assert (found["code"], found["severity"]) == ("out_of_zone", "hard_overridable")
    db.execute("update orgs set out_of_zone_is_soft = true where id = %s", (company.id,))
    (found,) = conflicts(db, company.job(), ana, starts_at=at(9))
    assert (found["code"], found["severity"]) == ("out_of_zone", "soft")


def test_the_daily_limit_counts_visits_and_driving(db: Connection, company: Company) -> None:
    home = company.add("customer_locations", kind="home_base", label="Ana's", **HERE)
    ana = company.technician(home_base_location_id=home["id"], max_daily_work_minutes=158)
    far = company.site(company.customer(), **TEN_KM_NORTH)
    company.visit(company.job(far), ana, starts_at=at(9))
    job = company.job(company.site(company.customer(), **TEN_KM_NORTH))
    assert codes(db, job, ana, starts_at=at(10)) == ["daily_limit"]
    db.execute("update technician_profiles set max_daily_work_minutes = 159")
    assert codes(db, job, ana, starts_at=at(10)) == []


def test_a_flexible_break_keeps_its_room(db: Connection, company: Company) -> None:
    ana = company.technician()
    company.add(
        "technician_time_off",
        technician_id=ana["id"],
        reason="break",
        minutes=30,
        starts_at=at(11.5),
        ends_at=at(13.5),
        recurrence_rule="FREQ=DAILY",
    )
    near, far = (company.site(company.customer(), **where) for where in (HERE, TEN_KM_NORTH))
    company.visit(company.job(near), ana, starts_at=at(11))
    assert codes(db, company.job(near), ana, starts_at=at(12.25)) == [
        "time_off"
    ]  # 15 minutes before, 15 after
    long_job = company.job(near, estimated_duration_minutes=120)
    assert codes(db, long_job, ana, starts_at=at(12.25)) == ["time_off"]
    assert codes(db, long_job, ana, starts_at=at(12.5)) == []
    assert codes(db, company.job(far, estimated_duration_minutes=120), ana, starts_at=at(12.5)) == [
        "time_off"
    ]


def test_another_technician_than_the_preferred_one_is_a_warning(db: Connection, company: Company) -> None:
    ana, ben = company.technician(), company.technician()
    job = company.job(preferred_technician_id=ana["id"])
    assert codes(db, job, ana, starts_at=at(9)) == []
    (found,) = conflicts(db, job, ben, starts_at=at(9))
    assert (found["code"], found["severity"]) == ("preference", "soft")


def test_inactive_people_and_finished_jobs_take_no_visits(db: Connection, company: Company) -> None:
    ana = company.technician(is_active=False)
    assert codes(db, company.job(), ana, starts_at=at(9)) == ["inactive"]
    canceled = company.job(status="canceled", cancel_reason="duplicate")
    assert codes(db, canceled, company.technician(), starts_at=at(9)) == ["inactive"]

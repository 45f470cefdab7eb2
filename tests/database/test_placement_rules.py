"""Each conflict code of the judge, with a placement that has it and one next to it that has not (BKG-5)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from support.booking import at, call, codes, conflicts
from support.factory import CITY, MONDAY, Company
from support.sql import Connection, value

HERE = {"latitude": CITY[0], "longitude": CITY[1]}
TEN_KM_NORTH = {
    "latitude": CITY[0] + 10 / 111.2,
    "longitude": CITY[1],
}  # 20 minutes at 40 km/h and detour 1.3


def test_nothing_stands_in_the_way_of_a_free_technician(db: Connection, company: Company) -> None:
    assert codes(db, company.job(), company.technician(), starts_at=at(9)) == []


def test_a_second_visit_at_the_same_time_overlaps(db: Connection, company: Company) -> None:
    ana = company.technician()
    company.visit(company.job(), ana, starts_at=at(9))
    site = company.site(company.customer(), **HERE)
    assert "technician_overlap" in codes(db, company.job(site), ana, starts_at=at(9.5))


def test_a_visit_that_starts_as_another_ends_does_not_overlap(db: Connection, company: Company) -> None:
    ana = company.technician()
    site = company.site(company.customer(), **HERE)
    company.visit(company.job(site), ana, starts_at=at(9))
    assert codes(db, company.job(company.site(company.customer(), **HERE)), ana, starts_at=at(10)) == []


def test_buffers_belong_to_the_claim(db: Connection, company: Company) -> None:
    ana = company.technician()
    service = company.service(buffer_before_minutes=15, buffer_after_minutes=15)
    site = company.site(company.customer(), **HERE)
    company.visit(company.job(site), ana, starts_at=at(9))
    again = company.job(company.site(company.customer(), **HERE), service)
    assert codes(db, again, ana, starts_at=at(10)) == ["technician_overlap"]
    assert codes(db, again, ana, starts_at=at(10.25)) == []


def test_a_second_lane_takes_a_second_visit_and_no_third(db: Connection, company: Company) -> None:
    ana = company.technician(max_concurrent_jobs=2)
    company.visit(company.job(), ana, starts_at=at(9))
    assert codes(db, company.job(), ana, starts_at=at(9)) == []
    company.visit(company.job(), ana, starts_at=at(9))
    assert codes(db, company.job(), ana, starts_at=at(9)) == ["concurrent_limit"]


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


def test_driving_from_the_visit_before_and_to_the_next_counts(db: Connection, company: Company) -> None:
    ana = company.technician()
    near, far = (company.site(company.customer(), **where) for where in (HERE, TEN_KM_NORTH))
    company.visit(company.job(near), ana, starts_at=at(9))
    company.visit(company.job(near), ana, starts_at=at(14))
    job = company.job(far)
    (found,) = conflicts(db, job, ana, starts_at=at(10.25))
    assert (found["code"], found["data"]["minutes_short"]) == ("travel_before", 5)
    assert codes(db, job, ana, starts_at=at(10.5)) == []
    (found,) = conflicts(db, job, ana, starts_at=at(12.75))
    assert (found["code"], found["data"]["minutes_short"]) == ("travel_after", 5)
    assert codes(db, job, ana, starts_at=at(12.5)) == []


def test_driving_from_and_to_home_lies_within_the_shift(db: Connection, company: Company) -> None:
    home = company.add("customer_locations", kind="home_base", label="Ana's", **HERE)
    ana = company.technician(home_base_location_id=home["id"])
    job = company.job(company.site(company.customer(), **TEN_KM_NORTH))
    assert codes(db, job, ana, starts_at=at(8.25)) == ["travel_before"]
    assert codes(db, job, ana, starts_at=at(8.5)) == []
    assert codes(db, job, ana, starts_at=at(15.75)) == ["travel_after"]
    assert codes(db, job, ana, starts_at=at(15.5)) == []


def test_a_site_without_coordinates_costs_no_driving(db: Connection, company: Company) -> None:
    home = company.add("customer_locations", kind="home_base", label="Ana's", **HERE)
    ana = company.technician(home_base_location_id=home["id"])
    job = company.job(company.site(company.customer(), latitude=None, longitude=None))
    assert codes(db, job, ana, starts_at=at(8)) == []


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


def test_the_sla_bounds_the_work(db: Connection, company: Company) -> None:
    ana = company.technician()
    job = company.job(sla_start_at=at(9), sla_end_at=at(12))
    assert codes(db, job, ana, starts_at=at(8)) == ["sla_missed"]
    assert codes(db, job, ana, starts_at=at(11)) == []
    (late,) = conflicts(db, job, ana, starts_at=at(11.5))
    assert (late["code"], late["data"]["minutes_late"]) == ("sla_missed", 30)


def test_windows_bound_the_start_and_only_a_selected_one_counts(db: Connection, company: Company) -> None:
    ana, job = company.technician(), company.job()
    morning = {"window_start": at(8), "window_end": at(10)}
    evening = {"window_start": at(14), "window_end": at(16)}
    company.add("job_time_windows", dispatch_job_id=job["id"], **morning)
    company.add("job_time_windows", dispatch_job_id=job["id"], **evening)
    assert codes(db, job, ana, starts_at=at(10)) == []
    (found,) = conflicts(db, job, ana, starts_at=at(11))
    assert (found["code"], found["severity"]) == ("customer_window", "soft")
    db.execute(
        "update job_time_windows set is_selected = true, source = 'customer_selected' where window_start = %s",
        (at(14),),
    )
    (found,) = conflicts(db, job, ana, starts_at=at(10))
    assert (found["code"], found["severity"]) == ("customer_window", "hard_overridable")


def test_moving_a_visit_out_of_its_promised_window_is_a_conflict(db: Connection, company: Company) -> None:
    ana, job = company.technician(), company.job()
    visit = company.visit(job, ana, starts_at=at(9), arrival_window_start=at(9), arrival_window_end=at(11))
    assert codes(db, job, ana, starts_at=at(11), appointment_id=visit["id"]) == []
    (found,) = conflicts(db, job, ana, starts_at=at(12), appointment_id=visit["id"])
    assert (found["code"], found["severity"]) == ("customer_window", "hard_overridable")


def test_two_visits_at_one_customer_at_once_are_a_warning(db: Connection, company: Company) -> None:
    site = company.site(company.customer())
    company.visit(company.job(site), company.technician(), starts_at=at(9))
    (found,) = conflicts(db, company.job(site), company.technician(), starts_at=at(9.5))
    assert (found["code"], found["severity"]) == ("customer_overlap", "soft")


def test_the_visits_of_a_job_come_one_after_the_other(db: Connection, company: Company) -> None:
    ana, ben = company.technician(), company.technician()
    job = company.job(visits_planned=3)
    first = company.visit(job, ana, starts_at=at(9))
    second = company.visit(job, ben, starts_at=at(14), visit_number=2)
    found = conflicts(db, job, ben, starts_at=at(12))
    assert [(one["code"], one["severity"]) for one in found] == [("visit_order", "hard_overridable")]
    assert found[0]["data"]["appointment_id"] == str(second["id"])
    assert codes(db, job, ana, starts_at=at(15)) == []

    assert codes(db, job, ana, starts_at=at(13), appointment_id=first["id"]) == []
    assert codes(db, job, ana, starts_at=at(13.5), appointment_id=first["id"]) == [
        "customer_overlap",
        "visit_order",
    ]
    assert codes(db, job, ana, starts_at=at(15.5), appointment_id=first["id"]) == ["visit_order"]
    assert codes(db, job, ben, starts_at=at(10), appointment_id=second["id"]) == []
    assert codes(db, job, ben, starts_at=at(8), appointment_id=second["id"]) == ["visit_order"]
    call(db, "cancel_appointment", appointment_id=second["id"], reason="duplicate")
    assert codes(db, job, ben, starts_at=at(12)) == []


def test_only_times_after_a_job_s_other_visits_are_offered(db: Connection, company: Company) -> None:
    ana, ben = company.technician(), company.technician()
    job = company.job(visits_planned=2)
    visit = company.visit(job, ana, starts_at=at(13))
    wanted = {"job_id": job["id"], "technician_ids": [ben["id"]], "earliest": at(8), "latest": at(17)}
    assert {slot["starts_at"] >= visit["ends_at"] for slot in call(db, "find_slots", **wanted)} == {True}


def test_another_technician_than_the_preferred_one_is_a_warning(db: Connection, company: Company) -> None:
    ana, ben = company.technician(), company.technician()
    job = company.job(preferred_technician_id=ana["id"])
    assert codes(db, job, ana, starts_at=at(9)) == []
    (found,) = conflicts(db, job, ben, starts_at=at(9))
    assert (found["code"], found["severity"]) == ("preference", "soft")


def test_the_past_is_over(db: Connection, company: Company) -> None:
    ana = company.technician(shift=None)
    yesterday = value(db, "select date_trunc('hour', now()) - interval '1 day'")
    assert isinstance(yesterday, datetime)
    company.add(
        "technician_shifts",
        technician_id=ana["id"],
        starts_at=yesterday,
        ends_at=yesterday + timedelta(hours=2),
    )
    assert codes(db, company.job(), ana, starts_at=yesterday) == ["in_the_past"]


def test_inactive_people_and_finished_jobs_take_no_visits(db: Connection, company: Company) -> None:
    ana = company.technician(is_active=False)
    assert codes(db, company.job(), ana, starts_at=at(9)) == ["inactive"]
    canceled = company.job(status="canceled", cancel_reason="duplicate")
    assert codes(db, canceled, company.technician(), starts_at=at(9)) == ["inactive"]


def shop(company: Company, **service: Any) -> tuple[Any, Any, Any]:
    """Return a facility with a lift bay that is open 8 to 18, and a job of a service done in bays."""
    facility = company.facility()
    for weekday in range(1, 6):
        company.add(
            "operating_hours",
            facility_id=facility["id"],
            weekday=weekday,
            opens_at="08:00",
            closes_at="18:00",
        )
    bay = company.bay(facility, bay_type="lift")
    job = company.job(service=company.service(place_kind="bay", **service))
    return facility, bay, job


def test_bay_work_needs_a_bay_of_its_type(db: Connection, company: Company) -> None:
    facility, bay, job = shop(company, bay_types=["lift"])
    ana = company.technician()
    assert codes(db, job, ana, starts_at=at(9)) == ["place_kind"]
    assert codes(db, job, ana, starts_at=at(9), resource_id=bay["id"]) == []
    wrong = company.bay(facility, bay_type="tire")
    assert codes(db, job, ana, starts_at=at(9), resource_id=wrong["id"]) == ["bay_type"]
    van = company.add("resources", facility_id=facility["id"], kind="mobile_unit", name="Van 1")
    assert codes(db, job, ana, starts_at=at(9), resource_id=van["id"]) == ["place_kind"]


def test_a_bay_holds_one_visit(db: Connection, company: Company) -> None:
    facility, bay, job = shop(company)
    company.visit(
        company.job(), company.technician(), starts_at=at(9), bay_id=bay["id"], facility_id=facility["id"]
    )
    assert codes(db, job, company.technician(), starts_at=at(9.5), resource_id=bay["id"]) == [
        "resource_overlap"
    ]


def test_a_shop_works_in_its_opening_hours(db: Connection, company: Company) -> None:
    _, bay, job = shop(company)
    ana = company.technician(shift=(6, 20))
    assert codes(db, job, ana, starts_at=at(7.5), resource_id=bay["id"]) == ["outside_operating_hours"]
    assert codes(db, job, ana, starts_at=at(17), resource_id=bay["id"]) == []
    company.add("holidays", observed_on=MONDAY.date(), name="Founders' day")
    assert codes(db, job, ana, starts_at=at(9), resource_id=bay["id"]) == [
        "outside_operating_hours",
        "time_off",
    ]


def test_a_facility_has_a_daily_capacity(db: Connection, company: Company) -> None:
    facility, bay, job = shop(company)
    db.execute("update facilities set daily_capacity = 2 where id = %s", (facility["id"],))
    company.visit(company.job(), company.technician(), starts_at=at(9), facility_id=facility["id"])
    assert codes(db, job, company.technician(), starts_at=at(9), resource_id=bay["id"]) == [
        "capacity_near_limit"
    ]
    company.visit(company.job(), company.technician(), starts_at=at(9), facility_id=facility["id"])
    assert codes(db, job, company.technician(), starts_at=at(9), resource_id=bay["id"]) == ["capacity_full"]


def test_a_mobile_unit_has_a_reach(db: Connection, company: Company) -> None:
    facility = company.facility()
    van = company.add("resources", facility_id=facility["id"], kind="mobile_unit", name="Van 1")
    service = company.service(mobile_eligible=True, mobile_max_distance_m=5000)
    near, far = (
        company.job(company.site(company.customer(), **where), service) for where in (HERE, TEN_KM_NORTH)
    )
    assert codes(db, near, company.technician(), starts_at=at(9), resource_id=van["id"]) == []
    assert codes(db, far, company.technician(), starts_at=at(9), resource_id=van["id"]) == ["place_kind"]


def test_all_conflicts_come_at_once_worst_first(db: Connection, company: Company) -> None:
    ana = company.technician()
    company.visit(company.job(), ana, starts_at=at(9))
    company.skill("gas")
    job = company.job(
        required_skills={"gas": 1}, sla_end_at=at(9), preferred_technician_id=company.technician()["id"]
    )
    found = conflicts(db, job, ana, starts_at=at(9))
    assert [conflict["code"] for conflict in found] == [
        "technician_overlap",
        "skill_missing",
        "sla_missed",
        "preference",
    ]
    assert all(conflict["message"].endswith(".") for conflict in found)


def test_every_code_of_the_contract_has_a_severity_and_the_hard_ones_stay_hard(db: Connection) -> None:
    hard = value(
        db, "select array_agg(code order by code) from private.conflict_codes where severity = 'hard'"
    )
    assert hard == [
        "bay_type",
        "capacity_full",
        "crew_incomplete",
        "equipment_missing",
        "inactive",
        "outside_operating_hours",
        "resource_overlap",
        "technician_overlap",
    ]
    assert value(db, "select count(*) from private.conflict_codes") == 30
    assert call(db, "job_queue", org_id=value(db, "select gen_random_uuid()")) == []


def test_a_held_time_is_driven_to_and_from_like_a_booked_one(db: Connection, company: Company) -> None:
    ana = company.technician()
    company.add(
        "reservations",
        technician_id=ana["id"],
        during=f"[{at(9).isoformat()},{at(10).isoformat()})",
        kind="held",
        hold_token=uuid4(),
        hold_expires_at=MONDAY + timedelta(days=1),
        **TEN_KM_NORTH,
    )
    job = company.job(company.site(company.customer(), **HERE))
    assert codes(db, job, ana, starts_at=at(10)) == ["travel_before"]
    assert codes(db, job, ana, starts_at=at(10.5)) == []


def test_who_has_several_visits_at_once_drives_to_each_from_home(db: Connection, company: Company) -> None:
    home = company.add("customer_locations", kind="home_base", **HERE)
    ana = company.technician(
        max_concurrent_jobs=2, max_daily_work_minutes=160, home_base_location_id=home["id"]
    )
    company.visit(company.job(company.site(company.customer(), **TEN_KM_NORTH)), ana, starts_at=at(9))
    near = company.job(company.site(company.customer(), **TEN_KM_NORTH))
    assert codes(db, near, ana, starts_at=at(9)) == []
    db.execute("update technician_profiles set max_daily_work_minutes = 155")
    assert codes(db, near, ana, starts_at=at(9)) == ["daily_limit"]

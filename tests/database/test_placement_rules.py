"""Each conflict code of the judge, with a placement that has it and one next to it that has not (BKG-5)."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

from support.booking import HERE, TEN_KM_NORTH, at, call, codes, conflicts
from support.factory import MONDAY, Company
from support.sql import Connection, value


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

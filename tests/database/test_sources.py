"""Appointments from estimates and work orders: the acceptance criteria of creation, AC1 to AC5 (BKG-10, BKG-11)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from support.booking import at, call, refusal
from support.factory import Company
from support.noon import zone_at_noon
from support.sql import AsUser, Connection, Row, one, refused, rows, value


def estimate(company: Company, service: Row | None = None, **values: Any) -> Row:
    """Add an approved estimate for a new customer."""
    site = company.site(company.customer())
    defaults = {"customer_id": site["customer_id"], "location_id": site["id"], "status": "approved"}
    return company.add("estimates", **defaults | {"service_id": service["id"] if service else None} | values)


def work_order(company: Company, of: Row, **values: Any) -> Row:
    """Add an approved work order for an estimate."""
    return company.add(
        "work_orders",
        **{"estimate_id": of["id"], "customer_id": of["customer_id"], "status": "approved"} | values,
    )


def appoint(db: Connection, source: Row, kind: str = "estimate", **arguments: Any) -> Row:
    """Make the appointment."""
    made: Row = call(
        db,
        "appointment_from_source",
        **{"source_type": kind, "source_id": source["id"], "starts_at": at(9)} | arguments,
    )
    return made


def test_ac1_an_eligible_estimate_becomes_an_appointment(db: Connection, company: Company) -> None:
    ana, service = company.technician({"hvac": 3}), company.service({"hvac": 2})
    source = estimate(company, service, description="Rattles", estimated_duration_minutes=90)
    made = appoint(db, source)
    assert made["estimate_id"] == str(source["id"])
    assert [part["technician_id"] for part in made["assignments"]] == [str(ana["id"])]
    job = one(db, "select * from dispatch_jobs where related_estimate_id = %s", (source["id"],))
    assert (job["description"], job["title"], job["required_skills"]) == (
        "Rattles",
        service["name"],
        {"hvac": 2},
    )
    assert value(db, "select status from estimates where id = %s", (source["id"],)) == "scheduled"
    assert value(db, "select count(*) from domain_events where type = 'estimate.status_changed'") == 1


def test_ac1_links_never_change(db: Connection, company: Company) -> None:
    company.technician()
    made = appoint(db, estimate(company))
    with refused(db, "PT409", "source_link_is_immutable"):
        db.execute("update appointments set estimate_id = null where id = %s", (made["id"],))


@pytest.mark.parametrize("status", ["draft", "completed", "canceled"])
def test_ac1_only_quoted_or_approved_sources_are_eligible(
    db: Connection, company: Company, status: str
) -> None:
    company.technician()
    with refused(db, "PT409", "source_not_eligible"):
        appoint(db, estimate(company, status=status))


def test_ac1_a_source_has_one_active_appointment(db: Connection, company: Company) -> None:
    company.technician()
    source = estimate(company)
    made = appoint(db, source)
    with refused(db, "PT409", "source_already_scheduled"):
        appoint(db, source, starts_at=at(12))
    call(db, "cancel_appointment", appointment_id=made["id"], reason="customer_request")
    assert value(db, "select status from estimates where id = %s", (source["id"],)) == "approved"
    assert appoint(db, source, starts_at=at(12))["status"] == "scheduled"


def test_ac1_unless_it_allows_several(db: Connection, company: Company) -> None:
    company.technician()
    source = estimate(company, allows_multiple_appointments=True)
    appoint(db, source)
    appoint(db, source, starts_at=at(13))
    assert value(db, "select count(*) from appointments where estimate_id = %s", (source["id"],)) == 2


def test_ac2_conflicts_come_with_alternatives_and_can_be_overridden(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    ana = company.technician()
    source = estimate(company)
    company.visit(company.job(company.site({"id": source["customer_id"]})), ana, starts_at=at(9))
    with refused(db, "PT409", "placement_conflict") as caught:
        appoint(db, source, technician_ids=[ana["id"]])
    told = refusal(caught.value)
    assert "technician_overlap" in [conflict["code"] for conflict in told["conflicts"]]
    assert told["alternatives"]["same_day"]
    with as_user(company.member("dispatcher")):
        made = appoint(
            db,
            source,
            technician_ids=[ana["id"]],
            starts_at=at(6),
            override={"reason": "Urgent", "codes": ["outside_shift"]},
        )
    assert value(db, "select codes from scheduling_overrides where appointment_id = %s", (made["id"],)) == [
        "outside_shift"
    ]


def test_ac3_a_bay_is_chosen_at_once_and_technicians_by_strategy(db: Connection, company: Company) -> None:
    facility = company.facility()
    bay = company.bay(facility, bay_type="lift")
    company.bay(facility, bay_type="tire")
    company.technician()
    service = company.service(place_kind="bay", bay_types=["lift"])
    company.add(
        "assignment_strategies", facility_id=facility["id"], service_id=service["id"], strategy="deferred"
    )
    company.add("assignment_strategies", strategy="automatic")
    made = appoint(db, estimate(company, service), starts_at=at(9, day=2))
    assert made["bay_id"] == str(bay["id"])
    assert (made["strategy"], made["assignment_status"], made["assignments"]) == ("deferred", "deferred", [])
    assert made["assign_by"] == (at(17, day=1)).isoformat()
    (waiting,) = call(db, "unassigned_appointments", org_id=company.id)
    assert str(waiting["id"]) == made["id"]


def test_ac3_a_deferred_assignment_is_done_before_the_weekend(db: Connection, company: Company) -> None:
    company.add("assignment_strategies", strategy="deferred")
    company.technician()
    made = appoint(db, estimate(company), starts_at=at(9, day=7))
    assert made["assign_by"] == at(17, day=4).isoformat()


def test_ac3_and_within_two_hours_for_the_same_day(db: Connection) -> None:
    company = Company(db, time_zone=zone_at_noon())
    company.add("assignment_strategies", strategy="deferred")
    soon = value(db, "select now() + interval '5 hours'")
    made = appoint(db, estimate(company), starts_at=soon)
    assert value(db, "select %s::timestamptz - now()", (made["assign_by"],)) == timedelta(hours=2)


def test_ac3_a_deferred_visit_gets_its_technician_later(db: Connection, company: Company) -> None:
    company.add("assignment_strategies", strategy="manual")
    ana = company.technician()
    made = appoint(db, estimate(company))
    assert made["assignment_status"] == "unassigned"
    call(db, "assign_technician", appointment_id=made["id"], technician_id=ana["id"])
    assert value(db, "select assignment_status from appointments where id = %s", (made["id"],)) == "assigned"


def test_ac4_work_execution_knows_the_duration_best(db: Connection, company: Company) -> None:
    company.technician()
    quote = estimate(company, company.service(standard_duration_minutes=60), estimated_duration_minutes=60)
    order = work_order(company, quote, estimated_duration_minutes=120)
    made = appoint(db, order, "work_order")
    assert made["ends_at"] == at(11).isoformat()
    assert {warning["source"] for warning in made["warnings"]} == {"estimate", "service"}
    assert value(db, "select count(*) from domain_events where type = 'work_order.scheduled'") == 1


@pytest.mark.parametrize(
    ("minutes", "reason", "code"), [(130, None, "duration_reason_needed"), (0, "x", "duration_invalid")]
)
def test_ac4_another_duration_needs_a_reason(
    db: Connection, company: Company, minutes: int, reason: str | None, code: str
) -> None:
    company.technician()
    source = estimate(company, estimated_duration_minutes=100)
    with refused(db, "PT400", code):
        appoint(db, source, duration_minutes=minutes, duration_reason=reason)


def test_ac4_a_quarter_is_the_schedulers_and_more_needs_approval(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    company.technician()
    advisor, manager = company.member("service_advisor"), company.member("shop_manager")
    first, second = (estimate(company, estimated_duration_minutes=100) for _ in range(2))
    with as_user(advisor):
        made = appoint(db, first, duration_minutes=125, duration_reason="Old pipes")
        assert made["ends_at"] == (at(9) + timedelta(minutes=125)).isoformat()
        with refused(db, "42501", "permission_missing"):
            appoint(db, second, starts_at=at(13), duration_minutes=126, duration_reason="Old pipes")
    with as_user(manager):
        appoint(db, second, starts_at=at(13), duration_minutes=126, duration_reason="Old pipes")


def test_ac5_nobody_qualified_makes_an_appointment_that_awaits_skills(
    db: Connection, company: Company
) -> None:
    company.technician({"hvac": 1})
    source = estimate(company, company.service({"hvac": 3}))
    made = appoint(db, source)
    assert (made["assignment_status"], made["assignments"]) == ("awaiting_skill_fulfillment", [])
    (event,) = rows(db, "select data from domain_events where type = 'appointment.needs_skill_resolution'")
    assert event["data"]["required_skills"] == {"hvac": 3}


def test_the_same_key_makes_one_appointment(db: Connection, company: Company) -> None:
    company.technician()
    source = estimate(company)
    assert appoint(db, source, idempotency_key="k") == appoint(db, source, idempotency_key="k")


def test_a_stranger_finds_no_source(db: Connection, company: Company, as_user: AsUser) -> None:
    source = estimate(company)
    with as_user(Company(db).member("owner")), refused(db, "PT404", "source_not_found"):
        appoint(db, source)
    with refused(db, "PT400", "source_type_unknown"):
        appoint(db, source, "invoice")

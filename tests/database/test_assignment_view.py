"""The assignment view, criterion by criterion: who and where, for whom, how old, with notes (AVL-8, JOB-7)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.booking import at, book, call
from support.factory import Company
from support.sql import AsUser, Connection, one, refused, rows, value


def test_view_shows_assigned_partly_assigned_and_unassigned_visits(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    bay = company.bay(company.facility(), name="Bay 3")
    service = company.service(place_kind="bay", crew_size=2)
    ana, ben = (company.technician(display_name=name) for name in ("Ana Ruiz", "Ben Ode"))
    visit = book(db, company.job(service=service), ana, ben, starts_at=at(9), resource_id=bay["id"])
    seen = "select assignment_status::text as status, summary from assignment_views"
    summaries = []
    for leaving in (None, ana, ben):
        if leaving:
            call(
                db,
                "unassign_technician",
                appointment_id=visit["id"],
                technician_id=leaving["id"],
                reason="sick",
            )
        with as_user(company.member("service_advisor")):
            summaries.append(one(db, seen))
    assert summaries == [
        {"status": "assigned", "summary": "Bay 3 - Ana Ruiz, Ben Ode"},
        {"status": "partly_assigned", "summary": "Bay 3 - Ben Ode"},
        {"status": "unassigned", "summary": "Bay 3 - Unassigned"},
    ]


def test_view_hides_canceled_visits_from_those_who_may_not_see_them(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    visit = book(db, company.job(), company.technician(), starts_at=at(9))
    call(db, "cancel_appointment", appointment_id=visit["id"], reason="weather")
    db.execute(
        "delete from role_permissions where role = 'office' and permission = 'view_cancelled_appointments'"
    )
    for role, number in (("dispatcher", 1), ("office", 0)):
        with as_user(company.member(role)):
            assert value(db, "select count(*) from assignment_views") == number


def test_view_changes_are_broadcast_with_the_change(db: Connection, company: Company) -> None:
    visit = book(db, company.job(), company.technician(), starts_at=at(9))
    db.execute("delete from realtime.messages")
    other = company.technician()
    call(
        db,
        "assign_technician",
        appointment_id=visit["id"],
        technician_id=other["id"],
        replaces_technician_id=visit["assignments"][0]["technician_id"],
    )
    topics = {row["topic"] for row in rows(db, "select topic from realtime.messages")}
    assert {f"org:{company.id}:schedule", f"technician:{other['id']}"} <= topics
    assert value(db, "select count(*) from domain_events where type = 'appointment.assignment_changed'") == 3


@pytest.mark.parametrize(
    ("age", "stale", "available"), [(5, False, True), (31, True, True), (61, True, False)]
)
def test_view_the_position_of_a_mobile_unit_has_an_age(
    db: Connection, company: Company, as_user: AsUser, age: int, *, stale: bool, available: bool
) -> None:
    facility = company.facility()
    van = company.add("resources", facility_id=facility["id"], kind="mobile_unit", name="Van 2")
    ana = company.technician(display_name="Ana Ruiz")
    visit = company.visit(
        company.job(), ana, starts_at=at(9), mobile_unit_id=van["id"], facility_id=facility["id"]
    )
    db.execute(
        "insert into technician_locations (org_id, resource_id, latitude, longitude, recorded_at)"
        " values (%s, %s, 43, -89, now() - make_interval(mins => %s))",
        (company.id, van["id"], age),
    )
    with as_user(company.member("dispatcher")):
        seen = one(db, "select * from assignment_views where appointment_id = %s", (visit["id"],))
    assert (seen["place_kind"], seen["summary"]) == ("mobile_unit", "Van 2 - Ana Ruiz")
    assert (seen["mobile_position_is_stale"], seen["mobile_position_is_available"]) == (stale, available)


def test_view_an_advisor_sees_the_own_facility_and_a_cashier_nothing(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    east, west = company.facility(), company.facility()
    for facility in (east, west):
        company.visit(
            company.job(), facility_id=facility["id"], bay_id=company.bay(facility)["id"], starts_at=at(9)
        )
    advisor = company.member("service_advisor", facility=east)
    with as_user(advisor):
        seen = rows(db, "select facility_id, summary, starts_at from assignment_views")
    assert [row["facility_id"] for row in seen] == [east["id"]]
    assert seen[0]["summary"].endswith(" - Unassigned")
    with as_user(company.member("cashier")):
        assert rows(db, "select * from assignment_views") == []
    assert seen[0]["starts_at"] - at(9) == timedelta(0)


def test_view_notes_keep_every_version_and_refuse_a_stale_one(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    visit = book(db, company.job(), company.technician(), starts_at=at(9))
    part = visit["assignments"][0]["id"]
    manager, advisor = company.member("shop_manager"), company.member("service_advisor")
    with as_user(manager):
        call(db, "edit_assignment_notes", assignment_id=part, notes="Side door")
        with refused(db, "PT409", "notes_changed"):
            call(db, "edit_assignment_notes", assignment_id=part, notes="Back door")
        call(db, "edit_assignment_notes", assignment_id=part, notes="Back door", version=1)
        with refused(db, "PT400", "notes_too_long"):
            call(db, "edit_assignment_notes", assignment_id=part, notes="x" * 501, version=2)
    with as_user(advisor), refused(db, "42501", "permission_missing"):
        call(db, "edit_assignment_notes", assignment_id=part, notes="Front door", version=2)
    kept = rows(db, "select version, notes, written_by_user_id from assignment_notes order by version")
    assert [(row["version"], row["notes"], row["written_by_user_id"]) for row in kept] == [
        (1, "Side door", manager),
        (2, "Back door", manager),
    ]


def test_view_notes_of_a_canceled_visit_are_for_those_who_see_canceled_visits(
    db: Connection, company: Company, as_user: AsUser
) -> None:
    visit = book(db, company.job(), company.technician(), starts_at=at(9))
    part = visit["assignments"][0]["id"]
    call(db, "edit_assignment_notes", assignment_id=part, notes="Side door")
    dispatcher, office = company.member("dispatcher"), company.member("office")
    company.db.execute(
        "delete from role_permissions where role = 'office' and permission = 'view_cancelled_appointments'"
    )
    seen = "select count(*) from public.assignment_notes"
    with as_user(office):
        assert value(db, seen) == 1
    call(db, "cancel_appointment", appointment_id=visit["id"], reason="weather")
    for somebody, number in ((dispatcher, 1), (office, 0)):
        with as_user(somebody):
            assert value(db, seen) == number

"""The people of a visit, replaced, taken off and added one by one (JOB-8)."""

from __future__ import annotations

from uuid import UUID

from support.booking import at, book, call, codes, ledger
from support.factory import Company
from support.sql import Connection, Row, refused, rows, value


def crew(db: Connection, visit: Row) -> dict[UUID, tuple[str, bool]]:
    """Return status and primacy of each technician still on the visit."""
    return {
        part["technician_id"]: (part["status"], part["is_primary_technician"])
        for part in rows(
            db,
            "select * from job_assignments where appointment_id = %s and status not in ('canceled', 'declined')",
            (visit["id"],),
        )
    }


def test_one_member_of_a_crew_is_replaced(db: Connection, company: Company) -> None:
    ana, ben, cid = (company.technician() for _ in range(3))
    visit = book(db, company.job(required_crew_size=2), ana, ben, starts_at=at(9))
    call(
        db,
        "assign_technician",
        appointment_id=visit["id"],
        technician_id=cid["id"],
        replaces_technician_id=ana["id"],
    )
    assert crew(db, visit) == {ben["id"]: ("assigned", False), cid["id"]: ("assigned", True)}
    assert ledger(db, ana["id"]) == []
    assert len(ledger(db, cid["id"])) == 1
    assert value(db, "select assignment_status from appointments") == "assigned"


def test_a_busy_replacement_is_refused_and_the_crew_stays(db: Connection, company: Company) -> None:
    ana, ben, cid = (company.technician() for _ in range(3))
    visit = book(db, company.job(required_crew_size=2), ana, ben, starts_at=at(9))
    company.visit(company.job(), cid, starts_at=at(9))
    with refused(db, "PT409", "placement_conflict"):
        call(
            db,
            "assign_technician",
            appointment_id=visit["id"],
            technician_id=cid["id"],
            replaces_technician_id=ana["id"],
        )
    assert set(crew(db, visit)) == {ana["id"], ben["id"]}


def test_taking_the_primary_off_leaves_another_in_charge(db: Connection, company: Company) -> None:
    ana, ben = company.technician(), company.technician()
    visit = book(db, company.job(required_crew_size=2), ana, ben, starts_at=at(9))
    call(db, "unassign_technician", appointment_id=visit["id"], technician_id=ana["id"], reason="Sick")
    assert crew(db, visit) == {ben["id"]: ("assigned", True)}
    assert value(db, "select assignment_status from appointments") == "partly_assigned"
    assert value(db, "select reason from audit_log where reason is not null limit 1") == "Sick"


def test_a_crew_is_put_together_one_by_one(db: Connection, company: Company) -> None:
    ana, ben = company.technician({"hvac": 2}), company.technician({"gas": 2})
    job = company.job(required_skills={"hvac": 2, "gas": 2}, required_crew_size=2)
    visit = company.visit(job, starts_at=at(9), crew_size=2)
    call(db, "assign_technician", appointment_id=visit["id"], technician_id=ana["id"])
    other = company.technician({"hvac": 2})
    with refused(db, "PT409", "placement_conflict"):
        call(db, "assign_technician", appointment_id=visit["id"], technician_id=other["id"])
    call(db, "assign_technician", appointment_id=visit["id"], technician_id=ben["id"])
    assert value(db, "select assignment_status from appointments") == "assigned"
    assert codes(db, job, ana, ben, starts_at=at(9), appointment_id=visit["id"]) == []

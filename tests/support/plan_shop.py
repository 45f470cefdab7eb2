"""A company with proposals written by hand, and what applies them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from support import sql
from support.booking import HERE, at
from support.factory import Company
from support.plan import assignment_of, propose, run_for, stop
from support.sql import Connection, Row


@dataclass
class Shop:
    """A company with two technicians without home, whose customers all live at one place: no driving."""

    company: Company
    dispatcher: UUID
    ann: Row
    bob: Row
    site: Row

    def job(self, **values: Any) -> Row:
        """Add an unscheduled job of one hour at the customers' place."""
        return self.company.job(self.site, **values)

    def booked(self, technician: Row, hour: float, **values: Any) -> tuple[Row, Row]:
        """Book a job of one hour; return it and its assignment."""
        job = self.job(**values)
        return job, assignment_of(
            self.company, self.company.visit(job, technician, starts_at=at(hour), visit_number=None)
        )

    def stop(self, job: Row, hour: float, assignment: Row | None = None) -> dict[str, Any]:
        """Describe a visit of a job."""
        return stop(self.company, job, hour, assignment=assignment)

    def propose(self, *routes: tuple[Row, list[dict[str, Any]]], **values: Any) -> Row:
        """Write a proposal for the dispatcher."""
        return propose(self.company, run_for(self.company, self.dispatcher), routes, **values)

    def assignment(self, job: Row) -> Row:
        """Return the assignment that is in force."""
        return sql.one(
            self.company.db,
            "select * from public.job_assignments where dispatch_job_id = %s and status <> 'canceled'",
            (job["id"],),
        )

    @classmethod
    def opened(cls, db: Connection) -> Shop:
        """Add the company."""
        company = Company(db)
        return cls(
            company,
            company.member("dispatcher"),
            company.technician(),
            company.technician(),
            company.site(company.customer(), **HERE),
        )


def apply(db: Connection, run: Row, *, accept: list[UUID] | None = None, key: str | None = None) -> Any:
    """Apply a proposal as it was read; return the counts."""
    return sql.value(
        db,
        "select public.apply_plan(%s, %s, %s, %s)",
        (run["id"], run["base_revision"], accept, key),
    )


def ledger(db: Connection) -> set[tuple[Any, ...]]:
    """Return whose time is claimed, for which visit and from when to when."""
    return {
        (row["technician_id"], row["appointment_id"], row["during"].lower, row["during"].upper)
        for row in sql.rows(db, "select * from public.reservations where released_at is null")
    }

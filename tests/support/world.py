"""The company that the clients of a booking history work for."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from support.factory import Company
from support.history import Operation, State
from support.sql import Connection, rows


@dataclass
class World:
    """A company all clients work for: technicians round the clock on MONDAY, a job for each booking."""

    company: Company
    technicians: list[str]
    jobs: list[str]
    crews: list[str]  # jobs for two
    hours: int
    lock: threading.Lock = field(default_factory=threading.Lock)
    visits: dict[str, list[str]] = field(default_factory=dict)  # those somebody heard of, with their crews
    tokens: list[tuple[str, Operation]] = field(default_factory=list)

    @classmethod
    def build(cls, db: Connection, jobs: int, technicians: int = 6, hours: int = 24) -> World:
        """Add the company; of its jobs one in eight needs two people."""
        company = Company(db)
        team = [
            company.technician(shift=None, max_concurrent_jobs=2 if n == 0 else 1) for n in range(technicians)
        ]
        for member in team:
            company.shift(member, 0, 24, recurrence_rule=None)
        made = [
            [
                str(row["id"])
                # In portions: each job takes a number, and all numbers of one transaction pile up in one row.
                for portion in range(0, count, 500)
                for row in rows(
                    db,
                    "insert into public.dispatch_jobs"
                    " (org_id, contact_phone, title, estimated_duration_minutes, required_crew_size)"
                    " select %s, '+16085550100', 'Visit', 60, %s from generate_series(1, %s) returning id",
                    (company.id, crew, min(500, count - portion)),
                )
            ]
            for crew, count in ((1, jobs - jobs // 8), (2, jobs // 8))
        ]
        return cls(company, [str(member["id"]) for member in team], made[0], made[1], hours)


def state_of(db: Connection, world: World) -> State:
    """Read what the history ended in."""
    org = (world.company.id,)
    crews: dict[str, set[str]] = {}
    for part in rows(
        db,
        "select appointment_id::text as visit, technician_id::text as technician from public.job_assignments"
        " where org_id = %s and status not in ('declined', 'canceled', 'no_show')",
        org,
    ):
        crews.setdefault(part["visit"], set()).add(part["technician"])
    return State(
        visits={
            row["visit"]["id"]: row["visit"]
            for row in rows(
                db, "select to_jsonb(a) as visit from public.appointments as a where org_id = %s", org
            )
        },
        crews=crews,
        moves=rows(
            db,
            "select appointment_id::text, notes from public.appointment_reschedules where org_id = %s",
            org,
        ),
        claims=rows(
            db,
            "select claimant_id, lane, lower(during) as starts_at, upper(during) as ends_at"
            " from public.reservations where org_id = %s and released_at is null",
            org,
        ),
        keys={
            row["key"]
            for row in rows(
                db,
                "select key from private.idempotency_keys where org_id = %s and response is not null",
                org,
            )
        },
    )

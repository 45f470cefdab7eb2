"""Two companies with two rows in every table, and everybody who might try to get at them.

In each table the first row belongs to the first facility, technician, customer and job, the second to the second.
A new table needs a line here; the tests say so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from support import sql
from support.factory import MONDAY, Company, user
from support.sql import Connection, Row

STAFF = (
    "owner",
    "admin",
    "dispatcher",
    "shop_manager",
    "service_advisor",
    "office",
    "technician",
    "cashier",
    "parts_clerk",
)


@dataclass(frozen=True)
class Actor:
    """Somebody who sends a request: a database role, and the user in the claims."""

    role: str = "authenticated"
    user_id: UUID | None = None


@dataclass
class Rows:
    """The rows of one company that the tests look at, by table: the first, the second."""

    company: Company
    tables: dict[str, list[Row]] = field(default_factory=dict)

    def add(self, table: str, **values: Any) -> Row:
        """Insert a row and remember it."""
        row = self.company.add(table, **values)
        self.tables.setdefault(table, []).append(row)
        return row

    def known(self, table: str, row: Row) -> Row:
        """Remember a row inserted elsewhere."""
        self.tables.setdefault(table, []).append(row)
        return row


@dataclass(frozen=True)
class TwoCompanies:
    """Ours, theirs, and the actors by name; all but the strangers have to do with ours."""

    ours: Rows
    theirs: Rows
    actors: dict[str, Actor]


def two_companies(db: Connection) -> TwoCompanies:
    """Fill the database."""
    others = ("customer", "limited", "removed", "stranger", "limited_stranger")
    people = {name: user(db) for name in (*STAFF, *others)}
    ours = _company(db, people["technician"], people["customer"])
    theirs = _company(db, user(db), user(db))
    for role in (*STAFF, "customer"):
        ours.company.member(role, people[role])
    theirs.company.member("owner", people["stranger"])

    for rows, name in ((ours, "limited"), (theirs, "limited_stranger")):
        member = rows.company.add("org_members", user_id=people[name], role="service_advisor")
        facility = rows.tables["facilities"][0]
        rows.company.add("member_facilities", member_id=member["id"], facility_id=facility["id"])
    ours.company.add("org_members", user_id=people["removed"], role="owner", is_active=False)

    actors = {name: Actor(user_id=user_id) for name, user_id in people.items()}
    actors |= {"anon": Actor("anon"), "service": Actor("service_role")}
    return TwoCompanies(ours, theirs, actors)


def _company(db: Connection, technician_user: UUID, customer_user: UUID) -> Rows:
    company = Company(db)
    rows = Rows(company)
    rows.known("orgs", company.row)
    facilities = [rows.known("facilities", company.facility()) for _ in range(2)]
    technicians, services = _settings(rows, facilities, technician_user)
    _members(rows, facilities)
    jobs = _work(rows, facilities, services, customer_user)
    visits = _schedule(rows, facilities, technicians, jobs)
    _waitlist(rows, technicians, jobs)
    _plans(rows, technicians, jobs)
    _shares(rows, jobs)
    _written_by_triggers(db, rows, jobs, visits)
    return rows


def _settings(rows: Rows, facilities: list[Row], technician_user: UUID) -> tuple[list[Row], list[Row]]:
    technicians, services = [], []
    for n, facility in enumerate(facilities, start=1):
        rows.add("datalabels", list="vehicle_make", code=f"make_{n}", label=f"Make {n}")
        rows.add("conflict_rules", code=("preference", "customer_overlap")[n - 1], severity="soft")
        rows.add("assignment_strategies", facility_id=facility["id"], strategy="manual")
        rows.add(
            "operating_hours", facility_id=facility["id"], weekday=7, opens_at="08:00", closes_at="12:00"
        )
        rows.add("holidays", facility_id=facility["id"], observed_on="2027-12-24", name="Christmas Eve")
        zone = rows.add("service_zones", name=f"Zone {n}", postal_codes=[f"5370{n}"])
        rows.add("skills", code=f"skill_{n}", name=f"Skill {n}")
        service = rows.add("services", code=f"service_{n}", name=f"Service {n}")
        services.append(service)
        rows.add("service_skills", service_id=service["id"], skill_code=f"skill_{n}")
        rows.add(
            "service_segments", service_id=service["id"], position=1, name="All of it", duration_minutes=60
        )
        rows.known("resources", rows.company.bay(facility))
        tool = rows.company.add("resources", facility_id=facility["id"], kind="equipment", name="Camera")
        rows.add("service_equipment", service_id=service["id"], resource_id=tool["id"])
        part = rows.add("parts", code=f"part_{n}", name=f"Part {n}")
        rows.add("service_parts", service_id=service["id"], part_id=part["id"])
        technician = rows.add(
            "technician_profiles",
            display_name=f"Tess of {rows.company.row['name']}, {n}",
            user_id=technician_user if n == 1 else None,
            facility_id=facility["id"],
            time_zone="UTC",
        )
        technicians.append(technician)
        of = {"technician_id": technician["id"]}
        rows.add("technician_skills", skill_code=f"skill_{n}", **of)
        rows.add("technician_stock", part_id=part["id"], **of)
        rows.add("technician_service_zones", service_zone_id=zone["id"], **of)
        rows.known("technician_shifts", rows.company.shift(technician, 8, 17))
        a_day = {"starts_at": MONDAY + timedelta(days=7), "ends_at": MONDAY + timedelta(days=8)}
        rows.add("technician_time_off", reason="vacation", **of, **a_day)
        rows.add(
            "external_busy_times",
            during="[2027-03-20 10:00Z,2027-03-20 11:00Z)",
            source="ics",
            external_id="1",
            **of,
        )
        rows.add("technician_locations", latitude=43.07, longitude=-89.4, **of)
    return technicians, services


def _members(rows: Rows, facilities: list[Row]) -> None:
    """Add a parts clerk, and an owner, whom only owners may touch."""
    for role, facility in zip(("parts_clerk", "owner"), facilities, strict=True):
        member = rows.add("org_members", user_id=user(rows.company.db), role=role)
        rows.add("member_facilities", member_id=member["id"], facility_id=facility["id"])
    rows.add("role_permissions", role="parts_clerk", permission="approve_duration_override")
    rows.known("role_permissions", {"org_id": rows.company.id, "role": "owner", "permission": "view_jobs"})


def _work(rows: Rows, facilities: list[Row], services: list[Row], customer_user: UUID) -> list[Row]:
    jobs = []
    for n, (facility, service) in enumerate(zip(facilities, services, strict=True), start=1):
        customer = rows.known("customers", rows.company.customer(user_id=customer_user if n == 1 else None))
        of = {"customer_id": customer["id"]}
        site = rows.company.site(customer)
        home = rows.company.add("customer_locations", kind="home_base", label="Home of a technician")
        rows.known("customer_locations", site if n == 1 else home)
        rows.add("customer_contacts", name="Tenant", phone="+16085550000", **of)
        vehicle = rows.add("vehicles", make="Make", **of)
        source = of | {"vehicle_id": vehicle["id"], "service_id": service["id"]}
        estimate = rows.add("estimates", **source)
        rows.add("work_orders", estimate_id=estimate["id"], **source)
        job = rows.known("dispatch_jobs", rows.company.job(site, service, facility_id=facility["id"]))
        part = rows.company.add("parts", code=f"extra_{n}", name="Extra part")
        rows.add("job_parts", dispatch_job_id=job["id"], part_id=part["id"], quantity=0)
        rows.add(
            "job_time_windows",
            dispatch_job_id=job["id"],
            window_start=MONDAY,
            window_end=MONDAY + timedelta(days=1),
        )
        jobs.append(job)
    return jobs


def _schedule(rows: Rows, facilities: list[Row], technicians: list[Row], jobs: list[Row]) -> list[Row]:
    visits = []
    for facility, technician, job in zip(facilities, technicians, jobs, strict=True):
        visit = rows.known("appointments", rows.company.visit(job, technician, facility_id=facility["id"]))
        visits.append(visit)
        of = {"appointment_id": visit["id"]}
        rows.known("portal_appointments", of)
        rows.known("assignment_views", of)
        times = {"starts_at": visit["starts_at"], "ends_at": visit["ends_at"]}
        rows.add("appointment_segments", position=1, name="All of it", **of, **times)
        code = ("outside_shift", "time_off")[len(visits) - 1]
        rows.add("scheduling_overrides", codes=[code], reason="The customer insists", **of)
        rows.known("override_counts", {"org_id": rows.company.id, "code": code})
        rows.add(
            "appointment_reschedules",
            from_starts_at=MONDAY,
            from_ends_at=MONDAY + timedelta(hours=1),
            from_technician_ids=[technician["id"]],
            to_starts_at=visit["starts_at"],
            to_ends_at=visit["ends_at"],
            to_technician_ids=[technician["id"]],
            reason="weather",
            **of,
        )
        (notice, *_) = sql.rows(
            rows.company.db,
            "select * from job_notifications where appointment_id = %s"
            " order by recipient_type, notification_type limit 1",
            (visit["id"],),
        )
        rows.known("job_notifications", notice)
    return visits


def _waitlist(rows: Rows, technicians: list[Row], jobs: list[Row]) -> None:
    for technician, job in zip(technicians, jobs, strict=True):
        entry = rows.add("waitlist_entries", dispatch_job_id=job["id"], latest=MONDAY)
        rows.add(
            "waitlist_offers",
            waitlist_entry_id=entry["id"],
            technician_ids=[technician["id"]],
            starts_at=MONDAY,
            ends_at=MONDAY + timedelta(hours=1),
            hold_token=uuid4(),
            token_digest=uuid4().bytes,
            expires_at=MONDAY,
        )


def _plans(rows: Rows, technicians: list[Row], jobs: list[Row]) -> None:
    for technician, job in zip(technicians, jobs, strict=True):
        run = rows.add("optimization_runs", kind="optimize_all", starts_on="2027-03-01")
        rows.add(
            "unserved_jobs",
            optimization_run_id=run["id"],
            dispatch_job_id=job["id"],
            reason="capacity",
            explanation="Nobody has time.",
        )
        option = rows.add(
            "emergency_options",
            optimization_run_id=run["id"],
            rank=1,
            kind="delay",
            technician_id=technician["id"],
            job_version=1,
            starts_at=MONDAY,
            ends_at=MONDAY + timedelta(hours=1),
            leave_at=MONDAY,
            response_minutes=5,
            added_travel_minutes=0,
            sla_kept=True,
            promises_broken=0,
            cost=5,
            reasons=["Soon."],
            expires_at=MONDAY,
        )
        visit = next(one for one in rows.tables["appointments"] if one["dispatch_job_id"] == job["id"])
        rows.add(
            "emergency_moves",
            emergency_option_id=option["id"],
            position=1,
            dispatch_job_id=job["id"],
            appointment_id=visit["id"],
            appointment_version=1,
            change="delay",
            from_technician_id=technician["id"],
            from_starts_at=MONDAY,
            to_technician_id=technician["id"],
            to_starts_at=MONDAY,
            to_ends_at=MONDAY + timedelta(hours=1),
            breaks_promise=False,
        )
        rows.add(
            "performance_estimates",
            technician_id=technician["id"],
            visits=1,
            pace=1,
            log_sd=0.3,
            first_visits=1,
            first_time_fix=0.8,
        )
        plan = rows.add("route_plans", technician_id=technician["id"], date="2027-03-01", status="finalized")
        rows.add("route_stops", route_plan_id=plan["id"], stop_type="depot_start", sequence=0)


def _shares(rows: Rows, jobs: list[Row]) -> None:
    for job in jobs:
        rows.add("record_grants", user_id=user(rows.company.db), dispatch_job_id=job["id"])


def _written_by_triggers(db: Connection, rows: Rows, jobs: list[Row], visits: list[Row]) -> None:
    for job, visit in zip(jobs, visits, strict=True):
        of_visit = {"visit": visit["id"]}
        db.execute(
            "update public.job_assignments set notes = 'Ring' where appointment_id = %(visit)s", of_visit
        )
        assignment = sql.one(
            db, "select * from public.job_assignments where appointment_id = %(visit)s", of_visit
        )
        rows.known("job_assignments", assignment)
        notes = "select * from public.assignment_notes where assignment_id = %(id)s"
        rows.known("assignment_notes", sql.one(db, notes, assignment))
        claim = sql.one(db, "select * from public.reservations where assignment_id = %(id)s", assignment)
        rows.known("reservations", claim)
        event = "select * from public.domain_events where aggregate_id = %(visit)s and version = 1"
        rows.known("domain_events", sql.one(db, event, of_visit))
        entry = "select * from public.audit_log where record_id = %(job)s and action = 'insert'"
        rows.known("audit_log", sql.one(db, entry, {"job": job["id"]}))

"""A small company to test with: every row real, every default sensible, everything changeable by keyword."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier, Placeholder
from psycopg.types.json import Jsonb

from support.sql import Connection, Row

MONDAY = datetime(
    2027, 3, 1, tzinfo=UTC
)  # far enough ahead to be booked, and a day without DST change in UTC
CITY = (43.0731, -89.4012)  # degrees: the centre that sites scatter around

_serial = itertools.count(1)


def insert(db: Connection, table: str, **values: Any) -> Row:
    """Insert one row (schema-qualified table; dictionaries become jsonb) and return it as stored."""
    values = {column: Jsonb(value) if isinstance(value, dict) else value for column, value in values.items()}
    query = SQL("insert into {} ({}) values ({}) returning *").format(
        Identifier(*table.split(".")),
        SQL(", ").join(map(Identifier, values)),
        SQL(", ").join(map(Placeholder, values)),
    )
    with db.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(query, values).fetchone()
    assert row is not None
    return row


def user(db: Connection, email: str | None = None) -> UUID:
    """Add somebody who can sign in."""
    row = insert(db, "auth.users", id=uuid4(), email=email or f"person{next(_serial)}@example.com")
    identifier: UUID = row["id"]
    return identifier


class Company:
    """An org and its rows. Each method inserts one thing and returns its row, `member` the id of a user."""

    def __init__(self, db: Connection, **values: Any) -> None:
        number = next(_serial)
        self.db = db
        self.row = insert(
            db, "public.orgs", **{"name": f"Company {number}", "slug": f"company-{number}"} | values
        )
        self.id: UUID = self.row["id"]

    def add(self, table: str, **values: Any) -> Row:
        """Insert a row of this org into a table of schema public."""
        return insert(self.db, f"public.{table}", org_id=self.id, **values)

    def member(self, role: str, user_id: UUID | None = None, *, facility: Row | None = None) -> UUID:
        """Give a user (a new one, unless named) a role, in one facility or all; return the user's id."""
        user_id = user_id or user(self.db)
        member = self.add("org_members", user_id=user_id, role=role)
        if facility is not None:
            self.add("member_facilities", member_id=member["id"], facility_id=facility["id"])
        return user_id

    def facility(self, **values: Any) -> Row:
        """Add a branch in the centre of the city."""
        defaults = {
            "name": f"Branch {next(_serial)}",
            "time_zone": self.row["time_zone"],
            "latitude": CITY[0],
            "longitude": CITY[1],
        }
        return self.add("facilities", **defaults | values)

    def bay(self, facility: Row, **values: Any) -> Row:
        """Add a general bay to a facility."""
        defaults = {"name": f"Bay {next(_serial)}", "kind": "bay", "bay_type": "general"}
        return self.add("resources", facility_id=facility["id"], **defaults | values)

    def skill(self, code: str) -> str:
        """Add a skill unless the company knows it already."""
        self.db.execute(
            "insert into public.skills (org_id, code, name) values (%s, %s, %s) on conflict do nothing",
            (self.id, code, code.replace("_", " ").capitalize()),
        )
        return code

    def service(self, skills: dict[str, int] | None = None, **values: Any) -> Row:
        """Add a service of an hour at the customer's site; `skills` are codes with their least level."""
        number = next(_serial)
        service = self.add("services", **{"code": f"service_{number}", "name": f"Service {number}"} | values)
        for code, level in (skills or {}).items():
            self.add(
                "service_skills", service_id=service["id"], skill_code=self.skill(code), minimum_level=level
            )
        return service

    def zone(self, *postal_codes: str, **values: Any) -> Row:
        """Add a zone of postal codes."""
        return self.add(
            "service_zones", **{"name": f"Zone {next(_serial)}", "postal_codes": list(postal_codes)} | values
        )

    def customer(self, **values: Any) -> Row:
        """Add a residential customer with a number of their own."""
        number = next(_serial)
        return self.add(
            "customers", **{"name": f"Customer {number}", "phone": f"+1608555{number:04d}"} | values
        )

    def site(self, customer: Row, **values: Any) -> Row:
        """Add a place of a customer, some minutes from the centre."""
        number = next(_serial)
        at = {"latitude": CITY[0] + (number % 7) * 0.01, "longitude": CITY[1] - (number % 5) * 0.01}
        return self.add("customer_locations", customer_id=customer["id"], **at | values)

    def technician(
        self, skills: dict[str, int] | None = None, *, shift: tuple[int, int] | None = (8, 17), **values: Any
    ) -> Row:
        """Add a technician working on weekdays from MONDAY between two hours of UTC; None for no shift."""
        technician = self.add(
            "technician_profiles",
            **{"display_name": f"Tech {next(_serial)}", "time_zone": self.row["time_zone"]} | values,
        )
        for code, level in (skills or {}).items():
            self.add(
                "technician_skills", technician_id=technician["id"], skill_code=self.skill(code), level=level
            )
        if shift is not None:
            self.shift(technician, *shift)
        return technician

    def shift(self, technician: Row, start_hour: float, end_hour: float, **values: Any) -> Row:
        """Add a shift between two hours after midnight of MONDAY, on every weekday unless told otherwise."""
        return self.add(
            "technician_shifts",
            technician_id=technician["id"],
            **{
                "starts_at": MONDAY + timedelta(hours=start_hour),
                "ends_at": MONDAY + timedelta(hours=end_hour),
                "time_zone": technician["time_zone"],
                "recurrence_rule": "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",
            }
            | values,
        )

    def job(self, site: Row | None = None, service: Row | None = None, **values: Any) -> Row:
        """Add an unscheduled job of an hour at a site (a new customer's, unless given)."""
        site = site or self.site(self.customer())
        defaults = {
            "customer_id": site["customer_id"],
            "location_id": site["id"],
            "service_id": service["id"] if service else None,
            "title": f"Job {next(_serial)}",
            "estimated_duration_minutes": service["standard_duration_minutes"] if service else 60,
            "required_crew_size": service["crew_size"] if service else 1,
        }
        return self.add("dispatch_jobs", **defaults | values)

    def visit(
        self, job: Row, *technicians: Row, starts_at: datetime = MONDAY + timedelta(hours=9), **values: Any
    ) -> Row:
        """Put a visit with these technicians straight into the tables, past every rule but the ledger's."""
        ends_at = starts_at + timedelta(minutes=job["estimated_duration_minutes"])
        defaults = {"dispatch_job_id": job["id"], "location_id": job["location_id"], "visit_number": 1}
        visit = self.add("appointments", **defaults | {"starts_at": starts_at, "ends_at": ends_at} | values)
        for technician in technicians:
            self.add(
                "job_assignments",
                dispatch_job_id=job["id"],
                appointment_id=visit["id"],
                technician_id=technician["id"],
                scheduled_start_at=visit["starts_at"],
                scheduled_end_at=visit["ends_at"],
                is_primary_technician=technician is technicians[0],
            )
        return visit

"""A company in the middle of its day: everybody at work since two hours, and somebody's heating is out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from werkzeug.test import Client, TestResponse

from support import sql
from support.factory import CITY, Company
from support.functions import Day
from support.noon import zone_at_noon
from support.sql import Connection, Row

KM = 1 / 111.2  # degrees of latitude


def minute() -> datetime:
    """Return the present minute."""
    return datetime.now(UTC).replace(second=0, microsecond=0)


@dataclass
class Now:
    """People at work now; rows are committed. Times are minutes from now, places kilometres north of the centre."""

    company: Company
    client: Client
    manager: UUID
    began: datetime = field(default_factory=minute)

    @classmethod
    def build(cls, db: Connection, client: Client) -> Now:
        """Add a company with a shop manager, who may break promises; it is noon there."""
        company = Company(db, time_zone=zone_at_noon())
        return cls(company, client, company.member("shop_manager"))

    @property
    def db(self) -> Connection:
        """The connection the rows are written through, in autocommit."""
        return self.company.db

    def at(self, minutes: float) -> datetime:
        """Return the time so many minutes from the start of the test."""
        return self.began + timedelta(minutes=minutes)

    def technician(
        self, name: str, home_km: float = 0.0, shift: tuple[float, float] = (-120, 540), **values: Any
    ) -> Row:
        """Add a plumber at work, living so far north."""
        home = self.company.add(
            "customer_locations", kind="home_base", latitude=CITY[0] + home_km * KM, longitude=CITY[1]
        )
        technician = self.company.technician(
            {"plumbing": 3}, shift=None, display_name=name, home_base_location_id=home["id"], **values
        )
        self.shift(technician, *shift)
        return technician

    def shift(self, technician: Row, starts: float, ends: float) -> None:
        """Have somebody work from so many minutes from now until so many."""
        self.company.add(
            "technician_shifts",
            technician_id=technician["id"],
            starts_at=self.at(starts),
            ends_at=self.at(ends),
        )

    def job(self, km: float = 0.0, **values: Any) -> Row:
        """Add a plumber's job of an hour so far north."""
        site = self.company.site(
            self.company.customer(email="someone@example.com"), latitude=CITY[0] + km * KM, longitude=CITY[1]
        )
        return self.company.job(site, **{"required_skills": {"plumbing": 1}} | values)

    def emergency(self, **values: Any) -> Row:
        """Add a job that can't wait, in the centre."""
        return self.job(**{"priority": "emergency"} | values)

    def visit(
        self,
        technician: Row,
        starts: float,
        km: float = 0.0,
        *,
        promise: tuple[float, float] | None = None,
        **values: Any,
    ) -> Row:
        """Book a visit; `promise` is the arrival window its customer was told, in minutes from now."""
        job = self.job(km, **values)
        window = {}
        if promise is not None:
            window = {"arrival_window_start": self.at(promise[0]), "arrival_window_end": self.at(promise[1])}
        return self.company.visit(job, technician, starts_at=self.at(starts), **window)

    def seen(self, technician: Row, km: float, minutes_ago: float) -> None:
        """Report a position."""
        self.company.add(
            "technician_locations",
            technician_id=technician["id"],
            latitude=CITY[0] + km * KM,
            longitude=CITY[1],
            recorded_at=datetime.now(UTC) - timedelta(minutes=minutes_ago),
        )

    def ask(self, job: Row, as_user: UUID | None = None, **body: Any) -> TestResponse:
        """Ask the function, as the shop manager unless somebody is named."""
        return Day(self.company, as_user or self.manager, self.client).post(
            f"/dispatch/jobs/{job['id']}/insert_emergency", body
        )

    def options(self, job: Row, **body: Any) -> list[dict[str, Any]]:
        """Return the options proposed."""
        answer = self.ask(job, **body)
        assert answer.status_code == 200, answer.text
        options: list[dict[str, Any]] = answer.get_json()["options"]
        return options

    def rows(self, table: str, **values: Any) -> list[Row]:
        """Return the company's rows of a table with these values."""
        wanted = {"org_id": self.company.id} | values
        return sql.rows(
            self.db,
            f"select * from public.{table} where {' and '.join(f'{column} = %({column})s' for column in wanted)}",
            wanted,
        )

    def visits(self) -> dict[UUID, Row]:
        """Return the company's visits by their ids."""
        return {row["id"]: row for row in self.rows("appointments")}

    def assignment(self, visit: Row) -> Row:
        """Return the active assignment of a visit."""
        return sql.one(
            self.db,
            "select * from public.job_assignments where appointment_id = %s and status not in ('canceled', 'declined')",
            (visit["id"],),
        )

    def change(self, what: str) -> None:
        """Update all of the company's rows of a table: `table set column = value`."""
        self.db.execute(f"update public.{what} where org_id = %s", (self.company.id,))

    def set_status(self, visit: Row, *steps: str) -> None:
        """Take a visit's assignment through its states."""
        for status in steps:
            self.db.execute(
                "update public.job_assignments set status = %s where appointment_id = %s",
                (status, visit["id"]),
            )


def minutes_until(moment: str, since: datetime) -> float:
    """Return the minutes from one time to another in ISO 8601."""
    return (datetime.fromisoformat(moment) - since).total_seconds() / 60

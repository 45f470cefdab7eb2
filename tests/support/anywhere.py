"""A company drawn at random with one day half booked, to plan it."""

from __future__ import annotations

import random
from typing import Any
from uuid import UUID

from support import sql
from support.booking import at
from support.factory import CITY, Company
from support.sql import Row

ZONES = ("10001", "10002", "10003")


class Anywhere:
    """A company drawn at random, a day half booked, and everything that makes days difficult.

    With `joint`, some jobs take a crew, a bay with a machine, or several parts.
    """

    def __init__(self, company: Company, seed: int, *, joint: bool = False) -> None:
        self.company = company
        self.random = random.Random(seed)
        self.zones = [company.zone(code) for code in ZONES]
        self.technicians = [self.technician() for _ in range(self.random.randint(2, 5))]
        self.services = [
            company.service(
                {self.random.choice(["plumbing", "electrical"]): self.random.randint(1, 3)},
                standard_duration_minutes=self.random.choice([20, 45, 60, 90]),
                buffer_before_minutes=self.random.choice([0, 0, 10]),
                buffer_after_minutes=self.random.choice([0, 0, 15]),
            )
            for _ in range(4)
        ]
        if joint:
            self.services += [self.crew_work(), self.shop_work(), self.composite_work()]
        for _ in range(self.random.randint(2, 8)):
            self.booking()
        for _ in range(self.random.randint(10, 25)):
            self.windows(self.job())

    def place(self, **values: Any) -> dict[str, Any]:
        """Draw a place in one of the zones."""
        somewhere = {
            "latitude": CITY[0] + self.random.gauss(0, 0.08),
            "longitude": CITY[1] + self.random.gauss(0, 0.1),
            "postal_code": self.random.choice(ZONES),
        }
        return somewhere | values

    def technician(self) -> Row:
        """Add somebody with skills, shifts, breaks, time off, limits, perhaps a home and a zone."""
        r = self.random
        home = self.company.add("customer_locations", kind="home_base", **self.place())
        technician = self.company.technician(
            {"plumbing": r.randint(1, 4), "electrical": r.randint(1, 4)},
            shift=None,
            home_base_location_id=r.choice([home["id"], home["id"], None]),
            max_daily_work_minutes=r.choice([None, 300, 480]),
            max_concurrent_jobs=r.choice([1, 1, 1, 2]),
        )
        if r.random() < 0.3:
            self.company.shift(technician, 7, 11.5)
            self.company.shift(technician, 12.5, 18)
        else:
            self.company.shift(technician, r.choice([6, 8, 9]), r.choice([15, 17, 17.5]))
        if r.random() < 0.7:
            self.off(technician, 11, 14, reason="break", minutes=r.choice([30, 45]))
        if r.random() < 0.4:
            start = r.choice([9, 13, 15])
            self.off(technician, start, start + 1.5, reason="personal")
        if r.random() < 0.5:
            zone = r.choice(self.zones)
            self.company.add(
                "technician_service_zones", technician_id=technician["id"], service_zone_id=zone["id"]
            )
        return technician

    def off(self, technician: Row, start: float, end: float, **values: Any) -> None:
        """Take a technician's time between two hours away."""
        self.company.add(
            "technician_time_off",
            technician_id=technician["id"],
            starts_at=at(start),
            ends_at=at(end),
            time_zone="UTC",
            **values,
        )

    def crew_work(self) -> Row:
        """Add a service for two, who need not both have its skills."""
        return self.company.service({"plumbing": 1, "electrical": 2}, crew_size=2, buffer_before_minutes=10)

    def shop_work(self) -> Row:
        """Add a service in one of two bays, with a machine there is one of, and the shop."""
        facility = self.company.facility()
        for weekday in range(1, 8):
            self.company.add(
                "operating_hours",
                facility_id=facility["id"],
                weekday=weekday,
                opens_at="08:00",
                closes_at=self.random.choice(["12:00", "16:00"]),
            )
        for kind in ("lift", "general"):
            self.company.bay(facility, bay_type=kind)
        machine = self.company.add("resources", facility_id=facility["id"], kind="equipment", name="Machine")
        service = self.company.service({"plumbing": 1}, place_kind="bay", buffer_after_minutes=5)
        self.company.add("service_equipment", service_id=service["id"], resource_id=machine["id"])
        return service

    def composite_work(self) -> Row:
        """Add a service in three parts, with a policy for its pauses."""
        service = self.company.service(
            {"electrical": 1},
            pause_policy=self.random.choice(["free", "blocked", "flexible", "never"]),
            buffer_after_minutes=10,
        )
        for position, minutes, pause in ((1, 30, 40), (2, 15, 20), (3, 30, 0)):
            self.company.add(
                "service_segments",
                service_id=service["id"],
                position=position,
                name=f"Part {position}",
                duration_minutes=minutes,
                pause_after_minutes=pause,
                pause_policy=self.random.choice(["free", "blocked", None]),
            )
        return service

    def job(self) -> Row:
        """Add a job for one of the services."""
        site = self.company.site(self.company.customer(), **self.place())
        values: dict[str, Any] = {"priority": self.random.choice(["low", "normal", "high", "emergency"])}
        if self.random.random() < 0.2:
            values["sla_end_at"] = at(self.random.choice([12, 16, 30]))
        return self.company.job(site, self.random.choice(self.services), **values)

    def windows(self, job: Row) -> None:
        """Offer no window, one or two; they may overlap."""
        for _ in range(self.random.choice([0, 0, 1, 2])):
            start = self.random.choice([7, 8, 10, 13.5, 15])
            self.company.add(
                "job_time_windows",
                dispatch_job_id=job["id"],
                window_start=at(start),
                window_end=at(start + self.random.choice([0.5, 2, 4])),
            )

    def booking(self) -> None:
        """Book a job the way a client does, where find_slots offers; some are locked."""
        job = self.job()
        slot = next(
            iter(
                sql.rows(
                    self.company.db,
                    "select * from public.find_slots(job_id => %s, earliest => %s, latest => %s)",
                    (job["id"], at(0), at(24)),
                )
            ),
            None,
        )
        if slot is None:
            return
        booked = sql.value(
            self.company.db,
            "select public.book_appointment(%s, %s, %s, resource_id => %s)",
            (job["id"], slot["technician_ids"], slot["starts_at"], slot["resource_id"]),
        )
        if self.random.random() < 0.3:
            self.company.db.execute(
                "update public.job_assignments set is_locked = true where appointment_id = %s",
                (UUID(booked["id"]),),
            )

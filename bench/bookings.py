"""Visits of the measured company: every technician's routes, day by day, and the jobs that wait for a time."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from bench.staff import Inserter, Place, Service, Site, Technician, at, new_id, working_days

MINUTE = timedelta(minutes=1)
WAITING = 400
Stop = tuple[Site, Service, datetime, int]


@dataclass(frozen=True)
class Density:
    """How full days are: visits a technician has at most, of how many sites the nearest comes next.

    A full day has short visits without idle time between them.
    """

    visits: int
    nearest_of: int
    full: bool = False


@dataclass(frozen=True)
class Bookings:
    """Books a company's days."""

    rng: random.Random
    insert: Inserter
    technicians: list[Technician]
    services: list[Service]
    sites: list[Site]

    def day(self, day: date, density: Density) -> None:
        """Fill one day of everybody who is there."""
        jobs, appointments, assignments = [], [], []
        for one in self.technicians:
            for site, service, starts, minutes in self._route(one, day, density):
                job, appointment, ends = new_id(self.rng), new_id(self.rng), starts + minutes * MINUTE
                jobs.append(self._job(job, site, service) | {
                    "title": "Visit", "estimated_duration_minutes": minutes,
                })  # fmt: skip
                appointments.append({
                    "id": appointment, "dispatch_job_id": job, "location_id": site.id, "starts_at": starts,
                    "ends_at": ends, "arrival_window_start": starts, "arrival_window_end": starts + 120 * MINUTE,
                    "buffer_after_minutes": service.buffer_after,
                })  # fmt: skip
                assignments.append({
                    "dispatch_job_id": job, "appointment_id": appointment, "technician_id": one.id,
                    "scheduled_start_at": starts, "scheduled_end_at": ends,
                })  # fmt: skip
        self.insert("dispatch_jobs", jobs)
        self.insert("appointments", appointments)
        self.insert("job_assignments", assignments)

    def waiting(self, today: date) -> None:
        """Add jobs without a visit, some with a deadline, some with a window the customer chose from."""
        rng, rows = self.rng, []
        for _ in range(WAITING):
            site, service = rng.choice(self.sites), rng.choice(self.services)
            priority = rng.choices(("low", "normal", "high", "emergency"), (20, 60, 15, 5))[0]
            deadline = (
                at(today + timedelta(days=rng.randint(4, 14)), time(18)) if rng.random() < 0.2 else None
            )
            rows.append(self._job(new_id(rng), site, service) | {
                "title": "Waiting", "estimated_duration_minutes": service.minutes, "priority": priority,
                "sla_end_at": deadline,
            })  # fmt: skip
        self.insert("dispatch_jobs", rows)
        days = list(working_days(today))
        windows = [
            (row["id"], rng.choice(days), rng.choice((8, 10, 13))) for row in rng.sample(rows, WAITING // 10)
        ]
        self.insert("job_time_windows", [
            {"dispatch_job_id": job, "window_start": at(day, time(hour)), "window_end": at(day, time(hour + 3))}
            for job, day, hour in windows
        ])  # fmt: skip

    def _job(self, job: UUID, site: Site, service: Service) -> dict[str, object]:
        return {
            "id": job, "customer_id": site.customer_id, "location_id": site.id, "service_id": service.id,
            "required_skills": service.skills, "required_crew_size": 1,
        }  # fmt: skip

    def _route(self, one: Technician, day: date, density: Density) -> Iterator[Stop]:
        """Yield visits one after another: lunch of half an hour after half past eleven, home in time."""
        rng = self.rng
        fitting = [
            s for s in self.services if all(one.skills.get(code, 0) >= n for code, n in s.skills.items())
        ]
        near = [site for site in self.sites if site.zone in one.zones]
        free, here, worked, lunch = at(day, one.starts), one.home, 0, False
        ends, at_most = free + timedelta(hours=9), 470 if density.full else rng.randint(270, 400)
        for _ in range(density.visits if fitting and day not in one.away else 0):
            site = min(rng.sample(near, density.nearest_of), key=lambda each: driving_minutes(here, each.at))
            service = rng.choice(fitting)
            minutes = 30 if density.full else service.minutes
            drive = driving_minutes(here, site.at)
            idle = 0 if density.full else rng.choice((0, 0, 0, 30, 60))
            if not lunch and free + (idle + drive + minutes + 40) * MINUTE > at(day, time(13)):
                free, lunch, idle = max(free, at(day, time(11, 30))) + 40 * MINUTE, True, 0
            starts = free + (drive + idle) * MINUTE
            starts += -((starts - at(day, time())) % (5 * MINUTE)) % (5 * MINUTE)
            taken, back = minutes + service.buffer_after, driving_minutes(site.at, one.home)
            worked += drive + taken
            if starts + (taken + back) * MINUTE > ends or worked + back > at_most:
                return
            yield site, service, starts, minutes
            free, here = starts + taken * MINUTE, site.at


def driving_minutes(a: Place, b: Place) -> int:
    """Return generous driving minutes; what the visits need in truth the judge says."""
    north, east = (a[0] - b[0]) * 111.2, (a[1] - b[1]) * 111.2 * math.cos(math.radians(a[0]))
    return math.ceil(math.hypot(north, east) * 1.35 / 40 * 60) + 1

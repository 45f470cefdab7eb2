"""Three ways to schedule: first come, first placed; a plan every evening; and all that Truckroll does."""

from __future__ import annotations

from datetime import datetime

from bench.week.office import Document, Office
from bench.week.world import Request

SEARCH_S = 5
DAYS_PLANNED = 2
DISRUPTION = {"moves": 4, "minutes": 600, "promises": 2}


class FirstCome:
    """Every request gets the earliest free slot, and keeps it."""

    name = "first come, first placed"
    reoptimization = "off"

    def __init__(self, office: Office) -> None:
        self.office = office

    def takes(self, _: Request, job: str) -> None:
        """Place a new request."""
        self.office.book_earliest(job)

    def loses(self, visits: list[Document]) -> None:
        """Deal with visits whose technician is ill."""
        for visit in visits:
            self.office.move_earliest(visit["dispatch_job_id"], visit["appointment_id"])

    def evening(self, tomorrow: datetime) -> None:
        """Do what is done when the day is over."""

    def notices(self) -> None:
        """Learn that something went otherwise than planned: a cancellation, an overrun, an absence."""

    def frees(self) -> bool:
        """Learn that somebody is done with a visit; tell whether that changed anything."""
        return False


class EveryEvening(FirstCome):
    """Emergencies take the earliest free slot; all else waits for the evening's plan of the next two days."""

    name = "a plan every evening"

    def takes(self, request: Request, job: str) -> None:
        """Place an emergency; leave the rest to the evening."""
        if request.is_emergency:
            self.office.book_earliest(job)

    def evening(self, tomorrow: datetime) -> None:
        """Plan the next days."""
        self.office.plan(tomorrow, DAYS_PLANNED, SEARCH_S)


class Everything(EveryEvening):
    """As every evening, and during the day: emergencies inserted, days planned again when something happens."""

    name = "truckroll"
    reoptimization = "commit"

    def __init__(self, office: Office) -> None:
        super().__init__(office)
        self._waiting: list[str] = []  # emergencies nobody could be sent to yet

    def takes(self, request: Request, job: str) -> None:
        """Insert an emergency into the day, at the cost of up to two promises; leave the rest to the evening."""
        if request.is_emergency:
            self._waiting.append(job)
            self.frees()

    def frees(self) -> bool:
        """Try again for the emergencies that wait."""
        before = len(self._waiting)
        self._waiting = [job for job in self._waiting if not self._is_served(job)]
        return len(self._waiting) < before

    def evening(self, tomorrow: datetime) -> None:
        """Give the emergencies of the day that are left the first times there are, then plan."""
        for job in self._waiting:
            self.office.book_earliest(job)
        self._waiting.clear()
        super().evening(tomorrow)

    def loses(self, visits: list[Document]) -> None:
        """Let the scheduler move what it can; by hand what is left."""
        self.office.react()
        for visit in visits:
            still = self.office.visit_of(visit["dispatch_job_id"])
            if still is not None and still["id"] == visit["appointment_id"] and self._is_theirs(visit):
                self.office.move_earliest(visit["dispatch_job_id"], visit["appointment_id"])

    def notices(self) -> None:
        """Serve who waits for help, then plan again what the event touches."""
        self.frees()
        self.office.react()

    def _is_served(self, job: str) -> bool:
        return self.office.insert_emergency(job, DISRUPTION) or self.office.visit_of(job) is not None

    def _is_theirs(self, visit: Document) -> bool:
        now = self.office.read("job_assignments", select="technician_id,status", id=f"eq.{visit['id']}")
        return (
            bool(now) and now[0]["technician_id"] == visit["technician_id"] and now[0]["status"] == "assigned"
        )


WAYS: tuple[type[FirstCome], ...] = (FirstCome, EveryEvening, Everything)

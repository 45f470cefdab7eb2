"""The field: technicians drive, work, wait and go home as the world has it, and report what they do."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

from bench.week.office import Document, Office
from bench.week.ways import FirstCome
from bench.week.world import DAYS, ZONE, Place, Request, World, at, driven_s, estimated_s

SHIFT = timedelta(hours=9)
LOOK_AGAIN = timedelta(minutes=10)
WAITS_FOR_CUSTOMER = timedelta(minutes=15)
LATE = timedelta(minutes=10)
EVENING = 18.5


@dataclass
class Visit:
    """What became of a request: the window told first, and what was done."""

    request: Request
    told: tuple[datetime, datetime] | None = None
    last_told: tuple[datetime, datetime] | None = None
    told_again: int = 0
    began: datetime | None = None
    is_canceled: bool = False
    was_absent: bool = False


@dataclass
class Technician:
    """Where somebody is, and since when they are free."""

    id: str
    home: Place
    place: Place
    driven_s: float = 0.0
    overtime_s: float = 0.0
    is_out: bool = False


@dataclass
class Week:
    """Runs the world's events in order against an office that schedules in one way."""

    world: World
    office: Office
    way: FirstCome
    progress: Callable[[float], None]
    visits: dict[str, Visit] = field(default_factory=dict)
    crew: list[Technician] = field(default_factory=list)
    _events: list[tuple[datetime, int, Callable[[], None]]] = field(default_factory=list)
    _turn: Any = field(default_factory=count)

    def run(self) -> None:
        """Live through the week."""
        for one in self.world.technicians:
            self.crew.append(Technician(self.office.technicians[one.number], one.home, one.home))
            for n in range(DAYS):
                self._day(one.number, n)
        for request in self.world.requests:
            self._at(request.arrives, partial(self._arrives, request))
        for n in range(-1, DAYS - 1):
            evening = at(self.world.monday + timedelta(days=n), EVENING)
            self._at(evening, partial(self._evening, evening))
        starts, ends = self._events[0][0], at(self.world.monday + timedelta(days=DAYS), 0)
        while self._events:
            moment, _, happens = heapq.heappop(self._events)
            self.office.clock.set(moment)
            happens()
            self.progress(min(1.0, (moment - min(starts, moment)) / (ends - starts)))

    def _at(self, moment: datetime, happens: Callable[[], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._turn), happens))

    def _day(self, number: int, n: int) -> None:
        person, day = self.world.technicians[number], self.world.monday + timedelta(days=n)
        starts = datetime.combine(day, person.starts, ZONE)
        if person.ill_on == day:
            self._at(starts - timedelta(minutes=15), partial(self._ill, number, starts))
        else:
            self._at(starts, partial(self._looks, number, starts + SHIFT))

    def _arrives(self, request: Request) -> None:
        job = self.office.take(request)
        self.visits[job] = Visit(request)
        self.way.takes(request, job)
        self._tell(job)
        if request.cancels is not None:
            self._at(request.cancels, partial(self._cancels, job))

    def _cancels(self, job: str) -> None:
        visit = self.visits[job]
        if visit.began is None:
            visit.is_canceled = True
            self.office.cancel(job)
            self.way.notices()
            self._tell_all()

    def _ill(self, number: int, starts: datetime) -> None:
        technician = self.office.technicians[number]
        self.office.report_ill(technician, starts - timedelta(hours=1), starts + timedelta(hours=14))
        lost = self.office.read(
            "job_assignments",
            select="id,dispatch_job_id,appointment_id,technician_id",
            technician_id=f"eq.{technician}",
            status="in.(assigned,accepted)",
            scheduled_start_at=f"lt.{(starts + timedelta(hours=14)).isoformat()}",
        )
        self.way.loses(lost)
        self._tell_all()

    def _evening(self, moment: datetime) -> None:
        self.way.evening(moment + timedelta(days=1))
        self._tell_all()

    def _looks(self, number: int, shift_ends: datetime) -> None:
        """Set out for the next visit when it is time to, go home when the day is over."""
        technician, now = self.crew[number], self.office.clock.now()
        visit = self.office.next_visit(technician.id, at(shift_ends.astimezone(ZONE).date(), 23))
        if visit is None:
            if now < shift_ends:
                self._at(min(now + LOOK_AGAIN, shift_ends), partial(self._looks, number, shift_ends))
            else:
                self._home(technician, shift_ends)
            return
        place = self.visits[visit["dispatch_job_id"]].request.place
        starts = datetime.fromisoformat(visit["scheduled_start_at"])
        leaves = starts - timedelta(seconds=1.1 * estimated_s(technician.place, place))
        if leaves > now + timedelta(minutes=1):
            self._at(min(leaves, now + LOOK_AGAIN), partial(self._looks, number, shift_ends))
            return
        if not self.office.set_status(visit["id"], "en_route", technician.place):
            self._at(now + timedelta(minutes=1), partial(self._looks, number, shift_ends))
            return
        technician.is_out = True
        drive = driven_s(technician.place, place, now)
        technician.driven_s += drive
        technician.place = place
        arrival = now + timedelta(seconds=drive)
        opens = datetime.fromisoformat(visit["arrival_window_start"] or visit["scheduled_start_at"])
        begins = max(arrival, min(opens, starts))
        self._at(begins, partial(self._begins, number, visit, shift_ends))

    def _begins(self, number: int, visit: Document, shift_ends: datetime) -> None:
        now, told = self.office.clock.now(), self.visits[visit["dispatch_job_id"]]
        if not self.office.set_status(visit["id"], "on_site", self.crew[number].place):
            self._looks(number, shift_ends)  # called off on the way
            return
        told.began = now
        told.was_absent = told.request.is_absent
        if told.was_absent:
            self._at(now + WAITS_FOR_CUSTOMER, partial(self._ends, number, visit, shift_ends, "no_show"))
            return
        ends = now + timedelta(minutes=told.request.really_minutes)
        self._at(ends, partial(self._ends, number, visit, shift_ends, "completed"))
        late = datetime.fromisoformat(visit["scheduled_end_at"]) + LATE
        if ends > late:
            self._at(max(late, now), self._overruns)

    def _overruns(self) -> None:
        self.way.notices()
        self._tell_all()

    def _ends(self, number: int, visit: Document, shift_ends: datetime, status: str) -> None:
        self.office.set_status(visit["id"], status)
        if self.way.frees():
            self._tell_all()
        self._looks(number, shift_ends)

    def _home(self, technician: Technician, shift_ends: datetime) -> None:
        now = self.office.clock.now()
        if technician.is_out:
            drive = driven_s(technician.place, technician.home, now)
            technician.driven_s += drive
            back = now + timedelta(seconds=drive)
            technician.overtime_s += max(0.0, (back - shift_ends).total_seconds())
        technician.place, technician.is_out = technician.home, False

    def _tell_all(self) -> None:
        """Note what customers are told after many visits may have changed."""
        found = self.office.read(
            "appointments",
            select="dispatch_job_id,arrival_window_start,arrival_window_end",
            status="in.(scheduled,confirmed)",
            limit="2000",
        )
        for row in found:
            self._note(row)

    def _tell(self, job: str) -> None:
        row = self.office.visit_of(job)
        if row is not None:
            self._note(row | {"dispatch_job_id": job})

    def _note(self, row: Document) -> None:
        if row["arrival_window_start"] is None or row["dispatch_job_id"] not in self.visits:
            return
        window = tuple(datetime.fromisoformat(row[f"arrival_window_{end}"]) for end in ("start", "end"))
        visit = self.visits[row["dispatch_job_id"]]
        if visit.told is None:
            visit.told = (window[0], window[1])
        elif visit.last_told != window:
            visit.told_again += 1
        visit.last_told = (window[0], window[1])

"""The office: takes requests, books, moves and cancels through the API, as a dispatcher would."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

import httpx
from bench.week.clock import Clock
from bench.week.world import Place, Request

Document = dict[str, Any]
SLA_DAYS, EMERGENCY_HOURS = 3, 4
LOOK_AHEAD = timedelta(days=7)
OPEN = "(assigned,accepted)"


class Office:
    """One company's API, called at the simulated time; `ids` says what the world's things are called there."""

    def __init__(self, client: httpx.Client, service: httpx.Client, clock: Clock, org_id: str) -> None:
        self.client, self.service, self.clock, self.org_id = client, service, clock, org_id
        self.services: list[str] = []
        self.technicians: list[str] = []
        self.jobs: dict[int, str] = {}  # by request
        self.refused: dict[str, int] = {}

    def take(self, request: Request) -> str:
        """Write a request down as customer, site and job; return the job's id."""
        customer = self._insert("customers", name=f"Customer {request.number}", phone=_phone(request.number))
        site = self._insert(
            "customer_locations",
            customer_id=customer,
            latitude=request.place[0],
            longitude=request.place[1],
            address_line1=f"{request.number} Main Street",
            city="Madison",
        )
        hours = EMERGENCY_HOURS if request.is_emergency else 24 * SLA_DAYS
        job = self._insert(
            "dispatch_jobs",
            customer_id=customer,
            location_id=site,
            service_id=self.services[request.service],
            title=f"Request {request.number}",
            priority="emergency" if request.is_emergency else "normal",
            sla_end_at=(request.arrives + timedelta(hours=hours)).isoformat(),
        )
        self.jobs[request.number] = job
        return job

    def book_earliest(self, job: str) -> bool:
        """Book the earliest free slot there is, after the latest time agreed if need be; tell whether there was one."""
        slots = self._slots(job)
        if not slots:
            self._did(
                self.client.patch(
                    "/rest/v1/dispatch_jobs", params={"id": f"eq.{job}"}, json={"sla_end_at": None}
                )
            )
            slots = self._slots(job)
        for slot in slots[:3]:
            body = {
                "job_id": job,
                "technician_ids": slot["technician_ids"],
                "starts_at": slot["starts_at"],
                "ends_at": slot["ends_at"],
            }
            if self._did(self.client.post("/rest/v1/rpc/book_appointment", json=body)):
                return True
        return False

    def move_earliest(self, job: str, appointment: str) -> bool:
        """Move a visit to the earliest free slot of its job; tell whether there was one."""
        for slot in self._slots(job)[:3]:
            body = {
                "appointment_id": appointment,
                "technician_ids": slot["technician_ids"],
                "starts_at": slot["starts_at"],
                "reason": "mechanic_unavailable",
                "customer_confirmed": True,
            }
            if self._did(self.client.post("/rest/v1/rpc/reschedule_appointment", json=body)):
                return True
        return False

    def cancel(self, job: str) -> None:
        """Cancel a job that nobody has set out for."""
        visit = self.visit_of(job)
        if visit is not None:
            body = {"appointment_id": visit["id"], "reason": "customer_request"}
            self._did(self.client.post("/rest/v1/rpc/cancel_appointment", json=body))
        self._did(
            self.client.patch(
                "/rest/v1/dispatch_jobs",
                params={"id": f"eq.{job}", "status": "in.(unscheduled,scheduled)"},
                json={"status": "canceled", "cancel_reason": "customer_request"},
            )
        )

    def visit_of(self, job: str) -> Document | None:
        """Return the job's visit that is still to come, if there is one."""
        found = self.read(
            "appointments",
            select="id,status,starts_at,arrival_window_start,arrival_window_end",
            dispatch_job_id=f"eq.{job}",
            status="in.(scheduled,confirmed)",
        )
        return found[0] if found else None

    def report_ill(self, technician: str, begin: datetime, end: datetime) -> None:
        """Enter sick leave."""
        self._insert(
            "technician_time_off",
            technician_id=technician,
            reason="sick",
            starts_at=begin.isoformat(),
            ends_at=end.isoformat(),
        )

    def next_visit(self, technician: str, until: datetime) -> Document | None:
        """Return the technician's next open assignment before a time."""
        found = self.read(
            "job_assignments",
            select="id,dispatch_job_id,appointment_id,scheduled_start_at,scheduled_end_at,"
            "arrival_window_start,arrival_window_end",
            technician_id=f"eq.{technician}",
            status=f"in.{OPEN}",
            scheduled_start_at=f"lt.{until.isoformat()}",
            order="scheduled_start_at",
            limit="1",
        )
        return found[0] if found else None

    def set_status(self, assignment: str, status: str, place: Place | None = None) -> bool:
        """Report a technician's progress; tell whether the visit still was theirs to report on."""
        where = {} if place is None else {"latitude": place[0], "longitude": place[1]}
        body = {"assignment_id": assignment, "status": status, **where}
        return self._did(self.client.post("/rest/v1/rpc/set_assignment_status", json=body))

    def insert_emergency(self, job: str, budget: dict[str, int]) -> bool:
        """Have an emergency served as soon as possible within a disruption budget; tell whether it will be."""
        body = {"mode": "commit", "disruption_budget": budget}
        answer = self.client.post(f"/functions/v1/dispatch/jobs/{job}/insert_emergency", json=body)
        return self._did(answer) and bool(answer.json().get("appointment"))

    def plan(self, day: datetime, days: int, seconds: int) -> None:
        """Optimise days and put the plan in force."""
        body = {"mode": "commit", "time_limit_s": seconds, "days": days, "strategy": "time_minimization"}
        path = f"/functions/v1/dispatch/days/{day:%Y-%m-%d}/optimize_all"
        run = self.client.post(path, json=body).raise_for_status().json()
        while run["status"] in {"queued", "running"}:
            time.sleep(0.2)
            run = self.client.get(f"/functions/v1/dispatch/runs/{run['id']}").raise_for_status().json()
        if run["status"] != "applied":
            self._count(f"run {run['status']} {(run['error'] or {}).get('code', '')}".strip())

    def react(self) -> None:
        """Let the scheduler's cron do what the last events call for."""
        self.service.post("/functions/v1/cron/process_optimization_runs").raise_for_status()

    def read(self, table: str, **filters: str) -> list[Document]:
        """Return rows of a table."""
        rows: list[Document] = self.client.get(f"/rest/v1/{table}", params=filters).raise_for_status().json()
        return rows

    def _slots(self, job: str) -> list[Document]:
        now = self.clock.now()
        body = {
            "job_id": job,
            "earliest": now.isoformat(),
            "latest": (now + LOOK_AHEAD).isoformat(),
            "max_results": 100,
        }
        found = self.client.post("/rest/v1/rpc/find_slots", json=body).raise_for_status().json()
        return sorted(found, key=lambda slot: str(slot["starts_at"]))

    def _insert(self, table: str, **row: Any) -> str:
        answer = self.client.post(
            f"/rest/v1/{table}",
            json={"org_id": self.org_id, **row},
            headers={"Prefer": "return=representation"},
            params={"select": "id"},
        )
        made = answer.raise_for_status().json()
        return str(made[0]["id"])

    def _did(self, answer: httpx.Response) -> bool:
        if answer.is_success:
            return True
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            answer.raise_for_status()
        self._count(str(answer.json().get("message") or answer.json().get("code")))
        return False

    def _count(self, said: str) -> None:
        self.refused[said] = self.refused.get(said, 0) + 1


def _phone(number: int) -> str:
    return f"+1608{5_550_000 + number}"

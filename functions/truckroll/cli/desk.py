"""What a dispatcher does by hand: look for slots, book, and be refused what is taken."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from postgrest.exceptions import APIError
from supabase import Client

from truckroll.cli.api import rows, rpc

Document = dict[str, Any]
CONFLICT = "placement_conflict"
_JOB = "id, number, title, priority, required_crew_size, services(place_kind), job_time_windows!inner(*)"


@dataclass
class Desk:
    """One company's day, worked on through the API as the client's user."""

    client: Client
    org_id: str
    day: dt.date
    zone: ZoneInfo

    @cached_property
    def people(self) -> dict[str, str]:
        """Names of the technicians by id."""
        query = self.client.table("technician_profiles").select("id, display_name").eq("org_id", self.org_id)
        return {one["id"]: one["display_name"] for one in rows(query)}

    @cached_property
    def places(self) -> dict[str, str]:
        """Names of bays and mobile units by id."""
        query = self.client.table("resources").select("id, name").eq("org_id", self.org_id)
        return {one["id"]: one["name"] for one in rows(query)}

    def waiting(self) -> list[Document]:
        """Return the day's unscheduled jobs with a service, most urgent first."""
        earliest, latest = self._span()
        return rows(
            self.client.table("dispatch_jobs")
            .select(_JOB)
            .eq("org_id", self.org_id)
            .eq("status", "unscheduled")
            .not_.is_("service_id", "null")
            .gte("job_time_windows.window_start", earliest)
            .lt("job_time_windows.window_start", latest)
            .order("priority", desc=True)
            .order("number")
        )

    def slots(self, job: Document, technician_ids: list[str] | None = None) -> list[Document]:
        """Return what find_slots offers for a job that day, best first."""
        earliest, latest = self._span()
        kind = job["services"]["place_kind"]
        found: list[Document] = rpc(
            self.client,
            "find_slots",
            job_id=job["id"],
            earliest=earliest,
            latest=latest,
            technician_ids=technician_ids,
            resource_kind=None if kind == "site" else kind,
            max_results=3,
        )
        return found

    def book(self, job: Document, slot: Document) -> Document:
        """Book a slot. Raises APIError when the API refuses."""
        booked: Document = rpc(
            self.client,
            "book_appointment",
            job_id=job["id"],
            technician_ids=slot["technician_ids"],
            starts_at=slot["starts_at"],
            resource_id=slot["resource_id"],
            idempotency_key=f"book {job['id']} {slot['starts_at']}",
        )
        return booked

    def rival(self, slot: Document) -> Document | None:
        """Return a job that could have taken this slot, had it not been booked."""
        for job in filter(is_for_one_at_a_site, self.waiting()):
            if _may_start(job, slot["starts_at"]) and self.slots(job, slot["technician_ids"]):
                return job
        return None

    def refusal(self, job: Document, slot: Document) -> Document | None:
        """Ask for a slot that is taken; return conflicts and alternatives, None if it was booked after all."""
        try:
            self.book(job, slot)
        except APIError as error:
            if error.message != CONFLICT:
                raise
            document: Document = json.loads(error.details or "{}")
            return document
        return None

    def _span(self) -> tuple[str, str]:
        starts = dt.datetime.combine(self.day, dt.time(), self.zone)
        return starts.isoformat(), (starts + dt.timedelta(days=1)).isoformat()


def is_for_one_at_a_site(job: Document) -> bool:
    """Whether a job needs one technician and neither bay nor mobile unit."""
    return bool(job["required_crew_size"] == 1 and job["services"]["place_kind"] == "site")


def _may_start(job: Document, instant: str) -> bool:
    at = dt.datetime.fromisoformat(instant)
    windows = [
        (dt.datetime.fromisoformat(window["window_start"]), dt.datetime.fromisoformat(window["window_end"]))
        for window in job["job_time_windows"]
    ]
    return any(opens <= at <= closes for opens, closes in windows)

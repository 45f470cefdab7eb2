"""What plans do to a random company, and what must come of it."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from support.booking import at
from support.front_desk import FrontDesk
from support.obstacles import Wish
from support.plan import propose, run_for, stop
from support.sql import Row, rows


class PlanningRules(FrontDesk):
    """Plans are made of what there is, and put in force at once, later, or too late."""

    @rule(which=st.integers(0, 1000), who=st.integers(0, 1000), quarter=st.integers(7 * 4, 18 * 4))
    def plan_job(self, which: int, who: int, quarter: int) -> None:
        """Plan a job that is not booked yet."""
        jobs = [job for job in self.jobs if self._is_plain(job) and self._status(job) == "unscheduled"]
        if jobs:
            self._propose(who, self._of(jobs, which), quarter / 4)

    @rule(which=st.integers(0, 1000), who=st.integers(0, 1000), quarter=st.integers(7 * 4, 18 * 4))
    def plan_move(self, which: int, who: int, quarter: int) -> None:
        """Plan another time, or another technician, for a visit."""
        parts = [
            part
            for part in rows(
                self.db,
                "select * from job_assignments where org_id = %s order by created_at, id",
                (self.company.id,),
            )
            if part["status"] == "assigned" and part["scheduled_start_at"].date() == at(0).date()
        ]
        parts = [part for part in parts if self._is_plain({"id": part["dispatch_job_id"]})]
        if parts:
            part = self._of(parts, which)
            job = {
                "id": part["dispatch_job_id"],
                "estimated_duration_minutes": self.wishes[str(part["dispatch_job_id"])].minutes,
            }
            self._propose(who, job, quarter / 4, assignment=part)

    @precondition(lambda self: self.plans)
    @rule(which=st.integers(0, 1000))
    def put_plan_in_force(self, which: int) -> None:
        """Apply a plan: whole, without anything in its way, or not at all."""
        plan = self._of(self.plans, which)
        run = plan["run"]
        expected = set()
        if plan["is_new"] and self._status(plan["job"]) == "unscheduled":
            expected = self._obstacles(plan["job"], plan["asked"])
        asked = {"run_id": run["id"], "base_revision": run["base_revision"]}
        applied, error = self._attempt("apply_plan", **asked)
        if applied:
            assert not expected, "a plan was applied against the rules"
            assert (applied["booked"], applied["moved"] + applied["reassigned"]) in {(1, 0), (0, 1)}
            self._find_visits(str(plan["job"]["id"]))
            assert self._attempt("apply_plan", **asked)[1].diag.message_primary == "plan_already_applied"
        elif error.diag.message_primary == "placement_conflict":
            assert '"code"' in error.diag.message_detail

    def _propose(self, who: int, job: Row, hour: float, assignment: Row | None = None) -> None:
        technician = self._of(self.people, who)[1]
        planned = stop(self.company, job, hour, assignment=assignment)
        run = propose(self.company, run_for(self.company), [(technician, [planned])])
        asked: dict[str, Any] = {
            "technician_ids": [technician["id"]],
            "starts_at": at(hour),
            "resource_id": None,
        }
        self.plans.append({"run": run, "job": job, "asked": asked, "is_new": assignment is None})

    def _is_plain(self, job: Row) -> bool:
        wish = self.wishes.get(str(job["id"]), Wish(crew=2))
        return wish.where == "site" and wish.crew == 1 and not wish.pauses and not wish.needs_tool

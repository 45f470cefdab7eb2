"""Asking for bookings, and checking what is answered against rows and arithmetic instead of the judge."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar

import psycopg

from support.booking import at, call
from support.factory import CITY, Company
from support.obstacles import CHECKED, CLOSES, OPENS, Person, Wish, obstacles
from support.sql import Connection, Row, rows

REFUSALS = {"PT409", "PT404"}
WAIVED = ["outside_shift", "skill_missing", "concurrent_limit", "travel_before", "travel_after", "time_off"]


class FrontDesk:
    """Where a company's bookings are asked for: who works there, and what became of it so far."""

    db: ClassVar[Connection]

    def move_in(self, company: Company) -> None:
        """Begin with a company that has a bay, a mobile unit, a tool and two skills; nobody and no jobs."""
        self.company = company
        for skill in ("hvac", "gas"):
            company.skill(skill)
        branch = company.facility()
        self.places: dict[str, Any] = {
            "site": None,
            "bay": company.bay(branch)["id"],
            "mobile_unit": company.bay(branch, kind="mobile_unit", bay_type=None)["id"],
        }
        self.tool = company.bay(branch, kind="equipment", bay_type=None)
        self.people: list[tuple[Person, Row]] = []
        self.wishes: dict[str, Wish] = {}
        self.jobs: list[Row] = []
        self.visits: list[str] = []
        self.holds: list[tuple[Row, dict[str, Any]]] = []
        self.answered: list[tuple[str, dict[str, Any], Any]] = []
        self.offers: list[Row] = []
        self.pairs: list[tuple[Row, Row]] = []
        self.plans: list[Row] = []
        self.windows: list[tuple[Row, Row]] = []

    def _book(self, job: Row, asked: dict[str, Any], which: int) -> None:
        expected = self._obstacles(job, asked)
        booked, error = self._attempt("book_appointment", job_id=job["id"], **asked)
        if booked:
            assert expected <= set(asked.get("override", {}).get("codes", ()))
            self.visits.append(booked["id"])
            if "idempotency_key" in asked:
                self.answered.append(("book_appointment", {"job_id": job["id"]} | asked, booked))
        else:
            self._is_true(error, job, asked, expected, which)

    def _is_true(self, error: Any, job: Row, asked: dict[str, Any], expected: set[str], which: int) -> None:
        """Check that a refusal names what is in the way, all of it and nothing else, and what would do instead."""
        if error.diag.message_primary == "hold_expired":
            return
        told = {conflict["code"] for conflict in json.loads(error.diag.message_detail)["conflicts"]}
        assert told & CHECKED == expected, error.diag.message_detail
        if "hold_token" not in asked:
            placement = {name: asked[name] for name in ("technician_ids", "starts_at", "resource_id")}
            found = call(self.db, "check_placement", job_id=job["id"], **placement)
            assert {conflict["code"] for conflict in found} == told
        spent = {"override", "idempotency_key"} | (set() if self._is_held(asked) else {"hold_token"})
        plain = {name: given for name, given in asked.items() if name not in spent}
        self._alternative_works(error, which, lambda **slot: self._attempt(
            "book_appointment", job_id=job["id"], **plain | slot
        ))  # fmt: skip

    def _alternative_works(self, error: Any, which: int, take: Callable[..., tuple[Any, Any]]) -> None:
        if error.diag.message_primary != "placement_conflict":
            return
        detail = json.loads(error.diag.message_detail)
        offered = detail["alternatives"]
        slots = [*offered["same_day"], *filter(None, [offered["next_available"]])]
        instead = [{n: s[n] for n in ("technician_ids", "starts_at")} for s in slots]
        instead += [{"technician_ids": other["technician_ids"]} for other in offered["other_technicians"]]
        for change in offered["smallest_changes"]:
            if change["change"] == "override":
                instead.append({"override": {"reason": "as told", "codes": change["codes"]}})
            else:
                instead.append({change["change"]: change[change["change"]]})
        if instead:
            with self.db.transaction(force_rollback=True):
                took, refused = take(**self._of(instead, which))
            assert took, (detail["conflicts"], self._of(instead, which), refused.diag.message_detail)

    def _try_out(self, job: Row, **slot: Any) -> None:
        with self.db.transaction(force_rollback=True):
            booked, error = self._attempt("book_appointment", job_id=job["id"], **slot)
            assert booked, error

    def _attempt(self, rpc: str, **arguments: Any) -> tuple[Any, Any]:
        """Call an RPC; its answer, or the refusal."""
        return self._refusable(lambda: call(self.db, rpc, **arguments))

    def _refusable(self, act: Callable[[], Any]) -> tuple[Any, Any]:
        """Return what comes of it, or the refusal. Any other error fails the test."""
        try:
            with self.db.transaction():
                return act(), None
        except psycopg.Error as error:
            if error.sqlstate not in REFUSALS:
                raise
            return None, error

    def _asked(self, job: Row, who: int, start: datetime) -> dict[str, Any]:
        wish = self.wishes[str(job["id"])]
        return {
            "technician_ids": self._team(who, wish),
            "starts_at": start,
            "resource_id": self.places[wish.where],
        }

    def _obstacles(self, job: Row, asked: dict[str, Any]) -> set[str]:
        tool = self.tool["id"]
        return obstacles(self.db, self.people, self.wishes[str(job["id"])], asked, tool)

    def _team(self, who: int, wish: Wish) -> list[Any]:
        if wish.pauses:
            return self._crew(who, 2 if who % 3 == 0 else 1)
        return self._crew(who, wish.crew if who % 10 else 1)

    def _crew(self, who: int, size: int) -> list[Any]:
        first = who % len(self.people)
        return [row["id"] for _, row in (self.people * 2)[first : first + size]]

    def _service_for(self, wish: Wish) -> Row:
        service = self.company.service(
            {wish.skill: 1} if wish.skill else {},
            crew_size=wish.crew,
            standard_duration_minutes=wish.minutes,
            buffer_after_minutes=wish.buffer,
            place_kind=wish.where,
            **{"pause_policy": wish.pauses} if wish.pauses else {},
        )
        for segment in wish.segments:
            self.company.add("service_segments", service_id=service["id"], **segment)
        if wish.needs_tool:
            self.company.add("service_equipment", service_id=service["id"], resource_id=self.tool["id"])
        return service

    def _take_on(self, wish: Wish, site: Row) -> Row:
        job = self.company.job(site, self._service_for(wish), estimated_duration_minutes=wish.minutes)
        self.wishes[str(job["id"])] = wish
        self.jobs.append(job)
        return job

    def _site(self, wish: Wish) -> Row:
        where = (
            {"latitude": None, "longitude": None}
            if wish.place is None
            else {"latitude": CITY[0] + wish.place / 50, "longitude": CITY[1]}
        )
        return self.company.site(self.company.customer(), **where)

    def _hire(self, person: Person) -> Row:
        technician = self.company.technician(
            {person.skill: 3} if person.skill else {}, shift=(OPENS, CLOSES), max_concurrent_jobs=person.lanes
        )
        if person.has_break:
            self.company.add(
                "technician_time_off",
                technician_id=technician["id"],
                reason="break",
                minutes=30,
                starts_at=at(11.5),
                ends_at=at(13.5),
                recurrence_rule="FREQ=DAILY",
            )
        return technician

    def _visit(self, which: int) -> Row:
        (visit,) = rows(self.db, "select * from appointments where id = %s", (self._of(self.visits, which),))
        return visit

    def _find_visits(self, job: str) -> None:
        found = rows(self.db, "select id::text from appointments where dispatch_job_id = %s", (job,))
        self.visits += [row["id"] for row in found if row["id"] not in self.visits]

    def _is_held(self, asked: dict[str, Any]) -> bool:
        return bool(
            rows(
                self.db,
                "select from reservations where hold_token = %s and released_at is null and hold_expires_at > now()",
                (asked.get("hold_token"),),
            )
        )

    def _status(self, job: Row) -> str:
        (found,) = rows(self.db, "select status from dispatch_jobs where id = %s", (job["id"],))
        status: str = found["status"]
        return status

    @staticmethod
    def _of(things: list[Any], which: int) -> Any:
        return things[which % len(things)]

"""Asking for bookings, and checking what is answered against rows and arithmetic instead of the judge."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

import psycopg

from support.booking import at, call
from support.factory import Company
from support.sql import Connection, Row, rows

OPENS, CLOSES = 8, 17  # everybody's shift, hours of UTC on weekdays
REFUSALS = {"PT409", "PT404"}
CHECKED = {"technician_overlap", "concurrent_limit", "outside_shift", "skill_missing", "crew_incomplete"}
WAIVED = ["outside_shift", "skill_missing", "concurrent_limit", "travel_before", "travel_after", "time_off"]


@dataclass(frozen=True)
class Person:
    """A technician to hire."""

    skill: str | None
    lanes: int
    has_break: bool


@dataclass(frozen=True)
class Wish:
    """A job somebody calls about."""

    skill: str | None
    crew: int
    minutes: int
    buffer: int
    in_bay: bool
    place: int | None


class FrontDesk:
    """Where a company's bookings are asked for: who works there, and what became of it so far."""

    db: ClassVar[Connection]

    def move_in(self, company: Company) -> None:
        """Begin with a company that has nothing yet: one bay, two skills, nobody and no jobs."""
        self.company = company
        for skill in ("hvac", "gas"):
            company.skill(skill)
        self.bay = company.bay(company.facility())
        self.people: list[tuple[Person, Row]] = []
        self.wishes: dict[str, Wish] = {}
        self.jobs: list[Row] = []
        self.visits: list[str] = []
        self.holds: list[tuple[Row, dict[str, Any]]] = []
        self.answered: list[tuple[str, dict[str, Any], Any]] = []
        self.offers: list[Row] = []

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

    def _obstacles(self, job: Row, asked: dict[str, Any]) -> set[str]:
        """Tell from rows and arithmetic, not from the judge, which of the CHECKED codes a placement must get."""
        wish = self.wishes[str(job["id"])]
        start, end = asked["starts_at"], asked["starts_at"] + timedelta(minutes=wish.minutes + wish.buffer)
        crew = [(person, row) for person, row in self.people if row["id"] in asked["technician_ids"]]
        found = set()
        if len(crew) < wish.crew:
            found.add("crew_incomplete")
        if wish.skill and all(person.skill != wish.skill for person, _ in crew):
            found.add("skill_missing")
        if start < at(OPENS, (start - at(0)).days) or end > at(CLOSES, (start - at(0)).days):
            found.add("outside_shift")
        for person, row in crew:
            taken = rows(
                self.db,
                "select distinct lane from reservations where technician_id = %s and released_at is null"
                " and during && tstzrange(%s, %s) and coalesce(hold_token <> %s, true)"
                " and coalesce(hold_expires_at > now(), true)",
                (row["id"], start, end, asked.get("hold_token")),
            )
            if len(taken) >= person.lanes:
                found.add("technician_overlap" if person.lanes == 1 else "concurrent_limit")
        return found

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
            "technician_ids": self._crew(who, wish.crew if who % 10 else 1),
            "starts_at": start,
            "resource_id": self.bay["id"] if wish.in_bay else None,
        }

    def _crew(self, who: int, size: int) -> list[Any]:
        first = who % len(self.people)
        return [row["id"] for _, row in (self.people * 2)[first : first + size]]

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

"""Writing RPCs that are about the same people, times and visits."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property, partial
from typing import Any

from psycopg.types.json import Jsonb

from support.booking import at, book, call
from support.factory import Company
from support.plan import propose, run_for, stop
from support.sql import Connection, Row, one, rows

_serial = itertools.count(1)


class Scene:
    """What the RPCs of a schedule are about, each set up when first asked for."""

    def __init__(self, company: Company, site: Row) -> None:
        self._company, self._db, self._site = company, company.db, site
        self._db.execute("delete from private.freed_times")
        self._db.execute(
            "update waitlist_entries set status = 'withdrawn' where status in ('waiting', 'offered')"
        )
        self.key: str = f"key-{next(_serial)}"

    @cached_property
    def ana(self) -> Row:
        """Who does the visit."""
        return self._company.technician(shift=(0, 24))

    @cached_property
    def ben(self) -> Row:
        """A colleague."""
        return self._company.technician(shift=(0, 24))

    @cached_property
    def estimate(self) -> Row:
        """The estimate the job comes from."""
        return self._company.add(
            "estimates",
            customer_id=self._site["customer_id"],
            location_id=self._site["id"],
            status="approved",
        )

    @cached_property
    def job(self) -> Row:
        """A job that is not booked yet."""
        return self._company.job(self._site, related_estimate_id=self.estimate["id"])

    @cached_property
    def other_job(self) -> Row:
        """Another one that is not booked yet."""
        return self._company.job(self._site)

    @cached_property
    def visit(self) -> Row:
        """Ana's visit at nine."""
        return book(self._db, self._company.job(self._site), self.ana, starts_at=at(9))

    @property
    def assignment(self) -> str:
        """Ana's part in the visit."""
        identifier: str = self.visit["assignments"][0]["id"]
        return identifier

    @cached_property
    def held(self) -> str:
        """The token that holds ben at ten for the job."""
        hold = call(
            self._db,
            "hold_slot",
            job_id=self.job["id"],
            technician_ids=[self.ben["id"]],
            starts_at=at(10),
            minutes=60,
        )
        token: str = hold["hold_token"]
        return token

    @cached_property
    def offer(self) -> Row:
        """An open offer of ben at twelve."""
        return self._offered(12)

    @cached_property
    def lapsed(self) -> Row:
        """An offer of ben at two that ran out."""
        assert self.offer, "an offer made later would end this one"
        offer = self._offered(14)
        self._db.execute(
            "with offer as (update waitlist_offers set expires_at = now() - interval '1 hour' where id = %s"
            " returning hold_token) update reservations as r set hold_expires_at = now() - interval '1 hour'"
            " from offer where r.hold_token = offer.hold_token",
            (offer["offer_id"],),
        )
        return offer

    @cached_property
    def freed(self) -> Row:
        """A waiting job, and ana's free hour at three."""
        job = self._company.job(self._site)
        call(self._db, "join_waitlist", job_id=job["id"], latest=at(24))
        self._free(self.ana, 15)
        return job

    @cached_property
    def window(self) -> Row:
        """A window from ten to twelve, offered for the job of the visit."""
        return self._company.add(
            "job_time_windows",
            dispatch_job_id=self.visit["dispatch_job_id"],
            window_start=at(10),
            window_end=at(12),
            source="system_suggested",
        )

    @cached_property
    def link(self) -> str:
        """The customer's link to the visit."""
        token: str = call(self._db, "portal_link", job_id=self.visit["dispatch_job_id"])
        return token

    @cached_property
    def steps(self) -> Jsonb:
        """Ana and ben for two jobs, one after the other."""
        return Jsonb([
            {
                "job_id": str(job["id"]),
                "technician_ids": [str(who["id"])],
                "starts_at": at(hour).isoformat(),
                "ends_at": at(hour + 1).isoformat(),
            }
            for job, who, hour in ((self.job, self.ana, 10), (self.other_job, self.ben, 13))
        ])  # fmt: skip

    @cached_property
    def run(self) -> Row:
        """A plan that books the job at ten and moves the visit to eleven."""
        company = self._company
        assignment = one(self._db, "select * from job_assignments where id = %s", (self.assignment,))
        visited = {"id": assignment["dispatch_job_id"], "estimated_duration_minutes": 60}
        stops = [stop(company, self.job, 10), stop(company, visited, 11, assignment=assignment)]
        return propose(company, run_for(company), [(self.ana, stops)])

    def _offered(self, hour: float) -> Row:
        job = self._company.job(self._site)
        call(self._db, "join_waitlist", job_id=job["id"], latest=at(24))
        self._free(self.ben, hour)
        (offer,) = rows(self._db, "select * from offer_freed_times()")
        document: Row = offer["offer_freed_times"]
        return document

    def _free(self, technician: Row, hour: float) -> None:
        self._db.execute(
            "insert into private.freed_times (org_id, technician_id, during) values (%s, %s, tstzrange(%s, %s))",
            (self._company.id, technician["id"], at(hour), at(hour) + timedelta(hours=1)),
        )


Rpc = Callable[[Scene], tuple[str, dict[str, Any]]]


def _book(hour: float, who: str, *, hold: bool = False, job: str = "job") -> Rpc:
    return lambda s: (
        "book_appointment",
        {
            "job_id": getattr(s, job)["id"],
            "technician_ids": [getattr(s, who)["id"]],
            "starts_at": at(hour),
            "hold_token": s.held if hold else None,
            "idempotency_key": s.key,
        },
    )


def _move(hour: float, *who: str) -> Rpc:
    return lambda s: (
        "reschedule_appointment",
        {
            "appointment_id": s.visit["id"],
            "starts_at": at(hour),
            "technician_ids": [getattr(s, name)["id"] for name in who] or None,
            "reason": "customer_request",
            "idempotency_key": s.key,
        },
    )


def _assign(**arguments: str) -> Rpc:
    return lambda s: (
        "assign_technician",
        {
            "appointment_id": s.visit["id"],
            "idempotency_key": s.key,
            **{name: getattr(s, who)["id"] for name, who in arguments.items()},
        },
    )


def _report(status: str) -> Rpc:
    return lambda s: (
        "set_assignment_status",
        {"assignment_id": s.assignment, "status": status, "idempotency_key": s.key},
    )


# Whoever books at ten meets ana's visit when it moves there; ben is held at ten and promised at twelve.
RPCS: dict[str, Rpc] = {
    "hold": lambda s: (
        "hold_slot",
        {
            "job_id": s.job["id"],
            "technician_ids": [s.ana["id"], s.ben["id"]],
            "starts_at": at(11),
            "idempotency_key": s.key,
        },
    ),
    "release": lambda s: ("release_hold", {"hold_token": s.held}),
    "book": _book(10, "ana"),
    "book_with_ben": _book(13, "ben"),
    "book_with_hold": _book(10, "ben", hold=True),
    "book_other_with_hold": _book(13, "ana", hold=True, job="other_job"),
    "move": _move(10),
    "move_a_little": _move(9.5),
    "move_to_ben": _move(13, "ben"),
    "cancel": lambda s: (
        "cancel_appointment",
        {"appointment_id": s.visit["id"], "reason": "weather", "idempotency_key": s.key},
    ),
    "assign_ben": _assign(technician_id="ben"),
    "replace_ana": _assign(technician_id="ben", replaces_technician_id="ana"),
    "unassign_ana": lambda s: (
        "unassign_technician",
        {
            "appointment_id": s.visit["id"],
            "technician_id": s.ana["id"],
            "reason": "sick",
            "idempotency_key": s.key,
        },
    ),
    "drive": _report("en_route"),
    "decline": _report("declined"),
    "lock": lambda s: ("lock_assignment", {"assignment_id": s.assignment}),
    "book_from_estimate": lambda s: (
        "appointment_from_source",
        {
            "source_type": "estimate",
            "source_id": s.estimate["id"],
            "starts_at": at(10),
            "technician_ids": [s.ana["id"]],
            "idempotency_key": s.key,
        },
    ),
    "join_waitlist": lambda s: ("join_waitlist", {"job_id": s.job["id"], "idempotency_key": s.key}),
    "leave_waitlist": lambda s: ("leave_waitlist", {"job_id": s.offer["job_id"]}),
    "leave_with_lapsed_offer": lambda s: ("leave_waitlist", {"job_id": s.lapsed["job_id"]}),
    "offer_freed_times": lambda s: ("offer_freed_times", {"max_offers": len([s.lapsed, s.freed])}),
    "claim": lambda s: ("claim_waitlist_offer", {"token": s.offer["token"]}),
    "book_the_offered_job": lambda s: (
        "book_appointment",
        {
            "job_id": s.offer["job_id"],
            "technician_ids": [s.ana["id"]],
            "starts_at": at(16),
            "idempotency_key": s.key,
        },
    ),
    "apply_plan": lambda s: (
        "apply_plan",
        {"run_id": s.run["id"], "base_revision": s.run["base_revision"], "idempotency_key": s.key},
    ),
}


# What meets at the same locks as the RPCs above in the same order; each meets those it shares people and jobs with.
FURTHER: dict[str, Rpc] = {
    "book_together": lambda s: ("book_coordinated", {"steps": s.steps, "idempotency_key": s.key}),
    "choose_window": lambda s: (
        "portal_choose_window",
        {"token": s.link, "window_id": s.window["id"]},
    ),
    "cancel_by_link": lambda s: ("portal_cancel", {"token": s.link}),
    "plan_follow_up": lambda s: (
        "plan_follow_up",
        {"job_id": s.visit["dispatch_job_id"], "reason": "Part ordered", "idempotency_key": s.key},
    ),
}

LAST = {"offer_freed_times": 1, "apply_plan": 2}


def acts(scene: Scene, *rpcs: str) -> list[Callable[[Connection], Any]]:
    """Set the scene for these RPCs, each with a key of its own, and return what the sessions are to call."""
    calls = {}
    # A plan is made of what is there already; what was freed last is not offered yet.
    for turn, rpc in sorted(enumerate(rpcs), key=lambda act: LAST.get(act[1], 0)):
        function, arguments = (RPCS | FURTHER)[rpc](scene)
        if "idempotency_key" in arguments:
            arguments |= {"idempotency_key": f"{arguments['idempotency_key']}.{turn}"}
        calls[turn] = partial(_call, function, arguments)
    return [calls[turn] for turn in sorted(calls)]


def _call(function: str, arguments: dict[str, Any], db: Connection) -> Any:
    return call(db, function, **arguments)

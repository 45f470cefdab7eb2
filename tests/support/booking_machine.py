"""What people of a small company do in random order, and what must hold after each of their steps."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from support import invariants
from support.booking import at, call
from support.coordination_rules import CoordinationRules
from support.factory import Company, insert
from support.front_desk import WAIVED
from support.obstacles import PAUSE, WORK, Person, Wish
from support.planning_rules import PlanningRules
from support.self_service_rules import SelfServiceRules
from support.sql import Row, rows

REPORTS = ["accepted", "declined", "en_route", "on_site", "paused", "completed", "no_show", "canceled"]

chosen = st.integers(0, 1000)  # which of the things there are by now
quarters = st.builds(lambda day, quarter: at(quarter / 4, day), st.integers(0, 1), st.integers(7 * 4, 18 * 4))


people = st.builds(Person, st.sampled_from([None, "hvac", "gas"]), st.sampled_from([1, 1, 2]), st.booleans())
simple = st.builds(
    Wish,
    skill=st.sampled_from([None, None, "hvac", "gas"]),
    crew=st.sampled_from([1, 1, 1, 2]),
    minutes=st.sampled_from([30, 60, 90]),
    buffer=st.sampled_from([0, 15]),
    where=st.sampled_from(["site", "site", "bay", "mobile_unit"]),
    place=st.none() | st.integers(0, 3),
    needs_tool=st.sampled_from([False, False, True]),
)
composite = st.builds(
    Wish,
    skill=st.sampled_from([None, "hvac"]),
    minutes=st.just(2 * WORK + PAUSE),
    buffer=st.sampled_from([0, 15]),
    where=st.sampled_from(["site", "bay"]),
    place=st.none() | st.integers(0, 3),
    pauses=st.sampled_from(["free", "blocked", "never"]),
)
wishes = st.one_of(simple, simple, composite)


class BookingMachine(SelfServiceRules, PlanningRules, CoordinationRules, RuleBasedStateMachine):
    """Everything happens in one transaction of `db`, which is rolled back in the end."""

    @initialize(team=st.lists(people, min_size=2, max_size=3), first=st.lists(wishes, min_size=2, max_size=4))
    def open(self, team: list[Person], first: list[Wish]) -> None:
        """Found the company, hire the team, take the first calls."""
        self.undo = self.db.transaction(force_rollback=True)
        self.undo.__enter__()
        self.move_in(Company(self.db))
        self.people = [(person, self._hire(person)) for person in team]
        for wish in first:
            self.call_about(wish)

    def teardown(self) -> None:
        """Undo everything."""
        if hasattr(self, "undo"):
            self.undo.__exit__(None, None, None)

    @invariant()
    def bookings_are_in_order(self) -> None:
        """Ledger, statuses, history, events and audit agree."""
        if hasattr(self, "undo"):
            wrong = invariants.violations(self.db, self.company.id)
            assert not wrong, wrong

    @rule(wish=wishes)
    def call_about(self, wish: Wish) -> None:
        """Take a call about another job."""
        self._take_on(wish, self._site(wish))

    @rule(first=wishes, second=wishes)
    def call_about_two(self, first: Wish, second: Wish) -> None:
        """Take a call about two jobs of one customer."""
        site = self._site(first)
        self.pairs.append((self._take_on(first, site), self._take_on(second, site)))

    @rule(which=chosen, earliest=quarters)
    def search(self, which: int, earliest: datetime) -> None:
        """Whatever is offered can be booked."""
        job = self._of(self.jobs, which)
        if self._status(job) != "unscheduled":
            return
        latest = earliest + timedelta(hours=12)
        for slot in call(
            self.db, "find_slots", job_id=job["id"], earliest=earliest, latest=latest, max_results=3
        ):
            self._try_out(
                job,
                technician_ids=slot["technician_ids"],
                starts_at=slot["starts_at"],
                resource_id=slot["resource_id"],
            )

    @rule(which=chosen, who=chosen, start=quarters, waive=st.booleans(), is_keyed=st.booleans())
    def book(self, which: int, who: int, start: datetime, *, waive: bool, is_keyed: bool) -> None:
        """Book some people for a job, or be told the truth why not."""
        job = self._of(self.jobs, which)
        asked = self._asked(job, who, start)
        if waive:
            asked["override"] = {"reason": "asked for", "codes": WAIVED}
        if is_keyed:
            asked["idempotency_key"] = f"key {len(self.answered)}"
        self._book(job, asked, which)

    @rule(which=chosen, who=chosen, start=quarters)
    def hold(self, which: int, who: int, start: datetime) -> None:
        """Hold a time for a job, or be told why not."""
        job = self._of(self.jobs, which)
        asked = self._asked(job, who, start)
        expected = self._obstacles(job, asked)
        held, error = self._attempt("hold_slot", job_id=job["id"], **asked)
        if held:
            assert not expected
            self.holds.append((job, asked | {"hold_token": held["hold_token"]}))
        else:
            self._is_true(error, job, asked, expected, which)

    @precondition(lambda self: self.holds)
    @rule(which=chosen, how=st.sampled_from(["book", "release", "expire"]))
    def end_hold(self, which: int, how: str) -> None:
        """Book a hold, give it back, or let it run out with nobody looking."""
        job, asked = self._of(self.holds, which)
        token = asked["hold_token"]
        if how == "book":
            self._book(job, asked, which)
        elif how == "release":
            self._attempt("release_hold", hold_token=token)
        else:
            self.db.execute(
                "update reservations set hold_expires_at = clock_timestamp() - interval '1 second'"
                " where hold_token = %s and released_at is null",
                (token,),
            )

    @precondition(lambda self: self.answered)
    @rule(which=chosen, is_changed=st.booleans())
    def repeat(self, which: int, *, is_changed: bool) -> None:
        """Repeat a call with its key: the same answer, or a refusal when anything else is asked."""
        rpc, asked, answer = self._of(self.answered, which)
        if is_changed:
            asked = asked | {"starts_at": asked["starts_at"] + timedelta(minutes=15)}
        again, error = self._attempt(rpc, **asked)
        assert error.diag.message_primary == "idempotency_key_reused" if is_changed else again == answer

    @precondition(lambda self: self.visits)
    @rule(which=chosen, who=st.none() | chosen, start=quarters, waive=st.booleans())
    def move(self, which: int, who: int | None, start: datetime, *, waive: bool) -> None:
        """Move a visit, with its people or others."""
        visit = self._visit(which)
        wish = self.wishes[str(visit["dispatch_job_id"])]
        moved, error = self._attempt(
            "reschedule_appointment",
            appointment_id=visit["id"],
            starts_at=start,
            technician_ids=None if who is None else self._team(who, wish),
            reason="customer_request",
            override={"reason": "asked for", "codes": [*WAIVED, "not_reschedulable"]} if waive else None,
        )
        is_over = visit["status"] in invariants.OVER
        assert not (moved and is_over), "a visit that is over was moved"
        if error and not is_over:
            self._alternative_works(error, which, lambda **slot: self._attempt(
                "reschedule_appointment",
                **{"appointment_id": visit["id"], "starts_at": start, "reason": "customer_request"} | slot,
            ))  # fmt: skip

    @precondition(lambda self: self.visits)
    @rule(which=chosen)
    def cancel(self, which: int) -> None:
        """Cancel a visit as a whole."""
        self._attempt("cancel_appointment", appointment_id=self._of(self.visits, which), reason="weather")

    @precondition(lambda self: self.visits)
    @rule(which=chosen, who=chosen, how=st.sampled_from(["assign", "replace", "unassign"]))
    def change_crew(self, which: int, who: int, how: str) -> None:
        """Put somebody on a visit, in the place of another, or take somebody off."""
        visit, person = self._visit(which), self._of(self.people, who)[1]["id"]
        if how == "unassign":
            self._attempt(
                "unassign_technician", appointment_id=visit["id"], technician_id=person, reason="sick"
            )
            return
        replaced = self._of(self.people, who // 7)[1]["id"] if how == "replace" else None
        asked = {
            "appointment_id": visit["id"],
            "technician_id": person,
            "replaces_technician_id": replaced,
            "override": {"reason": "asked for", "codes": WAIVED},
        }
        _, error = self._attempt("assign_technician", **asked)
        if error and visit["crew_size"] == 1 and not self.wishes[str(visit["dispatch_job_id"])].pauses:
            self._alternative_works(error, which, lambda **slot: self._put_otherwise(visit, asked, slot))

    def _put_otherwise(self, visit: Row, asked: dict[str, Any], change: dict[str, Any]) -> tuple[Any, Any]:
        """Do what a refusal to put somebody on a visit offers instead: somebody else, or another time."""
        if {"starts_at", "ends_at"} & change.keys():
            moved = {"technician_ids": [asked["technician_id"]], "starts_at": visit["starts_at"]} | change
            return self._attempt(
                "reschedule_appointment", appointment_id=visit["id"], reason="weather", **moved
            )
        if "technician_ids" in change:
            change = {"technician_id": change["technician_ids"][0]}
        return self._attempt("assign_technician", **asked | change)

    @precondition(lambda self: self.visits)
    @rule(which=chosen, part=chosen, status=st.sampled_from(REPORTS))
    def report(self, which: int, part: int, status: str) -> None:
        """Somebody of the crew reports."""
        crew = rows(
            self.db,
            "select id from job_assignments where appointment_id = %s order by created_at, id",
            (self._of(self.visits, which),),
        )
        if crew:
            self._attempt("set_assignment_status", assignment_id=self._of(crew, part)["id"], status=status)

    @rule(who=chosen, start=quarters, hours=st.integers(1, 4))
    def fall_sick(self, who: int, start: datetime, hours: int) -> None:
        """Time off is added, whatever is booked already."""
        technician = self._of(self.people, who)[1]
        self.company.add(
            "technician_time_off",
            technician_id=technician["id"],
            reason="sick",
            starts_at=start,
            ends_at=start + timedelta(hours=hours),
        )

    @rule(which=chosen, status=st.sampled_from(["on_hold", "unscheduled", "canceled"]))
    def change_job(self, which: int, status: str) -> None:
        """Put a job on hold, take it up again or cancel it, by a plain update as clients may."""
        job = self._of(self.jobs, which)
        if status == "unscheduled" and self._status(job) != "on_hold":
            return
        self._refusable(lambda: self.db.execute(
            "update dispatch_jobs set status = %s::job_status, cancel_reason = 'duplicate' where id = %s",
            (status, job["id"]),
        ))  # fmt: skip

    @rule(which=chosen, is_leaving=st.booleans())
    def wait(self, which: int, *, is_leaving: bool) -> None:
        """Let a job wait for freed time, or no longer."""
        job = self._of(self.jobs, which)
        if is_leaving:
            self._attempt("leave_waitlist", job_id=job["id"])
        else:
            self._attempt("join_waitlist", job_id=job["id"], latest=at(0, 4))

    @rule()
    def offer(self) -> None:
        """Offer what was freed."""
        made = rows(self.db, "select offer from public.offer_freed_times() as offer")
        self.offers += [row["offer"] for row in made]

    @precondition(lambda self: self.offers)
    @rule(which=chosen)
    def claim(self, which: int) -> None:
        """Claim an offer: it is had once, and repeating that gives the same answer."""
        offer = self._of(self.offers, which)
        claimed, _ = self._attempt("claim_waitlist_offer", token=offer["token"])
        if claimed:
            assert self._attempt("claim_waitlist_offer", token=offer["token"])[0] == claimed
            self._find_visits(offer["job_id"])

    @rule(start=quarters, who=st.none() | chosen, kind=st.sampled_from(["estimate", "work_order"]))
    def book_from_source(self, start: datetime, who: int | None, kind: str) -> None:
        """Make an appointment of an estimate or work order, once."""
        site = self.company.site(self.company.customer())
        source = insert(
            self.db,
            f"public.{kind}s",
            org_id=self.company.id,
            customer_id=site["customer_id"],
            location_id=site["id"],
            service_id=self.company.service({"hvac": 1})["id"],
            status="approved",
        )
        asked = {
            "source_type": kind,
            "source_id": source["id"],
            "starts_at": start,
            "technician_ids": None if who is None else self._crew(who, 1),
        }
        booked, _ = self._attempt("appointment_from_source", **asked)
        if booked:
            again, _ = self._attempt("appointment_from_source", **asked)
            assert again is None, "an exclusive source was booked twice"
            self.wishes[booked["dispatch_job_id"]] = Wish("hvac")
            self.visits.append(booked["id"])

"""What customers do by their signed links in a random company, and what must come of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from support.booking import at, call
from support.front_desk import FrontDesk
from support.sql import Row, rows

WINDOW = timedelta(hours=2)
AHEAD = ("scheduled", "confirmed", "awaiting_parts")


class SelfServiceRules(FrontDesk):
    """Windows are offered, chosen and changed; customers cancel."""

    @rule(which=st.integers(0, 1000), hour=st.integers(7, 16), day=st.integers(0, 1))
    def offer_window(self, which: int, hour: int, day: int) -> None:
        """Offer a window for a job."""
        job = self._of(self.jobs, which)
        window = self.company.add(
            "job_time_windows",
            dispatch_job_id=job["id"],
            window_start=at(hour, day),
            window_end=at(hour, day) + WINDOW,
            source="system_suggested",
        )
        self.windows.append((job, window))

    @precondition(lambda self: self.windows)
    @rule(which=st.integers(0, 1000))
    def choose_window(self, which: int) -> None:
        """Choose a window offered: the visit starts in it, or it is full indeed."""
        job, window = self._of(self.windows, which)
        ahead = self._visits_ahead(job)
        token = call(self.db, "portal_link", job_id=job["id"])
        chosen, error = self._attempt("portal_choose_window", token=token, window_id=window["id"])
        if chosen:
            (start,) = {visit["starts_at"] for visit in self._visits_ahead(job)[:1]}
            assert window["window_start"] <= start <= window["window_end"]
            self._find_visits(str(job["id"]))
            self._choose_again(token, window, chosen)
        elif error.diag.message_primary == "window_is_full":
            self._is_full(job, window, ahead[0] if ahead else None)

    @rule(which=st.integers(0, 1000))
    def cancel_by_link(self, which: int) -> None:
        """Cancel the next visit by link: it is over, and the link says so."""
        job = self._of(self.jobs, which)
        ahead = self._visits_ahead(job)
        token = call(self.db, "portal_link", job_id=job["id"])
        seen, error = self._attempt("portal_cancel", token=token)
        if seen:
            (visit,) = rows(self.db, "select status from appointments where id = %s", (ahead[0]["id"],))
            assert visit["status"] == "canceled"
            assert call(self.db, "portal_appointment", token=token) == seen
        else:
            assert error
            assert not ahead, error.diag.message_primary

    def _choose_again(self, token: str, window: Row, chosen: Any) -> None:
        again, _ = self._attempt("portal_choose_window", token=token, window_id=window["id"])
        assert again == chosen, "choosing the same window twice is choosing it once"

    def _visits_ahead(self, job: Row) -> list[Row]:
        return rows(
            self.db,
            "select * from appointments where dispatch_job_id = %s and status::text = any(%s) order by starts_at",
            (job["id"], list(AHEAD)),
        )

    def _is_full(self, job: Row, window: Row, visit: Row | None) -> None:
        wish = self.wishes[str(job["id"])]
        if wish.crew > 1 or wish.pauses or self._status(job) == "on_hold":
            return
        place = self.places[wish.where] if visit is None else visit["bay_id"] or visit["mobile_unit_id"]
        for quarter in range(int(WINDOW / timedelta(minutes=15)) + 1):
            for _, person in self.people:
                found = call(
                    self.db,
                    "check_placement",
                    job_id=job["id"],
                    technician_ids=[person["id"]],
                    starts_at=window["window_start"] + quarter * timedelta(minutes=15),
                    resource_id=place,
                    appointment_id=visit and visit["id"],
                )
                hindered = [
                    c["code"] for c in found if c["severity"] != "soft" and c["code"] != "customer_window"
                ]
                assert hindered, ("not full", quarter, person["id"], found)

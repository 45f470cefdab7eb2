"""Several visits of one customer booked at once in a random company, and what must come of it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from psycopg.types.json import Jsonb

from support.booking import at, call
from support.front_desk import FrontDesk


class CoordinationRules(FrontDesk):
    """Two jobs of one customer are proposed and booked together, or refused with a reason."""

    @precondition(lambda self: self.pairs)
    @rule(
        which=st.integers(0, 1000),
        hour=st.integers(7, 15),
        shift=st.sampled_from([None, 0, 0, -60, 240]),
    )
    def coordinate(self, which: int, hour: int, shift: int | None) -> None:
        """Book two jobs as proposed, or with the second at another time than proposed."""
        pair = self._of(self.pairs, which)
        if {self._status(job) for job in pair} != {"unscheduled"}:
            return
        offers = call(
            self.db,
            "find_coordinated_slots",
            job_ids=[job["id"] for job in pair],
            earliest=at(hour),
            latest=at(20),
            max_gap_minutes=60,
            max_results=2,
        )
        for offer in offers:
            first, second = offer["steps"]
            assert datetime.fromisoformat(first["ends_at"]) <= datetime.fromisoformat(second["starts_at"])
            with self.db.transaction(force_rollback=True):
                booked, error = self._attempt("book_coordinated", steps=Jsonb(offer["steps"]))
                assert booked, error
        if offers and shift is not None:
            self._book_together(offers[0]["steps"], timedelta(minutes=shift), which)

    def _book_together(self, steps: list[dict[str, Any]], shift: timedelta, which: int) -> None:
        moved = {
            name: (datetime.fromisoformat(steps[1][name]) + shift).isoformat()
            for name in ("starts_at", "ends_at")
        }
        steps = [steps[0], steps[1] | moved]
        booked, error = self._attempt("book_coordinated", steps=Jsonb(steps))
        if booked:
            self.visits += [visit["id"] for visit in booked]
            return
        assert shift, "what was offered is refused"
        detail = json.loads(error.diag.message_detail)
        assert any(conflict["severity"] != "soft" for conflict in detail["conflicts"]), detail
        (turn,) = (turn for turn, step in enumerate(steps) if step["job_id"] == detail["job_id"])

        def take(**change: Any) -> tuple[Any, Any]:
            changed = dict(steps[turn])
            if "starts_at" in change:
                length = timedelta(minutes=self.wishes[changed["job_id"]].minutes)
                changed["ends_at"] = (datetime.fromisoformat(change["starts_at"]) + length).isoformat()
            several = [*steps[:turn], changed | change, *steps[turn + 1 :]]
            return self._attempt("book_coordinated", steps=Jsonb(several))

        self._alternative_works(error, which, take)

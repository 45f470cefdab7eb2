"""Planning over HTTP: one job placed and booked, a whole day optimised, judged and applied."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from datetime import time as clock
from functools import partial
from time import perf_counter
from typing import Any
from uuid import uuid4

import httpx
from bench import staff
from bench.figures import Figure, timed
from bench.place import Place

JOBS = 40
WARM = 15  # the functions keep several connections, and each has its plans to make
POLL_S = 0.02
SEARCH_S = 5


def measure(place: Place) -> Iterator[Figure]:
    """Ask the functions through the gateway, as a dispatcher; nothing without a stack."""
    if place.stack is None:
        return
    with place.client() as client:
        yield from _auto_schedule(place, client)
        yield from _emergencies(place, client)
        yield from _optimize_day(place, client)


def _auto_schedule(place: Place, client: httpx.Client) -> Iterator[Figure]:
    booked: list[str] = []

    def commit(job: object) -> None:
        answer = client.post(f"/functions/v1/dispatch/jobs/{job}/auto_schedule", json={"mode": "commit"})
        if answer.status_code != httpx.codes.UNPROCESSABLE_ENTITY:  # nobody has time for it: an answer too
            booked.append(answer.raise_for_status().json()["appointment"]["id"])

    for job in place.company.job_ids[:WARM]:
        commit(job)
    times = timed(partial(commit, job) for job in place.company.job_ids[WARM : WARM + JOBS])
    yield times.figure(
        "auto_schedule one job, committed, over HTTP", 500, f"{len(booked)} of {WARM + JOBS} booked"
    )


def _emergencies(place: Place, client: httpx.Client) -> Iterator[Figure]:
    """Ask for options on the fullest day from nine o'clock on, of a thousand visits, for jobs that came in."""
    nine = datetime.combine(place.company.board_day, clock(9), staff.ZONE)
    asked: list[dict[str, Any]] = []
    jobs = place.company.job_ids[WARM + JOBS : 2 * WARM + 2 * JOBS]
    with place.connect() as connection:
        connection.execute(
            "update dispatch_jobs set priority = 'emergency' where id = any(%s)", (list(jobs),)
        )

    def propose(job: object) -> None:
        body = {"earliest": nine.isoformat(), "latest": (nine + timedelta(hours=9)).isoformat()}
        answer = client.post(f"/functions/v1/dispatch/jobs/{job}/insert_emergency", json=body)
        asked.append(answer.raise_for_status().json())

    for job in jobs[:WARM]:
        propose(job)
    times = timed(partial(propose, job) for job in jobs[WARM:])
    served = [one["options"] for one in asked if one["options"]]
    kinds = Counter(option["kind"] for options in served for option in options)
    people = sum(one["considered"]["technicians"] for one in asked) / len(asked)
    note = f"{len(served)} of {len(asked)} can be served, by {people:.0f} people each; "
    note += ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    yield times.figure("emergency options over 100 technicians, HTTP", 300, note)
    with place.connect() as connection:
        # Work that everybody may do: every route is looked at.
        connection.execute(
            "update dispatch_jobs set required_skills = '{}' where id = any(%s)", (list(jobs),)
        )
        connection.execute("update orgs set out_of_zone_is_soft = true")
    asked.clear()
    for job in jobs[:WARM]:
        propose(job)
    times = timed(partial(propose, job) for job in jobs[WARM:])
    people = sum(one["considered"]["technicians"] for one in asked) / len(asked)
    yield times.figure("the same, for work that anybody may do", 300, f"{people:.0f} people each")
    with place.connect() as connection:
        connection.execute("update orgs set out_of_zone_is_soft = false")


def _optimize_day(place: Place, client: httpx.Client) -> Iterator[Figure]:
    """Follow a run from stage to stage, then apply it."""
    day = place.company.board_day.isoformat()
    body = {"mode": "propose", "time_limit_s": SEARCH_S, "seed": 1}
    for attempt in ("first", "second"):
        began = perf_counter()
        answer = client.post(f"/functions/v1/dispatch/days/{day}/optimize_all", json=body)
        run = answer.raise_for_status().json()["run_id" if "run_id" in answer.json() else "id"]
        stages = {"accepted": perf_counter() - began} | _followed(place, run, began)
        if "done" not in stages:
            document = client.get(f"/functions/v1/dispatch/runs/{run}").json()
            yield Figure(
                "optimise 100 × 1,000", str(document["status"]), met=False, note=str(document["error"])
            )
            return
        steps = (
            f"accepted {stages['accepted']:.2f} s, solving from {stages['solving']:.2f} s, "
            f"judging from {stages['judging']:.2f} s, proposed {stages['done']:.2f} s"
        )
        yield Figure(
            f"optimise 100 × 1,000, {attempt} run: request to proposal",
            f"{stages['done']:.1f} s, {SEARCH_S} of them searching", note=steps,
        )  # fmt: skip
    began = perf_counter()
    counts = client.post(f"/functions/v1/dispatch/runs/{run}/apply", json={"idempotency_key": str(uuid4())})
    seconds = perf_counter() - began
    yield Figure("apply_plan of that day", f"{seconds:.1f} s", note=counts.text[:200])


def _followed(place: Place, run: Any, began: float) -> dict[str, float]:
    """Return after how many seconds each stage was first seen."""
    seen: dict[str, float] = {}
    with place.connect() as connection:
        while perf_counter() - began < 60 + SEARCH_S * 4:
            row = connection.execute(
                "select status, stage from optimization_runs where id = %s", (run,)
            ).fetchone()
            if row is None or row[0] in {"failed", "canceled"}:
                return seen
            if row[1]:
                seen.setdefault(row[1], perf_counter() - began)
            if row[1] == "done":
                return seen
            time.sleep(POLL_S)
    return seen

"""Why a job is left out, in a dispatcher's words (OPT-12)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from truckroll.database import Connection
from truckroll.engine import Unserved
from truckroll.planning.problem import Model
from truckroll.planning.relaxation import Planned, Ways, ways_to_serve
from truckroll.planning.snapshot import Claim, Snapshot, WaitingJob

# By requirement, the smallest thing that keeps everybody from it: asked once of all jobs alike.
Misses = dict[str, dict[str, Any] | None]

FIGURES = frozenset({"cost", "weight", "travel_s", "needs_s", "longest_shift_s", "tools", "parts"})

SENTENCES = {
    "needs_crew": "It needs a crew, and those at work on these days are too few, or lack one of its skills.",
    "needs_bay": "It is done in a bay, and no bay that suits it is in service.",
    "needs_mobile_unit": "It needs a mobile unit, and none that may go there is in service.",
    "no_common_time": "All that it takes (crew, bay, mobile unit, equipment, or time for all its parts)"
    " can be had, but never at the same time when it may start.",
    "location_missing": "The job has no site to drive to.",
    "location_not_found": "The site has no coordinates yet, so no driving time is known.",
    "sla_missed": "It should have been finished by its SLA already, or can't be any more.",
    "outside_shift": "Nobody who may do it works on these days.",
    "no_time_in_window": "Nobody who may do it is working, with time for it, when it may start.",
    "shift_too_short": "It takes longer than any shift of those who may do it.",
    "unreachable": "It is too far for those who may do it to get there, do it and be back within a shift.",
    "locked": "Visits that are locked or under way leave no room for it.",
    "needs_tools": "It needs a tool that nobody who may do it has in the van or can fetch in time.",
    "needs_parts": "It needs parts that nobody who may do it has in the van or can fetch in time.",
    "not_worth_the_travel": "It would fit, but the driving it adds weighs more than the job does today.",
    "waits_for_earlier_visit": "An earlier visit of the job has to be over first, and leaves it no time on these days.",
    "not_looked_into": "The plan has no place for it; the time limit left none to look into why.",
    "judge_refused": "A rule stood against the place the plan had for it.",
}


def unserved_json(
    connection: Connection, planned: Planned, unserved: Sequence[Unserved], *, within_s: float | None = None
) -> list[dict[str, Any]]:
    """Return every waiting job the plan leaves out: code, sentence, figures, who can't and why, what would serve it.

    What would serve those that matter less is looked for within so many seconds.
    """
    snapshot, model = planned.snapshot, planned.model
    sources = (model.sources[one.visit] for one in unserved)
    jobs = [job for job, _ in model.outside] + [one for one in sources if isinstance(one, WaitingJob)]
    ways = ways_to_serve(connection, planned, jobs, within_s=within_s)
    misses: Misses = {}
    documents = [
        *(_outside(connection, snapshot, job, reason, misses) for job, reason in model.outside),
        *_left_out(connection, planned, unserved, misses),
    ]
    return [_with_ways(document, ways[UUID(document["job_id"])]) for document in documents]


def _with_ways(document: dict[str, Any], ways: Ways) -> dict[str, Any]:
    """Add who is kept from the job by what, and what would serve it."""
    detail = document["detail"] | {
        "obstacles": list(ways.obstacles),
        "relaxations": list(ways.relaxations),
    }
    sentence = document["explanation"]
    if not ways.is_known and document["reason"] != "not_looked_into":
        sentence += " The time limit left none to look into what would serve it."
    if ways.relaxations:
        sentence += f" {ways.relaxations[0]['sentence']}"
    return document | {"explanation": sentence, "detail": detail}


def _left_out(
    connection: Connection, planned: Planned, unserved: Sequence[Unserved], misses: Misses
) -> Iterable[dict[str, Any]]:
    snapshot, model = planned.snapshot, planned.model
    displaced = {one.visit: _displaced(model, one) for one in unserved}
    rows = connection.execute(
        "select id, number from public.dispatch_jobs where id = any(%s)",
        (sorted({job for jobs in displaced.values() for job in jobs}),),
    )
    numbers = {row["id"]: row["number"] for row in rows}
    for one in unserved:
        job = model.sources[one.visit]
        if isinstance(job, Claim):
            continue
        if one.reason == "no_eligible_technician":
            yield _outside(connection, snapshot, job, one.reason, misses)
        elif one.reason == "capacity":
            yield _capacity(snapshot, job, one, sorted(numbers[other] for other in displaced[one.visit]))
        else:
            yield _document(job, one.reason, SENTENCES[one.reason], _figures(snapshot, one))


def _displaced(model: Model, one: Unserved) -> set[UUID]:
    """Return the jobs whose visits would have to give way."""
    jobs = (model.sources[visit].job_id for visit in one.detail.get("displaces", ()))
    return {job for job in jobs if job is not None}


def _outside(
    connection: Connection, snapshot: Snapshot, job: WaitingJob, reason: str, misses: Misses
) -> dict[str, Any]:
    if reason != "no_eligible_technician":
        return _document(job, reason, SENTENCES[reason], {})
    if job.requirement not in misses:
        misses[job.requirement] = connection.execute(
            "select code, message, data from private.explain_ineligible(%s, %s, %s)",
            (
                job.job_id,
                list(snapshot.technician_ids),
                datetime.combine(snapshot.dates[0], datetime.min.time(), UTC),
            ),
        ).fetchone()
    nearest = misses[job.requirement]
    if nearest is None:
        return _document(job, reason, "No active technician may do it.", {})
    sentence = f"Nobody may do it. The nearest miss: {nearest['message']}"
    return _document(job, nearest["code"], sentence, nearest["data"])


def _capacity(snapshot: Snapshot, job: WaitingJob, one: Unserved, numbers: list[str]) -> dict[str, Any]:
    sentence = "Everybody who may do it is busy with work that matters more."
    if numbers:
        sentence += f" It would have to take the place of {', '.join(numbers)}."
    return _document(job, "capacity", sentence, {"displaces": numbers} | _figures(snapshot, one))


def _figures(snapshot: Snapshot, one: Unserved) -> dict[str, Any]:
    """Return the engine's figures with names instead of numbers of shifts and visits."""
    figures = {key: value for key, value in one.detail.items() if key in FIGURES and value != ()}
    shifts = one.detail.get("shifts", (one.detail["shift"],) if one.detail.get("shift", -1) >= 0 else ())
    people = [shift for shift in shifts if shift < len(snapshot.stretches)]
    names = sorted({snapshot.stretches[shift].technician_name for shift in people})
    return figures | ({"technicians": names} if names else {})


def _document(job: WaitingJob, reason: str, sentence: str, detail: dict[str, Any]) -> dict[str, Any]:
    return {"job_id": str(job.job_id), "reason": reason, "explanation": sentence, "detail": detail}

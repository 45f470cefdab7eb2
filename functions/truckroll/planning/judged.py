"""Ways to serve a job left out, put to the judge and told in a dispatcher's words (OPT-12)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from truckroll.database import Connection
from truckroll.engine.relax import Relaxation, Verdict
from truckroll.planning.problem import Model
from truckroll.planning.snapshot import Claim, Snapshot, WaitingJob

CONCERNS_TIME = frozenset({"customer_window", "sla_missed"})
SENTENCES = {
    "as_it_is": "{who} could do it, {when}, for {driving} more minutes of driving.",
    "start_later": "If it may start {minutes} minutes later than wanted, {who} could do it, {when}.",
    "start_earlier": "If it may start {minutes} minutes earlier than wanted, {who} could do it, {when}.",
    "shorter": "If it took {minutes} minutes less, {who} could do it, {when}.",
    "shift_ends_later": "If {who} worked {minutes} minutes longer, {who} could do it, {when}.",
    "shift_starts_earlier": "If {who} began {minutes} minutes earlier, {who} could do it, {when}.",
    "work_limit": "If {who} may work {minutes} minutes beyond the daily limit, {who} could do it, {when}.",
    "rule": "{rule} With an override, {who} could do it, {when}.",
    "drop": "In place of {drops}, {who} could do it, {when}.",
}


def judged(
    connection: Connection,
    snapshot: Snapshot,
    model: Model,
    jobs: Sequence[WaitingJob],
    verdicts: Mapping[UUID, Verdict],
) -> dict[UUID, tuple[list[dict[str, Any]], tuple[Relaxation, ...]]]:
    """Keep what breaks no rule but the one it says, in a dispatcher's words."""
    tried = [(job, one) for job in jobs if job.job_id in verdicts for one in verdicts[job.job_id].relaxations]
    if not tried:
        return {}
    times = [_times(job, one) for job, one in tried]
    rows = connection.execute(
        "select turn, codes, messages, starts_local from private.rules_against(%s, %s, %s, %s) order by turn",
        (
            [job.job_id for job, _ in tried],
            [snapshot.stretches[one.shift].technician_id for _, one in tried],
            [starts for starts, _ in times],
            [ends for _, ends in times],
        ),
    ).fetchall()
    numbers = _numbers(connection, model, (one for _, one in tried))
    found: dict[UUID, tuple[list[dict[str, Any]], tuple[Relaxation, ...]]] = {}
    for (job, one), (starts, ends), row in zip(tried, times, rows, strict=True):
        if not set(row["codes"]) <= _allowed(one):
            continue
        stretch = snapshot.stretches[one.shift]
        drops = [numbers[x] for x in one.dropped if x in numbers]
        minutes = -(-one.amount_s // 60)
        document = {
            "kind": one.kind,
            "minutes": minutes or None,
            "codes": row["codes"],
            "technician_id": str(stretch.technician_id),
            "technician": stretch.technician_name,
            "starts_at": starts.isoformat(),
            "ends_at": ends.isoformat(),
            "added_travel_minutes": round(one.added_travel_s / 60),
            "drops": drops or None,
            "cost_s": one.cost,
            "sentence": SENTENCES[one.kind].format(
                who=stretch.technician_name,
                when=row["starts_local"],
                minutes=minutes,
                driving=round(one.added_travel_s / 60),
                drops=", ".join(drops),
                rule=" ".join(row["messages"]),
            ),
        }
        documents, kept = found.get(job.job_id, ([], ()))
        documents.append({key: value for key, value in document.items() if value is not None})
        found[job.job_id] = documents, (*kept, one)
    return found


def _allowed(one: Relaxation) -> frozenset[str]:
    if one.kind in {"start_later", "start_earlier"}:
        return CONCERNS_TIME
    return frozenset({one.rule} if one.rule else ())


def _times(job: WaitingJob, one: Relaxation) -> tuple[datetime, datetime]:
    """Return when the work itself would start and end, buffers aside."""
    own = max(one.route.stops, key=lambda stop: stop.visit)  # named behind the problem's visits
    return instant(own.starts + job.before_s), instant(own.ends - job.after_s)


def _numbers(connection: Connection, model: Model, tried: Iterable[Relaxation]) -> dict[int, str]:
    """Return the numbers of jobs that would have to give way."""
    jobs: dict[int, UUID] = {}
    for one in tried:
        for x in one.dropped:
            source: Claim | WaitingJob = model.sources[x]
            if source.job_id is not None:
                jobs[x] = source.job_id
    rows = connection.execute(
        "select id, number from public.dispatch_jobs where id = any(%s)", (list(jobs.values()),)
    )
    numbers = {row["id"]: row["number"] for row in rows}
    return {x: numbers[job] for x, job in jobs.items()}


def instant(seconds: int) -> datetime:
    """Return seconds since 1970 as a time."""
    return datetime.fromtimestamp(seconds, UTC)

"""One run planned: read, solve, have SQL judge the plan, store it or put it in force."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from time import monotonic
from typing import Any
from uuid import UUID

import psycopg

from truckroll.auth import SERVICE
from truckroll.engine import Progress, Solution, solve
from truckroll.engine.times import keep_times
from truckroll.engine.unserved import never
from truckroll.engine.warm import warm
from truckroll.logs import logger
from truckroll.planning.explain import placed_json
from truckroll.planning.fitness import read_fitness
from truckroll.planning.joint import of_people, places_of
from truckroll.planning.lease import Lease, RunLostError, RunStoppedError
from truckroll.planning.metrics import figures
from truckroll.planning.problem import REPLAN_HEAT, Model, calmer, model_of, settled
from truckroll.planning.proposal import first_change, routes_json
from truckroll.planning.reading import assuming, read_snapshot
from truckroll.planning.refusal import NothingToGainError, PlanRefusedError
from truckroll.planning.relaxation import Planned
from truckroll.planning.replay import keep, note_round, recall
from truckroll.planning.snapshot import Claim, Snapshot, WaitingJob
from truckroll.planning.unserved import unserved_json
from truckroll.planning.writing import write, write_judged
from truckroll.settings import engine_workers
from truckroll.travel import Coverage, ensure_times, provider_from_environment

ROUNDS = 4
SHARE_OF_LATER_ROUNDS = 0.2
SHARE_OF_EXPLAINING = 0.2  # of a run's seconds, to look for what would serve the jobs left out
KEPT = timedelta(hours=12)
# Nothing is planned to begin sooner than this after the search: people must read and apply the plan first.
NOTICE = {"propose": timedelta(minutes=15), "commit": timedelta(minutes=2)}


@dataclass(frozen=True)
class Outcome:
    """What a run came to, for the log; `refusals` counts the plans SQL's judge sent back."""

    visits: int
    unserved: int
    iterations: int
    refusals: int


def plan(lease: Lease, clock: Callable[[], datetime]) -> Outcome:
    """Plan a claimed run and store the result.

    A plan to be applied at once is made a second time when the schedule changed during the search.
    Raises PlanRefusedError, ProblemError, RunStoppedError, RunLostError, InputMissingError and what
    the database refuses.
    """
    if lease.run["replays_run_id"] is not None:
        return _replay(lease, clock())
    coverage = _travel_known(lease)
    try:
        return _plan(lease, clock(), coverage)
    except psycopg.Error as error:
        if lease.run["mode"] != "commit" or error.diag.message_primary != "plan_is_stale":
            raise
        logger().info("run.planned_again", run=str(lease.run["id"]))
        return _plan(lease, clock(), coverage)


def _plan(lease: Lease, now: datetime, coverage: Coverage) -> Outcome:
    """Search until SQL accepts a plan.

    A booked visit the engine can't keep, or the judge objects to, is pinned where it is; a new one
    is left out; then it is tried again.
    """
    run = lease.run
    limit = float(run["time_limit_s"])
    with lease.database.acting_as(SERVICE, snapshot=True) as connection:
        not_before = now + timedelta(seconds=limit) + NOTICE[run["mode"]] + timedelta(minutes=1)
        snapshot = read_snapshot(connection, run, not_before.replace(second=0, microsecond=0))
    keep(lease, snapshot)
    pinned: frozenset[UUID] = frozenset()
    refused: frozenset[UUID] = frozenset()
    conflicts: list[dict[str, Any]] = []
    refusals = 0
    for turn in range(ROUNDS):
        model = _model(run, snapshot, pinned, refused)
        share = 1.0 if turn == 0 else SHARE_OF_LATER_ROUNDS
        if turn > 0:
            note_round(lease, pinned, refused)
        model, solution = _search(lease, snapshot, model, max(1.0, limit * share), _steps(run, share))
        dropped = _dropped(model, solution)
        if dropped:
            pinned |= dropped
            continue
        document = _document(lease, snapshot, model, solution, now)
        document["metrics_after"] |= coverage.figures()
        conflicts = write_judged(lease, document)
        if not conflicts:
            after = document["metrics_after"]
            return Outcome(after["visits"], after["unserved"], solution.iterations, refusals)
        refusals += 1
        logger().warning(
            "run.judge_disagreed",
            run=str(run["id"]),
            turn=turn,
            codes=sorted({one["code"] for one in conflicts}),
            count=len(conflicts),
        )
        at_fault = {one.get("job_id") for one in conflicts}
        if at_fault == {None}:
            break
        pinned |= _booked(model, at_fault)
        refused |= _waiting(model, at_fault)
    raise PlanRefusedError(conflicts)


def _replay(lease: Lease, now: datetime) -> Outcome:
    """Search what another run was given, step for step; the judge has had his say in that run."""
    given = recall(lease)
    model = _model(lease.run, given.snapshot, given.pinned, given.refused)
    seconds = float(lease.run["time_limit_s"])
    model, solution = _search(lease, given.snapshot, model, seconds, given.iterations)
    document = _document(lease, given.snapshot, model, solution, now)
    # Where the driving times came from is said of the first run only.
    document["metrics_after"] = dict(given.metrics) | document["metrics_after"]
    write(lease, document)
    after = document["metrics_after"]
    return Outcome(after["visits"], after["unserved"], solution.iterations, 0)


def _model(
    run: Mapping[str, Any], snapshot: Snapshot, pinned: frozenset[UUID], refused: frozenset[UUID]
) -> Model:
    model = model_of(snapshot, run["strategy"], pinned=pinned, refused=refused)
    return calmer(model, snapshot.costs) if run["kind"] == "reoptimize" else model


def _steps(run: Mapping[str, Any], share: float) -> int | None:
    """Return how many steps a search of this run takes; None where only the time limits it."""
    limit: int | None = run["iteration_limit"]
    return None if limit is None else max(1, round(limit * share))


def _explaining_s(run: Mapping[str, Any]) -> float | None:
    """Return how long to look for what would serve jobs left out; None where only steps limit a run."""
    return None if run["iteration_limit"] is not None else SHARE_OF_EXPLAINING * float(run["time_limit_s"])


def _travel_known(lease: Lease) -> Coverage:
    """Have a travel-time provider, if there is one, asked for what the run's matrix lacks."""
    run = lease.run
    with lease.database.acting_as(SERVICE) as connection:
        rows = connection.execute(
            """
            select p.latitude, p.longitude, o.time_zone
            from public.optimization_runs as r
            inner join public.orgs as o on r.org_id = o.id
            cross join private.travel_places(
                r.org_id, private.local_days(r.org_id, r.starts_on, r.days), r.technician_ids,
                r.kind in ('optimize_all', 'reoptimize')
            ) as p
            where r.id = %s
            """,
            (run["id"],),
        ).fetchall()
    if not rows:
        return Coverage()
    places = [(row["latitude"], row["longitude"]) for row in rows]
    return ensure_times(lease.database, provider_from_environment(), places, rows[0]["time_zone"])


@cache
def _engine_is_ready() -> None:
    """Load the compiled engine, once a process, so that a run's seconds are all spent searching."""
    warm()


def _search(
    lease: Lease, snapshot: Snapshot, model: Model, seconds: float, steps: int | None
) -> tuple[Model, Solution]:
    _engine_is_ready()
    lease.report("solving", 0.0)

    def on_progress(state: Progress) -> bool:
        if not lease.is_due():
            return False
        try:
            lease.report("solving", state.fraction, state.objective, state.iterations, state.elapsed_s)
        except (RunStoppedError, RunLostError):
            return True
        return False

    solution = solve(
        model.problem,
        seed=lease.run["seed"],
        time_limit_s=seconds,
        iterations=steps,
        progress=on_progress,
        # So many steps give the same plan again only by as many processes; one is what every machine has.
        workers=engine_workers() if steps is None else 1,
        heat=REPLAN_HEAT if lease.run["kind"] == "reoptimize" else 1.0,
    )
    until = None if steps is not None else monotonic() + SHARE_OF_EXPLAINING * seconds
    is_over = never if until is None else lambda: monotonic() >= until
    model, solution = settled(model, snapshot, solution, is_over)
    solution = replace(solution, routes=keep_times(model.problem, solution.routes))
    lease.report("judging", 1.0, solution.objective, solution.iterations, solution.curve[-1][0])
    return model, solution


def _document(
    lease: Lease, snapshot: Snapshot, model: Model, solution: Solution, now: datetime
) -> dict[str, Any]:
    """Return the proposal as private.write_proposal takes it."""
    places = places_of(snapshot, model, solution.routes)
    solution = of_people(model, solution)
    after = figures(snapshot, model, solution.routes)
    first = first_change(model, solution)
    unasked = lease.run["kind"] == "reoptimize"
    if unasked and first is None and not after["stranded"]:
        raise NothingToGainError
    with lease.database.acting_as(SERVICE) as connection, assuming(connection, lease.run):
        fitness = read_fitness(connection, snapshot, model)
        planned = Planned(snapshot, model, solution.routes, fitness)
        # Nobody asked what becomes of the jobs that wait, most of which have nothing to do with the event.
        unserved: list[dict[str, Any]] = []
        if not unasked:
            within_s = _explaining_s(lease.run)
            unserved = unserved_json(connection, planned, solution.unserved, within_s=within_s)
    # Explaining a large plan may take as long as a lease lasts.
    lease.report("judging", 1.0)
    why = placed_json(snapshot, model, solution.routes, fitness)
    lease.report("judging", 1.0)
    everything = frozenset(claim.assignment_id for claim in snapshot.claims if claim.assignment_id)
    today = model_of(snapshot, lease.run["strategy"], pinned=everything, books=False)
    before = solve(today.problem, seed=0, time_limit_s=0.0, iterations=0)
    expires_at = now + KEPT
    if first is not None:
        expires_at = min(expires_at, datetime.fromtimestamp(first, UTC))
    lease.report("judging", 1.0)
    return {
        "base_revision": snapshot.base_revision,
        "expires_at": expires_at.isoformat(),
        "objective": solution.objective,
        "iterations": solution.iterations,
        "metrics_before": figures(snapshot, today, before.routes[: today.people]),
        "metrics_after": after,
        "routes": routes_json(snapshot, model, solution.routes, why, places),
        "unserved": unserved,
    }


def _dropped(model: Model, solution: Solution) -> frozenset[UUID]:
    """Return booked visits the engine found no place for."""
    lost = (model.sources[one.visit] for one in solution.unserved)
    return frozenset(one.assignment_id for one in lost if isinstance(one, Claim) and one.assignment_id)


def _booked(model: Model, jobs: set[str | None]) -> frozenset[UUID]:
    claims = (one for one in model.sources if isinstance(one, Claim))
    return frozenset(one.assignment_id for one in claims if one.assignment_id and str(one.job_id) in jobs)


def _waiting(model: Model, jobs: set[str | None]) -> frozenset[UUID]:
    waiting = (one for one in model.sources if isinstance(one, WaitingJob))
    return frozenset(one.job_id for one in waiting if str(one.job_id) in jobs)

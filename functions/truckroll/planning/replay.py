"""What a run's search was given: kept while it runs, read again to make the same plan once more (OPT-6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from truckroll.auth import SERVICE
from truckroll.planning.lease import Lease, RunLostError
from truckroll.planning.recording import packed, unpacked
from truckroll.planning.snapshot import Snapshot


class InputMissingError(Exception):
    """The input of the run to be replayed is not kept any more, or not as this version reads it."""


@dataclass(frozen=True)
class Input:
    """All that a run's last search depended on, beside seed and strategy, which are in its row.

    `metrics` are those of the plan it led to.
    """

    snapshot: Snapshot
    pinned: frozenset[UUID]
    refused: frozenset[UUID]
    iterations: int | None
    metrics: Mapping[str, Any]


def keep(lease: Lease, snapshot: Snapshot) -> None:
    """Keep what the run is about to search. Raises RunLostError."""
    document = packed(snapshot)
    row = lease.database.run(
        lambda connection: connection.execute(
            "select private.keep_run_input(%s, %s, %s, '{}', '{}') as kept",
            (lease.run["id"], lease.worker, document),
        ).fetchone(),
        SERVICE,
    )
    if row is None or not row["kept"]:
        raise RunLostError


def note_round(lease: Lease, pinned: frozenset[UUID], refused: frozenset[UUID]) -> None:
    """Keep what the next search of the run leaves alone."""
    lease.database.run(
        lambda connection: connection.execute(
            "select private.note_run_round(%s, %s, %s, %s)",
            (lease.run["id"], lease.worker, sorted(pinned), sorted(refused)),
        ),
        SERVICE,
    )


def recall(lease: Lease) -> Input:
    """Return what the run that this one replays was given. Raises InputMissingError."""
    row = lease.database.run(
        lambda connection: connection.execute(
            "select * from private.run_input(%s)", (lease.run["replays_run_id"],)
        ).fetchone(),
        SERVICE,
    )
    if row is None:
        raise InputMissingError
    try:
        snapshot = unpacked(row["document"])
    except ValueError as error:
        raise InputMissingError from error
    return Input(
        snapshot,
        frozenset(row["pinned"]),
        frozenset(row["refused"]),
        row["iterations"],
        row["metrics"] or {},
    )

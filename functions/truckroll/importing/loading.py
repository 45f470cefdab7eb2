"""Staged rows into the real tables, a sheet at a time, and a refusal back to the line that caused it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg

from truckroll.importing.catalogue import Catalogue
from truckroll.importing.constraints import Meaning, is_about_data, meaning_of
from truckroll.importing.records import Batch
from truckroll.importing.staging import Staging

MAX_REFUSALS = 200


@dataclass
class Counts:
    """What became of a sheet's rows in the database."""

    rows: int = 0
    added: int = 0
    changed: int = 0

    @property
    def unchanged(self) -> int:
        """Rows that were already as the file says."""
        return self.rows - self.added - self.changed


@dataclass
class Loaded:
    """Counts of a sheet, and the lines the database refuses; `is_cut` when it gave up after many."""

    counts: Counts = field(default_factory=Counts)
    refusals: list[tuple[int, Meaning]] = field(default_factory=list)
    is_cut: bool = False


def load(
    connection: psycopg.Connection[Any],
    catalogue: Catalogue,
    org_id: UUID,
    batch: Batch,
    advance: Callable[[int], None] = lambda _rows: None,
) -> Loaded:
    """Write a sheet: all lines in one go, or, where the database refuses, in halves down to the lines at fault.

    Lines that pass are written, so that the following ones are judged in their company; the caller rolls
    everything back when there were refusals.
    """
    loading = _Loading(connection, batch, advance)
    for name, part in batch.parts.items():
        loading.stagings.append(
            Staging(connection, catalogue, org_id, f"import_{batch.sheet.name}_{name}", part)
        )
    for staging in loading.stagings:
        staging.stage()
    loading.write(sorted({line for part in batch.parts.values() for line, _ in part.rows}))
    if not loading.loaded.refusals:
        for staging in loading.stagings:
            staging.remove_replaced()
    for staging in loading.stagings:
        staging.unstage()
    return loading.loaded


@dataclass
class _Loading:
    connection: psycopg.Connection[Any]
    batch: Batch
    advance: Callable[[int], None]
    stagings: list[Staging] = field(default_factory=list)
    loaded: Loaded = field(default_factory=Loaded)

    def write(self, lines: list[int]) -> None:
        loaded = self.loaded
        if not lines:
            return
        if len(loaded.refusals) >= MAX_REFUSALS:
            loaded.is_cut = True
            return
        try:
            with self.connection.transaction():
                written = [staging.write(lines[0], lines[-1]) for staging in self.stagings]
        except psycopg.Error as error:
            if not is_about_data(error):
                raise
            if len(lines) > 1:
                middle = len(lines) // 2
                self.write(lines[:middle])
                self.write(lines[middle:])
                return
            loaded.refusals.append((lines[0], meaning_of(error, self.batch.sheet)))
        else:
            for staging, (added, changed) in zip(self.stagings, written, strict=True):
                if staging.part.is_main:
                    loaded.counts.rows += sum(lines[0] <= line <= lines[-1] for line, _ in staging.part.rows)
                    loaded.counts.added += added
                    loaded.counts.changed += changed
        self.advance(len(lines))

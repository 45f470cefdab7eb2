"""Which rows exist already, which the files bring, and the id each of them has or will get."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid5

import psycopg
from psycopg import sql

from truckroll.importing.faults import Fault
from truckroll.importing.reading import Table, suggestion
from truckroll.importing.sheets import SHEETS, Sheet


@dataclass
class Keys:
    """The keys of one company. Ids of new rows are derived from the company's and the key (RFC 9562, version 5)."""

    org_id: UUID
    existing: dict[str, dict[tuple[Any, ...], Any]]
    in_files: dict[str, dict[str, int]] = field(default_factory=dict)
    broken: set[tuple[str, str]] = field(default_factory=set)

    def derived(self, sheet: Sheet, *parts: object) -> UUID:
        """Return the id that these parts of a key always give."""
        return uuid5(self.org_id, "\x1f".join([sheet.name, *map(str, parts)]))

    def id_for(self, sheet: Sheet, *key: Any) -> Any:
        """Return the id of the row with this natural key, else the one it will get."""
        return self.existing[sheet.name].get(key) or self.derived(sheet, *key)

    def resolve(self, sheet: Sheet, text: str) -> Any:
        """Return what a foreign key to this row holds, None if neither company nor files have it."""
        holds = text if sheet.conflict != ("id",) else self.id_for(sheet, text)
        existing = self.existing[sheet.name]
        known = (text,) in existing or (holds,) in existing or text in self.in_files.get(sheet.name, ())
        return holds if known else None

    def suggest(self, sheet: Sheet, text: str) -> str:
        """Return what to do about a reference that leads nowhere."""
        known = [*self.in_files.get(sheet.name, ())]
        if sheet.natural_key:
            known += [str(key[0]) for key in self.existing[sheet.name]]
        close = suggestion(text, list(dict.fromkeys(known)))
        return f"{close} Or add it to {sheet.file}." if close else f"Add it to {sheet.file}."


def read_keys(connection: psycopg.Connection[Any], org_id: UUID) -> Keys:
    """Read which rows the company has."""
    existing: dict[str, dict[tuple[Any, ...], Any]] = {}
    for sheet in SHEETS:
        if not sheet.key:
            continue
        # A table without a natural key knows its rows by the derived id alone.
        columns = sheet.natural_key or ("id",)
        kept = columns if sheet.conflict != ("id",) else ("id", *columns)
        query = sql.SQL("select {} from public.{} where org_id = %s").format(
            sql.SQL(", ").join(map(sql.Identifier, kept)), sql.Identifier(sheet.table)
        )
        rows = connection.execute(query, (org_id,)).fetchall()
        if sheet.conflict == ("id",):
            existing[sheet.name] = {row[1:]: row[0] for row in rows}
        else:
            existing[sheet.name] = {row: row[0] for row in rows}
    return Keys(org_id, existing)


def index_files(keys: Keys, tables: Sequence[Table]) -> Iterator[Fault]:
    """Note the keys that the files bring; yield a fault for each that comes twice."""
    for table in tables:
        sheet = table.sheet
        if not sheet.key:
            continue
        seen = keys.in_files.setdefault(sheet.name, {})
        for row in table.rows:
            parts = [row.cells.get(name, "") for name in sheet.key]
            if not all(parts):
                continue  # reported as a missing cell
            key = "\x1f".join(parts)
            if key in seen:
                problem = f"The same {' and '.join(sheet.key)} stands in line {seen[key]}."
                yield Fault(
                    sheet.file,
                    row.line,
                    sheet.key[-1],
                    " / ".join(parts),
                    problem,
                    "Keep one of the two lines.",
                )
            else:
                seen[key] = row.line

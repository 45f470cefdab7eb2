"""What an actor can really do to a table, tried out, beside what access_matrix.txt says.

A cell has four letters, for select, insert, update and delete, each telling which of a company's two rows the
command reaches: A both, 1 the first, 2 the second, - none, . the command is not granted at all.
A ! behind them, never declared, says that an update can hand rows to another company.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from support import sql
from support.sql import Connection, Row
from support.two_companies import Actor, Rows, TwoCompanies

MATRIX = Path(__file__).parents[1] / "database" / "access_matrix.txt"
COMMANDS = ("select", "insert", "update", "delete")

CATALOGUE = """
select
    c.relname as name, c.relkind = 'v' as is_view,
    (
        select array_agg(a.attname::text order by a.attnum) from pg_index as i
        inner join pg_attribute as a on i.indrelid = a.attrelid and a.attnum = any(i.indkey)
        where i.indrelid = c.oid and i.indisprimary
    ) as key,
    columns.insertable, columns.updatable,
    coalesce(has_any_column_privilege(%(role)s, c.oid, 'select'), false) as selectable,
    has_table_privilege(%(role)s, c.oid, 'delete') as deletable
from pg_class as c
cross join lateral (
    select
        coalesce(
            array_agg(a.attname::text) filter (where has_column_privilege(%(role)s, c.oid, a.attnum, 'insert')), '{}'
        ) as insertable,
        -- Columns without constraints come first: every row gets the same value.
        coalesce(
            array_agg(a.attname::text order by (
                select count(*) from pg_constraint as k
                where k.conrelid = c.oid and a.attnum = any(k.conkey) and k.contype <> 'c'
            ), (
                select count(*) from pg_constraint as k where k.conrelid = c.oid and a.attnum = any(k.conkey)
            ), a.attname in ('created_at', 'updated_at'), a.attnum)
            filter (where has_column_privilege(%(role)s, c.oid, a.attnum, 'update')), '{}'
        ) as updatable
    from pg_attribute as a
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and a.attidentity = ''
) as columns
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v') and c.relname = any(%(tables)s)
"""


@cache
def matrix() -> dict[str, dict[str, str]]:
    """Read the declared cells: by table or view, then by actor."""
    lines = [
        line.split() for line in MATRIX.read_text(encoding="utf-8").splitlines() if line[:1] not in ("", "#")
    ]
    (_, *actors), *declared = lines
    return {name: dict(zip(actors, cells, strict=True)) for name, *cells in declared}


def tables() -> dict[str, dict[str, str]]:
    """Return the lines about tables and views."""
    return {name: cells for name, cells in matrix().items() if not name.endswith("()")}


def functions() -> dict[str, dict[str, str]]:
    """Return the lines about functions, by their names without parentheses."""
    return {name.removesuffix("()"): cells for name, cells in matrix().items() if name.endswith("()")}


def letter(reached: set[int], rows: int) -> str:
    """Say which of a company's rows were reached, as in the matrix."""
    if not reached:
        return "-"
    return "A" if len(reached) == rows else str(*reached)


def expected(actor: str, table: str) -> tuple[str, str]:
    """Return the cells for our rows and for theirs. The matrix speaks of our people and of our rows."""
    cells = matrix()[table]
    if actor == "anon":
        return "....", "...."
    if actor == "service":
        return cells[actor], cells[actor]
    mine = cells[{"stranger": "owner", "removed": "owner", "limited_stranger": "limited"}.get(actor, actor)]
    nothing = "".join("." if letter == "." else "-" for letter in mine)
    if actor == "removed":
        return nothing, nothing
    return (nothing, mine) if actor.endswith("stranger") else (mine, nothing)


def deviations(
    db: Connection, world: TwoCompanies, actor: str, tables: Iterator[str] | list[str]
) -> list[str]:
    """Try every command on every table; one line for each cell that is not as declared."""
    found = []
    tables = list(tables)
    role = world.actors[actor].role
    facts = {row["name"]: row for row in sql.rows(db, CATALOGUE, {"tables": tables, "role": role})}
    for table in tables:
        for whose, rows, wanted in zip(
            ("our", "their"), (world.ours, world.theirs), expected(actor, table), strict=True
        ):
            observed = _Trial(db, world.actors[actor], facts[table], rows, world).cell()
            if observed != wanted:
                found.append(f"{actor} on {whose} {table}: {observed} instead of {wanted}")
    return found


class _Trial:
    """One actor, one table, one company."""

    def __init__(self, db: Connection, actor: Actor, facts: Row, rows: Rows, world: TwoCompanies) -> None:
        self.db, self.actor, self.table, self.facts = db, actor, facts["name"], facts
        table = self.table
        self.rows = rows.tables[table]
        self.other_org = (world.theirs if rows is world.ours else world.ours).company.id
        self.key: list[str] = self.facts["key"] or list(self.rows[0])

    def cell(self) -> str:
        tried = (self._select(), self._insert(), self._update(), self._delete())
        _, _, updated, _ = tried
        cell = "".join("." if rows is None else letter(rows, len(self.rows)) for rows in tried)
        moved = updated and self.actor.role != "service_role" and self._rows_can_be_moved()
        return cell + ("!" if moved else "")

    def _id(self, row: Row) -> tuple[Any, ...]:
        return tuple(row[column] for column in self.key)

    def _run(self, query: str, *parameters: Any) -> list[Row] | None:
        """Run a statement as the actor; None when a policy refuses it."""
        try:
            with sql.acting_as(self.db, self.actor.user_id, role=self.actor.role):
                cursor = self.db.execute(query, parameters)
                return (
                    [
                        dict(zip([column.name for column in cursor.description], row, strict=True))
                        for row in cursor
                    ]
                    if cursor.description
                    else []
                )
        except psycopg.errors.InsufficientPrivilege as error:
            if "row-level security" in str(error):
                return None
            raise

    def _select(self) -> set[int] | None:
        if not self.facts["selectable"]:
            return None
        seen = self._run(f"select {', '.join(self.key)} from public.{self.table}") or []
        ids = {self._id(row) for row in seen}
        return {n for n, row in enumerate(self.rows, start=1) if self._id(row) in ids}

    def _insert(self) -> set[int] | None:
        columns = ", ".join(self.facts["insertable"])
        if not columns or self.facts["is_view"]:
            return None
        reached = set()
        for n, row in enumerate(self.rows, start=1):
            with self._undone():
                stored = self._take_away(row)
                if self.actor.role == "service_role":  # writes every column, also those that triggers fill
                    self.db.execute("set local session_replication_role = replica")
                if (
                    self._run(
                        f"insert into public.{self.table} ({columns}) "
                        f"select {columns} from jsonb_populate_record(null::public.{self.table}, %s)",
                        stored,
                    )
                    is not None
                ):
                    reached.add(n)
        return reached

    def _update(self) -> set[int] | None:
        """Set a column without WHERE, so that no SELECT policy hides what the UPDATE policy lets through."""
        if not self.facts["updatable"] or self.facts["is_view"]:
            return None
        column = self.facts["updatable"][0]
        before = self._places()
        with self._undone(without_triggers=True):
            value = f"(select r.{column} from jsonb_populate_record(null::public.{self.table}, %s) as r)"
            if self.actor.role == "service_role":  # no policies, and no column but the key in some tables
                value = f"coalesce({column}, {value})"
            self._run(f"update public.{self.table} set {column} = {value}", self._stored(self.rows[0]))
            after = self._places()
        return {n for n in before if before[n] != after[n]}

    def _rows_can_be_moved(self) -> bool:
        """Whether the policies alone, without the help of column privileges, let rows go to the other org."""
        owner = "id" if self.table == "orgs" else "org_id"
        with self._undone(without_triggers=True):
            self.db.execute(f"grant update ({owner}) on public.{self.table} to {self.actor.role}".encode())
            before = self._places()
            self._run(f"update public.{self.table} set {owner} = %s", self.other_org)
            return before != self._places()

    def _delete(self) -> set[int] | None:
        if not self.facts["deletable"] or self.facts["is_view"]:
            return None
        with self._undone(without_triggers=True):
            self._run(f"delete from public.{self.table}")
            left = self._places()
        return {n for n in range(1, len(self.rows) + 1) if n not in left}

    def _places(self) -> dict[int, str]:
        """Tell where each row is stored: an update puts it elsewhere, a delete nowhere."""
        found = sql.rows(
            self.db, f"select {', '.join(self.key)}, ctid::text as place from public.{self.table}"
        )
        places = {self._id(row): row["place"] for row in found}
        return {
            n: places[self._id(row)] for n, row in enumerate(self.rows, start=1) if self._id(row) in places
        }

    def _stored(self, row: Row) -> Jsonb:
        where = " and ".join(f"{column} = %s" for column in self.key)
        return Jsonb(
            sql.value(
                self.db,
                f"select to_jsonb(t) from public.{self.table} as t where {where}",
                self._id(row),
            )
        )

    def _take_away(self, row: Row) -> Jsonb:
        stored = self._stored(row)
        where = " and ".join(f"{column} = %s" for column in self.key)
        self.db.execute("set local session_replication_role = replica")
        self.db.execute(f"delete from public.{self.table} where {where}".encode(), self._id(row))
        self.db.execute("set local session_replication_role = origin")
        return stored

    @contextmanager
    def _undone(self, *, without_triggers: bool = False) -> Iterator[None]:
        """Roll back at the end. Without triggers and foreign keys, what remains is what the policies say."""
        with self.db.transaction(force_rollback=True):
            if without_triggers:
                self.db.execute("set local session_replication_role = replica")
            yield

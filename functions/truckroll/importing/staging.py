"""One part of a sheet in a temporary table, and the statements that carry it into the real one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from truckroll.importing.catalogue import Catalogue
from truckroll.importing.records import Part

# Columns the file leaves out come from the row that exists, so that the rules judge the row as it will be.
_UPSERT = """
with written as (
    insert into public.{table} as t (org_id, {columns}, {others})
    select %(org_id)s, {values}, {others_values}
    from {staging} as s
    left join public.{table} as e on e.org_id = %(org_id)s and {same}
    {joins}
    where s.line between %(first)s and %(last)s
    order by s.line
    on conflict ({conflict}) {do}
    returning xmax = 0 as is_new
)

select count(*) filter (where is_new), count(*) filter (where not is_new) from written
"""

# A where clause, so that a row that says nothing new is neither audited nor counted as changed.
_UPDATE = "do update set ({columns}) = row({excluded}) where ({present}) is distinct from ({excluded})"

_TECHNICIANS = """
left join public.technician_profiles as technician
    on technician.org_id = %(org_id)s and technician.id = s.technician_id
"""

_DELETE_REPLACED = """
delete from public.{table} as t
where
    t.org_id = %(org_id)s and {only}
    and exists (select from {parents} as p where {below})
    and not {staged}
"""


@dataclass
class Staging:
    """A part's temporary table, called `name`."""

    connection: psycopg.Connection[Any]
    catalogue: Catalogue
    org_id: UUID
    name: str
    part: Part
    columns: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.columns = list(self.part.rows[0][1]) if self.part.rows else []

    def stage(self) -> None:
        """Copy the rows into a temporary table whose types hold any value of the right shape."""
        if self.part.rows:
            types = [self._staging_type(column) for column in self.columns]
            rows = [(line, *(record[column] for column in self.columns)) for line, record in self.part.rows]
            self._copy(self.name, ["line", *self.columns], ["integer", *types], rows)
        if self.part.within and self.part.parents:
            types = [self._staging_type(column) for column in self.part.within]
            self._copy(f"{self.name}_parents", self.part.within, types, self.part.parents)

    def unstage(self) -> None:
        """Drop the temporary tables."""
        names = map(sql.Identifier, (self.name, f"{self.name}_parents"))
        self.connection.execute(sql.SQL("drop table if exists {}").format(sql.SQL(", ").join(names)))

    def write(self, first_line: int, last_line: int) -> tuple[int, int]:
        """Insert or update the rows of these lines; return how many were added and changed."""
        if not self.part.rows:
            return 0, 0
        parameters = {"org_id": self.org_id, "first": first_line, "last": last_line}
        added, changed = self.connection.execute(self._upsert(), parameters).fetchall()[0]
        return added, changed

    def remove_replaced(self) -> None:
        """Delete what the restated parents had and the file no longer names."""
        part = self.part
        if not part.within or not part.parents:
            return
        staged: sql.Composable = sql.SQL("false")
        if part.rows:
            same = [
                sql.SQL("t.{0} = s.{0}").format(sql.Identifier(name))
                for name in part.conflict
                if name != "org_id"
            ]
            staged = sql.SQL("exists (select from {} as s where {})").format(
                sql.Identifier(self.name), sql.SQL(" and ").join(same)
            )
        below = [
            sql.SQL("t.{0} is not distinct from p.{0}").format(sql.Identifier(name)) for name in part.within
        ]
        delete = sql.SQL(_DELETE_REPLACED).format(
            table=sql.Identifier(part.table),
            only=sql.SQL(part.only),
            parents=sql.Identifier(f"{self.name}_parents"),
            below=sql.SQL(" and ").join(below),
            staged=staged,
        )
        self.connection.execute(delete, {"org_id": self.org_id})

    def _copy(
        self, table: str, columns: Sequence[str], types: list[str], rows: Sequence[tuple[Any, ...]]
    ) -> None:
        declared = [
            sql.SQL("{} {}").format(sql.Identifier(column), sql.SQL(type_name))
            for column, type_name in zip(columns, types, strict=True)
        ]
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        target = sql.Identifier(table)
        self.connection.execute(
            sql.SQL("create temp table {} ({})").format(target, sql.SQL(", ").join(declared))
        )
        with self.connection.cursor().copy(sql.SQL("copy {} ({}) from stdin").format(target, names)) as copy:
            for row in rows:
                copy.write_row(row)
        self.connection.execute(sql.SQL("analyze {}").format(target))

    def _staging_type(self, column: str) -> str:
        return (
            "timestamp" if column in self.part.local else self.catalogue[self.part.table][column].staging_type
        )

    def _value(self, column: str) -> sql.Composable:
        """Compose what goes into a column: the staged value, else the column's default."""
        target = self.catalogue[self.part.table][column]
        staged: sql.Composable = sql.SQL("s.{}").format(sql.Identifier(column))
        if column in self.part.local:
            own_zone = sql.SQL("s.time_zone, " if "time_zone" in self.columns else "")
            staged = sql.SQL("private.local_instant({}, coalesce({}technician.time_zone))").format(
                staged, own_zone
            )
        value = sql.SQL("{}::{}").format(staged, sql.SQL(target.sql_type))
        return self._or_default(value, column)

    def _or_default(self, value: sql.Composable, column: str) -> sql.Composable:
        default = self.catalogue[self.part.table][column].default_expression
        return value if default is None else sql.SQL("coalesce({}, {})").format(value, sql.SQL(default))

    def _upsert(self) -> sql.Composed:
        part = self.part
        kept = {*part.conflict, *part.insert_only}
        updated = [sql.Identifier(column) for column in self.columns if column not in kept]
        others = [name for name in self.catalogue[part.table] if name not in {"org_id", *self.columns}]
        same = [
            sql.SQL("e.{0} = s.{0}").format(sql.Identifier(name))
            for name in part.conflict
            if name in self.columns
        ]
        do: sql.Composable = sql.SQL("do nothing")
        if updated:
            do = sql.SQL(_UPDATE).format(
                columns=sql.SQL(", ").join(updated),
                excluded=sql.SQL(", ").join(sql.SQL("excluded.{}").format(column) for column in updated),
                present=sql.SQL(", ").join(sql.SQL("t.{}").format(column) for column in updated),
            )
        return sql.SQL(_UPSERT).format(
            table=sql.Identifier(part.table),
            columns=sql.SQL(", ").join(map(sql.Identifier, self.columns)),
            values=sql.SQL(", ").join(map(self._value, self.columns)),
            others=sql.SQL(", ").join(map(sql.Identifier, others)),
            others_values=sql.SQL(", ").join(
                self._or_default(sql.SQL("e.{}").format(sql.Identifier(name)), name) for name in others
            ),
            same=sql.SQL(" and ").join(same),
            staging=sql.Identifier(self.name),
            joins=sql.SQL(_TECHNICIANS if part.local else ""),
            conflict=sql.SQL(", ").join(map(sql.Identifier, part.conflict)),
            do=do,
        )

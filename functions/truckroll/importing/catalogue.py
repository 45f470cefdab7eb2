"""What the database says about the columns an import writes: types, defaults, allowed words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row

_COLUMNS = """
select
    c.relname as table_name,
    a.attname as name,
    format_type(coalesce(nullif(t.typelem, 0), a.atttypid), null) as type_name,
    t.typelem <> 0 and t.typcategory = 'A' as is_array,
    pg_get_expr(d.adbin, d.adrelid) as default_expression,
    array(
        select e.enumlabel::text from pg_enum as e
        where e.enumtypid = coalesce(nullif(t.typelem, 0), a.atttypid)
        order by e.enumsortorder
    ) as words
from pg_class as c
inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
inner join pg_type as t on t.oid = a.atttypid
left join pg_attrdef as d on d.adrelid = c.oid and d.adnum = a.attnum
where c.relnamespace = 'public'::regnamespace and c.relname = any(%(tables)s)
"""


@dataclass(frozen=True)
class ColumnType:
    """A column of a table: its type (an array's element type), default expression and enum labels."""

    table_name: str
    name: str
    type_name: str
    is_array: bool
    default_expression: str | None
    words: list[str]

    @property
    def staging_type(self) -> str:
        """The type that holds any value of the right shape, so that the real table does the judging."""
        wide = {"smallint": "integer", "extensions.citext": "text", "citext": "text"}
        name = "text" if self.words else wide.get(self.type_name, self.type_name)
        return f"{name}[]" if self.is_array else name

    @property
    def sql_type(self) -> str:
        """The type as SQL writes it."""
        return f"{self.type_name}[]" if self.is_array else self.type_name


Catalogue = Mapping[str, Mapping[str, ColumnType]]


def read_catalogue(connection: psycopg.Connection[Any], tables: list[str]) -> Catalogue:
    """Return the columns of these tables of schema public, by table and name."""
    found: dict[str, dict[str, ColumnType]] = {table: {} for table in tables}
    with connection.cursor(row_factory=class_row(ColumnType)) as cursor:
        for column in cursor.execute(_COLUMNS, {"tables": tables}):
            found[column.table_name][column.name] = column
    return found

"""Write supabase/API.md, the reference of what clients may call and read, from the comments in the catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, LiteralString
from uuid import uuid4

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from truckroll_local import database, scratch
from truckroll_local.paths import ROOT

API = ROOT / "supabase" / "API.md"
HEADER = """\
# API reference

Generated from the comments in `sql/` by `make reference`; a test holds it to them. Times are ISO 8601 with an offset,
ranges half-open, durations in `_minutes` or `_s`, distances in `_m`, coordinates in degrees (WGS 84). Errors are
`{code, message, details, hint}`: `message` is the stable code.
"""
FUNCTIONS: LiteralString = """
select p.proname as name, pg_get_function_arguments(p.oid) as arguments, pg_get_function_result(p.oid) as result,
    obj_description(p.oid, 'pg_proc') as comment, p.provolatile = 'v' as writes
from pg_proc as p
where p.pronamespace = 'public'::regnamespace and p.prokind = 'f'
order by p.proname
"""
COLUMNS: LiteralString = """
select c.relname as relation, c.relkind = 'v' as is_view, obj_description(c.oid, 'pg_class') as comment,
    a.attname as name, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as required,
    col_description(c.oid, a.attnum) as meaning
from pg_class as c
join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v')
order by c.relname, a.attnum
"""
TYPES: LiteralString = """
select t.typname as name, array_agg(e.enumlabel::text order by e.enumsortorder) as labels
from pg_type as t join pg_enum as e on e.enumtypid = t.oid
where t.typnamespace = 'public'::regnamespace
group by t.typname order by t.typname
"""


def reference(connection: psycopg.Connection[Any]) -> str:
    """Return the reference of a database as Markdown."""
    with connection.cursor(row_factory=dict_row) as cursor:
        functions = cursor.execute(FUNCTIONS).fetchall()
        columns = cursor.execute(COLUMNS).fetchall()
        types = cursor.execute(TYPES).fetchall()
    parts = [HEADER, "## RPCs: `POST /rest/v1/rpc/<name>`\n"]
    parts += [
        f"### {function['name']}\n\n{function['comment']}\n\n"
        f"{_list(function['arguments'])}Returns `{function['result']}`.\n"
        for function in functions
    ]
    parts += ["## Tables and views: `/rest/v1/<name>`\n", *_relations(columns), "## Enumerations\n"]
    parts += [f"- `{kind['name']}`: {', '.join(kind['labels'])}" for kind in types]
    return "\n".join(parts) + "\n"


def _list(arguments: str) -> str:
    named = [
        re.sub(r" DEFAULT NULL::.*", " (optional)", argument).replace(" DEFAULT ", " = ")
        for argument in arguments.split(", ")
        if argument
    ]
    return "".join(f"- `{argument}`\n" for argument in named) + ("\n" if named else "")


def _relations(columns: list[dict[str, Any]]) -> Iterator[str]:
    for relation, members in groupby(columns, key=lambda column: column["relation"]):
        rows = list(members)
        yield f"### {relation}{' (view)' if rows[0]['is_view'] else ''}\n\n{rows[0]['comment']}\n"
        yield "| column | type | |\n|---|---|---|"
        for row in rows:
            yield f"| `{row['name']}` | {row['type']} | {row['meaning'] or ''} |"
        yield ""


def write(path: Path = API) -> None:
    """Build a database from the declared files and write its reference."""
    with scratch.server() as server:
        name = f"reference_{uuid4().hex}"
        conninfo = make_conninfo(server, dbname=name)
        database.recreate(conninfo)
        try:
            database.build(conninfo, seeds=False)
            with psycopg.connect(conninfo) as connection:
                path.write_text(reference(connection), encoding="utf-8")
        finally:
            with psycopg.connect(server, autocommit=True) as connection:
                connection.execute(f'drop database "{name}" with (force)')  # a name made above


if __name__ == "__main__":
    write()

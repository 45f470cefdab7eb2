"""Whatever a client passes, every RPC answers, or refuses with a code, a sentence and what to do next.

Generated from the catalogue: each parameter of each function of schema public is replaced by everything unpleasant
of its type, in calls that succeed otherwise. A new function needs a line in `support.whole_company`.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from support.junk import EXTREME_TIMES, junk
from support.sql import Connection, acting_as, rows
from support.whole_company import Call, calls_of_a_whole_company

PARAMETERS = """
select p.proname as function, array_agg(a.name order by a.position) as names,
    array_agg(format_type(p.proargtypes[a.position - 1], null) order by a.position) as types
from pg_proc as p
cross join unnest(p.proargnames) with ordinality as a (name, position)
where p.pronamespace = 'public'::regnamespace and p.prokind = 'f' and a.position <= p.pronargs
group by p.oid, p.proname
"""
ENUMS = """
select format_type(e.enumtypid, null) as type, array_agg(e.enumlabel::text order by e.enumsortorder) as labels
from pg_enum as e group by e.enumtypid
"""
CODE = re.compile(r"[a-z][a-z0-9_]+")
PAIRS = 20  # of junk at once, for each way to call
SLOW = "30s"  # a call that runs into it was made to search or loop without bound

Types = dict[str, str]


def signatures(db: Connection) -> dict[str, Types]:
    """Return the parameters of every function with their types."""
    return {
        row["function"]: dict(zip(row["names"], row["types"], strict=True)) for row in rows(db, PARAMETERS)
    }


def attempt(db: Connection, function: str, call: Call, types: Types) -> psycopg.Error | None:
    """Call and undo; return the refusal, if any."""
    query = SQL("select * from public.{}({})").format(
        Identifier(function),
        SQL(", ").join(
            SQL("{} => %s::{}").format(Identifier(name), SQL(types[name])) for name in call.arguments
        ),
    )
    try:
        with db.transaction(force_rollback=True), acting_as(db, call.user_id, role=call.role):
            db.execute(query, list(call.arguments.values()))
    except psycopg.Error as error:
        return error
    return None


def fault(error: psycopg.Error | None) -> str | None:
    """Return what is wrong with a refusal."""
    if error is None or (error.sqlstate == "42501" and error.diag.message_primary == "permission_missing"):
        return None
    said = error.diag
    if not re.fullmatch(r"PT4\d\d", error.sqlstate or ""):
        where = (said.context or "").splitlines()[:1]
        return f"{error.sqlstate} {said.message_primary} in {where}"
    if not (CODE.fullmatch(said.message_primary or "") and said.message_detail and said.message_hint):
        return f"without code, sentence or hint: {error}"
    return None


def variations(call: Call, types: Types, enums: dict[str, list[str]]) -> Iterator[Call]:
    """Spoil one parameter at a time, all of one type at once, any two times, and some pairs."""
    spoiled = {name: [*junk(name, kind, enums), *call.junk.get(name, [])] for name, kind in types.items()}
    for name, values in spoiled.items():
        yield from (call.but({name: value}) for value in values)
    for _, group in itertools.groupby(sorted(types, key=types.__getitem__), key=types.__getitem__):
        same = list(group)
        if len(same) > 1:
            yield from (call.but(dict.fromkeys(same, value)) for value in spoiled[same[0]])
    times = sorted(name for name, kind in types.items() if kind == "timestamp with time zone")
    for pair in itertools.combinations(times, 2):
        for extremes in itertools.product((None, *EXTREME_TIMES), repeat=2):
            yield call.but(dict(zip(pair, extremes, strict=True)))
    dice = random.Random(repr(sorted(types)))
    if len(types) > 1:
        for _ in range(PAIRS):
            yield call.but({name: dice.choice(spoiled[name]) for name in dice.sample(sorted(types), 2)})


@pytest.fixture
def calls(db: Connection) -> dict[str, list[Call]]:
    made = calls_of_a_whole_company(db)
    db.execute(SQL("set local statement_timeout = {}").format(SLOW))
    return made


def test_every_function_is_known_and_answers_when_called_well(
    db: Connection, calls: dict[str, list[Call]]
) -> None:
    known = signatures(db)
    assert known.keys() == calls.keys()
    refusals = {
        (function, number): str(refused)
        for function, ways in calls.items()
        for number, way in enumerate(ways)
        if (refused := attempt(db, function, way, known[function]))
    }
    assert refusals == {}


def test_no_junk_gets_an_unclear_answer(db: Connection, calls: dict[str, list[Call]]) -> None:
    known = signatures(db)
    enums = {row["type"]: row["labels"] for row in rows(db, ENUMS)}
    faults: dict[str, str] = {}
    for function, ways in calls.items():
        for way in ways:
            for spoiled in variations(way, known[function], enums):
                wrong = fault(attempt(db, function, spoiled, known[function]))
                if wrong:
                    changed = {
                        name: str(value)[:90]
                        for name, value in spoiled.arguments.items()
                        if name not in way.arguments or value != way.arguments[name]
                    }
                    faults.setdefault(f"{function}: {wrong}"[:400], str(changed))
    assert faults == {}

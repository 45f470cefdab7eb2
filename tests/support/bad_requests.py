"""Requests that must be refused: how they are sent, what an answer to them looks like, and what nobody may touch."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Template
from typing import Any, LiteralString

import httpx
import psycopg
from psycopg.sql import SQL, Identifier

from support.factory import Company
from support.sql import rows
from truckroll_local.keys import signed

FOUR = {"code", "message", "details", "hint"}
A_UUID = "00000000-0000-4000-8000-000000000000"
OURS = re.compile(r"[a-z]+(_[a-z]+)+")

TABLES: LiteralString = """
select c.relnamespace::regnamespace::text as schema, c.relname as name
from pg_class as c
where c.relkind = 'r' and c.relnamespace in ('public'::regnamespace, 'private'::regnamespace)
order by 1, 2
"""


@dataclass(frozen=True)
class Bad:
    """A request, with `$names` for ids, and what it is refused with; `who` asks, None is nobody.

    `code` is our own code, which travels as message, or PostgREST's.
    """

    what: str
    method: str
    path: str
    status: int
    code: str
    body: Any = None
    raw: bytes | None = None
    who: str | None = "dispatcher"
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.what.replace(" ", "-")

    def sent(self, client: httpx.Client, token: str, ids: Mapping[str, object]) -> httpx.Response:
        """Send it with this token."""
        content = self.raw
        if content is None and self.body is not None:
            content = Template(json.dumps(self.body)).substitute(ids).encode()
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json", **self.headers}
        return client.request(
            self.method, Template(self.path).substitute(ids), content=content, headers=headers
        )


def rpc(what: str, function: str, status: int, code: str, body: Any = None, **more: Any) -> Bad:
    """Return a call of an RPC that is refused."""
    return Bad(what, "POST", f"/rest/v1/rpc/{function}", status, code, body, **more)


def refusal(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check status, keys and code of a refusal, and that ours say what to do; return it."""
    assert answer.status_code == status, answer.text[:500]
    body: dict[str, Any] = answer.json()
    assert body.keys() == FOUR
    ours = OURS.fullmatch(body["message"])
    assert (body["message"] if ours else body["code"]) == code, body
    if ours:
        assert body["details"], body
        assert body["hint"], body
    return body


def everything(db: psycopg.Connection[Any]) -> dict[str, tuple[int, int]]:
    """Return for every table how many rows it has, and a sum that changes when one is written."""
    # xmin tells who wrote a row version: a row updated to what it was is a write too.
    found = [
        SQL("select {}, count(*), coalesce(sum(xmin::text::bigint), 0) from {}").format(
            f"{table['schema']}.{table['name']}", Identifier(table["schema"], table["name"])
        )
        for table in rows(db, TABLES)
    ]
    return {name: (n, written) for name, n, written in db.execute(SQL(" union all ").join(found))}


def somebodys_token(user_id: object, secret: str, *, role: str = "authenticated", lives_s: int = 600) -> str:
    """Return an access token as the API issues it, without a sign-in."""
    claims = {"sub": str(user_id), "role": role, "aud": role, "exp": int(time.time()) + lives_s}
    return signed(claims, secret)


def ids(db: psycopg.Connection[Any]) -> dict[str, object]:
    """Make two companies; return ids to be asked about: users of the first by role, rows of both (`their_…`)."""
    ours, theirs = Company(db), Company(db)
    found: dict[str, object] = {"nobody": A_UUID}
    for prefix, company in (("", ours), ("their_", theirs)):
        technician = company.technician({"plumbing": 3})
        service = company.service({"plumbing": 2})
        waiting, booked = (company.job(service=service) for _ in range(2))
        visit = company.visit(booked, technician)
        (assignment,) = rows(
            db, "select id from public.job_assignments where appointment_id = %s", (visit["id"],)
        )
        made = {
            "org": company.id,
            "person": technician["id"],
            "service": service["id"],
            "job": waiting["id"],
            "customer": waiting["customer_id"],
            "site": waiting["location_id"],
            "appointment": visit["id"],
            "assignment": assignment["id"],
            "bay": company.bay(company.facility())["id"],
        }
        found |= {prefix + name: str(row) for name, row in made.items()}
    return found | {role: ours.member(role) for role in ("dispatcher", "cashier", "technician", "customer")}

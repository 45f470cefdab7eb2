"""postgres_changes of the realtime stand-in: filters, and row level security for every listener."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from postgrest import ReturnMethod

from realtime import AsyncRealtimeChannel, AsyncRealtimeClient, RealtimeSubscribeStates
from support.listening import WITHIN_S, Heard, connected, insert_task, run, subscribed
from support.workshop import NORTH, Person
from truckroll_local.stack import Stack


def changes_of(
    client: AsyncRealtimeClient,
    event: Any = "*",
    table: str = "tasks",
    row_filter: str | None = None,
    **more: Any,
) -> tuple[AsyncRealtimeChannel, Heard]:
    heard = Heard()
    listener = client.channel(f"changes {time.monotonic_ns()}")
    return listener.on_postgres_changes(
        event, heard, table=table, schema="public", filter=row_filter, **more
    ), heard


def test_table_changes_reach_who_may_see_the_row(
    stack: Stack, north: Person, south: Person, title: str
) -> None:
    async def scenario() -> None:
        async with connected(stack, north.token) as inside, connected(stack, south.token) as outside:
            own, heard = changes_of(inside)
            other, overheard = changes_of(outside)
            for listener in (own, other):
                assert (await subscribed(listener))[0] is RealtimeSubscribeStates.SUBSCRIBED
            await asyncio.to_thread(
                insert_task, stack, title, price="12.50", tags=["a", "b"], starts_at="2026-11-20T10:00Z"
            )
            data = (await heard.next())["data"]
            assert (data["type"], data["schema"], data["table"], data["errors"]) == (
                "INSERT",
                "public",
                "tasks",
                None,
            )
            record = data["record"]
            assert (record["title"], record["price"], record["tags"]) == (title, 12.5, ["a", "b"])
            assert record["starts_at"] == "2026-11-20T10:00:00+00:00"
            assert "secret_note" not in record
            assert {"name": "price", "type": "numeric"} in data["columns"]
            await asyncio.to_thread(
                north.client.table("tasks")
                .update({"price": 13}, returning=ReturnMethod.minimal)
                .eq("title", title)
                .execute
            )
            changed = (await heard.next())["data"]
            assert (changed["type"], changed["record"]["price"]) == ("UPDATE", 13)
            await asyncio.to_thread(
                north.client.table("tasks").delete(returning=ReturnMethod.minimal).eq("title", title).execute
            )
            deleted = (await heard.next())["data"]
            assert (deleted["type"], deleted["old_record"]) == (
                "DELETE",
                {"team_id": NORTH, "id": record["id"]},
            )
            assert (await overheard.next())["data"]["type"] == "DELETE", (
                "a deletion shows its key to every listener, as hosted"
            )
            assert await overheard.nothing()

    run(scenario)


def test_filters_and_events_choose_among_changes(stack: Stack, north: Person, title: str) -> None:
    async def scenario() -> None:
        async with connected(stack, north.token) as client:
            dear, heard = changes_of(client, "INSERT", row_filter="price=gt.100")
            narrow, columns = changes_of(
                client, "INSERT", row_filter=f"title=in.({title} dear)", select=["title"]
            )
            for listener in (dear, narrow):
                assert (await subscribed(listener))[0] is RealtimeSubscribeStates.SUBSCRIBED
            await asyncio.to_thread(insert_task, stack, f"{title} cheap", price=5)
            await asyncio.to_thread(insert_task, stack, f"{title} dear", price=500)
            assert (await heard.next())["data"]["record"]["title"] == f"{title} dear"
            assert set((await columns.next())["data"]["record"]) == {"team_id", "id", "title"}
            assert await heard.nothing()

    run(scenario)


@contextmanager
def commits_unseen(superuser: psycopg.Connection[Any]) -> Iterator[None]:
    """Have commits reach the log but no other session: they wait for a standby that never comes."""
    superuser.execute("alter system set synchronous_standby_names = 'nobody'")
    superuser.execute("select pg_reload_conf()")
    try:
        yield
    finally:
        superuser.execute("alter system reset synchronous_standby_names")
        superuser.execute("select pg_reload_conf()")


def test_a_change_told_before_its_commit_is_seen_is_not_lost(
    stack: Stack, north: Person, title: str, superuser: psycopg.Connection[Any]
) -> None:
    waiting = "select count(*) as number from pg_stat_activity where wait_event = 'SyncRep'"

    async def scenario() -> None:
        async with connected(stack, north.token) as client:
            listener, heard = changes_of(client, "INSERT")
            await subscribed(listener)
            written: dict[str, asyncio.Task[None]] = {}
            with commits_unseen(superuser):
                # The server takes the setting up in its own time.
                give_up = time.monotonic() + WITHIN_S
                while not superuser.execute(waiting).fetchall()[0]["number"]:
                    assert time.monotonic() < give_up, "commits are seen at once"
                    name = f"{title} {len(written)}"
                    written[name] = asyncio.create_task(asyncio.to_thread(insert_task, stack, name))
                    await asyncio.sleep(0.1)
                await asyncio.sleep(0.2)
            await asyncio.gather(*written.values())
            told = {(await heard.next())["data"]["record"]["title"] for _ in written}
            assert told == written.keys()

    run(scenario)

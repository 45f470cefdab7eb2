"""The realtime stand-in, as supabase-py's realtime client (protocol 1.0.0) meets it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import psycopg
import pytest
from realtime import AsyncRealtimeChannel, AsyncRealtimeClient, RealtimeSubscribeStates

from support.workshop import NORTH, Person, SignIn
from truckroll_local.keys import signed
from truckroll_local.stack import Stack

WITHIN_S = 10
QUIET_S = 0.4
TEAM = f"team:{NORTH}"


class Heard:
    """What a channel's callbacks were given, to be waited for."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Any] = asyncio.Queue()

    def __call__(self, *arguments: Any) -> None:
        self._queue.put_nowait(arguments[0] if len(arguments) == 1 else arguments)

    async def next(self) -> Any:
        """Return the next one, which has to come soon."""
        return await asyncio.wait_for(self._queue.get(), WITHIN_S)

    async def nothing(self) -> bool:
        """Whether nothing comes for a while."""
        await asyncio.sleep(QUIET_S)
        return self._queue.empty()


@asynccontextmanager
async def connected(stack: Stack, token: str | None) -> Any:
    client = AsyncRealtimeClient(f"{stack.api_url.replace('http', 'ws')}/realtime/v1", token=stack.anon_key)
    await client.connect()
    if token:
        await client.set_auth(token)
    try:
        yield client
    finally:
        await client.close()


def channel(client: AsyncRealtimeClient, topic: str, **config: Any) -> AsyncRealtimeChannel:
    settings: Any = {
        "broadcast": {"ack": False, "self": False},
        "presence": {"key": "", "enabled": False},
        "private": True,
    }
    return client.channel(topic, {"config": settings | config})


async def subscribed(joining: AsyncRealtimeChannel) -> tuple[RealtimeSubscribeStates, str]:
    """Subscribe; return the state the client ends in, and the error's text."""
    states: asyncio.Future[tuple[RealtimeSubscribeStates, str]] = asyncio.get_running_loop().create_future()

    def on_state(state: RealtimeSubscribeStates, error: Exception | None) -> None:
        if not states.done():
            states.set_result((state, str(error or "")))

    await joining.subscribe(on_state)
    return await asyncio.wait_for(states, WITHIN_S)


async def listening(
    client: AsyncRealtimeClient, topic: str, event: str = "*", **config: Any
) -> tuple[AsyncRealtimeChannel, Heard]:
    heard = Heard()
    joining = channel(client, topic, **config).on_broadcast(event, heard)
    assert (await subscribed(joining))[0] is RealtimeSubscribeStates.SUBSCRIBED
    return joining, heard


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 60))  # type: ignore[arg-type]


def insert_task(stack: Stack, title: str, **columns: Any) -> None:
    with psycopg.connect(stack.db_url) as connection:
        row = {"team_id": NORTH, "title": title} | columns
        names, values = ", ".join(row), ", ".join(["%s"] * len(row))
        connection.execute(f"insert into public.tasks ({names}) values ({values})", list(row.values()))  # type: ignore[arg-type]


def test_a_change_in_the_database_is_broadcast_to_who_may_receive(
    stack: Stack, north: Person, title: str
) -> None:
    async def scenario() -> None:
        async with connected(stack, north.token) as client:
            _, heard = await listening(client, TEAM, "INSERT")
            await asyncio.to_thread(insert_task, stack, title)
            message = await heard.next()
            change = message["payload"]
            assert (message["event"], change["operation"], change["table"]) == ("INSERT", "INSERT", "tasks")
            assert change["record"]["title"] == title
            assert change["old_record"] is None

    run(scenario)


def test_messages_sent_in_a_transaction_that_fails_are_never_heard(stack: Stack, north: Person) -> None:
    async def scenario() -> None:
        async with connected(stack, north.token) as client:
            _, heard = await listening(client, TEAM, "try")
            with psycopg.connect(stack.db_url) as connection:
                connection.execute("select realtime.send('{\"n\": 1}', 'try', %s)", (TEAM,))
                connection.rollback()
                connection.execute("select realtime.send('{\"n\": 2}', 'try', %s)", (TEAM,))
            assert (await heard.next())["payload"]["n"] == 2

    run(scenario)


def test_a_private_topic_is_closed_to_who_may_not_receive(stack: Stack, south: Person) -> None:
    async def scenario() -> None:
        expired = signed(
            {"role": "authenticated", "sub": south.id, "exp": int(time.time()) - 5}, stack.jwt_secret
        )
        forged = signed({"role": "service_role", "exp": int(time.time()) + 60}, "x" * 40)
        for token, reason in ((south.token, "do not have permissions to read"), (None, "do not have permissions to read"),
                              (expired, "expired"), (forged, "not a valid JWT")):  # fmt: skip
            async with connected(stack, token) as client:
                state, error = await subscribed(channel(client, TEAM))
                assert (state, reason in error) == (RealtimeSubscribeStates.CHANNEL_ERROR, True), error

    run(scenario)


def test_a_broken_policy_opens_nothing(stack: Stack, north: Person) -> None:
    async def scenario() -> None:
        async with connected(stack, north.token) as client:
            state, error = await subscribed(channel(client, "team:not-a-uuid"))
            assert state is RealtimeSubscribeStates.CHANNEL_ERROR
            assert "permissions" in error

    run(scenario)


def test_a_public_channel_hears_nothing_of_the_private_one(
    stack: Stack, north: Person, south: Person, title: str
) -> None:
    async def scenario() -> None:
        async with connected(stack, north.token) as inside, connected(stack, south.token) as outside:
            _, heard = await listening(inside, TEAM, "INSERT")
            spying, overheard = await listening(outside, TEAM, "*", private=False)
            await spying.send_broadcast("INSERT", {"forged": True})
            await asyncio.to_thread(insert_task, stack, title)
            assert (await heard.next())["payload"]["record"]["title"] == title
            assert await overheard.nothing()

    run(scenario)


def test_members_talk_to_each_other_and_hear_themselves_only_if_asked(
    stack: Stack, north: Person, sign_in: SignIn
) -> None:
    async def scenario() -> None:
        async with connected(stack, north.token) as one, connected(stack, sign_in(NORTH).token) as two:
            speaking, own = await listening(one, TEAM, "note", broadcast={"ack": True, "self": True})
            listening_only, heard = await listening(two, TEAM, "note")
            await speaking.send_broadcast("note", {"text": "Grüße"})
            for ears in (own, heard):
                assert (await ears.next())["payload"] == {"text": "Grüße"}
            await listening_only.send_broadcast("note", {"text": "back"})
            assert (await own.next())["payload"] == {"text": "back"}
            assert await heard.nothing()

    run(scenario)


def test_who_may_listen_may_not_therefore_speak(stack: Stack, north: Person, south: Person) -> None:
    async def scenario() -> None:
        async with connected(stack, north.token) as one, connected(stack, south.token) as two:
            _, heard = await listening(one, "notice:all", "news")
            speaking, _ = await listening(two, "notice:all", "news")
            await speaking.send_broadcast("news", {"fake": True})
            await speaking.track({"here": True})
            assert await heard.nothing()
            with psycopg.connect(stack.db_url) as connection:
                connection.execute("select realtime.send('{\"true\": 1}', 'news', 'notice:all')")
            assert (await heard.next())["payload"]["true"] == 1

    run(scenario)


def test_presence_tells_who_is_here_who_comes_and_who_goes(
    stack: Stack, north: Person, sign_in: SignIn
) -> None:
    async def scenario() -> None:
        async with connected(stack, north.token) as one:
            joins, leaves = Heard(), Heard()
            first = channel(one, TEAM, presence={"key": "ada", "enabled": True})
            first.on_presence_join(lambda key, _before, new: joins((key, new))).on_presence_leave(
                lambda key, _after, left: leaves((key, left))
            )
            assert (await subscribed(first))[0] is RealtimeSubscribeStates.SUBSCRIBED
            await first.track({"at": "desk"})
            assert (await joins.next())[0] == "ada"
            async with connected(stack, sign_in(NORTH).token) as two:
                synced = Heard()
                second = channel(two, TEAM, presence={"key": "ben", "enabled": True})
                second.on_presence_sync(lambda: synced(None))
                assert (await subscribed(second))[0] is RealtimeSubscribeStates.SUBSCRIBED
                await synced.next()
                assert [state["at"] for state in second.presence_state()["ada"]] == ["desk"]
                await second.track({"at": "van"})
                key, new = await joins.next()
                assert (key, new[0]["at"]) == ("ben", "van")
                assert sorted(first.presence_state()) == ["ada", "ben"]
            assert (await leaves.next())[0] == "ben"
            assert list(first.presence_state()) == ["ada"]

    run(scenario)


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
                .update({"price": 13}, returning="minimal")
                .eq("title", title)
                .execute
            )  # type: ignore[arg-type]
            changed = (await heard.next())["data"]
            assert (changed["type"], changed["record"]["price"]) == ("UPDATE", 13)
            await asyncio.to_thread(
                north.client.table("tasks").delete(returning="minimal").eq("title", title).execute
            )  # type: ignore[arg-type]
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


def test_a_new_token_changes_what_one_may_hear(
    stack: Stack, sign_in: SignIn, superuser: psycopg.Connection[Any], title: str
) -> None:
    async def scenario() -> None:
        person = sign_in(NORTH)
        async with connected(stack, person.token) as client:
            system = Heard()
            joining, heard = await listening(client, TEAM, "INSERT")
            joining.on_system(system)
            superuser.execute("delete from public.members where user_id = %s", (person.id,))
            await asyncio.to_thread(insert_task, stack, f"{title} 1")
            assert (await heard.next())["payload"]["record"]["title"] == f"{title} 1"
            await asyncio.to_thread(person.client.auth.refresh_session)
            await client.set_auth(person.token)
            await asyncio.sleep(QUIET_S)
            await asyncio.to_thread(insert_task, stack, f"{title} 2")
            assert await heard.nothing()

    run(scenario)


def test_messages_can_be_sent_over_http_by_who_may_speak(stack: Stack, north: Person, south: Person) -> None:
    def post(person: Person, payload: dict[str, Any]) -> int:
        message = {"topic": TEAM, "event": "http", "payload": payload, "private": True}
        headers = {"apikey": stack.anon_key, "authorization": f"Bearer {person.token}"}
        url = f"{stack.api_url}/realtime/v1/api/broadcast"
        return httpx.post(url, json={"messages": [message]}, headers=headers).status_code

    async def scenario() -> None:
        async with connected(stack, north.token) as client:
            _, heard = await listening(client, TEAM, "http")
            assert await asyncio.to_thread(post, south, {"from": "south"}) == 202
            assert await asyncio.to_thread(post, north, {"from": "north"}) == 202
            assert (await heard.next())["payload"] == {"from": "north"}
            assert await heard.nothing()

    run(scenario)


def test_the_socket_itself_needs_an_api_key(stack: Stack) -> None:
    async def scenario() -> None:
        client = AsyncRealtimeClient(
            f"{stack.api_url.replace('http', 'ws')}/realtime/v1", token="nonsense", max_retries=1
        )  # noqa: S106
        with pytest.raises(Exception, match="401"):
            await client.connect()

    run(scenario)


def test_listeners_hear_again_after_the_replication_connection_broke(
    stack: Stack, north: Person, superuser: psycopg.Connection[Any], title: str
) -> None:
    async def scenario() -> None:
        async with connected(stack, north.token) as client:
            _, heard = await listening(client, TEAM, "INSERT")
            superuser.execute("select pg_terminate_backend(pid) from pg_stat_replication")
            for attempt in range(40):
                await asyncio.to_thread(insert_task, stack, f"{title} {attempt}")
                try:
                    await asyncio.wait_for(heard.next(), 0.5)
                except TimeoutError:
                    continue
                return
            pytest.fail("the stand-in never listened again")

    run(scenario)

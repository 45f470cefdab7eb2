"""Broadcast, presence and who may do what on the stand-in, as supabase-py (protocol 1.0.0) meets it."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import Any

import httpx
import psycopg
import pytest

from realtime import AsyncRealtimeClient, RealtimeSubscribeStates
from support.listening import (
    TEAM,
    Heard,
    channel,
    connected,
    insert_task,
    listening,
    run,
    subscribed,
)
from support.workshop import NORTH, Person, SignIn
from truckroll_local.keys import signed
from truckroll_local.stack import Stack


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
        closed = "do not have permissions to read"
        refusals = {south.token: closed, None: closed, expired: "expired", forged: "not a valid JWT"}
        for token, reason in refusals.items():
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
                present: Any = second.presence_state()["ada"]
                assert [state["at"] for state in present] == ["desk"]
                await second.track({"at": "van"})
                key, new = await joins.next()
                assert (key, new[0]["at"]) == ("ben", "van")
                assert sorted(first.presence_state()) == ["ada", "ben"]
            assert (await leaves.next())[0] == "ben"
            assert list(first.presence_state()) == ["ada"]

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
            # One socket's messages are taken in turn: when this is answered, the token is known.
            await subscribed(channel(client, "anything", private=False))
            await asyncio.to_thread(insert_task, stack, f"{title} 2")
            assert await heard.nothing()

    run(scenario)


def test_messages_can_be_sent_over_http_by_who_may_speak(stack: Stack, north: Person, south: Person) -> None:
    def post(person: Person, payload: dict[str, Any]) -> int:
        message = {"topic": TEAM, "event": "http", "payload": payload, "private": True}
        headers = {"apikey": stack.anon_key, "authorization": f"Bearer {person.token}"}
        url = f"{stack.api_url}/realtime/v1/api/broadcast"
        return httpx.post(url, json={"messages": [message]}, headers=headers, timeout=60).status_code

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
            f"{stack.api_url.replace('http', 'ws')}/realtime/v1", token=stack.anon_key[::-1], max_retries=1
        )
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
            for attempt in itertools.count():
                await asyncio.to_thread(insert_task, stack, f"{title} {attempt}")
                try:
                    await asyncio.wait_for(heard.next(), 0.5)
                except TimeoutError:
                    continue
                return

    run(scenario)

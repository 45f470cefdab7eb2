"""Listening to the realtime stand-in with supabase-py's client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from realtime import AsyncRealtimeChannel, AsyncRealtimeClient, RealtimeSubscribeStates
from support.workshop import NORTH
from truckroll_local.stack import Stack

WITHIN_S = 60  # what comes does so in milliseconds, on a busy machine in seconds
QUIET_S = 0.4
TEAM = f"team:{NORTH}"


class Heard:
    """What a channel's callbacks were given, to be waited for."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Any] = asyncio.Queue()

    def __call__(self, *arguments: Any) -> None:  # noqa: D102 — the channels call it
        self._queue.put_nowait(arguments[0] if len(arguments) == 1 else arguments)

    async def next(self) -> Any:
        """Return the next one, which has to come soon."""
        return await asyncio.wait_for(self._queue.get(), WITHIN_S)

    async def nothing(self) -> bool:
        """Whether nothing comes for a while."""
        await asyncio.sleep(QUIET_S)
        return self._queue.empty()


@asynccontextmanager
async def connected(stack: Stack, token: str | None) -> AsyncIterator[AsyncRealtimeClient]:
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
    asyncio.run(asyncio.wait_for(scenario(), 240))


def insert_task(stack: Stack, title: str, **columns: Any) -> None:
    with psycopg.connect(stack.db_url) as connection:
        row = {"team_id": NORTH, "title": title} | columns
        names, values = ", ".join(row), ", ".join(["%s"] * len(row))
        connection.execute(f"insert into public.tasks ({names}) values ({values})", list(row.values()))

"""From a change in the database to a dispatcher who listens, over the local stack's realtime."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from time import perf_counter
from typing import Any

from bench.figures import Figure, Times
from bench.place import Place
from realtime.types import RealtimeChannelOptions

from realtime import AsyncRealtimeClient, RealtimeSubscribeStates

CHANGES = 60
WARM = 5
PATIENCE_S = 5.0


def measure(place: Place) -> Iterator[Figure]:
    """Change a job again and again and wait for word of it; nothing without a stack."""
    if place.stack is None:
        return
    try:
        times = asyncio.run(_heard(place))
    except TimeoutError:
        yield Figure("realtime, change to subscriber", "nothing heard", "p95 < 250 ms", met=False)
        return
    yield times.figure(
        "realtime, change to subscriber", 250, f"{CHANGES} changes, private topic org:…:schedule"
    )


async def _heard(place: Place) -> Times:
    company = place.company
    client = AsyncRealtimeClient(
        f"{place.api_url()}/realtime/v1".replace("http", "ws", 1), place.anon_key(), auto_reconnect=False
    )
    await client.connect()
    await client.set_auth(place.token())
    joined, messages = asyncio.Event(), asyncio.Queue[tuple[float, Any]]()

    def on_state(state: RealtimeSubscribeStates, error: Exception | None) -> None:
        if error is not None:
            raise error
        if state == RealtimeSubscribeStates.SUBSCRIBED:
            joined.set()

    options: RealtimeChannelOptions = {"config": {"private": True, "broadcast": None, "presence": None}}
    channel = client.channel(f"org:{company.org_id}:schedule", options)
    channel.on_broadcast("UPDATE", lambda payload: messages.put_nowait((perf_counter(), payload)))
    await channel.subscribe(on_state)
    await asyncio.wait_for(joined.wait(), PATIENCE_S)
    took = []
    with place.connect() as connection:
        for number in range(WARM + CHANGES):
            began = perf_counter()
            await asyncio.to_thread(
                connection.execute,
                "update dispatch_jobs set notes_internal = %s where id = %s",
                (f"change {number}", company.job_ids[0]),
            )
            while True:
                at, payload = await asyncio.wait_for(messages.get(), PATIENCE_S)
                if f"change {number}" in str(payload):
                    break
            took.append((at - began) * 1000)
    await client.close()
    return Times(sorted(took[WARM:]))

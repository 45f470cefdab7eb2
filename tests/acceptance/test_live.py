"""Who hears what happens: a technician of their own visits, a planner of a run's progress, nobody of others'."""

from __future__ import annotations

import asyncio
from typing import Any

from realtime import RealtimeSubscribeStates
from support.listening import channel, connected, listening, run, subscribed
from support.workshop import Somebody
from truckroll.cli.api import function, rows, rpc
from truckroll_local.stack import Stack


def test_a_technician_hears_of_a_booking_and_not_of_a_colleagues(stack: Stack, demo: Somebody) -> None:
    technician, dispatcher = demo("technician"), demo("dispatcher").client
    people = rows(dispatcher.table("technician_profiles").select("id, user_id").not_.is_("user_id", "null"))
    own = next(one["id"] for one in people if one["user_id"] == technician.id)
    colleague = next(one["id"] for one in people if one["user_id"] != technician.id)

    async def scenario() -> None:
        async with connected(stack, technician.token) as client:
            state, said = await subscribed(channel(client, f"technician:{colleague}"))
            assert (state, bool(said)) == (RealtimeSubscribeStates.CHANNEL_ERROR, True)
            _, heard = await listening(client, f"technician:{own}", "INSERT")
            visit = await asyncio.to_thread(book, dispatcher, own)
            payload = (await heard.next())["payload"]
            assert (payload["table"], payload["operation"]) == ("job_assignments", "INSERT")
            assert payload["record"]["appointment_id"] == visit["id"]
            await asyncio.to_thread(book, dispatcher, colleague)
            assert await heard.nothing()

    run(scenario)


def book(dispatcher: Any, technician_id: str) -> dict[str, Any]:
    """Book whatever job this technician can do, as soon as possible."""
    jobs = (
        dispatcher.table("dispatch_jobs").select("id").eq("status", "unscheduled").order("number").limit(80)
    )
    for job in rows(jobs):
        slots = rpc(dispatcher, "find_slots", job_id=job["id"], technician_ids=[technician_id], max_results=1)
        if slots:
            found: dict[str, Any] = rpc(
                dispatcher,
                "book_appointment",
                job_id=job["id"],
                technician_ids=[technician_id],
                starts_at=slots[0]["starts_at"],
            )
            return found
    raise AssertionError("there is nothing for this technician to do")


def test_a_planner_hears_how_a_run_gets_on_and_a_technician_does_not(stack: Stack, demo: Somebody) -> None:
    dispatcher, technician = demo("dispatcher"), demo("technician")
    body = {"time_limit_s": 600, "seed": 1}
    first = dispatcher.client.table("job_time_windows").select("window_start").order("window_start").limit(1)
    day = rows(first)[0]["window_start"][:10]

    async def scenario() -> None:
        asked = await asyncio.to_thread(
            function, dispatcher.client, f"dispatch/days/{day}/optimize_all", "POST", body
        )
        topic = f"run:{asked['id']}"
        async with (
            connected(stack, dispatcher.token) as client,
            connected(stack, technician.token) as stranger,
        ):
            _, heard = await listening(client, topic, "UPDATE")
            state, _ = await subscribed(channel(stranger, topic))
            assert state is RealtimeSubscribeStates.CHANNEL_ERROR
            stages: list[dict[str, Any]] = []
            while len({one["progress"] for one in stages}) < 3:
                stages.append((await heard.next())["payload"]["record"])
            await asyncio.to_thread(
                function, dispatcher.client, f"dispatch/runs/{asked['id']}/cancel", "POST"
            )
            while stages[-1]["status"] in {"queued", "running"}:
                stages.append((await heard.next())["payload"]["record"])
        assert {one["id"] for one in stages} == {asked["id"]}
        assert stages[-1]["status"] == "canceled"
        progress = [one["progress"] for one in stages]
        assert progress == sorted(progress)

    run(scenario)

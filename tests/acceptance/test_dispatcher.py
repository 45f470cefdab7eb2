"""A dispatcher's morning through the clients of Supabase: book a visit, hear of it, be refused the second."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from postgrest.exceptions import APIError

from support.listening import connected, listening, run
from support.workshop import Somebody
from truckroll.cli.api import DEMO_DISPATCHER, DEMO_PASSWORD, rows, rpc
from truckroll_local import node
from truckroll_local.stack import Stack

SCRIPT = Path(__file__).parent / "dispatcher.mjs"
PLACE = {"postal_code": "53703", "latitude": 43.0826, "longitude": -89.3643}


def test_the_readmes_script_books_hears_of_it_and_is_refused_the_second(stack: Stack) -> None:
    known = {
        "SUPABASE_URL": stack.api_url,
        "SUPABASE_ANON_KEY": stack.anon_key,
        "EMAIL": DEMO_DISPATCHER,
        "PASSWORD": DEMO_PASSWORD,
    }
    done = subprocess.run(
        [str(node.NODE), str(SCRIPT)],
        env=node.environment() | known,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["booked"].startswith("EVT-")
    assert told["broadcast"] == told["booked"]
    assert (told["refused_with"], told["code"], told["message"]) == (409, "PT409", "placement_conflict")
    assert "technician_overlap" in told["conflicts"]
    assert told["next"] >= told["starts_at"]  # somebody else may be free at that very time


def test_the_same_morning_in_python(stack: Stack, demo: Somebody) -> None:
    dispatcher = demo("dispatcher")
    client = dispatcher.client
    (org,) = rows(client.table("orgs").select("id"))
    org_id = {"org_id": org["id"]}
    (service,) = rows(client.table("services").select("id").eq("code", "furnace_repair"))
    number = f"+1608{uuid4().int % 10**7:07}"
    (customer,) = rows(client.table("customers").insert(org_id | {"name": "Ana Ruiz", "phone": number}))
    site = org_id | {"customer_id": customer["id"]} | PLACE
    (location,) = rows(client.table("customer_locations").insert(site))
    job = org_id | {
        "customer_id": customer["id"],
        "location_id": location["id"],
        "service_id": service["id"],
        "title": "No heat upstairs",
    }
    first, second = rows(client.table("dispatch_jobs").insert([job, job]))

    async def scenario() -> None:
        async with connected(stack, dispatcher.token) as listener:
            _, heard = await listening(listener, f"org:{org['id']}:schedule", "INSERT")
            visit, placement = await asyncio.to_thread(book)
            while (message := await heard.next())["payload"]["table"] != "appointments":
                pass
            assert message["payload"]["record"]["id"] == visit["id"]
            await asyncio.to_thread(be_refused, visit, placement)

    def book() -> tuple[dict[str, Any], dict[str, Any]]:
        (slot,) = rpc(client, "find_slots", job_id=first["id"], max_results=1)
        placement = {"technician_ids": slot["technician_ids"], "starts_at": slot["starts_at"]}
        call = {"job_id": first["id"], "idempotency_key": str(uuid4())} | placement
        visit = rpc(client, "book_appointment", **call)
        assert visit == rpc(client, "book_appointment", **call), "the same key is the same booking"
        return visit, placement

    def be_refused(visit: dict[str, Any], placement: dict[str, Any]) -> None:
        with pytest.raises(APIError) as refused:
            rpc(client, "book_appointment", job_id=second["id"], **placement)
        assert (refused.value.code, refused.value.message) == ("PT409", "placement_conflict")
        assert refused.value.hint
        refusal = json.loads(refused.value.details or "")
        assert "technician_overlap" in {conflict["code"] for conflict in refusal["conflicts"]}
        offered = refusal["alternatives"]["next_available"]
        moved = rpc(
            client,
            "book_appointment",
            job_id=second["id"],
            technician_ids=offered["technician_ids"],
            starts_at=offered["starts_at"],
        )
        assert moved["starts_at"] == offered["starts_at"] != visit["starts_at"]

    run(scenario)

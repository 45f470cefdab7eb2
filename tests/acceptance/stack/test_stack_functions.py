"""The way to the functions through the API's port."""

from __future__ import annotations

import json
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import httpx
import pytest
from supabase_functions.errors import FunctionsHttpError

from support.workshop import Person
from truckroll_local.cron import Cron
from truckroll_local.stack import Stack


def test_a_function_gets_method_path_body_and_token(north: Person) -> None:
    answer = north.client.functions.invoke("dispatch/jobs/7/auto_schedule", {"body": {"mode": "propose"}})
    assert isinstance(answer, bytes)
    assert json.loads(answer) == {
        "method": "POST",
        "path": "/dispatch/jobs/7/auto_schedule",
        "query": {},
        "authorization": f"Bearer {north.token}",
        "body": {"mode": "propose"},
    }


def test_a_functions_error_arrives_with_its_status(north: Person, stack: Stack) -> None:
    with pytest.raises(FunctionsHttpError):
        north.client.functions.invoke("teapot")
    answer = httpx.post(f"{stack.api_url}/functions/v1/teapot", timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (418, "teapot")


def test_webhooks_need_no_api_key_and_keep_their_query(stack: Stack) -> None:
    answer = httpx.get(
        f"{stack.api_url}/functions/v1/webhooks/calendar/google", params={"a": "1 2"}, timeout=60
    )
    assert (answer.status_code, answer.json()["method"], answer.json()["query"]) == (200, "GET", {"a": "1 2"})
    assert answer.headers["access-control-allow-origin"] == "*"


def test_cron_calls_what_is_due_with_the_service_key() -> None:
    calls: list[tuple[str, str | None]] = []

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            calls.append((self.path, self.headers["Authorization"]))
            self.send_response(500 if len(calls) == 1 else 204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Endpoint) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        cron = Cron(f"http://127.0.0.1:{server.server_port}", "the-key", {"often": 0.02, "seldom": 3600})
        cron.start()
        deadline = time.monotonic() + 60
        while len(calls) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        cron.stop()
        server.shutdown()
    assert len(calls) >= 3, "a failed call does not end the job"
    assert set(calls) == {("/cron/often", "Bearer the-key")}

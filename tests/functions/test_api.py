"""What every path keeps: proof of who calls, JSON whatever happens, an id on every answer."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from werkzeug.test import Client

from support import sql
from support.booking import at
from support.factory import MONDAY
from support.functions import SECRET, SERVICE_KEY, Day, token

FOUR = {"code", "message", "details", "hint"}
PATH = f"/dispatch/days/{MONDAY.date()}/optimize_all"


def bearer(value: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {value}"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer "},
        bearer("not.a.token"),
        bearer(token(uuid4(), lives_s=-600)),
        bearer(token(uuid4(), role="postgres")),
        bearer(
            jwt.encode({"alg": "HS256"}, {"role": "service_role", "exp": 4e9}, OctKey.import_key("x" * 32))
        ),
        bearer("eyJhbGciOiJub25lIn0.eyJyb2xlIjoic2VydmljZV9yb2xlIiwiZXhwIjo0MDAwMDAwMDAwfQ."),
    ],
    ids=["none", "scheme", "empty", "garbage", "expired", "role", "forged", "alg-none"],
)
def test_nobody_comes_in_without_proof(client: Client, headers: dict[str, str]) -> None:
    for path in (PATH, "/cron/process_optimization_runs"):
        answer = client.post(path, headers=headers)
        assert (answer.status_code, answer.get_json()["message"]) == (401, "not_signed_in")


def test_a_token_without_expiry_is_refused(client: Client) -> None:
    claims = {"sub": str(uuid4()), "role": "authenticated", "aud": "authenticated"}
    endless = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET))
    assert client.post(PATH, headers=bearer(endless)).status_code == 401


def test_cron_is_for_the_service_only(day: Day) -> None:
    path = "/cron/process_optimization_runs"
    assert day.post(path).status_code == 403
    assert day.client.post(path, headers=bearer(token(None, role="service_role"))).get_json() == {
        "processed": []
    }
    assert day.client.post(path, headers=bearer(SERVICE_KEY)).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("POST", "/dispatch/nowhere", 404),
        ("GET", "/robots.txt", 404),
        ("GET", PATH, 405),
        ("DELETE", "/health", 405),
        ("POST", "/dispatch/runs/00000000-0000-4000-8000-000000000000", 405),
    ],
)
def test_unknown_paths_and_methods_answer_json(client: Client, method: str, path: str, status: int) -> None:
    answer = client.open(path, method=method)
    assert answer.status_code == status
    assert answer.get_json().keys() == FOUR
    assert answer.headers["X-Request-Id"]


@pytest.mark.parametrize(
    ("data", "status"), [(b"{", 400), (b"\xff", 400), (b'"text"', 400), (b"x" * 1_000_001, 413)]
)
def test_a_body_that_is_no_object_is_refused(day: Day, data: bytes, status: int) -> None:
    answer = day.client.post(PATH, data=data, headers=bearer(token(day.dispatcher)))
    assert answer.status_code == status
    assert answer.get_json().keys() == FOUR


def test_the_request_id_is_kept_and_reaches_the_database(day: Day) -> None:
    job = day.job()
    request_id = str(uuid4())
    body = {"mode": "commit", "earliest": at(0).isoformat(), "latest": at(24).isoformat()}
    answer = day.post(f"/dispatch/jobs/{job['id']}/auto_schedule", body, **{"X-Request-Id": request_id})
    assert answer.headers["X-Request-Id"] == request_id
    events = sql.rows(
        day.db, "select request_id from public.domain_events where type = 'appointment.created'"
    )
    assert [str(row["request_id"]) for row in events] == [request_id]
    other = day.client.get("/health", headers={"X-Request-Id": "<script>"})
    assert other.headers["X-Request-Id"] != "<script>"


def test_health_tells_of_the_database_and_the_queue(day: Day) -> None:
    day.post(PATH)
    answer = day.client.get("/functions/v1/health").get_json()
    assert (answer["status"], answer["database"]["ok"]) == ("ok", True)
    assert answer["queues"]["optimization_runs"]["waiting"] == 1


def test_without_a_database_the_answer_is_503(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUCKROLL_DATABASE_URL", "host=127.0.0.1 port=1 connect_timeout=1")
    # Each waits some seconds for a connection.
    with ThreadPoolExecutor(1) as beside:
        health = beside.submit(Client(client.application).get, "/health")
        answer = client.post(PATH, headers=bearer(token(uuid4())))
        assert health.result().status_code == 503
    assert (answer.status_code, answer.get_json()["message"]) == (503, "database_busy")


def test_without_settings_the_answer_is_500_and_says_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRUCKROLL_DATABASE_URL")
    answer = client.get("/health")
    assert answer.status_code == 500
    assert answer.get_json()["message"] == "internal_error"
    assert "TRUCKROLL" not in answer.text


def test_browsers_may_ask(client: Client) -> None:
    answer = client.options(PATH)
    assert answer.status_code == 204
    assert "authorization" in answer.headers["Access-Control-Allow-Headers"]


def test_one_line_is_logged_for_a_request(day: Day, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    day.post(PATH, {"days": 99})
    lines: list[Any] = [
        json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")
    ]
    finished = [line for line in lines if line["event"] == "request.finished"]
    assert len(finished) == 1
    assert finished[0]["status"] == 400
    assert finished[0]["outcome"] == "request_invalid"
    assert finished[0]["route"] == "/dispatch/days/{date}/optimize_all"


def test_the_anon_key_alone_is_nobody(day: Day) -> None:
    job = day.job()
    for path in (PATH, f"/dispatch/jobs/{job['id']}/auto_schedule"):
        answer = day.client.post(path, headers=bearer(token(None, role="anon")))
        assert (answer.status_code, answer.get_json()["message"]) == (401, "not_signed_in")


def test_text_the_database_cannot_hold_is_the_callers_mistake(day: Day) -> None:
    answer = day.post(PATH, {"idempotency_key": "a\0b"})
    assert (answer.status_code, answer.get_json()["message"]) == (400, "request_invalid")
    assert "NUL" in answer.get_json()["details"]


def test_days_nobody_plans_yet_are_refused(day: Day) -> None:
    answer = day.post("/dispatch/days/9999-12-31/optimize_all", {"days": 14})
    assert (answer.status_code, answer.get_json()["message"]) == (400, "days_too_far")

"""The one HTTP entry: find the handler, prove who calls, answer JSON whatever happens."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from uuid import UUID, uuid4

import flask
import psycopg
import psycopg_pool
from werkzeug.exceptions import HTTPException

from truckroll import logs
from truckroll.auth import Verifier
from truckroll.database import Database
from truckroll.endpoints import emergency, jobs, operations, runs
from truckroll.endpoints.call import Call
from truckroll.errors import ApiError, from_database, unexpected
from truckroll.planning.worker import Background
from truckroll.settings import Settings

Handler = Callable[[Call], tuple[int, Any]]

BODY_LIMIT = 1_000_000  # bytes

ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/dispatch/days/{date}/optimize_all", runs.optimize_all),
    ("POST", "/dispatch/technicians/{id}/optimize_route", runs.optimize_route),
    ("GET", "/dispatch/runs/{id}", runs.read),
    ("GET", "/dispatch/runs/{id}/jobs/{job_id}/explain", runs.explain),
    ("POST", "/dispatch/runs/{id}/cancel", runs.cancel),
    ("POST", "/dispatch/runs/{id}/apply", runs.apply),
    ("POST", "/dispatch/runs/{id}/replay", runs.replay),
    ("POST", "/dispatch/jobs/{id}/auto_schedule", jobs.auto_schedule),
    ("POST", "/dispatch/jobs/{id}/suggest_assignments", jobs.suggest_assignments),
    ("POST", "/dispatch/jobs/{id}/insert_emergency", emergency.insert_emergency),
    ("POST", "/cron/process_optimization_runs", operations.process_optimization_runs),
    ("POST", "/cron/refresh_travel_times", operations.refresh_travel_times),
    ("POST", "/cron/refresh_performance", operations.refresh_performance),
    ("POST", "/cron/offer_freed_times", operations.offer_freed_times),
)

PATTERNS = tuple(
    (method, path, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)), handler)
    for method, path, handler in ROUTES
)

CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "authorization, apikey, content-type, idempotency-key, x-client-info, x-request-id",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Expose-Headers": "x-request-id",
}


@dataclass(frozen=True)
class Instance:
    """What one running instance keeps between requests."""

    database: Database
    verifier: Verifier
    background: Background | None


@lru_cache(maxsize=8)
def instance(settings: Settings) -> Instance:
    """Return the instance for these settings; connections are opened when first needed."""
    database = Database(settings.database_url, size=settings.pool_size)
    return Instance(
        database, Verifier(settings), Background(database) if settings.works_in_background else None
    )


def answer(request: flask.Request) -> flask.Response:
    """Answer a request: JSON, X-Request-Id and one line in the log, also when everything fails."""
    logs.configure()
    began = time.perf_counter()
    request_id = _request_id(request)
    log: dict[str, Any] = {}
    try:
        status, body = _handle(request, request_id, log)
    except ApiError as refusal:
        status, body = refusal.status, refusal.body()
    except (psycopg.Error, psycopg_pool.PoolTimeout) as error:
        told = from_database(error)
        if told.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            logs.logger().error("request.database_failed", request_id=request_id, exc_info=error)
        status, body = told.status, told.body()
    except Exception as error:  # noqa: BLE001 - nothing may answer HTML or a stack trace
        logs.logger().error("request.crashed", request_id=request_id, exc_info=error)
        status, body = HTTPStatus.INTERNAL_SERVER_ERROR, unexpected().body()
    logs.logger().info(
        "request.finished",
        request_id=request_id,
        method=request.method,
        status=int(status),
        duration_ms=round((time.perf_counter() - began) * 1000, 1),
        outcome=body.get("message", "ok") if status >= HTTPStatus.BAD_REQUEST and body else "ok",
        **log,
    )
    response = _response(int(status), body, request_id)
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = ", ".join(_methods(_path(request)))
    return response


def refuse(error: HTTPException) -> flask.Response:
    """Answer what Flask itself refuses, as JSON too."""
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    refusal = ApiError(
        status, error.name.lower().replace(" ", "_"), error.description or "", "Check the request."
    )
    return _response(status, refusal.body(), _request_id(flask.request))


def _response(status: int, body: Any, request_id: str) -> flask.Response:
    text = flask.json.dumps(body) if body is not None else ""
    response = flask.Response(text, status=status, mimetype="application/json")
    response.headers.update(CORS | {"X-Request-Id": request_id, "Cache-Control": "no-store"})
    return response


def _handle(request: flask.Request, request_id: str, log: dict[str, Any]) -> tuple[int, Any]:
    path = _path(request)
    if request.method == "OPTIONS":
        return HTTPStatus.NO_CONTENT, None
    here = instance(Settings.from_environment())
    if path == "/health" and request.method == "GET":
        log["route"] = path
        return operations.health(here.database)
    handler, parameters, log["route"] = _route(request.method, path)
    caller = here.verifier.caller(request.headers.get("Authorization", ""))
    if caller.is_nobody:
        raise ApiError(
            HTTPStatus.UNAUTHORIZED,
            "not_signed_in",
            "This is for people who are signed in.",
            "Send the user's access token instead of the anon key.",
        )
    call = Call(
        caller=caller,
        request_id=request_id,
        database=here.database,
        background=here.background,
        parameters=parameters,
        payload=_payload(request),
        idempotency_header=request.headers.get("Idempotency-Key"),
        log=log,
    )
    return handler(call)


def _route(method: str, path: str) -> tuple[Handler, dict[str, str], str]:
    for known, name, pattern, handler in PATTERNS:
        match = pattern.fullmatch(path)
        if match and known == method:
            return handler, match.groupdict(), name
    if _methods(path):
        raise ApiError(
            HTTPStatus.METHOD_NOT_ALLOWED,
            "method_not_allowed",
            f"{method} does not go with this path.",
            f"Use {' or '.join(_methods(path))}.",
        )
    raise ApiError(HTTPStatus.NOT_FOUND, "no_such_path", f"Nothing answers at {path}.", "Check the path.")


def _methods(path: str) -> list[str]:
    if path == "/health":
        return ["GET"]
    return sorted({known for known, _, pattern, _ in PATTERNS if pattern.fullmatch(path)})


def _path(request: flask.Request) -> str:
    """Return the path below /functions/v1, whether or not a gateway took that away."""
    return "/" + request.path.removeprefix("/functions/v1").strip("/")


def _payload(request: flask.Request) -> Any:
    data = request.get_data(cache=False) if (request.content_length or 0) <= BODY_LIMIT else None
    if data is None or len(data) > BODY_LIMIT:
        raise ApiError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "body_too_large",
            "The body is larger than 1 MB.",
            "Send less.",
        )
    if not data.strip():
        return {}
    try:
        return flask.json.loads(data)
    except ValueError as error:
        raise ApiError(
            HTTPStatus.BAD_REQUEST, "body_invalid", "The body is not valid JSON.", "Send a JSON object."
        ) from error


def _request_id(request: flask.Request) -> str:
    try:
        return str(UUID(request.headers.get("X-Request-Id", "")))
    except ValueError:
        return str(uuid4())

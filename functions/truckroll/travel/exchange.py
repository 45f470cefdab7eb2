"""One request to a provider: tried again while that can help and time is left, never for what it refuses."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import httpx
import stamina

from truckroll.travel.provider import TravelError

ATTEMPTS = 3
REQUEST_TIMEOUT_S = 10.0
UNREACHED = (httpx.NetworkError, httpx.TimeoutException, httpx.RemoteProtocolError)


class _PassingError(TravelError):
    """Worth another attempt, after `wait_s` if the provider named a time."""

    def __init__(self, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.wait_s = wait_s


def exchange(client: httpx.Client, request: httpx.Request, *, within_s: float) -> Any:
    """Send a request and return the JSON of the answer, also of a refusal (status 400).

    Connection errors, 429 and 5xx are tried again, after Retry-After if given (RFC 9110, 10.2.3).
    Raises TravelError without the request's address, which holds places, or its headers.
    """
    until = time.monotonic() + within_s

    def backoff(error: Exception) -> bool | float:
        if not isinstance(error, _PassingError):
            return False
        if error.wait_s is None:
            return True
        return max(error.wait_s, 0.01) if time.monotonic() + error.wait_s < until else False

    for attempt in stamina.retry_context(
        on=backoff, attempts=ATTEMPTS, timeout=within_s, wait_initial=0.1, wait_max=1.0, wait_jitter=0.1
    ):
        with attempt:
            return _answer(client, request, until)
    raise AssertionError  # pragma: no cover - the last attempt raises


def _answer(client: httpx.Client, request: httpx.Request, until: float) -> Any:
    left = until - time.monotonic()
    if left <= 0:
        raise TravelError("no time left")
    request.extensions["timeout"] = httpx.Timeout(min(left, REQUEST_TIMEOUT_S)).as_dict()
    try:
        response = client.send(request)
    except UNREACHED as error:
        raise _PassingError(f"not reached: {type(error).__name__}") from None
    except httpx.HTTPError as error:
        raise TravelError(f"request failed: {type(error).__name__}") from None
    status = response.status_code
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise _PassingError(f"HTTP {status}", _retry_after(response.headers))
    if status not in {HTTPStatus.OK, HTTPStatus.BAD_REQUEST}:
        raise TravelError(f"HTTP {status}")
    try:
        return response.json()
    except ValueError:
        raise TravelError(f"HTTP {status} without JSON") from None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of Retry-After, given as a number or as a date."""
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds()

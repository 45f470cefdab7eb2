"""Refusals as clients see them: the four keys PostgREST answers with, wherever the refusal came from."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import psycopg
import psycopg_pool

RETRIED = frozenset({"40001", "40P01", "55P03"})

STATUS_OF_STATE = {
    "42501": HTTPStatus.FORBIDDEN,
    "23502": HTTPStatus.BAD_REQUEST,
    "23503": HTTPStatus.CONFLICT,
    "23505": HTTPStatus.CONFLICT,
    "23514": HTTPStatus.BAD_REQUEST,
    "23P01": HTTPStatus.CONFLICT,
    "57014": HTTPStatus.GATEWAY_TIMEOUT,
}


@dataclass
class ApiError(Exception):
    """A refusal: HTTP status, SQLSTATE-like code, stable name, a sentence, what to do next."""

    status: int
    message: str
    details: str = ""
    hint: str = ""
    code: str = ""

    def body(self) -> dict[str, Any]:
        """Return what the client reads."""
        return {
            "code": self.code or f"PT{self.status}",
            "message": self.message,
            "details": self.details,
            "hint": self.hint,
        }


def is_transient(error: Exception) -> bool:
    """Tell whether the same transaction may succeed when tried again: conflicts of concurrency, lost connections."""
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) and error.sqlstate is None:
        return not isinstance(error, psycopg_pool.PoolTimeout)
    return isinstance(error, psycopg.Error) and (
        error.sqlstate in RETRIED or (error.sqlstate or "").startswith("08") or error.sqlstate == "57P01"
    )


def from_database(error: psycopg.Error) -> ApiError:
    """Translate what the database said; its own words pass only where they are meant for clients."""
    state = error.sqlstate or ""
    diagnosis = error.diag
    if state.startswith("PT") and state[2:].isdigit():
        return ApiError(
            int(state[2:]),
            diagnosis.message_primary or "refused",
            diagnosis.message_detail or "",
            diagnosis.message_hint or "",
            state,
        )
    if state == "42501" and diagnosis.message_primary == "permission_missing":
        return ApiError(
            HTTPStatus.FORBIDDEN,
            "permission_missing",
            diagnosis.message_detail or "",
            diagnosis.message_hint or "",
            state,
        )
    if state in STATUS_OF_STATE:
        status = STATUS_OF_STATE[state]
        return ApiError(
            status,
            status.phrase.lower().replace(" ", "_"),
            "The database refused this.",
            "Check what was sent, and what your role may do.",
            state,
        )
    # Without a state the driver refused by itself: text with a NUL never gets to the database.
    if state.startswith("22") or (isinstance(error, psycopg.DataError) and not state):
        return ApiError(
            HTTPStatus.BAD_REQUEST,
            "request_invalid",
            diagnosis.message_primary or str(error),
            "Correct the value.",
            state,
        )
    if is_transient(error) or isinstance(error, psycopg_pool.PoolTimeout):
        return ApiError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "database_busy",
            "The database did not answer in time.",
            "Try again in a moment, with the same idempotency key.",
            state,
        )
    return unexpected(state)


def unexpected(code: str = "") -> ApiError:
    """Return the answer to a defect of ours: nothing of its insides."""
    return ApiError(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal_error",
        "Something went wrong on our side.",
        "Try again; when asking for help, name the X-Request-Id of this answer.",
        code,
    )

"""Structured logs: JSON lines on standard error, one canonical line for each invocation."""

from __future__ import annotations

import logging
import sys
from functools import cache

import structlog


@cache
def configure() -> None:
    """Set structlog up once; a second call changes nothing."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        # Looked up anew for every logger: who captures standard error gets what follows.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )


def logger() -> structlog.stdlib.BoundLogger:
    """Return a logger; events are named like `run.proposed`, figures are key-values."""
    bound: structlog.stdlib.BoundLogger = structlog.get_logger()
    return bound

"""The present as a test may count on it: nothing that happens within some hours of now falls on another day."""

from __future__ import annotations

from datetime import UTC, datetime


def zone_at_noon() -> str:
    """Return a time zone in which it is between noon and one o'clock."""
    return f"Etc/GMT{datetime.now(UTC).hour - 12:+d}"

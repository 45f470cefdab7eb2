"""A measured figure beside its bar, and how a call is timed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import psycopg


@dataclass(frozen=True)
class Figure:
    """One row of the table; `met` is None where nothing is promised."""

    name: str
    measured: str
    bar: str = ""
    met: bool | None = None
    note: str = ""


@dataclass(frozen=True)
class Times:
    """Milliseconds of many calls, in order of their length; processor time of the server beside them if known."""

    ms: Sequence[float]
    cpu_ms: Sequence[float] = ()

    def quantile(self, share: float) -> float:
        """Return the time that this share of the calls did not exceed (nearest rank)."""
        return _quantile(self.ms, share)

    def __str__(self) -> str:
        return " / ".join(_short(self.quantile(share)) for share in (0.5, 0.95, 1.0)) + " ms"

    def figure(self, name: str, limit_ms: float | None = None, note: str = "") -> Figure:
        """Return p50, p95 and max beside a bar for p95."""
        if self.cpu_ms:
            spent = f"CPU p50 {_short(_quantile(self.cpu_ms, 0.5))}, p95 {_short(_quantile(self.cpu_ms, 0.95))} ms"
            note = f"{note}; {spent}" if note else spent
        met = None if limit_ms is None else self.quantile(0.95) < limit_ms
        return Figure(name, str(self), f"p95 < {limit_ms:g} ms" if limit_ms else "", met, note)


def timed(calls: Iterable[Callable[[], Any]], connection: psycopg.Connection[Any] | None = None) -> Times:
    """Make each call once, one after another; with a connection of this machine its backend's CPU is read too."""
    ms, cpu = [], []
    for call in calls:
        before, began = _cpu_ms(connection), perf_counter()
        call()
        ms.append((perf_counter() - began) * 1000)
        if before is not None and (after := _cpu_ms(connection)) is not None:
            cpu.append(after - before)
    return Times(sorted(ms), sorted(cpu))


def _cpu_ms(connection: psycopg.Connection[Any] | None) -> float | None:
    if connection is not None:
        with suppress(OSError, ValueError, IndexError):  # Linux only, and only a server of this machine
            return int(Path(f"/proc/{connection.info.backend_pid}/schedstat").read_text().split()[0]) / 1e6
    return None


def _quantile(values: Sequence[float], share: float) -> float:
    return values[max(0, -int(-len(values) * share // 1) - 1)]


def _short(ms: float) -> str:
    return f"{ms:.1f}" if ms < 100 else f"{ms:.0f}"

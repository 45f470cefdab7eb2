"""The most memory that a process and those it starts hold together, found by looking now and then."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import Self

LOOK_S = 0.25


class Peak:
    """`with Peak() as peak: …`, then `peak.mb` (Linux; 0 elsewhere).

    Pages that processes share count once: the private ones of each, and the others of the process that
    has most of these. Unlike the sum of proportional set sizes it does not shrink where strangers have the
    same libraries loaded.
    """

    def __init__(self) -> None:
        self.mb = 0.0
        self._over = Event()
        self._thread = Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(LOOK_S):
            held = [_private_and_shared(one) for one in _family(os.getpid())]
            together = sum(private for private, _ in held) + max(shared for _, shared in held)
            self.mb = max(self.mb, together / 1024)


def _family(process: int) -> list[int]:
    """Return a process and its descendants."""
    found = [process]
    for one in found:
        with suppress(OSError):
            for children in Path(f"/proc/{one}/task").glob("*/children"):
                found += map(int, children.read_text().split())
    return found


def _private_and_shared(process: int) -> tuple[int, int]:
    """Return how many KB of a process are its own, and how many others have mapped too."""
    with suppress(OSError):
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]
        kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
        private = kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]
        return private, kilobytes["Rss"] - private
    return 0, 0

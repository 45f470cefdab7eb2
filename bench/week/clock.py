"""A database that believes it is next week: libfaketime (Debian: faketime) tells its processes the time."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

LIBRARIES = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
)


class Clock:
    """The time the database is told; it goes on by itself between two settings."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._ahead = 0
        self.set(datetime.now(UTC))
        file.chmod(0o644)

    def set(self, moment: datetime) -> None:
        """Make it this time."""
        self._ahead = round(moment.timestamp() - time.time())
        # The server may read at any moment: never let it see half a file.
        written = self._file.with_suffix(".new")
        written.write_text(f"{self._ahead:+d}")
        written.chmod(0o644)
        written.replace(self._file)

    def now(self) -> datetime:
        """Return the time the database believes in."""
        return datetime.now(UTC) + timedelta(seconds=self._ahead)


def library() -> str:
    """Return the path of libfaketime. Raises FileNotFoundError with what to do when it is not installed."""
    for one in (os.environ.get("LIBFAKETIME", ""), *LIBRARIES):
        if one and Path(one).exists():
            return one
    raise FileNotFoundError("libfaketime is not installed: apt install faketime, or name it as LIBFAKETIME")


@contextmanager
def faked(folder: Path) -> Iterator[Clock]:
    """Have every process started within the block live by the clock."""
    preload = library()
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    file = folder / "clock"
    clock = Clock(file)
    settings = {
        "LD_PRELOAD": preload,
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield clock
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

"""Where the local stack keeps what it installs and what it runs on."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
LOCAL = ROOT / "supabase" / "local"
FUNCTIONS_MAIN = ROOT / "functions" / "main.py"
INSTALLED = ROOT / ".truckroll"


class StackError(Exception):
    """The local stack cannot do what was asked; the message says why and what to do."""


@dataclass(frozen=True)
class State:
    """One stack's state directory: its database, logs, run files and keys."""

    directory: Path

    @property
    def pgdata(self) -> Path:
        """Directory of the database cluster."""
        return self.directory / "pgdata"

    def log(self, name: str) -> Path:
        """Return the log file of a part, its directory made."""
        return self._file("logs", f"{name}.log")

    def pid_file(self, name: str) -> Path:
        """Return the file that names a part's process while it runs, its directory made."""
        return self._file("run", f"{name}.pid")

    def _file(self, folder: str, name: str) -> Path:
        path = self.directory / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def read_json(path: Path) -> Any:
    """Return the file's JSON, or None if there is no such file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def write_json(path: Path, value: Any) -> None:
    """Write JSON to a file, its directory made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file while the block runs, so that two processes do not install at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415 — Windows only

            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl  # noqa: PLC0415 — Unix only

            fcntl.flock(file, fcntl.LOCK_EX)
        yield

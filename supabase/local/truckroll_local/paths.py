"""Where the local stack keeps what it installs and what it runs on."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

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

    @property
    def keys(self) -> Path:
        """File of the signing secret and the API keys."""
        return self.directory / "keys.json"

    @property
    def lock(self) -> Path:
        """File that a running stack holds locked."""
        return self._file("run", "stack.lock")

    def log(self, name: str) -> Path:
        """Return the log file of a part, its directory made."""
        return self._file("logs", f"{name}.log")

    def pid_file(self, name: str) -> Path:
        """Return the file that names a part's process while it runs, its directory made."""
        return self._file("run", f"{name}.pid")

    def delete(self) -> None:
        """Delete logs, run files and keys, and the directory if nothing else is in it."""
        for folder in ("logs", "run"):
            shutil.rmtree(self.directory / folder, ignore_errors=True)
        self.keys.unlink(missing_ok=True)
        if self.directory.is_dir() and not any(self.directory.iterdir()):
            self.directory.rmdir()

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


class Lock:
    """A lock file, held by one process at a time and let go when that process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._file is not None

    def acquire(self, *, wait: bool) -> bool:
        """Take the lock; without `wait`, return False if another process holds it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = self._path.open("a", encoding="utf-8")
        try:
            _lock(file, wait=wait)
        except OSError:
            file.close()
            return False
        self._file = file
        return True

    def release(self) -> None:
        """Let the lock go; nothing happens if it is not held."""
        if self._file:
            self._file.close()
            self._file = None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file while the block runs, so that two processes do not install at the same time."""
    lock = Lock(path)
    lock.acquire(wait=True)
    try:
        yield
    finally:
        lock.release()


def _lock(file: IO[str], *, wait: bool) -> None:
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 — Windows only

        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
    else:
        import fcntl  # noqa: PLC0415 — Unix only

        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)

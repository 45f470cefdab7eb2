"""A part of the stack that runs as a process of its own, and what a crashed run left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from truckroll_local.paths import StackError, State, read_json, write_json

STOP_WITHIN_S = 5.0


class Process:
    """One process with a log and a pid file, stopped together with its children."""

    def __init__(self, state: State, name: str) -> None:
        self.name = name
        self.log = state.log(name)
        self._pid_file = state.pid_file(name)
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def alive(self) -> bool:
        """Whether it was started here and has not ended."""
        return self._popen is not None and self._popen.poll() is None

    def start(self, command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
        """Start it, after stopping what an earlier run of the same state directory left."""
        self.stop_leftover()
        with self.log.open("wb") as log:
            self._popen = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment,
                start_new_session=os.name != "nt",  # Ctrl-C is ours to handle, in order
            )  # fmt: skip
        write_json(self._pid_file, {"pid": self._popen.pid, "command": [str(word) for word in command]})

    def wait_until(self, ready: Callable[[], bool], within_s: float = 60) -> None:
        """Return when `ready` says so.

        If it dies or takes too long it is stopped, and StackError raised with the end of its log.
        """
        deadline = time.monotonic() + within_s
        while not ready():
            if not self.alive or time.monotonic() > deadline:
                problem = "does not answer" if self.alive else "ended at once"
                self.stop()
                raise StackError(f"The {self.name} {problem}:\n{self._end_of_log()}")
            time.sleep(0.03)

    def stop(self) -> None:
        """Ask it to end, and make it end after some seconds."""
        if self._popen is not None:
            _signal_group(self._popen.pid, signal.SIGTERM)
            try:
                self._popen.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                _signal_group(self._popen.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
                self._popen.wait()
            self._popen = None
        self._pid_file.unlink(missing_ok=True)

    def stop_leftover(self) -> None:
        """Stop the process an earlier run wrote down, if it still runs and still is that program."""
        noted = read_json(self._pid_file)
        if noted is None:
            return
        deadline = time.monotonic() + STOP_WITHIN_S
        while _command_line(noted["pid"]) == noted["command"]:
            late = time.monotonic() > deadline
            _signal_group(
                noted["pid"], getattr(signal, "SIGKILL", signal.SIGTERM) if late else signal.SIGTERM
            )
            time.sleep(0.05)
        self._pid_file.unlink(missing_ok=True)

    def _end_of_log(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-15:]) + f"\n(all of it in {self.log})"


def _signal_group(pid: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        if os.name == "nt":
            os.kill(pid, number)
        else:
            os.killpg(pid, number)


def _command_line(pid: int) -> list[str] | None:
    """Return the words a process was started with, or None if there is none or one cannot know."""
    proc = Path(f"/proc/{pid}/cmdline")
    if proc.exists():
        return proc.read_bytes().decode(errors="replace").rstrip("\0").split("\0") or None
    if os.name == "nt":
        return None
    command = ["ps", "-o", "command=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split() or None

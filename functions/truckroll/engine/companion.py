"""Other processes that do tasks, see `__main__.py`.

Each is an interpreter of its own, neither forked from this one (which may hold threads and locks)
nor importing its main module, and ends by itself when this one does. One that dies or falls silent is
given up, and its task with it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import Pipe, wait
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self

from truckroll.engine.run import Look
from truckroll.engine.task import Found, Task, perform

SILENCE_S = 20.0  # beyond the seconds of a task
LOOK_S = 0.2


class Companion:
    """One other process."""

    def __init__(self) -> None:
        self.connection, theirs = Pipe()
        package = str(Path(__file__).parents[2])
        paths = [package, os.environ.get("PYTHONPATH", "")]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "truckroll.engine", str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            process_group=0,  # an interrupt at the terminal is the caller's to handle
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "OPENBLAS_NUM_THREADS": "1"},
        )
        theirs.close()
        self.ready = False
        self.task: int | None = None
        self.until = float("inf")

    def receive(self) -> Any:
        """Return the next message; raises EOFError or OSError when the process is no more."""
        return self.connection.recv()

    def send(self, number: int, task: Task) -> None:
        """Give the process a task; raises OSError when the process is no more."""
        self.task = number
        self.until = monotonic() + task.seconds + SILENCE_S if task.steps is None else float("inf")
        self.connection.send(task)

    def end(self) -> None:
        """End the process, whatever it does."""
        self.connection.close()
        self.process.kill()
        self.process.wait()


class Companions:
    """The other processes of a search: `with Companions(1) as companions: …`."""

    def __init__(self, count: int) -> None:
        self._alive: list[Companion] = []
        # Elsewhere a process can't be handed a pipe by its number.
        while os.name == "posix" and len(self._alive) < count:
            try:
                self._alive.append(Companion())
            except OSError:  # no memory, no descriptors or no interpreter: fewer will do
                break

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in self._alive:
            one.end()
        self._alive = []

    @property
    def count(self) -> int:
        """How many live."""
        return len(self._alive)

    def processes(self) -> list[int]:
        """Return the ids of the processes that live."""
        return [one.process.pid for one in self._alive]

    def ready(self) -> int:
        """Return how many can take a task at once."""
        self._serve([], deque(), [])
        return sum(one.ready for one in self._alive)

    def perform(self, tasks: Sequence[Task], look: Look) -> list[Found | None]:
        """Do the tasks, this process too; None stands for one that was lost or cut short by `look`."""
        waiting = deque(range(len(tasks)))
        found: list[Found | None] = [None] * len(tasks)
        ended = False

        def serve_and_look(done: float) -> bool:
            nonlocal ended
            self._serve(tasks, waiting, found)
            ended = ended or look(done)
            return ended

        while not ended:
            # A short task may be over without a single look.
            self._serve(tasks, waiting, found)
            if waiting:
                number = waiting.popleft()
                found[number] = perform(tasks[number], serve_and_look)
            elif busy := [one.connection for one in self._alive if one.task is not None]:
                wait(busy, LOOK_S)
                serve_and_look(1.0)
            else:
                break
        if ended:
            for one in [one for one in self._alive if one.task is not None]:
                self._give_up(one)
        return found

    def _serve(self, tasks: Sequence[Task], waiting: deque[int], found: list[Found | None]) -> None:
        """Take what the others have found, and give each that is free another task."""
        for one in list(self._alive):
            try:
                while one.connection.poll():
                    message = one.receive()
                    if one.task is not None:
                        found[one.task] = message
                    one.ready, one.task = True, None
                if one.ready and one.task is None and waiting:
                    one.send(waiting[0], tasks[waiting[0]])
                    waiting.popleft()
            except (EOFError, OSError):
                self._give_up(one)
                continue
            if one.task is not None and monotonic() > one.until:
                self._give_up(one)

    def _give_up(self, one: Companion) -> None:
        one.end()
        self._alive.remove(one)

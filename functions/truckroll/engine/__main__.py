"""A process that does tasks for another, over the pipe it is handed: `python -m truckroll.engine <descriptor>`."""

from __future__ import annotations

import sys
from multiprocessing.connection import Connection

from truckroll.engine.task import Task, perform
from truckroll.engine.warm import tiny_task


def serve(connection: Connection) -> None:
    """Do the tasks that come until the other side is gone."""
    # The compiled functions are loaded before the first task, not in its seconds.
    perform(tiny_task(), lambda _: False)
    try:
        connection.send(None)
        while True:
            task: Task = connection.recv()
            connection.send(perform(task, lambda _: False))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))

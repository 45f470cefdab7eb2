"""What happens to connections while clients work."""

from __future__ import annotations

import os
import random
import socket
from contextlib import suppress

import psycopg

from support.sql import Connection


class Trouble:
    """Terminates backends and cuts connections while clients work; a subclass may do worse."""

    def __init__(self, rng: random.Random, every_operations: int) -> None:
        self.rng = rng
        self.every = every_operations
        self.terminated = self.cut = 0
        self._next = every_operations

    def is_due(self, operations: int) -> bool:
        """Whether enough operations have gone by since the last time."""
        if operations < self._next:
            return False
        self._next = operations + self.every
        return True

    def strike(self, admin: Connection, connections: list[Connection | None]) -> None:
        """Do one bad thing."""
        victim = self.rng.choice(connections)
        if victim is None or victim.closed:
            return
        with suppress(psycopg.OperationalError, OSError, ValueError):
            if self.rng.random() < 0.5:
                self.terminated += 1
                admin.execute("select pg_terminate_backend(%s)", (victim.info.backend_pid,))
            else:
                self.cut += 1
                cut(victim)


def cut(connection: Connection) -> None:
    """Shut a connection's socket down from this side, whatever is under way; the server goes on with it."""
    with socket.socket(fileno=os.dup(connection.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)

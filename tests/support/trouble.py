"""What happens to connections while clients work."""

from __future__ import annotations

import os
import random
import socket
from collections import Counter
from contextlib import suppress

import psycopg

from support.sql import Connection


class Trouble:
    """Terminates backends and cuts connections while clients work; a subclass may do worse."""

    def __init__(self, rng: random.Random, every_operations: int) -> None:
        self.rng = rng
        self.every = every_operations
        self.done: Counter[str] = Counter()
        self._next = every_operations

    def is_due(self, operations: int) -> bool:
        """Whether enough operations have gone by since the last time."""
        if operations < self._next:
            return False
        self._next = operations + self.every
        return True

    def strike(self, admin: Connection, connections: list[Connection | None]) -> None:
        """Do one bad thing, to a connection that is open at the moment."""
        victim = self.victim(connections)
        if victim is None:
            return
        with suppress(psycopg.OperationalError, OSError, ValueError):
            if self.rng.random() < 0.5:
                admin.execute("select pg_terminate_backend(%s)", (victim.info.backend_pid,))
                self.done["connection terminated"] += 1
            else:
                cut(victim)
                self.done["connection cut"] += 1

    def victim(self, connections: list[Connection | None]) -> Connection | None:
        """Choose one of the connections that are open."""
        living = [each for each in connections if each is not None and not each.closed]
        return self.rng.choice(living) if living else None


def cut(connection: Connection) -> None:
    """Shut a connection's socket down from this side, whatever is under way; the server goes on with it."""
    with socket.socket(fileno=os.dup(connection.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)

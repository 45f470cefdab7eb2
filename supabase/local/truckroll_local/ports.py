"""Loopback ports: finding free ones, and saying plainly when one is taken."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

from truckroll_local.paths import StackError

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Ports:
    """The ports of one stack, all on 127.0.0.1."""

    api: int = 54321
    database: int = 54322
    functions: int = 54325

    @classmethod
    def from_environment(cls) -> Ports:
        """Read TRUCKROLL_PORT, TRUCKROLL_DB_PORT and TRUCKROLL_FUNCTIONS_PORT."""
        return cls(
            api=int(os.environ.get("TRUCKROLL_PORT", cls.api)),
            database=int(os.environ.get("TRUCKROLL_DB_PORT", cls.database)),
            functions=int(os.environ.get("TRUCKROLL_FUNCTIONS_PORT", cls.functions)),
        )

    @classmethod
    def free(cls) -> Ports:
        """Pick ports nobody listens on, for tests."""
        sockets = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(3)]
        try:
            for each in sockets:
                each.bind((HOST, 0))
            return cls(*(each.getsockname()[1] for each in sockets))
        finally:
            for each in sockets:
                each.close()


def require_free(port: int, purpose: str, option: str, variable: str) -> None:
    """Raise StackError, naming the port and how to choose another, if it is taken."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if os.name != "nt":  # a port in TIME_WAIT is free for a server
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise StackError(
                f"Port {port} on {HOST}, meant for {purpose}, is taken by another program. "
                f"Stop that program, or choose another port with {option} or {variable}."
            ) from error

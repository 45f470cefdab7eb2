"""The workshop of the compatibility tests: two teams, who works there, and clients that are signed in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import httpx
from supabase import Client, ClientOptions, create_client

NORTH = "00000000-0000-0000-0000-00000000000a"
SOUTH = "00000000-0000-0000-0000-00000000000b"
ADA = "00000000-0000-0000-0000-0000000000a1"
PASSWORD = "correct horse battery"  # noqa: S105


@dataclass(frozen=True)
class Person:
    """A user with a sign-in, and a client that is signed in."""

    id: str
    email: str
    client: Client

    @property
    def token(self) -> str:
        """The access token of the session."""
        session = self.client.auth.get_session()
        assert session is not None
        return session.access_token


SignIn = Callable[..., Person]
Somebody = Callable[[str], Person]  # of the demo company, by name


def client(url: str, key: str, connections: httpx.Client) -> Client:
    """Return a Supabase client that sends through these connections and starts no timers."""
    return create_client(url, key, ClientOptions(httpx_client=connections, auto_refresh_token=False))

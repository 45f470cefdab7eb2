"""The API as a client sees it: sign in, call RPCs and functions, and say errors in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import httpx
import typer
from postgrest.exceptions import APIError
from rich.console import Console
from supabase import Client, create_client
from supabase.lib.client_options import SyncClientOptions
from supabase_auth.errors import AuthError, AuthRetryableError

DEMO_DISPATCHER = "dispatcher@demo.truckroll.example"
DEMO_PASSWORD = "truckroll-demo"  # noqa: S105 - the demo company's, public by design
TIMEOUT_S = 60
console = Console()


class FunctionRefusedError(Exception):
    """A cloud function answered with an error; the message is its code, sentence and hint."""


@contextmanager
def signed_in(url: str, key: str, email: str, password: str) -> Iterator[Client]:
    """Yield a client that acts for this user. Raises AuthError and httpx.HTTPError."""
    with httpx.Client(timeout=TIMEOUT_S) as connections:
        options = SyncClientOptions(httpx_client=connections, auto_refresh_token=False)
        client = create_client(url, key, options)
        client.auth.sign_in_with_password({"email": email, "password": password})
        yield client


def rpc(client: Client, name: str, **parameters: Any) -> Any:
    """Call an RPC and return its answer; parameters that are None are left out. Raises APIError."""
    given = {key: value for key, value in parameters.items() if value is not None}
    return client.rpc(name, given).execute().data


def rows(query: Any) -> list[dict[str, Any]]:
    """Run a table query and return its rows. Raises APIError."""
    found: list[dict[str, Any]] = query.execute().data
    return found


def org_id_of(client: Client, slug: str | None) -> str | None:
    """Return the id of the company with this slug; None when none is named, and one's only company is meant.

    Ends the command when there is no such company, or one may not see it.
    """
    if slug is None:
        return None
    found = rows(client.table("orgs").select("id").eq("slug", slug))
    if not found:
        _refuse(f"There is no company {slug}, or this user does not work for it.")
    return str(found[0]["id"])


def function(client: Client, path: str, method: str = "POST", body: Any = None) -> dict[str, Any]:
    """Call a cloud function below /functions/v1 and return its JSON. Raises FunctionRefusedError."""
    session = client.auth.get_session()
    headers = {"apikey": client.supabase_key}
    if session:
        headers["Authorization"] = f"Bearer {session.access_token}"
    url = f"{str(client.supabase_url).rstrip('/')}/functions/v1/{path}"
    answer = httpx.request(method, url, headers=headers, json=body, timeout=TIMEOUT_S)
    document: dict[str, Any] = answer.json()
    if answer.is_error:
        raise FunctionRefusedError(
            f"{document['code']}: {document.get('details') or ''} {document.get('hint') or ''}"
        )
    return document


@contextmanager
def errors_told() -> Iterator[None]:
    """Turn what the API refuses, or its silence, into a sentence and exit code 1."""
    try:
        yield
    except APIError as error:
        _refuse(f"{error.message}: {error.details or ''} {error.hint or ''}")
    except (AuthRetryableError, httpx.HTTPError) as error:
        _refuse(f"The API does not answer: {error}\nStart the local stack with `truckroll up`.")
    except (AuthError, FunctionRefusedError) as error:
        _refuse(str(error))


def _refuse(sentence: str) -> NoReturn:
    console.print(sentence.strip(), style="red", markup=False, highlight=False)
    raise typer.Exit(1)

"""The API gateway: a Node process that serves REST, Auth, Realtime and the way to the functions."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import httpx

from truckroll_local import node
from truckroll_local.keys import Keys
from truckroll_local.paths import LOCAL, ROOT, State
from truckroll_local.ports import HOST, Ports, require_free
from truckroll_local.processes import Process

_MAIN = LOCAL / "gateway" / "main.mjs"
_AUTH_SETTINGS = ("enable_signup", "jwt_expiry", "minimum_password_length", "site_url")


def start(state: State, ports: Ports, keys: Keys, database_url: str) -> Process:
    """Start the gateway over a database that is up; `ready` says when it answers."""
    process = Process(state, "gateway")
    process.stop_leftover()
    require_free(ports.api, "the API", "--port", "TRUCKROLL_PORT")
    settings = json.dumps(_settings(ports, keys, database_url))
    command: list[str | Path] = [node.NODE, "--enable-source-maps", _MAIN]
    process.start(command, node.environment() | {"TRUCKROLL_GATEWAY": settings})
    return process


def ready(ports: Ports) -> bool:
    """Whether the gateway answers."""
    return answers(f"http://{HOST}:{ports.api}/health")


def answers(url: str) -> bool:
    """Whether something speaks HTTP at the URL."""
    try:
        httpx.get(url, timeout=2, trust_env=False)  # a proxy has no part in it
    except httpx.TransportError:
        return False
    return True


def _settings(ports: Ports, keys: Keys, database_url: str) -> dict[str, Any]:
    config = tomllib.loads((ROOT / "supabase" / "config.toml").read_text(encoding="utf-8"))
    auth = config.get("auth", {})
    return {
        "port": ports.api,
        "apiUrl": f"http://{HOST}:{ports.api}",
        "functionsUrl": f"http://{HOST}:{ports.functions}",
        "databaseUrl": database_url,
        "authenticatorUrl": database_url.replace("//postgres:", "//authenticator:"),
        "jwtSecret": keys.jwt_secret,
        "anonKey": keys.anon_key,
        "serviceKey": keys.service_key,
        "schemas": config["api"]["schemas"],
        "maxRows": config["api"].get("max_rows", 1000),
        "auth": {name: auth[name] for name in _AUTH_SETTINGS if name in auth},
    }

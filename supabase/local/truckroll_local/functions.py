"""The cloud functions, served by functions-framework: one target that routes by path."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from truckroll_local.gateway import answers
from truckroll_local.keys import Keys
from truckroll_local.paths import State
from truckroll_local.ports import HOST, Ports, require_free
from truckroll_local.processes import Process

TARGET = "truckroll"


def start(state: State, ports: Ports, keys: Keys, database_url: str, source: Path) -> Process:
    """Start the functions of a source file; `ready` says when they answer."""
    process = Process(state, "functions")
    process.stop_leftover()
    require_free(ports.functions, "the functions", "--functions-port", "TRUCKROLL_FUNCTIONS_PORT")
    command = [
        sys.executable, "-m", "functions_framework", f"--source={source}", f"--target={TARGET}",
        f"--host={HOST}", f"--port={ports.functions}",
    ]  # fmt: skip
    process.start(command, os.environ | settings(ports, keys, database_url))
    return process


def ready(ports: Ports) -> bool:
    """Whether the functions answer, be it that they are not well."""
    return answers(f"http://{HOST}:{ports.functions}/health")


def settings(ports: Ports, keys: Keys, database_url: str) -> dict[str, str]:
    """Return the environment variables the functions are configured with."""
    return {
        "TRUCKROLL_DATABASE_URL": database_url,
        "TRUCKROLL_JWT_SECRET": keys.jwt_secret,
        "TRUCKROLL_SERVICE_KEY": keys.service_key,
        "SUPABASE_URL": f"http://{HOST}:{ports.api}",
        "SUPABASE_ANON_KEY": keys.anon_key,
        "PYTHONUNBUFFERED": "1",
    }

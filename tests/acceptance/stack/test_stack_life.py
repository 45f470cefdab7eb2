"""Starting, stopping, starting again: what the stack says and leaves behind when things go wrong."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from truckroll_local import database, manifest
from truckroll_local.paths import INSTALLED, StackError
from truckroll_local.ports import Ports
from truckroll_local.stack import Stack

SCHEMA = Path(__file__).parent / "schema.sql"

CRASHING_RUN = """
import os, signal, sys
from pathlib import Path
from truckroll_local.ports import Ports
from truckroll_local.stack import Stack
stack = Stack(Ports(*map(int, sys.argv[2:])), Path(sys.argv[1]), durable=False, functions_source=None)
stack.start_database()
stack.start_services()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def root() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="life-", dir=INSTALLED / "scratch") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@pytest.fixture
def own(root: Path) -> Iterator[Stack]:
    stack = Stack(Ports.free(), root, durable=False, functions_source=None)
    try:
        yield stack
    finally:
        stack.destroy()


def build(stack: Stack) -> None:
    database.recreate(stack.db_url)
    with psycopg.connect(stack.db_url, autocommit=True) as connection:
        manifest.apply(connection, [manifest.BOOTSTRAP, SCHEMA])


def skills(stack: Stack) -> int:
    answer = httpx.get(f"{stack.api_url}/rest/v1/skills", headers={"apikey": stack.anon_key}, timeout=60)
    return len(answer.json()) if answer.status_code == 200 else -answer.status_code


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_taken_port_is_named_with_the_way_to_choose_another(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "schema_files", lambda: [SCHEMA])
    monkeypatch.setattr(manifest, "seed_files", list)
    ports = Ports.free()
    for name, option in (("database", "--db-port"), ("api", "--port")):
        with socket.create_server(("127.0.0.1", getattr(ports, name))):
            stack = Stack(ports, root, durable=False, functions_source=None)
            try:
                with pytest.raises(StackError, match=rf"Port {getattr(ports, name)} .*{option}"):
                    stack.start()
            finally:
                stack.destroy()


def test_a_crashed_run_is_taken_over(own: Stack, root: Path) -> None:
    own.start_database()
    build(own)
    own.stop()
    ports = [str(port) for port in (own.ports.api, own.ports.database, own.ports.functions)]
    crashed = subprocess.run([sys.executable, "-c", CRASHING_RUN, str(root), *ports], check=False)
    assert crashed.returncode != 0
    assert skills(own) == 2, "the gateway of the crashed run still answers"
    own.start_database()
    own.start_services()
    assert skills(own) == 2
    own.stop()
    assert not list((root / "run").glob("*.pid"))
    with pytest.raises(httpx.ConnectError):
        skills(own)


def test_a_second_stack_in_the_same_directory_is_refused(own: Stack, root: Path) -> None:
    own.start_database()
    with pytest.raises(StackError, match="running already"):
        Stack(Ports.free(), root, durable=False, functions_source=None).start_database()
    with psycopg.connect(own.db_url) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_the_api_goes_on_over_a_database_that_is_built_anew(own: Stack) -> None:
    own.start_database()
    build(own)
    own.start_services()
    assert skills(own) == 2
    with psycopg.connect(own.db_url, autocommit=True) as connection:
        connection.execute("delete from public.skills where id = 2")
    assert skills(own) == 1
    build(own)
    eventually(lambda: skills(own) == 2)
    time.sleep(1)  # by now it listens again, so the next change of the schema must not need another reset
    with psycopg.connect(own.db_url, autocommit=True) as connection:
        connection.execute("create table public.later (id integer)")
    headers = {"apikey": own.service_key}
    later = f"{own.api_url}/rest/v1/later"
    eventually(lambda: httpx.get(later, headers=headers, timeout=60).status_code == 200)
    assert own.ended() is None


def test_the_state_of_the_database_is_known(own: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    own.start_database()
    assert own.database_state() == "empty"
    monkeypatch.setattr(manifest, "schema_files", lambda: [SCHEMA])
    own.build_database(seeds=False)
    assert own.database_state() == "current"
    monkeypatch.setattr(manifest, "schema_files", lambda: [SCHEMA, SCHEMA])
    assert own.database_state() == "outdated"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root has to step down")
def test_postgres_does_not_run_as_root(own: Stack) -> None:
    own.start_database()
    owner = own.data_dir.stat().st_uid
    assert owner != 0
    pid = int((own.data_dir / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
    assert Path(f"/proc/{pid}").stat().st_uid == owner


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root has to step down")
def test_a_state_directory_closed_to_others_does_not_stop_postgres() -> None:
    with tempfile.TemporaryDirectory(prefix="closed-") as closed:  # mode 0700, as /root is
        stack = Stack(Ports.free(), Path(closed) / "state", durable=False, functions_source=None)
        try:
            stack.start_database()
            assert stack.database_state() == "empty"
        finally:
            stack.destroy()
        assert not stack.data_dir.exists()

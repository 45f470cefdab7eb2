"""The SQL files that make a database, in the order supabase/config.toml declares."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psycopg

from truckroll_local.paths import LOCAL, ROOT

BOOTSTRAP = LOCAL / "bootstrap.sql"
MIGRATIONS = ROOT / "supabase" / "migrations"


class SqlFileError(Exception):
    """A statement of an SQL file failed: names the file, the line and what the database said."""


def _declared(section: str, key: str) -> list[Path]:
    supabase = ROOT / "supabase"
    config = tomllib.loads((supabase / "config.toml").read_text(encoding="utf-8"))
    files: list[Path] = []
    for pattern in config["db"][section][key]:
        folder, name = (supabase / pattern).resolve().parent, Path(pattern).name
        files += [file for file in sorted(folder.glob(name)) if file not in files]
    return files


def schema_files() -> list[Path]:
    """List what `[db.migrations] schema_paths` names: each pattern in turn, its files by name."""
    return _declared("migrations", "schema_paths")


def seed_files() -> list[Path]:
    """List what `[db.seed] sql_paths` names: each pattern in turn, its files by name."""
    return _declared("seed", "sql_paths")


def migration_files() -> list[Path]:
    """List supabase/migrations in the order they apply, which is that of their timestamps."""
    return sorted(MIGRATIONS.glob("*.sql"))


def fingerprint(files: Iterable[Path]) -> str:
    """Hash names and contents, in order: 12 hex digits that change when any of them does."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\0".encode())
        digest.update(file.read_bytes())
        digest.update(b"\0")
    return digest.hexdigest()[:12]


def apply(connection: psycopg.Connection[Any], files: Iterable[Path]) -> None:
    """Run each file as psql would, one multi-statement query per file.

    Raises SqlFileError with file and line. Nothing is committed here: on a connection in
    autocommit each file is a transaction of its own.
    """
    for file in files:
        text = file.read_text(encoding="utf-8")
        try:
            connection.execute(text.encode())
        except psycopg.Error as error:
            raise SqlFileError(_describe(file, text, error)) from error


def _describe(file: Path, text: str, error: psycopg.Error) -> str:
    position = error.diag.statement_position
    line = text.count("\n", 0, int(position) - 1) + 1 if position else 1
    context = re.sub(r"\s+", " ", error.diag.context or "")
    name = file.relative_to(ROOT) if file.is_relative_to(ROOT) else file
    parts = [f"{name}:{line}: {error.diag.message_primary or error}", error.diag.message_detail, context]
    return " · ".join(part for part in parts if part)

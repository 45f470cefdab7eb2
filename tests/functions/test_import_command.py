"""`truckroll import`: what it prints and how it ends."""

from __future__ import annotations

from pathlib import Path

import psycopg
from typer.testing import CliRunner

from support.import_files import small_company, write_files
from support.sql import value
from truckroll.cli import app


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner(env={"COLUMNS": "100"}).invoke(app, ["import", *map(str, arguments)])
    return result.exit_code, result.output


def orgs(database: str) -> int:
    with psycopg.connect(database) as connection:
        return int(value(connection, "select count(*) from public.orgs"))


def test_a_company_is_imported_and_counted(fresh_database: str, tmp_path: Path) -> None:
    code, output = run(write_files(tmp_path, small_company()), "--db", fresh_database)
    assert code == 0, output
    assert "imported into acme" in output
    assert orgs(fresh_database) == 1


def test_faults_are_shown_and_reported_with_exit_code_1(fresh_database: str, tmp_path: Path) -> None:
    files = small_company()
    files["jobs"][0]["priority"] = "[red]urgent"
    files["customers"][1]["tier"] = "gold"
    report = tmp_path / "faults.csv"
    code, output = run(write_files(tmp_path / "files", files), "--db", fresh_database, "--report", report)
    assert code == 1
    assert "jobs.csv:2" in output
    assert "[red]urgent" in output
    assert "2 faults; nothing was written." in output
    assert len(report.read_text(encoding="utf-8").splitlines()) == 3
    assert orgs(fresh_database) == 0


def test_a_dry_run_says_so(fresh_database: str, tmp_path: Path) -> None:
    code, output = run(write_files(tmp_path, small_company()), "--db", fresh_database, "--dry-run")
    assert (code, orgs(fresh_database)) == (0, 0)
    assert "would be imported into acme" in output


def test_a_missing_directory_or_database_is_a_sentence(fresh_database: str, tmp_path: Path) -> None:
    code, output = run(tmp_path / "nowhere", "--db", fresh_database)
    assert (code, "is not a directory" in output) == (1, True)
    code, output = run(tmp_path, "--db", "postgresql://postgres@127.0.0.1:1/postgres")
    assert (code, "truckroll up" in output) == (1, True)
    assert "Traceback" not in output

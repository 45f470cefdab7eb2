"""supabase/migrations and the declared files make the same database."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from support import dump, templates
from truckroll_local import manifest, migration

Schema = dict[str, str]

DRIFTS = [
    "alter table public.customers alter column language set default 'fr'",
    "alter table public.customers drop constraint customers_phone_is_e164",
    "alter table public.customers disable trigger customers_number",
    "alter type public.vehicle_type add value 'bicycle'",
    "comment on column public.customers.phone is 'Any digits.'",
    "create or replace function private.is_e164(phone text) returns boolean language sql return true",
    "create policy select_by_all on public.customers for select to authenticated using (true)",
    "drop index public.customers_user_id_idx",
    "grant select on public.customers to anon, authenticated with grant option",
]


def files_of(folder: Path) -> list[Path]:
    return [manifest.BOOTSTRAP, *sorted(folder.glob("*.sql"))]


@pytest.fixture(scope="module")
def declared(server: str) -> Iterator[str]:
    with templates.copy_of(server, templates.template(server)) as conninfo:
        yield conninfo


@pytest.fixture(scope="module")
def migrated(server: str) -> Iterator[str]:
    with templates.copy_of(
        server, templates.built(server, "migrated", files_of(manifest.MIGRATIONS))
    ) as conninfo:
        yield conninfo


@pytest.fixture(scope="module")
def wanted(declared: str) -> Schema:
    return dump.schema(declared)


def test_the_migrations_build_the_declared_schema(wanted: Schema, migrated: str) -> None:
    built = dump.schema(migrated)
    assert sorted(wanted.keys() - built.keys()) == [], "declared, but no migration makes it"
    assert sorted(built.keys() - wanted.keys()) == [], "made by a migration, but declared nowhere"
    assert {key: built[key] for key in wanted if built[key] != wanted[key]} == {}, "declared differently"


def test_the_migrations_insert_the_declared_reference_rows(declared: str, migrated: str) -> None:
    assert dump.rows(migrated) == dump.rows(declared)


@pytest.mark.parametrize("drift", DRIFTS)
def test_a_drift_is_noticed(wanted: Schema, fresh_database: str, drift: str) -> None:
    with psycopg.connect(fresh_database, autocommit=True) as connection:
        connection.execute(drift.encode())
    assert dump.schema(fresh_database) != wanted


def test_a_written_migration_brings_back_what_is_declared(
    server: str, wanted: Schema, tmp_path: Path
) -> None:
    for file in manifest.migration_files():
        shutil.copy(file, tmp_path)
    (tmp_path / "20990101000000_drift.sql").write_text(";\n".join(DRIFTS), encoding="utf-8")
    written = migration.write_difference(server, "repair", tmp_path)
    for number, file in enumerate(written):
        file.rename(tmp_path / f"2099010200000{number}_repair.sql")
    with templates.copy_of(server, templates.built(server, "repaired", files_of(tmp_path))) as repaired:
        assert dump.schema(repaired) == wanted


def test_nothing_is_written_when_nothing_is_missing(server: str, tmp_path: Path) -> None:
    for file in manifest.migration_files():
        shutil.copy(file, tmp_path)
    assert migration.write_difference(server, "nothing", tmp_path) == []


def test_the_first_migration_is_fixed_once_a_second_exists(tmp_path: Path) -> None:
    first = migration.write_initial(tmp_path)
    assert migration.write_initial(tmp_path) == first
    (tmp_path / "20990101000000_add_something.sql").touch()
    with pytest.raises(migration.MigrationError, match="released"):
        migration.write_initial(tmp_path)

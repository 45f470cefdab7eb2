"""What the files say is what the company has afterwards; a second import changes only what changed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import truckroll.importing
from support.effort import examples, size
from support.import_files import Files, small_company, write_files
from support.sql import Connection, Row, one, rows, value
from truckroll.importing import ImportResult, Request, import_company
from truckroll.importing.sheets import BY_NAME

FORMAT = Path(truckroll.importing.__file__).with_name("FORMAT.md")


def imported(db: Connection, directory: Path, files: Files, **options: Any) -> ImportResult:
    result = import_company(db, Request(write_files(directory, files), **options))
    assert not result.faults
    return result


def technician(db: Connection, name: str) -> Row:
    return one(db, "select * from public.technician_profiles where display_name = %s", (name,))


def test_a_company_arrives_whole(db: Connection, tmp_path: Path) -> None:
    result = imported(db, tmp_path, small_company())
    assert result.is_committed
    ada = technician(db, "Ada Berg")
    assert (ada["phone"], ada["time_zone"], ada["max_daily_work_minutes"]) == (
        "+16085550101",
        "America/Chicago",
        480,
    )
    assert (float(ada["duration_factor"]), float(ada["travel_speed_factor"])) == (1.25, 0.9)
    home = one(db, "select * from public.customer_locations where id = %s", (ada["home_base_location_id"],))
    assert (home["kind"], home["latitude"], home["longitude"]) == ("home_base", 43.1, -89.33)
    assert technician(db, "Ben Cole")["home_base_location_id"] is None
    skills = rows(
        db,
        "select skill_code, level, certified_until::text, is_primary from public.technician_skills"
        " where technician_id = %s order by skill_code",
        (ada["id"],),
    )
    assert [tuple(skill.values()) for skill in skills] == [
        ("hvac_service", 4, None, True),
        ("refrigerant", 3, "2027-05-31", False),
    ]
    job = one(db, "select * from public.dispatch_jobs where number = 'J-1'")
    assert job["title"] == "Air conditioner repair"
    assert job["required_skills"] == {"hvac_service": 3, "refrigerant": 1}
    assert (job["estimated_duration_minutes"], job["preferred_technician_id"]) == (90, ada["id"])
    assert job["sla_end_at"].isoformat() == "2026-11-24T23:00:00+00:00"
    zone = one(db, "select * from public.service_zones where id = %s", (job["service_zone_id"],))
    assert (zone["name"], zone["postal_codes"]) == ("East", ["53704", "53714"])
    windows = rows(db, "select window_start, window_end from public.job_time_windows order by window_start")
    assert [[at.isoformat() for at in window.values()] for window in windows] == [
        ["2026-11-23T14:00:00+00:00", "2026-11-23T18:00:00+00:00"],
        ["2026-11-24T14:00:00+00:00", "2026-11-24T16:00:00+00:00"],
    ]
    assert (
        value(db, "select count(*) from public.operating_hours where opens_at = '13:00' and weekday = 1") == 1
    )
    assert value(db, "select zone_is_manual from public.customer_locations where latitude is null")


def test_shifts_keep_their_wall_clock_through_the_year(db: Connection, tmp_path: Path) -> None:
    imported(db, tmp_path, small_company())
    found = rows(
        db,
        """
        select distinct (lower(o.during) at time zone s.time_zone)::time::text as starts,
            upper(o.during) - lower(o.during) as length
        from public.technician_shifts as s
        cross join private.occurrences(
            s.recurrence, s.starts_at, s.ends_at, s.time_zone, s.excluded_on, '[2026-01-01, 2027-01-01)'::tstzrange
        ) as o (during)
        order by starts
        """,
    )
    assert [(row["starts"], row["length"].total_seconds() / 3600) for row in found] == [
        ("08:00:00", 9),
        ("22:00:00", 8),
    ]


def test_the_same_files_again_change_nothing(db: Connection, tmp_path: Path) -> None:
    imported(db, tmp_path, small_company())
    before = value(db, "select max(id) from public.audit_log")
    result = imported(db, tmp_path, small_company())
    assert {name: (counts.added, counts.changed) for name, counts in result.counts.items()} == dict.fromkeys(
        small_company(), (0, 0)
    )
    assert value(db, "select max(id) from public.audit_log") == before


def test_a_changed_row_is_updated_and_what_it_lists_replaced(db: Connection, tmp_path: Path) -> None:
    files = small_company()
    imported(db, tmp_path, files)
    ada = technician(db, "Ada Berg")
    files["technicians"][0] |= {"name": "Ada Berg-Ott", "skills": "hvac_service:5", "zones": "West"}
    files["shifts"][0] |= {"starts": "07:00", "ends": "15:00"}
    files["jobs"][0] |= {"time_windows": "2026-11-25 08:00/12:00"}
    files["hours"][0] |= {"monday": "08:00-16:00"}
    result = imported(db, tmp_path, files)
    assert (result.counts["technicians"].added, result.counts["technicians"].changed) == (0, 1)
    assert technician(db, "Ada Berg-Ott")["id"] == ada["id"]
    assert value(
        db,
        "select array_agg(skill_code || level) from public.technician_skills where technician_id = %s",
        (ada["id"],),
    ) == ["hvac_service5"]
    assert (
        value(
            db, "select count(*) from public.technician_service_zones where technician_id = %s", (ada["id"],)
        )
        == 1
    )
    assert (
        value(db, "select count(*) from public.technician_shifts where technician_id = %s", (ada["id"],)) == 1
    )
    assert value(db, "select count(*) from public.job_time_windows") == 1
    assert value(db, "select array_agg(closes_at::text order by weekday) from public.operating_hours") == [
        "16:00:00",
        "12:00:00",
    ]


def test_columns_and_files_left_out_leave_what_is_there(db: Connection, tmp_path: Path) -> None:
    imported(db, tmp_path / "all", small_company())
    later: Files = {
        "technicians": [{"reference": "T-1", "name": "Ada B."}],
        "jobs": [{"number": "J-1", "customer": "C-1", "priority": "low"}],
    }
    imported(db, tmp_path / "some", later, org="acme")
    ada = technician(db, "Ada B.")
    assert ada["phone"] == "+16085550101"
    assert (
        value(db, "select count(*) from public.technician_skills where technician_id = %s", (ada["id"],)) == 2
    )
    job = one(db, "select * from public.dispatch_jobs where number = 'J-1'")
    assert (job["priority"], job["estimated_duration_minutes"], job["location_id"] is None) == (
        "low",
        90,
        False,
    )
    assert value(db, "select count(*) from public.job_time_windows") == 2


def test_a_job_that_moved_on_keeps_its_status(db: Connection, tmp_path: Path) -> None:
    imported(db, tmp_path, small_company())
    db.execute("update public.dispatch_jobs set status = 'on_hold' where number = 'J-1'")
    imported(db, tmp_path, small_company())
    assert value(db, "select status::text from public.dispatch_jobs where number = 'J-1'") == "on_hold"


def test_a_dry_run_writes_nothing(db: Connection, tmp_path: Path) -> None:
    result = imported(db, tmp_path, small_company(), dry_run=True)
    assert not result.is_committed
    assert result.counts["jobs"].added == 2
    assert value(db, "select count(*) from public.orgs") == 0


def test_a_company_can_be_named_on_the_command_line(db: Connection, tmp_path: Path) -> None:
    files = small_company()
    del files["company"]
    named = {"org": "other-name", "name": "Other", "time_zone": "Europe/Vienna"}
    imported(db, tmp_path, files, **named)
    assert value(db, "select time_zone from public.orgs where slug = 'other-name'") == "Europe/Vienna"


def test_a_user_can_be_made_owner(db: Connection, tmp_path: Path) -> None:
    db.execute("insert into auth.users (id, email) values (gen_random_uuid(), 'Me@example.com')")
    imported(db, tmp_path, small_company(), owner="me@example.com")
    imported(db, tmp_path, small_company(), owner="me@example.com")
    assert value(db, "select array_agg(role::text) from public.org_members") == ["owner"]
    refused = import_company(db, Request(tmp_path, owner="nobody@example.com"))
    assert [(fault.file, fault.value) for fault in refused.faults] == [("--owner", "nobody@example.com")]


def test_two_companies_may_use_the_same_references(db: Connection, tmp_path: Path) -> None:
    imported(db, tmp_path, small_company())
    imported(db, tmp_path, small_company(), org="acme-two")
    assert value(db, "select count(distinct id) from public.technician_profiles") == 4


@pytest.mark.parametrize(("separator", "encoding"), [(";", "utf-8"), ("\t", "utf-8-sig"), (",", "utf-8-sig")])
def test_spreadsheet_dialects_are_read(db: Connection, tmp_path: Path, separator: str, encoding: str) -> None:
    files = small_company()
    files["customers"][0]["name"] = "Jürgen Öst"
    if separator == ";":
        files["sites"][0]["latitude"] = "43,1"
    write_files(tmp_path, files, separator=separator, encoding=encoding)
    assert import_company(db, Request(tmp_path)).is_committed
    assert value(db, "select name from public.customers where external_reference = 'C-1'") == "Jürgen Öst"
    assert (
        value(db, "select count(*) from public.customer_locations where latitude = 43.1 and kind = 'site'")
        == 1
    )


_LABELS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40).map(
    str.strip
)


@settings(
    max_examples=examples(25),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    label=_LABELS.filter(bool),
    notes=st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=80),
)
def test_any_text_survives(db: Connection, tmp_path: Path, label: str, notes: str) -> None:
    files = small_company()
    files["sites"][0] |= {"label": label, "notes": notes}
    for row in files["sites"][1:]:
        row |= {"label": "", "notes": ""}
    with db.transaction() as attempt:
        imported(db, tmp_path, files)
        site = one(
            db, "select label, notes from public.customer_locations where kind = 'site' and latitude = 43.1"
        )
        assert (site["label"], site["notes"] or "") == (label, notes.strip())
        raise psycopg.Rollback(attempt)


def test_the_documented_columns_are_those_that_are_read() -> None:
    documented: dict[str, set[str]] = {}
    name = ""
    for line in FORMAT.read_text(encoding="utf-8").splitlines():
        if heading := re.fullmatch(r"## (\w+)\.csv", line):
            name = heading[1]
            documented[name] = set()
        elif name and line.startswith("|") and not line.startswith(("| column", "|---")):
            documented[name] |= set(re.findall(r"`([a-z0-9_]+)`", line.split("|")[1]))
    assert documented == {sheet.name: {column.name for column in sheet.columns} for sheet in BY_NAME.values()}


def big_company(technicians: int, jobs: int) -> Files:
    small = small_company()
    return {name: small[name] for name in ("company", "zones", "skills", "services")} | {
        "technicians": [
            {
                "reference": f"T-{n}",
                "name": f"Technician {n}",
                "latitude": f"{43 + n % 20 / 100}",
                "longitude": f"{-89.5 + n % 30 / 100}",
                "skills": "hvac_service:4; refrigerant:2",
                "zones": "East; West",
            }
            for n in range(technicians)
        ],
        "shifts": [
            {"technician": f"T-{n}", "weekdays": "mon-fri", "starts": "08:00", "ends": "17:00"}
            for n in range(technicians)
        ],
        "time_off": [
            {
                "technician": f"T-{n}",
                "reason": "break",
                "starts": "11:30",
                "ends": "13:30",
                "minutes": "30",
                "rule": "FREQ=DAILY",
            }
            for n in range(technicians)
        ],
        "customers": [
            {"reference": f"C-{n}", "name": f"Customer {n}", "phone": f"+1608{2_000_000 + n}"}
            for n in range(jobs // 2)
        ],
        "sites": [
            {
                "reference": f"S-{n}",
                "customer": f"C-{n}",
                "latitude": f"{43 + n % 199 / 1000}",
                "longitude": f"{-89.5 + n % 301 / 1000}",
            }
            for n in range(jobs // 2)
        ],
        "jobs": [
            {
                "number": f"J-{n}",
                "customer": f"C-{n // 2}",
                "site": f"S-{n // 2}",
                "service": "ac_repair",
                "time_windows": f"2026-11-{23 + n % 5} 08:00/12:00",
            }
            for n in range(jobs)
        ],
    }


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_large_company_imports_in_one_transaction(fresh_database: str, tmp_path: Path) -> None:
    technicians, jobs = size(150, 1_000), size(1_200, 10_000)
    write_files(tmp_path, big_company(technicians=technicians, jobs=jobs))
    with psycopg.connect(fresh_database) as connection:
        result = import_company(connection, Request(tmp_path))
        assert not result.faults
        assert result.counts["jobs"].added == jobs
        assert value(connection, "select count(*) from public.technician_skills") == 2 * technicians

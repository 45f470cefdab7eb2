"""Every kind of bad row is reported with file, line and column, all at once, and nothing is written."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.effort import size
from support.import_files import Files, small_company, write_files
from support.sql import Connection, rows, value
from truckroll.importing import Fault, ImportResult, Request, import_company, write_report
from truckroll.importing.constraints import MEANINGS, TEXT_LIMIT
from truckroll.importing.reading import MAX_BYTES
from truckroll.importing.run import OTHER_TABLES
from truckroll.importing.sheets import BY_NAME

Attempt = Callable[[Files], ImportResult]


@pytest.fixture
def attempt(db: Connection, tmp_path: Path) -> Attempt:
    """Import these files, and make sure that a refused import leaves no trace."""

    def importing(files: Files) -> ImportResult:
        result = import_company(db, Request(write_files(tmp_path / "files", files)))
        written = value(db, "select count(*) from public.orgs") + value(
            db, "select count(*) from public.audit_log"
        )
        assert result.is_committed == (not result.faults)
        assert (written > 0) == result.is_committed
        return result

    return importing


def the_fault(result: ImportResult) -> Fault:
    """Return the only fault."""
    assert len(result.faults) == 1, result.faults
    return result.faults[0]


BAD_CELLS: list[tuple[str, int, str, str, str]] = [
    # file, index of the row, column, what it says, part of the problem
    ("company", 0, "time_zone", "Central", "no time zone"),
    ("company", 0, "country", "USA", "two capital letters"),
    ("company", 0, "slug", "Acme!", "lower-case"),
    ("company", 0, "name", "", "needs a name"),
    ("customers", 0, "name", "x" * 10_001, "longer than 10,000"),
    ("jobs", 0, "title", "x" * 10_001, "longer than 10,000"),
    ("lists", 0, "list", "colour", "no such list"),
    ("lists", 0, "code", "Solar Power", "lower-case"),
    ("lists", 0, "position", "sixth", "not a whole number"),
    ("lists", 0, "position", "99999999999", "not a whole number"),
    ("zones", 0, "polygon", "-89.4 43.1; -89.3", "not a polygon"),
    ("zones", 0, "polygon", "[[-89.4], {}, 3]", "not a polygon"),
    ("zones", 0, "polygon", "-89.4 43.1; -89.3 43.1", "three corners"),
    ("zones", 0, "polygon", "here; there; everywhere", "not a polygon"),
    ("zones", 0, "polygon", "43.05 -89.38; 43.05 -189.28; 43.16 -89.28", "three corners"),
    ("zones", 2, "name", "", "missing"),
    ("facilities", 0, "phone", "555-01", "phone number"),
    ("facilities", 0, "latitude", "143.09", "out of range"),
    ("facilities", 0, "longitude", "", "missing or out of range"),
    ("hours", 0, "facility", "Main shp", 'no "Main shp"'),
    ("hours", 0, "zone", "East", "facility or to a zone"),
    ("hours", 0, "monday", "7am-5pm", "not a time of day"),
    ("hours", 0, "monday", "17:00-07:30", "closes before"),
    ("holidays", 0, "date", "25.12.2026", "not a date"),
    ("holidays", 0, "date", "2026-02-30", "not a date"),
    ("resources", 0, "kind", "garage", "none of the words"),
    ("resources", 0, "bay_type", "", "A bay has a type"),
    ("skills", 2, "code", "HVAC-Service", "lower-case"),
    ("services", 0, "category", "gardening", "not in this company's list"),
    ("services", 0, "duration_minutes", "0", "1 to 10080"),
    ("services", 0, "duration_minutes", "1,5", "not a whole number"),
    ("services", 0, "price_hint", "99999999999.00", "numeric field overflow"),
    ("services", 0, "bay_types", "general; pit", "none of the words"),
    ("services", 0, "required_skills", "hvac_service:9", "1 to 5"),
    ("services", 0, "required_skills", "hvac_servis:3", 'no "hvac_servis"'),
    ("technicians", 0, "name", "", "missing"),
    ("technicians", 0, "phone", "12", "phone number"),
    ("technicians", 0, "facility", "East shop", 'no "East shop"'),
    ("technicians", 0, "latitude", "95", "out of range"),
    ("technicians", 0, "skills", "hvac_service:high", "not a whole number"),
    ("technicians", 0, "skills", "hvac_service:6", "1 to 5"),
    ("technicians", 0, "skills", "hvac_service; hvac_service", "twice"),
    ("technicians", 0, "skills", "juggling:2", 'no "juggling"'),
    ("technicians", 0, "zones", "East; North", 'no "North"'),
    ("technicians", 0, "max_daily_work_minutes", "2000", "1 to 1440"),
    ("technicians", 0, "duration_factor", "3", "0.5 to 2"),
    ("technicians", 0, "travel_speed_factor", "0.1", "0.5 to 2"),
    ("shifts", 0, "technician", "T-9", 'no "T-9"'),
    ("shifts", 0, "weekdays", "mon-xyz", "no day of the week"),
    ("shifts", 0, "starts", "8 o'clock", "not a time of day"),
    ("shifts", 0, "starts", "", "no hours"),
    ("shifts", 0, "weekdays", "", "no day"),
    ("shifts", 0, "monday", "08:00-12:00", "whole week and a single shift"),
    ("time_off", 0, "rule", "FREQ=HOURLY", "FREQ=HOURLY is not understood"),
    ("time_off", 0, "minutes", "200", "must fit"),
    ("time_off", 1, "minutes", "30", "for breaks"),
    ("time_off", 1, "ends", "2026-12-19", "ends before"),
    ("time_off", 1, "reason", "holiday", "none of the words"),
    ("time_off", 1, "starts", "soon", "neither a date"),
    ("customers", 0, "phone", "", "missing"),
    ("customers", 0, "phone", "+1 608 555", "phone number"),
    ("customers", 0, "tier", "gold", "not in this company's list"),
    ("customers", 1, "phone", "608 555 0123", "Another customer"),
    ("sites", 0, "customer", "C-7", 'no "C-7"'),
    ("sites", 0, "longitude", "-289.3", "out of range"),
    ("sites", 1, "zone", "Wst", 'no "Wst"'),
    ("jobs", 0, "priority", "urgent", "none of the words"),
    ("jobs", 0, "site", "C-1/office", 'no "C-1/office"'),
    ("jobs", 0, "service", "ac_repare", 'no "ac_repare"'),
    ("jobs", 0, "duration_minutes", "ninety", "not a whole number"),
    ("jobs", 0, "duration_minutes", "20000", "1 to 10080"),
    ("jobs", 0, "required_skills", "hvac_service:0", "1 to 5"),
    ("jobs", 0, "required_skills", "hvac_service:2:2027-01-01", "Only a technician"),
    ("jobs", 0, "sla_end", "tomorrow", "not a date and time"),
    ("jobs", 0, "sla_end", "2026-11-24", "not a date and time"),
    ("jobs", 1, "sla_end", "2026-11-23 07:00", "ends before"),
    ("jobs", 0, "time_windows", "2026-11-23 12:00/08:00", "ends before"),
    ("jobs", 0, "time_windows", "morning", "not a time window"),
    ("jobs", 1, "contact_phone", "", "neither a customer nor a phone"),
    ("jobs", 1, "title", "", "missing"),
]


@pytest.mark.parametrize(
    ("file", "index", "column", "cell", "problem"),
    BAD_CELLS,
    ids=[f"{file}.{column}={cell}" for file, _, column, cell, _ in BAD_CELLS],
)
def test_a_bad_cell_is_reported_with_its_place(
    attempt: Attempt, file: str, index: int, column: str, cell: str, problem: str
) -> None:
    files = small_company()
    files[file][index][column] = cell
    fault = the_fault(attempt(files))
    assert (fault.file, fault.line) == (f"{file}.csv", index + 2)
    assert problem in fault.problem
    assert fault.fix
    if fault.column:
        assert fault.value == files[file][index][fault.column]
    # Some rules speak of two columns; the cells of a shift or an opening hour are judged together.
    paired = {"latitude", "longitude", "facility", "zone", "starts", "ends", "reason", "minutes", "customer"}
    assert fault.column in {column, ""} or {fault.column, column} <= paired | {"contact_phone"}


def test_all_bad_rows_are_reported_at_once(attempt: Attempt) -> None:
    files = small_company()
    for file, index, column, cell in (
        ("company", 0, "time_zone", "Mars/Olympus"),
        ("skills", 1, "code", "Refrigerant"),
        ("services", 0, "duration_minutes", "1h"),
        ("technicians", 1, "skills", "hvac_service:7"),
        ("customers", 0, "phone", "none"),
        ("customers", 1, "tier", "gold"),
        ("jobs", 1, "priority", "asap"),
    ):
        files[file][index][column] = cell
    found = [(fault.file, fault.line, fault.column) for fault in attempt(files).faults]
    assert found == [
        ("company.csv", 2, "time_zone"),
        ("skills.csv", 3, "code"),
        ("services.csv", 2, "duration_minutes"),
        ("services.csv", 2, "required_skills"),
        ("technicians.csv", 2, "skills"),
        ("technicians.csv", 3, "skills"),
        ("customers.csv", 2, "phone"),
        ("customers.csv", 3, "tier"),
        ("jobs.csv", 3, "priority"),
    ]


def test_rows_that_only_refer_to_a_bad_row_are_not_reported(attempt: Attempt) -> None:
    files = small_company()
    files["technicians"][0]["max_daily_work_minutes"] = "5000"
    fault = the_fault(attempt(files))
    assert (fault.file, fault.line, fault.column) == ("technicians.csv", 2, "max_daily_work_minutes")


def test_many_refused_rows_are_found_among_many_more(db: Connection, tmp_path: Path) -> None:
    files = small_company()
    template = files["jobs"][1]
    count = size(600, 2000)
    files["jobs"] = [
        {**template, "number": f"J-{n}", "duration_minutes": "0" if n % 20 == 7 else "30"}
        for n in range(count)
    ]
    result = import_company(db, Request(write_files(tmp_path, files)))
    assert [fault.line for fault in result.faults] == [n + 2 for n in range(count) if n % 20 == 7]
    assert not result.is_committed


def test_the_search_for_refused_rows_ends(db: Connection, tmp_path: Path) -> None:
    files = small_company()
    files["jobs"] = [{**files["jobs"][1], "number": f"J-{n}", "duration_minutes": "0"} for n in range(1000)]
    faults = import_company(db, Request(write_files(tmp_path, files))).faults
    assert len(faults) == 201
    assert "there may be more" in faults[0].problem


def test_a_key_given_twice_names_the_first_line(attempt: Attempt) -> None:
    files = small_company()
    files["technicians"].append(files["technicians"][0] | {"name": "Ada again"})
    fault = the_fault(attempt(files))
    assert (fault.file, fault.line, fault.column, fault.value) == ("technicians.csv", 4, "reference", "T-1")
    assert "line 2" in fault.problem


def test_a_shift_given_twice_is_reported(attempt: Attempt) -> None:
    files = small_company()
    files["shifts"].append(dict(files["shifts"][0]))
    fault = the_fault(attempt(files))
    assert (fault.file, fault.line) == ("shifts.csv", 4)
    assert "line 2" in fault.problem


def test_an_unknown_column_is_refused_with_a_suggestion(attempt: Attempt) -> None:
    files = small_company()
    files["jobs"] = [
        {("priorty" if name == "priority" else name): cell for name, cell in row.items()}
        for row in files["jobs"]
    ]
    fault = the_fault(attempt(files))
    assert (fault.file, fault.line, fault.column) == ("jobs.csv", 1, "priorty")
    assert fault.fix == 'Did you mean "priority"?'


def test_a_missing_column_is_named(attempt: Attempt) -> None:
    files = small_company()
    for row in files["skills"]:
        del row["name"]
    faults = attempt(files).faults
    assert [(fault.file, fault.line, fault.column) for fault in faults][:1] == [("skills.csv", 1, "name")]


@pytest.mark.parametrize(
    ("name", "content", "line", "problem"),
    [
        ("skills.csv", b"", 1, "empty"),
        ("skills.csv", b"\xef\xbb\xbf\r\n\r\n", 1, "empty"),
        ("skills.csv", "code,name\nhvac,Kälte\n".encode("utf-16"), 1, "UTF-16"),
        ("skills.csv", "code,name\nhvac,Kälte\n".encode("cp1252"), 2, "not UTF-8"),
        ("skills.csv", b"code,name\nhvac,\0\n", 2, "NUL"),
        ("skills.csv", b"code,name\nhvac,HVAC,cold\n", 2, "3 cells"),
        ("skills.csv", b"code,name\nhvac\n", 2, "1 cells"),
        ("skills.csv", b'code,name\na_b,"AB"\nhvac,"HV"AC"\n', 3, "cannot be read"),
        ("skills.csv", b'code,name\nhvac,"HVAC\n', 2, "cannot be read"),
        ("skills.csv", b"code,name,code\nhvac,HVAC,x\n", 1, "twice"),
        ("skill.csv", b"code,name\nhvac,HVAC\n", 0, "No such file"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(
    db: Connection, tmp_path: Path, name: str, content: bytes, line: int, problem: str
) -> None:
    write_files(tmp_path, {"company": small_company()["company"]})
    (tmp_path / name).write_bytes(content)
    fault = the_fault(import_company(db, Request(tmp_path)))
    assert (fault.file, fault.line) == (name, line)
    assert problem in fault.problem
    assert fault.fix


def test_a_file_that_is_too_large_is_not_read(db: Connection, tmp_path: Path) -> None:
    write_files(tmp_path, {"company": small_company()["company"]})
    with (tmp_path / "skills.csv").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    assert "at most 50" in the_fault(import_company(db, Request(tmp_path))).problem


def test_a_directory_without_files_is_refused(db: Connection, tmp_path: Path) -> None:
    assert "no CSV files" in the_fault(import_company(db, Request(tmp_path))).problem


def test_the_report_cannot_carry_a_formula(tmp_path: Path) -> None:
    evil = '=HYPERLINK("http://example.com")'
    faults = [
        Fault("jobs.csv", 2, "title", evil, "-1 is wrong.", "@fix"),
        Fault("+x.csv", 0, "\tcol", "\x1b[2Jok", "", ""),
    ]
    report = tmp_path / "faults.csv"
    write_report(faults, report)
    with report.open(encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert f"'{evil}" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert not any("\x1b" in cell for cell in cells)


def test_every_rule_of_the_tables_has_a_sentence_or_cannot_be_broken(db: Connection) -> None:
    tables = [*(sheet.table for sheet in BY_NAME.values()), *OTHER_TABLES]
    checks = {
        row["conname"]
        for row in rows(
            db,
            "select conname from pg_constraint where contype = 'c' and conrelid::regclass = any(%s::regclass[])",
            ([f"public.{table}" for table in tables],),
        )
    }
    out_of_reach: set[Any] = {
        "dispatch_jobs_canceled_with_reason",  # an import never cancels
        "operating_hours_weekday_is_iso",  # weekdays are columns
        "facilities_loading_sensible",  # settings that no sheet has
        "orgs_concurrent_runs_sensible",
        "orgs_plan_continuity_sensible",
        "orgs_duration_percentile_known",
        "orgs_emergency_promise_sensible",
        "orgs_plan_km_sensible",
        "orgs_plan_move_sensible",
        "orgs_plan_unserved_ascends",
        "orgs_plan_weights_sensible",
        "orgs_reoptimization_days_sensible",
    }
    said = {name for name in MEANINGS if not name.endswith("_key")}
    limits = {name for name in checks if name.endswith(TEXT_LIMIT)}
    assert checks - out_of_reach - limits == said, (
        "say the rule in refusals.csv, or name it here as out of reach"
    )


def test_sentences_name_columns_that_exist() -> None:
    headers = {column.name for sheet in BY_NAME.values() for column in sheet.columns} | {""}
    assert {meaning.column for meaning in MEANINGS.values()} <= headers

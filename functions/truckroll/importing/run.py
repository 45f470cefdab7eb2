"""The whole import: read, check shapes, resolve references, write, and either commit or report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg

from truckroll.importing.catalogue import Catalogue, read_catalogue
from truckroll.importing.cells import CellError, Locale, SkillMention, reader_for
from truckroll.importing.company import (
    Company,
    CompanyRefusedError,
    make_owner,
    provisional_company,
    settle_company,
    slug_of,
)
from truckroll.importing.faults import Fault
from truckroll.importing.keys import Keys, index_files, read_keys
from truckroll.importing.loading import MAX_REFUSALS, Counts, load
from truckroll.importing.reading import Row, Table, read_directory
from truckroll.importing.records import Batch, add_row, batch_for
from truckroll.importing.sheets import BY_NAME, COMPANY, SHEETS, Column

OTHER_TABLES = ["service_skills", "technician_skills", "technician_service_zones", "job_time_windows"]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Request:
    """What to import, and into which company: `org` names one, `name` and `time_zone` a new one.

    `owner` is the e-mail address of a user who becomes an owner of it.
    """

    directory: Path
    org: str | None = None
    name: str | None = None
    time_zone: str | None = None
    owner: str | None = None
    dry_run: bool = False


@dataclass
class ImportResult:
    """What an import did, or every reason why it did nothing."""

    faults: list[Fault] = field(default_factory=list)
    counts: dict[str, Counts] = field(default_factory=dict)
    company: Company | None = None
    is_committed: bool = False


def import_company(
    connection: psycopg.Connection[Any],
    request: Request,
    progress: Progress = lambda _file, _done, _total: None,
) -> ImportResult:
    """Import a directory over a connection that owns the tables, in one transaction.

    Raises NotADirectoryError, and psycopg.Error for what is nobody's row, such as a lost connection.
    """
    tables, faults = read_directory(request.directory)
    result = ImportResult(faults)
    if not tables and not faults:
        problem, fix = (
            "There are no CSV files here.",
            f"It may hold: {', '.join(s.file for s in BY_NAME.values())}.",
        )
        result.faults.append(Fault(str(request.directory), 0, "", "", problem, fix))
        return result
    with connection.transaction() as transaction:
        _Import(connection, request, tables, result, progress).run()
        if result.faults or request.dry_run:
            raise psycopg.Rollback(transaction)
        result.is_committed = True
    order = {sheet.file: position for position, sheet in enumerate(BY_NAME.values())}
    result.faults.sort(key=lambda fault: (order.get(fault.file, -1), fault.line))
    return result


@dataclass
class _Import:
    connection: psycopg.Connection[Any]
    request: Request
    tables: dict[str, Table]
    result: ImportResult
    progress: Progress

    def run(self) -> None:
        targets = [sheet.table for sheet in BY_NAME.values()]
        catalogue = read_catalogue(self.connection, targets + OTHER_TABLES)
        company = self._settle_company(catalogue)
        self.result.company = company
        if company is None:
            company = provisional_company(self.connection)
        if self.request.owner and not make_owner(self.connection, company, self.request.owner):
            problem, fix = "There is no user with this e-mail address.", "Sign up with it first."
            self._fault(Fault("--owner", 0, "", self.request.owner, problem, fix))
        locale = Locale(company.country, ZoneInfo(company.time_zone))
        keys = read_keys(self.connection, company.org_id)
        present = [self.tables[sheet.name] for sheet in SHEETS if sheet.name in self.tables]
        for fault in index_files(keys, present):
            self._fault(fault)
        for table in present:
            self._load(catalogue, company, table, keys, replace(locale, decimal_comma=table.decimal_comma))

    def _settle_company(self, catalogue: Catalogue) -> Company | None:
        table = self.tables.get("company", Table(COMPANY))
        locale = Locale("US", ZoneInfo("UTC"), table.decimal_comma)
        for extra in table.rows[1:]:
            problem = "A company has one row."
            self._fault(Fault(COMPANY.file, extra.line, "", "", problem, "Remove the others."))
        row = table.rows[0] if table.rows else Row(0, {})
        reading = _Reading(catalogue, table, locale, None)
        values = reading.values(row)
        given = {"name": self.request.name, "time_zone": self.request.time_zone}
        values |= {name: value for name, value in given.items() if value is not None}
        slug = self.request.org or values.get("slug") or slug_of(str(values.get("name") or ""))
        faults = reading.faults
        if not slug:
            problem, fix = (
                "It is not said which company this is.",
                "Give --org, or slug or name in company.csv.",
            )
            faults.append(Fault(COMPANY.file, row.line, "slug", "", problem, fix))
        for fault in faults:
            self._fault(fault)
        if faults:
            return None
        try:
            company = settle_company(self.connection, catalogue, slug, values)
            ZoneInfo(company.time_zone)
        except CompanyRefusedError as error:
            meaning, value = error.meaning, str(values.get(error.meaning.column) or "")
            if meaning.column == "slug":
                value = slug
            self._fault(Fault(COMPANY.file, row.line, meaning.column, value, meaning.problem, meaning.fix))
            return None
        except ZoneInfoNotFoundError:
            problem, fix = (
                "This machine knows no time zone of this name.",
                "Install the time zone data (tzdata).",
            )
            self._fault(Fault(COMPANY.file, row.line, "time_zone", company.time_zone, problem, fix))
            return None
        if table.rows:
            self.result.counts["company"] = Counts(1, int(company.is_new))
        return company

    def _load(self, catalogue: Catalogue, company: Company, table: Table, keys: Keys, locale: Locale) -> None:
        sheet = table.sheet
        reading = _Reading(catalogue, table, locale, keys)
        batch = batch_for(sheet, table.headers, keys, company.time_zone)
        bad = {fault.line for fault in self.result.faults if fault.file == sheet.file}
        lines: dict[int, Row] = {}
        for row in table.rows:
            found = len(reading.faults)
            values = reading.values(row)
            lines[row.line] = row
            if len(reading.faults) == found and row.line not in bad and not reading.is_consequence:
                try:
                    add_row(batch, row.line, values)
                    continue
                except CellError as error:
                    self._fault(Fault(sheet.file, row.line, "", "", error.problem, error.fix))
            keys.broken.add((sheet.name, row.cells.get(sheet.key[0], "") if sheet.key else ""))
        for fault in (*reading.faults, *_twice(batch)):
            self._fault(fault)
            batch.drop(fault.line)
        self.progress(sheet.file, 0, len(table.rows))
        done = 0

        def advance(rows: int) -> None:
            nonlocal done
            done += rows
            self.progress(sheet.file, done, len(table.rows))

        loaded = load(self.connection, catalogue, company.org_id, batch, advance)
        self.result.counts[sheet.name] = loaded.counts
        for line, meaning in loaded.refusals:
            cells = lines[line].cells
            keys.broken.add((sheet.name, cells.get(sheet.key[0], "") if sheet.key else ""))
            value = cells.get(meaning.column, "")
            self._fault(Fault(sheet.file, line, meaning.column, value, meaning.problem, meaning.fix))
        if loaded.is_cut:
            problem = (
                f"The check stopped after {MAX_REFUSALS} lines that the database refuses; there may be more."
            )
            self._fault(Fault(sheet.file, 0, "", "", problem, "Mend these and try again."))

    def _fault(self, fault: Fault) -> None:
        self.result.faults.append(fault)


@dataclass
class _Reading:
    """Reads the cells of one table; notes every cell that has not the right shape or leads nowhere."""

    catalogue: Catalogue
    table: Table
    locale: Locale
    keys: Keys | None
    faults: list[Fault] = field(default_factory=list)
    is_consequence: bool = False

    def __post_init__(self) -> None:
        sheet = self.table.sheet
        types = self.catalogue[sheet.table]
        present = [column for column in sheet.columns if column.name in self.table.headers]
        self.readers = [(column, reader_for(column, types.get(column.column or ""))) for column in present]

    def values(self, row: Row) -> dict[str, Any]:
        """Return the row's values by header. `is_consequence` tells whether it refers to a row at fault."""
        self.is_consequence = False
        values: dict[str, Any] = {}
        for column, reader in self.readers:
            text = row.cells[column.name]
            values[column.name] = None
            if not text:
                if column.required:
                    self._note(row, column, "This is needed and is missing.", "Fill the cell.")
                continue
            try:
                value = reader(text, self.locale)
            except CellError as error:
                self._note(row, column, error.problem, error.fix)
                continue
            values[column.name] = self._resolved(row, column, value) if column.refers else value
        return values

    def _resolved(self, row: Row, column: Column, value: Any) -> Any:
        assert self.keys is not None  # noqa: S101 - only the company's own sheet has none, and refers to nothing
        target = BY_NAME[column.refers]
        mentions = value if isinstance(value, list) else [value]
        resolved = []
        for mention in mentions:
            key = mention.code if isinstance(mention, SkillMention) else mention
            found = self.keys.resolve(target, key)
            self.is_consequence |= (target.name, key) in self.keys.broken
            if found is None:
                problem = f'There is no "{key}" in {target.file} or in the company.'
                self._note(row, column, problem, self.keys.suggest(target, key))
            resolved.append(mention if isinstance(mention, SkillMention) else found)
        return resolved if isinstance(value, list) else resolved[0]

    def _note(self, row: Row, column: Column, problem: str, fix: str) -> None:
        sheet = self.table.sheet
        self.faults.append(Fault(sheet.file, row.line, column.name, row.cells[column.name], problem, fix))


def _twice(batch: Batch) -> list[Fault]:
    """Find rows that would be the same row of a table; keyed sheets are checked when their keys are noted."""
    faults = []
    for part in batch.parts.values():
        seen: dict[tuple[Any, ...], int] = {}
        for line, record in part.rows:
            identity = tuple(record.get(column) for column in part.conflict if column != "org_id")
            first = seen.setdefault(identity, line)
            if first != line:
                problem, fix = f"This says the same as line {first}.", "Keep one of the two lines."
                faults.append(Fault(batch.sheet.file, line, "", "", problem, fix))
    return list({fault.line: fault for fault in faults}.values())

"""CSV files to rows: encoding, separator, header. Everything a file can be wrong about before its cells are read."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from truckroll.importing.faults import Fault
from truckroll.importing.sheets import BY_NAME, Sheet

MAX_BYTES = 50 * 1024 * 1024
MAX_CELL = 1024 * 1024
_OTHER_ENCODINGS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SAVE_AS_UTF8 = 'Save the file as "CSV UTF-8".'


@dataclass(frozen=True)
class Row:
    """A line of a file: its number, counted from 1, and its cells by header, stripped."""

    line: int
    cells: dict[str, str]


@dataclass(frozen=True)
class Table:
    """A file that could be read: the headers it has and its rows. `;` separates decimals with a comma."""

    sheet: Sheet
    headers: tuple[str, ...] = ()
    rows: list[Row] = field(default_factory=list)
    decimal_comma: bool = False


class UnreadableError(Exception):
    """A file cannot be read at all; carries the fault."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.problem)
        self.fault = fault


def suggestion(given: str, known: Sequence[str]) -> str:
    """Return `Did you mean "…"?` for something close, else what is known, if that is little."""
    close = get_close_matches(given, known, n=1)
    if close:
        return f'Did you mean "{close[0]}"?'
    if not known:
        return ""
    return f"Known: {', '.join(sorted(known))}." if len(known) <= 25 else ""


def read_directory(directory: Path) -> tuple[dict[str, Table], list[Fault]]:
    """Read every CSV file of the directory. Raises NotADirectoryError when it is none."""
    if not directory.is_dir():
        raise NotADirectoryError(directory)
    tables: dict[str, Table] = {}
    faults: list[Fault] = []
    for path in sorted(directory.iterdir()):
        if path.suffix.lower() != ".csv" or not path.is_file():
            continue
        sheet = BY_NAME.get(path.stem)
        if sheet is None:
            fix = suggestion(path.name, [known.file for known in BY_NAME.values()])
            faults.append(Fault(path.name, 0, "", "", "No such file belongs to an import.", fix))
            continue
        try:
            tables[sheet.name], found = _read(path, sheet)
        except UnreadableError as error:
            found = [error.fault]
        faults += found
    return tables, faults


def _read(path: Path, sheet: Sheet) -> tuple[Table, list[Fault]]:
    text = _decode(path)
    separator, text, skipped = _separator(text)
    # An unset dialect option is RFC 4180; strict refuses a quote in the middle of nowhere.
    csv.field_size_limit(MAX_CELL)
    records = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    numbered = _numbered(records, path.name, skipped)
    header_line, header = next(numbered, (1, []))
    if not any(header):
        problem = "The file is empty."
        fix = "Delete the file, or start it with the column names."
        raise UnreadableError(Fault(path.name, 1, "", "", problem, fix))
    headers = tuple(name.strip().lower() for name in header)
    faults = list(_header_faults(sheet, header_line, headers))
    table = Table(sheet, headers, decimal_comma=separator == ";")
    try:
        for line, cells in numbered:
            if len(cells) != len(headers):
                problem = f"The line has {len(cells)} cells, the first line {len(headers)}."
                fix = "Check for a missing or extra separator, or a cell that needs quotes."
                faults.append(Fault(path.name, line, "", separator.join(cells), problem, fix))
                continue
            table.rows.append(
                Row(line, {name: cell.strip() for name, cell in zip(headers, cells, strict=True)})
            )
    except UnreadableError as error:
        faults.append(error.fault)
    return table, faults


def _numbered(records: Iterator[list[str]], file: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    """Yield each record that is not blank with the line it starts on."""
    # csv's own line_num says where a record ends.
    reader = records
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problem = f"The line cannot be read: {error}."
            fix = "Check the quotes: a quote inside a quoted cell is written twice."
            raise UnreadableError(Fault(file, line + skipped, "", "", problem, fix)) from error
        if any(cell.strip() for cell in cells):
            yield line + skipped, cells
        line = reader.line_num + 1  # type: ignore[attr-defined]


def _decode(path: Path) -> str:
    size = path.stat().st_size
    if size > MAX_BYTES:
        problem = f"The file has {size / 2**20:.0f} MB; at most {MAX_BYTES // 2**20} are read."
        raise UnreadableError(
            Fault(path.name, 0, "", "", problem, "Split it into directories imported one by one.")
        )
    content = path.read_bytes()
    if content.startswith(_OTHER_ENCODINGS):
        raise UnreadableError(Fault(path.name, 1, "", "", "The file is UTF-16, not UTF-8.", _SAVE_AS_UTF8))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        problem = f"Byte {content[error.start]:#04x} is not UTF-8; the file may be in a Windows encoding."
        shown = content.splitlines()[line - 1].decode("cp1252", errors="replace")
        raise UnreadableError(Fault(path.name, line, "", shown, problem, _SAVE_AS_UTF8)) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UnreadableError(
            Fault(path.name, line, "", "", "The file holds a NUL character: it is no text.", _SAVE_AS_UTF8)
        )
    return text


def _separator(text: str) -> tuple[str, str, int]:
    """Return the separator, the text without Excel's `sep=` line, and the lines that took."""
    first, _, rest = text.partition("\n")
    if first.strip().lower() in {"sep=;", "sep=,", "sep=\t"}:
        return first.strip()[4:] or "\t", rest, 1
    return max(",;\t", key=first.count), text, 0


def _header_faults(sheet: Sheet, line: int, headers: Sequence[str]) -> Iterator[Fault]:
    known = [column.name for column in sheet.columns]
    for position, name in enumerate(headers):
        if name in headers[:position]:
            yield Fault(sheet.file, line, name, name, "The column is there twice.", "Remove one of them.")
        elif name not in known:
            shown = name or f"(column {position + 1} has no name)"
            unused = [column for column in known if column not in headers]
            yield Fault(
                sheet.file,
                line,
                name,
                shown,
                "No such column belongs to this file.",
                suggestion(name, unused),
            )
    for column in sheet.columns:
        if column.required and column.name not in headers:
            yield Fault(
                sheet.file, line, column.name, "", "The column is missing.", "Add it to the first line."
            )

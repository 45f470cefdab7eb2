"""What is wrong with an import, row by row, and the report of it."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SHOWN_OF_A_CELL = 60
REPORT_COLUMNS = ("file", "line", "column", "value", "problem", "fix")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Fault:
    """One thing to mend: where it stands, what is wrong, how to mend it. Line 0 means the file itself."""

    file: str
    line: int
    column: str
    value: str
    problem: str
    fix: str

    @property
    def shown_value(self) -> str:
        """The cell's text on one line, without control characters, cut after 60 characters."""
        text = "".join(character if character.isprintable() else " " for character in self.value)
        return text if len(text) <= SHOWN_OF_A_CELL else text[: SHOWN_OF_A_CELL - 1] + "…"


def inert(text: str) -> str:
    """Return the text so that no spreadsheet takes it for a formula (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def write_report(faults: Iterable[Fault], path: Path) -> None:
    """Write the faults as CSV, safe to open in a spreadsheet. Raises OSError."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(REPORT_COLUMNS)
        for fault in faults:
            cells = (fault.file, fault.column, fault.shown_value, fault.problem, fault.fix)
            name, column, value, problem, fix = map(inert, cells)
            writer.writerow((name, fault.line, column, value, problem, fix))

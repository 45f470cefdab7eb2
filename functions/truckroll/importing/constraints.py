"""What the database's refusals mean in the words of the import's columns."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib import resources

import psycopg

from truckroll.importing.sheets import Sheet


@dataclass(frozen=True)
class Meaning:
    """A rule of the database: the column it speaks of, what is wrong when it refuses, how to mend it."""

    column: str
    problem: str
    fix: str


def _known() -> dict[str, Meaning]:
    text = (resources.files(__package__) / "refusals.csv").read_text(encoding="utf-8")
    return {row.pop("constraint"): Meaning(**row) for row in csv.DictReader(text.splitlines())}


MEANINGS = _known()
TEXT_LIMIT = "_length"  # how the constraints that limit a column's text end

# Stable codes of private.fail, with the column they speak of; the sentences are the database's own.
_CODES = {
    "recurrence_rule_invalid": "rule",
    "unknown_category": "category",
    "unknown_tier": "tier",
    "unknown_skill": "required_skills",
}


# Classes of SQLSTATE that speak of the data: data exception, integrity violation, private.fail. Anything
# else (a lost connection, a timeout, a full disk) is nobody's row.
_ABOUT_DATA = ("22", "23", "PT4")


def is_about_data(error: psycopg.Error) -> bool:
    """Whether the database refuses a row, and does not merely fail."""
    return (error.sqlstate or "").startswith(_ABOUT_DATA)


def meaning_of(error: psycopg.Error, sheet: Sheet) -> Meaning:
    """Return what a refusal says about a row of this sheet."""
    diag = error.diag
    said = diag.message_primary or str(error)
    if error.sqlstate and error.sqlstate.startswith("PT"):
        return Meaning(_CODES.get(said, ""), diag.message_detail or said, diag.message_hint or "")
    known = MEANINGS.get(diag.constraint_name or "")
    if known:
        return known
    if (diag.constraint_name or "").endswith(TEXT_LIMIT):
        named = {f"{sheet.table}_{c.column}{TEXT_LIMIT}": c.name for c in sheet.columns}
        header = named.get(diag.constraint_name or "", "")
        return Meaning(header, "This is longer than 10,000 characters.", "Shorten it.")
    if isinstance(error, psycopg.errors.NotNullViolation):
        header = next((c.name for c in sheet.columns if c.column == diag.column_name), diag.column_name or "")
        return Meaning(header, "This is needed and is missing.", "Fill the cell.")
    rule = (diag.constraint_name or "").replace("_", " ")
    return Meaning(
        "",
        f"The database refuses the row: {said}.",
        f"The rule is: {rule}." if rule else "Compare it with FORMAT.md.",
    )

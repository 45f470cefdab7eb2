"""Cell texts to values: shape only. What the values mean is the database's to judge."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from truckroll.importing.catalogue import ColumnType
from truckroll.importing.reading import suggestion
from truckroll.importing.sheets import Column
from truckroll.phone import PhoneError, to_e164

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_YES = {"yes", "y", "true", "t", "1"}
_NO = {"no", "n", "false", "f", "0"}


class CellError(ValueError):
    """A cell has not the shape its column needs: says what is wrong and how to mend it."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.fix = fix


@dataclass(frozen=True)
class Locale:
    """How the company writes: country of its phone numbers, time zone of its times, decimal comma."""

    country: str
    zone: ZoneInfo
    decimal_comma: bool = False


@dataclass(frozen=True)
class SkillMention:
    """A skill as a cell names it: code, level 1 to 5 and last day of the certificate, where given."""

    code: str
    level: int | None = None
    certified_until: dt.date | None = None


@dataclass(frozen=True)
class Moment:
    """A local date, a local time of day, or both."""

    day: dt.date | None
    time: dt.time | None


Reader = Callable[[str, Locale], Any]


def items(text: str) -> list[str]:
    """Return the entries of a list cell."""
    return [entry.strip() for entry in text.split(";") if entry.strip()]


def read_integer(text: str, _locale: Locale) -> int:
    """Return a whole number of at most 32 bits, as the tables hold them."""
    if not re.fullmatch(r"[+-]?[0-9]{1,10}", text) or not -(2**31) <= int(text) < 2**31:
        raise CellError("This is not a whole number.", "Write digits only, such as 90.")
    return int(text)


def read_decimal(text: str, locale: Locale) -> Decimal:
    """Return a number; with a decimal comma where the file is separated by semicolons."""
    if locale.decimal_comma and "." not in text:
        text = text.replace(",", ".")
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite() or not math.isfinite(float(number)):
        raise CellError("This is not a number.", "Write it as 43.07, without units or thousands separators.")
    return number


def read_boolean(text: str, _locale: Locale) -> bool:
    """Return yes or no."""
    if text.lower() in _YES:
        return True
    if text.lower() in _NO:
        return False
    raise CellError("This is neither yes nor no.", "Write yes or no.")


def read_date(text: str, _locale: Locale) -> dt.date:
    """Return a calendar day, ISO 8601."""
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            raise ValueError(text)
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise CellError("This is not a date.", "Write it as 2026-11-23.") from error


def read_time(text: str, _locale: Locale) -> dt.time:
    """Return a time of day, 24-hour clock."""
    try:
        if not re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", text):
            raise ValueError(text)
        return dt.time.fromisoformat(text.zfill(5) if text.count(":") == 1 else text.zfill(8))
    except ValueError as error:
        raise CellError("This is not a time of day.", "Write it as 08:00, 24-hour clock.") from error


def read_moment(text: str, locale: Locale) -> Moment:
    """Return a local date, time of day or both."""
    day, _, time = text.replace("T", " ").partition(" ")
    if ":" in day and not time:
        return Moment(None, read_time(day, locale))
    try:
        return Moment(read_date(day, locale), read_time(time.strip(), locale) if time.strip() else None)
    except CellError as error:
        raise CellError(
            "This is neither a date nor a date and time.",
            "Write it as 2026-11-23, 2026-11-23 08:00 or 08:00.",
        ) from error


def read_instant(text: str, locale: Locale) -> dt.datetime:
    """Return an instant: local time of the company, or with an offset."""
    try:
        if not re.match(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}", text):
            raise ValueError(text)
        instant = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise CellError("This is not a date and time.", "Write it as 2026-11-23 08:00.") from error
    return instant if instant.tzinfo else instant.replace(tzinfo=locale.zone)


def read_phone(text: str, locale: Locale) -> str:
    """Return a phone number in E.164."""
    try:
        return to_e164(text, locale.country)
    except PhoneError as error:
        raise CellError(
            f"This is {error}." if str(error).startswith("not a phone") else f"This phone number is {error}.",
            "Write it with its area code, or as +16085550100.",
        ) from error


def read_skills(text: str, locale: Locale) -> list[SkillMention]:
    """Return the skills of a list such as `hvac_service:4; refrigerant:3:2027-05-31`."""
    found: list[SkillMention] = []
    for entry in items(text):
        code, *rest = (part.strip() for part in entry.split(":"))
        if len(rest) > 2 or not code:
            raise CellError(
                f'"{entry}" is not a skill.', "Write hvac_service:4, or hvac_service:4:2027-05-31."
            )
        level = read_integer(rest[0], locale) if rest and rest[0] else None
        if any(known.code == code for known in found):
            raise CellError(f"{code} is there twice.", "Keep one of them.")
        found.append(SkillMention(code, level, read_date(rest[1], locale) if len(rest) > 1 else None))
    return found


def read_list(text: str, _locale: Locale) -> list[str]:
    """Return the entries of a list, each once."""
    return list(dict.fromkeys(items(text)))


def read_weekdays(text: str, _locale: Locale) -> list[str]:
    """Return RRULE day codes, Monday first, of `mon-fri` or `mon; wed`."""
    chosen = set()
    for entry in re.split(r"[;,\s]+", text.strip()):
        first, dash, last = (part.strip().upper()[:2] for part in entry.partition("-"))
        if first not in DAYS or (dash and last not in DAYS):
            raise CellError(f'"{entry}" is no day of the week.', "Write mon-fri, or mon; wed; fri.")
        start, end = DAYS.index(first), DAYS.index(last if dash else first)
        chosen |= {DAYS[day % 7] for day in range(start, (end if end >= start else end + 7) + 1)}
    return [day for day in DAYS if day in chosen]


def read_hours(text: str, locale: Locale) -> list[tuple[dt.time, dt.time]]:
    """Return the spans of a list such as `08:00-12:00; 13:00-17:00`."""
    spans = []
    for entry in items(text):
        start, dash, end = re.sub("[–—]", "-", entry).partition("-")
        if not dash:
            raise CellError(f'"{entry}" is not a span of time.', "Write it as 08:00-17:00.")
        spans.append((read_time(start.strip(), locale), read_time(end.strip(), locale)))
    return spans


def read_windows(text: str, locale: Locale) -> list[tuple[dt.datetime, dt.datetime]]:
    """Return the windows of a list such as `2026-11-23 08:00/12:00`."""
    windows = []
    for entry in items(text):
        start, slash, end = (part.strip() for part in entry.partition("/"))
        if not slash:
            raise CellError(f'"{entry}" is not a time window.', "Write it as 2026-11-23 08:00/12:00.")
        opens = read_instant(start, locale)
        whole_end = f"{start[:10]} {end.zfill(5)}" if re.fullmatch(r"\d{1,2}:\d{2}", end) else end
        closes = read_instant(whole_end, locale)
        windows.append((opens, closes))
    return windows


def read_polygon(text: str, locale: Locale) -> str:
    """Return a ring as JSON [[longitude, latitude], …]."""
    try:
        corners = json.loads(text) if text.startswith("[") else [corner.split() for corner in items(text)]
        ring = [[float(read_decimal(str(degrees), locale)) for degrees in corner] for corner in corners]
        if any(len(corner) != len(("longitude", "latitude")) for corner in ring):
            raise ValueError(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise CellError(
            "This is not a polygon.",
            "Write longitude latitude pairs: -89.42 43.06; -89.36 43.06; -89.36 43.10.",
        ) from error
    return json.dumps(ring)


_KINDS: dict[str, Reader] = {
    "date": read_date,
    "degrees": read_decimal,
    "hours": read_hours,
    "list": read_list,
    "moment": read_moment,
    "phone": read_phone,
    "polygon": read_polygon,
    "skill_levels": read_skills,
    "skills": read_skills,
    "time": read_time,
    "weekdays": read_weekdays,
    "windows": read_windows,
}
_TYPES: dict[str, Reader] = {
    "boolean": read_boolean,
    "date": read_date,
    "double precision": read_decimal,
    "integer": read_integer,
    "numeric": read_decimal,
    "smallint": read_integer,
    "time without time zone": read_time,
    "timestamp with time zone": read_instant,
}


def reader_for(column: Column, column_type: ColumnType | None) -> Reader:
    """Return what reads a cell of this column."""
    if column.kind in _KINDS:
        return _KINDS[column.kind]
    if column_type is None or column.refers:
        return _read_text
    one = _choice(column_type.words) if column_type.words else _TYPES.get(column_type.type_name, _read_text)
    return (
        (lambda text, locale: [one(entry, locale) for entry in items(text)]) if column_type.is_array else one
    )


def _read_text(text: str, _locale: Locale) -> str:
    return text


def _choice(words: list[str]) -> Reader:
    def read_word(text: str, _locale: Locale) -> str:
        word = text.lower().replace(" ", "_").replace("-", "_")
        if word not in words:
            close = suggestion(word, words)
            raise CellError(
                "This is none of the words allowed here.", close or f"Use one of: {', '.join(words)}."
            )
        return word

    return read_word

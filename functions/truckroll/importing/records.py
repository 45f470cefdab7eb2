"""Rows of files to rows of tables: one line may become a technician, a home base, five skills and two zones."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, LiteralString

from truckroll.importing.cells import CellError, SkillMention
from truckroll.importing.keys import Keys
from truckroll.importing.patterns import ending, local_time, shift_times
from truckroll.importing.sheets import ADDRESS, WEEKDAYS, Sheet

Values = Mapping[str, Any]
Record = dict[str, Any]


@dataclass
class Part:
    """Rows for one table: how they are recognised and what the line they come from replaces.

    `within` names the parent column whose other rows go away; `only` restricts which of them; local times
    in `local` columns become instants in the row's or the technician's time zone.
    """

    table: str
    conflict: tuple[str, ...] = ("id",)
    within: tuple[str, ...] = ()
    only: LiteralString = "true"
    local: tuple[str, ...] = ()
    insert_only: tuple[str, ...] = ()
    is_main: bool = False
    rows: list[tuple[int, Record]] = field(default_factory=list)
    parents: list[tuple[Any, ...]] = field(default_factory=list)


@dataclass
class Batch:
    """All parts of one sheet, in the order they are written."""

    sheet: Sheet
    keys: Keys
    time_zone: str
    parts: dict[str, Part]

    def add(self, part: str, line: int, record: Record) -> None:
        """Add a row to a part that the file's columns call for."""
        self.parts[part].rows.append((line, record))

    def drop(self, line: int) -> None:
        """Take back everything a line said."""
        for part in self.parts.values():
            part.rows = [row for row in part.rows if row[0] != line]

    def restates(self, part: str, *parent: Any) -> None:
        """Note that the line says everything there is below this parent."""
        self.parts[part].parents.append(parent)


# Preferred first: a skill in both lists is required.
_SERVICE_SKILLS: dict[str, LiteralString] = {
    "preferred_skills": "not t.is_required",
    "required_skills": "t.is_required",
}


def batch_for(sheet: Sheet, headers: Collection[str], keys: Keys, time_zone: str) -> Batch:
    """Return the empty batch of a sheet with these columns, for a company in this time zone."""
    main = Part(sheet.table, sheet.conflict, is_main=True)
    parts = {"main": main}
    match sheet.name:
        case "facilities":
            main.insert_only = () if "time_zone" in headers else ("time_zone",)
        case "hours":
            main.within = ("facility_id", "service_zone_id")
        case "services":
            parts |= {name: _service_skills(name) for name in _SERVICE_SKILLS if name in headers}
        case "technicians":
            parts = _technician_parts(main, headers)
        case "shifts":
            main.within, main.local = ("technician_id",), ("starts_at", "ends_at")
        case "time_off":
            main.local = ("starts_at", "ends_at")
        case "jobs":
            main.insert_only = () if "source" in headers else ("source",)
            if "time_windows" in headers:
                parts["time_windows"] = Part("job_time_windows", within=("dispatch_job_id",))
        case _:
            pass
    return Batch(sheet, keys, time_zone, parts)


def _service_skills(name: str) -> Part:
    conflict = ("service_id", "skill_code")
    return Part("service_skills", conflict, within=("service_id",), only=_SERVICE_SKILLS[name])


def _technician_parts(main: Part, headers: Collection[str]) -> dict[str, Part]:
    within = ("technician_id",)
    parts = {"main": main}
    if {*ADDRESS, "latitude", "longitude"} & {*headers}:
        parts = {"home_base": Part("customer_locations", insert_only=("kind", "label")), **parts}
    if "skills" in headers:
        parts["skills"] = Part("technician_skills", ("org_id", *within, "skill_code"), within)
    if "zones" in headers:
        parts["zones"] = Part("technician_service_zones", ("org_id", *within, "service_zone_id"), within)
    return parts


def add_row(batch: Batch, line: int, values: Values) -> None:
    """Add what a line says. Raises CellError where cells contradict each other."""
    sheet = batch.sheet
    record = {
        column.column: values[column.name]
        for column in sheet.columns
        if column.column and column.name in values
    }
    _BUILDERS.get(sheet.name, _add_plain)(batch, line, values, record)


def _add_plain(batch: Batch, line: int, _values: Values, record: Record) -> None:
    sheet = batch.sheet
    if sheet.conflict == ("id",):
        natural = [record[name] for name in sheet.natural_key]
        record = {"id": batch.keys.id_for(sheet, *natural), **record}
    batch.add("main", line, record)


def _add_facility(batch: Batch, line: int, values: Values, record: Record) -> None:
    _add_plain(batch, line, values, {**record, "time_zone": record.get("time_zone") or batch.time_zone})


def _add_hours(batch: Batch, line: int, values: Values, record: Record) -> None:
    place = {"facility_id": record.get("facility_id"), "service_zone_id": record.get("service_zone_id")}
    spans = [(day, span) for day, name in enumerate(WEEKDAYS, 1) for span in values.get(name) or ()]
    if not spans:
        raise CellError(
            "The line has no hours at all.", "Give the hours of at least one day, or drop the line."
        )
    batch.restates("main", *place.values())
    for weekday, (opens, closes) in spans:
        row_id = batch.keys.derived(batch.sheet, *place.values(), weekday, opens)
        times = {"weekday": weekday, "opens_at": opens, "closes_at": closes}
        batch.add("main", line, {"id": row_id, **place, **times})


def _add_service(batch: Batch, line: int, values: Values, record: Record) -> None:
    service_id = batch.keys.id_for(batch.sheet, record["code"])
    batch.add("main", line, {"id": service_id, **record})
    for name in _SERVICE_SKILLS:
        if name not in batch.parts:
            continue
        batch.restates(name, service_id)
        for skill in _skills(values, name, certified=False):
            required = {"skill_code": skill.code, "minimum_level": skill.level}
            batch.add(
                name, line, {"service_id": service_id, **required, "is_required": name == "required_skills"}
            )


def _add_technician(batch: Batch, line: int, values: Values, record: Record) -> None:
    keys, sheet = batch.keys, batch.sheet
    technician_id = keys.id_for(sheet, values["reference"])
    if "home_base" in batch.parts:
        place = {name: values.get(name) for name in (*ADDRESS, "latitude", "longitude")}
        record["home_base_location_id"] = None
        if any(value is not None for value in place.values()):
            record["home_base_location_id"] = keys.derived(sheet, values["reference"], "home base")
            kind = {"id": record["home_base_location_id"], "kind": "home_base", "label": "Home base"}
            batch.add("home_base", line, {**kind, **place})
    batch.add("main", line, {"id": technician_id, **record})
    if "skills" in batch.parts:
        batch.restates("skills", technician_id)
        for position, skill in enumerate(_skills(values, "skills", certified=True)):
            level = {"skill_code": skill.code, "level": skill.level, "certified_until": skill.certified_until}
            batch.add("skills", line, {"technician_id": technician_id, **level, "is_primary": position == 0})
    if "zones" in batch.parts:
        batch.restates("zones", technician_id)
        for position, zone in enumerate(values["zones"] or ()):
            batch.add(
                "zones",
                line,
                {"technician_id": technician_id, "service_zone_id": zone, "is_primary": position == 0},
            )


def _add_shift(batch: Batch, line: int, values: Values, record: Record) -> None:
    shared = {"shift_type": None, "excluded_on": None, "time_zone": None, **record}
    batch.restates("main", record["technician_id"])
    for starts, ends, rule in shift_times(values):
        identity = (record["technician_id"], shared["shift_type"], starts, ends, rule)
        times = {"starts_at": starts, "ends_at": ends, "recurrence_rule": rule}
        batch.add("main", line, {"id": batch.keys.derived(batch.sheet, *identity), **shared, **times})


def _add_time_off(batch: Batch, line: int, values: Values, record: Record) -> None:
    first, last = values["starts"], values["ends"]
    rule = ending(values.get("rule"), values.get("until"))
    starts, ends = local_time(first, rule, first), local_time(last, rule, first)
    if last.time is None:
        ends += dt.timedelta(days=1)
    row_id = batch.keys.derived(batch.sheet, record["technician_id"], record.get("reason"), starts)
    batch.add(
        "main", line, {"id": row_id, **record, "starts_at": starts, "ends_at": ends, "recurrence_rule": rule}
    )


def _add_site(batch: Batch, line: int, values: Values, record: Record) -> None:
    if "service_zone_id" in record:
        record["zone_is_manual"] = record["service_zone_id"] is not None
    batch.add("main", line, {"id": batch.keys.id_for(batch.sheet, values["reference"]), **record})


def _add_job(batch: Batch, line: int, values: Values, record: Record) -> None:
    job_id = batch.keys.id_for(batch.sheet, record["number"])
    record["source"] = record.get("source") or "import"
    if values.get("required_skills"):
        wanted = _skills(values, "required_skills", certified=False)
        # One is the least level; null would not be a level at all.
        levels = {skill.code: 1 if skill.level is None else skill.level for skill in wanted}
        record["required_skills"] = json.dumps(levels)
    batch.add("main", line, {"id": job_id, **record})
    if "time_windows" in batch.parts:
        batch.restates("time_windows", job_id)
        for opens, closes in values["time_windows"] or ():
            row_id = batch.keys.derived(
                batch.sheet, job_id, opens.astimezone(dt.UTC), closes.astimezone(dt.UTC)
            )
            window = {"dispatch_job_id": job_id, "window_start": opens, "window_end": closes}
            batch.add("time_windows", line, {"id": row_id, **window})


def _skills(values: Values, name: str, *, certified: bool) -> list[SkillMention]:
    mentions: list[SkillMention] = values.get(name) or []
    for skill in mentions:
        if skill.certified_until and not certified:
            raise CellError("Only a technician's skill has a certificate.", "Write hvac_service:3.")
    return mentions


_BUILDERS: dict[str, Callable[[Batch, int, Values, Record], None]] = {
    "facilities": _add_facility,
    "hours": _add_hours,
    "jobs": _add_job,
    "services": _add_service,
    "shifts": _add_shift,
    "sites": _add_site,
    "technicians": _add_technician,
    "time_off": _add_time_off,
}

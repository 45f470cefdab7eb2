"""A small company as CSV files, to import whole or to spoil one cell of."""

from __future__ import annotations

import csv
from pathlib import Path

Rows = list[dict[str, str]]
Files = dict[str, Rows]


def small_company() -> Files:
    """Return a company that uses every file and nearly every column once."""
    return {
        "company": [
            {"slug": "acme", "name": "Acme Heating", "time_zone": "America/Chicago", "country": "US"},
        ],
        "lists": [{"list": "category", "code": "solar", "label": "Solar", "position": "6"}],
        "zones": [
            {
                "name": "East",
                "postal_codes": "53704; 53714",
                "polygon": "-89.38 43.05; -89.28 43.05; -89.28 43.16; -89.38 43.16",
            },
            {"name": "West", "postal_codes": "53705; 53711", "polygon": ""},
            {"name": "Lake", "postal_codes": "53713", "polygon": ""},
        ],
        "facilities": [
            {
                "name": "Main shop",
                "phone": "(608) 555-0100",
                "city": "Madison",
                "latitude": "43.09",
                "longitude": "-89.35",
                "time_zone": "",
            },
        ],
        "hours": [
            {
                "facility": "Main shop",
                "zone": "",
                "monday": "07:30-12:00; 13:00-17:00",
                "saturday": "09:00-12:00",
            }
        ],
        "holidays": [{"date": "2026-12-25", "name": "Christmas Day", "facility": ""}],
        "resources": [
            {"facility": "Main shop", "name": "Bay 1", "kind": "bay", "bay_type": "lift"},
            {"facility": "Main shop", "name": "Van 9", "kind": "mobile_unit", "bay_type": ""},
        ],
        "skills": [
            {"code": "hvac_service", "name": "HVAC service", "category": "hvac"},
            {"code": "refrigerant", "name": "Refrigerant handling", "category": "hvac"},
            {"code": "gas_fitting", "name": "Gas fitting", "category": "plumbing"},
        ],
        "services": [
            {
                "code": "ac_repair",
                "name": "Air conditioner repair",
                "category": "hvac",
                "duration_minutes": "90",
                "price_hint": "149.00",
                "bay_types": "general; lift",
                "required_skills": "hvac_service:3; refrigerant",
                "preferred_skills": "",
            },
        ],
        "technicians": [
            {
                "reference": "T-1",
                "name": "Ada Berg",
                "phone": "608 555 0101",
                "facility": "Main shop",
                "latitude": "43.1",
                "longitude": "-89.33",
                "skills": "hvac_service:4; refrigerant:3:2027-05-31",
                "zones": "East; West",
                "default_zone": "East",
                "max_daily_work_minutes": "480",
                "duration_factor": "1.25",
                "travel_speed_factor": "0.9",
            },
            {
                "reference": "T-2",
                "name": "Ben Cole",
                "phone": "",
                "facility": "",
                "latitude": "",
                "longitude": "",
                "skills": "hvac_service",
                "zones": "",
                "default_zone": "",
                "max_daily_work_minutes": "",
                "duration_factor": "",
                "travel_speed_factor": "",
            },
        ],
        "shifts": [
            {"technician": "T-1", "weekdays": "mon-fri", "starts": "08:00", "ends": "17:00", "monday": ""},
            {"technician": "T-2", "weekdays": "", "starts": "", "ends": "", "monday": "22:00-06:00"},
        ],
        "time_off": [
            {
                "technician": "T-1",
                "reason": "break",
                "starts": "11:30",
                "ends": "13:30",
                "minutes": "30",
                "rule": "FREQ=DAILY",
            },
            {
                "technician": "T-2",
                "reason": "vacation",
                "starts": "2026-12-21",
                "ends": "2026-12-23",
                "minutes": "",
                "rule": "",
            },
        ],
        "customers": [
            {"reference": "C-1", "name": "Lena Ott", "phone": "(608) 555-0123", "tier": "plus"},
            {"reference": "C-2", "name": "Lake Cafe", "phone": "+1 414 555 0123", "tier": ""},
        ],
        "sites": [
            {
                "reference": "C-1/home",
                "customer": "C-1",
                "latitude": "43.1",
                "longitude": "-89.3",
                "zone": "",
            },
            {"reference": "C-2/shop", "customer": "C-2", "latitude": "", "longitude": "", "zone": "West"},
        ],
        "jobs": [
            {
                "number": "J-1",
                "customer": "C-1",
                "site": "C-1/home",
                "contact_phone": "",
                "service": "ac_repair",
                "title": "",
                "priority": "high",
                "duration_minutes": "",
                "required_skills": "",
                "preferred_technician": "T-1",
                "sla_start": "",
                "sla_end": "2026-11-24 17:00",
                "time_windows": "2026-11-23 08:00/12:00; 2026-11-24 08:00/2026-11-24 10:00",
            },
            {
                "number": "J-2",
                "customer": "",
                "site": "",
                "contact_phone": "608-555-0199",
                "service": "",
                "title": "No heat",
                "priority": "",
                "duration_minutes": "45",
                "required_skills": "hvac_service:2",
                "preferred_technician": "",
                "sla_start": "2026-11-23T14:00Z",
                "sla_end": "",
                "time_windows": "",
            },
        ],
    }


def write_files(directory: Path, files: Files, *, separator: str = ",", encoding: str = "utf-8") -> Path:
    """Write each file with the columns of its first row; return the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, rows in files.items():
        with (directory / f"{name}.csv").open("w", encoding=encoding, newline="") as file:
            writer = csv.DictWriter(file, rows[0], delimiter=separator)
            writer.writeheader()
            writer.writerows(rows)
    return directory

"""A technician-routing instance as a company to import: `python -m bench.pillac FILE DIR`.

Reads the instances of Pillac, Guéret and Medaglia (technician routing and scheduling, 2013) and
writes the CSV files that `truckroll import DIR` loads: technicians with home, skills and hours,
requests as jobs with their skills, duration and time window. The instance's plane becomes a place
on the equator, where a flat map is truest, scaled so that the product's estimate of travel
(haversine times detour, divided by speed) gives the instance's travel times.

Not carried over: tools and spare parts, and the depot where they are fetched. A plan of the company
is therefore a plan of a slightly easier problem than the published one.
"""

from __future__ import annotations

import argparse
import ast
import csv
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

SPEED_KMH, DETOUR = 40, 1.3
EARTH_RADIUS_KM = 6371.0088
LATITUDE, LONGITUDE, TIME_ZONE, COUNTRY = 0.0, 37.07, "Africa/Nairobi", "KE"  # Nanyuki
DAY_STARTS = time(6)
LONGEST_DAY_MINUTES = 900
SCALES = (2.0, 1.0, 0.5, 0.25)  # minutes for one of the instance's units of time


@dataclass(frozen=True)
class Node:
    """The depot, a technician's home or a request; times and coordinates in the instance's units.

    `parts` are how many of each kind a technician brings or a request uses up.
    """

    number: int
    x: float
    y: float
    opens: float
    closes: float
    service: float
    skills: tuple[int, ...]
    tools: tuple[int, ...]
    parts: tuple[int, ...]


@dataclass(frozen=True)
class Instance:
    """A technician-routing instance; nodes are numbered depot first, then technicians, then requests."""

    name: str
    skills: int
    depot: Node
    technicians: tuple[Node, ...]
    requests: tuple[Node, ...]

    @property
    def minutes(self) -> float:
        """Return how many minutes one unit of time stands for, so that the day is a long working day."""
        horizon = max(one.closes for one in self.technicians)
        fitting = [scale for scale in SCALES if horizon * scale <= LONGEST_DAY_MINUTES]
        return fitting[0] if fitting else LONGEST_DAY_MINUTES / horizon

    def place(self, node: Node) -> tuple[float, float]:
        """Return latitude and longitude of a node, in degrees."""
        km = self.minutes / 60 * SPEED_KMH / DETOUR
        degrees = math.degrees(km / EARTH_RADIUS_KM)
        middle = LATITUDE + degrees * (node.y - 50), LONGITUDE + degrees * (node.x - 50)
        return round(middle[0], 8), round(middle[1], 8)


def read(path: Path) -> Instance:
    """Read an instance; raise ValueError for a file of another format."""
    lines = path.read_text().splitlines()
    sizes = next((i for i, line in enumerate(lines) if line.startswith("CREW COUNT")), None)
    nodes = next((i for i, line in enumerate(lines) if line.startswith("ID")), None)
    if sizes is None or nodes is None:
        raise ValueError(
            f"{path} is no technician-routing instance: it has no crew count or no list of nodes"
        )
    crew, skills = (int(value) for value in lines[sizes + 1].split()[:2])
    rows = [_node(line) for line in lines[nodes + 1 :] if line.strip()]
    name = path.name.split("_")[0]
    return Instance(name, skills, rows[0], tuple(rows[1 : crew + 1]), tuple(rows[crew + 1 :]))


def _node(line: str) -> Node:
    numbers, _, lists = line.partition("[")
    number, x, y, opens, closes, service = numbers.split()[:6]
    skills, tools, parts = (tuple(ast.literal_eval(one)) for one in re.findall(r"\[.*?\]", "[" + lists))
    times = float(opens), float(closes), float(service)
    return Node(int(number), float(x), float(y), *times, skills, tools, parts)


def write(instance: Instance, folder: Path, day: date) -> None:
    """Write the company's CSV files; windows are narrowed and durations lengthened to whole minutes."""
    folder.mkdir(parents=True, exist_ok=True)
    slug = f"pillac-{instance.name.lower().replace('.', '-')}"
    _sheet(
        folder / "company.csv",
        [
            {
                "slug": slug,
                "name": f"Technician routing {instance.name}",
                "time_zone": TIME_ZONE,
                "country": COUNTRY,
                "slot_grid_minutes": 5,
                "travel_speed_kmh": SPEED_KMH,
                "travel_detour_factor": DETOUR,
            }
        ],
    )
    _sheet(
        folder / "skills.csv", [{"code": f"skill_{i}", "name": f"Skill {i}"} for i in range(instance.skills)]
    )
    _sheet(folder / "services.csv", [{"code": "request", "name": "Request"}])
    _sheet(folder / "technicians.csv", [_technician(instance, one) for one in instance.technicians])
    _sheet(folder / "shifts.csv", [_shift(instance, one, day) for one in instance.technicians])
    _sheet(folder / "customers.csv", [_customer(one) for one in instance.requests])
    _sheet(folder / "sites.csv", [_site(instance, one) for one in instance.requests])
    _sheet(folder / "jobs.csv", [_job(instance, one, day) for one in instance.requests])


def _technician(instance: Instance, node: Node) -> dict[str, object]:
    latitude, longitude = instance.place(node)
    return {
        "reference": f"T{node.number:02}",
        "name": f"Technician {node.number}",
        "latitude": latitude,
        "longitude": longitude,
        "skills": "; ".join(f"skill_{skill}" for skill in node.skills),
    }


def _shift(instance: Instance, node: Node, day: date) -> dict[str, object]:
    starts, ends = _at(instance, day, node.opens, up=True), _at(instance, day, node.closes, up=False)
    return {
        "technician": f"T{node.number:02}",
        "date": day.isoformat(),
        "starts": f"{starts:%H:%M}",
        "ends": f"{ends:%H:%M}",
    }


def _customer(node: Node) -> dict[str, object]:
    return {
        "reference": f"C{node.number}",
        "name": f"Customer {node.number}",
        "phone": f"+254712{node.number:06}",
    }


def _site(instance: Instance, node: Node) -> dict[str, object]:
    latitude, longitude = instance.place(node)
    return {
        "reference": f"S{node.number}",
        "customer": f"C{node.number}",
        "latitude": latitude,
        "longitude": longitude,
    }


def _job(instance: Instance, node: Node, day: date) -> dict[str, object]:
    opens, closes = _at(instance, day, node.opens, up=True), _at(instance, day, node.closes, up=False)
    return {
        "number": f"R{node.number}",
        "customer": f"C{node.number}",
        "site": f"S{node.number}",
        "service": "request",
        "duration_minutes": max(1, math.ceil(node.service * instance.minutes)),
        "required_skills": "; ".join(f"skill_{skill}" for skill in node.skills),
        "time_windows": f"{opens:%Y-%m-%d %H:%M}/{max(opens + timedelta(minutes=1), closes):%H:%M}",
    }


def _at(instance: Instance, day: date, units: float, *, up: bool) -> datetime:
    minutes = units * instance.minutes
    whole = math.ceil(minutes) if up else math.floor(minutes)
    return datetime.combine(day, DAY_STARTS) + timedelta(minutes=whole)


def _sheet(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    rows = list(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        sheet = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        sheet.writeheader()
        sheet.writerows(rows)


def main() -> None:
    """Convert one file."""
    parser = argparse.ArgumentParser(prog="python -m bench.pillac", description=__doc__)
    parser.add_argument("file", type=Path, help="an instance, e.g. trsp_pillac/crew25/R104.100_25-5-5-5.txt")
    parser.add_argument("folder", type=Path, help="where to write the CSV files")
    parser.add_argument("--day", type=date.fromisoformat, default=date(2026, 12, 1), help="the day to plan")
    arguments = parser.parse_args()
    try:
        instance = read(arguments.file)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    write(instance, arguments.folder, arguments.day)
    print(
        f"{instance.name}: {len(instance.technicians)} technicians, {len(instance.requests)} requests on "
        f"{arguments.day}, one unit of time is {instance.minutes:g} min. "
        "Tools, spare parts and the depot that holds them are left out."
    )


if __name__ == "__main__":
    main()

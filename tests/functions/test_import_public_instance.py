"""A public technician-routing instance becomes a company whose travel times are the instance's own."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path

import pytest
from bench.pillac import read, write
from psycopg import Connection

from truckroll.importing import Request, import_company

# The format of Pillac et al.; the figures are made up here.
INSTANCE = """R999.4_2-2-1-1

INFO
CREW COUNT  SKILLS  TOOLS   SPARE PARTS
2       2       1       1

DEPOT TECHNICIANS AND REQUESTS
ID   X     Y     TWS    TWE    Serv   SKILLS   TOOLS    SPARE PARTS
0    50    50    0      230    0      [] \t[] \t[]
1    0     0     0      230    0      [0,1] \t[0] \t[3]
2    100   100   0      230    0      [1] \t[] \t[0]
3    10    0     20     40     10     [0] \t[] \t[1]
4    100   0     0      149    10     [1] \t[0] \t[0]
5    37    91    100.25 120.75 10     [1] \t[] \t[0]
6    50    50    0      230    10.2   [0] \t[] \t[0]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    file = tmp_path / "R999.4_2-2-1-1.txt"
    file.write_text(INSTANCE)
    write(read(file), tmp_path / "company", date(2026, 12, 1))
    return tmp_path / "company"


def test_an_instance_is_imported_whole(db: Connection, folder: Path) -> None:
    result = import_company(db, Request(folder))
    assert result.faults == []
    jobs = db.execute(
        """select j.number, j.estimated_duration_minutes, j.required_skills,
            extract(epoch from w.window_start at time zone 'Africa/Nairobi' - '2026-12-01 06:00') / 60,
            extract(epoch from w.window_end at time zone 'Africa/Nairobi' - '2026-12-01 06:00') / 60
        from public.dispatch_jobs as j inner join public.job_time_windows as w on w.dispatch_job_id = j.id
        order by j.number"""
    ).fetchall()
    assert jobs == [
        ("R3", 20, {"skill_0": 1}, 40, 80),
        ("R4", 20, {"skill_1": 1}, 0, 298),
        ("R5", 20, {"skill_1": 1}, 201, 241),
        ("R6", 21, {"skill_0": 1}, 0, 460),
    ]


def test_travel_takes_as_long_as_in_the_instance(db: Connection, folder: Path, tmp_path: Path) -> None:
    import_company(db, Request(folder))
    instance = read(tmp_path / "R999.4_2-2-1-1.txt")
    nodes = [*instance.technicians, *instance.requests]
    places = [instance.place(node) for node in nodes]
    for a, here in zip(nodes, places, strict=True):
        for b, there in zip(nodes, places, strict=True):
            (seconds,) = db.execute(
                """select private.travel_s(
                    private.distance_m(%s, %s, %s, %s, o.travel_detour_factor::float8), o.travel_speed_kmh::float8
                ) from public.orgs as o where o.slug = 'pillac-r999-4'""",
                (*here, *there),
            ).fetchone() or (None,)
            expected = math.hypot(a.x - b.x, a.y - b.y) * instance.minutes * 60
            assert seconds == pytest.approx(expected, rel=1e-4, abs=1.5)


def test_another_format_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "c101.txt"
    file.write_text("C101\n\nVEHICLE\n25 200\n")
    with pytest.raises(ValueError, match="no technician-routing instance"):
        read(file)

"""The pictures of a plan show what the plan says: bars where the clock is, dots where the map is, any text escaped."""

from __future__ import annotations

import datetime as dt
import json
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from truckroll.cli.picture import sparkline, write_pictures

SVG = "{http://www.w3.org/2000/svg}"
DAY = dt.date(2026, 11, 24)
TITLE = 'Leak <under> "sink" & drain'


def visit(number: str, hour: int, place: tuple[float, float], **more: Any) -> dict[str, Any]:
    """Return a visit of an hour that starts at this hour, UTC."""
    starts, ends = (f"2026-11-24T{at:02}:00:00+00:00" for at in (hour, hour + 1))
    return {
        "sequence": hour,
        "type": "job",
        "job_id": number,
        "number": number,
        "title": TITLE,
        "priority": "normal",
        "latitude": place[0],
        "longitude": place[1],
        "arrives_at": starts,
        "starts_at": starts,
        "ends_at": ends,
        **more,
    }


RUN: dict[str, Any] = {
    "id": "run",
    "status": "proposed",
    "strategy": "balanced",
    "objective_curve": [[0.1, 900.0], [1.0, 500.0], [2.0, 400.0]],
    "routes": [
        {
            "technician_id": "ana",
            "date": "2026-11-24",
            "starts_at": "2026-11-24T15:00:00+00:00",
            "ends_at": "2026-11-24T20:00:00+00:00",
            "travel_s": 1800,
            "distance_m": 12000,
            "stops": [
                visit("A", 15, (43.0, -89.4), change="book"),
                {
                    "type": "break",
                    "arrives_at": "2026-11-24T17:00:00+00:00",
                    "ends_at": "2026-11-24T17:30:00+00:00",
                },
                visit("B", 18, (43.1, -89.3), change="keep", priority="emergency"),
                visit("C", 19, (43.2, -89.5), change="move", from_starts_at="2026-11-24T16:00:00+00:00"),
            ],
        }
    ],
    "unserved": [
        {"job_id": "far", "number": "F", "title": "Cabin", "priority": "low", "reason": "out_of_zone"},
        {"job_id": "nowhere", "number": "N", "title": "No place", "priority": "high", "reason": "capacity"},
    ],
}
BOARD = {
    "time_zone": "America/Chicago",
    "technicians": [
        {
            "id": "ana",
            "display_name": "Ana",
            "working": [["2026-11-24T14:00:00+00:00", "2026-11-24T22:00:00+00:00"]],
        },
        {"id": "bo", "display_name": "Bo", "working": []},
    ],
}


def drawn(folder: Path) -> tuple[ET.Element, dict[str, Any]]:
    """Return the picture and the GeoJSON of the run above."""
    picture, routes = write_pictures(RUN, {DAY: BOARD}, {"far": (45.0, -89.0)}, folder)
    return ET.parse(picture).getroot(), json.loads(routes.read_text())  # noqa: S314 - our own file


def bars(root: ET.Element, title: str) -> list[ET.Element]:
    """Return the shapes whose tooltip begins with a job's number."""
    return [
        one for one in root.iter(f"{SVG}rect") if (one.findtext(f"{SVG}title") or "").startswith(f"{title} ")
    ]


def test_a_bar_stands_at_its_time_on_the_wall_clock_of_the_company(tmp_path: Path) -> None:
    root, _ = drawn(tmp_path)
    hours = {
        one.text: float(one.get("x", "0"))
        for one in root.iter(f"{SVG}text")
        if (one.text or "").endswith(":00")
    }
    assert next(iter(hours)) == "08:00"
    [bar] = bars(root, "A")
    assert float(bar.get("x", "0")) == hours["09:00"]
    assert abs(float(bar.get("width", "0")) - (hours["10:00"] - hours["09:00"])) < 0.2
    assert "09:00–10:00, new" in (bar.findtext(f"{SVG}title") or "")
    assert all(b - a > 0 for a, b in pairwise(hours.values()))


def test_what_moved_is_striped_what_stays_is_faint(tmp_path: Path) -> None:
    root, _ = drawn(tmp_path)
    assert [one.get("fill") for one in bars(root, "C")][-1] == "url(#stripes)"
    assert "(was 10:00)" in (bars(root, "C")[0].findtext(f"{SVG}title") or "")
    assert [one.get("fill-opacity") for one in bars(root, "B")] == ["0.4"]


def test_titles_are_escaped_and_people_without_work_are_left_out(tmp_path: Path) -> None:
    root, _ = drawn(tmp_path)
    assert any(TITLE in (one.findtext(f"{SVG}title") or "") for one in root.iter())
    names = {one.text for one in root.iter(f"{SVG}text")}
    assert "Ana" in names
    assert "Bo" not in names


def test_a_job_far_away_stands_inside_the_map(tmp_path: Path) -> None:
    root, _ = drawn(tmp_path)
    [cross] = [
        one for one in root.iter(f"{SVG}circle") if (one.findtext(f"{SVG}title") or "").startswith("F Cabin")
    ]
    assert 0 < float(cross.get("cx", "-1")) < float(root.get("width", "0"))
    assert 0 < float(cross.get("cy", "-1")) < float(root.get("height", "0"))


def test_geojson_has_routes_stops_and_unserved_jobs_longitude_first(tmp_path: Path) -> None:
    _, document = drawn(tmp_path)
    kinds = [one["geometry"]["type"] for one in document["features"]]
    assert kinds == ["LineString", "Point", "Point", "Point", "Point"]
    assert document["features"][0]["geometry"]["coordinates"] == [[-89.4, 43.0], [-89.3, 43.1], [-89.5, 43.2]]
    assert document["features"][-1]["properties"]["reason"] == "out_of_zone"


def test_the_curve_falls_from_left_to_right_and_a_flat_one_says_nothing() -> None:
    line = sparkline(RUN["objective_curve"], 8)
    assert line[0] == "█"
    assert line[-1] == "▁"
    assert sorted(line, reverse=True) == list(line)
    assert sparkline([[0.0, 5.0], [1.0, 5.0]]) == ""
    assert sparkline([]) == ""


def test_visits_at_once_stand_one_above_the_other_and_have_a_line_each(tmp_path: Path) -> None:
    [ana] = RUN["routes"]
    at_once = [visit("D", 15, (43.3, -89.4), lane=2), visit("E", 16, (43.4, -89.4), lane=2)]
    run = RUN | {"routes": [ana | {"stops": [*ana["stops"], *at_once]}]}
    picture, routes = write_pictures(run, {DAY: BOARD}, {}, tmp_path)
    root = ET.parse(picture).getroot()  # noqa: S314 - our own file
    [above], [below] = bars(root, "A"), bars(root, "D")
    assert above.get("x") == below.get("x")
    assert float(above.get("y", "0")) + float(above.get("height", "0")) <= float(below.get("y", "0"))
    lines = [
        one for one in json.loads(routes.read_text())["features"] if one["geometry"]["type"] == "LineString"
    ]
    assert [one["geometry"]["coordinates"][0] for one in lines] == [[-89.4, 43.0], [-89.4, 43.3]]
    assert {one["properties"]["technician"] for one in lines} == {"Ana"}

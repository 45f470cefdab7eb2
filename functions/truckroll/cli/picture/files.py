"""The files: one SVG a day, and all routes as one GeoJSON."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

from truckroll.cli.picture.curve import draw_curve
from truckroll.cli.picture.day import PRIORITY, Day, Document, day_of
from truckroll.cli.picture.daymap import DayMap
from truckroll.cli.picture.svg import Drawing
from truckroll.cli.picture.timeline import Timeline

WIDTH, EDGE, HEADER, FOOTER = 1680.0, 24.0, 84.0, 44.0
LANES_WIDTH = 1050.0
LEAST_HEIGHT = 480.0


def write_pictures(
    run: Document, boards: dict[dt.date, Document], places: dict[str, tuple[float, float]], folder: Path
) -> list[Path]:
    """Write a run's days as `day-<date>.svg` and its routes as `routes.geojson`; return the paths.

    `boards` holds schedule_board of each day, `places` latitude and longitude of unserved jobs by id.
    Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    days = [day_of(run, board, date, places) for date, board in sorted(boards.items())]
    written = []
    for day in days:
        path = folder / f"day-{day.date.isoformat()}.svg"
        path.write_text(str(picture(run, day)), encoding="utf-8")
        written.append(path)
    path = folder / "routes.geojson"
    document = json.dumps(geojson(run, days), ensure_ascii=False, indent=1)
    path.write_text(document + "\n", encoding="utf-8")
    return [*written, path]


def picture(run: Document, day: Day) -> Drawing:
    """Return the picture of a day: what the plan changes, timeline, map, legend."""
    timeline = Timeline(day, (EDGE, HEADER), LANES_WIDTH)
    height = max(timeline.height, LEAST_HEIGHT)
    drawing = Drawing(WIDTH, HEADER + height + FOOTER)
    drawing.text(
        (EDGE, 36), f"{day.date:%A} {day.date.day} {day.date:%B %Y}", size=22, font_weight=600, fill="#1d2733"
    )
    drawing.text((EDGE, 60), _summary(run, day), size=13, fill="#45525f")
    draw_curve(drawing, run.get("objective_curve") or [], (WIDTH - 320, 18), 220, 36)
    timeline.draw(drawing)
    left = EDGE + LANES_WIDTH + 20
    DayMap(day, (left, HEADER), WIDTH - left - EDGE, min(height, 900.0)).draw(drawing)
    _legend(drawing, HEADER + height + 26)
    return drawing


def _summary(run: Document, day: Day) -> str:
    stops = [stop for lane in day.lanes for stop in lane.jobs()]
    new = sum(stop.get("change") == "book" for stop in stops)
    moved = sum(stop.get("change") in {"move", "reassign"} for stop in stops)
    driven = sum(lane.route["travel_s"] for lane in day.lanes if lane.route) / 3600
    said = [f"{len(stops)} visits", f"{new} new", f"{moved} moved", f"{driven:.1f} h driving"]
    if day.left_out:
        said.append(f"{len(day.left_out)} jobs not in the plan")
    return f"{run['status'].capitalize()}, {run['strategy'].replace('_', ' ')}: {', '.join(said)}"


def _legend(drawing: Drawing, y: float) -> None:
    x = EDGE
    for name, colour in PRIORITY.items():
        drawing.rect((x, y - 10), 22, 12, rx=2, fill=colour)
        drawing.text((x + 28, y), name, size=11, fill="#45525f")
        x += 44 + 7 * len(name)
    x += 16
    for name, opacity, striped in (("as it was", 0.4, False), ("moved", 1.0, True), ("new", 1.0, False)):
        drawing.rect((x, y - 10), 22, 12, rx=2, fill=PRIORITY["normal"], fill_opacity=opacity)
        if striped:
            drawing.rect((x, y - 10), 22, 12, rx=2, fill="url(#stripes)")
        drawing.text((x + 28, y), name, size=11, fill="#45525f")
        x += 44 + 7 * len(name)
    drawing.text(
        (x + 16, y), "line: driving    square: home    cross: not in the plan", size=11, fill="#45525f"
    )


def geojson(run: Document, days: list[Day]) -> Document:
    """Return all routes, their stops and the unserved jobs as a FeatureCollection (RFC 7946)."""
    features = []
    for day in days:
        for lane in day.lanes:
            if lane.route is None:
                continue
            shown = {
                "technician": lane.name,
                "date": day.date.isoformat(),
                "travel_minutes": round(lane.route["travel_s"] / 60, 1),
                "distance_km": round(lane.route["distance_m"] / 1000, 1),
                "stroke": lane.colour,
            }
            for path in lane.paths():
                if len(path) > 1:
                    line = [[longitude, latitude] for latitude, longitude in path]
                    features.append(_feature("LineString", line, shown))
            kept = ("number", "title", "priority", "sequence", "starts_at", "ends_at", "change")
            features += [
                _feature(
                    "Point",
                    [stop["longitude"], stop["latitude"]],
                    {"technician": lane.name, **{key: stop[key] for key in kept if key in stop}},
                )
                for stop in lane.jobs()
                if "latitude" in stop
            ]
    left_out = {job["job_id"]: job for day in days for job in day.left_out if "latitude" in job}
    features += [
        _feature(
            "Point",
            [job["longitude"], job["latitude"]],
            {key: job[key] for key in ("number", "title", "priority", "reason")},
        )
        for job in left_out.values()
    ]
    return {"type": "FeatureCollection", "features": features, "run_id": run["id"]}


def _feature(kind: str, coordinates: list[Any], properties: Document) -> Document:
    return {
        "type": "Feature",
        "geometry": {"type": kind, "coordinates": coordinates},
        "properties": properties,
    }

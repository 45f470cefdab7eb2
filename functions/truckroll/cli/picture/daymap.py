"""The map: routes in the colours of their lanes, visits as dots, homes as squares, unserved jobs as crosses."""

from __future__ import annotations

from math import cos, radians

from truckroll.cli.picture.day import PRIORITY, Day, Lane
from truckroll.cli.picture.svg import Drawing, Point

METRES_PER_DEGREE = 111_320.0
MARGIN = 48
EDGE = 10


class DayMap:
    """Draws a day's places into a box of a drawing, north up, equirectangular about their middle."""

    def __init__(self, day: Day, at: Point, width: float, height: float) -> None:
        self.day, self.at, self.width, self.height = day, at, width, height
        routed = [place for lane in day.lanes for place in lane.places()]
        left_out = [(job["latitude"], job["longitude"]) for job in day.left_out if "latitude" in job]
        # The routes fill the map; a job far away from all of them stands at its edge.
        places = routed or left_out
        self.is_empty = not places
        north, south = max((p[0] for p in places), default=1), min((p[0] for p in places), default=0)
        east, west = max((p[1] for p in places), default=1), min((p[1] for p in places), default=0)
        self.middle = (north + south) / 2, (east + west) / 2
        self.squeeze = cos(radians(self.middle[0]))
        across = max((east - west) * self.squeeze, 1e-4)
        down = max(north - south, 1e-4)
        self.scale = min((width - 2 * MARGIN) / across, (height - 2 * MARGIN) / down)  # pixels a degree

    def draw(self, drawing: Drawing) -> None:
        """Draw routes first, then what they visit."""
        drawing.rect(self.at, self.width, self.height, rx=6, fill="#f8fafb", stroke="#dfe5ea")
        if self.is_empty:
            return
        for lane in self.day.lanes:
            for path in lane.paths():
                drawing.path(
                    map(self._xy, path),
                    tip=lane.name,
                    stroke=lane.colour,
                    stroke_width=2,
                    stroke_opacity=0.75,
                    stroke_linejoin="round",
                )
        for lane in self.day.lanes:
            self._stops(drawing, lane)
        for job in self.day.left_out:
            if "latitude" in job:
                x, y = self._xy((job["latitude"], job["longitude"]))
                tip = f"{job['number']} {job['title']}: not in the plan, {job['reason'].replace('_', ' ')}"
                drawing.circle((x, y), 7, tip=tip, fill="white", fill_opacity=0.6)
                for slope in (1, -1):
                    drawing.line(
                        (x - 4, y - 4 * slope),
                        (x + 4, y + 4 * slope),
                        stroke=PRIORITY[job["priority"]],
                        stroke_width=2,
                    )
        self._scale_bar(drawing)

    def _stops(self, drawing: Drawing, lane: Lane) -> None:
        for stop in (lane.route or {"stops": []})["stops"]:
            if "latitude" not in stop:
                continue
            x, y = self._xy((stop["latitude"], stop["longitude"]))
            if stop["type"] == "job":
                tip = f"{lane.name}: {self.day.told(stop)}"
                drawing.circle(
                    (x, y), 5, tip=tip, fill=lane.colour, stroke=PRIORITY[stop["priority"]], stroke_width=1.5
                )
            else:
                drawing.rect(
                    (x - 4, y - 4), 8, 8, tip=lane.name, fill="white", stroke=lane.colour, stroke_width=2
                )

    def _xy(self, place: tuple[float, float]) -> Point:
        x = self.at[0] + self.width / 2 + (place[1] - self.middle[1]) * self.squeeze * self.scale
        y = self.at[1] + self.height / 2 - (place[0] - self.middle[0]) * self.scale
        left, top = self.at[0] + EDGE, self.at[1] + EDGE
        right, bottom = self.at[0] + self.width - EDGE, self.at[1] + self.height - EDGE
        return round(min(max(x, left), right), 1), round(min(max(y, top), bottom), 1)

    def _scale_bar(self, drawing: Drawing) -> None:
        metres = METRES_PER_DEGREE / self.scale * 100  # what a hundred pixels are
        round_ones = [size * 10**power for power in range(6) for size in (1, 2, 5)]
        length = max((one for one in round_ones if one <= metres), default=1)
        pixels = length / METRES_PER_DEGREE * self.scale
        x, y = self.at[0] + 14, self.at[1] + self.height - 14
        drawing.line((x, y), (x + pixels, y), stroke="#6b7785", stroke_width=2)
        said = f"{length // 1000} km" if length >= 1000 else f"{length} m"
        drawing.text((x, y - 5), said, size=10, fill="#6b7785")

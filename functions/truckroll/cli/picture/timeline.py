"""The timeline: a lane each technician, bars for visits, thin lines for driving, hatching for what moved."""

from __future__ import annotations

import datetime as dt

from truckroll.cli.picture.day import PRIORITY, Day, Document, Lane
from truckroll.cli.picture.svg import Drawing, Point

LANE = 30
BAR = 20
BLOCK = 10
NAMES = 150
HOURS = 22
LABEL = 44


class Timeline:
    """Draws a day's lanes into a box of a drawing; `height` is what it needs."""

    def __init__(self, day: Day, at: Point, width: float) -> None:
        self.day, self.at, self.width = day, at, width
        self.starts, self.ends = _hours(day)

    @property
    def height(self) -> float:
        """Pixels from top to bottom."""
        return HOURS + LANE * max(1, len(self.day.lanes))

    def draw(self, drawing: Drawing) -> None:
        """Draw hours, then lane by lane."""
        left, top = self.at
        moment = self.starts
        hours = (self.ends - self.starts) / dt.timedelta(hours=1)
        labelled = max(1, -int(-hours * LABEL // (self.width - NAMES)))  # every so many hours
        while moment <= self.ends:
            x = self._x(moment)
            drawing.line((x, top + HOURS - 4), (x, top + self.height), stroke="#e3e7ec")
            if (moment - self.starts) // dt.timedelta(hours=1) % labelled == 0:
                drawing.text((x, top + 12), f"{moment:%H:%M}", size=11, fill="#6b7785", text_anchor="middle")
            moment += dt.timedelta(hours=1)
        for i, lane in enumerate(self.day.lanes):
            y = top + HOURS + LANE * i
            drawing.rect((left, y + 8), 10, 10, rx=2, fill=lane.colour)
            drawing.text((left + 16, y + 18), lane.name, size=12, room=NAMES - 24, fill="#1d2733")
            self._lane(drawing, lane, y)
            drawing.line((left, y + LANE), (left + self.width, y + LANE), stroke="#eef1f4")

    def _lane(self, drawing: Drawing, lane: Lane, y: float) -> None:
        for begin, end in lane.working:
            x = self._x(begin)
            drawing.rect((x, y + 3), self._x(end) - x, LANE - 6, rx=3, fill="#f3f6f9")
        parallel = lane.parallel()
        # Visits at once stand one above the other, together as high as one alone.
        height = BAR / max(1, len(parallel))
        for i, stops in enumerate(parallel):
            self._route(drawing, lane, stops, y + (LANE - BAR) / 2 + i * height, height)

    def _route(self, drawing: Drawing, lane: Lane, stops: list[Document], top: float, height: float) -> None:
        middle = top + height / 2
        leaves: str | None = None
        for stop in stops:
            if leaves is not None and stop["type"] != "break":
                ends = (self._x(leaves), middle), (self._x(stop["arrives_at"]), middle)
                drawing.line(*ends, stroke=lane.colour, stroke_width=2.5)
            if stop["type"] == "job":
                self._visit(drawing, stop, top, height)
            elif stop["type"] == "break":
                self._block(drawing, stop, middle, "break", "#cfd6de")
                continue
            elif stop["type"] == "other":
                self._block(drawing, stop, middle, "reserved", "#b9c2cc")
            leaves = stop["ends_at"]

    def _visit(self, drawing: Drawing, stop: Document, top: float, height: float) -> None:
        x, end = self._x(stop["starts_at"]), self._x(stop["ends_at"])
        place, size = (x, top), (end - x, height)
        kept = stop.get("change", "keep") == "keep"
        tip = self.day.told(stop)
        colour = PRIORITY[stop["priority"]]
        drawing.rect(
            place, *size, tip=tip, rx=3, fill=colour, fill_opacity=0.4 if kept else 1.0, stroke=colour
        )
        if stop.get("change") in {"move", "reassign"}:
            drawing.rect(place, *size, tip=tip, rx=3, fill="url(#stripes)")
        ink = "#1d2733" if kept else "white"
        size_of_text = min(10, height - 1)
        drawing.text(
            (x + 4, top + height / 2 + 0.4 * size_of_text),
            stop["title"],
            size=size_of_text,
            room=end - x - 6,
            fill=ink,
            pointer_events="none",
        )

    def _block(self, drawing: Drawing, stop: Document, middle: float, name: str, colour: str) -> None:
        x, end = self._x(stop.get("starts_at") or stop["arrives_at"]), self._x(stop["ends_at"])
        drawing.rect((x, middle - BLOCK / 2), end - x, BLOCK, tip=name, rx=2, fill=colour)

    def _x(self, instant: str | dt.datetime) -> float:
        share = (self.day.clock(instant) - self.starts) / (self.ends - self.starts)
        return round(self.at[0] + NAMES + (self.width - NAMES - 20) * min(1.0, max(0.0, share)), 1)


def _hours(day: Day) -> tuple[dt.datetime, dt.datetime]:
    """Return the whole hours around everything that happens, 8 to 17 when nothing does."""
    moments = [moment for lane in day.lanes for span in lane.working for moment in span]
    for lane in day.lanes:
        if lane.route and lane.route["starts_at"]:
            moments += [day.clock(lane.route["starts_at"]), day.clock(lane.route["ends_at"])]
    if not moments:
        begins = dt.datetime.combine(day.date, dt.time(8), day.zone)
        return begins, begins + dt.timedelta(hours=9)
    first, last = day.clock(min(moments)), day.clock(max(moments))
    ends = last.replace(minute=0, second=0, microsecond=0)
    if ends < last:
        ends += dt.timedelta(hours=1)
    return first.replace(minute=0, second=0, microsecond=0), ends

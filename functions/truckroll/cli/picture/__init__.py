"""A plan to look at: each day as an SVG of timeline and map, and the routes as GeoJSON."""

from truckroll.cli.picture.curve import sparkline
from truckroll.cli.picture.files import write_pictures

__all__ = ["sparkline", "write_pictures"]

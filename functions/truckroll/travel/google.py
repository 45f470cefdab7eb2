"""Google Routes API, computeRouteMatrix: https://developers.google.com/maps/documentation/routes/compute_route_matrix.

Its terms say what may be kept, and for how long: https://cloud.google.com/maps-platform/terms/maps-service-terms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from truckroll.travel.exchange import exchange
from truckroll.travel.provider import Leg, Place, TravelError

URL = "https://routes.googleapis.com"
# Without status every element would seem to be fine.
FIELDS = "originIndex,destinationIndex,status,condition,distanceMeters,duration"


@dataclass(frozen=True)
class GoogleRoutes:
    """The Routes API with traffic, asked for both rush hours; every pair is paid for.

    A request may have 625 elements with TRAFFIC_AWARE.
    """

    key: str = field(repr=False)
    url: str = URL
    client: httpx.Client = field(default_factory=httpx.Client, repr=False)
    name: str = "google_routes"
    times_of_day: Mapping[str, int | None] = field(default_factory=lambda: {"morning": 8, "evening": 17})
    most_origins: int = 25
    most_destinations: int = 25
    most_pairs: int = 2_000
    keeps: timedelta = timedelta(days=1)

    def table(
        self,
        origins: Sequence[Place],
        destinations: Sequence[Place],
        *,
        departs_at: datetime | None,
        within_s: float,
    ) -> list[Leg]:
        """Return a leg for every pair whose element is not an error. Raises TravelError."""
        body: dict[str, Any] = {
            "origins": [_waypoint(place) for place in origins],
            "destinations": [_waypoint(place) for place in destinations],
            "travelMode": "DRIVE",
            "routingPreference": "TRAFFIC_AWARE",
        }
        if departs_at is not None:
            body["departureTime"] = departs_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        request = self.client.build_request(
            "POST",
            f"{self.url.rstrip('/')}/distanceMatrix/v2:computeRouteMatrix",
            json=body,
            headers={"X-Goog-Api-Key": self.key, "X-Goog-FieldMask": FIELDS},
        )
        elements = exchange(self.client, request, within_s=within_s)
        # A refusal is one object, or the last in the list when it came after some elements.
        for one in elements if isinstance(elements, list) else [elements]:
            if not isinstance(one, dict) or "error" in one:
                status = one["error"].get("status") if isinstance(one, dict) else "no object"
                raise TravelError(f"Google Routes: {status}")
        try:
            return [
                _leg(one, origins, destinations) for one in elements if not one.get("status", {}).get("code")
            ]
        except (AttributeError, KeyError, IndexError, TypeError, ValueError):
            raise TravelError("Google Routes: not the matrix that was asked for") from None


def _waypoint(place: Place) -> dict[str, Any]:
    return {"waypoint": {"location": {"latLng": {"latitude": place[0], "longitude": place[1]}}}}


def _leg(element: Mapping[str, Any], origins: Sequence[Place], destinations: Sequence[Place]) -> Leg:
    """Return an element's leg. JSON leaves out what is zero, and spells a duration "160.5s"."""
    origin, destination = (
        origins[element.get("originIndex", 0)],
        destinations[element.get("destinationIndex", 0)],
    )
    if element["condition"] != "ROUTE_EXISTS":
        return Leg(origin, destination, None, None)
    duration = math.ceil(float(element.get("duration", "0s").removesuffix("s")))
    return Leg(origin, destination, duration, element.get("distanceMeters", 0))

"""OSRM's table service, https://project-osrm.org/docs/v5.24.0/api/#table-service."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from truckroll.travel.exchange import exchange
from truckroll.travel.provider import Leg, Place, TravelError


@dataclass(frozen=True)
class Osrm:
    """A server of osrm-routed at `url`; it knows no traffic.

    Fifty by fifty places stay within the hundred coordinates a server takes unless told otherwise
    (--max-table-size).
    """

    url: str
    client: httpx.Client = field(default_factory=httpx.Client, repr=False)
    name: str = "osrm"
    times_of_day: Mapping[str, int | None] = field(default_factory=lambda: {"any": None})
    most_origins: int = 50
    most_destinations: int = 50
    most_pairs: int = 50_000
    keeps: timedelta = timedelta(days=30)

    def table(
        self,
        origins: Sequence[Place],
        destinations: Sequence[Place],
        *,
        departs_at: datetime | None,  # noqa: ARG002 - the port's; roads here are the same at any time
        within_s: float,
    ) -> list[Leg]:
        """Return a leg for every pair. Raises TravelError."""
        places = list(dict.fromkeys([*origins, *destinations]))
        number = {place: i for i, place in enumerate(places)}
        coordinates = ";".join(f"{longitude:.6f},{latitude:.6f}" for latitude, longitude in places)
        request = self.client.build_request(
            "GET",
            f"{self.url.rstrip('/')}/table/v1/driving/{coordinates}",
            params={
                "sources": ";".join(str(number[place]) for place in origins),
                "destinations": ";".join(str(number[place]) for place in destinations),
                "annotations": "duration,distance",
            },
        )
        body = exchange(self.client, request, within_s=within_s)
        if not isinstance(body, dict) or body.get("code") != "Ok":
            raise TravelError(f"OSRM: {body.get('code') if isinstance(body, dict) else 'no object'}")
        try:
            return [
                Leg(origin, destination, *_figures(body["durations"][i][j], body["distances"][i][j]))
                for i, origin in enumerate(origins)
                for j, destination in enumerate(destinations)
            ]
        except (KeyError, IndexError, TypeError):
            raise TravelError("OSRM: not the table that was asked for") from None


def _figures(duration: Any, distance: Any) -> tuple[int | None, int | None]:
    """Return whole seconds and metres, rounded up; neither where there is no road."""
    if duration is None or distance is None:
        return None, None
    return math.ceil(duration), math.ceil(distance)

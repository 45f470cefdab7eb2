"""The port: what planning asks of whoever knows the roads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

Place = tuple[float, float]  # latitude, longitude in degrees


class TravelError(Exception):
    """The provider did not answer, or not usably; the text holds neither keys nor places."""


@dataclass(frozen=True, slots=True)
class Leg:
    """The way from one place to another in seconds and metres; None where the provider knows no road."""

    origin: Place
    destination: Place
    duration_s: int | None
    distance_m: int | None


class TravelProvider(Protocol):
    """A matrix service.

    `times_of_day` names the departures asked for, each with its hour of the local day or None where
    the provider knows no traffic. One request takes `most_origins` × `most_destinations`, one plan
    asks for `most_pairs`; answers are kept for `keeps`.
    """

    @property
    def name(self) -> str:
        """The name answers are filed under."""

    @property
    def times_of_day(self) -> Mapping[str, int | None]:
        """Departures, by the cache's names for them."""

    @property
    def most_origins(self) -> int:
        """Rows of one request."""

    @property
    def most_destinations(self) -> int:
        """Columns of one request."""

    @property
    def most_pairs(self) -> int:
        """Pairs one plan may ask for."""

    @property
    def keeps(self) -> timedelta:
        """How long an answer is fresh."""

    def table(
        self,
        origins: Sequence[Place],
        destinations: Sequence[Place],
        *,
        departs_at: datetime | None,
        within_s: float,
    ) -> list[Leg]:
        """Return the legs it has an answer for. Raises TravelError when the request as a whole fails."""

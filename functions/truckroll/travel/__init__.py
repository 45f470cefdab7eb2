"""Driving times from a provider, cached in SQL (OPT-11). Without one, or where it fails, SQL's estimate holds."""

from truckroll.travel.provider import Leg, Place, TravelError, TravelProvider
from truckroll.travel.providers import provider_from_environment
from truckroll.travel.times import Coverage, ensure_times, refresh_times

__all__ = [
    "Coverage",
    "Leg",
    "Place",
    "TravelError",
    "TravelProvider",
    "ensure_times",
    "provider_from_environment",
    "refresh_times",
]

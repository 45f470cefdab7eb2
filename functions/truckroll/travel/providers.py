"""Which provider the environment names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache

from truckroll.settings import SettingsError
from truckroll.travel.google import URL, GoogleRoutes
from truckroll.travel.osrm import Osrm
from truckroll.travel.provider import TravelProvider


def provider_from_environment(environment: Mapping[str, str] = os.environ) -> TravelProvider | None:
    """Return what TRUCKROLL_TRAVEL_PROVIDER names: osrm, google, or nothing for the estimate alone.

    OSRM needs TRUCKROLL_OSRM_URL, Google TRUCKROLL_GOOGLE_ROUTES_KEY (TRUCKROLL_GOOGLE_ROUTES_URL
    leads through a proxy). Raises SettingsError.
    """
    match name := environment.get("TRUCKROLL_TRAVEL_PROVIDER", ""):
        case "":
            return None
        case "osrm":
            return _osrm(_needed(environment, "TRUCKROLL_OSRM_URL"))
        case "google":
            key = _needed(environment, "TRUCKROLL_GOOGLE_ROUTES_KEY")
            return _google(key, environment.get("TRUCKROLL_GOOGLE_ROUTES_URL") or URL)
        case _:
            raise SettingsError(
                f"TRUCKROLL_TRAVEL_PROVIDER is {name!r}: give osrm or google, or leave it out"
            )


# One client, and so one pool of connections, as long as the process lives.
_osrm = lru_cache(maxsize=4)(Osrm)
_google = lru_cache(maxsize=4)(GoogleRoutes)


def _needed(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name)
    if not value:
        raise SettingsError(f"{name} is not set: the travel provider needs it")
    return value

"""What the functions are told by their environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

MOST_WORKERS = 8  # unless a setting says more: the first takes some 370 MB, each other some 130


class SettingsError(RuntimeError):
    """A setting the functions can't do without is missing or makes no sense."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the database is, and how callers prove who they are.

    `database_url` may lead through a transaction pooler. Tokens are verified with `jwt_secret`
    (HS256, the local stack) or the keys at `jwks_url` (hosted); `service_key` is an opaque key that
    stands for the service role. `works_in_background` lets an instance start the runs it accepts
    itself instead of leaving them to the next call of /cron/process_optimization_runs.
    """

    database_url: str
    jwt_secret: str | None
    jwks_url: str | None
    service_key: str | None
    pool_size: int = 8
    works_in_background: bool = True

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read TRUCKROLL_DATABASE_URL, _JWT_SECRET, _JWKS_URL, _SERVICE_KEY, _POOL_SIZE and _BACKGROUND_RUNS.

        Raises SettingsError when there is no database, or no way to verify a token.
        """
        database_url = environment.get("TRUCKROLL_DATABASE_URL")
        if not database_url:
            raise SettingsError("TRUCKROLL_DATABASE_URL is not set: no database to work with")
        secret, jwks = environment.get("TRUCKROLL_JWT_SECRET"), environment.get("TRUCKROLL_JWKS_URL")
        if not secret and not jwks:
            raise SettingsError("set TRUCKROLL_JWT_SECRET or TRUCKROLL_JWKS_URL: no token could be verified")
        pool_size = environment.get("TRUCKROLL_POOL_SIZE", "8")
        if not pool_size.isdigit() or int(pool_size) < 2:
            raise SettingsError(f"TRUCKROLL_POOL_SIZE is {pool_size!r}: give a number from 2")
        return cls(
            database_url=database_url,
            jwt_secret=secret or None,
            jwks_url=jwks or None,
            service_key=environment.get("TRUCKROLL_SERVICE_KEY") or None,
            pool_size=int(pool_size),
            works_in_background=environment.get("TRUCKROLL_BACKGROUND_RUNS", "1") != "0",
        )


def engine_workers(environment: Mapping[str, str] = os.environ) -> int:
    """Return with how many processes a plan is searched: TRUCKROLL_ENGINE_WORKERS, by default one a core.

    Raises SettingsError.
    """
    given = environment.get("TRUCKROLL_ENGINE_WORKERS", "")
    if not given:
        return min(
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
            MOST_WORKERS,
        )
    if not given.isdigit() or int(given) < 1:
        raise SettingsError(f"TRUCKROLL_ENGINE_WORKERS is {given!r}: give a number from 1")
    return int(given)

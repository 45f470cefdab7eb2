"""Fill the cache for the places at hand: what is missing only, the nearest first, within a time."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from truckroll.auth import SERVICE
from truckroll.database import Connection, Database
from truckroll.logs import logger
from truckroll.travel.batches import batches
from truckroll.travel.provider import Leg, Place, TravelError, TravelProvider

DEADLINE_S = 8.0
# An answer that ends sooner is asked for again: what is planned now is judged again when it is applied.
STAYS_FRESH = timedelta(hours=6)
SATURDAY = 5
Pair = tuple[Place, Place]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of so many pairs of places, how many have a provider's time; the others are estimates."""

    pairs: int = 0
    known: int = 0
    fetched: int = 0
    failed: int = 0

    @property
    def source(self) -> str:
        """What the matrix is made of: provider, estimate or mixed."""
        if self.known == 0:
            return "estimate"
        return "provider" if self.known == self.pairs else "mixed"

    def figures(self) -> dict[str, str | int]:
        """Return what a plan's metrics say of its driving times."""
        return {"travel_source": self.source, "travel_pairs_estimated": self.pairs - self.known}


def ensure_times(
    database: Database,
    provider: TravelProvider | None,
    places: Iterable[Place],
    time_zone: str,
    *,
    deadline_s: float = DEADLINE_S,
) -> Coverage:
    """Ask the provider for the pairs SQL has no fresh time for, and return what is known then.

    Whatever the provider does, this returns, at the latest `deadline_s` seconds (and one request's
    time-out) later: where it failed the estimate holds. `time_zone` is that of its rush hours.
    """
    known = list(dict.fromkeys(places))
    fetched = failed = 0
    if provider is not None and len(known) > 1:
        missing = _missing(database, provider, known)
        legs, failed = _asked(provider, missing, time_zone, deadline_s)
        if legs:
            database.run(lambda connection: _keep(connection, provider, legs), SERVICE)
        fetched = len(legs)
    with database.acting_as(SERVICE) as connection:
        row = connection.execute(
            "select pairs, known from private.travel_coverage(%s::float8[], %s::float8[])", _split(known)
        ).fetchone()
    assert row is not None  # noqa: S101 - an aggregate has one row
    return Coverage(row["pairs"], row["known"], fetched, failed)


def refresh_times(database: Database, provider: TravelProvider, *, days: int, budget_s: float) -> list[UUID]:
    """Forget what expired, then fill the cache for every company's coming days; return the companies served."""
    until = time.monotonic() + budget_s
    done: list[UUID] = []

    def companies(connection: Connection) -> list[tuple[UUID, str]]:
        connection.execute("select private.forget_travel_times()")
        rows = connection.execute(
            """
            select o.id, o.time_zone from public.orgs as o
            where exists (select from public.technician_profiles as t where t.org_id = o.id and t.is_active)
            order by random()
            """
        )
        return [(row["id"], row["time_zone"]) for row in rows]

    for org, time_zone in database.run(companies, SERVICE):
        left = until - time.monotonic()
        if left <= 0:
            break
        with database.acting_as(SERVICE) as connection:
            places = places_of(connection, org, timedelta(days=days))
        ensure_times(database, provider, places, time_zone, deadline_s=min(left, 4 * DEADLINE_S))
        done.append(org)
    return done


def places_of(connection: Connection, org: UUID, ahead: timedelta) -> list[Place]:
    """Return where a company's people live, are booked or could be sent in the time ahead."""
    rows = connection.execute(
        """
        select latitude, longitude
        from private.travel_places(%s, tstzrange(now(), now() + %s), null, true)
        """,
        (org, ahead),
    )
    return [(row["latitude"], row["longitude"]) for row in rows]


def _missing(database: Database, provider: TravelProvider, places: Sequence[Place]) -> list[Pair]:
    fresh_until = datetime.now(UTC) + STAYS_FRESH
    with database.acting_as(SERVICE) as connection:
        rows = connection.execute(
            """
            select from_number, to_number
            from private.missing_travel(%s::float8[], %s::float8[], %s, %s, %s)
            """,
            (*_split(places), list(provider.times_of_day), fresh_until, provider.most_pairs),
        ).fetchall()
    return [(places[row["from_number"] - 1], places[row["to_number"] - 1]) for row in rows]


def _asked(
    provider: TravelProvider, missing: Sequence[Pair], time_zone: str, deadline_s: float
) -> tuple[list[tuple[str, Leg]], int]:
    """Return the legs with their time of day, and how many requests failed or were left undone."""
    until = time.monotonic() + deadline_s
    legs: list[tuple[str, Leg]] = []
    reasons: list[str] = []
    requests = list(
        batches(missing, most_origins=provider.most_origins, most_destinations=provider.most_destinations)
    )
    for origins, destinations in requests:
        for time_of_day, hour in provider.times_of_day.items():
            departs_at = None if hour is None else next_workday(hour, time_zone, datetime.now(UTC))
            try:
                found = provider.table(
                    origins, destinations, departs_at=departs_at, within_s=until - time.monotonic()
                )
            except TravelError as error:
                reasons.append(str(error))
                continue
            legs += [(time_of_day, leg) for leg in found]
    if reasons:
        logger().warning(
            "travel.provider_failed",
            provider=provider.name,
            requests=len(requests) * len(provider.times_of_day),
            failed=len(reasons),
            reasons=sorted(set(reasons)),
        )
    return legs, len(reasons)


def next_workday(hour: int, time_zone: str, now: datetime) -> datetime:
    """Return the next time it is this hour of a Monday to Friday there."""
    at = now.astimezone(ZoneInfo(time_zone)).replace(hour=hour, minute=0, second=0, microsecond=0)
    while at <= now or at.weekday() >= SATURDAY:
        at += timedelta(days=1)
    return at


def _keep(connection: Connection, provider: TravelProvider, legs: Sequence[tuple[str, Leg]]) -> None:
    """Write all answers at once."""
    connection.execute(
        """
        select private.keep_travel_times(
            %s, %s, %s, %s, %s::float8[], %s::float8[], %s::float8[], %s::float8[], %s::int[], %s::int[]
        )
        """,
        (
            provider.name,
            list(provider.times_of_day),
            provider.keeps,
            [name for name, _ in legs],
            *_split([leg.origin for _, leg in legs]),
            *_split([leg.destination for _, leg in legs]),
            [leg.duration_s for _, leg in legs],
            [leg.distance_m for _, leg in legs],
        ),
    )


def _split(places: Sequence[Place]) -> tuple[list[float], list[float]]:
    return [latitude for latitude, _ in places], [longitude for _, longitude in places]

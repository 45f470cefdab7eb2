"""Plans with a travel-time provider behind them: filled caches, failing providers, the flag that says so (OPT-11)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from support import sql
from support.factory import CITY, MONDAY
from support.functions import QUICK, SERVICE_KEY, Day
from support.travel_server import KEY, TravelServer, travel_server
from truckroll.database import Database
from truckroll.travel import Place, ensure_times
from truckroll.travel.google import GoogleRoutes
from truckroll.travel.osrm import Osrm

PATH = f"/dispatch/days/{MONDAY.date()}/optimize_all"
PLACES: list[Place] = [(43 + i / 1000, -89.0) for i in range(60)]


@pytest.fixture
def roads() -> Iterator[TravelServer]:
    with travel_server() as here:
        yield here


@pytest.fixture
def osrm(roads: TravelServer) -> Iterator[Osrm]:
    with httpx.Client(trust_env=False) as client:
        yield Osrm(roads.url, client)


@pytest.fixture
def database(fresh_database: str) -> Iterator[Database]:
    pool = Database(fresh_database, size=2)
    yield pool
    pool.close()


@pytest.fixture
def configured(roads: TravelServer, monkeypatch: pytest.MonkeyPatch) -> TravelServer:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("TRUCKROLL_TRAVEL_PROVIDER", "osrm")
    monkeypatch.setenv("TRUCKROLL_OSRM_URL", roads.url)
    return roads


def ask_cron(day: Day, bearer: str = SERVICE_KEY) -> Any:
    return day.client.post("/cron/refresh_travel_times", headers={"Authorization": f"Bearer {bearer}"})


def test_what_is_known_is_not_asked_again_until_it_expires(
    database: Database, osrm: Osrm, roads: TravelServer, connect: sql.Connect, fresh_database: str
) -> None:
    first = ensure_times(database, osrm, PLACES, "UTC")
    assert (first.pairs, first.known, first.failed, first.source) == (60 * 59, 60 * 59, 0, "provider")
    assert len(roads.requests) == 4
    assert ensure_times(database, osrm, PLACES, "UTC").fetched == 0
    new = (43.5, -89.0)
    assert ensure_times(database, osrm, [*PLACES, new], "UTC").fetched == 120
    requests = len(roads.requests)

    db = connect(fresh_database, autocommit=True)
    db.execute(
        """
        update private.travel_times set expires_at = now() + interval '1 hour'
        where from_cell = private.cell(43.5, -89) and to_cell = private.cell(43, -89)
        """
    )
    roads.seconds = 900
    assert ensure_times(database, osrm, [*PLACES, new], "UTC").fetched == 1
    assert roads.requests[requests:] == [([new], [PLACES[0]])]
    row = sql.one(db, "select * from private.known_travel_s(43.5, -89, 43, -89)")
    assert row["duration_s"] == 900


def test_a_request_that_fails_costs_its_own_pairs_only(
    database: Database, osrm: Osrm, roads: TravelServer
) -> None:
    roads.answers = [(403, {})]
    result = ensure_times(database, osrm, PLACES, "UTC")
    assert result.failed == 1
    assert 0 < result.known < result.pairs
    assert result.source == "mixed"
    assert ensure_times(database, osrm, PLACES, "UTC").source == "provider"


def test_a_provider_is_not_waited_for_beyond_the_deadline(
    database: Database, osrm: Osrm, roads: TravelServer
) -> None:
    roads.answers = [(429, {"Retry-After": "1"})] * 100
    result = ensure_times(database, osrm, PLACES, "UTC", deadline_s=1.5)
    # Four requests: for the first there is time to wait once, for the others not even that.
    assert len(roads.requests) <= 5
    assert (result.known, result.source) == (0, "estimate")


def test_no_road_is_remembered_and_counts_as_estimated(
    database: Database, osrm: Osrm, roads: TravelServer
) -> None:
    roads.islands = {PLACES[1]}
    for fetched in (6, 0):
        result = ensure_times(database, osrm, PLACES[:3], "UTC")
        assert (result.fetched and 6, result.known, result.source) == (fetched, 2, "mixed")


def test_one_providers_answers_give_way_to_anothers(
    database: Database, osrm: Osrm, roads: TravelServer, connect: sql.Connect, fresh_database: str
) -> None:
    ensure_times(database, osrm, PLACES[:2], "UTC")
    with httpx.Client(trust_env=False) as client:
        roads.seconds = 500
        ensure_times(database, GoogleRoutes(KEY, roads.url, client), PLACES[:2], "America/Chicago")
    db = connect(fresh_database, autocommit=True)
    kept = sql.rows(db, "select provider, time_of_day, duration_s from private.travel_times order by 1, 2")
    assert [tuple(row.values()) for row in kept] == [
        ("google_routes", "evening", 500),
        ("google_routes", "evening", 500),
        ("google_routes", "morning", 500),
        ("google_routes", "morning", 500),
    ]
    assert len(set(roads.departures)) == 2


def test_a_plan_drives_as_long_as_the_provider_says(day: Day, configured: TravelServer) -> None:
    configured.seconds = 3000
    job = day.job(3, priority="high")
    run = day.run(PATH, QUICK)
    assert run["status"] == "proposed", run["error"]
    after = run["metrics"]["after"]
    assert (after["travel_source"], after["travel_pairs_estimated"]) == ("provider", 0)
    (route,) = run["routes"]
    stop = next(one for one in route["stops"] if one["type"] == "job")
    assert stop["travel_minutes"] == 50
    applied = day.post(f"/dispatch/runs/{run['id']}/apply", {"base_revision": run["base_revision"]})
    assert applied.status_code == 200, applied.text
    row = sql.one(day.db, "select * from public.job_assignments where dispatch_job_id = %s", (job["id"],))
    assert row["scheduled_start_at"] >= MONDAY + timedelta(hours=8, seconds=3000)
    health = day.client.get("/health").get_json()
    assert health["providers"]["travel"] == {"provider": "osrm", "falls_back": False}


def test_when_the_provider_fails_the_plan_is_made_and_says_so(day: Day, configured: TravelServer) -> None:
    configured.answers = [(500, {})] * 50
    day.job(3)
    run = day.run(PATH, QUICK)
    assert run["status"] == "proposed", run["error"]
    after = run["metrics"]["after"]
    assert (after["travel_source"], after["travel_pairs_estimated"]) == ("estimate", 2)
    health = day.client.get("/health").get_json()
    assert health["providers"]["travel"] == {"provider": "osrm", "falls_back": True}


def test_without_a_provider_everything_is_an_estimate_and_nobody_is_asked(day: Day) -> None:
    day.job(3)
    run = day.run(PATH, QUICK)
    assert run["metrics"]["after"]["travel_source"] == "estimate"
    assert day.client.get("/health").get_json()["providers"]["travel"] == {
        "provider": "estimate",
        "falls_back": False,
    }
    assert ask_cron(day).get_json() == {"provider": None, "refreshed": []}


def test_the_scheduler_fills_the_cache_ahead_and_forgets_what_expired(
    day: Day, configured: TravelServer
) -> None:
    day.job(3)
    day.db.execute(
        """
        insert into private.travel_times (
            from_cell, to_cell, time_of_day, duration_s, distance_m, provider, fetched_at, expires_at
        )
        values (1, 2, 'any', 1, 1, 'osrm', now() - interval '2 days', now() - interval '1 day')
        """
    )
    answer = ask_cron(day)
    assert answer.get_json() == {"provider": "osrm", "refreshed": [str(day.company.id)]}
    kept = sql.rows(day.db, "select from_cell, private.cell(%s, %s) as city from private.travel_times", CITY)
    assert len(kept) == 2
    assert any(row["from_cell"] == row["city"] for row in kept)
    asked = len(configured.requests)
    day.run(PATH, QUICK)
    assert len(configured.requests) == asked


def test_only_the_scheduler_refreshes(day: Day) -> None:
    answer = day.post("/cron/refresh_travel_times")
    assert (answer.status_code, answer.get_json()["message"]) == (403, "service_only")

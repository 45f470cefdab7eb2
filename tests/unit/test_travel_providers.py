"""Two providers over the wire: what they are asked, what becomes of the answer, when they are asked again (OPT-11)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.travel_server import KEY, TravelServer, travel_server
from truckroll.settings import SettingsError
from truckroll.travel import Leg, TravelError, TravelProvider, provider_from_environment
from truckroll.travel.batches import batches
from truckroll.travel.google import GoogleRoutes
from truckroll.travel.osrm import Osrm
from truckroll.travel.times import next_workday

A, B, ISLAND = (43.0731, -89.4012), (43.1, -89.5), (43.2, -89.6)


@pytest.fixture
def roads() -> Iterator[TravelServer]:
    with travel_server() as here:
        yield here


@pytest.fixture(params=["osrm", "google"])
def provider(roads: TravelServer, request: pytest.FixtureRequest) -> Iterator[TravelProvider]:
    with httpx.Client(trust_env=False) as client:
        yield Osrm(roads.url, client) if request.param == "osrm" else GoogleRoutes(KEY, roads.url, client)


def table(provider: TravelProvider, within_s: float = 50.0) -> set[Leg]:
    departs_at = datetime.now(UTC) + timedelta(hours=1)
    return set(provider.table([A, ISLAND], [B, A], departs_at=departs_at, within_s=within_s))


def test_every_pair_has_its_own_time_and_no_road_is_an_answer(
    roads: TravelServer, provider: TravelProvider
) -> None:
    roads.drives = {(A, B): 700.2, (B, A): 300}
    roads.islands = {ISLAND}
    assert table(provider) == {
        Leg(A, B, 701, 5000),
        Leg(A, A, 0, 0),
        Leg(ISLAND, B, None, None),
        Leg(ISLAND, A, None, None),
    }


def test_a_traffic_aware_provider_is_told_when_one_leaves(roads: TravelServer) -> None:
    with httpx.Client(trust_env=False) as client:
        google = GoogleRoutes(KEY, roads.url, client)
        google.table([A], [B], departs_at=datetime(2099, 1, 5, 8, tzinfo=UTC), within_s=50)
        assert roads.departures == ["2099-01-05T08:00:00Z"]
        with pytest.raises(TravelError, match="INVALID_ARGUMENT"):
            google.table([A], [B], departs_at=datetime(2020, 1, 6, 8, tzinfo=UTC), within_s=50)


def test_an_element_in_error_is_no_answer_and_spoils_no_other(roads: TravelServer) -> None:
    roads.faults = {ISLAND}
    with httpx.Client(trust_env=False) as client:
        legs = GoogleRoutes(KEY, roads.url, client).table([A], [B, ISLAND], departs_at=None, within_s=50)
    assert legs == [Leg(A, B, 600, 5000)]


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_obeyed(roads: TravelServer, provider: TravelProvider, *, as_date: bool) -> None:
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    roads.answers = [(429, {"Retry-After": format_datetime(at, usegmt=True) if as_date else "1"})]
    began = time.monotonic()
    assert len(table(provider)) == 4
    assert datetime.now(UTC) >= at if as_date else time.monotonic() - began >= 1.0
    assert len(roads.requests) == 2


def test_a_provider_that_asks_for_more_time_than_there_is_is_not_waited_for(
    roads: TravelServer, provider: TravelProvider
) -> None:
    roads.answers = [(429, {"Retry-After": "60"})]
    began = time.monotonic()
    with pytest.raises(TravelError, match="429"):
        table(provider)
    assert time.monotonic() - began < 25
    assert len(roads.requests) == 1


@pytest.mark.parametrize(("status", "attempts"), [(500, 3), (503, 3), (429, 3), (403, 1), (404, 1), (302, 1)])
def test_only_what_may_pass_is_tried_again(
    roads: TravelServer, provider: TravelProvider, status: int, attempts: int
) -> None:
    roads.answers = [(status, {})] * 5
    with pytest.raises(TravelError, match=str(status)) as raised:
        table(provider)
    assert len(roads.requests) == attempts
    assert KEY not in str(raised.value)
    assert "43." not in str(raised.value)


def test_nobody_there_is_an_error_soon(provider: TravelProvider) -> None:
    with travel_server() as gone:
        pass
    lost = Osrm(gone.url) if isinstance(provider, Osrm) else GoogleRoutes(KEY, gone.url)
    began = time.monotonic()
    with pytest.raises(TravelError, match="not reached: ConnectError") as raised, lost.client:
        table(lost)
    assert time.monotonic() - began < 25
    assert "43." not in str(raised.value)


def test_a_refused_key_and_a_table_too_big_are_named(roads: TravelServer) -> None:
    many = [(43 + i / 1000, -89.0) for i in range(101)]
    with httpx.Client(trust_env=False) as client:
        with pytest.raises(TravelError, match="403"):
            GoogleRoutes("another", roads.url, client).table([A], [B], departs_at=None, within_s=50)
        with pytest.raises(TravelError, match="TooBig"):
            Osrm(roads.url, client).table(many, many, departs_at=None, within_s=50)


places = st.integers(0, 30).map(lambda i: (43 + i / 100, -89.0))


@given(st.sets(st.tuples(places, places)), st.integers(1, 9), st.integers(1, 9))
def test_requests_cover_every_pair_within_the_limits(
    pairs: set[tuple[tuple[float, float], tuple[float, float]]], rows: int, columns: int
) -> None:
    asked = list(batches(pairs, most_origins=rows, most_destinations=columns))
    assert all(len(a) <= rows and len(b) <= columns for a, b in asked)
    covered = [(one, other) for a, b in asked for one in a for other in b]
    assert pairs <= set(covered)
    assert len(covered) == len(set(covered))
    assert len(covered) * 0.8 <= len(pairs)


def test_a_whole_matrix_takes_as_few_requests_as_can_be() -> None:
    many = [(43 + i / 1000, -89.0) for i in range(100)]
    pairs = [(a, b) for a in many for b in many if a != b]
    assert len(list(batches(pairs, most_origins=50, most_destinations=50))) == 4


def test_a_new_place_asks_for_its_own_row_and_column_only() -> None:
    new, old = A, [(43 + i / 1000, -89.0) for i in range(40)]
    pairs = [(new, one) for one in old] + [(one, new) for one in old]
    assert [(len(a), len(b)) for a, b in batches(pairs, most_origins=50, most_destinations=50)] == [
        (1, 40),
        (40, 1),
    ]


def test_the_rush_hour_is_the_next_workdays_of_the_place() -> None:
    friday_noon = datetime(2027, 3, 5, 18, tzinfo=UTC)
    assert next_workday(8, "America/Chicago", friday_noon) == datetime(2027, 3, 8, 14, tzinfo=UTC)
    assert next_workday(17, "America/Chicago", friday_noon) == datetime(2027, 3, 5, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    "environment",
    [
        {"TRUCKROLL_TRAVEL_PROVIDER": "osrm"},
        {"TRUCKROLL_TRAVEL_PROVIDER": "google"},
        {"TRUCKROLL_TRAVEL_PROVIDER": "sleigh"},
    ],
)
def test_a_provider_that_can_not_work_is_refused(environment: dict[str, str]) -> None:
    with pytest.raises(SettingsError):
        provider_from_environment(environment)


def test_no_provider_is_fine() -> None:
    assert provider_from_environment({}) is None

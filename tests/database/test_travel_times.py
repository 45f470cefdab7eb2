"""Driving times a provider gave, as judge, slot search and the solver's matrix see them (OPT-11)."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from support.booking import HERE, TEN_KM_NORTH, at, call, codes
from support.factory import CITY, MONDAY, Company
from support.sql import Connection, Row, one, rows, value
from truckroll.planning.reading import integers

FRESH = timedelta(days=1)


def known(
    db: Connection,
    origin: dict[str, Any],
    destination: dict[str, Any],
    seconds: int | None,
    *,
    time_of_day: str = "any",
    ages_in: timedelta = FRESH,
) -> None:
    """Keep an answer as the worker does."""
    db.execute(
        """
        insert into private.travel_times (
            from_cell, to_cell, time_of_day, duration_s, distance_m, provider, fetched_at, expires_at
        )
        values (
            private.cell(%s, %s), private.cell(%s, %s), %s, %s, %s, 'osrm', now() - interval '30 days', now() + %s
        )
        """,
        (
            origin["latitude"],
            origin["longitude"],
            destination["latitude"],
            destination["longitude"],
            time_of_day,
            seconds,
            None if seconds is None else seconds * 10,
            ages_in,
        ),
    )


def matrix(db: Connection, company: Company, *places: dict[str, Any]) -> list[list[int]]:
    """Return the solver's seconds between places."""
    with db.cursor(binary=True) as cursor:
        found = cursor.execute(
            "select travel_s from private.travel_matrix(%s, %s::float8[], %s::float8[])",
            (company.id, [one["latitude"] for one in places], [one["longitude"] for one in places]),
        ).fetchall()
    return [integers(row[0]).tolist() for row in found]


@pytest.fixture
def day(db: Connection) -> tuple[Company, Row, Row]:
    """Ann, who lives here, and a job ten kilometres north of her home."""
    company = Company(db)
    home = company.add("customer_locations", kind="home_base", **HERE)
    ann = company.technician(home_base_location_id=home["id"])
    return company, ann, company.job(company.site(company.customer(), **TEN_KM_NORTH))


def first_slot(db: Connection, job: Row) -> Row:
    """Return the earliest time offered on MONDAY."""
    slots = call(db, "find_slots", job_id=job["id"], earliest=at(0), latest=at(24), max_results=100)
    earliest: Row = min(slots, key=lambda slot: slot["starts_at"])
    return earliest


def test_a_known_time_changes_what_is_feasible_what_is_offered_and_what_is_planned_alike(
    db: Connection, day: tuple[Company, Row, Row]
) -> None:
    company, ann, job = day
    assert codes(db, job, ann, starts_at=at(8.5)) == []
    assert matrix(db, company, HERE, TEN_KM_NORTH) == [[0, 1170], [1170, 0]]
    before = first_slot(db, job)
    assert (before["starts_at"], before["travel_minutes_before"]) == (at(8.5), 20)

    known(db, HERE, TEN_KM_NORTH, 3600)
    assert codes(db, job, ann, starts_at=at(8.75)) == ["travel_before"]
    assert codes(db, job, ann, starts_at=at(9)) == []
    assert codes(db, job, ann, starts_at=at(15.5)) == []
    after = first_slot(db, job)
    assert (after["starts_at"], after["travel_minutes_before"]) == (at(9), 60)
    assert matrix(db, company, HERE, TEN_KM_NORTH) == [[0, 3600], [1170, 0]]

    known(db, TEN_KM_NORTH, HERE, 7200)
    assert codes(db, job, ann, starts_at=at(15.5)) == ["travel_after"]
    assert codes(db, job, ann, starts_at=at(14)) == []


def test_an_answer_holds_for_its_cell_and_its_time_only(
    db: Connection, day: tuple[Company, Row, Row]
) -> None:
    company, _, _ = day
    beside = {"latitude": HERE["latitude"] + 0.00001, "longitude": HERE["longitude"]}
    away = {"latitude": HERE["latitude"] + 0.001, "longitude": HERE["longitude"]}
    known(db, HERE, TEN_KM_NORTH, 3600, ages_in=timedelta(seconds=1))
    assert matrix(db, company, beside, TEN_KM_NORTH)[0][1] == 3600
    assert matrix(db, company, away, TEN_KM_NORTH)[0][1] < 1200
    db.execute("update private.travel_times set expires_at = now()")
    assert matrix(db, company, beside, TEN_KM_NORTH)[0][1] < 1200


def test_where_no_road_is_known_the_estimate_stands(db: Connection, day: tuple[Company, Row, Row]) -> None:
    company, ann, job = day
    known(db, HERE, TEN_KM_NORTH, None)
    assert matrix(db, company, HERE, TEN_KM_NORTH)[0][1] == 1170
    assert codes(db, job, ann, starts_at=at(8.5)) == []


def test_a_plan_holds_at_the_slower_rush_hour(db: Connection, day: tuple[Company, Row, Row]) -> None:
    company, _, _ = day
    known(db, HERE, TEN_KM_NORTH, 1500, time_of_day="morning")
    known(db, HERE, TEN_KM_NORTH, 2400, time_of_day="evening")
    assert matrix(db, company, HERE, TEN_KM_NORTH)[0][1] == 2400


def test_search_and_solver_agree_to_the_second_whatever_is_known(db: Connection) -> None:
    """The judge reads the same gaps as the search, so this holds for all three."""
    company = Company(db)
    places = [
        {"latitude": CITY[0] + i * 0.013, "longitude": CITY[1] - (i * i % 7) * 0.017} for i in range(12)
    ]
    home = company.add("customer_locations", kind="home_base", **places[0])
    ann = company.technician(home_base_location_id=home["id"])
    company.visit(company.job(company.site(company.customer(), **places[1])), ann, starts_at=at(11))
    chance = random.Random(7)
    for origin in places:
        for destination in places:
            if origin != destination and chance.random() < 0.5:
                known(db, origin, destination, chance.randrange(60, 5000))
    table = matrix(db, company, *places)
    for number, site in enumerate(places[2:], 2):
        gaps = rows(
            db,
            """
            select * from private.route_gaps(%s, %s, tstzrange(%s, %s), %s, %s) order by gap
            """,
            (company.id, [ann["id"]], at(7), at(18), site["latitude"], site["longitude"]),
        )
        ways = [(0, 1), (1, 0)]
        assert [(gap["travel_before_s"], gap["travel_after_s"], gap["added_travel_s"]) for gap in gaps] == [
            (table[a][number], table[number][b], table[a][number] + table[number][b] - table[a][b])
            for a, b in ways
        ]
        driven = table[0][1] + table[1][0]
        assert {gap["day_work_s"] for gap in gaps} == {3600 + driven}


def test_only_missing_pairs_are_asked_for_the_nearest_first(db: Connection) -> None:
    line = [{"latitude": CITY[0] + i * 0.01, "longitude": CITY[1]} for i in (0, 1, 3)]
    known(db, line[0], line[1], 60, ages_in=timedelta(hours=2))
    known(db, line[1], line[0], 60, ages_in=timedelta(hours=2))

    def missing(hours: int, most: int, times: tuple[str, ...] = ("any",)) -> list[tuple[int, int]]:
        found = rows(
            db,
            """
            select * from private.missing_travel(
                %s::float8[], %s::float8[], %s, now() + make_interval(hours => %s), %s
            )
            """,
            ([p["latitude"] for p in line], [p["longitude"] for p in line], list(times), hours, most),
        )
        return [(row["from_number"] - 1, row["to_number"] - 1) for row in found]

    assert missing(1, 9) == [(0, 2), (1, 2), (2, 1), (2, 0)]
    assert missing(1, 3) == [(0, 2), (1, 2), (2, 1)]
    assert missing(3, 9) == [(0, 1), (1, 0), (2, 1), (0, 2), (1, 2), (2, 0)]
    assert len(missing(1, 9, ("any", "evening"))) == 6


def test_the_places_asked_about_are_homes_visits_and_waiting_jobs(
    db: Connection, day: tuple[Company, Row, Row]
) -> None:
    company, ann, _ = day
    booked = company.site(company.customer())
    company.visit(company.job(booked), ann, starts_at=at(11))
    company.job(company.site(company.customer(), latitude=None, longitude=None))
    other = Company(db)
    other.job(other.site(other.customer()))
    ask = "select * from private.travel_places(%s, tstzrange(%s, %s), %s, %s)"

    def places(days: int, technicians: list[Any] | None, *, jobs: bool) -> set[tuple[float, float]]:
        period = MONDAY + timedelta(days=days), MONDAY + timedelta(days=days + 1)
        found = rows(db, ask, (company.id, *period, technicians, jobs))
        return {(row["latitude"], row["longitude"]) for row in found}

    home, job, visit = CITY, tuple(TEN_KM_NORTH.values()), (booked["latitude"], booked["longitude"])
    assert places(0, None, jobs=True) == {home, job, visit}
    assert places(1, None, jobs=True) == {home, job}
    assert places(0, [ann["id"]], jobs=False) == {home, visit}
    assert places(0, [company.technician()["id"]], jobs=False) == set()


def test_no_client_reads_what_providers_answered(db: Connection) -> None:
    for role in ("anon", "authenticated"):
        assert not value(db, f"select has_table_privilege('{role}', 'private.travel_times', 'select')")


def test_a_place_is_no_drive_from_itself(db: Connection) -> None:
    found = one(db, "select count(*) as n from private.known_travel_s(43, -89, 43, -89)")
    assert found["n"] == 0

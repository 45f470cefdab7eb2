"""An emergency takes whoever comes what it takes them, and so does a visit that makes room for it (AVL-1, OPT-7)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from support.emergency import Now, minutes_until


def length(times: dict[str, Any]) -> timedelta:
    return datetime.fromisoformat(times["ends_at"]) - datetime.fromisoformat(times["starts_at"])


def test_everybody_is_offered_for_their_own_time_and_booked_for_it(now: Now) -> None:
    now.technician("Slow", home_km=2, duration_factor=1.55)
    now.technician("Fast", home_km=4, duration_factor=0.5)
    job = now.emergency()
    options = {one["technician_name"]: one for one in now.options(job)}
    assert {name: length(one) for name, one in options.items()} == {
        "Slow": timedelta(minutes=93),
        "Fast": timedelta(minutes=30),
    }
    booked = now.ask(job, mode="commit", option=options["Slow"]["id"]).get_json()["appointment"]
    assert length(booked) == timedelta(minutes=93)


def test_between_two_visits_goes_only_who_is_done_in_time(now: Now) -> None:
    for name, factor in (("Slow", 1.5), ("Fast", 0.5)):
        technician = now.technician(name, duration_factor=factor)
        now.visit(technician, 75, priority="emergency")
    options = {one["technician_name"]: one for one in now.options(now.emergency())}
    assert minutes_until(options["Fast"]["starts_at"], now.began) <= 10
    assert minutes_until(options["Slow"]["starts_at"], now.began) >= 75 + 60


def test_nobody_is_offered_who_would_not_be_done_in_the_period_asked_for(now: Now) -> None:
    now.technician("Slow", duration_factor=1.5)
    now.technician("Fast", duration_factor=0.5)
    options = now.options(now.emergency(), latest=now.at(75).isoformat())
    assert [one["technician_name"] for one in options] == ["Fast"]


@pytest.mark.parametrize(
    ("factor", "minutes"), [(1, 90), (0.5, 60)], ids=["as it takes Ann", "as somebody decided"]
)
def test_a_visit_handed_over_takes_whom_it_goes_to_their_own_time(
    now: Now, factor: float, minutes: int
) -> None:
    ann = now.technician("Ann", duration_factor=factor)
    bob = now.technician("Bob", home_km=12, duration_factor=1.5)
    visit = now.visit(ann, 40, promise=(30, 60))
    (move,) = now.options(now.emergency(estimated_duration_minutes=180), max_results=1)[0]["moves"]
    assert (move["appointment_id"], move["to"]["technician_id"]) == (str(visit["id"]), str(bob["id"]))
    assert length(move["to"]) == timedelta(minutes=minutes)
    assert 30 <= minutes_until(move["to"]["starts_at"], now.began) <= 60

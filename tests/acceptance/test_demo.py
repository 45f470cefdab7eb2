"""The demo does what it says: books, is refused once, plans, and shows a day that SQL calls feasible."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from support.sql import rows, value
from truckroll.cli import app
from truckroll.cli.api import DEMO_DISPATCHER, DEMO_PASSWORD, signed_in
from truckroll.cli.demo import do_the_day, load_company
from truckroll_local.stack import Stack

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def day(stack: Stack) -> tuple[dict[str, Any], dict[str, Any]]:
    # The stack has it already: the demo starts afresh however often it is run.
    load_company(stack.db_url)
    with signed_in(stack.api_url, stack.anon_key, DEMO_DISPATCHER, DEMO_PASSWORD) as client:
        return do_the_day(client, seconds=2)


def test_the_plan_serves_most_of_the_day(day: tuple[dict[str, Any], dict[str, Any]]) -> None:
    run, board = day
    before, after = run["metrics"]["before"], run["metrics"]["after"]
    assert after["visits"] > 2 * before["visits"] > 0
    assert after["unserved"] < before["unserved"]
    assert after["late_minutes"] == 0
    assert len(board["appointments"]) >= 50


def test_every_job_left_out_has_a_reason(day: tuple[dict[str, Any], dict[str, Any]]) -> None:
    run, _ = day
    reasons = Counter(job["reason"] for job in run["unserved"])
    assert {"skill_missing", "skill_level", "out_of_zone", "certification_expired", "location_missing"} <= {
        *reasons
    }
    assert all(job["explanation"] for job in run["unserved"])


def test_nobody_is_in_two_places_and_nobody_absent_works(day: tuple[dict[str, Any], dict[str, Any]]) -> None:
    _, board = day
    busy: dict[str, list[tuple[dt.datetime, dt.datetime]]] = defaultdict(list)
    for visit in board["appointments"]:
        for part in visit["assignments"]:
            span = dt.datetime.fromisoformat(part["starts_at"]), dt.datetime.fromisoformat(part["ends_at"])
            busy[part["technician_id"]].append(span)
    for spans in busy.values():
        spans.sort()
        assert all(first[1] <= second[0] for first, second in pairwise(spans))
    absent = {
        one["id"] for one in board["technicians"] if one["display_name"] in {"Ingrid Solberg", "Amos Tillman"}
    }
    assert len(absent) == 2
    assert not absent & {*busy}


@pytest.mark.usefixtures("day")
def test_the_judge_finds_nothing_against_the_day(stack: Stack) -> None:
    with psycopg.connect(stack.db_url) as connection:
        half_assigned = value(
            connection,
            """
            select count(*) from public.appointments
            where org_id = md5('four-lakes')::uuid and assignment_status <> 'assigned'
            """,
        )
        assert half_assigned == 0
        found = rows(
            connection,
            """
            select a.number, c.code, c.message
            from public.appointments as a
            cross join lateral private.judge(private.place(
                private.work_of_job(a.dispatch_job_id),
                array(select x.technician_id from public.job_assignments as x where x.appointment_id = a.id),
                a.starts_at, a.ends_at, coalesce(a.bay_id, a.mobile_unit_id), a.id, null
            )) as c
            where a.org_id = md5('four-lakes')::uuid and c.severity <> 'soft'
            """,
        )
    assert found == []


def invoke(stack: Stack, *arguments: str) -> tuple[int, str]:
    environment = {"SUPABASE_URL": stack.api_url, "SUPABASE_ANON_KEY": stack.anon_key, "COLUMNS": "100"}
    result = CliRunner(env=environment).invoke(app, [*arguments])
    return result.exit_code, result.output


def test_the_board_and_a_further_plan_are_commands_of_their_own(
    stack: Stack, day: tuple[dict[str, Any], dict[str, Any]], tmp_path: Path
) -> None:
    run, _ = day
    code, output = invoke(stack, "board", "--date", run["starts_on"])
    assert code == 0, output
    assert "Marta Lindqvist" in output
    assert "Amos Tillman (sick)" in output
    pictures = tmp_path / "pictures"
    asked = ("--date", run["starts_on"], "--seconds", "1", "--no-apply", "--pictures", str(pictures))
    code, output = invoke(stack, "plan", *asked)
    assert code == 0, output
    assert "before" in output
    assert "Marta Lindqvist" in (pictures / f"day-{run['starts_on']}.svg").read_text()
    routes = json.loads((pictures / "routes.geojson").read_text())
    assert {one["geometry"]["type"] for one in routes["features"]} == {"LineString", "Point"}


def test_what_the_api_refuses_is_a_sentence(stack: Stack) -> None:
    code, output = invoke(stack, "board", "--password", "wrong")
    assert (code, "Invalid login credentials" in output) == (1, True)
    code, output = invoke(stack, "board", "--org", "nope")
    assert (code, "There is no company nope" in output) == (1, True)
    code, output = invoke(stack, "plan", "--email", "customer@demo.truckroll.example", "--seconds", "1")
    assert (code, "Traceback" in output) == (1, False)

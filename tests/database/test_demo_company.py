"""The seeds give a company that hangs together, with a demo day ahead, and can be loaded again."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from support import templates
from support.sql import Connect, Connection, rows, value
from truckroll_local import manifest


@pytest.fixture(scope="module")
def freshly_seeded(server: str) -> Iterator[str]:
    """Seed a database now: the seeds of a template may be of another day."""
    with templates.copy_of(server, templates.template(server)) as conninfo:
        with psycopg.connect(conninfo, autocommit=True) as connection:
            manifest.apply(connection, manifest.seed_files())
        yield conninfo


@pytest.fixture
def demo(freshly_seeded: str, connect: Connect) -> Connection:
    return connect(freshly_seeded)


NEXT_WORKING_DAY = """
select min(day)::date
from public.orgs as o
cross join lateral (select (o.created_at at time zone o.time_zone)::date as date) as seeded
cross join lateral generate_series(seeded.date + 1, seeded.date + 14, '1 day') as day
where extract(isodow from day) < 6 and day::date not in (select observed_on from public.holidays)
"""


def test_the_demo_day_is_the_next_working_day_and_full(demo: Connection) -> None:
    days = rows(
        demo,
        """
        select (w.window_start at time zone 'America/Chicago')::date as day, count(*) as jobs
        from public.job_time_windows as w group by day order by day
        """,
    )
    assert days[0]["day"] == value(demo, NEXT_WORKING_DAY)
    assert days[0]["jobs"] >= 100
    assert len(days) == 5
    assert sum(day["jobs"] for day in days[1:]) >= 140
    assert value(demo, "select count(*) from public.dispatch_jobs where status <> 'unscheduled'") == 0


def test_people_work_on_the_demo_day(demo: Connection) -> None:
    working = value(
        demo,
        """
        select count(distinct w.technician_id)
        from private.local_days(
            (select id from public.orgs),
            (select min(window_start at time zone 'America/Chicago')::date from public.job_time_windows), 1
        ) as day (day)
        cross join private.working_time(
            (select id from public.orgs), array(select id from public.technician_profiles), day.day
        ) as w
        """,
    )
    assert working >= 16


def test_every_service_but_one_has_somebody_able(demo: Connection) -> None:
    unable = rows(
        demo,
        """
        select s.code from public.services as s
        where not exists (
            select from public.technician_profiles as t
            where not exists (
                select from public.service_skills as k
                where k.service_id = s.id and k.is_required and not exists (
                    select from public.technician_skills as h
                    where h.technician_id = t.id and h.skill_code = k.skill_code and h.level >= k.minimum_level
                )
            )
        )
        """,
    )
    # A crew brings its skills together: no single person replaces a boiler, a water heater or a furnace alone.
    assert {row["code"] for row in unable} == {"solar_inverter"}


def test_every_required_skill_exists(demo: Connection) -> None:
    assert (
        value(
            demo,
            """
        select count(*) from public.dispatch_jobs as j
        cross join jsonb_object_keys(j.required_skills) as wanted (code)
        left join public.skills as s on s.org_id = j.org_id and s.code = wanted.code
        where s.code is null
        """,
        )
        == 0
    )
    assert value(demo, "select count(*) from public.dispatch_jobs where required_skills = '{}'") == 0


def test_places_are_in_and_around_madison_and_in_zones(demo: Connection) -> None:
    outside = rows(
        demo,
        """
        select label from public.customer_locations
        where latitude not between 42.95 and 43.25 or longitude not between -89.60 and -89.15
        """,
    )
    assert [row["label"] for row in outside] == ["Cabin", "Cabin"]
    assert (
        value(
            demo,
            "select count(*) from public.customer_locations where service_zone_id is null and kind = 'site'",
        )
        == 2
    )
    assert (
        value(
            demo, "select count(distinct service_zone_id) from public.customer_locations where kind = 'site'"
        )
        == 9
    )


def test_every_phone_number_is_reserved_for_fiction(demo: Connection) -> None:
    numbers = rows(
        demo,
        """
        select phone from public.customers union all select phone from public.technician_profiles
        union all select phone from public.facilities
        union all select contact_phone from public.dispatch_jobs where contact_phone is not null
        """,
    )
    assert len(numbers) >= 120
    assert not [row["phone"] for row in numbers if row["phone"][5:10] != "55501"]


def test_somebody_can_sign_in_in_every_role(demo: Connection) -> None:
    roles = rows(
        demo,
        """
        select m.role::text from public.org_members as m
        inner join auth.users as u on m.user_id = u.id
        inner join auth.identities as i on i.user_id = u.id
        where
            u.encrypted_password = extensions.crypt('truckroll-demo', u.encrypted_password)
            and u.email_confirmed_at is not null and i.provider_id = u.id::text
        """,
    )
    every = value(demo, "select enum_range(null::public.member_role)::text[]")
    assert {row["role"] for row in roles} == {*every}


def test_the_seeds_can_be_loaded_again(freshly_seeded: str) -> None:
    counted = "select (select count(*) from public.dispatch_jobs), (select count(*) from auth.users)"
    with psycopg.connect(freshly_seeded, autocommit=True) as connection:
        before = connection.execute(counted).fetchone()
        # A demo user who owns another company by now stays.
        connection.execute(
            """
            with other as (
                insert into public.orgs (name, slug) values ('Other', 'other') returning id
            )
            insert into public.org_members (org_id, user_id, role)
            select o.id, u.id, 'owner' from other as o cross join auth.users as u where u.email like 'dispatcher@%'
            """
        )
        manifest.apply(connection, manifest.seed_files())
        assert connection.execute(counted).fetchone() == before

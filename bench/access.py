"""What row-level security costs: `python -m bench.access CONNINFO`, in a database with the declared schema.

Puts 200,000 jobs of 20 companies there in a transaction that it rolls back, and lets people read with the policies as
declared. The yardsticks of each run are the same query by the owner, who no policy concerns, and the same policy with
the look-up written in the two ways that are not used here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any, LiteralString

import psycopg

ROUNDS = 15

FILL: LiteralString = """
    set local session_replication_role = replica;
    create temporary table people on commit drop as
    select name, gen_random_uuid() as id from unnest(array['dispatcher', 'technician', 'limited']) as name;
    insert into auth.users (id) select id from people;
    insert into public.orgs (name, slug) select 'Org ' || n, 'bench-' || n from generate_series(1, 20) as n;
    insert into public.role_permissions (org_id, role, permission)
    select o.id, d.role, d.permission
    from public.orgs as o cross join private.default_role_permissions() as d where o.slug like 'bench-%';
    insert into public.facilities (org_id, name, time_zone)
    select o.id, 'Branch ' || n, 'UTC'
    from public.orgs as o cross join generate_series(1, 5) as n where o.slug like 'bench-%';
    insert into public.technician_profiles (org_id, display_name, time_zone)
    select o.id, 'Tech ' || n, 'UTC'
    from public.orgs as o cross join generate_series(1, 50) as n where o.slug like 'bench-%';
    insert into public.dispatch_jobs (
        org_id, number, title, contact_phone, facility_id, estimated_duration_minutes, required_crew_size, status
    )
    select f.org_id, 'J-' || f.name || n, 'Job', '+16085550000', f.id, 60, 1, 'completed'
    from public.facilities as f inner join public.orgs as o on f.org_id = o.id and o.slug like 'bench-%'
    cross join generate_series(1, 2000) as n;
    insert into public.appointments (org_id, number, dispatch_job_id, visit_number, facility_id, starts_at, ends_at)
    select j.org_id, j.number, j.id, 1, j.facility_id, at.starts_at, at.starts_at + interval '1 hour'
    from public.dispatch_jobs as j
    cross join lateral (
        select timestamptz '2026-01-01Z' + (hashtext(j.id::text) & 255) * interval '1 day' as starts_at
    ) as at
    where j.number like 'J-%';
    insert into public.job_assignments (
        org_id, dispatch_job_id, appointment_id, technician_id, scheduled_start_at, scheduled_end_at, status
    )
    select a.org_id, a.dispatch_job_id, a.id, t.id, a.starts_at, a.ends_at, 'completed'
    from (
        select v.*, row_number() over (partition by v.org_id) as n
        from public.appointments as v where v.number like 'J-%'
    ) as a
    inner join (
        select p.*, row_number() over (partition by p.org_id) as n from public.technician_profiles as p
    ) as t on a.org_id = t.org_id and a.n % 50 + 1 = t.n;
    insert into public.org_members (org_id, user_id, role)
    select o.id, p.id, (case p.name when 'limited' then 'service_advisor' else p.name end)::public.member_role
    from people as p inner join public.orgs as o on o.slug = 'bench-1';
    insert into public.member_facilities (org_id, member_id, facility_id)
    select m.org_id, m.id, f.id
    from public.org_members as m inner join people as p on m.user_id = p.id and p.name = 'limited'
    inner join public.facilities as f on m.org_id = f.org_id and f.name = 'Branch 1';
    update public.technician_profiles as t set user_id = p.id
    from people as p, public.orgs as o
    where p.name = 'technician' and o.slug = 'bench-1' and t.org_id = o.id and t.display_name = 'Tech 1';
    set local session_replication_role = origin;
    analyze public.dispatch_jobs; analyze public.appointments; analyze public.job_assignments;
    analyze public.org_members; analyze public.role_permissions; analyze public.technician_profiles;
"""

DAY: LiteralString = """
    select count(*) from public.job_assignments
    where org_id = %(org)s and scheduled_start_at >= '2026-03-01' and scheduled_start_at < '2026-03-02'
"""
JOBS: LiteralString = "select count(*) from public.dispatch_jobs"
VISITS: LiteralString = "select count(*) from public.appointments"
# Who asks, what, and the same for the owner of the tables.
READINGS: tuple[tuple[str, str, LiteralString, LiteralString], ...] = (
    ("a day's assignments", "dispatcher", DAY, DAY),
    ("a day's assignments", "limited", DAY, DAY),
    ("all 10,000 jobs", "dispatcher", JOBS, JOBS + " where org_id = %(org)s"),
    (
        "the branch's 2,000 jobs",
        "limited",
        JOBS,
        JOBS + " where org_id = %(org)s and facility_id = %(facility)s",
    ),
    ("their own 200 jobs", "technician", JOBS, JOBS + " where id = any(%(jobs)s)"),
    ("their own 200 visits", "technician", VISITS, VISITS + " where dispatch_job_id = any(%(jobs)s)"),
)
OWN_JOBS: LiteralString = """
    select array_agg(a.dispatch_job_id) from public.job_assignments as a
    inner join public.technician_profiles as t on a.technician_id = t.id
    inner join people as p on t.user_id = p.id
"""
# The last is timed over one row in a thousand: over all of them it takes minutes.
WRITTEN: tuple[tuple[str, LiteralString, LiteralString], ...] = (
    (
        "= any(array(select …))",
        JOBS,
        "org_id = any(array(select private.org_ids_with_permission('view_jobs')))",
    ),
    ("in (select …)", JOBS, "org_id in (select private.org_ids_with_permission('view_jobs'))"),
    (
        "a function for each row",
        "select count(*) from public.dispatch_jobs tablesample system (0.1) repeatable (1)",
        "private.may('view_jobs', org_id)",
    ),
)


def _milliseconds(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    taken = []
    for _ in range(rounds):
        start = perf_counter()
        work()
        taken.append(1000 * (perf_counter() - start))
    return median(taken)


def _become(connection: psycopg.Connection, user_id: object = None) -> None:
    claims = json.dumps({"sub": str(user_id), "role": "authenticated"}) if user_id else ""
    connection.execute(
        "select set_config('role', %s, true), set_config('request.jwt.claims', %s, true)",
        ("authenticated" if user_id else "none", claims),
    )


def measure(connection: psycopg.Connection) -> None:
    """Print the median of each reading in milliseconds, and how many times the owner's it is."""
    connection.execute(FILL)
    people: dict[str, Any] = dict(connection.execute("select name, id from people").fetchall())
    known: dict[str, Any] = {}
    for name, query in (
        ("org", "select id from public.orgs where slug = 'bench-1'"),
        ("facility", "select facility_id from public.member_facilities order by member_id limit 1"),
        ("jobs", OWN_JOBS),
    ):
        row = connection.execute(query).fetchone()
        known[name] = row[0] if row else None
    for what, who, asked, plain in READINGS:
        alone = _milliseconds(lambda query=plain: connection.execute(query, known).fetchall())  # type: ignore[misc]
        _become(connection, people[who])
        with_policies = _milliseconds(lambda query=asked: connection.execute(query, known).fetchall())  # type: ignore[misc]
        _become(connection)
        print(
            f"{who + ' reads ' + what:42} {with_policies:9.2f} ms   {with_policies / alone:7.1f} × the owner's"
        )
    for form, query, condition in WRITTEN:
        connection.execute(
            f"alter policy select_by_staff_who_may_view on public.dispatch_jobs using ({condition})"
        )
        _become(connection, people["dispatcher"])
        taken = _milliseconds(lambda: connection.execute(query).fetchall(), 3)  # noqa: B023
        _become(connection)
        print(f"{'look-up written as ' + form:42} {taken:9.2f} ms")


if __name__ == "__main__":
    with psycopg.connect(sys.argv[1]) as database:
        measure(database)
        database.rollback()

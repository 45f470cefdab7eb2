-- What an emergency insertion looks at (OPT-7): who works now, where they are, what they have before them.
-- Times are seconds since 1970, as the engine wants them; a claim stands for a visit with its buffers.

create function private.emergency_work(job uuid)
returns private.work
language plpgsql
stable
set search_path = ''
as $$
declare
    work constant private.work := private.work_of_job(job);
begin
    if work.org_id is null or not private.may('view_jobs', work.org_id, work.facility_id) then
        perform private.fail(404, 'job_not_found', 'There is no such job, or you may not see it.', 'Check the id.');
    end if;
    perform private.require('optimize_schedule', work.org_id, work.facility_id);
    return work;
end;
$$;

comment on function private.emergency_work(uuid) is
'The work of a job, for who may plan: 404 unless they see it, 42501 without optimize_schedule.';

create function private.emergency_job(job uuid, earliest timestamptz, latest timestamptz, notice interval)
returns table (
    asked_at timestamptz, not_before timestamptz, until timestamptz, now_s bigint, leave_from_s bigint,
    latitude double precision, longitude double precision, before_s integer, after_s integer, length_s integer,
    paced_s integer, sla_end_s bigint,
    windows_s bigint[], can_be_inserted boolean
)
language plpgsql
stable
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
    work constant private.work := private.emergency_work(job);
    asked constant timestamptz := greatest(coalesce(earliest, now()), now());
    first_start constant timestamptz := greatest(asked, now() + notice);
    last_end constant timestamptz := coalesce(latest, asked + interval '12 hours');
begin
    if last_end <= first_start or last_end > asked + interval '3 days' or asked > now() + interval '92 days' then
        perform private.fail(
            400, 'period_invalid', 'An emergency is looked for between now and three days after earliest.',
            'Leave earliest and latest out to look at the next twelve hours.'
        );
    end if;
    return query
    select
        asked, first_start, last_end, floor(extract(epoch from now()))::bigint,
        ceil(extract(epoch from now() + notice) / 60)::bigint * 60, work.latitude, work.longitude,
        work.buffer_before_minutes * 60, work.buffer_after_minutes * 60,
        (work.buffer_before_minutes + work.duration_minutes + work.buffer_after_minutes) * 60,
        case when work.own_pace then work.duration_minutes * 60 else 0 end,
        extract(epoch from work.sla_end_at)::bigint,
        -- Its own SLA may be missed where nothing better is to be had; its customer's windows may not. Whether it is
        -- over in time depends on who comes.
        private.window_seconds(array(
            select tstzrange(greatest(w.window_start, first_start, work.sla_start_at), least(w.window_end, last_end), '[]')
            from (
                select w.window_start, w.window_end from private.time_windows(job) as w
                union all
                select first_start, last_end where not exists (select from private.time_windows(job))
            ) as w
            where greatest(w.window_start, first_start, work.sla_start_at) <= least(w.window_end, last_end)
            order by 1
        )),
        work.crew_size = 1 and not work.is_composite and work.place_kind = 'site' and work.latitude is not null
        and work.inactive_because is null;
end;
$$;

comment on function private.emergency_job(uuid, timestamptz, timestamptz, interval) is
'The job as an emergency insertion sees it: when it was asked for, when it may start (pairs), where, how long it usually takes with its buffers and how much of that goes by the pace of who comes, and whether it is for one technician at a known site at all. Definer: own check optimize_schedule.';

create function private.way_s(
    org uuid, from_latitude double precision, from_longitude double precision, to_latitude double precision,
    to_longitude double precision
)
returns integer
language plpgsql
stable
set search_path = ''
as $$
begin
    return (
        select coalesce(
            (
                select k.duration_s
                from private.known_travel_s(from_latitude, from_longitude, to_latitude, to_longitude) as k
            ),
            private.travel_s(private.distance_m(
                from_latitude, from_longitude, to_latitude, to_longitude, o.travel_detour_factor::float8
            ), o.travel_speed_kmh::float8), 0
        )
        from public.orgs as o where o.id = org
    );
end;
$$;

comment on function private.way_s(
    uuid, double precision, double precision, double precision, double precision
) is 'Driving seconds from one place to another, as the judge reckons them for who drives as fast as usual.';

create function private.technicians_now(org uuid, technician_ids uuid[])
returns table (
    technician_id uuid, latitude double precision, longitude double precision, ready_at timestamptz, source text,
    known_at timestamptz
)
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
begin
    return query
    with under_way as (
        select distinct on (a.technician_id)
            a.technician_id, r.latitude, r.longitude, greatest(
                upper(r.during),
                coalesce(a.actual_start_at, a.tech_eta_at, now()) + (upper(r.during) - a.scheduled_start_at), now()
            ) as ready_at
        from public.job_assignments as a
        inner join public.reservations as r on r.assignment_id = a.id and r.released_at is null
        where
            a.org_id = org and a.technician_id = any(technician_ids) and a.status in ('en_route', 'on_site', 'paused')
            and a.scheduled_start_at between now() - interval '1 day' and now() + interval '1 day'
        order by a.technician_id, 4 desc
    ),

    finished as (
        select distinct on (a.technician_id) a.technician_id, r.latitude, r.longitude, a.actual_end_at as known_at
        from public.job_assignments as a
        inner join public.reservations as r on r.assignment_id = a.id and r.released_at is null
        where
            a.org_id = org and a.technician_id = any(technician_ids) and a.status = 'completed'
            and a.scheduled_start_at > now() - interval '1 day' and a.actual_end_at <= now()
        order by a.technician_id, a.actual_end_at desc
    ),

    planned as (
        select distinct on (r.claimant_id)
            r.claimant_id as technician_id, r.latitude, r.longitude, upper(r.during) as known_at
        from public.reservations as r
        where
            r.claimant_id = any(technician_ids) and r.released_at is null and r.latitude is not null
            and r.during && tstzrange(now() - interval '1 day', now()) and upper(r.during) <= now()
            and r.kind <> 'held'
        order by r.claimant_id, upper(r.during) desc
    )

    select
        t.id, coalesce(known.latitude, u.latitude), coalesce(known.longitude, u.longitude),
        coalesce(u.ready_at, now()), case when u.technician_id is not null then 'visit_under_way' else known.source end,
        known.known_at
    from unnest(technician_ids) as t (id)
    left join under_way as u on u.technician_id = t.id
    left join lateral (
        select seen.*
        from (
            (
                select 'live_position' as source, 1 as turn, l.latitude, l.longitude, l.recorded_at as known_at
                from public.technician_locations as l
                where
                    -- Older than an hour a position tells nothing (AVL-8).
                    l.org_id = org and l.technician_id = t.id and l.recorded_at > now() - interval '60 minutes'
                order by l.recorded_at desc
                limit 1
            )
            union all
            select 'last_visit', 1, f.latitude, f.longitude, f.known_at from finished as f where f.technician_id = t.id
            union all
            select 'last_planned_visit', 2, p.latitude, p.longitude, p.known_at
            from planned as p where p.technician_id = t.id
        ) as seen
        where u.technician_id is null
        order by seen.turn, seen.known_at desc
        limit 1
    ) as known on true
    where u.technician_id is not null or known.source is not null;
end;
$$;

comment on function private.technicians_now(uuid, uuid[]) is
'Where technicians are and from when on they could leave: at the visit under way until it is over, else at a position reported within the hour or the visit finished since, else where they were last planned. No row: nothing is known of them today.';

create function private.emergency_shifts(job uuid, earliest timestamptz, latest timestamptz)
returns table (
    technician_id uuid, technician_name text, starts_s bigint, ends_s bigint, latitude double precision,
    longitude double precision, home_latitude double precision, home_longitude double precision, position_source text,
    position_age_minutes integer, travel_s integer, unavailable_s bigint[], breaks_s bigint[], pace double precision,
    speed double precision
)
language plpgsql
stable
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
#variable_conflict use_column
declare
    work constant private.work := private.emergency_work(job);
    time_zone constant text := (select o.time_zone from public.orgs as o where o.id = work.org_id);
    run public.optimization_runs;
    able uuid[];
begin
    able := array(select q.technician_id from private.qualified_technicians(work, null, earliest) as q);
    run.org_id := work.org_id;
    run.technician_ids := able;
    -- Who began yesterday evening may work still.
    run.starts_on := (earliest at time zone time_zone)::date - 1;
    run.days := (latest at time zone time_zone)::date - run.starts_on + 1;
    return query
    select
        s.technician_id, s.technician_name,
        case when s.has_begun then greatest(s.starts_s, ceil(extract(epoch from coalesce(n.ready_at, now())) / 60)::bigint * 60)
            else s.starts_s
        end,
        s.ends_s,
        case when s.is_known then n.latitude else s.latitude end,
        case when s.is_known then n.longitude else s.longitude end,
        s.latitude, s.longitude, case when s.is_known then n.source else 'home' end,
        case when s.is_known then floor(extract(epoch from now() - n.known_at) / 60)::integer end,
        private.driven_s(private.way_s(
            work.org_id, case when s.is_known then n.latitude else s.latitude end,
            case when s.is_known then n.longitude else s.longitude end, work.latitude, work.longitude
        ), s.speed), s.unavailable_s, s.breaks_s, s.pace, s.speed
    from private.plan_shifts(run) as p
    left join private.technicians_now(work.org_id, able) as n on p.technician_id = n.technician_id
    cross join lateral (
        select p.*, p.starts_s <= extract(epoch from now()) as has_begun,
            p.starts_s <= extract(epoch from now())
            and coalesce(n.known_at, n.ready_at) >= to_timestamp(p.starts_s) as is_known
    ) as s
    where p.lane = 1 and s.starts_s < extract(epoch from latest) and s.ends_s > extract(epoch from earliest)
    order by s.technician_id, s.starts_s;
end;
$$;

comment on function private.emergency_shifts(uuid, timestamptz, timestamptz) is
'What is left of the working time of everybody who may do a job, on shift or on call: from when and where on they could leave for it, and how long they would drive. Definer: reads positions and every technician''s day. Own check: optimize_schedule.';

grant execute on function private.emergency_job(uuid, timestamptz, timestamptz, interval) to authenticated, service_role;
grant execute on function private.emergency_shifts(uuid, timestamptz, timestamptz) to authenticated, service_role;

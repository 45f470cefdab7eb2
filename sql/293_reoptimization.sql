-- Disturbances become runs (OPT-8): one for a company and day, once it has been quiet for a moment, limited to the
-- technicians concerned and those who could take over. Called by the worker's cron, as often as one likes.

create index job_assignments_open_idx on public.job_assignments (scheduled_end_at)
where status in ('assigned', 'accepted', 'en_route', 'on_site', 'paused');

create unique index optimization_runs_one_reoptimization_key on public.optimization_runs (org_id, starts_on)
where kind = 'reoptimize' and status = 'queued' and replays_run_id is null;

create function private.note_delay(org uuid, subject uuid, late_minutes integer)
returns boolean
language sql
volatile
set search_path = ''
as $$
    insert into private.noted_delays as d (org_id, subject_id, minutes)
    values (org, subject, late_minutes)
    on conflict (org_id, subject_id) do update set minutes = excluded.minutes, noted_at = now()
    where excluded.minutes >= d.minutes + 30
    returning true;
$$;

comment on function private.note_delay(uuid, uuid, integer) is
'True when a delay is new, or half an hour worse than when it was noted.';

create function private.note_overruns()
returns void
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    late record;
begin
    delete from private.noted_delays as d where d.noted_at < now() - interval '2 days';
    for late in
        select
            a.org_id, a.id, a.technician_id, a.dispatch_job_id, e.expected_end,
            case when a.status in ('on_site', 'paused') then 'overrun' else 'late' end as kind,
            (extract(epoch from e.expected_end - a.scheduled_end_at) / 60)::integer as minutes
        from public.job_assignments as a
        inner join public.orgs as o on a.org_id = o.id and o.reoptimization <> 'off'
        cross join lateral (select private.expected_end(a, now()) as expected_end) as e
        where
            a.status in ('assigned', 'accepted', 'en_route', 'on_site', 'paused')
            -- What nobody closed for a day is an old entry, not a long visit.
            and a.scheduled_end_at between now() - interval '12 hours' and now() + interval '12 hours'
            and e.expected_end > a.scheduled_end_at + interval '10 minutes'
            and exists (
                select from public.job_assignments as next
                where
                    next.org_id = a.org_id and next.technician_id = a.technician_id and next.id <> a.id
                    and next.status in ('assigned', 'accepted') and next.scheduled_start_at > now()
                    and next.scheduled_start_at < e.expected_end + interval '4 hours'
            )
    loop
        if private.note_delay(late.org_id, late.id, late.minutes) then
            perform private.disturb(
                late.org_id, tstzrange(now(), greatest(late.expected_end, now() + interval '1 minute')),
                array[late.technician_id], jsonb_build_object(
                    'kind', late.kind, 'assignment_id', late.id, 'job_id', late.dispatch_job_id,
                    'technician_id', late.technician_id, 'minutes', late.minutes
                )
            );
        end if;
    end loop;
end;
$$;

comment on function private.note_overruns() is
'Notes visits that go on past their end or have not begun though they should have, where somebody waits behind them. Definer: the worker looks at all companies.';

create function private.note_travel_changes()
returns void
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    leg record;
begin
    if not private.travel_is_known() then
        return;
    end if;
    for leg in
        with claims as (
            select
                t.travel_speed_factor::float8 as faster, r.org_id, r.id, r.claimant_id, r.during, r.assignment_id, r.latitude, r.longitude,
                lag(upper(r.during)) over w as left_at, lag(r.latitude) over w as from_latitude,
                lag(r.longitude) over w as from_longitude
            from public.reservations as r
            inner join public.orgs as o on r.org_id = o.id and o.reoptimization <> 'off'
            inner join public.technician_profiles as t on r.claimant_id = t.id and t.max_concurrent_jobs = 1
            where
                r.released_at is null and r.kind = 'booked'
                and r.during && tstzrange(now(), now() + make_interval(days => o.reoptimization_days))
            window w as (partition by r.claimant_id order by lower(r.during))
        )

        select c.*, (k.duration_s - extract(epoch from lower(c.during) - c.left_at))::integer / 60 as minutes
        from claims as c
        cross join lateral (
            select private.driven_s(known.duration_s, c.faster) as duration_s
            from private.known_travel_s(c.from_latitude, c.from_longitude, c.latitude, c.longitude) as known
        ) as k
        where
            lower(c.during) > now() and c.assignment_id is not null
            and k.duration_s > extract(epoch from lower(c.during) - c.left_at) + 300
    loop
        if private.note_delay(leg.org_id, leg.id, leg.minutes) then
            perform private.disturb(leg.org_id, leg.during, array[leg.claimant_id], jsonb_build_object(
                'kind', 'travel_changed', 'assignment_id', leg.assignment_id, 'technician_id', leg.claimant_id,
                'minutes', leg.minutes
            ));
        end if;
    end loop;
end;
$$;

comment on function private.note_travel_changes() is
'Notes drives between booked visits that, by the provider''s present times, take over five minutes longer than there is. Definer: the worker looks at all companies.';

create function private.replan_scope(org uuid, on_date date, technician_ids uuid[], job_ids uuid[], beside integer)
returns uuid[]
language plpgsql
stable
security definer
set search_path = ''
set jit = 'off'
as $$
declare
    period constant tstzrange := private.local_days(org, on_date, 1);
    candidates constant uuid[] := array(
        select t.id
        from public.technician_profiles as t
        inner join private.free_time(
            org, array(select p.id from public.technician_profiles as p where p.org_id = org and p.is_active),
            period * tstzrange(now(), null)
        ) as f on t.id = f.technician_id and not isempty(f.during)
        where t.id <> all(replan_scope.technician_ids)
    );
    visits constant uuid[] := array(
        select distinct a.dispatch_job_id
        from public.job_assignments as a
        where
            a.org_id = org and a.technician_id = any(replan_scope.technician_ids)
            and a.scheduled_start_at < upper(period) and a.scheduled_end_at > greatest(lower(period), now())
            and a.status in ('assigned', 'accepted')
    );
    able constant uuid[] := array(
        select distinct person.id
        from private.eligible_technicians(visits, candidates, array[on_date]) as e
        cross join unnest(e.able) as person (id)
    );
begin
    return technician_ids || array(
        with concerned as (
            select l.latitude, l.longitude
            from public.dispatch_jobs as j inner join public.customer_locations as l on j.location_id = l.id
            where j.id = any(visits || job_ids) and l.latitude is not null
        ),

        places as (
            select r.claimant_id as technician_id, r.latitude, r.longitude
            from public.reservations as r
            where
                r.claimant_id = any(candidates) and r.released_at is null and r.during && period
                and r.latitude is not null
            union all
            select t.id, l.latitude, l.longitude
            from public.technician_profiles as t
            inner join public.customer_locations as l on t.home_base_location_id = l.id
            where t.id = any(candidates) and l.latitude is not null
        )

        select c.id
        from unnest(candidates) as c (id)
        left join lateral (
            select min(private.distance_m(p.latitude, p.longitude, h.latitude, h.longitude, 1)) as metres
            from places as p cross join concerned as h
            where p.technician_id = c.id
        ) as nearest on true
        order by c.id = any(able) desc, nearest.metres nulls last, c.id
        limit beside
    );
end;
$$;

comment on function private.replan_scope(uuid, date, uuid[], uuid[], integer) is
'Whose day a re-optimisation may touch: the technicians concerned, and some who have time left, first those who may do the visits at stake and of them the nearest. Definer: the worker looks at whole companies.';

create function private.queue_replans(quiet interval default '20 seconds', at_most interval default '2 minutes')
returns integer
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    day record;
    queued integer := 0;
    taken jsonb;
    technicians uuid[];
    jobs uuid[];
begin
    for day in
        select d.org_id, d.on_date, o.reoptimization
        from private.disturbances as d inner join public.orgs as o on d.org_id = o.id
        where
            o.is_active and not exists (
                select from public.optimization_runs as r
                where
                    r.org_id = d.org_id and r.status in ('queued', 'running') and r.kind = 'reoptimize'
                    and r.starts_on = d.on_date and r.replays_run_id is null
            )
        group by d.org_id, d.on_date, o.id
        -- One cancellation seldom comes alone; but a day on which they never cease must not wait for ever.
        having max(d.noted_at) <= clock_timestamp() - quiet or min(d.noted_at) <= clock_timestamp() - at_most
        order by min(d.noted_at)
    loop
        continue when not pg_try_advisory_xact_lock(hashtextextended(day.org_id::text || day.on_date::text, 13));
        with gone as (
            delete from private.disturbances as d where d.org_id = day.org_id and d.on_date = day.on_date
            returning d.id, d.cause, d.technician_ids
        )

        select
            jsonb_agg(g.cause order by g.id), array(
                select distinct person.id
                from gone as x cross join unnest(x.technician_ids) as person (id)
                inner join public.technician_profiles as t on person.id = t.id and t.is_active
            ),
            array_agg(distinct (g.cause ->> 'job_id')::uuid) filter (where g.cause ? 'job_id')
        into taken, technicians, jobs
        from gone as g;
        continue when taken is null or day.reoptimization = 'off' or upper(private.local_days(day.org_id, day.on_date, 1)) <= now();

        with superseded as (
            update public.optimization_runs as r
            set status = 'expired'
            where
                r.org_id = day.org_id and r.starts_on = day.on_date and r.kind = 'reoptimize' and r.status = 'proposed'
                and r.replays_run_id is null
            returning r.id
        )

        update public.route_plans as p set status = 'canceled'
        from superseded as s where p.optimization_run_id = s.id and p.status = 'proposed';

        insert into public.optimization_runs (
            org_id, kind, mode, starts_on, technician_ids, time_limit_s, label, causes, assumptions
        )
        values (
            day.org_id, 'reoptimize', day.reoptimization::text::public.run_mode, day.on_date,
            private.replan_scope(day.org_id, day.on_date, technicians, coalesce(jobs, '{}'), 12), 3,
            'After ' || (
                select string_agg(distinct replace(c.cause ->> 'kind', '_', ' '), ', ')
                from jsonb_array_elements(taken) as c (cause)
            ),
            -- A storm has a thousand causes; the first fifty tell what it was.
            jsonb_path_query_array(taken, '$[0 to 49]'),
            -- Who has just canceled is asked before anybody comes after all.
            jsonb_build_object('without_job_ids', coalesce((
                select jsonb_agg(distinct j.id)
                from public.appointments as a
                inner join public.dispatch_jobs as j on a.org_id = j.org_id and a.dispatch_job_id = j.id
                where
                    a.org_id = day.org_id and a.status in ('canceled', 'no_show') and j.status = 'unscheduled'
                    and tstzrange(a.starts_at, a.ends_at) && private.local_days(day.org_id, day.on_date, 1)
            ), '[]'))
        )
        on conflict do nothing;
        queued := queued + 1;
    end loop;
    return queued;
end;
$$;

comment on function private.queue_replans(interval, interval) is
'Queues one run for every company and day with disturbances, once none has come for a moment; returns how many. What comes while such a run waits or works is taken up after it. Definer: clients do not write runs.';

create function private.announce_replan()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform private.raise_event(new.org_id, 'plan.proposed', 'optimization_run', new.id, jsonb_build_object(
        'starts_on', new.starts_on, 'label', new.label, 'causes', new.causes, 'expires_at', new.expires_at
    ));
    perform realtime.send(jsonb_build_object(
        'run_id', new.id, 'starts_on', new.starts_on, 'label', new.label, 'status', new.status
    ), 'plan_proposed', 'org:' || new.org_id || ':schedule', true);
    return null;
end;
$$;

comment on function private.announce_replan() is
'Tells subscribers and the board of a proposal nobody asked for. Definer: see raise_event and broadcast_change.';

create trigger optimization_runs_announce after update of status on public.optimization_runs
for each row when (
    new.kind = 'reoptimize' and old.status = 'running' and new.status = 'proposed' and new.mode = 'propose'
    and new.replays_run_id is null
)
execute function private.announce_replan();

grant execute on function private.note_overruns() to service_role;
grant execute on function private.note_travel_changes() to service_role;
grant execute on function private.queue_replans(interval, interval) to service_role;

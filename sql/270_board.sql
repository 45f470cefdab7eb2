-- The dispatch board as one JSON document. Built as json, not jsonb: it is sent, never searched.

create function private.board_technicians(org uuid, technician_ids uuid[], period tstzrange)
returns table (list json, technicians bigint, working_minutes bigint, booked_minutes bigint)
language plpgsql
stable
rows 1
set search_path = ''
as $$
#variable_conflict use_column
begin
    return query
    with working as (
        select w.technician_id, w.during * tstzmultirange(period) as during
        from private.working_time(org, technician_ids, period) as w
    ),

    away as (
        select
            u.technician_id, range_agg(u.during) as during,
            json_agg(json_build_object('starts_at', lower(u.during), 'ends_at', upper(u.during), 'why', u.why)
                order by lower(u.during)) as list
        from private.unavailable_time(org, technician_ids, period) as u
        group by u.technician_id
    ),

    breaks as (
        select o.technician_id, json_agg(json_build_object(
            'starts_at', lower(occurrence), 'ends_at', upper(occurrence), 'minutes', o.minutes
        ) order by lower(occurrence)) as list
        from public.technician_time_off as o
        cross join lateral private.occurrences(
            o.recurrence, o.starts_at, o.ends_at, o.time_zone, o.excluded_on, period
        ) as occurrence
        where o.org_id = org and o.technician_id = any(technician_ids) and o.minutes is not null
        group by o.technician_id
    ),

    claims as (
        select r.claimant_id, sum(extract(epoch from upper(r.during) - lower(r.during)) / 60)::integer as minutes
        from public.reservations as r
        where
            r.claimant_id = any(technician_ids) and r.released_at is null and r.during && period
            and not (r.kind = 'held' and r.hold_expires_at <= now())
        group by r.claimant_id
    )

    select coalesce(json_agg(json_build_object(
        'id', t.id, 'display_name', t.display_name, 'photo_path', t.photo_path, 'facility_id', t.facility_id,
        'time_zone', t.time_zone,
        'working', coalesce((
            select json_agg(json_build_array(lower(s), upper(s))) from unnest(w.during) as s
        ), '[]'),
        'unavailable', coalesce(a.list, '[]'), 'breaks', coalesce(b.list, '[]'),
        'working_minutes', coalesce(open.minutes, 0), 'booked_minutes', coalesce(c.minutes, 0),
        'utilization', round(coalesce(c.minutes, 0) / nullif(open.minutes, 0)::numeric, 3),
        'position', p.position
    ) order by t.display_name, t.id), '[]'), count(*), coalesce(sum(open.minutes), 0), coalesce(sum(c.minutes), 0)
    from public.technician_profiles as t
    left join working as w on t.id = w.technician_id
    left join away as a on t.id = a.technician_id
    left join breaks as b on t.id = b.technician_id
    left join claims as c on t.id = c.claimant_id
    left join lateral (
        select (sum(extract(epoch from upper(s) - lower(s))) / 60)::integer as minutes
        from unnest(w.during - coalesce(a.during, '{}')) as s
    ) as open on true
    left join lateral (
        select json_build_object(
            'latitude', l.latitude, 'longitude', l.longitude, 'recorded_at', l.recorded_at,
            -- Warned above 30 minutes, unavailable above 60 (AVL-8).
            'age_minutes', age.minutes, 'is_stale', age.minutes > 30, 'is_available', age.minutes <= 60
        ) as position
        from public.technician_locations as l
        cross join lateral (select (extract(epoch from now() - l.recorded_at) / 60)::integer as minutes) as age
        where l.org_id = org and l.technician_id = t.id
        order by l.recorded_at desc
        limit 1
    ) as p on true
    where t.org_id = org and t.id = any(technician_ids);
end;
$$;

comment on function private.board_technicians(uuid, uuid[], tstzrange) is
'The rows of the board: working time, time off, load and last position of each technician.';

create function private.board_appointments(org uuid, facility uuid, zone uuid, period tstzrange, with_canceled boolean)
returns table (list json, visits bigint)
language plpgsql
stable
rows 1
set search_path = ''
as $$
#variable_conflict use_column
begin
    return query
    with visits as materialized (
        select a.*, j.number as job_number, j.title, j.priority, j.status as job_status, j.customer_id,
            j.required_skills, j.sla_end_at, j.service_zone_id, j.service_id
        from public.appointments as a
        inner join public.dispatch_jobs as j on a.dispatch_job_id = j.id
        where
            a.org_id = org and a.starts_at < upper(period) and a.starts_at > lower(period) - interval '7 days'
            and a.ends_at > lower(period)
            and (with_canceled or a.status <> 'canceled')
            and (facility is null or a.facility_id = facility) and (zone is null or j.service_zone_id = zone)
    ),

    parts as (
        select x.appointment_id, json_agg(json_build_object(
            'id', x.id, 'technician_id', x.technician_id, 'status', x.status, 'is_primary', x.is_primary_technician,
            'is_locked', x.is_locked, 'starts_at', x.scheduled_start_at, 'ends_at', x.scheduled_end_at,
            'eta', x.tech_eta_at, 'sequence', x.sequence_in_route, 'version', x.version
        ) order by x.is_primary_technician desc, x.created_at, x.id) as list
        from public.job_assignments as x
        where
            x.org_id = org and x.appointment_id in (select v.id from visits as v)
            and (with_canceled or x.status not in ('declined', 'canceled'))
        group by x.appointment_id
    ),

    -- Rows become JSON a quarter faster than json_build_object() makes it of names and values.
    listed as (
        select
            v.id, v.number, v.dispatch_job_id as job_id, v.job_number, v.title, v.priority, v.job_status, v.visit_number,
            v.status, v.assignment_status, v.starts_at, v.ends_at, v.arrival_window_start, v.arrival_window_end,
            v.sla_end_at, v.facility_id, coalesce(v.bay_id, v.mobile_unit_id) as resource_id, v.service_id,
            v.service_zone_id, v.required_skills, v.customer_id, c.name as customer_name, l.address_line1 as address,
            l.city, l.latitude, l.longitude, v.version, coalesce(p.list, '[]') as assignments
        from visits as v
        left join public.customers as c on v.customer_id = c.id
        left join public.customer_locations as l on v.location_id = l.id
        left join parts as p on v.id = p.appointment_id
    )

    select coalesce(json_agg(d order by d.starts_at, d.id), '[]'), count(*) from listed as d;
end;
$$;

comment on function private.board_appointments(uuid, uuid, uuid, tstzrange, boolean) is
'The visits on the board, each with its job, customer, place and assignments.';

create function private.board_warnings(org uuid, period tstzrange)
returns json
language sql
stable
set search_path = ''
as $$
    select coalesce(json_agg(json_build_object('code', w.code, 'message', w.message, 'job_id', w.job_id) order by w.turn, w.at), '[]')
    from (
        select
            1 as turn, j.sla_end_at as at, j.id as job_id, 'sla_at_risk' as code,
            format('%s is not scheduled and must be finished by %s.', j.number, private.local_time(j.sla_end_at, o.time_zone)) as message
        from public.dispatch_jobs as j inner join public.orgs as o on j.org_id = o.id
        where j.org_id = org and j.status = 'unscheduled' and j.sla_end_at < upper(period)
        union all
        select
            2, a.starts_at, a.dispatch_job_id, 'not_started',
            format('%s should have started at %s.', a.number, private.local_time(a.starts_at, o.time_zone))
        from public.appointments as a inner join public.orgs as o on a.org_id = o.id
        where
            a.org_id = org and a.status in ('scheduled', 'confirmed', 'en_route') and a.starts_at < now() - interval '15 minutes'
            and a.starts_at >= lower(period) and a.starts_at < upper(period)
        union all
        select
            3, a.starts_at, a.dispatch_job_id, 'crew_missing',
            format('%s lacks technicians (%s).', a.number, replace(a.assignment_status::text, '_', ' '))
        from public.appointments as a
        where
            a.org_id = org and a.status in ('scheduled', 'confirmed', 'awaiting_parts')
            and a.assignment_status <> 'assigned' and a.starts_at >= lower(period) and a.starts_at < upper(period)
    ) as w;
$$;

comment on function private.board_warnings(uuid, tstzrange) is
'What a dispatcher should look at: deadlines without a plan, visits that did not start, visits without their crew.';

create function private.schedule_board(org uuid, starts_on date, days integer, facility uuid, zone uuid)
returns json
language plpgsql
stable
security definer
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
declare
    own public.orgs;
    period tstzrange;
    technician_ids uuid[];
    technicians record;
    appointments record;
begin
    select o.* into own from public.orgs as o where o.id = private.own_org('view_assignments', org);
    if starts_on is null or days is null or days not between 1 and 31
        or starts_on not between current_date - 3660 and current_date + 3660 then
        perform private.fail(
            400, 'period_invalid', 'starts_on is needed, at most ten years away, and days must be from 1 to 31.', 'For example one day.'
        );
    end if;
    if facility is not null and not exists (
        select from public.facilities as f where f.org_id = own.id and f.id = facility
    ) then
        perform private.fail(404, 'facility_not_found', 'There is no such facility in this company.', 'Check facility_id.');
    end if;
    if not private.may('view_assignments', own.id, facility) then
        perform private.fail(
            403, 'facility_needed', 'Your role covers certain facilities only.', 'Name one of yours in facility_id.'
        );
    end if;
    period := tstzrange(
        private.local_instant(starts_on::timestamp, own.time_zone),
        private.local_instant((starts_on + days)::timestamp, own.time_zone)
    );
    technician_ids := array(
        select t.id from public.technician_profiles as t
        where
            t.org_id = own.id
            and (facility is null or t.facility_id = facility)
            and (zone is null or exists (select from private.works_in_zone(t.id, zone)))
            and (t.is_active or exists (
                select from public.reservations as r
                where r.claimant_id = t.id and r.released_at is null and r.during && period
            ))
    );
    select t.* into technicians from private.board_technicians(own.id, technician_ids, period) as t;
    select a.* into appointments
    from private.board_appointments(
        own.id, facility, zone, period, private.may('view_cancelled_appointments', own.id, facility)
    ) as a;
    return json_build_object(
        'org_id', own.id, 'time_zone', own.time_zone, 'starts_on', starts_on, 'days', days,
        'starts_at', lower(period), 'ends_at', upper(period), 'server_time', now(),
        'technicians', technicians.list, 'appointments', appointments.list,
        'unscheduled', (
            select coalesce(json_agg(to_json(q)), '[]') from private.queue(own.id, facility, zone, now(), 200) as q
        ),
        'capacity', json_build_object(
            'technicians', technicians.technicians, 'visits', appointments.visits,
            'working_minutes', technicians.working_minutes, 'booked_minutes', technicians.booked_minutes
        ),
        'warnings', private.board_warnings(own.id, period)
    );
end;
$$;

comment on function private.schedule_board(uuid, date, integer, uuid, uuid) is
'Definer: reading a whole day row by row through policies would cost more than the board itself. Own check: view_assignments, for the facility when the caller''s role is limited to some.';

create function public.schedule_board(
    starts_on date,
    days integer default 1,
    facility_id uuid default null,
    zone_id uuid default null,
    org_id uuid default null
)
returns json
language sql
stable
set search_path = ''
as $$
    select private.schedule_board(org_id, starts_on, days, facility_id, zone_id);
$$;

comment on function public.schedule_board(date, integer, uuid, uuid, uuid) is
'The dispatch board of one or more local days as one document: technicians with working time, time off, load and position; visits with their assignments; the queue of unscheduled jobs (the 200 most urgent); capacity; warnings. Needs view_assignments; name org_id when you belong to several companies.';

revoke execute on function public.schedule_board(date, integer, uuid, uuid, uuid) from public, anon;
grant execute on function public.schedule_board(date, integer, uuid, uuid, uuid) to authenticated, service_role;
grant execute on function private.schedule_board(uuid, date, integer, uuid, uuid) to authenticated, service_role;

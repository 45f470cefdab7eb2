-- What has to be done and where, whether it is a job already or a service asked for at a site: the input of slot
-- search and of the judge.

create type private.work as (
    org_id uuid,
    job_id uuid,
    service_id uuid,
    customer_id uuid,
    location_id uuid,
    facility_id uuid,
    zone_id uuid,
    latitude double precision,
    longitude double precision,
    required_skills jsonb,
    crew_size integer,
    duration_minutes integer,
    buffer_before_minutes integer,
    buffer_after_minutes integer,
    place_kind public.place_kind,
    bay_types public.bay_type[],
    mobile_eligible boolean,
    mobile_max_distance_m integer,
    sla_start_at timestamptz,
    sla_end_at timestamptz,
    preferred_technician_id uuid,
    inactive_because text,
    is_composite boolean,
    moved_appointment_id uuid,
    customer_agrees boolean,
    is_coordinated boolean,
    own_pace boolean
);

create function private.inactive_because(job uuid)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
    return (
        select case when j.status in ('completed', 'canceled') then format('Job %s is %s.', j.number, j.status) end
        from public.dispatch_jobs as j where j.id = job
    );
end;
$$;

comment on function private.inactive_because(uuid) is 'Why a job takes no more visits; null when it does.';

create function private.follows_pace(crew_size integer, is_composite boolean, place_kind public.place_kind)
returns boolean
language sql
immutable
parallel safe
return crew_size = 1 and not is_composite and place_kind = 'site';

comment on function private.follows_pace(integer, boolean, public.place_kind) is
'Whether work takes as long as the one who does it takes: not with others, in several parts, or in a place booked for a time.';

create function private.own_minutes(work private.work, minutes integer, technician_ids uuid[])
returns integer
language plpgsql
stable
set search_path = ''
as $$
begin
    if work.own_pace and cardinality(technician_ids) = 1 then
        return coalesce((
            select private.paced(minutes, t.duration_factor)
            from public.technician_profiles as t where t.id = technician_ids[1]
        ), minutes);
    end if;
    return minutes;
end;
$$;

comment on function private.own_minutes(private.work, integer, uuid[]) is
'How long a technician takes for work of so many minutes; those minutes where a crew does it, or its end was named.';

create function private.work_of_job(job uuid)
returns private.work
language plpgsql
stable
set search_path = ''
as $$
declare
    work private.work;
begin
    select
        j.org_id, j.id, j.service_id, j.customer_id, j.location_id, j.facility_id, j.service_zone_id,
        l.latitude, l.longitude, j.required_skills, j.required_crew_size,
        -- Composite work lasts as long as its segments and pauses, whatever was estimated.
        case when s.is_composite then s.standard_duration_minutes else j.estimated_duration_minutes end,
        coalesce(s.buffer_before_minutes, 0), coalesce(s.buffer_after_minutes, 0),
        coalesce(s.place_kind, 'site'), coalesce(s.bay_types, '{}'), coalesce(s.mobile_eligible, false),
        s.mobile_max_distance_m, j.sla_start_at, j.sla_end_at, j.preferred_technician_id,
        case when j.status in ('completed', 'canceled') then format('Job %s is %s.', j.number, j.status) end,
        coalesce(s.is_composite, false), null, false, false,
        private.follows_pace(j.required_crew_size, coalesce(s.is_composite, false), coalesce(s.place_kind, 'site'))
    into work
    from public.dispatch_jobs as j
    left join public.customer_locations as l on j.location_id = l.id
    left join public.services as s on j.service_id = s.id
    where j.id = job;
    return work;
end;
$$;

comment on function private.work_of_job(uuid) is 'The work of a job; null when there is no such job.';

create function private.work_of_move(work private.work, visit public.appointments, customer_agrees boolean)
returns private.work
language plpgsql
stable
set search_path = ''
as $$
begin
    -- A visit stays what it was booked as, whatever became of its service since, and where it was booked.
    work.is_composite := exists (select from public.appointment_segments as g where g.appointment_id = visit.id);
    work.duration_minutes := (extract(epoch from visit.ends_at - visit.starts_at) / 60)::integer;
    work.buffer_before_minutes := visit.buffer_before_minutes;
    work.buffer_after_minutes := visit.buffer_after_minutes;
    work.facility_id := coalesce(visit.facility_id, work.facility_id);
    work.moved_appointment_id := visit.id;
    work.customer_agrees := customer_agrees;
    work.own_pace := false;
    return work;
end;
$$;

comment on function private.work_of_move(private.work, public.appointments, boolean) is
'A job''s work as that of a visit to be moved: what the visit claims now does not stand in its own way.';

create function private.work_of_service(service uuid, location uuid)
returns private.work
language sql
stable
set search_path = ''
as $$
    select row(
        s.org_id, null, s.id, l.customer_id, l.id, null, l.service_zone_id, l.latitude, l.longitude,
        coalesce((
            select jsonb_object_agg(k.skill_code, k.minimum_level)
            from public.service_skills as k where k.service_id = s.id and k.is_required
        ), '{}'),
        s.crew_size, s.standard_duration_minutes, s.buffer_before_minutes, s.buffer_after_minutes, s.place_kind,
        s.bay_types, s.mobile_eligible, s.mobile_max_distance_m, null, null, null,
        case when not s.is_active then format('The service %s is no longer offered.', s.name) end,
        s.is_composite, null, false, false, private.follows_pace(s.crew_size, s.is_composite, s.place_kind)
    )::private.work
    from public.services as s
    left join public.customer_locations as l on l.org_id = s.org_id and l.id = location
    where s.id = service and (location is null or l.id is not null);
$$;

comment on function private.work_of_service(uuid, uuid) is
'The work a service means at a site; null when either is unknown or they belong to different orgs.';

create function private.turn_of(org uuid, job uuid, appointment uuid)
returns table (opens timestamptz, closes timestamptz)
language plpgsql
stable
set search_path = ''
as $$
begin
    return query
    select
        max(a.ends_at) filter (where own.visit_number is null or a.visit_number < own.visit_number),
        min(a.starts_at) filter (where a.visit_number > own.visit_number)
    from public.appointments as a
    left join public.appointments as own on own.id = turn_of.appointment
    where
        a.org_id = turn_of.org and a.dispatch_job_id = turn_of.job
        and a.status not in ('completed', 'canceled', 'no_show') and a.id is distinct from turn_of.appointment;
end;
$$;

comment on function private.turn_of(uuid, uuid, uuid) is
'One row: when the visits of a job before one of them are over and when those after it begin; a new visit comes after all.';

create function private.time_windows(job uuid)
returns table (window_start timestamptz, window_end timestamptz, is_promised boolean)
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
begin
    return query
    select w.window_start, w.window_end, w.is_selected and w.source = 'customer_selected'
    from public.job_time_windows as w
    where
        w.dispatch_job_id = job
        and (w.is_selected or not exists (
            select from public.job_time_windows as chosen
            where chosen.dispatch_job_id = job and chosen.is_selected
        ));
end;
$$;

comment on function private.time_windows(uuid) is
'The windows in which a job''s visit may start: the selected one, else all of them; none means any time (JOB-6).';

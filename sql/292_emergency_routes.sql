-- What technicians have before them as an emergency insertion sees it (OPT-7): their claims, and the driving between.

create function private.emergency_movable(assignment public.job_assignments)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
    return private.movable(assignment) and (
        select t.max_concurrent_jobs = 1 from public.technician_profiles as t where t.id = assignment.technician_id
    );
end;
$$;

comment on function private.emergency_movable(public.job_assignments) is
'Whether an emergency may move a visit: as a plan may, and of a technician who does one thing at a time.';

create function private.emergency_claims(job uuid, technician_ids uuid[], period tstzrange)
returns table (
    technician_id uuid, starts_s bigint, ends_s bigint, latitude double precision, longitude double precision,
    appointment_id uuid, priority public.job_priority, scheduled_start_s bigint, is_movable boolean, windows_s bigint[]
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
    own_priority constant public.job_priority := (select j.priority from public.dispatch_jobs as j where j.id = job);
    -- Asked once, not for every claim: looking up who may what is dear.
    may_move_all constant boolean := private.may('optimize_schedule', work.org_id);
    facilities constant uuid[] := array(
        select f.id from public.facilities as f
        where f.org_id = work.org_id and not may_move_all and private.may('optimize_schedule', f.org_id, f.id)
    );
begin
    return query
    -- Asked once for each claim, whatever is then read of it.
    with claims as materialized (
        select
            r.id, r.claimant_id, lower(r.during) as begins, upper(r.during) as ends, r.latitude, r.longitude, a as assignment,
            j.priority, v.arrival_window_start, v.arrival_window_end,
            coalesce(case
                when j.priority < own_priority and (may_move_all or v.facility_id = any(facilities))
                    then private.emergency_movable(a)
            end, false) as is_movable
        from public.reservations as r
        left join public.job_assignments as a on r.assignment_id = a.id
        left join public.dispatch_jobs as j on a.dispatch_job_id = j.id
        left join public.appointments as v on a.appointment_id = v.id
        where
            r.org_id = work.org_id and r.claimant_id = any(technician_ids) and r.released_at is null and r.during && period
            and not (r.kind = 'held' and r.hold_expires_at <= now())
    )

    select
        c.claimant_id, floor(extract(epoch from c.begins))::bigint, ceil(extract(epoch from c.ends))::bigint,
        c.latitude, c.longitude, (c.assignment).appointment_id, c.priority,
        extract(epoch from (c.assignment).scheduled_start_at)::bigint, c.is_movable,
        -- Later only: nobody waits for a visit that was told for a later time.
        case when c.is_movable then private.window_seconds(private.start_windows(
            (c.assignment).dispatch_job_id,
            tstzrange(coalesce(c.arrival_window_start, (c.assignment).scheduled_start_at), c.arrival_window_end, '[]'),
            (c.assignment).scheduled_start_at, (c.assignment).scheduled_end_at - (c.assignment).scheduled_start_at,
            (c.assignment).appointment_id
        )) end
    from claims as c
    order by c.claimant_id, c.begins, c.id;
end;
$$;

comment on function private.emergency_claims(uuid, uuid[], tstzrange) is
'What the ledger holds against technicians in a period; lower-priority visits that may be moved come with the times at which they may start instead (pairs), the booked one first. Definer: reads every technician''s day. Own check: optimize_schedule.';

create function private.emergency_travel(
    job uuid, routes integer[], latitudes double precision[], longitudes double precision[]
)
returns table (travel_s bytea)
language plpgsql
stable
security definer
set search_path = ''
set jit = 'off'
as $$
declare
    work constant private.work := private.emergency_work(job);
begin
    return query
    with settings as materialized (
        select o.travel_speed_kmh::float8 as speed, o.travel_detour_factor::float8 as detour, private.travel_is_known() as known
        from public.orgs as o where o.id = work.org_id
    ),

    places as materialized (
        select p.route, p.latitude, p.longitude, p.number
        from unnest(routes, latitudes, longitudes) with ordinality as p (route, latitude, longitude, number)
    )

    select array_send(array_agg(coalesce(
        case when s.known then (
            select k.duration_s
            from private.known_travel_s(a.latitude, a.longitude, b.latitude, b.longitude) as k
        ) end,
        private.travel_s(private.distance_m(a.latitude, a.longitude, b.latitude, b.longitude, s.detour), s.speed), 0
    ) order by a.number, b.number))
    from settings as s
    cross join places as a
    inner join places as b on a.route = b.route
    group by a.route
    order by a.route;
end;
$$;

comment on function private.emergency_travel(uuid, integer[], double precision[], double precision[]) is
'Driving seconds at the usual speed between the places of each route, one square matrix (row by row) a route, as a binary integer array. Definer: what providers answered is nobody''s to read. Own check: optimize_schedule.';

grant execute on function private.emergency_claims(uuid, uuid[], tstzrange) to authenticated, service_role;
grant execute on function private.emergency_travel(
    uuid, integer[], double precision[], double precision[]
) to authenticated, service_role;

-- Who may do a job, what leaving it out costs, and how far it is: the parts of the solver's input that concern no day.

create function private.requirement(work private.work)
returns text
language sql
immutable
parallel safe
set search_path = ''
as $$
    select md5(concat_ws(' ', work.required_skills, work.zone_id, work.location_id is null, work.place_kind, work.crew_size));
$$;

comment on function private.requirement(private.work) is
'The same for works that the same people may do, as far as skills and zone decide it.';

create function private.eligible_technicians(job_ids uuid[], technician_ids uuid[], on_dates date[])
returns table (requirement text, on_date date, able uuid[])
language sql
stable
set search_path = ''
as $$
    with works as (
        select distinct on (private.requirement(w.work)) private.requirement(w.work) as requirement, w.work
        from unnest(job_ids) as j (id)
        cross join lateral (select private.work_of_job(j.id) as work) as w
        order by private.requirement(w.work)
    )

    select w.requirement, d.on_date, array(
        -- Of a crew each member brings some of the skills, see crew_skills.
        select q.technician_id
        from private.qualified_technicians(
            w.work, technician_ids, (d.on_date + time '12:00') at time zone o.time_zone
        ) as q
    )
    from works as w
    inner join public.orgs as o on o.id = (w.work).org_id
    cross join (select distinct e.on_date from unnest(on_dates) as e (on_date)) as d;
$$;

comment on function private.eligible_technicians(uuid[], uuid[], date[]) is
'For every kind of requirement among the jobs and every day: who may do it, by the rule slot search uses.';

create function private.unserved_weight(job public.dispatch_jobs, horizon tstzrange)
returns double precision
language sql
stable
set search_path = ''
as $$
    select
        60.0 * (
            select o.plan_unserved_minutes[array_position('{low,normal,high,emergency}'::public.job_priority[], job.priority)]
            from public.orgs as o
            where o.id = job.org_id
        )
        * (0.5 + job.estimated_duration_minutes / 120.0)
        * coalesce((
            select d.weight
            from public.customers as c
            inner join public.datalabels as d on c.org_id = d.org_id and d.list = 'tier' and d.code = c.tier
            where c.id = job.customer_id
        ), 1)
        -- Last chance: its promise or its only windows end within these days.
        * case when job.sla_end_at <= upper(horizon) or (
            select max(w.window_end) <= upper(horizon) from private.time_windows(job.id) as w
        ) then 2 else 1 end
        + 600 * least(10, greatest(0, extract(epoch from now() - job.created_at) / 86400));
$$;

comment on function private.unserved_weight(public.dispatch_jobs, tstzrange) is
'What leaving a job out of a plan costs, in seconds of driving: by priority, length, tier, last chance and days of waiting.';

create function private.travel_matrix(org uuid, latitudes double precision[], longitudes double precision[])
returns table (distances_m bytea, travel_s bytea)
language sql
stable
security definer
set search_path = ''
as $$
    with settings as materialized (
        select o.travel_speed_kmh::float8 as speed, o.travel_detour_factor::float8 as detour
        from public.orgs as o where o.id = org
    ),

    rows as materialized (
        select origin.number, private.cell(origin.latitude, origin.longitude) as cell, array(
            select coalesce(private.distance_m(
                origin.latitude, origin.longitude, destination.latitude, destination.longitude, s.detour
            ), 0)
            from unnest(latitudes, longitudes) as destination (latitude, longitude)
        ) as distances, s.speed
        from settings as s
        cross join unnest(latitudes, longitudes) with ordinality as origin (latitude, longitude, number)
    ),

    estimates as materialized (
        select r.number, r.cell, r.distances, array(
            select private.travel_s(d.metres, r.speed) from unnest(r.distances) as d (metres)
        ) as durations
        from rows as r
    ),

    cells as materialized (
        select array(
            select private.cell(place.latitude, place.longitude) from unnest(latitudes, longitudes) as place (latitude, longitude)
        ) as of_places, private.travel_is_known() as known
    )

    select array_send(coalesce(k.distances, e.distances)), array_send(coalesce(k.durations, e.durations))
    from estimates as e
    cross join cells as c
    cross join lateral (
        select
            array_agg(coalesce(known.distance_m, d.distance_m) order by d.number) as distances,
            array_agg(coalesce(known.duration_s, d.duration_s) order by d.number) as durations
        -- Nothing to unnest where nothing is known: a condition of the join would come after the work.
        from unnest(
            case when c.known then e.distances end, case when c.known then e.durations end,
            case when c.known then c.of_places end
        ) with ordinality as d (distance_m, duration_s, cell, number)
        left join private.known_travel_from(e.cell) as known on d.cell = known.to_cell
    ) as k
    order by e.number;
$$;

comment on function private.travel_matrix(uuid, double precision[], double precision[]) is
'Metres and seconds from every place to every other, one row a place, each as a binary integer array (array_send). What a provider answered wins, as for the judge; a place without coordinates is no distance from anywhere. Definer: what providers answered is nobody''s to read.';

create function private.unfitness(work private.work, technician uuid, at timestamptz)
returns setof private.violation
language plpgsql
stable
set search_path = ''
as $$
declare
    p constant private.placement := private.place(work, array[technician], at, null, null, null, null);
begin
    return query
    select * from private.violations_of_skills(p)
    union all
    select * from private.violations_of_zone(p);
end;
$$;

comment on function private.unfitness(private.work, uuid, timestamptz) is
'What keeps one technician from a work at any time of that day, as the judge puts it: skills and zone.';

create function private.explain_ineligible(job uuid, technician_ids uuid[], day timestamptz)
returns table (code text, message text, data jsonb)
language sql
stable
set search_path = ''
as $$
    with found as (
        select t.id, v.code, v.message, v.data, count(*) over (partition by t.id) as obstacles
        from unnest(technician_ids) as t (id)
        cross join lateral private.unfitness(private.work_of_job(job), t.id, day) as v
    )

    select f.code, f.message, f.data
    from found as f
    order by
        f.obstacles, array_position(
            array['certification_expired', 'out_of_zone', 'skill_level', 'skill_missing'], f.code
        ), f.id
    limit 1;
$$;

comment on function private.explain_ineligible(uuid, uuid[], timestamptz) is
'The smallest thing that keeps every technician from a job: the nearest miss, as the judge puts it.';

-- The worker reads as the service role.
grant execute on function private.eligible_technicians(uuid[], uuid[], date[]) to service_role;
grant execute on function private.travel_matrix(uuid, double precision[], double precision[]) to service_role;
grant execute on function private.explain_ineligible(uuid, uuid[], timestamptz) to service_role;
grant execute on function private.unfitness(private.work, uuid, timestamptz) to service_role;
grant execute on function private.requirement(private.work) to service_role;
grant execute on function private.unserved_weight(public.dispatch_jobs, tstzrange) to service_role;
grant execute on function private.work_of_job(uuid) to service_role;
grant execute on function private.qualified_technicians(private.work, uuid[], timestamptz) to service_role;
grant execute on function private.works_in_zone(uuid, uuid) to service_role;
grant execute on function private.place(
    private.work, uuid[], timestamptz, timestamptz, uuid, uuid, uuid, boolean
) to service_role;
grant execute on function private.staff_claims(uuid[], tstzrange, timestamptz, private.segment[]) to service_role;
grant execute on function private.violations_of_skills(private.placement) to service_role;
grant execute on function private.violations_of_zone(private.placement) to service_role;

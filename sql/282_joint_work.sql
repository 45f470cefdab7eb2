-- Work that takes more than one technician's time (JOB-8, AVL-2, BKG-12): a crew, a bay or a mobile unit, equipment,
-- segments with pauses between. What the solver must know to plan all of it together or not at all.

create function private.parts_of_work(work private.work)
returns bigint[]
language sql
stable
set search_path = ''
as $$
    with start as (select '2000-01-01 00:00+00'::timestamptz as at),

    claims as (
        select s.position::bigint as position, s.starts_at, s.ends_at, range_merge(tstzmultirange(s.booked) + s.pause_blocked) as during
        from start
        cross join unnest(private.segments_of(work, '{}', start.at)) as s
        where work.is_composite
        union all
        select
            null, visit.starts_at, visit.ends_at,
            private.buffered(visit.starts_at, visit.ends_at, work.buffer_before_minutes, work.buffer_after_minutes)
        from (
            select start.at as starts_at, start.at + make_interval(mins => work.duration_minutes) as ends_at from start
        ) as visit
        where not work.is_composite
    )

    select array_agg(figure.value order by c.starts_at, figure.turn)
    from claims as c
    cross join start
    cross join lateral (values
        (1, c.position),
        (2, extract(epoch from c.starts_at - start.at)::bigint),
        (3, extract(epoch from c.ends_at - c.starts_at)::bigint),
        (4, extract(epoch from lower(c.during) - start.at)::bigint),
        (5, extract(epoch from upper(c.during) - lower(c.during))::bigint)
    ) as figure (turn, value);
$$;

comment on function private.parts_of_work(private.work) is
'What a visit takes of one technician who does all of it, in fives: position of the segment (null when it is in one piece), start of work from the start of the visit, its seconds, start of what is claimed for it, its seconds. Buffers and blocked pauses are claimed too.';

create function private.facility_for(work private.work)
returns uuid
language sql
stable
set search_path = ''
as $$
    select coalesce(work.facility_id, (
        select f.id
        from public.facilities as f
        where
            f.org_id = work.org_id and f.is_active and exists (
                select from public.resources as r
                where
                    r.facility_id = f.id and r.kind = 'bay' and r.is_active
                    and (cardinality(work.bay_types) = 0 or r.bay_type = any(work.bay_types))
            )
        order by f.name, f.id
        limit 1
    ));
$$;

comment on function private.facility_for(private.work) is
'The facility in whose bays a work is planned: the job''s own, else the first with a bay that suits it.';

create function private.places_for(work private.work)
returns uuid[]
language sql
stable
set search_path = ''
as $$
    select array(
        select r.id
        from public.resources as r
        inner join public.facilities as f on r.facility_id = f.id
        where
            r.org_id = work.org_id and r.is_active and f.is_active and r.kind::text = work.place_kind::text
            and case r.kind
                when 'bay' then
                    f.id = private.facility_for(work)
                    and (cardinality(work.bay_types) = 0 or r.bay_type = any(work.bay_types))
                else
                    (work.facility_id is null or f.id = work.facility_id)
                    and not coalesce(private.distance_m(
                        f.latitude, f.longitude, work.latitude, work.longitude, 1
                    ) > work.mobile_max_distance_m, false)
            end
        order by r.name, r.id
    );
$$;

comment on function private.places_for(private.work) is
'The bays or mobile units of which a work needs one; none for work at a site. The judge has the last word.';

create function private.crew_skills(job_ids uuid[], technician_ids uuid[], on_dates date[])
returns table (requirement text, on_date date, skill_code text, able uuid[])
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
declare
    job uuid;
    work private.work;
    part private.work;
    known text[] := '{}';
    skill record;
begin
    foreach job in array job_ids
    loop
        work := private.work_of_job(job);
        continue when work.crew_size = 1 or private.requirement(work) = any(known);
        known := known || private.requirement(work);
        for skill in select s.key, s.value from jsonb_each(work.required_skills) as s order by s.key
        loop
            -- The rule of slot search, asked for one skill of one person.
            part := work;
            part.crew_size := 1;
            part.required_skills := jsonb_build_object(skill.key, skill.value);
            return query
            select private.requirement(work), d.on_date, skill.key, array(
                select q.technician_id
                from private.qualified_technicians(
                    part, technician_ids, (d.on_date + time '12:00') at time zone o.time_zone
                ) as q
            )
            from public.orgs as o
            cross join (select distinct e.on_date from unnest(on_dates) as e (on_date)) as d
            where o.id = work.org_id;
        end loop;
    end loop;
end;
$$;

comment on function private.crew_skills(uuid[], uuid[], date[]) is
'For every kind of crew work among the jobs, every day and every skill it takes: who could bring that skill along.';

create function private.plan_things(run public.optimization_runs, resource_ids uuid[])
returns table (resource_id uuid, lane integer, starts_s bigint, ends_s bigint, unavailable_s bigint[])
language sql
stable
set search_path = ''
as $$
    with horizon as materialized (
        -- Whoever begins on the last day may work past midnight.
        select tstzrange(lower(h.days), upper(h.days) + interval '1 day') as period
        from (select private.local_days(run.org_id, run.starts_on, run.days) as days) as h
    ),

    open as materialized (
        select r.id, r.capacity, h.period, stretch.during
        from horizon as h
        cross join public.resources as r
        cross join lateral unnest(
            tstzmultirange(h.period)
            * case when r.kind = 'bay' then private.opening_time(r.facility_id, h.period) else tstzmultirange(h.period) end
        ) as stretch (during)
        where r.org_id = run.org_id and r.id = any(resource_ids) and r.is_active
    )

    select
        o.id, lane.number, ceil(extract(epoch from lower(o.during)))::bigint, floor(extract(epoch from upper(o.during)))::bigint,
        array(
            select bound.at
            from (
                select range_agg(v.during) * tstzmultirange(o.during) as during
                from public.reservations as v
                where
                    v.claimant_id = o.id and v.lane = lane.number and v.released_at is null and v.during && o.during
                    and not (v.kind = 'held' and v.hold_expires_at <= now())
            ) as taken
            cross join lateral unnest(taken.during) as span (during)
            cross join lateral (values
                (floor(extract(epoch from lower(span.during)))::bigint), (ceil(extract(epoch from upper(span.during)))::bigint)
            ) as bound (at)
            order by bound.at
        )
    from open as o
    cross join lateral generate_series(1, o.capacity) as lane (number)
    order by o.id, lane.number, o.during;
$$;

comment on function private.plan_things(public.optimization_runs, uuid[]) is
'When bays, mobile units and equipment can be had on the run''s days, each of their lanes apart, with what is taken already (pairs of start and end). Bays keep their facility''s hours.';

-- The worker reads as the service role.
grant execute on function private.parts_of_work(private.work) to service_role;
grant execute on function private.segments_of(private.work, uuid[], timestamptz) to service_role;
grant execute on function private.pause_policy(public.service_segments, public.services) to service_role;
grant execute on function private.move_segments_to(uuid, uuid[], timestamptz) to service_role;
grant execute on function private.segments_of_appointment(uuid) to service_role;
grant execute on function private.distinct_in_order(uuid[]) to service_role;
grant execute on function private.claim_segments(private.segment[], integer, integer) to service_role;
grant execute on function private.facility_for(private.work) to service_role;
grant execute on function private.places_for(private.work) to service_role;
grant execute on function private.crew_skills(uuid[], uuid[], date[]) to service_role;
grant execute on function private.plan_things(public.optimization_runs, uuid[]) to service_role;
grant execute on function private.opening_time(uuid, tstzrange) to service_role;
grant execute on function private.equipment_of(uuid) to service_role;

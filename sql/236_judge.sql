create type private.conflict as (code text, severity public.conflict_severity, message text, data jsonb);

-- Left to itself Postgres plans the rules' queries anew at every call, which takes five times as long as running them.
-- JIT would compile them for longer than they run. The functions clients call say the same for all that they call.
create function private.judge(p private.placement)
returns setof private.conflict
language plpgsql
stable
set search_path = ''
set plan_cache_mode = 'force_generic_plan'
set jit = 'off'
as $$
begin
    if p.segments is not null then
        return query select * from private.judge_segments(p);
        return;
    end if;
    return query
    select v.code, private.severity(o, v.code, v.data), v.message, v.data
    from public.orgs as o
    cross join lateral (
        select * from private.violations_of_time(p)
        union all
        select * from private.violations_of_customer(p)
        union all
        select * from private.violations_of_crew(p)
        union all
        select * from private.violations_of_skills(p)
        union all
        select * from private.violations_of_zone(p)
        union all
        select * from private.violations_of_availability(p)
        union all
        select * from private.violations_of_claims(p)
        union all
        select * from private.violations_of_route(p)
        union all
        select * from private.violations_of_place(p)
        union all
        select * from private.violations_of_stock(p)
    ) as v
    where o.id = (p.work).org_id
    order by 2, 1;
end;
$$;

comment on function private.judge(private.placement) is
'The one judge (BKG-5): every conflict of a proposed placement, worst first. Manual booking, drag and drop, slot search, agents and the optimiser''s output all pass through it.';

create function private.segment_placements(p private.placement)
returns setof private.placement
language plpgsql
stable
set search_path = ''
as $$
declare
    part private.segment;
    single private.placement := p;
    last_of_day constant boolean[] := array(
        select not exists (
            select from unnest(p.segments) as later
            where later.technician_id = s.technician_id and later.starts_at > s.starts_at
        )
        from unnest(p.segments) as s order by s.starts_at
    );
    turn integer := 0;
begin
    single.segments := null;
    single.resource_id := null;
    single.work.crew_size := 1;
    foreach part in array p.segments
    loop
        turn := turn + 1;
        continue when part.technician_id is null;
        single.technician_ids := array[part.technician_id];
        single.starts_at := part.starts_at;
        single.ends_at := part.ends_at;
        -- A blocked pause keeps its technician as the work itself does.
        single.claim := range_merge(tstzmultirange(part.booked) + part.pause_blocked);
        -- The day's limit is for all segments of a technician together, told once, with the last.
        single.other_work_s := case when last_of_day[turn] then (
            select coalesce(sum(extract(epoch from upper(s.booked) - lower(s.booked))), 0)
            from unnest(p.segments) as s
            where s.technician_id = part.technician_id and s.starts_at < part.starts_at
        ) else 0 end;
        single.other_claims := coalesce((
            select range_agg(s.booked) from unnest(p.segments) as s
            where s.technician_id = part.technician_id and s.position <> part.position
        ), '{}');
        return next single;
    end loop;
end;
$$;

comment on function private.segment_placements(private.placement) is
'Each segment of a composite placement as a placement of its own technician.';

create function private.judge_segments(p private.placement)
returns setof private.conflict
language plpgsql
stable
set search_path = ''
as $$
declare
    whole private.placement := p;
begin
    -- Time, customer and place concern the whole visit; people concern their segments.
    whole.technician_ids := '{}';
    return query
    select distinct on (2, 1, 3) v.code, private.severity(o, v.code, v.data), v.message, v.data
    from public.orgs as o
    cross join lateral (
        select * from private.violations_of_time(p)
        union all
        select * from private.violations_of_customer(p)
        union all
        select * from private.violations_of_place(p)
        union all
        select * from private.violations_of_stock(p)
        union all
        select * from private.violations_of_claims(whole)
        union all
        select found.*
        from private.segment_placements(p) as s
        cross join lateral (
            select * from private.violations_of_crew(s)
            union all
            select * from private.violations_of_skills(s)
            union all
            select * from private.violations_of_zone(s)
            union all
            select * from private.violations_of_availability(s)
            union all
            select * from private.violations_of_claims(s)
            union all
            select * from private.violations_of_route(s)
        ) as found
        where p.technician_ids <> '{}'
    ) as v
    where o.id = (p.work).org_id
    order by 2, 1, 3;
end;
$$;

comment on function private.judge_segments(private.placement) is 'Every conflict of a composite placement (BKG-12).';

create function private.placement_conflicts(
    job uuid, technician_ids uuid[], starts_at timestamptz, ends_at timestamptz,
    resource uuid default null, ignore_appointment uuid default null, ignore_hold uuid default null
)
returns setof private.conflict
language plpgsql
stable
set search_path = ''
as $$
begin
    return query
    select * from private.judge(private.place(
        private.work_of_job(job), technician_ids, starts_at, ends_at, resource, ignore_appointment, ignore_hold
    ));
end;
$$;

comment on function private.placement_conflicts(uuid, uuid[], timestamptz, timestamptz, uuid, uuid, uuid) is
'Every conflict of placing a job''s visit, ignoring the appointment being moved and the caller''s own hold.';

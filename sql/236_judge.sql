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
    return query
    -- Distinct, since two segments of a visit may fail for the same reason.
    select distinct v.code, private.severity(o, v.code, v.data) as severity, v.message, v.data
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
    order by severity, v.code, v.message, v.data;
end;
$$;

comment on function private.judge(private.placement) is
'The one judge (BKG-5): every conflict of a proposed placement, worst first. Manual booking, drag and drop, slot search, agents and the optimiser''s output all pass through it.';

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

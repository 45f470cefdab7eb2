create table private.conflict_codes (
    code text primary key,
    severity public.conflict_severity not null
);

comment on table private.conflict_codes is
'The severity of every conflict: hard is never overridable, hard_overridable needs override_scheduling_conflict, soft only warns.';

insert into private.conflict_codes (code, severity) values
('technician_overlap', 'hard'), ('resource_overlap', 'hard'), ('outside_operating_hours', 'hard'),
('bay_type', 'hard'), ('equipment_missing', 'hard'), ('capacity_full', 'hard'), ('inactive', 'hard'),
('crew_incomplete', 'hard'),
('outside_shift', 'hard_overridable'), ('time_off', 'hard_overridable'), ('busy_externally', 'hard_overridable'),
('skill_missing', 'hard_overridable'), ('skill_level', 'hard_overridable'),
('certification_expired', 'hard_overridable'), ('out_of_zone', 'hard_overridable'),
('daily_limit', 'hard_overridable'), ('concurrent_limit', 'hard_overridable'), ('travel_before', 'hard_overridable'),
('travel_after', 'hard_overridable'), ('sla_missed', 'hard_overridable'), ('place_kind', 'hard_overridable'),
('not_reschedulable', 'hard_overridable'), ('notice_too_short', 'hard_overridable'),
('reschedule_limit', 'hard_overridable'), ('in_the_past', 'hard_overridable'),
('preference', 'soft'), ('capacity_near_limit', 'soft'), ('customer_overlap', 'soft'), ('customer_window', 'soft');

create function private.severity(code text, data jsonb, out_of_zone_is_soft boolean)
returns public.conflict_severity
language sql
stable
set search_path = ''
as $$
    select case
        when severity.code = 'customer_window' and (data ->> 'is_promised')::boolean then 'hard_overridable'
        when severity.code = 'out_of_zone' and out_of_zone_is_soft then 'soft'
        else c.severity
    end
    from private.conflict_codes as c where c.code = severity.code;
$$;

comment on function private.severity(text, jsonb, boolean) is
'The severity of a conflict: as listed, except that a promised window is hard and an org may make zones soft.';

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
    select v.code, private.severity(v.code, v.data, o.out_of_zone_is_soft), v.message, v.data
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
    ) as v
    where o.id = (p.work).org_id
    order by 2, 1;
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

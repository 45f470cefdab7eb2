-- What a what-if plan assumes, made true inside a transaction: the same rules then read and judge that world, and
-- nobody has to write them a second time. Rolled back after reading and after judging.

create function private.assume_overtime(run public.optimization_runs, technician_ids uuid[])
returns void
language sql
volatile
set search_path = ''
as $$
    insert into public.technician_shifts (org_id, technician_id, starts_at, ends_at, time_zone, shift_type)
    select
        run.org_id, t.id, upper(s.stretch), upper(s.stretch) + make_interval(mins => overtime.minutes), t.time_zone,
        'overtime'
    from (select (run.assumptions ->> 'overtime_minutes')::integer as minutes) as overtime
    cross join private.local_days(run.org_id, run.starts_on, run.days) as days
    cross join private.working_time(
        run.org_id, assume_overtime.technician_ids,
        tstzrange(lower(days) - interval '1 day', upper(days) + interval '1 day')
    ) as w
    inner join public.technician_profiles as t on w.technician_id = t.id
    cross join lateral unnest(w.during) as s (stretch)
    cross join lateral (select (lower(s.stretch) at time zone t.time_zone)::date as date) as local
    where
        overtime.minutes > 0 and local.date >= run.starts_on and local.date < run.starts_on + run.days
        and upper(s.stretch) > now();
$$;

comment on function private.assume_overtime(public.optimization_runs, uuid[]) is
'Adds the overtime a run assumes after every working stretch of these technicians on its days.';

create function private.assume(run public.optimization_runs)
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
    perform private.assume_overtime(run, array(
        select t.id from public.technician_profiles as t where t.org_id = run.org_id and t.is_active
    ));
    insert into public.technician_time_off (org_id, technician_id, starts_at, ends_at, time_zone, reason)
    select run.org_id, t.id, lower(days), upper(days), t.time_zone, 'blocked'
    from jsonb_array_elements_text(run.assumptions -> 'without_technician_ids') as absent (id)
    inner join public.technician_profiles as t on t.org_id = run.org_id and t.id = absent.id::uuid
    cross join private.local_days(run.org_id, run.starts_on, run.days) as days;
end;
$$;

comment on function private.assume(public.optimization_runs) is
'Makes what a run assumes true. The caller rolls it back.';

create function private.grant_overtime(run public.optimization_runs, route_plan_ids uuid[])
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
    needed uuid[];
begin
    if coalesce((run.assumptions ->> 'overtime_minutes')::integer, 0) = 0 then
        return;
    end if;
    needed := array(
        select distinct p.technician_id
        from public.route_plans as p
        left join private.working_time(
            run.org_id, array(select q.technician_id from public.route_plans as q where q.id = any(route_plan_ids)),
            private.local_days(run.org_id, run.starts_on, run.days)
        ) as w on p.technician_id = w.technician_id
        where p.id = any(route_plan_ids) and p.starts_at < p.ends_at and not tstzrange(p.starts_at, p.ends_at) <@ w.during
    );
    if needed <> '{}' then
        perform private.require('manage_availability', run.org_id);
        perform private.assume_overtime(run, needed);
    end if;
end;
$$;

comment on function private.grant_overtime(public.optimization_runs, uuid[]) is
'Applying a plan that needs the overtime it assumed makes that overtime real, for who needs it. Needs manage_availability.';

grant execute on function private.assume(public.optimization_runs) to service_role;
grant execute on function private.assume_overtime(public.optimization_runs, uuid[]) to service_role;

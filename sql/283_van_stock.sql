-- What the solver is told of vans and depots (OPT-4); nothing where a company lists no parts.

create function private.plan_vans(run public.optimization_runs)
returns table (
    technician_id uuid, tools text[], parts text[], quantities integer[], depot_name text,
    latitude double precision, longitude double precision, loading_s integer, open_s bigint[]
)
language sql
stable
set search_path = ''
as $$
    with horizon as (
        select tstzrange(lower(h.days) - interval '1 day', upper(h.days) + interval '1 day') as period
        from (select private.local_days(run.org_id, run.starts_on, run.days) as days) as h
    ),

    depots as materialized (
        select f.id, f.name, f.latitude, f.longitude, f.loading_minutes * 60 as loading_s, array(
            select bound.at
            from unnest(private.opening_time(f.id, h.period)) as open (during)
            cross join lateral (values
                (extract(epoch from lower(open.during))::bigint),
                (extract(epoch from upper(open.during))::bigint - f.loading_minutes * 60)
            ) as bound (at)
            where upper(open.during) - lower(open.during) >= make_interval(mins => f.loading_minutes)
            order by bound.at
        ) as open_s
        from public.facilities as f cross join horizon as h
        where f.org_id = run.org_id and f.loading_minutes is not null and f.is_active
    )

    select
        t.id,
        array(
            select p.code from public.technician_stock as s inner join public.parts as p on s.part_id = p.id
            where s.org_id = t.org_id and s.technician_id = t.id and p.is_tool and s.quantity > 0 order by p.code
        ),
        array(
            select p.code from public.technician_stock as s inner join public.parts as p on s.part_id = p.id
            where s.org_id = t.org_id and s.technician_id = t.id and not p.is_tool order by p.code
        ),
        array(
            select s.quantity from public.technician_stock as s inner join public.parts as p on s.part_id = p.id
            where s.org_id = t.org_id and s.technician_id = t.id and not p.is_tool order by p.code
        ),
        d.name, d.latitude, d.longitude, d.loading_s, d.open_s
    from public.technician_profiles as t
    left join depots as d on private.depot_of(t.id) = d.id
    where
        t.org_id = run.org_id and t.is_active and (run.technician_ids is null or t.id = any(run.technician_ids))
        and exists (select from public.parts as p where p.org_id = run.org_id and p.is_active)
    order by t.id;
$$;

comment on function private.plan_vans(public.optimization_runs) is
'What each technician''s van holds as the day begins, and the depot with its hours (pairs of first and last start of loading).';

create function private.plan_needs(job_ids uuid[])
returns table (job_id uuid, code text, name text, is_tool boolean, quantity integer)
language sql
stable
set search_path = ''
as $$
    select j.id, n.code, n.name, n.is_tool, n.quantity
    from unnest(job_ids) as j (id)
    cross join lateral private.work_of_job(j.id) as w
    cross join lateral private.parts_needed(w) as n
    where w.place_kind <> 'bay'
    order by j.id, n.code;
$$;

comment on function private.plan_needs(uuid[]) is 'Tools and parts each of these jobs needs brought to it; in a bay everything is at hand.';

-- The worker reads as the service role.
grant execute on function private.plan_vans(public.optimization_runs) to service_role;
grant execute on function private.plan_needs(uuid[]) to service_role;
grant execute on function private.parts_needed(private.work) to service_role;
grant execute on function private.depot_of(uuid) to service_role;

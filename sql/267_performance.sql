-- From what history says to what is planned with: kept in one table, made anew by a cron (OPT-10).

create function private.refresh_performance(org uuid, until timestamptz default now())
returns integer
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
    made integer;
begin
    perform pg_advisory_xact_lock(hashtextextended('performance ' || org, 0));
    delete from public.performance_estimates as e where e.org_id = org;
    insert into public.performance_estimates (
        org_id, technician_id, service_id, visits, pace, log_sd, mean_minutes, p50_minutes, p70_minutes, p90_minutes,
        first_visits, first_time_fix
    )
    with found as materialized (
        select
            e.technician_id, e.service_id,
            max(e.visits) filter (where e.measure = 'duration') as visits,
            max(e.mean) filter (where e.measure = 'duration') as mean,
            max(e.variance) filter (where e.measure = 'duration') as variance,
            max(e.visits) filter (where e.measure = 'fix') as first_visits,
            max(e.mean) filter (where e.measure = 'fix') as rate
        from private.estimate_performance(org, until) as e
        group by e.technician_id, e.service_id
    ),

    -- Who was seen at one of the two only leans on the service for the other.
    filled as (
        select
            f.technician_id, f.service_id, coalesce(f.visits, 0) as visits, coalesce(f.first_visits, 0) as first_visits,
            coalesce(f.mean, of_service.mean, 0) as mean, coalesce(f.variance, of_service.variance, 0.2) as variance,
            -- A technician's own rate is an effect on the company's.
            coalesce(f.rate, of_service.rate, 0) + case when f.service_id is null then overall.rate else 0 end as rate,
            s.standard_duration_minutes::float8 as standard
        from found as f
        left join found as of_service on of_service.technician_id is null and f.service_id = of_service.service_id
        left join public.services as s on f.service_id = s.id
        cross join (
            select coalesce(sum(g.rate * g.first_visits) / nullif(sum(g.first_visits), 0), avg(g.rate), 0.8) as rate
            from found as g where g.technician_id is null
        ) as overall
    )

    select
        org, f.technician_id, f.service_id, f.visits, exp(f.mean), sqrt(f.variance),
        f.standard * exp(f.mean + f.variance / 2), f.standard * exp(f.mean),
        -- The quantiles of the normal distribution.
        f.standard * exp(f.mean + 0.5244005 * sqrt(f.variance)),
        f.standard * exp(f.mean + 1.2815516 * sqrt(f.variance)),
        f.first_visits, least(1, greatest(0, f.rate))
    from filled as f;
    get diagnostics made = row_count;
    return made;
end;
$$;

comment on function private.refresh_performance(uuid, timestamptz) is
'Makes a company''s performance estimates anew; returns how many there are. Definer: reads every assignment; for the cron.';

create function public.refresh_performance(max_orgs integer default 1000)
returns table (org_id uuid, estimates integer)
language plpgsql
volatile
security invoker
set search_path = ''
as $$
#variable_conflict use_column
begin
    return query
    select o.id, private.refresh_performance(o.id)
    from public.orgs as o
    where
        o.is_active and exists (
            select from public.job_assignments as x
            inner join public.dispatch_jobs as j on x.org_id = j.org_id and x.dispatch_job_id = j.id
            where
                x.org_id = o.id and x.status = 'completed' and j.service_id is not null and x.updated_at > coalesce((
                    select max(e.created_at) from public.performance_estimates as e where e.org_id = o.id
                ), '-infinity')
        )
    order by o.id
    limit greatest(0, max_orgs);
end;
$$;

comment on function public.refresh_performance(integer) is
'Makes the estimates of every company anew that has completed visits since (OPT-10); answers each with the number of its estimates. For cron, with the service key.';

create type private.expectation as (
    visits integer, p50_minutes integer, p70_minutes integer, p90_minutes integer, first_visits integer, first_time_fix double precision
);

create function private.expected_work(org uuid, service uuid, technician uuid)
returns private.expectation
language sql
stable
set search_path = ''
as $$
    select row(
        coalesce(pair.visits, 0),
        round(coalesce(pair.p50_minutes, s.p50_minutes * coalesce(t.pace, 1)))::integer,
        ceil(coalesce(pair.p70_minutes, s.p70_minutes * coalesce(t.pace, 1)))::integer,
        ceil(coalesce(pair.p90_minutes, s.p90_minutes * coalesce(t.pace, 1)))::integer,
        coalesce(pair.first_visits, 0), coalesce(pair.first_time_fix, s.first_time_fix)
    )::private.expectation
    from public.performance_estimates as s
    left join public.performance_estimates as t
        on t.org_id = s.org_id and t.technician_id = technician and t.service_id is null
    left join public.performance_estimates as pair
        on pair.org_id = s.org_id and pair.technician_id = technician and pair.service_id = s.service_id
    where s.org_id = org and s.service_id = service and s.technician_id is null;
$$;

comment on function private.expected_work(uuid, uuid, uuid) is
'What to expect of a technician at a service: what history says of both together, else of the service at the technician''s pace; null where nothing is known.';

create function private.planned_minutes(service public.services)
returns integer
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    return coalesce((
        select ceil(case o.duration_percentile
            when 50 then e.p50_minutes when 70 then e.p70_minutes else e.p90_minutes
        end / 5)::integer * 5
        from public.orgs as o
        inner join public.performance_estimates as e
            on e.org_id = o.id and e.service_id = service.id and e.technician_id is null
        where o.id = service.org_id and o.durations_from_history and not service.is_composite
    ), service.standard_duration_minutes);
end;
$$;

comment on function private.planned_minutes(public.services) is
'Minutes to plan for a service: what history says where the org wants that, in steps of five, else its standard duration (BKG-10, OPT-10). Definer: whoever asks for service need not see estimates.';

revoke execute on function public.refresh_performance(integer) from public, anon;
grant execute on function public.refresh_performance(integer) to service_role;
grant execute on function private.refresh_performance(uuid, timestamptz) to service_role;

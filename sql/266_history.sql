-- What history says of work to come (OPT-10): how long it takes and how often it is done at the first visit. Thin data
-- lean on what is known around them: technician and service on the service and on the technician, the service on its
-- category, that on the company, and the company on the catalogue. Durations are log-normal around the standard one.

alter table public.orgs
add column durations_from_history boolean not null default false,
add column duration_percentile integer not null default 70,
add constraint orgs_duration_percentile_known check (duration_percentile in (50, 70, 90));

comment on column public.orgs.durations_from_history is 'Whether new work is planned to take as long as history says, where the standard duration would be used otherwise.';
comment on column public.orgs.duration_percentile is 'How many of a hundred visits should be over within the duration planned from history: 50, 70 or 90.';

create table public.performance_estimates (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references public.orgs (id) on delete cascade,
    technician_id uuid,
    service_id uuid,
    visits integer not null,
    pace double precision not null,
    log_sd double precision not null,
    mean_minutes double precision,
    p50_minutes double precision,
    p70_minutes double precision,
    p90_minutes double precision,
    first_visits integer not null,
    first_time_fix double precision not null,
    created_at timestamptz not null default now(),
    constraint performance_estimates_org_id_id_key unique (org_id, id),
    constraint performance_estimates_whose_key unique nulls not distinct (org_id, technician_id, service_id),
    constraint performance_estimates_technician_fkey foreign key (org_id, technician_id)
    references public.technician_profiles (org_id, id) on delete cascade,
    constraint performance_estimates_service_fkey foreign key (org_id, service_id)
    references public.services (org_id, id) on delete cascade,
    constraint performance_estimates_of_somebody_or_something check (num_nonnulls(technician_id, service_id) > 0),
    constraint performance_estimates_minutes_of_a_service check (
        num_nonnulls(mean_minutes, p50_minutes, p70_minutes, p90_minutes) = case when service_id is null then 0 else 4 end
    ),
    constraint performance_estimates_rate_is_fraction check (first_time_fix between 0 and 1)
);

create index performance_estimates_org_id_service_id_idx on public.performance_estimates (org_id, service_id);

comment on table public.performance_estimates is
'What history says (OPT-10): of a service, of a technician at it, of a technician at everything. Made anew by a cron; for who may plan.';
comment on column public.performance_estimates.visits is 'Completed visits of its own behind the durations; with few of them the estimate leans on similar work.';
comment on column public.performance_estimates.pace is 'Time taken against the standard duration, or of a technician alone against colleagues at the same work: 1.2 takes a fifth longer.';
comment on column public.performance_estimates.log_sd is 'Spread of the next visit''s logarithmic duration, what is unknown about the estimate included.';
comment on column public.performance_estimates.p70_minutes is 'Seven visits in ten should be over within so many minutes.';
comment on column public.performance_estimates.first_visits is 'Jobs of its own behind first_time_fix.';
comment on column public.performance_estimates.first_time_fix is 'Share of jobs expected to need no second visit.';

create function private.work_history(org uuid, until timestamptz)
returns table (measure text, technician_id uuid, service_id uuid, category text, outcome double precision)
language sql
stable
set search_path = ''
-- A company's history is read once, whatever is believed of its size: just imported, it is taken for a row or two,
-- and joining four tables row by row then takes hours.
set enable_nestloop = 'off'
as $$
    with visits as materialized (
        select
            x.technician_id, s.id as service_id, s.category, v.visit_number, v.dispatch_job_id, v.crew_size, x.segment_id,
            j.status as job_status,
            extract(epoch from x.actual_end_at - x.actual_start_at)::float8 / 60 / s.standard_duration_minutes as ratio
        from public.job_assignments as x
        inner join public.appointments as v on x.org_id = v.org_id and x.appointment_id = v.id
        inner join public.dispatch_jobs as j on x.org_id = j.org_id and x.dispatch_job_id = j.id
        inner join public.services as s on j.org_id = s.org_id and j.service_id = s.id
        where
            x.org_id = org and x.status = 'completed' and x.is_primary_technician
            and x.actual_end_at > until - interval '2 years' and x.actual_end_at <= until
    ),

    again as materialized (
        select distinct v.dispatch_job_id
        from public.appointments as v
        where v.org_id = org and v.visit_number > 1 and v.status <> 'canceled'
    )

    select 'duration', w.technician_id, w.service_id, w.category, ln(w.ratio)
    from visits as w
    -- Farther off, somebody forgot to say when work began or ended.
    where w.crew_size = 1 and w.segment_id is null and w.ratio between 0.1 and 10
    union all
    select
        'fix', w.technician_id, w.service_id, w.category, case when a.dispatch_job_id is null then 1 else 0 end
    from visits as w
    left join again as a on w.dispatch_job_id = a.dispatch_job_id
    where w.visit_number = 1 and (w.job_status = 'completed' or a.dispatch_job_id is not null);
$$;

comment on function private.work_history(uuid, timestamptz) is
'The visits of two years as numbers: duration (logarithm of the time taken over the standard one) and fix (1 when no second visit was needed), each under technician, service and category.';

create function private.between_groups(
    groups bigint, visits double precision, squares_of_visits double precision, squares_between double precision,
    within double precision, usual double precision
)
returns double precision
language sql
immutable
parallel safe
set search_path = ''
return (
    -- The method of moments, and three groups' worth of what is usual for as long as there are few.
    greatest(groups - 1, 0) * coalesce(greatest(
        0, (squares_between - (groups - 1) * within) / nullif(visits - squares_of_visits / nullif(visits, 0), 0)
    ), usual) + 3 * usual
) / (greatest(groups - 1, 0) + 3);

comment on function private.between_groups(
    bigint, double precision, double precision, double precision, double precision, double precision
) is
'Variance between the true means of groups, from how far their observed means lie apart (sum of visits times squared deviation) and the variance within.';

create function private.estimate_performance(org uuid, until timestamptz)
returns table (
    measure text, technician_id uuid, service_id uuid, visits integer, mean double precision, variance double precision
)
language sql
stable
set search_path = ''
set jit = 'off'
set enable_nestloop = 'off'
as $$
    with usual (measure, center, company, category, service, technician, pair, within) as (
        values
        ('duration', 0::float8, 0.06::float8, 0.02::float8, 0.04::float8, 0.02::float8, 0.01::float8, 0.16::float8),
        ('fix', 0.8, 0.02, 0.005, 0.01, 0.005, 0.0025, 0.15)
    ),

    cells as materialized (
        select
            h.measure, h.technician_id, h.service_id, h.category, count(*)::float8 as n, avg(h.outcome) as mean,
            coalesce(var_samp(h.outcome) * (count(*) - 1), 0) as squares
        from private.work_history(org, until) as h
        group by h.measure, h.technician_id, h.service_id, h.category
    ),

    within as materialized (
        select
            u.*, (coalesce(sum(c.squares), 0) + 10 * u.within) / (greatest(coalesce(sum(c.n - 1), 0), 0) + 10) as spread
        from usual as u
        left join cells as c on u.measure = c.measure
        group by u.measure, u.center, u.company, u.category, u.service, u.technician, u.pair, u.within
    ),

    raw_services as materialized (
        select
            c.measure, c.service_id, c.category, sum(c.n) as n, sum(c.n * c.mean) / sum(c.n) as mean,
            sum(c.n * c.n) / sum(c.n) ^ 2 as concentration, sum(c.squares) as squares, sum(c.n - 1) as freedom
        from cells as c
        group by c.measure, c.service_id, c.category
    ),

    -- How much technicians differ: what they take more than others at the same services.
    raw_technicians as (
        select c.measure, c.technician_id, sum(c.n) as n, sum(c.n * (c.mean - s.mean)) / sum(c.n) as mean
        from cells as c inner join raw_services as s on c.measure = s.measure and c.service_id = s.service_id
        group by c.measure, c.technician_id
    ),

    of_technicians as materialized (
        select w.measure, private.between_groups(
            count(t.technician_id), sum(t.n), sum(t.n * t.n), sum(t.n * t.mean ^ 2), w.spread, w.technician
        ) as spread
        from within as w left join raw_technicians as t on w.measure = t.measure
        group by w.measure, w.spread, w.technician
    ),

    of_services as materialized (
        select w.measure, private.between_groups(
            count(s.service_id), sum(s.n), sum(s.n * s.n), sum(s.n * (s.mean - c.mean) ^ 2), w.spread, w.service
        ) as spread
        from within as w
        left join raw_services as s on w.measure = s.measure
        left join (
            select r.measure, r.category, sum(r.n * r.mean) / sum(r.n) as mean
            from raw_services as r group by r.measure, r.category
        ) as c on s.measure = c.measure and s.category = c.category
        group by w.measure, w.spread, w.service
    ),

    -- A service's mean is as good as its visits are many and done by different people.
    services as materialized (
        select
            s.measure, s.service_id, s.category, s.n, s.mean, s.squares, s.freedom,
            w.spread / s.n + t.spread * s.concentration as doubt, v.spread as apart
        from raw_services as s
        inner join within as w on s.measure = w.measure
        inner join of_technicians as t on s.measure = t.measure
        inner join of_services as v on s.measure = v.measure
    ),

    -- What is known from below is gathered upwards and handed down again, to each without what came from itself:
    -- weights are one over variances, sums are means times weights.
    told_by_services as materialized (
        select
            s.measure, s.service_id, s.category, 1 / (s.doubt + s.apart) as weight, s.mean / (s.doubt + s.apart) as total
        from services as s
    ),

    categories as materialized (
        select
            s.measure, s.category, sum(s.weight) as weight, sum(s.total) as total,
            1 / (1 / sum(s.weight) + min(w.category)) as told_weight,
            sum(s.total) / sum(s.weight) / (1 / sum(s.weight) + min(w.category)) as told_total
        from told_by_services as s inner join within as w on s.measure = w.measure
        group by s.measure, s.category
    ),

    company as materialized (
        select
            w.measure, 1 / w.company + coalesce(sum(c.told_weight), 0) as weight,
            w.center / w.company + coalesce(sum(c.told_total), 0) as total
        from within as w
        left join categories as c on w.measure = c.measure
        group by w.measure, w.center, w.company
    ),

    catalogue as materialized (
        select
            w.measure, s.id as service_id, w.spread as within_spread, w.pair, t.spread as technicians,
            coalesce(v.n, 0) as n,
            -- A service has a spread of its own, as far as its visits show it.
            (coalesce(v.squares, 0) + 8 * w.spread) / (coalesce(v.freedom, 0) + 8) as spread,
            (coalesce(v.mean / v.doubt, 0) + above.total / above.weight / (f.spread + 1 / above.weight))
            / (coalesce(1 / v.doubt, 0) + 1 / (f.spread + 1 / above.weight)) as mean,
            1 / (coalesce(1 / v.doubt, 0) + 1 / (f.spread + 1 / above.weight)) as doubt
        from within as w
        inner join public.services as s on s.org_id = org
        inner join of_technicians as t on w.measure = t.measure
        inner join of_services as f on w.measure = f.measure
        inner join company as o on w.measure = o.measure
        left join categories as c on w.measure = c.measure and s.category = c.category
        left join services as v on w.measure = v.measure and s.id = v.service_id
        left join told_by_services as own on w.measure = own.measure and s.id = own.service_id
        cross join lateral (
            select
                o.weight - coalesce(c.told_weight, 0) as weight, o.total - coalesce(c.told_total, 0) as total
        ) as others
        cross join lateral (
            select
                greatest(coalesce(c.weight, 0) - coalesce(own.weight, 0), 0)
                + 1 / (w.category + 1 / others.weight) as weight,
                coalesce(c.total, 0) - coalesce(own.total, 0)
                + others.total / others.weight / (w.category + 1 / others.weight) as total
        ) as above
    ),

    technicians as materialized (
        select
            c.measure, c.technician_id, sum(c.n) as n,
            sum(c.n * (c.mean - s.mean)) / (sum(c.n) + min(s.within_spread / s.technicians)) as effect,
            1 / (sum(c.n) / min(s.within_spread) + 1 / min(s.technicians)) as doubt
        from cells as c
        inner join catalogue as s on c.measure = s.measure and c.service_id = s.service_id
        group by c.measure, c.technician_id
    ),

    pairs as materialized (
        select
            c.measure, c.technician_id, c.service_id, c.n, c.mean - s.mean - t.effect as rest,
            s.mean + t.effect as expected, s.doubt + t.doubt as doubt, s.spread, s.within_spread, s.pair
        from cells as c
        inner join catalogue as s on c.measure = s.measure and c.service_id = s.service_id
        inner join technicians as t on c.measure = t.measure and c.technician_id = t.technician_id
    ),

    of_pairs as materialized (
        select p.measure, private.between_groups(
            count(*), sum(p.n), sum(p.n * p.n), sum(p.n * p.rest ^ 2), min(p.within_spread), min(p.pair)
        ) as spread
        from pairs as p group by p.measure
    )

    select
        s.measure, null::uuid, s.service_id, s.n::integer, s.mean,
        s.spread + s.doubt + s.technicians + coalesce(o.spread, s.pair)
    from catalogue as s left join of_pairs as o on s.measure = o.measure
    union all
    select t.measure, t.technician_id, null, t.n::integer, t.effect, w.spread + t.doubt
    from technicians as t inner join within as w on t.measure = w.measure
    union all
    select
        p.measure, p.technician_id, p.service_id, p.n::integer,
        p.expected + p.rest * p.n / (p.n + p.within_spread / o.spread),
        p.spread + p.doubt + 1 / (p.n / p.within_spread + 1 / o.spread)
    from pairs as p inner join of_pairs as o on p.measure = o.measure;
$$;

comment on function private.estimate_performance(uuid, timestamptz) is
'Shrunken means and the variance of one more visit, of services, technicians and both together, from the history before a time. Empirical Bayes for nested and crossed normal means (Efron and Morris 1975): each level''s variance is estimated from the data, and decides how much a thin level leans on the one above.';

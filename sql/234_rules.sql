-- The rules of a placement (BKG-5), one function each. Every function returns all violations of its rule; severity
-- comes from one table, in 236_judge.sql.

create type private.violation as (code text, message text, data jsonb);

create function private.local_time(instant timestamptz, time_zone text)
returns text
language sql
immutable
parallel safe
return to_char(instant at time zone time_zone, 'Dy DD Mon HH24:MI');

comment on function private.local_time(timestamptz, text) is 'A time as a dispatcher would say it, in a time zone.';

create function private.violations_of_time(p private.placement)
returns setof private.violation
language plpgsql
stable
set search_path = ''
as $$
begin
    return query
    select 'in_the_past', 'The visit would start in the past.', jsonb_build_object('starts_at', p.starts_at)
    where p.starts_at < now()
    union all
    select 'inactive', (p.work).inactive_because, '{}'::jsonb
    where (p.work).inactive_because is not null
    union all
    select 'sla_missed', format(
        'The work must not start before %s.', private.local_time((p.work).sla_start_at, o.time_zone)
    ), jsonb_build_object('sla_start_at', (p.work).sla_start_at)
    from public.orgs as o
    where o.id = (p.work).org_id and p.starts_at < (p.work).sla_start_at
    union all
    select 'sla_missed', format(
        'The work must be finished by %s, %s minutes earlier.', private.local_time((p.work).sla_end_at, o.time_zone),
        ceil(extract(epoch from p.ends_at - (p.work).sla_end_at) / 60)
    ), jsonb_build_object(
        'sla_end_at', (p.work).sla_end_at,
        'minutes_late', ceil(extract(epoch from p.ends_at - (p.work).sla_end_at) / 60)
    )
    from public.orgs as o
    where o.id = (p.work).org_id and p.ends_at > (p.work).sla_end_at;
end;
$$;

comment on function private.violations_of_time(private.placement) is 'in_the_past, inactive, sla_missed.';

create function private.violations_of_customer(p private.placement)
returns setof private.violation
language plpgsql
stable
set search_path = ''
as $$
begin
    return query
    select 'customer_window', format(
        'The customer expects the visit to start between %s and %s.',
        private.local_time(promise.window_start, o.time_zone), private.local_time(promise.window_end, o.time_zone)
    ), jsonb_build_object(
        'window_start', promise.window_start, 'window_end', promise.window_end, 'is_promised', promise.is_promised
    )
    from (
        select a.arrival_window_start as window_start, a.arrival_window_end as window_end, true as is_promised
        from public.appointments as a
        where a.id = p.appointment_id and not p.starts_at between a.arrival_window_start and a.arrival_window_end
        union all
        (
            select w.window_start, w.window_end, w.is_promised
            from private.time_windows((p.work).job_id) as w
            where not exists (
                select from private.time_windows((p.work).job_id) as met
                where p.starts_at between met.window_start and met.window_end
            )
            order by least(
                abs(extract(epoch from w.window_start - p.starts_at)), abs(extract(epoch from w.window_end - p.starts_at))
            )
            limit 1
        )
    ) as promise
    inner join public.orgs as o on o.id = (p.work).org_id
    -- A promise is no obstacle to the customer who wants it changed.
    where not p.customer_agrees
    union all
    select 'customer_overlap', format(
        'The customer already has visit %s from %s to %s.', a.number,
        private.local_time(a.starts_at, o.time_zone), private.local_time(a.ends_at, o.time_zone)
    ), jsonb_build_object(
        'appointment_id', a.id, 'starts_at', a.starts_at, 'ends_at', a.ends_at, 'is_coordinated', (p.work).is_coordinated
    )
    from public.dispatch_jobs as j
    inner join public.appointments as a on a.org_id = j.org_id and a.dispatch_job_id = j.id
    inner join public.orgs as o on a.org_id = o.id
    where
        j.org_id = (p.work).org_id and j.customer_id = (p.work).customer_id
        -- Only these have visits ahead (JOB-5); most jobs of an old customer are long done.
        and j.status in ('scheduled', 'dispatched', 'in_progress', 'on_hold')
        and a.status not in ('completed', 'canceled', 'no_show')
        and a.id is distinct from p.appointment_id
        and a.starts_at < p.ends_at and a.ends_at > p.starts_at
    union all
    -- A new visit of a job comes after those it has; the others keep their order when one moves.
    select 'visit_order', format(
        case when is_later.than_this then 'Visit %s comes after this one, and begins at %s.'
            else 'Visit %s comes before this one, and ends at %s.' end, a.number,
        private.local_time(case when is_later.than_this then a.starts_at else a.ends_at end, o.time_zone)
    ), jsonb_build_object(
        'appointment_id', a.id, 'starts_at', a.starts_at, 'ends_at', a.ends_at, 'is_later', is_later.than_this
    )
    from public.appointments as a
    inner join public.orgs as o on a.org_id = o.id
    left join public.appointments as own on own.id = p.appointment_id
    cross join lateral (select coalesce(a.visit_number > own.visit_number, false) as than_this) as is_later
    where
        a.org_id = (p.work).org_id and a.dispatch_job_id = (p.work).job_id
        and a.status not in ('completed', 'canceled', 'no_show') and a.id is distinct from p.appointment_id
        and case when is_later.than_this then a.starts_at < p.ends_at else a.ends_at > p.starts_at end
    union all
    select 'preference', format('The customer prefers %s.', t.display_name), jsonb_build_object('technician_id', t.id)
    from public.technician_profiles as t
    where t.id = (p.work).preferred_technician_id and t.id <> all (p.technician_ids);
end;
$$;

comment on function private.violations_of_customer(private.placement) is 'customer_window, customer_overlap, visit_order, preference.';

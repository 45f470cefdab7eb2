-- Has the world moved under a plan? Three digests, so that a refusal can say which part of it did.

create function private.schedule_revision(org uuid, period tstzrange)
returns text
language sql
stable
security definer
set search_path = ''
as $$
    with bookings as (
        select 'appointment' as kind, a.id, a.version::text as state
        from public.appointments as a
        where
            a.org_id = org and a.starts_at < upper(period) and a.ends_at > lower(period)
            and a.status not in ('canceled', 'no_show')
        union all
        select 'assignment', x.id, x.version::text
        from public.job_assignments as x
        where
            x.org_id = org and x.scheduled_start_at < upper(period) and x.scheduled_end_at > lower(period)
            and x.status not in ('declined', 'canceled', 'no_show')
        union all
        select 'job', j.id, j.version::text
        from public.dispatch_jobs as j
        where
            j.org_id = org and exists (
                select from public.appointments as a
                where
                    a.org_id = org and a.dispatch_job_id = j.id
                    and a.starts_at < upper(period) and a.ends_at > lower(period)
                    and a.status not in ('canceled', 'no_show')
            )
    ),

    availability as (
        select 'shift' as kind, s.id, s.updated_at::text as state
        from public.technician_shifts as s
        where
            s.org_id = org and s.is_active
            and s.starts_at < upper(period) and (s.recurrence is not null or s.ends_at > lower(period))
        union all
        select 'time_off', f.id, f.updated_at::text
        from public.technician_time_off as f
        where
            f.org_id = org
            and f.starts_at < upper(period) and (f.recurrence is not null or f.ends_at > lower(period))
        union all
        select 'busy', b.id, b.updated_at::text
        from public.external_busy_times as b
        where b.org_id = org and b.during && period
        union all
        select 'holiday', h.id, h.updated_at::text
        from public.holidays as h
        where
            h.org_id = org
            and h.observed_on between (lower(period) - interval '1 day')::date and (upper(period) + interval '1 day')::date
    ),

    people as (
        select t.id, concat_ws(' ', t.updated_at, l.latitude, l.longitude) as state
        from public.technician_profiles as t
        left join public.customer_locations as l on t.home_base_location_id = l.id
        where t.org_id = org
        union all
        select k.id, k.updated_at::text from public.technician_skills as k where k.org_id = org
        union all
        select z.id, '' from public.technician_service_zones as z where z.org_id = org
        union all
        select s.technician_id, concat_ws(' ', 'stock', s.part_id, s.quantity)
        from public.technician_stock as s where s.org_id = org
    )

    select concat_ws(
        '.',
        (select left(md5(coalesce(string_agg(concat_ws(':', b.kind, b.id, b.state), ',' order by b.kind, b.id), '')), 12) from bookings as b),
        (select left(md5(coalesce(string_agg(concat_ws(':', a.kind, a.id, a.state), ',' order by a.kind, a.id), '')), 12) from availability as a),
        (select left(md5(coalesce(string_agg(concat_ws(':', p.id, p.state), ',' order by p.id, p.state), '')), 12) from people as p)
    );
$$;

comment on function private.schedule_revision(uuid, tstzrange) is
'Fingerprint of what a plan over a period relies on: bookings and their jobs, availability, technicians with skills and zones. Any change to one of these changes it. Definer: who applies a plan need not see every row behind it.';

create function private.revision_changes(was text, becomes text)
returns text[]
language sql
immutable
parallel safe
set search_path = ''
as $$
    select coalesce(array_agg(part.name order by part.position), '{}')
    from (values ('bookings', 1), ('availability', 2), ('technicians', 3)) as part (name, position)
    where split_part(was, '.', part.position) is distinct from split_part(becomes, '.', part.position);
$$;

comment on function private.revision_changes(text, text) is 'Which parts of the schedule differ between two revisions.';

grant execute on function private.schedule_revision(uuid, tstzrange) to service_role;
grant execute on function private.revision_changes(text, text) to service_role;

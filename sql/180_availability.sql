-- Availability is arithmetic over ranges (AVL-7): working time, less unavailable time, less claimed time. Nothing here judges; the rules are in
-- 234_rules.sql. plpgsql, since it plans each query once a session and not at every call.

create index technician_shifts_recurring_idx on public.technician_shifts (org_id, technician_id)
where recurrence_rule is not null;
create index technician_time_off_recurring_idx on public.technician_time_off (org_id, technician_id)
where recurrence_rule is not null;

create function private.working_time(org uuid, technician_ids uuid[], period tstzrange)
returns table (technician_id uuid, during tstzmultirange)
language plpgsql
stable
rows 100
set search_path = ''
as $$
#variable_conflict use_column
begin
    return query
    select s.technician_id, range_agg(occurrence.during)
    from public.technician_shifts as s
    cross join lateral private.occurrences(
        s.recurrence, s.starts_at, s.ends_at, s.time_zone, s.excluded_on, period
    ) as occurrence (during)
    where
        s.org_id = org and s.technician_id = any(technician_ids)
        and s.is_active and s.shift_type in ('regular', 'overtime', 'on_call')
        and (s.recurrence_rule is not null or (
            s.ends_at > lower(period) and s.starts_at < upper(period)
            -- No shift is longer: bounded on both sides, the index is read for the period and not for years.
            and s.ends_at < upper(period) + interval '24 hours'
        ))
    group by s.technician_id;
end;
$$;

comment on function private.working_time(uuid, uuid[], tstzrange) is
'When each technician works and may be booked: the shifts that touch the period, whole, but no training. No row for who does not work.';

create function private.unavailable_time(org uuid, technician_ids uuid[], period tstzrange)
returns table (technician_id uuid, during tstzrange, why text, source_id uuid)
language plpgsql
stable
rows 100
set search_path = ''
as $$
#variable_conflict use_column
begin
    return query
    select o.technician_id, occurrence.during, o.reason::text, o.id
    from public.technician_time_off as o
    cross join lateral private.occurrences(
        o.recurrence, o.starts_at, o.ends_at, o.time_zone, o.excluded_on, period
    ) as occurrence (during)
    where
        o.org_id = org and o.technician_id = any(technician_ids)
        -- A flexible break may go anywhere in its window, so the window itself stays free.
        and o.minutes is null
        and (o.recurrence_rule is not null or (o.ends_at > lower(period) and o.starts_at < upper(period)))
    union all
    select t.id, day.during, 'holiday', h.id
    from public.technician_profiles as t
    inner join public.holidays as h on t.org_id = h.org_id and (h.facility_id is null or t.facility_id = h.facility_id)
    cross join lateral (
        select tstzrange(
            private.local_instant(h.observed_on::timestamp, t.time_zone),
            private.local_instant((h.observed_on + 1)::timestamp, t.time_zone)
        ) as during
    ) as day
    where
        t.org_id = org and t.id = any(technician_ids)
        and h.observed_on between (lower(period) at time zone t.time_zone)::date and (upper(period) at time zone t.time_zone)::date
        and day.during && period
    union all
    select b.technician_id, b.during, 'busy', b.id
    from public.external_busy_times as b
    where b.org_id = org and b.technician_id = any(technician_ids) and b.during && period;
end;
$$;

comment on function private.unavailable_time(uuid, uuid[], tstzrange) is
'What keeps each technician from working in the period, whole: time off by its reason, `holiday` of the company or the technician''s facility from one local midnight to the next, `busy` from the technician''s own calendar. A flexible break is none of it.';

create function private.claimed_time(
    org uuid, technician_ids uuid[], period tstzrange,
    ignore_appointment uuid default null, ignore_hold uuid default null
)
returns table (technician_id uuid, during tstzmultirange)
language plpgsql
stable
rows 100
set search_path = ''
as $$
#variable_conflict use_column
begin
    return query
    with claims as (
        select t.id, t.max_concurrent_jobs as lanes, r.during
        from public.technician_profiles as t
        inner join public.reservations as r on t.id = r.claimant_id
        where
            t.org_id = org and t.id = any(technician_ids) and r.org_id = org and r.released_at is null and r.during && period
            and not (r.kind = 'held' and r.hold_expires_at <= now())
            and (ignore_appointment is null or r.appointment_id is distinct from ignore_appointment)
            and (ignore_hold is null or r.hold_token is distinct from ignore_hold)
    ),

    edges as (
        select c.id, c.lanes, lower(c.during) as at, 1 as change from claims as c where c.lanes > 1
        union all
        select c.id, c.lanes, upper(c.during), -1 from claims as c where c.lanes > 1
    ),

    -- Claims on one lane never overlap, so their number is the number of lanes taken.
    levels as (
        select
            e.id, e.lanes, e.at, lead(e.at) over w as until,
            sum(sum(e.change)) over w as lanes_taken
        from edges as e
        group by e.id, e.lanes, e.at
        window w as (partition by e.id order by e.at)
    )

    select c.id, range_agg(c.during)
    from claims as c
    where c.lanes = 1
    group by c.id
    union all
    select l.id, range_agg(tstzrange(l.at, l.until))
    from levels as l
    where l.lanes_taken >= l.lanes and l.until is not null
    group by l.id;
end;
$$;

comment on function private.claimed_time(uuid, uuid[], tstzrange, uuid, uuid) is
'When all lanes of each technician are claimed, by claims that touch the period, whole; expired holds, one appointment and one hold may be left out. No row for who has room all the time.';

create function private.free_time(
    org uuid, technician_ids uuid[], period tstzrange,
    ignore_appointment uuid default null, ignore_hold uuid default null
)
returns table (technician_id uuid, during tstzmultirange)
language plpgsql
stable
rows 100
set search_path = ''
as $$
#variable_conflict use_column
begin
    return query
    with unavailable as (
        select u.technician_id, range_agg(u.during) as during
        from private.unavailable_time(org, technician_ids, period) as u
        group by u.technician_id
    )

    select
        w.technician_id,
        w.during * tstzmultirange(period) - coalesce(u.during, '{}') - coalesce(c.during, '{}')
    from private.working_time(org, technician_ids, period) as w
    left join unavailable as u on w.technician_id = u.technician_id
    left join private.claimed_time(org, technician_ids, period, ignore_appointment, ignore_hold) as c
        on w.technician_id = c.technician_id;
end;
$$;

comment on function private.free_time(uuid, uuid[], tstzrange, uuid, uuid) is
'When each technician works, is available and has a lane free, within the period. No row for who does not work. Travel, breaks and limits are the judge''s.';

grant execute on function private.working_time(uuid, uuid[], tstzrange) to service_role;
grant execute on function private.unavailable_time(uuid, uuid[], tstzrange) to service_role;
grant execute on function private.claimed_time(uuid, uuid[], tstzrange, uuid, uuid) to service_role;
grant execute on function private.free_time(uuid, uuid[], tstzrange, uuid, uuid) to service_role;

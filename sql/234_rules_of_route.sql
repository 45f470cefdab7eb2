-- One look at the route serves four codes. A flexible break needs a gap that holds it inside its window and leaves
-- time for the driving as well.
create function private.violations_of_route(p private.placement)
returns setof private.violation
language plpgsql
stable
set search_path = ''
as $$
declare
    around constant tstzrange := tstzrange(lower(p.claim) - interval '12 hours', upper(p.claim) + interval '12 hours');
begin
    return query
    with gaps as materialized (
        select g.*, s.claim, s.worked_s, s.other_claims, g.gap @> s.claim as is_cut
        from private.route_gaps(
            (p.work).org_id, p.technician_ids, around, p.latitude, p.longitude, p.appointment_id, p.hold_token
        ) as g
        inner join unnest(p.staff) as s on g.technician_id = s.technician_id
    ),

    cuts as materialized (
        select
            t.display_name, t.id as technician_id, g.before_appointment_id, g.after_appointment_id,
            ceil((g.travel_before_s - extract(epoch from lower(g.claim) - lower(g.gap))) / 60.0)::integer as short_before,
            ceil((g.travel_after_s - extract(epoch from upper(g.gap) - upper(g.claim))) / 60.0)::integer as short_after,
            ceil((
                g.day_work_s + g.added_travel_s + extract(epoch from upper(g.claim) - lower(g.claim))
                + g.worked_s - g.day_limit_s
            ) / 60.0)::integer as minutes_over,
            g.day_limit_s / 60 as day_limit_minutes
        from gaps as g
        inner join public.technician_profiles as t on g.technician_id = t.id
        where g.is_cut
    ),

    breaks as (
        select b.technician_id, b.minutes, b.minutes * interval '1 minute' as length, occurrence as break_window
        from public.technician_time_off as b
        cross join lateral private.occurrences(
            b.recurrence, b.starts_at, b.ends_at, b.time_zone, b.excluded_on, around
        ) as occurrence
        where b.org_id = (p.work).org_id and b.technician_id = any(p.technician_ids) and b.minutes is not null
    ),

    -- The gap the visit goes into, cut in two by it, and the other gaps, each with the driving that happens in it.
    rests as (
        select
            g.technician_id, g.claim, piece as gap,
            -- Between two segments of one visit nobody drives.
            make_interval(secs => case
                when lower(piece) = lower(g.gap) or upper(piece) = upper(g.gap) then cut.travel_s else 0
            end) as travel
        from gaps as g
        cross join lateral (
            select tstzrange(lower(g.gap), lower(g.claim)) as gap, g.travel_before_s as travel_s
            where g.is_cut and lower(g.gap) < lower(g.claim)
            union all
            select tstzrange(upper(g.claim), upper(g.gap)), g.travel_after_s
            where g.is_cut and upper(g.claim) < upper(g.gap)
            union all
            select g.gap, g.travel_before_s + g.travel_after_s - g.added_travel_s
            where not g.is_cut
        ) as cut
        cross join lateral unnest(tstzmultirange(cut.gap) - g.other_claims) as piece
    )

    select 'travel_before'::text, format(
        '%s would arrive %s minutes late from %s.', c.display_name, c.short_before,
        case when c.before_appointment_id is null then 'home' else 'the visit before' end
    ), jsonb_build_object(
        'technician_id', c.technician_id, 'appointment_id', c.before_appointment_id, 'minutes_short', c.short_before
    )
    from cuts as c where c.short_before > 0
    union all
    select 'travel_after', format(
        '%s would reach %s %s minutes late.', c.display_name,
        case when c.after_appointment_id is null then 'home' else 'the next visit' end, c.short_after
    ), jsonb_build_object(
        'technician_id', c.technician_id, 'appointment_id', c.after_appointment_id, 'minutes_short', c.short_after
    )
    from cuts as c where c.short_after > 0
    union all
    select 'daily_limit', format(
        '%s would work %s minutes more than the daily %s.', c.display_name, c.minutes_over, c.day_limit_minutes
    ), jsonb_build_object(
        'technician_id', c.technician_id, 'minutes_over', c.minutes_over, 'limit_minutes', c.day_limit_minutes
    )
    from cuts as c where c.minutes_over > 0
    union all
    select 'time_off', format(
        '%s would have no room left for a break of %s minutes between %s and %s.', t.display_name, b.minutes,
        private.local_time(lower(b.break_window), t.time_zone), private.local_time(upper(b.break_window), t.time_zone)
    ), jsonb_build_object(
        'technician_id', t.id, 'starts_at', lower(b.break_window), 'ends_at', upper(b.break_window),
        'minutes', b.minutes, 'why', 'break'
    )
    from breaks as b
    inner join public.technician_profiles as t on b.technician_id = t.id
    where
        -- The visit bears on this break: a stretch of it goes into a gap that reaches into the window, and leaves no room.
        exists (
            select from gaps as g
            where
                g.technician_id = b.technician_id and g.is_cut and g.gap && b.break_window
                and not exists (
                    select from rests as r
                    where
                        r.technician_id = b.technician_id and r.claim = g.claim and r.gap && b.break_window
                        and upper(r.gap * b.break_window) - lower(r.gap * b.break_window) >= b.length
                        and upper(r.gap) - lower(r.gap) >= b.length + r.travel
                )
        )
        -- The break is owed: the working day covers the window, or enough of it.
        and exists (
            select from gaps as g
            where
                g.technician_id = b.technician_id and upper(g.stretch) >= lower(b.break_window) + b.length
                and lower(g.stretch) <= upper(b.break_window) - b.length
        );
end;
$$;

comment on function private.violations_of_route(private.placement) is
'travel_before, travel_after, daily_limit, and time_off for flexible breaks.';

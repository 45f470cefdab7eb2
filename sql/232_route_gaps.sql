create function private.route_gaps(
    org uuid, technician_ids uuid[], period tstzrange,
    site_latitude double precision, site_longitude double precision,
    ignore_appointment uuid default null, ignore_hold uuid default null
)
returns table (
    technician_id uuid, stretch tstzrange, gap tstzrange, before_appointment_id uuid, after_appointment_id uuid,
    travel_before_s integer, travel_after_s integer, added_travel_s integer,
    day_work_s integer, day_limit_s integer
)
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
begin
    return query
    with technicians as materialized (
        select
            t.id, t.time_zone, t.max_concurrent_jobs, t.max_daily_work_minutes * 60 as day_limit_s,
            home.latitude, home.longitude, o.travel_speed_kmh::float8 as speed, o.travel_detour_factor::float8 as detour
        from public.technician_profiles as t
        inner join public.orgs as o on t.org_id = o.id
        left join public.customer_locations as home on t.home_base_location_id = home.id
        where t.org_id = org and t.id = any(technician_ids)
    ),

    -- A day more on both sides, so that a split or overnight working day is always seen whole.
    stretches as materialized (
        select w.technician_id, s.stretch
        from private.working_time(
            org, technician_ids,
            tstzrange(lower(period) - interval '1 day', upper(period) + interval '1 day')
        ) as w
        cross join lateral unnest(w.during) as s (stretch)
    ),

    points as (
        select s.technician_id, s.stretch, 0 as turn, lower(s.stretch) as taken_from, lower(s.stretch) as taken_until,
            t.latitude, t.longitude, null::uuid as appointment_id
        from stretches as s inner join technicians as t on s.technician_id = t.id
        union all
        select s.technician_id, s.stretch, 2, upper(s.stretch), upper(s.stretch), t.latitude, t.longitude, null
        from stretches as s inner join technicians as t on s.technician_id = t.id
        union all
        select s.technician_id, s.stretch, 1, lower(r.during), upper(r.during), r.latitude, r.longitude, r.appointment_id
        from public.reservations as r
        inner join technicians as t on r.claimant_id = t.id
        inner join stretches as s on s.technician_id = r.claimant_id and s.stretch && r.during
        where
            r.claimant_id = any(technician_ids) and r.released_at is null
            and r.during && tstzrange(lower(period) - interval '1 day', upper(period) + interval '1 day')
            and not (r.kind = 'held' and r.hold_expires_at <= now())
            and r.appointment_id is distinct from ignore_appointment
            and (ignore_hold is null or r.hold_token is distinct from ignore_hold)
    ),

    legs as (
        select
            p.technician_id, p.stretch, p.turn, p.taken_from, p.taken_until, p.latitude, p.longitude, p.appointment_id,
            lead(p.taken_from) over w as next_from, lead(p.latitude) over w as next_latitude,
            lead(p.longitude) over w as next_longitude, lead(p.appointment_id) over w as next_appointment_id
        from points as p
        window w as (partition by p.technician_id, p.stretch order by p.turn, p.taken_from)
    ),

    driven as (
        select
            l.*, t.latitude as home_latitude, t.longitude as home_longitude,
            t.speed, t.detour, t.max_concurrent_jobs, t.day_limit_s,
            coalesce(private.travel_s(private.distance_m(
                l.latitude, l.longitude, l.next_latitude, l.next_longitude, t.detour
            ), t.speed), 0) as direct_s,
            (lower(l.stretch) at time zone t.time_zone)::date as day
        from legs as l inner join technicians as t on l.technician_id = t.id
    ),

    days as (
        select
            d.*,
            sum(extract(epoch from d.taken_until - d.taken_from)::integer + d.direct_s)
                over (partition by d.technician_id, d.day)::integer as day_work_s
        from driven as d
    ),

    -- Who may have several visits at once moves freely between them; only the way from and to home counts.
    gaps as (
        select
            d.technician_id, d.stretch, tstzrange(d.taken_until, d.next_from) as gap, d.appointment_id,
            d.next_appointment_id, d.latitude, d.longitude, d.next_latitude, d.next_longitude, d.direct_s,
            d.speed, d.detour, d.day_work_s, d.day_limit_s
        from days as d
        where d.turn < 2 and d.max_concurrent_jobs = 1 and d.taken_until < d.next_from
        union all
        select
            d.technician_id, d.stretch, d.stretch, null, null, d.home_latitude, d.home_longitude, d.home_latitude,
            d.home_longitude, 0, d.speed, d.detour, d.day_work_s, d.day_limit_s
        from days as d
        where d.turn = 0 and d.max_concurrent_jobs > 1
    )

    select
        g.technician_id, g.stretch, g.gap, g.appointment_id, g.next_appointment_id,
        way.before_s, way.after_s, way.before_s + way.after_s - g.direct_s, g.day_work_s, g.day_limit_s
    from gaps as g
    cross join lateral (
        select
            coalesce(private.travel_s(private.distance_m(
                g.latitude, g.longitude, site_latitude, site_longitude, g.detour
            ), g.speed), 0) as before_s,
            coalesce(private.travel_s(private.distance_m(
                site_latitude, site_longitude, g.next_latitude, g.next_longitude, g.detour
            ), g.speed), 0) as after_s
    ) as way
    where g.gap && period;
end;
$$;

comment on function private.route_gaps(
    uuid, uuid[], tstzrange, double precision, double precision, uuid, uuid
) is
'Every gap in the technicians'' routes into which a visit at a site could go, with the driving before and after it, the driving it adds, and the work of that day so far (visits plus driving, seconds) beside its limit. A stretch is uninterrupted working time; it starts and ends at the home base. The one source of travel for slot search and judge.';

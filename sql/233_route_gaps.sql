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
declare
    known constant boolean := private.travel_is_known();
begin
    return query
    with technicians as materialized (
        select
            t.id, t.time_zone, t.max_concurrent_jobs, t.max_daily_work_minutes * 60 as day_limit_s,
            home.latitude, home.longitude, o.travel_speed_kmh::float8 as speed, o.travel_detour_factor::float8 as detour,
            t.travel_speed_factor::float8 as faster
        from public.technician_profiles as t
        inner join public.orgs as o on t.org_id = o.id
        left join public.customer_locations as home on t.home_base_location_id = home.id
        where t.org_id = org and t.id = any(technician_ids)
    ),

    -- A day more on both sides, so that a split or overnight working day is always seen whole.
    stretches as materialized (
        select
            t.*, s.stretch, lower(s.stretch) as starts_at, upper(s.stretch) as ends_at,
            (lower(s.stretch) at time zone t.time_zone)::date as day
        from private.working_time(
            org, technician_ids,
            tstzrange(lower(period) - interval '1 day', upper(period) + interval '1 day')
        ) as w
        inner join technicians as t on w.technician_id = t.id
        cross join lateral unnest(w.during) as s (stretch)
    ),

    claims as materialized (
        select r.claimant_id, lower(r.during) as starts_at, upper(r.during) as ends_at, r.latitude, r.longitude, r.appointment_id
        from public.reservations as r
        where
            r.claimant_id = any(technician_ids) and r.released_at is null
            and r.during && tstzrange(lower(period) - interval '1 day', upper(period) + interval '1 day')
            and not (r.kind = 'held' and r.hold_expires_at <= now())
            -- A hold has no appointment: ignoring none must not ignore it.
            and (ignore_appointment is null or r.appointment_id is distinct from ignore_appointment)
            and (ignore_hold is null or r.hold_token is distinct from ignore_hold)
    ),

    points as (
        select s.id, s.starts_at, 0 as turn, s.starts_at as taken_from, s.starts_at as taken_until,
            s.latitude, s.longitude, null::uuid as appointment_id
        from stretches as s
        union all
        select s.id, s.starts_at, 2, s.ends_at, s.ends_at, s.latitude, s.longitude, null
        from stretches as s
        union all
        -- Compared by their ends: every claim meets every stretch of its technician, and && costs ten times as much.
        select s.id, s.starts_at, 1, c.starts_at, c.ends_at, c.latitude, c.longitude, c.appointment_id
        from claims as c
        inner join stretches as s on c.claimant_id = s.id and c.starts_at < s.ends_at and c.ends_at > s.starts_at
    ),

    legs as (
        select
            p.id, p.starts_at, p.turn, p.taken_from, p.taken_until, p.latitude, p.longitude, p.appointment_id,
            lead(p.taken_from) over w as next_from, lead(p.latitude) over w as next_latitude,
            lead(p.longitude) over w as next_longitude, lead(p.appointment_id) over w as next_appointment_id
        from points as p
        window w as (partition by p.id order by p.starts_at, p.turn, p.taken_from)
    ),

    driven as (
        select
            l.turn, l.taken_from, l.taken_until, l.latitude, l.longitude, l.appointment_id, l.next_from,
            l.next_latitude, l.next_longitude, l.next_appointment_id, s.id as technician_id, s.stretch, s.day,
            s.latitude as home_latitude, s.longitude as home_longitude, s.speed, s.detour, s.faster, s.max_concurrent_jobs, s.day_limit_s,
            case when l.turn = 2 then 0 else private.driven_s(coalesce(
                case when known then (
                    select k.duration_s
                    from private.known_travel_s(l.latitude, l.longitude, l.next_latitude, l.next_longitude) as k
                ) end,
                private.travel_s(private.distance_m(
                    l.latitude, l.longitude, l.next_latitude, l.next_longitude, s.detour
                ), s.speed), 0
            ), s.faster) end as direct_s
        from legs as l inner join stretches as s on l.id = s.id and l.starts_at = s.starts_at
    ),

    days as (
        select
            d.*,
            -- Of several visits at once there is no order to drive them in: each counts its own way, when it is added.
            sum(
                date_part('epoch', d.taken_until - d.taken_from)::integer
                + case when d.max_concurrent_jobs = 1 then d.direct_s else 0 end
            )
                over (partition by d.technician_id, d.day)::integer as day_work_s
        from driven as d
    ),

    -- Who may have several visits at once moves freely between them; only the way from and to home counts.
    gaps as (
        select
            d.technician_id, d.stretch, tstzrange(d.taken_until, d.next_from) as gap, d.appointment_id,
            d.next_appointment_id, d.latitude, d.longitude, d.next_latitude, d.next_longitude, d.direct_s,
            d.speed, d.detour, d.faster, d.day_work_s, d.day_limit_s
        from days as d
        where d.turn < 2 and d.max_concurrent_jobs = 1 and d.taken_until < d.next_from
        union all
        select
            d.technician_id, d.stretch, d.stretch, null, null, d.home_latitude, d.home_longitude, d.home_latitude,
            d.home_longitude, 0, d.speed, d.detour, d.faster, d.day_work_s, d.day_limit_s
        from days as d
        where d.turn = 0 and d.max_concurrent_jobs > 1
    )

    select
        g.technician_id, g.stretch, g.gap, g.appointment_id, g.next_appointment_id,
        way.before_s, way.after_s, way.before_s + way.after_s - g.direct_s, g.day_work_s, g.day_limit_s
    from gaps as g
    cross join lateral (
        select
            private.driven_s(coalesce(
                case when known then (
                    select k.duration_s
                    from private.known_travel_s(g.latitude, g.longitude, site_latitude, site_longitude) as k
                ) end,
                private.travel_s(private.distance_m(
                    g.latitude, g.longitude, site_latitude, site_longitude, g.detour
                ), g.speed), 0
            ), g.faster) as before_s,
            private.driven_s(coalesce(
                case when known then (
                    select k.duration_s
                    from private.known_travel_s(site_latitude, site_longitude, g.next_latitude, g.next_longitude) as k
                ) end,
                private.travel_s(private.distance_m(
                    site_latitude, site_longitude, g.next_latitude, g.next_longitude, g.detour
                ), g.speed), 0
            ), g.faster) as after_s
        -- Pulled up, each distance would be reckoned anew for every use of it.
        offset 0
    ) as way
    where g.gap && period;
end;
$$;

comment on function private.route_gaps(
    uuid, uuid[], tstzrange, double precision, double precision, uuid, uuid
) is
'Every gap in the technicians'' routes into which a visit at a site could go, with the driving before and after it, the driving it adds, and the work of that day so far (visits plus driving, seconds) beside its limit. A stretch is uninterrupted working time; it starts and ends at the home base. The one source of travel for slot search and judge.';

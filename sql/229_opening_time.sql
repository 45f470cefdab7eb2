create function private.opening_time(facility uuid, period tstzrange)
returns tstzmultirange
language sql
stable
set search_path = ''
as $$
    with place as (
        select f.id, f.org_id, f.time_zone, exists (
            select from public.operating_hours as h where h.org_id = f.org_id and h.facility_id = f.id
        ) as has_hours
        from public.facilities as f where f.id = facility
    ),

    days as (
        select p.id, p.org_id, p.time_zone, p.has_hours, d.day::date as day
        from place as p
        cross join lateral generate_series(
            (lower(period) at time zone p.time_zone)::date - 1, (upper(period) at time zone p.time_zone)::date + 1,
            interval '1 day'
        ) as d (day)
        where not exists (
            select from public.holidays as h
            where
                h.org_id = p.org_id and h.observed_on = d.day::date
                and (h.facility_id is null or h.facility_id = p.id)
        )
    )

    select coalesce(range_agg(open.during), '{}')
    from days as d
    cross join lateral (
        select tstzrange(
            private.local_instant(d.day + h.opens_at, d.time_zone), private.local_instant(d.day + h.closes_at, d.time_zone)
        ) as during
        from public.operating_hours as h
        where h.org_id = d.org_id and h.facility_id = d.id and h.weekday = extract(isodow from d.day)
        union all
        select tstzrange(
            private.local_instant(d.day::timestamp, d.time_zone), private.local_instant((d.day + 1)::timestamp, d.time_zone)
        )
        where not d.has_hours
    ) as open;
$$;

comment on function private.opening_time(uuid, tstzrange) is
'When a facility is open around a period (AVL-5): its weekly hours without holidays; always when it has no hours.';

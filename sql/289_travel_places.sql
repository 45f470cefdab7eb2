-- What is asked of a travel-time provider before days are planned (OPT-11). The worker runs these as the service role.

create function private.travel_places(org uuid, period tstzrange, technician_ids uuid[], with_jobs boolean)
returns table (latitude double precision, longitude double precision)
language sql
stable
set search_path = ''
as $$
    with technicians as (
        select t.id, t.home_base_location_id
        from public.technician_profiles as t
        where
            t.org_id = org and t.is_active
            and (travel_places.technician_ids is null or t.id = any(travel_places.technician_ids))
    )

    select l.latitude, l.longitude
    from technicians as t inner join public.customer_locations as l on t.home_base_location_id = l.id
    where l.latitude is not null
    union
    select r.latitude, r.longitude
    from public.reservations as r inner join technicians as t on r.claimant_id = t.id
    where r.released_at is null and r.during && period and r.latitude is not null
    union
    select l.latitude, l.longitude
    from public.dispatch_jobs as j inner join public.customer_locations as l on j.location_id = l.id
    where
        with_jobs and j.org_id = org and j.status = 'unscheduled' and l.latitude is not null
        and (j.sla_start_at is null or j.sla_start_at < upper(period))
    union
    select f.latitude, f.longitude
    from public.facilities as f
    where
        with_jobs and f.org_id = org and f.is_active and f.latitude is not null
        and exists (select from public.resources as r where r.org_id = org and r.facility_id = f.id and r.kind = 'bay');
$$;

comment on function private.travel_places(uuid, tstzrange, uuid[], boolean) is
'Where a company''s technicians live, are booked in a period, or could be sent: the places of its travel matrix.';

create function private.missing_travel(
    latitudes double precision[], longitudes double precision[], times_of_day text[],
    fresh_until timestamptz, most integer
)
returns table (from_number integer, to_number integer)
language sql
stable
security definer
set search_path = ''
as $$
    with places as materialized (
        select distinct on (cell)
            private.cell(p.latitude, p.longitude) as cell, p.number::integer as number, p.latitude, p.longitude
        from unnest(latitudes, longitudes) with ordinality as p (latitude, longitude, number)
        order by cell, p.number
    ),

    fresh as materialized (
        select t.from_cell, t.to_cell
        from places as p inner join private.travel_times as t on p.cell = t.from_cell
        where t.expires_at > fresh_until and t.time_of_day = any(times_of_day)
        group by t.from_cell, t.to_cell
        having count(*) = cardinality(times_of_day)
    ),

    wanted as (
        select origin.number as from_number, destination.number as to_number, row_number() over (
            partition by origin.number
            order by private.distance_m(
                origin.latitude, origin.longitude, destination.latitude, destination.longitude, 1
            ), destination.number
        ) as turn
        from places as origin
        inner join places as destination on origin.cell <> destination.cell
        where not exists (
            select from fresh as f where f.from_cell = origin.cell and f.to_cell = destination.cell
        )
    )

    select w.from_number, w.to_number
    from wanted as w
    order by w.turn, w.from_number
    limit most;
$$;

comment on function private.missing_travel(double precision[], double precision[], text[], timestamptz, integer) is
'Pairs of places (their numbers, from one) without an answer that stays fresh, every place''s nearest first. Definer: the cache is nobody''s to read.';

create function private.travel_coverage(latitudes double precision[], longitudes double precision[])
returns table (pairs integer, known integer)
language sql
stable
security definer
set search_path = ''
as $$
    with cells as materialized (
        select distinct private.cell(p.latitude, p.longitude) as cell
        from unnest(latitudes, longitudes) as p (latitude, longitude)
    )

    select (count(*) * (count(*) - 1))::integer, coalesce(sum((
        select count(*)
        from private.known_travel_from(c.cell) as k
        where k.duration_s is not null and k.to_cell in (select d.cell from cells as d)
    )), 0)::integer
    from cells as c;
$$;

comment on function private.travel_coverage(double precision[], double precision[]) is
'How many pairs of different places there are, and for how many a provider''s time is known: the others are estimates. Definer: the cache is nobody''s to read.';

create function private.keep_travel_times(
    provider text, asked text[], keeps interval, times_of_day text[],
    from_latitudes double precision[], from_longitudes double precision[],
    to_latitudes double precision[], to_longitudes double precision[], durations_s integer[], distances_m integer[]
)
returns void
language sql
volatile
security definer
set search_path = ''
as $$
    with answers as materialized (
        select distinct on (from_cell, to_cell, a.time_of_day)
            private.cell(a.from_latitude, a.from_longitude) as from_cell,
            private.cell(a.to_latitude, a.to_longitude) as to_cell, a.time_of_day, a.duration_s, a.distance_m
        from unnest(
            times_of_day, from_latitudes, from_longitudes, to_latitudes, to_longitudes, durations_s, distances_m
        ) as a (time_of_day, from_latitude, from_longitude, to_latitude, to_longitude, duration_s, distance_m)
        order by from_cell, to_cell, a.time_of_day, a.duration_s desc
    ),

    superseded as (
        delete from private.travel_times as t
        using answers as a
        where
            t.from_cell = a.from_cell and t.to_cell = a.to_cell
            and t.provider <> keep_travel_times.provider and t.time_of_day <> all(asked)
    )

    insert into private.travel_times as t (from_cell, to_cell, time_of_day, duration_s, distance_m, provider, expires_at)
    select a.from_cell, a.to_cell, a.time_of_day, a.duration_s, a.distance_m, keep_travel_times.provider, now() + keeps
    from answers as a
    where a.from_cell <> a.to_cell
    order by a.from_cell, a.to_cell, a.time_of_day
    on conflict (from_cell, to_cell, time_of_day) do update set
        duration_s = excluded.duration_s, distance_m = excluded.distance_m, provider = excluded.provider,
        fetched_at = now(), expires_at = excluded.expires_at;
$$;

comment on function private.keep_travel_times(
    text, text[], interval, text[], double precision[], double precision[], double precision[], double precision[],
    integer[], integer[]
) is
'Keeps a provider''s answers, one an element of the arrays, for a time; those of another provider between the same places give way. Definer: only the worker writes the cache, and only like this.';

create function private.forget_travel_times()
returns void
language sql
volatile
security definer
set search_path = ''
as $$
    delete from private.travel_times where expires_at <= now();
$$;

comment on function private.forget_travel_times() is
'Deletes the answers that expired. Definer: only the worker writes the cache, and only like this.';

grant execute on function private.keep_travel_times(
    text, text[], interval, text[], double precision[], double precision[], double precision[], double precision[],
    integer[], integer[]
) to service_role;
grant execute on function private.forget_travel_times() to service_role;
grant execute on function private.travel_places(uuid, tstzrange, uuid[], boolean) to service_role;
grant execute on function private.missing_travel(
    double precision[], double precision[], text[], timestamptz, integer
) to service_role;
grant execute on function private.travel_coverage(double precision[], double precision[]) to service_role;
